/* simulate.c: the simulated Juju: an event's hook variables, and the hook tools on the state's tree.
 *
 * The tools answer as the agent's do, refusals included, so that the program above cannot tell the difference. */
#include <stdlib.h>
#include <string.h>

#include "folder.h"
#include "frameworks.h"
#include "simulate.h"

struct node *journal_add(struct simulator *s, const char *kind)
{
	struct node *entry = node_new(s->arena, NODE_MAP);

	node_puts(s->arena, entry, "kind", str_of(kind));
	node_add(s->arena, s->journal, entry);
	return entry;
}

const struct node *simulator_journal(const struct simulator *s)
{
	return s->journal;
}

static int state_int(const struct node *n)
{
	int64_t value = 0;

	str_int(node_text(n), &value);
	return (int)value;
}

static bool is_leader(const struct simulator *s)
{
	return node_true(node_get(s->state, "leader"));
}

/* --- Events. --- */
static const char *const plain_events[] = {
	"install", "start", "stop", "remove", "config-changed", "update-status", "upgrade-charm", "leader-elected",
	"leader-settings-changed", "secret-changed", "secret-remove", "secret-rotate", "secret-expired", "collect-metrics",
	"meter-status-changed", "pre-series-upgrade", "post-series-upgrade",
};
static const char *const relation_events[] = {
	"-relation-created", "-relation-joined", "-relation-changed", "-relation-departed", "-relation-broken",
};
static const char *const container_events[] = {
	"-pebble-ready", "-pebble-custom-notice", "-pebble-check-failed", "-pebble-check-recovered",
};

static bool ends_in(struct str event, const char *const *ends, size_t n, struct str *front)
{
	for (size_t i = 0; i < n; i++)
		if (str_ends(event, ends[i])) {
			*front = str_sub(event, 0, event.n - strlen(ends[i]));
			return true;
		}
	return false;
}

/* The relation that an event is about: the only one of its endpoint, or the one that the event names. */
static int event_relation(struct simulator *s, struct hook *hook, struct str event, struct str endpoint, int64_t id, struct err *err)
{
	struct node *relation = NULL;
	struct strs ids = { 0 };
	struct node *units;

	if (!endpoint_find(s->charm, endpoint))
		return err_set(err, ERR_INPUT, FMT ": the charm has no endpoint '" FMT "'", ARG(event), ARG(endpoint));
	NODE_EACH(r, node_get(s->state, "relations"))
		if (str_eq(node_gets(r, "endpoint"), endpoint) && (id < 0 || id == state_int(node_get(r, "id")))) {
			relation = r;
			strs_add(s->arena, &ids, node_gets(r, "id"));
		}
	if (!relation && id >= 0)
		return err_set(err, ERR_INPUT, FMT ": the state has no relation %d of endpoint '" FMT "'", ARG(event), (int)id, ARG(endpoint));
	if (!relation)
		return err_set(err, ERR_INPUT, FMT ": the state has no relation of endpoint '" FMT "'; --relate " FMT " adds one", ARG(event),
		               ARG(endpoint), ARG(endpoint));
	if (ids.n > 1)
		return err_set(err, ERR_INPUT, FMT ": several relations: append :ID, one of " FMT, ARG(event),
		               ARG(strs_join(s->arena, &ids, ", ")));
	hook->endpoint = endpoint;
	hook->relation_id = state_int(node_get(relation, "id"));
	hook->remote_app = state_is_peer(s, endpoint) ? hook->app : node_gets(relation, "remote_app_name");
	units = node_get(relation, state_is_peer(s, endpoint) ? "peers_data" : "remote_units_data");
	if (units->child && !str_ends(event, "-created") && !str_ends(event, "-broken"))
		hook->remote_unit = str_f(s->arena, FMT "/" FMT, ARG(hook->remote_app), ARG(units->child->key));
	if (str_ends(event, "-departed"))
		hook->departing_unit = hook->remote_unit;
	return 0;
}

int simulator_hook(struct simulator *s, struct str event, struct hook *hook, struct err *err)
{
	const struct node *model = node_get(s->state, "model");
	ptrdiff_t colon = str_find(event, ':');
	struct str name = colon < 0 ? event : str_sub(event, 0, (size_t)colon), front;
	int64_t id = -1;

	*hook = (struct hook){
		.event = name, .app = node_gets(s->state, "app"), .unit_number = state_int(node_get(s->state, "unit")),
		.model = node_gets(model, "name"), .model_uuid = node_gets(model, "uuid"),
		.juju_version = node_gets(s->state, "juju_version"), .relation_id = -1,
		.http_proxy = node_gets(model, "http_proxy"), .https_proxy = node_gets(model, "https_proxy"),
		.no_proxy = node_gets(model, "no_proxy"),
	};
	hook->unit = str_f(s->arena, FMT "/%d", ARG(hook->app), hook->unit_number);
	/* A pod's host name; its full name as Kubernetes gives it to a stateful set's pod. */
	hook->hostname = str_f(s->arena, FMT "-%d", ARG(hook->app), hook->unit_number);
	hook->fqdn = unit_fqdn(s->arena, hook->app, hook->model, hook->unit);
	if (colon >= 0 && (!str_int(str_sub(event, (size_t)colon + 1, event.n), &id) || id < 0 || id > INT32_MAX))
		return err_set(err, ERR_INPUT, FMT ": what follows the colon is a relation's id, a number", ARG(event));
	if (strs_has(&s->charm->actions, name)) {
		hook->action = true;
	} else if (ends_in(name, relation_events, LEN(relation_events), &front)) {
		return event_relation(s, hook, name, front, id, err);
	} else if (ends_in(name, container_events, LEN(container_events), &front)) {
		if (!strs_has(&s->charm->containers, front))
			return err_set(err, ERR_INPUT, FMT ": the charm has no container '" FMT "'", ARG(name), ARG(front));
		hook->workload = front;
	}
	if (id >= 0)
		return err_set(err, ERR_INPUT, FMT ": only a relation's event has an id", ARG(event));
	if (hook->action || hook->workload.n || str_ends(name, "-storage-attached") || str_ends(name, "-storage-detaching"))
		return 0;
	for (size_t i = 0; i < LEN(plain_events); i++)
		if (str_is(name, plain_events[i]))
			return 0;
	return 1;
}

/* What Juju writes only when a hook has succeeded. */
static const char *const buffered[] = { "relations", "opened_ports", "secrets" };

void simulator_begin(struct simulator *s, const struct hook *hook)
{
	s->hook = *hook;
	s->before = node_new(s->arena, NODE_MAP);
	for (size_t i = 0; i < LEN(buffered); i++)
		node_put(s->arena, s->before, str_of(buffered[i]), node_copy(s->arena, node_get(s->state, buffered[i])));
}

void simulator_end(struct simulator *s, int code)
{
	struct node *relations = node_get(s->state, "relations"), *left = node_new(s->arena, NODE_LIST);

	if (code != 0) {
		for (size_t i = 0; i < LEN(buffered); i++)
			node_put(s->arena, s->state, str_of(buffered[i]), node_get(s->before, buffered[i]));
		return;
	}
	if (!str_ends(s->hook.event, "-relation-broken"))
		return;
	NODE_EACH(r, relations)
		if (state_int(node_get(r, "id")) != s->hook.relation_id)
			node_add(s->arena, left, node_copy(s->arena, r));
	node_put(s->arena, s->state, S("relations"), left);
}

/* --- The hook tools. --- */
struct tool {
	struct simulator *s;
	struct tool_call *call;
	struct strs args;         /* what is no flag */
	struct str relation;      /* -r: "db:3" */
	struct str label;
	bool app, application, refresh, peek, file;
};

static void refuse(struct tool *t, int code, const char *fmt, ...) PRINTF(3, 4);
static void refuse(struct tool *t, int code, const char *fmt, ...)
{
	struct str what;
	va_list args;

	va_start(args, fmt);
	what = str_vf(t->s->arena, fmt, args);
	va_end(args);
	t->call->code = code;
	t->call->message = str_f(t->s->arena, "ERROR " FMT "\n", ARG(what));
}

static void answer(struct tool *t, const struct node *n)
{
	t->call->output = str_f(t->s->arena, FMT "\n", ARG(json_text(t->s->arena, n, JSON_COMPACT)));
}

static struct str arg(const struct tool *t, size_t i)
{
	return i < t->args.n ? t->args.v[i] : NOSTR;
}

/* The relation of -r, by its number, as Juju finds it; refused when there is none. */
static struct node *relation_of(struct tool *t)
{
	ptrdiff_t colon = str_find(t->relation, ':');
	struct str id = str_sub(t->relation, (size_t)(colon + 1), t->relation.n);

	NODE_EACH(r, node_get(t->s->state, "relations"))
		if (str_eq(node_gets(r, "id"), id))
			return r;
	refuse(t, 2, "invalid value \"" FMT "\" for option -r: relation not found", ARG(t->relation));
	return NULL;
}

static void tool_config_get(struct tool *t)
{
	struct node *all = node_new(t->s->arena, NODE_MAP), *set = node_get(t->s->state, "config");

	for (size_t i = 0; i < t->s->charm->n_options; i++) {
		const struct option *o = &t->s->charm->options[i];
		const struct node *value = node_find(set, o->name) ? node_find(set, o->name) : o->fallback;

		if (value && value->kind != NODE_NULL)
			node_put(t->s->arena, all, o->name, node_copy(t->s->arena, value));
	}
	answer(t, all);
}

static void tool_is_leader(struct tool *t)
{
	answer(t, node_bool(t->s->arena, is_leader(t->s)));
}

static void tool_status_get(struct tool *t)
{
	struct arena *arena = t->s->arena;
	const struct node *status = node_get(t->s->state, t->application ? "app_status" : "unit_status");
	struct node *shown = node_new(arena, NODE_MAP), *outer = node_new(arena, NODE_MAP);

	if (t->application && !is_leader(t->s)) {
		refuse(t, 1, "finding application status: this unit is not the leader");
		return;
	}
	node_puts(arena, shown, "message", node_gets(status, "message"));
	node_puts(arena, shown, "status", node_gets(status, "name"));
	node_put(arena, shown, S("status-data"), node_new(arena, NODE_MAP));
	if (t->application)
		node_put(arena, outer, S("application-status"), shown);
	answer(t, t->application ? outer : shown);
}

static void tool_status_set(struct tool *t)
{
	struct simulator *s = t->s;
	struct str name = arg(t, 0), message = t->args.n > 1 ? arg(t, 1) : S("");
	struct node *status = node_get(s->state, t->application ? "app_status" : "unit_status"), *entry;

	if (!str_is(name, "active") && !str_is(name, "blocked") && !str_is(name, "waiting") && !str_is(name, "maintenance")) {
		refuse(t, 1, "invalid status \"" FMT "\", expected one of [maintenance blocked waiting active]", ARG(name));
		return;
	}
	if (t->application && !is_leader(s)) {
		refuse(t, 1, "setting application status: this unit is not the leader");
		return;
	}
	node_puts(s->arena, status, "name", name);
	node_puts(s->arena, status, "message", message);
	entry = journal_add(s, "status-set");
	node_puts(s->arena, entry, "of", t->application ? S("application") : S("unit"));
	node_puts(s->arena, entry, "status", name);
	node_puts(s->arena, entry, "message", message);
}

static void tool_opened_ports(struct tool *t)
{
	answer(t, node_get(t->s->state, "opened_ports"));
}

static void tool_port(struct tool *t)
{
	struct simulator *s = t->s;
	bool opens = strcmp(t->call->argv[0], "open-port") == 0, there = false;
	struct node *left = node_new(s->arena, NODE_LIST), *entry;
	struct str port = arg(t, 0);

	if (!port.n) {
		refuse(t, 2, "no port or range specified");
		return;
	}
	if (str_find(port, '/') < 0)
		port = str_f(s->arena, FMT "/tcp", ARG(port));
	NODE_EACH(p, node_get(s->state, "opened_ports")) {
		there = there || str_eq(node_text(p), port);
		if (opens || !str_eq(node_text(p), port))
			node_add(s->arena, left, node_str(s->arena, node_text(p)));
	}
	if (opens && !there)
		node_add(s->arena, left, node_str(s->arena, port));
	node_put(s->arena, s->state, S("opened_ports"), left);
	entry = journal_add(s, t->call->argv[0]);
	node_puts(s->arena, entry, "port", port);
}

static int compare_texts(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* As Juju gives them: "db:10" before "db:9", by text. */
static void tool_relation_ids(struct tool *t)
{
	struct strs ids = { 0 };
	struct node *list = node_new(t->s->arena, NODE_LIST);

	if (!arg(t, 0).n) {
		refuse(t, 2, "no endpoint name specified");
		return;
	}
	NODE_EACH(r, node_get(t->s->state, "relations"))
		if (str_eq(node_gets(r, "endpoint"), arg(t, 0)))
			strs_add(t->s->arena, &ids, str_f(t->s->arena, FMT ":" FMT, ARG(arg(t, 0)), ARG(node_gets(r, "id"))));
	if (ids.n)
		qsort(ids.v, ids.n, sizeof *ids.v, compare_texts);
	for (size_t i = 0; i < ids.n; i++)
		node_add(t->s->arena, list, node_str(t->s->arena, ids.v[i]));
	answer(t, list);
}

static struct str remote_app(const struct simulator *s, const struct node *relation)
{
	return state_is_peer(s, node_gets(relation, "endpoint")) ? node_gets(s->state, "app") : node_gets(relation, "remote_app_name");
}

static struct node *remote_bags(const struct simulator *s, const struct node *relation)
{
	return node_get(relation, state_is_peer(s, node_gets(relation, "endpoint")) ? "peers_data" : "remote_units_data");
}

static void tool_relation_list(struct tool *t)
{
	struct node *relation = relation_of(t), *units = node_new(t->s->arena, NODE_LIST);

	if (!relation)
		return;
	NODE_EACH(bag, remote_bags(t->s, relation))
		node_add(t->s->arena, units, node_str(t->s->arena, str_f(t->s->arena, FMT "/" FMT, ARG(remote_app(t->s, relation)),
		                                                        ARG(bag->key))));
	answer(t, t->app ? node_str(t->s->arena, remote_app(t->s, relation)) : units);
}

/* One side's databag; NULL and refused where Juju refuses. */
static struct node *bag_of(struct tool *t, struct node *relation, struct str owner)
{
	const struct simulator *s = t->s;
	struct str app = remote_app(s, relation), own = node_gets(s->state, "app");
	struct node *bag = NULL;
	ptrdiff_t slash = str_rfind(owner, '/');

	if (t->app || slash < 0) {
		if (slash >= 0)
			owner = str_sub(owner, 0, (size_t)slash);
		else if (!t->app) {
			refuse(t, 1, "expected unit name, got application name \"" FMT "\"", ARG(owner));
			return NULL;
		}
		if (str_eq(owner, own)) {
			if (!is_leader(s) && !state_is_peer(s, node_gets(relation, "endpoint"))) {
				refuse(t, 1, "permission denied");
				return NULL;
			}
			return node_get(relation, "local_app_data");
		}
		if (str_eq(owner, app))
			bag = node_get(relation, "remote_app_data");
	} else if (str_eq(owner, s->hook.unit)) {
		bag = node_get(relation, "local_unit_data");
	} else if (str_eq(str_sub(owner, 0, (size_t)slash), app)) {
		bag = node_find(remote_bags(s, relation), str_sub(owner, (size_t)slash + 1, owner.n));
	}
	if (!bag)
		refuse(t, 1, "permission denied");
	return bag;
}

static void tool_relation_get(struct tool *t)
{
	struct node *relation = relation_of(t), *bag;

	if (!relation)
		return;
	if (t->args.n < 2) {
		refuse(t, 2, "no unit or application specified");
		return;
	}
	bag = bag_of(t, relation, arg(t, 1));
	if (!bag)
		return;
	if (str_is(arg(t, 0), "-"))
		answer(t, bag);
	else
		answer(t, node_find(bag, arg(t, 0)) ? node_find(bag, arg(t, 0)) : node_new(t->s->arena, NODE_NULL));
}

static void tool_relation_set(struct tool *t)
{
	struct simulator *s = t->s;
	struct node *relation = relation_of(t), *values, *bag, *entry;
	struct err inner = { .arena = s->arena };

	if (!relation)
		return;
	if (t->app && !is_leader(s)) {
		refuse(t, 1, "cannot write relation settings");
		return;
	}
	if (!t->file || yaml_parse(s->arena, t->call->input, "stdin", &values, &inner) < 0 || values->kind != NODE_MAP) {
		refuse(t, 1, "expected a map on standard input");
		return;
	}
	bag = node_get(relation, t->app ? "local_app_data" : "local_unit_data");
	entry = journal_add(s, "relation-set");
	node_puts(s->arena, entry, "relation", str_f(s->arena, FMT ":" FMT, ARG(node_gets(relation, "endpoint")),
	                                             ARG(node_gets(relation, "id"))));
	if (!state_is_peer(s, node_gets(relation, "endpoint")))
		node_puts(s->arena, entry, "to", remote_app(s, relation));
	node_puts(s->arena, entry, "bag", t->app ? S("application") : S("unit"));
	node_put(s->arena, entry, S("data"), node_copy(s->arena, values));
	NODE_EACH(value, values) {
		if (node_text(value).n)
			node_put(s->arena, bag, value->key, node_str(s->arena, node_text(value)));
		else
			node_del(bag, value->key);
	}
}

static void tool_relation_model_get(struct tool *t)
{
	struct node *relation = relation_of(t), *model = node_new(t->s->arena, NODE_MAP);

	if (!relation)
		return;
	node_puts(t->s->arena, model, "uuid", node_get(relation, "remote_model_uuid") ? node_gets(relation, "remote_model_uuid")
	                                                                              : node_gets(node_get(t->s->state, "model"), "uuid"));
	answer(t, model);
}

/* The part of a secret's id that identifies it: "secret:ID", "secret://MODEL/ID" and "ID" are the same. */
static struct str secret_id(struct str uri)
{
	ptrdiff_t slash = str_rfind(uri, '/');

	if (slash >= 0)
		return str_sub(uri, (size_t)slash + 1, uri.n);
	return str_starts(uri, "secret:") ? str_sub(uri, sizeof "secret:" - 1, uri.n) : uri;
}

static struct node *secret_find(const struct simulator *s, struct str uri, struct str label)
{
	NODE_EACH(secret, node_get(s->state, "secrets"))
		if (uri.n ? str_eq(secret_id(node_gets(secret, "id")), secret_id(uri)) : str_eq(node_gets(secret, "label"), label))
			return secret;
	return NULL;
}

static void tool_secret_get(struct tool *t)
{
	struct simulator *s = t->s;
	struct node *secret;
	struct str uri = arg(t, 0);

	if (!uri.n && !t->label.n) {
		refuse(t, 2, "require either a secret URI or label");
		return;
	}
	if (t->refresh && t->peek) {
		refuse(t, 2, "specify one of --peek or --refresh but not both");
		return;
	}
	secret = secret_find(s, uri, t->label);
	if (!secret) {
		refuse(t, 1, "secret \"" FMT "\" not found", ARG(uri.n ? secret_id(uri) : t->label));
		return;
	}
	/* A consumer names a secret by asking for it with a label. */
	if (t->label.n)
		node_puts(s->arena, secret, "label", t->label);
	if (t->refresh)
		node_put(s->arena, secret, S("tracked_content"), node_copy(s->arena, node_get(secret, "latest_content")));
	answer(t, node_get(secret, t->peek ? "latest_content" : "tracked_content"));
}

static void tool_network_get(struct tool *t)
{
	struct arena *arena = t->s->arena;
	struct str address = node_gets(t->s->state, "address");
	struct node *all = node_new(arena, NODE_MAP), *interfaces = node_new(arena, NODE_LIST), *interface = node_new(arena, NODE_MAP);
	struct node *addresses = node_new(arena, NODE_LIST), *one = node_new(arena, NODE_MAP), *ingress = node_new(arena, NODE_LIST);

	if (!endpoint_find(t->s->charm, arg(t, 0))) {
		refuse(t, 1, "no network config found for binding \"" FMT "\"", ARG(arg(t, 0)));
		return;
	}
	node_puts(arena, one, "value", address);
	node_add(arena, addresses, one);
	node_puts(arena, interface, "interface-name", S("eth0"));
	node_put(arena, interface, S("addresses"), addresses);
	node_add(arena, interfaces, interface);
	node_put(arena, all, S("bind-addresses"), interfaces);
	node_add(arena, ingress, node_str(arena, address));
	node_put(arena, all, S("ingress-addresses"), ingress);
	answer(t, all);
}

static bool in_action(struct tool *t)
{
	if (!t->s->hook.action)
		refuse(t, 1, "not running an action");
	return t->s->hook.action;
}

static void tool_action_get(struct tool *t)
{
	if (in_action(t))
		answer(t, t->s->params ? t->s->params : node_new(t->s->arena, NODE_MAP));
}

static void tool_action_set(struct tool *t)
{
	struct node *results, *entry;

	if (!in_action(t))
		return;
	results = node_new(t->s->arena, NODE_MAP);
	for (size_t i = 0; i < t->args.n; i++) {
		ptrdiff_t equal = str_find(t->args.v[i], '=');

		if (equal <= 0) {
			refuse(t, 2, "argument \"" FMT "\" must be of the form key...=value", ARG(t->args.v[i]));
			return;
		}
		node_put(t->s->arena, results, str_sub(t->args.v[i], 0, (size_t)equal),
		         node_str(t->s->arena, str_sub(t->args.v[i], (size_t)equal + 1, t->args.v[i].n)));
	}
	entry = journal_add(t->s, "action-set");
	node_put(t->s->arena, entry, S("results"), results);
}

static void tool_action_fail(struct tool *t)
{
	if (in_action(t))
		node_puts(t->s->arena, journal_add(t->s, "action-fail"), "message",
		          t->args.n ? arg(t, 0) : S("action failed without reason given, check action for errors"));
}

static void tool_juju_log(struct tool *t)
{
	struct node *entry = journal_add(t->s, "log");
	struct str level = S("INFO");

	for (const char *const *a = t->call->argv; *a; a++)
		if (strcmp(*a, "--log-level") == 0)
			level = str_of(a[1]);
	node_puts(t->s->arena, entry, "level", level);
	node_puts(t->s->arena, entry, "message", arg(t, 0));
}

static const struct { const char *name; void (*run)(struct tool *); } tools[] = {
	{ "config-get", tool_config_get },
	{ "is-leader", tool_is_leader },
	{ "status-get", tool_status_get },
	{ "status-set", tool_status_set },
	{ "opened-ports", tool_opened_ports },
	{ "open-port", tool_port },
	{ "close-port", tool_port },
	{ "relation-ids", tool_relation_ids },
	{ "relation-list", tool_relation_list },
	{ "relation-get", tool_relation_get },
	{ "relation-set", tool_relation_set },
	{ "relation-model-get", tool_relation_model_get },
	{ "secret-get", tool_secret_get },
	{ "network-get", tool_network_get },
	{ "action-get", tool_action_get },
	{ "action-set", tool_action_set },
	{ "action-fail", tool_action_fail },
	{ "juju-log", tool_juju_log },
};

/* Flags may follow arguments; "--" ends them. Those not named here change nothing that a simulation shows. */
static void parse(struct tool *t, const char *const *argv)
{
	for (size_t i = 1; argv[i]; i++) {
		const char *a = argv[i], *next = argv[i + 1];
		bool has = strchr(a, '=') != NULL;

		if (strcmp(a, "--") == 0) {
			while (argv[++i])
				strs_add(t->s->arena, &t->args, str_of(argv[i]));
			return;
		}
		if (a[0] != '-' || a[1] == '\0') {
			strs_add(t->s->arena, &t->args, str_of(a));
		} else if (strcmp(a, "--app") == 0) {
			t->app = true;
		} else if (strcmp(a, "--refresh") == 0) {
			t->refresh = true;
		} else if (strcmp(a, "--peek") == 0) {
			t->peek = true;
		} else if (strncmp(a, "--application", 13) == 0) {
			t->application = !has || strcmp(a + 14, "True") == 0 || strcmp(a + 14, "true") == 0;
		} else if (strcmp(a, "-r") == 0 || strcmp(a, "--label") == 0 || strcmp(a, "--file") == 0 || strcmp(a, "--log-level") == 0) {
			if (!next) {
				refuse(t, 2, "flag needs an argument: %s", a);
				return;
			}
			if (a[1] == 'r')
				t->relation = str_of(next);
			else if (strcmp(a, "--label") == 0)
				t->label = str_of(next);
			else if (strcmp(a, "--file") == 0)
				t->file = strcmp(next, "-") == 0;
			i++;
		}
	}
}

static void run_tool(struct simulator *s, struct tool_call *call)
{
	struct tool t = { .s = s, .call = call };

	call->code = 0;
	call->output = S("");
	call->message = S("");
	parse(&t, call->argv);
	for (size_t i = 0; i < LEN(tools); i++)
		if (strcmp(call->argv[0], tools[i].name) == 0) {
			if (!call->code)
				tools[i].run(&t);
			return;
		}
	refuse(&t, 1, "unknown command: %s", call->argv[0]);
}

struct simulated_carrier { struct carrier carrier; struct simulator *simulator; };

static int carrier_run(struct carrier *carrier, struct tool_call *calls, size_t n, struct err *err)
{
	struct simulator *s = ((struct simulated_carrier *)carrier)->simulator;

	(void)err;
	for (size_t i = 0; i < n; i++) {
		calls[i].started = s->trace ? trace_now() : 0;
		run_tool(s, &calls[i]);
		calls[i].ended = s->trace ? trace_now() : 0;
	}
	return 0;
}

static void carrier_close(struct carrier *carrier)
{
	(void)carrier;
}

struct carrier *simulator_carrier(struct simulator *s)
{
	struct simulated_carrier *c = NEW(s->arena, struct simulated_carrier);

	*c = (struct simulated_carrier){ { carrier_run, carrier_close }, s };
	return &c->carrier;
}
