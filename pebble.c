/* pebble.c: the Pebble API over its unix socket, as much of it as a charm needs.
 *
 * All plain requests share one connection, made on first use and again where Pebble has closed it. A request never
 * outlives its deadline, and a POST is never sent twice: it may have been carried out although its answer was lost. */
#include "pebble.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "http.h"
#include "websocket.h"

/* --- Deadlines, in milliseconds. --- */
enum {
	REQUEST_DEADLINE = 5000,
	CHANGE_DEADLINE  = 30000,   /* of services */
	WAIT_SLICE       = 4000,    /* one request that waits for a change: it must be answered before its own deadline */
	WAIT_LEAST       = 1000,
	POLL_PAUSE       = 100,     /* where Pebble cannot wait */
	ASK_INTERVAL     = 4000,    /* a command that runs: does Pebble still know it? */
	DRAIN            = 1000,    /* a command has ended: how long its last output may take */
	EXEC_GRACE       = 1000,    /* beyond a command's own timeout, which Pebble sees to */
};
enum { INPUT_PIECE = 32 << 10, MAX_QUEUE = 64 << 10, HTTP_OK_MAX = 399 };

struct socket_pebble {
	struct pebble base;         /* first: what the ops get is a pointer to it */
	const char   *path;
	struct stream stream;
	struct strs   ahead;        /* targets of GETs that were sent on the stream ahead of their need */
	size_t        used;         /* of these, the replies that have been read */
};

static struct socket_pebble *own(struct pebble *p)
{
	return (struct socket_pebble *)p;
}

/* --- One request, and the envelope of its answer. --- */

struct reply {
	int status;                 /* 0: no answer that could be read */
	struct node *result;        /* NULL or a null node where there is none */
	struct str change, kind;    /* the id of the change that was begun; the kind of an error */
	struct part *parts;         /* of a multipart answer */
	size_t n_parts;
};

/* An answer that makes no sense is a Pebble that is not itself: it passes, like one that is not there. */
static int garbage(struct err *err, const char *what)
{
	return err_set(err, ERR_WAITING, "an answer that is %s", what);
}

static int refusal(const struct reply *reply, struct err *err)
{
	bool restarts = str_is(reply->kind, "system-restart") || str_is(reply->kind, "daemon-restart");
	bool passes = restarts || (reply->status >= 502 && reply->status <= 504);
	struct str words = node_gets(reply->result, "message");

	if (words.n == 0)
		return err_set(err, passes ? ERR_WAITING : ERR_BLOCKED, "HTTP status %d", reply->status);
	return err_set(err, passes ? ERR_WAITING : ERR_BLOCKED, FMT, ARG(words));
}

/* {"type": "sync", "async" or "error", "result": ..., "change": ...} */
static int read_envelope(struct arena *arena, struct str text, struct reply *reply, struct err *err)
{
	struct node *envelope;
	struct str type;

	if (json_parse(arena, text, &envelope, err) < 0)
		envelope = NULL;
	type = node_gets(envelope, "type");
	reply->result = node_get(envelope, "result");
	reply->change = node_gets(envelope, "change");
	if (reply->status > HTTP_OK_MAX || str_is(type, "error")) {
		reply->kind = node_gets(reply->result, "kind");
		return refusal(reply, err);
	}
	if (!str_is(type, "sync") && !str_is(type, "async"))
		return garbage(err, "not Pebble's");
	if (str_is(type, "async") && reply->change.n == 0)
		return garbage(err, "without a change");
	return 0;
}

static int read_reply(struct arena *arena, const struct http_reply *http, struct reply *reply, struct err *err)
{
	struct str boundary;

	reply->status = http->head.status;
	if (!str_starts(http->head.content_type, "multipart/form-data"))
		return read_envelope(arena, http->body, reply, err);
	if (!http_parameter(arena, http->head.content_type, "boundary", &boundary) ||
	    multipart_read(arena, http->body, boundary, &reply->parts, &reply->n_parts, err) < 0)
		return garbage(err, "no multipart");
	for (size_t i = 0; i < reply->n_parts; i++)
		if (str_is(reply->parts[i].name, "response"))
			return read_envelope(arena, reply->parts[i].content, reply, err);
	return garbage(err, "incomplete");
}

/* What is no HTTP is as much a Pebble that is not itself as one that went away. */
static int not_itself(struct err *err)
{
	if (err->kind == ERR_INPUT)
		err->kind = ERR_WAITING;
	return -1;
}

/* Makes the stream ready for a request; *sent: it was sent ahead, and its reply is the next to come. */
static int stream_ready(struct socket_pebble *p, const struct http_request *rq, bool *sent, struct err *err)
{
	bool open = p->stream.fd >= 0, pending = p->used < p->ahead.n;

	p->stream.deadline = clock_ms() + REQUEST_DEADLINE;
	*sent = open && pending && strcmp(rq->method, "GET") == 0 && str_eq(p->ahead.v[p->used], rq->target);
	if (*sent) {
		p->used++;
		return 0;
	}
	p->ahead = (struct strs){ 0 };
	p->used = 0;
	/* Replies that nobody came for are in the way of the next one. */
	if (!pending && stream_idle(&p->stream))
		return 0;
	stream_close(&p->stream);
	return stream_open(&p->stream, p->path, err);
}

/* *again: the connection failed, or what came is no answer; of a connection that cannot be made a second attempt tells nothing new. */
static int attempt(struct socket_pebble *p, struct arena *arena, const struct http_request *rq, struct reply *reply, bool *again,
                   struct err *err)
{
	struct http_reply http = { 0 };
	bool sent;
	int rc;

	*reply = (struct reply){ 0 };
	*again = false;
	if (stream_ready(p, rq, &sent, err) < 0)
		return -1;
	rc = sent ? http_receive(&p->stream, arena, &http, err) : http_exchange(&p->stream, arena, rq, &http, err);
	if (rc < 0)
		not_itself(err);
	else
		rc = read_reply(arena, &http, reply, err);
	/* 504 is the answer to a wait that was too short. */
	*again = rc < 0 && err->kind == ERR_WAITING && reply->status != 504;
	if (*again)
		stream_close(&p->stream);
	return rc;
}

/* The path alone: a query may hold what is nobody's business. */
static int trace_request(struct pebble *p, const struct http_request *rq)
{
	ptrdiff_t query = str_find(rq->target, '?');

	return trace_begin(p->trace, "%s " FMT, rq->method, ARG(str_sub(rq->target, 0, query < 0 ? rq->target.n : (size_t)query)));
}

/* Sends a request; what is in the reply belongs to `arena`. A GET is tried once more where it got no answer. A refusal is
 * ERR_BLOCKED with Pebble's words, and then the reply has the status and the kind for callers that expect it. */
static int call(struct pebble *p, struct arena *arena, const struct http_request *rq, struct reply *reply, struct err *err)
{
	int span = trace_request(p, rq);
	bool again;
	int rc = attempt(own(p), arena, rq, reply, &again, err);

	if (again && strcmp(rq->method, "GET") == 0) {
		err_clear(err);
		rc = attempt(own(p), arena, rq, reply, &again, err);
	}
	trace_end(p->trace, span, rc < 0);
	if (rc < 0 && err->kind == ERR_WAITING)
		return err_wrap(err, "pebble: %s " FMT, rq->method, ARG(rq->target));
	return rc;
}

static int get(struct pebble *p, struct arena *arena, struct str target, struct reply *reply, struct err *err)
{
	struct http_request rq = { .method = "GET", .target = target };

	return call(p, arena, &rq, reply, err);
}

static int post(struct pebble *p, const char *target, const struct node *body, struct reply *reply, struct err *err)
{
	struct http_request rq = { .method = "POST", .target = str_of(target), .content_type = "application/json" };

	strs_add(p->arena, &rq.body, json_text(p->arena, body, JSON_COMPACT));
	return call(p, p->arena, &rq, reply, err);
}

static struct node *list_of(struct arena *arena, const struct strs *texts)
{
	struct node *list = node_new(arena, NODE_LIST);

	for (size_t i = 0; i < texts->n; i++)
		node_add(arena, list, node_str(arena, texts->v[i]));
	return list;
}

static struct node *action_of(struct arena *arena, const char *action)
{
	struct node *body = node_new(arena, NODE_MAP);

	node_puts(arena, body, "action", str_of(action));
	return body;
}

static void put_given(struct arena *arena, struct node *map, const char *key, struct str text)
{
	if (text.p)
		node_puts(arena, map, key, text);
}

/* --- Changes. --- */

static bool change_ready(const struct node *change)
{
	return node_true(node_get(change, "ready"));
}

/* Waits until a change is ready. The change lives in *scratch, which is new with every answer: a command may run for hours, and
 * thousands of answers must not pile up. The caller frees it. */
static int change_wait(struct pebble *p, struct arena **scratch, struct str id, int64_t deadline, struct node **change, struct err *err)
{
	bool can_wait = true;

	/* Asked at least once, also where the deadline went by with something else. */
	for (bool asked = false; ; asked = true) {
		int64_t left = deadline - clock_ms(), slice = left < WAIT_SLICE ? left : WAIT_SLICE;
		struct str target;
		struct reply reply;

		if (asked && left <= 0)
			return err_set(err, ERR_WAITING, "pebble: change " FMT " is not ready in time", ARG(id));
		if (slice < WAIT_LEAST)
			slice = WAIT_LEAST;
		arena_free(*scratch);
		*scratch = arena_new();
		target = str_f(*scratch, "/v1/changes/" FMT, ARG(id));
		if (can_wait)
			target = str_f(*scratch, FMT "/wait?timeout=%d.%03ds", ARG(target), (int)slice / 1000, (int)slice % 1000);
		if (get(p, *scratch, target, &reply, err) < 0) {
			if (can_wait && reply.status == 404)
				can_wait = false;
			else if (reply.status == 404)
				/* Changes outlive no Pebble: this one has been started again meanwhile. */
				return err_set(err, ERR_WAITING, "pebble: change " FMT " is gone", ARG(id));
			else if (reply.status != 504)
				return -1;
			err_clear(err);
			continue;
		}
		*change = reply.result;
		if (change_ready(*change))
			return 0;
		poll(NULL, 0, POLL_PAUSE);
	}
}

/* The task that failed to start a service, or NULL. */
static const struct node *failed_start(const struct node *change)
{
	NODE_EACH(task, node_get(change, "tasks"))
		if (str_is(node_gets(task, "kind"), "start") && str_is(node_gets(task, "status"), "Error"))
			return task;
	return NULL;
}

/* The name in: Start service "name" */
static struct str quoted_name(struct str summary)
{
	ptrdiff_t first = str_find(summary, '"'), last = str_rfind(summary, '"');

	return last > first ? str_sub(summary, (size_t)first + 1, (size_t)last) : summary;
}

/* 0 for a change that did what it should; otherwise ERR_BLOCKED with Pebble's words. */
static int change_outcome(const struct node *change, struct err *err)
{
	const struct node *start = failed_start(change);
	struct buf words = { .arena = err->arena };
	struct str text = node_gets(change, "err");

	if (text.n == 0)
		return 0;
	if (!start)
		return err_set(err, ERR_BLOCKED, FMT, ARG(text));
	buf_add(&words, text);
	NODE_EACH(task, node_get(change, "tasks"))
		NODE_EACH(line, node_get(task, "log"))
			buf_addf(&words, "\n" FMT, ARG(node_text(line)));
	return err_set(err, ERR_BLOCKED, "service " FMT " failed to start\n" FMT, ARG(quoted_name(node_gets(start, "summary"))),
	               ARG(buf_str(&words)));
}

/* --- Plan, layers, services. --- */

static const char plan_target[] = "/v1/plan?format=yaml", services_target[] = "/v1/services";

static int socket_plan(struct pebble *p, struct node **plan, struct err *err)
{
	struct reply reply;

	if (get(p, p->arena, str_of(plan_target), &reply, err) < 0)
		return -1;
	if (!node_is(reply.result, NODE_STRING) || yaml_parse(p->arena, reply.result->text, "plan", plan, err) < 0)
		return err_set(err, ERR_WAITING, "pebble: the plan is no YAML");
	if (node_is(*plan, NODE_NULL))
		*plan = node_new(p->arena, NODE_MAP);
	if (!node_is(*plan, NODE_MAP))
		return err_set(err, ERR_WAITING, "pebble: the plan is not a map");
	return 0;
}

static int socket_services(struct pebble *p, struct service **services, size_t *n, struct err *err)
{
	struct reply reply;

	*services = NULL;
	*n = 0;
	if (get(p, p->arena, str_of(services_target), &reply, err) < 0)
		return -1;
	NODE_EACH(item, reply.result) {
		*services = arena_grow(p->arena, *services, *n, sizeof **services);
		(*services)[(*n)++] = (struct service){ node_gets(item, "name"), node_gets(item, "startup"), node_gets(item, "current") };
	}
	return 0;
}

static int socket_layer_add(struct pebble *p, struct str label, const struct node *layer, struct err *err)
{
	struct node *body = action_of(p->arena, "add");
	struct buf yaml = { .arena = p->arena };
	struct reply reply;

	yaml_write(&yaml, layer);
	node_put(p->arena, body, S("combine"), node_bool(p->arena, true));
	node_puts(p->arena, body, "label", label);
	node_puts(p->arena, body, "format", S("yaml"));
	node_puts(p->arena, body, "layer", buf_str(&yaml));
	return post(p, "/v1/layers", body, &reply, err);
}

static int socket_control(struct pebble *p, const char *action, const struct strs *services, struct err *err)
{
	struct node *body = action_of(p->arena, action), *change;
	struct arena *scratch = arena_new();
	struct reply reply;
	int rc = -1;

	if (services && services->n > 0)
		node_put(p->arena, body, S("services"), list_of(p->arena, services));
	if (post(p, "/v1/services", body, &reply, err) == 0 &&
	    change_wait(p, &scratch, reply.change, clock_ms() + CHANGE_DEADLINE, &change, err) == 0)
		rc = change_outcome(change, err);
	arena_free(scratch);
	return rc;
}

static int socket_signal(struct pebble *p, const char *name, struct str service, struct err *err)
{
	struct node *body = node_new(p->arena, NODE_MAP);
	struct strs services = { &service, 1 };
	struct reply reply;

	node_puts(p->arena, body, "signal", str_of(name));
	node_put(p->arena, body, S("services"), list_of(p->arena, &services));
	return post(p, "/v1/signals", body, &reply, err);
}

/* --- Files. --- */

/* What a list of results says of a path; NULL: nothing. */
static const struct node *item_of(const struct node *items, struct str path)
{
	NODE_EACH(item, items)
		if (str_eq(node_gets(item, "path"), path))
			return item;
	return NULL;
}

/* Errors of single paths sit inside an answer of 200: the first is the request's. A path that is not there is none if
 * `missing_is_fine`. */
static int first_file_error(const struct node *items, bool missing_is_fine, struct err *err)
{
	NODE_EACH(item, items) {
		const struct node *error = node_get(item, "error");

		if (!error || node_is(error, NODE_NULL) || (missing_is_fine && str_is(node_gets(error, "kind"), "not-found")))
			continue;
		return err_set(err, ERR_BLOCKED, FMT ": " FMT, ARG(node_gets(item, "path")), ARG(node_gets(error, "message")));
	}
	return 0;
}

static int read_file(const struct reply *reply, struct file *file, struct err *err)
{
	const struct node *item = item_of(reply->result, file->path), *error = node_get(item, "error");

	file->content = file->error = NOSTR;
	file->found = false;
	if (error && !node_is(error, NODE_NULL)) {
		if (str_is(node_gets(error, "kind"), "not-found"))
			return 0;
		file->found = true;
		file->error = node_gets(error, "message");
		if (file->error.n == 0)
			file->error = S("it cannot be read");
		return 0;
	}
	for (size_t i = 0; item && i < reply->n_parts; i++) {
		if (!str_is(reply->parts[i].name, "files") || !str_eq(reply->parts[i].filename, file->path))
			continue;
		file->found = true;
		file->content = reply->parts[i].content;
		return 0;
	}
	return err_set(err, ERR_WAITING, "pebble: an answer without " FMT, ARG(file->path));
}

static struct http_request read_request(struct arena *arena, const struct file *files, size_t n)
{
	struct buf target = { .arena = arena };

	buf_adds(&target, "/v1/files?action=read");
	for (size_t i = 0; i < n; i++)
		http_query(&target, "path", files[i].path);
	return (struct http_request){ .method = "GET", .accept = "multipart/form-data", .target = buf_str(&target) };
}

static int socket_read(struct pebble *p, struct file *files, size_t n, struct err *err)
{
	struct http_request rq = read_request(p->arena, files, n);
	struct reply reply;

	if (n == 0)
		return 0;
	if (call(p, p->arena, &rq, &reply, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (read_file(&reply, &files[i], err) < 0)
			return -1;
	return 0;
}

static struct node *file_item(struct arena *arena, struct str path, struct str user, struct str group)
{
	struct node *item = node_new(arena, NODE_MAP);

	node_puts(arena, item, "path", path);
	put_given(arena, item, "user", user);
	put_given(arena, item, "group", group);
	return item;
}

static int socket_write(struct pebble *p, const struct file *files, size_t n, struct err *err)
{
	struct http_request rq = { .method = "POST", .target = S("/v1/files") };
	struct part *parts = arena_alloc(p->arena, (n + 1) * sizeof *parts);
	struct node *body = action_of(p->arena, "write"), *items = node_new(p->arena, NODE_LIST);
	struct str boundary;
	struct reply reply;

	if (n == 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		struct node *item = file_item(p->arena, files[i].path, files[i].user, files[i].group);
		node_puts(p->arena, item, "permissions", S("644"));
		if (files[i].make_dirs)
			node_put(p->arena, item, S("make-dirs"), node_bool(p->arena, true));
		node_add(p->arena, items, item);
		parts[i + 1] = (struct part){ S("files"), files[i].path, S("application/octet-stream"), files[i].content };
	}
	node_put(p->arena, body, S("files"), items);
	parts[0] = (struct part){ S("request"), NOSTR, S("application/json"), json_text(p->arena, body, JSON_COMPACT) };
	if (multipart_boundary(p->arena, &boundary, err) < 0)
		return -1;
	rq.content_type = str_f(p->arena, "multipart/form-data; boundary=" FMT, ARG(boundary)).p;
	multipart_write(p->arena, parts, n + 1, boundary, &rq.body);
	if (call(p, p->arena, &rq, &reply, err) < 0)
		return -1;
	return first_file_error(reply.result, false, err);
}

static struct str list_target(struct arena *arena, struct str path)
{
	struct buf target = { .arena = arena };

	buf_adds(&target, "/v1/files?action=list");
	http_query(&target, "path", path);
	return buf_str(&target);
}

static int socket_list(struct pebble *p, struct str path, struct entry **entries, size_t *n, bool *found, struct err *err)
{
	struct reply reply;

	*entries = NULL;
	*n = 0;
	*found = false;
	if (get(p, p->arena, list_target(p->arena, path), &reply, err) < 0) {
		if (reply.status != 404 || !str_is(reply.kind, "not-found"))
			return -1;
		err_clear(err);
		return 0;
	}
	*found = true;
	NODE_EACH(item, reply.result) {
		*entries = arena_grow(p->arena, *entries, *n, sizeof **entries);
		(*entries)[(*n)++] = (struct entry){ node_gets(item, "name"), node_gets(item, "type") };
	}
	return 0;
}

/* make-dirs and remove: one path in a list of items. */
static int change_path(struct pebble *p, const char *action, const char *list, struct node *item, bool missing_is_fine, struct err *err)
{
	struct node *body = action_of(p->arena, action), *items = node_new(p->arena, NODE_LIST);
	struct reply reply;

	node_add(p->arena, items, item);
	node_put(p->arena, body, str_of(list), items);
	if (post(p, "/v1/files", body, &reply, err) < 0)
		return -1;
	return first_file_error(reply.result, missing_is_fine, err);
}

static int socket_make_dir(struct pebble *p, struct str path, struct str user, struct str group, struct err *err)
{
	struct node *item = file_item(p->arena, path, user, group);

	node_put(p->arena, item, S("make-parents"), node_bool(p->arena, true));
	return change_path(p, "make-dirs", "dirs", item, false, err);
}

static int socket_remove(struct pebble *p, struct str path, struct err *err)
{
	return change_path(p, "remove", "paths", file_item(p->arena, path, NOSTR, NOSTR), true, err);
}

/* --- Commands. --- */

enum { STDIO, STDERR, CONTROL, CHANNELS };
static const char *const channel_names[CHANNELS] = { "stdio", "stderr", "control" };

struct channel {
	struct stream stream;
	struct websocket_reader reader;
	bool       ended;           /* nothing more comes from it */
	struct buf queue;           /* frames to send, and how much of them is sent */
	size_t     sent;
	struct buf output;          /* the last bytes, twice as many at most as are kept in the end */
};
struct run {
	struct pebble *pebble;
	struct str task, change;
	struct channel channels[CHANNELS];
	struct str input;           /* what is not queued yet */
	bool       input_ended;
	int64_t    deadline;        /* INT64_MAX: none */
};

/* A piece is at most what a stream reads at once, which is far less than is kept. */
static void output_add(struct buf *output, struct str piece)
{
	if (output->n + piece.n > (size_t)2 * MAX_EXEC_OUTPUT) {
		size_t keep = MAX_EXEC_OUTPUT - piece.n;
		memmove(output->p, output->p + output->n - keep, keep);
		output->n = keep;
	}
	buf_add(output, piece);
}

static struct str output_kept(const struct buf *output)
{
	struct str all = buf_str(output);

	return all.n > MAX_EXEC_OUTPUT ? str_sub(all, all.n - MAX_EXEC_OUTPUT, all.n) : all;
}

static bool queue_empty(const struct channel *c)
{
	return c->sent == c->queue.n;
}

static int queue_add(struct channel *c, enum websocket_opcode opcode, struct str payload, struct err *err)
{
	if (queue_empty(c))
		c->sent = c->queue.n = 0;
	return websocket_write(&c->queue, opcode, payload, err);
}

/* Sends what the other side takes now. Once it takes nothing any more, the rest is of no interest to it: a command need not read its
 * input. */
static void queue_send(struct channel *c)
{
	while (!queue_empty(c)) {
		ssize_t n = send(c->stream.fd, c->queue.p + c->sent, c->queue.n - c->sent, MSG_NOSIGNAL);
		if (n >= 0)
			c->sent += (size_t)n;
		else if (errno == EAGAIN)
			return;
		else if (errno != EINTR)
			c->sent = c->queue.n;
	}
}

/* Puts the next piece of input into an empty queue, and the mark of its end after the last. */
static int queue_input(struct run *r, struct err *err)
{
	struct channel *c = &r->channels[STDIO];
	struct str piece = str_sub(r->input, 0, INPUT_PIECE);

	if (r->input_ended || !queue_empty(c))
		return 0;
	if (piece.n > 0 && queue_add(c, OPCODE_BINARY, piece, err) < 0)
		return -1;
	r->input = str_sub(r->input, piece.n, r->input.n);
	if (r->input.n > 0)
		return 0;
	r->input_ended = true;
	return queue_add(c, OPCODE_TEXT, S("{\"command\":\"end\"}"), err);
}

/* {"command":"end"} */
static bool is_end(struct str text)
{
	struct arena *arena = arena_new();
	struct err err = { .arena = arena };
	struct node *message;
	bool end = json_parse(arena, text, &message, &err) == 0 && str_is(node_gets(message, "command"), "end");

	arena_free(arena);
	return end;
}

static void channel_close(struct channel *c)
{
	stream_close(&c->stream);
	c->sent = c->queue.n;
	c->ended = true;
}

/* Uses what has been read of a channel. */
static int channel_use(struct channel *c, struct err *err)
{
	struct str in = stream_bytes(&c->stream);
	struct websocket_event event;
	int rc;

	while ((rc = websocket_read(&c->reader, &in, &event, err)) > 0) {
		switch (event.kind) {
		case WEBSOCKET_DATA:
			if (!c->ended)
				output_add(&c->output, event.bytes);
			break;
		case WEBSOCKET_TEXT:
			if (is_end(event.bytes))
				c->ended = true;
			break;
		case WEBSOCKET_PING:
			/* One that floods us with pings and reads nothing gets no answer. */
			if (c->queue.n - c->sent < MAX_QUEUE && queue_add(c, OPCODE_PONG, event.bytes, err) < 0)
				return -1;
			break;
		case WEBSOCKET_CLOSE:
			if (queue_add(c, OPCODE_CLOSE, str_sub(event.bytes, 0, 2), err) < 0)
				return -1;
			queue_send(c);
			channel_close(c);
			return 0;
		}
	}
	c->stream.from = c->stream.to - in.n;
	return rc < 0 ? err_wrap(err, "pebble") : 0;
}

/* Reads once from a channel that has something. A connection that ends or breaks has no more output; whether Pebble is lost
 * or the command has ended, the change tells. */
static int channel_read(struct channel *c, struct err *err)
{
	struct err ignored = { .arena = err->arena };

	if (stream_fill(&c->stream, &ignored) > 0)
		return channel_use(c, err);
	channel_close(c);
	return 0;
}

/* Polls the channels until `until`, and moves what can be moved. */
static int channels_poll(struct run *r, int64_t until, struct err *err)
{
	struct pollfd fds[CHANNELS];
	int64_t left = until - clock_ms();

	for (size_t i = 0; i < CHANNELS; i++) {
		struct channel *c = &r->channels[i];
		short events = (short)((c->ended ? 0 : POLLIN) | (queue_empty(c) ? 0 : POLLOUT));
		fds[i] = (struct pollfd){ .fd = events ? c->stream.fd : -1, .events = events };
	}
	if (poll(fds, CHANNELS, left < 0 ? 0 : (int)left) < 0)
		return errno == EINTR ? 0 : err_set(err, ERR_WAITING, "pebble: poll: %s", strerror(errno));
	for (size_t i = 0; i < CHANNELS; i++) {
		struct channel *c = &r->channels[i];
		if (fds[i].revents & POLLOUT)
			queue_send(c);
		if (fds[i].revents & (POLLIN | POLLHUP | POLLERR) && channel_read(c, err) < 0)
			return not_itself(err);
	}
	return 0;
}

/* Whether the command's change is ready. Any other answer than the change itself means that this Pebble lost it. */
static int change_ask(struct run *r, bool *ready, struct err *err)
{
	struct arena *scratch = arena_new();
	struct reply reply;
	int rc = get(r->pebble, scratch, str_f(scratch, "/v1/changes/" FMT, ARG(r->change)), &reply, err);

	if (rc < 0)
		err->kind = ERR_WAITING;
	else
		*ready = change_ready(reply.result);
	arena_free(scratch);
	return rc;
}

/* Moves input and output until both streams have ended. */
static int run_streams(struct run *r, struct err *err)
{
	int64_t ask = clock_ms() + ASK_INTERVAL, until;
	bool ready = false;

	/* The first frames may have come along with the answers to the handshakes. */
	for (size_t i = 0; i < CHANNELS; i++)
		if (channel_use(&r->channels[i], err) < 0)
			return not_itself(err);
	while (!r->channels[STDIO].ended || !r->channels[STDERR].ended) {
		until = ready || ask < r->deadline ? ask : r->deadline;
		if (queue_input(r, err) < 0 || channels_poll(r, until, err) < 0)
			return -1;
		if (clock_ms() < until)
			continue;
		if (ready)
			return 0;   /* the command has ended, but its streams were never said to */
		if (change_ask(r, &ready, err) < 0)
			return -1;
		/* Pebble ends a command at its timeout, but not the children that hold its output open, and waits for them. */
		if (!ready && until == r->deadline)
			return err_set(err, ERR_BLOCKED, "timed out: the command or what it started still runs");
		ask = clock_ms() + (ready ? DRAIN : ASK_INTERVAL);
	}
	return 0;
}

/* Opens one of the command's websockets. */
static int handshake(struct run *r, int channel, struct err *err)
{
	struct pebble *p = r->pebble;
	struct channel *c = &r->channels[channel];
	struct http_request rq = { .method = "GET",
		.target = str_f(p->arena, "/v1/tasks/" FMT "/websocket/%s", ARG(r->task), channel_names[channel]) };
	struct http_reply reply = { 0 };
	int span, rc = -1;

	if (websocket_key(p->arena, &rq.websocket_key, err) < 0)
		return -1;
	span = trace_request(p, &rq);
	c->ended = false;
	c->stream.deadline = clock_ms() + REQUEST_DEADLINE;
	if (stream_open(&c->stream, own(p)->path, err) < 0 || http_exchange(&c->stream, p->arena, &rq, &reply, err) < 0) {
		not_itself(err);
	} else if (reply.head.status != 101) {
		struct reply refused;
		/* Whatever it is, it is no websocket. */
		if (read_reply(p->arena, &reply, &refused, err) == 0)
			garbage(err, "no websocket");
	} else if (!str_eq(reply.head.accept, websocket_accept(p->arena, rq.websocket_key)) ||
	           !str_is(str_lower(p->arena, reply.head.upgrade), "websocket")) {
		garbage(err, "no websocket");
	} else {
		rc = 0;
	}
	trace_end(p->trace, span, rc < 0);
	if (rc < 0 && err->kind != ERR_BLOCKED)
		err_wrap(err, "pebble: " FMT, ARG(rq.target));
	return rc < 0 ? not_itself(err) : 0;
}

/* Connects the streams; Pebble starts the command with the last. `control` is there so that Pebble ends the command if we die. */
static int run_connect(struct run *r, bool merge_stderr, struct err *err)
{
	struct arena *scratch;
	struct node *change;

	if (handshake(r, CONTROL, err) == 0 && handshake(r, STDIO, err) == 0 && (merge_stderr || handshake(r, STDERR, err) == 0))
		return 0;
	if (err->kind != ERR_BLOCKED)
		return -1;
	/* Refused: the command may have failed before it began, and then its change knows better why. */
	struct err why = { .arena = err->arena };
	scratch = arena_new();
	if (change_wait(r->pebble, &scratch, r->change, clock_ms() + REQUEST_DEADLINE, &change, &why) == 0 && change_outcome(change, &why) < 0)
		*err = why;
	arena_free(scratch);
	return -1;
}

static int run_outcome(struct run *r, struct exec_result *result, struct err *err)
{
	struct arena *scratch = arena_new();
	struct node *change;
	int64_t code;
	int rc = -1;

	if (change_wait(r->pebble, &scratch, r->change, r->deadline, &change, err) == 0 && change_outcome(change, err) == 0) {
		const struct node *tasks = node_get(change, "tasks");
		if (str_int(node_gets(node_get(tasks ? tasks->child : NULL, "data"), "exit-code"), &code)) {
			result->code = (int)code;
			result->output = output_kept(&r->channels[STDIO].output);
			result->error_output = output_kept(&r->channels[STDERR].output);
			rc = 0;
		} else {
			err_set(err, ERR_WAITING, "pebble: a command without an exit code");
		}
	}
	arena_free(scratch);
	return rc;
}

static struct node *exec_body(struct arena *arena, const struct exec *exec)
{
	struct node *body = node_new(arena, NODE_MAP), *environment = node_new(arena, NODE_MAP);

	node_put(arena, body, S("command"), list_of(arena, &exec->command));
	NODE_EACH(variable, exec->environment)
		if (node_text(variable).p)
			node_put(arena, environment, variable->key, node_str(arena, variable->text));
	if (exec->environment)
		node_put(arena, body, S("environment"), environment);
	put_given(arena, body, "working-dir", exec->working_dir);
	put_given(arena, body, "user", exec->user);
	put_given(arena, body, "group", exec->group);
	put_given(arena, body, "service-context", exec->service_context);
	if (exec->timeout > 0)
		node_puts(arena, body, "timeout", str_f(arena, "%ds", exec->timeout));
	if (!exec->merge_stderr)
		node_put(arena, body, S("split-stderr"), node_bool(arena, true));
	return body;
}

static int socket_exec(struct pebble *p, const struct exec *exec, struct exec_result *result, struct err *err)
{
	struct run r = { .pebble = p, .input = exec->input, .deadline = INT64_MAX };
	struct reply reply;
	int rc = -1;

	*result = (struct exec_result){ 0 };
	for (size_t i = 0; i < CHANNELS; i++) {
		struct channel *c = &r.channels[i];
		c->ended = true;
		c->stream = (struct stream){ .arena = p->arena, .fd = -1 };
		c->reader.text.arena = c->queue.arena = c->output.arena = p->arena;
	}
	if (post(p, "/v1/exec", exec_body(p->arena, exec), &reply, err) < 0)
		return -1;
	if (exec->timeout > 0)
		r.deadline = clock_ms() + (int64_t)exec->timeout * 1000 + EXEC_GRACE;
	r.change = reply.change;
	r.task = node_gets(reply.result, "task-id");
	if (r.task.n == 0)
		return err_set(err, ERR_WAITING, "pebble: a command without a task");
	if (run_connect(&r, exec->merge_stderr, err) == 0 && run_streams(&r, err) == 0)
		rc = run_outcome(&r, result, err);
	for (size_t i = 0; i < CHANNELS; i++) {
		struct channel *c = &r.channels[i];
		struct err ignored = { .arena = err->arena };
		/* A control connection that just breaks off makes Pebble kill the command, which is right where we give it up. */
		if (rc == 0 && c->stream.fd >= 0 && queue_add(c, OPCODE_CLOSE, S("\x03\xe8"), &ignored) == 0)
			queue_send(c);
		channel_close(c);
	}
	return rc;
}

/* --- The seam. --- */

static void socket_ahead(struct pebble *base, const struct file *files, size_t n, struct str directory)
{
	struct socket_pebble *p = own(base);
	struct arena *arena = base->arena;
	struct err unsaid = { .arena = arena };
	struct http_request rqs[4] = { { .method = "GET", .target = str_of(plan_target) } };
	size_t count = 1;

	if (n > 0) {
		rqs[count++] = (struct http_request){ .method = "GET", .target = str_of(services_target) };
		rqs[count++] = read_request(arena, files, n);
		rqs[count++] = (struct http_request){ .method = "GET", .target = list_target(arena, directory) };
	}
	/* Without waiting: a Pebble that makes us wait is waited for where its answers are needed. */
	p->stream.deadline = clock_ms();
	if (stream_open(&p->stream, p->path, &unsaid) < 0 || http_send(&p->stream, arena, rqs, count, &unsaid) < 0)
		return;
	for (size_t i = 0; i < count; i++)
		strs_add(arena, &p->ahead, rqs[i].target);
}

static void socket_close(struct pebble *p)
{
	stream_close(&own(p)->stream);
}

static const struct pebble_ops socket_ops = {
	.plan = socket_plan,
	.services = socket_services,
	.layer_add = socket_layer_add,
	.read = socket_read,
	.write = socket_write,
	.list = socket_list,
	.make_dir = socket_make_dir,
	.remove = socket_remove,
	.control = socket_control,
	.signal = socket_signal,
	.exec = socket_exec,
	.close = socket_close,
	.ahead = socket_ahead,
};

struct pebble *pebble_open(struct arena *arena, struct str socket, struct trace *trace)
{
	struct socket_pebble *p = NEW(arena, struct socket_pebble);

	p->base = (struct pebble){ &socket_ops, arena, trace };
	p->path = str_c(arena, socket);
	p->stream = (struct stream){ .arena = arena, .fd = -1 };
	return &p->base;
}

void pebble_ahead(struct pebble *p, const struct file *files, size_t n, struct str directory)
{
	if (p->ops->ahead)
		p->ops->ahead(p, files, n, directory);
}

int pebble_plan(struct pebble *p, struct node **plan, struct err *err)
{
	return p->ops->plan(p, plan, err);
}

int pebble_services(struct pebble *p, struct service **services, size_t *n, struct err *err)
{
	return p->ops->services(p, services, n, err);
}

int pebble_layer_add(struct pebble *p, struct str label, const struct node *layer, struct err *err)
{
	return p->ops->layer_add(p, label, layer, err);
}

int pebble_read(struct pebble *p, struct file *files, size_t n, struct err *err)
{
	return p->ops->read(p, files, n, err);
}

int pebble_write(struct pebble *p, const struct file *files, size_t n, struct err *err)
{
	return p->ops->write(p, files, n, err);
}

int pebble_list(struct pebble *p, struct str path, struct entry **entries, size_t *n, bool *found, struct err *err)
{
	return p->ops->list(p, path, entries, n, found, err);
}

int pebble_make_dir(struct pebble *p, struct str path, struct str user, struct str group, struct err *err)
{
	return p->ops->make_dir(p, path, user, group, err);
}

int pebble_remove(struct pebble *p, struct str path, struct err *err)
{
	return p->ops->remove(p, path, err);
}

int pebble_control(struct pebble *p, const char *action, const struct strs *services, struct err *err)
{
	return p->ops->control(p, action, services, err);
}

int pebble_signal(struct pebble *p, const char *name, struct str service, struct err *err)
{
	return p->ops->signal(p, name, service, err);
}

int pebble_exec(struct pebble *p, const struct exec *exec, struct exec_result *result, struct err *err)
{
	return p->ops->exec(p, exec, result, err);
}

void pebble_close(struct pebble *p)
{
	p->ops->close(p);
}

/* --- What the simulator does not have. --- */

static int get_result(struct pebble *p, const char *target, struct node **result, struct err *err)
{
	struct reply reply;

	if (p->ops != &socket_ops)
		return err_set(err, ERR_BLOCKED, "%s: the simulator does not have it", target);
	if (get(p, p->arena, str_of(target), &reply, err) < 0)
		return -1;
	*result = reply.result ? reply.result : node_new(p->arena, NODE_NULL);
	return 0;
}

/* `null` is an empty list. */
static int get_list(struct pebble *p, const char *target, struct node **list, struct err *err)
{
	if (get_result(p, target, list, err) < 0)
		return -1;
	if (!node_is(*list, NODE_LIST))
		*list = node_new(p->arena, NODE_LIST);
	return 0;
}

int pebble_system_info(struct pebble *p, struct node **info, struct err *err)
{
	return get_result(p, "/v1/system-info", info, err);
}

int pebble_checks(struct pebble *p, struct node **checks, struct err *err)
{
	return get_list(p, "/v1/checks", checks, err);
}

int pebble_notices(struct pebble *p, struct node **notices, struct err *err)
{
	return get_list(p, "/v1/notices", notices, err);
}

int pebble_notify(struct pebble *p, struct str key, const struct node *data, struct err *err)
{
	struct node *body = action_of(p->arena, "add");
	struct reply reply;

	if (p->ops != &socket_ops)
		return err_set(err, ERR_BLOCKED, "/v1/notices: the simulator does not have it");
	node_puts(p->arena, body, "type", S("custom"));
	node_puts(p->arena, body, "key", key);
	if (data)
		node_put(p->arena, body, S("data"), node_copy(p->arena, data));
	return post(p, "/v1/notices", body, &reply, err);
}
