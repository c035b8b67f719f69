/* fake_pebble.h: a Pebble for tests that plays a script, and the system calls of its client.
 *
 * There is no second thread or process: the fake gets its turn whenever the client polls, so every run of a test is the same. Time
 * is the fake's, too: it passes only where the client waits and the fake has nothing to say. Any system call of the client can be
 * made to fail. */
#ifndef FAKE_PEBBLE_H
#define FAKE_PEBBLE_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "../pebble.h"
#include "../websocket.h"

enum { NEVER = -1, HANG_UP = 0 };    /* a rule's status: no answer; the connection closed without one */
enum {
	CHUNKED = 1,          /* the body in chunks, with an extension and a trailer */
	CLOSE = 2,            /* "Connection: close", and it is */
	NO_LENGTH = 4,        /* the body ends where the connection does */
	DROP = 8,             /* nothing is said of it, but the connection is closed after the answer */
	RAW = 16,             /* the body is the whole answer */
	AGAIN = 32,           /* the rule holds for all further requests */
	OTHER_KEY = 64,       /* the websocket's answer is to another key */
	INTERIM = 128,        /* "100 Continue" comes first */
	JUNK = 256,           /* bytes follow that nobody asked for */
	ECHO = 512,           /* a websocket gives back what it gets, the mark of the end, too */
	STALL = 1024,         /* a cut answer is not the end of the connection */
	NO_UPGRADE = 2048,    /* the websocket's answer upgrades to something else */
};
struct rule {
	const char *match;    /* how "METHOD target" begins */
	int         status;   /* 101: a websocket, whose frames are the body */
	const char *body;
	unsigned    flags;
	const char *type;     /* NULL: JSON */
	size_t      n_body;   /* 0: the body is a C string */
	size_t      piece;    /* so many bytes at a time; 0: at once */
	size_t      cut;      /* so many bytes of the answer less one, then the connection is closed; 0: all */
	const char *after;    /* the frames of a websocket wait until a request of this kind has come */
};
enum { FAKE_RULES = 12, FAKE_CONNECTIONS = 10 };

struct fake_connection {
	int         fd;
	struct buf  in, out;
	size_t      sent;
	size_t      piece;
	bool        closing;      /* once all is sent */
	bool        websocket;
	struct rule rule;         /* of the websocket */
	bool        held;         /* its frames wait */
};
struct fake {
	struct arena *arena;
	struct str    path;
	int           listener;
	struct rule   rules[FAKE_RULES];
	bool          used[FAKE_RULES];
	struct fake_connection connections[FAKE_CONNECTIONS];
	int           connected, accepted;
	struct buf    log;        /* "METHOD target" and the body, a line for each request */
	struct buf    input;      /* what the websockets got: binary messages as they are, others as <opcode:text> */
	int64_t       now;        /* ms */
	bool          deaf;       /* it takes connections, but reads nothing */
	bool          patient;    /* a GET that comes again on another connection gets its answer again */
	const struct rule *last;
	struct str    last_line;
	const struct fake_connection *last_connection;
};

/* What the client's system calls see. */
static struct {
	struct fake *fake;        /* NULL: the calls are the system's own */
	long         calls, fail_at;
	int          kind;        /* of the failure: an errno, or SHORT */
} system_calls;
enum { SHORT = 0 };

static long real_poll(struct pollfd *fds, nfds_t n)
{
	struct timespec none = { 0, 0 };

	return syscall(SYS_ppoll, fds, n, &none, NULL, 0);
}

/* --- The fake's side. --- */

static void fake_start(struct fake *f, const struct rule *rules)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	*f = (struct fake){ .arena = arena_new(), .now = 5000 };
	f->log.arena = f->input.arena = f->arena;
	memcpy(f->rules, rules, sizeof f->rules);
	f->path = str_f(f->arena, "/tmp/fake-pebble-%d.socket", (int)getpid());
	memcpy(address.sun_path, f->path.p, f->path.n);
	unlink(f->path.p);   /* of a test that was killed */
	f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (bind(f->listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(f->listener, 8) < 0)
		abort();
	for (size_t i = 0; i < FAKE_CONNECTIONS; i++)
		f->connections[i].fd = -1;
	system_calls.fake = f;
}

static void fake_drop(struct fake_connection *c)
{
	close(c->fd);
	c->fd = -1;
}

static void fake_stop(struct fake *f)
{
	system_calls.fake = NULL;
	for (size_t i = 0; i < FAKE_CONNECTIONS; i++)
		if (f->connections[i].fd >= 0)
			fake_drop(&f->connections[i]);
	close(f->listener);
	unlink(f->path.p);
	arena_free(f->arena);
}

static void fake_chunks(struct buf *out, struct str body)
{
	for (size_t i = 0; i < body.n; i += 7) {
		struct str piece = str_sub(body, i, i + 7);
		buf_addf(out, i % 2 ? "%zx\r\n" : "0%zX; name=\"value\"\r\n", piece.n);
		buf_add(out, piece);
		buf_adds(out, "\r\n");
	}
	buf_adds(out, "0\r\nTrailer: x\r\n\r\n");
}

static void fake_answer(struct fake *f, struct fake_connection *c, const struct rule *rule, struct str request)
{
	struct str body = rule->n_body ? (struct str){ rule->body, rule->n_body } : str_of(rule->body ? rule->body : "");
	struct str key = NOSTR, line;

	c->piece = rule->piece;
	if (rule->flags & INTERIM)
		buf_adds(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
	if (rule->status == 101) {
		while (str_split(&request, '\n', &line))
			if (str_starts(line, "Sec-WebSocket-Key: "))
				key = str_trim(str_sub(line, 19, line.n));
		if (rule->flags & OTHER_KEY)
			key = S("dGhlIHNhbXBsZSBub25jZQ==");
		buf_addf(&c->out, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\nSec-WebSocket-Accept: " FMT
		         "\r\n\r\n", rule->flags & NO_UPGRADE ? "h2c" : "WebSocket", ARG(websocket_accept(f->arena, key)));
		c->websocket = true;
		c->rule = *rule;
		c->held = rule->after;
		if (!c->held)
			buf_add(&c->out, body);
	} else if (rule->flags & RAW) {
		buf_add(&c->out, body);
	} else {
		buf_addf(&c->out, "HTTP/1.1 %d Some words\r\nDate: today\r\nContent-Type: %s\r\n", rule->status,
		         rule->type ? rule->type : "application/json");
		if (rule->flags & CLOSE)
			buf_adds(&c->out, "Connection: close\r\n");
		if (rule->flags & CHUNKED)
			buf_adds(&c->out, "Transfer-Encoding: chunked\r\n\r\n");
		else if (rule->flags & NO_LENGTH)
			buf_adds(&c->out, "\r\n");
		else
			buf_addf(&c->out, "Content-Length: %zu\r\n\r\n", body.n);
		if (rule->flags & CHUNKED)
			fake_chunks(&c->out, body);
		else
			buf_add(&c->out, body);
		if (rule->flags & JUNK)
			buf_adds(&c->out, "junk");
	}
	c->closing = (rule->flags & (CLOSE | NO_LENGTH | DROP)) && !c->held;
	if (rule->cut > 0 && rule->cut <= c->out.n) {
		c->out.n = rule->cut - 1;
		c->closing = !(rule->flags & STALL);
	}
	if (rule->status == HANG_UP)
		fake_drop(c);
}

/* A whole request at the start of what came: its bytes, or 0. */
static size_t fake_request(struct str in)
{
	const char *end = in.n ? memmem(in.p, in.n, "\r\n\r\n", 4) : NULL;
	struct str head, line;
	size_t length = 0;

	if (!end)
		return 0;
	head = str_sub(in, 0, (size_t)(end - in.p) + 4);
	for (struct str rest = head; str_split(&rest, '\n', &line); )
		if (str_starts(line, "Content-Length: "))
			length = strtoul(line.p + 16, NULL, 10);
	return in.n >= head.n + length ? head.n + length : 0;
}

static void fake_obey(struct fake *f, struct fake_connection *c, struct str request)
{
	struct str rest = request, line;
	const char *end = memmem(request.p, request.n, "\r\n\r\n", 4);

	str_split(&rest, '\r', &line);
	line = str_sub(line, 0, (size_t)str_rfind(line, ' '));   /* without the version */
	buf_add(&f->log, line);
	rest = str_sub(request, (size_t)(end - request.p) + 4, request.n);
	buf_adds(&f->log, rest.n ? " " : "");
	buf_add(&f->log, rest);
	buf_addc(&f->log, '\n');
	/* What a fault of the client has lost is said once more. */
	if (f->patient && f->last && str_eq(line, f->last_line) && c != f->last_connection && str_starts(line, "GET")) {
		fake_answer(f, c, f->last, request);
		f->last = NULL;
		return;
	}
	for (size_t i = 0; i < FAKE_RULES && f->rules[i].match; i++) {
		if (f->used[i] || !str_starts(line, f->rules[i].match))
			continue;
		f->used[i] = !(f->rules[i].flags & AGAIN);
		f->last = &f->rules[i];
		f->last_line = line;
		f->last_connection = c;
		if (f->rules[i].status != NEVER)
			fake_answer(f, c, &f->rules[i], request);
		/* A websocket may have waited for this. */
		for (size_t k = 0; k < FAKE_CONNECTIONS; k++) {
			struct fake_connection *w = &f->connections[k];
			if (w->fd < 0 || !w->held || !str_starts(line, w->rule.after))
				continue;
			w->held = false;
			buf_adds(&w->out, w->rule.body);
			w->closing = w->rule.flags & DROP;
		}
		return;
	}
	fake_answer(f, c, &(struct rule){ .status = 500, .body = "no rule" }, request);
}

/* The frames of a client: all are whole and masked, or the test has failed. Bytes used. */
static size_t fake_frame(struct fake *f, struct fake_connection *c, struct str in)
{
	const unsigned char *p = (const unsigned char *)in.p;
	size_t length, head = 2;
	struct buf payload = { .arena = f->arena };

	if (in.n < 2)
		return 0;
	length = p[1] & 0x7f;
	for (size_t bytes = length == 126 ? 2 : length == 127 ? 8 : 0, i = length = bytes ? 0 : length; i < bytes && in.n > 10; i++)
		length = length << 8 | p[head++];
	if (in.n < head + 4 + length)
		return 0;
	for (size_t i = 0; i < length; i++)
		buf_addc(&payload, (char)(p[head + 4 + i] ^ p[head + i % 4]));
	if (!(p[1] & 0x80))
		buf_adds(&f->input, "<not masked>");
	if (p[0] == 0x82)
		buf_add(&f->input, buf_str(&payload));
	else
		buf_addf(&f->input, "<%02x:" FMT ">", p[0], ARG(buf_str(&payload)));
	if (c->rule.flags & ECHO && length < 126 && p[0] < 0x88) {
		buf_addf(&c->out, "%c%c", p[0], (int)length);
		buf_add(&c->out, buf_str(&payload));
	}
	return head + 4 + length;
}

/* One turn: whether anything was done. */
static bool fake_turn(struct fake *f)
{
	bool done = false;
	int fd = f->connected > f->accepted ? accept4(f->listener, NULL, NULL, SOCK_NONBLOCK) : -1;

	if (fd >= 0) {
		struct fake_connection *c = f->connections;
		while (c->fd >= 0 || c == f->last_connection)
			c++;
		*c = (struct fake_connection){ .fd = fd, .in = { .arena = f->arena }, .out = { .arena = f->arena } };
		f->accepted++;
		done = true;
	}
	for (size_t i = 0; i < FAKE_CONNECTIONS; i++) {
		struct fake_connection *c = &f->connections[i];
		char bytes[65536];
		ssize_t n = c->fd < 0 || f->deaf ? -1 : read(c->fd, bytes, sizeof bytes);
		size_t used;

		if (n == 0)
			fake_drop(c);
		if (n > 0) {
			buf_add(&c->in, (struct str){ bytes, (size_t)n });
			done = true;
		}
		while (c->fd >= 0 && !c->closing && (used = c->websocket ? fake_frame(f, c, buf_str(&c->in)) : fake_request(buf_str(&c->in))) > 0) {
			struct str request = str_dup(f->arena, str_sub(buf_str(&c->in), 0, used));
			memmove(c->in.p, c->in.p + used, c->in.n - used);
			c->in.n -= used;
			if (!c->websocket)
				fake_obey(f, c, request);
		}
	}
	for (size_t i = 0; i < FAKE_CONNECTIONS; i++) {
		struct fake_connection *c = &f->connections[i];
		size_t left = c->out.n - c->sent;
		ssize_t n = 0;

		if (c->fd < 0)
			continue;
		if (left > 0)
			n = send(c->fd, c->out.p + c->sent, c->piece && c->piece < left ? c->piece : left, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0) {
			c->sent += (size_t)n;
			done = true;
		}
		if (c->closing && c->sent == c->out.n) {
			fake_drop(c);
			done = true;
		}
	}
	return done;
}

/* --- The client's system calls. --- */

/* Counts a call of the client; true: it is to fail. */
static bool fails(void)
{
	if (!system_calls.fake)
		return false;
	if (++system_calls.calls != system_calls.fail_at)
		return false;
	errno = system_calls.kind;
	return true;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	*now = (struct timespec){ 0, 0 };   /* MSan knows nothing of bare system calls */
	/* libFuzzer looks at the time of day. */
	if (!system_calls.fake || clock != CLOCK_MONOTONIC)
		return (int)syscall(SYS_clock_gettime, clock, now);
	now->tv_sec = (time_t)(system_calls.fake->now / 1000);
	now->tv_nsec = (long)(system_calls.fake->now % 1000) * 1000000;
	return 0;
}

int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	struct fake *f = system_calls.fake;

	if (fails() && system_calls.kind != SHORT && system_calls.kind != EAGAIN)
		return -1;
	for (;;) {
		bool done;
		long ready;

		/* The fake must not see its own calls fail. */
		system_calls.fake = NULL;
		done = fake_turn(f);
		ready = real_poll(fds, n);
		system_calls.fake = f;
		if (ready != 0 || (timeout == 0 && !done))
			return (int)ready;
		if (!done) {
			f->now += timeout;
			return 0;
		}
	}
}

ssize_t recv(int fd, void *p, size_t n, int flags)
{
	if (fails()) {
		if (system_calls.kind != SHORT)
			return -1;
		n = 1;
	}
	return (ssize_t)syscall(SYS_recvfrom, fd, p, n, flags, NULL, NULL);
}

ssize_t send(int fd, const void *p, size_t n, int flags)
{
	if (fails()) {
		if (system_calls.kind != SHORT)
			return -1;
		n = 1;
	}
	return (ssize_t)syscall(SYS_sendto, fd, p, n, flags, NULL, 0);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	if (fails()) {
		if (system_calls.kind != SHORT)
			return -1;
		return (ssize_t)syscall(SYS_sendto, fd, message->msg_iov[0].iov_base, 1, flags, NULL, 0);
	}
	return (ssize_t)syscall(SYS_sendmsg, fd, message, flags);
}

int connect(int fd, const struct sockaddr *address, socklen_t n)
{
	if (fails() && system_calls.kind != SHORT)
		return -1;
	if (syscall(SYS_connect, fd, address, n) < 0)
		return -1;
	if (system_calls.fake)
		system_calls.fake->connected++;
	return 0;
}

int socket(int domain, int type, int protocol)
{
	/* It is not interrupted, and does not ask to be called again. */
	if (fails() && system_calls.kind != SHORT && system_calls.kind != EINTR && system_calls.kind != EAGAIN)
		return -1;
	return (int)syscall(SYS_socket, domain, type, protocol);
}

#endif
