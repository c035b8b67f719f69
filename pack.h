/* pack.h: from a project folder to a .charm: init, expand, check, pack. */
#ifndef PACK_H
#define PACK_H

#include "data.h"

/* A charmcraft.yaml with its extension expanded, as charmcraft does; without an extension as it is. *framework and *generation tell which
 * (NOSTR: no extension). ERR_INPUT: charmcraft's own message. */
int charmcraft_expand(struct arena *, const struct node *project, struct node **expanded, struct str *framework, int *generation,
                      struct err *);
/* The command line's verbs; argv[0] is the verb. Exit codes as cli_main. */
int pack_init(struct arena *, int argc, char *argv[]);
int pack_expand(struct arena *, int argc, char *argv[]);
int pack_check(struct arena *, int argc, char *argv[]);
int pack_pack(struct arena *, int argc, char *argv[]);

#endif
