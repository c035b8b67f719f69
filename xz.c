/* xz.c: the .xz format as far as storing needs it: one stream, one block, LZMA2 chunks that hold their bytes as they are. */
#include "xz.h"

enum { CHECK_CRC32 = 1, MAX_CHUNK = 65536, BLOCK_HEADER = 12, CRC_SIZE = 4 };

static void little_endian(struct buf *out, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		buf_addc(out, (char)(value >> 8 * i & 0xff));
}

static uint32_t crc32_of(struct str bytes)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < bytes.n; i++) {
		crc ^= (unsigned char)bytes.p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

/* The check of what was written as of `from`. */
static void checked(struct buf *out, size_t from)
{
	little_endian(out, crc32_of((struct str){ out->p + from, out->n - from }));
}

static void padded(struct buf *out, size_t from)
{
	while ((out->n - from) % 4)
		buf_addc(out, '\0');
}

/* Seven bits a byte, the lowest first. */
static void varint(struct buf *out, uint64_t value)
{
	for (; value > 0x7f; value >>= 7)
		buf_addc(out, (char)(0x80 | (value & 0x7f)));
	buf_addc(out, (char)value);
}

struct str xz_store(struct arena *arena, struct str text)
{
	static const char flags[] = { 0, CHECK_CRC32 };
	struct buf out = { .arena = arena }, footer = { .arena = arena };
	size_t block, unpadded, index;

	buf_add(&out, (struct str){ "\xfd" "7zXZ\0", 6 });
	buf_add(&out, (struct str){ flags, sizeof flags });
	checked(&out, out.n - sizeof flags);

	block = out.n;
	buf_addc(&out, BLOCK_HEADER / 4 - 1);
	buf_add(&out, (struct str){ "\0\x21\x01\0\0\0\0", 7 });   /* one filter, no sizes; LZMA2, a dictionary of 4 KiB */
	checked(&out, block);
	for (size_t at = 0; at < text.n; at += MAX_CHUNK) {
		struct str chunk = str_sub(text, at, at + MAX_CHUNK);
		buf_addc(&out, at ? 2 : 1);   /* the first one resets the dictionary */
		buf_addc(&out, (char)((chunk.n - 1) >> 8));
		buf_addc(&out, (char)((chunk.n - 1) & 0xff));
		buf_add(&out, chunk);
	}
	buf_addc(&out, '\0');
	unpadded = out.n - block + CRC_SIZE;
	padded(&out, block);
	little_endian(&out, crc32_of(text));

	index = out.n;
	buf_add(&out, (struct str){ "\0\x01", 2 });   /* an index of one block */
	varint(&out, unpadded);
	varint(&out, text.n);
	padded(&out, index);
	checked(&out, index);

	/* the footer's check stands before what it checks */
	little_endian(&footer, (uint32_t)((out.n - index) / 4 - 1));
	buf_add(&footer, (struct str){ flags, sizeof flags });
	little_endian(&out, crc32_of(buf_str(&footer)));
	buf_add(&out, buf_str(&footer));
	buf_adds(&out, "YZ");
	return buf_str(&out);
}
