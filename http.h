/* http.h: HTTP/1.1 as a client of one unix socket needs it: a stream with a deadline, requests out, replies in, and
 * multipart/form-data both ways.
 *
 * The readers are pure and take any split of their input: what they are given may end anywhere, also in the middle
 * of a line. The limits are those of pebble.h. */
#ifndef HTTP_H
#define HTTP_H

#include "data.h"

/* --- A connected socket, with a deadline for all that is done with it. --- */
struct stream {
	struct arena *arena;     /* of the buffer, which grows with the longest head and is kept from request to request */
	int      fd;             /* -1: not connected */
	int64_t  deadline;       /* on clock_ms(); nothing here lasts longer */
	char    *p;              /* what was read and not used yet is p[from] to p[to - 1] */
	size_t   from, to, cap;
};
int64_t clock_ms(void);      /* CLOCK_MONOTONIC */
/* The socket is non-blocking and closed on exec. Nobody there, or not in time: ERR_WAITING. A path too long: ERR_RETRY. */
int  stream_open(struct stream *, const char *path, struct err *);
void stream_close(struct stream *);                          /* once or twice or never opened: all fine */
/* A kept connection may have been closed by the other side meanwhile; one with bytes that nobody asked for is of no use either. */
bool stream_idle(const struct stream *);
/* Sends all the pieces, or as many as the other side takes before it closes: it may have answered already. */
int  stream_send(struct stream *, const struct strs *pieces, struct err *);
/* Reads once, waiting for it: the bytes that came, 0 at the end, -1 with ERR_WAITING. ERR_INPUT: the buffer is at its limit. */
ptrdiff_t stream_fill(struct stream *, struct err *);
struct str stream_bytes(const struct stream *);              /* read and not used; until the next stream_fill */

/* --- Replies. --- */
struct http_head {
	int        status;
	int64_t    length;                /* Content-Length; -1: not given */
	bool       chunked;
	bool       keep;                  /* the connection may be used again */
	struct str content_type;          /* NOSTR when absent; slices of what was read, like the following two */
	struct str upgrade, accept;       /* of a websocket handshake */
};
/* Bytes of a whole head at the start of `in`; 0 if more are needed; -1 with ERR_INPUT if it can never be one. */
ptrdiff_t http_head_read(struct str in, struct http_head *, struct err *);

struct http_chunks { int state; uint64_t left; size_t overhead; bool digits; };   /* all zero at the start */
/* Takes a chunked body's bytes off *in and adds the content to `out`. 1: the body is complete and *in is what follows;
 * 0: all was used and more is needed; -1 with ERR_INPUT. A body over MAX_HTTP_BODY: ERR_BLOCKED. */
int http_chunks_read(struct http_chunks *, struct str *in, struct buf *out, struct err *);

struct http_request {
	const char *method;
	struct str  target;               /* path and query */
	const char *accept, *content_type; /* NULL: none */
	struct str  websocket_key;        /* NOSTR: no handshake */
	struct strs body;                 /* pieces, sent as they lie */
};
struct http_reply { struct http_head head; struct str body; };   /* the head's texts are copies */
/* n requests at once on a connected stream, without waiting for a reply. ERR_WAITING, and the stream is closed. */
int http_send(struct stream *, struct arena *, const struct http_request *, size_t n, struct err *);
/* The reply to the first request that had none. The stream is closed afterwards unless it can be used again, and then the replies to
 * requests sent since are lost. A 101 leaves it open: what stream_bytes then has belongs to the new protocol. ERR_WAITING or, for what
 * is no HTTP, ERR_INPUT. */
int http_receive(struct stream *, struct arena *, struct http_reply *, struct err *);
/* Both: one request and its reply. */
int http_exchange(struct stream *, struct arena *, const struct http_request *, struct http_reply *, struct err *);

/* Adds "?key=value" or "&key=value", percent-encoded. */
void http_query(struct buf *target, const char *key, struct str value);
/* A parameter of a header's value, as boundary in "multipart/form-data; boundary=x"; quotes taken off. False: there is none. */
bool http_parameter(struct arena *, struct str value, const char *name, struct str *parameter);

/* --- multipart/form-data. --- */
struct part { struct str name, filename, type, content; };   /* NOSTR: no filename, no Content-Type */
/* The parts' contents are slices of `body` and may hold any bytes. ERR_INPUT. */
int multipart_read(struct arena *, struct str body, struct str boundary, struct part **, size_t *n, struct err *);
/* A boundary that no content holds: chance, which nobody could foresee. ERR_RETRY as crypto_kernel. */
int multipart_boundary(struct arena *, struct str *boundary, struct err *);
/* The body as pieces to send: the contents are not copied. */
void multipart_write(struct arena *, const struct part *, size_t n, struct str boundary, struct strs *pieces);

#endif
