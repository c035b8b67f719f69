/* tool.c: a hook tool as an executable, as Juju has them: asks the agent over its socket, under the name that it was called by.
 * Juju's own is a Go program and takes longer to start, so what is measured with this one flatters whoever calls it. */
#include "../../juju.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char *argv[])
{
	struct arena *arena = arena_new();
	struct err err = { .arena = arena };
	struct agent agent = { .socket = getenv("JUJU_AGENT_SOCKET_ADDRESS"), .network = getenv("JUJU_AGENT_SOCKET_NETWORK"),
	                       .context_id = getenv("JUJU_CONTEXT_ID"), .token = getenv("JUJU_AGENT_TOKEN"), .directory = getenv("JUJU_CHARM_DIR") };
	struct buf input = { .arena = arena };
	struct carrier *carrier;
	char folder[4096], bytes[4096];
	bool asks = false;

	if (!agent.directory)
		agent.directory = getcwd(folder, sizeof folder);
	argv[0] = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	for (int i = 1; i < argc; i++)
		asks = asks || strcmp(argv[i], "-") == 0;
	while (asks) {
		ssize_t n = read(0, bytes, sizeof bytes);
		if (n <= 0)
			break;
		buf_add(&input, (struct str){ bytes, (size_t)n });
	}
	struct tool_call call = { .argv = (const char *const *)argv, .input = asks ? buf_str(&input) : NOSTR };
	if (carrier_open(arena, &agent, NULL, &carrier, &err) < 0 || carrier->run(carrier, &call, 1, &err) < 0) {
		fprintf(stderr, "%s\n", err.msg);
		return 1;
	}
	fwrite(call.output.p ? call.output.p : "", 1, call.output.n, stdout);
	fwrite(call.message.p ? call.message.p : "", 1, call.message.n, stderr);
	return call.code;
}
