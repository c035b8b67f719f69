/* simulate_pebble.c: a Pebble in memory: layers combined into a plan, services, files, scripted commands.
 *
 * Nothing runs: a command answers what the state's execs say, else it succeeds without output; a service starts unless its command is
 * scripted to fail. Missing parent directories are made, because a state file does not list an image's folders. */
#include <stdio.h>
#include <string.h>

#include "simulate.h"

/* --- Layers. --- */
static const struct section { const char *key, *kind; } sections[] = {
	{ "services", "service" }, { "checks", "check" }, { "log-targets", "log target" },
};

/* One entry over another, as Pebble does it: what is set counts, maps merge, lists append, and the first one's override stays. */
static void merge(struct arena *arena, struct node *into, const struct node *from)
{
	NODE_EACH(item, from) {
		struct node *old = node_find(into, item->key);

		if (str_is(item->key, "override") || item->kind == NODE_NULL || (item->kind == NODE_STRING && !item->text.n))
			continue;
		if (old && old->kind == NODE_MAP && item->kind == NODE_MAP) {
			NODE_EACH(member, item)
				node_put(arena, old, member->key, node_copy(arena, member));
		} else if (old && old->kind == NODE_LIST && item->kind == NODE_LIST) {
			NODE_EACH(more, item)
				node_add(arena, old, node_copy(arena, more));
		} else {
			node_put(arena, into, item->key, node_copy(arena, item));
		}
	}
}

/* Puts a layer on top of what is combined already. Messages as Pebble words them. */
static int combine(struct arena *arena, struct node *into, const struct node *layer, struct str label, struct err *err)
{
	NODE_EACH(item, layer) {
		bool known = str_is(item->key, "summary") || str_is(item->key, "description");

		for (size_t i = 0; i < LEN(sections); i++)
			known = known || str_is(item->key, sections[i].key);
		if (!known)
			return err_set(err, ERR_BLOCKED, "cannot parse layer \"" FMT "\": unknown section \"" FMT "\"", ARG(label), ARG(item->key));
	}
	for (size_t i = 0; i < LEN(sections); i++) {
		struct node *from = node_get(layer, sections[i].key), *all = node_get(into, sections[i].key);

		if (!from || from->kind == NODE_NULL)
			continue;
		if (from->kind != NODE_MAP)
			return err_set(err, ERR_BLOCKED, "cannot parse layer \"" FMT "\": %s is no map", ARG(label), sections[i].key);
		if (!all) {
			node_put(arena, into, str_of(sections[i].key), node_new(arena, NODE_MAP));
			all = node_get(into, sections[i].key);
		}
		NODE_EACH(entry, from) {
			struct str override = node_gets(entry, "override");
			struct node *old = node_find(all, entry->key);

			if (entry->kind != NODE_MAP)
				return err_set(err, ERR_BLOCKED, "layer \"" FMT "\": %s \"" FMT "\" is no map", ARG(label), sections[i].kind,
				               ARG(entry->key));
			if (!override.n)
				return err_set(err, ERR_BLOCKED, "layer \"" FMT "\" must define \"override\" for %s \"" FMT "\"", ARG(label),
				               sections[i].kind, ARG(entry->key));
			if (str_is(override, "merge") && old)
				merge(arena, old, entry);
			else if (str_is(override, "merge") || str_is(override, "replace"))
				node_put(arena, all, entry->key, node_copy(arena, entry));
			else
				return err_set(err, ERR_BLOCKED, "layer \"" FMT "\" has invalid \"override\" value for %s \"" FMT "\"", ARG(label),
				               sections[i].kind, ARG(entry->key));
		}
	}
	return 0;
}

/* All layers of a container as one plan. */
static int plan_make(struct arena *arena, const struct node *layers, struct node **plan, struct err *err)
{
	struct node *made = node_new(arena, NODE_MAP);

	NODE_EACH(layer, layers) {
		if (layer->kind != NODE_MAP)
			return err_set(err, ERR_BLOCKED, "layer \"" FMT "\" is no map", ARG(layer->key));
		if (combine(arena, made, layer, layer->key, err) < 0)
			return -1;
	}
	NODE_EACH(service, node_get(made, "services"))
		if (!node_gets(service, "command").n)
			return err_set(err, ERR_BLOCKED, "plan must define \"command\" for service \"" FMT "\"", ARG(service->key));
	*plan = made;
	return 0;
}

static struct str service_status(const struct container *c, struct str service)
{
	struct str status = node_text(node_find(node_get(c->state, "service_statuses"), service));

	return status.n ? status : S("inactive");
}

static void service_set(struct container *c, struct str service, struct str status)
{
	struct arena *arena = c->simulator->arena;

	if (!node_get(c->state, "service_statuses"))
		node_put(arena, c->state, S("service_statuses"), node_new(arena, NODE_MAP));
	node_put(arena, node_get(c->state, "service_statuses"), service, node_str(arena, status));
}

static const struct pebble_ops simulated_ops;

int container_open(struct simulator *s, struct node *state, struct str name, struct container **out, struct err *err)
{
	struct container *c = NEW(s->arena, struct container);

	*c = (struct container){ .pebble = { &simulated_ops, s->arena, s->trace }, .simulator = s, .name = name, .state = state,
	                         .running = node_new(s->arena, NODE_MAP) };
	if (plan_make(s->arena, node_get(state, "layers"), &c->plan, err) < 0)
		return -1;
	NODE_EACH(service, node_get(c->plan, "services"))
		if (str_is(service_status(c, service->key), "active"))
			node_put(s->arena, c->running, service->key, node_copy(s->arena, service));
	*out = c;
	return 0;
}

struct pebble *simulator_pebble(struct simulator *s, struct str name)
{
	struct container *none;
	struct err ignored = { .arena = s->arena };

	for (size_t i = 0; i < s->n_containers; i++)
		if (str_eq(s->containers[i]->name, name)) {
			s->containers[i]->pebble.trace = s->trace;
			return &s->containers[i]->pebble;
		}
	container_open(s, NULL, name, &none, &ignored);   /* no layers: cannot fail */
	return &none->pebble;
}

struct node *simulator_plan(struct simulator *s, struct str name)
{
	for (size_t i = 0; i < s->n_containers; i++)
		if (str_eq(s->containers[i]->name, name))
			return node_copy(s->arena, s->containers[i]->plan);
	return node_new(s->arena, NODE_MAP);
}

/* --- The operations. --- */
/* NULL when it cannot be reached. `request` is what the real one would be asked, for the trace; nothing here takes time. */
static struct container *reach(struct pebble *p, const char *request, struct err *err)
{
	struct container *c = (struct container *)p;
	bool up = node_true(node_get(c->state, "can_connect"));

	trace_end(p->trace, trace_begin(p->trace, "%s", request), !up);
	if (up)
		return c;
	err_set(err, ERR_WAITING, "container " FMT ": the state says that it cannot be reached", ARG(c->name));
	return NULL;
}

static struct node *note(struct container *c, const char *kind)
{
	struct node *entry = journal_add(c->simulator, kind);

	node_puts(c->simulator->arena, entry, "container", c->name);
	return entry;
}

static int op_plan(struct pebble *p, struct node **plan, struct err *err)
{
	struct container *c = reach(p, "GET /v1/plan", err);

	if (!c)
		return -1;
	*plan = node_copy(p->arena, c->plan);
	return 0;
}

static int op_services(struct pebble *p, struct service **services, size_t *n, struct err *err)
{
	struct container *c = reach(p, "GET /v1/services", err);

	if (!c)
		return -1;
	*services = NULL;
	*n = 0;
	NODE_EACH(service, node_get(c->plan, "services")) {
		*services = arena_grow(p->arena, *services, *n, sizeof **services);
		(*services)[(*n)++] = (struct service){ service->key, str_is(node_gets(service, "startup"), "enabled") ? S("enabled") :
		                                        S("disabled"), service_status(c, service->key) };
	}
	return 0;
}

static int op_layer_add(struct pebble *p, struct str label, const struct node *layer, struct err *err)
{
	struct container *c = reach(p, "POST /v1/layers", err);
	struct node *layers, *old, *one, *plan, *entry;

	if (!c)
		return -1;
	layers = node_get(c->state, "layers") ? node_copy(p->arena, node_get(c->state, "layers")) : node_new(p->arena, NODE_MAP);
	old = node_find(layers, label);
	one = old ? old : node_new(p->arena, NODE_MAP);
	if (combine(p->arena, one, layer, label, err) < 0)
		return -1;
	if (!old)
		node_put(p->arena, layers, label, one);
	if (plan_make(p->arena, layers, &plan, err) < 0)
		return -1;
	node_put(p->arena, c->state, S("layers"), layers);
	c->plan = plan;
	entry = note(c, "layer");
	node_puts(p->arena, entry, "label", label);
	node_put(p->arena, entry, S("layer"), node_copy(p->arena, layer));
	return 0;
}

static struct node *files_of(struct container *c)
{
	struct arena *arena = c->simulator->arena;

	if (!node_get(c->state, "files"))
		node_put(arena, c->state, S("files"), node_new(arena, NODE_MAP));
	return node_get(c->state, "files");
}

/* A directory is there when it is listed or something lies below it. */
static bool is_directory(const struct node *files, struct arena *arena, struct str path)
{
	char *below = str_c(arena, str_f(arena, FMT "%s", ARG(path), str_ends(path, "/") ? "" : "/"));

	NODE_EACH(file, files)
		if (str_starts(file->key, below))
			return true;
	return false;
}

static int op_read(struct pebble *p, struct file *files, size_t n, struct err *err)
{
	struct container *c = reach(p, "GET /v1/files", err);

	if (!c)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const struct node *file = node_find(files_of(c), files[i].path);

		files[i].found = file != NULL;
		files[i].content = node_text(file);
		files[i].error = NOSTR;
		if (!file && is_directory(files_of(c), p->arena, files[i].path)) {
			files[i].found = true;
			files[i].error = str_f(p->arena, "can only read a regular file: \"" FMT "\"", ARG(files[i].path));
		}
	}
	return 0;
}

static int op_write(struct pebble *p, const struct file *files, size_t n, struct err *err)
{
	struct container *c = reach(p, "POST /v1/files", err);

	if (!c)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct node *entry;

		if (is_directory(files_of(c), p->arena, files[i].path))
			return err_set(err, ERR_BLOCKED, FMT ": is a directory", ARG(files[i].path));
		node_put(p->arena, files_of(c), files[i].path, node_str(p->arena, files[i].content));
		entry = note(c, "file");
		node_puts(p->arena, entry, "path", files[i].path);
		node_puts(p->arena, entry, "content", files[i].content);
	}
	return 0;
}

static int op_list(struct pebble *p, struct str path, struct entry **entries, size_t *n, bool *found, struct err *err)
{
	struct container *c = reach(p, "GET /v1/files", err);
	struct str folder = str_ends(path, "/") ? path : str_f(p->arena, FMT "/", ARG(path));
	struct strs seen = { 0 };

	if (!c)
		return -1;
	*entries = NULL;
	*n = 0;
	*found = is_directory(files_of(c), p->arena, path);
	NODE_EACH(file, files_of(c)) {
		struct str rest, name;
		ptrdiff_t slash;

		if (!str_starts(file->key, str_c(p->arena, folder)) || file->key.n == folder.n)
			continue;
		rest = str_sub(file->key, folder.n, file->key.n);
		slash = str_find(rest, '/');
		name = slash < 0 ? rest : str_sub(rest, 0, (size_t)slash);
		if (strs_has(&seen, name))
			continue;
		strs_add(p->arena, &seen, name);
		*entries = arena_grow(p->arena, *entries, *n, sizeof **entries);
		(*entries)[(*n)++] = (struct entry){ name, slash < 0 ? S("file") : S("directory") };
	}
	return 0;
}

static int op_make_dir(struct pebble *p, struct str path, struct str user, struct str group, struct err *err)
{
	struct container *c = reach(p, "POST /v1/files", err);

	(void)user;
	(void)group;
	if (!c)
		return -1;
	if (node_find(files_of(c), path))
		return err_set(err, ERR_BLOCKED, "mkdir " FMT ": not a directory", ARG(path));
	if (is_directory(files_of(c), p->arena, path))
		return 0;
	node_put(p->arena, files_of(c), str_f(p->arena, FMT "/", ARG(path)), node_str(p->arena, S("")));
	node_puts(p->arena, note(c, "directory"), "path", path);
	return 0;
}

static int op_remove(struct pebble *p, struct str path, struct err *err)
{
	struct container *c = reach(p, "POST /v1/files", err);

	if (!c)
		return -1;
	if (node_find(files_of(c), path))
		node_puts(p->arena, note(c, "remove"), "path", path);
	node_del(files_of(c), path);
	return 0;
}

/* --- Commands. --- */
/* The script whose prefix fits best; NULL: none does. */
static const struct node *script_of(const struct container *c, const struct strs *command)
{
	const struct node *best = NULL;
	size_t longest = 0;

	NODE_EACH(exec, node_get(c->state, "execs")) {
		const struct node *prefix = node_get(exec, "command_prefix");
		size_t i = 0;

		NODE_EACH(word, prefix) {
			if (i >= command->n || !str_eq(node_text(word), command->v[i]))
				break;
			i++;
		}
		if (i == prefix->count && (!best || i > longest)) {
			best = exec;
			longest = i;
		}
	}
	return best;
}

static int script_code(const struct node *script)
{
	int64_t code = 0;

	str_int(node_gets(script, "return_code"), &code);
	return (int)code;
}

static int op_exec(struct pebble *p, const struct exec *exec, struct exec_result *result, struct err *err)
{
	struct container *c = reach(p, "POST /v1/exec", err);
	struct node *entry, *command;
	const struct node *script;

	if (!c)
		return -1;
	script = script_of(c, &exec->command);
	*result = (struct exec_result){ script_code(script), node_gets(script, "stdout"), node_gets(script, "stderr") };
	if (exec->merge_stderr) {
		result->output = str_f(p->arena, FMT FMT, ARG(result->output), ARG(result->error_output));
		result->error_output = S("");
	}
	entry = note(c, "exec");
	command = node_new(p->arena, NODE_LIST);
	for (size_t i = 0; i < exec->command.n; i++)
		node_add(p->arena, command, node_str(p->arena, exec->command.v[i]));
	node_put(p->arena, entry, S("command"), command);
	if (exec->working_dir.n)
		node_puts(p->arena, entry, "working-dir", exec->working_dir);
	if (exec->user.n)
		node_puts(p->arena, entry, "user", exec->user);
	node_put(p->arena, entry, S("code"), node_int(p->arena, result->code));
	return 0;
}

/* --- Services. --- */
/* A service is a command, too: words by blanks, without the brackets of Pebble's optional arguments. */
static int start_code(struct container *c, const struct node *service)
{
	struct str rest = node_gets(service, "command"), word;
	struct strs words = { 0 };

	while (str_split(&rest, ' ', &word))
		if (word.n && !str_is(word, "[") && !str_is(word, "]"))
			strs_add(c->simulator->arena, &words, word);
	return script_code(script_of(c, &words));
}

static int start(struct container *c, const struct node *service, const char *how, struct err *err)
{
	struct arena *arena = c->simulator->arena;
	int code = start_code(c, service);
	struct node *entry = note(c, how);

	node_puts(arena, entry, "service", service->key);
	node_put(arena, c->running, service->key, node_copy(arena, service));
	service_set(c, service->key, code ? S("backoff") : S("active"));
	if (!code)
		return 0;
	node_puts(arena, entry, "failed", str_f(arena, "exited quickly with code %d", code));
	return err_set(err, ERR_BLOCKED, "service " FMT " failed to start\nERROR service start attempt: exited quickly with code %d, "
	               "will restart", ARG(service->key), code);
}

/* Starts what is enabled, restarts what runs with another configuration; stops nothing. All are tried, the first failure is told. */
static int replan(struct container *c, bool restarts, struct err *err)
{
	struct err first = { .arena = c->simulator->arena };
	int result = 0;

	NODE_EACH(service, node_get(c->plan, "services")) {
		struct str status = service_status(c, service->key);
		bool active = str_is(status, "active"), enabled = str_is(node_gets(service, "startup"), "enabled");
		bool changed = restarts && !node_equal(service, node_find(c->running, service->key));
		struct err inner = { .arena = c->simulator->arena };

		if (!(active ? changed : enabled))
			continue;
		if (start(c, service, active ? "restart" : "start", &inner) < 0 && result == 0) {
			first = inner;
			result = -1;
		}
	}
	return result < 0 ? err_set(err, first.kind, "%s", first.msg) : 0;
}

static int op_control(struct pebble *p, const char *action, const struct strs *services, struct err *err)
{
	struct container *c = reach(p, "POST /v1/services", err);

	if (!c)
		return -1;
	if (strcmp(action, "replan") == 0 || strcmp(action, "autostart") == 0) {
		note(c, action);
		return replan(c, strcmp(action, "replan") == 0, err);
	}
	for (size_t i = 0; services && i < services->n; i++)
		if (!node_find(node_get(c->plan, "services"), services->v[i]))
			return err_set(err, ERR_BLOCKED, "cannot %s services: service \"" FMT "\" does not exist", action, ARG(services->v[i]));
	for (size_t i = 0; services && i < services->n; i++) {
		const struct node *service = node_find(node_get(c->plan, "services"), services->v[i]);

		if (strcmp(action, "stop") == 0) {
			node_puts(p->arena, note(c, "stop"), "service", service->key);
			service_set(c, service->key, S("inactive"));
			node_del(c->running, service->key);
		} else if (start(c, service, action, err) < 0) {
			return -1;
		}
	}
	return 0;
}

static int op_signal(struct pebble *p, const char *name, struct str service, struct err *err)
{
	struct container *c = reach(p, "POST /v1/signals", err);
	struct node *entry;

	if (!c)
		return -1;
	if (!str_is(service_status(c, service), "active"))
		return err_set(err, ERR_BLOCKED, "cannot send signal to \"" FMT "\": service is not running", ARG(service));
	entry = note(c, "signal");
	node_puts(p->arena, entry, "signal", str_of(name));
	node_puts(p->arena, entry, "service", service);
	return 0;
}

static void op_close(struct pebble *p)
{
	(void)p;
}

static const struct pebble_ops simulated_ops = {
	op_plan, op_services, op_layer_add, op_read, op_write, op_list, op_make_dir, op_remove, op_control, op_signal, op_exec, op_close,
};
