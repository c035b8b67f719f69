/* Fuzzing the other sides' databags: whatever a provider writes, a decision comes of it, and no variable says None.
 *
 * The input is a list of lines "endpoint key value"; a line "!" is the end of the application's keys and the beginning of a unit's. */
#include "../frameworks.h"
#include "../relations.h"

#include <stdlib.h>

static const struct { const char *name, *interface; } endpoints[] = {
	{ "ingress", "ingress" }, { "postgresql", "postgresql_client" }, { "mongodb", "mongodb_client" }, { "redis", "redis" },
	{ "valkey", "valkey_client" }, { "s3", "s3" }, { "saml", "saml" }, { "rabbitmq", "rabbitmq" }, { "tracing", "tracing" },
	{ "charm-tracing", "tracing" }, { "smtp", "smtp" }, { "openfga", "openfga" }, { "oidc", "oauth" }, { "http-proxy", "http_proxy" },
};
enum { N = LEN(endpoints) };

/* Every secret that is named is there: its keys are what readers look for. */
static struct node *secret(struct arena *a)
{
	static const char *const keys[] = { "username", "password", "uris", "tls", "token", "secret" };
	struct node *map = node_new(a, NODE_MAP);

	for (size_t i = 0; i < LEN(keys); i++)
		node_puts(a, map, keys[i], i == 2 ? S("a://b") : S("se/c:ret"));
	return map;
}

static void fill(struct arena *a, struct str text, struct relation *relations, struct bag *units)
{
	struct str line, name, key;
	bool unit = false;

	while (str_split(&text, '\n', &line)) {
		if (str_is(line, "!")) {
			unit = !unit;
			continue;
		}
		if (!str_split(&line, ' ', &name) || !str_split(&line, ' ', &key))
			continue;
		for (size_t i = 0; i < N; i++)
			if (str_is(name, endpoints[i].name))
				node_put(a, unit ? units[i].data : relations[i].remote_app, key, node_str(a, line));
	}
}

static void decide_all(struct arena *a, struct str text, const char *framework, bool leader)
{
	struct endpoint points[N];
	struct relation relations[N];
	struct bag units[N];
	struct charm charm = { .endpoints = points, .n_endpoints = N, .framework = framework_find(str_of(framework), 2) };
	struct snapshot s = { .arena = a, .charm = &charm, .leader = leader, .relations = relations, .n_relations = N };
	struct integrations in;
	struct wanted w = { .arena = a, .env.arena = a };

	s.hook = (struct hook){ .app = S("shop"), .unit = S("shop/0"), .model = S("m"), .model_uuid = S("u"), .juju_version = S("3.6.4"), .fqdn = S("f") };
	/* All of them first: what a row is for depends on the others. */
	for (size_t i = 0; i < N; i++)
		points[i] = (struct endpoint){ .name = str_of(endpoints[i].name), .interface = str_of(endpoints[i].interface), .limit = 1 };
	for (size_t i = 0; i < N; i++) {
		units[i] = (struct bag){ S("x/0"), node_new(a, NODE_MAP) };
		relations[i] = (struct relation){ .endpoint = &points[i], .integration = integration_of(&charm, &points[i]), .id = (int)i, .app = S("x"),
		                                  .remote_app = node_new(a, NODE_MAP), .local_app = leader ? node_new(a, NODE_MAP) : NULL,
		                                  .local_unit = node_new(a, NODE_MAP), .remote_units = &units[i] };
		strs_add(a, &relations[i].units, S("x/0"));
	}
	fill(a, text, relations, units);
	for (size_t i = 0; i < N; i++) {
		relation_secrets(&s, &relations[i]);
		for (size_t k = 0; k < relations[i].n_secrets; k++)
			relations[i].secrets[k].content = secret(a);
	}
	integrations_decide(&s, 8080, &in, &w);
	integrations_publish(&s, &in, 8080, in.blocked.p != NULL, true, &w);
	for (size_t i = 0; i < in.env.n; i++)
		if (!in.env.v[i].value.p || str_is(in.env.v[i].value, "None") || str_is(in.env.v[i].value, "null") || in.env.v[i].name.n == 0)
			abort();
	for (size_t i = 0; i < w.n_bags; i++)
		NODE_EACH (v, w.bags[i].data)
			if (v->kind != NODE_STRING || (w.bags[i].application && !leader))
				abort();
	if (in.blocked.p && w.n_log == 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct str text = { (const char *)data, size };

	decide_all(a, text, "flask", true);
	decide_all(a, text, "spring-boot", false);
	arena_free(a);
	return 0;
}
