/* juju.c: the hook tools as typed functions. Their argument vectors are those that Juju's own Python framework uses, so that we stay on
 * ground that every Juju has been walked on. */
#include "juju.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAX_ARGUMENT = 131071,   /* bytes of one argument that Linux passes to a process; Juju's framework splits log lines here, too */
	MAX_WORDS    = 400,      /* bytes of a tool's error message that we repeat */
	MAX_ARGS     = 12,
	SHORTEST_SECRET = 4,     /* shorter values are words of every message */
};

struct ask {
	struct juju     *juju;
	struct tool_call call;
	enum shape { SHAPE_BOOL, SHAPE_STRING, SHAPE_STRINGS, SHAPE_MAP, SHAPE_STRING_MAP } shape;
	bool             answered;
};
struct line { enum log_level level; struct str text; };
struct write {
	struct tool_call   call;
	struct str         what;     /* names it in an error */
	const struct node *hidden;   /* a map whose values no error shows; NULL: nothing is hidden */
};
struct juju {
	struct arena   *arena;
	struct carrier *carrier;
	struct trace   *trace;
	struct ask    **asks;    /* asked and not yet sent */
	size_t          n_asks;
	struct line    *lines;   /* logged and not yet sent */
	size_t          n_lines;
	struct write   *writes;  /* told and not yet sent */
	size_t          n_writes;
};

struct juju *juju_new(struct arena *a, struct carrier *carrier, struct trace *trace)
{
	struct juju *j = NEW(a, struct juju);

	*j = (struct juju){ .arena = a, .carrier = carrier, .trace = trace };
	return j;
}

void juju_close(struct juju *j)
{
	j->carrier->close(j->carrier);
}

/* --- Calls --- */

/* An argument vector, given up to a NULL. */
static const char *const *arguments(struct juju *j, const char *tool, va_list more)
{
	const char **argv = arena_alloc(j->arena, MAX_ARGS * sizeof *argv);
	size_t n = 0;

	for (const char *arg = tool; arg && n < MAX_ARGS - 1; arg = va_arg(more, const char *))
		argv[n++] = arg;
	return argv;
}

/* The tool's name and the names of its flags: what a trace may show. */
static struct str call_name(struct arena *a, const struct tool_call *call)
{
	struct buf b = { .arena = a };

	buf_adds(&b, call->argv[0]);
	for (const char *const *arg = call->argv + 1; *arg && strcmp(*arg, "--") != 0; arg++) {
		struct str flag = str_of(*arg);
		ptrdiff_t value = str_find(flag, '=');

		if (!str_starts(flag, "-") || flag.n < 2)
			continue;
		buf_addc(&b, ' ');
		buf_add(&b, value < 0 ? flag : str_sub(flag, 0, (size_t)value));
	}
	return buf_str(&b);
}

static int carry(struct juju *j, struct tool_call *calls, size_t n, struct err *err)
{
	int64_t start = j->trace ? trace_now() : 0;
	int rc = j->carrier->run(j->carrier, calls, n, err);

	if (!j->trace)
		return rc;
	for (size_t i = 0; i < n; i++)
		trace_add(j->trace, calls[i].started ? calls[i].started : start, calls[i].ended ? calls[i].ended : trace_now(),
		          rc < 0 || calls[i].code != 0, FMT, ARG(call_name(j->trace->arena, &calls[i])));
	return rc;
}

/* At most n bytes of a text, and no half of a character. */
static struct str cut(struct str text, size_t n)
{
	if (text.n <= n)
		return text;
	while (n && ((unsigned char)text.p[n] & 0xc0) == 0x80)
		n--;
	return str_sub(text, 0, n);
}

/* A tool's error message as one line: without "ERROR", which they all start with. */
static struct str words(struct arena *a, struct str message)
{
	struct str text = str_trim(message);

	if (str_starts(text, "ERROR "))
		text = str_trim(str_sub(text, 6, text.n));
	return str_replace(a, cut(text, MAX_WORDS), '\n', ' ');
}

/* --- Questions --- */

static struct ask *ask(struct juju *j, enum shape shape, const char *tool, ...)
{
	struct ask *q = NEW(j->arena, struct ask);
	va_list more;

	va_start(more, tool);
	*q = (struct ask){ .juju = j, .shape = shape, .call.argv = arguments(j, tool, more) };
	va_end(more);
	j->asks = arena_grow(j->arena, j->asks, j->n_asks, sizeof *j->asks);
	j->asks[j->n_asks++] = q;
	return q;
}

static const char *relation_ref(struct juju *j, struct str endpoint, int id)
{
	return str_c(j->arena, str_f(j->arena, FMT ":%d", ARG(endpoint), id));
}

struct ask *ask_config(struct juju *j)
{
	return ask(j, SHAPE_MAP, "config-get", "--format=json", NULL);
}

struct ask *ask_leader(struct juju *j)
{
	return ask(j, SHAPE_BOOL, "is-leader", "--format=json", NULL);
}

struct ask *ask_status(struct juju *j, bool application)
{
	return ask(j, SHAPE_MAP, "status-get", "--include-data", "--format=json",
	           application ? "--application=true" : "--application=false", NULL);
}

struct ask *ask_ports(struct juju *j)
{
	return ask(j, SHAPE_STRINGS, "opened-ports", "--format=json", NULL);
}

struct ask *ask_relation_ids(struct juju *j, struct str endpoint)
{
	return ask(j, SHAPE_STRINGS, "relation-ids", str_c(j->arena, endpoint), "--format=json", NULL);
}

struct ask *ask_relation_units(struct juju *j, struct str endpoint, int id)
{
	return ask(j, SHAPE_STRINGS, "relation-list", "--format=json", "-r", relation_ref(j, endpoint, id), NULL);
}

struct ask *ask_relation_app(struct juju *j, struct str endpoint, int id)
{
	return ask(j, SHAPE_STRING, "relation-list", "--format=json", "--app", "-r", relation_ref(j, endpoint, id), NULL);
}

struct ask *ask_databag(struct juju *j, struct str endpoint, int id, bool application, struct str unit_or_app)
{
	const char *ref = relation_ref(j, endpoint, id), *owner = str_c(j->arena, unit_or_app);

	return application ? ask(j, SHAPE_STRING_MAP, "relation-get", "--format=json", "-r", ref, "--app", "-", owner, NULL)
	                   : ask(j, SHAPE_STRING_MAP, "relation-get", "--format=json", "-r", ref, "-", owner, NULL);
}

struct ask *ask_relation_model(struct juju *j, struct str endpoint, int id)
{
	return ask(j, SHAPE_MAP, "relation-model-get", "--format=json", "-r", relation_ref(j, endpoint, id), NULL);
}

struct ask *ask_network(struct juju *j, struct str endpoint, int id)
{
	return ask(j, SHAPE_MAP, "network-get", "--format=json", "-r", str_c(j->arena, str_f(j->arena, "%d", id)),
	           str_c(j->arena, endpoint), NULL);
}

struct ask *ask_secret(struct juju *j, struct str uri, struct str label, bool refresh)
{
	const char *argv[MAX_ARGS] = { NULL };
	size_t n = 0;

	if (uri.n)
		argv[n++] = str_c(j->arena, uri);
	if (label.n) {
		argv[n++] = "--label";
		argv[n++] = str_c(j->arena, label);
	}
	if (refresh)
		argv[n++] = "--refresh";
	return ask(j, SHAPE_STRING_MAP, "secret-get", "--format=json", argv[0], argv[1], argv[2], argv[3], NULL);
}

struct ask *ask_action_params(struct juju *j)
{
	return ask(j, SHAPE_MAP, "action-get", "--format=json", NULL);
}

int juju_answers(struct juju *j, struct err *err)
{
	struct tool_call *calls;
	size_t n = j->n_asks;
	int rc;

	if (n == 0)
		return 0;
	calls = arena_alloc(j->arena, n * sizeof *calls);
	for (size_t i = 0; i < n; i++)
		calls[i] = j->asks[i]->call;
	rc = carry(j, calls, n, err);
	for (size_t i = 0; i < n && rc == 0; i++) {
		j->asks[i]->call = calls[i];
		j->asks[i]->answered = true;
	}
	j->asks = NULL;
	j->n_asks = 0;
	return rc;
}

/* --- Answers --- */

static bool says(struct arena *a, struct str message, const char *part)
{
	return str_contains(str_lower(a, message), str_of(part));
}

enum answer answer_kind(const struct ask *q)
{
	static const char *const denials[] = { "access denied", "permission denied", "not the leader", "cannot write relation settings" };
	struct arena *a = q->juju->arena;
	struct str tool = str_of(q->call.argv[0]), message = q->call.message;

	if (!q->answered)
		return ANSWER_FAILED;
	if (q->call.code == 0)
		return ANSWER_OK;
	if ((str_starts(tool, "relation-") || str_starts(tool, "network-")) && says(a, message, "relation not found"))
		return ANSWER_NOT_FOUND;
	/* A unit that left between relation-list and relation-get. */
	if (str_is(tool, "relation-get") && says(a, message, "settings not found"))
		return ANSWER_NOT_FOUND;
	if (str_starts(tool, "secret-") && says(a, message, "not found"))
		return ANSWER_NOT_FOUND;
	for (size_t i = 0; i < LEN(denials); i++)
		if (says(a, message, denials[i]))
			return ANSWER_DENIED;
	return ANSWER_FAILED;
}

struct str answer_message(const struct ask *q)
{
	return q->answered ? words(q->juju->arena, q->call.message) : S("not asked");
}

/* The call as an error names it: without the format, which is always the same. */
static struct str question(const struct ask *q)
{
	struct strs parts = { 0 };

	for (const char *const *arg = q->call.argv; *arg; arg++)
		if (strcmp(*arg, "--format=json") != 0 && strcmp(*arg, "-") != 0)
			strs_add(q->juju->arena, &parts, str_of(*arg));
	return strs_join(q->juju->arena, &parts, " ");
}

static bool all_strings(const struct node *parent)
{
	NODE_EACH(item, parent)
		if (item->kind != NODE_STRING)
			return false;
	return true;
}

static bool shape_fits(enum shape shape, const struct node *n)
{
	switch (shape) {
	case SHAPE_BOOL:
		return n->kind == NODE_BOOL;
	case SHAPE_STRING:
		return n->kind == NODE_STRING;
	case SHAPE_STRINGS:
		return n->kind == NODE_LIST && all_strings(n);
	case SHAPE_STRING_MAP:
		return n->kind == NODE_MAP && all_strings(n);
	default:
		return n->kind == NODE_MAP;
	}
}

int answer_node(struct ask *q, struct node **out, struct err *err)
{
	struct arena *a = q->juju->arena;
	struct node *n;

	if (answer_kind(q) != ANSWER_OK)
		return err_set(err, ERR_RETRY, FMT ": " FMT, ARG(question(q)), ARG(answer_message(q)));
	if (json_parse(a, q->call.output, &n, err) < 0)
		return err_set(err, ERR_RETRY, FMT ": the answer is no JSON", ARG(question(q)));
	if (n->kind == NODE_NULL && q->shape >= SHAPE_STRINGS)
		n = node_new(a, q->shape == SHAPE_STRINGS ? NODE_LIST : NODE_MAP);
	if (!shape_fits(q->shape, n))
		return err_set(err, ERR_RETRY, FMT ": the answer is %s of another shape", ARG(question(q)), node_kind_name(n));
	*out = n;
	return 0;
}

static int misshapen(const struct ask *q, struct err *err)
{
	return err_set(err, ERR_RETRY, FMT ": the answer has another shape", ARG(question(q)));
}

int answer_bool(struct ask *q, bool *out, struct err *err)
{
	struct node *n;

	if (answer_node(q, &n, err) < 0)
		return -1;
	*out = node_true(n);
	return 0;
}

static int by_number(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

/* The number behind the last separator: of "db:3", of "mysql/0". */
static bool number_behind(struct str text, char separator, int *out)
{
	int64_t number;

	if (!str_int(str_sub(text, (size_t)(str_rfind(text, separator) + 1), text.n), &number) || number < 0 || number > INT_MAX)
		return false;
	*out = (int)number;
	return true;
}

int answer_ids(struct ask *q, int **ids, size_t *n, struct err *err)
{
	struct node *list;

	if (answer_node(q, &list, err) < 0)
		return -1;
	*n = 0;
	*ids = arena_alloc(q->juju->arena, list->count * sizeof **ids);
	NODE_EACH(item, list)
		if (!number_behind(item->text, ':', &(*ids)[(*n)++]))
			return misshapen(q, err);
	qsort(*ids, *n, sizeof **ids, by_number);
	return 0;
}

struct unit { int number; struct str name; };   /* the number first: by_number compares it */

int answer_units(struct ask *q, struct strs *units, struct err *err)
{
	struct node *list;
	struct unit *order;
	size_t n = 0;

	if (answer_node(q, &list, err) < 0)
		return -1;
	order = arena_alloc(q->juju->arena, list->count * sizeof *order);
	NODE_EACH(item, list) {
		order[n].name = item->text;
		if (str_find(item->text, '/') < 1 || !number_behind(item->text, '/', &order[n++].number))
			return misshapen(q, err);
	}
	qsort(order, n, sizeof *order, by_number);
	for (size_t i = 0; i < n; i++)
		strs_add(q->juju->arena, units, order[i].name);
	return 0;
}

/* --- Writing --- */

static const char *const level_names[] = { [LOG_INFO] = "INFO", [LOG_WARNING] = "WARNING", [LOG_ERROR] = "ERROR" };

static struct tool_call line_call(struct juju *j, const struct line *line)
{
	const char **argv = arena_alloc(j->arena, 6 * sizeof *argv);

	argv[0] = "juju-log";
	argv[1] = "--log-level";
	argv[2] = level_names[line->level];
	argv[3] = "--";
	argv[4] = str_c(j->arena, line->text);
	return (struct tool_call){ .argv = argv };
}

/* A write that was refused, as an error. */
static int refused(struct juju *j, const struct write *w, struct str message, struct err *err)
{
	struct str told = words(j->arena, message);

	NODE_EACH(item, w->hidden)
		if (node_text(item).n >= SHORTEST_SECRET && str_contains(message, node_text(item)))
			told = S("refused, with words that show a value");
	return err_set(err, ERR_RETRY, FMT ": " FMT, ARG(w->what), ARG(told));
}

/* Lines have an order, and the agent takes calls that travel together in any order: so each line waits for the one before it, and the
 * writes travel with the last. A line that Juju refuses is lost; it says nothing about the hook. */
int juju_flush(struct juju *j, struct err *err)
{
	size_t n = j->n_writes, n_lines = j->n_lines, first = n_lines > 0;
	struct tool_call *calls = arena_alloc(j->arena, (first + n) * sizeof *calls);

	j->n_lines = j->n_writes = 0;
	for (size_t i = 0; i + 1 < n_lines; i++) {
		struct tool_call line = line_call(j, &j->lines[i]);

		if (carry(j, &line, 1, err) < 0)
			return -1;
	}
	if (first)
		calls[0] = line_call(j, &j->lines[n_lines - 1]);
	for (size_t i = 0; i < n; i++)
		calls[first + i] = j->writes[i].call;
	if (first + n && carry(j, calls, first + n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (calls[first + i].code != 0)
			return refused(j, &j->writes[i], calls[first + i].message, err);
	return 0;
}

static void line_add(struct juju *j, enum log_level level, struct str text)
{
	j->lines = arena_grow(j->arena, j->lines, j->n_lines, sizeof *j->lines);
	j->lines[j->n_lines++] = (struct line){ level, text };
}

void juju_log(struct juju *j, enum log_level level, const char *fmt, ...)
{
	struct str text;
	va_list args;

	va_start(args, fmt);
	text = str_vf(j->arena, fmt, args);
	va_end(args);
	if (text.n > MAX_ARGUMENT)
		line_add(j, level, str_f(j->arena, "Log string greater than %d. Splitting into multiple chunks: ", MAX_ARGUMENT));
	do {
		struct str piece = cut(text, MAX_ARGUMENT);

		line_add(j, level, piece);
		text = str_sub(text, piece.n, text.n);
	} while (text.n);
}

static void tell(struct juju *j, struct str what, struct tool_call call, const struct node *hidden)
{
	j->writes = arena_grow(j->arena, j->writes, j->n_writes, sizeof *j->writes);
	j->writes[j->n_writes++] = (struct write){ call, what, hidden };
}

static struct tool_call call_of(struct juju *j, const char *tool, ...)
{
	struct tool_call call = { 0 };
	va_list more;

	va_start(more, tool);
	call.argv = arguments(j, tool, more);
	va_end(more);
	return call;
}

void juju_status_set(struct juju *j, bool application, struct str name, struct str message)
{
	struct tool_call call = call_of(j, "status-set", application ? "--application=True" : "--application=False",
	                                str_c(j->arena, name), "--", str_c(j->arena, cut(message, MAX_ARGUMENT)), NULL);

	tell(j, S("status-set"), call, NULL);
}

void juju_port(struct juju *j, bool open, struct str port)
{
	struct tool_call call = call_of(j, open ? "open-port" : "close-port", str_c(j->arena, port), NULL);

	tell(j, str_f(j->arena, "%s " FMT, call.argv[0], ARG(port)), call, NULL);
}

/* One character of UTF-8 off the front of a text; U+FFFD for a byte that starts none. */
static uint32_t character(struct str *text)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = (const unsigned char *)text->p;
	size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xf0 && p[0] < 0xf8 ? 4 : p[0] >= 0xe0 && p[0] < 0xf0 ? 3 : p[0] >= 0xc0 && p[0] < 0xe0 ? 2 : 0;
	uint32_t c = n == 1 ? p[0] : n ? p[0] & (0x7fu >> n) : 0xfffd;

	if (n > text->n)
		n = 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			n = 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (n == 0 || c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) {
		*text = str_sub(*text, 1, text->n);
		return 0xfffd;
	}
	*text = str_sub(*text, n, text->n);
	return c;
}

/* A string that JSON and YAML read alike, for relation-set reads YAML: there the two halves of a character above U+FFFF are no escapes,
 * and some characters must not or, being line ends, should not stand in a text as they are. */
static void quote(struct buf *b, struct str text)
{
	buf_addc(b, '"');
	while (text.n) {
		struct str rest = text;
		uint32_t c = character(&rest);

		if (c == '"' || c == '\\')
			buf_addf(b, "\\%c", (char)c);
		else if ((c >= 0x20 && c < 0x7f) || c > 0xffff)
			buf_add(b, str_sub(text, 0, text.n - rest.n));
		else
			buf_addf(b, "\\u%04x", (unsigned)c);
		text = rest;
	}
	buf_addc(b, '"');
}

void juju_relation_set(struct juju *j, struct str endpoint, int id, bool application, const struct node *map)
{
	const char *ref = relation_ref(j, endpoint, id);
	struct tool_call call = application ? call_of(j, "relation-set", "-r", ref, "--app", "--file", "-", NULL)
	                                    : call_of(j, "relation-set", "-r", ref, "--file", "-", NULL);
	struct buf b = { .arena = j->arena };

	if (map->count == 0)
		return;
	NODE_EACH(item, map) {
		buf_adds(&b, item == map->child ? "{" : ", ");
		quote(&b, item->key);
		buf_adds(&b, ": ");
		quote(&b, node_text(item));
	}
	buf_adds(&b, "}");
	call.input = buf_str(&b);
	tell(j, str_f(j->arena, "relation-set -r %s", ref), call, map);
}

/* Juju's action-set takes results as arguments alone, without a file or stdin. Over the socket these are no process's arguments; where the
 * tools run as executables, a result that is a secret (a new password) shows in the tool's argv to root for the time it runs. */
void juju_action_set(struct juju *j, const struct node *results)
{
	const char **argv = arena_alloc(j->arena, (results->count + 2) * sizeof *argv);
	struct tool_call call = { .argv = argv };
	size_t n = 0;

	if (results->count == 0)
		return;
	argv[n++] = "action-set";
	NODE_EACH(item, results)
		argv[n++] = str_c(j->arena, cut(str_f(j->arena, FMT "=" FMT, ARG(item->key), ARG(node_text(item))), MAX_ARGUMENT));
	tell(j, S("action-set"), call, results);
}

void juju_action_fail(struct juju *j, struct str message)
{
	struct tool_call call = call_of(j, "action-fail", "--", str_c(j->arena, cut(message, MAX_ARGUMENT)), NULL);

	tell(j, S("action-fail"), call, NULL);
}
