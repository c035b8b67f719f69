/* frameworks.c: the frameworks' table. A framework is a row for each of its two generations, its options, and at most one function.
 *
 * Generation 1 is what charms packed so far are: fixed or option-given ports, metrics by options. Generation 2 has one container name for
 * all, and port and metrics in paas-config.yaml. */
#include "frameworks.h"
#include "url.h"

/* --- Options --- */

enum { V1 = 1, V2 = 2, BOTH = V1 | V2 };

static const struct framework_option flask_options[] = {
	{ BOTH, "env", "flask-env", .rule = RULE_TEXT },
	{ BOTH, "debug", "flask-debug", .rule = RULE_BOOL },
	{ BOTH, "secret_key", NULL, .rule = RULE_SECRET },
	{ BOTH, "permanent_session_lifetime", "flask-permanent-session-lifetime", .rule = RULE_POSITIVE },
	{ BOTH, "application_root", "flask-application-root", .rule = RULE_TEXT },
	{ BOTH, "session_cookie_secure", "flask-session-cookie-secure", .rule = RULE_BOOL },
	{ BOTH, "preferred_url_scheme", "flask-preferred-url-scheme", .rule = RULE_SCHEME },
};

static const struct framework_option django_options[] = {
	{ BOTH, "debug", "django-debug", .rule = RULE_BOOL },
	{ BOTH, "secret_key", NULL, .rule = RULE_SECRET },
	{ BOTH, "allowed_hosts", "django-allowed-hosts", .rule = RULE_HOSTS },
};

static const char *const log_levels[] = { "critical", "error", "warning", "info", "debug", "trace", NULL };

static const struct framework_option fastapi_options[] = {
	{ BOTH, "uvicorn_port", "webserver-port", .rule = RULE_PORT },
	{ BOTH, "uvicorn_host", "webserver-host", .rule = RULE_ANY_TEXT, .fallback = "0.0.0.0" },
	{ BOTH, "web_concurrency", "webserver-workers", .rule = RULE_POSITIVE, .fallback = "1" },
	{ BOTH, "uvicorn_log_level", "webserver-log-level", .rule = RULE_CHOICE, .fallback = "info", .choices = log_levels },
	{ V1, "metrics_port", "metrics-port", .rule = RULE_POSITIVE, .meaning = MEANS_METRICS_PORT },
	{ V1, "metrics_path", "metrics-path", .rule = RULE_TEXT, .meaning = MEANS_METRICS_PATH },
	{ BOTH, "app_secret_key", NULL, .rule = RULE_SECRET },
};

static const struct framework_option expressjs_options[] = {
	{ BOTH, "node_env", "node-env", .rule = RULE_TEXT, .fallback = "production" },
	{ V1, "port", "app-port", .rule = RULE_PORT },
	{ V2, "port", "port", .rule = RULE_PORT },
	{ V1, "metrics_port", "metrics-port", .rule = RULE_POSITIVE, .meaning = MEANS_METRICS_PORT },
	{ V1, "metrics_path", "metrics-path", .rule = RULE_TEXT, .meaning = MEANS_METRICS_PATH },
	{ BOTH, "app_secret_key", NULL, .rule = RULE_SECRET },
};

static const struct framework_option go_options[] = {
	{ V1, "port", "app-port", .rule = RULE_PORT },
	{ V2, "port", "port", .rule = RULE_PORT },
	{ V1, "metrics_port", "metrics-port", .rule = RULE_POSITIVE, .meaning = MEANS_METRICS_PORT },
	{ V1, "metrics_path", "metrics-path", .rule = RULE_TEXT, .meaning = MEANS_METRICS_PATH },
	{ V1, "secret_key", NULL, .rule = RULE_SECRET },
	{ V2, "app_secret_key", NULL, .rule = RULE_SECRET },
};

static const struct framework_option spring_options[] = {
	{ BOTH, "server_port", "app-port", .rule = RULE_PORT },
	{ BOTH, "app_profiles", "app-profiles", .rule = RULE_TEXT },
	/* The one whose own key and the user's are two variables: SECRET_KEY is the user's, APP_SECRET_KEY stays the generated one. */
	{ BOTH, "secret_key", NULL, .rule = RULE_SECRET },
	{ V1, "management_server_port", "metrics-port", .rule = RULE_POSITIVE, .meaning = MEANS_METRICS_PORT },
	{ V1, "metrics_path", "metrics-path", .rule = RULE_TEXT, .meaning = MEANS_METRICS_PATH },
};

#define OPTIONS(table) .options = (table), .n_options = LEN(table)

/* --- What data cannot say --- */

/* Django answers only requests for hosts it was told: those of the option, and the host of our own address. */
static void django_finish(const struct snapshot *snapshot, const struct settings *settings, const struct integrations *integrations,
                          struct env *env)
{
	const struct variable *hosts = env_find(&settings->framework, S("DJANGO_ALLOWED_HOSTS"));
	struct err err = { .arena = env->arena };
	struct node *list;
	struct url url;

	(void)snapshot;
	/* There is none where the option is invalid. Else neither fails: the list is our own writing, the address was checked before. */
	if (!hosts || json_parse(env->arena, hosts->value, &list, &err) < 0 || url_split(env->arena, integrations->base_url, &url, &err) < 0)
		return;
	NODE_EACH (item, list)
		if (str_eq(item->text, url.hostname))
			return;
	node_add(env->arena, list, node_str(env->arena, url.hostname));
	env_put(env, hosts->name, json_text(env->arena, list, JSON_PYTHON), hosts->origin);
}

static void spring_put(struct env *env, const char *name, struct str value, struct origin origin)
{
	env_put(env, str_of(name), value, origin);
}

/* The path of the metrics as Spring wants it: all but the last segment, and the last one. Without any segment Spring keeps its own. */
static void spring_metrics_path(struct env *env, struct str path, struct origin origin)
{
	struct strs segments = { 0 };
	struct str rest = path, segment;

	while (str_split(&rest, '/', &segment))
		if (segment.n > 0)
			strs_add(env->arena, &segments, segment);
	if (segments.n == 0)
		return;
	segment = segments.v[--segments.n];
	spring_put(env, "management.endpoints.web.base-path", str_f(env->arena, "/" FMT, ARG(strs_join(env->arena, &segments, "/"))), origin);
	spring_put(env, "management.endpoints.web.path-mapping.prometheus", segment, origin);
}

static void spring_finish(const struct snapshot *snapshot, const struct settings *settings, const struct integrations *integrations,
                          struct env *env)
{
	static const char *const exporters[] = { "OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER" };
	const struct variable *profiles = env_find(env, S("APP_PROFILES"));
	struct origin rule = { .kind = ORIGIN_RULE, .subject = S("Spring Boot") };

	if (settings->metrics_path.p) {
		spring_put(env, "management.endpoints.web.exposure.include", S("prometheus"), rule);
		if (snapshot->charm->framework->generation >= 2) {
			spring_put(env, "management.server.port", settings->metrics_port, settings->metrics_port_origin);
			/* Spring has its own names for these two. */
			env_del(env, S("METRICS_PORT"));
			env_del(env, S("METRICS_PATH"));
		}
		if (!settings->metrics_path_empty)
			spring_metrics_path(env, settings->metrics_path, settings->metrics_path_origin);
	}
	(void)integrations;   /* what it needs of them is in env already */
	if (!env_find(env, S("OTEL_EXPORTER_OTLP_ENDPOINT")))
		for (size_t i = 0; i < LEN(exporters); i++)
			spring_put(env, exporters[i], S("none"), rule);
	if (profiles)
		spring_put(env, "spring.profiles.active", profiles->value, profiles->origin);
	/* The ingress strips the path's prefix and says so in headers. */
	spring_put(env, "server.forward-headers-strategy", S("framework"), rule);
}

/* --- The table --- */

static const struct framework frameworks[] = {
	{
		.name = "flask", .generation = 1, .config_prefix = "FLASK_", .framework_prefix = "FLASK_", .container = "flask-app",
		.base_dir = "/flask", .app_dir = "/flask/app", .services_state = "/tmp/flask/state", .migration_state = "/tmp/flask/state",
		.port = 8000, .metrics_port = "9102", .metrics_path = "/metrics", .server = SERVER_GUNICORN,
		.secret_options = { "flask-secret-key", "app-secret-key" }, OPTIONS(flask_options),
	}, {
		.name = "flask", .generation = 2, .config_prefix = "FLASK_", .framework_prefix = "FLASK_", .container = "app",
		.base_dir = "/flask", .app_dir = "/flask/app", .services_state = "/tmp/flask/state", .migration_state = "/tmp/flask/state",
		.port = 8000, .metrics_port = "9102", .metrics_path = "/metrics", .server = SERVER_GUNICORN,
		.secret_options = { "app-secret-key", "flask-secret-key" }, OPTIONS(flask_options),
	}, {
		.name = "django", .generation = 1, .config_prefix = "DJANGO_", .framework_prefix = "DJANGO_", .container = "django-app",
		.base_dir = "/django", .app_dir = "/django/app", .services_state = "/tmp/django/state", .migration_state = "/tmp/django/state",
		.port = 8000, .metrics_port = "9102", .metrics_path = "/metrics", .server = SERVER_GUNICORN,
		.secret_options = { "django-secret-key", "app-secret-key" }, OPTIONS(django_options), .finish = django_finish,
		.database_rule = "Django requires a database integration to work", .superuser = true,
	}, {
		.name = "django", .generation = 2, .config_prefix = "DJANGO_", .framework_prefix = "DJANGO_", .container = "app",
		.base_dir = "/django", .app_dir = "/django/app", .services_state = "/tmp/django/state", .migration_state = "/tmp/django/state",
		.port = 8000, .metrics_port = "9102", .metrics_path = "/metrics", .server = SERVER_GUNICORN,
		.secret_options = { "app-secret-key", "django-secret-key" }, OPTIONS(django_options), .finish = django_finish,
		.database_rule = "Django requires a database integration to work", .superuser = true,
	}, {
		.name = "fastapi", .generation = 1, .config_prefix = "APP_", .framework_prefix = "", .container = "app",
		.app_dir = "/app", .services_state = "/tmp/fastapi/state", .migration_state = "/tmp/fastapi/state",
		.port = 8080, .server = SERVER_UVICORN, .secret_options = { "app-secret-key" }, OPTIONS(fastapi_options),
	}, {
		.name = "fastapi", .generation = 2, .config_prefix = "APP_", .framework_prefix = "", .container = "app",
		.app_dir = "/app", .services_state = "/tmp/fastapi/state", .migration_state = "/tmp/fastapi/state",
		.port = 8000, .metrics_port = "8000", .metrics_path = "/metrics", .server = SERVER_UVICORN,
		.secret_options = { "app-secret-key" }, OPTIONS(fastapi_options),
	}, {
		.name = "go", .generation = 1, .config_prefix = "APP_", .framework_prefix = "APP_", .container = "app",
		.app_dir = "/app", .services_state = "/tmp/go/state", .migration_state = "/tmp/go/state",
		.port = 8080, .secret_options = { "app-secret-key" }, OPTIONS(go_options),
	}, {
		.name = "go", .generation = 2, .config_prefix = "APP_", .framework_prefix = "", .container = "app",
		.app_dir = "/app", .services_state = "/tmp/go/state", .migration_state = "/tmp/go/state",
		.port = 8080, .metrics_port = "8080", .metrics_path = "/metrics",
		.secret_options = { "app-secret-key" }, OPTIONS(go_options),
	}, {
		.name = "expressjs", .generation = 1, .config_prefix = "APP_", .framework_prefix = "", .container = "app",
		.app_dir = "/app", .services_state = "/app/state", .migration_state = "/tmp/expressjs/state",
		.port = 8080, .secret_options = { "app-secret-key" }, OPTIONS(expressjs_options),
	}, {
		.name = "expressjs", .generation = 2, .config_prefix = "APP_", .framework_prefix = "", .container = "app",
		.app_dir = "/app", .services_state = "/app/state", .migration_state = "/tmp/expressjs/state",
		.port = 8080, .metrics_port = "9464", .metrics_path = "/metrics",
		.secret_options = { "app-secret-key" }, OPTIONS(expressjs_options),
	}, {
		.name = "spring-boot", .generation = 1, .config_prefix = "APP_", .framework_prefix = "", .container = "app",
		.app_dir = "/app", .services_state = "/app/state", .migration_state = "/tmp/spring-boot/state",
		.port = 8080, .metrics_port = "8080", .metrics_path = "/actuator/prometheus",
		.secret_options = { "app-secret-key" }, OPTIONS(spring_options), .finish = spring_finish,
		.certificate_file = "/app/saml.cert", .spring = true,
	}, {
		.name = "spring-boot", .generation = 2, .config_prefix = "APP_", .framework_prefix = "", .container = "app",
		.app_dir = "/app", .services_state = "/app/state", .migration_state = "/tmp/spring-boot/state",
		.port = 8080, .metrics_port = "8080", .metrics_path = "/actuator/prometheus",
		.secret_options = { "app-secret-key" }, OPTIONS(spring_options), .finish = spring_finish,
		.certificate_file = "/app/saml.cert", .spring = true,
	},
};

const struct framework *framework_nth(size_t n)
{
	return n < LEN(frameworks) ? &frameworks[n] : NULL;
}

const struct framework *framework_find(struct str name, int generation)
{
	for (size_t i = 0; i < LEN(frameworks); i++)
		if (str_is(name, frameworks[i].name) && frameworks[i].generation == generation)
			return &frameworks[i];
	return NULL;
}

/* --- Which one is it? --- */

/* What tells a framework where nobody says it: a container, or an option (one that begins with the text, where it ends with a dash). The
 * first that fits. */
static const struct { const char *container, *option, *name; } hints[] = {
	{ "flask-app", NULL, "flask" },
	{ "django-app", NULL, "django" },
	{ NULL, "flask-", "flask" },
	{ NULL, "django-", "django" },
	{ NULL, "webserver-log-level", "fastapi" },
	{ NULL, "app-profiles", "spring-boot" },
	{ NULL, "node-env", "expressjs" },
	{ NULL, NULL, "go" },
};

static bool option_hints(const struct node *options, const char *hint)
{
	bool prefix = str_ends(str_of(hint), "-");

	NODE_EACH (option, options)
		if (prefix ? str_starts(option->key, hint) : str_is(option->key, hint))
			return true;
	return false;
}

static const char *name_guess(const struct node *containers, const struct node *options)
{
	size_t i = 0;

	while ((hints[i].container && !node_get(containers, hints[i].container)) || (hints[i].option && !option_hints(options, hints[i].option)))
		i++;
	return hints[i].name;
}

const struct framework *framework_of(struct str file, const struct node *metadata, const struct node *config)
{
	const struct node *containers = node_get(metadata, "containers"), *options = node_get(config, "options");
	const struct framework *first;
	struct str rest = str_trim(file), name, number;
	int generation;

	if (!str_split(&rest, ' ', &name))
		name = NOSTR;
	number = str_trim(rest);
	first = framework_find(name, 1);
	if (!first) {
		name = str_of(name_guess(containers, options));
		first = framework_find(name, 1);
		number = NOSTR;
	}
	if (str_is(number, "1") || str_is(number, "2")) {
		generation = str_is(number, "1") ? 1 : 2;
	} else {
		/* In generation 1 the container is called after the framework or, where it is not, the metrics have options. */
		generation = str_is(str_of(first->container), "app") ? (node_get(options, "metrics-port") ? 1 : 2)
		                                                     : (node_get(containers, first->container) ? 1 : 2);
	}
	return framework_find(name, generation);
}

const char *framework_database_rule(const struct framework *framework)
{
	return framework->database_rule;
}

struct str secret_key_name(struct arena *a, const struct charm *charm)
{
	return str_f(a, "%s_secret_key", charm->framework->name);
}

struct str unit_fqdn(struct arena *a, struct str app, struct str model, struct str identifier)
{
	struct str unit = identifier;

	if (str_find(identifier, '/') >= 0)
		unit = str_replace(a, identifier, '/', '-');
	else if (identifier.n < app.n || !str_eq(str_sub(identifier, 0, app.n), app))
		unit = str_f(a, FMT "-" FMT, ARG(app), ARG(identifier));
	return str_f(a, FMT "." FMT "-endpoints." FMT ".svc.cluster.local", ARG(unit), ARG(app), ARG(model));
}
