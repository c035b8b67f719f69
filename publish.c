/* publish.c: what we write to the integrations: requests from the table, and what data cannot say.
 *
 * A value that is JSON and already means what is wanted stays as it is written, whoever wrote it: a difference in spaces is no change
 * that the other side should hear of. */
#include "integrations.h"

#include "charm.h"
#include "crypto.h"
#include "frameworks.h"
#include "url.h"

/* --- Keys --- */

static void put(struct publication *p, struct node *bag, const char *key, struct str text)
{
	node_puts(p->arena, bag, key, text);
}

/* JSON text, or the text that is there and means the same. */
static void put_json_text(struct publication *p, bool app, const char *key, struct str text)
{
	struct err err = { .arena = p->arena };
	struct str now = node_gets(app ? p->relation->local_app : p->relation->local_unit, key);
	struct node *old, *new;

	if (now.n > 0 && json_parse(p->arena, now, &old, &err) == 0 && json_parse(p->arena, text, &new, &err) == 0 && node_equal(old, new))
		text = now;
	put(p, app ? p->app : p->unit, key, text);
}

static void put_json(struct publication *p, bool app, const char *key, const struct node *value)
{
	put_json_text(p, app, key, json_text(p->arena, value, JSON_PYTHON));
}

/* The model was asked for only when a bag did not have the request yet: what was decided then stays. */
static bool decided(const struct node *bag)
{
	return node_get(bag, "requested-secrets") != NULL;
}

static void put_request(struct publication *p, const struct request *request, bool app)
{
	int generation = p->s->charm->framework->generation;
	const struct node *now = app ? p->relation->local_app : p->relation->local_unit;

	if (!(request->flags & (app ? TO_APP : TO_UNIT)) || (request->flags & ONLY_V1 && generation != 1) ||
	    (request->flags & ONLY_V2 && generation == 1))
		return;
	if (request->flags & IF_SECRETS && !version_at_least(p->s->hook.juju_version, 3, 0, 3))
		return;
	if (request->flags & IF_SAME_MODEL && (p->relation->cross_model || decided(now)))
		return;
	if (!request->value)
		put(p, app ? p->app : p->unit, request->key, p->s->hook.app);
	else if (str_starts(str_of(request->value), "["))
		put_json_text(p, app, request->key, str_of(request->value));
	else
		put(p, app ? p->app : p->unit, request->key, str_of(request->value));
}

/* --- Databases --- */

/* The memory from which the next change is told. A provider does not look at it, but a charm of the other kind would on a refresh. */
void database_publish(struct publication *p)
{
	struct node *data = node_new(p->arena, NODE_MAP);

	NODE_EACH (value, p->relation->remote_app) {
		struct node *copy = node_str(p->arena, value->text);

		copy->key = value->key;
		if (!str_is(value->key, "data"))
			node_append(data, copy);
	}
	put_json(p, false, "data", data);
}

/* --- Valkey --- */

/* Letters and digits by chance; two bytes for each make none of them likelier by more than a ten-thousandth. */
static struct str random_salt(struct publication *p)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	enum { LENGTH = 16, LETTERS = sizeof letters - 1 };
	struct buf salt = { .arena = p->arena };
	unsigned char bytes[2 * LENGTH];

	crypto_expand(p->s->seed, "salt", bytes, sizeof bytes);
	for (size_t i = 0; i < LENGTH; i++)
		buf_addc(&salt, letters[(bytes[2 * i] << 8 | bytes[2 * i + 1]) % LETTERS]);
	return buf_str(&salt);
}

static struct node *valkey_request(struct publication *p)
{
	static const char *const nulls[] = { "entity-type", "entity-permissions", "secret-mtls" };
	struct arena *a = p->arena;
	struct node *request = node_new(a, NODE_MAP), *list = node_new(a, NODE_LIST);
	struct str resource = S("*"), salt = random_salt(p);

	node_puts(a, request, "resource", resource);
	node_puts(a, request, "request-id", request_id(a, resource, salt));
	node_puts(a, request, "salt", salt);
	node_put(a, request, S("extra-user-roles"), node_new(a, NODE_NULL));
	node_put(a, request, S("extra-group-roles"), node_new(a, NODE_NULL));
	node_put(a, request, S("external-node-connectivity"), node_bool(a, false));
	for (size_t i = 0; i < LEN(nulls); i++)
		node_put(a, request, str_of(nulls[i]), node_new(a, NODE_NULL));
	if (p->s->charm->framework->generation > 1)
		node_put(a, request, S("mtls-cert"), node_new(a, NODE_NULL));
	node_add(a, list, request);
	return list;
}

/* A request that a provider can answer: it says what is wanted and under which id. */
static bool valkey_asked(struct arena *a, const struct node *bag)
{
	struct err err = { .arena = a };
	struct node *list;

	return bag_json(a, bag, "requests", &list, &err) == 0 && node_is(list, NODE_LIST) && valkey_request_id(a, list->child).n > 0 &&
	       node_text(valkey_member(a, list->child, "resource")).n > 0;
}

/* A response as it is remembered: members that say something, in their usual order, then those that we do not know. */
static struct node *response_memory(struct arena *a, const struct node *response)
{
	static const char *const known[] = {
		"resource", "request-id", "salt", "endpoints", "read-only-endpoints", "secret-user", "secret-tls", "secret-extra", "secret-entity",
		"version", "sentinel-endpoints", "mode",
	};
	struct node *memory = node_new(a, NODE_MAP);
	struct strs taken = { 0 };

	for (size_t i = 0; i < LEN(known); i++) {
		struct node *member = valkey_member(a, response, known[i]);

		if (!member && i == 1 && valkey_request_id(a, response).p)
			node_puts(a, memory, known[i], valkey_request_id(a, response));
		if (!member)
			continue;
		strs_add(a, &taken, member->key);
		node_put(a, memory, str_of(known[i]), node_copy(a, member));
	}
	NODE_EACH (member, response)
		if (member->kind != NODE_NULL && !strs_has(&taken, member->key))
			node_append(memory, node_copy(a, member));
	return memory;
}

/* The memory of valkey: "status" and one member for each answer whose request the provider remembers. */
static void valkey_remember(struct publication *p)
{
	struct arena *a = p->arena;
	struct err err = { .arena = a };
	struct node *first, *requests, *asked, *statuses, *memory, *status = node_new(a, NODE_MAP);

	if (valkey_response(a, p->relation, &first, &err) < 0 || !first || bag_json(a, p->relation->remote_app, "requests", &requests, &err) < 0 ||
	    bag_json(a, p->relation->remote_app, "data", &asked, &err) < 0 || !node_is(asked, NODE_MAP))
		return;
	if (bag_json(a, p->relation->local_unit, "data", &memory, &err) < 0 || !node_is(memory, NODE_MAP))
		memory = node_new(a, NODE_MAP);
	if (bag_json(a, p->relation->remote_app, "status", &statuses, &err) < 0 || !node_is(statuses, NODE_LIST))
		statuses = NULL;
	NODE_EACH (item, statuses) {
		struct str code = node_text(node_get(item, "code"));

		if (code.n > 0)
			node_put(a, status, code, node_copy(a, item));
	}
	if (status->count > 0)
		node_put(a, memory, S("status"), status);
	NODE_EACH (response, requests) {
		struct str id = valkey_request_id(a, response);

		if (id.p && node_find(asked, id))
			node_put(a, memory, id, response_memory(a, response));
	}
	put_json(p, false, "data", memory);
}

void valkey_publish(struct publication *p)
{
	struct err err = { .arena = p->arena };
	struct str key = bag_text(p->relation->remote_app, "encryption-secret");
	struct node *first;

	put(p, p->app, "version", S("v1"));
	/* The request is drawn once: its id is how the provider knows it. */
	if (!valkey_asked(p->arena, p->relation->local_app))
		put_json(p, true, "requests", valkey_request(p));
	if (p->s->charm->framework->generation > 1 && key.n > 0 && bag_text(p->relation->local_app, "encryption-secret").n == 0 &&
	    valkey_response(p->arena, p->relation, &first, &err) == 0 && !first)
		put(p, p->app, "encryption-secret", key);
	valkey_remember(p);
}

/* --- OAuth --- */

void oauth_publish(struct publication *p)
{
	struct str uri = redirect_uri(p->s, p->relation->endpoint, p->in->base_url);
	struct str scopes = endpoint_option(p->s, p->relation->endpoint, "-scopes", NOSTR);

	/* A half of a client's registration is no registration. */
	if ((p->config_error && !p->in->ingress_ready) || !redirect_uri_accepted(uri) || !scopes.p)
		return;
	put(p, p->app, "redirect_uri", uri);
	put(p, p->app, "scope", scopes);
	put_json_text(p, true, "grant_types", S("[\"authorization_code\"]"));
	put_json_text(p, true, "audience", S("[]"));
	put(p, p->app, "token_endpoint_auth_method", S("client_secret_basic"));
}

/* --- HTTP proxy --- */

/* A UUID of version 4. */
static struct str random_uuid(struct publication *p)
{
	struct buf out = { .arena = p->arena };
	unsigned char bytes[16];

	crypto_expand(p->s->seed, "request", bytes, sizeof bytes);
	for (int i = 0; i < 16; i++) {
		unsigned char c = bytes[i];

		if (i == 6)
			c = (unsigned char)(0x40 | (c & 0x0f));
		if (i == 8)
			c = (unsigned char)(0x80 | (c & 0x3f));
		buf_addf(&out, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", c);
	}
	return buf_str(&out);
}

/* The list is kept sorted by requirer, as providers and other writers of it expect. */
static struct node *requests_with(struct arena *a, const struct node *list, struct node *request)
{
	struct node *sorted = node_new(a, NODE_LIST);
	bool placed = false;

	NODE_EACH (item, list) {
		if (item->kind != NODE_MAP || !node_gets(item, "requirer").p)
			continue;
		if (!placed && str_cmp(node_gets(request, "requirer"), node_gets(item, "requirer")) < 0) {
			node_add(a, sorted, request);
			placed = true;
		}
		node_add(a, sorted, node_copy(a, item));
	}
	if (!placed)
		node_add(a, sorted, request);
	return sorted;
}

void http_proxy_publish(struct publication *p)
{
	struct err err = { .arena = p->arena };
	struct node *list, *request;

	if (proxy_request_id(p->arena, p->relation->local_app).n > 0)
		return;
	if (bag_json(p->arena, p->relation->local_app, "requests", &list, &err) < 0)
		list = NULL;
	request = node_new(p->arena, NODE_MAP);
	node_put(p->arena, request, S("auth"), node_new(p->arena, NODE_LIST));
	node_put(p->arena, request, S("domains"), node_new(p->arena, NODE_LIST));
	node_puts(p->arena, request, "requirer", random_uuid(p));
	put_json(p, true, "requests", requests_with(p->arena, list, request));
}

/* --- Ingress --- */

static void put_text(struct publication *p, bool app, const char *key, struct str text)
{
	put_json(p, app, key, node_str(p->arena, text));
}

void ingress_publish(struct publication *p)
{
	put_text(p, false, "host", p->s->hook.fqdn);
	if (ip_address(p->relation->address))
		put_text(p, false, "ip", p->relation->address);
	p->unit_whole = true;
	if (p->config_error)
		return;   /* the port is unknown, and without it the rest is worth nothing */
	put_text(p, true, "model", p->s->hook.model);
	put_text(p, true, "name", p->s->hook.app);
	put_json(p, true, "port", node_int(p->arena, p->port));
	put_json(p, true, "strip-prefix", node_bool(p->arena, true));
	put_json(p, true, "is_port_open", node_bool(p->arena, true));
	p->when_open = S("is_port_open");
	p->app_whole = true;
}

/* --- All relations --- */

static void want_publication(const struct publication *p, struct wanted *w, bool app)
{
	struct node *data = app ? p->app : p->unit;
	bool whole = app ? p->app_whole : p->unit_whole;
	struct bag_wanted *bag;

	if (data->count == 0)
		return;
	bag = want_bag(w, p->relation, app);
	bag->data = data;
	bag->whole = whole;
	if (app)
		bag->when_open = p->when_open;
}

static void relation_publish(struct publication *p, struct wanted *w)
{
	const struct integration *row = p->relation->integration;

	/* The leader speaks for the application, in some requests with its own unit's voice, too. */
	for (size_t i = 0; p->s->leader && i < row->n_requests; i++) {
		put_request(p, &row->requests[i], true);
		put_request(p, &row->requests[i], false);
	}
	p->app_whole = row->whole;
	if (row->publish)
		row->publish(p);
	if (p->s->leader)
		want_publication(p, w, true);
	want_publication(p, w, false);
}

void integrations_publish(const struct snapshot *s, const struct integrations *in, int port, bool config_error, bool port_open,
                          struct wanted *w)
{
	(void)port_open;   /* apply knows for sure: the key names itself in when_open */
	for (size_t i = 0; i < s->n_relations; i++) {
		struct publication p = { .s = s, .arena = s->arena, .in = in, .relation = &s->relations[i], .port = port, .config_error = config_error,
		                         .app = node_new(s->arena, NODE_MAP), .unit = node_new(s->arena, NODE_MAP) };

		if (s->relations[i].integration)
			relation_publish(&p, w);
	}
}
