/* fuzz_http.c: a reply's head and body from bytes: whatever comes, and however it is cut, the answer is the same. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads a reply from a socket that first gets `cut` bytes of it, then the others. */
static int exchange(struct arena *arena, struct str in, size_t cut, struct http_reply *reply, struct err *err)
{
	struct stream s = { .arena = arena, .deadline = clock_ms() + 60000 };
	struct http_request rq = { .method = "GET", .target = S("/") };
	int fds[2], rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		abort();
	s.fd = fds[0];
	/* What the stream holds before the request was read too early, which is as good a cut as any. */
	s.p = arena_alloc(arena, cut + 1);
	s.cap = s.to = cut;
	for (size_t i = 0; i < cut; i++)
		s.p[i] = in.p[i];
	if (write(fds[1], in.p + cut, in.n - cut) != (ssize_t)(in.n - cut))
		abort();
	shutdown(fds[1], SHUT_WR);
	rc = http_exchange(&s, arena, &rq, reply, err);
	stream_close(&s);
	close(fds[1]);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct err err = { .arena = arena }, err_cut = { .arena = arena };
	struct str in = { (const char *)data, size };
	struct http_reply whole = { 0 }, cut = { 0 };

	/* No more than a socket holds; of the first bytes of the head none decides where it is cut. */
	if (size >= 9 && size <= 32 << 10) {
		size_t at = (data[0] + data[size - 1] * 251u) % size;
		int rc = exchange(arena, in, 0, &whole, &err), rc_cut = exchange(arena, in, at, &cut, &err_cut);

		if (rc != rc_cut || err.kind != err_cut.kind || whole.head.status != cut.head.status)
			abort();
		if (rc == 0 && (!str_eq(whole.body, cut.body) || whole.head.keep != cut.head.keep))
			abort();
		if (rc == 0 && (whole.head.status < 100 || whole.body.n > size))
			abort();
	}
	arena_free(arena);
	return 0;
}
