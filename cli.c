/* cli.c: the commands that a person types, in one table: from it come parsing, help, completion, the manual page and the reference. */
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "pack.h"

/* --- The options. --- */
static const struct flag f_state = { "state", "FILE", "the world before: a state file (default state.yaml)", false };
static const struct flag f_charm = { "charm", "DIR", "the charm's folder (default: the state file's)", false };
static const struct flag f_set = { "set", "OPTION=VALUE", "set an option; null unsets it", true };
static const struct flag f_param = { "param", "NAME=VALUE", "a parameter of the action", true };
static const struct flag f_leader = { "leader", "yes|no", "whether the unit is the leader", false };
static const struct flag f_relate = { "relate", "ENDPOINT", "add a relation with example data", true };
static const struct flag f_output = { "output", "FILE", "write the world after it: .yaml or .json; - is stdout", false };
static const struct flag f_show = { "show-secrets", NULL, "do not mask secrets", false };
static const struct flag f_format = { "format", "text|json", "json is for scripts", false };
static const struct flag f_trace = { "trace", NULL, "show each call and its time on stderr", false };
static const struct flag f_script = { "script", "FILE", "events from a YAML list", false };
static const struct flag f_real = { "real-pebble", "SOCKET", "a real Pebble for the first container", false };
static const struct flag f_watch = { "watch", NULL, "run again when a file changes", false };
static const struct flag f_event = { "event", "EVENT", "the event (default config-changed)", false };
static const struct flag f_export = { "export", NULL, "lines for a shell's eval", false };
static const struct flag f_json = { "json", NULL, "JSON", false };
static const struct flag f_dotenv = { "dotenv", NULL, "a .env file", false };
static const struct flag f_graph_format = { "format", "mermaid|dot|svg", "default mermaid", false };
static const struct flag f_file = { "output", "FILE", "write it there instead of to stdout", false };
static const struct flag f_name = { "name", "NAME", "the charm's name (default: the folder's)", false };
static const struct flag f_dir = { "dir", "DIR", "where to (default: here)", false };
static const struct flag f_arch = { "arch", "ARCH", "architecture (default: this machine's)", true };
static const struct flag f_to = { "o", "DIR", "where to (default: here)", false };
static const struct flag f_dispatch = { "dispatch", "FILE", "pack this executable (default: this one)", false };

static const struct flag *const run_flags[] = {
	&f_state, &f_charm, &f_set, &f_param, &f_leader, &f_relate, &f_script, &f_output, &f_format, &f_show, &f_trace, &f_real, &f_watch, NULL
};
static const struct flag *const plan_flags[] = {
	&f_state, &f_charm, &f_set, &f_param, &f_leader, &f_relate, &f_format, &f_show, NULL
};
static const struct flag *const env_flags[] = {
	&f_state, &f_charm, &f_set, &f_leader, &f_relate, &f_event, &f_export, &f_json, &f_dotenv, &f_show, NULL
};
static const struct flag *const explain_flags[] = {
	&f_state, &f_charm, &f_set, &f_leader, &f_relate, &f_event, &f_format, &f_show, NULL
};
static const struct flag *const snapshot_flags[] = { &f_charm, &f_file, &f_show, NULL };
static const struct flag *const graph_flags[] = { &f_state, &f_charm, &f_set, &f_relate, &f_graph_format, &f_file, NULL };
static const struct flag *const init_flags[] = { &f_name, &f_dir, NULL };
static const struct flag *const check_flags[] = { &f_format, NULL };
static const struct flag *const pack_flags[] = { &f_arch, &f_dispatch, &f_to, NULL };
static const struct flag *const version_flags[] = { &f_json, NULL };

/* --- The commands. --- */
const struct command commands[] = {
	{ "run", "[EVENT]...", "run events on the simulator and show what came of them", run_flags,
	  "EVENT is a hook (config-changed, redis-relation-changed:3) or an action.\n"
	  "Several run one after another on the same world.\n", cmd_run, 0, -1 },
	{ "plan", "EVENT", "show what an event would change, and do nothing", plan_flags, NULL, cmd_plan, 1, 1 },
	{ "env", "", "show the app's environment", env_flags,
	  "eval \"$(dispatch env --export)\" lets you run the app on this machine.\n", cmd_env, 0, 0 },
	{ "explain", "VARIABLE|STATUS", "tell where a variable or a status comes from", explain_flags,
	  "STATUS is active, blocked, waiting, maintenance, or a status message.\n", cmd_explain, 1, 1 },
	{ "graph", "", "draw the application and its integrations", graph_flags, NULL, cmd_graph, 0, 0 },
	{ "snapshot", "", "write this unit's state file, inside a hook or juju exec", snapshot_flags,
	  "Secrets become placeholders, unless --show-secrets is given.\n", cmd_snapshot, 0, 0 },
	{ "init", "FRAMEWORK", "start a project: charmcraft.yaml and what goes with it", init_flags,
	  "FRAMEWORK is flask, django, fastapi, go, expressjs or spring-boot.\n"
	  "Nothing that is there already is overwritten.\n", pack_init, 1, 1 },
	{ "expand", "[FILE]", "show a charmcraft.yaml with its extension expanded", NULL,
	  "FILE is a charmcraft.yaml, or the folder that it is in. The result is what\n"
	  "charmcraft expand-extensions prints; what charmcraft refuses is refused with\nthe same words.\n", pack_expand, 0, 1 },
	{ "check", "[DIR]", "find what would fail at pack, deploy or the first hook", check_flags,
	  "Looks at charmcraft.yaml, paas-config.yaml and cos_custom. Each finding has its\n"
	  "file, line, column and rule, and what to write instead. The exit code is 1 if\nthere is one.\n", pack_check, 0, 1 },
	{ "pack", "[DIR]", "make the .charm file", pack_flags,
	  "One archive for each platform that this machine builds, or that --arch names.\n"
	  "For another architecture the executable is dispatch-ARCH beside this one.\nNeeds no network.\n", pack_pack, 0, 1 },
	{ "completion", "bash|zsh|fish", "print a completion script for a shell", NULL, NULL, cmd_completion, 1, 1 },
	{ "man", "", "print the manual page", NULL, "dispatch man | man -l -  shows it.\n", cmd_man, 0, 0 },
	{ "docs", "[PAGE]", "print a page of the reference; alone, the pages' names", NULL, NULL, cmd_docs, 0, 1 },
	{ "version", "", "print the version", version_flags, NULL, cmd_version, 0, 0 },
	{ "help", "[COMMAND]", "print this, or a command's help", NULL, NULL, cmd_help, 0, 1 },
	{ 0 }
};

/* --- Help. --- */
static struct str flag_words(struct arena *arena, const struct flag *f)
{
	return str_f(arena, "%s%s%s%s", f->name[1] ? "--" : "-", f->name, f->argument ? " " : "", f->argument ? f->argument : "");
}

void cli_help(struct buf *out, const struct command *c)
{
	if (!c) {
		buf_adds(out, "dispatch: a 12-factor app's charm in one file. Juju runs it for every event;\n"
		              "these commands are for people:\n\n");
		for (c = commands; c->name; c++)
			buf_addf(out, "  %-12s%s\n", c->name, c->summary);
		buf_adds(out, "\ndispatch COMMAND --help tells more.\n");
		return;
	}
	buf_addf(out, "dispatch %s%s%s%s\n\n%s.\n", c->name, *c->arguments ? " " : "", c->arguments, c->flags ? " [options]" : "", c->summary);
	if (c->flags)
		buf_addc(out, '\n');
	for (const struct flag *const *f = c->flags; f && *f; f++)
		buf_addf(out, "  %-24s %s%s\n", str_c(out->arena, flag_words(out->arena, *f)), (*f)->help, (*f)->repeats ? "; repeatable" : "");
	if (c->notes)
		buf_addf(out, "\n%s", c->notes);
}

int cmd_help(struct cli *cli)
{
	struct buf out = { .arena = cli->arena };
	const struct command *c = NULL;

	if (cli->words.n)
		for (c = commands; c->name && !str_is(cli->words.v[0], c->name); c++)
			;
	if (c && !c->name)
		return cli_fail(cli, "no command '" FMT "'; dispatch help lists them", ARG(cli->words.v[0]));
	cli_help(&out, c);
	cli_print(&out);
	return 0;
}

/* --- Output. --- */
void cli_print(const struct buf *out)
{
	if (out->n && (fwrite(out->p, 1, out->n, stdout) != out->n || fflush(stdout) != 0)) {
		/* A reader that has seen enough, as in `dispatch plan | head`, is no news. */
		if (errno != EPIPE)
			perror("dispatch: stdout");
		exit(1);
	}
}

int cli_fail(const struct cli *cli, const char *fmt, ...)
{
	struct str what;
	va_list args;

	va_start(args, fmt);
	what = str_vf(cli->arena, fmt, args);
	va_end(args);
	fprintf(stderr, "dispatch%s%s: " FMT "\n", cli->command ? " " : "", cli->command ? cli->command->name : "", ARG(what));
	return 2;
}

void cli_ink(const struct cli *cli, struct buf *out, enum ink ink, struct str text)
{
	static const char *const codes[] = {
		[INK_BOLD] = "1", [INK_GOOD] = "32", [INK_BAD] = "31", [INK_WAIT] = "33", [INK_DIM] = "2",
	};

	if (!cli->colour || ink == INK_PLAIN)
		buf_add(out, text);
	else
		buf_addf(out, "\033[%sm" FMT "\033[0m", codes[ink], ARG(text));
}

void cli_fold(const struct cli *cli, struct buf *out, struct str text, int indent)
{
	size_t room = cli->width > indent + 20 ? (size_t)(cli->width - indent) : SIZE_MAX;
	struct str line;

	for (bool first = true; str_split(&text, '\n', &line); first = false) {
		if (!first)
			buf_addf(out, "\n%*s", indent, "");
		while (line.n > room) {
			size_t cut = room;

			/* A character that takes several bytes is not cut in two. */
			while (cut > 0 && ((unsigned char)line.p[cut] & 0xc0) == 0x80)
				cut--;
			cut = cut ? cut : room;
			buf_addf(out, FMT "\n%*s", ARG(str_sub(line, 0, cut)), indent, "");
			line = str_sub(line, cut, line.n);
		}
		buf_add(out, line);
	}
}

void cli_pair(const struct cli *cli, struct buf *out, struct str name, int name_width, struct str value)
{
	buf_addf(out, "  %-*.*s  ", name_width, (int)name.n, name.p ? name.p : "");
	cli_fold(cli, out, value, (int)name.n > name_width ? (int)name.n + 4 : name_width + 4);
	buf_addc(out, '\n');
}

static void terminal(struct cli *cli)
{
	const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		return;
	cli->colour = !(no_colour && *no_colour) && term && strcmp(term, "dumb") != 0;
	cli->width = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}

/* --- Parsing. --- */
struct str cli_value(const struct cli *cli, const char *flag)
{
	for (size_t i = cli->n_chosen; i > 0; i--)
		if (strcmp(cli->chosen[i - 1].flag->name, flag) == 0)
			return cli->chosen[i - 1].value;
	return NOSTR;
}

bool cli_has(const struct cli *cli, const char *flag)
{
	return cli_value(cli, flag).p != NULL;
}

static int choose(struct cli *cli, struct str name, const char *value, char *argv[], int *i)
{
	const struct flag *const *f = cli->command->flags;

	while (f && *f && !str_is(name, (*f)->name))
		f++;
	if (!f || !*f)
		return cli_fail(cli, "unknown option '%s'; see dispatch %s --help", argv[*i], cli->command->name);
	if (!(*f)->argument && value)
		return cli_fail(cli, "--%s takes no value", (*f)->name);
	if ((*f)->argument && !value) {
		value = argv[*i + 1];
		if (!value)
			return cli_fail(cli, "--%s needs a value: %s", (*f)->name, (*f)->argument);
		(*i)++;
	}
	if (!(*f)->repeats && cli_has(cli, (*f)->name))
		return cli_fail(cli, "--%s is given twice", (*f)->name);
	cli->chosen = arena_grow(cli->arena, cli->chosen, cli->n_chosen, sizeof *cli->chosen);
	cli->chosen[cli->n_chosen++] = (struct chosen){ *f, str_of(value ? value : (*f)->name) };
	return 0;
}

/* argv[0] is the command. Options may stand anywhere; "--" ends them. 0 or 2. */
static int parse(struct cli *cli, char *argv[])
{
	bool only_words = false;

	for (int i = 1; argv[i]; i++) {
		const char *a = argv[i], *equal = strchr(a, '=');
		struct str name;

		if (only_words || a[0] != '-' || a[1] == '\0') {
			strs_add(cli->arena, &cli->words, str_of(a));
			continue;
		}
		if (strcmp(a, "--") == 0) {
			only_words = true;
			continue;
		}
		a += a[1] == '-' ? 2 : 1;
		name = equal ? (struct str){ a, (size_t)(equal - a) } : str_of(a);
		if (choose(cli, name, equal ? equal + 1 : NULL, argv, &i) != 0)
			return 2;
	}
	if ((int)cli->words.n < cli->command->least)
		return cli_fail(cli, "what? usage: dispatch %s %s", cli->command->name, cli->command->arguments);
	if (cli->command->most >= 0 && (int)cli->words.n > cli->command->most)
		return cli_fail(cli, "too much: '" FMT "'; usage: dispatch %s %s", ARG(cli->words.v[cli->command->most]), cli->command->name,
		                cli->command->arguments);
	return 0;
}

static bool asks_help(char *argv[])
{
	for (int i = 1; argv[i] && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}

static int run_command(struct cli *cli, int argc, char *argv[])
{
	struct buf out = { .arena = cli->arena };
	const struct command *c = commands;

	if (argc < 2) {
		cli_help(&out, NULL);
		fwrite(out.p, 1, out.n, stderr);
		return 2;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		cli_help(&out, NULL);
		cli_print(&out);
		return 0;
	}
	while (c->name && strcmp(c->name, strcmp(argv[1], "--version") == 0 ? "version" : argv[1]) != 0)
		c++;
	if (!c->name)
		return cli_fail(cli, "no command '%s'; dispatch --help lists them", argv[1]);
	cli->command = c;
	if (asks_help(argv + 1)) {
		cli_help(&out, c);
		cli_print(&out);
		return 0;
	}
	return parse(cli, argv + 1) != 0 ? 2 : c->run(cli);
}

int cli_main(int argc, char *argv[])
{
	struct arena *arena = arena_new();
	struct cli cli = { .arena = arena, .err = { .arena = arena } };
	int rc;

	terminal(&cli);
	rc = run_command(&cli, argc, argv);
	arena_free(arena);
	return rc;
}
