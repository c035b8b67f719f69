/* inject.c: the injector as a filter, for tests that compare it with the parsers of Prometheus and Loki.
 *
 *   inject promql|logql NAME=VALUE... < queries > answers
 *
 * Each query comes as its length in decimal, a newline, and its bytes; so does each answer, with '+' before the length if it is
 * the injected query, '-' if it is the message why the query is refused. */
#include "../../query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	struct matcher matchers[8];
	size_t n_matchers = 0, length;
	bool logql;

	if (argc < 2)
		return 2;
	logql = strcmp(argv[1], "logql") == 0;
	for (int i = 2; i < argc && n_matchers < LEN(matchers); i++) {
		char *equals = strchr(argv[i], '=');
		if (!equals)
			return 2;
		matchers[n_matchers++] = (struct matcher){ { argv[i], (size_t)(equals - argv[i]) }, str_of(equals + 1) };
	}
	while (scanf("%zu", &length) == 1 && getchar() == '\n' && length < MAX_DOCUMENT) {
		struct arena *arena = arena_new();
		struct err err = { .arena = arena };
		struct str query = { arena_alloc(arena, length + 1), length }, out;
		int rc;
		if (fread((char *)query.p, 1, length, stdin) != length)
			return 2;
		rc = (logql ? logql_inject : promql_inject)(arena, query, matchers, n_matchers, &out, &err);
		if (rc < 0)
			out = str_of(err.msg);
		printf("%c%zu\n", rc < 0 ? '-' : '+', out.n);
		fwrite(out.p, 1, out.n, stdout);
		fflush(stdout);
		arena_free(arena);
	}
	return 0;
}
