/* test.h: the whole test library: a check that counts, says what differs, and goes on.
 *
 * A few macros instead of a library: the tests build with the same compilers, flags and libc as the program, on every architecture,
 * and need nothing fetched. A test program ends with TEST_END, which prints "N passed, N failed" for build.sh to add up. */
#ifndef TEST_H
#define TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../data.h"

static int test_passed, test_failed;

#define CHECK(condition, ...) do { \
		if (condition) { \
			test_passed++; \
		} else { \
			test_failed++; \
			printf("%s:%d: %s: ", __FILE__, __LINE__, #condition); \
			printf(__VA_ARGS__); \
			printf("\n"); \
		} \
	} while (0)

#define CHECK_STR(got, want) do { \
		struct str got_ = (got), want_ = (want); \
		CHECK(str_eq(got_, want_), "got '" FMT "', want '" FMT "'", ARG(got_), ARG(want_)); \
	} while (0)

/* The tree of a test's own YAML, which is right. */
static inline struct node *test_tree(struct arena *a, struct str text)
{
	struct err err = { .arena = a };
	struct node *node;

	if (yaml_parse(a, text, "test", &node, &err) < 0) {
		printf("%s\n", err.msg);
		exit(1);
	}
	return node;
}

/* The text in memory that ends with it, without a NUL: the sanitizers see who reads on. */
static inline struct str exact(struct arena *a, const char *text)
{
	size_t n = text ? strlen(text) : 0;

	return text ? (struct str){ memcpy(arena_alloc(a, n), text, n), n } : NOSTR;
}

#define TEST_END() (printf("%d passed, %d failed\n", test_passed, test_failed), test_failed != 0)

#endif
