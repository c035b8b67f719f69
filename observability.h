/* observability.h: metrics, alert rules, dashboards, log forwarding. All of it is pure. */
#ifndef OBSERVABILITY_H
#define OBSERVABILITY_H

#include "charm.h"
#include "frameworks.h"

/* Databags of metrics-endpoint, grafana-dashboard and logging. config_error: options are invalid, scrape jobs stay as they are. */
void observability_publish(const struct snapshot *, const struct settings *, bool config_error, struct wanted *);
/* Log targets: layer steps for each reachable container, only where they differ from its plan. */
void log_targets_decide(const struct snapshot *, struct wanted *);

/* The model, the first eight digits of its UUID and the application, joined by "_": as in every name that tells deployments apart. */
struct str topology_identifier(const struct snapshot *);

/* alerts.c: the rules of the framework, of cos_custom and, for Prometheus, of every charm: {"groups": [...]}, or an empty map when there
 * are none. Our topology is in each rule's labels and in each selector. What is no valid rule is told in the log and left out. */
struct node *alert_rules(const struct snapshot *, bool loki, struct wanted *);

/* dashboards.c: the databag value of grafana-dashboard. `old`: the value that is there (NOSTR: none); it is kept as it is, and nothing
 * packed, while what went into it is the same. */
struct str dashboards_value(const struct snapshot *, struct str old, struct wanted *);
/* The text of the framework's dashboard, as Grafana takes it; NULL: `name` is no dashboard of ours ("flask", "spring_boot"). */
struct node *dashboard_expand(struct arena *, struct str name, struct err *);

/* How custom COS files are seen: with this before their names, next to our own. */
#define CUSTOM_PREFIX "custom_"

#endif
