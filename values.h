/* values.h: values as the charm takes them: checked with the leniency that people rely on, problems collected into one message, and
 * written into environment variables. */
#ifndef VALUES_H
#define VALUES_H

#include "data.h"

/* Each gives NULL, or what is wrong in words for the log. A number may come as text, an integer as a float without a fraction or as a
 * boolean, a boolean as one of the usual words; text must be text. NULL nodes and nulls are no value of any type. */
const char *value_int(struct arena *, const struct node *, struct str *digits);   /* decimal, no "+", no leading zeros; any length */
const char *value_float(struct arena *, const struct node *);
const char *value_bool(struct arena *, const struct node *, bool *);
const char *value_text(const struct node *, struct str *);
/* Compares digits as value_int gives them with a small number. */
int digits_cmp(struct str digits, int64_t);

/* As an environment variable: text as it is, all else as JSON the way Python writes it. */
struct str value_variable(struct arena *, const struct node *);

/* What is wrong with options or with a file, until a message is made of it. */
struct problem { struct str location, text; };   /* location: "flask-env", "prometheus.scrape-configs.0.job-name"; "": the whole */
struct problems { struct problem *v; size_t n; };
void problem_add(struct arena *, struct problems *, struct str location, const char *fmt, ...) PRINTF(4, 5);
/* The short message, which goes into a status: missing ones, then invalid ones, with the eight spaces that everybody has come to expect.
 * The long one, a line each, is added to *log. */
struct str problems_message(struct arena *, const struct problems *, struct strs *log);

#endif
