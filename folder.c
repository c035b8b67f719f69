/* folder.c: the charm's own folder, read once: what Juju knows of the charm, its framework, paas-config.yaml by its schema, and the
 * user's own dashboards and rules. */
#include "folder.h"
#include "frameworks.h"
#include "pack.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- paas-config.yaml --- */

/* The schema's reader: what is read, where it is in the file, and what is wrong so far. */
struct schema {
	struct arena *arena;
	struct problems problems;
};

/* Locations are shown with dashes, whatever the key looks like. */
static struct str location_join(struct schema *s, struct str parent, struct str key)
{
	key = str_replace(s->arena, key, '_', '-');
	return parent.n ? str_f(s->arena, FMT "." FMT, ARG(parent), ARG(key)) : key;
}

static struct str location_item(struct schema *s, struct str parent, size_t index)
{
	return location_join(s, parent, str_f(s->arena, "%zu", index));
}

static void unknown_keys(struct schema *s, const struct node *map, struct str at, const char *const *known)
{
	NODE_EACH (member, map) {
		size_t i = 0;
		while (known[i] && !str_is(member->key, known[i]))
			i++;
		if (!known[i])
			problem_add(s->arena, &s->problems, location_join(s, at, member->key), "Extra inputs are not permitted");
	}
}

/* The member of a map that must be there, or NULL and a problem. */
static const struct node *required(struct schema *s, const struct node *map, struct str at, const char *key)
{
	const struct node *value = node_get(map, key);

	if (!value)
		problem_add(s->arena, &s->problems, location_join(s, at, str_of(key)), "Field required");
	return value;
}

static struct str read_text(struct schema *s, const struct node *value, struct str at)
{
	struct str text = NOSTR;
	const char *wrong = value ? value_text(value, &text) : NULL;

	if (wrong)
		problem_add(s->arena, &s->problems, at, "%s", wrong);
	return text;
}

static bool is_kind(struct schema *s, const struct node *value, struct str at, enum node_kind kind, const char *wrong)
{
	if (node_is(value, kind))
		return true;
	problem_add(s->arena, &s->problems, at, "%s", wrong);
	return false;
}

/* A value under its name with dashes or, as it is also accepted, with underscores; both at once are one too many. */
static const struct node *either_spelling(struct schema *s, const struct node *map, const char *dashed, const char *underscored)
{
	const struct node *value = node_get(map, dashed), *other = node_get(map, underscored);

	if (value && other)
		problem_add(s->arena, &s->problems, str_of(dashed), "Extra inputs are not permitted");
	return value ? value : other;
}

static bool read_port(struct schema *s, const struct node *value, const char *key, int *port)
{
	struct str digits;
	const char *wrong;
	int64_t number = 0;

	if (!value)
		return false;
	wrong = value_int(s->arena, value, &digits);
	if (!wrong && digits_cmp(digits, 1) < 0)
		wrong = "Input should be greater than or equal to 1";
	if (!wrong && digits_cmp(digits, 65535) > 0)
		wrong = "Input should be less than or equal to 65535";
	if (wrong) {
		problem_add(s->arena, &s->problems, str_of(key), "%s", wrong);
		return false;
	}
	str_int(digits, &number);
	*port = (int)number;
	return true;
}

/* @scheduler stands for the unit that runs the schedulers, and always has a port. */
static const char *scheduler_problem(struct str target)
{
	struct str port = str_sub(target, sizeof "@scheduler:" - 1, target.n);

	if (!str_starts(target, "@scheduler"))
		return NULL;
	if (!str_starts(target, "@scheduler:"))
		return "must include port (@scheduler:PORT)";
	for (size_t i = 0; i < port.n; i++)
		if (!is_digit(port.p[i]))
			return "port must be numeric";
	return port.n ? NULL : "port must be numeric";
}

static void read_targets(struct schema *s, const struct node *list, struct str at, struct strs *targets)
{
	size_t before = s->problems.n, i = 0;

	if (!list || !is_kind(s, list, at, NODE_LIST, "Input should be a valid list"))
		return;
	NODE_EACH (item, list)
		strs_add(s->arena, targets, read_text(s, item, location_item(s, at, i++)));
	for (i = 0; i < targets->n && s->problems.n == before; i++) {
		const char *wrong = scheduler_problem(targets->v[i]);
		if (wrong)
			problem_add(s->arena, &s->problems, at, "Value error, Invalid @scheduler format '" FMT "': %s", ARG(targets->v[i]), wrong);
	}
}

static void read_static_config(struct schema *s, struct node *map, struct str at, struct static_config *out)
{
	static const char *const known[] = { "targets", "labels", NULL };
	struct node *labels = node_get(map, "labels");
	struct str labels_at = location_join(s, at, S("labels"));

	if (!is_kind(s, map, at, NODE_MAP, "Input should be a valid dictionary"))
		return;
	read_targets(s, required(s, map, at, "targets"), location_join(s, at, S("targets")), &out->targets);
	if (labels && labels->kind != NODE_NULL && is_kind(s, labels, labels_at, NODE_MAP, "Input should be a valid dictionary")) {
		NODE_EACH (label, labels)
			read_text(s, label, location_join(s, labels_at, label->key));
		out->labels = labels;
	}
	unknown_keys(s, map, at, known);
}

static void read_scrape_config(struct schema *s, struct node *map, struct str at, struct scrape_config *out)
{
	static const char *const known[] = { "job_name", "metrics_path", "static_configs", NULL };
	const struct node *path = node_get(map, "metrics_path"), *list;
	struct str list_at = location_join(s, at, S("static_configs"));

	if (!is_kind(s, map, at, NODE_MAP, "Input should be a valid dictionary"))
		return;
	out->job_name = read_text(s, required(s, map, at, "job_name"), location_join(s, at, S("job_name")));
	out->metrics_path = path ? read_text(s, path, location_join(s, at, S("metrics_path"))) : S("/metrics");
	list = required(s, map, at, "static_configs");
	if (list && is_kind(s, list, list_at, NODE_LIST, "Input should be a valid list"))
		NODE_EACH (item, list) {
			struct static_config *config;
			out->configs = arena_grow(s->arena, out->configs, out->n_configs, sizeof *out->configs);
			config = &out->configs[out->n_configs];
			*config = (struct static_config){ 0 };
			read_static_config(s, item, location_item(s, list_at, out->n_configs++), config);
		}
	unknown_keys(s, map, at, known);
}

static int by_text(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* Two jobs of one name would overwrite each other at the consumer. */
static void duplicate_jobs(struct schema *s, const struct paas_config *config)
{
	struct strs seen = { 0 }, twice = { 0 };

	for (size_t i = 0; i < config->n_scrape_configs; i++) {
		struct str name = config->scrape_configs[i].job_name;
		struct strs *list = strs_has(&seen, name) ? &twice : &seen;
		if (!strs_has(list, name))
			strs_add(s->arena, list, name);
	}
	if (twice.n == 0)
		return;
	qsort(twice.v, twice.n, sizeof *twice.v, by_text);
	problem_add(s->arena, &s->problems, S("prometheus"), "Value error, Duplicate job_name values found in prometheus.scrape_configs: "
		FMT ". Each job must have a unique name.", ARG(strs_join(s->arena, &twice, ", ")));
}

static void read_prometheus(struct schema *s, const struct node *map, struct paas_config *out)
{
	static const char *const known[] = { "scrape_configs", NULL };
	const struct node *list = node_get(map, "scrape_configs");
	struct str at = S("prometheus"), list_at = location_join(s, at, S("scrape_configs"));
	size_t before = s->problems.n;

	if (!map || map->kind == NODE_NULL || !is_kind(s, map, at, NODE_MAP, "Input should be a valid dictionary"))
		return;
	if (list && list->kind != NODE_NULL && is_kind(s, list, list_at, NODE_LIST, "Input should be a valid list"))
		NODE_EACH (item, list) {
			struct scrape_config *config;
			out->scrape_configs = arena_grow(s->arena, out->scrape_configs, out->n_scrape_configs, sizeof *out->scrape_configs);
			config = &out->scrape_configs[out->n_scrape_configs];
			*config = (struct scrape_config){ 0 };
			read_scrape_config(s, item, location_item(s, list_at, out->n_scrape_configs++), config);
		}
	unknown_keys(s, map, at, known);
	if (s->problems.n == before)
		duplicate_jobs(s, out);
}

static void read_paas_config(struct schema *s, const struct node *map, int generation, struct paas_config *out)
{
	static const char *const known_1[] = { "prometheus", "framework_logging_format", NULL };
	static const char *const known_2[] = { "prometheus", "framework_logging_format", "port", "metrics-port", "metrics_port",
		"metrics-path", "metrics_path", NULL };
	const struct node *format = node_get(map, "framework_logging_format"), *path;

	if (generation >= 2) {
		out->has_port = read_port(s, node_get(map, "port"), "port", &out->port);
		out->has_metrics_port = read_port(s, either_spelling(s, map, "metrics-port", "metrics_port"), "metrics-port",
			&out->metrics_port);
		path = either_spelling(s, map, "metrics-path", "metrics_path");
		out->metrics_path = read_text(s, path, S("metrics-path"));
		out->has_metrics_path = path != NULL;
	}
	out->json_logging = str_is(node_text(format), "json") && node_is(format, NODE_STRING);
	if (format && format->kind != NODE_NULL && !out->json_logging &&
	    !(node_is(format, NODE_STRING) && str_is(format->text, "none")))
		problem_add(s->arena, &s->problems, S("framework-logging-format"), "Input should be 'none' or 'json'");
	read_prometheus(s, node_get(map, "prometheus"), out);
	unknown_keys(s, map, NOSTR, generation >= 2 ? known_2 : known_1);
}

/* An empty document, list or text, zero and false all mean that nothing is configured. */
static bool says_nothing(struct arena *a, const struct node *document)
{
	struct str digits;

	switch (document->kind) {
	case NODE_NULL:
		return true;
	case NODE_STRING:
		return document->text.n == 0;
	case NODE_BOOL:
	case NODE_INT:
	case NODE_FLOAT:
		return !value_int(a, document, &digits) && str_is(digits, "0");
	case NODE_LIST:
	case NODE_MAP:
		break;
	}
	return document->count == 0;
}

void paas_config_parse(struct arena *a, struct str text, int generation, struct paas_config *out)
{
	struct schema s = { .arena = a };
	struct err err = { .arena = a };
	struct node *document;
	struct strs log = { 0 };

	*out = (struct paas_config){ 0 };
	if (yaml_parse(a, text, "paas-config.yaml", &document, &err) < 0) {
		out->error = str_f(a, "Invalid YAML in %s", err.msg);   /* "paas-config.yaml:3:1: ..." */
		return;
	}
	if (says_nothing(a, document))
		return;
	if (document->kind != NODE_MAP) {
		out->error = str_f(a, "Invalid paas-config.yaml: it must be a mapping, not %s", node_kind_name(document));
		return;
	}
	read_paas_config(&s, document, generation, out);
	if (s.problems.n == 0)
		return;
	*out = (struct paas_config){ 0 };
	out->error = str_f(a, "Invalid paas-config.yaml: " FMT, ARG(problems_message(a, &s.problems, &log)));
	out->error_log = log;
}

static void paas_config_load(struct arena *a, const char *path, int generation, struct paas_config *out)
{
	struct err err = { .arena = a };
	struct str text;
	bool found;

	*out = (struct paas_config){ 0 };
	if (file_read(a, path, MAX_FILE, &text, &found, &err) < 0)   /* its words begin with the path */
		out->error = str_f(a, "Failed to read paas-config.yaml: %s", err.msg + strlen(path) + 2);
	else if (found)
		paas_config_parse(a, text, generation, out);
}

/* --- What Juju knows: metadata, options, actions --- */

static const char *path_join(struct arena *a, const char *folder, const char *name)
{
	return str_c(a, str_f(a, "%s/%s", folder, name));
}

/* A YAML file of the folder; *tree NULL when it is missing. */
static int yaml_load(struct arena *a, const char *folder, const char *name, struct node **tree, struct err *err)
{
	struct str text;
	bool found;

	*tree = NULL;
	if (file_read(a, path_join(a, folder, name), MAX_FILE, &text, &found, err) < 0 ||
	    (found && yaml_parse(a, text, name, tree, err) < 0)) {
		err->kind = ERR_RETRY;
		return -1;
	}
	return 0;
}

static void endpoints_read(struct arena *a, const struct node *metadata, struct charm *charm)
{
	static const char *const roles[] = { [ROLE_REQUIRES] = "requires", [ROLE_PROVIDES] = "provides", [ROLE_PEERS] = "peers" };

	for (size_t role = 0; role < LEN(roles); role++)
		NODE_EACH (item, node_get(metadata, roles[role])) {
			int64_t limit;
			struct endpoint e = { .name = item->key, .interface = node_gets(item, "interface"), .role = (enum role)role, .limit = -1 };
			e.optional = node_true(node_get(item, "optional"));
			if (str_int(node_gets(item, "limit"), &limit) && limit >= 0 && limit < 1 << 20)
				e.limit = (int)limit;
			charm->endpoints = arena_grow(a, charm->endpoints, charm->n_endpoints, sizeof e);
			charm->endpoints[charm->n_endpoints++] = e;
		}
}

static int options_read(struct arena *a, const struct node *config, const char *file, struct charm *charm, struct err *err)
{
	static const struct { const char *name; enum option_type type; } types[] = {
		{ "string", OPTION_STRING }, { "int", OPTION_INT }, { "float", OPTION_FLOAT }, { "boolean", OPTION_BOOL },
		{ "secret", OPTION_SECRET }, { "", OPTION_STRING },
	};

	NODE_EACH (item, node_get(config, "options")) {
		struct option o = { .name = item->key, .type = OPTION_UNKNOWN, .type_name = node_gets(item, "type"), .line = item->line };
		struct node *fallback = node_get(item, "default"), *optional = node_get(item, "optional");
		for (size_t i = 0; i < LEN(types); i++)
			if (str_is(o.type_name, types[i].name))
				o.type = types[i].type;
		if (o.type == OPTION_UNKNOWN)
			return err_set(err, ERR_RETRY, "%s:%d: option " FMT " has the unknown type " FMT, file, o.line, ARG(o.name),
				ARG(o.type_name));
		if (fallback && fallback->kind != NODE_NULL)
			o.fallback = fallback;
		o.required = node_is(optional, NODE_BOOL) && !node_true(optional);
		charm->options = arena_grow(a, charm->options, charm->n_options, sizeof o);
		charm->options[charm->n_options++] = o;
	}
	return 0;
}

/* Ours comes first: the framework's container, or what it is called in the other generation. */
static void containers_read(struct arena *a, const struct node *metadata, struct charm *charm)
{
	struct str own = str_of(charm->framework->container), other = str_f(a, "%s-app", charm->framework->name);
	struct node *containers = node_get(metadata, "containers");

	if (!node_find(containers, own))
		own = str_is(own, "app") ? other : S("app");
	if (node_find(containers, own))
		strs_add(a, &charm->containers, own);
	NODE_EACH (item, containers)
		if (!strs_has(&charm->containers, item->key))
			strs_add(a, &charm->containers, item->key);
}

/* --- cos_custom --- */

static int by_custom_file(const void *a, const void *b)
{
	const struct custom_file *x = a, *y = b;
	int order = str_cmp(x->directory, y->directory);

	return order ? order : str_cmp(x->name, y->name);
}

/* The names in a folder, sorted; none when there is no such folder. */
static struct strs names_in(struct arena *a, const char *path)
{
	struct strs names = { 0 };
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			strs_add(a, &names, str_dup(a, str_of(entry->d_name)));
	if (dir)
		closedir(dir);
	if (names.n > 0)
		qsort(names.v, names.n, sizeof *names.v, by_text);
	return names;
}

static bool mode_is(const char *path, mode_t kind)
{
	struct stat st;

	return stat(path, &st) == 0 && (st.st_mode & S_IFMT) == kind;
}

static void custom_directory_read(struct arena *a, const char *path, struct str directory, struct charm *charm)
{
	struct strs names = names_in(a, path);

	for (size_t i = 0; i < names.n; i++) {
		struct custom_file file = { .directory = directory, .name = names.v[i] };
		const char *file_path = path_join(a, path, str_c(a, names.v[i]));
		struct err err = { .arena = a };
		bool found;
		if (!mode_is(file_path, S_IFREG))
			continue;   /* only plain files, one level down */
		if (file_read(a, file_path, MAX_FILE, &file.content, &found, &err) < 0) {
			strs_add(a, &charm->notes, str_f(a, "custom COS file: %s", err.msg));
			continue;
		}
		charm->custom = arena_grow(a, charm->custom, charm->n_custom, sizeof file);
		charm->custom[charm->n_custom++] = file;
	}
}

/* Anything in it that is not as it should be makes the whole of it count for nothing: half of somebody's rules are worse than none. */
static void custom_read(struct arena *a, const char *folder, struct charm *charm)
{
	static const char *const known[] = { "grafana_dashboards", "loki_alert_rules", "prometheus_alert_rules" };
	const char *root = path_join(a, folder, "cos_custom");
	struct strs names = names_in(a, root);

	for (size_t i = 0; i < names.n; i++) {
		bool is_directory = mode_is(path_join(a, root, str_c(a, names.v[i])), S_IFDIR), is_known = false;
		for (size_t k = 0; k < LEN(known); k++)
			is_known = is_known || str_is(names.v[i], known[k]);
		if (is_directory && is_known)
			continue;
		strs_add(a, &charm->notes, str_f(a, "custom COS directory cannot contain a %s named " FMT,
			is_directory ? "subdirectory" : "file", ARG(names.v[i])));
		return;
	}
	for (size_t i = 0; i < names.n; i++)
		custom_directory_read(a, path_join(a, root, str_c(a, names.v[i])), names.v[i], charm);
	if (charm->n_custom > 0)
		qsort(charm->custom, charm->n_custom, sizeof *charm->custom, by_custom_file);
}

/* --- The whole folder --- */

/* metadata.yaml, config.yaml and actions.yaml as they lie in a packed charm; what a project has in its charmcraft.yaml instead, expanded.
 * *framework is set where the extension tells it. */
static int description_load(struct arena *a, const char *folder, struct node **metadata, struct node **config, struct node **actions,
                            const struct framework **framework, struct err *err)
{
	struct node *project = NULL;
	struct str name = NOSTR;
	int generation = 0;

	if (yaml_load(a, folder, "metadata.yaml", metadata, err) < 0 || yaml_load(a, folder, "config.yaml", config, err) < 0 ||
	    yaml_load(a, folder, "actions.yaml", actions, err) < 0)
		return -1;
	if (*metadata && *config)
		return 0;
	if (yaml_load(a, folder, "charmcraft.yaml", &project, err) < 0)
		return -1;
	if (!project)
		return *metadata ? err_set(err, ERR_RETRY, "%s/config.yaml: charm configuration metadata doesn't exist", folder)
		                 : err_set(err, ERR_RETRY, "%s: neither metadata.yaml nor charmcraft.yaml is there", folder);
	if (charmcraft_expand(a, project, &project, &name, &generation, err) < 0) {
		err->kind = ERR_RETRY;
		return err_wrap(err, "charmcraft.yaml");
	}
	*framework = framework_find(name, generation);
	if (!*metadata)
		*metadata = project;
	if (!*config)
		*config = node_get(project, "config");
	if (!*actions)
		*actions = node_get(project, "actions");
	return 0;
}

int charm_load(struct arena *a, const char *folder, struct charm *charm, struct err *err)
{
	struct node *metadata, *config, *actions;
	const struct framework *framework = NULL;
	struct str named = NOSTR;
	bool found;

	*charm = (struct charm){ 0 };
	if (description_load(a, folder, &metadata, &config, &actions, &framework, err) < 0)
		return -1;
	if (!framework) {
		if (file_read(a, path_join(a, folder, "framework"), MAX_FILE, &named, &found, err) < 0) {
			err->kind = ERR_RETRY;
			return -1;
		}
		framework = framework_of(found ? named : NOSTR, metadata, config);
	}
	charm->framework = framework;
	charm->metadata = metadata;
	charm->name = node_gets(metadata, "name");
	if (charm->name.n == 0)
		return err_set(err, ERR_RETRY, "%s/metadata.yaml: the charm has no name", folder);
	containers_read(a, metadata, charm);
	if (charm->containers.n == 0)
		return err_set(err, ERR_RETRY, "%s/metadata.yaml: the charm has no container", folder);
	endpoints_read(a, metadata, charm);
	if (options_read(a, config, "config.yaml", charm, err) < 0)
		return -1;
	NODE_EACH (action, actions)
		strs_add(a, &charm->actions, action->key);
	paas_config_load(a, path_join(a, folder, "paas-config.yaml"), framework->generation, &charm->paas);
	custom_read(a, folder, charm);
	return 0;
}

const struct endpoint *endpoint_find(const struct charm *charm, struct str name)
{
	for (size_t i = 0; i < charm->n_endpoints; i++)
		if (str_eq(charm->endpoints[i].name, name))
			return &charm->endpoints[i];
	return NULL;
}

const struct option *option_find(const struct charm *charm, struct str name)
{
	for (size_t i = 0; i < charm->n_options; i++)
		if (str_eq(charm->options[i].name, name))
			return &charm->options[i];
	return NULL;
}
