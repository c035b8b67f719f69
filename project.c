/* project.c: a folder with a charmcraft.yaml: read with its side files, expanded, and turned into the files of a charm. */
#include "pack.h"

#include "frameworks.h"

#include <stdlib.h>
#include <string.h>

/* --- Reading --- */

int charmcraft_expand(struct arena *a, const struct node *project, struct node **expanded, struct str *framework, int *generation,
                      struct err *err)
{
	struct findings findings = { .arena = a };
	struct expansion out;

	if (extensions_apply(a, NULL, project, &out, &findings) < 0)
		return err_set(err, ERR_INPUT, "%s", str_c(a, findings.v[0].message));
	*expanded = out.project;
	*framework = out.framework;
	*generation = out.generation;
	return 0;
}

/* A YAML file of the folder; NULL when it is not there, or wrong, which becomes a finding. */
static struct node *side_file(struct arena *a, const struct project *p, const char *name, struct findings *out)
{
	struct err err = { .arena = a };
	struct node *tree;
	struct str text;
	bool found;

	if (file_read(a, str_f(a, "%s/%s", p->folder, name).p, MAX_FILE, &text, &found, &err) < 0) {
		finding_add(out, name, NULL, "side-file", "make it a readable file, or remove it", "%s", err.msg);
		return NULL;
	}
	if (!found)
		return NULL;
	if (yaml_parse(a, text, name, &tree, &err) < 0) {
		finding_yaml(out, name, "side-file", "invalid YAML: ", err.msg);
		return NULL;
	}
	return tree;
}

/* metadata.yaml, config.yaml and actions.yaml of old: each has what charmcraft.yaml must then not have. */
static void join_side_files(struct arena *a, struct project *p, struct findings *out)
{
	static const char *const texts[] = { "name", "summary", "description" };
	static const char *const sections[] = { "config", "actions" };
	bool *apart[] = { &p->config_apart, &p->actions_apart };
	struct node *project = p->expansion.project;
	struct strs twice = { 0 };

	p->metadata = side_file(a, p, "metadata.yaml", out);
	for (size_t i = 0; i < LEN(texts); i++) {
		struct node *text = node_get(p->metadata, texts[i]);

		if (text && node_get(project, texts[i]))
			strs_add(a, &twice, str_of(texts[i]));
		else if (text)
			node_put(a, project, str_of(texts[i]), node_copy(a, text));
	}
	if (twice.n)
		finding_add(out, "metadata.yaml", node_find(p->metadata, twice.v[0]), "side-file", "remove them from metadata.yaml",
		            "Fields in charmcraft.yaml cannot be duplicated in metadata.yaml: " FMT, ARG(strs_join(a, &twice, ", ")));
	for (size_t i = 0; i < LEN(sections); i++) {
		struct str name = str_f(a, "%s.yaml", sections[i]);
		struct node *tree = side_file(a, p, name.p, out);

		if (!tree)
			continue;
		if (node_get(project, sections[i])) {
			finding_add(out, name.p, NULL, "side-file", str_f(a, "move what is in it to '%s' in charmcraft.yaml, and remove it", sections[i]).p,
			            "Cannot specify '%s' section in 'charmcraft.yaml' when '%s' exists", sections[i], name.p);
			continue;
		}
		*apart[i] = true;
		node_put(a, project, str_of(sections[i]), tree);
	}
}

/* The framework's row: the extension's, else the one that the file `framework` names, else a guess. */
static void find_framework(struct arena *a, struct project *p, struct findings *out)
{
	struct err err = { .arena = a };
	struct str text = NOSTR, rest, name, generation;
	const struct node *project = p->expansion.project, *metadata = p->metadata ? p->metadata : project;
	bool found = false;

	p->framework = p->expansion.framework.p ? framework_find(p->expansion.framework, p->expansion.generation) : NULL;
	if (p->framework)
		return;
	if (file_read(a, str_f(a, "%s/framework", p->folder).p, MAX_FILE, &text, &found, &err) < 0)
		finding_add(out, "framework", NULL, "framework", "make it a readable file, or remove it", "%s", err.msg);
	p->framework = framework_of(found ? text : NOSTR, metadata, node_get(project, "config"));
	p->guessed = !found;
	if (!found)
		return;
	rest = str_trim(text);
	if (!str_split(&rest, ' ', &name) || !str_is(name, p->framework->name) ||
	    (str_split(&rest, ' ', &generation) && !str_eq(generation, str_f(a, "%d", p->framework->generation))))
		finding_add(out, "framework", NULL, "framework", "write one line, as in flask 2", "'" FMT "' is no framework with a generation",
		            ARG(str_trim(text)));
}

int project_load(struct arena *a, const char *file, struct project *p, struct findings *out, struct err *err)
{
	ptrdiff_t slash = str_rfind(str_of(file), '/');
	struct node *document;
	struct str text;
	bool found;

	*p = (struct project){ .file = slash < 0 ? file : file + slash + 1 };
	p->folder = slash < 0 ? "." : str_c(a, str_sub(str_of(file), 0, (size_t)slash));
	if (file_read(a, file, MAX_FILE, &text, &found, err) < 0)
		return -1;
	if (!found)
		return err_set(err, ERR_INPUT, "%s: there is no such file", file);
	if (yaml_parse(a, text, p->file, &document, err) < 0)
		return -1;
	if (extensions_apply(a, p->folder, document, &p->expansion, out) < 0 && document->kind != NODE_MAP)
		return err_set(err, ERR_INPUT, "%s: " FMT, p->file, ARG(out->v[0].message));
	join_side_files(a, p, out);
	find_framework(a, p, out);
	return 0;
}

void project_lint(struct arena *a, const struct project *p, struct findings *out)
{
	const struct node *project = p->expansion.project, *config = node_get(project, "config"), *actions = node_get(project, "actions");
	bool expanded = out->n == 0;

	lint_charmcraft(project, p->file, out);
	lint_juju(project, p->file, out);
	if (config && (p->config_apart || (config->kind == NODE_MAP && config->count)))
		lint_config(config, p->config_apart ? "config.yaml" : p->file, out);
	if (actions && actions->kind == NODE_MAP)
		lint_actions(actions, node_gets(project, "name"), p->actions_apart ? "actions.yaml" : p->file, out);
	if (p->metadata) {
		struct node *ours = project_metadata(a, project);

		lint_metadata(p->metadata, "metadata.yaml", out);
		NODE_EACH (key, ours)
			if (!node_find(p->metadata, key->key))
				finding_add(out, "metadata.yaml", NULL, "side-file", "move what is in it to charmcraft.yaml, and remove it",
				            "metadata.yaml is packed as it is, without the '" FMT "' of charmcraft.yaml", ARG(key->key));
	}
	lint_paas_config(p->folder, p->framework, out);
	if (!p->expansion.framework.p)
		lint_custom_folders(p->folder, out);
	lint_custom(p->folder, out);
	/* A document that could not be expanded lacks what the extension would have brought. */
	if (expanded)
		lint_first_hook(project, p->file, p->framework, out);
}

/* --- The document as charmcraft prints it --- */

/* In this order; bases come last. */
static const char *const printed[] = {
	"name", "title", "version", "summary", "description", "base", "build-base", "platforms", "adopt-info", "parts", "package-repositories",
	"build-slices", "type", "analysis", "charmhub", "charm-libs", "actions", "assumes", "charm-user", "containers", "devices",
	"extra-bindings", "peers", "provides", "requires", "resources", "storage", "subordinate", "terms", "links", "config", "bases",
};

/* An address as browsers write it: the host in lower case, without the scheme's own port, and a path. */
static struct str address(struct arena *a, struct str url)
{
	struct buf b = { .arena = a };
	size_t host = str_starts(url, "https://") ? 8 : str_starts(url, "http://") ? 7 : 0, end = host;
	struct str authority;

	if (!host)
		return url;
	while (end < url.n && !strchr("/?#", url.p[end]))
		end++;
	authority = str_lower(a, str_sub(url, host, end));
	if (str_ends(authority, host == 8 ? ":443" : ":80"))
		authority = str_sub(authority, 0, (size_t)str_rfind(authority, ':'));
	buf_add(&b, str_sub(url, 0, host));
	buf_add(&b, authority);
	if (end == url.n || url.p[end] != '/')
		buf_addc(&b, '/');
	for (size_t i = end; i < url.n; i++) {
		unsigned char c = (unsigned char)url.p[i];

		if (c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>')
			buf_addf(&b, "%%%02X", c);
		else
			buf_addc(&b, (char)c);
	}
	return buf_str(&b);
}

static struct node *listed(struct arena *a, const struct node *value)
{
	struct node *list = node_new(a, NODE_LIST);

	if (value && value->kind == NODE_LIST)
		return node_copy(a, value);
	if (value)
		node_add(a, list, node_str(a, node_text(value)));
	return list;
}

static struct node *full_platforms(struct arena *a, const struct node *platforms)
{
	struct node *full = node_new(a, NODE_MAP);

	NODE_EACH (p, platforms) {
		static const char *const keys[] = { "build-on", "build-for" };
		struct node *one = node_new(a, NODE_MAP), label = { .kind = NODE_STRING, .text = p->key };

		for (size_t i = 0; i < LEN(keys); i++) {
			const struct node *value = node_get(p, keys[i]);

			if (!value || value->kind == NODE_NULL)
				value = &label;
			node_put(a, one, str_of(keys[i]), listed(a, value));
		}
		node_put(a, full, p->key, one);
	}
	return full;
}

static struct node *full_links(struct arena *a, const struct node *links)
{
	static const char *const order[] = { "contact", "documentation", "issues", "source", "website" };
	struct node *full = node_new(a, NODE_MAP);

	for (size_t i = 0; i < LEN(order); i++) {
		struct node *link = node_get(links, order[i]);

		if (!link)
			continue;
		link = node_copy(a, link);
		if (i > 0 && link->kind == NODE_STRING)
			link->text = address(a, link->text);
		for (struct node *item = link->child; i > 0 && item; item = item->next)
			item->text = address(a, item->text);
		node_put(a, full, str_of(order[i]), link);
	}
	return full;
}

static struct node *full_libs(struct arena *a, const struct node *libs)
{
	struct node *full = node_copy(a, libs);

	NODE_EACH (lib, full) {
		struct node *name = node_get(lib, "lib");
		ptrdiff_t dot = name ? str_find(name->text, '.') : -1;

		/* A charm's name as Python can import it is taken for the real one. */
		if (dot > 0)
			name->text = str_f(a, FMT FMT, ARG(str_replace(a, str_sub(name->text, 0, (size_t)dot), '_', '-')),
			                   ARG(str_sub(name->text, (size_t)dot, name->text.n)));
	}
	return full;
}

/* Its plugin, which is its name unless it says another, and where it comes from stand first in a part. */
static struct node *full_parts(struct arena *a, const struct node *parts)
{
	struct node *full = node_new(a, NODE_MAP);

	NODE_EACH (part, parts) {
		struct node *one = node_new(a, NODE_MAP), *source = node_get(part, "source");

		if (part->kind != NODE_MAP) {
			node_put(a, full, part->key, node_copy(a, part));
			continue;
		}
		node_puts(a, one, "plugin", node_get(part, "plugin") ? node_gets(part, "plugin") : part->key);
		if (source)
			node_put(a, one, S("source"), node_copy(a, source));
		NODE_EACH (key, part)
			node_put(a, one, key->key, node_copy(a, key));
		node_put(a, full, part->key, one);
	}
	return full;
}

/* {name, channel} is short for the same to build on and to run on. */
static struct node *full_bases(struct arena *a, const struct node *bases)
{
	struct node *full = node_new(a, NODE_LIST);

	NODE_EACH (base, bases) {
		struct node *one = node_new(a, NODE_MAP), *side = node_new(a, NODE_LIST);

		if (node_get(base, "build-on")) {
			node_add(a, full, node_copy(a, base));
			continue;
		}
		node_add(a, side, node_copy(a, base));
		node_put(a, one, S("build-on"), side);
		node_put(a, one, S("run-on"), node_copy(a, side));
		node_add(a, full, one);
	}
	return full;
}

struct node *project_marshal(struct arena *a, const struct node *expanded)
{
	static const struct { const char *key; struct node *(*full)(struct arena *, const struct node *); } rows[] = {
		{ "platforms", full_platforms }, { "links", full_links }, { "charm-libs", full_libs }, { "parts", full_parts },
		{ "bases", full_bases },
	};
	struct node *out = node_new(a, NODE_MAP);

	for (size_t i = 0; i < LEN(printed); i++) {
		const struct node *member = node_get(expanded, printed[i]);
		struct node *copy;

		if (!member)
			continue;
		copy = node_copy(a, member);
		for (size_t k = 0; k < LEN(rows); k++)
			if (strcmp(rows[k].key, printed[i]) == 0 && (member->kind == NODE_MAP || member->kind == NODE_LIST))
				copy = rows[k].full(a, member);
		/* These are texts, even if they look like numbers. */
		if (i < 5 && (copy->kind == NODE_INT || copy->kind == NODE_FLOAT))
			copy->kind = NODE_STRING;
		node_put(a, out, str_of(printed[i]), copy);
	}
	return out;
}

/* --- The charm's files --- */

static int key_order(const void *a, const void *b)
{
	return str_cmp((*(const struct node *const *)a)->key, (*(const struct node *const *)b)->key);
}

/* A copy with the keys of every mapping in alphabetical order: charmcraft's, and the order in which the charm finds its endpoints. */
static struct node *sorted(struct arena *a, const struct node *n)
{
	struct node *out = node_copy(a, n), *copy;
	struct node **members;
	size_t i = 0;

	if (n->kind != NODE_MAP && n->kind != NODE_LIST)
		return out;
	copy = node_new(a, n->kind);
	members = arena_alloc(a, (n->count + 1) * sizeof (struct node *));
	NODE_EACH (member, out)
		members[i++] = member;
	if (n->kind == NODE_MAP)
		qsort(members, i, sizeof *members, key_order);
	for (size_t k = 0; k < i; k++) {
		struct node *value = sorted(a, members[k]);

		if (n->kind == NODE_MAP)
			node_put(a, copy, members[k]->key, value);
		else
			node_add(a, copy, value);
	}
	return copy;
}

struct node *project_metadata(struct arena *a, const struct node *expanded)
{
	static const struct { const char *from, *to; } rows[] = {
		{ "assumes", "assumes" }, { "charm-user", "charm-user" }, { "containers", "containers" }, { "description", "description" },
		{ "devices", "devices" }, { "title", "display-name" }, { "extra-bindings", "extra-bindings" }, { "name", "name" },
		{ "peers", "peers" }, { "provides", "provides" }, { "requires", "requires" }, { "resources", "resources" },
		{ "storage", "storage" }, { "subordinate", "subordinate" }, { "summary", "summary" }, { "terms", "terms" },
	};
	static const struct { const char *from, *to; } link_rows[] = {
		{ "documentation", "docs" }, { "issues", "issues" }, { "contact", "maintainers" }, { "source", "source" }, { "website", "website" },
	};
	struct node *project = project_marshal(a, expanded), *out = node_new(a, NODE_MAP);

	for (size_t i = 0; i < LEN(rows); i++) {
		struct node *value = node_get(project, rows[i].from);

		if (value && value->kind != NODE_NULL)
			node_put(a, out, str_of(rows[i].to), node_copy(a, value));
	}
	for (size_t i = 0; i < LEN(link_rows); i++) {
		struct node *value = node_get(node_get(project, "links"), link_rows[i].from);

		if (value && value->kind != NODE_NULL)
			node_put(a, out, str_of(link_rows[i].to), i == 2 ? listed(a, value) : node_copy(a, value));
	}
	return sorted(a, out);
}

static struct str yaml_text(struct arena *a, const struct node *tree)
{
	struct buf b = { .arena = a };

	yaml_write(&b, tree);
	return buf_str(&b);
}

static struct node *manifest_base(struct arena *a, struct str base, struct str architecture)
{
	struct node *out = node_new(a, NODE_MAP), *list = node_new(a, NODE_LIST);
	ptrdiff_t at = str_find(base, '@');

	node_puts(a, out, "name", str_sub(base, 0, at < 0 ? base.n : (size_t)at));
	node_puts(a, out, "channel", str_sub(base, at < 0 ? base.n : (size_t)at + 1, base.n));
	node_add(a, list, node_str(a, architecture));
	node_put(a, out, S("architectures"), list);
	return out;
}

static struct str before_colon(struct str s)
{
	ptrdiff_t colon = str_rfind(s, ':');

	return colon < 0 ? NOSTR : str_sub(s, 0, (size_t)colon);
}

static struct str behind_colon(struct str s)
{
	return str_sub(s, (size_t)(str_rfind(s, ':') + 1), s.n);
}

static void build_add(struct arena *a, struct builds *out, struct build build)
{
	out->v = arena_grow(a, out->v, out->n, sizeof *out->v);
	out->v[out->n++] = build;
}

/* The archives of the old `bases`: one for each entry, for all bases that it runs on. */
static void legacy_builds(struct arena *a, const struct node *project, struct str host, struct builds *out)
{
	NODE_EACH (entry, node_get(project, "bases")) {
		struct build build = { .architecture = host, .bases = node_new(a, NODE_LIST) };
		struct strs parts = { 0 };

		strs_add(a, &parts, node_gets(project, "name"));
		NODE_EACH (base, node_get(entry, "run-on")) {
			struct node *one = manifest_base(a, str_f(a, FMT "@" FMT, ARG(node_gets(base, "name")), ARG(node_gets(base, "channel"))), host);
			struct strs named = { 0 };

			if (node_get(base, "architectures"))
				node_put(a, one, S("architectures"), node_copy(a, node_get(base, "architectures")));
			NODE_EACH (architecture, node_get(one, "architectures"))
				strs_add(a, &named, node_text(architecture));
			if (!strs_has(&named, host) && named.n)
				build.architecture = named.v[0];
			strs_add(a, &parts, str_f(a, FMT "-" FMT "-" FMT, ARG(node_gets(base, "name")), ARG(node_gets(base, "channel")),
			                          ARG(strs_join(a, &named, "-"))));
			node_add(a, build.bases, one);
		}
		strs_add(a, &build.build_on, build.architecture);
		build.file_name = str_f(a, FMT ".charm", ARG(strs_join(a, &parts, "_")));
		build_add(a, out, build);
	}
}

struct builds project_builds(struct arena *a, const struct project *p, struct str host)
{
	const struct node *project = project_marshal(a, p->expansion.project);
	struct builds out = { 0 };

	legacy_builds(a, project, host, &out);
	NODE_EACH (platform, node_get(project, "platforms")) {
		struct build build = { .bases = node_new(a, NODE_LIST) };
		struct str target = node_text(node_get(platform, "build-for")->child), base = node_gets(project, "base");

		build.architecture = behind_colon(target);
		if (!base.n)
			base = before_colon(platform->key);
		if (!base.n)
			base = before_colon(target);
		NODE_EACH (machine, node_get(platform, "build-on"))
			strs_add(a, &build.build_on, behind_colon(node_text(machine)));
		node_add(a, build.bases, manifest_base(a, base, build.architecture));
		build.file_name = str_f(a, FMT "_" FMT ".charm", ARG(node_gets(project, "name")), ARG(str_replace(a, platform->key, ':', '-')));
		build_add(a, &out, build);
	}
	return out;
}

struct members { struct zip_member *v; size_t n; };

static void member_add(struct arena *a, struct members *out, struct str name, struct str content)
{
	out->v = arena_grow(a, out->v, out->n, sizeof *out->v);
	out->v[out->n++] = (struct zip_member){ name, content, 0644 };
}

/* A file of the folder as it is, if it is there. */
static int file_add(struct arena *a, const struct project *p, struct str name, struct members *out, struct err *err)
{
	struct str content;
	bool found;

	if (file_read(a, str_f(a, "%s/" FMT, p->folder, ARG(name)).p, MAX_FILE, &content, &found, err) < 0)
		return -1;
	if (found)
		member_add(a, out, name, content);
	return 0;
}

int project_members(struct arena *a, const struct project *p, const struct build *build, struct zip_member **members, size_t *n,
                    struct err *err)
{
	static const char *const files[] = { "paas-config.yaml", "LICENSE", "icon.svg" };
	const struct node *project = p->expansion.project, *config = node_get(project, "config"), *actions = node_get(project, "actions");
	struct node *manifest = node_new(a, NODE_MAP);
	struct members out = { 0 };
	struct strs custom = lint_custom_files(a, p->folder);

	node_put(a, manifest, S("bases"), build->bases);
	member_add(a, &out, S("manifest.yaml"), yaml_text(a, manifest));
	member_add(a, &out, S("framework"), str_f(a, "%s %d\n", p->framework->name, p->framework->generation));
	/* What stands in a file of its own is packed as it stands. */
	if ((p->metadata && file_add(a, p, S("metadata.yaml"), &out, err) < 0) ||
	    (p->config_apart && file_add(a, p, S("config.yaml"), &out, err) < 0) ||
	    (p->actions_apart && file_add(a, p, S("actions.yaml"), &out, err) < 0))
		return -1;
	if (!p->metadata)
		member_add(a, &out, S("metadata.yaml"), yaml_text(a, project_metadata(a, project)));
	if (!p->config_apart && config && config->count)
		member_add(a, &out, S("config.yaml"), yaml_text(a, sorted(a, config)));
	if (!p->actions_apart && actions && actions->count)
		member_add(a, &out, S("actions.yaml"), yaml_text(a, sorted(a, actions)));
	for (size_t i = 0; i < LEN(files); i++)
		if (file_add(a, p, str_of(files[i]), &out, err) < 0)
			return -1;
	for (size_t i = 0; i < custom.n; i++)
		if (file_add(a, p, custom.v[i], &out, err) < 0)
			return -1;
	*members = out.v;
	*n = out.n;
	return 0;
}
