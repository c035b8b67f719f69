/* folder.h: the charm's own folder: metadata.yaml, config.yaml, actions.yaml (or a charmcraft.yaml), framework,
 * paas-config.yaml and cos_custom. Read once, never written. */
#ifndef FOLDER_H
#define FOLDER_H

#include "data.h"
#include "values.h"

struct framework;   /* frameworks.h: a row of the frameworks' table */

enum option_type { OPTION_STRING, OPTION_INT, OPTION_FLOAT, OPTION_BOOL, OPTION_SECRET, OPTION_UNKNOWN };
struct option {
	struct str name;
	enum option_type type;
	struct str type_name;
	struct node *fallback;      /* its default; NULL: none */
	bool required;              /* declared with optional: false */
	int line;                   /* in its file; 0: unknown */
};
enum role { ROLE_REQUIRES, ROLE_PROVIDES, ROLE_PEERS };
struct endpoint { struct str name, interface; enum role role; bool optional; int limit; /* -1: none */ };

struct static_config { struct strs targets; struct node *labels; /* map of strings or NULL */ };
struct scrape_config { struct str job_name, metrics_path; struct static_config *configs; size_t n_configs; };
struct paas_config {
	struct str error;           /* the unit's status when the file is bad; NOSTR: fine */
	struct strs error_log;      /* its long form, a line each */
	bool has_port, has_metrics_port, has_metrics_path;
	int port, metrics_port;
	struct str metrics_path;
	bool json_logging;
	struct scrape_config *scrape_configs;
	size_t n_scrape_configs;
};
struct custom_file { struct str directory, name, content; };    /* of cos_custom/DIRECTORY/NAME */

struct charm {
	struct str name;            /* metadata's name */
	const struct framework *framework;
	struct endpoint *endpoints; /* metadata order: requires, then provides, then peers */
	size_t n_endpoints;
	struct option *options;     /* in the file's order */
	size_t n_options;
	struct strs actions;
	struct strs containers;     /* [0] is the app's */
	struct paas_config paas;
	struct custom_file *custom; /* sorted by directory and name */
	size_t n_custom;
	struct strs notes;          /* what was wrong with cos_custom, for the log */
	struct node *metadata;      /* as read */
};
/* Reads a charm's folder. -1 (ERR_RETRY, one line naming the file) when metadata is missing or unreadable: the charm's own files
 * are broken. A bad paas-config.yaml is no error here: paas.error says it. `folder` is relative or absolute. */
int charm_load(struct arena *, const char *folder, struct charm *, struct err *);
const struct endpoint *endpoint_find(const struct charm *, struct str name);
const struct option *option_find(const struct charm *, struct str name);
/* paas-config.yaml's text by its schema; generation 1 lacks port, metrics-port and metrics-path. Never fails: paas.error says what is
 * wrong, and all else is as if the file were empty. */
void paas_config_parse(struct arena *, struct str text, int generation, struct paas_config *);

#endif
