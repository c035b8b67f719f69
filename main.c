/* main.c: a hook, when Juju calls; the command line, when a person does. */
#include "cli.h"
#include "hook.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* Whoever starts us may have closed the first three descriptors. A socket or a file would then get one of their numbers, and what is
 * meant for the log would go into it: so they lead nowhere instead. */
static void keep_standard_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);   /* always the lowest free number */
		if (fd < 0)
			fd = open("/", O_RDONLY);     /* a root without /dev: nothing can be written to this, either */
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

int main(int argc, char *argv[])
{
	const char *path = getenv("JUJU_DISPATCH_PATH"), *state = getenv("DISPATCH_STATE");

	keep_standard_descriptors();
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
