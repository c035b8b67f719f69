/* explain.h: every status with its cause and its cure: for `dispatch explain` and for the reference page. */
#ifndef EXPLAIN_H
#define EXPLAIN_H

#include "data.h"

struct status_row {
	const char *name;          /* "blocked" */
	const char *message;       /* "%" stands for any text */
	const char *cause, *cure;
};
extern const struct status_row status_rows[];
extern const size_t status_rows_count;
/* The row of a status; name NOSTR: of any. NULL: none fits. */
const struct status_row *status_find(struct str name, struct str message);

#endif
