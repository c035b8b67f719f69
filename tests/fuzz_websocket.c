/* fuzz_websocket.c: frames from bytes, whole and cut: the same events, within the limits. */
#include <stdlib.h>

#include "../pebble.h"
#include "../websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The events as one text, adjoining data as one piece. */
static int read_all(struct arena *arena, struct str in, size_t cut, struct buf *out, struct err *err)
{
	struct websocket_reader reader = { .text.arena = arena };
	struct str pieces[] = { str_sub(in, 0, cut), str_sub(in, cut, in.n) };
	struct websocket_event event;
	int rc = 0;

	for (size_t i = 0; i < LEN(pieces) && rc == 0; i++) {
		while ((rc = websocket_read(&reader, &pieces[i], &event, err)) > 0) {
			if (event.bytes.n > (event.kind == WEBSOCKET_DATA ? in.n : event.kind == WEBSOCKET_TEXT ? MAX_MESSAGE : WEBSOCKET_CONTROL))
				abort();
			if (event.kind != WEBSOCKET_DATA)
				buf_addf(out, "<%d %zu>", (int)event.kind, event.bytes.n);
			buf_add(out, event.bytes);
		}
		if (rc == 0 && pieces[i].n > 0)
			abort();   /* nothing may be left over */
	}
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct err err = { .arena = arena };
	struct buf whole = { .arena = arena }, cut = { .arena = arena };
	struct str in = { (const char *)data, size };
	int rc = read_all(arena, in, size, &whole, &err);

	for (size_t at = 0; at < size && at < 20; at++) {
		cut.n = 0;
		if (read_all(arena, in, at, &cut, &err) != rc || !str_eq(buf_str(&whole), buf_str(&cut)))
			abort();
	}
	arena_free(arena);
	return 0;
}
