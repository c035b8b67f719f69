/* world.h: a charm and a simulated world, as the command line asks for them, and what events make of it. */
#ifndef WORLD_H
#define WORLD_H

#include "charm.h"
#include "cli.h"
#include "simulate.h"

struct world {
	struct cli   *cli;
	struct arena *arena;
	const char   *state, *folder;     /* the state file; the charm's folder */
	struct charm  charm;
	struct simulator *simulator;
	struct trace *trace;              /* NULL: not asked for */
	struct str    socket;             /* of a real Pebble; NOSTR: none */
};
/* What an event came to. */
struct outcome {
	struct world *world;
	struct hook   hook;
	int           code;               /* the hook's exit code */
	bool          decided;            /* snapshot and wanted are there: the event is one of ours, and nothing failed before */
	struct snapshot snapshot;
	struct wanted wanted;
	const struct node *done;          /* list: the journal's part of this event */
	struct node  *plan;               /* of the app's container, afterwards */
	struct service *services;
	size_t        n_services;
};
/* By --state, --charm, --set, --param, --leader, --relate, --trace and --real-pebble. 0; 2 having said what is wrong. */
int world_open(struct cli *, struct world *);
/* One event. dry: only decide. 0; 2 having said what is wrong: no such event in this world. */
int world_event(struct world *, struct str event, bool dry, struct outcome *);
/* The same with a hook already filled. */
void world_hook(struct world *, const struct hook *, bool dry, struct outcome *);
/* Adds a relation with example data. 0; 2 having said what is wrong. */
int world_relate(struct world *, struct str endpoint);
/* Writes the state; the name's end tells the format. 0; 1 having said what is wrong. */
int world_write(struct world *, struct str file);

/* relate.c: a relation's example, in the state file's words; ERR_INPUT when there is none for this interface. */
int relate_example(struct simulator *, struct str endpoint, struct err *);
/* All examples, as a page of the reference. */
void examples_page(struct buf *);

/* report.c: what came of an event, for people and for scripts. */
void report_text(const struct outcome *, struct buf *);
struct node *report_json(const struct outcome *);

/* snapshot.c: a state file of what was observed; secrets become placeholders unless they are to be shown. */
struct node *snapshot_state(struct arena *, const struct snapshot *, bool show_secrets);

/* --- Secrets on a screen. --- */
struct mask { struct arena *arena; bool off; struct strs values; };
/* Everything known to be secret in this outcome; with --show-secrets nothing is masked. */
struct mask mask_of(const struct outcome *);
struct str mask_text(const struct mask *, struct str);
/* A value by its name and origin, too: variables that are secret, keys that always are. */
struct str mask_variable(const struct mask *, const struct wanted *, struct str name, struct str value);
struct str mask_key(const struct mask *, struct str key, struct str value);

#endif
