/* apply.c: what is wanted compared with what is, and the difference written.
 *
 * In an order in which a failure half-way leaves a state that the next event mends: the workload's steps first, between a status of
 * Maintenance and the final one, which Juju both keeps at once; ports and databags, which Juju drops when the hook fails, are written
 * when it is known what came of the steps. */
#include "charm.h"

#include <stdlib.h>
#include <string.h>

/* --- Apply: Juju --- */

static void log_event(struct dispatch *d, enum log_level level, struct str what)
{
	juju_log(d->juju, level, FMT ": " FMT, ARG(d->hook.event), ARG(what));
}

static int set_status(struct dispatch *d, struct snapshot *now, const struct snapshot *s, struct status status, struct err *err)
{
	if (!str_eq(now->unit_status.name, status.name) || !str_eq(now->unit_status.message, status.message)) {
		log_event(d, LOG_INFO, str_f(d->arena, "status is " FMT "%s" FMT, ARG(status.name), status.message.n ? ": " : "",
		                             ARG(status.message)));
		juju_status_set(d->juju, false, status.name, status.message);
		now->unit_status = status;
	}
	if (s->leader && !(str_eq(now->app_status.name, status.name) && str_eq(now->app_status.message, status.message))) {
		juju_status_set(d->juju, true, status.name, status.message);
		now->app_status = status;
	}
	return juju_flush(d->juju, err);
}

/* The keys of a databag that are not as wanted: their values, "" for one that goes. NULL: none. */
static struct node *bag_difference(struct arena *a, const struct bag_wanted *bag, bool port_open)
{
	const struct node *now = bag->application ? bag->relation->local_app : bag->relation->local_unit;
	struct node *changes = node_new(a, NODE_MAP);

	NODE_EACH (value, bag->data) {
		bool gone = !port_open && bag->when_open.p && str_eq(value->key, bag->when_open);
		struct str wanted = gone ? S("") : value->text;

		if (!str_eq(node_text(node_find(now, value->key)), wanted))
			node_put(a, changes, value->key, node_str(a, wanted));
	}
	if (bag->whole)
		NODE_EACH (value, now)
			if (!node_find(bag->data, value->key))
				node_put(a, changes, value->key, node_str(a, S("")));
	return changes->count ? changes : NULL;
}

static void tell_bags(struct dispatch *d, const struct snapshot *s, const struct wanted *w, bool port_open)
{
	for (size_t i = 0; i < w->n_bags; i++) {
		const struct bag_wanted *bag = &w->bags[i];
		const struct relation *r = bag->relation;
		struct node *changes = bag->application && !s->leader ? NULL : bag_difference(d->arena, bag, port_open);

		if (changes)
			juju_relation_set(d->juju, r->endpoint->name, r->id, bag->application, changes);
	}
}

/* Exactly this port: missing, it is opened; any other that is open is closed, and before: the port may lie in a range. */
static int apply_port(struct dispatch *d, const struct snapshot *s, int port, struct err *err)
{
	struct str wanted = str_f(d->arena, "%d/tcp", port);
	bool closed = false;

	for (size_t i = 0; i < s->ports.n; i++)
		if (!str_eq(s->ports.v[i], wanted)) {
			juju_port(d->juju, false, s->ports.v[i]);
			closed = true;
		}
	if (closed && juju_flush(d->juju, err) < 0)
		return -1;
	if (!strs_has(&s->ports, wanted))
		juju_port(d->juju, true, wanted);
	return 0;
}

/* --- Apply: the workload --- */

static int longer_first(const void *a, const void *b)
{
	const struct str *x = a, *y = b;

	return (x->n < y->n) - (x->n > y->n);
}

/* A command's words with every secret value that we know replaced: the app's, and what an action is about to tell. */
static struct str masked(struct arena *a, const struct wanted *w, struct str text)
{
	struct strs secrets = { 0 };

	NODE_EACH (result, w->action_exec ? w->action_results : NULL)
		strs_add(a, &secrets, result->text);
	for (size_t i = 0; i < w->env.n; i++)
		if (w->env.v[i].secret && w->env.v[i].value.n)
			strs_add(a, &secrets, w->env.v[i].value);
	if (secrets.n)
		qsort(secrets.v, secrets.n, sizeof *secrets.v, longer_first);
	for (size_t i = 0; i < secrets.n; i++) {
		struct buf b = { .arena = a };
		const char *at;

		while (text.n && (at = memmem(text.p, text.n, secrets.v[i].p, secrets.v[i].n))) {
			buf_add(&b, str_sub(text, 0, (size_t)(at - text.p)));
			buf_adds(&b, "***");
			text = str_sub(text, (size_t)(at - text.p) + secrets.v[i].n, text.n);
		}
		buf_add(&b, text);
		text = buf_str(&b);
	}
	return text;
}

/* The last lines of what a failed command said. */
static void log_output(struct dispatch *d, const struct wanted *w, struct str output)
{
	enum { LINES = 20 };
	size_t from = output.n, lines = 0;

	while (from > 0 && (output.p[from - 1] != '\n' || from == output.n || ++lines < LINES))
		from--;
	output = str_trim(masked(d->arena, w, str_sub(output, from, output.n)));
	if (output.n)
		log_event(d, LOG_ERROR, output);
}

static int run_command(struct dispatch *d, const struct wanted *w, const struct step *step, struct str *failed, struct err *err)
{
	struct pebble *p = d->pebbles[step->container];
	struct exec_result result;
	const struct file *after;

	log_event(d, LOG_INFO, str_f(d->arena, "run %s: " FMT, step->name, ARG(strs_join(d->arena, &step->exec.command, " "))));
	if (pebble_exec(p, &step->exec, &result, err) < 0)
		return -1;
	if (result.code != 0) {
		log_event(d, LOG_ERROR, str_f(d->arena, "%s exits with %d", step->name, result.code));
		log_output(d, w, result.output);
		log_output(d, w, result.error_output);
		*failed = step->failed;
	}
	after = result.code == 0 ? step->on_success : step->on_failure;
	return after ? pebble_write(p, after, 1, err) : 0;
}

static int run_step(struct dispatch *d, const struct wanted *w, const struct step *step, struct str *failed, struct err *err)
{
	struct pebble *p = d->pebbles[step->container];

	switch (step->kind) {
	case STEP_EXEC:
		return run_command(d, w, step, failed, err);
	case STEP_LAYER:
		return pebble_layer_add(p, step->label, step->layer, err);
	case STEP_DIR:
		return pebble_make_dir(p, step->path, step->user, step->group, err);
	case STEP_WRITE:
		return pebble_write(p, step->files, step->n_files, err);
	case STEP_REMOVE:
		return pebble_remove(p, step->path, err);
	case STEP_SIGNAL:
		return pebble_signal(p, step->signal, step->services.v[0], err);
	case STEP_REPLAN:
		return pebble_control(p, "replan", NULL, err);
	case STEP_STOP:
		return pebble_control(p, "stop", &step->services, err);
	}
	return 0;
}

/* What a Pebble that refuses or is gone makes of the status. Its words go to the log. */
static struct status step_failed(struct dispatch *d, const struct wanted *w, const struct step *step, struct err *err)
{
	struct str words = str_of(err->msg), first = words;
	struct status status;

	str_split(&words, '\n', &first);
	log_event(d, LOG_ERROR, masked(d->arena, w, str_f(d->arena, "%s: %s", step->name, err->msg)));
	if (err->kind == ERR_WAITING)
		status = status_new("waiting", S("Waiting for pebble ready"));
	else if (str_starts(first, "service ") && str_ends(first, " failed to start"))
		status = status_new("blocked", first);
	else
		status = status_new("blocked", str_f(d->arena, "Pebble refuses: %s, see the log", step->name));
	err_clear(err);
	return status;
}

/* The steps in order, until one fails; *status is what comes of it. */
static int apply_steps(struct dispatch *d, const struct snapshot *s, struct snapshot *now, const struct wanted *w, struct status *status,
                       struct err *err)
{
	for (size_t i = 0; i < w->n_steps; i++) {
		const struct step *step = &w->steps[i];
		struct str failed = NOSTR;

		/* Shown before the first change and taken back after the last: a hook that ends between them leaves the word for
		 * the next one that the work is not done. */
		if (step->disturbs && status_active(*status) &&
		    set_status(d, now, s, status_new("maintenance", S("Preparing service for restart")), err) < 0)
			return -1;
		if (run_step(d, w, step, &failed, err) < 0) {
			if (err->kind == ERR_RETRY)
				return -1;
			*status = step_failed(d, w, step, err);
			return 0;
		}
		if (failed.p) {
			*status = status_new("blocked", failed);
			return 0;
		}
	}
	return 0;
}

/* create-superuser: the only command whose output is an answer. */
static void apply_action(struct dispatch *d, struct wanted *w, struct err *err)
{
	struct exec_result result;

	if (w->action_exec && !w->action_failure.p) {
		if (pebble_exec(d->pebbles[0], w->action_exec, &result, err) < 0) {
			w->action_failure = str_of(err->msg);
			err_clear(err);
		} else if (result.code != 0) {
			w->action_failure = masked(d->arena, w, result.output);
		}
	}
	if (w->action_failure.p)
		juju_action_fail(d->juju, w->action_failure);
	else if (w->action_results)
		juju_action_set(d->juju, w->action_results);
}

int apply(struct dispatch *d, const struct snapshot *s, struct wanted *w, struct err *err)
{
	struct snapshot now = *s;   /* what Juju shows of us, as we change it */
	struct status status = w->status;
	bool ready, open;

	for (size_t i = 0; i < w->n_log; i++)
		log_event(d, w->log[i].level, masked(d->arena, w, w->log[i].text));
	if (apply_steps(d, s, &now, w, &status, err) < 0)
		return -1;
	ready = w->set_port && status_active(status);
	open = ready || strs_has(&s->ports, str_f(d->arena, "%d/tcp", w->port));
	if (ready && apply_port(d, s, w->port, err) < 0)
		return -1;
	tell_bags(d, s, w, open);
	apply_action(d, w, err);
	/* The status waits until Juju has taken the rest. */
	if (juju_flush(d->juju, err) < 0)
		return -1;
	return w->keep_status ? 0 : set_status(d, &now, s, status, err);
}
