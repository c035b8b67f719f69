/* stage.c: a Juju agent and a Pebble on real sockets, over the simulator. */
#include "stage.h"

#include "../http.h"
#include "../websocket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum peer { AGENT_LISTENS, PEBBLE_LISTENS, AGENT, PEBBLE, SOCKET_STDIO, SOCKET_STDERR, SOCKET_CONTROL, OUTPUT };
enum { MAX_PEERS = 64, REQUEST_TYPE = 64 };

struct connection {
	int        fd;
	enum peer  peer;
	size_t     container;
	struct buf in;
	bool       defined;        /* AGENT: our types were sent */
	bool       header;         /* AGENT: the next value is a body */
	uint64_t   seq;
	struct str command;        /* SOCKET_*: of the exec whose task this is */
	long       task;
	struct buf slow;           /* FAULT_BYTES: what goes out byte by byte, as the hook takes it; and all that follows */
	size_t     said;           /* bytes of it that are out */
};
struct task { long id; size_t container; struct exec exec; bool out, err, done; int code; struct str error; };
struct server {
	struct stage *w;
	const struct fault *fault;
	struct connection peers[MAX_PEERS];
	size_t n_peers;
	struct task tasks[16];
	size_t n_tasks;
	struct { long id; struct str error, log; } changes[64];
	size_t n_changes;
	struct buf output;
	bool dead;
};

static _Noreturn void broken(const char *what)
{
	printf("stage: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* --- Answers and faults --- */

static void send_all(int fd, struct str bytes)
{
	while (bytes.n) {
		ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;   /* the hook is gone, which is its right */
		bytes = str_sub(bytes, (size_t)n, bytes.n);
	}
}

static bool is_slow(const struct connection *c)
{
	return c->said < c->slow.n;
}

/* The hook may talk to Pebble and to the agent at a time, and take the one's answer after the other's: nobody may wait for it here. */
static void send_slowly(struct connection *c)
{
	while (is_slow(c)) {
		ssize_t n = send(c->fd, c->slow.p + c->said, 1, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0 && errno != EINTR)
			c->said = c->slow.n;   /* the hook is gone */
		c->said += n == 1;
	}
}

static void hang_up(struct connection *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

/* The fault that this request meets. */
static enum fault_kind next_fault(struct server *s)
{
	s->w->requests++;
	if (s->fault && s->fault->at == s->w->requests) {
		if (s->fault->kind == FAULT_DEAD)
			s->dead = true;
		return s->fault->kind;
	}
	return FAULT_NONE;
}

static void answer(struct server *s, struct connection *c, struct str bytes, enum fault_kind fault)
{
	if (fault != FAULT_NONE && s->fault->answer)
		*s->fault->answer = bytes.n;
	if (fault == FAULT_LATE) {
		hang_up(c);
	} else if (fault == FAULT_CUT) {
		send_all(c->fd, str_sub(bytes, 0, s->fault->cut));
		hang_up(c);
	} else if (fault == FAULT_BYTES || is_slow(c)) {
		c->slow.arena = s->w->arena;
		buf_add(&c->slow, bytes);
		send_slowly(c);
	} else {
		send_all(c->fd, bytes);
	}
}

/* --- The agent: gob, as Go's net/rpc serves it --- */

static bool gob_uint(struct str *in, uint64_t *value)
{
	size_t n;

	if (!in->n)
		return false;
	*value = (unsigned char)in->p[0];
	if (*value < 0x80) {
		*in = str_sub(*in, 1, in->n);
		return true;
	}
	n = 256 - (size_t)*value;
	if (n > 8 || in->n < n + 1)
		return false;
	*value = 0;
	for (size_t i = 1; i <= n; i++)
		*value = *value << 8 | (unsigned char)in->p[i];
	*in = str_sub(*in, n + 1, in->n);
	return true;
}

static bool gob_text(struct str *in, struct str *text)
{
	uint64_t n;

	if (!gob_uint(in, &n) || n > in->n)
		return false;
	*text = str_sub(*in, 0, (size_t)n);
	*in = str_sub(*in, (size_t)n, in->n);
	return true;
}

static void put_uint(struct buf *b, uint64_t value)
{
	int n = 0;

	if (value < 0x80) {
		buf_addc(b, (char)value);
		return;
	}
	while (value >> (8 * n) && n < 8)
		n++;
	buf_addc(b, (char)(256 - n));
	for (int i = n - 1; i >= 0; i--)
		buf_addc(b, (char)(value >> (8 * i) & 0xff));
}

static void put_text(struct buf *b, struct str text)
{
	put_uint(b, text.n);
	buf_add(b, text);
}

static void put_message(struct buf *out, const struct buf *message)
{
	put_text(out, buf_str(message));
}

static void put_field_definition(struct buf *b, const char *name, uint64_t type)
{
	buf_addc(b, 1);
	put_text(b, str_of(name));
	buf_addc(b, 1);
	put_uint(b, type * 2);
	buf_addc(b, 0);
}

struct field_type { const char *name; uint64_t type; };
enum { GOB_INT = 2, GOB_UINT = 3, GOB_BYTES = 5, GOB_STRING = 6, HEADER_ID = 120, BODY_ID = 121, EMPTY_ID = 122 };

/* The agent's own numbers are not the client's, and not the same from process to process. */
static void put_definition(struct arena *a, struct buf *out, uint64_t id, const char *name, const struct field_type *fields, size_t n)
{
	struct buf m = { .arena = a };

	put_uint(&m, (id - 1) * 2 + 1);
	buf_addc(&m, 3);
	if (*name) {
		buf_addc(&m, 1);
		buf_addc(&m, 1);
		put_text(&m, str_of(name));
		buf_addc(&m, 1);
	} else {
		buf_addc(&m, 1);
		buf_addc(&m, 2);
	}
	put_uint(&m, id * 2);
	buf_addc(&m, 0);
	if (n) {
		buf_addc(&m, 1);
		put_uint(&m, n);
		for (size_t i = 0; i < n; i++)
			put_field_definition(&m, fields[i].name, fields[i].type);
	}
	buf_addc(&m, 0);
	buf_addc(&m, 0);
	put_message(out, &m);
}

static struct str agent_reply(struct server *s, struct connection *c, const struct tool_call *call, const char *error)
{
	static const struct field_type header[] = { { "ServiceMethod", GOB_STRING }, { "Seq", GOB_UINT }, { "Error", GOB_STRING } };
	static const struct field_type body[] = { { "Code", GOB_INT }, { "Stdout", GOB_BYTES }, { "Stderr", GOB_BYTES } };
	struct arena *a = s->w->arena;
	struct buf out = { .arena = a }, m = { .arena = a };
	int delta = 1;

	if (!c->defined) {
		put_definition(a, &out, HEADER_ID, "Response", header, LEN(header));
		put_definition(a, &out, BODY_ID, "ExecResponse", body, LEN(body));
		put_definition(a, &out, EMPTY_ID, "", NULL, 0);
		c->defined = true;
	}
	put_uint(&m, HEADER_ID * 2);
	buf_addc(&m, 1);
	put_text(&m, S("Jujuc.Main"));
	if (c->seq) {
		buf_addc(&m, 1);
		put_uint(&m, c->seq);
	}
	if (error) {
		buf_addc(&m, c->seq ? 1 : 2);
		put_text(&m, str_of(error));
	}
	buf_addc(&m, 0);
	put_message(&out, &m);
	m.n = 0;
	put_uint(&m, (error ? EMPTY_ID : BODY_ID) * 2);
	if (!error && call->code) {
		buf_addc(&m, 1);
		put_uint(&m, (uint64_t)call->code * 2);
	} else {
		delta++;
	}
	if (!error && call->output.n) {
		buf_addc(&m, (char)delta);
		put_text(&m, call->output);
		delta = 1;
	} else {
		delta++;
	}
	if (!error && call->message.n) {
		buf_addc(&m, (char)delta);
		put_text(&m, call->message);
	}
	buf_addc(&m, 0);
	put_message(&out, &m);
	return buf_str(&out);
}

/* A request's body: its fields by number, as our own client defines them. */
static bool agent_request(struct arena *a, struct str in, struct tool_call *call)
{
	uint64_t delta, n;
	int field = -1;
	struct str text = NOSTR;
	const char **argv = arena_alloc(a, 2 * sizeof *argv);

	argv[0] = "";
	while (gob_uint(&in, &delta) && delta) {
		field += (int)delta;
		if (field == 3) {
			if (!gob_uint(&in, &n) || n > 1000)
				return false;
			argv = memcpy(arena_alloc(a, (size_t)(n + 2) * sizeof *argv), argv, sizeof *argv);
			for (uint64_t i = 0; i < n; i++) {
				if (!gob_text(&in, &text))
					return false;
				argv[i + 1] = str_c(a, text);
			}
		} else if (field == 4) {
			if (!gob_uint(&in, &n))
				return false;
			call->input = S("");
		} else if (!gob_text(&in, &text)) {
			return false;
		}
		if (field == 2)
			argv[0] = str_c(a, text);
		if (field == 5)
			call->input = str_dup(a, text);
	}
	call->argv = argv;
	return true;
}

static void serve_call(struct server *s, struct connection *c, struct str body)
{
	struct tool_call call = { .code = 0 };
	struct err err = { .arena = s->w->arena };
	enum fault_kind fault = next_fault(s);
	struct carrier *carrier = simulator_carrier(s->w->simulator);

	s->w->calls++;
	if (!agent_request(s->w->arena, body, &call))
		broken("a request that is no gob");
	if (fault == FAULT_RESET || fault == FAULT_DEAD) {
		hang_up(c);
	} else if (fault == FAULT_GARBAGE) {
		send_all(c->fd, S("\x17nonsense that is no gob"));
	} else if (fault == FAULT_ERROR) {
		call.code = 1;
		call.message = S("ERROR injected\n");
		answer(s, c, agent_reply(s, c, &call, NULL), fault);
	} else {
		if (carrier->run(carrier, &call, 1, &err) < 0)
			broken(err.msg);
		answer(s, c, agent_reply(s, c, &call, NULL), fault);
	}
}

static void serve_agent(struct server *s, struct connection *c)
{
	struct str in = buf_str(&c->in), message, rest;
	uint64_t id;

	while (c->fd >= 0 && (rest = in, gob_text(&rest, &message))) {
		in = rest;
		if (!gob_uint(&message, &id))
			broken("an empty message");
		if (id & 1)
			continue;   /* a definition of our client's fixed types */
		if (!c->header) {
			uint64_t delta, seq = 0;
			struct str method;

			/* ServiceMethod always, Seq where it is not 0. */
			if (!gob_uint(&message, &delta) || !gob_text(&message, &method) || !gob_uint(&message, &delta) ||
			    (delta && !gob_uint(&message, &seq)))
				broken("a header that is no gob");
			c->seq = seq;
			c->header = true;
		} else {
			c->header = false;
			serve_call(s, c, message);
		}
	}
	in = str_dup(s->w->arena, in);
	c->in.n = 0;
	buf_add(&c->in, in);
}

/* --- Pebble: HTTP on the simulator's Pebble --- */

static struct str reply_json(struct arena *a, int status, const char *type, struct node *result, struct str change)
{
	struct node *envelope = node_new(a, NODE_MAP);
	struct str body;

	node_puts(a, envelope, "type", str_of(type));
	node_put(a, envelope, S("status-code"), node_int(a, status));
	if (change.p)
		node_puts(a, envelope, "change", change);
	node_put(a, envelope, S("result"), result ? result : node_new(a, NODE_NULL));
	body = json_text(a, envelope, JSON_COMPACT);
	return str_f(a, "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n" FMT, status, body.n, ARG(body));
}

static struct str reply_error(struct arena *a, int status, const char *message)
{
	struct node *result = node_new(a, NODE_MAP);

	node_puts(a, result, "message", str_of(message));
	return reply_json(a, status, "error", result, NOSTR);
}

/* ERR_BLOCKED and ERR_WAITING are the simulated Pebble's refusals. */
static struct str reply_refused(struct arena *a, const struct err *err)
{
	return reply_error(a, err->kind == ERR_BLOCKED ? 400 : 500, err->msg);
}

static struct str unescape(struct arena *a, struct str s)
{
	struct buf b = { .arena = a };

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '%' && i + 2 < s.n) {
			char hex[3] = { s.p[i + 1], s.p[i + 2], '\0' };

			buf_addc(&b, (char)strtol(hex, NULL, 16));
			i += 2;
		} else {
			buf_addc(&b, s.p[i] == '+' ? ' ' : s.p[i]);
		}
	}
	return buf_str(&b);
}

static struct node *path_error(struct arena *a, struct str path, const char *kind, struct str message)
{
	struct node *item = node_new(a, NODE_MAP), *error = node_new(a, NODE_MAP);

	node_puts(a, item, "path", path);
	if (kind) {
		node_puts(a, error, "kind", str_of(kind));
		node_puts(a, error, "message", message);
		node_put(a, item, S("error"), error);
	}
	return item;
}

static const char long_ago[] = "2024-06-07T00:00:00Z";

static void add_entry(struct arena *a, struct node *list, struct str path, struct str name, struct str type)
{
	struct node *item = node_new(a, NODE_MAP);

	node_puts(a, item, "path", path);
	node_puts(a, item, "name", name);
	node_puts(a, item, "type", type);
	node_puts(a, item, "permissions", S("644"));
	node_puts(a, item, "last-modified", str_of(long_ago));
	node_add(a, list, item);
}

static struct str list_reply(struct arena *a, struct pebble *p, struct str path, bool itself)
{
	struct node *list = node_new(a, NODE_LIST);
	struct file file = { .path = path };
	struct err err = { .arena = a };
	struct entry *entries;
	size_t n;
	bool found;

	if (pebble_list(p, path, &entries, &n, &found, &err) < 0 || (!found && pebble_read(p, &file, 1, &err) < 0))
		return reply_refused(a, &err);
	if (!found && !(itself && file.found)) {
		struct node *result = node_new(a, NODE_MAP);

		node_puts(a, result, "message", S("no such file or directory"));
		node_puts(a, result, "kind", S("not-found"));
		return reply_json(a, 404, "error", result, NOSTR);
	}
	if (itself)
		add_entry(a, list, path, str_sub(path, (size_t)(str_rfind(path, '/') + 1), path.n), file.found ? S("file") : S("directory"));
	for (size_t i = 0; !itself && i < n; i++)
		add_entry(a, list, str_f(a, FMT "/" FMT, ARG(path), ARG(entries[i].name)), entries[i].name, entries[i].type);
	return reply_json(a, 200, "sync", list, NOSTR);
}

static struct str read_reply(struct arena *a, struct pebble *p, struct str query)
{
	struct file files[32] = { 0 };
	struct part parts[33];
	struct node *list = node_new(a, NODE_LIST), *envelope = node_new(a, NODE_MAP);
	struct err err = { .arena = a };
	struct strs pieces = { 0 };
	struct str pair, boundary, body;
	size_t n = 0, n_parts = 0;

	while (str_split(&query, '&', &pair))
		if (str_starts(pair, "path=") && n < LEN(files))
			files[n++].path = unescape(a, str_sub(pair, 5, pair.n));
	if (pebble_read(p, files, n, &err) < 0)
		return reply_refused(a, &err);
	for (size_t i = 0; i < n; i++) {
		const char *kind = !files[i].found ? "not-found" : files[i].error.p ? "generic-file-error" : NULL;

		node_add(a, list, path_error(a, files[i].path, kind, S("no such file")));
		if (!kind)
			parts[n_parts++] = (struct part){ S("files"), files[i].path, S("application/octet-stream"), files[i].content };
	}
	node_puts(a, envelope, "type", S("sync"));
	node_put(a, envelope, S("status-code"), node_int(a, 200));
	node_put(a, envelope, S("result"), list);
	parts[n_parts++] = (struct part){ S("response"), NOSTR, S("application/json"), json_text(a, envelope, JSON_COMPACT) };
	if (multipart_boundary(a, &boundary, &err) < 0)
		return reply_refused(a, &err);
	multipart_write(a, parts, n_parts, boundary, &pieces);
	body = strs_join(a, &pieces, "");
	return str_f(a, "HTTP/1.1 200 OK\r\nContent-Type: multipart/form-data; boundary=" FMT "\r\nContent-Length: %zu\r\n\r\n" FMT, ARG(boundary),
	             body.n, ARG(body));
}

static struct str write_reply(struct arena *a, struct pebble *p, struct str body, struct str boundary)
{
	struct node *list = node_new(a, NODE_LIST), *request;
	struct err err = { .arena = a };
	struct part *parts;
	size_t n, i = 1;

	if (multipart_read(a, body, boundary, &parts, &n, &err) < 0 || !n || json_parse(a, parts[0].content, &request, &err) < 0)
		return reply_error(a, 400, err.msg ? err.msg : "no parts");
	NODE_EACH (item, node_get(request, "files")) {
		struct file file = {
			.path = node_gets(item, "path"), .content = i < n ? parts[i++].content : S(""), .user = node_gets(item, "user"),
			.group = node_gets(item, "group"), .make_dirs = node_true(node_get(item, "make-dirs")),
		};
		int rc = pebble_write(p, &file, 1, &err);

		node_add(a, list, path_error(a, file.path, rc < 0 ? "generic-file-error" : NULL, str_of(err.msg)));
		err_clear(&err);
	}
	return reply_json(a, 200, "sync", list, NOSTR);
}

static struct str files_reply(struct arena *a, struct pebble *p, const struct node *request)
{
	struct node *list = node_new(a, NODE_LIST);
	struct err err = { .arena = a };
	bool remove = str_is(node_gets(request, "action"), "remove");

	NODE_EACH (item, node_get(request, remove ? "paths" : "dirs")) {
		struct str path = node_gets(item, "path");
		int rc = remove ? pebble_remove(p, path, &err) : pebble_make_dir(p, path, node_gets(item, "user"), node_gets(item, "group"), &err);

		node_add(a, list, path_error(a, path, rc < 0 ? "generic-file-error" : NULL, str_of(err.msg)));
		err_clear(&err);
	}
	return reply_json(a, 200, "sync", list, NOSTR);
}

static struct str services_reply(struct arena *a, struct pebble *p)
{
	struct node *list = node_new(a, NODE_LIST);
	struct err err = { .arena = a };
	struct service *services;
	size_t n;

	if (pebble_services(p, &services, &n, &err) < 0)
		return reply_refused(a, &err);
	for (size_t i = 0; i < n; i++) {
		struct node *item = node_new(a, NODE_MAP);

		node_puts(a, item, "name", services[i].name);
		node_puts(a, item, "startup", services[i].startup);
		node_puts(a, item, "current", services[i].current);
		node_add(a, list, item);
	}
	return reply_json(a, 200, "sync", list, NOSTR);
}

static struct strs names_of(struct arena *a, const struct node *list)
{
	struct strs names = { 0 };

	NODE_EACH (item, list)
		strs_add(a, &names, node_text(item));
	return names;
}

static struct str control_reply(struct server *s, struct arena *a, struct pebble *p, const struct node *request)
{
	struct strs names = names_of(a, node_get(request, "services"));
	struct err err = { .arena = a };
	long id = 1000 + (long)s->n_changes;
	int rc = pebble_control(p, str_c(a, node_gets(request, "action")), &names, &err);

	if (s->n_changes == LEN(s->changes))
		broken("too many changes");
	s->changes[s->n_changes].id = id;
	s->changes[s->n_changes].error = rc < 0 ? str_of(err.msg) : NOSTR;
	s->n_changes++;
	return reply_json(a, 202, "async", NULL, str_f(a, "%ld", id));
}

static struct str change_reply(struct server *s, struct arena *a, long id)
{
	struct node *change = node_new(a, NODE_MAP), *tasks = node_new(a, NODE_LIST), *task = node_new(a, NODE_MAP), *data = node_new(a, NODE_MAP);
	struct node *progress = node_new(a, NODE_MAP);
	struct str error = NOSTR;
	bool ready = true;

	for (size_t i = 0; i < s->n_changes; i++)
		if (s->changes[i].id == id)
			error = s->changes[i].error;
	for (size_t i = 0; i < s->n_tasks; i++)
		if (s->tasks[i].id == id) {
			ready = s->tasks[i].done;
			error = s->tasks[i].error;
			node_put(a, data, S("exit-code"), node_int(a, s->tasks[i].code));
		}
	node_puts(a, change, "id", str_f(a, "%ld", id));
	node_puts(a, change, "kind", S("exec"));
	node_puts(a, change, "summary", S("Execute"));
	node_puts(a, change, "spawn-time", str_of(long_ago));
	node_puts(a, change, "status", !ready ? S("Doing") : error.p ? S("Error") : S("Done"));
	node_put(a, change, S("ready"), node_bool(a, ready));
	if (error.p)
		node_puts(a, change, "err", error);
	node_puts(a, progress, "label", S(""));
	node_put(a, progress, S("done"), node_int(a, 1));
	node_put(a, progress, S("total"), node_int(a, 1));
	node_puts(a, task, "id", str_f(a, "%ld", id));
	node_puts(a, task, "kind", S("exec"));
	node_puts(a, task, "summary", S("Execute"));
	node_puts(a, task, "spawn-time", str_of(long_ago));
	node_put(a, task, S("progress"), progress);
	node_put(a, task, S("data"), data);
	node_puts(a, task, "status", S("Done"));
	node_add(a, tasks, task);
	node_put(a, change, S("tasks"), tasks);
	return reply_json(a, 200, "sync", change, NOSTR);
}

static struct str exec_reply(struct server *s, struct arena *a, size_t container, const struct node *request)
{
	struct node *result = node_new(a, NODE_MAP);
	struct task *t = &s->tasks[s->n_tasks];

	if (s->n_tasks == LEN(s->tasks))
		broken("too many commands");
	*t = (struct task){ .id = (long)++s->n_tasks, .container = container };
	t->exec = (struct exec){
		.command = names_of(a, node_get(request, "command")), .environment = node_get(request, "environment"),
		.working_dir = node_gets(request, "working-dir"), .user = node_gets(request, "user"), .group = node_gets(request, "group"),
		.merge_stderr = !node_true(node_get(request, "split-stderr")),
	};
	t->err = t->exec.merge_stderr;   /* nothing to wait for then */
	node_puts(a, result, "task-id", str_f(a, "%ld", t->id));
	return reply_json(a, 202, "async", result, str_f(a, "%ld", t->id));
}

static void server_frame(struct buf *b, int opcode, struct str payload)
{
	buf_addc(b, (char)(0x80 | opcode));
	if (payload.n < 126) {
		buf_addc(b, (char)payload.n);
	} else {
		buf_addc(b, 126);
		buf_addc(b, (char)(payload.n >> 8));
		buf_addc(b, (char)payload.n);
	}
	buf_add(b, payload);
}

/* The command starts when its sockets are there, as Pebble has it. */
static void run_task(struct server *s, struct task *t)
{
	struct arena *a = s->w->arena;
	struct pebble *p = simulator_pebble(s->w->simulator, s->w->charm.containers.v[t->container]);
	struct exec_result result = { 0 };
	struct err err = { .arena = a };

	if (pebble_exec(p, &t->exec, &result, &err) < 0)
		t->error = str_of(err.msg);
	t->code = result.code;
	t->done = true;
	for (size_t i = 0; i < s->n_peers; i++) {
		struct connection *c = &s->peers[i];
		struct buf out = { .arena = a };

		if (c->fd < 0 || c->task != t->id || (c->peer != SOCKET_STDIO && c->peer != SOCKET_STDERR))
			continue;
		if (c->peer == SOCKET_STDIO ? result.output.n : result.error_output.n)
			server_frame(&out, OPCODE_BINARY, str_sub(c->peer == SOCKET_STDIO ? result.output : result.error_output, 0, 60000));
		server_frame(&out, OPCODE_TEXT, S("{\"command\":\"end\"}"));
		send_all(c->fd, buf_str(&out));
	}
}

static struct str websocket_reply(struct server *s, struct connection *c, struct str target, struct str key)
{
	struct arena *a = s->w->arena;
	struct str name = str_sub(target, (size_t)str_rfind(target, '/') + 1, target.n);
	long id = strtol(str_c(a, str_sub(target, strlen("/v1/tasks/"), target.n)), NULL, 10);

	for (size_t i = 0; i < s->n_tasks; i++) {
		if (s->tasks[i].id != id)
			continue;
		c->peer = str_is(name, "stdio") ? SOCKET_STDIO : str_is(name, "stderr") ? SOCKET_STDERR : SOCKET_CONTROL;
		c->task = id;
		s->tasks[i].out |= c->peer == SOCKET_STDIO;
		s->tasks[i].err |= c->peer == SOCKET_STDERR;
		return str_f(a, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " FMT
		                "\r\n\r\n", ARG(websocket_accept(a, key)));
	}
	return reply_error(a, 404, "no such task");
}

struct request { struct str method, target, path, query, key, content_type, body; };

static struct str pebble_reply(struct server *s, struct connection *c, const struct request *r)
{
	struct arena *a = s->w->arena;
	struct pebble *p = simulator_pebble(s->w->simulator, s->w->charm.containers.v[c->container]);
	struct err err = { .arena = a };
	struct node *json = NULL;
	struct str boundary;
	bool post = str_is(r->method, "POST");

	if (r->key.p)
		return websocket_reply(s, c, r->path, r->key);
	if (post && !str_starts(r->content_type, "multipart/") && json_parse(a, r->body, &json, &err) < 0)
		return reply_error(a, 400, "not JSON");
	if (str_is(r->path, "/v1/system-info")) {
		struct node *info = node_new(a, NODE_MAP);

		node_puts(a, info, "version", S("v1.26.0"));
		return reply_json(a, 200, "sync", info, NOSTR);
	}
	if (str_is(r->path, "/v1/plan")) {
		struct node *plan;
		struct buf b = { .arena = a };

		if (pebble_plan(p, &plan, &err) < 0)
			return reply_refused(a, &err);
		yaml_write(&b, plan);
		return reply_json(a, 200, "sync", node_str(a, buf_str(&b)), NOSTR);
	}
	if (str_is(r->path, "/v1/services"))
		return post ? control_reply(s, a, p, json) : services_reply(a, p);
	if (str_is(r->path, "/v1/layers")) {
		struct node *layer;

		if (yaml_parse(a, node_gets(json, "layer"), "layer", &layer, &err) < 0 ||
		    pebble_layer_add(p, node_gets(json, "label"), layer, &err) < 0)
			return reply_refused(a, &err);
		return reply_json(a, 200, "sync", node_bool(a, true), NOSTR);
	}
	if (str_is(r->path, "/v1/signals"))
		return pebble_signal(p, str_c(a, node_gets(json, "signal")), node_text(node_get(json, "services")->child), &err) < 0
		       ? reply_refused(a, &err) : reply_json(a, 200, "sync", node_bool(a, true), NOSTR);
	if (str_is(r->path, "/v1/exec"))
		return exec_reply(s, a, c->container, json);
	if (str_starts(r->path, "/v1/changes/"))
		return change_reply(s, a, strtol(str_c(a, str_sub(r->path, strlen("/v1/changes/"), r->path.n)), NULL, 10));
	if (!str_is(r->path, "/v1/files"))
		return reply_error(a, 404, "invalid API endpoint requested");
	if (!post && str_contains(r->query, S("action=list"))) {
		struct str query = r->query, pair, path = S("/");

		while (str_split(&query, '&', &pair))
			if (str_starts(pair, "path="))
				path = unescape(a, str_sub(pair, 5, pair.n));
		return list_reply(a, p, path, str_contains(r->query, S("itself=true")));
	}
	if (!post)
		return read_reply(a, p, r->query);
	if (json)
		return files_reply(a, p, json);
	if (!http_parameter(a, r->content_type, "boundary", &boundary))
		return reply_error(a, 400, "no boundary");
	return write_reply(a, p, r->body, boundary);
}

/* A whole request at the front of what came; false while some of it is missing. */
static bool next_request(struct arena *a, struct str *in, struct request *r)
{
	const char *end = in->n ? memmem(in->p, in->n, "\r\n\r\n", 4) : NULL;
	struct str head, line;
	int64_t length = 0;
	ptrdiff_t mark;
	size_t after;
	bool chunked = false;

	if (!end)
		return false;
	head = str_sub(*in, 0, (size_t)(end - in->p));
	after = head.n + 4;
	*r = (struct request){ 0 };
	str_split(&head, '\n', &line);
	str_split(&line, ' ', &r->method);
	str_split(&line, ' ', &r->target);
	while (str_split(&head, '\n', &line)) {
		ptrdiff_t colon = str_find(line, ':');
		struct str name = str_sub(line, 0, colon < 0 ? 0 : (size_t)colon), value = str_trim(str_sub(line, (size_t)(colon + 1), line.n));

		if (name.n == 14 && strncasecmp(name.p, "content-length", 14) == 0)
			str_int(value, &length);
		if (name.n == 12 && strncasecmp(name.p, "content-type", 12) == 0)
			r->content_type = value;
		if (name.n == 17 && strncasecmp(name.p, "sec-websocket-key", 17) == 0)
			r->key = value;
		if (name.n == 17 && strncasecmp(name.p, "transfer-encoding", 17) == 0)
			chunked = true;
	}
	if (in->n - after < (size_t)length)
		return false;
	r->body = str_sub(*in, after, after + (size_t)length);
	if (chunked) {
		struct str rest = str_sub(*in, after, in->n);
		struct http_chunks chunks = { 0 };
		struct buf body = { .arena = a };
		struct err err = { .arena = a };

		if (http_chunks_read(&chunks, &rest, &body, &err) != 1)
			return false;
		r->body = buf_str(&body);
		length = (int64_t)(in->n - after - rest.n);
	}
	mark = str_find(r->target, '?');
	r->path = mark < 0 ? r->target : str_sub(r->target, 0, (size_t)mark);
	r->query = mark < 0 ? S("") : str_sub(r->target, (size_t)mark + 1, r->target.n);
	*in = str_sub(*in, after + (size_t)length, in->n);
	return true;
}

static void serve_pebble(struct server *s, struct connection *c)
{
	struct str in = str_dup(s->w->arena, buf_str(&c->in));
	struct request r;

	while (c->fd >= 0 && c->peer == PEBBLE && next_request(s->w->arena, &in, &r)) {
		enum fault_kind fault = next_fault(s);

		s->w->pebble_requests++;
		if (fault == FAULT_RESET || fault == FAULT_DEAD)
			hang_up(c);
		else if (fault == FAULT_GARBAGE)
			send_all(c->fd, S("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"type\": "));
		else if (fault == FAULT_ERROR)
			answer(s, c, reply_error(s->w->arena, 500, "injected"), fault);
		else
			answer(s, c, pebble_reply(s, c, &r), fault);
	}
	c->in.n = 0;
	buf_add(&c->in, in);
	for (size_t i = 0; i < s->n_tasks; i++)
		if (s->tasks[i].out && s->tasks[i].err && !s->tasks[i].done)
			run_task(s, &s->tasks[i]);
}

/* --- Sockets --- */

static struct connection *add_peer(struct server *s, int fd, enum peer peer, size_t container)
{
	struct connection *c = NULL;

	for (size_t i = 0; i < s->n_peers && !c; i++)
		if (s->peers[i].fd < 0)
			c = &s->peers[i];
	if (!c) {
		if (s->n_peers == MAX_PEERS)
			broken("too many connections");
		c = &s->peers[s->n_peers++];
	}
	*c = (struct connection){ .fd = fd, .peer = peer, .container = container, .in = { .arena = s->w->arena } };
	return c;
}

static int listen_at(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof sa.sun_path, "%s", path);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof sa) < 0 || listen(fd, 16) < 0)
		broken(path);
	return fd;
}

static void serve(struct server *s, struct connection *c)
{
	char bytes[16384];
	ssize_t n;

	if (c->peer == AGENT_LISTENS || c->peer == PEBBLE_LISTENS) {
		int fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			return;
		if (s->dead) {
			close(fd);
			return;
		}
		s->w->connections++;
		add_peer(s, fd, c->peer == AGENT_LISTENS ? AGENT : PEBBLE, c->container);
		return;
	}
	n = read(c->fd, bytes, sizeof bytes);
	if (n <= 0) {
		if (n == 0 || errno != EINTR)
			hang_up(c);
		return;
	}
	if (s->dead) {
		hang_up(c);
		return;
	}
	if (c->peer == OUTPUT) {
		buf_add(&s->output, (struct str){ bytes, (size_t)n });
		return;
	}
	if (c->peer != AGENT && c->peer != PEBBLE)
		return;   /* what a command is sent: no test's command reads it */
	buf_add(&c->in, (struct str){ bytes, (size_t)n });
	if (c->peer == PEBBLE)
		s->w->pebble_bytes += n;
	if (c->peer == AGENT)
		serve_agent(s, c);
	else
		serve_pebble(s, c);
}

/* Until the child is gone. Its wait status; -1: it was killed for taking too long. */
static int serve_until(struct server *s, pid_t child, int seconds)
{
	time_t end = time(NULL) + seconds;
	int status = -1;

	for (;;) {
		struct pollfd polls[MAX_PEERS];
		struct connection *who[MAX_PEERS];
		nfds_t n = 0;
		bool gone = waitpid(child, &status, WNOHANG) == child;

		for (size_t i = 0; i < s->n_peers; i++)
			if (s->peers[i].fd >= 0) {
				who[n] = &s->peers[i];
				polls[n++] = (struct pollfd){ .fd = s->peers[i].fd, .events = is_slow(&s->peers[i]) ? POLLIN | POLLOUT : POLLIN };
			}
		/* A child that is gone may have left output in its pipe. */
		if (poll(polls, n, gone ? 0 : 2) > 0)
			for (nfds_t i = 0; i < n; i++) {
				if (polls[i].revents & POLLOUT && who[i]->fd == polls[i].fd)
					send_slowly(who[i]);
				if (polls[i].revents & ~POLLOUT && who[i]->fd == polls[i].fd && (!gone || who[i]->peer == OUTPUT))
					serve(s, who[i]);
			}
		if (gone)
			return status;
		if (time(NULL) > end) {
			kill(child, SIGKILL);
			waitpid(child, &status, 0);
			return -1;
		}
	}
}

/* --- The stage --- */

void stage_open(struct stage *w, const char *charm_folder, struct str state, const char *state_name)
{
	struct err err = { .arena = arena_new() };

	*w = (struct stage){ .arena = err.arena, .charm_folder = realpath(charm_folder, NULL) };
	snprintf(w->folder, sizeof w->folder, "/tmp/stage.XXXXXX");
	if (!w->charm_folder || !mkdtemp(w->folder))
		broken(charm_folder);
	if (charm_load(w->arena, w->charm_folder, &w->charm, &err) < 0 ||
	    simulator_load(w->arena, state, state_name, &w->charm, &w->simulator, &err) < 0) {
		printf("stage: %s\n", err.msg);
		exit(2);
	}
	for (size_t i = 0; i < w->charm.containers.n; i++)
		mkdir(str_f(w->arena, "%s/" FMT, w->folder, ARG(w->charm.containers.v[i])).p, 0700);
}

void stage_close(struct stage *w)
{
	unlink(str_f(w->arena, "%s/agent.socket", w->folder).p);
	for (size_t i = 0; i < w->charm.containers.n; i++) {
		unlink(str_f(w->arena, "%s/" FMT "/pebble.socket", w->folder, ARG(w->charm.containers.v[i])).p);
		rmdir(str_f(w->arena, "%s/" FMT, w->folder, ARG(w->charm.containers.v[i])).p);
	}
	/* A dispatch leaves no file behind. */
	if (rmdir(w->folder) < 0)
		broken(w->folder);
	free((char *)w->charm_folder);
	arena_free(w->arena);
}

static void set_environment(struct stage *w, const struct hook *h)
{
	struct arena *a = w->arena;
	struct { const char *name; struct str value; } variables[] = {
		{ "JUJU_DISPATCH_PATH", str_f(a, "%s/" FMT, h->action ? "actions" : "hooks", ARG(h->event)) },
		{ "JUJU_UNIT_NAME", h->unit }, { "JUJU_MODEL_NAME", h->model }, { "JUJU_MODEL_UUID", h->model_uuid },
		{ "JUJU_VERSION", h->juju_version }, { "JUJU_RELATION", h->endpoint },
		{ "JUJU_RELATION_ID", h->relation_id < 0 ? NOSTR : str_f(a, FMT ":%d", ARG(h->endpoint), h->relation_id) },
		{ "JUJU_REMOTE_APP", h->remote_app }, { "JUJU_REMOTE_UNIT", h->remote_unit }, { "JUJU_WORKLOAD_NAME", h->workload },
		{ "JUJU_CONTEXT_ID", S("world") }, { "JUJU_AGENT_SOCKET_NETWORK", S("unix") },
		{ "JUJU_AGENT_SOCKET_ADDRESS", str_f(a, "%s/agent.socket", w->folder) }, { "JUJU_CONTAINERS_DIR", str_of(w->folder) },
		{ "PATH", w->tools ? str_of(w->tools) : S("/nonexistent") }, { "DISPATCH_NO_AGENT_SOCKET", w->tools ? S("1") : S("") },
		{ "DISPATCH_TRACE", w->trace ? str_of(w->trace) : S("") },
	};

	for (size_t i = 0; i < LEN(variables); i++)
		setenv(variables[i].name, str_c(a, variables[i].value), 1);
}

static _Noreturn void be_the_hook(struct stage *w, const struct hook *h, int output, int (*hook)(void), const char *program)
{
	int null = open("/dev/null", O_RDONLY);

	set_environment(w, h);
	if (null < 0 || dup2(null, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0 || chdir(w->charm_folder) < 0)
		_exit(3);
	signal(SIGPIPE, SIG_IGN);
	if (hook)
		exit(hook());
	execl(program, "dispatch", (char *)NULL);
	_exit(3);
}

int stage_run(struct stage *w, const char *event, const struct fault *fault, int (*hook)(void), const char *program, int seconds)
{
	struct server *s = NEW(w->arena, struct server);
	struct err err = { .arena = w->arena };
	struct hook h;
	int pipes[2], status;
	pid_t child;

	*s = (struct server){ .w = w, .fault = fault, .output = { .arena = w->arena } };
	w->requests = w->calls = w->pebble_requests = w->connections = w->pebble_bytes = 0;
	if (simulator_hook(w->simulator, str_of(event), &h, &err) < 0 || pipe2(pipes, O_CLOEXEC) < 0)
		broken(err.msg ? err.msg : "pipe");
	add_peer(s, listen_at(str_f(w->arena, "%s/agent.socket", w->folder).p), AGENT_LISTENS, 0);
	for (size_t i = 0; i < w->charm.containers.n; i++)
		add_peer(s, listen_at(str_f(w->arena, "%s/" FMT "/pebble.socket", w->folder, ARG(w->charm.containers.v[i])).p), PEBBLE_LISTENS, i);
	add_peer(s, pipes[0], OUTPUT, 0);
	simulator_begin(w->simulator, &h);
	fflush(stdout);
	child = fork();
	if (child < 0)
		broken("fork");
	if (child == 0)
		be_the_hook(w, &h, pipes[1], hook, program);
	close(pipes[1]);
	status = serve_until(s, child, seconds);
	simulator_end(w->simulator, status >= 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 1);
	for (size_t i = 0; i < s->n_peers; i++)
		hang_up(&s->peers[i]);
	w->output = buf_str(&s->output);
	return status;
}
