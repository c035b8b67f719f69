/* zip.c: the zip writer: local headers with their data, then the central directory, then its end record.
 *
 * An archive depends on nothing but its members: dates are fixed, the order is by name, and the compression's level and window are
 * constants. Juju extracts each member with the mode that the central directory has; that is why the Unix fields are here. */
#define ZLIB_CONST
#include "zip.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
	/* Of an executable of 747 kB: stored 747 kB; level 1 364 kB in 19 ms of CPU; 4: 346 kB in 26 ms; 6: 340 kB in 53 ms. Charms are
	 * copied to controllers and units more often than they are packed, so compression is worth it, but not more than this. */
	DEFLATE_LEVEL  = 4,
	FIRST_DATE     = 1 << 5 | 1,      /* 1980-01-01 in DOS form: years since 1980, month, day */
	NEEDED_VERSION = 20,              /* 2.0: deflate */
	MADE_BY        = 3 << 8 | 20,     /* Unix, 2.0: the upper half of the attributes is a mode */
	UTF8_NAMES     = 1 << 11,
	STORED         = 0,
	DEFLATED       = 8,
	REGULAR_FILE   = 0100000,
};

struct entry {
	const struct zip_member *member;
	struct str data;          /* as it is in the archive */
	int        method;
	uint32_t   crc, offset;
};

static void put16(struct buf *b, unsigned v)
{
	buf_addc(b, (char)(v & 0xff));
	buf_addc(b, (char)(v >> 8 & 0xff));
}

static void put32(struct buf *b, uint32_t v)
{
	put16(b, v & 0xffff);
	put16(b, v >> 16);
}

static void *from_arena(void *arena, unsigned count, unsigned size)
{
	return arena_alloc(arena, (size_t)count * size);
}

static void to_nowhere(void *arena, void *memory)
{
	(void)arena;
	(void)memory;
}

/* Raw deflate; NOSTR where it is not shorter than the content. */
static struct str deflated(struct arena *a, struct str content)
{
	z_stream z = { .zalloc = from_arena, .zfree = to_nowhere, .opaque = a };
	char *out;
	int rc;

	if (content.n < 2)
		return NOSTR;
	/* With memory from the arena and constant parameters neither call can fail; a full output buffer is how "not shorter" shows. */
	if (deflateInit2(&z, DEFLATE_LEVEL, Z_DEFLATED, -MAX_WBITS, MAX_MEM_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
		return NOSTR;
	out = arena_alloc(a, content.n - 1);
	z.next_in = (const Bytef *)content.p;
	z.avail_in = (uInt)content.n;
	z.next_out = (Bytef *)out;
	z.avail_out = (uInt)(content.n - 1);
	rc = deflate(&z, Z_FINISH);
	return rc == Z_STREAM_END ? (struct str){ out, z.total_out } : NOSTR;
}

/* Fields that the local header and the central directory share. */
static void put_common(struct buf *b, const struct entry *e)
{
	put16(b, NEEDED_VERSION);
	put16(b, UTF8_NAMES);
	put16(b, (unsigned)e->method);
	put16(b, 0);
	put16(b, FIRST_DATE);
	put32(b, e->crc);
	put32(b, (uint32_t)e->data.n);
	put32(b, (uint32_t)e->member->content.n);
	put16(b, (unsigned)e->member->name.n);
	put16(b, 0);              /* no extra field */
}

static bool name_valid(struct str name)
{
	struct str rest = name, part;

	if (!name.n || name.n > MAX_ZIP_NAME || !utf8_valid(name) || str_find(name, '\\') >= 0)
		return false;
	while (str_split(&rest, '/', &part))
		if (!part.n || str_is(part, ".") || str_is(part, ".."))
			return false;
	/* A NUL would end the name for some readers, and a slash at the end makes it a folder. */
	return memchr(name.p, '\0', name.n) == NULL && name.p[name.n - 1] != '/';
}

static int by_name(const void *a, const void *b)
{
	return str_cmp(((const struct entry *)a)->member->name, ((const struct entry *)b)->member->name);
}

int zip_write(struct arena *a, const struct zip_member *members, size_t n, struct str *archive, struct err *err)
{
	struct entry *entries = arena_alloc(a, (n + 1) * sizeof *entries);
	struct buf b = { .arena = a };
	size_t total = 0, directory, size;

	if (n > MAX_ZIP_MEMBERS)
		return err_set(err, ERR_INPUT, "%zu files are more than an archive holds (%d)", n, MAX_ZIP_MEMBERS);
	for (size_t i = 0; i < n; i++) {
		entries[i].member = &members[i];
		if (!name_valid(members[i].name))
			return err_set(err, ERR_INPUT, "'" FMT "' is no name for a file in an archive", ARG(members[i].name));
		if (members[i].content.n > MAX_ZIP_BYTES - total)
			return err_set(err, ERR_INPUT, FMT ": all files together have more than %d MB", ARG(members[i].name),
			               MAX_ZIP_BYTES >> 20);
		total += members[i].content.n;
	}
	if (n)
		qsort(entries, n, sizeof *entries, by_name);
	for (size_t i = 0; i < n; i++) {
		struct entry *e = &entries[i];
		const struct zip_member *m = e->member;
		struct str small;

		if (i && str_eq(m->name, entries[i - 1].member->name))
			return err_set(err, ERR_INPUT, FMT " is twice among the files", ARG(m->name));
		small = deflated(a, m->content);
		e->method = small.p ? DEFLATED : STORED;
		e->data = small.p ? small : m->content;
		e->crc = m->content.n ? (uint32_t)crc32(0, (const Bytef *)m->content.p, (uInt)m->content.n) : 0;
		e->offset = (uint32_t)b.n;
		put32(&b, 0x04034b50);
		put_common(&b, e);
		buf_add(&b, m->name);
		buf_add(&b, e->data);
	}
	directory = b.n;
	for (size_t i = 0; i < n; i++) {
		const struct entry *e = &entries[i];

		put32(&b, 0x02014b50);
		put16(&b, MADE_BY);
		put_common(&b, e);
		put16(&b, 0);             /* no comment */
		put16(&b, 0);             /* first disk */
		put16(&b, 0);             /* internal attributes */
		put32(&b, (uint32_t)(REGULAR_FILE | (e->member->mode & 07777)) << 16);
		put32(&b, e->offset);
		buf_add(&b, e->member->name);
	}
	size = b.n - directory;
	put32(&b, 0x06054b50);
	put16(&b, 0);                     /* this disk, and that of the directory */
	put16(&b, 0);
	put16(&b, (unsigned)n);
	put16(&b, (unsigned)n);
	put32(&b, (uint32_t)size);
	put32(&b, (uint32_t)directory);
	put16(&b, 0);                     /* no comment */
	*archive = buf_str(&b);
	return 0;
}
