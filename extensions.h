/* extensions.h: charmcraft's six extensions for 12-factor apps, and what they make of a charmcraft.yaml. */
#ifndef EXTENSIONS_H
#define EXTENSIONS_H

#include "data.h"
#include "lint.h"

/* The frameworks that have an extension, in charmcraft's order; NULL after the last. The extension of "flask" is flask-framework. */
const char *extension_nth(size_t);
/* The newest base that a framework's extension supports in a generation: "ubuntu@24.04"; NULL: it has no extension. */
const char *extension_base(struct str framework, int generation);

struct expansion {
	struct node *project;      /* the document with the extension merged in, keys in no particular order */
	struct str   framework;    /* NOSTR: the document names no extension */
	int          generation;   /* 1 or 2; 0 without extension */
	struct str   note;         /* for stderr: the generation is experimental in charmcraft; NOSTR: nothing to say */
};
/* Expands the document's extensions as charmcraft does. What charmcraft refuses becomes a finding: the first is the one that charmcraft
 * would have printed, word by word, the others those it would print next. folder: where paas-config.yaml and cos_custom are looked for;
 * NULL: nowhere. -1 if there is a finding; *out then holds the document as it is. */
int extensions_apply(struct arena *, const char *folder, const struct node *document, struct expansion *out, struct findings *);
/* A value as Python prints it in charmcraft's messages: 'text', None, True, 5. */
struct str python_repr(struct arena *, const struct node *);

#endif
