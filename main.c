/* main.c: a hook, when Juju calls; the command line, when a person does. */
#include "cli.h"
#include "hook.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>

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
	return hook_run();
}
