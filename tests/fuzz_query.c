/* fuzz_query.c: any bytes as a PromQL and as a LogQL query, and as a regular expression. What was taken once is taken again after the
 * injection, and without matchers nothing changes. */
#include "../query.h"
#include "../regexp.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try(int (*inject)(struct arena *, struct str, const struct matcher *, size_t, struct str *, struct err *), struct str query)
{
	static const struct matcher matcher = { { "m", 1 }, { "x\"\\", 3 } };
	struct arena *arena = arena_new();
	struct err err = { .arena = arena };
	struct str once, twice;

	if (inject(arena, query, NULL, 0, &once, &err) == 0) {
		if (!str_eq(once, query) || inject(arena, query, &matcher, 1, &once, &err) < 0)
			abort();
		if (once.n <= MAX_QUERY && inject(arena, once, &matcher, 1, &twice, &err) < 0)
			abort();
		if (once.n <= MAX_QUERY && twice.n - once.n != once.n - query.n && str_find(query, '{') < 0 && str_find(once, '{') < 0)
			abort();
	} else if (err.kind != ERR_INPUT || !err.msg) {
		abort();
	}
	arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };
	bool empty;

	try(promql_inject, text);
	try(logql_inject, text);
	regexp_check(text, &empty);
	return 0;
}
