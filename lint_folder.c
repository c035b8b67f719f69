/* lint_folder.c: what a charm does with the user's files when it runs, checked before it is packed: paas-config.yaml, dashboards, alert
 * rules, and declarations that would keep it from ever being active. */
#include "lint.h"

#include "folder.h"
#include "frameworks.h"
#include "query.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- paas-config.yaml --- */

static bool same_key(struct arena *a, struct str one, struct str other)
{
	return str_eq(str_replace(a, one, '_', '-'), str_replace(a, other, '_', '-'));
}

/* The node that a location like prometheus.scrape-configs.0.job-name means, or the last one on the way to it. */
static const struct node *located(struct arena *a, const struct node *tree, struct str location)
{
	struct str rest = location, part;
	const struct node *at = tree;

	while (location.n && str_split(&rest, '.', &part)) {
		const struct node *next = NULL;
		size_t index = 0;

		NODE_EACH (child, at)
			if (at->kind == NODE_LIST ? str_eq(str_f(a, "%zu", index++), part) : same_key(a, child->key, part))
				next = child;
		if (!next)
			break;
		at = next;
	}
	return at;
}

/* What to write instead, by the last word of the location, or by what is wrong. */
static const char *paas_advice(struct str location, struct str what)
{
	static const struct { const char *end, *advice; } rows[] = {
		{ "port", "write a number from 1 to 65535" },
		{ "metrics-path", "write a path in quotes, as in \"/metrics\"" },
		{ "framework-logging-format", "write none or json" },
		{ "prometheus", "write scrape_configs: below it, each with a job_name of its own" },
		{ "scrape-configs", "write a list of {job_name, metrics_path, static_configs}" },
		{ "static-configs", "write a list of {targets, labels}" },
		{ "targets", "write a list of addresses, as in [\"*:8081\", \"@scheduler:8082\"]" },
		{ "job-name", "write a text" },
	};

	if (str_contains(what, S("Extra inputs")))
		return "remove it, or look at its spelling; port, metrics-port and metrics-path need base ubuntu@26.04";
	if (str_contains(what, S("Field required")))
		return "add it";
	for (size_t i = 0; i < LEN(rows); i++)
		if (str_ends(location, rows[i].end))
			return rows[i].advice;
	return "write a text";
}

static bool has_finding(const struct findings *out, const char *file)
{
	for (size_t i = 0; i < out->n; i++)
		if (str_is(out->v[i].file, file))
			return true;
	return false;
}

void lint_paas_config(const char *folder, const struct framework *framework, struct findings *out)
{
	static const char file[] = "paas-config.yaml", rule[] = "paas-config";
	struct arena *a = out->arena;
	struct err err = { .arena = a };
	struct paas_config config;
	struct node *tree;
	struct str text;
	bool found;

	/* The extension's own checks may have said so before. */
	if (file_read(a, str_f(a, "%s/%s", folder, file).p, MAX_FILE, &text, &found, &err) < 0) {
		if (!has_finding(out, file))
			finding_add(out, file, NULL, rule, "make it a readable file", "%s", err.msg);
		return;
	}
	if (!found)
		return;
	if (yaml_parse(a, text, file, &tree, &err) < 0) {
		if (!has_finding(out, file))
			finding_yaml(out, file, rule, "invalid YAML in paas-config.yaml: ", err.msg);
		return;
	}
	paas_config_parse(a, text, framework->generation, &config);
	for (size_t i = 0; i < config.error_log.n; i++) {
		struct str line = config.error_log.v[i], location, what;
		ptrdiff_t colon;

		if (!str_starts(line, "- "))
			continue;
		line = str_sub(line, 2, line.n);
		colon = str_find(line, ':');
		location = str_sub(line, 0, (size_t)colon);
		what = str_trim(str_sub(line, (size_t)colon + 1, line.n));
		finding_add(out, file, located(a, tree, location), rule, paas_advice(location, what), FMT ": " FMT, ARG(location), ARG(what));
	}
	if (config.error.p && !has_finding(out, file))
		finding_add(out, file, tree, rule, "write keys and values, as in port: 8000", FMT, ARG(config.error));
	if (config.json_logging && framework->server == SERVER_OWN && !has_finding(out, file))
		finding_add(out, file, node_get(tree, "framework_logging_format"), rule, "remove the key, or write none",
		            "framework_logging_format: json is not supported for %s", framework->name);
}

/* --- cos_custom --- */

enum kind { DASHBOARDS, LOKI_RULES, PROMETHEUS_RULES };
static const struct { const char *name; const char *suffixes[5]; } custom_folders[] = {
	[DASHBOARDS] = { "grafana_dashboards", { ".json", ".json.tmpl", ".tmpl" } },
	[LOKI_RULES] = { "loki_alert_rules", { ".rule", ".rules" } },
	[PROMETHEUS_RULES] = { "prometheus_alert_rules", { ".rule", ".rules", ".yml", ".yaml" } },
};

static int text_order(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

enum what { FILES = 1, FOLDERS = 2 };

/* The names in a folder, sorted: of its files, or of the folders in it; links count as what they lead to, and those that lead nowhere as
 * files, so that reading them tells. Nothing where there is no folder. */
static struct strs folder_names(struct arena *a, const char *path, enum what what)
{
	struct strs names = { 0 };
	DIR *dir = opendir(path);
	struct dirent *entry;
	struct stat st;

	while (dir && (entry = readdir(dir)) != NULL) {
		enum what is = FILES;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (stat(str_f(a, "%s/%s", path, entry->d_name).p, &st) == 0)
			is = S_ISDIR(st.st_mode) ? FOLDERS : S_ISREG(st.st_mode) ? FILES : 0;
		if (is == what)
			strs_add(a, &names, str_dup(a, str_of(entry->d_name)));
	}
	if (dir)
		closedir(dir);
	if (names.n)
		qsort(names.v, names.n, sizeof *names.v, text_order);
	return names;
}

void lint_custom_folders(const char *folder, struct findings *out)
{
	struct arena *a = out->arena;
	struct str path = str_f(a, "%s/cos_custom", folder);
	struct strs files = folder_names(a, path.p, FILES), all = folder_names(a, path.p, FOLDERS), strange = { 0 }, found = { 0 };

	for (size_t i = 0; i < all.n; i++) {
		bool known = false;

		for (size_t k = 0; k < LEN(custom_folders); k++)
			known |= str_is(all.v[i], custom_folders[k].name);
		if (!known)
			strs_add(a, &strange, all.v[i]);
	}
	if (files.n)
		strs_add(a, &found, str_f(a, "root files: " FMT, ARG(strs_join(a, &files, ", "))));
	if (strange.n)
		strs_add(a, &found, str_f(a, "invalid subdirectories: " FMT, ARG(strs_join(a, &strange, ", "))));
	if (found.n)
		finding_add(out, "cos_custom", NULL, "custom-folders", "move each file into the folder of its kind and remove what is left",
		            "custom COS directory must only contain the following subdirectories: {'%s', '%s', '%s'}. Found " FMT,
		            custom_folders[0].name, custom_folders[1].name, custom_folders[2].name, ARG(strs_join(a, &found, "; ")));
}

static void check_dashboard(struct str text, const char *file, struct findings *out)
{
	struct err err = { .arena = out->arena };
	struct node *tree;

	if (json_parse(out->arena, text, &tree, &err) < 0)
		finding_yaml(out, file, "dashboard", "invalid JSON: ", str_f(out->arena, "%s:%s", file, err.msg).p);
	else if (tree->kind != NODE_MAP)
		finding_add(out, file, tree, "dashboard", "save the dashboard's JSON model", "a dashboard must be an object, not %s",
		            node_kind_name(tree));
}

/* The text without the topology's placeholder, as the charm takes it out before it reads the query. */
static struct str without_placeholder(struct arena *a, struct str expr, bool promql)
{
	static const char placeholder[] = "%%juju_topology%%";
	struct buf b = { .arena = a };
	size_t n = sizeof placeholder - 1;

	for (size_t i = 0; i < expr.n; )
		if (str_starts(str_sub(expr, i, expr.n), placeholder)) {
			i += n;
			if (promql && i < expr.n && expr.p[i] == ',')
				i++;
			if (!promql)
				buf_adds(&b, "job=~\".+\"");
		} else {
			buf_addc(&b, expr.p[i++]);
		}
	return buf_str(&b);
}

static void check_rule(const struct node *rule, const char *file, bool promql, struct findings *out)
{
	struct arena *a = out->arena;
	struct err err = { .arena = a };
	const struct node *expr = node_get(rule, "expr");
	struct str query, injected;

	if (!node_get(rule, "alert") && !node_get(rule, "record")) {
		finding_add(out, file, rule, "alert-rule", "write alert: NAME", "a rule has neither 'alert' nor 'record'");
		return;
	}
	if (!node_text(expr).n) {
		finding_add(out, file, expr ? expr : rule, "alert-rule", "write expr: and a query", "rule '" FMT "' has no expression",
		            ARG(node_gets(rule, "alert")));
		return;
	}
	query = without_placeholder(a, expr->text, promql);
	if ((promql ? promql_inject : logql_inject)(a, query, NULL, 0, &injected, &err) < 0)
		finding_add(out, file, expr, "alert-rule", promql ? "write it as Prometheus takes it" : "write it as Loki takes it",
		            "rule '" FMT "': %s", ARG(node_gets(rule, "alert")), err.msg);
}

static void check_rules(struct str text, const char *file, bool promql, struct findings *out)
{
	struct err err = { .arena = out->arena };
	struct node *tree;

	if (yaml_parse(out->arena, text, file, &tree, &err) < 0) {
		finding_yaml(out, file, "alert-rule", "invalid YAML: ", err.msg);
	} else if (node_get(tree, "groups")) {
		const struct node *groups = node_get(tree, "groups");

		if (groups->kind != NODE_LIST)
			finding_add(out, file, groups, "alert-rule", "write a list of {name, rules}", "'groups' cannot be %s", node_kind_name(groups));
		NODE_EACH (group, groups->kind == NODE_LIST ? groups : NULL) {
			const struct node *rules = node_get(group, "rules");

			if (!node_text(node_get(group, "name")).n || !node_is(rules, NODE_LIST))
				finding_add(out, file, group, "alert-rule", "write name: and rules: with a list", "a group has no name or no rules");
			NODE_EACH (rule, node_is(rules, NODE_LIST) ? rules : NULL)
				check_rule(rule, file, promql, out);
		}
	} else if (node_get(tree, "expr")) {
		check_rule(tree, file, promql, out);
	} else if (tree->kind != NODE_NULL) {
		finding_add(out, file, tree, "alert-rule", "write alert: and expr:, or groups: with rules", "this is no alert rule");
	}
}

struct strs lint_custom_files(struct arena *a, const char *folder)
{
	struct strs files = { 0 };

	for (size_t k = 0; k < LEN(custom_folders); k++) {
		struct strs names = folder_names(a, str_f(a, "%s/cos_custom/%s", folder, custom_folders[k].name).p, FILES);

		for (size_t i = 0; i < names.n; i++)
			strs_add(a, &files, str_f(a, "cos_custom/%s/" FMT, custom_folders[k].name, ARG(names.v[i])));
	}
	return files;
}

void lint_custom(const char *folder, struct findings *out)
{
	struct arena *a = out->arena;

	for (size_t k = 0; k < LEN(custom_folders); k++) {
		struct strs names = folder_names(a, str_f(a, "%s/cos_custom/%s", folder, custom_folders[k].name).p, FILES);

		for (size_t i = 0; i < names.n; i++) {
			struct str file = str_f(a, "cos_custom/%s/" FMT, custom_folders[k].name, ARG(names.v[i])), text = NOSTR;
			struct err err = { .arena = a };
			bool read = false, found;

			for (const char *const *suffix = custom_folders[k].suffixes; *suffix; suffix++)
				read |= str_ends(names.v[i], *suffix) && names.v[i].n > strlen(*suffix);
			if (!read)
				continue;
			if (file_read(a, str_f(a, "%s/" FMT, folder, ARG(file)).p, MAX_FILE, &text, &found, &err) < 0)
				finding_add(out, file.p, NULL, "custom-file", "make it a readable file", "%s", err.msg);
			else if (!found)
				finding_add(out, file.p, NULL, "custom-file", "remove it", "it is a link to nothing");
			else if (k == DASHBOARDS)
				check_dashboard(text, file.p, out);
			else
				check_rules(text, file.p, k == PROMETHEUS_RULES, out);
		}
	}
}

/* --- The first hook --- */

/* Is the option one of the framework's own? */
static bool framework_option(const struct framework *f, struct str name)
{
	for (size_t i = 0; i < f->n_options; i++)
		if (f->options[i].option && (f->options[i].generations & (unsigned)f->generation) && str_is(name, f->options[i].option))
			return true;
	return false;
}

static bool framework_field(struct arena *a, const struct framework *f, struct str name)
{
	for (size_t i = 0; i < f->n_options; i++)
		if ((f->options[i].generations & (unsigned)f->generation) && same_key(a, name, str_of(f->options[i].field)))
			return true;
	return false;
}

static void check_required_options(const struct node *expanded, const char *file, const struct framework *f, struct findings *out)
{
	struct arena *a = out->arena;

	NODE_EACH (option, node_get(node_get(expanded, "config"), "options")) {
		const struct node *optional = node_get(option, "optional");
		bool ignored = str_starts(option->key, "webserver-") || str_starts(option->key, "app-") ||
		               str_starts(option->key, str_f(a, "%s-", f->name).p);

		if (!node_is(optional, NODE_BOOL) || node_true(optional) || ignored || framework_option(f, option->key))
			continue;
		if (framework_field(a, f, option->key))
			finding_add(out, file, option, "option-shadowed", "give it another name, or remove optional: false",
			            "option '" FMT "' has the name of a setting of %s's own: it never counts as set, and the charm stays blocked",
			            ARG(option->key), f->name);
	}
}

void lint_first_hook(const struct node *expanded, const char *file, const struct framework *f, struct findings *out)
{
	static const char *const databases[] = { "mysql_client", "postgresql_client", "mongodb_client" };
	struct arena *a = out->arena;
	const struct node *requires = node_get(expanded, "requires"), *containers = node_get(expanded, "containers");
	bool database = false;
	size_t oauth = 0;

	NODE_EACH (endpoint, requires) {
		struct str interface = endpoint->kind == NODE_STRING ? endpoint->text : node_gets(endpoint, "interface");

		for (size_t i = 0; i < LEN(databases); i++)
			database |= str_is(interface, databases[i]);
		if (str_is(interface, "oauth") && ++oauth == 2)
			finding_add(out, file, endpoint, "endpoint-oauth", "keep one endpoint of interface oauth",
			            "Multiple OAuth relations are not supported at the moment");
	}
	if (f->database_rule && !database)
		finding_add(out, file, requires, "endpoint-database", "add postgresql: {interface: postgresql_client, limit: 1} below requires:",
		            "%s", f->database_rule);
	if (!node_get(node_get(expanded, "peers"), "secret-storage"))
		finding_add(out, file, node_get(expanded, "peers"), "endpoint-peer", "add peers: {secret-storage: {interface: secret-storage}}",
		            "without the peer endpoint secret-storage there is no secret key, and the charm waits for ever");
	if (!node_get(containers, "app") && !node_find(containers, str_f(a, "%s-app", f->name)))
		finding_add(out, file, containers, "container-missing",
		            str_f(a, "add containers: {%s: {resource: %s-image}}", f->container, f->container).p,
		            "no container is the app's: app or %s-app", f->name);
	check_required_options(expanded, file, f, out);
}
