/* shake.c: SHAKE-256 of FIPS 202, as short as it can be written: it digests a few file names. */
#include "shake.h"

static uint64_t rotate(uint64_t x, unsigned n) { return n ? x << n | x >> (64 - n) : x; }

/* Keccak-f[1600]. The rotations and the order of lanes follow from their definition, so no table can hold a wrong digit. */
static void permute(uint64_t lane[25])
{
	unsigned lfsr = 1;

	for (int round = 0; round < 24; round++) {
		uint64_t parity[5], carried, kept;
		unsigned x = 1, y = 0;
		for (int i = 0; i < 5; i++)
			parity[i] = lane[i] ^ lane[i + 5] ^ lane[i + 10] ^ lane[i + 15] ^ lane[i + 20];
		for (int i = 0; i < 25; i++)
			lane[i] ^= parity[(i + 4) % 5] ^ rotate(parity[(i + 1) % 5], 1);
		carried = lane[1];
		for (unsigned t = 0; t < 24; t++) {
			unsigned next = (2 * x + 3 * y) % 5;
			x = y;
			y = next;
			kept = lane[x + 5 * y];
			lane[x + 5 * y] = rotate(carried, (t + 1) * (t + 2) / 2 % 64);
			carried = kept;
		}
		for (int row = 0; row < 25; row += 5) {
			uint64_t was[5];
			for (int i = 0; i < 5; i++)
				was[i] = lane[row + i];
			for (int i = 0; i < 5; i++)
				lane[row + i] = was[i] ^ (~was[(i + 1) % 5] & was[(i + 2) % 5]);
		}
		for (unsigned bit = 0; bit < 7; bit++) {
			if (lfsr & 1)
				lane[0] ^= (uint64_t)1 << ((1u << bit) - 1);
			lfsr = lfsr << 1 ^ (lfsr & 0x80 ? 0x171 : 0);
		}
	}
}

struct str shake256_hex(struct arena *arena, struct str text, size_t n)
{
	uint64_t lane[25] = { 0 };
	struct buf out = { .arena = arena };
	size_t at = 0;

	for (size_t i = 0; i < text.n; i++) {
		lane[at / 8] ^= (uint64_t)(unsigned char)text.p[i] << at % 8 * 8;
		if (++at == SHAKE_RATE) {
			permute(lane);
			at = 0;
		}
	}
	lane[at / 8] ^= (uint64_t)0x1f << at % 8 * 8;
	lane[(SHAKE_RATE - 1) / 8] ^= (uint64_t)0x80 << (SHAKE_RATE - 1) % 8 * 8;
	permute(lane);
	for (size_t i = 0; i < n && i < SHAKE_RATE; i++)
		buf_addf(&out, "%02x", (unsigned)(lane[i / 8] >> i % 8 * 8 & 0xff));
	return buf_str(&out);
}
