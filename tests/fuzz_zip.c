/* fuzz_zip.c: members made of any bytes: either refused, or an archive that holds exactly them. */
#include "../zip.h"

#include <stdlib.h>

#include "unzip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct err err = { .arena = a };
	struct zip_member members[16];
	struct unzipped *out;
	struct str rest = { (const char *)data, size }, name, zip;
	size_t n = 0, found;

	/* name, newline, content, newline, ... */
	while (n < LEN(members) && str_split(&rest, '\n', &name)) {
		struct str content = S("");

		str_split(&rest, '\n', &content);
		members[n++] = (struct zip_member){ name, content, content.n ? (unsigned char)content.p[0] : 0644 };
	}
	if (zip_write(a, members, n, &zip, &err) == 0) {
		if (unzip(a, zip, &out, &found) || found != n)
			abort();
		for (size_t i = 0; i < n; i++) {
			bool same = false;

			for (size_t k = 0; k < found; k++)
				same |= str_eq(members[i].name, out[k].name) && str_eq(members[i].content, out[k].content);
			if (!same)
				abort();
		}
	}
	arena_free(a);
	return 0;
}
