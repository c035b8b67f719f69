/* queries.h: what one case of a table of queries is checked for. */
#ifndef QUERIES_H
#define QUERIES_H

#include "test.h"

#include "../query.h"

/* The query with m="x" injected. */
static void valid(const char *query, const char *want, int (*inject)(struct arena *, struct str, const struct matcher *, size_t, struct str *,
                  struct err *))
{
	static const struct matcher matcher = { { "m", 1 }, { "x", 1 } };
	struct arena *arena = arena_new();
	struct err err = { .arena = arena };
	struct str got = NOSTR;

	CHECK(inject(arena, exact(arena, query), &matcher, 1, &got, &err) == 0, "%s: %s", query, err.msg);
	CHECK_STR(got, str_of(want));
	arena_free(arena);
}

/* The message tells the place. */
static void invalid(const char *query, const char *want, int (*inject)(struct arena *, struct str, const struct matcher *, size_t, struct str *,
                    struct err *))
{
	struct arena *arena = arena_new();
	struct err err = { .arena = arena };
	struct str got = NOSTR;

	CHECK(inject(arena, exact(arena, query), NULL, 0, &got, &err) < 0, "%s: taken as " FMT, query, ARG(got));
	CHECK(err.kind == ERR_INPUT, "%s: kind %d", query, err.kind);
	CHECK(strcmp(err.msg ? err.msg : "", want) == 0, "%s: '%s', not '%s'", query, err.msg ? err.msg : "", want);
	arena_free(arena);
}

#endif
