/* http.c: HTTP/1.1 over a unix socket, as a client: one request at a time, its reply in any number of pieces.
 *
 * Nothing here lasts longer than the stream's deadline, however slowly the other side feeds it: a hook that hangs
 * holds up every later event of its unit. */
#include "http.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "crypto.h"
#include "pebble.h"

enum {
	STREAM_BUFFER = 8 << 10,
	MAX_AT_ONCE = 1 << 20,     /* bytes of a body for which room is made because a head announces them; more has to come first */
	MAX_PIECES = 16,
	FULL_QUEUE_PAUSE = 10,     /* ms */
};

/* --- The stream. --- */

int64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits until the socket is ready for `events`, an error or a hang-up being readiness, too. */
static int stream_wait(struct stream *s, short events, struct err *err)
{
	for (;;) {
		struct pollfd fd = { .fd = s->fd, .events = events };
		int64_t left = s->deadline - clock_ms();
		int n;

		if (left <= 0)
			return err_set(err, ERR_WAITING, "no answer in time");
		n = poll(&fd, 1, (int)left);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return err_set(err, ERR_WAITING, "poll: %s", strerror(errno));
	}
}

int stream_open(struct stream *s, const char *path, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t n = strlen(path);

	if (n >= sizeof address.sun_path)
		return err_set(err, ERR_RETRY, "the socket's path is too long: %s", path);
	memcpy(address.sun_path, path, n + 1);
	s->from = s->to = 0;
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0)
		return err_set(err, ERR_WAITING, "socket: %s", strerror(errno));
	while (connect(s->fd, (struct sockaddr *)&address, sizeof address) < 0) {
		/* A unix socket does not connect later: it does at once or, with a full queue at the other side, not at all. */
		if (errno != EAGAIN && errno != EINTR) {
			err_set(err, ERR_WAITING, "%s: %s", path, strerror(errno));
			goto fail;
		}
		if (clock_ms() >= s->deadline) {
			err_set(err, ERR_WAITING, "%s: no answer in time", path);
			goto fail;
		}
		poll(NULL, 0, FULL_QUEUE_PAUSE);
	}
	return 0;
fail:
	stream_close(s);
	return -1;
}

void stream_close(struct stream *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	s->from = s->to = 0;
}

bool stream_idle(const struct stream *s)
{
	struct pollfd fd = { .fd = s->fd, .events = POLLIN };

	return s->fd >= 0 && s->from == s->to && poll(&fd, 1, 0) == 0;
}

int stream_send(struct stream *s, const struct strs *pieces, struct err *err)
{
	size_t next = 0, done = 0;   /* the first piece that is not sent, and how much of it is */

	for (;;) {
		struct iovec v[MAX_PIECES];
		struct msghdr message = { .msg_iov = v };
		ssize_t sent;
		size_t k = 0;

		while (next < pieces->n && done == pieces->v[next].n) {
			next++;
			done = 0;
		}
		if (next == pieces->n)
			return 0;
		for (size_t i = next; i < pieces->n && k < MAX_PIECES; i++, k++) {
			size_t skip = i == next ? done : 0;
			struct str rest = str_sub(pieces->v[i], skip, pieces->v[i].n);
			v[k].iov_base = (char *)(uintptr_t)rest.p;   /* sendmsg only reads */
			v[k].iov_len = rest.n;
		}
		message.msg_iovlen = k;
		sent = sendmsg(s->fd, &message, MSG_NOSIGNAL);
		if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
			return 0;   /* a server that refuses a request may answer before it has read it all */
		if (sent < 0 && errno == EAGAIN) {
			if (stream_wait(s, POLLOUT, err) < 0)
				return -1;
			continue;
		}
		if (sent < 0 && errno != EINTR)
			return err_set(err, ERR_WAITING, "send: %s", strerror(errno));
		for (size_t left = sent < 0 ? 0 : (size_t)sent; left > 0; ) {
			size_t rest = pieces->v[next].n - done, n = left < rest ? left : rest;
			left -= n;
			done += n;
			if (done == pieces->v[next].n && left > 0) {
				next++;
				done = 0;
			}
		}
	}
}

ptrdiff_t stream_fill(struct stream *s, struct err *err)
{
	if (s->from == s->to)
		s->from = s->to = 0;
	if (s->to == s->cap && s->from > 0) {
		memmove(s->p, s->p + s->from, s->to - s->from);
		s->to -= s->from;
		s->from = 0;
	}
	if (s->to == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : STREAM_BUFFER;
		char *p;

		if (cap > MAX_HTTP_HEAD)
			return err_set(err, ERR_INPUT, "a head of over %d bytes", MAX_HTTP_HEAD);
		p = arena_alloc(s->arena, cap);
		if (s->to > 0)
			memcpy(p, s->p, s->to);
		s->p = p;
		s->cap = cap;
	}
	for (;;) {
		ssize_t n = recv(s->fd, s->p + s->to, s->cap - s->to, 0);
		if (n >= 0) {
			s->to += (size_t)n;
			return n;
		}
		if (errno == EAGAIN) {
			if (stream_wait(s, POLLIN, err) < 0)
				return -1;
		} else if (errno != EINTR) {
			return err_set(err, ERR_WAITING, "recv: %s", strerror(errno));
		}
	}
}

struct str stream_bytes(const struct stream *s)
{
	return s->to > s->from ? (struct str){ s->p + s->from, s->to - s->from } : S("");
}

/* --- The head of a reply. --- */

static bool same(struct str a, const char *b)
{
	return a.n == strlen(b) && strncasecmp(a.p, b, a.n) == 0;
}

/* Whether a list like "keep-alive, Upgrade" has the word. */
static bool list_has(struct str list, const char *word)
{
	struct str item;

	while (str_split(&list, ',', &item))
		if (same(str_trim(item), word))
			return true;
	return false;
}

/* A number of at most 18 decimal digits: it fits whatever it is added to. */
static bool read_length(struct str text, int64_t *value)
{
	*value = 0;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		*value = *value * 10 + (text.p[i] - '0');
	}
	return text.n > 0 && text.n <= 18;
}

static int head_field(struct http_head *head, struct str line, struct err *err)
{
	ptrdiff_t colon = str_find(line, ':');
	struct str name, value;
	int64_t length;

	if (colon <= 0 || line.p[0] == ' ' || line.p[0] == '\t')
		return err_set(err, ERR_INPUT, "a header line without a name");
	name = str_sub(line, 0, (size_t)colon);
	value = str_trim(str_sub(line, (size_t)colon + 1, line.n));
	if (same(name, "content-length")) {
		if (!read_length(value, &length) || (head->length >= 0 && head->length != length))
			return err_set(err, ERR_INPUT, "a bad Content-Length");
		head->length = length;
	} else if (same(name, "transfer-encoding")) {
		if (!same(value, "chunked"))
			return err_set(err, ERR_INPUT, "an unknown Transfer-Encoding");
		head->chunked = true;
	} else if (same(name, "connection")) {
		if (list_has(value, "close"))
			head->keep = false;
		else if (list_has(value, "keep-alive"))
			head->keep = true;
	} else if (same(name, "content-type")) {
		head->content_type = value;
	} else if (same(name, "upgrade")) {
		head->upgrade = value;
	} else if (same(name, "sec-websocket-accept")) {
		head->accept = value;
	}
	return 0;
}

/* "HTTP/1.1 200 OK"; the words may be missing. */
static bool status_line(struct http_head *head, struct str line)
{
	struct str code = str_sub(line, 9, 12);

	if (!str_starts(line, "HTTP/1.") || line.n < 12 || line.p[8] != ' ' || (line.n > 12 && line.p[12] != ' '))
		return false;
	if (line.p[7] != '0' && line.p[7] != '1')
		return false;
	for (size_t i = 0; i < 3; i++) {
		if (code.p[i] < '0' || code.p[i] > '9')
			return false;
		head->status = head->status * 10 + (code.p[i] - '0');
	}
	head->keep = line.p[7] == '1';   /* the default of HTTP/1.1 */
	return head->status >= 100;
}

ptrdiff_t http_head_read(struct str in, struct http_head *head, struct err *err)
{
	const char *end = in.n ? memmem(in.p, in.n, "\r\n\r\n", 4) : NULL;
	struct str line, rest;
	static const char start[] = "HTTP/1.";

	*head = (struct http_head){ .length = -1 };
	/* What is no HTTP must not be waited for until the deadline. */
	if (in.n > 0 && memcmp(in.p, start, in.n < sizeof start - 1 ? in.n : sizeof start - 1) != 0)
		return err_set(err, ERR_INPUT, "the reply is no HTTP");
	if ((end ? (size_t)(end - in.p) : in.n) >= MAX_HTTP_HEAD)
		return err_set(err, ERR_INPUT, "a head of over %d bytes", MAX_HTTP_HEAD);
	if (!end)
		return 0;
	rest = str_sub(in, 0, (size_t)(end - in.p) + 1);   /* each line ends in a CR, the last one, too */
	if (!str_split(&rest, '\n', &line) || !str_ends(line, "\r") || !status_line(head, str_sub(line, 0, line.n - 1)))
		return err_set(err, ERR_INPUT, "the reply is no HTTP");
	while (str_split(&rest, '\n', &line)) {
		if (!str_ends(line, "\r"))
			return err_set(err, ERR_INPUT, "a header line that does not end as such");
		if (head_field(head, str_sub(line, 0, line.n - 1), err) < 0)
			return -1;
	}
	return end - in.p + 4;
}

/* --- A chunked body. --- */

enum { CHUNK_SIZE, CHUNK_EXTENSION, CHUNK_SIZE_LF, CHUNK_DATA, CHUNK_CR, CHUNK_LF, TRAILER_START, TRAILER, TRAILER_LF, END_LF };

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One byte around the content; the next state, or -1. */
static int chunk_byte(struct http_chunks *c, char byte)
{
	int digit;

	switch (c->state) {
	case CHUNK_SIZE:
		digit = hex_value(byte);
		if (digit >= 0) {
			c->left = c->left * 16 + (uint64_t)digit;
			c->digits = true;
			return c->left > MAX_HTTP_BODY ? -2 : CHUNK_SIZE;
		}
		if (!c->digits)
			return -1;
		if (byte == '\r')
			return CHUNK_SIZE_LF;
		return byte == ';' || byte == ' ' || byte == '\t' ? CHUNK_EXTENSION : -1;
	case CHUNK_EXTENSION:
		return byte == '\r' ? CHUNK_SIZE_LF : byte == '\n' ? -1 : CHUNK_EXTENSION;
	case CHUNK_SIZE_LF:
		c->digits = false;
		return byte != '\n' ? -1 : c->left > 0 ? CHUNK_DATA : TRAILER_START;
	case CHUNK_CR:
		return byte == '\r' ? CHUNK_LF : -1;
	case CHUNK_LF:
		c->overhead = 0;
		return byte == '\n' ? CHUNK_SIZE : -1;
	case TRAILER_START:
		return byte == '\r' ? END_LF : byte == '\n' ? -1 : TRAILER;
	case TRAILER:
		return byte == '\r' ? TRAILER_LF : byte == '\n' ? -1 : TRAILER;
	default:   /* TRAILER_LF */
		return byte == '\n' ? TRAILER_START : -1;
	}
}

static int too_large(struct err *err)
{
	return err_set(err, ERR_BLOCKED, "a reply of over %d bytes", MAX_HTTP_BODY);
}

int http_chunks_read(struct http_chunks *c, struct str *in, struct buf *out, struct err *err)
{
	while (in->n > 0) {
		if (c->state == CHUNK_DATA) {
			size_t n = in->n < c->left ? in->n : (size_t)c->left;
			if (out->n + n > MAX_HTTP_BODY)
				return too_large(err);
			buf_add(out, str_sub(*in, 0, n));
			*in = str_sub(*in, n, in->n);
			c->left -= n;
			if (c->left == 0)
				c->state = CHUNK_CR;
			continue;
		}
		char byte = in->p[0];
		*in = str_sub(*in, 1, in->n);
		if (c->state == END_LF)
			return byte == '\n' ? 1 : err_set(err, ERR_INPUT, "a bad end of a chunked body");
		c->state = chunk_byte(c, byte);
		if (c->state == -2)
			return too_large(err);
		if (c->state < 0)
			return err_set(err, ERR_INPUT, "a bad chunk");
		if (++c->overhead > MAX_HTTP_HEAD)
			return err_set(err, ERR_INPUT, "a chunk's head of over %d bytes", MAX_HTTP_HEAD);
	}
	return 0;
}

/* --- Requests and replies. --- */

static void request_head(struct buf *b, const struct http_request *rq)
{
	size_t length = 0;

	for (size_t i = 0; i < rq->body.n; i++)
		length += rq->body.v[i].n;
	buf_addf(b, "%s " FMT " HTTP/1.1\r\nHost: localhost\r\n", rq->method, ARG(rq->target));
	if (rq->accept)
		buf_addf(b, "Accept: %s\r\n", rq->accept);
	if (rq->content_type)
		buf_addf(b, "Content-Type: %s\r\n", rq->content_type);
	if (rq->body.n > 0)
		buf_addf(b, "Content-Length: %zu\r\n", length);
	if (rq->websocket_key.p)
		buf_addf(b, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " FMT "\r\n",
		         ARG(rq->websocket_key));
	buf_adds(b, "\r\n");
}

/* Reads until the head is whole; what follows it stays in the stream. Interim replies (1xx, but for the switch of the
 * protocol) announce another one. */
static int read_head(struct stream *s, struct arena *arena, struct http_head *head, struct err *err)
{
	for (;;) {
		ptrdiff_t n = http_head_read(stream_bytes(s), head, err);
		if (n < 0)
			return -1;
		if (n > 0 && (head->status >= 200 || head->status == 101)) {
			head->content_type = str_dup(arena, head->content_type);
			head->upgrade = str_dup(arena, head->upgrade);
			head->accept = str_dup(arena, head->accept);
			s->from += (size_t)n;
			return 0;
		}
		s->from += (size_t)n;
		if (n > 0)
			continue;
		n = stream_fill(s, err);
		if (n < 0)
			return -1;
		if (n == 0)
			return err_set(err, ERR_WAITING, "the connection was closed without an answer");
	}
}

static int read_body(struct stream *s, struct http_head *head, struct buf *body, struct err *err)
{
	struct http_chunks chunks = { 0 };

	if (head->status == 101 || head->status == 204 || head->status == 304)
		return 0;
	if (!head->chunked && head->length < 0)
		head->keep = false;   /* the body ends where the connection does */
	if (!head->chunked && head->length > MAX_HTTP_BODY)
		return too_large(err);
	if (!head->chunked && head->length > 0 && head->length <= MAX_AT_ONCE) {
		body->cap = (size_t)head->length;
		body->p = arena_alloc(body->arena, body->cap);
	}
	for (;;) {
		struct str in = stream_bytes(s);
		int complete;

		if (head->chunked) {
			complete = http_chunks_read(&chunks, &in, body, err);
			if (complete < 0)
				return -1;
			s->from = s->to - in.n;
		} else {
			if (head->length >= 0)
				in = str_sub(in, 0, (size_t)head->length - body->n);
			if (body->n + in.n > MAX_HTTP_BODY)
				return too_large(err);
			buf_add(body, in);
			s->from += in.n;
			complete = head->length >= 0 && body->n == (size_t)head->length;
		}
		if (complete)
			return 0;
		ptrdiff_t n = stream_fill(s, err);
		if (n < 0)
			return -1;
		if (n == 0 && !head->chunked && head->length < 0)
			return 0;
		if (n == 0)
			return err_set(err, ERR_WAITING, "the connection was closed in the middle of an answer");
	}
}

int http_send(struct stream *s, struct arena *arena, const struct http_request *rqs, size_t n, struct err *err)
{
	struct strs pieces = { 0 };

	for (size_t i = 0; i < n; i++) {
		struct buf head = { .arena = arena };

		request_head(&head, &rqs[i]);
		strs_add(arena, &pieces, buf_str(&head));
		for (size_t k = 0; k < rqs[i].body.n; k++)
			strs_add(arena, &pieces, rqs[i].body.v[k]);
	}
	if (stream_send(s, &pieces, err) == 0)
		return 0;
	stream_close(s);
	return -1;
}

int http_receive(struct stream *s, struct arena *arena, struct http_reply *reply, struct err *err)
{
	struct buf body = { .arena = arena };

	if (read_head(s, arena, &reply->head, err) < 0 || read_body(s, &reply->head, &body, err) < 0) {
		stream_close(s);
		return -1;
	}
	reply->body = buf_str(&body);
	if (!reply->head.keep && reply->head.status != 101)
		stream_close(s);
	return 0;
}

int http_exchange(struct stream *s, struct arena *arena, const struct http_request *rq, struct http_reply *reply, struct err *err)
{
	return http_send(s, arena, rq, 1, err) < 0 ? -1 : http_receive(s, arena, reply, err);
}

void http_query(struct buf *target, const char *key, struct str value)
{
	bool first = str_find(buf_str(target), '?') < 0;

	buf_addf(target, "%c%s=", first ? '?' : '&', key);
	for (size_t i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.p[i];
		if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c && strchr("-._~/", c)))
			buf_addc(target, (char)c);
		else
			buf_addf(target, "%%%02X", c);
	}
}

/* Takes "name" or "name=value" off the front of *rest, with the semicolon after it; quotes and backslashes are taken off. */
static bool next_parameter(struct arena *arena, struct str *rest, struct str *name, struct str *value)
{
	struct buf text = { .arena = arena };
	size_t i = 0;
	bool quoted = false;

	if (str_trim(*rest).n == 0)
		return false;
	while (i < rest->n && rest->p[i] != ';' && rest->p[i] != '=')
		i++;
	*name = str_trim(str_sub(*rest, 0, i));
	*value = NOSTR;
	if (i < rest->n && rest->p[i] == '=') {
		for (i++; i < rest->n && (quoted || rest->p[i] != ';'); i++) {
			if (!quoted && (rest->p[i] == ' ' || rest->p[i] == '\t'))
				continue;
			if (rest->p[i] == '"')
				quoted = !quoted;
			else if (quoted && rest->p[i] == '\\' && i + 1 < rest->n)
				buf_addc(&text, rest->p[++i]);
			else
				buf_addc(&text, rest->p[i]);
		}
		*value = buf_str(&text);
	}
	*rest = str_sub(*rest, i + 1, rest->n);
	return true;
}

bool http_parameter(struct arena *arena, struct str value, const char *name, struct str *parameter)
{
	struct str key;

	while (next_parameter(arena, &value, &key, parameter))
		if (parameter->p && same(key, name))
			return true;
	*parameter = NOSTR;
	return false;
}

/* --- multipart/form-data. --- */

/* The next delimiter, a boundary that begins a line and ends it: where the content before it ends and where the line after it
 * begins; *last: nothing follows. A longer line that only begins like it is content. */
static bool next_delimiter(struct str body, struct str line, size_t from, size_t *end, size_t *next, bool *last)
{
	while (from < body.n) {
		const char *p = memmem(body.p + from, body.n - from, line.p, line.n);
		size_t at, after;

		if (!p)
			return false;
		at = (size_t)(p - body.p);
		after = at + line.n;
		from = at + 1;
		if (at > 0 && (at < 2 || body.p[at - 2] != '\r' || body.p[at - 1] != '\n'))
			continue;
		*end = at > 0 ? at - 2 : 0;
		*last = str_starts(str_sub(body, after, body.n), "--");
		if (*last)
			return true;
		while (after < body.n && (body.p[after] == ' ' || body.p[after] == '\t'))
			after++;
		*next = after + 2;
		if (str_starts(str_sub(body, after, body.n), "\r\n"))
			return true;
	}
	return false;
}

static int read_part(struct arena *arena, struct str text, struct part *part, struct err *err)
{
	for (;;) {
		const char *end = text.n ? memmem(text.p, text.n, "\r\n", 2) : NULL;
		struct str line, value;
		ptrdiff_t colon;

		if (!end)
			return err_set(err, ERR_INPUT, "multipart: a part without an end of its head");
		line = str_sub(text, 0, (size_t)(end - text.p));
		text = str_sub(text, line.n + 2, text.n);
		if (line.n == 0)
			break;
		colon = str_find(line, ':');
		if (colon < 0)
			return err_set(err, ERR_INPUT, "multipart: a header line without a name");
		value = str_trim(str_sub(line, (size_t)colon + 1, line.n));
		line = str_sub(line, 0, (size_t)colon);
		if (same(line, "content-disposition")) {
			http_parameter(arena, value, "name", &part->name);
			http_parameter(arena, value, "filename", &part->filename);
		} else if (same(line, "content-type")) {
			part->type = value;
		}
	}
	part->content = text;
	return 0;
}

int multipart_read(struct arena *arena, struct str body, struct str boundary, struct part **parts, size_t *n, struct err *err)
{
	struct str line = str_f(arena, "--" FMT, ARG(boundary));
	size_t end, start = 0, next = 0;
	bool last = false;

	*parts = NULL;
	*n = 0;
	if (boundary.n == 0)
		return err_set(err, ERR_INPUT, "multipart: no boundary");
	if (!next_delimiter(body, line, 0, &end, &start, &last))
		return err_set(err, ERR_INPUT, "multipart: no part");
	while (!last) {
		struct part part = { 0 };

		/* The line end before a delimiter belongs to it, also when a part has no content and no blank line: hence the step back. */
		if (!next_delimiter(body, line, start - 2, &end, &next, &last))
			return err_set(err, ERR_INPUT, "multipart: the last part has no end");
		if (read_part(arena, end < start ? S("") : str_sub(body, start, end), &part, err) < 0)
			return -1;
		*parts = arena_grow(arena, *parts, *n, sizeof **parts);
		(*parts)[(*n)++] = part;
		start = next;
	}
	return 0;
}

int multipart_boundary(struct arena *arena, struct str *boundary, struct err *err)
{
	char bytes[45];

	if (crypto_kernel(bytes, sizeof bytes, err) < 0)
		return -1;
	*boundary = base64url_encode(arena, (struct str){ bytes, sizeof bytes });
	return 0;
}

static void add_quoted(struct buf *b, const char *name, struct str text)
{
	buf_addf(b, "; %s=\"", name);
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '"' || text.p[i] == '\\')
			buf_addc(b, '\\');
		buf_addc(b, text.p[i]);
	}
	buf_addc(b, '"');
}

void multipart_write(struct arena *arena, const struct part *parts, size_t n, struct str boundary, struct strs *pieces)
{
	for (size_t i = 0; i < n; i++) {
		struct buf head = { .arena = arena };

		buf_addf(&head, "%s--" FMT "\r\nContent-Disposition: form-data", i ? "\r\n" : "", ARG(boundary));
		add_quoted(&head, "name", parts[i].name);
		if (parts[i].filename.p)
			add_quoted(&head, "filename", parts[i].filename);
		if (parts[i].type.p)
			buf_addf(&head, "\r\nContent-Type: " FMT, ARG(parts[i].type));
		buf_adds(&head, "\r\n\r\n");
		strs_add(arena, pieces, buf_str(&head));
		strs_add(arena, pieces, parts[i].content);
	}
	strs_add(arena, pieces, str_f(arena, "%s--" FMT "--\r\n", n ? "\r\n" : "", ARG(boundary)));
}
