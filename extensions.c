/* extensions.c: charmcraft's six extensions as tables, and the expansion: bases choose the generation, checks refuse what the extension
 * keeps for itself, and a snippet is merged into the user's document.
 *
 * What the frameworks' table knows (containers, actions, who can log as JSON) is asked of it; here is what only packaging knows. */
#include "extensions.h"

#include "frameworks.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- The tables --- */

struct packed_option { const char *name, *type, *fallback, *description; };   /* fallback NULL: no default */

static const struct packed_option gunicorn_options[] = {
	{ "webserver-keepalive", "int", NULL, "How many seconds an idle keep-alive connection stays open." },
	{ "webserver-threads", "int", NULL, "How many threads each worker has." },
	{ "webserver-timeout", "int", NULL, "After how many seconds a worker that says nothing is killed and replaced." },
	{ "webserver-workers", "int", NULL, "How many worker processes answer requests." },
	{ "webserver-worker-class", "string", NULL, "The kind of workers: gevent or sync." },
};
static const struct packed_option flask_options[] = {
	{ "flask-application-root", "string", NULL, "The path that the app is mounted at; FLASK_APPLICATION_ROOT in its environment." },
	{ "flask-debug", "boolean", NULL, "Run the app in debug mode; FLASK_DEBUG in its environment." },
	{ "flask-env", "string", NULL, "The name of the environment; unset means production. FLASK_ENV in the app's environment." },
	{ "flask-permanent-session-lifetime", "int", NULL,
	  "How many seconds a permanent session's cookie lives; FLASK_PERMANENT_SESSION_LIFETIME in the app's environment." },
	{ "flask-preferred-url-scheme", "string", "HTTPS",
	  "The scheme of URLs made outside of a request; FLASK_PREFERRED_URL_SCHEME in the app's environment." },
	{ "flask-secret-key", "string", NULL,
	  "The key that signs cookies, instead of one made by the charm; FLASK_SECRET_KEY in the app's environment." },
	{ "flask-secret-key-id", "secret", NULL,
	  "The same from a Juju secret: the id of a user secret, granted to this app, whose only key is value." },
	{ "flask-session-cookie-secure", "boolean", NULL,
	  "Give session cookies the Secure attribute; FLASK_SESSION_COOKIE_SECURE in the app's environment." },
};
static const struct packed_option django_options[] = {
	{ "django-debug", "boolean", "false", "Run the app in debug mode; DJANGO_DEBUG in its environment." },
	{ "django-secret-key", "string", NULL,
	  "The key that signs, instead of one made by the charm; DJANGO_SECRET_KEY in the app's environment." },
	{ "django-secret-key-id", "secret", NULL,
	  "The same from a Juju secret: the id of a user secret, granted to this app, whose only key is value." },
	{ "django-allowed-hosts", "string", NULL,
	  "The host names that the app answers to, separated by commas; a JSON list DJANGO_ALLOWED_HOSTS in its environment." },
};
static const struct packed_option uvicorn_options[] = {
	{ "webserver-workers", "int", "1", "How many worker processes uvicorn has; WEB_CONCURRENCY in its environment." },
	{ "webserver-port", "int", "8080", "The port that uvicorn listens on; UVICORN_PORT in its environment." },
	{ "webserver-log-level", "string", "info",
	  "What uvicorn logs: critical, error, warning, info, debug or trace; UVICORN_LOG_LEVEL in its environment." },
};
static const struct packed_option port_options[] = {
	{ "app-port", "int", "8080", "The port that the app listens on." },
};
static const struct packed_option profile_options[] = {
	{ "app-profiles", "string", NULL, "The active Spring profiles, separated by commas." },
};
static const struct packed_option metrics_options[] = {
	{ "metrics-port", "int", "8080", "The port that Prometheus scrapes." },
	{ "metrics-path", "string", "/metrics", "The path that Prometheus scrapes." },
};
static const struct packed_option spring_metrics_options[] = {
	{ "metrics-port", "int", "8080", "The port that Prometheus scrapes." },
	{ "metrics-path", "string", "/actuator/prometheus", "The path that Prometheus scrapes." },
};
static const struct packed_option secret_options[] = {
	{ "app-secret-key", "string", NULL,
	  "A random secret that all units share, for sessions and the like, instead of one made by the charm." },
	{ "app-secret-key-id", "secret", NULL,
	  "The same from a Juju secret: the id of a user secret, granted to this app, whose only key is value." },
};

/* The keys of an option in the order in which charmcraft has, and prints, them. */
static const char static_order[] = "type default description";
static const char dynamic_order[] = "type description default";

struct group { const struct packed_option *options; size_t n; };
#define GROUP(table) { (table), LEN(table) }

struct extension {
	const char  *framework;
	const char  *first_bases[3];   /* of the first generation, oldest first; NULL ends them */
	const char  *redirect_path;    /* default of an oauth endpoint's redirect path; the endpoint's name follows a slash at its end */
	const char  *redirect_order;   /* that option's keys */
	bool         name_attribute;   /* oauth endpoints have a user-name-attribute, too */
	struct group groups[4];
};

static const struct extension extensions[] = {
	{ "flask", { "ubuntu@22.04", "ubuntu@24.04" }, "/callback", dynamic_order, false, { GROUP(gunicorn_options), GROUP(flask_options) } },
	{ "django", { "ubuntu@22.04", "ubuntu@24.04" }, "/callback", dynamic_order, false, { GROUP(gunicorn_options), GROUP(django_options) } },
	{ "go", { "ubuntu@24.04" }, "/callback", dynamic_order, false,
	  { GROUP(port_options), GROUP(metrics_options), GROUP(secret_options) } },
	{ "fastapi", { "ubuntu@24.04" }, "/callback", dynamic_order, false,
	  { GROUP(uvicorn_options), GROUP(metrics_options), GROUP(secret_options) } },
	{ "expressjs", { "ubuntu@24.04" }, "/callback", dynamic_order, false,
	  { GROUP(port_options), GROUP(metrics_options), GROUP(secret_options) } },
	{ "spring-boot", { "ubuntu@24.04" }, "/login/oauth2/code/", "default description type", true,
	  { GROUP(port_options), GROUP(profile_options), GROUP(spring_metrics_options), GROUP(secret_options) } },
};
static const char second_base[] = "ubuntu@26.04";

/* The Python libraries of the charm that charmcraft would build; in our charm nothing reads them. */
static const struct { const char *lib, *version; } charm_libs[] = {
	{ "traefik_k8s.ingress", "2" },
	{ "observability_libs.juju_topology", "0" },
	{ "grafana_k8s.grafana_dashboard", "0" },
	{ "loki_k8s.loki_push_api", "1" },
	{ "data_platform_libs.data_interfaces", "0" },
	{ "prometheus_k8s.prometheus_scrape", "0" },
	{ "redis_k8s.redis", "0" },
	{ "data_platform_libs.s3", "0" },
	{ "saml_integrator.saml", "0" },
	{ "tempo_coordinator_k8s.tracing", "0" },
	{ "smtp_integrator.smtp", "0" },
	{ "openfga_k8s.openfga", "1" },
	{ "hydra.oauth", "0" },
	{ "squid_forward_proxy.http_proxy", "0" },
};

static const struct { const char *name, *interface; bool single; } required[] = {
	{ "logging", "loki_push_api", false },
	{ "ingress", "ingress", true },
};
static const struct { const char *name, *interface; } provided[] = {
	{ "metrics-endpoint", "prometheus_scrape" },
	{ "grafana-dashboard", "grafana_dashboard" },
};

const char *extension_nth(size_t n)
{
	return n < LEN(extensions) ? extensions[n].framework : NULL;
}

static const struct extension *extension_of(struct str framework)
{
	for (size_t i = 0; i < LEN(extensions); i++)
		if (str_is(framework, extensions[i].framework))
			return &extensions[i];
	return NULL;
}

static bool supports(const struct extension *e, int generation, struct str base)
{
	if (generation == 2)
		return str_is(base, second_base);
	for (const char *const *b = e->first_bases; *b; b++)
		if (str_is(base, *b))
			return true;
	return false;
}

const char *extension_base(struct str framework, int generation)
{
	const struct extension *e = extension_of(framework);
	const char *newest = NULL;

	if (!e || generation == 2)
		return e ? second_base : NULL;
	for (const char *const *b = e->first_bases; *b; b++)
		newest = *b;
	return newest;
}

/* --- What a document's bases are --- */

/* The base before the colon of "ubuntu@24.04:amd64"; NOSTR: there is none. */
static struct str label_base(struct str label)
{
	ptrdiff_t colon = str_find(label, ':');
	struct str base = str_sub(label, 0, colon < 0 ? 0 : (size_t)colon);

	return str_find(base, '@') >= 0 ? base : NOSTR;
}

static void base_add(struct arena *a, struct strs *bases, struct str base)
{
	size_t i = bases->n;

	/* A base without a channel is shown with an empty one. */
	if (str_find(base, '@') < 0)
		base = str_f(a, FMT "@", ARG(base));
	if (strs_has(bases, base))
		return;
	strs_add(a, bases, base);
	for (; i > 0 && str_cmp(bases->v[i - 1], base) > 0; i--)
		bases->v[i] = bases->v[i - 1];
	bases->v[i] = base;
}

static void legacy_base_add(struct arena *a, struct strs *bases, const struct node *base)
{
	if (node_get(base, "name") && node_get(base, "channel"))
		base_add(a, bases, str_f(a, FMT "@" FMT, ARG(node_gets(base, "name")), ARG(node_gets(base, "channel"))));
}

/* All bases that the project is for, sorted; build-base does not count. */
static struct strs project_bases(struct arena *a, const struct node *document)
{
	struct strs bases = { 0 };
	struct str base = node_gets(document, "base");

	if (base.n)
		base_add(a, &bases, label_base(base).p ? label_base(base) : base);
	NODE_EACH (platform, node_get(document, "platforms")) {
		const struct node *build_for = node_get(platform, "build-for");

		if (label_base(platform->key).p) {
			base_add(a, &bases, label_base(platform->key));
			continue;
		}
		if (node_is(build_for, NODE_STRING) && label_base(build_for->text).p)
			base_add(a, &bases, label_base(build_for->text));
		if (!node_is(build_for, NODE_LIST))
			continue;
		NODE_EACH (item, build_for)
			if (label_base(node_text(item)).p)
				base_add(a, &bases, label_base(node_text(item)));
	}
	NODE_EACH (entry, node_get(document, "bases")) {
		if (!node_get(entry, "build-on"))
			legacy_base_add(a, &bases, entry);
		NODE_EACH (build_on, node_get(entry, "build-on"))
			legacy_base_add(a, &bases, build_on);
	}
	return bases;
}

/* --- The snippet --- */

static void option_put(struct arena *a, struct node *options, struct str name, const char *order, const char *type,
                       struct str fallback, const char *description)
{
	struct node *option = node_new(a, NODE_MAP);
	struct str rest = str_of(order), key;

	while (str_split(&rest, ' ', &key)) {
		struct node *value = NULL;

		if (str_is(key, "type"))
			value = node_str(a, str_of(type));
		else if (str_is(key, "description"))
			value = node_str(a, str_of(description));
		else if (fallback.p)
			value = strcmp(type, "int") == 0     ? node_int(a, atoi(str_c(a, fallback)))
			      : strcmp(type, "boolean") == 0 ? node_bool(a, str_is(fallback, "true"))
			                                     : node_str(a, fallback);
		if (value)
			node_put(a, option, key, value);
	}
	node_put(a, options, name, option);
}

/* Each oauth endpoint of the user's brings options of its own. */
static void oauth_options_put(struct arena *a, const struct extension *e, struct str endpoint, struct node *options)
{
	struct str path = str_of(e->redirect_path);

	if (str_ends(path, "/"))
		path = str_f(a, FMT FMT, ARG(path), ARG(endpoint));
	option_put(a, options, str_f(a, FMT "-redirect-path", ARG(endpoint)), e->redirect_order, "string", path,
	           "The path that users come back to after they logged in.");
	option_put(a, options, str_f(a, FMT "-scopes", ARG(endpoint)), dynamic_order, "string", S("openid profile email"),
	           "The scopes to ask for, separated by spaces.");
	if (e->name_attribute)
		option_put(a, options, str_f(a, FMT "-user-name-attribute", ARG(endpoint)), dynamic_order, "string", S("sub"),
		           "The attribute of the user info that names the user.");
}

static struct node *snippet_options(struct arena *a, const struct extension *e)
{
	struct node *options = node_new(a, NODE_MAP);

	for (size_t g = 0; g < LEN(e->groups); g++)
		for (size_t i = 0; i < e->groups[g].n; i++) {
			const struct packed_option *o = &e->groups[g].options[i];

			option_put(a, options, str_of(o->name), static_order, o->type, str_of(o->fallback), o->description);
		}
	return options;
}

static struct node *list_of(struct arena *a, const char *const *texts, size_t n)
{
	struct node *list = node_new(a, NODE_LIST);

	for (size_t i = 0; i < n; i++)
		node_add(a, list, node_str(a, str_of(texts[i])));
	return list;
}
#define LIST(a, ...) list_of((a), (const char *const[]){ __VA_ARGS__ }, LEN(((const char *const[]){ __VA_ARGS__ })))

static struct node *snippet_parts(struct arena *a, int generation, const char *folder)
{
	struct node *parts = node_new(a, NODE_MAP), *charm = node_new(a, NODE_MAP), *config;
	struct stat st;

	node_puts(a, charm, "plugin", generation == 1 ? S("charm") : S("uv"));
	node_puts(a, charm, "source", S("."));
	if (generation == 2)
		node_put(a, charm, S("uv-groups"), LIST(a, "charmlibs-pydeps"));
	node_put(a, charm, S("build-snaps"), generation == 1 ? LIST(a, "rustup") : LIST(a, "astral-uv", "rustup"));
	node_puts(a, charm, "override-build", S("rustup default stable\ncraftctl default"));
	node_put(a, parts, S("charm"), charm);
	if (generation == 2 && folder && stat(str_f(a, "%s/paas-config.yaml", folder).p, &st) == 0 && S_ISREG(st.st_mode)) {
		config = node_new(a, NODE_MAP);
		node_puts(a, config, "plugin", S("dump"));
		node_puts(a, config, "source", S("."));
		node_put(a, config, S("stage"), LIST(a, "paas-config.yaml"));
		node_put(a, parts, S("config"), config);
	}
	return parts;
}

static struct node *snippet_actions(struct arena *a, const struct framework *f)
{
	struct node *actions = node_new(a, NODE_MAP), *action = node_new(a, NODE_MAP);

	node_puts(a, action, "description", S("Replace the app's secret key. All sessions end: every user has to log in again."));
	node_put(a, actions, S("rotate-secret-key"), action);
	if (f->superuser) {
		struct node *params = node_new(a, NODE_MAP), *text = node_new(a, NODE_MAP);

		action = node_new(a, NODE_MAP);
		node_puts(a, action, "description", S("Make an account that may do everything in the admin site."));
		node_puts(a, text, "type", S("string"));
		node_put(a, params, S("username"), text);
		node_put(a, params, S("email"), node_copy(a, text));
		node_put(a, action, S("params"), params);
		node_put(a, action, S("required"), LIST(a, "username", "email"));
		node_put(a, actions, S("create-superuser"), action);
	}
	return actions;
}

static struct node *endpoint_node(struct arena *a, const char *interface, bool single)
{
	struct node *endpoint = node_new(a, NODE_MAP);

	node_puts(a, endpoint, "interface", str_of(interface));
	if (single)
		node_put(a, endpoint, S("limit"), node_int(a, 1));
	return endpoint;
}

/* A map of one member. */
static struct node *map_of(struct arena *a, const char *key, struct node *value)
{
	struct node *map = node_new(a, NODE_MAP);

	node_put(a, map, str_of(key), value);
	return map;
}

/* What the extension adds, without the options of oauth endpoints, which overlap with nothing. */
static struct node *snippet_make(struct arena *a, const struct extension *e, const struct framework *f, const char *folder)
{
	struct node *snippet = node_new(a, NODE_MAP), *resource = node_new(a, NODE_MAP), *libs = node_new(a, NODE_LIST);
	struct node *requires = node_new(a, NODE_MAP), *provides = node_new(a, NODE_MAP);
	struct str image = str_f(a, "%s-image", f->container);

	node_puts(a, resource, "type", S("oci-image"));
	node_puts(a, resource, "description", str_f(a, "%s application image.", f->name));
	for (size_t i = 0; i < LEN(charm_libs); i++) {
		struct node *lib = node_new(a, NODE_MAP);

		node_puts(a, lib, "lib", str_of(charm_libs[i].lib));
		node_puts(a, lib, "version", str_of(charm_libs[i].version));
		node_add(a, libs, lib);
	}
	for (size_t i = 0; i < LEN(required); i++)
		node_put(a, requires, str_of(required[i].name), endpoint_node(a, required[i].interface, required[i].single));
	for (size_t i = 0; i < LEN(provided); i++)
		node_put(a, provides, str_of(provided[i].name), endpoint_node(a, provided[i].interface, false));

	node_put(a, snippet, S("assumes"), LIST(a, "k8s-api"));
	node_put(a, snippet, S("containers"), map_of(a, f->container, map_of(a, "resource", node_str(a, image))));
	node_put(a, snippet, S("resources"), map_of(a, image.p, resource));
	node_put(a, snippet, S("charm-libs"), libs);
	node_put(a, snippet, S("peers"), map_of(a, "secret-storage", endpoint_node(a, "secret-storage", false)));
	node_put(a, snippet, S("actions"), snippet_actions(a, f));
	node_put(a, snippet, S("requires"), requires);
	node_put(a, snippet, S("provides"), provides);
	node_put(a, snippet, S("config"), map_of(a, "options", snippet_options(a, e)));
	node_put(a, snippet, S("parts"), snippet_parts(a, f->generation, folder));
	return snippet;
}

/* --- The checks, in charmcraft's order --- */

static const char charmcraft_yaml[] = "charmcraft.yaml";

struct str python_repr(struct arena *a, const struct node *n)
{
	struct buf b = { .arena = a };
	char quote;

	if (!n || n->kind == NODE_NULL)
		return S("None");
	if (n->kind == NODE_BOOL)
		return node_true(n) ? S("True") : S("False");
	if (n->kind == NODE_FLOAT)
		return float_repr(a, n->text);
	if (n->kind != NODE_STRING)
		return n->kind == NODE_INT ? n->text : json_text(a, n, JSON_PYTHON);
	quote = str_find(n->text, '\'') >= 0 && str_find(n->text, '"') < 0 ? '"' : '\'';
	buf_addc(&b, quote);
	for (size_t i = 0; i < n->text.n; i++) {
		unsigned char c = (unsigned char)n->text.p[i];

		if (c == '\n')
			buf_adds(&b, "\\n");
		else if (c == '\t')
			buf_adds(&b, "\\t");
		else if (c < ' ' || c == 0x7f)
			buf_addf(&b, "\\x%02x", c);
		else if (c == (unsigned char)quote || c == '\\')
			buf_addf(&b, "\\%c", c);
		else
			buf_addc(&b, (char)c);
	}
	buf_addc(&b, quote);
	return buf_str(&b);
}

static struct str name_repr(struct arena *a, struct str name)
{
	return python_repr(a, node_str(a, name));
}

static bool falsy(const struct node *n)
{
	if (!n || n->kind == NODE_NULL)
		return true;
	if (n->kind == NODE_BOOL)
		return !node_true(n);
	if (n->kind == NODE_STRING)
		return n->text.n == 0;
	/* A number is nothing when it has no digit but zeros before its exponent; .inf and .nan have letters. */
	if (n->kind == NODE_INT || n->kind == NODE_FLOAT) {
		for (size_t i = 0; i < n->text.n && n->text.p[i] != 'e' && n->text.p[i] != 'E'; i++)
			if (!strchr("+-.0", n->text.p[i]))
				return false;
		return true;
	}
	return n->count == 0;
}

static int text_order(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void check_fields(const struct framework *f, const struct node *document, const struct node *snippet, struct findings *out)
{
	/* Sorted, as the message wants them. */
	static const char *const refused[] = { "devices", "extra-bindings", "storage" };
	static const char *const reserved[] = { "assumes", "containers", "resources", "peers" };
	struct arena *a = out->arena;
	const struct node *first = NULL;
	struct strs names = { 0 };

	for (size_t i = 0; i < LEN(refused); i++) {
		const struct node *field = node_get(document, refused[i]);

		if (!field)
			continue;
		strs_add(a, &names, field->key);
		if (!first)
			first = field;
	}
	if (first)
		finding_add(out, charmcraft_yaml, first, "extension-fields", "remove it: a charm of this framework has none",
		            "the '%s-framework' extension is incompatible with the provided field(s): " FMT, f->name,
		            ARG(strs_join(a, &names, ", ")));
	for (size_t i = 0; i < LEN(reserved); i++) {
		const struct node *field = node_get(document, reserved[i]);

		if (field && !node_equal(field, node_get(snippet, reserved[i])))
			finding_add(out, charmcraft_yaml, field, "extension-reserved", NULL,
			            "'%s' in charmcraft.yaml conflicts with a reserved field in the %s-framework extension, please remove it.",
			            reserved[i], f->name);
	}
}

/* The user's names that the extension has, too, as a Python set of them. */
static void check_overlap(const struct framework *f, const char *section, const struct node *users, const struct node *ours,
                          struct findings *out)
{
	struct arena *a = out->arena;
	struct strs names = { 0 };
	const struct node *first = NULL;

	NODE_EACH (item, users)
		if (node_find(ours, item->key)) {
			strs_add(a, &names, name_repr(a, item->key));
			if (!first)
				first = item;
		}
	if (!first)
		return;
	qsort(names.v, names.n, sizeof *names.v, text_order);
	finding_add(out, charmcraft_yaml, first, "extension-overlap", NULL,
	            "overlapping keys {" FMT "} in %s of charmcraft.yaml which conflict with the %s-framework extension, please rename or "
	            "remove it",
	            ARG(strs_join(a, &names, ", ")), section, f->name);
}

static void check_options(const struct framework *f, const struct node *options, struct findings *out)
{
	struct arena *a = out->arena;
	struct str prefixes[] = { S("webserver-"), str_f(a, "%s-", f->name) };
	struct strs names = { 0 };
	const struct node *first = NULL;

	NODE_EACH (option, options) {
		const struct node *optional = node_get(option, "optional");

		for (size_t i = 0; i < LEN(prefixes); i++)
			if (str_starts(option->key, prefixes[i].p))
				finding_add(out, charmcraft_yaml, option, "option-prefix", NULL,
				            "config.options " FMT " starts with %s-framework reserved configuration prefix '" FMT "', please rename or remove it",
				            ARG(name_repr(a, option->key)), f->name, ARG(prefixes[i]));
		if (node_is(optional, NODE_BOOL) && !node_true(optional) && !falsy(node_get(option, "default"))) {
			strs_add(a, &names, option->key);
			if (!first)
				first = option;
		}
	}
	if (first)
		finding_add(out, charmcraft_yaml, first, "option-default", NULL,
		            "Non-optional configuration options can not have default values.\nPlease either remove the default value or set "
		            "optional field to true or remove it for the " FMT " configuration option(s).", ARG(strs_join(a, &names, ", ")));
}

static void check_paas_config(const struct framework *f, const char *folder, struct findings *out)
{
	static const char file[] = "paas-config.yaml";
	struct arena *a = out->arena;
	struct err err = { .arena = a };
	struct str text;
	struct node *tree;
	const struct node *format;
	bool found;

	if (file_read(a, str_f(a, "%s/%s", folder, file).p, MAX_FILE, &text, &found, &err) < 0) {
		finding_add(out, file, NULL, "paas-config", NULL, "%s", err.msg);
		return;
	}
	if (!found)
		return;
	if (yaml_parse(a, text, file, &tree, &err) < 0) {
		finding_yaml(out, file, "paas-config", "invalid YAML in paas-config.yaml: ", err.msg);
		return;
	}
	if (tree->kind == NODE_NULL)
		return;
	if (tree->kind != NODE_MAP) {
		finding_add(out, file, tree, "paas-config", "write keys and values, as in port: 8000",
		            "paas-config.yaml must contain a top-level mapping");
		return;
	}
	format = node_get(tree, "framework_logging_format");
	if (node_is(format, NODE_STRING) && str_is(str_lower(a, format->text), "json") && f->server == SERVER_OWN)
		finding_add(out, file, format, "paas-config", "remove the key, or write none",
		            "framework_logging_format: json in paas-config.yaml is not supported for '%s-framework'", f->name);
}

/* charmcraft fails with an internal error on these; we say what it cannot read. */
static bool check_shapes(const struct node *document, struct findings *out)
{
	static const struct { const char *key; bool may_be_empty; } maps[] = {
		{ "actions", true }, { "provides", true }, { "parts", true }, { "requires", false }, { "config", false },
	};
	size_t before = out->n;
	const struct node *options = node_get(node_get(document, "config"), "options");

	for (size_t i = 0; i < LEN(maps); i++) {
		const struct node *n = node_get(document, maps[i].key);

		if (n && n->kind != NODE_MAP && !(maps[i].may_be_empty && falsy(n)))
			finding_add(out, charmcraft_yaml, n, "mapping", "write names with their values below it, or remove it",
			            "'%s' must be a mapping, not %s", maps[i].key, node_kind_name(n));
	}
	if (options && options->kind != NODE_MAP)
		finding_add(out, charmcraft_yaml, options, "mapping", "write names with their values below it, or remove it",
		            "'config.options' must be a mapping, not %s", node_kind_name(options));
	NODE_EACH (option, node_is(options, NODE_MAP) ? options : NULL)
		if (option->kind != NODE_MAP)
			finding_add(out, charmcraft_yaml, option, "mapping", "write its type below it, as in type: string",
			            "config.options '" FMT "' must be a mapping, not %s", ARG(option->key), node_kind_name(option));
	NODE_EACH (endpoint, node_is(node_get(document, "requires"), NODE_MAP) ? node_get(document, "requires") : NULL)
		if (endpoint->kind != NODE_MAP)
			finding_add(out, charmcraft_yaml, endpoint, "mapping",
			            str_f(out->arena, "write " FMT ": {interface: " FMT "}", ARG(endpoint->key),
			                  ARG(node_is(endpoint, NODE_STRING) ? endpoint->text : S("NAME"))).p,
			            "requires '" FMT "' must be a mapping, not %s: the extension looks for its interface", ARG(endpoint->key),
			            node_kind_name(endpoint));
	return out->n == before;
}

/* The bases' checks; *generation is the one that they ask for. */
static void check_bases(const struct extension *e, struct str name, const struct node *document, int *generation, struct str *note,
                        struct findings *out)
{
	struct arena *a = out->arena;
	struct strs bases = project_bases(a, document), others = { 0 };
	const struct node *at = node_get(document, "base");

	if (!at)
		at = node_get(document, "platforms") ? node_get(document, "platforms") : node_get(document, "bases");
	*generation = 2;
	for (size_t i = 0; i < bases.n; i++)
		if (supports(e, 1, bases.v[i]))
			*generation = 1;
	for (size_t i = 0; i < bases.n; i++)
		if (!supports(e, *generation, bases.v[i]))
			strs_add(a, &others, bases.v[i]);
	if (bases.n > 1)
		finding_add(out, charmcraft_yaml, at, "extension-base", "keep one base, and a project for each other",
		            "Extension does not support multiple bases: " FMT, ARG(strs_join(a, &bases, ", ")));
	else if (others.n)
		finding_add(out, charmcraft_yaml, at, "extension-base",
		            str_f(a, "write base: %s", extension_base(str_of(e->framework), 1)).p,
		            "Extension '" FMT "' does not support base(s): " FMT, ARG(name), ARG(strs_join(a, &others, ", ")));
	else if (*generation == 2 && bases.n)
		*note = str_f(a, "*EXPERIMENTAL* extension '" FMT "' enabled for base(s): " FMT, ARG(name), ARG(strs_join(a, &bases, ", ")));
}

/* --- The merge --- */

static bool all_strings(const struct node *list)
{
	NODE_EACH (item, list)
		if (item->kind != NODE_STRING)
			return false;
	return true;
}

static struct node *merge_lists(struct arena *a, const struct node *users, const struct node *ours)
{
	bool unique = all_strings(users) && all_strings(ours);
	const struct node *sources[] = { ours, users };
	struct node *list = node_new(a, NODE_LIST);
	struct strs seen = { 0 };

	for (size_t i = 0; i < LEN(sources); i++)
		NODE_EACH (item, sources[i]) {
			if (unique && strs_has(&seen, item->text))
				continue;
			if (unique)
				strs_add(a, &seen, item->text);
			node_add(a, list, node_copy(a, item));
		}
	return list;
}

/* The snippet merged into what the user has, which may be NULL: whatever is set and no mapping or list of both stays the user's. */
static struct node *merge(struct arena *a, struct node *users, struct node *ours)
{
	if (falsy(users))
		return ours;
	if (users->kind == NODE_LIST && ours->kind == NODE_LIST)
		return merge_lists(a, users, ours);
	if (users->kind != NODE_MAP || ours->kind != NODE_MAP)
		return users;
	for (struct node *item = ours->child, *next; item; item = next) {
		struct node *old = node_find(users, item->key), *merged = merge(a, old, item);

		next = item->next;
		if (merged != old)
			node_put(a, users, item->key, merged);
	}
	return users;
}

static void apply_one(struct arena *a, const struct extension *e, struct str name, const char *folder, struct node *document,
                      struct expansion *out, struct findings *findings)
{
	const struct framework *f;
	struct node *snippet, *options;
	const struct node *parts = node_get(document, "parts"), *type = node_get(document, "type");
	int generation;
	size_t before = findings->n;

	check_bases(e, name, document, &generation, &out->note, findings);
	f = framework_find(str_of(e->framework), generation);
	snippet = snippet_make(a, e, f, folder);
	if (!str_is(node_text(type), "charm") || type->kind != NODE_STRING)
		finding_add(findings, charmcraft_yaml, type, "type", "write type: charm",
		            "the '%s-framework' extension is incompatible with type " FMT, e->framework, ARG(python_repr(a, type)));
	if (folder)
		lint_custom_folders(folder, findings);
	if (node_get(parts, "charm"))
		finding_add(findings, charmcraft_yaml, node_get(parts, "charm"), "extension-part", "remove the part, or give it another name",
		            "the '%s-framework' extension is incompatible with customized charm part", e->framework);
	check_fields(f, document, snippet, findings);
	options = node_get(node_get(snippet, "config"), "options");
	if (check_shapes(document, findings)) {
		const struct node *users = node_get(node_get(document, "config"), "options");

		check_overlap(f, "actions", node_get(document, "actions"), node_get(snippet, "actions"), findings);
		check_overlap(f, "requires", node_get(document, "requires"), node_get(snippet, "requires"), findings);
		check_overlap(f, "provides", node_get(document, "provides"), node_get(snippet, "provides"), findings);
		check_overlap(f, "config.options", users, options, findings);
		check_options(f, users, findings);
	}
	if (folder)
		check_paas_config(f, folder, findings);
	out->framework = str_of(e->framework);
	out->generation = generation;
	if (findings->n > before)
		return;
	NODE_EACH (endpoint, node_get(document, "requires"))
		if (str_is(node_gets(endpoint, "interface"), "oauth"))
			oauth_options_put(a, e, endpoint->key, options);
	merge(a, document, snippet);
}

int extensions_apply(struct arena *a, const char *folder, const struct node *document, struct expansion *out, struct findings *findings)
{
	struct node *project = node_copy(a, document);
	const struct node *names = node_get(document, "extensions");
	struct strs sorted = { 0 };
	size_t before = findings->n;

	*out = (struct expansion){ .project = project };
	if (document->kind != NODE_MAP) {
		finding_add(findings, charmcraft_yaml, document, "mapping", "write keys and values, as in name: my-app",
		            "charmcraft.yaml must be a mapping, not %s", node_kind_name(document));
		return -1;
	}
	if (falsy(names)) {
		node_del(project, S("extensions"));
		return 0;
	}
	if (names->kind != NODE_LIST || !all_strings(names)) {
		finding_add(findings, charmcraft_yaml, names, "extension-name", "write a list, as in extensions: [flask-framework]",
		            "'extensions' must be a list of names, not %s", node_kind_name(names));
		return -1;
	}
	node_del(project, S("extensions"));
	NODE_EACH (name, names)
		strs_add(a, &sorted, name->text);
	if (sorted.n)
		qsort(sorted.v, sorted.n, sizeof *sorted.v, text_order);
	for (size_t i = 0; i < sorted.n; i++) {
		struct str framework = str_sub(sorted.v[i], 0, sorted.v[i].n - (sizeof "-framework" - 1));
		const struct extension *e = str_ends(sorted.v[i], "-framework") ? extension_of(framework) : NULL;
		struct buf b = { .arena = a };

		if (e) {
			apply_one(a, e, sorted.v[i], folder, project, out, findings);
			continue;
		}
		for (size_t k = 0; k < LEN(extensions); k++)
			buf_addf(&b, "%s'%s-framework'", k ? ", " : "", extensions[k].framework);
		finding_add(findings, charmcraft_yaml, names, "extension-name",
		            str_f(a, "Registered extensions: [" FMT "]", ARG(buf_str(&b))).p,
		            "Extension " FMT " does not exist", ARG(name_repr(a, sorted.v[i])));
	}
	return findings->n > before ? -1 : 0;
}
