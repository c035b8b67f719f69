/* crypto.h: random bytes, digests and encodings; thin over mbedtls. */
#ifndef CRYPTO_H
#define CRYPTO_H

#include "data.h"

/* Bytes from the kernel, through mbedtls' generator. ERR_RETRY where there are none. */
int crypto_random(void *bytes, size_t n, struct err *);
struct str sha1_bytes(struct arena *, struct str);          /* 20 bytes: websocket handshakes */
struct str sha256_hex(struct arena *, struct str);          /* 64 lower-case digits */
struct str base64_encode(struct arena *, struct str);       /* standard alphabet, padded */
struct str base64url_encode(struct arena *, struct str);    /* URL-safe alphabet, no padding */
int base64_decode(struct arena *, struct str, struct str *bytes, struct err *);  /* standard, padded; ERR_INPUT */

#endif
