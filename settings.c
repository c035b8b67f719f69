/* settings.c: what the options and paas-config.yaml come to, and the app's whole environment. */
#include "frameworks.h"
#include "webserver.h"

/* --- The framework's own options --- */

struct reading {
	const struct snapshot *snapshot;
	const struct framework *framework;
	struct arena *arena;
	struct settings *out;
	struct problems problems;
};

static const struct node *config_value(const struct snapshot *snapshot, struct str name)
{
	for (size_t i = 0; i < snapshot->n_config; i++) {
		const struct node *value = snapshot->config[i].value;
		if (str_eq(snapshot->config[i].name, name))
			return value && value->kind != NODE_NULL ? value : NULL;
	}
	return NULL;
}

static bool option_applies(const struct framework *framework, const struct framework_option *o)
{
	return o->generations & 1u << (framework->generation - 1);
}

static const char *text_problem(const struct node *value, size_t at_least, struct str *text)
{
	const char *wrong = value_text(value, text);

	return wrong ? wrong : text->n < at_least ? "String should have at least 1 character" : NULL;
}

static const char *int_problem(struct arena *a, const struct node *value, bool port, struct str *digits)
{
	const char *wrong = value_int(a, value, digits);

	if (!wrong && digits_cmp(*digits, 0) <= 0)
		return "Input should be greater than 0";
	/* Juju opens no such port: the status is the better place to learn it. */
	if (!wrong && port && digits_cmp(*digits, 65535) > 0)
		return "Input should be less than or equal to 65535";
	return wrong;
}

static const char *scheme_problem(struct arena *a, const struct node *value, struct str *text)
{
	const char *wrong = value_text(value, text);

	if (wrong)
		return wrong;
	*text = str_upper(a, *text);
	return str_is(*text, "HTTP") || str_is(*text, "HTTPS") ? NULL : "String should match pattern '(?i)^(HTTP|HTTPS)$'";
}

/* "Input should be 'a', 'b' or 'c'" unless it is one of them. */
static const char *choice_problem(struct arena *a, const struct node *value, const char *const *choices, struct str *text)
{
	struct buf wrong = { .arena = a };

	buf_adds(&wrong, "Input should be ");
	for (size_t i = 0; choices[i]; i++) {
		if (!value_text(value, text) && str_is(*text, choices[i]))
			return NULL;
		buf_addf(&wrong, "%s'%s'", i == 0 ? "" : choices[i + 1] ? ", " : " or ", choices[i]);
	}
	return str_c(a, buf_str(&wrong));
}

/* A comma list as JSON, each part without the blanks around it. Parts that are empty are kept: "a," names two hosts. */
static struct str hosts_json(struct arena *a, struct str text)
{
	struct node *list = node_new(a, NODE_LIST);
	struct str part;

	if (text.n == 0)
		text = NOSTR;
	while (str_split(&text, ',', &part))
		node_add(a, list, node_str(a, str_trim(part)));
	return json_text(a, list, JSON_PYTHON);
}

/* Checks a value by its rule: NULL and its text as it is exported, or what is wrong. */
static const char *rule_check(struct arena *a, const struct framework_option *o, const struct node *value, struct str *text)
{
	const char *wrong;
	bool truth;

	switch (o->rule) {
	case RULE_BOOL:
		wrong = value_bool(a, value, &truth);
		*text = !wrong && truth ? S("true") : S("false");
		return wrong;
	case RULE_POSITIVE:
	case RULE_PORT:
		return int_problem(a, value, o->rule == RULE_PORT, text);
	case RULE_SCHEME:
		return scheme_problem(a, value, text);
	case RULE_CHOICE:
		return choice_problem(a, value, o->choices, text);
	case RULE_HOSTS:
		wrong = value_text(value, text);
		if (!wrong)
			*text = hosts_json(a, *text);
		return wrong;
	case RULE_ANY_TEXT:
		return text_problem(value, 0, text);
	case RULE_TEXT:
	case RULE_SECRET:
		break;
	}
	return text_problem(value, 1, text);
}

/* The text of a value that passes; false, and a problem, where it does not. */
static bool option_check(struct reading *r, const struct framework_option *o, const char *name, const struct node *value, struct str *text)
{
	const char *wrong = rule_check(r->arena, o, value, text);

	if (!wrong)
		return true;
	if (o->rule == RULE_HOSTS) {   /* it could have been either */
		problem_add(r->arena, &r->problems, str_f(r->arena, "%s.str", name), "%s", wrong);
		problem_add(r->arena, &r->problems, str_f(r->arena, "%s.list[str]", name), "Input should be a valid list");
	} else {
		problem_add(r->arena, &r->problems, str_of(name), "%s", wrong);
	}
	return false;
}

static struct variable *framework_put(struct reading *r, const struct framework_option *o, struct str text, struct origin origin)
{
	struct str field = str_upper(r->arena, str_of(o->field));

	return env_put(&r->out->framework, str_f(r->arena, "%s" FMT, r->framework->framework_prefix, ARG(field)), text, origin);
}

/* The user's own secret key, as an option or as the `value` of a secret that an option names. -1: a problem that hides all others. */
static int secret_option_read(struct reading *r, const struct framework_option *o)
{
	const char *name = NULL;
	const struct node *plain = NULL, *content = NULL, *value;
	struct str id = NOSTR, text;

	for (size_t i = 0; i < LEN(r->framework->secret_options) && !plain && !content && r->framework->secret_options[i]; i++) {
		name = r->framework->secret_options[i];
		id = str_f(r->arena, "%s-id", name);
		plain = config_value(r->snapshot, str_of(name));
		content = config_value(r->snapshot, id);
	}
	if (!content) {
		if (plain && option_check(r, o, name, plain, &text))
			framework_put(r, o, text, (struct origin){ ORIGIN_OPTION, str_of(name), NOSTR, NOSTR })->secret = true;
		return 0;
	}
	value = node_get(content, "value");
	if (plain && !(node_is(plain, NODE_STRING) && plain->text.n == 0))
		problem_add(r->arena, &r->problems, S(""), "Value error, %s-id and %s are defined in the same time", name, name);
	else if (!value)
		problem_add(r->arena, &r->problems, S(""), "Value error, %s-id missing 'value' key in the secret content", name);
	else if (content->count > 1)
		problem_add(r->arena, &r->problems, S(""), "Value error, %s-id secret contains multiple values", name);
	if (r->problems.n > 0)
		return -1;
	if (option_check(r, o, name, value, &text))
		framework_put(r, o, text, (struct origin){ ORIGIN_OPTION, id, S("value"), NOSTR })->secret = true;
	return 0;
}

/* What an option is where nobody sets it; NOSTR: nothing. */
static struct str option_fallback(struct reading *r, const struct framework_option *o)
{
	if (o->rule == RULE_PORT)
		return str_f(r->arena, "%d", r->framework->port);
	if (o->rule == RULE_HOSTS)
		return S("[]");
	return str_of(o->meaning == MEANS_METRICS_PORT ? r->framework->metrics_port :
	              o->meaning == MEANS_METRICS_PATH ? r->framework->metrics_path : o->fallback);
}

static void option_read(struct reading *r, const struct framework_option *o)
{
	const struct paas_config *paas = &r->snapshot->charm->paas;
	const struct node *value = config_value(r->snapshot, str_of(o->option));
	struct origin origin = { .kind = ORIGIN_OPTION, .subject = str_of(o->option) };
	struct str text;
	int64_t number;

	if (o->rule == RULE_PORT && paas->has_port) {   /* the developer's word beats the operator's */
		text = str_f(r->arena, "%d", paas->port);
		origin = (struct origin){ .kind = ORIGIN_PAAS_CONFIG, .subject = S("port") };
	} else if (!value) {
		text = option_fallback(r, o);
		origin.kind = ORIGIN_DEFAULT;
		if (!text.p)
			return;
	} else if (!option_check(r, o, o->option, value, &text)) {
		return;
	}
	framework_put(r, o, text, origin);
	if (o->rule == RULE_PORT && str_int(text, &number))
		r->out->port = (int)number;
	if (o->meaning == MEANS_METRICS_PORT) {
		r->out->metrics_port = text;
		r->out->metrics_port_origin = origin;
	} else if (o->meaning == MEANS_METRICS_PATH) {
		r->out->metrics_path = text;
		r->out->metrics_path_origin = origin;
	}
}

/* Gunicorn's: taken as they are, whatever the number. */
static void gunicorn_options_read(struct reading *r)
{
	struct settings *out = r->out;
	const struct { const char *name; struct str *out; } numbers[] = {
		{ "webserver-workers", &out->workers }, { "webserver-threads", &out->threads },
		{ "webserver-keepalive", &out->keepalive }, { "webserver-timeout", &out->timeout },
	};
	const struct node *class = config_value(r->snapshot, S("webserver-worker-class"));

	for (size_t i = 0; i < LEN(numbers); i++) {
		const struct node *value = config_value(r->snapshot, str_of(numbers[i].name));
		const char *wrong = value ? value_int(r->arena, value, numbers[i].out) : NULL;
		if (wrong)
			problem_add(r->arena, &r->problems, str_of(numbers[i].name), "%s", wrong);
	}
	if (class && node_text(class).n > 0)
		out->worker_class = node_text(class);
}

static void framework_options_read(struct reading *r)
{
	const struct framework *f = r->framework;

	for (size_t i = 0; i < f->n_options; i++)
		if (option_applies(f, &f->options[i]) && f->options[i].rule == RULE_SECRET && secret_option_read(r, &f->options[i]) < 0)
			return;
	for (size_t i = 0; i < f->n_options; i++)
		if (option_applies(f, &f->options[i]) && f->options[i].rule != RULE_SECRET)
			option_read(r, &f->options[i]);
	if (f->server == SERVER_GUNICORN)
		gunicorn_options_read(r);
}

/* Port and metrics where no option has a say in them. */
static void endpoints_default(struct reading *r)
{
	const struct paas_config *paas = &r->snapshot->charm->paas;
	struct settings *out = r->out;

	out->port = paas->has_port ? paas->port : r->framework->port;
	out->metrics_port = str_of(r->framework->metrics_port);
	out->metrics_path = str_of(r->framework->metrics_path);
	out->metrics_port_origin = (struct origin){ .kind = ORIGIN_DEFAULT, .subject = S("metrics-port") };
	out->metrics_path_origin = (struct origin){ .kind = ORIGIN_DEFAULT, .subject = S("metrics-path") };
	if (paas->has_metrics_port) {
		out->metrics_port = str_f(r->arena, "%d", paas->metrics_port);
		out->metrics_port_origin.kind = ORIGIN_PAAS_CONFIG;
	}
	if (paas->has_metrics_path) {
		out->metrics_path_empty = paas->metrics_path.n == 0;
		out->metrics_path = out->metrics_path_empty ? S("/metrics") : paas->metrics_path;
		out->metrics_path_origin.kind = ORIGIN_PAAS_CONFIG;
	}
}

/* --- The user's own options --- */

/* Names that belong to the framework or the platform; what of them is not known is ignored. */
static bool option_reserved(struct reading *r, struct str name)
{
	return str_starts(name, "webserver-") || str_starts(name, "app-") ||
	       str_starts(name, str_c(r->arena, str_f(r->arena, "%s-", r->framework->name)));
}

/* A variable of the framework's own has this name; the user's option of that name never reaches the app. */
static bool option_collides(struct reading *r, struct str name)
{
	struct str field = str_replace(r->arena, name, '-', '_');

	for (size_t i = 0; i < r->framework->n_options; i++)
		if (option_applies(r->framework, &r->framework->options[i]) && str_is(field, r->framework->options[i].field))
			return true;
	return false;
}

static bool option_is_framework(struct reading *r, struct str name)
{
	for (size_t i = 0; i < r->framework->n_options; i++) {
		const struct framework_option *o = &r->framework->options[i];
		if (option_applies(r->framework, o) && o->option && str_is(name, o->option))
			return true;
	}
	return false;
}

static const char *user_option_problem(struct arena *a, const struct option *option, const struct node *value)
{
	struct str text;
	bool truth;

	switch (option->type) {
	case OPTION_STRING:
		return value_text(value, &text);
	case OPTION_INT:
		return value_int(a, value, &text);
	case OPTION_FLOAT:
		return value_float(a, value);
	case OPTION_BOOL:
		return value_bool(a, value, &truth);
	case OPTION_SECRET:
		return node_is(value, NODE_MAP) ? NULL : "Input should be a valid dictionary";
	case OPTION_UNKNOWN:
		break;
	}
	return NULL;
}

static void user_options_check(struct reading *r)
{
	const struct charm *charm = r->snapshot->charm;

	for (size_t i = 0; i < charm->n_options; i++) {
		const struct option *option = &charm->options[i];
		const struct node *value = option_collides(r, option->name) ? NULL : config_value(r->snapshot, option->name);
		const char *wrong = value ? user_option_problem(r->arena, option, value) : option->required ? "Field required" : NULL;
		if (wrong && !option_reserved(r, option->name) && !option_is_framework(r, option->name))
			problem_add(r->arena, &r->problems, str_replace(r->arena, option->name, '_', '-'), "%s", wrong);
	}
}

/* NAME of an option or of a secret's key, as environment variables are named. */
static struct str variable_name(struct arena *a, struct str name)
{
	return str_upper(a, str_replace(a, name, '-', '_'));
}

static void user_options_read(struct reading *r)
{
	for (size_t i = 0; i < r->snapshot->n_config; i++) {
		const struct config_value *c = &r->snapshot->config[i];
		struct origin origin = { .kind = ORIGIN_OPTION, .subject = c->name };
		struct str name = str_f(r->arena, "%s" FMT, r->framework->config_prefix, ARG(variable_name(r->arena, c->name)));
		if (!c->value || c->value->kind == NODE_NULL || option_reserved(r, c->name) || option_collides(r, c->name))
			continue;
		if (!c->is_secret) {
			env_put(&r->out->user, name, value_variable(r->arena, c->value), origin);
			continue;
		}
		NODE_EACH (field, c->value) {
			origin.key = field->key;
			env_put(&r->out->user, str_f(r->arena, FMT "_" FMT, ARG(name), ARG(variable_name(r->arena, field->key))),
				value_variable(r->arena, field), origin)->secret = true;
		}
	}
}

/* --- All of it --- */

static void settings_block(struct settings *out, struct str status)
{
	if (!out->blocked.p)
		out->blocked = status;
}

/* The first error is the one that is shown; the rest of the settings are as good as they can be all the same. */
static void problems_block(struct reading *r)
{
	if (r->problems.n > 0 && !r->out->blocked.p)
		r->out->blocked = problems_message(r->arena, &r->problems, &r->out->log);
	r->problems = (struct problems){ 0 };
}

void settings_decide(const struct snapshot *snapshot, struct settings *out)
{
	const struct charm *charm = snapshot->charm;
	struct reading r = { .snapshot = snapshot, .framework = charm->framework, .arena = snapshot->arena, .out = out };

	*out = (struct settings){ .user.arena = snapshot->arena, .framework.arena = snapshot->arena };
	if (charm->paas.error.p) {
		settings_block(out, charm->paas.error);
		out->log = charm->paas.error_log;
	}
	out->json_logging = charm->paas.json_logging && r.framework->server != SERVER_OWN;
	if (charm->paas.json_logging && !out->json_logging)
		settings_block(out, str_f(r.arena, "framework_logging_format 'LoggingFormat.JSON' is not supported for the '%s' framework. "
			"Supported frameworks: ['django', 'fastapi', 'flask'].", r.framework->name));
	for (size_t i = 0; i < snapshot->n_config; i++)
		if (snapshot->config[i].is_secret && snapshot->config[i].secret_answer != ANSWER_OK)
			settings_block(out, str_f(r.arena, "cannot read the secret of " FMT, ARG(snapshot->config[i].name)));
	endpoints_default(&r);
	framework_options_read(&r);
	problems_block(&r);
	user_options_check(&r);
	problems_block(&r);
	user_options_read(&r);
}

/* --- The environment --- */

static void env_add(struct env *env, const struct env *more)
{
	for (size_t i = 0; i < more->n; i++) {
		struct variable *v = env_put(env, more->v[i].name, more->v[i].value, more->v[i].origin);
		v->secret = more->v[i].secret;
		v->migrates = more->v[i].migrates;
	}
}

/* PREFIX and NAME. */
static struct variable *env_put_prefixed(struct env *env, const char *prefix, const char *name, struct str value, struct origin origin)
{
	return env_put(env, str_f(env->arena, "%s%s", prefix, name), value, origin);
}

static const struct relation *relation_by_interface(const struct snapshot *snapshot, const char *interface)
{
	for (size_t i = 0; i < snapshot->n_relations; i++)
		if (str_is(snapshot->relations[i].endpoint->interface, interface))
			return &snapshot->relations[i];
	return NULL;
}

static struct origin relation_origin(struct arena *a, const struct relation *relation, const char *key, struct str of)
{
	return (struct origin){ .kind = ORIGIN_RELATION, .subject = str_f(a, FMT ":%d", ARG(relation->endpoint->name), relation->id),
		.key = str_of(key), .of = of };
}

static struct origin base_url_origin(const struct snapshot *snapshot, const struct integrations *integrations)
{
	const struct relation *ingress = integrations->ingress_ready ? relation_by_interface(snapshot, "ingress") : NULL;

	if (ingress)
		return relation_origin(snapshot->arena, ingress, "ingress", ingress->app);
	return (struct origin){ .kind = ORIGIN_RULE, .subject = S("address in the cluster") };
}

/* Both spellings, as programs differ in which they read. */
static void proxies_put(const struct snapshot *snapshot, const struct integrations *integrations, struct env *env)
{
	const struct hook *hook = &snapshot->hook;
	bool proxied = integrations->proxied;
	const struct { const char *name, *variable; struct str value; bool relation; } proxies[] = {
		{ "http_proxy", "JUJU_CHARM_HTTP_PROXY", proxied ? integrations->http_proxy : hook->http_proxy, proxied },
		{ "https_proxy", "JUJU_CHARM_HTTPS_PROXY", proxied ? integrations->https_proxy : hook->https_proxy, proxied },
		{ "no_proxy", "JUJU_CHARM_NO_PROXY", hook->no_proxy, false },
	};

	for (size_t i = 0; i < LEN(proxies); i++) {
		struct str name = str_of(proxies[i].name);
		struct origin origin = { .kind = ORIGIN_MODEL, .subject = str_of(proxies[i].variable) };
		if (proxies[i].relation)
			origin = integrations->proxy_origin;
		if (proxies[i].value.n == 0)
			continue;
		/* A proxy's URL may hold its password. */
		env_put(env, name, proxies[i].value, origin)->secret = str_find(proxies[i].value, '@') >= 0;
		env_put(env, str_upper(env->arena, name), proxies[i].value, origin)->secret = str_find(proxies[i].value, '@') >= 0;
	}
}

/* The other units' names in the cluster. Those of one application sort as text whether by unit or by name. */
static void peers_put(const struct snapshot *snapshot, struct env *env)
{
	const struct endpoint *endpoint = endpoint_find(snapshot->charm, S("secret-storage"));
	const struct relation *relation = endpoint ? relation_nth(snapshot, endpoint, 0) : NULL;
	struct strs names = { 0 };

	for (size_t i = 0; relation && i < relation->units.n; i++) {
		struct str name = unit_fqdn(env->arena, snapshot->hook.app, snapshot->hook.model, relation->units.v[i]);
		size_t at = names.n;
		strs_add(env->arena, &names, name);
		for (; at > 0 && str_cmp(names.v[at - 1], name) > 0; at--)
			names.v[at] = names.v[at - 1];
		names.v[at] = name;
	}
	if (names.n > 0)
		env_put_prefixed(env, snapshot->charm->framework->config_prefix, "PEER_FQDNS", strs_join(env->arena, &names, ","),
			relation_origin(env->arena, relation, NULL, NOSTR));
}

void environment_decide(const struct snapshot *snapshot, const struct settings *settings, const struct integrations *integrations,
                        struct str secret_key, struct env *env)
{
	const struct framework *f = snapshot->charm->framework;

	*env = (struct env){ .arena = snapshot->arena };
	env_add(env, &settings->user);
	env_add(env, &settings->framework);
	if (f->generation >= 2) {
		env_put_prefixed(env, f->framework_prefix, "METRICS_PORT", settings->metrics_port, settings->metrics_port_origin);
		env_put_prefixed(env, f->framework_prefix, "METRICS_PATH", settings->metrics_path, settings->metrics_path_origin);
	}
	env_put_prefixed(env, f->config_prefix, "BASE_URL", integrations->base_url, base_url_origin(snapshot, integrations));
	if (secret_key.p) {
		struct str name = str_f(env->arena, "%sSECRET_KEY", f->config_prefix);
		if (!env_find(env, name))
			env_put(env, name, secret_key, (struct origin){ .kind = ORIGIN_RULE, .subject = S("generated secret key") })->secret = true;
	}
	proxies_put(snapshot, integrations, env);
	if (secret_key.p)
		peers_put(snapshot, env);
	env_add(env, &integrations->env);
	if (f->finish)
		f->finish(snapshot, settings, integrations, env);
	if (settings->json_logging && f->server == SERVER_UVICORN)
		uvicorn_environment(env);
}
