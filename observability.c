/* observability.c: what Prometheus, Grafana and Loki are told about this application, and where the workload's logs go. */
#include "observability.h"
#include "url.h"

#include <string.h>

/* --- Who we are --- */

struct str topology_identifier(const struct snapshot *s)
{
	struct str name = str_f(s->arena, FMT "_" FMT "_" FMT, ARG(s->hook.model), ARG(str_sub(s->hook.model_uuid, 0, 8)), ARG(s->hook.app));

	return str_replace(s->arena, name, '/', '_');
}

static struct str topology_json(const struct snapshot *s)
{
	struct node *map = node_new(s->arena, NODE_MAP);

	node_puts(s->arena, map, "model", s->hook.model);
	node_puts(s->arena, map, "model_uuid", s->hook.model_uuid);
	node_puts(s->arena, map, "application", s->hook.app);
	node_puts(s->arena, map, "unit", s->hook.unit);
	node_puts(s->arena, map, "charm_name", s->charm->name);
	return json_text(s->arena, map, JSON_PYTHON);
}

static bool relation_is(const struct relation *relation, const char *name)
{
	return relation->integration && strcmp(integration_name(relation->integration), name) == 0;
}

static void put_json(const struct snapshot *s, struct bag_wanted *bag, const char *key, const struct node *value, unsigned style)
{
	node_puts(s->arena, bag->data, key, json_text(s->arena, value, style));
}

/* --- metrics-endpoint --- */

/* "@scheduler:PORT" is unit 0, wherever it runs. "*:PORT", every unit, is for Prometheus' charm to expand. */
static struct str target(const struct snapshot *s, struct str text)
{
	if (!str_starts(text, "@scheduler:"))
		return text;
	return str_f(s->arena, FMT ":" FMT, ARG(unit_fqdn(s->arena, s->hook.app, s->hook.model, S("0"))),
	             ARG(str_sub(text, strlen("@scheduler:"), text.n)));
}

/* Adds a job without static configs; the order of keys is the reference charm's. */
static struct node *job_add(const struct snapshot *s, struct node *jobs, struct str path, struct node **configs)
{
	struct node *job = node_new(s->arena, NODE_MAP);

	*configs = node_new(s->arena, NODE_LIST);
	node_puts(s->arena, job, "metrics_path", path);
	node_put(s->arena, job, S("static_configs"), *configs);
	node_add(s->arena, jobs, job);
	return job;
}

static void target_add(const struct snapshot *s, struct node *configs, struct str text)
{
	struct node *config = node_new(s->arena, NODE_MAP), *targets = node_new(s->arena, NODE_LIST);

	node_add(s->arena, targets, node_str(s->arena, text));
	node_put(s->arena, config, S("targets"), targets);
	node_add(s->arena, configs, config);
}

static void scrape_config_add(const struct snapshot *s, struct node *jobs, const struct scrape_config *from)
{
	struct node *configs, *job = job_add(s, jobs, from->metrics_path, &configs);

	for (size_t i = 0; i < from->n_configs; i++) {
		const struct static_config *one = &from->configs[i];
		struct node *config = node_new(s->arena, NODE_MAP), *targets = node_new(s->arena, NODE_LIST);
		for (size_t k = 0; k < one->targets.n; k++)
			node_add(s->arena, targets, node_str(s->arena, target(s, one->targets.v[k])));
		node_put(s->arena, config, S("targets"), targets);
		if (one->labels && one->labels->count)
			node_put(s->arena, config, S("labels"), node_copy(s->arena, one->labels));
		node_add(s->arena, configs, config);
	}
	node_puts(s->arena, job, "job_name", from->job_name);
}

static struct node *scrape_jobs(const struct snapshot *s, const struct settings *settings)
{
	struct node *jobs = node_new(s->arena, NODE_LIST), *configs;

	/* Generation 1 may know a path and no port, and then names the port None: Prometheus shows a target that is down. */
	if (settings->metrics_path.p) {
		job_add(s, jobs, settings->metrics_path.n ? settings->metrics_path : S("/metrics"), &configs);
		target_add(s, configs, str_f(s->arena, "*:" FMT, ARG(settings->metrics_port.p ? settings->metrics_port : S("None"))));
	}
	for (size_t i = 0; i < s->charm->paas.n_scrape_configs; i++)
		scrape_config_add(s, jobs, &s->charm->paas.scrape_configs[i]);
	if (!jobs->count) {
		/* Prometheus' charm takes a relation without jobs for one that is not ready yet. */
		job_add(s, jobs, S("/metrics"), &configs);
		target_add(s, configs, S("*:80"));
	}
	return jobs;
}

/* jobs NULL: unknown, what was published stays. */
static void metrics_publish(const struct snapshot *s, const struct relation *relation, const struct node *jobs, struct node **rules,
                            struct wanted *w)
{
	bool ip = ip_address(relation->address);
	struct bag_wanted *bag = want_bag(w, relation, false);

	/* The name beside the address lets Prometheus' charm find the unit behind a target that is given by name. */
	node_puts(s->arena, bag->data, "prometheus_scrape_unit_address", ip ? relation->address : s->hook.fqdn);
	node_puts(s->arena, bag->data, "prometheus_scrape_unit_name", s->hook.unit);
	node_puts(s->arena, bag->data, "prometheus_scrape_unit_fqdn", s->hook.fqdn);
	node_puts(s->arena, bag->data, "prometheus_scrape_unit_path", S(""));
	if (!s->leader)
		return;
	if (!*rules)
		*rules = alert_rules(s, false, w);
	bag = want_bag(w, relation, true);
	node_puts(s->arena, bag->data, "scrape_metadata", topology_json(s));
	if (jobs)
		put_json(s, bag, "scrape_jobs", jobs, JSON_PYTHON);
	put_json(s, bag, "alert_rules", *rules, JSON_PYTHON);
}

/* --- logging --- */

/* Pebble forwards logs as of Juju 3.4. */
static bool forwards_logs(const struct snapshot *s)
{
	return version_at_least(s->hook.juju_version, 3, 4, 0);
}

/* Where Loki's units take logs: unit name to URL. Units that have not said so are left out. */
static struct node *loki_endpoints(const struct snapshot *s, size_t *n_relations, struct wanted *w)
{
	struct node *found = node_new(s->arena, NODE_MAP);

	*n_relations = 0;
	for (size_t i = 0; i < s->n_relations; i++) {
		const struct relation *relation = &s->relations[i];
		if (!relation_is(relation, "logging"))
			continue;
		++*n_relations;
		for (size_t k = 0; k < relation->units.n && relation->remote_units; k++) {
			struct str text = node_gets(relation->remote_units[k].data, "endpoint"), url;
			struct err err = { .arena = s->arena };
			struct node *endpoint;
			if (!text.n)
				continue;
			if (json_parse(s->arena, text, &endpoint, &err) < 0 || !(url = node_gets(endpoint, "url")).n) {
				if (w)
					want_log(w, LOG_WARNING, "logging:%d: no URL in the endpoint of " FMT, relation->id, ARG(relation->units.v[k]));
				continue;
			}
			node_put(s->arena, found, relation->units.v[k], node_str(s->arena, url));
		}
	}
	return found;
}

static struct node *log_target(const struct snapshot *s, struct str location, bool enabled)
{
	struct node *map = node_new(s->arena, NODE_MAP), *services = node_new(s->arena, NODE_LIST), *labels;

	node_puts(s->arena, map, "override", S("replace"));
	node_puts(s->arena, map, "type", S("loki"));
	node_puts(s->arena, map, "location", enabled ? location : S("(removed)"));
	node_add(s->arena, services, node_str(s->arena, enabled ? S("all") : S("-all")));
	node_put(s->arena, map, S("services"), services);
	if (!enabled)
		return map;
	labels = node_new(s->arena, NODE_MAP);
	node_puts(s->arena, labels, "product", S("Juju"));
	node_puts(s->arena, labels, "charm", s->charm->name);
	node_puts(s->arena, labels, "juju_model", s->hook.model);
	node_puts(s->arena, labels, "juju_model_uuid", s->hook.model_uuid);
	node_puts(s->arena, labels, "juju_application", s->hook.app);
	node_puts(s->arena, labels, "juju_unit", s->hook.unit);
	node_puts(s->arena, labels, "job", str_f(s->arena, "juju_" FMT, ARG(topology_identifier(s))));
	node_put(s->arena, map, S("labels"), labels);
	return map;
}

/* Does the plan hold this target? How it was merged into the plan does not matter. */
static bool target_equal(const struct snapshot *s, const struct node *have, const struct node *want)
{
	struct node *a = have ? node_copy(s->arena, have) : NULL, *b = node_copy(s->arena, want);

	if (!a)
		return false;
	node_del(a, S("override"));
	node_del(b, S("override"));
	return node_equal(a, b);
}

static bool target_enabled(const struct node *target)
{
	NODE_EACH(service, node_get(target, "services"))
		if (str_is(node_text(service), "-all"))
			return false;
	return true;
}

void log_targets_decide(const struct snapshot *s, struct wanted *w)
{
	size_t n_relations;
	struct node *endpoints = loki_endpoints(s, &n_relations, w);

	/* A Loki that has not said yet where it listens is no reason to stop what runs. */
	if (!forwards_logs(s) || (!endpoints->count && n_relations))
		return;
	for (size_t i = 0; i < s->n_containers; i++) {
		const struct container_state *container = &s->containers[i];
		const struct node *plan = node_get(container->plan, "log-targets");
		struct node *targets = node_new(s->arena, NODE_MAP), *layer;
		struct step *step;
		if (!container->reachable)
			continue;
		NODE_EACH(have, plan) {
			/* With no Loki left only targets that a charm has set are switched off: the image may have its own. */
			bool ours = endpoints->count || str_is(node_gets(node_get(have, "labels"), "product"), "Juju");
			if (!node_find(endpoints, have->key) && ours && target_enabled(have))
				node_put(s->arena, targets, have->key, log_target(s, NOSTR, false));
		}
		NODE_EACH(url, endpoints) {
			struct node *want = log_target(s, url->text, true);
			if (!target_equal(s, plan ? node_find(plan, url->key) : NULL, want))
				node_put(s->arena, targets, url->key, want);
		}
		if (!targets->count)
			continue;
		layer = node_new(s->arena, NODE_MAP);
		node_put(s->arena, layer, S("log-targets"), targets);
		step = want_step(w, STEP_LAYER, "log targets");
		step->container = i;
		step->label = str_f(s->arena, FMT "-log-forwarding", ARG(container->name));
		step->layer = layer;
		step->why = endpoints->count ? "where Loki takes logs has changed" : "no Loki is related any more";
	}
}

static void logging_publish(const struct snapshot *s, const struct relation *relation, struct node **rules, struct wanted *w)
{
	struct bag_wanted *bag;

	if (!*rules)
		*rules = alert_rules(s, true, w);
	bag = want_bag(w, relation, true);
	node_puts(s->arena, bag->data, "metadata", topology_json(s));
	put_json(s, bag, "alert_rules", *rules, JSON_PYTHON | JSON_SORTED);
}

/* --- All of them --- */

void observability_publish(const struct snapshot *s, const struct settings *settings, bool config_error, struct wanted *w)
{
	struct node *jobs = config_error ? NULL : scrape_jobs(s, settings), *rules = NULL, *loki_rules = NULL;
	size_t n_logging;
	bool known = loki_endpoints(s, &n_logging, NULL)->count > 0;

	if (n_logging && !forwards_logs(s))
		want_log(w, LOG_WARNING, "logging: Juju " FMT " cannot forward logs, 3.4 or later can: only alert rules are published",
		         ARG(s->hook.juju_version));
	for (size_t i = 0; i < s->n_relations; i++) {
		const struct relation *relation = &s->relations[i];
		if (relation_is(relation, "metrics-endpoint"))
			metrics_publish(s, relation, jobs, &rules, w);
		else if (relation_is(relation, "logging") && s->leader && (known || !forwards_logs(s)))
			logging_publish(s, relation, &loki_rules, w);
		else if (relation_is(relation, "grafana-dashboard") && s->leader)
			node_puts(s->arena, want_bag(w, relation, true)->data, "dashboards",
			          dashboards_value(s, node_gets(relation->local_app, "dashboards"), w));
	}
}
