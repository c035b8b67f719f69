/* alerts.c: alert rules, ours and the user's, as Prometheus' and Loki's charms want them in a databag. */
#include "assets.h"
#include "observability.h"
#include "query.h"

#include <string.h>

static const char placeholder[] = "%%juju_topology%%";

struct collector {
	const struct snapshot *s;
	struct arena  *arena;
	struct wanted *w;
	bool           loki;
	struct node   *groups;
	struct str     file;    /* as messages name it */
};

static void complain(struct collector *c, const char *what, const char *why)
{
	want_log(c->w, LOG_ERROR, "alert rules: " FMT ": %s%s%s", ARG(c->file), what, why ? ": " : "", why ? why : "");
}

/* What users write for "of this deployment". Our matchers go into every selector anyway, so it only has to leave a valid
 * selector: in Loki one without matchers is none. */
static struct str placeholder_fill(struct collector *c, struct str expr)
{
	struct buf out = { .arena = c->arena };
	struct str mark = str_of(placeholder);

	while (expr.n) {
		if (!str_starts(expr, placeholder)) {
			buf_addc(&out, expr.p[0]);
			expr = str_sub(expr, 1, expr.n);
			continue;
		}
		expr = str_sub(expr, mark.n, expr.n);
		if (c->loki)
			buf_adds(&out, "job=~\".+\"");
		else if (str_starts(expr, ","))
			expr = str_sub(expr, 1, expr.n);
	}
	return buf_str(&out);
}

static const struct { const char *label; bool matched; } topology[] = {
	{ "juju_model", true }, { "juju_model_uuid", true }, { "juju_application", true }, { "juju_charm", false },
};

static struct str topology_value(const struct snapshot *s, size_t i)
{
	const struct str values[] = { s->hook.model, s->hook.model_uuid, s->hook.app, s->charm->name };

	return values[i];
}

/* The rule with labels and matchers; false: it was left out. */
static bool rule_complete(struct collector *c, struct node *rule)
{
	const struct node *name = node_get(rule, "alert") ? node_get(rule, "alert") : node_get(rule, "record");
	struct node *expr = node_get(rule, "expr"), *labels = node_get(rule, "labels");
	struct matcher matchers[LEN(topology)];
	struct err err = { .arena = c->arena };
	const char *what = str_c(c->arena, node_text(name).p ? node_text(name) : S("a rule"));
	struct str injected;
	size_t n = 0;

	if (!node_text(name).n || !node_text(expr).n) {
		complain(c, what, "a rule is a map with expr and alert or record");
		return false;
	}
	if (!labels || labels->kind == NODE_NULL) {
		labels = node_new(c->arena, NODE_MAP);
		node_put(c->arena, rule, S("labels"), labels);
	} else if (labels->kind != NODE_MAP) {
		complain(c, what, "labels must be a map");
		return false;
	}
	for (size_t i = 0; i < LEN(topology); i++) {
		struct str value = topology_value(c->s, i);
		if (!node_get(labels, topology[i].label) && value.n)
			node_puts(c->arena, labels, topology[i].label, value);
		/* a label of the user's own wins, in the selectors as well */
		value = node_gets(labels, topology[i].label);
		if (topology[i].matched && value.n)
			matchers[n++] = (struct matcher){ str_of(topology[i].label), value };
	}
	if ((c->loki ? logql_inject : promql_inject)(c->arena, placeholder_fill(c, node_text(expr)), matchers, n, &injected, &err) < 0) {
		complain(c, what, err.msg);
		return false;
	}
	node_puts(c->arena, rule, "expr", injected);
	return true;
}

static bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); }

/* Was the group named by a charm already? Then "_", eight digits of a model's UUID and "_" are in its name, and "rules" ends it. */
static bool name_is_complete(struct str name)
{
	for (size_t i = 0; i + 10 < name.n; i++) {
		size_t k;
		if (name.p[i] != '_')
			continue;
		for (k = 1; k <= 8 && is_hex(name.p[i + k]); k++)
			;
		if (k == 9 && name.p[i + 9] == '_' && str_ends(str_sub(name, i + 10, name.n), "rules"))
			return true;
	}
	return false;
}

static struct str group_name(struct collector *c, struct str name)
{
	char *text;

	if (!name_is_complete(name))
		name = str_f(c->arena, FMT "_" FMT "%s", ARG(topology_identifier(c->s)), ARG(name), str_ends(name, "_rules") ? "" : "_rules");
	text = str_c(c->arena, name);
	for (char *p = text; *p; p++)
		if (!is_digit(*p) && !((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z') && *p != '_' && *p != ':')
			*p = '_';
	return (struct str){ text, name.n };
}

static void group_add(struct collector *c, struct node *group)
{
	struct node *rules = node_get(group, "rules"), *kept = node_new(c->arena, NODE_LIST), *out;

	if (!node_is(group, NODE_MAP) || !node_gets(group, "name").n || !node_is(rules, NODE_LIST)) {
		complain(c, "a group is a map with a name and a list of rules", NULL);
		return;
	}
	NODE_EACH(rule, rules) {
		struct node *own = node_copy(c->arena, rule);   /* YAML's aliases may share it */
		if (rule_complete(c, own))
			node_add(c->arena, kept, own);
	}
	if (!kept->count)
		return;
	out = node_copy(c->arena, group);
	node_puts(c->arena, out, "name", group_name(c, node_gets(group, "name")));
	node_put(c->arena, out, S("rules"), kept);
	node_add(c->arena, c->groups, out);
}

/* The last suffix of a file's name, dot and all; empty where there is none. */
static struct str suffix_of(struct str name)
{
	ptrdiff_t dot = str_rfind(name, '.');

	return dot < 0 ? S("") : str_sub(name, (size_t)dot, name.n);
}

static void file_add(struct collector *c, struct str name, struct str content)
{
	struct err err = { .arena = c->arena };
	struct str suffix = suffix_of(name);
	struct node *tree, *group, *rules;

	c->file = name;
	if (!str_is(suffix, ".rule") && !str_is(suffix, ".rules") && !str_is(suffix, ".yml") && !str_is(suffix, ".yaml")) {
		if (!str_starts(name, CUSTOM_PREFIX "."))   /* .gitkeep and its like keep a folder in place */
			want_log(c->w, LOG_INFO, "alert rules: " FMT " is no rule file: its name ends in none of .rule, .rules, .yml, .yaml", ARG(name));
		return;
	}
	if (yaml_parse(c->arena, content, str_c(c->arena, name), &tree, &err) < 0) {
		want_log(c->w, LOG_ERROR, "alert rules: %s", err.msg);
		return;
	}
	if (tree->kind == NODE_NULL)
		return;
	if (node_is(node_get(tree, "groups"), NODE_LIST)) {
		NODE_EACH(one, node_get(tree, "groups"))
			group_add(c, one);
	} else if (node_get(tree, "expr") && (node_get(tree, "alert") || node_get(tree, "record"))) {
		group = node_new(c->arena, NODE_MAP);
		rules = node_new(c->arena, NODE_LIST);
		node_puts(c->arena, group, "name", str_sub(name, 0, name.n - suffix.n));
		node_add(c->arena, rules, tree);
		node_put(c->arena, group, S("rules"), rules);
		group_add(c, group);
	} else {
		complain(c, "neither a rule nor a list of groups", NULL);
	}
}

static void asset_add(struct collector *c, const char *path)
{
	for (size_t i = 0; i < assets_count; i++)
		if (strcmp(assets[i].path, path) == 0)
			file_add(c, str_of(strrchr(path, '/') + 1), (struct str){ (const char *)assets[i].bytes, assets[i].n });
}

struct node *alert_rules(const struct snapshot *s, bool loki, struct wanted *w)
{
	struct collector c = { .s = s, .arena = s->arena, .w = w, .loki = loki, .groups = node_new(s->arena, NODE_LIST) };
	struct node *all = node_new(s->arena, NODE_MAP);

	/* custom_... sorts before each of ours, as all rule files are ordered by name */
	for (size_t i = 0; i < s->charm->n_custom; i++) {
		const struct custom_file *file = &s->charm->custom[i];
		if (str_is(file->directory, loki ? "loki_alert_rules" : "prometheus_alert_rules"))
			file_add(&c, str_f(s->arena, CUSTOM_PREFIX FMT, ARG(file->name)), file->content);
	}
	asset_add(&c, str_c(s->arena, str_f(s->arena, "alerts/%s/%s.yaml", loki ? "loki" : "prometheus", s->charm->framework->name)));
	if (!loki)
		asset_add(&c, "alerts/prometheus/generic.yaml");
	if (c.groups->count)
		node_put(s->arena, all, S("groups"), c.groups);
	return all;
}
