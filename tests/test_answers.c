/* test_answers.c: each answer of Juju's goes wrong once, in each way, and each order is refused once: what the hook makes of it.
 *
 * test_faults.c does so from outside, on real sockets, a process for each; here they are many in one. */
#include "test.h"

#include <unistd.h>

#include "../world.h"

/* lies: it could be true, so that the hook does what follows from it. answers: only a question can be answered so. */
static const struct wrong { const char *what; int code; const char *output, *message; bool answers, lies; } wrongs[] = {
	{ "no JSON", 0, "{\"a\": CANARY-", "", true, false },
	{ "null", 0, "null", "", true, true },
	{ "a list", 0, "[1, {\"a\": \"CANARY-in-a-list\"}]", "", true, true },
	{ "a map", 0, "{\"a\": [], \"b\": {}}", "", true, true },
	{ "nothing", 0, "", "", true, false },
	{ "denied", 1, "", "ERROR permission denied", false, false },
	{ "not found", 1, "", "ERROR relation not found", false, true },
	{ "no such secret", 1, "", "ERROR secret \"x\" not found", false, true },
	{ "failed", 1, "", "ERROR something else", false, false },
	{ "used wrongly", 2, "", "", false, false },
	{ "the carrier breaks", -1, NULL, NULL, false, false },
};

/* Before the simulator's: the call `at`, from 1, goes wrong. */
struct between { struct carrier carrier, *real; const struct wrong *wrong; long at, count; bool broken; };

static int between_run(struct carrier *carrier, struct tool_call *calls, size_t n, struct err *err)
{
	struct between *b = (struct between *)carrier;

	for (size_t i = 0; i < n; i++) {
		/* An order has no answer that could be wrong; what was refused has not happened. */
		bool order = !strstr(calls[i].argv[0], "-get") && !strstr(calls[i].argv[0], "-ids") && !strstr(calls[i].argv[0], "-list") &&
			strcmp(calls[i].argv[0], "is-leader") != 0 && strcmp(calls[i].argv[0], "opened-ports") != 0;

		b->broken |= ++b->count == b->at && b->wrong->code < 0;
		if (b->broken)
			return err_set(err, ERR_RETRY, "the connection is lost");   /* as a real one: nothing more comes through */
		if (b->count == b->at && !(order && b->wrong->answers)) {
			calls[i].code = b->wrong->code;
			calls[i].output = str_of(b->wrong->output);
			calls[i].message = str_of(b->wrong->message);
		} else if (b->real->run(b->real, &calls[i], 1, err) < 0) {
			return -1;
		}
	}
	return 0;
}

static void between_close(struct carrier *carrier)
{
	(void)carrier;
}

static struct pebble *open_simulated(struct dispatch *d, struct str container)
{
	return simulator_pebble(d->pebble_context, container);
}

static struct { long wrong, failed, healed; } total;

/* One hook, or an action, with what goes wrong: its exit code. */
static int hook(struct arena *a, struct simulator *s, const struct charm *charm, const char *event, struct between *b)
{
	struct dispatch d = { .arena = a, .charm = charm, .pebble_open = open_simulated, .pebble_context = s };
	struct err err = { .arena = a };
	int code;

	CHECK(simulator_hook(s, str_of(event), &d.hook, &err) == 0, "%s", err.msg);
	simulator_begin(s, &d.hook);
	b->carrier = (struct carrier){ between_run, between_close };
	b->real = simulator_carrier(s);
	b->count = 0;
	b->broken = false;
	d.juju = juju_new(a, &b->carrier, NULL);
	code = dispatch_hook(&d);
	simulator_end(s, code);
	return code;
}

/* The n-th call in one way; false when the hook needed fewer calls. */
static bool one(const struct charm *charm, struct str text, const char *event, const struct wrong *wrong, long at, struct str want)
{
	struct arena *a = arena_new();
	struct err err = { .arena = a };
	struct between b = { .wrong = wrong, .at = at };
	struct simulator *s;
	bool came, shown = false;
	int code;

	CHECK(simulator_load(a, text, "state", charm, &s, &err) == 0, "%s", err.msg);
	code = hook(a, s, charm, event, &b);
	came = b.count >= at;
	CHECK(code == 0 || code == 1, "%s, call %ld %s: exit %d", event, at, wrong->what, code);
	CHECK(code == 1 || !came || wrong->code >= 0, "%s, call %ld: a broken carrier, and yet exit %d", event, at, code);
	total.wrong += came;
	total.failed += came && code;
	NODE_EACH (entry, simulator_journal(s))
		if (str_is(node_gets(entry, "kind"), "log") || str_is(node_gets(entry, "kind"), "status-set"))
			shown |= str_contains(json_text(a, entry, 0), S("CANARY"));
	CHECK(!shown, "%s, call %ld %s: a secret is shown", event, at, wrong->what);
	if (came) {
		/* Juju runs a hook that failed again; then the next event comes. */
		b.at = -1;
		CHECK((code == 0 || hook(a, s, charm, event, &b) == 0) && hook(a, s, charm, "config-changed", &b) == 0, "%s, call %ld %s: the next event fails",
		      event, at, wrong->what);
		if (want.p && !wrong->lies) {
			struct str got = json_text(a, node_get(simulator_state(s), "containers"), JSON_SORTED);

			total.healed += str_eq(got, want);
			CHECK(str_eq(got, want), "%s, call %ld %s: not healed: " FMT, event, at, wrong->what, ARG(got));
		}
	}
	arena_free(a);
	return came;
}

/* step: of the calls only each step-th goes wrong. */
static void world(const char *file, const char *event, bool heals, long step)
{
	struct arena *a = arena_new();
	struct err err = { .arena = a };
	struct between b = { .at = -1 };
	struct charm charm;
	struct simulator *s;
	struct str text, want = NOSTR;
	bool found;

	CHECK(charm_load(a, "tests/stage", &charm, &err) == 0, "%s", err.msg);
	CHECK(file_read(a, str_f(a, "tests/stage/%s.yaml", file).p, MAX_FILE, &text, &found, &err) == 0 && found, "%s", file);
	CHECK(simulator_load(a, text, file, &charm, &s, &err) == 0, "%s", err.msg);
	CHECK(hook(a, s, &charm, event, &b) == 0 && hook(a, s, &charm, "config-changed", &b) == 0, "%s: %s fails without a fault", file, event);
	if (heals)
		want = json_text(a, node_get(simulator_state(s), "containers"), JSON_SORTED);
	for (size_t i = 0; i < LEN(wrongs); i++)
		for (long n = 1 + (long)i % step; one(&charm, text, event, &wrongs[i], n, want); n += step)
			;
	arena_free(a);
}

int main(void)
{
	world("install", "install", false, 1);
	world("migration", "config-changed", true, 1);
	world("migration", "rotate-secret-key", false, 2);   /* keys differ */
	world("secrets", "config-changed", true, 3);
	world("everything", "config-changed", true, 5);
	world("everything", "postgresql-relation-broken", true, 11);
	printf("%ld wrong answers survived, %ld hooks failed for Juju to run again, %ld worlds healed\n", total.wrong, total.failed, total.healed);
	return TEST_END();
}
