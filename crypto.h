/* crypto.h: random bytes, digests and encodings; thin over mbedtls. */
#ifndef CRYPTO_H
#define CRYPTO_H

#include "data.h"

enum { CRYPTO_SEED = 48 };
/* Bytes as the kernel gives them: seeds, and what everybody may see. ERR_RETRY where there are none. */
int crypto_kernel(void *bytes, size_t n, struct err *);
/* Bytes for a key or an id, from mbedtls' generator, which the seed and the use start: the same ones each time, and others for another use. */
void crypto_expand(const unsigned char seed[CRYPTO_SEED], const char *use, void *bytes, size_t n);
/* Fresh bytes through the generator. ERR_RETRY as above. */
int crypto_random(void *bytes, size_t n, struct err *);
struct str sha1_bytes(struct arena *, struct str);          /* 20 bytes: websocket handshakes */
struct str sha256_hex(struct arena *, struct str);          /* 64 lower-case digits */
struct str base64_encode(struct arena *, struct str);       /* standard alphabet, padded */
struct str base64url_encode(struct arena *, struct str);    /* URL-safe alphabet, no padding */
int base64_decode(struct arena *, struct str, struct str *bytes, struct err *);  /* standard, padded; ERR_INPUT */

#endif
