/* assets.h: the files of assets/, compiled in. build.sh makes the table. */
#ifndef ASSETS_H
#define ASSETS_H

#include <stddef.h>

struct asset {
	const char *path;            /* below assets/, as in "flask/requirements.txt" */
	const unsigned char *bytes;  /* a NUL follows the last one */
	size_t n;
};
extern const struct asset assets[];   /* sorted by path, as strcmp sorts */
extern const size_t assets_count;

#endif
