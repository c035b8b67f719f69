/* crypto.c: random bytes, digests and encodings; thin over mbedtls.
 *
 * The digests and encodings cannot fail for reasons outside the program, so those calls have no error to hand up. */
#include "crypto.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include <mbedtls/base64.h>
#include <mbedtls/hmac_drbg.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/sha1.h>
#include <mbedtls/sha256.h>

/* By a system call: mbedtls' own source opens /dev/random on every libc but glibc, and a container may have no /dev. */
int crypto_kernel(void *bytes, size_t n, struct err *err)
{
	for (size_t done = 0; done < n; ) {
		ssize_t got = getrandom((unsigned char *)bytes + done, n - done, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			mbedtls_platform_zeroize(bytes, n);
			return err_set(err, ERR_RETRY, "no random bytes from the kernel: %s", strerror(errno));
		}
		done += (size_t)got;
	}
	return 0;
}

void crypto_expand(const unsigned char seed[CRYPTO_SEED], const char *use, void *bytes, size_t n)
{
	mbedtls_hmac_drbg_context generator;
	unsigned char start[CRYPTO_SEED + 16] = { 0 };
	int result;

	memcpy(start, seed, CRYPTO_SEED);
	memcpy(start + CRYPTO_SEED, use, strnlen(use, sizeof start - CRYPTO_SEED));
	mbedtls_hmac_drbg_init(&generator);
	result = mbedtls_hmac_drbg_seed_buf(&generator, mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), start, sizeof start);
	/* The generator gives so much at a time. */
	for (size_t done = 0; result == 0 && done < n; done += MBEDTLS_HMAC_DRBG_MAX_REQUEST) {
		size_t left = n - done;
		result = mbedtls_hmac_drbg_random(&generator, (unsigned char *)bytes + done,
		                                  left < MBEDTLS_HMAC_DRBG_MAX_REQUEST ? left : MBEDTLS_HMAC_DRBG_MAX_REQUEST);
	}
	mbedtls_hmac_drbg_free(&generator);
	mbedtls_platform_zeroize(start, sizeof start);
	if (result != 0)
		arena_exhausted();   /* it allocates its digest's state, and can fail in nothing else */
}

int crypto_random(void *bytes, size_t n, struct err *err)
{
	unsigned char seed[CRYPTO_SEED];

	if (crypto_kernel(seed, sizeof seed, err) < 0)
		return -1;
	crypto_expand(seed, "", bytes, n);
	mbedtls_platform_zeroize(seed, sizeof seed);
	return 0;
}

struct str sha1_bytes(struct arena *arena, struct str text)
{
	unsigned char *digest = arena_alloc(arena, 20);
	mbedtls_sha1((const unsigned char *)text.p, text.n, digest);
	return (struct str){ (char *)digest, 20 };
}

struct str sha256_hex(struct arena *arena, struct str text)
{
	unsigned char digest[32];
	struct buf hex = { .arena = arena };

	mbedtls_sha256((const unsigned char *)text.p, text.n, digest, 0);
	for (size_t i = 0; i < sizeof digest; i++)
		buf_addf(&hex, "%02x", digest[i]);
	return buf_str(&hex);
}

struct str base64_encode(struct arena *arena, struct str bytes)
{
	size_t room = (bytes.n + 2) / 3 * 4 + 1, n = 0;    /* with the NUL that mbedtls puts behind */
	unsigned char *text = arena_alloc(arena, room);

	mbedtls_base64_encode(text, room, &n, (const unsigned char *)bytes.p, bytes.n);
	return (struct str){ (char *)text, n };
}

struct str base64url_encode(struct arena *arena, struct str bytes)
{
	struct str text = str_replace(arena, str_replace(arena, base64_encode(arena, bytes), '+', '-'), '/', '_');
	while (text.n > 0 && text.p[text.n - 1] == '=')
		text.n--;
	return text;
}

int base64_decode(struct arena *arena, struct str text, struct str *bytes, struct err *err)
{
	size_t room = text.n / 4 * 3 + 1, n = 0;
	unsigned char *out = arena_alloc(arena, room);

	/* mbedtls overlooks line breaks and spaces; what we read has none. */
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] == '\r' || text.p[i] == '\n' || text.p[i] == ' ')
			return err_set(err, ERR_INPUT, "not base64: white space at byte %zu", i);
	if (text.n % 4 != 0 || mbedtls_base64_decode(out, room, &n, (const unsigned char *)text.p, text.n) != 0)
		return err_set(err, ERR_INPUT, "not base64");
	*bytes = (struct str){ (char *)out, n };
	return 0;
}
