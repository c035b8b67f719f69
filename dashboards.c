/* dashboards.c: the dashboards that Grafana gets: ours, expanded from assets/dashboards, and the user's own.
 *
 * A dashboard of ours is written as rows of panels, each with what is particular to it: title, unit, limits, queries. What all panels of
 * a kind share is in skeleton.json. Put together they are several times as long, which is why they are kept apart. */
#include "assets.h"
#include "crypto.h"
#include "observability.h"
#include "shake.h"
#include "xz.h"

#include <string.h>

enum { GRID_WIDTH = 24, PANEL_HEIGHT = 8, UID_BYTES = 20, SHORT_UID_BYTES = 8 };

static const struct source {
	const char *framework;
	const char *file;     /* its name where the reference charm has it: ids and uids are made of it */
	const char *asset;
	const char *title;
	const char *prefix;   /* of the app's metrics */
} sources[] = {
	{ "flask",       "flask",       "gunicorn",    "Flask Operator",       "flask" },
	{ "django",      "django",      "gunicorn",    "Django Operator",      "django" },
	{ "fastapi",     "fastapi",     "fastapi",     "FastAPI Operator",     "" },
	{ "go",          "go",          "go",          "Go Operator",          "" },
	{ "expressjs",   "expressjs",   "expressjs",   "ExpressJS Operator",   "" },
	{ "spring-boot", "spring_boot", "spring-boot", "Spring Boot Operator", "" },
};

/* The choices at the top of the dashboard; each is narrowed by those before it. */
static const struct { const char *name, *label; } variables[] = {
	{ "juju_model", "Juju model" }, { "juju_model_uuid", "Juju model UUID" }, { "juju_application", "Juju application" },
	{ "juju_unit", "Juju unit" },
};

/* --- Ours, expanded --- */

struct expansion {
	struct arena *arena;
	const struct source *source;
	const struct node *skeleton;
	struct str name;           /* "Flask" */
	struct node *panels;
	int id, x, y, row_height;
};

static struct str asset_text(const char *path)
{
	for (size_t i = 0; i < assets_count; i++)
		if (strcmp(assets[i].path, path) == 0)
			return (struct str){ (const char *)assets[i].bytes, assets[i].n };
	return S("");
}

static void choice_write(struct buf *out, const char *name)
{
	buf_addf(out, "%s=~\"$%s\"", name, name);
}

/* In queries %T is what was chosen at the top and %L the same for Loki, which wants one matcher that takes no empty text; %P is the
 * prefix of the metrics, %N the framework's name. */
static struct str filled(struct expansion *e, struct str text)
{
	struct buf out = { .arena = e->arena };

	for (size_t i = 0; i < text.n; i++) {
		char mark = text.p[i] == '%' && i + 1 < text.n ? text.p[i + 1] : '\0';
		if (!mark || !strchr("TLPN", mark)) {
			buf_addc(&out, text.p[i]);
			continue;
		}
		i++;
		if (mark == 'P') {
			buf_adds(&out, e->source->prefix);
		} else if (mark == 'N') {
			buf_add(&out, e->name);
		} else {
			for (size_t v = 0; v < LEN(variables); v++) {
				if (v)
					buf_addc(&out, ',');
				choice_write(&out, variables[v].name);
			}
			if (mark == 'L')
				buf_adds(&out, ",juju_application=~\".+\"");
		}
	}
	return buf_str(&out);
}

static void texts_fill(struct expansion *e, struct node *node)
{
	if (node->kind == NODE_STRING && str_find(node->text, '%') >= 0)
		node->text = filled(e, node->text);
	NODE_EACH(child, node)
		texts_fill(e, child);
}

static struct node *skeleton(struct expansion *e, const char *name)
{
	return node_copy(e->arena, node_get(e->skeleton, name));
}

static void put(struct expansion *e, struct node *map, const char *key, struct node *value)
{
	node_put(e->arena, map, str_of(key), value);
}

static int number(const struct node *map, const char *key, int fallback)
{
	int64_t value;

	return str_int(node_gets(map, key), &value) ? (int)value : fallback;
}

static struct node *grid(struct expansion *e, int width, int height)
{
	struct node *grid = node_new(e->arena, NODE_MAP);

	if (e->x + width > GRID_WIDTH) {
		e->x = 0;
		e->y += e->row_height;
		e->row_height = 0;
	}
	put(e, grid, "h", node_int(e->arena, height));
	put(e, grid, "w", node_int(e->arena, width));
	put(e, grid, "x", node_int(e->arena, e->x));
	put(e, grid, "y", node_int(e->arena, e->y));
	e->x += width;
	e->row_height = height > e->row_height ? height : e->row_height;
	return grid;
}

/* Green, orange and red from each limit on; where less is worse, the other way round. */
static void limits_put(struct expansion *e, struct node *defaults, const struct node *panel)
{
	static const char *const colours[] = { "green", "orange", "red" };
	const struct node *limits = node_get(panel, "limits");
	struct node *steps = node_get(node_get(defaults, "thresholds"), "steps"), *step;
	bool down = node_true(node_get(panel, "down"));
	size_t n = limits ? limits->count : 0, i = 0;

	if (!n)
		return;
	if (down)
		node_puts(e->arena, steps->child, "color", S("red"));
	NODE_EACH(limit, limits) {
		size_t colour = ++i == n ? 2 : 1;
		step = node_new(e->arena, NODE_MAP);
		node_puts(e->arena, step, "color", str_of(colours[down ? 2 - colour : colour]));
		put(e, step, "value", node_copy(e->arena, limit));
		node_add(e->arena, steps, step);
	}
	if (node_get(defaults, "custom"))
		node_puts(e->arena, node_get(node_get(defaults, "custom"), "thresholdsStyle"), "mode", S("dashed"));
}

static void field_config_put(struct expansion *e, struct node *out, const struct node *panel)
{
	struct node *config = node_get(out, "fieldConfig"), *defaults = node_get(config, "defaults"), *custom = node_get(defaults, "custom");

	if (!defaults)
		return;
	node_puts(e->arena, defaults, "unit", node_gets(panel, "unit"));
	if (node_get(panel, "max"))
		put(e, defaults, "max", node_copy(e->arena, node_get(panel, "max")));
	limits_put(e, defaults, panel);
	if (custom && node_true(node_get(panel, "stack"))) {
		node_puts(e->arena, node_get(custom, "stacking"), "mode", S("normal"));
		put(e, custom, "fillOpacity", node_int(e->arena, 40));
	}
	if (custom && node_get(panel, "draw"))
		node_puts(e->arena, custom, "drawStyle", node_gets(panel, "draw"));
	if (node_get(panel, "colours"))
		put(e, config, "overrides", skeleton(e, "status"));
	if (node_get(panel, "text"))
		node_puts(e->arena, node_get(out, "options"), "textMode", node_gets(panel, "text"));
}

static struct node *datasource(struct expansion *e, bool loki)
{
	struct node *map = node_new(e->arena, NODE_MAP);

	node_puts(e->arena, map, "type", loki ? S("loki") : S("prometheus"));
	node_puts(e->arena, map, "uid", loki ? S("${lokids}") : S("${prometheusds}"));
	return map;
}

static void panel_add(struct expansion *e, const struct node *panel)
{
	struct str type = node_gets(panel, "type").p ? node_gets(panel, "type") : S("timeseries");
	bool loki = str_is(node_gets(panel, "source"), "loki");
	struct node *out = skeleton(e, str_c(e->arena, type)), *targets = node_get(out, "targets");
	char ref = 'A';

	put(e, out, "id", node_int(e->arena, ++e->id));
	node_puts(e->arena, out, "title", node_gets(panel, "title"));
	node_puts(e->arena, out, "description", node_gets(panel, "about"));
	put(e, out, "gridPos", grid(e, number(panel, "w", GRID_WIDTH), number(panel, "h", PANEL_HEIGHT)));
	put(e, out, "datasource", datasource(e, loki));
	field_config_put(e, out, panel);
	NODE_EACH(query, node_get(panel, "queries")) {
		struct node *target = node_new(e->arena, NODE_MAP);
		node_puts(e->arena, target, "refId", str_f(e->arena, "%c", ref++));
		put(e, target, "datasource", datasource(e, loki));
		node_puts(e->arena, target, "expr", node_text(query->child));
		node_puts(e->arena, target, "legendFormat", node_text(query->last));
		node_add(e->arena, targets, target);
	}
	node_add(e->arena, e->panels, out);
}

static void row_add(struct expansion *e, const struct node *row)
{
	struct node *out = skeleton(e, "row");

	put(e, out, "id", node_int(e->arena, ++e->id));
	node_puts(e->arena, out, "title", node_gets(row, "title"));
	put(e, out, "gridPos", grid(e, GRID_WIDTH, 1));
	node_add(e->arena, e->panels, out);
	NODE_EACH(panel, node_get(row, "panels"))
		panel_add(e, panel);
}

static void variables_add(struct expansion *e, struct node *list)
{
	for (size_t i = 0; i < LEN(variables); i++) {
		struct node *variable = skeleton(e, "variable");
		struct buf query = { .arena = e->arena };
		buf_adds(&query, "label_values(up");
		for (size_t k = 0; k < i; k++) {
			buf_addc(&query, k ? ',' : '{');
			choice_write(&query, variables[k].name);
		}
		buf_addf(&query, "%s,%s)", i ? "}" : "", variables[i].name);
		node_puts(e->arena, variable, "name", str_of(variables[i].name));
		node_puts(e->arena, variable, "label", str_of(variables[i].label));
		node_puts(e->arena, node_get(variable, "query"), "query", buf_str(&query));
		node_puts(e->arena, node_get(variable, "query"), "refId", str_of(variables[i].name));
		node_puts(e->arena, variable, "definition", buf_str(&query));
		node_add(e->arena, list, variable);
	}
}

static const struct source *source_find(struct str file)
{
	for (size_t i = 0; i < LEN(sources); i++)
		if (str_is(file, sources[i].file))
			return &sources[i];
	return NULL;
}

static struct str source_text(struct arena *arena, const struct source *source)
{
	return asset_text(str_c(arena, str_f(arena, "dashboards/%s.json", source->asset)));
}

struct node *dashboard_expand(struct arena *arena, struct str file, struct err *err)
{
	struct expansion e = { .arena = arena, .source = source_find(file) };
	struct node *rows, *skeletons, *out, *tags;

	if (!e.source) {
		err_set(err, ERR_INPUT, "no dashboard is named " FMT, ARG(file));
		return NULL;
	}
	if (json_parse(arena, asset_text("dashboards/skeleton.json"), &skeletons, err) < 0 ||
	    json_parse(arena, source_text(arena, e.source), &rows, err) < 0)
		return NULL;
	e.skeleton = skeletons;
	e.name = str_sub(str_of(e.source->title), 0, strlen(e.source->title) - strlen(" Operator"));
	out = skeleton(&e, "dashboard");
	e.panels = node_get(out, "panels");
	node_puts(arena, out, "title", str_of(e.source->title));
	node_puts(arena, out, "description", node_gets(rows, "about"));
	tags = node_get(out, "tags");
	node_add(arena, tags, node_str(arena, str_of(e.source->framework)));
	node_add(arena, tags, node_str(arena, S("juju")));
	variables_add(&e, node_get(node_get(out, "templating"), "list"));
	NODE_EACH(row, node_get(rows, "rows"))
		row_add(&e, row);
	texts_fill(&e, out);
	return out;
}

/* --- All of them, packed --- */

/* Forty hexadecimal digits are a uid that the library made; anything else might be another charm's as well. */
static bool uid_is_made(struct str uid)
{
	for (size_t i = 0; i < uid.n; i++)
		if (!is_digit(uid.p[i]) && !((uid.p[i] | 0x20) >= 'a' && (uid.p[i] | 0x20) <= 'f'))
			return false;
	return uid.n == (size_t)UID_BYTES * 2;
}

static void identify(const struct snapshot *s, struct node *dashboard, struct str file)
{
	const struct node *uid = node_get(dashboard, "uid");
	struct node *tags = node_get(dashboard, "tags");
	bool tagged = false;

	if (!node_is(uid, NODE_STRING) || !uid_is_made(uid->text))
		node_puts(s->arena, dashboard, "uid", shake256_hex(s->arena, str_f(s->arena, FMT "-cos_merged/grafana_dashboards/" FMT,
		          ARG(s->charm->name), ARG(file)), UID_BYTES));
	if (!node_is(tags, NODE_LIST)) {
		tags = node_new(s->arena, NODE_LIST);
		node_put(s->arena, dashboard, S("tags"), tags);
	}
	NODE_EACH(tag, tags)
		tagged = tagged || str_starts(node_text(tag), "charm: ");
	if (!tagged)
		node_add(s->arena, tags, node_str(s->arena, str_f(s->arena, "charm: " FMT, ARG(s->charm->name))));
}

static void template_add(const struct snapshot *s, struct node *templates, struct node *dashboard, struct str file)
{
	struct node *out = node_new(s->arena, NODE_MAP), *topology = node_new(s->arena, NODE_MAP);
	struct str id = str_f(s->arena, "file:" FMT, ARG(str_sub(file, 0, (size_t)str_rfind(file, '.'))));

	identify(s, dashboard, file);
	node_puts(s->arena, out, "charm", s->charm->name);
	node_puts(s->arena, out, "content", base64_encode(s->arena, xz_pack(s->arena, json_text(s->arena, dashboard, JSON_PYTHON))));
	node_puts(s->arena, topology, "model", s->hook.model);
	node_puts(s->arena, topology, "model_uuid", s->hook.model_uuid);
	node_puts(s->arena, topology, "application", s->hook.app);
	node_puts(s->arena, topology, "unit", s->hook.unit);
	node_put(s->arena, out, S("juju_topology"), topology);
	node_put(s->arena, out, S("inject_dropdowns"), node_bool(s->arena, true));
	node_puts(s->arena, out, "dashboard_alt_uid",
	          shake256_hex(s->arena, str_f(s->arena, FMT "-" FMT, ARG(s->charm->name), ARG(id)), SHORT_UID_BYTES));
	node_put(s->arena, templates, id, out);
}

static bool is_custom(const struct custom_file *file)
{
	return str_is(file->directory, "grafana_dashboards") &&
	       (str_ends(file->name, ".json") || str_ends(file->name, ".json.tmpl") || str_ends(file->name, ".tmpl"));
}

static const struct source *source_of(const struct framework *framework)
{
	size_t i = 0;

	/* Each framework has a row. */
	while (i + 1 < LEN(sources) && strcmp(framework->name, sources[i].framework) != 0)
		i++;
	return &sources[i];
}

/* Everything that the value is made of, as a UUID. */
static struct str fingerprint(const struct snapshot *s, const struct source *source)
{
	static const char layout[] = "1";   /* of this file: another number packs all anew */
	struct buf all = { .arena = s->arena };
	struct str parts[] = { str_of(layout), str_of(source->file), s->charm->name, s->hook.model, s->hook.model_uuid, s->hook.unit,
	                       asset_text("dashboards/skeleton.json"), source_text(s->arena, source) }, hash;

	for (size_t i = 0; i < LEN(parts); i++)
		buf_addf(&all, "%zu:" FMT, parts[i].n, ARG(parts[i]));
	for (size_t i = 0; i < s->charm->n_custom; i++) {
		const struct custom_file *file = &s->charm->custom[i];
		if (!is_custom(file))
			continue;
		buf_addf(&all, "%zu:" FMT "%zu:", file->name.n, ARG(file->name), file->content.n);
		buf_add(&all, file->content);
	}
	hash = sha256_hex(s->arena, buf_str(&all));
	return str_f(s->arena, FMT "-" FMT "-8" FMT "-8" FMT "-" FMT, ARG(str_sub(hash, 0, 8)), ARG(str_sub(hash, 8, 12)),
	             ARG(str_sub(hash, 13, 16)), ARG(str_sub(hash, 17, 20)), ARG(str_sub(hash, 20, 32)));
}

struct str dashboards_value(const struct snapshot *s, struct str old, struct wanted *w)
{
	const struct source *source = source_of(s->charm->framework);
	struct node *value = node_new(s->arena, NODE_MAP), *templates = node_new(s->arena, NODE_MAP), *dashboard;
	struct str uuid = fingerprint(s, source);
	struct err err = { .arena = s->arena };

	/* Grafana's charm does not read the UUID; to us it tells whether there is anything to do. */
	if (str_ends(old, str_c(s->arena, str_f(s->arena, "\"uuid\": \"" FMT "\"}", ARG(uuid)))))
		return old;
	for (size_t i = 0; i < s->charm->n_custom; i++) {
		const struct custom_file *file = &s->charm->custom[i];
		struct str name = str_f(s->arena, CUSTOM_PREFIX FMT, ARG(file->name));
		if (!is_custom(file))
			continue;
		if (json_parse(s->arena, file->content, &dashboard, &err) < 0) {
			want_log(w, LOG_ERROR, "dashboards: " FMT ": %s", ARG(name), err.msg);
			err_clear(&err);
		} else if (dashboard->kind != NODE_MAP) {
			want_log(w, LOG_ERROR, "dashboards: " FMT ": a dashboard is an object, not %s", ARG(name), node_kind_name(dashboard));
		} else {
			template_add(s, templates, dashboard, name);
		}
	}
	dashboard = dashboard_expand(s->arena, str_of(source->file), &err);
	if (dashboard)
		template_add(s, templates, dashboard, str_f(s->arena, "%s.json", source->file));
	else
		want_log(w, LOG_ERROR, "dashboards: %s.json: %s", source->file, err.msg);
	node_put(s->arena, value, S("templates"), templates);
	node_puts(s->arena, value, "uuid", uuid);
	return json_text(s->arena, value, JSON_PYTHON);
}
