/* test_extensions.c: the expansions of all extensions in both generations, and each thing that charmcraft refuses, in its words.
 *
 * tests/expansions.json holds documents and what charmcraft 4 itself makes of them, without the descriptions of options and actions, which
 * are our own. */
#include "project.h"

#include "../pack.h"

#include <stdlib.h>

static struct node *yaml(const char *text)
{
	struct err err = { .arena = arena };
	struct node *tree = NULL;

	CHECK(yaml_parse(arena, str_of(text), "charmcraft.yaml", &tree, &err) == 0, "%s", err.msg);
	return tree;
}

/* --- Expansions --- */

static void drop_descriptions(struct node *map)
{
	NODE_EACH (item, map) {
		const struct node *description = node_get(item, "description");

		if (description && !node_is(description, NODE_NULL))
			CHECK(node_text(description).n > 10, "the description of " FMT " says nothing", ARG(item->key));
		node_del(item, S("description"));
	}
}

static void test_expansions(void)
{
	struct err err = { .arena = arena };
	struct node *cases = NULL;
	struct str text;
	bool found;

	CHECK(file_read(arena, "tests/expansions.json", MAX_FILE, &text, &found, &err) == 0 && found, "expansions.json");
	CHECK(json_parse(arena, text, &cases, &err) == 0 && cases->count == 24, "%s", err.msg);
	NODE_EACH (c, cases) {
		struct findings findings = { .arena = arena };
		struct expansion out;
		struct str name = node_gets(c, "name"), got, want = json_text(arena, node_get(c, "expanded"), JSON_COMPACT);
		struct node *printed;
		bool paas = node_true(node_get(c, "paas-config"));

		if (paas)
			put_file("paas-config.yaml", "# nothing\n");
		CHECK(extensions_apply(arena, folder, node_get(c, "document"), &out, &findings) == 0, FMT, ARG(name));
		if (paas)
			remove_file("paas-config.yaml");
		CHECK_STR(str_f(arena, FMT " %d " FMT, ARG(out.framework), out.generation, ARG(str_sub(name, name.n - 4, name.n))), name);
		CHECK((out.note.p != NULL) == (out.generation == 2), FMT ": " FMT, ARG(name), ARG(out.note));
		lint_charmcraft(out.project, "charmcraft.yaml", &findings);
		lint_juju(out.project, "charmcraft.yaml", &findings);
		CHECK(findings.n == 0, FMT ": " FMT, ARG(name), findings.n ? (int)findings.v[0].message.n : 0,
		      findings.n ? findings.v[0].message.p : "");
		printed = project_marshal(arena, out.project);
		drop_descriptions(node_get(node_get(printed, "config"), "options"));
		drop_descriptions(node_get(printed, "actions"));
		if (!node_get(node_get(c, "expanded"), "charm-libs"))
			node_del(printed, S("charm-libs"));
		got = json_text(arena, printed, JSON_COMPACT);
		CHECK(str_eq(got, want), FMT ":\n got " FMT "\nwant " FMT, ARG(name), ARG(got), ARG(want));
	}
}

/* The document stays as it was: others read it, too. */
static void test_document_untouched(void)
{
	struct node *document = yaml("name: a\ntype: charm\nbase: ubuntu@24.04\nextensions: [go-framework]\nrequires: {a: {interface: b}}\n");
	struct str before = json_text(arena, document, JSON_COMPACT);
	struct findings findings = { .arena = arena };
	struct err err = { .arena = arena };
	struct expansion out;
	struct node *expanded;
	struct str framework;
	int generation;

	CHECK(extensions_apply(arena, NULL, document, &out, &findings) == 0, "expands");
	CHECK_STR(json_text(arena, document, JSON_COMPACT), before);
	CHECK(charmcraft_expand(arena, document, &expanded, &framework, &generation, &err) == 0 && generation == 1, "%s", err.msg);
	CHECK_STR(framework, S("go"));
	CHECK(node_get(node_get(expanded, "containers"), "app") != NULL, "expanded");
	document = yaml("name: a\ntype: charm\n");
	CHECK(charmcraft_expand(arena, document, &expanded, &framework, &generation, &err) == 0 && !framework.p && generation == 0, "none");
	CHECK(node_equal(document, expanded), "without extension it stays as it is");
	document = yaml("extensions: [x]\n");
	CHECK(charmcraft_expand(arena, document, &expanded, &framework, &generation, &err) < 0 && err.kind == ERR_INPUT, "unknown");
	CHECK_STR(str_of(err.msg), S("Extension 'x' does not exist"));
}

/* --- The document as it is printed --- */

static const struct { const char *text, *want; } printed[] = {
	{ "config: {}\nname: a\ntitle: b\n", "{'name':'a','title':'b','config':{}}" },
	{ "summary: 3\ndescription: 1.50\ntitle: 0\nversion: 2\nname: 7\ntype: 8\n",
	  "{'name':'7','title':'0','version':'2','summary':'3','description':'1.50','type':8}" },
	{ "title:\n", "{'title':null}" },
	{ "unknown: x\n", "{}" },
	{ "parts: {x: {stage: [a], source: b, plugin: c}, y: {prime: [], source-type: git}, z: {plugin: nil}}\n",
	  "{'parts':{'x':{'plugin':'c','source':'b','stage':['a']},'y':{'plugin':'y','prime':[],'source-type':'git'},'z':{'plugin':'nil'}}}" },
	{ "platforms: {a: , b: {}, c: {build-on: x}, d: {build-on: [x, y], build-for: }, e: {build-on: x, build-for: [z]}}\n",
	  "{'platforms':{'a':{'build-on':['a'],'build-for':['a']},'b':{'build-on':['b'],'build-for':['b']},'c':{'build-on':['x'],'build-for':['c']},"
	  "'d':{'build-on':['x','y'],'build-for':['d']},'e':{'build-on':['x'],'build-for':['z']}}}" },
	{ "platforms: x\nlinks: [a]\nparts: 3\n", "{'platforms':'x','parts':3,'links':{}}" },
	{ "links: {website: 'HTTPS://a', source: 'http://A.b:80', issues: ['https://A:443/B?C', 'https://a:80#x'], contact: 'http://A', documentation: }\n",
	  "{'links':{'contact':'http://A','documentation':null,'issues':['https://a/B?C','https://a:80/#x'],'source':'http://a.b/','website':'HTTPS://a'}}" },
	{ "charm-libs: [{lib: a_b.c_d, version: '1'}, {lib: a_b}, {lib: .a_b}]\n",
	  "{'charm-libs':[{'lib':'a-b.c_d','version':'1'},{'lib':'a_b'},{'lib':'.a_b'}]}" },
	{ "bases: [{name: u, channel: '1'}, {build-on: [{name: v}], run-on: [{name: w}]}]\n",
	  "{'bases':[{'build-on':[{'name':'u','channel':'1'}],'run-on':[{'name':'u','channel':'1'}]},{'build-on':[{'name':'v'}],'run-on':[{'name':'w'}]}]}" },
};

static void test_printed(void)
{
	for (size_t i = 0; i < LEN(printed); i++)
		CHECK_STR(str_replace(arena, json_text(arena, project_marshal(arena, yaml(printed[i].text)), JSON_COMPACT), '"', '\''),
		          str_of(printed[i].want));
}

/* --- Bases --- */

static const struct { const char *name, *bases; int generation; } generations[] = {
	{ "base", "base: ubuntu@24.04", 1 },
	{ "newer base", "base: ubuntu@26.04", 2 },
	{ "older base", "base: ubuntu@22.04", 1 },
	{ "none", "title: none", 2 },
	{ "build-base does not count", "base: ubuntu@24.04\nbuild-base: ubuntu@26.04", 1 },
	{ "in the label", "platforms: {\"ubuntu@24.04:amd64\": null}", 1 },
	{ "label without base", "platforms: {amd64: null}", 2 },
	{ "label with a colon alone", "platforms: {\"x:amd64\": null}", 2 },
	{ "in build-for, a text", "platforms: {x: {build-on: amd64, build-for: \"ubuntu@22.04:amd64\"}}", 1 },
	{ "in build-for, a list", "platforms: {x: {build-on: [amd64], build-for: [\"ubuntu@24.04:arm64\"]}}", 1 },
	{ "build-on does not count", "platforms: {x: {build-on: [\"ubuntu@24.04:amd64\"], build-for: [amd64]}}", 2 },
	{ "the label hides build-for", "platforms: {\"ubuntu@24.04:x\": {build-for: [\"ubuntu@26.04:arm64\"]}}", 1 },
	{ "bases, short", "bases: [{name: ubuntu, channel: \"22.04\"}]", 1 },
	{ "bases, long", "bases: [{build-on: [{name: ubuntu, channel: \"22.04\"}], run-on: [{name: ubuntu, channel: \"26.04\"}]}]", 1 },
	{ "the same twice", "base: ubuntu@24.04\nplatforms: {\"ubuntu@24.04:amd64\": null}", 1 },
};

static void test_generations(void)
{
	for (size_t i = 0; i < LEN(generations); i++) {
		struct findings findings = { .arena = arena };
		struct expansion out;

		extensions_apply(arena, NULL, yaml(str_f(arena, "type: charm\nextensions: [flask-framework]\n%s\n", generations[i].bases).p), &out,
		                 &findings);
		CHECK(findings.n == 0 && out.generation == generations[i].generation, "%s: generation %d " FMT, generations[i].name,
		      out.generation, findings.n ? (int)findings.v[0].message.n : 0, findings.n ? findings.v[0].message.p : "");
	}
	CHECK_STR(str_of(extension_base(S("flask"), 1)), S("ubuntu@24.04"));
	CHECK_STR(str_of(extension_base(S("go"), 1)), S("ubuntu@24.04"));
	CHECK_STR(str_of(extension_base(S("go"), 2)), S("ubuntu@26.04"));
	CHECK(!extension_base(S("rust"), 1) && !extension_base(S("rust"), 2), "no such extension");
	CHECK_STR(str_of(extension_nth(5)), S("spring-boot"));
	CHECK(!extension_nth(6), "six");
}

/* --- What is refused --- */

#define FLASK "type: charm\nbase: ubuntu@24.04\nextensions: [flask-framework]\n"
#define BOOT2 "type: charm\nbase: ubuntu@26.04\nextensions: [spring-boot-framework]\n"
#define GO "type: charm\nbase: ubuntu@24.04\nextensions: [go-framework]\n"

static const struct refusal { const char *document, *file, *content, *messages; int line; } refusals[] = {
	{ "extensions: [rust-framework]\n", NULL, NULL, "Extension 'rust-framework' does not exist", 1 },
	{ "extensions: [framework]\n", NULL, NULL, "Extension 'framework' does not exist", 1 },
	{ "extensions: [flask]\n", NULL, NULL, "Extension 'flask' does not exist", 1 },
	{ "extensions: flask-framework\n", NULL, NULL, "'extensions' must be a list of names, not a string", 1 },
	{ "extensions: [1]\n", NULL, NULL, "'extensions' must be a list of names, not a list", 1 },
	{ "type: charm\nextensions: [go-framework]\nplatforms: {\"ubuntu@24.04:amd64\": , \"ubuntu@22.04:amd64\": }\n", NULL, NULL,
	  "Extension does not support multiple bases: ubuntu@22.04, ubuntu@24.04", 3 },
	{ "type: charm\nextensions: [go-framework]\nbase: ubuntu@22.04\n", NULL, NULL,
	  "Extension 'go-framework' does not support base(s): ubuntu@22.04", 3 },
	{ "type: charm\nextensions: [go-framework]\nbase: noble\n", NULL, NULL, "Extension 'go-framework' does not support base(s): noble@", 3 },
	{ "type: charm\nextensions: [go-framework]\nbases: [{name: almalinux, channel: \"9\"}]\n", NULL, NULL,
	  "Extension 'go-framework' does not support base(s): almalinux@9", 3 },
	{ "base: ubuntu@24.04\nextensions: [go-framework]\n", NULL, NULL, "the 'go-framework' extension is incompatible with type None", 0 },
	{ "type: bundle\nbase: ubuntu@24.04\nextensions: [go-framework]\n", NULL, NULL,
	  "the 'go-framework' extension is incompatible with type 'bundle'", 1 },
	{ "type: 5\nbase: ubuntu@24.04\nextensions: [go-framework]\n", NULL, NULL, "the 'go-framework' extension is incompatible with type 5", 1 },
	{ "type: yes\nbase: ubuntu@24.04\nextensions: [go-framework]\n", NULL, NULL, "the 'go-framework' extension is incompatible with type True", 1 },
	{ "type: 1.50\nbase: ubuntu@24.04\nextensions: [go-framework]\n", NULL, NULL, "the 'go-framework' extension is incompatible with type 1.5", 1 },
	{ "type: \"it's\"\nbase: ubuntu@24.04\nextensions: [go-framework]\n", NULL, NULL,
	  "the 'go-framework' extension is incompatible with type \"it's\"", 1 },
	{ "type: \"'\\\"\\t\\n\\x01\\\\\"\nbase: ubuntu@24.04\nextensions: [go-framework]\n", NULL, NULL,
	  "the 'go-framework' extension is incompatible with type '\\'\"\\t\\n\\x01\\\\'", 1 },
	{ FLASK, "cos_custom/a.txt", "", "custom COS directory must only contain the following subdirectories: {'grafana_dashboards', "
	  "'loki_alert_rules', 'prometheus_alert_rules'}. Found root files: a.txt", 0 },
	{ FLASK, "cos_custom/zz/a.txt", "", "custom COS directory must only contain the following subdirectories: {'grafana_dashboards', "
	  "'loki_alert_rules', 'prometheus_alert_rules'}. Found invalid subdirectories: zz", 0 },
	{ FLASK, "cos_custom/loki_alert_rules/a.txt", "", "", 0 },
	{ FLASK "parts: {charm: {plugin: dump}}\n", NULL, NULL, "the 'flask-framework' extension is incompatible with customized charm part", 4 },
	{ FLASK "storage: {}\ndevices: {}\n", NULL, NULL,
	  "the 'flask-framework' extension is incompatible with the provided field(s): devices, storage", 5 },
	{ FLASK "extra-bindings: {x: }\n", NULL, NULL,
	  "the 'flask-framework' extension is incompatible with the provided field(s): extra-bindings", 4 },
	{ FLASK "assumes: [juju]\n", NULL, NULL,
	  "'assumes' in charmcraft.yaml conflicts with a reserved field in the flask-framework extension, please remove it.", 4 },
	{ FLASK "assumes: [k8s-api]\n", NULL, NULL, "", 0 },
	{ FLASK "containers: {app: {resource: app-image}}\n", NULL, NULL,
	  "'containers' in charmcraft.yaml conflicts with a reserved field in the flask-framework extension, please remove it.", 4 },
	{ FLASK "containers: {flask-app: {resource: flask-app-image}}\n", NULL, NULL, "", 0 },
	{ GO "containers: {app: {resource: app-image}}\n", NULL, NULL, "", 0 },
	{ FLASK "resources:\n", NULL, NULL,
	  "'resources' in charmcraft.yaml conflicts with a reserved field in the flask-framework extension, please remove it.", 4 },
	{ FLASK "peers: {secret-storage: {interface: other}}\n", NULL, NULL,
	  "'peers' in charmcraft.yaml conflicts with a reserved field in the flask-framework extension, please remove it.", 4 },
	{ FLASK "actions: {rotate-secret-key: {}}\n", NULL, NULL, "overlapping keys {'rotate-secret-key'} in actions of charmcraft.yaml which "
	  "conflict with the flask-framework extension, please rename or remove it", 4 },
	{ FLASK "actions: {create-superuser: {}}\n", NULL, NULL, "", 0 },
	{ FLASK "requires:\n  x: {interface: x}\n  logging: {interface: x}\n  ingress: {interface: x}\n", NULL, NULL,
	  "overlapping keys {'ingress', 'logging'} in requires of charmcraft.yaml which conflict with the flask-framework extension, please "
	  "rename or remove it", 6 },
	{ FLASK "provides: {metrics-endpoint: {interface: x}}\n", NULL, NULL, "overlapping keys {'metrics-endpoint'} in provides of "
	  "charmcraft.yaml which conflict with the flask-framework extension, please rename or remove it", 4 },
	{ GO "config: {options: {metrics-path: {type: string}}}\n", NULL, NULL, "overlapping keys {'metrics-path'} in config.options of "
	  "charmcraft.yaml which conflict with the go-framework extension, please rename or remove it", 4 },
	{ BOOT2 "config: {options: {app-profiles: {type: string}}}\n", NULL, NULL, "overlapping keys {'app-profiles'} in config.options of "
	  "charmcraft.yaml which conflict with the spring-boot-framework extension, please rename or remove it", 4 },
	{ GO "config: {options: {app-profiles: {type: string}, app-foo: {}, metrics-x: {}}}\n", NULL, NULL, "", 0 },
	{ FLASK "config:\n  options:\n    webserver-foo: {type: int}\n", NULL, NULL, "config.options 'webserver-foo' starts with flask-framework "
	  "reserved configuration prefix 'webserver-', please rename or remove it", 6 },
	{ BOOT2 "config: {options: {spring-boot-x: {type: int}}}\n", NULL, NULL, "config.options 'spring-boot-x' starts with "
	  "spring-boot-framework reserved configuration prefix 'spring-boot-', please rename or remove it", 4 },
	{ FLASK "config: {options: {flask-env: {type: string}}}\n", NULL, NULL, "overlapping keys {'flask-env'} in config.options of "
	  "charmcraft.yaml which conflict with the flask-framework extension, please rename or remove it|config.options 'flask-env' starts with "
	  "flask-framework reserved configuration prefix 'flask-', please rename or remove it", 4 },
	{ GO "config: {options: {a: {optional: false, default: x}, b: {optional: false}, c: {optional: false, default: 1}}}\n", NULL, NULL,
	  "Non-optional configuration options can not have default values.\nPlease either remove the default value or set optional field to "
	  "true or remove it for the a, c configuration option(s).", 4 },
	{ GO "config: {options: {a: {optional: false, default: 0}, b: {optional: false, default: ''}, c: {optional: false, default: 0.0}, "
	  "d: {optional: false, default: }, e: {optional: false, default: no}, f: {optional: true, default: x}, g: {default: x}}}\n", NULL, NULL,
	  "", 0 },
	{ GO "config: {options: {a: {optional: false, default: .inf}}}\n", NULL, NULL,
	  "Non-optional configuration options can not have default values.\nPlease either remove the default value or set optional field to "
	  "true or remove it for the a configuration option(s).", 4 },
	{ FLASK, "paas-config.yaml", "a: [", "invalid YAML in paas-config.yaml: did not find expected node content", 2 },
	{ FLASK, "paas-config.yaml", "[a]", "paas-config.yaml must contain a top-level mapping", 1 },
	{ FLASK, "paas-config.yaml", "# nothing\n", "", 0 },
	{ FLASK, "paas-config.yaml", "framework_logging_format: JSON\n", "", 0 },
	{ GO, "paas-config.yaml", "framework_logging_format: Json\n",
	  "framework_logging_format: json in paas-config.yaml is not supported for 'go-framework'", 1 },
	{ BOOT2, "paas-config.yaml", "framework_logging_format: json\n",
	  "framework_logging_format: json in paas-config.yaml is not supported for 'spring-boot-framework'", 1 },
	{ GO, "paas-config.yaml", "framework_logging_format: none\n", "", 0 },
	{ GO, "paas-config.yaml", "framework_logging_format: [json]\n", "", 0 },
	/* What ends charmcraft with an internal error. */
	{ GO "requires: {db: mysql}\n", NULL, NULL, "requires 'db' must be a mapping, not a string: the extension looks for its interface", 4 },
	{ GO "requires:\n", NULL, NULL, "'requires' must be a mapping, not null", 4 },
	{ GO "config: [a]\n", NULL, NULL, "'config' must be a mapping, not a list", 4 },
	{ GO "config: {options: }\n", NULL, NULL, "'config.options' must be a mapping, not null", 4 },
	{ GO "config: {options: {a: 3}}\n", NULL, NULL, "config.options 'a' must be a mapping, not an integer", 4 },
	{ GO "provides: []\nactions: \nparts: ''\n", NULL, NULL, "", 0 },
	{ GO "provides: [x]\n", NULL, NULL, "'provides' must be a mapping, not a list", 4 },
	{ "- a\n", NULL, NULL, "charmcraft.yaml must be a mapping, not a list", 1 },
	{ "type: charm\nbase: ubuntu@24.04\nextensions: [go-framework, go-framework]\n", NULL, NULL,
	  "the 'go-framework' extension is incompatible with customized charm part|overlapping keys {'rotate-secret-key'} in actions of "
	  "charmcraft.yaml which conflict with the go-framework extension, please rename or remove it", 0 },
};

static void test_refusals(void)
{
	for (size_t i = 0; i < LEN(refusals); i++) {
		const struct refusal *r = &refusals[i];
		struct findings findings = { .arena = arena };
		struct str rest = str_of(r->messages), want;
		struct expansion out;
		size_t n = 0;
		int rc;

		if (r->file)
			put_file(r->file, r->content);
		rc = extensions_apply(arena, folder, yaml(r->document), &out, &findings);
		if (r->file)
			remove_file(r->file);
		CHECK(rc == (*r->messages ? -1 : 0), "%s: %d", r->document, rc);
		while (*r->messages && str_split(&rest, '|', &want)) {
			CHECK(n < findings.n, "%s: " FMT " is missing", r->document, ARG(want));
			if (n < findings.n)
				CHECK_STR(findings.v[n].message, want);
			if (n == 0 && findings.n)
				CHECK(findings.v[0].line == r->line && (r->line > 0) == (findings.v[0].column > 0), "%s: line %d", r->document,
				      findings.v[0].line);
			n++;
		}
		CHECK(*r->messages || findings.n == 0, "%s: " FMT, r->document, findings.n ? (int)findings.v[0].message.n : 0,
		      findings.n ? findings.v[0].message.p : "");
	}
}

int main(void)
{
	arena = arena_new();
	if (!mkdtemp(folder))
		return 1;
	test_expansions();
	test_document_untouched();
	test_printed();
	test_generations();
	test_refusals();
	rmdir(folder);
	arena_free(arena);
	return TEST_END();
}
