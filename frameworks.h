/* frameworks.h: the frameworks' table, and what is decided from it: options, the environment, the layer and the files. */
#ifndef FRAMEWORKS_H
#define FRAMEWORKS_H

#include "charm.h"
#include "relations.h"

/* One option of the framework's own: how it is checked, and the variable that it becomes. */
enum rule {
	RULE_TEXT,        /* at least one character */
	RULE_ANY_TEXT,    /* may be empty */
	RULE_BOOL,
	RULE_POSITIVE,    /* an integer above zero */
	RULE_PORT,        /* the same, and a port: the workload's */
	RULE_SCHEME,      /* http or https in any case; exported in capitals */
	RULE_HOSTS,       /* a comma list; exported as a JSON list */
	RULE_CHOICE,      /* one of `choices`, as written */
	RULE_SECRET,      /* the framework's secret_options: at least one character, or from a secret's `value` */
};
enum meaning { MEANS_NOTHING, MEANS_METRICS_PORT, MEANS_METRICS_PATH };
struct framework_option {
	unsigned    generations;      /* a set: 1 of V1, 2 of V2 */
	const char *field;            /* its variable is the framework prefix and this in capitals */
	const char *option;           /* Juju's name; NULL: the row's secret_options */
	enum rule   rule;
	const char *fallback;         /* the framework's own default; NULL: none (of RULE_PORT: the row's port) */
	enum meaning meaning;
	const char *const *choices;   /* of RULE_CHOICE; NULL ends them */
};
enum web_server {
	SERVER_OWN,       /* the app's own: nothing of it is our business */
	SERVER_GUNICORN,  /* gunicorn.conf.py, worker classes, log files, StatsD; JSON logging and tracing in its file */
	SERVER_UVICORN,   /* JSON logging by a log configuration */
};
struct settings;
struct integrations;
struct framework {
	const char *name;             /* "flask", "spring-boot": also the Pebble service */
	int         generation;       /* 1 or 2 */
	const char *config_prefix;    /* of user-defined options, BASE_URL, SECRET_KEY: "FLASK_" */
	const char *framework_prefix; /* of the framework's own options and metrics */
	const char *container;
	const char *base_dir;         /* of SERVER_GUNICORN: where its configuration goes */
	const char *app_dir;          /* where migrations, checks and the superuser's command run */
	const char *services_state;   /* folder of original-services.json */
	const char *migration_state;  /* folder of database-migration-status */
	int         port;             /* where neither an option nor paas-config says another */
	const char *metrics_port, *metrics_path;   /* the same of metrics; NULL: none */
	enum web_server server;
	const char *secret_options[2];/* without "-id": this generation's own first; the second may be NULL */
	const char *database_rule;    /* the status when no database is there; NULL: none is needed */
	const char *certificate_file; /* where SAML's certificate goes; NULL: nowhere */
	bool        superuser;        /* has the action create-superuser */
	bool        spring;           /* integrations and metrics become Spring's properties */
	const struct framework_option *options;
	size_t      n_options;
	/* What data cannot say: the last word on the environment; NULL: nothing. */
	void      (*finish)(const struct snapshot *, const struct settings *, const struct integrations *, struct env *);
};
/* The row of a name and a generation; NULL: none. */
const struct framework *framework_find(struct str name, int generation);
/* All rows, for listings: NULL after the last. */
const struct framework *framework_nth(size_t);
/* From the text of the charm's file `framework` (NOSTR: missing), else by hints in its metadata and config;
 * never NULL. */
const struct framework *framework_of(struct str file, const struct node *metadata, const struct node *config);

/* What the options, the paas-config and the framework's defaults come to. */
struct settings {
	struct str  blocked;         /* an option or paas-config is invalid: the status; NOSTR: fine */
	struct strs log;             /* the long form, ERROR lines */
	struct env  user, framework; /* variables of the user's own options, and of the framework's */
	int         port;            /* the workload's */
	struct str  metrics_port;    /* decimal; NOSTR: none (generation 1) */
	struct str  metrics_path;    /* NOSTR: none (generation 1) */
	struct origin metrics_port_origin, metrics_path_origin;
	bool        metrics_path_empty;   /* configured as "": metrics_path is what it then means */
	struct str  worker_class;    /* NOSTR: not set */
	struct str  workers, threads, keepalive, timeout;   /* of gunicorn, decimal, keepalive and timeout in s; NOSTR: not set */
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
/* The app's whole environment; secret_key: the generated one, NOSTR: none yet. */
void environment_decide(const struct snapshot *, const struct settings *, const struct integrations *, struct str secret_key,
                        struct env *);
/* Layer, files, checks, migration, reload, replan: appends the steps that are needed, none when all is right.
 * -1: ERR_BLOCKED with the status (worker class, missing service). */
int workload_decide(const struct snapshot *, const struct settings *, const struct integrations *, const struct env *,
                    struct wanted *, struct err *);
/* missing integrations: all services stop, the migration becomes PENDING; only where not so already.
 * -1: ERR_BLOCKED with the status to show instead (worker class, missing service); nothing stops then. */
int workload_stop(const struct snapshot *, const struct settings *, struct wanted *, struct err *);
/* The action create-superuser: fills wanted->action_exec and its results. */
void superuser_decide(const struct snapshot *, const struct env *, struct wanted *);
/* The name of a unit in the cluster: identifier "shop/0" or "0". */
struct str unit_fqdn(struct arena *, struct str app, struct str model, struct str identifier);

#endif
