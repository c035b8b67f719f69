/* observe.c: everything that the decision needs, read once. Nothing is written here. */
#include "charm.h"
#include "frameworks.h"
#include "relations.h"

/* --- Observe: Juju --- */

/* What was asked of one relation. */
struct relation_asks {
	unsigned reads;
	struct ask *units, *app, *model, *network, *local_app, *local_unit, *remote_app, **remote_units, **secrets;
};

struct observation {
	struct dispatch *d;
	struct snapshot *s;
	struct relation_asks *asks;     /* parallel to s->relations */
	struct err *err;
};

static int observe_config(struct observation *o, struct ask *config)
{
	struct snapshot *s = o->s;
	struct node *values;

	if (answer_node(config, &values, o->err) < 0)
		return -1;
	s->config = arena_alloc(s->arena, (values->count + 1) * sizeof *s->config);
	NODE_EACH (value, values) {
		struct config_value *c = &s->config[s->n_config];

		if (value->kind == NODE_NULL)
			continue;
		*c = (struct config_value){ .name = value->key, .option = option_find(s->charm, value->key), .value = value };
		c->is_secret = c->option && c->option->type == OPTION_SECRET;
		s->n_config++;
	}
	return 0;
}

/* The relations' ids, in the order of the metadata; the one that breaks is set aside. */
static int observe_ids(struct observation *o, struct ask **ids)
{
	const struct charm *charm = o->s->charm;
	struct snapshot *s = o->s;

	for (size_t e = 0; e < charm->n_endpoints; e++) {
		const struct endpoint *endpoint = &charm->endpoints[e];
		int *found;
		size_t n;

		if (!ids[e])
			continue;
		if (answer_ids(ids[e], &found, &n, o->err) < 0)
			return err_wrap(o->err, FMT, ARG(endpoint->name));
		for (size_t i = 0; i < n; i++) {
			struct relation r = { .endpoint = endpoint, .id = found[i], .integration = integration_of(charm, endpoint) };

			if (hook_breaks(&s->hook, r.id)) {
				struct relation *breaking = NEW(s->arena, struct relation);

				*breaking = r;
				s->breaking = breaking;
				continue;
			}
			s->relations = arena_grow(s->arena, s->relations, s->n_relations, sizeof *s->relations);
			s->relations[s->n_relations++] = r;
		}
	}
	o->asks = arena_alloc(s->arena, (s->n_relations + 1) * sizeof *o->asks);
	return 0;
}

/* The application's name is not known yet, and a databag or a message needs it. */
static bool needs_app(const struct relation *r, const struct relation_asks *asks)
{
	return !r->app.p && asks->reads & (READ_REMOTE_APP | READ_APP_NAME) && r->endpoint->role != ROLE_PEERS;
}

static void ask_relation(struct observation *o, size_t i)
{
	struct juju *juju = o->d->juju;
	struct snapshot *s = o->s;
	struct relation *r = &s->relations[i];
	struct relation_asks *asks = &o->asks[i];
	struct str endpoint = r->endpoint->name;

	asks->reads = integration_reads(r->integration, s);
	if (r->id == s->hook.relation_id && !s->hook.action)
		r->app = s->hook.remote_app;
	/* A unit's name tells the application's, so the list of units answers both; where nobody needs the units, and the hook does not
	 * tell the application, it is asked for by itself. */
	if (asks->reads & (READ_UNIT_NAMES | READ_REMOTE_UNITS))
		asks->units = ask_relation_units(juju, endpoint, r->id);
	else if (needs_app(r, asks))
		asks->app = ask_relation_app(juju, endpoint, r->id);
	if (asks->reads & READ_ADDRESS)
		asks->network = ask_network(juju, endpoint, r->id);
	if (asks->reads & READ_LOCAL_APP)
		asks->local_app = ask_databag(juju, endpoint, r->id, true, s->hook.app);
	if (asks->reads & READ_LOCAL_UNIT)
		asks->local_unit = ask_databag(juju, endpoint, r->id, false, s->hook.unit);
}

/* A databag's answer. A relation that is gone since its id was read has no data. */
static int databag(const struct relation *r, struct ask *ask, struct node **data, struct err *err)
{
	if (!ask || answer_kind(ask) == ANSWER_NOT_FOUND)
		return 0;
	if (answer_node(ask, data, err) < 0)
		return err_wrap(err, FMT ":%d", ARG(r->endpoint->name), r->id);
	if ((*data)->kind == NODE_NULL)
		*data = NULL;
	return 0;
}

/* "bind-addresses": [{"addresses": [{"value": "10.1.2.3"}]}]: the first. */
static struct str bind_address(const struct node *network)
{
	const struct node *interfaces = node_get(network, "bind-addresses");

	NODE_EACH (interface, interfaces)
		NODE_EACH (address, node_get(interface, "addresses")) {
			struct str value = node_gets(address, "value");

			return value.p ? value : node_gets(address, "address");
		}
	return NOSTR;
}

static int observe_relation(struct observation *o, size_t i)
{
	struct relation *r = &o->s->relations[i];
	struct relation_asks *asks = &o->asks[i];
	struct node *answer = NULL;

	if (asks->units && answer_kind(asks->units) != ANSWER_NOT_FOUND) {
		if (answer_units(asks->units, &r->units, o->err) < 0)
			return err_wrap(o->err, FMT ":%d", ARG(r->endpoint->name), r->id);
		if (!r->app.p && r->units.n)
			r->app = str_sub(r->units.v[0], 0, (size_t)str_rfind(r->units.v[0], '/'));
	}
	if (asks->network && answer_kind(asks->network) == ANSWER_OK && answer_node(asks->network, &answer, o->err) == 0)
		r->address = bind_address(answer);
	err_clear(o->err);
	if (databag(r, asks->local_app, &r->local_app, o->err) < 0)
		return -1;
	return databag(r, asks->local_unit, &r->local_unit, o->err);
}

/* Where a relation has no units yet that would tell it. */
static int observe_apps(struct observation *o)
{
	struct snapshot *s = o->s;
	bool asked = false;

	for (size_t i = 0; i < s->n_relations; i++)
		if (needs_app(&s->relations[i], &o->asks[i]) && !o->asks[i].app) {
			o->asks[i].app = ask_relation_app(o->d->juju, s->relations[i].endpoint->name, s->relations[i].id);
			asked = true;
		}
	if (asked && juju_answers(o->d->juju, o->err) < 0)
		return -1;
	for (size_t i = 0; i < s->n_relations; i++) {
		struct ask *ask = o->asks[i].app;
		struct node *name;

		/* A relation whose other side nobody can name is one without data. */
		if (!ask || answer_kind(ask) != ANSWER_OK)
			continue;
		if (answer_node(ask, &name, o->err) < 0)
			return err_wrap(o->err, FMT ":%d", ARG(s->relations[i].endpoint->name), s->relations[i].id);
		s->relations[i].app = node_text(name);
	}
	return 0;
}

static void ask_remote(struct observation *o, size_t i)
{
	struct relation *r = &o->s->relations[i];
	struct relation_asks *asks = &o->asks[i];
	size_t n = asks->reads & READ_FIRST_UNIT && r->units.n > 1 ? 1 : r->units.n;

	if (asks->reads & READ_REMOTE_APP && r->app.p)
		asks->remote_app = ask_databag(o->d->juju, r->endpoint->name, r->id, true, r->app);
	if (asks->reads & READ_MODEL && relation_needs_model(r))
		asks->model = ask_relation_model(o->d->juju, r->endpoint->name, r->id);
	if (!(asks->reads & READ_REMOTE_UNITS))
		return;
	asks->remote_units = arena_alloc(o->s->arena, (r->units.n + 1) * sizeof *asks->remote_units);
	for (size_t u = 0; u < n; u++)
		asks->remote_units[u] = ask_databag(o->d->juju, r->endpoint->name, r->id, false, r->units.v[u]);
}

static int observe_remote(struct observation *o, size_t i)
{
	struct relation *r = &o->s->relations[i];
	struct relation_asks *asks = &o->asks[i];
	struct node *answer;

	if (databag(r, asks->remote_app, &r->remote_app, o->err) < 0)
		return -1;
	/* relation-model-get came with Juju 3.6: where it fails the other side is in our model. */
	if (asks->model && answer_kind(asks->model) == ANSWER_OK && answer_node(asks->model, &answer, o->err) == 0) {
		struct str uuid = node_gets(answer, "uuid");

		r->cross_model = uuid.n && !str_eq(uuid, o->s->hook.model_uuid);
	}
	err_clear(o->err);
	if (!asks->remote_units)
		return 0;
	r->remote_units = arena_alloc(o->s->arena, (r->units.n + 1) * sizeof *r->remote_units);
	for (size_t u = 0; u < r->units.n; u++) {
		r->remote_units[u].owner = r->units.v[u];
		if (databag(r, asks->remote_units[u], &r->remote_units[u].data, o->err) < 0)
			return -1;
	}
	return 0;
}

/* Secrets that options and relations name; one that is denied or gone is an answer, for decide to judge. */
static int secret_content(struct ask *ask, enum answer *answer, struct node **content, struct err *err)
{
	*answer = answer_kind(ask);
	*content = NULL;
	return *answer == ANSWER_OK ? answer_node(ask, content, err) : 0;
}

static struct ask **ask_config_secrets(struct observation *o)
{
	struct snapshot *s = o->s;
	struct ask **asks = arena_alloc(s->arena, (s->n_config + 1) * sizeof *asks);

	for (size_t i = 0; i < s->n_config; i++)
		if (s->config[i].is_secret && node_text(s->config[i].value).n)
			asks[i] = ask_secret(o->d->juju, node_text(s->config[i].value), NOSTR, true);
	return asks;
}

static int observe_config_secrets(struct observation *o, struct ask **asks)
{
	struct snapshot *s = o->s;

	for (size_t i = 0; i < s->n_config; i++) {
		struct config_value *c = &s->config[i];

		if (asks[i] && secret_content(asks[i], &c->secret_answer, &c->value, o->err) < 0)
			return err_wrap(o->err, FMT, ARG(c->name));
		if (c->is_secret && !asks[i]) {
			c->secret_answer = ANSWER_NOT_FOUND;   /* an option of type secret that holds "" names none */
			c->value = NULL;
		}
	}
	return 0;
}

/* Asks again, without a label, for each secret that Juju would not give under its label: the label may still be that of a secret which the
 * other side has since replaced. */
static int ask_without_label(struct observation *o)
{
	struct snapshot *s = o->s;
	bool asked = false;

	for (size_t i = 0; i < s->n_relations; i++)
		for (size_t k = 0; k < s->relations[i].n_secrets; k++) {
			const struct secret *secret = &s->relations[i].secrets[k];

			if (!secret->label.p || answer_kind(o->asks[i].secrets[k]) != ANSWER_FAILED)
				continue;
			o->asks[i].secrets[k] = ask_secret(o->d->juju, secret->uri, NOSTR, secret->refresh);
			asked = true;
		}
	return asked ? juju_answers(o->d->juju, o->err) : 0;
}

static int observe_relation_secrets(struct observation *o)
{
	struct snapshot *s = o->s;
	bool asked = false;

	for (size_t i = 0; i < s->n_relations; i++) {
		struct relation *r = &s->relations[i];

		relation_secrets(s, r);
		o->asks[i].secrets = arena_alloc(s->arena, (r->n_secrets + 1) * sizeof *o->asks[i].secrets);
		for (size_t k = 0; k < r->n_secrets; k++) {
			o->asks[i].secrets[k] = ask_secret(o->d->juju, r->secrets[k].uri, r->secrets[k].label, r->secrets[k].refresh);
			asked = true;
		}
	}
	if (asked && (juju_answers(o->d->juju, o->err) < 0 || ask_without_label(o) < 0))
		return -1;
	for (size_t i = 0; i < s->n_relations; i++)
		for (size_t k = 0; k < s->relations[i].n_secrets; k++) {
			struct secret *secret = &s->relations[i].secrets[k];

			if (secret_content(o->asks[i].secrets[k], &secret->answer, &secret->content, o->err) < 0)
				return err_wrap(o->err, FMT ":%d", ARG(s->relations[i].endpoint->name), s->relations[i].id);
		}
	return 0;
}

static int status_answer(struct ask *ask, bool application, struct status *status, struct err *err)
{
	struct node *answer, *inner;

	if (answer_node(ask, &answer, err) < 0)
		return -1;
	inner = application ? node_get(answer, "application-status") : NULL;
	if (inner)
		answer = inner;
	status->name = str_f(err->arena, FMT, ARG(node_gets(answer, "status")));
	status->message = str_f(err->arena, FMT, ARG(node_gets(answer, "message")));
	return 0;
}

/* In waves, each one trip to the agent: what can be asked at once; then what the ids and the leadership tell to ask; then
 * the other sides' databags; then the secrets that these name. */
static int observe_juju(struct observation *o)
{
	struct juju *juju = o->d->juju;
	struct snapshot *s = o->s;
	const struct charm *charm = s->charm;
	struct ask *config = ask_config(juju), *leader = ask_leader(juju), *status = ask_status(juju, false);
	struct ask *ports = ask_ports(juju), *params = s->hook.action ? ask_action_params(juju) : NULL, *app_status = NULL;
	struct ask **ids = arena_alloc(s->arena, (charm->n_endpoints + 1) * sizeof *ids), **secrets;
	struct node *open;

	for (size_t e = 0; e < charm->n_endpoints; e++)
		if (integration_of(charm, &charm->endpoints[e]))
			ids[e] = ask_relation_ids(juju, charm->endpoints[e].name);
	if (juju_answers(juju, o->err) < 0 || observe_config(o, config) < 0 || answer_bool(leader, &s->leader, o->err) < 0 ||
	    status_answer(status, false, &s->unit_status, o->err) < 0 || answer_node(ports, &open, o->err) < 0 || observe_ids(o, ids) < 0 ||
	    (params && answer_node(params, &s->action_params, o->err) < 0))
		return -1;
	NODE_EACH (port, open)
		strs_add(s->arena, &s->ports, node_text(port));

	if (s->leader)
		app_status = ask_status(juju, true);
	secrets = ask_config_secrets(o);
	for (size_t i = 0; i < s->n_relations; i++)
		ask_relation(o, i);
	if (juju_answers(juju, o->err) < 0 || observe_config_secrets(o, secrets) < 0 ||
	    (app_status && status_answer(app_status, true, &s->app_status, o->err) < 0))
		return -1;
	for (size_t i = 0; i < s->n_relations; i++)
		if (observe_relation(o, i) < 0)
			return -1;

	if (observe_apps(o) < 0)
		return -1;
	for (size_t i = 0; i < s->n_relations; i++)
		ask_remote(o, i);
	if (juju_answers(juju, o->err) < 0)
		return -1;
	for (size_t i = 0; i < s->n_relations; i++)
		if (observe_remote(o, i) < 0)
			return -1;

	return observe_relation_secrets(o);
}

/* --- Observe: the workload --- */

/* Only the app's container has files and services that the decision needs. */
static int observe_workload(struct observation *o, struct pebble *p, struct container_state *c)
{
	struct snapshot *s = o->s;
	struct entry *entries;
	size_t n;
	bool found;

	if (pebble_services(p, &c->services, &c->n_services, o->err) < 0 || pebble_read(p, c->files, c->n_files, o->err) < 0 ||
	    pebble_list(p, workload_directory(s->charm), &entries, &n, &found, o->err) < 0)
		return -1;
	for (size_t i = 0; found && i < n; i++)
		if (!str_is(entries[i].type, "directory"))
			strs_add(s->arena, &c->scripts, entries[i].name);
	return 0;
}

/* A Pebble that is not there or refuses is a state of the world, not an error. */
static void observe_container(struct observation *o, size_t i)
{
	struct container_state *c = &o->s->containers[i];
	struct pebble *p = o->d->pebbles[i];

	if (pebble_plan(p, &c->plan, o->err) == 0 && (i > 0 || observe_workload(o, p, c) == 0)) {
		c->reachable = true;
		return;
	}
	c->refused = o->err->kind == ERR_BLOCKED;
	c->problem = str_of(o->err->msg);
	err_clear(o->err);
}

int observe(struct dispatch *d, struct snapshot *s, struct err *err)
{
	struct observation o = { .d = d, .s = s, .err = err };
	size_t n = d->charm->containers.n;

	*s = (struct snapshot){ .arena = d->arena, .charm = d->charm, .hook = d->hook, .n_containers = n };
	if (crypto_kernel(s->seed, sizeof s->seed, err) < 0)
		return -1;
	d->pebbles = arena_alloc(d->arena, (n + 1) * sizeof *d->pebbles);
	s->containers = arena_alloc(d->arena, (n + 1) * sizeof *s->containers);
	/* Pebble answers while Juju is asked. */
	for (size_t i = 0; i < n; i++) {
		struct container_state *c = &s->containers[i];

		c->name = d->charm->containers.v[i];
		if (i == 0)
			workload_files(s->arena, s->charm, &c->files, &c->n_files);
		d->pebbles[i] = d->pebble_open(d, c->name);
		pebble_ahead(d->pebbles[i], c->files, c->n_files, workload_directory(s->charm));
	}
	if (observe_juju(&o) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		observe_container(&o, i);
	return 0;
}
