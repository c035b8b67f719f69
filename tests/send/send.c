/* send.c: a made-up dispatch's trace, sent to URL [CA-FILE], for tests with a collector of their own. Prints what went wrong, or "sent". */
#include "../../telemetry.h"

#include <stdio.h>

int main(int argc, char **argv)
{
	struct arena *arena = arena_new();
	struct err err = { .arena = arena };
	struct charm charm = { .name = S("shop-k8s") };
	struct trace trace = { .arena = arena, .open = -1, .fd = -1 };
	struct dispatch d = { .arena = arena, .charm = &charm, .trace = &trace };
	struct str ca = NOSTR;
	const char *problem;
	bool found;
	int outer, inner;

	if (argc < 2 || (argc > 2 && file_read(arena, argv[2], MAX_FILE, &ca, &found, &err) < 0))
		return 2;
	d.hook = (struct hook){ .event = S("config-changed"), .app = S("shop"), .unit = S("shop/3"), .unit_number = 3, .model = S("dev"),
	                        .model_uuid = S("3f9c1b52-70de-4c7a-8a11-2b6f5d0e9c44") };
	outer = trace_begin(&trace, "observe");
	inner = trace_begin(&trace, "GET /v1/plan");
	trace_end(&trace, inner, true);
	trace_end(&trace, outer, false);
	problem = telemetry_send(&d, str_of(argv[1]), ca, false);
	puts(problem ? problem : "sent");
	arena_free(arena);
	return 0;
}
