/* data.c: the arena, strings with a length, errors with context, files of this machine. */
#include "data.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- Arena --- */

/* A chunk is address space, of which only the pages that are used become memory; one or two of them do for a whole hook. */
enum { CHUNK = 256 << 10, ALIGN = 16 };

/* Under AddressSanitizer each block ends where its bytes end, and a guard follows: a step too far is as loud as in memory of malloc. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GUARDED
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define GUARDED
#endif
#ifdef GUARDED
#include <sanitizer/asan_interface.h>
enum { GUARD = ALIGN, EXACT = 64 };   /* bytes; an array grows by one item at a time up to so many */
#endif

struct chunk {
	struct chunk *next;
	size_t used, size;
	max_align_t bytes[];
};
struct arena { struct chunk *chunks; };

_Noreturn void arena_exhausted(void)
{
	static const char line[] = "dispatch: out of memory\n";

	if (write(STDERR_FILENO, line, sizeof line - 1) < 0)
		_exit(1);
	_exit(1);
}

struct arena *arena_new(void)
{
	struct arena *a = calloc(1, sizeof *a);

	if (!a)
		arena_exhausted();
	return a;
}

void arena_free(struct arena *a)
{
	for (struct chunk *c = a->chunks, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	free(a);
}

void *arena_alloc(struct arena *a, size_t size)
{
	struct chunk *c = a->chunks;
	char *p;

	if (size > SIZE_MAX / 2)
		arena_exhausted();
#ifdef GUARDED
	size_t own = size;

	size += GUARD;
#endif
	size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (!c || c->size - c->used < size) {
		size_t room = size > CHUNK / 4 ? size : CHUNK;

		/* calloc: fresh pages are zero already, and are touched only when they are used. */
		c = calloc(1, sizeof *c + room);
		if (!c)
			arena_exhausted();
		c->size = room;
		if (a->chunks && room != CHUNK) {
			/* A large block goes behind the open chunk, whose rest stays in use. */
			c->next = a->chunks->next;
			a->chunks->next = c;
		} else {
			c->next = a->chunks;
			a->chunks = c;
		}
	}
	p = (char *)c->bytes + c->used;
	c->used += size;
#ifdef GUARDED
	ASAN_POISON_MEMORY_REGION(p + own, size - own);
#endif
	return p;
}

void *arena_grow(struct arena *a, void *items, size_t count, size_t size)
{
	void *grown;

#ifdef GUARDED
	if (count < EXACT) {
		grown = arena_alloc(a, (count + 1) * size);
		if (count)
			memcpy(grown, items, count * size);
		return grown;
	}
#endif
	if (count & (count - 1) || (count && count < 4))
		return items;   /* between two capacities: 0 (4 at first), 4, 8, 16, ... */
	grown = arena_alloc(a, (count ? count * 2 : 4) * size);
	if (count)
		memcpy(grown, items, count * size);
	return grown;
}

/* --- Strings --- */

struct str str_of(const char *c_string)
{
	return c_string ? (struct str){ c_string, strlen(c_string) } : NOSTR;
}

struct str str_dup(struct arena *a, struct str s)
{
	char *p;

	if (!s.p)
		return s;
	p = arena_alloc(a, s.n + 1);
	memcpy(p, s.p, s.n);
	return (struct str){ p, s.n };
}

char *str_c(struct arena *a, struct str s)
{
	char *p = arena_alloc(a, s.n + 1);

	if (s.n)
		memcpy(p, s.p, s.n);
	return p;
}

struct str str_vf(struct arena *a, const char *fmt, va_list args)
{
	char shorter[256], *p;   /* most texts are: printed once, not first for their length */
	va_list again;
	int n;

	va_copy(again, args);
	n = vsnprintf(shorter, sizeof shorter, fmt, again);
	va_end(again);
	if (n < 0)
		return S("");   /* only a text over 2 GiB; none gets past the limits */
	p = arena_alloc(a, (size_t)n + 1);
	if ((size_t)n < sizeof shorter)
		memcpy(p, shorter, (size_t)n);
	else
		vsnprintf(p, (size_t)n + 1, fmt, args);
	return (struct str){ p, (size_t)n };
}

struct str str_f(struct arena *a, const char *fmt, ...)
{
	va_list args;
	struct str s;

	va_start(args, fmt);
	s = str_vf(a, fmt, args);
	va_end(args);
	return s;
}

bool str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool str_is(struct str s, const char *c_string)
{
	size_t i = 0;

	if (!c_string)
		return s.n == 0;
	/* Most comparisons, with one word after another, end with the first letter. */
	while (i < s.n && c_string[i] && c_string[i] == s.p[i])
		i++;
	return i == s.n && !c_string[i];
}

int str_cmp(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n ? memcmp(a.p, b.p, n) : 0;

	return order ? order : (a.n > b.n) - (a.n < b.n);
}

bool str_starts(struct str s, const char *prefix)
{
	size_t i = 0;

	while (i < s.n && prefix[i] && prefix[i] == s.p[i])
		i++;
	return !prefix[i];
}

bool str_ends(struct str s, const char *suffix)
{
	size_t n = strlen(suffix);

	return s.n >= n && (n == 0 || memcmp(s.p + s.n - n, suffix, n) == 0);
}

bool str_contains(struct str s, struct str part)
{
	return part.n == 0 || (s.n >= part.n && memmem(s.p, s.n, part.p, part.n));
}

struct str str_sub(struct str s, size_t from, size_t to)
{
	if (to > s.n)
		to = s.n;
	if (from > to)
		from = to;
	return (struct str){ s.p ? s.p + from : "", to - from };
}

ptrdiff_t str_find(struct str s, char c)
{
	const char *at = s.n ? memchr(s.p, c, s.n) : NULL;

	return at ? at - s.p : -1;
}

ptrdiff_t str_rfind(struct str s, char c)
{
	const char *at = s.n ? memrchr(s.p, c, s.n) : NULL;

	return at ? at - s.p : -1;
}

bool str_split(struct str *rest, char sep, struct str *part)
{
	ptrdiff_t at;

	if (!rest->p)
		return false;
	at = str_find(*rest, sep);
	if (at < 0) {
		*part = *rest;
		*rest = NOSTR;
	} else {
		*part = str_sub(*rest, 0, (size_t)at);
		*rest = str_sub(*rest, (size_t)at + 1, rest->n);
	}
	return true;
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
	size_t from = 0, to = s.n;

	while (from < to && is_space(s.p[from]))
		from++;
	while (to > from && is_space(s.p[to - 1]))
		to--;
	return str_sub(s, from, to);
}

struct str str_lower(struct arena *a, struct str s)
{
	char *p = str_c(a, s);

	for (size_t i = 0; i < s.n; i++)
		if (p[i] >= 'A' && p[i] <= 'Z')
			p[i] += 'a' - 'A';
	return (struct str){ p, s.n };
}

struct str str_upper(struct arena *a, struct str s)
{
	char *p = str_c(a, s);

	for (size_t i = 0; i < s.n; i++)
		if (p[i] >= 'a' && p[i] <= 'z')
			p[i] -= 'a' - 'A';
	return (struct str){ p, s.n };
}

struct str str_replace(struct arena *a, struct str s, char from, char to)
{
	char *p = str_c(a, s);

	for (size_t i = 0; i < s.n; i++)
		if (p[i] == from)
			p[i] = to;
	return (struct str){ p, s.n };
}

bool str_int(struct str s, int64_t *value)
{
	bool negative = s.n && s.p[0] == '-';
	size_t i = s.n && (s.p[0] == '-' || s.p[0] == '+');
	int64_t v = 0;

	if (i == s.n)
		return false;
	for (; i < s.n; i++) {
		int digit = s.p[i] - '0';

		/* Counted downwards: the smallest number has no positive twin. */
		if (digit < 0 || digit > 9 || __builtin_mul_overflow(v, 10, &v) || __builtin_sub_overflow(v, digit, &v))
			return false;
	}
	if (!negative && v == INT64_MIN)
		return false;
	*value = negative ? v : -v;
	return true;
}

/* The code point at *i, which moves past it; -1 where the bytes are no UTF-8. */
int32_t utf8_next(struct str s, size_t *i)
{
	static const int32_t smallest[] = { 0, 0x80, 0x800, 0x10000 };
	unsigned char c = (unsigned char)s.p[*i];
	int more = c < 0x80 ? 0 : c < 0xc0 ? -1 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : c < 0xf8 ? 3 : -1;
	int32_t code = more <= 0 ? c : c & (0x3f >> more);

	if (more < 0 || s.n - *i <= (size_t)more)
		return -1;
	for (int k = 1; k <= more; k++) {
		unsigned char next = (unsigned char)s.p[*i + (size_t)k];

		if ((next & 0xc0) != 0x80)
			return -1;
		code = code << 6 | (next & 0x3f);
	}
	if (code < smallest[more] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return -1;
	*i += (size_t)more + 1;
	return code;
}

bool utf8_valid(struct str s)
{
	for (size_t i = 0; i < s.n; )
		if ((unsigned char)s.p[i] < 0x80)
			i++;
		else if (utf8_next(s, &i) < 0)
			return false;
	return true;
}

void strs_add(struct arena *a, struct strs *list, struct str s)
{
	list->v = arena_grow(a, list->v, list->n, sizeof *list->v);
	list->v[list->n++] = s;
}

bool strs_has(const struct strs *list, struct str s)
{
	for (size_t i = 0; i < list->n; i++)
		if (str_eq(list->v[i], s))
			return true;
	return false;
}

struct str strs_join(struct arena *a, const struct strs *list, const char *separator)
{
	struct buf b = { .arena = a };

	for (size_t i = 0; i < list->n; i++) {
		if (i)
			buf_adds(&b, separator);
		buf_add(&b, list->v[i]);
	}
	return buf_str(&b);
}

/* --- A text under construction --- */

static char *buf_room(struct buf *b, size_t n)
{
	if (b->cap - b->n < n) {
		size_t cap = b->cap ? b->cap : 64;
		char *p;

		while (cap - b->n < n)
			cap *= 2;
		p = arena_alloc(b->arena, cap);
		if (b->n)
			memcpy(p, b->p, b->n);
		b->p = p;
		b->cap = cap;
	}
	return b->p + b->n;
}

void buf_add(struct buf *b, struct str s)
{
	if (!s.n)
		return;
	memcpy(buf_room(b, s.n), s.p, s.n);
	b->n += s.n;
}

void buf_adds(struct buf *b, const char *c_string)
{
	buf_add(b, str_of(c_string));
}

void buf_addc(struct buf *b, char c)
{
	*buf_room(b, 1) = c;
	b->n++;
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	buf_add(b, str_vf(b->arena, fmt, args));
	va_end(args);
}

struct str buf_str(const struct buf *b)
{
	return b->n ? (struct str){ b->p, b->n } : S("");
}

/* --- Errors --- */

int (err_set)(struct err *err, enum err_kind kind, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	err->msg = str_vf(err->arena, fmt, args).p;
	va_end(args);
	err->kind = kind;
	return -1;
}

int (err_wrap)(struct err *err, const char *fmt, ...)
{
	struct str context;
	va_list args;

	va_start(args, fmt);
	context = str_vf(err->arena, fmt, args);
	va_end(args);
	err->msg = str_f(err->arena, FMT ": %s", ARG(context), err->msg).p;
	return -1;
}

void err_clear(struct err *err)
{
	err->kind = ERR_NONE;
	err->msg = NULL;
}

/* --- Files of this machine --- */

/* What ENXIO means here: a socket cannot be opened, and a pipe or a device shall not be read. */
static const char not_regular[] = "not a regular file";

static int file_read_all(struct arena *a, int fd, size_t size, size_t max, struct str *content)
{
	struct buf b = { .arena = a };

	/* One byte more than the size, so that the usual file ends with the second read, for which there is room already. */
	for (size_t want = size + 1; ; want = b.cap > b.n ? b.cap - b.n : 64 << 10) {
		ssize_t got;

		if (want > max + 1 - b.n)
			want = max + 1 - b.n;
		got = read(fd, buf_room(&b, want), want);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		b.n += (size_t)got;
		if (b.n > max) {
			errno = EFBIG;
			return -1;
		}
		if (!got)
			break;
	}
	*content = buf_str(&b);
	return 0;
}

static int path_read(struct arena *a, const char *path, size_t max, bool streams, struct str *content, bool *found, struct err *err)
{
	/* Nobody may ever write to a pipe: opening one must not wait for that. */
	int fd, rc = -1, flags = O_RDONLY | O_CLOEXEC | (streams ? 0 : O_NONBLOCK);
	struct stat st;

	*found = false;
	do
		fd = open(path, flags);
	while (fd < 0 && errno == EINTR);   /* of a network's file system */
	if (fd < 0)
		return errno == ENOENT ? 0 : err_set(err, ERR_INPUT, "%s: %s", path, errno == ENXIO ? not_regular : strerror(errno));
	if (fstat(fd, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			errno = EISDIR;
		else if (S_ISREG(st.st_mode) && (uint64_t)st.st_size > max)
			errno = EFBIG;
		else if (!S_ISREG(st.st_mode) && !streams)
			errno = ENXIO;
		else
			rc = file_read_all(a, fd, S_ISREG(st.st_mode) ? (size_t)st.st_size : 4095, max, content);
	}
	if (rc < 0 && errno == EFBIG)
		err_set(err, ERR_INPUT, "%s: more than %zu bytes", path, max);
	else if (rc < 0)
		err_set(err, ERR_INPUT, "%s: %s", path, errno == ENXIO ? not_regular : strerror(errno));
	close(fd);
	*found = rc == 0;
	return rc;
}

int file_read(struct arena *a, const char *path, size_t max, struct str *content, bool *found, struct err *err)
{
	return path_read(a, path, max, false, content, found, err);
}

int input_read(struct arena *a, const char *path, size_t max, struct str *content, bool *found, struct err *err)
{
	return path_read(a, path, max, true, content, found, err);
}

int file_write(struct arena *a, const char *path, struct str content, unsigned mode, struct err *err)
{
	struct str name = str_f(a, "%s.%ld~", path, (long)getpid());
	int fd = open(name.p, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	size_t done = 0;

	if (fd < 0)
		return err_set(err, ERR_INPUT, "%s: %s", path, strerror(errno));
	while (done < content.n) {
		ssize_t n = write(fd, content.p + done, content.n - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			goto fail;
		done += (size_t)n;
	}
	if (fchmod(fd, mode) < 0)
		goto fail;
	/* A full disk may show only now. */
	if (close(fd) < 0) {
		fd = -1;
		goto fail;
	}
	fd = -1;
	if (rename(name.p, path) == 0)
		return 0;
fail:
	err_set(err, ERR_INPUT, "%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	unlink(name.p);
	return -1;
}
