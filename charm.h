/* charm.h: the two structs that pass between observe, decide and apply. Whoever has read them knows the program.
 *
 *   observe --- struct snapshot ---> decide --- struct wanted ---> apply
 */
#ifndef CHARM_H
#define CHARM_H

#include "crypto.h"
#include "data.h"
#include "folder.h"
#include "juju.h"
#include "pebble.h"
#include "trace.h"

struct integration;   /* relations.h: a row of the integrations' table */

struct status { struct str name, message; };   /* "active", "blocked", "maintenance", "waiting", "unknown" */
struct status status_new(const char *name, struct str message);   /* shares the message */
bool status_active(struct status);

/* --- Environment variables, and where each came from. --- */
enum origin_kind {
	ORIGIN_RULE,        /* the charm itself: subject names the rule, as in "generated secret key" */
	ORIGIN_OPTION,      /* subject: the option; key: of a secret's content */
	ORIGIN_DEFAULT,     /* subject: the option that is not set; the framework's own default */
	ORIGIN_PAAS_CONFIG, /* subject: the key in paas-config.yaml */
	ORIGIN_RELATION,    /* subject: endpoint:id; key: in the databag or the secret; of: unit or application */
	ORIGIN_MODEL,       /* subject: the hook variable, JUJU_CHARM_HTTP_PROXY */
};
struct origin { enum origin_kind kind; struct str subject, key, of; };
struct variable {
	struct str    name, value;
	struct origin origin;
	bool          secret;     /* never in a log, a status or, unmasked, on a terminal */
	bool          migrates;   /* new or changed: migrations are due */
};
struct env { struct arena *arena; struct variable *v; size_t n; };
/* Sets a variable; a later one of the same name replaces the former (its place, too: it moves to the end). */
struct variable *env_put(struct env *, struct str name, struct str value, struct origin);
const struct variable *env_find(const struct env *, struct str name);
void env_del(struct env *, struct str name);
struct node *env_map(struct arena *, const struct env *);    /* name: string */

/* --- Why we run: the hook's environment. --- */
struct hook {
	struct str event;              /* "config-changed", "db-relation-changed", "pebble-ready" ...: the base name as Juju has it */
	bool       action;             /* event is an action's name */
	struct str app, unit;          /* "shop", "shop/0" */
	int        unit_number;
	struct str model, model_uuid;
	struct str juju_version;       /* "3.6.4"; "0.0.0" when unknown */
	struct str endpoint;           /* in relation hooks; else NOSTR */
	int        relation_id;        /* -1: none */
	struct str remote_app, remote_unit, departing_unit;
	struct str workload;           /* the container of a pebble-* event */
	struct str http_proxy, https_proxy, no_proxy;   /* JUJU_CHARM_*: NOSTR when empty */
	struct str trace_url, trace_ca;                 /* JUJU_CHARM_TRACE_CONFIG_HTTP, _CA_CERT: NOSTR when empty */
	struct str hostname, fqdn;     /* own; see hook_names */
};
bool hook_breaks(const struct hook *, int relation_id);      /* this very relation is going away */
bool version_at_least(struct str version, int major, int minor, int patch);

/* --- What is. --- */
struct config_value {
	struct str name;
	const struct option *option;   /* its declaration; NULL: none */
	struct node *value;            /* as Juju gives it; of a secret option: the content, a map of strings */
	bool is_secret;
	enum answer secret_answer;     /* of a secret option: not OK means value is NULL */
};
struct bag { struct str owner; struct node *data; };         /* a unit's databag */
struct secret {                    /* a Juju secret that a relation's data names */
	struct str field;              /* the databag key that named it, as in "secret-user" */
	struct str uri, label;
	bool       refresh;
	enum answer answer;
	struct node *content;          /* map of strings; NULL unless ANSWER_OK */
};
struct relation {
	const struct endpoint *endpoint;
	const struct integration *integration;   /* NULL: none of ours */
	int        id;
	struct str app;                /* remote application; NOSTR if Juju does not say */
	struct strs units;             /* remote units, by number */
	struct node *remote_app;       /* databags, maps of strings; NULL: not read, or the relation vanished */
	struct bag *remote_units;      /* where the row asks for them, parallel to units */
	struct node *local_app, *local_unit;
	bool       cross_model;
	struct str address;            /* own bind address for this relation, where the row asks for it */
	struct secret *secrets;
	size_t     n_secrets;
};
struct container_state {
	struct str  name;
	bool        reachable;
	bool        refused;           /* not reachable because Pebble said no */
	struct str  problem;           /* when not: why */
	struct node *plan;             /* map: services, checks, log-targets */
	struct service *services;
	size_t      n_services;
	struct file *files;            /* those that workload_files named */
	size_t      n_files;
	struct strs scripts;           /* names in the app's directory */
};
struct snapshot {
	struct arena *arena;
	const struct charm *charm;
	struct hook   hook;
	bool          leader;
	struct config_value *config;
	size_t        n_config;
	struct relation *relations;    /* metadata order of endpoints, then by id; without the one that breaks */
	size_t        n_relations;
	const struct relation *breaking; /* the one that breaks: endpoint and id only; NULL: none */
	struct status unit_status, app_status;  /* app: of a leader only */
	struct strs   ports;           /* "8000/tcp" */
	struct container_state *containers;     /* parallel to charm->containers; [0] is the app's */
	size_t        n_containers;
	struct node  *action_params;   /* map; NULL outside an action */
	unsigned char seed[CRYPTO_SEED];        /* fresh; crypto_expand makes keys and ids of it, each with a use of its own */
};

const struct config_value *config_find(const struct snapshot *, const char *name);
/* The n-th relation of an endpoint, from 0; NULL when there are fewer. */
const struct relation *relation_nth(const struct snapshot *, const struct endpoint *, size_t n);
struct file *state_file(const struct container_state *, struct str path);   /* NULL: not among those read */

/* --- What should be. --- */
struct bag_wanted {
	const struct relation *relation;
	bool         application;      /* our application's bag; else our unit's */
	struct node *data;             /* map of strings, what these keys should be; "" for a key that should not be */
	bool         whole;            /* keys that are not in data should not be there */
	struct str   when_open;        /* a key of data that should be there only if the port is open after this hook; NOSTR: none */
};
enum step_kind { STEP_EXEC, STEP_LAYER, STEP_DIR, STEP_WRITE, STEP_REMOVE, STEP_SIGNAL, STEP_REPLAN, STEP_STOP };
struct step {
	enum step_kind kind;
	size_t       container;        /* index */
	const char  *name;             /* for the log and for people: "migration", "configuration check" */
	struct exec  exec;             /* EXEC */
	struct str   failed;           /* EXEC: exit status not 0: Blocked with this, and no further step */
	struct file *on_success, *on_failure;   /* EXEC: a file to write afterwards; NULL: none */
	struct str   label;            /* LAYER */
	struct node *layer;
	struct file *files;            /* WRITE: in one request */
	size_t       n_files;
	struct str   path;             /* DIR (with user and group as in files), REMOVE */
	struct str   user, group;
	const char  *signal;           /* SIGNAL */
	struct strs  services;         /* SIGNAL: one; STOP: all of them */
	bool         disturbs;         /* the workload changes: Maintenance is shown before the first such step */
	const char  *why;              /* what made it necessary, for `dispatch plan` */
};
struct log_line { enum log_level level; struct str text; };
struct wanted {
	struct arena *arena;
	struct status status;          /* of the unit, and of the application on a leader, when all steps went well */
	bool         keep_status;      /* an action that changes nothing */
	struct bag_wanted *bags;
	size_t       n_bags;
	bool         set_port;         /* exactly this port should be open */
	int          port;
	struct step *steps;
	size_t       n_steps;
	struct node *action_results;   /* map of strings; NULL: none */
	struct str   action_failure;   /* NOSTR: it did not fail */
	struct exec *action_exec;      /* create-superuser: run it; exit 0 gives the results, else it fails with the output */
	struct log_line *log;
	size_t       n_log;
	struct str   traces;           /* the collector of the charm's own traces, as a relation gives it; NOSTR: none does */
	struct env   env;              /* the app's environment, for people (`dispatch env`) and for masking secrets */
};
struct bag_wanted *want_bag(struct wanted *, const struct relation *, bool application);   /* adds one */
struct step *want_step(struct wanted *, enum step_kind, const char *name);                /* adds one */
void want_log(struct wanted *, enum log_level, const char *fmt, ...) PRINTF(3, 4);

/* --- The way through. --- */
struct dispatch {
	struct arena *arena;
	struct hook   hook;
	const struct charm *charm;
	struct juju  *juju;
	/* Opens a container's Pebble: the real one below the containers' folder, or the simulator's. */
	struct pebble *(*pebble_open)(struct dispatch *, struct str container);
	struct pebble **pebbles;       /* parallel to charm->containers, opened by observe */
	void         *pebble_context;
	struct trace *trace;
	/* For people: called with each change before it is made (`run`), and instead of it when `dry` (`plan`). NULL: nobody watches. */
	void        (*watch)(struct dispatch *, const struct snapshot *, const struct wanted *);
	bool          dry;
	bool          sends_traces;   /* a real hook: its trace may go to a collector */
};
int observe(struct dispatch *, struct snapshot *, struct err *);
/* Pure: no I/O, no clock, no randomness. -1 only where Juju should retry. */
int decide(const struct snapshot *, struct wanted *, struct err *);
int apply(struct dispatch *, const struct snapshot *, struct wanted *, struct err *);
/* observe, decide, apply. The hook's exit code, 0 or 1; errors are in the log and on stderr. */
int dispatch_hook(struct dispatch *);

#endif
