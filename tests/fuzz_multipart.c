/* fuzz_multipart.c: files out of a body from bytes; and what was read, written again, reads the same. */
#include <stdlib.h>

#include "../http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A name that http_parameter takes as it stands: what a header cannot hold is not for writing. */
static bool writable(struct str name)
{
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] == '\r' || name.p[i] == '\n' || name.p[i] == '\0')
			return false;
	return true;
}

static bool same(struct str a, struct str b)
{
	return str_eq(a, b) && (a.p == NULL) == (b.p == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct err err = { .arena = arena };
	struct str in = { (const char *)data, size }, boundary, value;
	struct part *parts, *again;
	size_t n, n_again;

	/* The first line is the Content-Type of the answer, the rest its body. */
	str_split(&in, '\n', &value);
	if (http_parameter(arena, value, "boundary", &boundary) && multipart_read(arena, in, boundary, &parts, &n, &err) == 0) {
		struct strs pieces = { 0 };
		bool whole = true;

		for (size_t i = 0; i < n; i++) {
			const char *p = parts[i].content.p;
			if (p < (const char *)data || p + parts[i].content.n > (const char *)data + size)
				abort();   /* no slice of the body */
			whole = whole && parts[i].name.p && writable(parts[i].name) && writable(parts[i].filename) && writable(parts[i].type);
		}
		if (multipart_boundary(arena, &boundary, &err) < 0)
			abort();
		multipart_write(arena, parts, n, boundary, &pieces);
		if (whole && (multipart_read(arena, strs_join(arena, &pieces, ""), boundary, &again, &n_again, &err) < 0 || n_again != n))
			abort();
		for (size_t i = 0; whole && i < n; i++)
			if (!same(parts[i].name, again[i].name) || !same(parts[i].filename, again[i].filename) ||
			    !str_eq(parts[i].content, again[i].content) || !same(parts[i].type, again[i].type))
				abort();
	}
	arena_free(arena);
	return 0;
}
