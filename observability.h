/* observability.h: metrics, alert rules, dashboards, log forwarding. */
#ifndef OBSERVABILITY_H
#define OBSERVABILITY_H

#include "charm.h"
#include "frameworks.h"

/* Databags of metrics-endpoint, grafana-dashboard and logging. config_error: options are invalid, scrape jobs stay as they are. */
void observability_publish(const struct snapshot *, const struct settings *, bool config_error, struct wanted *);
/* Log targets: layer steps for each reachable container, only where they differ from its plan. */
void log_targets_decide(const struct snapshot *, struct wanted *);

#endif
