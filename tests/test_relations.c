/* What is decided from relations: each case of tests/relations/ (YAML) is a world, and what must come of it.
 *
 * A case says
 *
 *     name
 *     framework, generation   default: flask, 2
 *     leader                  default: yes
 *     juju                    default: 3.6.4
 *     action                  the hook is one
 *     config                  options: values
 *     port                    default: 8000; config_error: options are invalid
 *     requires                endpoint: interface, or {interface, optional, limit}; what has a well-known name needs no mention,
 *                             and is optional
 *     relations               endpoint, id, app, remote, units (name: databag), local, unit (our two databags), cross_model, address
 *     secrets                 URI: content, or missing, or denied
 *
 * and under want, each optional
 *
 *     env                     all variables
 *     blocked, missing, oauth, scopes, base_url, charm_tracing, certificate, http_proxy, https_proxy
 *     several_oauth, database_ready, tracing_ready, ingress_ready, proxied
 *     secret                  the names of all secret variables
 *     order                   some variables, in the order in which they are set: later ones win
 *     origins                 variable: "db:1, the key, its databag's owner"
 *     migrates                are the variables ones that make migrations due?
 *     bags                    "db:1 app", "db:1 unit": keys and values; "" for a key that must not be; JSON is compared as JSON
 *     asked                   the secrets asked for: "field uri label"
 *     log                     a text that a line of the log holds
 *
 * The databags that a row does not ask to be read are not there. After every case what was wanted is written and all is decided
 * again: then nothing may differ any more. No line of the log and no status may hold a secret. */
#include "test.h"

#include "../charm.h"
#include "../folder.h"
#include "../frameworks.h"
#include "../integrations.h"
#include "../relations.h"

#include <dirent.h>
#include <stdlib.h>

struct world {
	struct arena *a;
	const struct node *c;
	const char *name;
	struct charm charm;
	struct snapshot s;
	struct integrations in;
	struct wanted w;
	struct strs asked;
};

static const struct { const char *endpoint, *interface; enum role role; } known[] = {
	{ "ingress", "ingress", ROLE_REQUIRES }, { "postgresql", "postgresql_client", ROLE_REQUIRES }, { "mysql", "mysql_client", ROLE_REQUIRES },
	{ "mongodb", "mongodb_client", ROLE_REQUIRES }, { "redis", "redis", ROLE_REQUIRES }, { "valkey", "valkey_client", ROLE_REQUIRES },
	{ "s3", "s3", ROLE_REQUIRES }, { "saml", "saml", ROLE_REQUIRES }, { "rabbitmq", "rabbitmq", ROLE_REQUIRES },
	{ "tracing", "tracing", ROLE_REQUIRES }, { "charm-tracing", "tracing", ROLE_REQUIRES }, { "smtp", "smtp", ROLE_REQUIRES },
	{ "openfga", "openfga", ROLE_REQUIRES }, { "oidc", "oauth", ROLE_REQUIRES }, { "http-proxy", "http_proxy", ROLE_REQUIRES },
	{ "secret-storage", "anything", ROLE_PEERS }, { "logging", "loki_push_api", ROLE_REQUIRES },
	{ "metrics-endpoint", "prometheus_scrape", ROLE_PROVIDES }, { "grafana-dashboard", "grafana_dashboard", ROLE_PROVIDES },
};

static void add_endpoint(struct world *w, struct str name, struct str interface, enum role role, const struct node *more)
{
	struct charm *charm = &w->charm;
	int64_t limit = -1;

	str_int(node_gets(more, "limit"), &limit);
	charm->endpoints = arena_grow(w->a, charm->endpoints, charm->n_endpoints, sizeof *charm->endpoints);
	charm->endpoints[charm->n_endpoints++] = (struct endpoint){
		.name = name, .interface = interface, .role = role, .limit = (int)limit, .optional = !more || node_true(node_get(more, "optional")),
	};
}

static void make_charm(struct world *w)
{
	const struct node *requires = node_get(w->c, "requires"), *relations = node_get(w->c, "relations");
	struct str framework = node_gets(w->c, "framework"), generation = node_gets(w->c, "generation");

	w->charm.name = S("shop-k8s");
	w->charm.framework = framework_find(framework.p ? framework : S("flask"), str_is(generation, "1") ? 1 : 2);
	NODE_EACH (e, requires)
		add_endpoint(w, e->key, node_is(e, NODE_MAP) ? node_gets(e, "interface") : node_text(e),
		             str_is(e->key, "secret-storage") ? ROLE_PEERS : ROLE_REQUIRES, node_is(e, NODE_MAP) ? e : NULL);
	NODE_EACH (r, relations)
		for (size_t i = 0; i < LEN(known); i++)
			if (str_eq(node_gets(r, "endpoint"), str_of(known[i].endpoint)) && !endpoint_find(&w->charm, str_of(known[i].endpoint)))
				add_endpoint(w, str_of(known[i].endpoint), str_of(known[i].interface), known[i].role, NULL);
}

/* A databag: whatever the YAML says, its values are texts. "big" stands for a megabyte. */
static struct node *bag(struct world *w, const struct node *from)
{
	struct node *map = node_new(w->a, NODE_MAP);

	NODE_EACH (value, from) {
		struct str text = node_is(value, NODE_LIST) || node_is(value, NODE_MAP) ? json_text(w->a, value, JSON_PYTHON) : value->text;

		if (str_is(text, "<big>")) {
			struct buf big = { .arena = w->a };

			for (int i = 0; i < 1 << 20; i++)
				buf_addc(&big, 'x');
			text = buf_str(&big);
		}
		node_put(w->a, map, value->key, node_str(w->a, text));
	}
	return map;
}

static void make_relation(struct world *w, const struct node *from)
{
	const struct endpoint *endpoint = endpoint_find(&w->charm, node_gets(from, "endpoint"));
	const struct node *units = node_get(from, "units");
	struct relation *r;
	int64_t id = 1, many = 0;
	unsigned reads;

	str_int(node_gets(from, "id"), &id);
	w->s.relations = arena_grow(w->a, w->s.relations, w->s.n_relations, sizeof *w->s.relations);
	r = &w->s.relations[w->s.n_relations++];
	*r = (struct relation){ .endpoint = endpoint, .integration = integration_of(&w->charm, endpoint), .id = (int)id };
	if (!r->integration) {
		w->s.n_relations--;   /* observe does not even ask for its ids */
		return;
	}
	reads = integration_reads(r->integration, &w->s);
	r->app = node_gets(from, "app");
	r->cross_model = reads & READ_MODEL && relation_needs_model(r) && node_true(node_get(from, "cross_model"));
	if (reads & READ_ADDRESS)
		r->address = node_gets(from, "address");
	if (reads & READ_REMOTE_APP && node_get(from, "remote"))
		r->remote_app = bag(w, node_get(from, "remote"));
	if (reads & READ_LOCAL_APP)
		r->local_app = bag(w, node_get(from, "local"));
	if (reads & READ_LOCAL_UNIT)
		r->local_unit = bag(w, node_get(from, "unit"));
	str_int(node_gets(from, "many_units"), &many);
	r->remote_units = arena_alloc(w->a, ((size_t)many + 100) * sizeof *r->remote_units);
	for (int64_t i = 0; i < many; i++) {
		struct node *data = node_new(w->a, NODE_MAP);

		node_puts(w->a, data, "hostname", str_f(w->a, "h%lld", (long long)i));
		node_puts(w->a, data, "port", S("6379"));
		node_puts(w->a, data, "password", S("pw"));
		strs_add(w->a, &r->units, str_f(w->a, FMT "/%lld", ARG(r->app), (long long)i));
		if (reads & READ_REMOTE_UNITS && (i == 0 || !(reads & READ_FIRST_UNIT)))
			r->remote_units[i] = (struct bag){ r->units.v[i], data };
	}
	NODE_EACH (unit, units) {
		size_t i = r->units.n;

		strs_add(w->a, &r->units, unit->key);
		if (reads & READ_REMOTE_UNITS && (i == 0 || !(reads & READ_FIRST_UNIT)))
			r->remote_units[i] = (struct bag){ unit->key, bag(w, unit) };
	}
}

static void make_secrets(struct world *w)
{
	const struct node *secrets = node_get(w->c, "secrets");

	for (size_t i = 0; i < w->s.n_relations; i++) {
		struct relation *r = &w->s.relations[i];

		relation_secrets(&w->s, r);
		for (size_t k = 0; k < r->n_secrets; k++) {
			struct secret *secret = &r->secrets[k];
			struct node *content = node_find(secrets, secret->uri);

			CHECK(secret->refresh, "%s: " FMT " without refresh", w->name, ARG(secret->uri));
			strs_add(w->a, &w->asked, str_f(w->a, FMT " " FMT "%s" FMT, ARG(secret->field), ARG(secret->uri), secret->label.p ? " " : "",
			                                ARG(secret->label)));
			secret->answer = node_is(content, NODE_MAP) ? ANSWER_OK : str_is(node_text(content), "denied") ? ANSWER_DENIED : ANSWER_NOT_FOUND;
			secret->content = node_is(content, NODE_MAP) ? bag(w, content) : NULL;
		}
	}
}

static void decide_world(struct world *w)
{
	int64_t port = 8000;
	bool config_error = node_true(node_get(w->c, "config_error"));

	str_int(node_gets(w->c, "port"), &port);
	w->w = (struct wanted){ .arena = w->a, .env.arena = w->a };
	integrations_decide(&w->s, (int)port, &w->in, &w->w);
	integrations_publish(&w->s, &w->in, (int)port, config_error, true, &w->w);
}

static void make_world(struct world *w, struct arena *a, const struct node *c)
{
	const struct node *config = node_get(c, "config"), *relations = node_get(c, "relations");
	struct str juju = node_gets(c, "juju");

	*w = (struct world){ .a = a, .c = c, .name = str_c(a, node_gets(c, "name")) };
	make_charm(w);
	w->s = (struct snapshot){ .arena = a, .charm = &w->charm, .leader = !node_get(c, "leader") || node_true(node_get(c, "leader")) };
	w->s.hook = (struct hook){ .event = S("config-changed"), .app = S("shop"), .unit = S("shop/0"), .model = S("prod"), .model_uuid = S("0-0"),
	                           .juju_version = juju.p ? juju : S("3.6.4"), .relation_id = -1, .fqdn = S("shop-0.shop-endpoints.prod") };
	w->s.hook.action = node_true(node_get(c, "action"));
	for (size_t i = 0; i < sizeof w->s.seed; i++)
		w->s.seed[i] = (unsigned char)(i * 7);
	w->s.config = arena_alloc(a, 100 * sizeof *w->s.config);
	NODE_EACH (option, config)
		w->s.config[w->s.n_config++] = (struct config_value){ .name = option->key, .value = option };
	NODE_EACH (r, relations)
		make_relation(w, r);
	make_secrets(w);
}

/* --- What must come of it --- */

static bool same_text(struct arena *a, struct str got, const struct node *want)
{
	struct err err = { .arena = a };
	struct node *parsed;

	if (node_is(want, NODE_LIST) || node_is(want, NODE_MAP))
		return json_parse(a, got, &parsed, &err) == 0 && node_equal(parsed, want);
	return str_eq(got, node_text(want)) && (got.p != NULL || !node_text(want).n);
}

static void check_env(struct world *w, const struct node *want)
{
	NODE_EACH (v, want) {
		const struct variable *got = env_find(&w->in.env, v->key);

		CHECK(got && same_text(w->a, got->value, v), "%s: " FMT " is '" FMT "', not '" FMT "'", w->name, ARG(v->key),
		      ARG(got ? got->value : S("absent")), ARG(node_text(v)));
	}
	for (size_t i = 0; i < w->in.env.n; i++)
		CHECK(node_find(want, w->in.env.v[i].name), "%s: " FMT "=" FMT, w->name, ARG(w->in.env.v[i].name), ARG(w->in.env.v[i].value));
}

static const struct bag_wanted *find_bag(const struct world *w, struct str name)
{
	for (size_t i = 0; i < w->w.n_bags; i++) {
		const struct bag_wanted *b = &w->w.bags[i];

		if (str_eq(name, str_f(w->a, FMT ":%d %s", ARG(b->relation->endpoint->name), b->relation->id, b->application ? "app" : "unit")))
			return b;
	}
	return NULL;
}

/* Exactly these keys; "<none>" for a bag of which nothing is wanted. */
static void check_bag(struct world *w, const struct node *want)
{
	const struct bag_wanted *b = find_bag(w, want->key);

	if (!node_is(want, NODE_MAP)) {
		CHECK(!b, "%s: " FMT " is wanted", w->name, ARG(want->key));
		return;
	}
	NODE_EACH (v, want) {
		struct str got = b ? node_text(node_find(b->data, v->key)) : NOSTR;
		bool whole = str_is(v->key, "<whole>");

		if (whole)
			CHECK(b && b->whole == node_true(v), "%s: " FMT ": whole", w->name, ARG(want->key));
		else if (str_is(v->key, "<when open>"))
			CHECK(b && str_eq(b->when_open, node_text(v)), "%s: " FMT ": when open", w->name, ARG(want->key));
		else if (str_is(node_text(v), "<any>"))
			CHECK(got.n > 0, "%s: " FMT ": no " FMT, w->name, ARG(want->key), ARG(v->key));
		else
			CHECK(got.p && same_text(w->a, got, v), "%s: " FMT ": " FMT " is '" FMT "'", w->name, ARG(want->key), ARG(v->key), ARG(got));
	}
	if (b)
		NODE_EACH (v, b->data)
			CHECK(node_find(want, v->key), "%s: " FMT ": " FMT "=" FMT, w->name, ARG(want->key), ARG(v->key), ARG(v->text));
}

static void check_list(struct world *w, const struct node *want, const struct strs *got, const char *what)
{
	size_t i = 0;

	CHECK(want->count == got->n, "%s: %zu %s, not %zu", w->name, got->n, what, want->count);
	NODE_EACH (item, want) {
		if (i < got->n)
			CHECK(str_eq(got->v[i], node_text(item)), "%s: %s: '" FMT "'", w->name, what, ARG(got->v[i]));
		i++;
	}
}

static void check_secret_names(struct world *w, const struct node *want)
{
	for (size_t i = 0; i < w->in.env.n; i++) {
		const struct variable *v = &w->in.env.v[i];
		bool listed = false;

		NODE_EACH (name, want)
			listed |= str_eq(node_text(name), v->name);
		CHECK(v->secret == listed, "%s: " FMT " is %sa secret", w->name, ARG(v->name), v->secret ? "" : "not ");
	}
}

/* No value of a secret or of a key that is called after one may be told. */
static void check_silence(struct world *w, const struct node *values, bool all)
{
	NODE_EACH (value, values) {
		if (node_is(value, NODE_MAP)) {
			check_silence(w, value, all);
			continue;
		}
		if (node_text(value).n < 3 || !(all || str_is(value->key, "password") || str_is(value->key, "secret-key") || str_is(value->key, "token")))
			continue;
		for (size_t i = 0; i < w->w.n_log; i++)
			CHECK(!str_contains(w->w.log[i].text, node_text(value)), "%s: the log says " FMT, w->name, ARG(w->w.log[i].text));
		CHECK(!str_contains(w->in.blocked, node_text(value)), "%s: the status says " FMT, w->name, ARG(w->in.blocked));
	}
}

static void check_world(struct world *w)
{
	const struct node *want = node_get(w->c, "want"), *item;
	struct { const char *key; struct str got; } texts[] = {
		{ "blocked", w->in.blocked }, { "oauth", w->in.oauth_check }, { "scopes", w->in.scopes_check }, { "base_url", w->in.base_url },
		{ "charm_tracing", w->in.charm_tracing }, { "certificate", w->in.saml_certificate }, { "http_proxy", w->in.http_proxy },
		{ "https_proxy", w->in.https_proxy },
	};
	struct { const char *key; bool got; } flags[] = {
		{ "several_oauth", w->in.several_oauth }, { "database_ready", w->in.database_ready }, { "tracing_ready", w->in.tracing_ready },
		{ "ingress_ready", w->in.ingress_ready }, { "proxied", w->in.proxied }, { "proxy_secret", w->in.proxy_secret },
	};

	for (size_t i = 0; i < LEN(texts); i++)
		if ((item = node_get(want, texts[i].key)))
			CHECK(str_eq(texts[i].got, node_text(item)), "%s: %s is '" FMT "', not '" FMT "'", w->name, texts[i].key, ARG(texts[i].got),
			      ARG(node_text(item)));
	for (size_t i = 0; i < LEN(flags); i++)
		if ((item = node_get(want, flags[i].key)))
			CHECK(flags[i].got == node_true(item), "%s: %s", w->name, flags[i].key);
	if (!node_get(want, "blocked"))
		CHECK(!w->in.blocked.p, "%s: blocked: " FMT, w->name, ARG(w->in.blocked));
	if ((item = node_get(want, "env")))
		check_env(w, item);
	if ((item = node_get(want, "missing")))
		check_list(w, item, &w->in.missing, "missing");
	if ((item = node_get(want, "asked")))
		check_list(w, item, &w->asked, "asked");
	if ((item = node_get(want, "secret")))
		check_secret_names(w, item);
	if ((item = node_get(want, "origins")))
		NODE_EACH (o, item) {
			const struct variable *v = env_find(&w->in.env, o->key);
			struct str got = v ? str_f(w->a, FMT ", " FMT ", " FMT, ARG(v->origin.subject), ARG(v->origin.key), ARG(v->origin.of)) : NOSTR;

			CHECK(str_eq(got, node_text(o)), "%s: " FMT " is of '" FMT "'", w->name, ARG(o->key), ARG(got));
		}
	if ((item = node_get(want, "order"))) {
		const struct variable *before = w->in.env.v;

		NODE_EACH (name, item) {
			const struct variable *v = env_find(&w->in.env, node_text(name));

			CHECK(v && v >= before, "%s: " FMT " is set too early", w->name, ARG(node_text(name)));
			before = v ? v : before;
		}
	}
	if ((item = node_get(want, "migrates")))
		for (size_t i = 0; i < w->in.env.n; i++)
			CHECK(w->in.env.v[i].migrates == node_true(item), "%s: " FMT, w->name, ARG(w->in.env.v[i].name));
	if ((item = node_get(want, "bags")))
		NODE_EACH (b, item)
			check_bag(w, b);
	if ((item = node_get(want, "log"))) {
		bool found = false;

		for (size_t i = 0; i < w->w.n_log; i++)
			found |= str_contains(w->w.log[i].text, node_text(item));
		CHECK(found, "%s: the log does not say '" FMT "'%s" FMT, w->name, ARG(node_text(item)), w->w.n_log ? " but " : "",
		      ARG(w->w.n_log ? w->w.log[0].text : S("")));
	} else {
		CHECK(w->w.n_log == 0 || node_get(want, "blocked"), "%s: the log says " FMT, w->name, ARG(w->w.log[0].text));
	}
	for (size_t i = 0; i < w->in.env.n; i++) {
		const struct variable *v = &w->in.env.v[i];

		CHECK(v->value.p && !str_is(v->value, "None") && !str_is(v->value, "null"), "%s: " FMT, w->name, ARG(v->name));
		CHECK(v->origin.kind == ORIGIN_RELATION && v->origin.subject.n > 0, "%s: " FMT " has no origin", w->name, ARG(v->name));
	}
	check_silence(w, node_get(w->c, "secrets"), true);
	NODE_EACH (r, node_get(w->c, "relations"))
		check_silence(w, node_get(r, "remote"), false);
}

static bool is_listed(struct arena *, struct str page, struct str name);

/* No variable that the page of them does not know. */
static void check_listed(struct world *w, struct str page)
{
	for (size_t i = 0; i < w->in.env.n; i++)
		CHECK(is_listed(w->a, page, w->in.env.v[i].name), "%s: " FMT " is on no page", w->name, ARG(w->in.env.v[i].name));
}

/* What was wanted is written; now nothing may be wanted that differs. */
static void check_again(struct world *w)
{
	for (size_t i = 0; i < w->w.n_bags; i++) {
		struct bag_wanted *b = &w->w.bags[i];
		struct relation *r = &w->s.relations[b->relation - w->s.relations];
		struct node **now = b->application ? &r->local_app : &r->local_unit, *next = node_new(w->a, NODE_MAP);

		if (!b->whole)
			NODE_EACH (v, *now)
				node_put(w->a, next, v->key, node_str(w->a, v->text));
		NODE_EACH (v, b->data)
			node_put(w->a, next, v->key, node_str(w->a, v->text));
		*now = next;
	}
	for (size_t i = 0; i < sizeof w->s.seed; i++)
		w->s.seed[i] ^= 0x5a;
	decide_world(w);
	for (size_t i = 0; i < w->w.n_bags; i++) {
		const struct bag_wanted *b = &w->w.bags[i];
		const struct node *now = b->application ? b->relation->local_app : b->relation->local_unit;

		NODE_EACH (v, b->data)
			CHECK(str_eq(v->text, node_text(node_find(now, v->key))), "%s: again: " FMT, w->name, ARG(v->key));
	}
}

static void check_file(const char *path, struct str page)
{
	struct arena *a = arena_new();
	struct err err = { .arena = a };
	struct str text;
	struct node *cases = NULL;
	bool found = false;

	if (file_read(a, path, MAX_FILE, &text, &found, &err) < 0 || !found || yaml_parse(a, text, path, &cases, &err) < 0)
		CHECK(false, "%s: %s", path, err.msg ? err.msg : "missing");
	NODE_EACH (c, cases) {
		struct arena *own = arena_new();
		struct world *w = NEW(own, struct world);

		make_world(w, own, c);
		decide_world(w);
		check_world(w);
		check_listed(w, page);
		check_again(w);
		arena_free(own);
	}
	arena_free(a);
}

/* --- The rows themselves --- */

/* Which calls a relation costs: as many as this and no more. */
static void check_reads(void)
{
	static const struct { const char *endpoint; bool leader; const char *juju; unsigned want; } cases[] = {
		{ "ingress", true, "3.6.4", READ_REMOTE_APP | READ_LOCAL_APP | READ_LOCAL_UNIT | READ_ADDRESS },
		{ "ingress", false, "3.6.4", READ_REMOTE_APP | READ_LOCAL_UNIT | READ_ADDRESS },
		{ "postgresql", true, "3.6.4", READ_REMOTE_APP | READ_LOCAL_APP | READ_LOCAL_UNIT | READ_MODEL },
		{ "mongodb", true, "3.0.2", READ_REMOTE_APP | READ_LOCAL_APP | READ_LOCAL_UNIT },
		{ "mysql", false, "3.6.4", READ_REMOTE_APP | READ_LOCAL_UNIT },
		{ "redis", true, "3.6.4", READ_REMOTE_APP | READ_REMOTE_UNITS | READ_FIRST_UNIT },
		{ "valkey", false, "3.6.4", READ_REMOTE_APP | READ_LOCAL_UNIT },
		{ "s3", true, "3.6.4", READ_REMOTE_APP | READ_LOCAL_APP },
		{ "saml", true, "3.6.4", READ_REMOTE_APP },
		{ "smtp", true, "3.6.4", READ_REMOTE_APP },
		{ "rabbitmq", false, "3.6.4", READ_REMOTE_APP | READ_REMOTE_UNITS },
		{ "oidc", true, "3.6.4", READ_REMOTE_APP | READ_LOCAL_APP },
		{ "http-proxy", false, "3.6.4", READ_REMOTE_APP },
		{ "secret-storage", false, "3.6.4", READ_UNIT_NAMES | READ_LOCAL_APP },
		{ "metrics-endpoint", true, "3.6.4", READ_ADDRESS | READ_LOCAL_UNIT | READ_LOCAL_APP },
		{ "grafana-dashboard", false, "3.6.4", 0 },
		{ "logging", true, "3.6.4", READ_REMOTE_UNITS | READ_LOCAL_APP },
		{ "charm-tracing", false, "3.6.4", READ_REMOTE_APP },
	};
	struct arena *a = arena_new();

	for (size_t i = 0; i < LEN(cases); i++) {
		struct world w = { .a = a };

		for (size_t k = 0; k < LEN(known); k++)
			add_endpoint(&w, str_of(known[k].endpoint), str_of(known[k].interface), known[k].role, NULL);
		w.s = (struct snapshot){ .arena = a, .charm = &w.charm, .leader = cases[i].leader, .hook.juju_version = str_of(cases[i].juju) };
		for (size_t e = 0; e < w.charm.n_endpoints; e++)
			if (str_is(w.charm.endpoints[e].name, cases[i].endpoint)) {
				const struct integration *row = integration_of(&w.charm, &w.charm.endpoints[e]);
				unsigned got = row ? integration_reads(row, &w.s) : ~0u;

				CHECK(got == cases[i].want, "%s, %s: %x", cases[i].endpoint, cases[i].leader ? "leader" : "follower", got);
			}
	}
	arena_free(a);
}

/* A row is of its endpoint, interface and role alone. */
static void check_rows(void)
{
	static const struct { const char *endpoint, *interface; enum role role; const char *want; } cases[] = {
		{ "redis", "redis", ROLE_REQUIRES, "redis" }, { "cache", "redis", ROLE_REQUIRES, NULL }, { "redis", "valkey_client", ROLE_REQUIRES, NULL },
		{ "db", "mysql_client", ROLE_REQUIRES, "mysql" }, { "db", "mysql_client", ROLE_PROVIDES, NULL }, { "login", "oauth", ROLE_REQUIRES, "oauth" },
		{ "tracing", "tracing", ROLE_REQUIRES, "tracing" }, { "charm-tracing", "tracing", ROLE_REQUIRES, "charm-tracing" },
		{ "traces", "tracing", ROLE_REQUIRES, NULL }, { "secret-storage", "what-ever", ROLE_PEERS, "secret-storage" },
		{ "secret-storage", "what-ever", ROLE_REQUIRES, NULL }, { "metrics-endpoint", "prometheus_scrape", ROLE_PROVIDES, "metrics-endpoint" },
	};

	for (size_t i = 0; i < LEN(cases); i++) {
		struct endpoint e = { .name = str_of(cases[i].endpoint), .interface = str_of(cases[i].interface), .role = cases[i].role };
		struct charm charm = { .endpoints = &e, .n_endpoints = 1 };
		const struct integration *row = integration_of(&charm, &e);

		CHECK(cases[i].want ? row && strcmp(integration_name(row), cases[i].want) == 0 : !row, "%s, %s", cases[i].endpoint, cases[i].interface);
	}
	for (size_t i = 0; integration_nth(i); i++)
		for (size_t k = 0; k < i; k++)
			CHECK(strcmp(integration_name(integration_nth(i)), integration_name(integration_nth(k))) != 0, "%s twice",
			      integration_name(integration_nth(i)));
}

/* What OAuth providers take for a redirect URI. */
static void check_redirect_uris(void)
{
	static const struct { const char *uri; bool accepted; } cases[] = {
		{ "http://anything", true }, { "HTTP://x/y", true }, { "http://", true }, { "http:/", false }, { "", false }, { "ftp://a.bc/", false },
		{ "https://", false }, { "HTTPS://a.bc", true }, { "https://a.bc/", true }, { "https://a.bc?", false }, { "https://a.bc?x", true },
		{ "https://a.bc/x/y?z", true }, { "https://a.bc/x y", false }, { "https://a.bc:443/x", true }, { "https://a.bc:443", true },
		{ "https://a.bc:/x", false }, { "https://a.bc:x", false }, { "https://a.bc:1x", false }, { "https://localhost/x", false },
		{ "https://a.b/x", false }, { "https://a.bc./x", true }, { "https://10.1.2.3/x", true }, { "https://-a.bc/x", false },
		{ "https://a-.bc/x", false }, { "https://a-b.c-d.Ef9/x", true }, { "https://a_b.cd/x", false }, { "https://.bc/x", false },
		{ "https://a..bc/x", false }, { "https://a.bc#x", false }, { "https://[::1]/x", false },
		{ "https://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.bc/", true },
		{ "https://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.bc/", false },
	};

	struct arena *a = arena_new();

	for (size_t i = 0; i < LEN(cases); i++)
		CHECK(redirect_uri_accepted(exact(a, cases[i].uri)) == cases[i].accepted, "%s", cases[i].uri);
	arena_free(a);
}

/* --- The secret key --- */

static void check_secret_key(void)
{
	static const struct { const char *name; bool peers, leader, action, rotate; const char *now, *want; bool written; } cases[] = {
		{ "no peer relation", false, true, false, false, NULL, NULL, false },
		{ "the leader makes it", true, true, false, false, NULL, "new", true },
		{ "an empty one is none", true, true, false, false, "", "new", true },
		{ "others wait", true, false, false, false, NULL, NULL, false },
		{ "it stays", true, true, false, false, "old", "old", false },
		{ "others read it", true, false, false, false, "old", "old", false },
		{ "rotated", true, true, true, true, "old", "new", true },
		{ "only the leader rotates", true, false, true, true, "old", "old", false },
		{ "an action makes none", true, true, true, false, NULL, NULL, false },
		{ "none to rotate", true, true, true, true, NULL, NULL, false },
	};
	struct arena *a = arena_new();

	for (size_t i = 0; i < LEN(cases); i++) {
		struct world w = { .a = a };
		struct wanted wanted = { .arena = a };
		struct relation r = { 0 };
		struct str key;
		char bytes[64];

		add_endpoint(&w, S("secret-storage"), S("x"), ROLE_PEERS, NULL);
		w.charm.framework = framework_find(S("spring-boot"), 2);
		w.s = (struct snapshot){ .arena = a, .charm = &w.charm, .leader = cases[i].leader, .hook.action = cases[i].action };
		r = (struct relation){ .endpoint = w.charm.endpoints, .integration = integration_of(&w.charm, w.charm.endpoints), .id = 9 };
		r.local_app = node_new(a, NODE_MAP);
		if (cases[i].now)
			node_puts(a, r.local_app, "spring-boot_secret_key", str_of(cases[i].now));
		w.s.relations = &r;
		w.s.n_relations = cases[i].peers;
		memset(w.s.seed, 7, sizeof w.s.seed);
		crypto_expand(w.s.seed, "secret key", bytes, sizeof bytes);
		key = secret_key_decide(&w.s, cases[i].rotate, &wanted);
		if (!cases[i].want)
			CHECK(!key.p, "%s: " FMT, cases[i].name, ARG(key));
		else if (strcmp(cases[i].want, "new") == 0)
			CHECK(key.n == 86 && str_eq(key, base64url_encode(a, (struct str){ bytes, sizeof bytes })), "%s: " FMT, cases[i].name, ARG(key));
		else
			CHECK(str_is(key, cases[i].want), "%s: " FMT, cases[i].name, ARG(key));
		CHECK(wanted.n_bags == cases[i].written, "%s: %zu bags", cases[i].name, wanted.n_bags);
		if (wanted.n_bags)
			CHECK(wanted.bags[0].application && str_eq(node_gets(wanted.bags[0].data, "spring-boot_secret_key"), key), "%s", cases[i].name);
	}
	arena_free(a);
}

/* --- The page of all variables --- */

/* A variable or property is listed under its own name, or with the endpoint's in general words. */
static bool is_listed(struct arena *a, struct str page, struct str name)
{
	static const char *const endpoints[] = { "my-login", "MY-LOGIN", "oidc", "OIDC", "ANALYTICS_DB_DB", "REDIS_DB_DB" };
	static const char *const words[] = { "ENDPOINT", "ENDPOINT", "ENDPOINT", "ENDPOINT", "POSTGRESQL_DB", "POSTGRESQL_DB" };

	for (size_t i = 0; i < LEN(endpoints); i++) {
		size_t n = strlen(endpoints[i]);

		for (size_t k = 0; k + n <= name.n; k++)
			if (memcmp(name.p + k, endpoints[i], n) == 0)
				return is_listed(a, page, str_f(a, "%s%s" FMT, k == 0 ? "" : str_starts(name, "spring") ?
				                                str_c(a, str_sub(name, 0, k)) : "PREFIX_", words[i], ARG(str_sub(name, k + n, name.n))));
	}
	return str_contains(page, str_f(a, "`" FMT "`", ARG(name)));
}

static struct str check_page(struct arena *a)
{
	struct err err = { .arena = a };
	struct buf page = { .arena = a };
	struct str file = NOSTR;
	bool found;

	environment_page(&page);
	CHECK(file_read(a, "docs/reference/environment.md", MAX_FILE, &file, &found, &err) == 0 && str_eq(file, buf_str(&page)),
	      "docs/reference/environment.md is old: dispatch docs environment > docs/reference/environment.md");
	CHECK(!is_listed(a, file, S("NO_SUCH_VARIABLE")), "anything is listed");
	return buf_str(&page);
}

int main(void)
{
	DIR *folder = opendir("tests/relations");
	struct arena *a = arena_new();
	struct str page = check_page(a);
	struct dirent *entry;
	int files = 0;

	CHECK(folder, "tests/relations is missing");
	while (folder && (entry = readdir(folder))) {
		char path[300];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "tests/relations/%s", entry->d_name);
		check_file(path, page);
		files++;
	}
	if (folder)
		closedir(folder);
	CHECK(files > 5, "%d files", files);
	check_reads();
	check_rows();
	check_redirect_uris();
	check_secret_key();
	arena_free(a);
	return TEST_END();
}
