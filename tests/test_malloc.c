/* The allocator of the shipped program, under other names beside the C library's own. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "test.h"

static long mapped, most;   /* bytes of the kernel's, and how many there may be */
static bool fails;

static void *counted_mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
	void *p = mapped + (long)n > most && fails ? MAP_FAILED : mmap(at, n, protection, flags, fd, offset);

	mapped += p == MAP_FAILED ? 0 : (long)n;
	return p;
}

static int counted_munmap(void *p, size_t n)
{
	mapped -= (long)n;
	return munmap(p, n);
}

#undef __GLIBC__
#define mmap counted_mmap
#define munmap counted_munmap
#define malloc our_malloc
#define calloc our_calloc
#define realloc our_realloc
#define free our_free
#define aligned_alloc our_aligned_alloc
#include "../malloc.c"

enum { PIECES = 200, TURNS = 20000 };
static struct { unsigned char *p; size_t n; unsigned char fill; } held[PIECES];

static unsigned chance(unsigned below)
{
	static uint32_t state = 1;

	state = state * 1664525 + 1013904223;
	return (unsigned)(((uint64_t)state * below) >> 32);
}

static bool holds(const unsigned char *p, size_t n, unsigned char fill)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != fill)
			return false;
	return true;
}

/* Pieces come, grow and go in any order; none loses a byte to another, and calloc's are zeros also where others were before. */
static void check_pieces(void)
{
	for (int turn = 0; turn < TURNS; turn++) {
		size_t i = chance(PIECES), n = chance(100) ? (size_t)1 << chance(11) : (size_t)100000 + chance(200000);

		n += chance((unsigned)n + 1);
		if (!held[i].p) {
			bool zeros = chance(2);

			held[i].p = zeros ? calloc(n, 1) : malloc(n);
			CHECK(held[i].p && (uintptr_t)held[i].p % _Alignof(max_align_t) == 0, "%zu bytes at %p", n, (void *)held[i].p);
			CHECK(!zeros || holds(held[i].p, n, 0), "%zu bytes of calloc are not zeros", n);
		} else {
			CHECK(holds(held[i].p, held[i].n, held[i].fill), "%zu bytes have changed", held[i].n);
			if (chance(2)) {
				free(held[i].p);
				held[i].p = NULL;
				continue;
			}
			held[i].p = realloc(held[i].p, n);
			CHECK(held[i].p && holds(held[i].p, n < held[i].n ? n : held[i].n, held[i].fill), "moved from %zu to %zu", held[i].n, n);
		}
		held[i].n = n;
		held[i].fill = (unsigned char)(1 + chance(255));
		memset(held[i].p, held[i].fill, n);
	}
	for (size_t i = 0; i < PIECES; i++) {
		free(held[i].p);
		held[i].p = NULL;
	}
}

int main(void)
{
	char *first, *second;
	long before;

	check_pieces();
	/* What was given back is taken again: another round asks the kernel for little, and large pieces are gone. */
	before = mapped;
	CHECK(before % BLOCK == 0 && before < 8 * BLOCK, "%ld bytes are still mapped", before);
	check_pieces();
	CHECK(mapped - before <= 2 * BLOCK, "%ld bytes more the second time", mapped - before);

	first = malloc(100);
	free(first);
	second = malloc(112);
	CHECK(first == second, "the piece given back last is not the next");
	CHECK(realloc(second, 40) == second && realloc(second, 112) == second, "it moved where there was room");
	CHECK(realloc(second, 113) != second, "it did not move");
	second = realloc(NULL, 24);
	CHECK(second != NULL, "realloc of nothing is malloc");
	before = mapped;
	first = malloc(LARGE);
	CHECK(mapped == before + 2 * LARGE, "a large piece is mapped by itself: %ld", mapped - before);
	free(first);
	CHECK(mapped == before, "and unmapped");
	free(NULL);

	fails = true;
	most = mapped;
	CHECK(!malloc(LARGE) && errno == ENOMEM, "a large piece without memory");
	errno = 0;
	first = NULL;
	for (size_t i = 0; i < 2 * BLOCK / 65536 && (first = malloc(65536 - 64)); i++)
		;
	CHECK(!first && errno == ENOMEM, "small pieces without memory");
	CHECK(!malloc(65536 - 64) && !realloc(second, LARGE) && !calloc(1000, 1000), "nor after it");
	fails = false;
	CHECK(malloc(65536 - 64) != NULL, "memory is there again");
	errno = 0;
	CHECK(!malloc(SIZE_MAX) && errno == ENOMEM && !malloc(SIZE_MAX / 2) && !malloc(PTRDIFF_MAX), "more than there can be");
	CHECK(!calloc(SIZE_MAX / 2, 3) && !calloc(SIZE_MAX / 8 + 2, 8), "an overflow");
	CHECK(aligned_alloc(_Alignof(max_align_t), 5) != NULL, "the usual alignment");
	errno = 0;
	CHECK(!aligned_alloc(64, 5) && errno == ENOMEM, "another alignment");
	return TEST_END();
}
