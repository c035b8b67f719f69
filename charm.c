/* charm.c: the way through: observe, decide, apply.
 *
 * Every event takes it whole. An event's name only adds what is special about it: an action, a relation that is going
 * away. */
#include "charm.h"
#include "frameworks.h"
#include "observability.h"
#include "relations.h"
#include "telemetry.h"

#include <stdio.h>
#include <string.h>

/* --- The environment of the app --- */

struct variable *env_put(struct env *env, struct str name, struct str value, struct origin origin)
{
	env_del(env, name);
	env->v = arena_grow(env->arena, env->v, env->n, sizeof *env->v);
	env->v[env->n] = (struct variable){ .name = name, .value = value, .origin = origin };
	return &env->v[env->n++];
}

const struct variable *env_find(const struct env *env, struct str name)
{
	for (size_t i = 0; i < env->n; i++)
		if (str_eq(env->v[i].name, name))
			return &env->v[i];
	return NULL;
}

void env_del(struct env *env, struct str name)
{
	const struct variable *v = env_find(env, name);
	size_t i = v ? (size_t)(v - env->v) : env->n;

	if (i == env->n)
		return;
	memmove(&env->v[i], &env->v[i + 1], (env->n - i - 1) * sizeof *env->v);
	env->n--;
}

struct node *env_map(struct arena *a, const struct env *env)
{
	struct node *map = node_new(a, NODE_MAP);

	for (size_t i = 0; i < env->n; i++) {
		struct node *value = node_str(a, env->v[i].value);

		value->key = env->v[i].name;   /* names are unique already */
		node_append(map, value);
	}
	return map;
}

/* --- Looking into a snapshot, adding to what is wanted --- */

const struct config_value *config_find(const struct snapshot *s, const char *name)
{
	for (size_t i = 0; i < s->n_config; i++)
		if (str_is(s->config[i].name, name))
			return &s->config[i];
	return NULL;
}

const struct relation *relation_nth(const struct snapshot *s, const struct endpoint *endpoint, size_t n)
{
	for (size_t i = 0; i < s->n_relations; i++)
		if (s->relations[i].endpoint == endpoint && n-- == 0)
			return &s->relations[i];
	return NULL;
}

struct file *state_file(const struct container_state *c, struct str path)
{
	for (size_t i = 0; i < c->n_files; i++)
		if (str_eq(c->files[i].path, path))
			return &c->files[i];
	return NULL;
}

struct bag_wanted *want_bag(struct wanted *w, const struct relation *relation, bool application)
{
	w->bags = arena_grow(w->arena, w->bags, w->n_bags, sizeof *w->bags);
	w->bags[w->n_bags] = (struct bag_wanted){ .relation = relation, .application = application, .data = node_new(w->arena, NODE_MAP) };
	return &w->bags[w->n_bags++];
}

struct step *want_step(struct wanted *w, enum step_kind kind, const char *name)
{
	w->steps = arena_grow(w->arena, w->steps, w->n_steps, sizeof *w->steps);
	w->steps[w->n_steps] = (struct step){ .kind = kind, .name = name };
	return &w->steps[w->n_steps++];
}

void want_log(struct wanted *w, enum log_level level, const char *fmt, ...)
{
	va_list args;

	w->log = arena_grow(w->arena, w->log, w->n_log, sizeof *w->log);
	va_start(args, fmt);
	w->log[w->n_log++] = (struct log_line){ level, str_vf(w->arena, fmt, args) };
	va_end(args);
}

/* --- Decide --- */

struct status status_new(const char *name, struct str message)
{
	return (struct status){ str_of(name), message.p ? message : S("") };
}

bool status_active(struct status status)
{
	return str_is(status.name, "active");
}

/* An error that an operator must see becomes the status; any other goes up. */
static int blocked_by(struct wanted *w, struct err *err)
{
	if (err->kind != ERR_BLOCKED)
		return -1;
	w->status = status_new("blocked", str_of(err->msg));
	err_clear(err);
	return 0;
}

/* Everything short of the workload's own steps: what is not as it must be, in the order in which it is told; active when all
 * is. Errors of configuration and relations are told even when Pebble is away. */
static struct status readiness(const struct snapshot *s, const struct settings *settings, const struct integrations *in,
                               struct str secret_key)
{
	const struct container_state *app = &s->containers[0];
	const char *database_rule = framework_database_rule(s->charm->framework);

	if (settings->blocked.p)
		return status_new("blocked", settings->blocked);
	if (in->blocked.p)
		return status_new("blocked", in->blocked);
	if (!app->reachable && app->refused)
		return status_new("blocked", S("Pebble refuses to be read, see the log"));
	if (!app->reachable)
		return status_new("waiting", S("Waiting for pebble ready"));
	if (!secret_key.p)
		return status_new("waiting", S("Waiting for peer integration"));
	if (in->missing.n)
		return status_new("blocked", str_f(s->arena, "missing integrations: " FMT, ARG(strs_join(s->arena, &in->missing, ", "))));
	if (in->oauth_check.p)
		return status_new("blocked", in->oauth_check);
	if (in->several_oauth)
		return status_new("blocked", S("Multiple OAuth relations are not supported at the moment"));
	if (database_rule && !in->database_ready)
		return status_new("blocked", str_of(database_rule));
	return status_new("active", S(""));
}

static int decide_superuser(const struct snapshot *s, const struct settings *settings, const struct integrations *in, struct str key,
                            struct status ready, struct wanted *w)
{
	w->keep_status = true;
	if (!status_active(ready)) {
		w->action_failure = str_f(s->arena, FMT " container is not ready", ARG(s->containers[0].name));
		return 0;
	}
	environment_decide(s, settings, in, key, &w->env);
	superuser_decide(s, &w->env, w);
	return 0;
}

/* Why the secret key cannot be rotated; NOSTR: it can. */
static struct str rotation_refused(const struct snapshot *s)
{
	struct wanted fresh = { .arena = s->arena };
	struct str key;

	if (!s->leader)
		return S("only leader unit can rotate secret key");
	/* A key that would be made only now is none to rotate. */
	key = secret_key_decide(s, false, &fresh);
	return key.p && fresh.n_bags == 0 ? NOSTR : S("charm is still initializing");
}

int decide(const struct snapshot *s, struct wanted *w, struct err *err)
{
	bool rotate = s->hook.action && str_is(s->hook.event, "rotate-secret-key");
	bool superuser = s->hook.action && str_is(s->hook.event, "create-superuser");
	struct settings settings = { .user.arena = s->arena, .framework.arena = s->arena };
	struct integrations in = { .env.arena = s->arena };
	struct wanted refused = { .arena = s->arena, .env.arena = s->arena, .keep_status = true };
	struct str key;

	*w = (struct wanted){ .arena = s->arena, .env.arena = s->arena };
	for (size_t i = 0; i < s->charm->notes.n; i++)
		want_log(w, LOG_WARNING, FMT, ARG(s->charm->notes.v[i]));
	settings_decide(s, &settings);
	for (size_t i = 0; i < settings.log.n; i++)
		want_log(w, LOG_ERROR, FMT, ARG(settings.log.v[i]));
	integrations_decide(s, settings.port, &in, w);
	w->traces = refused.traces = in.charm_tracing;

	if (superuser) {
		*w = refused;
		key = secret_key_decide(s, false, w);
		w->n_bags = 0;
		return decide_superuser(s, &settings, &in, key, readiness(s, &settings, &in, key), w);
	}
	if (rotate && !settings.blocked.p && !in.blocked.p) {
		struct str why = rotation_refused(s);

		if (why.p) {
			*w = refused;
			w->action_failure = why;
			return 0;
		}
		w->action_results = node_new(s->arena, NODE_MAP);
		node_puts(s->arena, w->action_results, "status", S("success"));
	}
	key = secret_key_decide(s, rotate && w->action_results, w);
	w->status = readiness(s, &settings, &in, key);
	if (status_active(w->status) && in.scopes_check.p)
		w->status = status_new("blocked", in.scopes_check);
	if (!s->containers[0].reachable && s->containers[0].refused)
		want_log(w, LOG_ERROR, "pebble: " FMT, ARG(s->containers[0].problem));

	log_targets_decide(s, w);
	if (status_active(w->status)) {
		environment_decide(s, &settings, &in, key, &w->env);
		if (workload_decide(s, &settings, &in, &w->env, w, err) < 0) {
			if (blocked_by(w, err) < 0)
				return -1;
		} else {
			w->set_port = true;
		}
	} else if (in.missing.n && str_starts(w->status.message, "missing integrations: ")) {
		if (workload_stop(s, &settings, w, err) < 0 && blocked_by(w, err) < 0)
			return -1;
	}
	w->port = settings.port;
	integrations_publish(s, &in, settings.port, settings.blocked.p != NULL, w->set_port, w);
	observability_publish(s, &settings, settings.blocked.p != NULL, w);
	return 0;
}

/* --- The hook --- */

static int observe_decide_apply(struct dispatch *d, struct wanted *w, struct err *err)
{
	struct snapshot *s = NEW(d->arena, struct snapshot);
	int span, rc;

	span = trace_begin(d->trace, "observe");
	rc = observe(d, s, err);
	trace_end(d->trace, span, rc < 0);
	if (rc < 0)
		return -1;
	span = trace_begin(d->trace, "decide");
	rc = decide(s, w, err);
	trace_end(d->trace, span, rc < 0);
	if (rc < 0)
		return -1;
	if (d->watch)
		d->watch(d, s, w);
	if (d->dry)
		return 0;
	span = trace_begin(d->trace, "apply");
	rc = apply(d, s, w, err);
	if (rc == 0)
		rc = juju_flush(d->juju, err);
	trace_end(d->trace, span, rc < 0);
	return rc;
}

/* The relation's collector comes before Juju's own. */
static void traces_send(struct dispatch *d, const struct wanted *w, bool failed)
{
	struct err unlogged = { .arena = d->arena };
	const char *problem;

	if (!d->sends_traces)
		return;
	problem = telemetry_send(d, w->traces.p ? w->traces : d->hook.trace_url, d->hook.trace_ca, failed);
	if (problem) {
		juju_log(d->juju, LOG_WARNING, FMT ": traces were not sent: %s", ARG(d->hook.event), problem);
		juju_flush(d->juju, &unlogged);
	}
}

int dispatch_hook(struct dispatch *d)
{
	struct err err = { .arena = d->arena }, unlogged = { .arena = d->arena };
	struct wanted *w = NEW(d->arena, struct wanted);
	int rc = observe_decide_apply(d, w, &err);

	if (rc < 0) {
		fprintf(stderr, "dispatch: " FMT ": %s\n", ARG(d->hook.event), err.msg);
		/* The log line is a courtesy: when the agent is what failed, there is only stderr. */
		juju_log(d->juju, LOG_ERROR, FMT ": %s", ARG(d->hook.event), err.msg);
		juju_flush(d->juju, &unlogged);
	}
	traces_send(d, w, rc < 0);
	for (size_t i = 0; d->pebbles && i < d->charm->containers.n; i++)
		if (d->pebbles[i])
			pebble_close(d->pebbles[i]);
	juju_close(d->juju);
	return rc < 0;
}
