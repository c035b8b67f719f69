/* test_frameworks.c: what each row of the frameworks' table does, and what options come to.
 *
 * What a row does is written down in tests/frameworks/NAME-GENERATION.txt: with nothing set, with everything set, with each option wrong.
 * A row that changes changes its file; UPDATE=1 in the environment writes the files anew, and the difference is there to be read. */
#include "test.h"
#include "../frameworks.h"

#include <stdlib.h>

/* --- A snapshot of a unit with some configuration --- */

struct world {
	struct arena *arena;
	struct charm charm;
	struct snapshot snapshot;
	struct container_state container;
	struct integrations integrations;
	struct settings settings;
	struct env env;
};

static void world_new(struct world *w, struct arena *a, const struct framework *framework)
{
	*w = (struct world){ .arena = a, .charm.framework = framework, .integrations = { .base_url = S("http://shop.m:8000"), .env.arena = a } };
	strs_add(a, &w->charm.containers, str_of(framework->container));
	w->container.plan = test_tree(a, str_f(a, "{services: {%s: {override: replace, command: run -k x, startup: enabled}}}", framework->name));
	w->container.name = w->charm.containers.v[0];
	w->snapshot = (struct snapshot){ .arena = a, .charm = &w->charm, .containers = &w->container, .n_containers = 1,
		.hook = { .app = S("shop"), .unit = S("shop/1"), .unit_number = 1, .model = S("m"), .juju_version = S("3.6.1") } };
}

/* A value, or the content of a secret where it is a map; null with secrets: one that cannot be read. */
static void config_put(struct world *w, struct str name, struct node *value, bool unreadable)
{
	struct snapshot *s = &w->snapshot;
	bool secret = unreadable || node_is(value, NODE_MAP);

	s->config = arena_grow(w->arena, s->config, s->n_config, sizeof *s->config);
	s->config[s->n_config++] = (struct config_value){ .name = name, .option = option_find(&w->charm, name), .value = unreadable ? NULL : value,
		.is_secret = secret, .secret_answer = unreadable ? ANSWER_DENIED : ANSWER_OK };
}

static void config_text(struct world *w, struct str name, const char *text)
{
	config_put(w, name, node_str(w->arena, str_of(text)), false);
}

static void world_decide(struct world *w)
{
	settings_decide(&w->snapshot, &w->settings);
	environment_decide(&w->snapshot, &w->settings, &w->integrations, S("generated"), &w->env);
}

/* --- Showing --- */

static void env_show(struct buf *b, const struct env *env)
{
	static const char *const kinds[] = { "rule", "option", "default", "paas-config", "relation", "model" };

	for (size_t i = 0; i < env->n; i++) {
		const struct variable *v = &env->v[i];
		buf_addf(b, "  " FMT "=" FMT "  (%s " FMT, ARG(v->name), ARG(v->value), kinds[v->origin.kind], ARG(v->origin.subject));
		if (v->origin.key.p)
			buf_addf(b, " key " FMT, ARG(v->origin.key));
		if (v->origin.of.p)
			buf_addf(b, " of " FMT, ARG(v->origin.of));
		buf_addf(b, ")%s\n", v->secret ? " secret" : "");
	}
}

static void settings_show(struct buf *b, struct world *w, const char *title)
{
	const struct settings *s = &w->settings;

	world_decide(w);
	buf_addf(b, "%s:\n", title);
	if (s->blocked.p)
		buf_addf(b, "  blocked: '" FMT "'\n", ARG(s->blocked));
	for (size_t i = 0; i < s->log.n; i++)
		buf_addf(b, "  log: " FMT "\n", ARG(s->log.v[i]));
	buf_addf(b, "  port %d, metrics " FMT " " FMT "%s, class " FMT ", workers " FMT ", threads " FMT ", keepalive " FMT ", timeout " FMT "%s\n",
		s->port, ARG(s->metrics_port), ARG(s->metrics_path), s->metrics_path_empty ? " (empty)" : "", ARG(s->worker_class), ARG(s->workers),
		ARG(s->threads), ARG(s->keepalive), ARG(s->timeout), s->json_logging ? ", JSON" : "");
	env_show(b, &w->env);
}

static void workload_show(struct buf *b, struct world *w)
{
	static const char *const kinds[] = { "run", "layer", "dir", "write", "remove", "signal", "replan", "stop" };
	struct wanted wanted = { .arena = w->arena };
	struct err err = { .arena = w->arena };

	workload_files(w->arena, &w->charm, &w->container.files, &w->container.n_files);
	buf_addf(b, "container " FMT ", scripts in " FMT ", key " FMT "%s\nreads:\n", ARG(w->container.name), ARG(workload_directory(&w->charm)),
		ARG(secret_key_name(w->arena, &w->charm)), w->charm.framework->spring ? ", Spring's properties" :
		w->charm.framework->superuser ? ", create-superuser" : "");
	for (size_t i = 0; i < w->container.n_files; i++)
		buf_addf(b, "  " FMT "\n", ARG(w->container.files[i].path));
	if (framework_database_rule(w->charm.framework))
		buf_addf(b, "database: %s\n", framework_database_rule(w->charm.framework));
	strs_add(w->arena, &w->container.scripts, S("migrate"));
	w->integrations.saml_certificate = S("PEM");
	buf_adds(b, "steps:\n");
	if (workload_decide(&w->snapshot, &w->settings, &w->integrations, &w->env, &wanted, &err) < 0)
		buf_addf(b, "  blocked: %s\n", err.msg);
	for (size_t i = 0; i < wanted.n_steps; i++) {
		const struct step *s = &wanted.steps[i];
		buf_addf(b, "  %s " FMT FMT, kinds[s->kind], ARG(s->path), ARG(strs_join(w->arena, &s->exec.command, " ")));
		if (s->exec.working_dir.p)
			buf_addf(b, " in " FMT, ARG(s->exec.working_dir));
		for (size_t k = 0; k < s->n_files; k++)
			buf_addf(b, "%s" FMT, k ? " " : "", ARG(s->files[k].path));
		if (s->on_success)
			buf_addf(b, ", then " FMT, ARG(s->on_success->path));
		buf_adds(b, "\n");
	}
}

/* --- The rows --- */

/* A good value for an option by its rule. */
static struct node *good_value(struct arena *a, const struct framework_option *o)
{
	size_t n = 0;

	switch (o->rule) {
	case RULE_BOOL:
		return node_bool(a, true);
	case RULE_POSITIVE:
		return node_int(a, 7);
	case RULE_PORT:
		return node_int(a, 7070);
	case RULE_SCHEME:
		return node_str(a, S("http"));
	case RULE_HOSTS:
		return node_str(a, S("a.test, b.test"));
	case RULE_CHOICE:
		while (o->choices[n + 1])
			n++;
		return node_str(a, str_of(o->choices[n]));
	case RULE_ANY_TEXT:
		return node_str(a, S(""));
	case RULE_TEXT:
		return o->meaning == MEANS_METRICS_PATH ? node_str(a, S("/a/b")) : node_str(a, S("some text"));
	case RULE_SECRET:
		break;
	}
	return node_str(a, S("user's secret"));
}

static struct str option_name(const struct framework *f, const struct framework_option *o)
{
	return str_of(o->option ? o->option : f->secret_options[0]);
}

/* All options of the row, of either generation: what the row does not have is not taken. */
static void everything_put(struct world *w)
{
	const struct framework *f = w->charm.framework;

	for (size_t i = 0; i < f->n_options; i++)
		config_put(w, option_name(f, &f->options[i]), good_value(w->arena, &f->options[i]), false);
	config_put(w, S("webserver-threads"), node_int(w->arena, 2), false);
	config_put(w, S("webserver-keepalive"), node_int(w->arena, -3), false);
	config_put(w, S("webserver-timeout"), node_int(w->arena, 0), false);
	config_text(w, S("webserver-worker-class"), "gevent");
	if (!config_find(&w->snapshot, "webserver-workers"))
		config_text(w, S("webserver-workers"), "04");
}

/* Everything that can be wrong with each option. */
static void wrong_show(struct buf *b, struct arena *a, const struct framework *f)
{
	static const char *const values[] = { "''", "-1", "70000", "text", "[x]" };
	struct world w;

	for (size_t i = 0; i < f->n_options; i++)
		for (size_t k = 0; k < LEN(values); k++) {
			world_new(&w, a, f);
			config_put(&w, option_name(f, &f->options[i]), test_tree(a, str_of(values[k])), false);
			world_decide(&w);
			if (w.settings.blocked.p)
				buf_addf(b, FMT " %s: '" FMT "', " FMT "\n", ARG(option_name(f, &f->options[i])), values[k], ARG(w.settings.blocked),
					ARG(strs_join(a, &w.settings.log, "; ")));
		}
}

/* Options of the user's with names that may be the framework's. */
static void user_options_put(struct world *w)
{
	static const char *const names[] = { "colour", "debug", "env", "port", "app-foo", "webserver-foo", "secret-key", "app-secret",
		"server-port", "metrics-port", "metrics-path", "node-env", "allowed-hosts", "uvicorn-host", "flask-foo", "django-foo", "go-foo",
		"fastapi-foo", "expressjs-foo", "spring-boot-foo", "spring-foo" };

	for (size_t i = 0; i < LEN(names); i++)
		config_text(w, str_of(names[i]), "1");
}

static struct str row_show(struct arena *a, const struct framework *f)
{
	struct buf b = { .arena = a };
	struct world w;

	world_new(&w, a, f);
	settings_show(&b, &w, "nothing set");
	workload_show(&b, &w);
	world_new(&w, a, f);
	everything_put(&w);
	settings_show(&b, &w, "everything set");
	world_new(&w, a, f);
	config_put(&w, str_f(a, "%s-id", f->secret_options[0]), test_tree(a, S("{value: secret's}")), false);
	if (f->secret_options[1])
		config_text(&w, str_of(f->secret_options[1]), "the other's");
	settings_show(&b, &w, "secret by id");
	if (f->secret_options[1]) {
		world_new(&w, a, f);
		config_text(&w, str_of(f->secret_options[1]), "the other's");
		settings_show(&b, &w, "secret of the other generation's name");
	}
	world_new(&w, a, f);
	w.charm.paas = (struct paas_config){ .has_port = true, .port = 9000, .has_metrics_port = true, .metrics_port = 9001,
		.has_metrics_path = true, .metrics_path = S(""), .json_logging = true };
	everything_put(&w);
	settings_show(&b, &w, "paas-config beats options");
	world_new(&w, a, f);
	user_options_put(&w);
	settings_show(&b, &w, "user's options");
	buf_adds(&b, "wrong:\n");
	wrong_show(&b, a, f);
	return buf_str(&b);
}

static void test_rows(struct arena *a)
{
	const struct framework *f;
	struct err err = { .arena = a };
	size_t i;

	for (i = 0; (f = framework_nth(i)); i++) {
		const char *path = str_c(a, str_f(a, "tests/frameworks/%s-%d.txt", f->name, f->generation));
		struct str got = row_show(a, f), want = NOSTR, line, other = NOSTR, rest = got;
		bool found;

		if (getenv("UPDATE") && file_write(a, path, got, 0644, &err) < 0)
			printf("%s\n", err.msg);
		if (file_read(a, path, MAX_FILE, &want, &found, &err) < 0 || !found)
			want = S("");
		CHECK(framework_find(str_of(f->name), f->generation) == f, "%s", path);
		/* The first line that differs says more than the whole. */
		while (str_split(&rest, '\n', &line) && str_split(&want, '\n', &other) && str_eq(line, other))
			;
		CHECK(!rest.p && !want.p, "%s: got '" FMT "', want '" FMT "'", path, ARG(line), ARG(other));
	}
	CHECK(i == 12, "%zu rows", i);
	CHECK(!framework_find(S("flask"), 3) && !framework_find(S("rails"), 1), "no such row");
}

/* --- Which one it is --- */

static const struct { const char *file, *metadata, *config, *want; } guesses[] = {
	{ "flask 2\n", "{containers: {django-app: {}}}", "{}", "flask 2" },
	{ "spring-boot 1", "{}", "{}", "spring-boot 1" },
	{ "  go   2  ", "{}", "{}", "go 2" },
	{ "flask", "{containers: {flask-app: {}}}", "{}", "flask 1" },
	{ "flask", "{containers: {app: {}}}", "{}", "flask 2" },
	{ "flask 3", "{containers: {app: {}}}", "{}", "flask 2" },
	{ "flask", "{containers: {app: {}}}", "{options: {metrics-port: {}}}", "flask 2" },
	{ "go", "{}", "{options: {metrics-port: {}}}", "go 1" },
	{ "go", "{}", "{options: {app-port: {}}}", "go 2" },
	{ "rails 1", "{}", "{options: {node-env: {}}}", "expressjs 2" },
	{ "", "{containers: {flask-app: {}}}", "{options: {django-debug: {}}}", "flask 1" },
	{ "", "{containers: {django-app: {}, app: {}}}", "{}", "django 1" },
	{ "", "{containers: {app: {}}}", "{options: {flask-env: {}, node-env: {}}}", "flask 2" },
	{ "", "{containers: {app: {}}}", "{options: {node-env: {}, django-debug: {}}}", "django 2" },
	{ "", "{containers: {app: {}}}", "{options: {webserver-log-level: {}, app-profiles: {}, metrics-port: {}}}", "fastapi 1" },
	{ "", "{containers: {app: {}}}", "{options: {node-env: {}, app-profiles: {}}}", "spring-boot 2" },
	{ "", "{containers: {app: {}}}", "{options: {node-env: {}}}", "expressjs 2" },
	{ "", "{containers: {app: {}}}", "{options: {node-envy: {}, flask: {}}}", "go 2" },
	{ "", "{}", "{}", "go 2" },
};

static void test_guesses(struct arena *a)
{
	for (size_t i = 0; i < LEN(guesses); i++) {
		struct str file = guesses[i].file[0] ? str_of(guesses[i].file) : NOSTR;
		const struct framework *f = framework_of(file, test_tree(a, str_of(guesses[i].metadata)), test_tree(a, str_of(guesses[i].config)));
		CHECK_STR(str_f(a, "%s %d", f->name, f->generation), str_of(guesses[i].want));
	}
	CHECK(framework_of(NOSTR, NULL, NULL)->generation == 2, "nothing to go by");
}

/* --- Options, by message --- */

#define INVALID(names) "        invalid options: " names
#define MISSING(names) "missing options: " names "        "

/* Options are declared as in `options`; config maps names to values, a map being a secret's content, `unreadable` one that is not given. */
static const struct { const char *name, *framework, *options, *config, *blocked, *log; } messages[] = {
	{ "nothing", "flask", "{}", "{}", NULL, NULL },
	{ "text of one character", "flask", "{}", "{flask-env: x}", NULL, NULL },
	{ "no text", "flask", "{}", "{flask-env: ''}", INVALID("flask-env"), "- flask-env: String should have at least 1 character" },
	{ "a number for a text", "flask", "{}", "{flask-env: 5}", INVALID("flask-env"), "- flask-env: Input should be a valid string" },
	{ "null is not set", "flask", "{}", "{flask-env: ~}", NULL, NULL },
	{ "two of them", "flask", "{}", "{flask-env: '', flask-debug: perhaps}", INVALID("flask-env, flask-debug"),
	  "- flask-debug: Input should be a valid boolean, unable to interpret input" },
	{ "zero", "flask", "{}", "{flask-permanent-session-lifetime: 0}", INVALID("flask-permanent-session-lifetime"),
	  "- flask-permanent-session-lifetime: Input should be greater than 0" },
	{ "very large", "flask", "{}", "{flask-permanent-session-lifetime: 99999999999999999999999}", NULL, NULL },
	{ "very small", "flask", "{}", "{flask-permanent-session-lifetime: -99999999999999999999999}", INVALID("flask-permanent-session-lifetime"), NULL },
	{ "a scheme", "flask", "{}", "{flask-preferred-url-scheme: hTTps}", NULL, NULL },
	{ "no scheme", "flask", "{}", "{flask-preferred-url-scheme: \"https\\n\"}", INVALID("flask-preferred-url-scheme"),
	  "- flask-preferred-url-scheme: String should match pattern '(?i)^(HTTP|HTTPS)$'" },
	{ "a scheme that is a number", "flask", "{}", "{flask-preferred-url-scheme: 80}", INVALID("flask-preferred-url-scheme"),
	  "- flask-preferred-url-scheme: Input should be a valid string" },
	{ "hosts that are a number", "django", "{}", "{django-allowed-hosts: 5}", INVALID("django-allowed-hosts.str, django-allowed-hosts.list[str]"),
	  "- django-allowed-hosts.list[str]: Input should be a valid list" },
	{ "a choice in another case", "fastapi", "{}", "{webserver-log-level: INFO}", INVALID("webserver-log-level"),
	  "- webserver-log-level: Input should be 'critical', 'error', 'warning', 'info', 'debug' or 'trace'" },
	{ "a choice that is a number", "fastapi", "{}", "{webserver-log-level: 5}", INVALID("webserver-log-level"), NULL },
	{ "a host may be empty", "fastapi", "{}", "{webserver-host: ''}", NULL, NULL },
	{ "a port", "fastapi", "{}", "{webserver-port: 65535}", NULL, NULL },
	{ "a port that none is", "fastapi", "{}", "{webserver-port: 65536}", INVALID("webserver-port"),
	  "- webserver-port: Input should be less than or equal to 65535" },
	{ "a metrics port has no limit", "go 1", "{}", "{metrics-port: 70000}", NULL, NULL },
	{ "gunicorn's number in words", "flask", "{}", "{webserver-workers: many}", INVALID("webserver-workers"),
	  "- webserver-workers: Input should be a valid integer, unable to parse string as an integer" },
	{ "... is nothing to FastAPI's threads", "fastapi", "{}", "{webserver-threads: many}", NULL, NULL },
	{ "a secret key by secret", "flask", "{}", "{app-secret-key-id: {value: x}}", NULL, NULL },
	{ "a secret key twice", "flask", "{}", "{app-secret-key-id: {value: x}, app-secret-key: y}", INVALID(""),
	  "- : Value error, app-secret-key-id and app-secret-key are defined in the same time" },
	{ "a secret key and an empty one", "flask", "{}", "{app-secret-key-id: {value: x}, app-secret-key: ''}", NULL, NULL },
	{ "a secret without the key", "flask", "{}", "{app-secret-key-id: {other: x}}", INVALID(""),
	  "- : Value error, app-secret-key-id missing 'value' key in the secret content" },
	{ "a secret without anything", "flask", "{}", "{app-secret-key-id: {}}", INVALID(""), NULL },
	{ "a secret that is none", "flask", "{}", "{app-secret-key-id: text}", INVALID(""), NULL },
	{ "a secret with more", "flask", "{}", "{app-secret-key-id: {value: x, more: y}}", INVALID(""),
	  "- : Value error, app-secret-key-id secret contains multiple values" },
	{ "a secret with an empty value", "flask", "{}", "{app-secret-key-id: {value: ''}}", INVALID("app-secret-key"), NULL },
	{ "which hides all else", "flask", "{}", "{app-secret-key-id: {}, flask-env: ''}", INVALID(""), NULL },
	{ "the other family", "flask", "{}", "{flask-secret-key: ''}", INVALID("flask-secret-key"), NULL },
	{ "the other family by secret", "flask", "{}", "{flask-secret-key-id: {}}", INVALID(""),
	  "- : Value error, flask-secret-key-id missing 'value' key in the secret content" },
	{ "the own family first", "flask", "{}", "{flask-secret-key: '', app-secret-key: x}", NULL, NULL },
	{ "an unreadable secret", "flask", "{}", "{anything: unreadable, flask-env: ''}", "cannot read the secret of anything", NULL },
	{ "a mandatory option", "flask", "{a-b: {type: string, optional: false}}", "{}", MISSING("a-b"), "- a-b: Field required" },
	{ "a mandatory option with underscores", "flask", "{a_b: {type: string, optional: false}}", "{}", MISSING("a-b"), NULL },
	{ "an option that may be missing", "flask", "{a: {type: string, optional: true}, b: {type: int}}", "{}", NULL, NULL },
	{ "a mandatory option that is empty", "flask", "{a: {type: string, optional: false}}", "{a: ''}", NULL, NULL },
	{ "a mandatory option that never gets through", "flask", "{debug: {type: string, optional: false}}", "{debug: x}", MISSING("debug"), NULL },
	{ "a mandatory option of the framework", "expressjs", "{node-env: {type: string, optional: false}}", "{}", NULL, NULL },
	{ "... another", "expressjs", "{port: {type: int, optional: false}}", "{}", NULL, NULL },
	{ "a mandatory option with a reserved name", "flask", "{app-x: {type: string, optional: false}, flask-x: {type: string, optional: false},"
	  " webserver-x: {type: string, optional: false}}", "{}", NULL, NULL },
	{ "types", "flask", "{s: {type: string}, i: {type: int}, f: {type: float}, b: {type: boolean}, c: {type: secret}}",
	  "{s: 1, i: x, f: x, b: x, c: x}", INVALID("s, i, f, b, c"), "- c: Input should be a valid dictionary" },
	{ "good types", "flask", "{s: {type: string}, i: {type: int}, f: {type: float}, b: {type: boolean}, c: {type: secret}}",
	  "{s: x, i: 1, f: 1.5, b: false, c: {k: v}}", NULL, NULL },
	{ "missing and invalid", "flask", "{s: {type: string}, m: {type: string, optional: false}}", "{s: 1}",
	  "missing options: m        , invalid options: s", NULL },
	{ "the framework's come first", "flask", "{m: {type: string, optional: false}}", "{flask-env: ''}", INVALID("flask-env"), NULL },
};

static const struct framework *named(struct str name)
{
	return framework_of(name, NULL, NULL);
}

static void options_declare(struct world *w, struct node *options)
{
	static const struct { const char *name; enum option_type type; } types[] = {
		{ "string", OPTION_STRING }, { "int", OPTION_INT }, { "float", OPTION_FLOAT }, { "boolean", OPTION_BOOL }, { "secret", OPTION_SECRET },
	};

	NODE_EACH (item, options) {
		struct option o = { .name = item->key, .type = OPTION_UNKNOWN };
		for (size_t i = 0; i < LEN(types); i++)
			if (str_is(node_gets(item, "type"), types[i].name))
				o.type = types[i].type;
		o.required = str_is(node_gets(item, "optional"), "false");
		w->charm.options = arena_grow(w->arena, w->charm.options, w->charm.n_options, sizeof o);
		w->charm.options[w->charm.n_options++] = o;
	}
}

static void test_messages(struct arena *a)
{
	struct world w;

	for (size_t i = 0; i < LEN(messages); i++) {
		world_new(&w, a, named(str_of(messages[i].framework)));
		options_declare(&w, test_tree(a, str_of(messages[i].options)));
		NODE_EACH (item, test_tree(a, str_of(messages[i].config)))
			config_put(&w, item->key, item, str_is(item->text, "unreadable"));
		settings_decide(&w.snapshot, &w.settings);
		CHECK(w.settings.blocked.p ? messages[i].blocked && str_is(w.settings.blocked, messages[i].blocked) : !messages[i].blocked,
			"%s: '" FMT "'", messages[i].name, ARG(w.settings.blocked));
		CHECK(!messages[i].log || strs_has(&w.settings.log, str_of(messages[i].log)), "%s: '" FMT "'", messages[i].name,
			ARG(strs_join(a, &w.settings.log, "|")));
		CHECK(w.settings.blocked.p || w.settings.log.n == 0, "%s: a log without a status", messages[i].name);
	}
	/* An empty worker class is none. */
	world_new(&w, a, named(S("flask")));
	config_text(&w, S("webserver-worker-class"), "");
	settings_decide(&w.snapshot, &w.settings);
	CHECK(!w.settings.worker_class.p, "worker class");
	/* A file of the charm's comes before all of them. */
	world_new(&w, a, named(S("go 2")));
	w.charm.paas.json_logging = true;
	config_text(&w, S("port"), "0");
	settings_decide(&w.snapshot, &w.settings);
	CHECK_STR(w.settings.blocked, S("framework_logging_format 'LoggingFormat.JSON' is not supported for the 'go' framework. Supported frameworks: "
		"['django', 'fastapi', 'flask']."));
	CHECK(!w.settings.json_logging && w.settings.port == 8080, "what is left");
	w.charm.paas = (struct paas_config){ .error = S("Invalid paas-config.yaml: x") };
	strs_add(a, &w.charm.paas.error_log, S("- x"));
	settings_decide(&w.snapshot, &w.settings);
	CHECK_STR(w.settings.blocked, S("Invalid paas-config.yaml: x"));
	CHECK_STR(strs_join(a, &w.settings.log, "|"), S("- x"));
}

/* --- The environment --- */

/* config and what is set around it; want: some variables, NAME=VALUE, or NAME alone where there is none. */
static const struct { const char *framework, *config, *around, *want; } environments[] = {
	{ "flask", "{a-b: x, a_b: y}", "", "FLASK_A_B=y" },
	{ "flask", "{big: 9007199254740993, float: 1.50, whole: 1, truth: false}", "",
	  "FLASK_BIG=9007199254740993 FLASK_FLOAT=1.5 FLASK_WHOLE=1 FLASK_TRUTH=false" },
	{ "flask", "{flask-debug: 'No', flask-session-cookie-secure: 1}", "", "FLASK_DEBUG=false FLASK_SESSION_COOKIE_SECURE=true" },
	{ "flask", "{mail: {user-name: u, pw: p}}", "", "FLASK_MAIL_USER_NAME=u FLASK_MAIL_PW=p FLASK_MAIL" },
	{ "flask", "{base-url: x, secret-key: y, metrics-port: 1}", "",
	  "FLASK_BASE_URL=http://shop.m:8000 FLASK_SECRET_KEY=generated FLASK_METRICS_PORT=9102" },
	{ "flask", "{}", "no-key", "FLASK_SECRET_KEY FLASK_BASE_URL=http://shop.m:8000" },
	{ "flask", "{flask-secret-key: mine}", "no-key", "FLASK_SECRET_KEY=mine" },
	{ "go", "{app-secret-key: mine}", "", "APP_SECRET_KEY=mine" },
	{ "spring-boot", "{app-secret-key: mine}", "", "APP_SECRET_KEY=generated SECRET_KEY=mine" },
	{ "flask", "{}", "model", "http_proxy=http://p HTTP_PROXY=http://p HTTPS_PROXY NO_PROXY=n,o no_proxy=n,o" },
	{ "flask", "{}", "model proxied", "HTTP_PROXY HTTPS_PROXY=https://q https_proxy=https://q NO_PROXY=n,o" },
	{ "flask", "{}", "peers", "FLASK_PEER_FQDNS=shop-10.shop-endpoints.m.svc.cluster.local,shop-2.shop-endpoints.m.svc.cluster.local" },
	{ "go", "{}", "peers", "APP_PEER_FQDNS=shop-10.shop-endpoints.m.svc.cluster.local,shop-2.shop-endpoints.m.svc.cluster.local" },
	{ "flask", "{}", "peers no-key", "FLASK_PEER_FQDNS" },
	{ "flask", "{base-url: x}", "database", "FLASK_BASE_URL=http://override DB=1" },
	{ "django", "{}", "", "DJANGO_ALLOWED_HOSTS=[\"shop.m\"]" },
	{ "django", "{django-allowed-hosts: 'a,'}", "", "DJANGO_ALLOWED_HOSTS=[\"a\",_\"\",_\"shop.m\"]" },
	{ "django", "{django-allowed-hosts: ''}", "", "DJANGO_ALLOWED_HOSTS=[\"shop.m\"]" },
	{ "django", "{django-allowed-hosts: ' shop.m ,ä'}", "", "DJANGO_ALLOWED_HOSTS=[\"shop.m\",_\"\\u00e4\"]" },
	{ "django", "{}", "ingress", "DJANGO_ALLOWED_HOSTS=[\"shop.test\"] DJANGO_BASE_URL=https://u:p@Shop.Test:8443/m-shop" },
	{ "spring-boot", "{}", "", "management.endpoints.web.base-path=/actuator management.endpoints.web.path-mapping.prometheus=prometheus "
	  "OTEL_TRACES_EXPORTER=none OTEL_METRICS_EXPORTER=none OTEL_LOGS_EXPORTER=none METRICS_PORT METRICS_PATH spring.profiles.active" },
	{ "spring-boot", "{app-profiles: 'a,b'}", "tracing", "OTEL_LOGS_EXPORTER spring.profiles.active=a,b APP_PROFILES=a,b" },
	{ "spring-boot", "{}", "path=/m", "management.endpoints.web.base-path=/ management.endpoints.web.path-mapping.prometheus=m" },
	{ "spring-boot", "{}", "path=a//b/c/", "management.endpoints.web.base-path=/a/b management.endpoints.web.path-mapping.prometheus=c" },
	{ "spring-boot", "{}", "path=/", "management.endpoints.web.exposure.include=prometheus management.endpoints.web.base-path "
	  "management.server.port=8080" },
	{ "spring-boot", "{}", "path=", "management.endpoints.web.exposure.include=prometheus management.endpoints.web.base-path" },
	{ "go", "{}", "path=", "METRICS_PATH=/metrics" },
	{ "spring-boot 1", "{metrics-path: /x/y}", "", "management.endpoints.web.base-path=/x METRICS_PATH=/x/y management.server.port "
	  "MANAGEMENT_SERVER_PORT=8080" },
	{ "fastapi", "{}", "json", "PYTHONPATH=/tmp/fastapi/log_config UVICORN_LOG_CONFIG=/tmp/fastapi/log_config/uvicorn-log-config.json" },
	{ "fastapi", "{}", "json pythonpath", "PYTHONPATH=/tmp/fastapi/log_config:/lib" },
	{ "fastapi", "{}", "", "PYTHONPATH UVICORN_LOG_CONFIG" },
};

static void around(struct world *w, struct str what)
{
	static const struct endpoint peers = { .role = ROLE_PEERS, .limit = -1 }, ingress = { .role = ROLE_REQUIRES };
	struct arena *a = w->arena;
	struct relation *r;

	if (str_is(what, "model")) {
		w->snapshot.hook.http_proxy = S("http://p");
		w->snapshot.hook.no_proxy = S("n,o");
	} else if (str_is(what, "proxied")) {
		w->integrations.proxied = true;
		w->integrations.https_proxy = S("https://q");
		w->integrations.proxy_origin = (struct origin){ ORIGIN_RELATION, S("http-proxy:1"), NOSTR, NOSTR };
	} else if (str_is(what, "database")) {
		env_put(&w->integrations.env, S("DB"), S("1"), (struct origin){ .kind = ORIGIN_RELATION })->migrates = true;
		env_put(&w->integrations.env, S("FLASK_BASE_URL"), S("http://override"), (struct origin){ .kind = ORIGIN_RELATION })->secret = true;
	} else if (str_is(what, "tracing")) {
		w->integrations.tracing_ready = true;
		env_put(&w->integrations.env, S("OTEL_EXPORTER_OTLP_ENDPOINT"), S("http://tempo:4318"), (struct origin){ .kind = ORIGIN_RELATION });
	} else if (str_is(what, "json")) {
		w->charm.paas.json_logging = true;
	} else if (str_is(what, "pythonpath")) {
		env_put(&w->integrations.env, S("PYTHONPATH"), S("/lib"), (struct origin){ .kind = ORIGIN_RULE });
	} else if (str_starts(what, "path=")) {
		w->charm.paas.has_metrics_path = true;
		w->charm.paas.metrics_path = str_sub(what, 5, what.n);
	} else if (str_is(what, "peers") || str_is(what, "ingress")) {
		struct endpoint *e = arena_alloc(a, sizeof *e);
		*e = str_is(what, "peers") ? peers : ingress;
		e->name = str_is(what, "peers") ? S("secret-storage") : S("ingress");
		e->interface = e->name;
		w->charm.endpoints = e;
		w->charm.n_endpoints = 1;
		w->snapshot.relations = r = arena_alloc(a, sizeof *r);
		w->snapshot.n_relations = 1;
		*r = (struct relation){ .endpoint = e, .id = 4, .app = S("traefik") };
		if (str_is(what, "ingress")) {
			w->integrations.ingress_ready = true;
			w->integrations.base_url = S("https://u:p@Shop.Test:8443/m-shop");
		} else {
			strs_add(a, &r->units, S("shop/2"));
			strs_add(a, &r->units, S("shop/10"));
		}
	}
}

static void test_environments(struct arena *a)
{
	struct world w;

	for (size_t i = 0; i < LEN(environments); i++) {
		struct str rest = str_of(environments[i].around), word;
		bool no_key = false;

		world_new(&w, a, named(str_of(environments[i].framework)));
		NODE_EACH (item, test_tree(a, str_of(environments[i].config)))
			config_put(&w, item->key, item, false);
		while (str_split(&rest, ' ', &word)) {
			no_key = no_key || str_is(word, "no-key");
			around(&w, word);
		}
		settings_decide(&w.snapshot, &w.settings);
		CHECK(!w.settings.blocked.p, "%s: " FMT, environments[i].config, ARG(w.settings.blocked));
		environment_decide(&w.snapshot, &w.settings, &w.integrations, no_key ? NOSTR : S("generated"), &w.env);
		for (rest = str_of(environments[i].want); str_split(&rest, ' ', &word); ) {
			ptrdiff_t at = str_find(word, '=');
			struct str name = at < 0 ? word : str_sub(word, 0, (size_t)at);
			struct str want = at < 0 ? NOSTR : str_replace(a, str_sub(word, (size_t)at + 1, word.n), '_', name.p[0] == 'D' ? ' ' : '_');
			const struct variable *v = env_find(&w.env, name);
			CHECK((v != NULL) == (want.p != NULL) && (!v || str_eq(v->value, want)), "%s %s: " FMT "=" FMT, environments[i].framework,
				environments[i].around, ARG(name), ARG(v ? v->value : S("(none)")));
		}
	}
}

/* What people are told of a variable, and what of it nobody sees. */
static void test_origins(struct arena *a)
{
	struct world w;
	struct buf b = { .arena = a };

	world_new(&w, a, named(S("flask")));
	config_put(&w, S("mail"), test_tree(a, S("{pw: p}")), false);
	config_put(&w, S("app-secret-key-id"), test_tree(a, S("{value: v}")), false);
	config_text(&w, S("colour"), "red");
	around(&w, S("model"));
	w.snapshot.hook.https_proxy = S("http://u:pw@h");
	around(&w, S("database"));
	env_del(&w.integrations.env, S("FLASK_BASE_URL"));
	around(&w, S("ingress"));
	w.charm.paas.has_metrics_port = true;
	w.charm.paas.metrics_port = 7;
	world_decide(&w);
	env_show(&b, &w.env);
	CHECK_STR(buf_str(&b), S(
		"  FLASK_MAIL_PW=p  (option mail key pw) secret\n"
		"  FLASK_COLOUR=red  (option colour)\n"
		"  FLASK_SECRET_KEY=v  (option app-secret-key-id key value) secret\n"
		"  FLASK_METRICS_PORT=7  (paas-config metrics-port)\n"
		"  FLASK_METRICS_PATH=/metrics  (default metrics-path)\n"
		"  FLASK_BASE_URL=https://u:p@Shop.Test:8443/m-shop  (relation ingress:4 key ingress of traefik)\n"
		"  http_proxy=http://p  (model JUJU_CHARM_HTTP_PROXY)\n"
		"  HTTP_PROXY=http://p  (model JUJU_CHARM_HTTP_PROXY)\n"
		"  https_proxy=http://u:pw@h  (model JUJU_CHARM_HTTPS_PROXY) secret\n"
		"  HTTPS_PROXY=http://u:pw@h  (model JUJU_CHARM_HTTPS_PROXY) secret\n"
		"  no_proxy=n,o  (model JUJU_CHARM_NO_PROXY)\n"
		"  NO_PROXY=n,o  (model JUJU_CHARM_NO_PROXY)\n"
		"  DB=1  (relation )\n"));
	CHECK(env_find(&w.env, S("DB"))->migrates && !env_find(&w.env, S("NO_PROXY"))->migrates, "migrates");
}

/* --- Names in the cluster --- */

static void test_names(struct arena *a)
{
	static const struct { const char *identifier, *want; } names[] = {
		{ "shop/0", "shop-0" }, { "0", "shop-0" }, { "shop-1", "shop-1" }, { "other", "shop-other" }, { "sho", "shop-sho" },
		{ "a/b/c", "a-b-c" },
	};

	for (size_t i = 0; i < LEN(names); i++)
		CHECK_STR(unit_fqdn(a, S("shop"), S("m"), str_of(names[i].identifier)),
			str_f(a, "%s.shop-endpoints.m.svc.cluster.local", names[i].want));
}

int main(void)
{
	struct arena *a = arena_new();

	test_rows(a);
	test_guesses(a);
	test_messages(a);
	test_environments(a);
	test_origins(a);
	test_names(a);
	arena_free(a);
	return TEST_END();
}
