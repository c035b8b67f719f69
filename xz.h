/* xz.h: a text in an .xz container. */
#ifndef XZ_H
#define XZ_H

#include "data.h"

/* Compressed; docs/explanation/dashboards.md tells why it is, and how. */
struct str xz_pack(struct arena *, struct str);

#endif
