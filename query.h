/* query.h: label matchers put into every selector of a PromQL or LogQL query, by reading the query, not by replacing text.
 *
 * A shared Prometheus or Loki holds the series of many applications: an alert of ours must look at ours alone. */
#ifndef QUERY_H
#define QUERY_H

#include "data.h"

enum { MAX_QUERY = 64 << 10, MAX_QUERY_NESTING = 128 };

struct matcher { struct str name, value; };   /* name="value" */

/* The query with the matchers in each of its selectors and every other byte as it was. ERR_INPUT: it is no valid query, the
 * message gives the place ("column 7: ..."). What Prometheus takes behind a feature flag is taken, too, except for unquoted
 * names that are not ASCII. */
int promql_inject(struct arena *, struct str query, const struct matcher *, size_t n, struct str *injected, struct err *);
int logql_inject(struct arena *, struct str query, const struct matcher *, size_t n, struct str *injected, struct err *);

/* --- Shared by the two readers. --- */

/* A matcher as it was read: what its value says about the empty text decides whether a selector selects everything. */
enum match { MATCH_EQUAL, MATCH_NOT_EQUAL, MATCH_REGEXP, MATCH_NOT_REGEXP };
/* Takes label="" as well? A problem with a pattern is set in *problem. */
bool match_takes_empty(enum match, struct str value, const char **problem);
/* The quoted text at *at, which moves behind it: "..." and, if single, '...' with Go's escapes, `...` without. NULL, or the
 * problem; *value is a copy without escapes. */
const char *quoted_take(struct arena *, struct str query, size_t *at, bool single, struct str *value);
/* Seconds of a duration as in 1h30m, units falling from y to ms. False: it is none. */
bool duration_read(struct str text, double *seconds);

/* Where matchers go: behind a brace that is there, or as braces of their own. */
struct place { size_t at; bool braces, empty; };
struct places { struct place *v; size_t n; };
void place_add(struct arena *, struct places *, size_t at, bool braces, bool empty);
struct str places_fill(struct arena *, struct str query, const struct places *, const struct matcher *, size_t n);

#endif
