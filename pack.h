/* pack.h: from a project folder to a .charm: init, expand, check, pack. */
#ifndef PACK_H
#define PACK_H

#include "data.h"
#include "extensions.h"
#include "lint.h"
#include "zip.h"

/* A charmcraft.yaml with its extension expanded, as charmcraft does; without an extension as it is. *framework and *generation tell which
 * (NOSTR: no extension). ERR_INPUT: charmcraft's own message. */
int charmcraft_expand(struct arena *, const struct node *project, struct node **expanded, struct str *framework, int *generation,
                      struct err *);

/* --- project.c: a folder with a charmcraft.yaml --- */
struct project {
	const char  *folder;            /* "."; of the root "", for a slash follows */
	const char  *file;              /* charmcraft.yaml's path in it, for findings */
	struct expansion expansion;     /* .project: expanded, with metadata.yaml, config.yaml and actions.yaml joined in */
	const struct framework *framework;   /* of the extension, of the file `framework`, or guessed from the declarations */
	bool         guessed;
	bool         config_apart, actions_apart;   /* they are in config.yaml and actions.yaml, which are packed as they are */
	struct node *metadata;          /* a metadata.yaml beside it, packed as it is; NULL: none */
};
/* Reads a project and expands it; what is wrong goes to the findings. -1 (ERR_INPUT) where there is no charmcraft.yaml, or it is no YAML.
 * file: its path; the folder is the one it is in. */
int project_load(struct arena *, const char *file, struct project *, struct findings *, struct err *);
/* All rules that are left to look at after project_load. */
void project_lint(struct arena *, const struct project *, struct findings *);
/* The document as charmcraft prints it: its order of keys, platforms in full, addresses normalised. */
struct node *project_marshal(struct arena *, const struct node *expanded);

/* One archive to make: a platform of the project. */
struct build {
	struct str file_name;           /* shop_amd64.charm */
	struct str architecture;        /* "amd64" */
	struct strs build_on;           /* architectures of the machines that build it */
	struct node *bases;             /* for the manifest: a list of {name, channel, architectures} */
};
struct builds { struct build *v; size_t n; };
/* host: the architecture that a legacy base without any is for. */
struct builds project_builds(struct arena *, const struct project *, struct str host);
/* The archive's members but for dispatch. -1 (ERR_INPUT): a file cannot be read. */
int project_members(struct arena *, const struct project *, const struct build *, struct zip_member **, size_t *n, struct err *);
/* The charm's metadata.yaml, keys sorted. */
struct node *project_metadata(struct arena *, const struct node *expanded);

/* --- The command line's verbs: pack.c and init.c. --- */
struct cli;
int pack_init(struct cli *);
int pack_expand(struct cli *);
int pack_check(struct cli *);
int pack_pack(struct cli *);

#endif
