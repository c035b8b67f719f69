/* explain.c: `dispatch env` and `dispatch explain`: what the app's environment is, where a variable or a status comes from, and what
 * it would be without. What is said of a variable comes from its origin, which the decision itself noted down. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "explain.h"
#include "frameworks.h"
#include "world.h"

/* --- Statuses. --- */
/* "%" stands for any text. The first row that fits counts. */
const struct status_row status_rows[] = {
	{ "active", "", "All is as it should be.", "Nothing to do." },
	{ "maintenance", "Preparing service for restart", "The workload is being changed: files, migrations, services.",
	  "Wait. A hook that ended here is tried again; if it stays, read juju debug-log." },
	{ "waiting", "Waiting for pebble ready", "The container's Pebble cannot be reached: it is starting, or the pod is being replaced.",
	  "Wait. If it stays: kubectl describe pod, for an image that cannot be pulled or a container that crashes." },
	{ "waiting", "Waiting for peer integration", "The application's secret key is not there yet: the leader makes it in the peer relation.",
	  "Wait for the leader's next hook. If there is no leader: juju status, the unit with the star." },
	{ "blocked", "missing integrations: %", "Integrations that the charm needs are not there, or have not sent their data yet.",
	  "juju integrate APP PROVIDER for each; or declare the endpoint optional: true. The services are stopped meanwhile." },
	{ "blocked", "Please check % charm!", "The identity provider is related but has not registered this app as a client.",
	  "Look at that charm's status, and at its log." },
	{ "blocked", "Ingress relation is required for OIDC to work correctly!",
	  "Logins come back to the app's public address, which only ingress knows.", "juju integrate APP:ingress PROVIDER, and wait for its URL." },
	{ "blocked", "Multiple OAuth relations are not supported at the moment", "The charm declares several endpoints of the interface oauth.",
	  "Leave one of them in charmcraft.yaml, and refresh." },
	{ "blocked", "The 'openid' scope is required for OAuth integration, please add it to the scopes.",
	  "The option ENDPOINT-scopes lacks the word openid.", "juju config APP ENDPOINT-scopes='openid profile email'." },
	{ "blocked", "Django requires a database integration to work", "No database has sent its data.",
	  "juju integrate APP postgresql-k8s (or mysql-k8s)." },
	{ "blocked", "%missing options: %invalid options: %", "Options that must be set are not, and others have values that are not allowed.",
	  "juju config APP OPTION=VALUE. The log has each option with its rule." },
	{ "blocked", "missing options: %", "Options that must be set (optional: false) are not.", "juju config APP OPTION=VALUE." },
	{ "blocked", "%invalid options: %", "Options have values that are not allowed, or an -id option's secret is not usable.",
	  "The log has each option with its rule. juju config APP OPTION=VALUE, or --reset OPTION." },
	{ "blocked", "Invalid paas-config.yaml: %", "paas-config.yaml has unknown keys or values that are not allowed.",
	  "The log has each key with its rule. dispatch check tells the same before packing; pack and refresh." },
	{ "blocked", "Invalid YAML in paas-config.yaml: %", "paas-config.yaml is no YAML.", "dispatch check shows line and column; pack and refresh." },
	{ "blocked", "Failed to read paas-config.yaml: %", "paas-config.yaml cannot be read.", "Pack the charm again." },
	{ "blocked", "framework_logging_format '%' is not supported for the '%' framework.%",
	  "paas-config.yaml asks for JSON logs, and this framework has none.", "Remove framework_logging_format; pack and refresh." },
	{ "blocked", "Only 'gevent' and 'sync' are allowed. %", "webserver-worker-class has another value.",
	  "juju config APP webserver-worker-class=gevent (or sync)." },
	{ "blocked", "gunicorn[gevent] must be installed in the rock. %", "The image cannot import gevent.",
	  "Add gunicorn[gevent] to requirements.txt and build the rock again; or juju config APP webserver-worker-class=sync." },
	{ "blocked", "Worker class is set through `juju config` but the `-k` worker class argument is not in the service command.",
	  "The image's service command has no -k, so there is nothing to replace.", "Add -k [ sync ] to the service's command in rockcraft.yaml." },
	{ "blocked", "Webserver configuration check failed, please review your charm configuration or database relation",
	  "gunicorn --check-config failed with the new settings: the app could not even be imported.",
	  "juju debug-log has its output: often a package or a variable that the app needs at import." },
	{ "blocked", "database migration command % failed, will retry in next update-status", "The migration script exited with an error.",
	  "juju debug-log has its output. It is tried again at update-status, and in any other hook." },
	{ "blocked", "http-proxy relation data is either unavailable, invalid or not usable.", "The proxy has not granted our request.",
	  "Look at the proxy charm; it may want an operator to accept the request." },
	{ "blocked", "Invalid % relation data.", "The other side wrote data that breaks its interface's rules, or there are two relations where one is allowed.",
	  "The log names relation, key and rule. Usually a version of the other charm; juju refresh it, or remove and integrate again." },
	{ "blocked", "cannot read the secret of %", "A secret is not granted to this application, or does not exist.",
	  "juju grant-secret SECRET APP for an option; for a relation look at the charm that owns it." },
	{ "blocked", "service % failed to start", "The service's program ended within a second.",
	  "juju debug-log has its last lines; it is tried again at update-status." },
	{ "blocked", "the image has no service % in container %", "The OCI image is not this framework's rock.",
	  "Build it with rockcraft and the framework's extension; juju refresh APP --resource app-image=IMAGE." },
	{ "blocked", "%", "Pebble refused a step that is named there.", "juju debug-log has Pebble's own words." },
	{ "error", "hook failed: %", "The hook exited with an error: Juju or the charm's own files are broken. Juju tries it again.",
	  "juju debug-log has one line that says what and why." },
	{ "unknown", "%", "No status was set yet.", "Wait for the first hook." },
};
const size_t status_rows_count = LEN(status_rows);
enum { MAX_STATUS = 500 };   /* bytes of a message that are looked at */

/* Does the text fit a pattern in which "%" is any text? */
static bool fits(const char *pattern, struct str text)
{
	if (*pattern == '\0')
		return text.n == 0;
	if (*pattern != '%')
		return text.n && text.p[0] == *pattern && fits(pattern + 1, str_sub(text, 1, text.n));
	for (size_t i = 0; i <= text.n; i++)
		if (fits(pattern + 1, str_sub(text, i, text.n)))
			return true;
	return false;
}

const struct status_row *status_find(struct str name, struct str message)
{
	/* Matching "%" is worse than linear; a status is short. */
	message = str_sub(str_trim(message), 0, MAX_STATUS);
	for (size_t i = 0; i < LEN(status_rows); i++)
		if ((!name.n || str_is(name, status_rows[i].name)) && fits(status_rows[i].message, message))
			return &status_rows[i];
	return NULL;
}

static struct str event_of(const struct cli *cli)
{
	return cli_has(cli, "event") ? cli_value(cli, "event") : S("config-changed");
}

/* --- dispatch env. --- */
/* In single quotes, where nothing is special but the quote. */
static void shell_quote(struct buf *out, struct str value)
{
	buf_addc(out, '\'');
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] == '\'')
			buf_adds(out, "'\\''");
		else
			buf_addc(out, value.p[i]);
	}
	buf_addc(out, '\'');
}

/* In double quotes as .env readers take it: only \, ", $, ` and line ends are escaped. */
static void dotenv_quote(struct buf *out, struct str value)
{
	buf_addc(out, '"');
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];

		if (c == '\n') {
			buf_adds(out, "\\n");
			continue;
		}
		if (strchr("\\\"$`", c))
			buf_addc(out, '\\');
		buf_addc(out, c);
	}
	buf_addc(out, '"');
}

/* Spring's names have dots: no shell takes them; `env NAME=VALUE program` does. */
static bool shell_name(struct str name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (!(c == '_' || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (i && is_digit(c))))
			return false;
	}
	return name.n > 0;
}

static int compare_variables(const void *a, const void *b)
{
	return str_cmp(((const struct variable *)a)->name, ((const struct variable *)b)->name);
}

int cmd_env(struct cli *cli)
{
	struct buf out = { .arena = cli->arena };
	struct world w;
	struct outcome o;
	struct mask mask;
	struct env *env;
	int chosen = cli_has(cli, "export") + cli_has(cli, "json") + cli_has(cli, "dotenv");

	if (chosen > 1)
		return cli_fail(cli, "choose one of --export, --json, --dotenv");
	if (world_open(cli, &w) != 0 || world_event(&w, event_of(cli), true, &o) != 0)
		return 2;
	mask = mask_of(&o);
	/* What goes into a file or a program is meant to be used; a terminal may be looked at by others. */
	mask.off = mask.off || chosen || !isatty(STDOUT_FILENO);
	env = &o.wanted.env;
	if (env->n)
		qsort(env->v, env->n, sizeof *env->v, compare_variables);
	if (cli_has(cli, "json")) {
		json_write(&out, env_map(cli->arena, env), JSON_INDENT);
		buf_addc(&out, '\n');
	}
	for (size_t i = 0; i < env->n && !cli_has(cli, "json"); i++) {
		const struct variable *v = &env->v[i];

		if (cli_has(cli, "export") && !shell_name(v->name)) {
			buf_addf(&out, "# no shell can hold " FMT "\n", ARG(v->name));
		} else if (cli_has(cli, "export")) {
			buf_addf(&out, "export " FMT "=", ARG(v->name));
			shell_quote(&out, v->value);
			buf_addc(&out, '\n');
		} else if (cli_has(cli, "dotenv")) {
			buf_addf(&out, FMT "=", ARG(v->name));
			dotenv_quote(&out, v->value);
			buf_addc(&out, '\n');
		} else {
			buf_addf(&out, FMT "=" FMT "\n", ARG(v->name), ARG(mask_variable(&mask, &o.wanted, v->name, v->value)));
		}
	}
	cli_print(&out);
	if (o.decided && !str_is(o.wanted.status.name, "active"))
		cli_fail(cli, "%sthe unit would be " FMT ": " FMT, env->n ? "" : "no environment: ", ARG(o.wanted.status.name),
		         ARG(mask_text(&mask, str_trim(o.wanted.status.message))));
	return o.code || !env->n;
}

/* --- dispatch explain VARIABLE. --- */
struct explanation { struct str from, without; struct node *details; };

static struct str quoted(struct arena *arena, struct str s)
{
	return str_f(arena, "'" FMT "'", ARG(s));
}

/* Where it comes from, in words. */
static struct str origin_text(struct arena *arena, const struct outcome *o, const struct variable *v)
{
	const struct origin *origin = &v->origin;
	const struct option *option;
	struct buf out = { .arena = arena };

	switch (origin->kind) {
	case ORIGIN_RULE:
		buf_addf(&out, "the charm itself: " FMT, ARG(origin->subject));
		break;
	case ORIGIN_OPTION:
		option = option_find(&o->world->charm, origin->subject);
		buf_addf(&out, "option " FMT, ARG(origin->subject));
		if (origin->key.n)
			buf_addf(&out, ", key " FMT " of its secret", ARG(quoted(arena, origin->key)));
		if (node_find(node_get(o->world->simulator->state, "config"), origin->subject))
			buf_adds(&out, ", set by the user");
		else if (option && option->fallback)
			buf_addf(&out, ", its default " FMT, ARG(json_text(arena, option->fallback, JSON_PYTHON)));
		break;
	case ORIGIN_DEFAULT:
		buf_addf(&out, "the framework's default; option " FMT " is not set", ARG(origin->subject));
		break;
	case ORIGIN_PAAS_CONFIG:
		buf_addf(&out, "paas-config.yaml, key " FMT, ARG(origin->subject));
		break;
	case ORIGIN_RELATION:
		buf_addf(&out, "relation " FMT, ARG(origin->subject));
		if (origin->key.n)
			buf_addf(&out, ", key " FMT, ARG(quoted(arena, origin->key)));
		if (origin->of.n)
			buf_addf(&out, " of " FMT, ARG(origin->of));
		break;
	case ORIGIN_MODEL:
		buf_addf(&out, "the model's configuration, through " FMT, ARG(origin->subject));
		break;
	}
	return buf_str(&out);
}

/* The same world without the variable's origin, decided again. NULL: there is nothing to take away. */
static const struct wanted *without(struct world *w, const struct variable *v, struct outcome *o)
{
	struct node *state = w->simulator->state, *model = node_get(state, "model"), *left = node_new(w->arena, NODE_LIST);
	const struct origin *origin = &v->origin;
	bool gone = false;

	if (origin->kind == ORIGIN_OPTION && node_find(node_get(state, "config"), origin->subject)) {
		node_del(node_get(state, "config"), origin->subject);
		gone = true;
	}
	if (origin->kind == ORIGIN_RELATION) {
		NODE_EACH(r, node_get(state, "relations")) {
			struct str id = str_f(w->arena, FMT ":" FMT, ARG(node_gets(r, "endpoint")), ARG(node_gets(r, "id")));

			if (str_eq(id, origin->subject) || str_eq(node_gets(r, "endpoint"), origin->subject))
				gone = true;
			else
				node_add(w->arena, left, node_copy(w->arena, r));
		}
		node_put(w->arena, state, S("relations"), left);
	}
	if (origin->kind == ORIGIN_MODEL) {
		const char *const keys[] = { "http_proxy", "https_proxy", "no_proxy" };

		for (size_t i = 0; i < LEN(keys); i++)
			node_del(model, str_of(keys[i]));
		gone = true;
	}
	/* The event asked for may be one of a relation that is gone now. */
	if (!gone || world_event(w, S("config-changed"), true, o) != 0 || !o->decided)
		return NULL;
	return &o->wanted;
}

static const struct variable *variable_meant(const struct env *env, struct str name, struct arena *arena)
{
	const struct variable *v = env_find(env, name);

	for (size_t i = 0; !v && i < env->n; i++)
		if (str_eq(str_upper(arena, env->v[i].name), str_upper(arena, name)))
			v = &env->v[i];
	return v;
}

/* The variable that begins as this one does, the longest; for "did you mean". */
static struct str nearest(const struct env *env, struct str name)
{
	struct str best = NOSTR;
	size_t longest = 3;

	for (size_t i = 0; i < env->n; i++) {
		struct str other = env->v[i].name;
		size_t n = 0;

		while (n < other.n && n < name.n && other.p[n] == name.p[n])
			n++;
		if (n > longest) {
			longest = n;
			best = other;
		}
	}
	return best;
}

static int print_explanation(const struct cli *cli, const struct node *facts)
{
	struct buf out = { .arena = cli->arena };

	if (str_is(cli_value(cli, "format"), "json")) {
		json_write(&out, facts, JSON_INDENT);
		buf_addc(&out, '\n');
	} else {
		NODE_EACH(fact, facts) {
			if (fact->kind != NODE_LIST) {
				cli_pair(cli, &out, fact->key, 8, node_text(fact));
				continue;
			}
			NODE_EACH(item, fact)
				cli_pair(cli, &out, item == fact->child ? fact->key : NOSTR, 8, node_text(item));
		}
	}
	cli_print(&out);
	return 0;
}

static int explain_variable(struct world *w, const struct outcome *o, struct str name)
{
	const struct cli *cli = w->cli;
	const struct variable *v = variable_meant(&o->wanted.env, name, w->arena), *other;
	struct mask mask = mask_of(o), other_mask;
	struct node *facts = node_new(w->arena, NODE_MAP);
	struct str near = nearest(&o->wanted.env, name), rest = S("not set");
	const struct wanted *less;
	struct outcome again;

	if (!v) {
		if (!str_is(o->wanted.status.name, "active"))
			cli_fail(cli, "no variable '" FMT "'; the unit would be " FMT ": " FMT, ARG(name), ARG(o->wanted.status.name),
			         ARG(mask_text(&mask, str_trim(o->wanted.status.message))));
		else if (near.n)
			cli_fail(cli, "no variable '" FMT "'; did you mean " FMT "? dispatch env lists them", ARG(name), ARG(near));
		else
			cli_fail(cli, "no variable '" FMT "'; dispatch env lists them", ARG(name));
		return 1;
	}
	node_puts(w->arena, facts, "variable", v->name);
	node_puts(w->arena, facts, "value", mask_variable(&mask, &o->wanted, v->name, v->value));
	node_puts(w->arena, facts, "from", mask_text(&mask, origin_text(w->arena, o, v)));
	if (v->migrates)
		node_puts(w->arena, facts, "note", S("a change of it runs the migrations again"));
	less = without(w, v, &again);
	if (less) {
		other = env_find(&less->env, v->name);
		other_mask = mask_of(&again);
		if (other)
			rest = str_f(w->arena, FMT ", from " FMT, ARG(mask_variable(&other_mask, less, other->name, other->value)),
			             ARG(mask_text(&other_mask, origin_text(w->arena, &again, other))));
		if (!str_is(less->status.name, "active"))
			rest = str_f(w->arena, FMT "; the unit would be " FMT ": " FMT, ARG(rest), ARG(less->status.name),
			             ARG(mask_text(&mask, str_trim(less->status.message))));
		node_puts(w->arena, facts, "without", rest);
	}
	return print_explanation(cli, facts);
}

/* --- dispatch explain STATUS. --- */
static bool is_status(struct str word)
{
	static const char *const words[] = { "active", "blocked", "waiting", "maintenance", "error", "unknown", "status" };

	for (size_t i = 0; i < LEN(words); i++)
		if (str_is(word, words[i]))
			return true;
	return str_find(word, ' ') >= 0;
}

static int explain_status(struct world *w, const struct outcome *o, struct str asked)
{
	const struct cli *cli = w->cli;
	struct status now = o->wanted.status;
	struct mask mask = mask_of(o);
	struct node *facts = node_new(w->arena, NODE_MAP), *log = node_new(w->arena, NODE_LIST);
	bool message = str_find(asked, ' ') >= 0, same;
	const struct status_row *row;

	asked = str_sub(str_trim(asked), 0, MAX_STATUS);
	same = str_is(asked, "status") || str_eq(asked, now.name) || (message && str_eq(asked, str_trim(now.message)));
	row = same ? status_find(now.name, now.message) : message ? status_find(S("blocked"), asked) : NULL;
	if (message)
		for (size_t i = 0; !same && i < LEN(status_rows); i++)
			if (strcmp(status_rows[i].message, "%") != 0 && fits(status_rows[i].message, asked)) {
				row = &status_rows[i];
				break;
			}
	node_puts(w->arena, facts, "status", str_f(w->arena, FMT "%s" FMT, ARG(now.name), now.message.n ? ": " : "",
	                                           ARG(mask_text(&mask, str_trim(now.message)))));
	if (!same && !row) {
		node_puts(w->arena, facts, "note", str_f(w->arena, "it is not " FMT " in this world", ARG(asked)));
		row = status_find(now.name, now.message);
	} else if (!same) {
		node_puts(w->arena, facts, "note", S("the status asked for is not this world's"));
	}
	if (row) {
		node_puts(w->arena, facts, "because", str_of(row->cause));
		node_puts(w->arena, facts, "cure", str_of(row->cure));
	}
	for (size_t i = 0; i < o->wanted.n_log; i++)
		if (o->wanted.log[i].level != LOG_INFO)
			node_add(w->arena, log, node_str(w->arena, mask_text(&mask, o->wanted.log[i].text)));
	if (log->child)
		node_put(w->arena, facts, S("log"), log);
	return print_explanation(cli, facts);
}

int cmd_explain(struct cli *cli)
{
	struct str asked = cli->words.v[0], format = cli_value(cli, "format");
	struct world w;
	struct outcome o;

	if (format.p && !str_is(format, "json") && !str_is(format, "text"))
		return cli_fail(cli, "--format " FMT ": expected text or json", ARG(format));
	if (world_open(cli, &w) != 0 || world_event(&w, event_of(cli), true, &o) != 0)
		return 2;
	if (!o.decided) {
		cli_fail(cli, "the hook fails, or does nothing");
		return 1;
	}
	return is_status(asked) ? explain_status(&w, &o, asked) : explain_variable(&w, &o, asked);
}
