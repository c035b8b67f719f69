/* relations.c: the integrations' table, and what is decided from it.
 *
 * An integration is a row: where it is, what is read, what we ask for, which variables come of it. Where data is not enough a row names
 * functions of integrations.c and publish.c. */
#include "relations.h"

#include "crypto.h"
#include "frameworks.h"
#include "integrations.h"
#include "url.h"

/* --- Fields --- */

/* What becomes of a value called "url", after the prefix. */
const struct field url_fields[] = {
	{ "url", "CONNECT_STRING", NULL, 0, "the whole URL", NULL },
	{ "scheme", "SCHEME", NULL, 0, "its scheme", NULL },
	{ "netloc", "NETLOC", NULL, 0, "user, password, hosts and ports", NULL },
	{ "path", "PATH", NULL, 0, "its path, with the slash", NULL },
	{ "params", "PARAMS", NULL, 0, "what follows a semicolon in the path", NULL },
	{ "query", "QUERY", NULL, 0, "its query", NULL },
	{ "fragment", "FRAGMENT", NULL, 0, "its fragment", NULL },
	{ "username", "USERNAME", NULL, 0, "the user, if there is one", NULL },
	{ "password", "PASSWORD", NULL, FIELD_SECRET, "the password, if there is one", NULL },
	{ "hostname", "HOSTNAME", NULL, 0, "the host, of several the first", NULL },
	{ "port", "PORT", NULL, 0, "its port, if it is given", NULL },
	{ "name", "NAME", NULL, 0, "the path without its slash, unless it is empty", NULL },
};
const size_t n_url_fields = LEN(url_fields);

static const struct field sql_fields[] = {
	{ "jdbc-url", NULL, "spring.datasource.url", FIELD_READ | FIELD_NOT_EMPTY, "`jdbc:`, scheme, host, port and path of the first URL", NULL },
	{ "username", NULL, "spring.datasource.username", FIELD_READ | FIELD_NOT_EMPTY, "the user", NULL },
	{ "password", NULL, "spring.datasource.password", FIELD_READ | FIELD_NOT_EMPTY | FIELD_SECRET, "the password", NULL },
	{ "jdbc-url", NULL, "spring.jpa.hibernate.ddl-auto", FIELD_READ | FIELD_NOT_EMPTY, "tables are the migrations' affair", "none" },
};

static const struct field mongodb_fields[] = {
	{ "first-url", NULL, "spring.data.mongodb.uri", FIELD_READ | FIELD_NOT_EMPTY, "the URL, of several the first", NULL },
};

static const struct field openfga_fields[] = {
	{ "store_id", "STORE_ID", "openfga.store-id", 0, NULL, NULL },
	{ "token", "TOKEN", "openfga.credentials.config.api-token", FIELD_SECRET, "`token`, or that of the secret `token_secret_id`", NULL },
	{ "grpc_api_url", "GRPC_API_URL", NULL, 0, NULL, NULL },
	{ "http_api_url", "HTTP_API_URL", "openfga.api-url", 0, NULL, NULL },
	{ "http_api_url", NULL, "openfga.credentials.method", 0, NULL, "API_TOKEN" },
};

static const struct field rabbitmq_fields[] = {
	{ "vhost", "VHOST", "spring.rabbitmq.virtual-host", FIELD_READ, "the virtual host", NULL },
	{ "urls", "CONNECT_STRINGS", NULL, FIELD_READ | FIELD_SECRET, "the URLs of all hosts, with commas between them", NULL },
	{ "username", NULL, "spring.rabbitmq.username", FIELD_READ, "the user", NULL },
	{ "password", NULL, "spring.rabbitmq.password", FIELD_READ | FIELD_SECRET, "the password", NULL },
	{ "host", NULL, "spring.rabbitmq.host", FIELD_READ, "the first host", NULL },
	{ "port", NULL, "spring.rabbitmq.port", FIELD_READ, "its port", NULL },
};

static const struct field redis_fields[] = {
	{ "url", NULL, "spring.data.redis.url", FIELD_READ, "the whole URL", NULL },
	{ "hostname", NULL, "spring.data.redis.host", FIELD_READ | FIELD_NOT_EMPTY, "its host", NULL },
	{ "spring-port", NULL, "spring.data.redis.port", FIELD_READ, "its port, unless that is 0", NULL },
	{ "username", NULL, "spring.data.redis.username", FIELD_READ | FIELD_NOT_EMPTY, "its user", NULL },
	{ "password", NULL, "spring.data.redis.password", FIELD_READ | FIELD_NOT_EMPTY | FIELD_SECRET, "its password", NULL },
};

static const struct field valkey_fields[] = {
	{ "read-only-endpoints", "READ_ONLY_ENDPOINTS", NULL, FIELD_READ, "`read-only-endpoints` of the answer, or empty", NULL },
	{ "sentinel-endpoints", "SENTINEL_ENDPOINTS", NULL, FIELD_READ, "`sentinel-endpoints` of the answer, or empty", NULL },
	{ "mode", "VALKEY_MODE", NULL, FIELD_READ | FIELD_WHOLE, "`mode` of the answer, or empty", NULL },
	{ "version", "VALKEY_VERSION", NULL, FIELD_READ | FIELD_WHOLE, "`version` of the answer, or empty", NULL },
};

static const struct field s3_fields[] = {
	{ "access-key", "ACCESS_KEY", "spring.cloud.aws.credentials.accessKey", FIELD_REQUIRED, NULL, NULL },
	{ "secret-key", "SECRET_KEY", "spring.cloud.aws.credentials.secretKey", FIELD_REQUIRED | FIELD_SECRET, NULL, NULL },
	{ "region", "REGION", "spring.cloud.aws.region.static", FIELD_NOT_EMPTY, NULL, NULL },
	{ "storage-class", "STORAGE_CLASS", NULL, 0, NULL, NULL },
	{ "bucket", "BUCKET", "spring.cloud.aws.s3.bucket", FIELD_REQUIRED, NULL, NULL },
	{ "endpoint", "ENDPOINT", "spring.cloud.aws.s3.endpoint", FIELD_NOT_EMPTY, NULL, NULL },
	{ "path", "PATH", NULL, 0, NULL, NULL },
	{ "s3-api-version", "API_VERSION", NULL, 0, NULL, NULL },
	{ "s3-uri-style", "URI_STYLE", NULL, 0, NULL, NULL },
	{ "addressing-style", "ADDRESSING_STYLE", NULL, FIELD_READ, "`s3-uri-style` in boto's words: `host` is `virtual`", NULL },
	{ "attributes", "ATTRIBUTES", NULL, FIELD_READ, "`attributes`, a JSON list, unless it is empty", NULL },
	{ "tls-ca-chain", "TLS_CA_CHAIN", NULL, FIELD_READ, "`tls-ca-chain`, a JSON list, unless it is empty", NULL },
};

#define SAML_PROPERTY "spring.security.saml2.relyingparty.registration.testentity."
static const struct field saml_fields[] = {
	{ "entity_id", "ENTITY_ID", SAML_PROPERTY "entity-id", FIELD_READ, "`entity_id`", NULL },
	{ "metadata_url", "METADATA_URL", NULL, FIELD_READ, "`metadata_url`, normalised", NULL },
	{ "metadata-unicode", NULL, SAML_PROPERTY "assertingparty.metadata-uri", FIELD_READ, "`metadata_url`, normalised, the host in Unicode", NULL },
	{ "redirect-url", "SINGLE_SIGN_ON_REDIRECT_URL", SAML_PROPERTY "assertingparty.singlesignin.url", FIELD_READ,
	  "`single_sign_on_service_redirect_url`, normalised", NULL },
	{ "certificate", "SIGNING_CERTIFICATE", NULL, FIELD_READ, "the first of `x509certs`", NULL },
	{ "certificate", NULL, SAML_PROPERTY "assertingparty.verification.credentials[0].certificate-location", FIELD_READ | FIELD_NOT_EMPTY,
	  "the file that holds it", "file:/app/saml.cert" },
};

static const struct field smtp_fields[] = {
	{ "host", "HOST", "spring.mail.host", FIELD_READ | FIELD_NOT_NONE, "`host`", NULL },
	{ "port", "PORT", "spring.mail.port", FIELD_READ, "`port`", NULL },
	{ "user", "USER", NULL, FIELD_READ | FIELD_NOT_NONE, "`user`", NULL },
	{ "mail-user", NULL, "spring.mail.username", FIELD_READ, "`user`, or `user`@`domain`", NULL },
	{ "password", "PASSWORD", "spring.mail.password", FIELD_READ | FIELD_NOT_NONE | FIELD_SECRET,
	  "`password`, or that of the secret `password_id`", NULL },
	{ "auth_type", "AUTH_TYPE", "spring.mail.properties.mail.smtp.auth", FIELD_READ | FIELD_NOT_NONE, "`auth_type`", NULL },
	{ "transport_security", "TRANSPORT_SECURITY", NULL, FIELD_READ | FIELD_NOT_NONE, "`transport_security`", NULL },
	{ "starttls", NULL, "spring.mail.properties.mail.smtp.starttls.enable", FIELD_READ, "is `transport_security` `starttls`?", NULL },
	{ "domain", "DOMAIN", NULL, FIELD_READ | FIELD_NOT_NONE, "`domain`", NULL },
	{ "skip_ssl_verify", "SKIP_SSL_VERIFY", NULL, FIELD_READ, "`skip_ssl_verify`: `True` or `False`", NULL },
};

static const struct field tracing_fields[] = {
	{ "endpoint", "EXPORTER_OTLP_ENDPOINT", NULL, FIELD_READ, "the URL of the receiver `otlp_http`, normalised", NULL },
	{ "service", "SERVICE_NAME", NULL, FIELD_READ, "the application's name", NULL },
};

#define CLIENT "spring.security.oauth2.client.registration.*."
#define PROVIDER "spring.security.oauth2.client.provider.*."
static const struct field oauth_fields[] = {
	{ "client_id", "CLIENT_ID", CLIENT "client-id", 0, NULL, NULL },
	{ "client-secret", "CLIENT_SECRET", CLIENT "client-secret", FIELD_READ | FIELD_SECRET, "`secret` of the secret `client_secret_id`", NULL },
	{ "issuer_url", "API_BASE_URL", PROVIDER "issuer-uri", FIELD_REQUIRED, NULL, NULL },
	{ "authorization_endpoint", "AUTHORIZE_URL", PROVIDER "authorization-uri", FIELD_REQUIRED, NULL, NULL },
	{ "token_endpoint", "ACCESS_TOKEN_URL", PROVIDER "token-uri", FIELD_REQUIRED, NULL, NULL },
	{ "introspection_endpoint", NULL, NULL, FIELD_REQUIRED, NULL, NULL },
	{ "userinfo_endpoint", "USER_URL", PROVIDER "user-info-uri", FIELD_REQUIRED, NULL, NULL },
	{ "kwargs", "CLIENT_KWARGS", NULL, FIELD_READ, "the option `<endpoint>-scopes` as `{\"scope\": ...}`", NULL },
	{ "jwks_endpoint", "JWKS_URL", PROVIDER "jwk-set-uri", FIELD_REQUIRED, NULL, NULL },
	{ "scope", NULL, NULL, FIELD_REQUIRED, NULL, NULL },
	{ "redirect-uri", NULL, CLIENT "redirect-uri", FIELD_READ, "our address with the option `<endpoint>-redirect-path`", NULL },
	{ "scopes", NULL, CLIENT "scope", FIELD_READ, "the option `<endpoint>-scopes`, with commas", NULL },
	{ "user-name", NULL, CLIENT "user-name-attribute", FIELD_READ, "the option `<endpoint>-user-name-attribute`", NULL },
	{ "user-name", NULL, PROVIDER "user-name-attribute", FIELD_READ, "the same", NULL },
	{ "client_id", NULL, CLIENT "authorization-grant-type", FIELD_READ, NULL, "authorization_code" },
};

/* --- Requests --- */

#define REQUESTED "[\"username\", \"password\", \"tls\", \"tls-ca\", \"uris\", \"read-only-uris\", \"entity-name\", \"entity-password\"]"
static const struct request database_requests[] = {
	{ "requested-secrets", REQUESTED, TO_APP | TO_UNIT | IF_SECRETS },
	{ "provided-secrets", "[\"mtls-cert\"]", TO_APP | TO_UNIT | IF_SECRETS | IF_SAME_MODEL },
	{ "database", NULL, TO_APP },
};
static const struct request s3_requests[] = { { "bucket", NULL, TO_APP } };
static const struct request openfga_requests[] = { { "store_name", "app-store", TO_APP | ONLY_V1 }, { "store_name", NULL, TO_APP | ONLY_V2 } };
static const struct request rabbitmq_requests[] = { { "username", NULL, TO_APP }, { "vhost", "/", TO_APP } };
static const struct request tracing_requests[] = { { "receivers", "[\"otlp_http\"]", TO_APP } };

/* --- The table --- */

#define FIELDS(table) .fields = (table), .n_fields = LEN(table)
#define REQUESTS(table) .requests = (table), .n_requests = LEN(table)

static const struct integration integrations[] = {
	{
		.name = "ingress", .endpoint = "ingress", .interface = "ingress", .role = ROLE_REQUIRES, .order = 1,
		.reads = READ_REMOTE_APP | READ_LOCAL_APP | READ_LOCAL_UNIT | READ_ADDRESS, .read = ingress_read, .publish = ingress_publish,
	}, {
		.name = "postgresql", .interface = "postgresql_client", .role = ROLE_REQUIRES, .order = 2, .place = 6, .missing = 1,
		.database = true, .migrates = true, .generic = true, .url = URL_NAMED, .prefix = "POSTGRESQL_DB_", FIELDS(sql_fields),
		.reads = READ_REMOTE_APP | READ_LOCAL_APP | READ_LOCAL_UNIT, REQUESTS(database_requests),
		.read = database_read, .secrets = database_secrets, .publish = database_publish,
	}, {
		.name = "mysql", .interface = "mysql_client", .role = ROLE_REQUIRES, .order = 2, .place = 6, .missing = 1,
		.database = true, .migrates = true, .generic = true, .url = URL_NAMED, .prefix = "MYSQL_DB_", FIELDS(sql_fields),
		.reads = READ_REMOTE_APP | READ_LOCAL_APP | READ_LOCAL_UNIT, REQUESTS(database_requests),
		.read = database_read, .secrets = database_secrets, .publish = database_publish,
	}, {
		.name = "mongodb", .interface = "mongodb_client", .role = ROLE_REQUIRES, .order = 2, .place = 6, .missing = 1,
		.database = true, .migrates = true, .url = URL_NAMED, .prefix = "MONGODB_DB_", FIELDS(mongodb_fields),
		.reads = READ_REMOTE_APP | READ_LOCAL_APP | READ_LOCAL_UNIT, REQUESTS(database_requests),
		.read = database_read, .secrets = database_secrets, .publish = database_publish,
	}, {
		.name = "openfga", .endpoint = "openfga", .interface = "openfga", .role = ROLE_REQUIRES, .order = 3, .place = 1, .missing = 5,
		.single = true, .prefix = "FGA_", FIELDS(openfga_fields), .reads = READ_REMOTE_APP | READ_LOCAL_APP, REQUESTS(openfga_requests),
		.read = openfga_read, .secrets = openfga_secrets,
	}, {
		.name = "rabbitmq", .endpoint = "rabbitmq", .interface = "rabbitmq", .role = ROLE_REQUIRES, .order = 4, .place = 2, .missing = 2,
		.single = true, .migrates = true, .url = URL_PARTS, .prefix = "RABBITMQ_", FIELDS(rabbitmq_fields),
		.reads = READ_REMOTE_APP | READ_REMOTE_UNITS | READ_LOCAL_APP, REQUESTS(rabbitmq_requests), .read = rabbitmq_read,
	}, {
		.name = "redis", .endpoint = "redis", .interface = "redis", .role = ROLE_REQUIRES, .order = 5, .place = 3, .missing = 3,
		.single = true, .migrates = true, .url = URL_NAMED, .prefix = "REDIS_DB_", FIELDS(redis_fields),
		.reads = READ_REMOTE_APP | READ_REMOTE_UNITS | READ_FIRST_UNIT, .read = redis_read,
	}, {
		.name = "valkey", .endpoint = "valkey", .interface = "valkey_client", .role = ROLE_REQUIRES, .order = 6, .place = 4, .missing = 10,
		.single = true, .migrates = true, .generic = true, .url = URL_NAMED, .prefix = "VALKEY_DB_", FIELDS(valkey_fields),
		.reads = READ_REMOTE_APP | READ_LOCAL_APP | READ_LOCAL_UNIT,
		.read = valkey_read, .secrets = valkey_secrets, .publish = valkey_publish,
	}, {
		.name = "s3", .endpoint = "s3", .interface = "s3", .role = ROLE_REQUIRES, .order = 7, .place = 5, .missing = 4,
		.migrates = true, .prefix = "S3_", FIELDS(s3_fields), .reads = READ_REMOTE_APP | READ_LOCAL_APP, REQUESTS(s3_requests),
		.read = s3_read,
	}, {
		.name = "saml", .endpoint = "saml", .interface = "saml", .role = ROLE_REQUIRES, .order = 8, .place = 7, .missing = 6,
		.single = true, .migrates = true, .prefix = "SAML_", FIELDS(saml_fields), .reads = READ_REMOTE_APP, .read = saml_read,
	}, {
		.name = "smtp", .endpoint = "smtp", .interface = "smtp", .role = ROLE_REQUIRES, .order = 9, .place = 8, .missing = 8,
		.single = true, .prefix = "SMTP_", FIELDS(smtp_fields), .reads = READ_REMOTE_APP, .read = smtp_read, .secrets = smtp_secrets,
	}, {
		.name = "tracing", .endpoint = "tracing", .interface = "tracing", .role = ROLE_REQUIRES, .order = 10, .place = 9, .missing = 7,
		.generic = true, .prefix = "OTEL_", FIELDS(tracing_fields),
		.reads = READ_REMOTE_APP | READ_LOCAL_APP, REQUESTS(tracing_requests), .whole = true, .read = tracing_read,
	}, {
		.name = "oauth", .interface = "oauth", .role = ROLE_REQUIRES, .order = 11, .place = 10, .missing = 9,
		.single = true, FIELDS(oauth_fields), .reads = READ_REMOTE_APP | READ_LOCAL_APP,
		.read = oauth_read, .secrets = oauth_secrets, .publish = oauth_publish,
	}, {
		.name = "http-proxy", .endpoint = "http-proxy", .interface = "http_proxy", .role = ROLE_REQUIRES, .order = 12, .missing = 11,
		.single = true, .reads = READ_REMOTE_APP | READ_LOCAL_APP,
		.read = http_proxy_read, .secrets = http_proxy_secrets, .publish = http_proxy_publish,
	}, {
		.name = "charm-tracing", .endpoint = "charm-tracing", .interface = "tracing", .role = ROLE_REQUIRES, .order = 13, .harmless = true,
		.reads = READ_REMOTE_APP | READ_LOCAL_APP, REQUESTS(tracing_requests), .whole = true, .read = charm_tracing_read,
	}, {
		/* The peers' databag of the application is open to every unit. */
		.name = "secret-storage", .endpoint = "secret-storage", .role = ROLE_PEERS, .reads = READ_UNIT_NAMES | READ_LOCAL_APP,
	},
	/* What these three publish is observability.c's. */
	{
		.name = "metrics-endpoint", .endpoint = "metrics-endpoint", .interface = "prometheus_scrape", .role = ROLE_PROVIDES,
		.reads = READ_ADDRESS | READ_LOCAL_UNIT | READ_LOCAL_APP,
	}, {
		.name = "grafana-dashboard", .endpoint = "grafana-dashboard", .interface = "grafana_dashboard", .role = ROLE_PROVIDES,
		.reads = READ_LOCAL_APP,
	}, {
		.name = "logging", .endpoint = "logging", .interface = "loki_push_api", .role = ROLE_REQUIRES,
		.reads = READ_REMOTE_UNITS | READ_LOCAL_APP,
	},
};

const struct integration *integration_nth(size_t n)
{
	return n < LEN(integrations) ? &integrations[n] : NULL;
}

static const struct integration *row_of(const struct endpoint *endpoint)
{
	for (size_t i = 0; i < LEN(integrations); i++) {
		const struct integration *row = &integrations[i];

		if (endpoint->role == row->role && (!row->interface || str_is(endpoint->interface, row->interface)) &&
		    (!row->endpoint || str_is(endpoint->name, row->endpoint)))
			return row;
	}
	return NULL;
}

static size_t endpoints_of(const struct charm *charm, const struct integration *row)
{
	size_t n = 0;

	for (size_t i = 0; i < charm->n_endpoints; i++)
		n += row_of(&charm->endpoints[i]) == row;
	return n;
}

static bool is_oauth(const struct integration *row)
{
	return row && str_is(str_of(row->name), "oauth");
}

const struct integration *integration_of(const struct charm *charm, const struct endpoint *endpoint)
{
	const struct integration *row = row_of(endpoint);

	/* Which of several providers would be the app's? None is: the status asks for a decision. */
	return is_oauth(row) && endpoints_of(charm, row) > 1 ? NULL : row;
}

const char *integration_name(const struct integration *row)
{
	return row->name;
}

unsigned integration_reads(const struct integration *row, const struct snapshot *s)
{
	if (!s->leader && row->role != ROLE_PEERS)
		return row->reads & ~(unsigned)READ_LOCAL_APP;
	/* What we offer to keep in secrets, which the leader says, depends on it. */
	return row->database && version_at_least(s->hook.juju_version, 3, 0, 3) ? row->reads | READ_MODEL : row->reads;
}

/* What a bag already holds was decided when it was written first: a relation does not move between models. */
static bool requested(const struct node *bag)
{
	return node_get(bag, "requested-secrets") != NULL;
}

bool relation_needs_model(const struct relation *r)
{
	return !requested(r->local_app) || !requested(r->local_unit);
}

void relation_secrets(const struct snapshot *s, struct relation *r)
{
	if (r->integration && r->integration->secrets)
		r->integration->secrets(s, r);
}

/* --- Values under way --- */

struct str relation_name(struct arena *a, const struct relation *r)
{
	return str_f(a, FMT ":%d", ARG(r->endpoint->name), r->id);
}

struct value *value_add(struct reading *r, const char *name, struct str text, struct str key, struct str of)
{
	r->values = arena_grow(r->arena, r->values, r->n_values, sizeof *r->values);
	r->values[r->n_values] = (struct value){ .name = str_of(name), .text = text, .key = key, .of = of };
	return &r->values[r->n_values++];
}

const struct value *value_find(const struct reading *r, const char *name)
{
	for (size_t i = 0; i < r->n_values; i++)
		if (str_is(r->values[i].name, name))
			return &r->values[i];
	return NULL;
}

struct str text_said(struct str text)
{
	return str_is(text, "None") || str_is(text, "null") ? NOSTR : text;
}

struct str bag_text(const struct node *bag, const char *key)
{
	return text_said(node_gets(bag, key));
}

int bag_json(struct arena *a, const struct node *bag, const char *key, struct node **value, struct err *err)
{
	struct str text = bag_text(bag, key);

	*value = NULL;
	if (!text.p)
		return 0;
	if (json_parse(a, text, value, err) < 0)
		return err_wrap(err, "%s: no JSON", key);
	if ((*value)->kind == NODE_NULL)
		*value = NULL;
	return 0;
}

int secret_content(struct reading *r, const char *field, const struct node **content, struct err *err)
{
	*content = NULL;
	for (size_t i = 0; i < r->relation->n_secrets; i++) {
		const struct secret *secret = &r->relation->secrets[i];

		if (!str_is(secret->field, field))
			continue;
		if (secret->answer != ANSWER_OK) {
			r->status = str_f(r->arena, "cannot read the secret of " FMT, ARG(r->endpoint->name));
			return err_set(err, ERR_INPUT, "%s: the secret it names %s", field,
			               secret->answer == ANSWER_NOT_FOUND ? "is not there" : "is not granted to us");
		}
		*content = secret->content;
	}
	return 0;
}

/* A list of URLs makes a strange path, one that may hold passwords. */
static bool may_hide_password(struct str text)
{
	return str_contains(text, S("://")) || str_contains(text, S("password="));
}

int url_values(struct reading *r, struct str text, struct str user, struct str password, struct str key, struct str of, struct err *err)
{
	struct url url;
	struct value *v;

	if (text.n == 0)
		return 0;
	if (url_split(r->arena, text, &url, err) < 0)
		return err_wrap(err, FMT, ARG(key));
	value_add(r, "url", text, key, of)->secret = url.password.n > 0 || may_hide_password(str_sub(text, url.scheme.n + 3, text.n));
	value_add(r, "scheme", url.scheme, key, of);
	value_add(r, "netloc", url.netloc, key, of)->secret = url.password.n > 0;
	value_add(r, "path", url.path, key, of)->secret = may_hide_password(url.path);
	value_add(r, "params", url.params, key, of)->secret = may_hide_password(url.params);
	value_add(r, "query", url.query, key, of)->secret = may_hide_password(url.query);
	value_add(r, "fragment", url.fragment, key, of)->secret = may_hide_password(url.fragment);
	value_add(r, "username", url.username.p && user.p ? user : url.username, key, of);
	value_add(r, "password", url.password.p && password.p ? password : url.password, key, of)->secret = true;
	value_add(r, "hostname", url.hostname, key, of);
	value_add(r, "port", url.port, key, of);
	if (url.path.n > 0) {
		v = value_add(r, "name", str_starts(url.path, "/") ? str_sub(url.path, 1, url.path.n) : url.path, key, of);
		v->secret = may_hide_password(url.path);
	}
	return 0;
}

/* --- Reading all relations --- */

/* Data is enough: each field from the remote application's bag. */
static int fields_read(struct reading *r, struct err *err)
{
	for (size_t i = 0; i < r->row->n_fields; i++) {
		const struct field *f = &r->row->fields[i];
		struct str text = bag_text(r->relation->remote_app, f->value);

		if (f->flags & FIELD_READ)
			continue;
		if (text.p && !value_find(r, f->value))
			value_add(r, f->value, text, str_of(f->value), r->relation->app);
		if (!text.p && f->flags & FIELD_REQUIRED)
			return err_set(err, ERR_INPUT, "%s: missing", f->value);
	}
	return 0;
}

static void reading_failed(struct reading *r, struct wanted *w, struct err *err)
{
	struct str what = r->row->database ? r->endpoint->name : str_of(r->row->name);

	if (!r->status.p)
		r->status = str_f(r->arena, "Invalid " FMT " relation data.", ARG(what));
	want_log(w, r->row->harmless ? LOG_WARNING : LOG_ERROR, FMT ": " FMT ": %s", ARG(relation_name(r->arena, r->relation)),
	         ARG(r->row->harmless ? S("ignored") : r->status), err->msg);
	r->ready = false;
	r->failed = true;
	if (!r->row->harmless && !r->out->blocked.p)
		r->out->blocked = r->status;
}

static void endpoint_read(struct reading *r, struct wanted *w)
{
	struct err err = { .arena = r->arena };

	r->relation = relation_nth(r->s, r->endpoint, 0);
	if (!r->relation)
		return;
	if (relation_nth(r->s, r->endpoint, 1) && (r->row->single || r->endpoint->limit == 1)) {
		err_set(&err, ERR_INPUT, "%s", "more than one relation on this endpoint, remove all but one");
		reading_failed(r, w, &err);
		return;
	}
	/* Of several S3 providers the one that can be named counts. */
	for (size_t n = 1; !r->relation->app.p && relation_nth(r->s, r->endpoint, n); n++)
		r->relation = relation_nth(r->s, r->endpoint, n);
	if (r->row->read(r, &err) < 0 || (r->ready && fields_read(r, &err) < 0))
		reading_failed(r, w, &err);
}

/* --- From values to variables --- */

/* The first endpoint of a database's interface has the interface's prefix, a further one its own name. */
static bool is_first(const struct charm *charm, const struct endpoint *endpoint)
{
	for (size_t i = 0; i < charm->n_endpoints; i++)
		if (row_of(&charm->endpoints[i]) == row_of(endpoint))
			return &charm->endpoints[i] == endpoint;
	return true;
}

struct str integration_prefix(struct arena *a, const struct integration *row, const struct charm *charm, const struct endpoint *endpoint)
{
	struct str name = str_upper(a, endpoint->name);

	if (!row->prefix)   /* dashes stay: apps know these variables so */
		return str_f(a, "%s" FMT "_", charm->framework->config_prefix, ARG(name));
	if (row->database && !is_first(charm, endpoint))
		return str_f(a, FMT "_DB_", ARG(str_replace(a, name, '-', '_')));
	return str_of(row->prefix);
}

/* "a.*.b" with the endpoint's name. */
static struct str property_name(struct arena *a, const char *pattern, struct str endpoint)
{
	struct str text = str_of(pattern);
	ptrdiff_t star = str_find(text, '*');

	return star < 0 ? text : str_f(a, FMT FMT FMT, ARG(str_sub(text, 0, (size_t)star)), ARG(endpoint),
	                               ARG(str_sub(text, (size_t)star + 1, text.n)));
}

static void variable_put(const struct reading *r, struct env *env, struct str name, const struct field *f, const struct value *v)
{
	struct origin origin = { ORIGIN_RELATION, relation_name(r->arena, r->relation), v->key, v->of };
	struct variable *variable = env_put(env, name, f->constant ? str_of(f->constant) : v->text, origin);

	variable->secret = !f->constant && (f->flags & FIELD_SECRET || v->secret);
	variable->migrates = r->row->migrates;
}

static void field_put(const struct reading *r, struct env *env, struct str prefix, const struct field *f, bool spring)
{
	const struct value *v = value_find(r, f->value);

	if (!v || !text_said(v->text).p)
		return;
	if (spring && f->property && (v->text.n > 0 || !(f->flags & FIELD_NOT_EMPTY)))
		variable_put(r, env, property_name(r->arena, f->property, r->endpoint->name), f, v);
	if (f->variable && (!spring || r->row->generic) && !(f->flags & FIELD_NOT_NONE && str_is(v->text, "none")))
		variable_put(r, env, f->flags & FIELD_WHOLE ? str_of(f->variable) : str_f(r->arena, FMT "%s", ARG(prefix), f->variable), f, v);
}

static void reading_variables(const struct reading *r, struct env *env)
{
	bool spring = r->s->charm->framework->spring;
	struct str prefix = integration_prefix(r->arena, r->row, r->s->charm, r->endpoint);

	for (size_t i = 0; r->row->url != URL_NONE && i < n_url_fields; i++)
		if (r->row->url == URL_NAMED || !str_is(str_of(url_fields[i].value), "name"))
			field_put(r, env, prefix, &url_fields[i], spring);
	for (size_t i = 0; i < r->row->n_fields; i++)
		field_put(r, env, prefix, &r->row->fields[i], spring);
}

/* --- Decide --- */

static void scopes_decide(const struct reading *oauth, struct integrations *out)
{
	struct str scopes = endpoint_option(oauth->s, oauth->endpoint, "-scopes", NOSTR);

	if (!str_contains(scopes, S("openid")))
		out->scopes_check = S("The 'openid' scope is required for OAuth integration, please add it to the scopes.");
}

void integrations_decide(const struct snapshot *s, int port, struct integrations *out, struct wanted *w)
{
	const struct charm *charm = s->charm;
	struct reading *readings = arena_alloc(s->arena, (charm->n_endpoints + 1) * sizeof *readings);

	*out = (struct integrations){ .env.arena = s->arena };
	out->base_url = str_f(s->arena, "http://" FMT "." FMT ":%d", ARG(s->hook.app), ARG(s->hook.model), port);
	for (size_t i = 0; i < charm->n_endpoints; i++) {
		const struct integration *row = row_of(&charm->endpoints[i]);

		if (is_oauth(row) && !integration_of(charm, &charm->endpoints[i]))
			out->several_oauth = true;
		readings[i] = (struct reading){ .s = s, .arena = s->arena, .row = integration_of(charm, &charm->endpoints[i]),
		                                .endpoint = &charm->endpoints[i], .out = out };
	}
	for (unsigned order = 1; order <= LEN(integrations); order++)
		for (size_t i = 0; i < charm->n_endpoints; i++)
			if (readings[i].row && readings[i].row->order == order)
				endpoint_read(&readings[i], w);
	for (unsigned place = 1; place <= LEN(integrations); place++)
		for (size_t i = 0; i < charm->n_endpoints; i++) {
			const struct reading *r = &readings[i];

			if (r->row && r->row->place == place && r->ready)
				reading_variables(r, &out->env);
			if (r->row && r->row->missing == place && !r->ready && !r->failed && !r->endpoint->optional)
				strs_add(s->arena, &out->missing, r->row->database && !is_first(charm, r->endpoint) ? r->endpoint->name
				                                                                                  : str_of(r->row->name));
		}
	for (size_t i = 0; i < charm->n_endpoints; i++) {
		const struct reading *r = &readings[i];

		if (!r->row)
			continue;
		out->database_ready |= r->row->database && r->ready;
		if (is_oauth(r->row))
			scopes_decide(r, out);
	}
}

/* --- The peers' secret key --- */

struct str secret_key_decide(const struct snapshot *s, bool rotate, struct wanted *w)
{
	const struct relation *r = NULL;
	struct str name = secret_key_name(s->arena, s->charm), key;
	char bytes[64];

	for (size_t i = 0; i < s->n_relations && !r; i++)
		if (s->relations[i].integration && str_is(str_of(s->relations[i].integration->name), "secret-storage"))
			r = &s->relations[i];
	if (!r)
		return NOSTR;
	key = node_text(node_find(r->local_app, name));
	if (key.n > 0 && !rotate)
		return key;
	/* An action works with what is there: it does not begin what a hook has not begun. */
	if (!s->leader || (key.n == 0 && s->hook.action))
		return key.n > 0 ? key : NOSTR;
	crypto_expand(s->seed, "secret key", bytes, sizeof bytes);
	key = base64url_encode(s->arena, (struct str){ bytes, sizeof bytes });
	node_put(s->arena, want_bag(w, r, true)->data, name, node_str(s->arena, key));
	return key;
}
