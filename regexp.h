/* regexp.h: is a text a regular expression as Go's regexp package takes it? Nothing here matches anything. */
#ifndef REGEXP_H
#define REGEXP_H

#include "data.h"

/* What is wrong with a pattern; NULL: nothing. *matches_empty: the whole pattern matches the empty text. */
const char *regexp_check(struct str pattern, bool *matches_empty);

#endif
