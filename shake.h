/* shake.h: SHAKE-256, the digest of the dashboards' uids; mbedtls has only its sisters. */
#ifndef SHAKE_H
#define SHAKE_H

#include "data.h"

enum { SHAKE_RATE = 136 };
/* The first n bytes of the digest, at most SHAKE_RATE, as lower-case hexadecimal digits. */
struct str shake256_hex(struct arena *, struct str, size_t n);

#endif
