/* Digests and encodings against published vectors (FIPS 180, RFC 4648, RFC 6455), and that random bytes are not constant. */
#include "../crypto.h"
#include "test.h"

static const struct { const char *text, *sha1, *sha256; } digests[] = {
	{ "", "da39a3ee5e6b4b0d3255bfef95601890afd80709", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "abc", "a9993e364706816aba3e25717850c26c9cd0d89d", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
	  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
};

static const struct { const char *bytes, *text, *url; } encodings[] = {
	{ "", "", "" }, { "f", "Zg==", "Zg" }, { "fo", "Zm8=", "Zm8" }, { "foo", "Zm9v", "Zm9v" }, { "foob", "Zm9vYg==", "Zm9vYg" },
	{ "fooba", "Zm9vYmE=", "Zm9vYmE" }, { "foobar", "Zm9vYmFy", "Zm9vYmFy" }, { "\xff\xfe\xfb\xef", "//777w==", "__777w" },
	{ "\xfb\xff\xbf", "+/+/", "-_-_" },
};

static const char *const not_base64[] = { "Z", "Zg", "Zg=", "Zg===", "Zm9", "Z===", "====", "Zm9v\n", "Zm9v\r\n", " Zm9v", "Zm9vZm 9v", "Zm_v", "Zm-v",
                                          "Zg==Zg==", "Zm\x80v", "Zm9v\nZm9", "Zm9    " };

static struct str hex(struct arena *arena, struct str bytes)
{
	struct buf out = { .arena = arena };
	for (size_t i = 0; i < bytes.n; i++)
		buf_addf(&out, "%02x", (unsigned char)bytes.p[i]);
	return buf_str(&out);
}

int main(void)
{
	struct arena *arena = arena_new();
	struct err err = { .arena = arena };

	for (size_t i = 0; i < LEN(digests); i++) {
		CHECK_STR(hex(arena, sha1_bytes(arena, str_of(digests[i].text))), str_of(digests[i].sha1));
		CHECK_STR(sha256_hex(arena, str_of(digests[i].text)), str_of(digests[i].sha256));
	}
	/* RFC 6455's example of a handshake. */
	CHECK_STR(base64_encode(arena, sha1_bytes(arena, S("dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))),
	          S("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));

	for (size_t i = 0; i < LEN(encodings); i++) {
		struct str bytes = str_of(encodings[i].bytes), back = NOSTR;
		CHECK_STR(base64_encode(arena, bytes), str_of(encodings[i].text));
		CHECK_STR(base64url_encode(arena, bytes), str_of(encodings[i].url));
		CHECK(base64_decode(arena, str_of(encodings[i].text), &back, &err) == 0, "%s", encodings[i].text);
		CHECK_STR(back, bytes);
	}
	for (size_t i = 0; i < LEN(not_base64); i++) {
		struct str back = NOSTR;
		err_clear(&err);
		CHECK(base64_decode(arena, str_of(not_base64[i]), &back, &err) == -1, "'%s' was taken", not_base64[i]);
		CHECK(err.kind == ERR_INPUT, "'%s': kind %d", not_base64[i], err.kind);
	}
	/* All 256 values, there and back, past one block of the encoder. */
	char all[1000];
	for (size_t i = 0; i < sizeof all; i++)
		all[i] = (char)(i * 7);
	struct str bytes = { all, sizeof all }, back = NOSTR;
	CHECK(base64_decode(arena, base64_encode(arena, bytes), &back, &err) == 0, "1000 bytes");
	CHECK_STR(back, bytes);
	CHECK(base64url_encode(arena, bytes).n == (sizeof all * 8 + 5) / 6, "no padding");

	/* Two draws differ, every byte gets drawn, and nothing behind the end is touched; also past what the generator gives at a time. */
	enum { MANY = 5000 };
	static unsigned char one[MANY + 8], two[MANY + 8];
	static const size_t sizes[] = { 16, 64, 256, 1024, 1025, MANY };
	for (size_t i = 0; i < LEN(sizes); i++) {
		memset(one, 0, sizeof one);
		memset(two, 0, sizeof two);
		CHECK(crypto_random(one, sizes[i], &err) == 0, "%s", err.msg);
		CHECK(crypto_random(two, sizes[i], &err) == 0, "%s", err.msg);
		CHECK(memcmp(one, two, sizes[i]) != 0, "%zu bytes are the same twice", sizes[i]);
		CHECK(memcmp(one + sizes[i] - 16, two + sizes[i] - 16, 16) != 0, "the end of %zu bytes is the same twice", sizes[i]);
		CHECK(one[sizes[i]] == 0 && one[sizes[i] + 7] == 0, "bytes behind the %zu were touched", sizes[i]);
		static const unsigned char zeros[16];
		for (size_t at = 0; at + 16 <= sizes[i]; at += 16)
			CHECK(memcmp(one + at, zeros, 16) != 0, "bytes from %zu of %zu are zero", at, sizes[i]);
	}
	CHECK(crypto_random(one, 0, &err) == 0, "%s", err.msg);
	memset(one, 0, sizeof one);
	CHECK(crypto_kernel(one, 300, &err) == 0 && crypto_kernel(two, 300, &err) == 0, "%s", err.msg);
	CHECK(memcmp(one + 284, two + 284, 16) != 0 && one[300] == 0, "the kernel's bytes");

	/* One seed: the same bytes for a use, others for another use or another seed. */
	unsigned char seed[CRYPTO_SEED] = { 1 };
	crypto_expand(seed, "key", one, 64);
	crypto_expand(seed, "key", two, 64);
	CHECK(memcmp(one, two, 64) == 0, "the same seed and use");
	crypto_expand(seed, "salt", two, 64);
	CHECK(memcmp(one, two, 64) != 0 && memcmp(one, two, 16) != 0, "another use");
	for (size_t i = 0; i < sizeof seed; i++) {
		seed[i] ^= 0x80;
		crypto_expand(seed, "key", two, 64);
		CHECK(memcmp(one, two, 64) != 0, "byte %zu of the seed counts for nothing", i);
		seed[i] ^= 0x80;
	}
	arena_free(arena);
	return TEST_END();
}
