/* fuzz_state.c: any bytes as a state file: refused with one line, or a world that can be written and read again. */
#include <stdlib.h>

#include "../simulate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct endpoint endpoints[] = {
	{ .name = { "db", 2 }, .interface = { "postgresql_client", 17 }, .role = ROLE_REQUIRES, .limit = -1 },
	{ .name = { "peers", 5 }, .interface = { "peers", 5 }, .role = ROLE_PEERS, .limit = -1 },
};
static struct option options[] = {
	{ .name = { "size", 4 }, .type = OPTION_INT, .type_name = { "int", 3 } },
	{ .name = { "title", 5 }, .type = OPTION_STRING, .type_name = { "string", 6 } },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct err err = { .arena = a };
	struct charm charm = { .name = S("shop"), .endpoints = endpoints, .n_endpoints = LEN(endpoints), .options = options, .n_options = LEN(options) };
	struct simulator *s, *again;
	struct buf text = { .arena = a };

	strs_add(a, &charm.containers, S("app"));
	if (simulator_load(a, (struct str){ (const char *)data, size }, "f.yaml", &charm, &s, &err) < 0) {
		if (err.kind != ERR_INPUT || !str_starts(str_of(err.msg), "f.yaml:"))
			abort();
	} else {
		yaml_write(&text, simulator_state(s));
		if (simulator_load(a, buf_str(&text), "again.yaml", &charm, &again, &err) < 0 || !node_equal(s->state, again->state))
			abort();
	}
	arena_free(a);
	return 0;
}
