/* plan.c: `dispatch plan`: what an event would change, as a diff. Only the decision is made; nothing is written anywhere. */
#include <string.h>

#include "world.h"

enum { MAX_DIFF_LINES = 2000 };   /* of a file, either side; longer ones are shown as replaced */

struct plan {
	const struct outcome *o;
	const struct cli *cli;
	struct arena *arena;
	struct buf *out;
	struct mask mask;
	size_t changes;
};

static void section(struct plan *p, const char *fmt, ...) PRINTF(2, 3);
static void section(struct plan *p, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	buf_addc(p->out, '\n');
	cli_ink(p->cli, p->out, INK_BOLD, str_vf(p->arena, fmt, args));
	buf_addc(p->out, '\n');
	va_end(args);
}

/* A line of the diff: '-', '+', ' ' or '!' (a command that would run). */
static void line(struct plan *p, char sign, struct str text)
{
	enum ink ink = sign == '-' ? INK_BAD : sign == '+' ? INK_GOOD : sign == '!' ? INK_WAIT : INK_DIM;
	struct buf folded = { .arena = p->arena };

	buf_addf(&folded, "%c ", sign);
	cli_fold(p->cli, &folded, mask_text(&p->mask, text), 2);
	cli_ink(p->cli, p->out, ink, buf_str(&folded));
	buf_addc(p->out, '\n');
}

static void pair(struct plan *p, char sign, struct str key, struct str value)
{
	line(p, sign, str_f(p->arena, FMT " = " FMT, ARG(key), ARG(mask_key(&p->mask, key, value))));
}

/* --- Status. --- */
static bool status_same(struct status a, struct status b)
{
	return str_eq(a.name, b.name) && str_eq(a.message, b.message);
}

static void status_line(struct plan *p, char sign, struct status s)
{
	line(p, sign, s.message.n ? str_f(p->arena, FMT ": " FMT, ARG(s.name), ARG(str_trim(s.message))) : s.name);
}

static void plan_status(struct plan *p, const char *of, struct status is, struct status should)
{
	if (status_same(is, should))
		return;
	p->changes++;
	section(p, "status of the %s", of);
	status_line(p, '-', is);
	status_line(p, '+', should);
}

/* --- Databags. --- */
static void bag_section(struct plan *p, const struct bag_wanted *b, bool *shown)
{
	if (!*shown)
		section(p, "databag of our %s, " FMT ":%d", b->application ? "application" : "unit", ARG(b->relation->endpoint->name), b->relation->id);
	*shown = true;
}

static void plan_bag(struct plan *p, const struct bag_wanted *b)
{
	const struct node *is = b->application ? b->relation->local_app : b->relation->local_unit;
	bool shown = false;

	NODE_EACH(v, b->data) {
		struct str old = node_text(node_find(is, v->key)), new = node_text(v);

		if (str_eq(old, new))
			continue;
		bag_section(p, b, &shown);
		if (old.n)
			pair(p, '-', v->key, old);
		if (new.n)
			pair(p, '+', v->key, new);
	}
	NODE_EACH(v, b->whole ? is : NULL) {
		if (node_find(b->data, v->key))
			continue;
		bag_section(p, b, &shown);
		pair(p, '-', v->key, node_text(v));
	}
	p->changes += shown;
}

/* --- Ports. --- */
static void plan_ports(struct plan *p)
{
	const struct strs *open = &p->o->snapshot.ports;
	struct str port = str_f(p->arena, "%d/tcp", p->o->wanted.port);
	bool shown = false;

	if (!p->o->wanted.set_port)
		return;
	for (size_t i = 0; i < open->n; i++)
		if (!str_eq(open->v[i], port)) {
			if (!shown)
				section(p, "ports");
			shown = true;
			line(p, '-', open->v[i]);
		}
	if (!strs_has(open, port)) {
		if (!shown)
			section(p, "ports");
		shown = true;
		line(p, '+', port);
	}
	p->changes += shown;
}

/* --- The layer. --- */
static void scalar_line(struct plan *p, char sign, struct str path, const struct node *n)
{
	struct str value = n->kind == NODE_MAP || n->kind == NODE_LIST ? json_text(p->arena, n, JSON_PYTHON) : node_text(n);
	ptrdiff_t dot = str_rfind(path, ' ');

	line(p, sign, str_f(p->arena, FMT " = " FMT, ARG(path),
	                    ARG(mask_variable(&p->mask, &p->o->wanted, str_sub(path, (size_t)(dot + 1), path.n), value))));
}

/* Differences of two trees, by path; maps are gone into. */
static void tree_diff(struct plan *p, struct str path, const struct node *is, const struct node *should)
{
	if (is && should && node_equal(is, should))
		return;
	if (node_is(is ? is : should, NODE_MAP) && node_is(should ? should : is, NODE_MAP)) {
		NODE_EACH(old, is)
			tree_diff(p, str_f(p->arena, FMT "%s" FMT, ARG(path), path.n ? " " : "", ARG(old->key)), old, node_find(should, old->key));
		NODE_EACH(new, should)
			if (!node_find(is, new->key))
				tree_diff(p, str_f(p->arena, FMT "%s" FMT, ARG(path), path.n ? " " : "", ARG(new->key)), NULL, new);
		return;
	}
	if (is)
		scalar_line(p, '-', path, is);
	if (should)
		scalar_line(p, '+', path, should);
}

/* What the plan's entry becomes under this layer's. */
static struct node *entry_after(struct arena *arena, const struct node *is, const struct node *layered)
{
	struct node *after;

	if (!is || !str_is(node_gets(layered, "override"), "merge"))
		return node_copy(arena, layered);
	after = node_copy(arena, is);
	NODE_EACH(member, layered) {
		struct node *old = node_find(after, member->key);

		if (str_is(member->key, "override"))
			continue;
		if (node_is(old, NODE_MAP) && node_is(member, NODE_MAP)) {
			NODE_EACH(m, member)
				node_put(arena, old, m->key, node_copy(arena, m));
		} else if (!node_is(member, NODE_LIST) || !old) {
			node_put(arena, after, member->key, node_copy(arena, member));
		}
	}
	return after;
}

static void plan_layer(struct plan *p, const struct step *s)
{
	const struct node *is = p->o->snapshot.containers[s->container].plan;

	section(p, "layer " FMT " in container " FMT, ARG(s->label), ARG(p->o->snapshot.containers[s->container].name));
	NODE_EACH(kind, s->layer)
		NODE_EACH(entry, kind) {
			const struct node *old = node_find(node_find(is, kind->key), entry->key);

			tree_diff(p, str_f(p->arena, FMT " " FMT, ARG(kind->key), ARG(entry->key)), old, entry_after(p->arena, old, entry));
		}
}

/* --- Files. --- */
static size_t lines_of(struct arena *arena, struct str text, struct strs *lines)
{
	struct str one;

	if (str_ends(text, "\n"))
		text.n--;
	while (text.n && str_split(&text, '\n', &one))
		strs_add(arena, lines, one);
	return lines->n;
}

/* The shortest diff by the longest common subsequence; files of a charm are small. */
static void file_diff(struct plan *p, struct str old_text, struct str new_text)
{
	struct strs old = { 0 }, new = { 0 };
	size_t n = lines_of(p->arena, old_text, &old), m = lines_of(p->arena, new_text, &new), i = 0, j = 0;
	uint16_t *common = n <= MAX_DIFF_LINES && m <= MAX_DIFF_LINES ? arena_alloc(p->arena, (n + 1) * (m + 1) * sizeof *common) : NULL;

	/* common[i * (m + 1) + j]: lines that old[i..] and new[j..] share. */
	for (size_t a = n; common && a-- > 0;)
		for (size_t b = m; b-- > 0;) {
			uint16_t down = common[(a + 1) * (m + 1) + b], right = common[a * (m + 1) + b + 1];

			common[a * (m + 1) + b] = str_eq(old.v[a], new.v[b]) ? common[(a + 1) * (m + 1) + b + 1] + 1 : down > right ? down : right;
		}
	while (common && i < n && j < m) {
		if (str_eq(old.v[i], new.v[j])) {
			i++;
			j++;
		} else if (common[(i + 1) * (m + 1) + j] >= common[i * (m + 1) + j + 1]) {
			line(p, '-', old.v[i++]);
		} else {
			line(p, '+', new.v[j++]);
		}
	}
	while (i < n)
		line(p, '-', old.v[i++]);
	while (j < m)
		line(p, '+', new.v[j++]);
}

static void plan_file(struct plan *p, size_t container, const struct file *f)
{
	const struct container_state *c = &p->o->snapshot.containers[container];
	const struct file *old = state_file(c, f->path);

	section(p, "file " FMT "%s", ARG(f->path), old && old->found ? "" : " (new)");
	file_diff(p, old && old->found ? old->content : S(""), f->content);
}

/* --- Steps. --- */
static struct str command_text(struct arena *arena, const struct strs *command)
{
	struct strs words = { 0 };

	for (size_t i = 0; i < command->n; i++)
		strs_add(arena, &words, str_find(command->v[i], ' ') < 0 ? command->v[i] : str_f(arena, "'" FMT "'", ARG(command->v[i])));
	return strs_join(arena, &words, " ");
}

/* A step as one sentence, for those that are no diff. */
static struct str step_text(struct arena *arena, const struct step *s)
{
	switch (s->kind) {
	case STEP_EXEC:
		return command_text(arena, &s->exec.command);
	case STEP_DIR:
		return str_f(arena, "make directory " FMT, ARG(s->path));
	case STEP_REMOVE:
		return str_f(arena, "remove " FMT, ARG(s->path));
	case STEP_SIGNAL:
		return str_f(arena, "%s to " FMT, s->signal, ARG(strs_join(arena, &s->services, ", ")));
	case STEP_REPLAN:
		return S("replan: start what is enabled, restart what changed");
	case STEP_STOP:
		return str_f(arena, "stop " FMT, ARG(strs_join(arena, &s->services, ", ")));
	case STEP_LAYER:
		return str_f(arena, "layer " FMT, ARG(s->label));
	case STEP_WRITE:
		return str_f(arena, "write %zu file%s", s->n_files, s->n_files == 1 ? "" : "s");
	}
	return NOSTR;
}

static void plan_steps(struct plan *p)
{
	const struct wanted *w = &p->o->wanted;
	bool shown = false;

	for (size_t i = 0; i < w->n_steps; i++) {
		const struct step *s = &w->steps[i];

		p->changes++;
		if (s->kind == STEP_LAYER)
			plan_layer(p, s);
		for (size_t f = 0; s->kind == STEP_WRITE && f < s->n_files; f++)
			plan_file(p, s->container, &s->files[f]);
	}
	for (size_t i = 0; i < w->n_steps; i++) {
		const struct step *s = &w->steps[i];

		if (s->kind == STEP_LAYER || s->kind == STEP_WRITE)
			continue;
		if (!shown)
			section(p, "commands, in order");
		shown = true;
		line(p, '!', step_text(p->arena, s));
		if (s->name || s->why)
			buf_addf(p->out, "    %s%s%s\n", s->name ? s->name : "", s->name && s->why ? ": " : "", s->why ? s->why : "");
	}
	if (w->action_exec) {
		p->changes++;
		section(p, "the action's command");
		line(p, '!', command_text(p->arena, &w->action_exec->command));
	}
}

static void plan_action(struct plan *p)
{
	const struct wanted *w = &p->o->wanted;

	if (w->action_failure.p) {
		section(p, "the action fails");
		line(p, ' ', w->action_failure);
	}
	if (w->action_results && w->action_results->child && !w->action_exec) {
		section(p, "the action's results");
		NODE_EACH(v, w->action_results)
			pair(p, '+', v->key, node_text(v));
	}
}

static void plan_text(struct plan *p)
{
	const struct wanted *w = &p->o->wanted;
	const struct snapshot *s = &p->o->snapshot;

	if (p->o->decided) {
		if (!w->keep_status) {
			if (s->leader)
				plan_status(p, "application", s->app_status, w->status);
			plan_status(p, "unit", s->unit_status, w->status);
		}
		for (size_t i = 0; i < w->n_bags; i++)
			plan_bag(p, &w->bags[i]);
		plan_ports(p);
		plan_steps(p);
		plan_action(p);
		for (size_t i = 0; i < w->n_log; i++) {
			if (i == 0)
				section(p, "log");
			line(p, ' ', w->log[i].text);
		}
	}
}

/* --- For scripts. --- */
static struct node *plan_json(struct plan *p)
{
	static const char *const kinds[] = {
		[STEP_EXEC] = "exec", [STEP_LAYER] = "layer", [STEP_DIR] = "directory", [STEP_WRITE] = "write", [STEP_REMOVE] = "remove",
		[STEP_SIGNAL] = "signal", [STEP_REPLAN] = "replan", [STEP_STOP] = "stop",
	};
	const struct wanted *w = &p->o->wanted;
	struct arena *a = p->arena;
	struct node *all = node_new(a, NODE_MAP), *status = node_new(a, NODE_MAP), *bags = node_new(a, NODE_LIST), *steps = node_new(a, NODE_LIST);

	node_puts(a, all, "event", p->o->hook.event);
	node_puts(a, all, "unit", p->o->hook.unit);
	node_put(a, all, S("exit_code"), node_int(a, p->o->code));
	if (p->o->decided && !w->keep_status) {
		node_puts(a, status, "name", w->status.name);
		node_puts(a, status, "message", mask_text(&p->mask, w->status.message));
		node_put(a, all, S("status"), status);
	}
	for (size_t i = 0; p->o->decided && i < w->n_bags; i++) {
		const struct bag_wanted *b = &w->bags[i];
		const struct node *is = b->application ? b->relation->local_app : b->relation->local_unit;
		struct node *bag = node_new(a, NODE_MAP), *data = node_new(a, NODE_MAP);

		NODE_EACH(v, b->data)
			if (!str_eq(node_text(v), node_text(node_find(is, v->key))))
				node_put(a, data, v->key, node_str(a, mask_key(&p->mask, v->key, node_text(v))));
		NODE_EACH(v, b->whole ? is : NULL)
			if (!node_find(b->data, v->key))
				node_put(a, data, v->key, node_str(a, S("")));
		if (!data->child)
			continue;
		node_puts(a, bag, "relation", str_f(a, FMT ":%d", ARG(b->relation->endpoint->name), b->relation->id));
		node_puts(a, bag, "bag", b->application ? S("application") : S("unit"));
		node_put(a, bag, S("data"), data);
		node_add(a, bags, bag);
	}
	node_put(a, all, S("databags"), bags);
	if (p->o->decided && w->set_port)
		node_puts(a, all, "port", str_f(a, "%d/tcp", w->port));
	for (size_t i = 0; p->o->decided && i < w->n_steps; i++) {
		const struct step *s = &w->steps[i];
		struct node *step = node_new(a, NODE_MAP);

		node_puts(a, step, "kind", str_of(kinds[s->kind]));
		node_puts(a, step, "container", p->o->snapshot.containers[s->container].name);
		node_puts(a, step, "what", mask_text(&p->mask, step_text(a, s)));
		if (s->why)
			node_puts(a, step, "why", str_of(s->why));
		if (s->kind == STEP_WRITE) {
			struct node *paths = node_new(a, NODE_LIST);

			for (size_t f = 0; f < s->n_files; f++)
				node_add(a, paths, node_str(a, s->files[f].path));
			node_put(a, step, S("files"), paths);
		}
		node_add(a, steps, step);
	}
	node_put(a, all, S("steps"), steps);
	return all;
}

int cmd_plan(struct cli *cli)
{
	struct world w;
	struct outcome o;
	struct buf body = { .arena = cli->arena }, out = { .arena = cli->arena };
	struct str format = cli_value(cli, "format");
	struct plan p = { .o = &o, .cli = cli, .arena = cli->arena, .out = &body };

	if (format.p && !str_is(format, "json") && !str_is(format, "text"))
		return cli_fail(cli, "--format " FMT ": expected text or json", ARG(format));
	if (world_open(cli, &w) != 0 || world_event(&w, cli->words.v[0], true, &o) != 0)
		return 2;
	p.mask = mask_of(&o);
	if (str_is(format, "json")) {
		json_write(&out, plan_json(&p), JSON_INDENT);
		buf_addc(&out, '\n');
	} else {
		plan_text(&p);
		cli_ink(cli, &out, INK_BOLD, str_f(cli->arena, "plan for " FMT " on " FMT, ARG(o.hook.event), ARG(o.hook.unit)));
		if (o.code)
			buf_adds(&out, ": the hook fails\n");
		else if (p.changes)
			buf_addf(&out, ": %zu change%s, none made\n", p.changes, p.changes == 1 ? "" : "s");
		else
			buf_adds(&out, ": nothing to change\n");
		buf_add(&out, buf_str(&body));
	}
	cli_print(&out);
	return o.code;
}
