/* stage.h: a Juju agent and a Pebble on real sockets, over the simulator: for tests that need a dispatch's own I/O.
 *
 * stage_run forks: the child is the hook, the parent serves until the child is gone. A fault is one reply that goes wrong. */
#ifndef STAGE_H
#define STAGE_H

#include "../charm.h"
#include "../simulate.h"

enum fault_kind {
	FAULT_NONE,
	FAULT_ERROR,      /* the tool or Pebble refuses; nothing was done */
	FAULT_GARBAGE,    /* nonsense for an answer; nothing was done */
	FAULT_RESET,      /* the connection ends before anything was done */
	FAULT_LATE,       /* done, and then the connection ends without an answer */
	FAULT_CUT,        /* done, and the answer ends in the middle */
	FAULT_BYTES,      /* no fault: every byte of the answer comes by itself */
	FAULT_DEAD,       /* from here on nobody answers */
	FAULT_KINDS
};
struct fault {
	enum fault_kind kind;
	long at;              /* the n-th request, agent's and Pebble's counted together, from 1 */
	size_t cut;           /* FAULT_CUT: bytes of the answer that come */
	size_t *answer;       /* out, where not NULL: how long the answer was */
};
struct stage {
	struct arena *arena;
	struct charm charm;
	struct simulator *simulator;
	char folder[64];      /* agent.socket and the containers' sockets are here */
	const char *charm_folder;
	const char *tools;    /* a folder of hook tools, for a hook that has no socket; NULL: it has the agent's */
	const char *trace;    /* DISPATCH_TRACE; NULL: none */
	struct str output;    /* stdout and stderr of the last run */
	long requests;        /* of the last run */
	long calls, pebble_requests, connections, pebble_bytes;
};
/* Reads the state; makes the folder and the listening sockets' places. Exits the test when it cannot: the test itself is wrong. */
void stage_open(struct stage *, const char *charm_folder, struct str state, const char *state_name);
void stage_close(struct stage *);
/* One hook: `hook` runs in the child, in the charm's folder, with Juju's environment, and its value is the exit code; NULL: `program` is
 * executed. The child's wait status, or -1 when it had to be killed after `seconds`. */
int stage_run(struct stage *, const char *event, const struct fault *, int (*hook)(void), const char *program, int seconds);

#endif
