/* frameworks.h: the frameworks' table, and what is decided from it: options, the environment, the layer and the files. */
#ifndef FRAMEWORKS_H
#define FRAMEWORKS_H

#include "charm.h"
#include "relations.h"

struct framework_option;    /* private to frameworks.c */
struct framework {
	const char *name;         /* "flask", "spring-boot": also the Pebble service */
	int         generation;   /* 1 or 2 */
	const char *config_prefix;    /* C of workload.md 4.1: "FLASK_" */
	const char *framework_prefix; /* F */
	const char *container;
	/* ... the other columns are frameworks.c's and may be added here ... */
};
/* The row of a name and a generation; NULL: none. */
const struct framework *framework_find(struct str name, int generation);
/* All rows, for listings: NULL after the last. */
const struct framework *framework_nth(size_t);
/* From the text of the charm's file `framework` (NOSTR: missing), else the hints of decisions.md in its metadata and config; never NULL. */
const struct framework *framework_of(struct str file, const struct node *metadata, const struct node *config);

/* What the options, the paas-config and the framework's defaults come to. */
struct settings {
	struct str  blocked;         /* an option or paas-config is invalid: the status; NOSTR: fine */
	struct strs log;             /* the long form, ERROR lines */
	struct env  user, framework; /* steps 1 and 2 of workload.md 2.7 */
	int         port;            /* the workload's */
	struct str  metrics_port;    /* decimal; NOSTR: none (V1) */
	struct str  metrics_path;    /* NOSTR: none (V1) */
	bool        metrics_path_empty;
	struct str  worker_class;    /* NOSTR: not set */
	bool        json_logging;
};
void settings_decide(const struct snapshot *, struct settings *);
/* Is one database needed whatever the metadata says? (Django); the status message, or NULL. */
const char *framework_database_rule(const struct framework *);
/* Workload files whose content the decision needs; and the directory whose names it needs. */
void workload_files(struct arena *, const struct charm *, struct file **, size_t *n);
struct str workload_directory(const struct charm *);
/* The peer databag's key of the generated secret key: "flask_secret_key". */
struct str secret_key_name(struct arena *, const struct charm *);
/* The whole environment, workload.md 2.7; secret_key and peers (sorted FQDNs) as decided. */
void environment_decide(const struct snapshot *, const struct settings *, const struct integrations *, struct str secret_key,
                        struct env *);
/* Layer, files, checks, migration, reload, replan: appends the steps that are needed, none when all is right.
 * -1: ERR_BLOCKED with the status (worker class, missing service). */
int workload_decide(const struct snapshot *, const struct settings *, const struct integrations *, const struct env *,
                    struct wanted *, struct err *);
/* missing integrations: all services stop, the migration becomes PENDING; only where not so already. */
void workload_stop(const struct snapshot *, struct wanted *);
/* The action create-superuser: fills wanted->action_exec and its results. */
void superuser_decide(const struct snapshot *, const struct env *, struct wanted *);
/* FQDN of a unit, workload.md 2.7: identifier "shop/0" or "0". */
struct str unit_fqdn(struct arena *, struct str app, struct str model, struct str identifier);

#endif
