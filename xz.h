/* xz.h: a text in an .xz container, as stored bytes. */
#ifndef XZ_H
#define XZ_H

#include "data.h"

/* Any .xz reader takes it; nothing in it is compressed. docs/explanation/dashboards.md tells why. */
struct str xz_store(struct arena *, struct str);

#endif
