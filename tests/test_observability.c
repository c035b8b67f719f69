/* What is published about an application: each case of tests/observability.yaml is a world, and what must come of it.
 *
 * A case says, each optional: framework, generation, leader, juju, model, uuid, app, port and path (of the metrics), config_error, paas
 * (text of paas-config.yaml), custom (files of cos_custom), relations, containers (name, reachable, plan); and under want
 *
 *     bags       "endpoint:id application|unit": values; JSON is compared as text. All bags, and all keys of each, unless `some: true`
 *     keys       the same, of keys alone
 *     groups     names of rule groups, in order; names: of the rules in some of them
 *     rules      expressions by alert or record; labels: all labels, in any order
 *     text       "endpoint:id application key": how the value begins
 *     targets    log targets by container: all layers, as a whole; forwards: their names; off: those that are switched off
 *     log        texts that lines of the log hold; quiet: texts that none holds
 */
#include "test.h"

#include "../crypto.h"
#include "../observability.h"
#include "../shake.h"
#include "../xz.h"

#include <lzma.h>

struct world {
	struct arena *a;
	struct charm charm;
	struct snapshot s;
	struct settings settings;
	struct wanted w;
};

static struct str text_or(const struct node *c, const char *key, struct str fallback)
{
	return node_get(c, key) ? node_gets(c, key) : fallback;
}

static void relation_add(struct world *w, const struct node *c)
{
	static struct endpoint endpoints[] = {
		{ .name = { "metrics-endpoint", 16 }, .interface = { "prometheus_scrape", 17 }, .role = ROLE_PROVIDES },
		{ .name = { "grafana-dashboard", 17 }, .interface = { "grafana_dashboard", 17 }, .role = ROLE_PROVIDES },
		{ .name = { "logging", 7 }, .interface = { "loki_push_api", 13 }, .role = ROLE_REQUIRES },
		{ .name = { "redis", 5 }, .interface = { "redis", 5 }, .role = ROLE_REQUIRES },
		{ .name = { "unknown", 7 }, .interface = { "unknown", 7 }, .role = ROLE_REQUIRES },
	};
	struct relation *r;
	int64_t id = 1;
	size_t n = 0;

	w->s.relations = arena_grow(w->a, w->s.relations, w->s.n_relations, sizeof *r);
	r = &w->s.relations[w->s.n_relations++];
	str_int(node_gets(c, "id"), &id);
	*r = (struct relation){ .id = (int)id, .address = node_gets(c, "address"), .local_app = node_get(c, "local") };
	for (size_t i = 0; i < LEN(endpoints); i++)
		if (str_eq(endpoints[i].name, node_gets(c, "endpoint")))
			r->endpoint = &endpoints[i];
	r->integration = integration_of(&w->charm, r->endpoint);
	NODE_EACH(unit, node_get(c, "units")) {
		strs_add(w->a, &r->units, unit->key);
		r->remote_units = arena_grow(w->a, r->remote_units, n, sizeof *r->remote_units);
		r->remote_units[n++] = (struct bag){ unit->key, unit };
	}
}

static void world_make(struct world *w, const struct node *c)
{
	struct arena *a = w->a;
	struct str framework = text_or(c, "framework", S("flask")), app = text_or(c, "app", S("cart"));
	int generation = str_is(node_gets(c, "generation"), "1") ? 1 : 2;
	size_t n = 0;

	w->charm.name = str_f(a, FMT "-k8s", ARG(app));
	w->charm.framework = framework_find(framework, generation);
	paas_config_parse(a, text_or(c, "paas", S("")), generation, &w->charm.paas);
	NODE_EACH(file, node_get(c, "custom")) {
		w->charm.custom = arena_grow(a, w->charm.custom, w->charm.n_custom, sizeof *w->charm.custom);
		w->charm.custom[w->charm.n_custom++] =
			(struct custom_file){ node_gets(file, "directory"), node_gets(file, "name"), node_gets(file, "content") };
	}
	w->s = (struct snapshot){ .arena = a, .charm = &w->charm, .leader = !node_get(c, "leader") || node_true(node_get(c, "leader")) };
	w->s.hook = (struct hook){
		.app = app, .unit = str_f(a, FMT "/1", ARG(app)), .unit_number = 1, .model = text_or(c, "model", S("shop")),
		.model_uuid = text_or(c, "uuid", S("3f9c1b52-70de-4c7a-8a11-2b6f5d0e9c44")), .juju_version = text_or(c, "juju", S("3.6.4")),
		.fqdn = S("cart-1.cart-endpoints.shop.svc.cluster.local"),
	};
	w->settings.metrics_port = text_or(c, "port", S("9102"));
	w->settings.metrics_path = text_or(c, "path", S("/metrics"));
	NODE_EACH(relation, node_get(c, "relations"))
		relation_add(w, relation);
	NODE_EACH(container, node_get(c, "containers")) {
		w->s.containers = arena_grow(a, w->s.containers, n, sizeof *w->s.containers);
		w->s.containers[n++] = (struct container_state){
			.name = node_gets(container, "name"), .plan = node_get(container, "plan"),
			.reachable = !node_get(container, "reachable") || node_true(node_get(container, "reachable")),
		};
	}
	w->s.n_containers = n;
	w->w = (struct wanted){ .arena = a };
}

static struct str bag_name(struct world *w, const struct bag_wanted *bag)
{
	return str_f(w->a, FMT ":%d %s", ARG(bag->relation->endpoint->name), bag->relation->id, bag->application ? "app" : "unit");
}

static const struct bag_wanted *bag_find(struct world *w, struct str name)
{
	for (size_t i = 0; i < w->w.n_bags; i++)
		if (str_eq(bag_name(w, &w->w.bags[i]), name))
			return &w->w.bags[i];
	return NULL;
}

static void bags_check(struct world *w, const char *name, const struct node *want)
{
	const struct node *bags = node_get(want, "bags"), *keys = node_get(want, "keys"), *all = bags ? bags : keys;
	bool some = node_true(node_get(want, "some"));

	NODE_EACH(one, bags) {
		const struct bag_wanted *bag = bag_find(w, one->key);
		CHECK(bag, "%s: no bag " FMT, name, ARG(one->key));
		NODE_EACH(value, one)
			CHECK_STR(bag ? node_text(node_find(bag->data, value->key)) : NOSTR, node_text(value));
		CHECK(some || (bag && bag->data->count == one->count), "%s: " FMT ": other keys", name, ARG(one->key));
	}
	NODE_EACH(one, keys) {
		const struct bag_wanted *bag = bag_find(w, one->key);
		CHECK(bag && bag->data->count == one->count, "%s: " FMT, name, ARG(one->key));
		NODE_EACH(key, one)
			CHECK(bag && node_text(node_find(bag->data, key->text)).n, "%s: " FMT ": no " FMT, name, ARG(one->key), ARG(key->text));
	}
	for (size_t i = 0; i < w->w.n_bags && all && !some; i++)
		CHECK(node_find(all, bag_name(w, &w->w.bags[i])) || !w->w.bags[i].application, "%s: a bag too many: " FMT, name,
		      ARG(bag_name(w, &w->w.bags[i])));
	CHECK(!bags || some || w->w.n_bags == bags->count, "%s: %zu bags", name, w->w.n_bags);
	NODE_EACH(text, node_get(want, "text")) {
		ptrdiff_t space = str_rfind(text->key, ' ');
		const struct bag_wanted *bag = bag_find(w, str_sub(text->key, 0, (size_t)space));
		struct str got = bag ? node_text(node_find(bag->data, str_sub(text->key, (size_t)space + 1, text->key.n))) : NOSTR;
		CHECK_STR(str_sub(got, 0, text->text.n), text->text);
	}
}

/* The published groups of the first bag that has any. */
static const struct node *groups_of(struct world *w)
{
	for (size_t i = 0; i < w->w.n_bags; i++) {
		struct str text = node_gets(w->w.bags[i].data, "alert_rules");
		struct err err = { .arena = w->a };
		struct node *tree;
		if (text.n && json_parse(w->a, text, &tree, &err) == 0)
			return node_get(tree, "groups");
	}
	return NULL;
}

static const struct node *rule_find(const struct node *groups, struct str name)
{
	NODE_EACH(group, groups)
		NODE_EACH(rule, node_get(group, "rules"))
			if (str_eq(node_gets(rule, "alert"), name) || str_eq(node_gets(rule, "record"), name))
				return rule;
	return NULL;
}

static struct str names_of(struct world *w, const struct node *list, const char *key)
{
	struct strs names = { 0 };

	NODE_EACH(item, list)
		strs_add(w->a, &names, key ? node_gets(item, key) : node_text(item));
	return strs_join(w->a, &names, " ");
}

static void rules_check(struct world *w, const char *name, const struct node *want)
{
	const struct node *groups = groups_of(w);

	if (node_get(want, "groups"))
		CHECK_STR(names_of(w, groups, "name"), names_of(w, node_get(want, "groups"), NULL));
	NODE_EACH(names, node_get(want, "names"))
		NODE_EACH(group, groups)
			if (str_eq(node_gets(group, "name"), names->key))
				CHECK_STR(names_of(w, node_get(group, "rules"), "alert"), names_of(w, names, NULL));
	NODE_EACH(expr, node_get(want, "rules"))
		CHECK_STR(node_gets(rule_find(groups, expr->key), "expr"), expr->text);
	NODE_EACH(labels, node_get(want, "labels"))
		CHECK(node_equal(node_get(rule_find(groups, labels->key), "labels"), labels), "%s: labels of " FMT, name, ARG(labels->key));
}

static void targets_check(struct world *w, const char *name, const struct node *want)
{
	const struct node *targets = node_get(want, "targets"), *forwards = node_get(want, "forwards"), *all = targets ? targets : forwards;

	for (size_t i = 0; i < w->w.n_steps; i++) {
		const struct step *step = &w->w.steps[i];
		struct str container = w->s.containers[step->container].name;
		const struct node *layer = node_get(step->layer, "log-targets"), *off = node_find(node_get(want, "off"), container);
		struct strs names = { 0 }, offs = { 0 };
		NODE_EACH(target, layer) {
			strs_add(w->a, &names, target->key);
			if (str_is(node_text(node_get(target, "services")->child), "-all"))
				strs_add(w->a, &offs, target->key);
		}
		CHECK(step->kind == STEP_LAYER && !step->disturbs && step->why, "%s: a layer that restarts nothing", name);
		CHECK_STR(step->label, str_f(w->a, FMT "-log-forwarding", ARG(container)));
		if (targets)
			CHECK(node_equal(layer, node_find(targets, container)), "%s: targets of " FMT, name, ARG(container));
		if (forwards)
			CHECK_STR(strs_join(w->a, &names, " "), names_of(w, node_find(forwards, container), NULL));
		if (off)
			CHECK_STR(strs_join(w->a, &offs, " "), names_of(w, off, NULL));
	}
	CHECK(!all || w->w.n_steps == all->count, "%s: %zu steps", name, w->w.n_steps);
}

static bool logged(struct world *w, struct str text)
{
	for (size_t i = 0; i < w->w.n_log; i++)
		if (str_contains(w->w.log[i].text, text))
			return true;
	return false;
}

static void one_case(const struct node *c)
{
	struct arena *a = arena_new();
	struct world w = { .a = a };
	const struct node *want = node_get(c, "want");
	const char *name = str_c(a, node_gets(c, "name"));

	world_make(&w, c);
	log_targets_decide(&w.s, &w.w);
	observability_publish(&w.s, &w.settings, node_true(node_get(c, "config_error")), &w.w);
	bags_check(&w, name, want);
	rules_check(&w, name, want);
	targets_check(&w, name, want);
	NODE_EACH(text, node_get(want, "log"))
		CHECK(logged(&w, text->text), "%s: the log lacks " FMT ", it ends with " FMT, name, ARG(text->text),
		      ARG(w.w.n_log ? w.w.log[w.w.n_log - 1].text : S("nothing")));
	NODE_EACH(text, node_get(want, "quiet"))
		CHECK(!logged(&w, text->text), "%s: the log has " FMT, name, ARG(text->text));
	CHECK(node_get(want, "log") || node_get(want, "quiet") || w.w.n_log == 0, "%s: logged " FMT, name, ARG(w.w.log[0].text));
	arena_free(a);
}

static void cases(void)
{
	struct arena *a = arena_new();
	struct err err = { .arena = a };
	struct str text;
	struct node *all;
	bool found;

	CHECK(file_read(a, "tests/observability.yaml", MAX_FILE, &text, &found, &err) == 0 && found, "the cases are there");
	CHECK(yaml_parse(a, text, "observability.yaml", &all, &err) == 0, "%s", err.msg);
	CHECK(all->count > 20, "%zu cases", all->count);
	NODE_EACH(c, all)
		one_case(c);
	arena_free(a);
}

/* --- Dashboards --- */

static struct str unpacked(struct arena *a, const struct node *template)
{
	struct err err = { .arena = a };
	struct str packed = NOSTR;
	uint64_t limit = UINT64_MAX;
	size_t in = 0, n = 0, room = 1 << 20;
	char *out = arena_alloc(a, room);
	lzma_ret rc;

	CHECK(base64_decode(a, node_gets(template, "content"), &packed, &err) == 0, "base64");
	rc = lzma_stream_buffer_decode(&limit, 0, NULL, (const uint8_t *)packed.p, &in, packed.n, (uint8_t *)out, &n, room);
	CHECK(rc == LZMA_OK && in == packed.n, "xz: %d", rc);
	return (struct str){ out, n };
}

static struct node *parsed(struct arena *a, struct str text)
{
	struct err err = { .arena = a };
	struct node *tree = NULL;

	CHECK(json_parse(a, text, &tree, &err) == 0, "%s", err.msg);
	return tree;
}

static const char custom_world[] =
	"app: flask\n"
	"custom:\n"
	"- { directory: grafana_dashboards, name: cart.json, content: '{\"title\":\"Cart overview\",\"panels\":[],\"schemaVersion\":38,\"version\":1}' }\n"
	"- { directory: grafana_dashboards, name: kept.json.tmpl, content: '{\"uid\": \"56A576b7a40e1c68e53b6b8966d729645df1ad8b\", \"tags\": [\"x\", \"charm: y\", 5]}' }\n"
	"- { directory: grafana_dashboards, name: odd.tmpl, content: '{\"uid\": 5, \"tags\": null}' }\n"
	"- { directory: grafana_dashboards, name: short.json, content: '{\"uid\": \"56a576b7a40e1c68e53b6b8966d729645df1ad8g\", \"tags\": []}' }\n"
	"- { directory: grafana_dashboards, name: bad.json, content: '{\"uid\":' }\n"
	"- { directory: grafana_dashboards, name: list.json, content: '[]' }\n"
	"- { directory: grafana_dashboards, name: notes.txt, content: '{}' }\n"
	"- { directory: loki_alert_rules, name: a.json, content: '{}' }\n";

static struct str value_of(struct world *w, const char *yaml, struct str old)
{
	struct err err = { .arena = w->a };
	struct node *c;

	CHECK(yaml_parse(w->a, str_of(yaml), "world", &c, &err) == 0, "%s", err.msg);
	w->charm = (struct charm){ 0 };
	world_make(w, c);
	return dashboards_value(&w->s, old, &w->w);
}

static void dashboards_custom(void)
{
	struct arena *a = arena_new();
	struct world w = { .a = a };
	struct node *value = parsed(a, value_of(&w, custom_world, NOSTR)), *templates = node_get(value, "templates"), *one;

	CHECK(templates->count == 5, "%zu templates", templates->count);
	CHECK(logged(&w, S("custom_bad.json: ")) && logged(&w, S("custom_list.json: a dashboard is an object, not a list")), "bad ones are told");
	CHECK(w.w.n_log == 2, "%zu lines", w.w.n_log);
	one = node_get(templates, "file:custom_cart");
	CHECK_STR(node_gets(one, "charm"), S("flask-k8s"));
	CHECK_STR(json_text(a, node_get(one, "juju_topology"), JSON_PYTHON), S("{\"model\": \"shop\", \"model_uuid\": "
	          "\"3f9c1b52-70de-4c7a-8a11-2b6f5d0e9c44\", \"application\": \"flask\", \"unit\": \"flask/1\"}"));
	CHECK(node_true(node_get(one, "inject_dropdowns")), "dropdowns");
	CHECK_STR(unpacked(a, one), str_f(a, "{\"title\": \"Cart overview\", \"panels\": [], \"schemaVersion\": 38, \"version\": 1, \"uid\": \"" FMT
	          "\", \"tags\": [\"charm: flask-k8s\"]}", ARG(shake256_hex(a, S("flask-k8s-cos_merged/grafana_dashboards/custom_cart.json"), 20))));
	CHECK_STR(unpacked(a, node_get(templates, "file:custom_kept.json")),
	          S("{\"uid\": \"56A576b7a40e1c68e53b6b8966d729645df1ad8b\", \"tags\": [\"x\", \"charm: y\", 5]}"));
	CHECK_STR(unpacked(a, node_get(templates, "file:custom_odd")), str_f(a, "{\"uid\": \"" FMT "\", \"tags\": [\"charm: flask-k8s\"]}",
	          ARG(shake256_hex(a, S("flask-k8s-cos_merged/grafana_dashboards/custom_odd.tmpl"), 20))));
	CHECK_STR(unpacked(a, node_get(templates, "file:custom_short")), str_f(a, "{\"uid\": \"" FMT "\", \"tags\": [\"charm: flask-k8s\"]}",
	          ARG(shake256_hex(a, S("flask-k8s-cos_merged/grafana_dashboards/custom_short.json"), 20))));
	one = node_get(templates, "file:flask");
	CHECK_STR(node_gets(one, "dashboard_alt_uid"), S("e1ea98eb0d057b44"));
	CHECK_STR(node_gets(parsed(a, unpacked(a, one)), "uid"), S("1a40d131056bdd5a146f2941a7979e1fefcbb8cc"));
	arena_free(a);
}

/* The old value stays while nothing has changed, whatever it is; any change packs anew. */
static void dashboards_kept(void)
{
	static const char *const changes[] = {
		"app: other", "framework: django", "model: other", "custom: [{directory: grafana_dashboards, name: a.json, content: '{}'}]",
		"custom: [{directory: grafana_dashboards, name: b.json, content: '{}'}]",
		"custom: [{directory: grafana_dashboards, name: a.json, content: '{ }'}]",
	};
	struct arena *a = arena_new();
	struct world w = { .a = a };
	struct str first = value_of(&w, "app: cart", NOSTR), again = value_of(&w, "app: cart", first), seen[LEN(changes)];
	struct node *value = parsed(a, first);
	struct str uuid = node_gets(value, "uuid"), marked = str_f(a, "something else \"uuid\": \"" FMT "\"}", ARG(uuid));

	CHECK(again.p == first.p, "nothing is packed again");
	CHECK_STR(value_of(&w, "app: cart", marked), marked);
	CHECK(uuid.n == 36 && uuid.p[8] == '-' && uuid.p[13] == '-' && uuid.p[14] == '8' && uuid.p[18] == '-' && uuid.p[19] == '8' &&
	      uuid.p[23] == '-', FMT, ARG(uuid));
	CHECK_STR(value_of(&w, "app: cart\nleader: no\ncustom: [{directory: loki_alert_rules, name: a.json, content: '{}'}]", first), first);
	for (size_t i = 0; i < LEN(changes); i++) {
		seen[i] = node_gets(parsed(a, value_of(&w, changes[i], first)), "uuid");
		CHECK(!str_eq(seen[i], uuid), "%s", changes[i]);
		for (size_t k = 0; k < i; k++)
			CHECK(!str_eq(seen[i], seen[k]), "%s and %s", changes[i], changes[k]);
	}
	arena_free(a);
}

/* Only the leader publishes dashboards, and hands on what is there. */
static void dashboards_published(void)
{
	struct arena *a = arena_new();
	struct world w = { .a = a };
	struct str value = value_of(&w, "relations: [{endpoint: grafana-dashboard, id: 2}]", NOSTR);
	struct node *local = node_new(a, NODE_MAP);

	observability_publish(&w.s, &w.settings, false, &w.w);
	CHECK(w.w.n_bags == 1 && w.w.bags[0].application && w.w.bags[0].data->count == 1, "one bag");
	CHECK_STR(node_gets(w.w.bags[0].data, "dashboards"), value);
	node_puts(a, local, "dashboards", value);
	w.s.relations[0].local_app = local;
	w.w = (struct wanted){ .arena = a };
	observability_publish(&w.s, &w.settings, true, &w.w);
	CHECK(node_gets(w.w.bags[0].data, "dashboards").p == value.p, "the old value");
	w.s.leader = false;
	w.w = (struct wanted){ .arena = a };
	observability_publish(&w.s, &w.settings, false, &w.w);
	CHECK(w.w.n_bags == 0, "a follower publishes none");
	arena_free(a);
}

/* Ours: titles that people know, panels in their grid, every query filled in. */
static void dashboards_ours(void)
{
	static const struct { const char *file, *title, *tag; } ours[] = {
		{ "flask", "Flask Operator", "flask" }, { "django", "Django Operator", "django" }, { "fastapi", "FastAPI Operator", "fastapi" },
		{ "go", "Go Operator", "go" }, { "expressjs", "ExpressJS Operator", "expressjs" }, { "spring_boot", "Spring Boot Operator", "spring-boot" },
	};
	struct arena *a = arena_new();
	struct err err = { .arena = a };

	for (size_t i = 0; i < LEN(ours); i++) {
		struct node *d = dashboard_expand(a, str_of(ours[i].file), &err);
		struct str text = json_text(a, d, JSON_COMPACT);
		bool busy[200][24] = { { false } };
		int64_t id = 0, x, y, width, height;
		size_t metrics = 0, logs = 0;
		CHECK(d, "%s: %s", ours[i].file, err.msg);
		CHECK_STR(node_gets(d, "title"), str_of(ours[i].title));
		CHECK_STR(node_text(node_get(d, "tags")->child), str_of(ours[i].tag));
		CHECK(!str_contains(text, S("%T")) && !str_contains(text, S("%P")) && !str_contains(text, S("%L")) && !str_contains(text, S("%N")), "%s: a mark is left", ours[i].file);
		CHECK(node_get(node_get(d, "templating"), "list")->count == 4, "%s: variables", ours[i].file);
		CHECK_STR(node_gets(node_get(node_get(d, "templating"), "list")->last, "definition"), S("label_values(up{juju_model=~\"$juju_model\","
		          "juju_model_uuid=~\"$juju_model_uuid\",juju_application=~\"$juju_application\"},juju_unit)"));
		NODE_EACH(panel, node_get(d, "panels")) {
			const struct node *grid = node_get(panel, "gridPos");
			struct str type = node_gets(panel, "type"), source = node_gets(node_get(panel, "datasource"), "type");
			CHECK_STR(node_gets(panel, "id"), str_f(a, "%d", (int)++id));
			CHECK(str_int(node_gets(grid, "x"), &x) && str_int(node_gets(grid, "y"), &y) && str_int(node_gets(grid, "w"), &width) &&
			      str_int(node_gets(grid, "h"), &height) && x >= 0 && y >= 0 && width > 0 && height > 0 && x + width <= 24 && y + height < 200,
			      "%s: panel %d", ours[i].file, (int)id);
			for (int64_t k = 0; k < width * height; k++) {
				bool *cell = &busy[y + k / width][x + k % width];
				CHECK(!*cell, "%s: panel %d overlaps", ours[i].file, (int)id);
				*cell = true;
			}
			metrics += str_is(source, "prometheus");
			logs += str_is(source, "loki");
			CHECK(str_is(type, "row") || (node_gets(panel, "description").n && node_get(panel, "targets")->count), "%s: panel %d is bare",
			      ours[i].file, (int)id);
			CHECK(node_gets(panel, "title").n, "%s: panel %d has no title", ours[i].file, (int)id);
		}
		CHECK(metrics >= 15 && logs == 2, "%s: %zu and %zu panels", ours[i].file, metrics, logs);
	}
	CHECK(!dashboard_expand(a, S("nope"), &err) && err.kind == ERR_INPUT, "no such dashboard");
	arena_free(a);
}

/* One panel of each kind, as Grafana gets it. */
static void dashboards_panels(void)
{
	static const struct { const char *title, *want; } panels[] = {
		{ "Errors", "\"thresholds\":{\"mode\":\"absolute\",\"steps\":[{\"color\":\"green\",\"value\":null},{\"color\":\"orange\",\"value\":0.01},"
		            "{\"color\":\"red\",\"value\":0.05}]}" },
		{ "Units answering", "\"steps\":[{\"color\":\"red\",\"value\":null},{\"color\":\"green\",\"value\":1}]" },
		{ "Requests", "\"unit\":\"reqps\"" },
		{ "Requests", "\"expr\":\"sum(rate(flask_requests{juju_model=~\\\"$juju_model\\\",juju_model_uuid=~\\\"$juju_model_uuid\\\","
		              "juju_application=~\\\"$juju_application\\\",juju_unit=~\\\"$juju_unit\\\"}[$__rate_interval]))\"" },
		{ "Share by class", "\"max\":1" }, { "Share by class", "\"stacking\":{\"mode\":\"normal\"" }, { "Share by class", "\"fillOpacity\":40" },
		{ "Share by class", "\"options\":\"/^5/\"" }, { "Share by class", "\"refId\":\"D\"" }, { "Share by class", "\"legendFormat\":\"5xx\"" },
		{ "p99 by unit", "\"thresholdsStyle\":{\"mode\":\"dashed\"}" }, { "Workers", "\"thresholdsStyle\":{\"mode\":\"off\"}" },
		{ "Workers", "\"overrides\":[]" }, { "Workers", "\"steps\":[{\"color\":\"green\",\"value\":null}]" }, { "Workers", "\"fillOpacity\":10" },
		{ "Log lines", "\"drawStyle\":\"bars\"" }, { "Log lines", "\"uid\":\"${lokids}\"" }, { "Workers", "\"uid\":\"${prometheusds}\"" },
		{ "Log", "\"type\":\"logs\"" }, { "Log", "juju_unit=~\\\"$juju_unit\\\",juju_application=~\\\".+\\\"}" },
		{ "Log", "\"gridPos\":{\"h\":12,\"w\":24,\"x\":0," }, { "Requests", "\"gridPos\":{\"h\":4,\"w\":4,\"x\":4,\"y\":1}" },
		{ "Requests by unit", "\"gridPos\":{\"h\":8,\"w\":8,\"x\":0,\"y\":6}" },
	};
	struct arena *a = arena_new();
	struct err err = { .arena = a };
	struct node *d = dashboard_expand(a, S("flask"), &err);

	for (size_t i = 0; i < LEN(panels); i++) {
		struct str text = S("");
		NODE_EACH(panel, node_get(d, "panels"))
			if (str_is(node_gets(panel, "title"), panels[i].title))
				text = json_text(a, panel, JSON_COMPACT);
		CHECK(str_contains(text, str_of(panels[i].want)), "%s: no %s in " FMT, panels[i].title, panels[i].want, ARG(text));
	}
	d = dashboard_expand(a, S("go"), &err);
	CHECK(str_contains(json_text(a, d, JSON_COMPACT), S("\"textMode\":\"name\"")), "a version is a name");
	arena_free(a);
}

/* --- Digests and containers --- */

static void shake(void)
{
	static const struct { const char *text; size_t n; const char *want; } digests[] = {
		{ "", 20, "46b9dd2b0ba88d13233b3feb743eeb243fcd52ea" },
		{ "flask-k8s-cos_merged/grafana_dashboards/flask.json", 20, "1a40d131056bdd5a146f2941a7979e1fefcbb8cc" },
		{ "flask-k8s-file:flask", 8, "e1ea98eb0d057b44" },
		{ "spring-boot-k8s-cos_merged/grafana_dashboards/spring_boot.json", 20, "62834e5419c78e5117c31ac6cf58873477aa7fac" },
	};
	static const char *const filled[] = { "c45dae624ad8a2f5aa7bac9d7557737f", "b7ff4073b3f5a8eabd6e17705ca7f676", "01d90952c642a5eb2a8fc9d713f843a4", "e3299fa992163e7ffc875aff708dac93", "177c5689012e0ac1f06bea70d7946bf8" };
	struct arena *a = arena_new();
	static const size_t lengths[] = { 135, 136, 137, 272, 300 };

	for (size_t i = 0; i < LEN(digests); i++)
		CHECK_STR(shake256_hex(a, str_of(digests[i].text), digests[i].n), str_of(digests[i].want));
	for (size_t i = 0; i < LEN(lengths); i++) {
		struct buf text = { .arena = a };
		for (size_t k = 0; k < lengths[i]; k++)
			buf_addc(&text, (char)(k % 251));
		CHECK_STR(shake256_hex(a, buf_str(&text), 16), str_of(filled[i]));
	}
	CHECK(shake256_hex(a, S(""), 1000).n == 2 * SHAKE_RATE, "one block is all there is");
	arena_free(a);
}

static void xz(void)
{
	static const size_t sizes[] = { 0, 1, 13, 65536, 65537, 200000 };
	struct arena *a = arena_new();

	for (size_t i = 0; i < LEN(sizes); i++) {
		struct buf text = { .arena = a };
		struct str packed;
		uint64_t limit = UINT64_MAX;
		size_t in = 0, n = 0, room = 300000;
		char *out = arena_alloc(a, room);
		uint32_t noise = 1;
		lzma_ret rc;
		for (size_t k = 0; k < sizes[i]; k++) {
			noise = noise * 1103515245 + 12345;
			buf_addc(&text, (char)(k % 3000 < 1000 ? noise >> 24 : 'a' + k % 7));
		}
		packed = xz_pack(a, buf_str(&text));
		CHECK(str_starts(packed, "\xfd" "7zXZ"), "%zu: no .xz", sizes[i]);
		rc = lzma_stream_buffer_decode(&limit, 0, NULL, (const uint8_t *)packed.p, &in, packed.n, (uint8_t *)out, &n, room);
		CHECK(rc == LZMA_OK && in == packed.n, "%zu: %d", sizes[i], rc);
		CHECK_STR(((struct str){ out, n }), buf_str(&text));
	}
	arena_free(a);
}

int main(void)
{
	cases();
	dashboards_custom();
	dashboards_kept();
	dashboards_published();
	dashboards_ours();
	dashboards_panels();
	shake();
	xz();
	return TEST_END();
}
