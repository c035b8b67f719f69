/* report.c: what came of an event: for people as `juju status` words it, for scripts as JSON. Secrets are masked in both. */
#include <string.h>

#include "frameworks.h"
#include "world.h"

/* --- Masking. --- */
#define MASKED "***"

/* Databag keys and members of secrets that are secret wherever they appear. */
static const char *const secret_keys[] = {
	"password", "secret-key", "access-key", "token", "entity-password", "uris", "read-only-uris", "client_secret", "secret_key",
	"encryption-key", "mtls-cert",
};

static bool key_is_secret(struct str key)
{
	for (size_t i = 0; i < LEN(secret_keys); i++)
		if (str_is(key, secret_keys[i]))
			return true;
	/* The generated key of any framework: "flask_secret_key". */
	return str_ends(key, "_secret_key");
}

/* A value of one character would blank out half the report. */
static void mask_add(struct mask *m, struct str value)
{
	if (value.n > 1 && !strs_has(&m->values, value))
		strs_add(m->arena, &m->values, value);
}

static void mask_bag(struct mask *m, const struct node *bag)
{
	NODE_EACH(value, bag)
		if (key_is_secret(value->key))
			mask_add(m, node_text(value));
}

struct mask mask_of(const struct outcome *o)
{
	static const char *const contents[] = { "tracked_content", "latest_content" };
	static const char *const bags[] = { "local_app_data", "local_unit_data", "remote_app_data" };
	const struct node *state = o->world->simulator->state;
	struct mask m = { .arena = o->world->arena, .off = cli_has(o->world->cli, "show-secrets") };

	for (size_t i = 0; o->decided && i < o->wanted.env.n; i++)
		if (o->wanted.env.v[i].secret)
			mask_add(&m, o->wanted.env.v[i].value);
	NODE_EACH(secret, node_get(state, "secrets"))
		for (size_t i = 0; i < LEN(contents); i++)
			NODE_EACH(value, node_get(secret, contents[i]))
				if (!str_is(value->key, "username"))
					mask_add(&m, node_text(value));
	NODE_EACH(relation, node_get(state, "relations")) {
		for (size_t i = 0; i < LEN(bags); i++)
			mask_bag(&m, node_get(relation, bags[i]));
		NODE_EACH(unit, node_get(relation, "remote_units_data"))
			mask_bag(&m, unit);
	}
	return m;
}

struct str mask_text(const struct mask *m, struct str text)
{
	struct buf out = { .arena = m->arena };

	if (m->off)
		return text;
	for (size_t i = 0; i < text.n;) {
		size_t longest = 0;

		for (size_t v = 0; v < m->values.n; v++)
			if (m->values.v[v].n > longest && m->values.v[v].n <= text.n - i
			    && memcmp(text.p + i, m->values.v[v].p, m->values.v[v].n) == 0)
				longest = m->values.v[v].n;
		if (longest)
			buf_adds(&out, MASKED);
		else
			buf_addc(&out, text.p[i]);
		i += longest ? longest : 1;
	}
	return buf_str(&out);
}

struct str mask_key(const struct mask *m, struct str key, struct str value)
{
	if (!m->off && value.n && key_is_secret(key))
		return S(MASKED);
	return mask_text(m, value);
}

struct str mask_variable(const struct mask *m, const struct wanted *wanted, struct str name, struct str value)
{
	const struct variable *v = wanted ? env_find(&wanted->env, name) : NULL;

	if (!m->off && v && v->secret && value.n)
		return S(MASKED);
	return mask_text(m, value);
}

/* Every text of a tree masked; a copy. */
static struct node *mask_tree(const struct mask *m, const struct node *n)
{
	struct node *copy = node_new(m->arena, n->kind);

	copy->text = n->kind == NODE_STRING ? mask_text(m, n->text) : n->text;
	NODE_EACH(child, n) {
		struct node *value = mask_tree(m, child);

		if (n->kind == NODE_MAP && child->kind == NODE_STRING)
			value->text = mask_key(m, child->key, child->text);
		value->key = child->key;
		node_append(copy, value);
	}
	return copy;
}

/* --- For people. --- */
struct report { const struct outcome *o; const struct cli *cli; struct buf *out; struct mask mask; };

static enum ink status_ink(struct str status)
{
	if (str_is(status, "active"))
		return INK_GOOD;
	if (str_is(status, "blocked") || str_is(status, "error") || str_is(status, "backoff"))
		return INK_BAD;
	return str_is(status, "waiting") || str_is(status, "maintenance") ? INK_WAIT : INK_PLAIN;
}

static int widest(int least, struct str s)
{
	return (int)s.n > least ? (int)s.n : least;
}

static void pad(struct buf *out, struct str text, int width)
{
	for (int i = (int)text.n; i < width; i++)
		buf_addc(out, ' ');
}

static void status_row(struct report *r, struct str name, int width, const struct node *status)
{
	struct str word = node_gets(status, "name"), message = str_trim(mask_text(&r->mask, node_gets(status, "message")));

	buf_add(r->out, name);
	pad(r->out, name, width + 2);
	cli_ink(r->cli, r->out, status_ink(word), word);
	if (message.n) {
		pad(r->out, word, 13);
		buf_add(r->out, message);
	}
	buf_addc(r->out, '\n');
}

/* As `juju status` lays it out; the star is the leader's. */
static void report_status(struct report *r)
{
	const struct simulator *s = r->o->world->simulator;
	bool leader = node_true(node_get(s->state, "leader"));
	struct str unit = str_f(r->out->arena, FMT "%s", ARG(r->o->hook.unit), leader ? "*" : "");
	int width = widest(4, unit);
	struct node error = { .kind = NODE_MAP };

	if (leader) {
		cli_ink(r->cli, r->out, INK_BOLD, str_f(r->out->arena, "%-*s  %-12s %s\n", width, "App", "Status", "Message"));
		status_row(r, r->o->hook.app, width, node_get(s->state, "app_status"));
		buf_addc(r->out, '\n');
	}
	cli_ink(r->cli, r->out, INK_BOLD, str_f(r->out->arena, "%-*s  %-12s %s\n", width, "Unit", "Workload", "Message"));
	if (r->o->code && !r->o->hook.action) {
		/* What Juju shows of a hook that failed, until it has been tried again. */
		node_puts(r->out->arena, &error, "name", S("error"));
		node_puts(r->out->arena, &error, "message", str_f(r->out->arena, "hook failed: \"" FMT "\"", ARG(r->o->hook.event)));
		status_row(r, unit, width, &error);
	} else {
		status_row(r, unit, width, node_get(s->state, "unit_status"));
	}
}

static void heading(struct report *r, const char *fmt, ...) PRINTF(2, 3);
static void heading(struct report *r, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	buf_addc(r->out, '\n');
	cli_ink(r->cli, r->out, INK_BOLD, str_vf(r->out->arena, fmt, args));
	buf_addc(r->out, '\n');
	va_end(args);
}

static void report_services(struct report *r)
{
	const struct outcome *o = r->o;
	const struct wanted *wanted = o->decided ? &o->wanted : NULL;
	const struct node *shown = NULL;
	struct str shown_of = NOSTR;
	int width = 0;

	if (!o->n_services)
		return;
	for (size_t i = 0; i < o->n_services; i++)
		width = widest(width, o->services[i].name);
	heading(r, "Services in container " FMT, ARG(o->world->charm.containers.v[0]));
	for (size_t i = 0; i < o->n_services; i++) {
		const struct service *s = &o->services[i];

		buf_addf(r->out, "  " FMT, ARG(s->name));
		pad(r->out, s->name, width + 2);
		cli_ink(r->cli, r->out, status_ink(s->current), s->current);
		buf_addf(r->out, "%s\n", str_is(s->startup, "disabled") ? "  (startup disabled)" : "");
	}
	for (size_t i = 0; i < o->n_services; i++) {
		const struct node *service = node_find(node_get(o->plan, "services"), o->services[i].name);
		const struct node *env = node_get(service, "environment");

		if (!env || !env->child)
			continue;
		if (shown && node_equal(env, shown)) {
			heading(r, "Service " FMT ": the same environment as " FMT, ARG(o->services[i].name), ARG(shown_of));
			continue;
		}
		heading(r, "Service " FMT, ARG(o->services[i].name));
		cli_pair(r->cli, r->out, S("command"), 7, mask_text(&r->mask, node_gets(service, "command")));
		width = 0;
		NODE_EACH(v, env)
			width = widest(width, v->key);
		NODE_EACH(v, env)
			cli_pair(r->cli, r->out, v->key, width > 40 ? 40 : width, mask_variable(&r->mask, wanted, v->key, node_text(v)));
		if (!shown) {
			shown = env;
			shown_of = o->services[i].name;
		}
	}
}

static struct str words_of(struct arena *arena, const struct node *list)
{
	struct strs words = { 0 };

	NODE_EACH(word, list)
		strs_add(arena, &words, str_find(node_text(word), ' ') < 0 ? node_text(word) : str_f(arena, "'" FMT "'", ARG(node_text(word))));
	return strs_join(arena, &words, " ");
}

/* One entry of the journal as a word and a sentence. */
static struct str deed(struct arena *arena, const struct node *e, struct str *word)
{
	struct str kind = node_gets(e, "kind"), what;

	*word = kind;
	if (str_is(kind, "status-set")) {
		*word = S("status");
		what = str_f(arena, FMT " " FMT, ARG(node_gets(e, "of")), ARG(node_gets(e, "status")));
		return node_gets(e, "message").n ? str_f(arena, FMT ": " FMT, ARG(what), ARG(str_trim(node_gets(e, "message")))) : what;
	}
	if (str_is(kind, "relation-set")) {
		*word = S("databag");
		return str_f(arena, "of our " FMT ", " FMT " with " FMT, ARG(node_gets(e, "bag")), ARG(node_gets(e, "relation")),
		             ARG(node_gets(e, "to").n ? node_gets(e, "to") : S("our other units")));
	}
	if (str_is(kind, "exec")) {
		*word = S("command");
		what = words_of(arena, node_get(e, "command"));
		return str_is(node_gets(e, "code"), "0") ? what : str_f(arena, FMT " (exit " FMT ")", ARG(what), ARG(node_gets(e, "code")));
	}
	if (str_is(kind, "file"))
		return str_f(arena, FMT " (%zu bytes)", ARG(node_gets(e, "path")), node_gets(e, "content").n);
	if (str_is(kind, "signal"))
		return str_f(arena, FMT " to " FMT, ARG(node_gets(e, "signal")), ARG(node_gets(e, "service")));
	if (node_get(e, "failed"))
		return str_f(arena, FMT ": " FMT, ARG(node_gets(e, "service")), ARG(node_gets(e, "failed")));
	if (str_is(kind, "action-set")) {
		*word = S("result");
		return S("");
	}
	for (size_t i = 0; i < 6; i++) {
		static const char *const keys[] = { "service", "path", "label", "port", "message", "container" };

		if (node_get(e, keys[i]))
			return node_gets(e, keys[i]);
	}
	return NOSTR;
}

static void report_deeds(struct report *r)
{
	bool any = false;

	NODE_EACH(e, r->o->done) {
		struct str word, what;

		if (str_is(node_gets(e, "kind"), "log"))
			continue;
		if (!any)
			heading(r, "Done, in order");
		any = true;
		what = deed(r->out->arena, e, &word);
		cli_pair(r->cli, r->out, word, 10, mask_text(&r->mask, what));
		NODE_EACH(v, node_get(e, str_is(word, "databag") ? "data" : "results")) {
			struct str value = mask_key(&r->mask, v->key, node_text(v));

			cli_pair(r->cli, r->out, NOSTR, 10, value.n ? str_f(r->out->arena, FMT " = " FMT, ARG(v->key), ARG(value))
			                                            : str_f(r->out->arena, FMT " removed", ARG(v->key)));
		}
	}
	if (!any)
		heading(r, "Nothing to do");
}

static void report_log(struct report *r)
{
	bool any = false;

	NODE_EACH(e, r->o->done) {
		if (!str_is(node_gets(e, "kind"), "log"))
			continue;
		if (!any)
			heading(r, "Log");
		any = true;
		cli_pair(r->cli, r->out, node_gets(e, "level"), 7, mask_text(&r->mask, node_gets(e, "message")));
	}
}

void report_text(const struct outcome *o, struct buf *out)
{
	struct report r = { o, o->world->cli, out, mask_of(o) };
	const struct node *ports = node_get(o->world->simulator->state, "opened_ports");

	cli_ink(r.cli, out, INK_BOLD, str_f(out->arena, FMT " on " FMT "%s\n\n", ARG(o->hook.event), ARG(o->hook.unit),
	                                    o->code ? ": failed" : ""));
	report_status(&r);
	if (ports && ports->child) {
		buf_adds(out, "\nOpen ports:");
		NODE_EACH(port, ports)
			buf_addf(out, " " FMT, ARG(node_text(port)));
		buf_addc(out, '\n');
	}
	report_services(&r);
	report_deeds(&r);
	report_log(&r);
}

/* --- For scripts. --- */
struct node *report_json(const struct outcome *o)
{
	struct arena *arena = o->world->arena;
	const struct simulator *s = o->world->simulator;
	const struct wanted *wanted = o->decided ? &o->wanted : NULL;
	struct mask mask = mask_of(o);
	struct node *all = node_new(arena, NODE_MAP), *services = node_new(arena, NODE_MAP), *changes = node_new(arena, NODE_LIST);
	struct node *log = node_new(arena, NODE_LIST), *env = node_new(arena, NODE_MAP);

	node_puts(arena, all, "event", o->hook.event);
	node_puts(arena, all, "unit", o->hook.unit);
	node_put(arena, all, S("leader"), node_copy(arena, node_get(s->state, "leader")));
	node_put(arena, all, S("exit_code"), node_int(arena, o->code));
	node_put(arena, all, S("unit_status"), mask_tree(&mask, node_get(s->state, "unit_status")));
	node_put(arena, all, S("app_status"), mask_tree(&mask, node_get(s->state, "app_status")));
	node_put(arena, all, S("opened_ports"), node_copy(arena, node_get(s->state, "opened_ports")));
	for (size_t i = 0; i < o->n_services; i++) {
		const struct node *planned = node_find(node_get(o->plan, "services"), o->services[i].name);
		struct node *service = node_new(arena, NODE_MAP), *shown = node_new(arena, NODE_MAP);

		NODE_EACH(v, node_get(planned, "environment"))
			node_put(arena, shown, v->key, node_str(arena, mask_variable(&mask, wanted, v->key, node_text(v))));
		node_puts(arena, service, "current", o->services[i].current);
		node_puts(arena, service, "startup", o->services[i].startup);
		node_puts(arena, service, "command", mask_text(&mask, node_gets(planned, "command")));
		node_put(arena, service, S("environment"), shown);
		node_put(arena, services, o->services[i].name, service);
	}
	node_put(arena, all, S("services"), services);
	for (size_t i = 0; wanted && i < wanted->env.n; i++)
		node_put(arena, env, wanted->env.v[i].name,
		         node_str(arena, mask_variable(&mask, wanted, wanted->env.v[i].name, wanted->env.v[i].value)));
	node_put(arena, all, S("environment"), env);
	NODE_EACH(e, o->done)
		node_append(str_is(node_gets(e, "kind"), "log") ? log : changes, mask_tree(&mask, e));
	node_put(arena, all, S("changes"), changes);
	node_put(arena, all, S("log"), log);
	return all;
}
