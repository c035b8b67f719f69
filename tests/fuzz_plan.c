/* fuzz_plan.c: a Pebble that answers with bytes: the client gives what it was asked for, or says why not. The first byte picks the question. */
#include <stdlib.h>

#include "fake_pebble.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int ask(struct pebble *p, int what, struct err *err)
{
	struct file files[] = { { .path = S("/a") }, { .path = S("/b") } };
	struct service *services;
	struct entry *entries;
	struct node *plan;
	size_t n;
	bool found;
	int rc;

	switch (what) {
	case 0:
		rc = pebble_plan(p, &plan, err);
		if (rc == 0 && !node_is(plan, NODE_MAP))
			abort();
		return rc;
	case 1: return pebble_services(p, &services, &n, err);
	case 2: return pebble_read(p, files, LEN(files), err);
	case 3: return pebble_list(p, S("/"), &entries, &n, &found, err);
	case 4: return pebble_write(p, files, LEN(files), err);
	default: return pebble_control(p, "replan", NULL, err);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rule rules[FAKE_RULES] = {
		{ .match = "POST /v1/services", .status = 202, .body = "{\"type\":\"async\",\"change\":\"1\"}" },
		{ .match = "", .status = 200, .body = (const char *)data + 1, .n_body = size - 1, .flags = AGAIN },
	};
	struct arena *arena;
	struct fake fake;
	struct err err;

	if (size < 2)
		return 0;
	if (data[0] % 6 == 2)
		rules[1].type = "multipart/form-data; boundary=B";
	arena = arena_new();
	err = (struct err){ .arena = arena };
	fake_start(&fake, rules);
	struct pebble *p = pebble_open(arena, fake.path, NULL);
	/* ERR_INPUT is for those below the client; every failure has words. */
	if (ask(p, data[0] % 6, &err) < 0 && ((err.kind != ERR_WAITING && err.kind != ERR_BLOCKED) || !err.msg || !*err.msg))
		abort();
	pebble_close(p);
	fake_stop(&fake);
	arena_free(arena);
	return 0;
}
