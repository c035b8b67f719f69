/* lint.h: findings in the files that a charm is packed from: what is wrong, where, by which rule, and what to write instead. */
#ifndef LINT_H
#define LINT_H

#include "data.h"

struct framework;   /* frameworks.h */

struct finding {
	const char *rule;           /* its name, for people and scripts: "option-type" */
	struct str  file;           /* as the user knows it: "charmcraft.yaml" */
	int         line, column;   /* from 1; 0: the file as a whole */
	struct str  message;        /* what is wrong; may have several lines where charmcraft's own has */
	struct str  advice;         /* what to write instead */
};
struct findings { struct arena *arena; struct finding *v; size_t n; };

/* Adds one at a node's place (NULL, or a node made here: the whole file). The advice may be NULL. */
void finding_add(struct findings *, const char *file, const struct node *at, const char *rule, const char *advice,
                 const char *fmt, ...) PRINTF(6, 7);
/* Adds one for an error of yaml_parse, "FILE:LINE:COLUMN: what": its place becomes the finding's. */
void finding_yaml(struct findings *, const char *file, const char *rule, const char *prefix, const char *msg);
/* "FILE:LINE:COLUMN: RULE: message; advice", in one line. */
struct str finding_text(struct arena *, const struct finding *);
/* {"file", "line", "column", "rule", "message", "advice"} of each. */
struct node *findings_node(struct arena *, const struct findings *);

/* Can charmcraft and Juju both take this name for a charm? */
bool lint_name(struct str);
/* charmcraft's rules for a project whose extension has been expanded; the tree has the positions of what the user wrote, and file is
 * where that came from. */
void lint_charmcraft(const struct node *expanded, const char *file, struct findings *);
/* Juju's rules for what of it becomes metadata.yaml and manifest.yaml. */
void lint_juju(const struct node *expanded, const char *file, struct findings *);
/* Juju's rules for the files of a charm: a metadata.yaml that is packed as it is, */
void lint_metadata(const struct node *metadata, const char *file, struct findings *);
/* the mapping that has "options", and the mapping of names to actions. */
void lint_config(const struct node *config, const char *file, struct findings *);
void lint_actions(const struct node *actions, struct str charm, const char *file, struct findings *);
/* The user's files in the folder: paas-config.yaml by the framework's schema and cos_custom. */
void lint_paas_config(const char *folder, const struct framework *, struct findings *);
void lint_custom(const char *folder, struct findings *);
/* What would keep the charm of a framework from ever being active. */
void lint_first_hook(const struct node *expanded, const char *file, const struct framework *, struct findings *);
/* cos_custom holds only the folders that the charm reads; the message is charmcraft's. */
void lint_custom_folders(const char *folder, struct findings *);

/* The files of cos_custom that the charm takes, as paths in the folder: "cos_custom/loki_alert_rules/slow.rule". */
struct strs lint_custom_files(struct arena *, const char *folder);

#endif
