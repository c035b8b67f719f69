/* zip.h: a zip archive in memory, the same bytes for the same members. */
#ifndef ZIP_H
#define ZIP_H

#include "data.h"

enum {
	MAX_ZIP_MEMBERS = 65535,      /* what the format's 16-bit counters hold */
	MAX_ZIP_NAME    = 1024,       /* bytes of a member's name */
	MAX_ZIP_BYTES   = 128 << 20,  /* of all members together, before compression */
};

struct zip_member {
	struct str name;      /* relative, with '/' between folders, no "." or ".." in it */
	struct str content;
	unsigned   mode;      /* permissions, as in chmod: 0755, 0644 */
};
/* The archive of these members, sorted by name: regular files only, no folders, every date the first day that the format knows. What
 * deflate does not make smaller is stored. ERR_INPUT: a name that is none, or twice the same, or too much of anything. */
int zip_write(struct arena *, const struct zip_member *, size_t n, struct str *archive, struct err *);

#endif
