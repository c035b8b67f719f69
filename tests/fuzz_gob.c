/* Fuzzing what the agent's socket brings: any bytes, in pieces of any size. */
#include "../gob.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct gob_reader *r = gob_reader_new(a);
	struct err err = { .arena = a };
	struct gob_reply reply;
	size_t room, step = size ? data[0] % 64u + 1 : 1, sum = 0;
	int rc = 0;
	char *p;

	/* The first byte is the size of the pieces. */
	for (size_t at = 1; at < size && rc >= 0; ) {
		size_t n = size - at < step ? size - at : step;

		p = gob_reader_room(r, &room);
		if (room == 0)
			abort();
		n = n < room ? n : room;
		memcpy(p, data + at, n);
		gob_reader_add(r, n);
		at += n;
		while ((rc = gob_reply_next(r, &reply, &err)) == 1)
			/* Touch every byte: each must be the reader's own. */
			for (size_t i = 0; i < reply.output.n + reply.message.n + reply.error.n; i++)
				sum += (unsigned char)(i < reply.output.n ? reply.output.p[i] : i < reply.output.n + reply.message.n ?
				       reply.message.p[i - reply.output.n] : reply.error.p[i - reply.output.n - reply.message.n]);
		if (rc < 0 && err.kind != ERR_INPUT)
			abort();
	}
	arena_free(a);
	return sum == (size_t)-1;
}
