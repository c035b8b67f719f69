/* xz.c: one call of liblzma, with settings that suit a text of some ten kilobytes and a process that should stay small. */
#include "xz.h"

#include <lzma.h>

struct str xz_pack(struct arena *arena, struct str text)
{
	lzma_options_lzma options;
	lzma_filter filters[] = { { LZMA_FILTER_LZMA2, &options }, { LZMA_VLI_UNKNOWN, NULL } };
	size_t room = lzma_stream_buffer_bound(text.n), n = 0;
	char *out = arena_alloc(arena, room);

	lzma_lzma_preset(&options, LZMA_PRESET_DEFAULT);
	/* The preset's own window and tables would take 94 MB of memory; these take one, and all of a dashboard fits. */
	options.dict_size = 64 << 10;
	options.mode = LZMA_MODE_FAST;
	options.mf = LZMA_MF_HC3;
	options.nice_len = 64;
	if (lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC32, NULL, (const uint8_t *)text.p, text.n, (uint8_t *)out, &n, room) != LZMA_OK)
		arena_exhausted();   /* the settings are right and there is room: nothing else can go wrong */
	return (struct str){ out, n };
}
