/* environment.c: the page that lists every variable an app may get.
 *
 * The frameworks' part is what environment_decide itself makes of a world in which everything is set, and the integrations' part is their
 * table: there is no second list that could go stale. */
#include "frameworks.h"
#include "integrations.h"

#include <string.h>

/* --- A world in which everything is set --- */

static struct str sample(const struct framework_option *o)
{
	switch (o->rule) {
	case RULE_BOOL:
		return S("true");
	case RULE_POSITIVE:
	case RULE_PORT:
		return S("1");
	case RULE_SCHEME:
		return S("http");
	case RULE_CHOICE:
		return str_of(o->choices[0]);
	default:
		return S("x");
	}
}

static void option_add(struct charm *charm, struct snapshot *s, struct str name, struct str value, enum option_type type)
{
	struct node *node = node_str(s->arena, value);

	if (type == OPTION_SECRET) {
		node = node_new(s->arena, NODE_MAP);
		node_puts(s->arena, node, "key", value);
	}
	charm->options = arena_grow(s->arena, charm->options, charm->n_options, sizeof *charm->options);
	charm->options[charm->n_options++] = (struct option){ .name = name, .type = type };
	s->config = arena_grow(s->arena, s->config, s->n_config, sizeof *s->config);
	s->config[s->n_config++] = (struct config_value){ .name = name, .value = node, .is_secret = type == OPTION_SECRET };
}

/* A charm of the framework with each of its options set, two options of the user, and a peer. */
static void sample_world(const struct framework *f, struct charm *charm, struct snapshot *s, struct relation *peers)
{
	*charm = (struct charm){ .name = S("app"), .framework = f, .paas.json_logging = f->server == SERVER_UVICORN };
	charm->endpoints = NEW(s->arena, struct endpoint);
	charm->endpoints[0] = (struct endpoint){ .name = S("secret-storage"), .role = ROLE_PEERS, .limit = -1 };
	charm->n_endpoints = 1;
	s->charm = charm;
	for (size_t i = 0; i < f->n_options; i++) {
		const struct framework_option *o = &f->options[i];

		if (o->generations & (unsigned)f->generation)
			option_add(charm, s, str_of(o->option ? o->option : f->secret_options[0]), sample(o), OPTION_STRING);
	}
	option_add(charm, s, S("my-option"), S("x"), OPTION_STRING);
	option_add(charm, s, S("my-secret"), S("x"), OPTION_SECRET);
	for (size_t i = 0; i < s->n_config; i++)
		s->config[i].option = &charm->options[i];
	s->hook = (struct hook){ .app = S("app"), .unit = S("app/0"), .model = S("model"), .juju_version = S("3.6.0"), .relation_id = -1,
	                         .http_proxy = S("x"), .https_proxy = S("x"), .no_proxy = S("x") };
	*peers = (struct relation){ .endpoint = charm->endpoints, .integration = integration_of(charm, charm->endpoints) };
	strs_add(s->arena, &peers->units, S("app/1"));
	s->relations = peers;
	s->n_relations = 1;
}

/* --- Frameworks --- */

static void origin_words(struct buf *out, const struct framework *f, const struct variable *v)
{
	struct str subject = v->origin.subject, own = str_sub(v->name, strlen(f->config_prefix), v->name.n);

	switch (v->origin.kind) {
	case ORIGIN_OPTION:
		buf_addf(out, "the option `" FMT "`", ARG(subject));
		if (v->origin.key.p && !str_is(v->origin.key, "value"))
			buf_addf(out, ", its key `" FMT "`", ARG(v->origin.key));
		if (str_is(own, "SECRET_KEY"))
			buf_adds(out, ", else a key that the charm generates");
		break;
	case ORIGIN_DEFAULT:
		buf_addf(out, "`" FMT "`, by default `" FMT "`", ARG(subject), ARG(v->value));
		break;
	case ORIGIN_PAAS_CONFIG:
		buf_addf(out, "`" FMT "` of paas-config.yaml", ARG(subject));
		break;
	case ORIGIN_MODEL:
		buf_addf(out, "%sthe model's setting in `" FMT "`", str_ends(subject, "NO_PROXY") ? "" : "the URL that the relation `http-proxy` gives, else ",
		         ARG(subject));
		break;
	case ORIGIN_RELATION:
		buf_adds(out, "the other units' names in the cluster, with commas between them, if there are any");
		break;
	case ORIGIN_RULE:
		if (str_is(own, "BASE_URL"))
			buf_addf(out, "the ingress' URL, else the " FMT, ARG(subject));
		else if (v->secret)
			buf_addf(out, FMT, ARG(subject));
		else
			buf_addf(out, "`" FMT "`, for " FMT, ARG(v->value), ARG(subject));
		break;
	}
	buf_adds(out, v->secret ? ", a secret |\n" : " |\n");
}

/* What comes of the model is the same for all; what comes of the framework is not. */
static void framework_table(struct buf *out, const struct framework *f, bool model)
{
	struct arena *a = out->arena;
	struct snapshot *s = NEW(a, struct snapshot);
	struct settings settings = { .user.arena = a, .framework.arena = a };
	struct integrations in = { .env.arena = a };
	struct wanted w = { .arena = a, .env.arena = a };
	struct relation peers;
	struct charm charm;
	struct env env = { .arena = a };

	s->arena = a;
	sample_world(f, &charm, s, &peers);
	settings_decide(s, &settings);
	integrations_decide(s, settings.port, &in, &w);
	environment_decide(s, &settings, &in, S("x"), &env);
	buf_adds(out, "| variable | value |\n|---|---|\n");
	for (size_t i = 0; i < env.n; i++)
		if ((env.v[i].origin.kind == ORIGIN_MODEL) == model) {
			buf_addf(out, "| `" FMT "` | ", ARG(env.v[i].name));
			origin_words(out, f, &env.v[i]);
		}
}

/* --- Integrations --- */

static void code(struct buf *out, const char *before, const char *text)
{
	buf_adds(out, "`");
	buf_adds(out, before);
	for (; *text; text++) {
		if (*text == '*')
			buf_adds(out, "ENDPOINT");
		else
			buf_addc(out, *text);
	}
	buf_adds(out, "`");
}

static void field_row(struct buf *out, const struct integration *row, const struct field *f)
{
	const char *prefix = f->flags & FIELD_WHOLE ? "" : row->prefix ? row->prefix : "PREFIX_ENDPOINT_";

	if (!f->variable && !f->property)
		return;
	buf_adds(out, "| ");
	if (f->variable)
		code(out, prefix, f->variable);
	buf_adds(out, " | ");
	if (f->property)
		code(out, "", f->property);
	if (f->variable && row->generic)
		buf_adds(out, "the same");
	buf_adds(out, " | ");
	if (f->constant)
		buf_addf(out, "`%s`%s%s", f->constant, f->about ? ": " : "", f->about ? f->about : "");
	else if (f->about)
		buf_adds(out, f->about);
	else
		buf_addf(out, "`%s`", f->value);
	buf_adds(out, f->flags & FIELD_SECRET ? ", a secret |\n" : f->flags & FIELD_NOT_NONE && f->variable ? ", unless it is `none` |\n" : " |\n");
}

static void integration_table(struct buf *out, const struct integration *row)
{
	buf_addf(out, "\n### %s\n\nInterface `%s`, ", row->name, row->interface);
	if (row->endpoint)
		buf_addf(out, "endpoint `%s`.", row->endpoint);
	else
		buf_adds(out, "an endpoint of any name.");
	if (row->database)
		buf_addf(out, " A further endpoint of this interface has its own name instead of `%s`: `ENDPOINT_DB_`.", row->prefix);
	if (!row->prefix)
		buf_adds(out, " PREFIX is `FLASK`, `DJANGO` or `APP`, ENDPOINT the endpoint's name (in variables in capitals, dashes stay).");
	if (row->migrates)
		buf_adds(out, " A new or changed value makes migrations run again.");
	buf_adds(out, "\n\n| variable | Spring Boot | value |\n|---|---|---|\n");
	for (size_t i = 0; row->url != URL_NONE && i < n_url_fields; i++)
		if (row->url == URL_NAMED || !str_is(str_of(url_fields[i].value), "name"))
			field_row(out, row, &url_fields[i]);
	for (size_t i = 0; i < row->n_fields; i++)
		field_row(out, row, &row->fields[i]);
}

void environment_page(struct buf *out)
{
	buf_adds(out, "# Variables\n\n"
	              "Every variable that an app may get, and where its value comes from. Later ones win: those of integrations over all others.\n"
	              "`dispatch env` prints those of a world, `dispatch explain VARIABLE` tells of one where it comes from; `dispatch docs environment`\n"
	              "prints this page.\n\n"
	              "Absent values are absent: no variable holds `None` or `null`. User names and passwords are percent-encoded in URLs, and only there.\n\n"
	              "## Frameworks\n\n"
	              "Every framework:\n\n");
	framework_table(out, framework_nth(0), true);
	buf_adds(out, "\n`my-option` and `my-secret` (an option of type secret with the key `key`) stand for the options of your own.\n");
	for (size_t i = 0; framework_nth(i); i++) {
		buf_addf(out, "\n### %s, generation %d\n\n", framework_nth(i)->name, framework_nth(i)->generation);
		framework_table(out, framework_nth(i), false);
	}
	buf_adds(out, "\n## Integrations\n\n"
	              "Spring Boot gets its own properties instead of the variables, or, where its column says so, besides.\n");
	for (size_t i = 0; integration_nth(i); i++)
		if (integration_nth(i)->n_fields > 0)
			integration_table(out, integration_nth(i));
}
