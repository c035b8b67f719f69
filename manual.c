/* manual.c: what is made from the table of commands: completion, the manual page, the reference; and the version. */
#include <string.h>

#include "cli.h"
#include "explain.h"
#include "frameworks.h"
#include "relations.h"
#include "version.h"
#include "world.h"

/* --- Completion. --- */
/* "a|b|c" as words; NOSTR when an argument is something else. */
static struct str choices(struct arena *arena, const char *argument)
{
	if (!argument || !strchr(argument, '|') || argument[0] == '[')
		return NOSTR;
	return str_replace(arena, str_of(argument), '|', ' ');
}

static bool is_path(const char *argument)
{
	return argument && (strcmp(argument, "FILE") == 0 || strcmp(argument, "DIR") == 0 || strcmp(argument, "SOCKET") == 0);
}

static struct str dashed(struct arena *arena, const struct flag *f)
{
	return str_f(arena, "%s%s", f->name[1] ? "--" : "-", f->name);
}

static void complete_bash(struct buf *out)
{
	buf_adds(out, "# Bash completion of dispatch: eval \"$(dispatch completion bash)\"\n"
	              "_dispatch() {\n"
	              "\tlocal current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words=\n"
	              "\tCOMPREPLY=()\n"
	              "\tif [ \"$COMP_CWORD\" = 1 ]; then\n"
	              "\t\twords='");
	for (const struct command *c = commands; c->name; c++)
		buf_addf(out, "%s%s", c == commands ? "" : " ", c->name);
	buf_adds(out, "'\n\telse\n\t\tcase ${COMP_WORDS[1]}:$before in\n");
	for (const struct command *c = commands; c->name; c++)
		for (const struct flag *const *f = c->flags; f && *f; f++) {
			struct str name = dashed(out->arena, *f), words = choices(out->arena, (*f)->argument);

			if (words.p)
				buf_addf(out, "\t\t%s:" FMT ") words='" FMT "' ;;\n", c->name, ARG(name), ARG(words));
			else if (is_path((*f)->argument))
				buf_addf(out, "\t\t%s:" FMT ") COMPREPLY=($(compgen -f -- \"$current\")); return ;;\n", c->name, ARG(name));
			else if ((*f)->argument)
				buf_addf(out, "\t\t%s:" FMT ") return ;;\n", c->name, ARG(name));
		}
	buf_adds(out, "\t\t*) case ${COMP_WORDS[1]} in\n");
	for (const struct command *c = commands; c->name; c++) {
		struct str words = choices(out->arena, c->arguments);

		buf_addf(out, "\t\t\t%s) words='" FMT, c->name, ARG(words));
		for (const struct flag *const *f = c->flags; f && *f; f++)
			buf_addf(out, " " FMT, ARG(dashed(out->arena, *f)));
		buf_adds(out, " --help' ;;\n");
	}
	buf_adds(out, "\t\t\tesac ;;\n\t\tesac\n\tfi\n"
	              "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
	              "}\ncomplete -o default -F _dispatch dispatch ./dispatch\n");
}

/* A text inside single quotes of a shell. */
static struct str single(struct arena *arena, const char *text)
{
	struct buf out = { .arena = arena };

	for (; *text; text++) {
		if (*text == '\'')
			buf_adds(&out, "'\\''");
		else
			buf_addc(&out, *text);
	}
	return buf_str(&out);
}

/* zsh's _arguments takes brackets and colons for its own. */
static struct str zsh_text(struct arena *arena, const char *text)
{
	struct buf out = { .arena = arena };

	for (; *text; text++) {
		if (strchr("[]:\\", *text))
			buf_addc(&out, '\\');
		buf_addc(&out, *text);
	}
	return single(arena, str_c(arena, buf_str(&out)));
}

static void complete_zsh(struct buf *out)
{
	buf_adds(out, "#compdef dispatch\n# Zsh completion of dispatch: source <(dispatch completion zsh)\n"
	              "_dispatch() {\n"
	              "\tlocal -a commands\n"
	              "\tcommands=(\n");
	for (const struct command *c = commands; c->name; c++)
		buf_addf(out, "\t\t'%s:" FMT "'\n", c->name, ARG(single(out->arena, c->summary)));
	buf_adds(out, "\t)\n"
	              "\tif (( CURRENT == 2 )); then\n"
	              "\t\t_describe command commands\n"
	              "\t\treturn\n"
	              "\tfi\n"
	              "\tlocal chosen=$words[2]\n"
	              "\tshift words; (( CURRENT-- ))\n"
	              "\tcase $chosen in\n");
	for (const struct command *c = commands; c->name; c++) {
		struct str words = choices(out->arena, c->arguments);

		buf_addf(out, "\t%s) _arguments '--help[print help]'", c->name);
		for (const struct flag *const *f = c->flags; f && *f; f++) {
			struct str values = choices(out->arena, (*f)->argument);

			buf_addf(out, " \\\n\t\t'%s" FMT "[" FMT "]", (*f)->repeats ? "*" : "", ARG(dashed(out->arena, *f)), ARG(zsh_text(out->arena, (*f)->help)));
			if (values.p)
				buf_addf(out, ":value:(" FMT ")", ARG(values));
			else if (is_path((*f)->argument))
				buf_adds(out, ":file:_files");
			else if ((*f)->argument)
				buf_adds(out, ":value:");
			buf_addc(out, '\'');
		}
		if (words.p)
			buf_addf(out, " \\\n\t\t'*:word:(" FMT ")'", ARG(words));
		else if (c->most != 0)
			buf_adds(out, " \\\n\t\t'*:word:_files'");
		buf_adds(out, " ;;\n");
	}
	buf_adds(out, "\tesac\n}\n"
	              "if [ \"$funcstack[1]\" = _dispatch ]; then _dispatch \"$@\"; else compdef _dispatch dispatch; fi\n");
}

static void complete_fish(struct buf *out)
{
	buf_adds(out, "# Fish completion of dispatch: dispatch completion fish | source\n"
	              "complete -c dispatch -n __fish_use_subcommand -f\n");
	for (const struct command *c = commands; c->name; c++) {
		struct str words = choices(out->arena, c->arguments);

		buf_addf(out, "complete -c dispatch -n __fish_use_subcommand -a %s -d '" FMT "'\n", c->name, ARG(single(out->arena, c->summary)));
		if (words.p)
			buf_addf(out, "complete -c dispatch -n '__fish_seen_subcommand_from %s' -f -a '" FMT "'\n", c->name, ARG(words));
		for (const struct flag *const *f = c->flags; f && *f; f++) {
			struct str values = choices(out->arena, (*f)->argument);

			buf_addf(out, "complete -c dispatch -n '__fish_seen_subcommand_from %s' -%c %s", c->name, (*f)->name[1] ? 'l' : 's', (*f)->name);
			if (values.p)
				buf_addf(out, " -x -a '" FMT "'", ARG(values));
			else if ((*f)->argument)
				buf_adds(out, is_path((*f)->argument) ? " -r" : " -x");
			buf_addf(out, " -d '" FMT "'\n", ARG(single(out->arena, (*f)->help)));
		}
	}
}

int cmd_completion(struct cli *cli)
{
	struct buf out = { .arena = cli->arena };

	if (str_is(cli->words.v[0], "bash"))
		complete_bash(&out);
	else if (str_is(cli->words.v[0], "zsh"))
		complete_zsh(&out);
	else if (str_is(cli->words.v[0], "fish"))
		complete_fish(&out);
	else
		return cli_fail(cli, "no completion for '" FMT "'; there is bash, zsh, fish", ARG(cli->words.v[0]));
	cli_print(&out);
	return 0;
}

/* --- What the environment says. --- */
static const struct { const char *name, *meaning; } variables[] = {
	{ "JUJU_DISPATCH_PATH", "set by Juju: hooks/NAME or actions/NAME; without arguments the program is that hook" },
	{ "DISPATCH_STATE", "a state file: the hook runs on the simulator" },
	{ "DISPATCH_TRACE", "a file, or - for stderr: each hook tool and Pebble request with its time, no values" },
	{ "DISPATCH_NO_AGENT_SOCKET", "1: run the hook tools as executables, leave the agent's socket alone" },
	{ "JUJU_CONTAINERS_DIR", "folder of the containers' sockets instead of /charm/containers" },
	{ "NO_COLOR", "not empty: no colours on a terminal" },
};

static const struct { const char *code, *meaning; } exit_codes[] = {
	{ "0", "done" },
	{ "1", "findings, or the hook failed" },
	{ "2", "wrong use, or input that cannot be read" },
};

/* --- The manual page. --- */
static void roff(struct buf *out, const char *text)
{
	for (bool start = true; *text; text++) {
		if (*text == '\\' || *text == '-')
			buf_addc(out, '\\');
		if (start && (*text == '.' || *text == '\''))
			buf_adds(out, "\\&");
		buf_addc(out, *text);
		start = *text == '\n';
	}
}

static void man_command(struct buf *out, const struct command *c)
{
	buf_adds(out, ".SS ");
	roff(out, c->name);
	buf_addc(out, ' ');
	roff(out, c->arguments);
	buf_addc(out, '\n');
	roff(out, c->summary);
	buf_adds(out, ".\n");
	for (const struct flag *const *f = c->flags; f && *f; f++) {
		buf_adds(out, ".TP\n\\fB");
		roff(out, str_c(out->arena, dashed(out->arena, *f)));
		buf_adds(out, "\\fR");
		if ((*f)->argument) {
			buf_adds(out, " \\fI");
			roff(out, (*f)->argument);
			buf_adds(out, "\\fR");
		}
		buf_addc(out, '\n');
		roff(out, (*f)->help);
		buf_adds(out, (*f)->repeats ? "; repeatable\n" : "\n");
	}
	if (c->notes) {
		buf_adds(out, ".PP\n");
		roff(out, c->notes);
	}
}

int cmd_man(struct cli *cli)
{
	struct buf out = { .arena = cli->arena };

	buf_addf(&out, ".TH DISPATCH 1 \"\" \"monocharm %s\" \"User Commands\"\n"
	               ".SH NAME\ndispatch \\- the charm of a 12\\-factor app in one executable\n"
	               ".SH SYNOPSIS\n.B dispatch\n.I COMMAND\n[\\fIoptions\\fR]\n"
	               ".SH DESCRIPTION\n"
	               "Called by Juju, with JUJU_DISPATCH_PATH set and no arguments, the program handles one event of a Flask, Django, FastAPI, Go,\n"
	               "ExpressJS or Spring Boot app's charm: it reads the unit's world, decides what it should be, and changes what differs.\n"
	               "With arguments it is a tool for people: it runs the same code on a simulated world, and makes charms.\n"
	               ".SH COMMANDS\n", version_text);
	for (const struct command *c = commands; c->name; c++)
		man_command(&out, c);
	buf_adds(&out, ".SH ENVIRONMENT\n");
	for (size_t i = 0; i < LEN(variables); i++) {
		buf_adds(&out, ".TP\n.B ");
		roff(&out, variables[i].name);
		buf_addc(&out, '\n');
		roff(&out, variables[i].meaning);
		buf_addc(&out, '\n');
	}
	buf_adds(&out, ".SH EXIT STATUS\n");
	for (size_t i = 0; i < LEN(exit_codes); i++)
		buf_addf(&out, ".TP\n.B %s\n%s\n", exit_codes[i].code, exit_codes[i].meaning);
	buf_adds(&out, ".SH EXAMPLES\n.nf\ndispatch run config\\-changed \\-\\-state state.yaml\n"
	               "dispatch plan config\\-changed \\-\\-relate postgresql\neval \"$(dispatch env \\-\\-export)\"\n.fi\n");
	cli_print(&out);
	return 0;
}

/* --- The reference's pages. --- */
static void page_commands(struct buf *out)
{
	buf_adds(out, "# Commands\n\n`dispatch docs commands` prints this page.\n\n");
	for (const struct command *c = commands; c->name; c++)
		buf_addf(out, "- [`%s`](#%s): %s\n", c->name, c->name, c->summary);
	for (const struct command *c = commands; c->name; c++) {
		buf_addf(out, "\n## %s\n\n`dispatch %s%s%s%s`\n\n", c->name, c->name, *c->arguments ? " " : "", c->arguments, c->flags ? " [options]" : "");
		buf_addf(out, "%s.\n", c->summary);
		if (c->flags)
			buf_adds(out, "\n| option | |\n|---|---|\n");
		for (const struct flag *const *f = c->flags; f && *f; f++) {
			struct str argument = (*f)->argument ? str_of((*f)->argument) : S(""), part;

			buf_addf(out, "| `" FMT, ARG(dashed(out->arena, *f)));
			/* A bar would end the table's cell. */
			for (bool first = true; str_split(&argument, '|', &part); first = false)
				buf_addf(out, "%s" FMT, first ? " " : "\\|", ARG(part));
			buf_addf(out, "` | %s%s |\n", (*f)->help, (*f)->repeats ? "; repeatable" : "");
		}
		if (c->notes)
			buf_addf(out, "\n%s", c->notes);
	}
	buf_adds(out, "\n## Exit codes\n\n| code | |\n|---|---|\n");
	for (size_t i = 0; i < LEN(exit_codes); i++)
		buf_addf(out, "| %s | %s |\n", exit_codes[i].code, exit_codes[i].meaning);
	buf_adds(out, "\n## Environment\n\n| variable | |\n|---|---|\n");
	for (size_t i = 0; i < LEN(variables); i++)
		buf_addf(out, "| `%s` | %s |\n", variables[i].name, variables[i].meaning);
}

static void page_statuses(struct buf *out)
{
	buf_adds(out, "# Statuses\n\nEvery status that the charm sets, with its cause and its cure. `...` stands for a part that varies.\n"
	              "`dispatch explain STATUS` tells the same of a world; `dispatch docs statuses` prints this page.\n");
	for (size_t i = 0; i < status_rows_count; i++) {
		const struct status_row *r = &status_rows[i];

		buf_addf(out, "\n## %s", r->name);
		for (const char *p = r->message; *p; p++) {
			if (p == r->message)
				buf_adds(out, ": ");
			if (*p == '%')
				buf_adds(out, "...");
			else
				buf_addc(out, *p);
		}
		buf_addf(out, "\n\n%s\n\n*Cure:* %s\n", r->cause, r->cure);
	}
}

static void page_state(struct buf *out)
{
	struct buf schema = { .arena = out->arena };
	struct str rest, row;

	buf_adds(out, "# The state file\n\n"
	              "A world for the simulator, in YAML (or JSON, where the name ends in `.json`): what Juju and Pebble would say of one unit.\n"
	              "The words are ops-scenario's. Every key is optional unless it says \"needed\"; a key that is not listed here is an error,\n"
	              "told with file, line and column. `dispatch docs state` prints this page.\n\n"
	              "| key | what | |\n|---|---|---|\n");
	simulator_schema(&schema);
	rest = buf_str(&schema);
	while (str_split(&rest, '\n', &row)) {
		ptrdiff_t blank = str_find(row, ' '), semicolon = str_find(row, ';');

		if (blank < 0)
			continue;
		buf_addf(out, "| `" FMT "` | ", ARG(str_sub(row, 0, (size_t)blank)));
		buf_addf(out, FMT " | " FMT " |\n", ARG(str_trim(str_sub(row, (size_t)blank, semicolon < 0 ? row.n : (size_t)semicolon))),
		         ARG(semicolon < 0 ? NOSTR : str_trim(str_sub(row, (size_t)semicolon + 1, row.n))));
	}
	buf_adds(out, "\n"
	              "Options that `config` does not name have the defaults of the charm's config.yaml.\n\n"
	              "How the simulated Juju and Pebble behave:\n\n"
	              "- The hook tools answer, and refuse, as the agent's do. What a failed hook wrote to databags, ports and secrets is dropped.\n"
	              "- After a `NAME-relation-broken` the relation is gone.\n"
	              "- Layers combine as Pebble combines them; `replan` starts what is enabled and restarts what changed.\n"
	              "- A command answers what the longest fitting entry of `execs` says; without one it succeeds and prints nothing. So gevent is\n"
	              "  installed unless `[python3, -c, import gevent]` is scripted to fail.\n"
	              "- A service is a command, too: it fails to start where its command is scripted with a `return_code` that is not 0.\n"
	              "- Folders need not be listed: a missing parent is made.\n");
}

/* --- Options. --- */
static struct str option_type(struct arena *arena, const struct framework_option *o)
{
	static const char *const types[] = {
		[RULE_TEXT] = "text, not empty", [RULE_ANY_TEXT] = "text", [RULE_BOOL] = "true or false", [RULE_POSITIVE] = "a whole number above 0",
		[RULE_PORT] = "a whole number above 0; the app's port", [RULE_SCHEME] = "http or https; exported in capitals",
		[RULE_HOSTS] = "hosts with commas between them; exported as a JSON list, with the app's own host",
		[RULE_SECRET] = "text, not empty; or OPTION-id, a secret with the one key `value`",
	};
	struct strs words = { 0 };

	if (o->rule != RULE_CHOICE)
		return str_of(types[o->rule]);
	for (const char *const *c = o->choices; *c; c++)
		strs_add(arena, &words, str_of(*c));
	return strs_join(arena, &words, ", ");
}

static void option_row(struct buf *out, const struct framework *f, const struct framework_option *o, const char *option)
{
	struct str fallback = o->fallback ? str_of(o->fallback) : o->rule == RULE_PORT ? str_f(out->arena, "%d", f->port) : S("");

	buf_addf(out, "| `%s` | " FMT " | " FMT " | `%s" FMT "` |\n", option, ARG(option_type(out->arena, o)), ARG(fallback), f->framework_prefix,
	         ARG(str_upper(out->arena, str_of(o->field))));
}

static void page_options(struct buf *out)
{
	const struct framework *f;

	buf_adds(out, "# Options\n\n"
	              "What each framework's own options may be, and the variable that each becomes. The default is the framework's, where the\n"
	              "charm's config.yaml has none. `dispatch docs options` prints this page.\n\n"
	              "Every other option of the charm is the user's: it becomes a variable with the prefix of user options, its name in capitals with\n"
	              "`_` for `-`; of a secret, each key becomes one, `PREFIX_OPTION_KEY`. With `optional: false` it must be set. Options that begin with\n"
	              "the framework's name, `webserver-` or `app-` and are not listed here are left out.\n");
	for (size_t i = 0; (f = framework_nth(i)); i++) {
		buf_addf(out, "\n## %s, generation %d\n\nPrefix of user options: `%s`. Port: %d.\n\n| option | value | default | variable |\n|---|---|---|---|\n",
		         f->name, f->generation, f->config_prefix, f->port);
		for (size_t o = 0; o < f->n_options; o++) {
			if (!(f->options[o].generations & (unsigned)f->generation))
				continue;
			if (f->options[o].option)
				option_row(out, f, &f->options[o], f->options[o].option);
			for (size_t s = 0; !f->options[o].option && s < LEN(f->secret_options) && f->secret_options[s]; s++)
				option_row(out, f, &f->options[o], f->secret_options[s]);
		}
		if (f->server == SERVER_GUNICORN)
			buf_adds(out, "| `webserver-workers`, `webserver-threads` | whole numbers | | in gunicorn.conf.py |\n"
			              "| `webserver-keepalive`, `webserver-timeout` | seconds | | in gunicorn.conf.py |\n"
			              "| `webserver-worker-class` | sync, gevent | | in the service's command |\n");
	}
}

static const struct { const char *name; void (*print)(struct buf *); } pages[] = {
	{ "commands", page_commands }, { "environment", environment_page }, { "examples", examples_page }, { "options", page_options }, { "state", page_state }, { "statuses", page_statuses },
};

int cmd_docs(struct cli *cli)
{
	struct buf out = { .arena = cli->arena };

	for (size_t i = 0; i < LEN(pages); i++) {
		if (!cli->words.n)
			buf_addf(&out, "%s\n", pages[i].name);
		else if (str_is(cli->words.v[0], pages[i].name)) {
			pages[i].print(&out);
			cli_print(&out);
			return 0;
		}
	}
	if (cli->words.n)
		return cli_fail(cli, "no page '" FMT "'; dispatch docs lists them", ARG(cli->words.v[0]));
	cli_print(&out);
	return 0;
}

/* --- The version. --- */
int cmd_version(struct cli *cli)
{
	struct buf out = { .arena = cli->arena };
	struct node *all = node_new(cli->arena, NODE_MAP), *list = node_new(cli->arena, NODE_LIST);

	if (!cli_has(cli, "json")) {
		buf_addf(&out, "dispatch %s\n", version_text);
		cli_print(&out);
		return 0;
	}
	node_puts(cli->arena, all, "name", str_of(components_count ? components[0].name : "monocharm"));
	node_puts(cli->arena, all, "version", str_of(version_text));
	for (size_t i = 0; i < components_count; i++) {
		struct node *one = node_new(cli->arena, NODE_MAP);

		node_puts(cli->arena, one, "name", str_of(components[i].name));
		node_puts(cli->arena, one, "version", str_of(components[i].version));
		node_puts(cli->arena, one, "licence", str_of(components[i].licence));
		if (components[i].sha256)
			node_puts(cli->arena, one, "sha256", str_of(components[i].sha256));
		if (components[i].source)
			node_puts(cli->arena, one, "source", str_of(components[i].source));
		node_add(cli->arena, list, one);
	}
	node_put(cli->arena, all, S("components"), list);
	json_write(&out, all, JSON_INDENT);
	buf_addc(&out, '\n');
	cli_print(&out);
	return 0;
}
