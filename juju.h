/* juju.h: the one seam to Juju: hook tools as typed calls over one function, "run these hook tools".
 *
 * Carriers stand behind it: the agent's own RPC socket (one connection for the whole hook; questions that are asked together
 * travel together), the hook tools as executables, and the simulator. Nothing above knows which one runs. */
#ifndef JUJU_H
#define JUJU_H

#include "data.h"
#include "trace.h"

/* One run of a hook tool. argv[0] is the tool's name; NULL ends it. A tool that fails is an answer, not an error. */
struct tool_call {
	const char *const *argv;
	struct str input;          /* stdin; NOSTR: none */
	int        code;           /* out: 0 ok, 1 failed, 2 wrong use */
	struct str output, message;/* out: stdout; stderr */
	int64_t    started, ended; /* out, where there is a trace: ns since 1970; 0: the carrier does not know */
};
/* Several calls of one run may travel together and be carried out in any order: only for questions, and what else has no order.
 * -1 (ERR_RETRY) when the carrier itself broke: no call was made twice, and none is made after the break. */
struct carrier {
	int  (*run)(struct carrier *, struct tool_call *calls, size_t n, struct err *);
	void (*close)(struct carrier *);
};

/* What the carriers are made from: the hook's environment. */
struct agent {
	const char *socket, *network;   /* JUJU_AGENT_SOCKET_ADDRESS, _NETWORK; NULL or "": no socket */
	const char *context_id, *token; /* JUJU_CONTEXT_ID, JUJU_AGENT_TOKEN */
	const char *path;               /* PATH, for the executables */
	const char *directory;          /* the charm's folder, absolute */
	bool        no_socket;          /* DISPATCH_NO_AGENT_SOCKET=1 */
	int         deadline;           /* ms that one call may take; 0: 60,000 */
};
/* The socket, or the executables where connecting fails or the first reply is no gob; ERR_RETRY with one line when there is neither. */
int carrier_open(struct arena *, const struct agent *, struct trace *, struct carrier **, struct err *);

struct juju;
struct juju *juju_new(struct arena *, struct carrier *, struct trace *);

/* --- Reading: ask first, as much as can be known to be needed; then juju_answers sends everything asked in one go;
 *     then look at each answer. An answer lives as long as the arena. --- */
struct ask;
struct ask *ask_config(struct juju *);
struct ask *ask_leader(struct juju *);
struct ask *ask_status(struct juju *, bool application);
struct ask *ask_ports(struct juju *);
struct ask *ask_relation_ids(struct juju *, struct str endpoint);
struct ask *ask_relation_units(struct juju *, struct str endpoint, int id);
struct ask *ask_relation_app(struct juju *, struct str endpoint, int id);
struct ask *ask_databag(struct juju *, struct str endpoint, int id, bool application, struct str unit_or_app);
struct ask *ask_relation_model(struct juju *, struct str endpoint, int id);
struct ask *ask_network(struct juju *, struct str endpoint, int id);
struct ask *ask_secret(struct juju *, struct str uri, struct str label, bool refresh);  /* label NOSTR: none */
struct ask *ask_action_params(struct juju *);
int juju_answers(struct juju *, struct err *);          /* ERR_RETRY: the carrier broke */

enum answer { ANSWER_OK, ANSWER_NOT_FOUND, ANSWER_DENIED, ANSWER_FAILED };
/* How it went; for the last three the tool's own words are in answer_message. NOT_FOUND: "relation not found", "not found" of secrets;
 * DENIED: permission or leadership. */
enum answer answer_kind(const struct ask *);
struct str  answer_message(const struct ask *);
/* The answer parsed; -1 (ERR_RETRY, naming the tool) when it is not ANSWER_OK or no JSON of the tool's shape. Go's null for an empty
 * map or list is an empty one here; the members of a databag and of a secret are all strings. */
int answer_node(struct ask *, struct node **, struct err *);
int answer_bool(struct ask *, bool *, struct err *);
int answer_ids(struct ask *, int **ids, size_t *n, struct err *);        /* ascending */
int answer_units(struct ask *, struct strs *, struct err *);             /* by unit number */

/* --- Writing: tell first, as much as has no order among itself; then juju_flush sends everything told in one go. --- */
void juju_status_set(struct juju *, bool application, struct str name, struct str message);
void juju_relation_set(struct juju *, struct str endpoint, int id, bool application, const struct node *map);  /* "" deletes a key */
void juju_port(struct juju *, bool open, struct str port);             /* "8000/tcp" */
void juju_action_set(struct juju *, const struct node *results);       /* a flat map of strings */
void juju_action_fail(struct juju *, struct str message);
enum log_level { LOG_INFO, LOG_WARNING, LOG_ERROR };
/* Lines arrive in their order. Longer ones than Juju takes are sent in pieces. */
void juju_log(struct juju *, enum log_level, const char *fmt, ...) PRINTF(3, 4);
/* Sends what was logged and told. ERR_RETRY with the words of the tool that refused (the first that was told; never the values), or as
 * juju_answers; nothing is sent twice. Maps and results must live until then. */
int juju_flush(struct juju *, struct err *);
void juju_close(struct juju *);

#endif
