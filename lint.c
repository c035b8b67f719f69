/* lint.c: the rules of charmcraft.yaml and of what Juju reads from a charm, each with a name, a place and what to write instead.
 *
 * Only what would fail is a finding: in charmcraft, at `juju deploy`, or for good at the first hook. Taste is not. */
#include "lint.h"

#include <string.h>

/* --- Findings --- */

static void finding_put(struct findings *f, struct finding finding)
{
	f->v = arena_grow(f->arena, f->v, f->n, sizeof *f->v);
	f->v[f->n++] = finding;
}

void finding_add(struct findings *f, const char *file, const struct node *at, const char *rule, const char *advice, const char *fmt, ...)
{
	va_list args;
	struct finding finding = { .rule = rule, .file = str_of(file), .advice = str_of(advice) };

	if (at) {
		finding.line = at->key_line ? at->key_line : at->line;
		finding.column = at->key_line ? at->key_column : at->column;
	}
	va_start(args, fmt);
	finding.message = str_vf(f->arena, fmt, args);
	va_end(args);
	finding_put(f, finding);
}

void finding_yaml(struct findings *f, const char *file, const char *rule, const char *prefix, const char *msg)
{
	struct finding finding = { .rule = rule, .file = str_of(file) };
	struct str rest = str_of(msg), what = rest, part;
	int64_t line, column;

	rest = str_starts(rest, file) && rest.n > strlen(file) ? str_sub(rest, strlen(file) + 1, rest.n) : NOSTR;
	if (rest.p && str_split(&rest, ':', &part) && str_int(part, &line) && str_split(&rest, ':', &part) && str_int(part, &column)) {
		finding.line = (int)line;
		finding.column = (int)column;
		what = str_trim(rest);
	}
	finding.message = str_f(f->arena, "%s" FMT, prefix, ARG(what));
	finding.advice = S("see what stands before this place: quotes, colons, indentation");
	finding_put(f, finding);
}

struct str finding_text(struct arena *a, const struct finding *f)
{
	struct buf b = { .arena = a };

	buf_add(&b, f->file);
	if (f->line)
		buf_addf(&b, ":%d:%d", f->line, f->column);
	buf_addf(&b, ": %s: ", f->rule);
	buf_add(&b, str_replace(a, f->message, '\n', ' '));
	if (f->advice.n)
		buf_addf(&b, "; " FMT, ARG(f->advice));
	return buf_str(&b);
}

struct node *findings_node(struct arena *a, const struct findings *f)
{
	struct node *list = node_new(a, NODE_LIST);

	for (size_t i = 0; i < f->n; i++) {
		struct node *item = node_new(a, NODE_MAP);

		node_puts(a, item, "file", f->v[i].file);
		node_put(a, item, S("line"), node_int(a, f->v[i].line));
		node_put(a, item, S("column"), node_int(a, f->v[i].column));
		node_puts(a, item, "rule", str_of(f->v[i].rule));
		node_puts(a, item, "message", f->v[i].message);
		node_puts(a, item, "advice", f->v[i].advice.p ? f->v[i].advice : S(""));
		node_add(a, list, item);
	}
	return list;
}

/* --- Names --- */

enum { LOWER = 1, DIGIT = 2, HYPHEN = 4, UNDERSCORE = 8 };

static int class_of(char c)
{
	return c >= 'a' && c <= 'z' ? LOWER : c >= '0' && c <= '9' ? DIGIT : c == '-' ? HYPHEN : c == '_' ? UNDERSCORE : 0;
}

/* The classes of all characters together; 16 for one of no class. */
static int classes(struct str s)
{
	int all = 0;

	for (size_t i = 0; i < s.n; i++)
		all |= class_of(s.p[i]) ? class_of(s.p[i]) : 16;
	return all;
}

static bool within(struct str s, int allowed)
{
	return (classes(s) & ~allowed) == 0;
}

/* Starts with one of the first, ends with one of the last, holds only the allowed. */
static bool name_shape(struct str s, int first, int allowed, int last)
{
	return s.n && within(s, allowed) && (class_of(s.p[0]) & first) && (class_of(s.p[s.n - 1]) & last);
}

/* Lower case, digits and single hyphens inside, at least one letter: charmcraft's. */
static bool project_name(struct str s)
{
	bool hyphens = false;

	for (size_t i = 1; i < s.n; i++)
		hyphens |= s.p[i] == '-' && s.p[i - 1] == '-';
	return s.n <= 40 && !hyphens && (classes(s) & LOWER) && name_shape(s, LOWER | DIGIT, LOWER | DIGIT | HYPHEN, LOWER | DIGIT);
}

/* The same, starting with a letter, and a letter between hyphens: Juju's, for applications and charms in URLs. */
static bool charm_name(struct str s)
{
	struct str rest = s, group;

	if (!name_shape(s, LOWER, LOWER | DIGIT | HYPHEN, LOWER | DIGIT))
		return false;
	while (str_split(&rest, '-', &group))
		if (!(classes(group) & LOWER))
			return false;
	return true;
}

bool lint_name(struct str s)
{
	return project_name(s) && charm_name(s);
}

/* Of a relation: words of lower case and digits, joined by single hyphens or underscores. */
static bool endpoint_name(struct str s)
{
	for (size_t i = 1; i < s.n; i++)
		if ((class_of(s.p[i]) & (HYPHEN | UNDERSCORE)) && (class_of(s.p[i - 1]) & (HYPHEN | UNDERSCORE)))
			return false;
	return name_shape(s, LOWER, LOWER | DIGIT | HYPHEN | UNDERSCORE, LOWER | DIGIT);
}

/* "juju" and "juju-..." are Juju's own, except for charms that are Juju's, too. */
static bool reserved(struct str charm, struct str name)
{
	return !str_starts(charm, "juju-") && (str_is(name, "juju") || str_starts(name, "juju-"));
}

static bool one_of(struct str s, const char *const *words)
{
	for (; *words; words++)
		if (str_is(s, *words))
			return true;
	return false;
}

/* --- charmcraft.yaml --- */

enum { TEXT = 1, MAP = 2, LIST = 4, BOOL = 8, OTHER = 16 };

static unsigned shape_of(const struct node *n)
{
	switch (n->kind) {
	case NODE_MAP:
		return MAP;
	case NODE_LIST:
		return LIST;
	case NODE_BOOL:
		return BOOL;
	case NODE_NULL:
		return OTHER;
	default:
		return TEXT;   /* a number counts as its text */
	}
}

/* The keys that charmcraft takes. */
static const struct field { const char *key; unsigned shape; bool required; const char *write; } fields[] = {
	{ "name", TEXT, true, "write name: my-app" },
	{ "title", TEXT, false, "write title: My app" },
	{ "version", TEXT, false, "write version: \"1.0\"" },
	{ "summary", TEXT, true, "write summary: and one line about the app" },
	{ "description", TEXT, true, "write description: | and what the app does" },
	{ "base", TEXT, false, "write base: ubuntu@24.04" },
	{ "build-base", TEXT, false, "write build-base: ubuntu@24.04" },
	{ "platforms", MAP, false, "write platforms: and below it amd64:" },
	{ "bases", LIST, false, "write base: ubuntu@24.04 and platforms: instead" },
	{ "adopt-info", TEXT, false, "remove it" },
	{ "parts", MAP, false, "write a mapping of names to parts, or remove it" },
	{ "package-repositories", LIST, false, "remove it" },
	{ "build-slices", LIST, false, "remove it" },
	{ "type", TEXT, true, "write type: charm" },
	{ "analysis", MAP, false, "write analysis: {ignore: {linters: [...]}}, or remove it" },
	{ "charmhub", MAP, false, "remove it: charmcraft no longer reads it" },
	{ "charm-libs", LIST, false, "write a list of {lib: CHARM.LIB, version: \"0\"}, or remove it" },
	{ "actions", MAP, false, "write a mapping of names to actions" },
	{ "assumes", LIST, false, "write a list, as in assumes: [k8s-api]" },
	{ "charm-user", TEXT, false, "write root, sudoer or non-root" },
	{ "containers", MAP, false, "write containers: {app: {resource: app-image}}" },
	{ "devices", MAP, false, "write a mapping of names to devices" },
	{ "extra-bindings", MAP, false, "write names without values below it" },
	{ "peers", MAP, false, "write NAME: {interface: INTERFACE} below it" },
	{ "provides", MAP, false, "write NAME: {interface: INTERFACE} below it" },
	{ "requires", MAP, false, "write NAME: {interface: INTERFACE} below it" },
	{ "resources", MAP, false, "write NAME: {type: oci-image} below it" },
	{ "storage", MAP, false, "write NAME: {type: filesystem} below it" },
	{ "subordinate", BOOL, false, "write true or false, or remove it" },
	{ "terms", LIST, false, "write a list of terms" },
	{ "links", MAP, false, "write documentation, issues, source, website or contact below it" },
	{ "config", MAP, false, "write options: below it" },
};
static const char *const bases[] = {
	"ubuntu@18.04", "ubuntu@20.04", "ubuntu@22.04", "ubuntu@24.04", "ubuntu@25.04", "ubuntu@25.10", "ubuntu@26.04", "ubuntu@26.10",
	"almalinux@9", NULL,
};
static const char *const interim_bases[] = { "ubuntu@25.04", "ubuntu@25.10", "ubuntu@26.10", NULL };
static const char *const legacy_bases[] = { "ubuntu@18.04", "ubuntu@20.04", "ubuntu@22.04", "almalinux@9", NULL };
static const char *const charm_users[] = { "root", "sudoer", "non-root", NULL };
static const char *const architectures[] = { "amd64", "arm64", "armhf", "i386", "ppc64el", "riscv64", "s390x", NULL };
static const char *const juju_architectures[] = { "amd64", "arm64", "ppc64el", "riscv64", "s390x", NULL };
static const char *const links[] = { "documentation", "issues", "source", "website", NULL };
static const char some_bases[] = "write ubuntu@22.04, ubuntu@24.04 or ubuntu@26.04";

struct lint { struct findings *out; const char *file; struct str charm; };

/* A member that is there and not null. */
static const struct node *member(const struct node *map, const char *key)
{
	const struct node *n = node_get(map, key);

	return n && n->kind == NODE_NULL ? NULL : n;
}

static size_t characters(struct str s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += (s.p[i] & 0xc0) != 0x80;
	return n;
}

static void check_fields(const struct lint *l, const struct node *project)
{
	NODE_EACH (member, project) {
		const struct field *field = NULL;

		for (size_t i = 0; i < LEN(fields); i++)
			if (str_is(member->key, fields[i].key))
				field = &fields[i];
		if (!field)
			finding_add(l->out, l->file, member, "unknown-key", "remove it, or look at its spelling",
			            "'" FMT "' is no key of charmcraft.yaml", ARG(member->key));
		else if (member->kind == NODE_NULL ? field->required : !(shape_of(member) & field->shape))
			finding_add(l->out, l->file, member, "field-type", field->write, "'%s' cannot be %s", field->key, node_kind_name(member));
	}
	NODE_EACH (part, node_is(node_get(project, "parts"), NODE_MAP) ? node_get(project, "parts") : NULL)
		if (part->kind != NODE_MAP)
			finding_add(l->out, l->file, part, "part", "write plugin: nil below it, or what builds it", "part '" FMT "' must be a mapping, not %s",
			            ARG(part->key), node_kind_name(part));
	for (size_t i = 0; i < LEN(fields); i++)
		if (fields[i].required && !node_get(project, fields[i].key))
			finding_add(l->out, l->file, NULL, "field-missing", fields[i].write, "there is no '%s'", fields[i].key);
}

static void check_texts(const struct lint *l, const struct node *project)
{
	const struct node *name = node_get(project, "name"), *title = node_get(project, "title"), *summary = node_get(project, "summary");
	const struct node *type = node_get(project, "type"), *user = node_get(project, "charm-user");

	if (node_text(name).p && !project_name(name->text))
		finding_add(l->out, l->file, name, "name", "write 1 to 40 lower-case letters, digits and single hyphens inside, with a letter",
		            "'" FMT "' is no name for a charm", ARG(name->text));
	if (node_text(title).p && (characters(title->text) < 2 || characters(title->text) > 40))
		finding_add(l->out, l->file, title, "title", "write 2 to 40 characters", "the title has %zu characters", characters(title->text));
	if (node_text(summary).p && characters(summary->text) > 200)
		finding_add(l->out, l->file, summary, "summary", "write at most 200 characters; the rest goes into the description",
		            "the summary has %zu characters", characters(summary->text));
	if (node_text(type).p && !str_is(type->text, "charm"))
		finding_add(l->out, l->file, type, "type", "write type: charm", "the type cannot be '" FMT "'", ARG(type->text));
	if (node_text(user).p && !one_of(user->text, charm_users))
		finding_add(l->out, l->file, user, "charm-user", "write root, sudoer or non-root", "invalid charm-user '" FMT "'", ARG(user->text));
}

/* The "amd64" of itself and of "ubuntu@24.04:amd64"; NOSTR where something else stands before the colon. */
static struct str architecture_of(struct str s)
{
	ptrdiff_t colon = str_rfind(s, ':');

	if (colon >= 0 && str_find(str_sub(s, 0, (size_t)colon), '@') < 0)
		return NOSTR;
	return str_sub(s, (size_t)(colon + 1), s.n);
}

static void check_architecture(const struct lint *l, const struct node *at, const char *key, struct str platform, struct str name)
{
	if (!one_of(architecture_of(name), architectures) && !(strcmp(key, "build-for") == 0 && str_is(architecture_of(name), "all")))
		finding_add(l->out, l->file, at, "platform-architecture", "write amd64, arm64, ppc64el, riscv64 or s390x",
		            "%s of platform '" FMT "': '" FMT "' is no architecture", key, ARG(platform), ARG(name));
}

static void check_architectures(const struct lint *l, const struct node *platform, const char *key, size_t most)
{
	const struct node *list = node_get(platform, key);
	bool is_list = node_is(list, NODE_LIST);

	if (!list || list->kind == NODE_NULL)
		return;
	/* One may stand without a list around it. */
	for (const struct node *item = is_list ? list->child : list; item; item = is_list ? item->next : NULL)
		check_architecture(l, item, key, platform->key, node_text(item));
	if (is_list && (list->count == 0 || list->count > most))
		finding_add(l->out, l->file, list, "platform-architecture", most == 1 ? "write one" : "write at least one",
		            "%s of platform '" FMT "' has %zu architectures", key, ARG(platform->key), list->count);
}

static void check_platform(const struct lint *l, const struct node *p)
{
	static const char write[] = "write build-on: [amd64] and build-for: [amd64] below it";
	bool is_architecture = one_of(architecture_of(p->key), architectures);
	bool empty = p->kind == NODE_NULL || (p->kind == NODE_MAP && p->count == 0);
	const struct node *build_for = member(p, "build-for");

	if (str_is(p->key, "any") || str_is(p->key, "*") || str_find(p->key, '/') >= 0)
		finding_add(l->out, l->file, p, "platform-name", "choose another name", "'" FMT "' is no name for a platform", ARG(p->key));
	else if (!empty && p->kind != NODE_MAP)
		finding_add(l->out, l->file, p, "platform", write, "platform '" FMT "' cannot be %s", ARG(p->key), node_kind_name(p));
	else if (!build_for && !is_architecture)
		finding_add(l->out, l->file, p, "platform", write, "platform '" FMT "' is no architecture and names none", ARG(p->key));
	if (p->kind != NODE_MAP)
		return;
	if (!empty && !member(p, "build-on"))
		finding_add(l->out, l->file, p, "platform", "write build-on: [amd64] below it", "platform '" FMT "' has no build-on", ARG(p->key));
	NODE_EACH (key, p)
		if (!str_is(key->key, "build-on") && !str_is(key->key, "build-for"))
			finding_add(l->out, l->file, key, "unknown-key", "write build-on and build-for only", "'" FMT "' is no key of a platform",
			            ARG(key->key));
	check_architectures(l, p, "build-on", (size_t)-1);
	check_architectures(l, p, "build-for", 1);
}

static void check_platforms(const struct lint *l, const struct node *project)
{
	const struct node *platforms = node_get(project, "platforms");

	NODE_EACH (p, node_is(platforms, NODE_MAP) ? platforms : NULL)
		check_platform(l, p);
	if (platforms && platforms->kind == NODE_NULL)
		finding_add(l->out, l->file, platforms, "platform", "write amd64: below it", "'platforms' is empty");
}

static void check_legacy_base(const struct lint *l, const struct node *base)
{
	struct str text = str_f(l->out->arena, FMT "@" FMT, ARG(node_gets(base, "name")), ARG(node_gets(base, "channel")));

	if (node_get(base, "channel") && !node_is(node_get(base, "channel"), NODE_STRING))
		finding_add(l->out, l->file, node_get(base, "channel"), "base", "put quotes around it", "the channel must be a string, not %s",
		            node_kind_name(node_get(base, "channel")));
	else if (!one_of(text, legacy_bases))
		finding_add(l->out, l->file, base, "base", "write base: ubuntu@24.04 and platforms: instead of bases:",
		            "'" FMT "' is no base for 'bases'", ARG(text));
}

static void check_bases(const struct lint *l, const struct node *project)
{
	const struct node *base = node_get(project, "base"), *build = node_get(project, "build-base"), *old = node_get(project, "bases");

	if (old) {
		static const char *const others[] = { "base", "build-base", "platforms" };
		static const char *const sides[] = { "build-on", "run-on" };

		for (size_t i = 0; i < LEN(others); i++)
			if (node_get(project, others[i]))
				finding_add(l->out, l->file, node_get(project, others[i]), "base", "keep base and platforms, and remove bases",
				            "'%s' and 'bases' cannot both be there", others[i]);
		if (old->kind == NODE_LIST && old->count == 0)
			finding_add(l->out, l->file, old, "base", "write base: ubuntu@24.04 and platforms: instead", "'bases' is empty");
		NODE_EACH (entry, old->kind == NODE_LIST ? old : NULL) {
			if (!node_get(entry, "build-on") && !node_get(entry, "run-on"))
				check_legacy_base(l, entry);
			for (size_t i = 0; i < LEN(sides); i++)
				NODE_EACH (b, node_get(entry, sides[i]))
					check_legacy_base(l, b);
		}
		return;
	}
	if (!node_get(project, "platforms"))
		finding_add(l->out, l->file, NULL, "field-missing", "write platforms: and below it amd64:", "there is no 'platforms'");
	if (node_text(base).p && !one_of(base->text, bases))
		finding_add(l->out, l->file, base, "base", some_bases, "'" FMT "' is no base", ARG(base->text));
	if (node_text(build).p && !one_of(build->text, bases) && !str_is(build->text, "ubuntu@devel"))
		finding_add(l->out, l->file, build, "base", some_bases, "'" FMT "' is no base to build on", ARG(build->text));
	if (node_text(base).p && one_of(base->text, interim_bases) && !node_text(build).n)
		finding_add(l->out, l->file, base, "base", str_f(l->out->arena, "add build-base: " FMT, ARG(base->text)).p,
		            "base '" FMT "' needs a build-base", ARG(base->text));
}

static bool web_address(struct str s)
{
	struct str rest = str_starts(s, "https://") ? str_sub(s, 8, s.n) : str_starts(s, "http://") ? str_sub(s, 7, s.n) : NOSTR;

	return rest.n && !strchr("/?#: .", rest.p[0]);
}

static void check_links(const struct lint *l, const struct node *project)
{
	NODE_EACH (link, node_get(project, "links")) {
		const struct node *first = link->kind == NODE_LIST ? link->child : link;
		bool contact = str_is(link->key, "contact");

		if (!contact && !one_of(link->key, links)) {
			finding_add(l->out, l->file, link, "unknown-key", "write documentation, issues, source, website or contact",
			            "'" FMT "' is no link", ARG(link->key));
			continue;
		}
		for (const struct node *item = first; item; item = link->kind == NODE_LIST ? item->next : NULL)
			if (item->kind != NODE_NULL && (item->kind != NODE_STRING || (!contact && !web_address(item->text))))
				finding_add(l->out, l->file, item, "link", contact ? "write text" : "write an address that starts with https://",
				            "'" FMT "' of link '" FMT "' is no %s", ARG(node_text(item)), ARG(link->key), contact ? "text" : "web address");
		if (link->kind == NODE_LIST && str_is(link->key, "documentation"))
			finding_add(l->out, l->file, link, "link", "write one address", "there can be only one link '" FMT "'", ARG(link->key));
	}
}

static void check_libs(const struct lint *l, const struct node *project)
{
	NODE_EACH (lib, node_get(project, "charm-libs")) {
		struct str name = node_gets(lib, "lib"), version = node_gets(lib, "version");
		ptrdiff_t dot = str_find(name, '.'), point = str_find(version, '.');
		struct str charm = str_sub(name, 0, dot < 0 ? 0 : (size_t)dot), module = str_sub(name, (size_t)(dot + 1), name.n);

		if (lib->line && (!charm.n || !module.n || !within(charm, LOWER | DIGIT | HYPHEN | UNDERSCORE) ||
		                  !within(module, LOWER | DIGIT | UNDERSCORE)))
			finding_add(l->out, l->file, lib, "charm-lib", "write lib: CHARM.LIBRARY", "'" FMT "' is no charm library", ARG(name));
		if (lib->line && (!node_is(node_get(lib, "version"), NODE_STRING) || !version.n ||
		                  !within(str_sub(version, 0, point < 0 ? version.n : (size_t)point), DIGIT) ||
		                  !within(str_sub(version, (size_t)(point + 1), version.n), DIGIT)))
			finding_add(l->out, l->file, lib, "charm-lib", "write the version in quotes, as in version: \"0\" or \"0.12\"",
			            "the version of library '" FMT "' is none", ARG(name));
	}
}

void lint_charmcraft(const struct node *project, const char *file, struct findings *out)
{
	struct lint l = { out, file, node_gets(project, "name") };

	check_fields(&l, project);
	check_texts(&l, project);
	check_bases(&l, project);
	check_platforms(&l, project);
	check_links(&l, project);
	check_libs(&l, project);
}

/* --- metadata.yaml --- */

static const char *const roles[] = { "provides", "requires", "peers" };

static struct str interface_of(const struct node *endpoint)
{
	return endpoint->kind == NODE_STRING ? endpoint->text : node_gets(endpoint, "interface");
}

static void check_endpoint(const struct lint *l, const struct node *metadata, const struct node *e, const char *role)
{
	const struct node *limit = member(e, "limit"), *scope = node_get(e, "scope"), *optional = node_get(e, "optional");
	bool in_container = str_is(node_text(scope), "container"), requires = strcmp(role, "requires") == 0;

	if (!endpoint_name(e->key))
		finding_add(l->out, l->file, e, "endpoint-name", "write lower-case letters, digits and single hyphens inside",
		            "'" FMT "' is no name for an endpoint", ARG(e->key));
	/* A subordinate may use Juju's own names to get at its principal. */
	if (reserved(l->charm, e->key) && !(requires && in_container && node_true(node_get(metadata, "subordinate"))))
		finding_add(l->out, l->file, e, "endpoint-reserved", "choose a name that does not start with juju",
		            "charm \"" FMT "\" using a reserved relation name: \"" FMT "\"", ARG(l->charm), ARG(e->key));
	if (!requires && reserved(l->charm, interface_of(e)))
		finding_add(l->out, l->file, e, "interface-reserved", "choose an interface that does not start with juju",
		            "charm \"" FMT "\" relation \"" FMT "\" using a reserved interface: \"" FMT "\"", ARG(l->charm), ARG(e->key),
		            ARG(interface_of(e)));
	if (e->kind != NODE_STRING && (e->kind != NODE_MAP || !node_is(node_get(e, "interface"), NODE_STRING))) {
		finding_add(l->out, l->file, e, "endpoint-interface", str_f(l->out->arena, "write " FMT ": {interface: NAME}", ARG(e->key)).p,
		            "endpoint '" FMT "' has no interface", ARG(e->key));
		return;
	}
	if (limit && limit->kind != NODE_INT)
		finding_add(l->out, l->file, limit, "endpoint-limit", "write a number, as in limit: 1", "the limit of '" FMT "' is %s",
		            ARG(e->key), node_kind_name(limit));
	if (optional && optional->kind != NODE_BOOL)
		finding_add(l->out, l->file, optional, "endpoint-optional", "write true or false", "'optional' of '" FMT "' is %s",
		            ARG(e->key), node_kind_name(optional));
	if (scope && !in_container && !str_is(node_text(scope), "global"))
		finding_add(l->out, l->file, scope, "endpoint-scope", "write global or container", "the scope of '" FMT "' is '" FMT "'",
		            ARG(e->key), ARG(node_text(scope)));
}

static void check_endpoints(const struct lint *l, const struct node *metadata)
{
	bool in_container = false;

	for (size_t i = 0; i < LEN(roles); i++)
		NODE_EACH (e, node_is(node_get(metadata, roles[i]), NODE_MAP) ? node_get(metadata, roles[i]) : NULL) {
			check_endpoint(l, metadata, e, roles[i]);
			in_container |= i == 1 && str_is(node_gets(e, "scope"), "container");
			for (size_t k = 0; k < i; k++)
				if (node_find(node_get(metadata, roles[k]), e->key))
					finding_add(l->out, l->file, e->line ? e : node_find(node_get(metadata, roles[k]), e->key), "endpoint-duplicate",
					            "give one of them another name", "charm \"" FMT "\" using a duplicated relation name: \"" FMT "\"",
					            ARG(l->charm), ARG(e->key));
		}
	if (node_true(node_get(metadata, "subordinate")) && !in_container)
		finding_add(l->out, l->file, node_get(metadata, "subordinate"), "subordinate", "write subordinate: false, or remove it",
		            "subordinate charm \"" FMT "\" lacks \"requires\" relation with container scope", ARG(l->charm));
}

static void check_resources(const struct lint *l, const struct node *metadata)
{
	static const char *const types[] = { "oci-image", "file", NULL };

	NODE_EACH (r, node_get(metadata, "resources")) {
		struct str type = node_get(r, "type") ? node_gets(r, "type") : S("file"), filename = node_gets(r, "filename");

		if (r->kind != NODE_MAP && r->kind != NODE_NULL)
			finding_add(l->out, l->file, r, "resource", "write type: oci-image below it", "resource '" FMT "' is %s", ARG(r->key),
			            node_kind_name(r));
		else if (!one_of(type, types))
			finding_add(l->out, l->file, r, "resource-type", "write oci-image or file", "'" FMT "' is no type of resource '" FMT "'",
			            ARG(type), ARG(r->key));
		else if (str_is(type, "file") && !filename.n)
			finding_add(l->out, l->file, r, "resource-filename", "write filename: NAME below it, or type: oci-image",
			            "resource '" FMT "' is a file without a filename", ARG(r->key));
		else if (str_is(type, "file") && str_find(filename, '/') >= 0)
			finding_add(l->out, l->file, node_get(r, "filename"), "resource-filename", "write a name without folders",
			            "filename cannot contain \"/\" (got \"" FMT "\")", ARG(filename));
	}
}

static void check_mounts(const struct lint *l, const struct node *metadata, const struct node *container)
{
	const struct node *mounts = node_get(container, "mounts");

	if (mounts && mounts->kind != NODE_LIST)
		finding_add(l->out, l->file, mounts, "container-mount", "write a list of {storage: NAME, location: PATH}",
		            "the mounts of container '" FMT "' are %s", ARG(container->key), node_kind_name(mounts));
	NODE_EACH (m, node_is(mounts, NODE_LIST) ? mounts : NULL) {
		struct str storage = node_gets(m, "storage");

		if (!storage.n || !node_gets(m, "location").n)
			finding_add(l->out, l->file, m, "container-mount", "write both storage: NAME and location: PATH",
			            "a mount of container '" FMT "' has no storage or no location", ARG(container->key));
		else if (!node_find(node_get(metadata, "storage"), storage))
			finding_add(l->out, l->file, node_get(m, "storage"), "container-mount", "declare it below storage:",
			            "storage \"" FMT "\" not valid", ARG(storage));
	}
}

static void check_containers(const struct lint *l, const struct node *metadata)
{
	static const char *const ids[] = { "uid", "gid" };

	NODE_EACH (c, node_get(metadata, "containers")) {
		struct str resource = node_gets(c, "resource");
		const struct node *r = node_find(node_get(metadata, "resources"), resource);

		if (c->kind != NODE_MAP) {
			finding_add(l->out, l->file, c, "container", "write resource: NAME below it", "container '" FMT "' is %s", ARG(c->key),
			            node_kind_name(c));
			continue;
		}
		if (resource.n && !r)
			finding_add(l->out, l->file, node_get(c, "resource"), "container-resource", "declare it below resources: with type: oci-image",
			            "referenced resource \"" FMT "\" not found", ARG(resource));
		else if (resource.n && !str_is(node_gets(r, "type"), "oci-image"))
			finding_add(l->out, l->file, node_get(c, "resource"), "container-resource", "give the resource type: oci-image",
			            "referenced resource \"" FMT "\" is not a oci-image", ARG(resource));
		check_mounts(l, metadata, c);
		for (size_t i = 0; i < LEN(ids); i++) {
			const struct node *id = node_get(c, ids[i]);
			int64_t value = 0;

			if (id && (id->kind != NODE_INT || !str_int(id->text, &value)))
				finding_add(l->out, l->file, id, "container-user", "write a number", "%s of container '" FMT "' is no number", ids[i],
				            ARG(c->key));
			else if (id && value >= 1000 && value <= 9999)
				finding_add(l->out, l->file, id, "container-user", "write one below 1000 or above 9999",
				            "container \"" FMT "\" has invalid %s %lld: 1000 to 9999 are reserved", ARG(c->key), ids[i], (long long)value);
		}
	}
}

/* "2", "1-3", "0+", "1-": 0 is no count, but fine as a minimum. */
static bool storage_range(const struct node *range)
{
	struct str s = node_text(range);
	size_t digits = 0;
	int64_t count;

	if (node_is(range, NODE_INT))
		return str_int(s, &count) && count > 0;
	if (!node_is(range, NODE_STRING))
		return false;
	while (digits < s.n && class_of(s.p[digits]) == DIGIT)
		digits++;
	if (digits == 0 || digits == s.n || (s.p[digits] != '-' && s.p[digits] != '+'))
		return false;
	s = str_sub(s, digits, s.n);
	if (s.n > 1 && (s.p[0] != '-' || !within(str_sub(s, 1, s.n), DIGIT)))
		return false;
	/* An upper bound of none at all would refuse every storage. */
	return s.n == 1 || !str_int(str_sub(s, 1, s.n), &count) || count > 0;
}

static void check_storage(const struct lint *l, const struct node *metadata)
{
	static const char *const flags[] = { "shared", "read-only" };

	NODE_EACH (s, node_get(metadata, "storage")) {
		struct str type = node_gets(s, "type");
		const struct node *range = member(member(s, "multiple"), "range");

		if (!str_is(type, "filesystem") && !str_is(type, "block"))
			finding_add(l->out, l->file, s, "storage", "write type: filesystem or type: block below it", "storage '" FMT "' has no type",
			            ARG(s->key));
		if (node_get(s, "location") && str_is(type, "block"))
			finding_add(l->out, l->file, node_get(s, "location"), "storage", "remove the location",
			            "storage '" FMT "': location may not be specified for \"type: block\"", ARG(s->key));
		for (size_t i = 0; i < LEN(flags); i++)
			if (node_get(s, flags[i]) && !node_is(node_get(s, flags[i]), NODE_BOOL))
				finding_add(l->out, l->file, node_get(s, flags[i]), "storage", "write true or false", "'%s' of storage '" FMT "' is %s",
				            flags[i], ARG(s->key), node_kind_name(node_get(s, flags[i])));
		if (node_get(s, "multiple") && !node_is(node_get(s, "multiple"), NODE_MAP))
			finding_add(l->out, l->file, node_get(s, "multiple"), "storage", "write multiple: {range: 1+}, or remove it",
			            "'multiple' of storage '" FMT "' is %s", ARG(s->key), node_kind_name(node_get(s, "multiple")));
		if (range && !storage_range(range))
			finding_add(l->out, l->file, range, "storage", "write a count, as in 1, 0-3 or 1+", "'" FMT "' is no range of storage '" FMT "'",
			            ARG(node_text(range)), ARG(s->key));
		NODE_EACH (property, node_get(s, "properties"))
			if (!str_is(node_text(property), "transient"))
				finding_add(l->out, l->file, property, "storage", "write transient, or remove it",
				            "'" FMT "' is no property of storage '" FMT "'", ARG(node_text(property)), ARG(s->key));
	}
}

static void check_devices(const struct lint *l, const struct node *metadata)
{
	NODE_EACH (d, node_get(metadata, "devices")) {
		int64_t least = 1, most = 1;
		const struct node *min = node_get(d, "countmin"), *max = node_get(d, "countmax");

		if (!node_is(node_get(d, "type"), NODE_STRING) || !node_gets(d, "type").n)
			finding_add(l->out, l->file, d, "device", "write its type, as in type: nvidia.com/gpu", "device '" FMT "' has no type",
			            ARG(d->key));
		if ((min && (!str_int(node_text(min), &least) || least < 0)) || (max && (!str_int(node_text(max), &most) || most < 1)))
			finding_add(l->out, l->file, d, "device", "write numbers, the maximum above 0", "device '" FMT "' has a count that is none",
			            ARG(d->key));
		else if (least > most)
			finding_add(l->out, l->file, d, "device", "raise countmax or lower countmin",
			            "device '" FMT "': maximum count %lld can not be smaller than minimum count %lld", ARG(d->key), (long long)most,
			            (long long)least);
	}
}

static void check_bindings(const struct lint *l, const struct node *metadata)
{
	const struct node *bindings = node_get(metadata, "extra-bindings");

	if (node_is(bindings, NODE_MAP) && bindings->count == 0)
		finding_add(l->out, l->file, bindings, "extra-binding", "remove it", "extra bindings cannot be empty when specified");
	NODE_EACH (b, bindings) {
		if (b->kind != NODE_NULL)
			finding_add(l->out, l->file, b, "extra-binding", "write the name and nothing behind its colon",
			            "extra binding '" FMT "' has a value", ARG(b->key));
		for (size_t i = 0; i < LEN(roles); i++)
			if (node_find(node_get(metadata, roles[i]), b->key))
				finding_add(l->out, l->file, b, "extra-binding", "remove it: an endpoint is a binding already",
				            "relation names (" FMT ") cannot be used in extra bindings", ARG(b->key));
	}
}

/* NAME, or NAME/REVISION, or OWNER/NAME with or without one. */
static bool term_valid(struct str s)
{
	struct str rest = s, part, parts[4];
	size_t n = 0, named;
	int64_t revision;

	while (n < LEN(parts) && str_split(&rest, '/', &part))
		parts[n++] = part;
	if (n == 0 || n > 3)
		return false;
	named = n > 1 && str_int(parts[n - 1], &revision) && revision > 0 ? n - 1 : n;
	for (size_t i = 0; i < named; i++) {
		if (parts[i].n < 2 || !name_shape(parts[i], LOWER, LOWER | DIGIT | HYPHEN, LOWER | DIGIT))
			return false;
		for (size_t k = 1; k < parts[i].n; k++)
			if (parts[i].p[k] == '-' && parts[i].p[k - 1] == '-')
				return false;
	}
	return named >= 1 && named <= 2;
}

/* NAME, NAME >= VERSION or NAME < VERSION. */
static bool feature_valid(struct str s)
{
	struct str rest = str_trim(s), name, operator, version;
	size_t dots = 0;

	if (!str_split(&rest, ' ', &name) || name.n < 2 || !name_shape(name, LOWER, LOWER | DIGIT | HYPHEN, LOWER | DIGIT))
		return false;
	rest = str_trim(rest);
	if (!rest.n)
		return true;
	str_split(&rest, ' ', &operator);
	version = str_trim(rest);
	if (!str_is(operator, ">=") && !str_is(operator, "<"))
		return false;
	if (!version.n || class_of(version.p[0]) != DIGIT || class_of(version.p[version.n - 1]) != DIGIT)
		return false;
	for (size_t i = 0; i < version.n; i++) {
		dots += version.p[i] == '.';
		if (version.p[i] != '.' && !(class_of(version.p[i]) & (DIGIT | LOWER | HYPHEN)))
			return false;
		if (i && version.p[i] == '.' && version.p[i - 1] == '.')
			return false;
	}
	return dots <= 3;
}

static void check_assumes(const struct lint *l, const struct node *list)
{
	static const char example[] = "write a feature, as in k8s-api or juju >= 3.4, or any-of: or all-of: with a list of such";

	NODE_EACH (item, list) {
		const struct node *inner = item->child;

		if (item->kind == NODE_STRING && feature_valid(item->text))
			continue;
		if (item->kind == NODE_STRING)
			finding_add(l->out, l->file, item, "assumes", example, "malformed feature expression \"" FMT "\"", ARG(item->text));
		else if (item->kind != NODE_MAP)
			finding_add(l->out, l->file, item, "assumes", example, "expected a feature, \"any-of\" or \"all-of\" expression, not %s",
			            node_kind_name(item));
		else if (item->count != 1 || (!str_is(inner->key, "any-of") && !str_is(inner->key, "all-of")) || inner->kind != NODE_LIST)
			finding_add(l->out, l->file, item, "assumes", example,
			            "malformed composite expression; expected an \"any-of\" or \"all-of\" block with a list");
		else
			check_assumes(l, inner);
	}
}

static void metadata_rules(const struct lint *l, const struct node *metadata)
{
	const struct node *name = node_get(metadata, "name");

	if (node_text(name).p && project_name(name->text) && !charm_name(name->text))
		finding_add(l->out, l->file, name, "name", "start with a letter, and have a letter in each part between hyphens",
		            "'" FMT "' is no name that Juju can use in addresses", ARG(name->text));
	check_endpoints(l, metadata);
	check_resources(l, metadata);
	check_containers(l, metadata);
	check_storage(l, metadata);
	check_devices(l, metadata);
	check_bindings(l, metadata);
	if (node_is(node_get(metadata, "assumes"), NODE_LIST))
		check_assumes(l, node_get(metadata, "assumes"));
	NODE_EACH (term, node_is(node_get(metadata, "terms"), NODE_LIST) ? node_get(metadata, "terms") : NULL)
		if (!term_valid(node_text(term)))
			finding_add(l->out, l->file, term, "term", "write NAME or OWNER/NAME, with or without /REVISION",
			            "'" FMT "' is no term", ARG(node_text(term)));
}

static struct str base_of(const struct node *entry)
{
	struct str text = node_text(node_is(entry, NODE_LIST) ? entry->child : entry);
	ptrdiff_t colon = str_rfind(text, ':');

	return str_sub(text, 0, colon < 0 ? 0 : (size_t)colon);
}

/* The base and the architecture of each platform go into the manifest, which Juju reads. */
static void check_manifest(const struct lint *l, const struct node *project)
{
	const struct node *platforms = node_get(project, "platforms");

	if (node_is(platforms, NODE_MAP) && platforms->count == 0)
		finding_add(l->out, l->file, platforms, "platform", "write amd64: below it", "there is no platform");
	NODE_EACH (p, node_is(platforms, NODE_MAP) ? platforms : NULL) {
		const struct node *build_for = member(p, "build-for");
		struct str target = !build_for ? p->key : node_text(build_for->kind == NODE_LIST ? build_for->child : build_for);
		struct str name = architecture_of(target);

		if (!one_of(name, juju_architectures) && (one_of(name, architectures) || str_is(name, "all")))
			finding_add(l->out, l->file, build_for ? build_for : p, "platform-architecture", "write amd64, arm64, ppc64el, riscv64 or s390x",
			            "Juju runs no charm like this one on '" FMT "'", ARG(name));
		if (!member(project, "base") && str_find(p->key, '@') < 0 && str_find(target, '@') < 0)
			finding_add(l->out, l->file, p, "base", "add base: ubuntu@24.04, or write ubuntu@24.04:amd64 for the platform",
			            "nothing says the base of platform '" FMT "'", ARG(p->key));
		/* Where neither the project nor the label says the base, both sides must say the same one. */
		if (!member(project, "base") && str_find(p->key, '@') < 0 && member(p, "build-on") && member(p, "build-for") &&
		    !str_eq(base_of(node_get(p, "build-on")), base_of(node_get(p, "build-for"))))
			finding_add(l->out, l->file, p, "base", "write the same base before each architecture, as in ubuntu@24.04:amd64",
			            "Platform '" FMT "' has mismatched bases in the 'build-on' and 'build-for' entries", ARG(p->key));
	}
}

void lint_juju(const struct node *project, const char *file, struct findings *out)
{
	struct lint l = { out, file, node_gets(project, "name") };

	metadata_rules(&l, project);
	check_manifest(&l, project);
}

void lint_metadata(const struct node *metadata, const char *file, struct findings *out)
{
	static const char *const texts[] = { "name", "summary", "description" };
	static const char *const old[] = { "series", "deployment", "min-juju-version" };
	struct lint l = { out, file, node_gets(metadata, "name") };

	if (!node_is(metadata, NODE_MAP)) {
		finding_add(out, file, metadata, "mapping", "write keys and values", "metadata.yaml must be a mapping, not %s",
		            node_kind_name(metadata));
		return;
	}
	for (size_t i = 0; i < LEN(texts); i++)
		if (!node_is(node_get(metadata, texts[i]), NODE_STRING))
			finding_add(out, file, node_get(metadata, texts[i]), "field-missing", str_f(out->arena, "write %s: and a text", texts[i]).p,
			            "'%s' must be there, and a text", texts[i]);
	/* Our manifest has bases, which makes it metadata of the second version. */
	for (size_t i = 0; i < LEN(old); i++)
		if (node_get(metadata, old[i]))
			finding_add(out, file, node_get(metadata, old[i]), "format", "remove it", "%s in metadata v2 not valid", old[i]);
	metadata_rules(&l, metadata);
}

/* --- config.yaml --- */

static bool go_bool(struct str s)
{
	static const char *const words[] = { "1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False", NULL };

	return one_of(s, words);
}

static bool default_fits(struct str type, const struct node *value)
{
	struct str s = node_text(value);
	bool text = value->kind == NODE_STRING;
	int64_t number;

	if (str_is(type, "string"))
		return text;
	if (str_is(type, "secret"))
		return text && (!s.n || str_starts(s, "secret:"));
	if (str_is(type, "boolean"))
		return value->kind == NODE_BOOL || (text && go_bool(s));
	if (str_is(type, "int"))
		return (value->kind == NODE_INT || text) && str_int(s, &number);
	/* Juju reads the others from a text, too, but not a float. */
	return value->kind == NODE_INT || value->kind == NODE_FLOAT;
}

static void check_option(const struct lint *l, const struct node *option)
{
	static const char *const types[] = { "string", "int", "float", "boolean", "secret", NULL };
	struct str type = node_gets(option, "type");
	const struct node *fallback = member(option, "default"), *optional = node_get(option, "optional");
	const struct node *description = member(option, "description");

	if (option->kind != NODE_MAP) {
		finding_add(l->out, l->file, option, "option", "write its type below it, as in type: string", "option '" FMT "' is %s",
		            ARG(option->key), node_kind_name(option));
		return;
	}
	if (!type.n)
		type = S("string");
	if (!one_of(type, types) || (member(option, "type") && shape_of(member(option, "type")) != TEXT)) {
		finding_add(l->out, l->file, node_get(option, "type"), "option-type", "write string, int, float, boolean or secret",
		            "option \"" FMT "\" has unknown type \"" FMT "\"", ARG(option->key), ARG(type));
		return;
	}
	if (fallback && !default_fits(type, fallback))
		finding_add(l->out, l->file, fallback, "option-default-type",
		            str_is(type, "string")   ? "put quotes around it"
		            : str_is(type, "float")  ? "write a number without quotes, or remove it"
		            : str_is(type, "secret") ? "remove it: a secret's id is known after deploying"
		                                     : str_f(l->out->arena, "write one of type " FMT ", or remove it", ARG(type)).p,
		            "option \"" FMT "\" expected " FMT ", got %s", ARG(option->key), ARG(type), node_kind_name(fallback));
	if (optional && optional->kind != NODE_BOOL)
		finding_add(l->out, l->file, optional, "option-optional", "write true or false", "'optional' of option '" FMT "' is %s",
		            ARG(option->key), node_kind_name(optional));
	if (description && shape_of(description) != TEXT && description->kind != NODE_BOOL)
		finding_add(l->out, l->file, description, "option", "write a text", "the description of option '" FMT "' is %s", ARG(option->key),
		            node_kind_name(description));
}

void lint_config(const struct node *config, const char *file, struct findings *out)
{
	struct lint l = { out, file, NOSTR };
	const struct node *options = node_get(config, "options");

	if (!options) {
		finding_add(out, file, config, "config", "write options: and the options below it", "invalid config: empty configuration");
		return;
	}
	if (options->kind != NODE_MAP && options->kind != NODE_NULL)
		finding_add(out, file, options, "config", "write names with their options below it", "'options' cannot be %s",
		            node_kind_name(options));
	NODE_EACH (option, options->kind == NODE_MAP ? options : NULL)
		check_option(&l, option);
}

/* --- actions.yaml --- */

static bool reference(struct str key)
{
	return str_is(key, "$ref") || str_is(key, "$schema");
}

/* Nowhere in an action may a schema refer to another. */
static void check_references(const struct lint *l, const struct node *n)
{
	NODE_EACH (child, n) {
		if (n->kind == NODE_MAP && reference(child->key))
			finding_add(l->out, l->file, child, "action-schema", "write the schema itself in its place",
			            "schema key \"" FMT "\" not compatible with this version of juju", ARG(child->key));
		check_references(l, child);
	}
}

static void check_required(const struct lint *l, const struct node *list, struct str action)
{
	if (list->kind != NODE_LIST) {
		finding_add(l->out, l->file, list, "action-schema", "write a list of the parameters' names beside params",
		            "'required' in action '" FMT "' is %s", ARG(action), node_kind_name(list));
		return;
	}
	NODE_EACH (item, list)
		if (item->kind != NODE_STRING)
			finding_add(l->out, l->file, item, "action-schema", "write a name", "'required' in action '" FMT "' has %s", ARG(action),
			            node_kind_name(item));
}

/* A parameter's schema, JSON Schema draft 4, as far as people get it wrong. */
static void check_schema(const struct lint *l, const struct node *schema, struct str action)
{
	static const char *const types[] = { "string", "integer", "number", "boolean", "array", "object", "null", NULL };
	static const char *const numbers[] = { "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "multipleOf" };
	const struct node *type = node_get(schema, "type"), *choices = node_get(schema, "enum"), *inner = node_get(schema, "properties");

	if (schema->kind != NODE_MAP) {
		finding_add(l->out, l->file, schema, "action-schema", "write type: string below it, or what else it is",
		            "parameter '" FMT "' of action '" FMT "' is %s", ARG(schema->key), ARG(action), node_kind_name(schema));
		return;
	}
	for (const struct node *t = node_is(type, NODE_LIST) ? type->child : type; t; t = node_is(type, NODE_LIST) ? t->next : NULL)
		if (t->kind != NODE_STRING || !one_of(t->text, types))
			finding_add(l->out, l->file, t, "action-schema", "write string, integer, number, boolean, array, object or null",
			            "'" FMT "' is no type of a parameter of action '" FMT "'", ARG(node_text(t)), ARG(action));
	if (choices && (choices->kind != NODE_LIST || choices->count == 0))
		finding_add(l->out, l->file, choices, "action-schema", "write a list of values", "'enum' in action '" FMT "' has no values",
		            ARG(action));
	for (size_t i = 0; i < LEN(numbers); i++) {
		const struct node *n = node_get(schema, numbers[i]);

		if (n && n->kind != NODE_INT && n->kind != NODE_FLOAT)
			finding_add(l->out, l->file, n, "action-schema", "write a number", "'%s' in action '" FMT "' is %s", numbers[i], ARG(action),
			            node_kind_name(n));
	}
	if (node_get(schema, "required"))
		check_required(l, node_get(schema, "required"), action);
	NODE_EACH (p, inner)
		check_schema(l, p, action);
	if (node_is(node_get(schema, "items"), NODE_MAP))
		check_schema(l, node_get(schema, "items"), action);
}

void lint_actions(const struct node *actions, struct str charm, const char *file, struct findings *out)
{
	static const struct { const char *key; enum node_kind kind; const char *write; } keys[] = {
		{ "description", NODE_STRING, "write a text" },
		{ "title", NODE_STRING, "write a text" },
		{ "execution-group", NODE_STRING, "write a text" },
		{ "parallel", NODE_BOOL, "write true or false" },
		{ "params", NODE_MAP, "write the parameters' names and below each its type" },
	};
	struct lint l = { out, file, charm };

	NODE_EACH (action, actions) {
		const struct node *params = node_get(action, "params");

		if (!name_shape(action->key, LOWER | DIGIT, LOWER | DIGIT | HYPHEN, LOWER | DIGIT))
			finding_add(out, file, action, "action-name", "write lower-case letters, digits and hyphens inside", "bad action name " FMT,
			            ARG(action->key));
		else if (reserved(l.charm, action->key))
			finding_add(out, file, action, "action-name", "choose a name that does not start with juju",
			            "cannot use action name " FMT ": it is reserved", ARG(action->key));
		if (action->kind != NODE_MAP && action->kind != NODE_NULL) {
			finding_add(out, file, action, "action", "write description: and params: below it", "action '" FMT "' is %s", ARG(action->key),
			            node_kind_name(action));
			continue;
		}
		for (size_t i = 0; i < LEN(keys); i++) {
			const struct node *n = node_get(action, keys[i].key);

			if (n && n->kind != keys[i].kind)
				finding_add(out, file, n, "action-key", keys[i].write, "value for schema key \"%s\" of action '" FMT "' is %s", keys[i].key,
				            ARG(action->key), node_kind_name(n));
		}
		if (node_get(action, "required"))
			check_required(&l, node_get(action, "required"), action->key);
		check_references(&l, action);
		NODE_EACH (p, node_is(params, NODE_MAP) ? params : NULL)
			if (!reference(p->key))
				check_schema(&l, p, action->key);
	}
}
