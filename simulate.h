/* simulate.h: a Juju and a Pebble in memory, from a state file (docs/reference/state.md). */
#ifndef SIMULATE_H
#define SIMULATE_H

#include "charm.h"

struct simulator;
/* Reads a state. ERR_INPUT "NAME:LINE:COLUMN: what" on anything that is no state: an unknown key, a wrong type. */
int simulator_load(struct arena *, struct str text, const char *name, const struct charm *, struct simulator **, struct err *);
struct carrier *simulator_carrier(struct simulator *);
struct pebble *simulator_pebble(struct simulator *, struct str container);   /* never NULL; unreachable ones answer ERR_WAITING */
/* Fills a hook from the state and the event's words: "config-changed", "db-relation-changed:3", "rotate-secret-key" (an action of the
 * charm). ERR_INPUT when the event cannot be in this state. */
int simulator_hook(struct simulator *, struct str event, struct hook *, struct err *);
/* The state as it is now, in the state file's words. */
struct node *simulator_state(struct simulator *);
/* Everything that was written, in order: {"kind": "relation-set" | "status-set" | ..., ...}, for people and scripts. */
const struct node *simulator_journal(const struct simulator *);

#endif
