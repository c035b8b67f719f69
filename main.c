/* main.c: a hook, when Juju calls; the command line, when a person does. */
#include "charm.h"
#include "cli.h"
#include "hook.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static int hook_main(void)
{
	struct arena *arena = arena_new();
	struct err err = { .arena = arena };
	struct dispatch d = { .arena = arena };
	struct charm charm;
	int rc = 1;

	if (charm_load(arena, ".", &charm, &err) == 0) {
		d.charm = &charm;
		hook_read(arena, &charm, &d.hook);
		/* An event that is none of ours costs no call. */
		if (!hook_known(&charm, &d.hook))
			rc = 0;
		else if (dispatch_open(&d, &err) == 0)
			rc = dispatch_hook(&d);
	}
	if (err.msg)
		fprintf(stderr, "dispatch: %s\n", err.msg);
	arena_free(arena);
	return rc;
}

int main(int argc, char *argv[])
{
	const char *path = getenv("JUJU_DISPATCH_PATH"), *state = getenv("DISPATCH_STATE");

	/* Secrets pass through this memory: no core file of it, and no other process of the user reads it. */
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	prctl(PR_SET_DUMPABLE, 0);
	/* A peer that is gone shows as EPIPE where it is written to. */
	signal(SIGPIPE, SIG_IGN);
	if (argc > 1 || !path || !*path)
		return cli_main(argc, argv);
	if (state && *state)
		return cli_hook_on_state(state, ".");
	return hook_main();
}
