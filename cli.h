/* cli.h: everything typed by a person: arguments, help, output. */
#ifndef CLI_H
#define CLI_H

#include "data.h"

/* The exit code: 0; 1 findings or a failed hook; 2 wrong use or unreadable input. */
int cli_main(int argc, char *argv[]);
/* The hook on the simulator, because DISPATCH_STATE is set: the hook's variables count, where they are set. Prints what `run` prints.
 * The hook's exit code, 0 or 1. */
int cli_hook_on_state(const char *state_file, const char *charm_folder);

/* --- Between the files of the command line. --- */
struct cli;
struct flag {
	const char *name;         /* "state": --state */
	const char *argument;     /* what follows it, for the help; NULL: nothing does */
	const char *help;
	bool        repeats;
};
struct command {
	const char *name, *arguments, *summary;
	const struct flag *const *flags;    /* NULL ends them; NULL: none */
	const char *notes;                  /* below the options in its help; NULL: none */
	int       (*run)(struct cli *);
	int         least, most;            /* words besides options; most -1: any number */
};
extern const struct command commands[];  /* a NULL name ends them */

struct chosen { const struct flag *flag; struct str value; };
struct cli {
	struct arena *arena;
	const struct command *command;
	struct strs   words;                /* what is no option */
	struct chosen *chosen;
	size_t        n_chosen;
	bool          colour;
	int           width;                /* columns of the terminal; 0: no terminal, nothing is folded */
	struct err    err;
};
/* An option's last value; NOSTR: not given. Of an option without argument: its name. */
struct str cli_value(const struct cli *, const char *flag);
bool cli_has(const struct cli *, const char *flag);
/* One line on stderr; returns 2. */
int cli_fail(const struct cli *, const char *fmt, ...) PRINTF(2, 3);
/* Text to stdout, at once; write errors end the program as a failed command. */
void cli_print(const struct buf *);
enum ink { INK_PLAIN, INK_BOLD, INK_GOOD, INK_BAD, INK_WAIT, INK_DIM };
/* The text in a colour, where there are colours. */
void cli_ink(const struct cli *, struct buf *, enum ink, struct str text);
/* A line, folded at the terminal's width; what is folded is indented. It begins where the terminal's line is `indent` wide already. */
void cli_fold(const struct cli *, struct buf *, struct str text, int indent);
/* "  NAME   value", the value folded below itself at the terminal's width. */
void cli_pair(const struct cli *, struct buf *, struct str name, int name_width, struct str value);

/* The help of one command, or of all (NULL). */
void cli_help(struct buf *, const struct command *);

/* run.c */
int cmd_run(struct cli *);
int cmd_plan(struct cli *);
/* explain.c */
int cmd_env(struct cli *);
int cmd_explain(struct cli *);
/* snapshot.c */
int cmd_snapshot(struct cli *);
/* graph.c */
int cmd_graph(struct cli *);
/* manual.c */
int cmd_completion(struct cli *);
int cmd_man(struct cli *);
int cmd_docs(struct cli *);
int cmd_version(struct cli *);
int cmd_help(struct cli *);

#endif
