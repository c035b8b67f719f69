/* version.h: what this program is made of. build.sh writes the values from deps.lock and the repository's own state. */
#ifndef VERSION_H
#define VERSION_H

#include <stddef.h>

struct component {
	const char *name, *version;
	const char *licence;   /* an SPDX expression */
	const char *sha256;    /* of the upstream tarball; of our own row: of the sources compiled */
	const char *source;    /* the tarball's name */
};
extern const char version_text[];              /* "0.1.0" */
extern const struct component components[];    /* [0] is the program itself */
extern const size_t components_count;

#endif
