/* unzip.h: reads archives as strictly as a wary reader would: the directory and each local header must agree on everything. */
#ifndef UNZIP_H
#define UNZIP_H

#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

#include "../data.h"

struct unzipped { struct str name, content; uint32_t attributes; int method; uint32_t date; };

static uint32_t little(const char *p, size_t n)
{
	uint32_t v = 0;

	while (n-- > 0)
		v = v << 8 | (unsigned char)p[n];
	return v;
}

static bool inflated(struct arena *a, struct str data, size_t size, struct str *out)
{
	z_stream z = { 0 };
	char *p = arena_alloc(a, size + 1);
	bool fine;

	if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
		return false;
	z.next_in = (const Bytef *)data.p;
	z.avail_in = (uInt)data.n;
	z.next_out = (Bytef *)p;
	z.avail_out = (uInt)(size + 1);
	fine = inflate(&z, Z_FINISH) == Z_STREAM_END && z.total_out == size && z.avail_in == 0;
	inflateEnd(&z);
	*out = (struct str){ p, size };
	return fine;
}

/* What is wrong with an archive; NULL: nothing. */
static const char *unzip(struct arena *a, struct str zip, struct unzipped **members, size_t *n)
{
	const char *end = zip.p + zip.n - 22;
	size_t at, next = 0;

	*n = 0;
	*members = NULL;
	if (zip.n < 22 || little(end, 4) != 0x06054b50 || little(end + 4, 4) != 0 || little(end + 8, 2) != little(end + 10, 2) ||
	    little(end + 20, 2) != 0)
		return "no end record";
	at = little(end + 16, 4);
	if (at + little(end + 12, 4) + 22 != zip.n)
		return "the directory is not where it should be";
	*members = arena_alloc(a, (little(end + 8, 2) + 1) * sizeof **members);
	for (size_t left = little(end + 8, 2); left > 0; left--, (*n)++) {
		const char *c = zip.p + at, *l;
		struct unzipped *m = &(*members)[*n];
		struct str data;
		size_t name = little(c + 28, 2);

		if (at + 46 + name > zip.n - 22 || little(c, 4) != 0x02014b50 || little(c + 4, 2) != (3 << 8 | 20) || little(c + 30, 8) != 0)
			return "a bad entry of the directory";
		if (little(c + 42, 4) != next)
			return "a gap or an overlap between members";
		l = zip.p + next;
		if (little(l, 4) != 0x04034b50 || memcmp(l + 4, c + 6, 26) != 0 || memcmp(l + 30, c + 46, name) != 0)
			return "a local header that differs from the directory";
		data = (struct str){ l + 30 + name, little(c + 20, 4) };
		next += 30 + name + data.n;
		m->name = (struct str){ c + 46, name };
		m->attributes = little(c + 38, 4);
		m->method = (int)little(c + 10, 2);
		m->date = little(c + 12, 4);
		m->content = data;
		if (little(c + 6, 2) != 20 || little(c + 8, 2) != 1 << 11)
			return "version or flags";
		if (m->method != 0 && (m->method != 8 || !inflated(a, data, little(c + 24, 4), &m->content)))
			return "data that does not inflate";
		if (m->content.n != little(c + 24, 4) ||
		    (uint32_t)crc32(0, (const Bytef *)(m->content.p ? m->content.p : ""), (uInt)m->content.n) != little(c + 16, 4))
			return "size or CRC";
		at += 46 + name;
	}
	return next != little(end + 16, 4) || at != zip.n - 22 ? "bytes that belong to nothing" : NULL;
}

#endif
