/* malloc.c: the C library's allocator, made for a process of milliseconds and one thread.
 *
 * libyaml and cJSON take and give back thousands of small pieces, and libyaml 70 kB of buffers for each text. musl's own allocator maps
 * and unmaps those buffers each time, so that every text begins with fresh pages, and its guarded bookkeeping is a fifth of all
 * instructions of a hook that changes nothing. Here a piece is a power of two, and the one given back last is the next to be taken: its
 * pages are there and warm.
 *
 * Only in the program as it is shipped: glibc, which the tests and sanitizers use, keeps its own. */
#include <stdlib.h>

#ifndef __GLIBC__

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum {
	SMALLEST = 32,        /* bytes of the smallest piece, with its head */
	SIZES    = sizeof (size_t) * 8 - 5,   /* powers of two from there on */
	LARGE    = 128 << 10, /* pieces from here on are mapped by themselves, and unmapped again */
	BLOCK    = 1 << 20,   /* what the others are cut from; memory only where it is used */
};

struct piece {
	size_t size;          /* SMALLEST << size bytes */
	struct piece *next;   /* of those given back */
	max_align_t bytes[];
};

/* The only state that no argument brings: malloc's interface has no room for it. */
static struct {
	char *from, *to;      /* what is left of the latest block, all zeros */
	struct piece *given_back[SIZES];
} heap;

static size_t whole_of(size_t size)
{
	return (size_t)SMALLEST << size;
}

static void *map(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* A new piece, all zeros; NULL when there is no memory. */
static struct piece *cut(size_t size)
{
	size_t whole = whole_of(size);
	struct piece *p;

	if (whole >= LARGE) {
		p = map(whole);
	} else {
		if ((size_t)(heap.to - heap.from) < whole) {
			heap.from = map(BLOCK);
			heap.to = heap.from ? heap.from + BLOCK : NULL;
		}
		p = (struct piece *)(void *)heap.from;
		heap.from += p ? whole : 0;
	}
	if (p)
		p->size = size;
	return p;
}

/* A piece with room for n bytes, NULL when there is no memory; *fresh: they are all zeros. */
static struct piece *take(size_t n, bool *fresh)
{
	struct piece *p = NULL;
	size_t size = 0;

	while (size < SIZES && whole_of(size) - sizeof *p < n)
		size++;
	*fresh = size < SIZES && !heap.given_back[size];
	if (*fresh) {
		p = cut(size);
	} else if (size < SIZES) {
		p = heap.given_back[size];
		heap.given_back[size] = p->next;
	}
	if (!p)
		errno = ENOMEM;
	return p;
}

static struct piece *piece_of(void *bytes)
{
	return (struct piece *)(void *)((char *)bytes - offsetof(struct piece, bytes));
}

void *malloc(size_t n)
{
	bool fresh;
	struct piece *p = take(n, &fresh);

	return p ? p->bytes : NULL;
}

void *calloc(size_t count, size_t size)
{
	size_t n;
	bool fresh;
	struct piece *p = take(__builtin_mul_overflow(count, size, &n) ? SIZE_MAX : n, &fresh);

	if (p && !fresh)
		memset(p->bytes, 0, n);
	return p ? p->bytes : NULL;
}

void free(void *bytes)
{
	struct piece *p = bytes ? piece_of(bytes) : NULL;

	if (!p)
		return;
	if (whole_of(p->size) >= LARGE) {
		munmap(p, whole_of(p->size));
		return;
	}
	p->next = heap.given_back[p->size];
	heap.given_back[p->size] = p;
}

void *realloc(void *bytes, size_t n)
{
	size_t room = bytes ? whole_of(piece_of(bytes)->size) - sizeof (struct piece) : 0;
	void *moved;

	if (bytes && n <= room)
		return bytes;
	moved = malloc(n);
	if (moved && bytes) {
		memcpy(moved, bytes, room);
		free(bytes);
	}
	return moved;
}

/* Nobody here asks for more than malloc aligns to; but musl's own would hand out what free() above does not know. */
void *aligned_alloc(size_t alignment, size_t n)
{
	if (alignment <= _Alignof(max_align_t))
		return malloc(n);
	errno = ENOMEM;
	return NULL;
}

#endif
