/* Fuzzing URLs: any bytes are taken apart or refused, and what is normalised is normal. */
#include "../url.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct err err = { .arena = a };
	struct str text = { (const char *)data, size }, once, twice;
	struct url url;

	if (url_split(a, text, &url, &err) == 0 && url.port.p && (url.port.n == 0 || url.port.n > 5))
		abort();
	if (!str_eq(url_decode(a, url_encode(a, text)), text))
		abort();
	for (int kind = URL_ANY; kind <= URL_HTTP; kind++) {
		err_clear(&err);
		if (url_normalise(a, text, kind, &once, &err) < 0) {
			if (err.kind != ERR_INPUT)
				abort();
			continue;
		}
		if (url_normalise(a, once, URL_ANY, &twice, &err) < 0 || !str_eq(once, twice))
			abort();
		url_unicode(a, once);
	}
	arena_free(a);
	return 0;
}
