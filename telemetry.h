/* telemetry.h: the charm's own traces, sent by OTLP over HTTP. */
#ifndef TELEMETRY_H
#define TELEMETRY_H

#include "charm.h"

enum { TELEMETRY_SECONDS = 1 };

/* One POST of the spans as JSON: the whole body, for `url` and the spans' random ids. Pure: 24 random bytes come along. */
struct str telemetry_body(const struct dispatch *, bool failed, int64_t now, const unsigned char random[24]);
/* Sends this dispatch's spans as one trace to the base URL of a collector, which a hook waits for no longer than TELEMETRY_SECONDS. With
 * https the certificate must come from `ca` (PEM), or where that is NOSTR from one that the machine trusts. NULL: it went well, or the
 * dispatch has no trace; else what did not, for the log: no hook fails for that. */
const char *telemetry_send(const struct dispatch *, struct str url, struct str ca, bool failed);

/* The POST itself, for as long as it takes: 0, or the number of what did not go well. */
int telemetry_post(struct arena *, struct str url, struct str ca, struct str body);
const char *telemetry_problem(int number);   /* in words, for any number; NULL: nothing */

#endif
