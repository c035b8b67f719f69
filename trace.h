/* trace.h: what a dispatch did and how long it took: spans for hook tools, Pebble requests and the three stages.
 *
 * Without DISPATCH_TRACE and without a tracing endpoint there is no trace: the functions take NULL and do nothing. Names hold
 * no values: a tool's name and its flags' names, a request's method and path. */
#ifndef TRACE_H
#define TRACE_H

#include "data.h"

struct span {
	struct str name;
	int        parent;      /* index of the span around it; -1 for the root */
	int64_t    start, end;  /* ns since 1970 */
	bool       failed;
};
struct trace {
	struct arena *arena;
	struct span  *spans;
	size_t        n;
	int           open;     /* the innermost span that has not ended; -1 at first */
	int           fd;       /* each ended span is a line here; -1: nowhere */
};
int64_t trace_now(void);    /* ns since 1970 */
int  trace_begin(struct trace *, const char *fmt, ...) PRINTF(2, 3);   /* the span's index */
void trace_end(struct trace *, int span, bool failed);
/* A span that is over already, inside the open one: for what ran beside others and so cannot nest. */
void trace_add(struct trace *, int64_t start, int64_t end, bool failed, const char *fmt, ...) PRINTF(5, 6);

#endif
