/* simulate.h: a Juju and a Pebble in memory, from a state file (docs/reference/state.md).
 *
 * The state is a tree in the state file's own words. Hook tools and Pebble requests read and change that tree, so what is left
 * after an event is a state file again. */
#ifndef SIMULATE_H
#define SIMULATE_H

#include "charm.h"

struct simulator {
	struct arena *arena;
	const struct charm *charm;
	const char   *name;           /* of the state file, for messages */
	struct node  *state;          /* checked, with every default filled in */
	struct node  *journal;        /* list: everything that was written or run, in order */
	struct hook   hook;           /* the event that runs; set by simulator_begin */
	struct node  *params;         /* the action's parameters; NULL: none */
	struct node  *before;         /* what Juju buffers, as it was when the hook began */
	struct trace *trace;          /* NULL: nobody asked */
	struct container **containers;
	size_t        n_containers;
};

/* Reads a state. ERR_INPUT "NAME:LINE:COLUMN: what" on anything that is no state: an unknown key, a wrong type, an endpoint or an
 * option that the charm does not have. */
int simulator_load(struct arena *, struct str text, const char *name, const struct charm *, struct simulator **, struct err *);
/* Every key of a state file, a line each ("relations[].id  a whole number"), for the reference page. */
void simulator_schema(struct buf *);

/* Sets an option from text, by its type as the charm declares it; "null" takes it back to its default. ERR_INPUT. */
int simulator_set(struct simulator *, struct str option, struct str value, struct err *);
/* An action's parameter: text, or JSON where it is JSON. */
void simulator_param(struct simulator *, struct str name, struct str value);
/* Adds a relation, a map in the state file's words. ERR_INPUT as simulator_load. */
int simulator_relate(struct simulator *, struct node *relation, struct err *);
/* Adds a secret, a map in the state file's words. ERR_INPUT. */
int simulator_secret(struct simulator *, struct node *secret, struct err *);

/* Fills a hook from the state and the event's words: "config-changed", "db-relation-changed", "db-relation-changed:3", an action's name.
 * 0; 1 when nobody knows such an event (the hook is filled all the same); -1 (ERR_INPUT) when it cannot be in this state. */
int simulator_hook(struct simulator *, struct str event, struct hook *, struct err *);
/* An event begins: what it writes from here on is buffered as Juju does. */
void simulator_begin(struct simulator *, const struct hook *);
/* It ended with this exit code: 0 keeps what was written (and a broken relation goes away); else relation data, ports and secrets
 * are as before, as Juju drops them. */
void simulator_end(struct simulator *, int code);

struct carrier *simulator_carrier(struct simulator *);
struct pebble *simulator_pebble(struct simulator *, struct str container);   /* never NULL; unreachable ones answer ERR_WAITING */
/* The state as it is now, in the state file's words; a copy. */
struct node *simulator_state(struct simulator *);
/* A container's combined plan as it is now; an empty map without one. */
struct node *simulator_plan(struct simulator *, struct str container);
/* Everything that was written, in order: {"kind": "relation-set" | "status-set" | "exec" | ..., ...}, for people and scripts. */
const struct node *simulator_journal(const struct simulator *);

/* --- Between the simulator's own files. --- */
struct container {
	struct pebble     pebble;      /* first: a struct pebble is cast back */
	struct simulator *simulator;
	struct str        name;
	struct node      *state;       /* its entry in the state; NULL: the state has none, so it cannot be reached */
	struct node      *plan;        /* all layers combined */
	struct node      *running;     /* service: the configuration it was started with */
};
/* Checks a container's layers and makes its plan. ERR_INPUT naming what is wrong, without a place. */
int container_open(struct simulator *, struct node *state, struct str name, struct container **, struct err *);
/* Adds an entry of this kind to the journal. */
struct node *journal_add(struct simulator *, const char *kind);
struct node *state_relation(const struct simulator *, struct str endpoint, int id);   /* NULL: none */
bool         state_is_peer(const struct simulator *, struct str endpoint);

#endif
