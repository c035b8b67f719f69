/* run.c: worlds as the command line asks for them, and `dispatch run`: events on the simulator, one after another. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "hook.h"

/* --- Opening a world. --- */
/* "shop/state.yaml" lies in "shop", "state.yaml" in ".". */
static const char *folder_of(struct arena *arena, const char *path)
{
	ptrdiff_t slash = str_rfind(str_of(path), '/');

	if (slash < 0)
		return ".";
	return slash == 0 ? "/" : str_c(arena, str_sub(str_of(path), 0, (size_t)slash));
}

static int read_state(struct world *w, struct str *text)
{
	struct err *err = &w->cli->err;
	bool found;

	if (strcmp(w->state, "-") == 0)
		w->state = "/dev/stdin";
	if (input_read(w->arena, w->state, MAX_FILE, text, &found, err) < 0)
		return cli_fail(w->cli, "%s", err->msg);
	return found ? 0 : cli_fail(w->cli, "%s: no such file; --state names the state file", w->state);
}

/* "name=value"; 2 having said so when there is no "=". */
static int pair_split(const struct cli *cli, const struct chosen *c, struct str *name, struct str *value)
{
	ptrdiff_t equal = str_find(c->value, '=');

	if (equal <= 0)
		return cli_fail(cli, "--%s " FMT ": expected %s", c->flag->name, ARG(c->value), c->flag->argument);
	*name = str_sub(c->value, 0, (size_t)equal);
	*value = str_sub(c->value, (size_t)equal + 1, c->value.n);
	return 0;
}

static int set_leader(struct world *w, struct str word)
{
	bool yes = str_is(word, "yes") || str_is(word, "true");

	if (!yes && !str_is(word, "no") && !str_is(word, "false"))
		return cli_fail(w->cli, "--leader " FMT ": expected yes or no", ARG(word));
	node_put(w->arena, w->simulator->state, S("leader"), node_bool(w->arena, yes));
	return 0;
}

int world_relate(struct world *w, struct str endpoint)
{
	if (relate_example(w->simulator, endpoint, &w->cli->err) < 0)
		return cli_fail(w->cli, "%s", w->cli->err.msg);
	return 0;
}

static int change_world(struct world *w)
{
	struct cli *cli = w->cli;

	for (size_t i = 0; i < cli->n_chosen; i++) {
		const struct chosen *c = &cli->chosen[i];
		struct str name, value;

		if (strcmp(c->flag->name, "leader") == 0 && set_leader(w, c->value) != 0)
			return 2;
		if (strcmp(c->flag->name, "relate") == 0 && world_relate(w, c->value) != 0)
			return 2;
		if (strcmp(c->flag->name, "param") == 0) {
			if (pair_split(cli, c, &name, &value) != 0)
				return 2;
			simulator_param(w->simulator, name, value);
		}
		if (strcmp(c->flag->name, "set") == 0) {
			if (pair_split(cli, c, &name, &value) != 0)
				return 2;
			if (simulator_set(w->simulator, name, value, &cli->err) < 0)
				return cli_fail(cli, "%s", cli->err.msg);
		}
	}
	return 0;
}

int world_open(struct cli *cli, struct world *w)
{
	struct str text, file = cli_value(cli, "state"), folder = cli_value(cli, "charm");

	*w = (struct world){ .cli = cli, .arena = cli->arena, .socket = cli_value(cli, "real-pebble") };
	w->state = "state.yaml";
	if (file.p)
		w->state = str_c(w->arena, file);
	else if (folder.p)
		w->state = str_c(w->arena, str_f(w->arena, FMT "/state.yaml", ARG(folder)));
	if (read_state(w, &text) != 0)
		return 2;
	w->folder = folder.p ? str_c(w->arena, folder) : folder_of(w->arena, w->state);
	if (charm_load(w->arena, w->folder, &w->charm, &cli->err) < 0)
		return cli_fail(cli, "%s; --charm names the charm's folder", cli->err.msg);
	if (simulator_load(w->arena, text, w->state, &w->charm, &w->simulator, &cli->err) < 0)
		return cli_fail(cli, "%s", cli->err.msg);
	if (cli_has(cli, "trace")) {
		w->trace = NEW(w->arena, struct trace);
		*w->trace = (struct trace){ .arena = w->arena, .open = -1, .fd = STDERR_FILENO };
		w->simulator->trace = w->trace;
	}
	return change_world(w);
}

int world_write(struct world *w, struct str file)
{
	bool json = str_ends(file, ".json") || str_is(file, "json"), out = str_is(file, "-") || str_is(file, "json") || str_is(file, "yaml");
	struct node *state = simulator_state(w->simulator);
	struct buf text = { .arena = w->arena };

	if (json) {
		json_write(&text, state, JSON_INDENT);
		buf_addc(&text, '\n');
	} else {
		yaml_write(&text, state);
	}
	if (out) {
		cli_print(&text);
		return 0;
	}
	if (file_write(w->arena, str_c(w->arena, file), buf_str(&text), 0600, &w->cli->err) < 0) {
		cli_fail(w->cli, "%s", w->cli->err.msg);
		return 1;
	}
	return 0;
}

/* --- An event. --- */
static struct pebble *open_pebble(struct dispatch *d, struct str container)
{
	struct world *w = ((struct outcome *)d->pebble_context)->world;

	if (w->socket.n && str_eq(container, w->charm.containers.v[0]))
		return pebble_open(d->arena, w->socket, d->trace);
	return simulator_pebble(w->simulator, container);
}

/* What passes by is on the stack of the hook; what it points to stays. */
static void keep(struct dispatch *d, const struct snapshot *s, const struct wanted *w)
{
	struct outcome *o = d->pebble_context;

	o->snapshot = *s;
	o->wanted = *w;
	o->decided = true;
}

/* The journal's part from here on. */
static struct node *journal_since(struct world *w, size_t count)
{
	struct node *list = node_new(w->arena, NODE_LIST);
	size_t i = 0;

	NODE_EACH(entry, simulator_journal(w->simulator))
		if (i++ >= count)
			node_add(w->arena, list, node_copy(w->arena, entry));
	return list;
}

void world_hook(struct world *w, const struct hook *hook, bool dry, struct outcome *o)
{
	struct simulator *s = w->simulator;
	size_t before = simulator_journal(s)->count;
	struct err ignored = { .arena = w->arena };
	struct dispatch d = {
		.arena = w->arena, .hook = *hook, .charm = &w->charm, .pebble_open = open_pebble, .pebble_context = o, .trace = w->trace,
		.watch = keep, .dry = dry,
	};
	struct pebble *p;

	*o = (struct outcome){ .world = w, .hook = *hook };
	simulator_begin(s, hook);
	/* As a real hook: an event that is none of ours costs no call. */
	if (hook_known(&w->charm, hook)) {
		d.juju = juju_new(w->arena, simulator_carrier(s), w->trace);
		o->code = dispatch_hook(&d);
	}
	if (!dry)
		simulator_end(s, o->code);
	o->done = journal_since(w, before);
	/* A look at the outcome is no part of what the hook did. */
	d.trace = NULL;
	s->trace = NULL;
	p = open_pebble(&d, w->charm.containers.n ? w->charm.containers.v[0] : NOSTR);
	if (pebble_plan(p, &o->plan, &ignored) < 0)
		o->plan = node_new(w->arena, NODE_MAP);
	if (pebble_services(p, &o->services, &o->n_services, &ignored) < 0)
		o->n_services = 0;
	pebble_close(p);
	s->trace = w->trace;
}

int world_event(struct world *w, struct str event, bool dry, struct outcome *o)
{
	struct hook hook;
	int known = simulator_hook(w->simulator, event, &hook, &w->cli->err);

	if (known < 0)
		return cli_fail(w->cli, "%s", w->cli->err.msg);
	if (known > 0)
		return cli_fail(w->cli, "no event or action '" FMT "'", ARG(event));
	world_hook(w, &hook, dry, o);
	return 0;
}

/* --- dispatch run. --- */
struct output { struct cli *cli; bool json; struct node *list; size_t events; };

static int run_one(struct world *w, struct str event, struct output *out)
{
	struct outcome o;
	struct buf text = { .arena = w->arena };

	if (world_event(w, event, false, &o) != 0)
		return 2;
	if (out->json) {
		node_add(w->arena, out->list, report_json(&o));
	} else {
		if (out->events++)
			buf_addc(&text, '\n');
		report_text(&o, &text);
		cli_print(&text);
	}
	return o.code;
}

/* A script's item: an event, or a map of event and of what changes before it. */
static int run_item(struct world *w, const struct node *item, const char *name, struct output *out)
{
	static const char *const keys[] = { "event", "set", "leader", "relate", "params" };
	struct cli *cli = w->cli;

	if (item->kind == NODE_STRING)
		return run_one(w, item->text, out);
	if (item->kind != NODE_MAP || !node_gets(item, "event").n)
		return cli_fail(cli, "%s:%d:%d: expected an event, or a map with event", name, item->line, item->column);
	NODE_EACH(member, item) {
		size_t i = 0;

		while (i < LEN(keys) && !str_is(member->key, keys[i]))
			i++;
		if (i == LEN(keys))
			return cli_fail(cli, "%s:%d:%d: unknown key '" FMT "'; known: event, set, leader, relate, params", name, member->line,
			                member->column, ARG(member->key));
	}
	NODE_EACH(option, node_get(item, "set")) {
		struct str value = node_is(option, NODE_NULL) ? S("null") : node_text(option);

		if (simulator_set(w->simulator, option->key, value, &cli->err) < 0)
			return cli_fail(cli, "%s:%d:%d: %s", name, option->line, option->column, cli->err.msg);
	}
	if (node_get(item, "leader") && set_leader(w, node_gets(item, "leader")) != 0)
		return 2;
	if (node_gets(item, "relate").n && world_relate(w, node_gets(item, "relate")) != 0)
		return 2;
	NODE_EACH(endpoint, node_get(item, "relate"))
		if (world_relate(w, node_text(endpoint)) != 0)
			return 2;
	w->simulator->params = NULL;
	NODE_EACH(param, node_get(item, "params"))
		simulator_param(w->simulator, param->key, node_text(param));
	return run_one(w, node_gets(item, "event"), out);
}

static int run_script(struct world *w, struct output *out)
{
	char *name = str_c(w->arena, cli_value(w->cli, "script"));
	struct err *err = &w->cli->err;
	struct str text;
	struct node *list;
	bool found;
	int rc = 0;

	if (input_read(w->arena, name, MAX_FILE, &text, &found, err) < 0)
		return cli_fail(w->cli, "%s", err->msg);
	if (!found)
		return cli_fail(w->cli, "%s: no such file", name);
	if (yaml_parse(w->arena, text, name, &list, err) < 0)
		return cli_fail(w->cli, "%s", err->msg);
	if (list->kind != NODE_LIST)
		return cli_fail(w->cli, "%s:%d:%d: expected a list of events", name, list->line, list->column);
	NODE_EACH(item, list)
		if (rc == 0)
			rc = run_item(w, item, name, out);
	return rc;
}

/* What is wrong with the options together; 0 or 2. */
static int format_check(const struct cli *cli, bool *json)
{
	struct str format = cli_value(cli, "format");

	*json = str_is(format, "json");
	if (format.p && !*json && !str_is(format, "text"))
		return cli_fail(cli, "--format " FMT ": expected text or json", ARG(format));
	return 0;
}

static int run_once(struct cli *cli)
{
	struct output out = { .cli = cli, .list = node_new(cli->arena, NODE_LIST) };
	struct str file = cli_value(cli, "output");
	struct world w;
	int rc = 0;

	if (format_check(cli, &out.json) != 0 || world_open(cli, &w) != 0)
		return 2;
	/* Nothing else goes to stdout where the state goes there. */
	if (str_is(file, "-") || str_is(file, "json") || str_is(file, "yaml"))
		out.json = true;
	for (size_t i = 0; rc == 0 && i < cli->words.n; i++)
		rc = run_one(&w, cli->words.v[i], &out);
	if (rc == 0 && cli_has(cli, "script"))
		rc = run_script(&w, &out);
	if (rc == 2)
		return 2;
	if (str_is(cli_value(cli, "format"), "json") && !str_is(file, "-") && !str_is(file, "json") && !str_is(file, "yaml")) {
		struct buf text = { .arena = cli->arena };

		json_write(&text, out.list->count == 1 ? out.list->child : out.list, JSON_INDENT);
		buf_addc(&text, '\n');
		cli_print(&text);
	}
	if (file.p && world_write(&w, file) != 0)
		return 1;
	return rc;
}

/* --- --watch. --- */
/* When any of the files that a world is made from was last changed, as one number. */
static uint64_t files_age(const struct cli *cli)
{
	static const char *const names[] = { "paas-config.yaml", "charmcraft.yaml", "metadata.yaml", "config.yaml", "actions.yaml" };
	struct arena *arena = arena_new();
	struct str file = cli_value(cli, "state"), folder = cli_value(cli, "charm"), script = cli_value(cli, "script");
	const char *state = file.p ? str_c(arena, file) : folder.p ? str_c(arena, str_f(arena, FMT "/state.yaml", ARG(folder))) : "state.yaml";
	const char *charm = folder.p ? str_c(arena, folder) : folder_of(arena, state);
	uint64_t age = 0;

	for (size_t i = 0; i < LEN(names) + 2; i++) {
		const char *path = i < LEN(names) ? str_c(arena, str_f(arena, "%s/%s", charm, names[i])) :
		                   i == LEN(names) ? state : script.p ? str_c(arena, script) : state;
		struct stat st;

		if (stat(path, &st) == 0)
			age = age * 31 + (uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec + (uint64_t)st.st_size;
		else
			age = age * 31;
	}
	arena_free(arena);
	return age;
}

static _Noreturn void run_watching(struct cli *cli)
{
	for (;;) {
		uint64_t age = files_age(cli);
		struct cli again = *cli;
		struct buf line = { .arena = cli->arena };

		again.arena = arena_new();
		again.err = (struct err){ .arena = again.arena };
		run_once(&again);
		line.arena = again.arena;
		buf_adds(&line, "\n-- waiting for a change --\n\n");
		cli_print(&line);
		arena_free(again.arena);
		while (files_age(cli) == age)
			nanosleep(&(struct timespec){ .tv_nsec = 100000000L }, NULL);
		/* An editor may write in several steps: wait until it is done. */
		while (age != files_age(cli)) {
			age = files_age(cli);
			nanosleep(&(struct timespec){ .tv_nsec = 50000000L }, NULL);
		}
	}
}

int cmd_run(struct cli *cli)
{
	if (cli->words.n == 0 && !cli_has(cli, "script"))
		return cli_fail(cli, "which event? usage: dispatch run EVENT... --state FILE");
	if (cli_has(cli, "watch"))
		run_watching(cli);
	return run_once(cli);
}

/* --- A hook with DISPATCH_STATE. --- */
/* Variables that are set count more than the state: it becomes what they say. */
static void state_override(struct world *w, const struct hook *real)
{
	struct node *state = w->simulator->state, *model = node_get(state, "model");
	const struct { struct node *map; const char *key; struct str value; bool set; } changes[] = {
		{ state, "app", real->app, getenv("JUJU_UNIT_NAME") != NULL },
		{ state, "juju_version", real->juju_version, getenv("JUJU_VERSION") != NULL },
		{ model, "name", real->model, getenv("JUJU_MODEL_NAME") != NULL },
		{ model, "uuid", real->model_uuid, real->model_uuid.n },
		{ model, "http_proxy", real->http_proxy, real->http_proxy.n },
		{ model, "https_proxy", real->https_proxy, real->https_proxy.n },
		{ model, "no_proxy", real->no_proxy, real->no_proxy.n },
	};

	for (size_t i = 0; i < LEN(changes); i++)
		if (changes[i].set)
			node_puts(w->arena, changes[i].map, changes[i].key, changes[i].value);
	if (getenv("JUJU_UNIT_NAME"))
		node_put(w->arena, state, S("unit"), node_int(w->arena, real->unit_number));
}

static int hook_on_state(struct cli *cli, const char *state_file, const char *charm_folder)
{
	struct arena *arena = cli->arena;
	struct world w = { .cli = cli, .arena = arena, .state = state_file, .folder = charm_folder };
	struct buf text = { .arena = arena };
	struct hook real, hook;
	struct outcome o;
	struct str state, event;

	if (read_state(&w, &state) != 0)
		return 1;
	/* Started in the charm's folder, as Juju does; or anywhere, with the state file in the charm's folder. */
	if (charm_load(arena, w.folder, &w.charm, &cli->err) < 0) {
		w.folder = folder_of(arena, w.state);
		if (charm_load(arena, w.folder, &w.charm, &cli->err) < 0)
			return cli_fail(cli, "%s", cli->err.msg);
	}
	if (simulator_load(arena, state, w.state, &w.charm, &w.simulator, &cli->err) < 0)
		return cli_fail(cli, "%s", cli->err.msg);
	hook_read(arena, &w.charm, &real);
	state_override(&w, &real);
	event = real.event;
	if (real.relation_id >= 0)
		event = str_f(arena, FMT ":%d", ARG(event), real.relation_id);
	if (simulator_hook(w.simulator, event, &hook, &cli->err) < 0)
		return cli_fail(cli, "%s", cli->err.msg);
	hook.action = real.action;
	if (real.remote_unit.p)
		hook.remote_unit = real.remote_unit;
	if (real.departing_unit.p)
		hook.departing_unit = real.departing_unit;
	world_hook(&w, &hook, false, &o);
	report_text(&o, &text);
	cli_print(&text);
	return o.code;
}

int cli_hook_on_state(const char *state_file, const char *charm_folder)
{
	struct arena *arena = arena_new();
	struct cli cli = { .arena = arena, .err = { .arena = arena } };
	int rc = hook_on_state(&cli, state_file, charm_folder);

	arena_free(arena);
	return rc != 0;   /* a hook's exit code is 0 or 1 */
}
