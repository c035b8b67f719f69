/* integrations.c: reading an integration where copying databag keys is not enough.
 *
 * A reader looks at one relation of the snapshot and leaves values in its reading; the row says what becomes of them. Missing data is
 * no error: reading->ready stays false. An error's text names the key and the rule, never a value. */
#include "integrations.h"

#include "charm.h"
#include "crypto.h"
#include "frameworks.h"
#include "url.h"

#include <string.h>
#include <strings.h>

static int bad(struct err *err, const char *key, const char *rule)
{
	return err_set(err, ERR_INPUT, "%s: %s", key, rule);
}

static struct value *app_value(struct reading *r, const char *name, struct str text, const char *key)
{
	return value_add(r, name, text, str_of(key), r->relation->app);
}

/* "password of secret-user" */
static struct str secret_key(struct arena *a, const char *key, const char *field)
{
	return str_f(a, "%s of %s", key, field);
}

/* --- Juju secrets --- */

static void secret_add(const struct snapshot *s, struct relation *r, const char *field, struct str uri, struct str label)
{
	struct secret *secret;

	uri = str_trim(uri);
	if (uri.n == 0)
		return;
	if (!str_starts(uri, "secret:"))   /* a bare id is one of our model */
		uri = str_f(s->arena, "secret://" FMT "/" FMT, ARG(s->hook.model_uuid), ARG(uri));
	r->secrets = arena_grow(s->arena, r->secrets, r->n_secrets, sizeof *r->secrets);
	secret = &r->secrets[r->n_secrets++];
	*secret = (struct secret){ .field = str_of(field), .uri = uri, .label = label, .refresh = true };
}

void smtp_secrets(const struct snapshot *s, struct relation *r)
{
	if (!bag_text(r->remote_app, "password").p)
		secret_add(s, r, "password_id", bag_text(r->remote_app, "password_id"), NOSTR);
}

void openfga_secrets(const struct snapshot *s, struct relation *r)
{
	secret_add(s, r, "token_secret_id", bag_text(r->remote_app, "token_secret_id"), NOSTR);
}

void oauth_secrets(const struct snapshot *s, struct relation *r)
{
	if (bag_text(r->remote_app, "client_id").p)
		secret_add(s, r, "client_secret_id", bag_text(r->remote_app, "client_secret_id"), NOSTR);
}

/* --- Databases --- */

void database_secrets(const struct snapshot *s, struct relation *r)
{
	if (version_at_least(s->hook.juju_version, 3, 0, 3))
		secret_add(s, r, "secret-user", bag_text(r->remote_app, "secret-user"),
		           str_f(s->arena, FMT ".%d.user.secret", ARG(r->endpoint->name), r->id));
}

/* Relations older than secrets have credentials in our own bag: then everything is plain. */
static bool older_than_secrets(const struct relation *r)
{
	static const char *const names[] = { "username", "password", "tls", "tls-ca", "uris", "read-only-uris", "entity-name", "entity-password" };

	for (size_t i = 0; i < LEN(names); i++)
		if (node_get(r->local_app, names[i]))
			return true;
	return false;
}

/* The first of several URLs with commas between them; several hosts in one URL stay together. */
static struct str first_url(struct str urls)
{
	for (size_t i = 0; i < urls.n; i++) {
		size_t end = i + 1;

		if (urls.p[i] != ',')
			continue;
		while (end < urls.n && urls.p[end] != ':' && urls.p[end] != ',' && urls.p[end] != '/')
			end++;
		if (end > i + 1 && str_starts(str_sub(urls, end, urls.n), "://"))
			return str_sub(urls, 0, i);
	}
	return urls;
}

static int jdbc_value(struct reading *r, struct str text, struct str key, struct str of, struct err *err)
{
	struct url url;
	struct str host;

	if (url_split(r->arena, text, &url, err) < 0)
		return err_wrap(err, FMT, ARG(key));
	host = url.hostname.p ? url_host(r->arena, url.hostname) : S("");
	if (url.port.p)
		host = str_f(r->arena, FMT ":" FMT, ARG(host), ARG(url.port));
	value_add(r, "jdbc-url", str_f(r->arena, "jdbc:" FMT "://" FMT FMT, ARG(url.scheme), ARG(host), ARG(url.path)), key, of);
	return 0;
}

int database_read(struct reading *r, struct err *err)
{
	const struct node *bag = r->relation->remote_app, *credentials = bag, *content = NULL;
	struct str url, user = NOSTR, password = NOSTR, key = S("uris"), of = r->relation->app, endpoints, host, database;

	if (!older_than_secrets(r->relation) && secret_content(r, "secret-user", &content, err) < 0)
		return -1;
	if (bag_text(content, "username").p || bag_text(content, "password").p || bag_text(content, "uris").p) {
		credentials = content;
		key = secret_key(r->arena, "uris", "secret-user");
	}
	url = bag_text(credentials, "uris");
	if (!url.p) {
		user = bag_text(credentials, "username");
		password = bag_text(credentials, "password");
		endpoints = bag_text(bag, "endpoints");
		database = bag_text(bag, "database");
		if (user.n == 0 || password.n == 0 || endpoints.n == 0)
			return 0;
		str_split(&endpoints, ',', &host);
		url = str_f(r->arena, "%s://" FMT ":" FMT "@" FMT "/" FMT, r->row->name, ARG(url_encode(r->arena, user)),
		            ARG(url_encode(r->arena, password)), ARG(host), ARG(database.n > 0 ? database : r->s->hook.app));
		key = S("endpoints");
	}
	r->ready = true;
	if (url_values(r, url, user, password, key, of, err) < 0)
		return -1;
	if (url.n == 0)
		return 0;
	value_add(r, "first-url", first_url(url), key, of)->secret = value_find(r, "url")->secret;
	return jdbc_value(r, first_url(url), key, of, err);
}

/* --- Redis --- */

int redis_read(struct reading *r, struct err *err)
{
	const struct bag *unit = r->relation->units.n > 0 && r->relation->remote_units ? &r->relation->remote_units[0] : NULL;
	struct str host, port, of, url;
	const struct value *v;

	if (!unit || !unit->data || unit->data->count == 0)
		return 0;
	of = unit->owner;
	port = bag_text(unit->data, "port");
	host = bag_text(unit->data, "hostname");
	if (bag_text(r->relation->remote_app, "leader-host").p) {
		host = bag_text(r->relation->remote_app, "leader-host");
		of = r->relation->app;
	}
	if (!host.p)
		return 0;
	if (!port.p && host.n > 0 && str_find(host, ':') < 0 && str_find(host, '/') < 0)
		return 0;   /* the port is still to come */
	if (!port.p)
		return bad(err, "port", "missing, and the host is no plain name");
	url = str_f(r->arena, "redis://" FMT ":" FMT, ARG(host), ARG(port));
	if (url_normalise(r->arena, url, URL_ANY, &url, err) < 0)
		return err_wrap(err, "hostname or port");
	if (url_values(r, url, NOSTR, NOSTR, S("hostname"), of, err) < 0)
		return -1;
	v = value_find(r, "port");
	if (v->text.p && !str_is(v->text, "0"))
		value_add(r, "spring-port", v->text, S("port"), unit->owner);
	r->ready = true;
	return 0;
}

/* --- Valkey --- */

struct node *valkey_member(struct arena *a, const struct node *response, const char *name)
{
	static const char *const resources[] = { "database", "subject", "topic", "index", "plugin-url", "prefix" };
	struct node *member = node_get(response, name);

	if (!member)
		member = node_find(response, str_replace(a, str_of(name), '-', '_'));
	for (size_t i = 0; !member && str_is(str_of(name), "resource") && i < LEN(resources); i++)
		member = valkey_member(a, response, resources[i]);
	return member && member->kind != NODE_NULL ? member : NULL;
}

struct str request_id(struct arena *a, struct str resource, struct str salt)
{
	return str_sub(sha256_hex(a, str_f(a, FMT ":" FMT, ARG(resource), ARG(salt))), 0, 16);
}

struct str valkey_request_id(struct arena *a, const struct node *response)
{
	struct str id = node_text(valkey_member(a, response, "request-id"));
	struct str resource = node_text(valkey_member(a, response, "resource")), salt = node_text(valkey_member(a, response, "salt"));

	if (id.n > 0)
		return id;
	return resource.n > 0 && salt.n > 0 ? request_id(a, resource, salt) : NOSTR;
}

int valkey_response(struct arena *a, const struct relation *r, struct node **response, struct err *err)
{
	static const char *const texts[] = {
		"resource", "request-id", "salt", "endpoints", "read-only-endpoints", "sentinel-endpoints", "mode", "version",
		"secret-user", "secret-tls", "secret-extra", "secret-entity",
	};
	struct str version = bag_text(r->remote_app, "version");
	struct node *requests;

	*response = NULL;
	if (version.p && !str_is(version, "v1") && !str_is(version, "\"v1\""))
		return bad(err, "version", "not v1");
	if (bag_json(a, r->remote_app, "requests", &requests, err) < 0)
		return -1;
	if (!requests)
		return 0;
	if (requests->kind != NODE_LIST)
		return bad(err, "requests", "no list");
	NODE_EACH (item, requests) {
		if (item->kind != NODE_MAP)
			return bad(err, "requests", "not a list of objects");
		for (size_t i = 0; i < LEN(texts); i++) {
			struct node *member = valkey_member(a, item, texts[i]);

			if (member && (member->kind == NODE_LIST || member->kind == NODE_MAP || member->kind == NODE_BOOL))
				return err_set(err, ERR_INPUT, "requests: %s: no text", texts[i]);
			if (member && str_starts(str_of(texts[i]), "secret-") && !str_contains(node_text(member), S("secret:")))
				return err_set(err, ERR_INPUT, "requests: %s: no URI of a secret", texts[i]);
		}
	}
	*response = requests->child;
	return 0;
}

void valkey_secrets(const struct snapshot *s, struct relation *r)
{
	static const char *const groups[] = { "user", "tls" };
	struct err err = { .arena = s->arena };
	struct node *response;
	struct str id;

	if (valkey_response(s->arena, r, &response, &err) < 0 || !response)
		return;   /* valkey_read says what is wrong */
	id = valkey_request_id(s->arena, response);
	for (size_t i = 0; i < LEN(groups); i++) {
		const char *field = i == 0 ? "secret-user" : "secret-tls";
		struct str label = id.p ? str_f(s->arena, FMT ".%d." FMT ".%s.secret", ARG(r->endpoint->name), r->id, ARG(id), groups[i]) : NOSTR;

		secret_add(s, r, field, node_text(valkey_member(s->arena, response, field)), label);
	}
}

int valkey_read(struct reading *r, struct err *err)
{
	static const char *const copied[] = { "read-only-endpoints", "sentinel-endpoints", "mode", "version" };
	const struct node *content, *tls;
	struct node *response;
	struct str endpoints, user, password, url, with_user = S("");
	size_t scheme = 0;

	if (valkey_response(r->arena, r->relation, &response, err) < 0)
		return -1;
	if (!response)
		return 0;
	if (secret_content(r, "secret-tls", &tls, err) < 0 || secret_content(r, "secret-user", &content, err) < 0)
		return -1;
	if (str_is(str_lower(r->arena, node_gets(tls, "tls")), "true"))
		return bad(err, "secret-tls", "TLS is not supported");
	endpoints = bag_text(response, "endpoints");
	if (endpoints.n == 0)
		return 0;
	user = bag_text(content, "username");
	password = bag_text(content, "password");
	if (user.n > 0)
		with_user = str_f(r->arena, FMT "%s" FMT "@", ARG(url_encode(r->arena, user)), password.p ? ":" : "",
		                  ARG(password.p ? url_encode(r->arena, password) : S("")));
	for (size_t i = 0; i + 3 <= endpoints.n && scheme == 0; i++)
		if (str_starts(str_sub(endpoints, i, endpoints.n), "://"))
			scheme = i + 3;
	url = str_f(r->arena, FMT FMT FMT, ARG(scheme ? str_sub(endpoints, 0, scheme) : S("valkey://")), ARG(with_user),
	            ARG(str_sub(endpoints, scheme, endpoints.n)));
	if (url_values(r, url, user, password, S("requests: endpoints"), r->relation->app, err) < 0)
		return -1;
	for (size_t i = 0; i < LEN(copied); i++) {
		struct str text = text_said(node_text(valkey_member(r->arena, response, copied[i])));

		value_add(r, copied[i], text.p ? text : S(""), str_f(r->arena, "requests: %s", copied[i]), r->relation->app);
	}
	r->ready = true;
	return 0;
}

/* --- RabbitMQ --- */

/* Two kinds of provider: one has the credentials in its application's bag, the other in its units' bags. */
int rabbitmq_read(struct reading *r, struct err *err)
{
	const struct relation *relation = r->relation;
	struct str host = bag_text(relation->remote_app, "hostname"), password = bag_text(relation->remote_app, "password");
	struct str of = relation->app, user = r->s->hook.app, url;
	struct strs hosts = { 0 }, urls = { 0 };

	for (size_t i = 0; relation->remote_units && i < relation->units.n; i++) {
		const struct node *unit = relation->remote_units[i].data;
		struct str unit_host = bag_text(unit, "hostname");

		if (unit_host.n > 0)
			strs_add(r->arena, &hosts, unit_host);
		if ((host.n == 0 || password.n == 0) && unit_host.n > 0 && bag_text(unit, "password").n > 0) {
			host = unit_host;
			password = bag_text(unit, "password");
			of = relation->units.v[i];
		}
	}
	if (host.n == 0 || password.n == 0)
		return 0;
	if (hosts.n == 0)
		strs_add(r->arena, &hosts, host);
	for (size_t i = 0; i <= hosts.n; i++) {
		url = str_f(r->arena, "amqp://" FMT ":" FMT "@" FMT ":5672/%%2F", ARG(url_encode(r->arena, user)),
		            ARG(url_encode(r->arena, password)), ARG(url_host(r->arena, i < hosts.n ? hosts.v[i] : host)));
		if (i < hosts.n)
			strs_add(r->arena, &urls, url);
	}
	if (url_values(r, url, user, password, S("hostname"), of, err) < 0)
		return -1;
	value_add(r, "urls", strs_join(r->arena, &urls, ","), S("hostname"), of);
	value_add(r, "vhost", S("/"), NOSTR, of);
	value_add(r, "host", host, S("hostname"), of);
	r->ready = true;
	return 0;
}

/* --- S3 --- */

/* A JSON list of text; one that is empty or null is none. */
static int list_value(struct reading *r, const char *key, struct err *err)
{
	struct node *list;

	if (bag_json(r->arena, r->relation->remote_app, key, &list, err) < 0)
		return -1;
	if (list && list->kind != NODE_LIST)
		return bad(err, key, "no list");
	NODE_EACH (item, list)
		if (item->kind != NODE_STRING)
			return bad(err, key, "not a list of texts");
	if (list && list->count > 0)
		app_value(r, key, json_text(r->arena, list, JSON_PYTHON), key);
	return 0;
}

int s3_read(struct reading *r, struct err *err)
{
	const struct node *bag = r->relation->remote_app;
	struct str style = bag_text(bag, "s3-uri-style");

	if (!bag || bag->count == 0 || (bag->count == 1 && node_get(bag, "data")))   /* "data" is the provider's own memory */
		return 0;
	if (style.p)
		app_value(r, "addressing-style", str_is(style, "host") ? S("virtual") : style, "s3-uri-style");
	if (list_value(r, "attributes", err) < 0 || list_value(r, "tls-ca-chain", err) < 0)
		return -1;
	r->ready = true;
	return 0;
}

/* --- SAML --- */

static bool is_redirect(struct str binding)
{
	for (size_t i = 0; i < binding.n; i++)
		if (str_starts(str_sub(binding, i, binding.n), "redirect"))
			return true;
	return false;
}

/* "single_sign_on_service_redirect_url": its three keys are checked; the URL that users are sent to becomes a value. */
static int saml_endpoint(struct reading *r, struct str key, struct err *err)
{
	const struct node *bag = r->relation->remote_app;
	struct str stem = str_sub(key, 0, key.n - 4), binding, url, answer;
	const char *binding_key = str_c(r->arena, str_f(r->arena, FMT "_binding", ARG(stem)));
	const char *answer_key = str_c(r->arena, str_f(r->arena, FMT "_response_url", ARG(stem)));

	url = bag_text(bag, str_c(r->arena, key));
	answer = bag_text(bag, answer_key);
	binding = bag_text(bag, binding_key);
	if (binding.n == 0)
		return bad(err, binding_key, "missing");
	if (answer.n > 0 && url_normalise(r->arena, answer, URL_HTTP, &answer, err) < 0)
		return err_wrap(err, "%s", answer_key);
	if (url.n == 0)
		return 0;
	if (url_normalise(r->arena, url, URL_HTTP, &url, err) < 0)
		return err_wrap(err, FMT, ARG(key));
	if ((str_is(stem, "single_sign_on_service_redirect") || str_is(stem, "single_sign_on_service_post")) &&
	    is_redirect(str_lower(r->arena, binding)) && !value_find(r, "redirect-url"))
		value_add(r, "redirect-url", url, key, r->relation->app);
	return 0;
}

int saml_read(struct reading *r, struct err *err)
{
	const struct node *bag = r->relation->remote_app;
	struct str entity = bag_text(bag, "entity_id"), url = bag_text(bag, "metadata_url"), certificates, certificate = S("");

	if (!bag || bag->count == 0)
		return 0;
	if (entity.n == 0)
		return bad(err, "entity_id", "missing");
	if (url.n > 0) {
		if (url_normalise(r->arena, url, URL_HTTP, &url, err) < 0)
			return err_wrap(err, "metadata_url");
		app_value(r, "metadata_url", url, "metadata_url");
		app_value(r, "metadata-unicode", url_unicode(r->arena, url), "metadata_url");
	}
	certificates = bag_text(bag, "x509certs");
	if (!certificates.p)
		return bad(err, "x509certs", "missing");
	NODE_EACH (member, bag)
		if ((str_ends(member->key, "_redirect_url") || str_ends(member->key, "_post_url")) && saml_endpoint(r, member->key, err) < 0)
			return -1;
	str_split(&certificates, ',', &certificate);
	app_value(r, "entity_id", entity, "entity_id");
	app_value(r, "certificate", certificate.p ? certificate : S(""), "x509certs");
	if (str_starts(certificate, "-----BEGIN CERTIFICATE-----"))
		r->out->saml_certificate = certificate;
	else if (certificate.n > 0)
		r->out->saml_certificate = str_f(r->arena, "-----BEGIN CERTIFICATE-----\n" FMT "\n-----END CERTIFICATE-----", ARG(certificate));
	r->ready = true;
	return 0;
}

/* --- SMTP --- */

static bool one_of_words(struct str text, const char *const *words)
{
	for (; *words; words++)
		if (str_is(text, *words))
			return true;
	return false;
}

/* Somebody@somewhere: enough to catch a value of another key. */
static bool mail_address(struct str text)
{
	ptrdiff_t at = str_rfind(text, '@');

	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] <= ' ')
			return false;
	return at > 0 && (size_t)at + 1 < text.n && str_find(str_sub(text, 0, (size_t)at), '@') < 0;
}

/* A JSON list, or a list with commas, perhaps in quotes. */
static int recipients_check(struct reading *r, struct err *err)
{
	struct str text = str_trim(bag_text(r->relation->remote_app, "recipients")), part;
	struct node *list = node_new(r->arena, NODE_LIST);

	if (str_starts(text, "[")) {
		if (json_parse(r->arena, text, &list, err) < 0)
			return err_wrap(err, "recipients: no JSON");
	} else {
		if (text.n >= 2 && (text.p[0] == '"' || text.p[0] == '\'') && text.p[text.n - 1] == text.p[0])
			text = str_sub(text, 1, text.n - 1);
		while (str_split(&text, ',', &part))
			if (str_trim(part).n > 0)
				node_add(r->arena, list, node_str(r->arena, str_trim(part)));
	}
	NODE_EACH (item, list)
		if (item->kind != NODE_STRING || !mail_address(item->text))
			return bad(err, "recipients", "not a list of mail addresses");
	return 0;
}

static int smtp_check(struct reading *r, struct err *err)
{
	static const char *const auth_types[] = { "none", "not_provided", "plain", NULL };
	static const char *const securities[] = { "none", "starttls", "tls", NULL };
	const struct node *bag = r->relation->remote_app;
	struct str sender = bag_text(bag, "smtp_sender");
	int64_t port;

	if (bag_text(bag, "host").n == 0)
		return bad(err, "host", "missing");
	if (!bag_text(bag, "port").p)
		return bad(err, "port", "missing");
	if (!str_int(str_trim(bag_text(bag, "port")), &port) || port < 1 || port > 65536)
		return bad(err, "port", "no port number");
	if (!one_of_words(bag_text(bag, "auth_type"), auth_types))
		return bad(err, "auth_type", "not one of none, not_provided and plain");
	if (!one_of_words(bag_text(bag, "transport_security"), securities))
		return bad(err, "transport_security", "not one of none, starttls and tls");
	if (sender.n > 0 && !mail_address(sender))
		return bad(err, "smtp_sender", "no mail address");
	app_value(r, "port", str_f(r->arena, "%lld", (long long)port), "port");
	return recipients_check(r, err);
}

int smtp_read(struct reading *r, struct err *err)
{
	static const char *const yes[] = { "true", "1", "yes", "on", "t", "y", NULL }, *const no[] = { "false", "0", "no", "off", "f", "n", NULL };
	static const char *const copied[] = { "host", "user", "domain", "auth_type", "transport_security" };
	const struct node *bag = r->relation->remote_app, *content;
	struct str password = bag_text(bag, "password"), user = bag_text(bag, "user"), domain = bag_text(bag, "domain"), skip;
	const char *key = "password";

	if (!bag || bag->count == 0)
		return 0;
	if (smtp_check(r, err) < 0)
		return -1;
	skip = str_lower(r->arena, bag_text(bag, "skip_ssl_verify"));
	if (skip.n > 0 && !one_of_words(skip, yes) && !one_of_words(skip, no))
		return bad(err, "skip_ssl_verify", "neither true nor false");
	if (secret_content(r, "password_id", &content, err) < 0)
		return -1;
	if (content) {
		password = node_gets(content, "password");
		key = "password of password_id";
		if (!password.p)
			return bad(err, "password_id", "the secret has no key password");
	}
	for (size_t i = 0; i < LEN(copied); i++)
		app_value(r, copied[i], bag_text(bag, copied[i]), copied[i]);
	app_value(r, "password", password, key);
	app_value(r, "skip_ssl_verify", one_of_words(skip, yes) ? S("True") : S("False"), "skip_ssl_verify");
	app_value(r, "starttls", str_is(bag_text(bag, "transport_security"), "starttls") ? S("true") : S("false"), "transport_security");
	if (user.p)
		app_value(r, "mail-user", domain.p ? str_f(r->arena, FMT "@" FMT, ARG(user), ARG(domain)) : user, "user");
	r->ready = true;
	return 0;
}

/* --- OpenFGA --- */

int openfga_read(struct reading *r, struct err *err)
{
	const struct node *content;

	if (!bag_text(r->relation->remote_app, "grpc_api_url").p || !bag_text(r->relation->remote_app, "http_api_url").p)
		return 0;
	if (secret_content(r, "token_secret_id", &content, err) < 0)
		return -1;
	if (content) {
		if (!node_gets(content, "token").p)
			return bad(err, "token_secret_id", "the secret has no key token");
		app_value(r, "token", node_gets(content, "token"), "token of token_secret_id");
	}
	r->ready = true;
	return 0;
}

/* --- OAuth --- */

struct str endpoint_option(const struct snapshot *s, const struct endpoint *endpoint, const char *suffix, struct str fallback)
{
	const struct config_value *value = config_find(s, str_c(s->arena, str_f(s->arena, FMT "%s", ARG(endpoint->name), suffix)));

	return value && node_text(value->value).p ? node_text(value->value) : fallback;
}

struct str redirect_uri(const struct snapshot *s, const struct endpoint *endpoint, struct str base_url)
{
	struct str path = endpoint_option(s, endpoint, "-redirect-path", S("/callback"));

	while (base_url.n > 0 && base_url.p[base_url.n - 1] == '/')
		base_url.n--;
	while (str_starts(path, "/"))
		path = str_sub(path, 1, path.n);
	return str_f(s->arena, FMT "/" FMT, ARG(base_url), ARG(path));
}

/* A label of letters, digits and dashes that neither begins nor ends with a dash. */
static bool host_label(struct str label)
{
	for (size_t i = 0; i < label.n; i++) {
		char c = label.p[i] | 32;

		if (!is_digit(label.p[i]) && !(c >= 'a' && c <= 'z') && label.p[i] != '-')
			return false;
	}
	return label.n > 0 && label.n <= 63 && label.p[0] != '-' && label.p[label.n - 1] != '-';
}

bool redirect_uri_accepted(struct str uri)
{
	struct str rest, host, label;
	size_t end = 8, labels = 0;

	if (uri.n >= 7 && strncasecmp(uri.p, "http://", 7) == 0)
		return true;
	if (uri.n < 8 || strncasecmp(uri.p, "https://", 8) != 0)
		return false;
	while (end < uri.n && uri.p[end] != '/' && uri.p[end] != '?' && uri.p[end] != ':')
		end++;
	host = str_sub(uri, 8, end);
	rest = str_sub(uri, end, uri.n);
	if (str_starts(rest, ":")) {
		size_t digits = 1;

		while (digits < rest.n && is_digit(rest.p[digits]))
			digits++;
		if (digits == 1)
			return false;
		rest = str_sub(rest, digits, rest.n);
	}
	for (size_t i = 0; i < rest.n; i++)
		if ((unsigned char)rest.p[i] <= ' ' || (i == 0 && rest.p[i] != '/' && rest.p[i] != '?'))
			return false;
	if (rest.n == 1 && rest.p[0] == '?')
		return false;
	if (host.n > 0 && host.p[host.n - 1] == '.')
		host.n--;
	if (ip_address(host))
		return true;
	for (label = NOSTR; str_split(&host, '.', &label); labels++)
		if (!host_label(label))
			return false;
	return labels >= 2 && label.n >= 2;
}

static int oauth_check(struct reading *r, struct err *err)
{
	static const char *const words[] = { "y", "yes", "t", "true", "on", "1", "n", "no", "f", "false", "off", "0", NULL };
	struct str jwt = bag_text(r->relation->remote_app, "jwt_access_token");
	struct node *chain;

	if (jwt.p && !one_of_words(str_lower(r->arena, jwt), words))
		return bad(err, "jwt_access_token", "neither true nor false");
	if (bag_json(r->arena, r->relation->remote_app, "ca_chain", &chain, err) < 0)
		return -1;
	if (chain && chain->kind != NODE_LIST)
		return bad(err, "ca_chain", "no list");
	NODE_EACH (item, chain)
		if (item->kind != NODE_STRING)
			return bad(err, "ca_chain", "not a list of texts");
	return 0;
}

/* "a b  c" as "a,b,c" */
static struct str comma_list(struct arena *a, struct str words)
{
	struct strs list = { 0 };
	size_t start = 0;

	for (size_t i = 0; i <= words.n; i++) {
		if (i < words.n && !strchr(" \t\r\n\v\f", words.p[i]))
			continue;
		if (i > start)
			strs_add(a, &list, str_sub(words, start, i));
		start = i + 1;
	}
	return strs_join(a, &list, ",");
}

int oauth_read(struct reading *r, struct err *err)
{
	const struct node *bag = r->relation->remote_app, *content;
	struct str uri = redirect_uri(r->s, r->endpoint, r->out->base_url), scopes = endpoint_option(r->s, r->endpoint, "-scopes", S(""));
	struct node *kwargs = node_new(r->arena, NODE_MAP);

	if (!bag_text(bag, "client_id").p || !bag_text(bag, "client_secret_id").p)
		r->out->oauth_check = str_f(r->arena, "Please check " FMT " charm!", ARG(r->relation->app));
	else if (!r->out->ingress_ready)
		r->out->oauth_check = S("Ingress relation is required for OIDC to work correctly!");
	if (r->s->leader && !redirect_uri_accepted(uri))
		return bad(err, "redirect_uri", "the provider takes https only with a host name that has a dot");
	if (!bag_text(bag, "client_id").p || !bag_text(bag, "client_secret_id").p)
		return 0;
	if (oauth_check(r, err) < 0 || secret_content(r, "client_secret_id", &content, err) < 0)
		return -1;
	if (!node_gets(content, "secret").p)
		return bad(err, "client_secret_id", "the secret has no key secret");
	app_value(r, "client-secret", node_gets(content, "secret"), "secret of client_secret_id");
	node_puts(r->arena, kwargs, "scope", scopes);
	app_value(r, "kwargs", json_text(r->arena, kwargs, JSON_PYTHON), "client_id");
	app_value(r, "redirect-uri", uri, "client_id");
	app_value(r, "scopes", comma_list(r->arena, scopes), "client_id");
	app_value(r, "user-name", endpoint_option(r->s, r->endpoint, "-user-name-attribute", S("sub")), "client_id");
	r->ready = true;
	return 0;
}

/* --- Tracing --- */

/* The URL of the receiver that speaks OTLP over HTTP; *url, NOSTR before, stays so where there is none. *valid: the provider has said what
 * it receives. */
static int receiver_url(struct reading *r, struct str *url, bool *valid, struct err *err)
{
	struct node *receivers;

	if (bag_json(r->arena, r->relation->remote_app, "receivers", &receivers, err) < 0)
		return -1;
	if (!receivers)
		return 0;
	if (receivers->kind != NODE_LIST)
		return bad(err, "receivers", "no list");
	NODE_EACH (item, receivers) {
		struct node *protocol = node_get(item, "protocol");
		struct str type = node_gets(protocol, "type");

		if (!node_is(node_get(item, "url"), NODE_STRING) || !node_is(node_get(protocol, "name"), NODE_STRING) ||
		    (!str_is(type, "http") && !str_is(type, "grpc")))
			return bad(err, "receivers", "a receiver without url, name or type");
		if (!url->p && str_is(node_gets(protocol, "name"), "otlp_http"))
			*url = node_gets(item, "url");
	}
	*valid = true;
	if (url->n == 0)
		*url = NOSTR;
	else if (url_normalise(r->arena, *url, URL_ANY, url, err) < 0)
		return err_wrap(err, "receivers: url");
	return 0;
}

int tracing_read(struct reading *r, struct err *err)
{
	struct str url = NOSTR;
	bool valid = false;

	if (receiver_url(r, &url, &valid, err) < 0)
		return -1;
	r->out->tracing_ready = valid;
	if (!url.p)
		return 0;
	app_value(r, "endpoint", url, "receivers");
	app_value(r, "service", r->s->hook.app, "receivers");
	r->ready = true;
	return 0;
}

int charm_tracing_read(struct reading *r, struct err *err)
{
	bool valid;

	return receiver_url(r, &r->out->charm_tracing, &valid, err);
}

/* --- HTTP proxy --- */

struct str proxy_request_id(struct arena *a, const struct node *requests)
{
	struct err err = { .arena = a };
	struct node *list;

	if (bag_json(a, requests, "requests", &list, &err) < 0 || !node_is(list, NODE_LIST))
		return NOSTR;
	return node_gets(list->child, "requirer");
}

/* 32 hexadecimal digits, with or without dashes. */
static bool is_uuid(struct str text)
{
	size_t digits = 0;

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i] | 32;

		if (is_digit(text.p[i]) || (c >= 'a' && c <= 'f'))
			digits++;
		else if (text.p[i] != '-')
			return false;
	}
	return digits == 32;
}

static int response_check(struct arena *a, const struct node *response, struct err *err)
{
	static const char *const statuses[] = { "pending", "accepted", "rejected", "invalid", "unsupported", "error", "ready", NULL };
	struct str status = node_gets(response, "status"), auth = node_gets(response, "auth"), url;
	struct str http = bag_text(response, "http_proxy"), https = bag_text(response, "https_proxy");

	if (!one_of_words(status, statuses))
		return bad(err, "responses: status", "no status of a proxy request");
	if (!http.p != !https.p)
		return bad(err, "responses", "one of http_proxy and https_proxy without the other");
	if (http.p && (url_normalise(a, http, URL_ANY, &url, err) < 0 || url_normalise(a, https, URL_ANY, &url, err) < 0))
		return err_wrap(err, "responses: http_proxy or https_proxy");
	if (str_is(status, "ready") && (!http.p || auth.n == 0))
		return bad(err, "responses", "ready without auth, http_proxy and https_proxy");
	if ((str_is(auth, "userpass") || str_is(auth, "srcip+userpass")) && bag_text(response, "user").n == 0)
		return bad(err, "responses: user", "missing");
	return 0;
}

/* The answer to our request. A unit that is not the leader cannot read which one that is: the one that is ready counts. NULL: none. */
static int proxy_response(struct arena *a, const struct relation *r, bool leader, const struct node **response, struct err *err)
{
	struct str own = proxy_request_id(a, r->local_app);
	struct strs seen = { 0 };
	struct node *list;

	*response = NULL;
	if (bag_json(a, r->remote_app, "responses", &list, err) < 0)
		return -1;
	if (list && list->kind != NODE_LIST)
		return bad(err, "responses", "no list");
	NODE_EACH (item, list) {
		struct str id = str_lower(a, node_gets(item, "requirer"));

		if (item->kind != NODE_MAP || !is_uuid(id))
			return bad(err, "responses: requirer", "no UUID");
		if (strs_has(&seen, id))
			return bad(err, "responses: requirer", "the same in two of them");
		strs_add(a, &seen, id);
		if (response_check(a, item, err) < 0)
			return -1;
		if (leader ? own.p && str_eq(id, str_lower(a, own)) : !*response && str_is(node_gets(item, "status"), "ready"))
			*response = item;
	}
	return 0;
}

void http_proxy_secrets(const struct snapshot *s, struct relation *r)
{
	struct err err = { .arena = s->arena };
	const struct node *response;

	if (proxy_response(s->arena, r, s->leader, &response, &err) == 0 && str_is(node_gets(response, "status"), "ready"))
		secret_add(s, r, "user", bag_text(response, "user"), NOSTR);
}

/* The proxy's URL; with a user only scheme, user and host. */
static int proxy_url(struct reading *r, const struct node *response, const char *key, const struct node *user, struct str *out, struct err *err)
{
	struct url url;

	if (url_normalise(r->arena, bag_text(response, key), URL_ANY, out, err) < 0)
		return err_wrap(err, "responses: %s", key);
	if (!user)
		return 0;
	if (url_split(r->arena, *out, &url, err) < 0)
		return err_wrap(err, "responses: %s", key);
	*out = str_f(r->arena, FMT "://" FMT ":" FMT "@" FMT, ARG(url.scheme), ARG(url_encode(r->arena, node_gets(user, "username"))),
	             ARG(url_encode(r->arena, node_gets(user, "password"))), ARG(url.netloc));
	return 0;
}

int http_proxy_read(struct reading *r, struct err *err)
{
	const struct node *response, *user;

	if (proxy_response(r->arena, r->relation, r->s->leader, &response, err) < 0)
		return -1;
	if (!response || !str_is(node_gets(response, "status"), "ready")) {
		r->status = S("http-proxy relation data is either unavailable, invalid or not usable.");
		return bad(err, "responses", "none that is ready for our request");
	}
	if (secret_content(r, "user", &user, err) < 0)
		return -1;
	if (user && (!node_gets(user, "username").p || !node_gets(user, "password").p))
		return bad(err, "responses: user", "the secret has no keys username and password");
	if (proxy_url(r, response, "http_proxy", user, &r->out->http_proxy, err) < 0 ||
	    proxy_url(r, response, "https_proxy", user, &r->out->https_proxy, err) < 0)
		return -1;
	r->out->proxied = true;
	r->out->proxy_secret = user != NULL;
	r->out->proxy_origin = (struct origin){ ORIGIN_RELATION, relation_name(r->arena, r->relation), S("responses"), r->relation->app };
	r->ready = true;
	return 0;
}

/* --- Ingress --- */

int ingress_read(struct reading *r, struct err *err)
{
	struct node *ingress;
	struct str url;

	if (bag_json(r->arena, r->relation->remote_app, "ingress", &ingress, err) < 0)
		return -1;
	if (!ingress)
		return 0;
	if (!node_is(node_get(ingress, "url"), NODE_STRING))
		return bad(err, "ingress", "no object with a url");
	if (url_normalise(r->arena, node_gets(ingress, "url"), URL_HTTP, &url, err) < 0)
		return err_wrap(err, "ingress: url");
	r->out->base_url = url;
	r->out->ingress_ready = true;
	r->ready = true;
	return 0;
}
