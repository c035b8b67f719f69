/* test_lint.c: each rule finds what it is for, where it is, and nothing else. */
#include "project.h"

#include "../frameworks.h"
#include "../lint.h"

#include <stdlib.h>

static struct str found(const struct findings *findings)
{
	struct buf b = { .arena = arena };

	for (size_t i = 0; i < findings->n; i++) {
		const struct finding *f = &findings->v[i];

		buf_addf(&b, "%s%d:%d %s", i ? "|" : "", f->line, f->column, f->rule);
		CHECK(f->message.n > 8, "%s has no message", f->rule);
		CHECK(f->advice.n > 5, "%s has no advice", f->rule);
	}
	return buf_str(&b);
}

static struct node *yaml(const char *text)
{
	struct err err = { .arena = arena };
	struct node *tree = node_new(arena, NODE_NULL);

	CHECK(yaml_parse(arena, str_of(text), "x.yaml", &tree, &err) == 0, "%s: %s", text, err.msg);
	return tree;
}

/* --- charmcraft.yaml --- */

#define REST "type: charm\nbase: ubuntu@24.04\nplatforms: {amd64: }\nsummary: s\ndescription: d\n"
#define BASE "name: shop\n" REST       /* six lines */
#define TEN "0123456789"
#define FORTY TEN TEN TEN TEN
#define OLD "name: shop\ntype: charm\nsummary: s\ndescription: d\n"   /* four */

struct row { const char *text, *want; };

static const struct row charmcraft_rows[] = {
	{ BASE, "" },
	{ "name: shop\n", "0:0 field-missing|0:0 field-missing|0:0 field-missing|0:0 field-missing" },
	{ BASE "foo: 1\n", "7:1 unknown-key" },
	{ BASE "requires: [a]\nsubordinate: 3\nterms: x\nassumes: {}\ntitle: [x]\n",
	  "7:1 field-type|8:1 field-type|9:1 field-type|10:1 field-type|11:1 field-type" },
	{ BASE "requires:\ntitle:\nlinks:\nconfig:\n", "" },
	{ BASE "parts: {a: {}, b: , c: x}\n", "7:16 part|7:21 part" },
	{ "name: shop\ntype: charm\nbase: ubuntu@24.04\nplatforms: {amd64: }\nsummary:\ndescription: 3\n", "5:1 field-type" },
	/* names */
	{ "name: a\n" REST, "" }, { "name: a1\n" REST, "" }, { "name: a-b\n" REST, "" }, { "name: \"9\"\n" REST, "1:1 name" },
	{ "name: 9a\n" REST, "" },
	{ "name: A\n" REST, "1:1 name" }, { "name: a--b\n" REST, "1:1 name" }, { "name: -a\n" REST, "1:1 name" }, { "name: a-\n" REST, "1:1 name" },
	{ "name: a_b\n" REST, "1:1 name" }, { "name: \"\"\n" REST, "1:1 name" }, { "name: a.b\n" REST, "1:1 name" },
	{ "name: a" TEN TEN TEN "012345678\n" REST, "" }, { "name: a" FORTY "\n" REST, "1:1 name" },
	/* texts */
	{ BASE "title: x\n", "7:1 title" }, { BASE "title: xy\n", "" }, { BASE "title: \"" FORTY "\"\n", "" },
	{ BASE "title: \"" FORTY "0\"\n", "7:1 title" },
	{ BASE "title: \"\xc3\xa4\"\n", "7:1 title" }, { BASE "title: \"\xc3\xa4\xc3\xa4\"\n", "" },
	{ "name: shop\ntype: charm\nbase: ubuntu@24.04\nplatforms: {amd64: }\ndescription: d\nsummary: \"" FORTY FORTY FORTY FORTY FORTY "\"\n", "" },
	{ "name: shop\ntype: charm\nbase: ubuntu@24.04\nplatforms: {amd64: }\ndescription: d\nsummary: \"" FORTY FORTY FORTY FORTY FORTY "x\"\n",
	  "6:1 summary" },
	{ "name: shop\ntype: bundle\nbase: ubuntu@24.04\nplatforms: {amd64: }\nsummary: s\ndescription: d\n", "2:1 type" },
	{ BASE "charm-user: root\n", "" }, { BASE "charm-user: sudoer\n", "" }, { BASE "charm-user: non-root\n", "" },
	{ BASE "charm-user: bob\n", "7:1 charm-user" },
	/* bases */
	{ OLD "base: ubuntu@12.04\nplatforms: {amd64: }\n", "5:1 base" }, { OLD "base: almalinux@9\nplatforms: {amd64: }\n", "" },
	{ OLD "base: ubuntu@26.10\nplatforms: {amd64: }\n", "5:1 base" },
	{ OLD "base: ubuntu@26.10\nbuild-base: ubuntu@devel\nplatforms: {amd64: }\n", "" },
	{ OLD "base: ubuntu@24.04\nbuild-base: ubuntu@12.04\nplatforms: {amd64: }\n", "6:1 base" },
	{ OLD "base: ubuntu@devel\nplatforms: {amd64: }\n", "5:1 base" },
	{ OLD "base: ubuntu@24.04\n", "0:0 field-missing" },
	{ OLD "bases: [{name: ubuntu, channel: \"22.04\"}]\n", "" },
	{ OLD "bases:\n- {name: ubuntu, channel: 22.04}\n- {name: ubuntu, channel: \"24.04\"}\n", "6:18 base|7:3 base" },
	{ OLD "bases: []\n", "5:1 base" },
	{ OLD "bases:\n- build-on: [{name: ubuntu, channel: \"20.04\"}]\n  run-on: [{name: debian, channel: \"12\"}]\n", "7:12 base" },
	{ OLD "base: ubuntu@22.04\nplatforms: {amd64: }\nbases: [{name: ubuntu, channel: \"22.04\"}]\n", "5:1 base|6:1 base" },
	/* platforms */
	{ OLD "base: ubuntu@24.04\nplatforms: {amd64: , arm64: {}, riscv64: {build-on: amd64}, armhf: , \"ubuntu@24.04:s390x\": }\n", "" },
	{ OLD "base: ubuntu@24.04\nplatforms: {x: {build-on: [amd64, i386], build-for: [amd64]}, y: {build-on: amd64, build-for: all}}\n", "" },
	{ OLD "base: ubuntu@24.04\nplatforms:\n", "6:1 platform" }, { OLD "base: ubuntu@24.04\nplatforms: [amd64]\n", "6:1 field-type" },
	{ OLD "base: ubuntu@24.04\nplatforms:\n  any:\n  \"*\":\n  a/b:\n  x:\n  amd64: [x]\n",
	  "7:3 platform-name|8:3 platform-name|9:3 platform-name|10:3 platform|11:3 platform" },
	{ OLD "base: ubuntu@24.04\nplatforms:\n  x: {build-on: amd64}\n  amd64: {build-for: amd64}\n  arm64: {build-on: arm64, build: x}\n",
	  "7:3 platform|8:3 platform|9:28 unknown-key" },
	{ OLD "base: ubuntu@24.04\nplatforms:\n  x:\n    build-on: [pc]\n    build-for: pc\n", "8:16 platform-architecture|9:5 platform-architecture" },
	{ OLD "base: ubuntu@24.04\nplatforms:\n  x:\n    build-on: all\n    build-for: [all]\n", "8:5 platform-architecture" },
	{ OLD "base: ubuntu@24.04\nplatforms:\n  x:\n    build-on: []\n    build-for: [amd64, arm64]\n",
	  "8:5 platform-architecture|9:5 platform-architecture" },
	{ OLD "base: ubuntu@24.04\nplatforms:\n  x:\n    build-on: [amd64]\n    build-for: []\n", "9:5 platform-architecture" },
	{ OLD "base: ubuntu@24.04\nplatforms:\n  \"x:amd64\":\n", "7:3 platform" },
	/* links */
	{ BASE "links: {contact: me, website: \"https://x.org\", issues: [\"http://x.org\", \"https://[::1]\"], source: }\n", "" },
	{ BASE "links:\n  contact: [a, b]\n  homepage: x\n  website: x.org\n  source: \"https://\"\n  documentation: [\"https://X.org\"]\n  issues: 5\n",
	  "9:3 unknown-key|10:3 link|11:3 link|12:3 link|13:3 link" },
	{ BASE "links: {contact: [{}]}\n", "7:19 link" },
	/* libraries */
	{ BASE "charm-libs: [{lib: a-b.c_d, version: \"0\"}, {lib: a_b.c, version: \"1.2\"}]\n", "" },
	{ BASE "charm-libs:\n- {lib: a, version: \"0\"}\n- {lib: a.B, version: \"0\"}\n- {lib: a.b, version: 1}\n- {lib: a.b, version: x}\n"
	  "- {lib: a.b, version: \"1.x\"}\n- {lib: .b, version: \"1\"}\n- {lib: a.b}\n",
	  "8:3 charm-lib|9:3 charm-lib|10:3 charm-lib|11:3 charm-lib|12:3 charm-lib|13:3 charm-lib|14:3 charm-lib" },
};

/* --- What Juju reads --- */

static const struct row juju_rows[] = {
	{ "name: shop\n", "" }, { "name: 9a\n", "1:1 name" }, { "name: a-9\n", "1:1 name" }, { "name: a-9b\n", "" }, { "name: A\n", "" },
	/* endpoints */
	{ "requires: {a: b, c: {interface: d, limit: 1, optional: true, scope: global}}\npeers: {p: {interface: q, limit: }}\n", "" },
	{ "requires:\n  A: x\n  a--b: x\n  a-_b: x\n  a_b: x\n  a-: x\n  9: x\n  a.b: x\n  a1: x\n",
	  "2:3 endpoint-name|3:3 endpoint-name|4:3 endpoint-name|6:3 endpoint-name|7:3 endpoint-name|8:3 endpoint-name" },
	{ "name: shop\nrequires: {juju: x, juju-x: x, jujux: x}\n", "2:12 endpoint-reserved|2:21 endpoint-reserved" },
	{ "name: juju-x\nrequires: {juju: x}\nprovides: {a: juju-x}\n", "" },
	{ "name: shop\nsubordinate: true\nrequires: {juju-x: {interface: i, scope: container}}\n", "" },
	{ "name: shop\nsubordinate: true\nprovides: {juju-x: {interface: i, scope: container}}\n", "3:12 endpoint-reserved|2:1 subordinate" },
	{ "name: shop\nrequires: {juju-x: {interface: i, scope: container}}\n", "2:12 endpoint-reserved" },
	{ "name: shop\nprovides: {a: juju}\npeers: {b: {interface: juju-b}}\nrequires: {c: juju}\n", "2:12 interface-reserved|3:9 interface-reserved" },
	{ "requires: {a: , b: [], c: {}, d: {interface: }, e: {interface: 3}}\n",
	  "1:12 endpoint-interface|1:17 endpoint-interface|1:24 endpoint-interface|1:31 endpoint-interface|1:49 endpoint-interface" },
	{ "requires:\n  a: {interface: x, limit: many}\n  b: {interface: x, optional: 1}\n  c: {interface: x, scope: world}\n  d: {interface: x, limit: 1.5}\n",
	  "2:21 endpoint-limit|3:21 endpoint-optional|4:21 endpoint-scope|5:21 endpoint-limit" },
	{ "requires: {a: x}\nprovides: {a: x}\npeers: {a: x}\n", "1:12 endpoint-duplicate|3:9 endpoint-duplicate|3:9 endpoint-duplicate" },
	{ "subordinate: true\nrequires: {a: {interface: b}}\n", "1:1 subordinate" },
	{ "subordinate: true\nrequires: {a: {interface: b, scope: container}}\n", "" },
	{ "requires: [a]\nsubordinate: false\n", "" },
	/* resources, containers */
	{ "resources: {a: {type: oci-image}, b: {type: file, filename: x}, c: {filename: z}}\n", "" },
	{ "resources:\n  a: {type: image}\n  b: {type: file}\n  c: {type: file, filename: a/b}\n  d:\n  e: x\n",
	  "2:3 resource-type|3:3 resource-filename|4:19 resource-filename|5:3 resource-filename|6:3 resource" },
	{ "resources: {i: {type: oci-image}, f: {filename: x}}\ncontainers:\n  a: {resource: i}\n  b: {resource: j}\n  c: {resource: f}\n  d: x\n  e: {}\n",
	  "4:7 container-resource|5:7 container-resource|6:3 container" },
	{ "storage: {s: {type: filesystem}}\ncontainers:\n  a: {mounts: [{storage: s, location: /x}]}\n  b: {mounts: [{storage: t, location: /x}]}\n"
	  "  c: {mounts: [{storage: s}, {location: /x}, x]}\n  d: {mounts: x}\n",
	  "4:17 container-mount|5:16 container-mount|5:30 container-mount|5:46 container-mount|6:7 container-mount" },
	{ "containers:\n  a: {uid: 999, gid: 10000}\n  b: {uid: 1000, gid: 9999}\n  c: {uid: x, gid: 1.0}\n  d: {uid: 0}\n",
	  "3:7 container-user|3:18 container-user|4:7 container-user|4:15 container-user" },
	/* storage, devices */
	{ "storage:\n  a: {type: block, shared: true, read-only: no, multiple: {range: 2}, properties: [transient]}\n"
	  "  b: {type: filesystem, location: /x, multiple: {range: 1-3}}\n  c: {type: block, multiple: {range: 0+}}\n"
	  "  d: {type: block, multiple: {range: 1-}}\n", "" },
	{ "storage:\n  a: {}\n  b: {type: disk}\n  c: {type: block, location: /x}\n  d: {type: block, shared: 1}\n  e: {type: block, read-only: x}\n"
	  "  f: {type: block, properties: [fast]}\n  g: {type: block, multiple: }\n",
	  "2:3 storage|3:3 storage|4:20 storage|5:20 storage|6:20 storage|7:33 storage|8:20 storage" },
	{ "storage:\n  a: {type: block, multiple: {range: 0}}\n  b: {type: block, multiple: {range: -1}}\n  c: {type: block, multiple: {range: x}}\n"
	  "  d: {type: block, multiple: {range: 1-0}}\n  e: {type: block, multiple: {range: 1+2}}\n  f: {type: block, multiple: {range: \"2\"}}\n"
	  "  g: {type: block, multiple: {range: 1-x}}\n  h: {type: block, multiple: {range: 1x}}\n  i: {type: block, multiple: {range: [1]}}\n",
	  "2:31 storage|3:31 storage|4:31 storage|5:31 storage|6:31 storage|7:31 storage|8:31 storage|9:31 storage|10:31 storage" },
	{ "devices: {a: {type: gpu}, b: {type: gpu, countmin: 1, countmax: 2}, c: {type: gpu, countmin: 0}}\n", "" },
	{ "devices:\n  a: {}\n  b: {type: 3}\n  c: {type: gpu, countmin: -1}\n  d: {type: gpu, countmax: 0}\n  e: {type: gpu, countmin: 3, countmax: 2}\n"
	  "  f: {type: gpu, countmin: x}\n  g: {type: \"\"}\n  h: {type: gpu, countmin: 2}\n",
	  "2:3 device|3:3 device|4:3 device|5:3 device|6:3 device|7:3 device|8:3 device|9:3 device" },
	/* bindings, terms */
	{ "extra-bindings: {a: , b: }\n", "" }, { "extra-bindings: {}\n", "1:1 extra-binding" },
	{ "requires: {a: x}\nextra-bindings: {a: , b: x}\n", "2:18 extra-binding|2:23 extra-binding" },
	{ "terms: [ab, a-b, me/terms, terms/3, me/terms/1, a1]\n", "" },
	{ "terms: [a, A1, a--b, a/b/c, ab/0, me/ab/cd/1, \"\", ab/, 3]\n",
	  "1:9 term|1:12 term|1:16 term|1:22 term|1:29 term|1:35 term|1:47 term|1:51 term|1:56 term" },
	/* assumes */
	{ "assumes: [k8s-api, juju >= 3.4, juju < 4.0.0, \" juju  >=  3 \", {any-of: [juju >= 2.9-beta1, {all-of: [k8s-api]}]}]\n", "" },
	{ "assumes:\n- juju>=3\n- j\n- Juju\n- juju > 3\n- juju >=\n- juju >= x\n- juju >= 3..4\n- juju >= 3.\n- juju >= 3.4.5.6.7\n- -a\n- juju >= 3_4\n",
	  "2:3 assumes|3:3 assumes|4:3 assumes|5:3 assumes|6:3 assumes|7:3 assumes|8:3 assumes|9:3 assumes|10:3 assumes|11:3 assumes|12:3 assumes" },
	{ "assumes:\n- 3\n- [k8s-api]\n- {}\n- {any-of: [k8s-api], all-of: [k8s-api]}\n- {none-of: [x]}\n- {any-of: k8s-api}\n- {all-of: [X]}\n",
	  "2:3 assumes|3:3 assumes|4:3 assumes|5:3 assumes|6:3 assumes|7:3 assumes|8:13 assumes" },
	/* what goes into the manifest */
	{ "base: ubuntu@24.04\nplatforms: {amd64: , arm64: , ppc64el: , riscv64: , s390x: , x: {build-on: i386, build-for: amd64}}\n", "" },
	{ "base: ubuntu@24.04\nplatforms: {armhf: , x: {build-on: amd64, build-for: i386}, y: {build-on: amd64, build-for: [all]}}\n",
	  "2:13 platform-architecture|2:43 platform-architecture|2:82 platform-architecture" },
	{ "platforms:\n  amd64:\n  \"ubuntu@24.04:arm64\":\n  x: {build-on: \"ubuntu@24.04:amd64\", build-for: [\"ubuntu@24.04:amd64\"]}\n", "2:3 base" },
	{ "platforms:\n  x: {build-on: amd64, build-for: \"ubuntu@24.04:amd64\"}\n", "2:3 base" },
	{ "base: ubuntu@24.04\nplatforms:\n  x: {build-on: amd64, build-for: \"ubuntu@24.04:amd64\"}\n", "" },
	{ "platforms: {}\n", "1:1 platform" },
};

static const struct row metadata_rows[] = {
	{ "name: a\nsummary: s\ndescription: d\nother: x\n", "" },
	{ "name: a\nsummary: 3\n", "2:1 field-missing|0:0 field-missing" },
	{ "[a]\n", "1:1 mapping" },
	{ "name: a\nsummary: s\ndescription: d\nseries: [x]\n", "4:1 format" },
	{ "name: a\nsummary: s\ndescription: d\nseries: [x]\nmin-juju-version: 2.9.0\ncontainers: {}\nassumes: [k8s-api]\n",
	  "4:1 format|5:1 format" },
	{ "name: a\nsummary: s\ndescription: d\nrequires: {juju: x}\n", "4:12 endpoint-reserved" },
};

static const struct row config_rows[] = {
	{ "options: {}\n", "" }, { "options:\n", "" }, { "{}\n", "1:1 config" }, { "a: b\n", "1:1 config" }, { "options: [a]\n", "1:1 config" },
	{ "options: {a: {}, b: {type: string}, c: {type: int, default: }, d: {type: }, e: {foo: bar}}\n", "" },
	{ "options:\n  a: x\n  b: {type: text}\n  c: {type: [int]}\n  d: {type: yes}\n", "2:3 option|3:7 option-type|4:7 option-type|5:7 option-type" },
	{ "options:\n  a: {type: string, default: 3}\n  b: {type: string, default: \"\"}\n  c: {type: string, default: yes}\n  d: {default: 1.5}\n",
	  "2:21 option-default-type|4:21 option-default-type|5:7 option-default-type" },
	{ "options:\n  a: {type: int, default: 3}\n  b: {type: int, default: \"3\"}\n  c: {type: int, default: \"\"}\n  d: {type: int, default: 3.0}\n"
	  "  e: {type: int, default: x}\n  f: {type: int, default: true}\n  g: {type: int, default: [3]}\n  h: {type: int, default: -3}\n",
	  "4:18 option-default-type|5:18 option-default-type|6:18 option-default-type|7:18 option-default-type|8:18 option-default-type" },
	{ "options:\n  a: {type: float, default: 3}\n  b: {type: float, default: -3.5}\n  c: {type: float, default: }\n  d: {type: float, default: 1.0e+3}\n", "" },
	{ "options:\n  a: {type: float, default: x}\n  b: {type: float, default: \"1.2\"}\n  c: {type: float, default: yes}\n  d: {type: float, default: {}}\n",
	  "2:20 option-default-type|3:20 option-default-type|4:20 option-default-type|5:20 option-default-type" },
	{ "options:\n  a: {type: boolean, default: no}\n  b: {type: boolean, default: \"true\"}\n  c: {type: boolean, default: \"yes\"}\n"
	  "  d: {type: boolean, default: 1}\n  e: {type: boolean, default: \"\"}\n  f: {type: boolean, default: \"F\"}\n",
	  "4:22 option-default-type|5:22 option-default-type|6:22 option-default-type" },
	{ "options:\n  a: {type: secret, default: \"\"}\n  b: {type: secret, default: \"secret:abc\"}\n  c: {type: secret, default: abc}\n  d: {type: secret, default: 3}\n",
	  "4:21 option-default-type|5:21 option-default-type" },
	{ "options:\n  a: {optional: true}\n  b: {optional: false}\n  c: {optional: x}\n  d: {description: 3}\n  e: {description: [x]}\n  f: {description: }\n",
	  "4:7 option-optional|6:7 option" },
};

static const struct row action_rows[] = {
	{ "a: {}\nb-c: \n9: {description: d, title: t, parallel: true, execution-group: g, additionalProperties: false, required: [x]}\n", "" },
	{ "A: {}\n-a: {}\na-: {}\na_b: {}\njuju: {}\njuju-a: {}\njujua: {}\n",
	  "1:1 action-name|2:1 action-name|3:1 action-name|4:1 action-name|5:1 action-name|6:1 action-name" },
	{ "a: [x]\nb: x\n", "1:1 action|2:1 action" },
	{ "a: {description: 3, title: [], execution-group: 1, parallel: x, params: [y]}\n",
	  "1:5 action-key|1:21 action-key|1:32 action-key|1:52 action-key|1:65 action-key" },
	{ "a: {required: x}\nb: {required: [x, 3]}\n", "1:5 action-schema|2:19 action-schema" },
	{ "a:\n  params: {x: {$ref: y}}\n  $schema: z\n  list: [{$ref: 3}]\n", "2:16 action-schema|3:3 action-schema|4:11 action-schema" },
	{ "a: {params: {s: {type: string}, i: {type: integer}, q: {type: [number, \"null\"]}, b: {type: boolean, default: true}, "
	  "l: {type: array, items: {type: string}}, o: {type: object, properties: {p: {type: string, enum: [x]}}, required: [p]}, "
	  "m: {minimum: 1, maximum: 2.5, maxLength: 3}, e: {}}}\n", "" },
	{ "a:\n  params:\n    a: string\n    b: {type: int}\n    c: {type: [string, bool]}\n    d: {type: 3}\n    e: {enum: []}\n    f: {enum: x}\n"
	  "    g: {required: true}\n    h: {minimum: x}\n    i: {items: {type: str}}\n    j: {properties: {k: {type: str}}}\n",
	  "3:5 action-schema|4:9 action-schema|5:24 action-schema|6:9 action-schema|7:9 action-schema|8:9 action-schema|9:9 action-schema"
	  "|10:9 action-schema|11:17 action-schema|12:26 action-schema" },
	{ "a: {params: {$ref: x}}\n", "1:14 action-schema" },
};

typedef void rules(const struct node *, const char *, struct findings *);

static void actions_of_shop(const struct node *tree, const char *file, struct findings *out)
{
	lint_actions(tree, S("shop"), file, out);
}

static void test_rows(const char *name, rules *lint, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct findings findings = { .arena = arena };
		struct str got;

		lint(yaml(rows[i].text), "x.yaml", &findings);
		got = found(&findings);
		CHECK(str_is(got, rows[i].want), "%s:\n%s got '" FMT "'\nwant '%s'", name, rows[i].text, ARG(got), rows[i].want);
	}
}

static void test_names(void)
{
	CHECK(lint_name(S("my-shop")) && lint_name(S("a")), "good names");
	CHECK(!lint_name(S("My")) && !lint_name(S("9a")) && !lint_name(S("a-9")) && !lint_name(S("")) && !lint_name(S("a--b")), "bad names");
}

/* --- Files --- */

static const struct { const char *framework; int generation; const char *text, *want; } paas_rows[] = {
	{ "flask", 2, "", "" },
	{ "flask", 2, "port: 8000\nmetrics-port: 9000\nframework_logging_format: json\n", "" },
	{ "flask", 1, "port: 8000\n", "1:1 paas-config" },
	{ "flask", 2, "a: [\n", "2:1 paas-config" },
	{ "flask", 2, "[a]\n", "1:1 paas-config" },
	{ "flask", 2, "port: 0\nmetrics-path: 3\nfoo: 1\nframework_logging_format: JSON\n",
	  "1:1 paas-config|2:1 paas-config|4:1 paas-config|3:1 paas-config" },
	{ "flask", 2, "prometheus:\n  scrape_configs:\n  - job_name: a\n    static_configs:\n    - targets: [\"*:1\", 3]\n", "5:24 paas-config" },
	{ "flask", 2, "prometheus:\n  scrape_configs:\n  - static_configs: []\n", "3:5 paas-config" },
	{ "flask", 2, "prometheus:\n  scrape_configs:\n  - {job_name: a, static_configs: []}\n  - {job_name: a, static_configs: [{targets: ['@scheduler']}]}\n",
	  "4:37 paas-config" },
	{ "flask", 2, "prometheus:\n  scrape_configs:\n  - {job_name: a, static_configs: []}\n  - {job_name: a, static_configs: []}\n", "1:1 paas-config" },
	{ "go", 2, "framework_logging_format: json\n", "1:1 paas-config" },
	{ "fastapi", 1, "framework_logging_format: json\n", "" },
};

static void test_paas_config(void)
{
	struct findings findings = { .arena = arena };

	lint_paas_config(folder, framework_find(S("flask"), 2), &findings);
	CHECK(findings.n == 0, "no file, nothing to find");
	for (size_t i = 0; i < LEN(paas_rows); i++) {
		struct str got;

		findings = (struct findings){ .arena = arena };
		put_file("paas-config.yaml", paas_rows[i].text);
		lint_paas_config(folder, framework_find(str_of(paas_rows[i].framework), paas_rows[i].generation), &findings);
		got = found(&findings);
		CHECK(str_is(got, paas_rows[i].want), "%s:\n got '" FMT "'\nwant '%s'", paas_rows[i].text, ARG(got), paas_rows[i].want);
		/* What the extension found before is not found again. */
		if (strcmp(paas_rows[i].text, "[a]\n") == 0 || strcmp(paas_rows[i].text, "a: [\n") == 0) {
			lint_paas_config(folder, framework_find(S("flask"), 2), &findings);
			CHECK(findings.n == 1, "twice: %zu", findings.n);
		}
	}
	remove_file("paas-config.yaml");
	mkdir(str_f(arena, "%s/paas-config.yaml", folder).p, 0777);
	findings = (struct findings){ .arena = arena };
	lint_paas_config(folder, framework_find(S("flask"), 2), &findings);
	CHECK_STR(found(&findings), S("0:0 paas-config"));
	CHECK(findings.n && str_ends(findings.v[0].message, "Is a directory"), "a folder of that name");
	rmdir(str_f(arena, "%s/paas-config.yaml", folder).p);
}

#define DASHBOARDS "cos_custom/grafana_dashboards/"
#define LOKI "cos_custom/loki_alert_rules/"
#define PROMETHEUS "cos_custom/prometheus_alert_rules/"

static const struct { const char *file, *text, *want, *message; } custom_rows[] = {
	{ DASHBOARDS "a.json", "{\"title\": \"x\"}", "", NULL },
	{ DASHBOARDS "a.json", "{\"title\":\n x}", "2:2 dashboard", "invalid JSON: " },
	{ DASHBOARDS "a.json.tmpl", "[]", "0:0 dashboard", "a dashboard must be an object, not a list" },
	{ DASHBOARDS "a.tmpl", "[", "1:2 dashboard", "invalid JSON: " },
	{ DASHBOARDS "a.txt", "[", "", NULL },
	{ DASHBOARDS ".json", "[", "", NULL },
	{ PROMETHEUS "a.rule", "alert: A\nexpr: up{%%juju_topology%%, job=\"x\"} == 0\n", "", NULL },
	{ PROMETHEUS "a.rule", "alert: A\nexpr: up{%%juju_topology%%,job=\"x\"} == 0\nfor: 5m\n", "", NULL },
	{ PROMETHEUS "a.rules", "alert: A\nexpr: up{\n", "2:1 alert-rule", "rule 'A': " },
	{ PROMETHEUS "a.yml", "record: a:b\nexpr: sum(up)\n", "", NULL },
	{ PROMETHEUS "a.yaml", "groups:\n- name: g\n  rules:\n  - {alert: A, expr: up}\n  - {alert: B, expr: up +}\n  - {expr: up}\n  - {alert: C}\n",
	  "5:16 alert-rule|6:5 alert-rule|7:5 alert-rule", NULL },
	{ PROMETHEUS "a.yaml", "groups: {}\n", "1:1 alert-rule", "'groups' cannot be a map" },
	{ PROMETHEUS "a.yaml", "groups:\n- rules: []\n- name: x\n", "2:3 alert-rule|3:3 alert-rule", NULL },
	{ PROMETHEUS "a.yaml", "a: [\n", "2:1 alert-rule", "invalid YAML: " },
	{ PROMETHEUS "a.yaml", "foo: bar\n", "1:1 alert-rule", "this is no alert rule" },
	{ PROMETHEUS "a.yaml", "", "", NULL },
	{ PROMETHEUS "a.txt", "a: [", "", NULL },
	{ LOKI "a.rule", "alert: A\nexpr: count_over_time({%%juju_topology%%} |= \"x\" [5m]) > 0\n", "", NULL },
	{ LOKI "a.rule", "alert: A\nexpr: count_over_time({%%juju_topology%%, level=\"x\"}[5m]) > 0\n", "", NULL },
	{ LOKI "a.rules", "alert: A\nexpr: up == 0\n", "2:1 alert-rule", "rule 'A': " },
	{ LOKI "a.yaml", "a: [", "", NULL },
};

static void test_custom(void)
{
	struct findings findings;
	struct strs files;

	for (size_t i = 0; i < LEN(custom_rows); i++) {
		struct str got;

		findings = (struct findings){ .arena = arena };
		put_file(custom_rows[i].file, custom_rows[i].text);
		lint_custom(folder, &findings);
		lint_custom_folders(folder, &findings);
		remove_file(custom_rows[i].file);
		got = found(&findings);
		CHECK(str_is(got, custom_rows[i].want), "%s: %s got '" FMT "', want '%s'", custom_rows[i].file, custom_rows[i].text, ARG(got),
		      custom_rows[i].want);
		for (size_t k = 0; k < findings.n; k++)
			CHECK_STR(findings.v[k].file, str_of(custom_rows[i].file));
		if (custom_rows[i].message)
			CHECK(findings.n && str_starts(findings.v[0].message, custom_rows[i].message), "%s: '" FMT "'", custom_rows[i].text,
			      findings.n ? (int)findings.v[0].message.n : 0, findings.n ? findings.v[0].message.p : "");
	}

	put_file(LOKI "b.rule", "alert: A\n");
	put_file(LOKI "a.txt", "");
	put_file(PROMETHEUS "sub/c.rule", "x");
	CHECK(symlink("nowhere", str_f(arena, "%s/" PROMETHEUS "link.rule", folder).p) == 0, "symlink");
	CHECK(symlink("loop.rule", str_f(arena, "%s/" PROMETHEUS "loop.rule", folder).p) == 0, "symlink");
	CHECK(mkfifo(str_f(arena, "%s/" PROMETHEUS "pipe.rule", folder).p, 0600) == 0, "mkfifo");
	files = lint_custom_files(arena, folder);
	CHECK_STR(strs_join(arena, &files, " "), S(LOKI "a.txt " LOKI "b.rule " PROMETHEUS "link.rule " PROMETHEUS "loop.rule"));
	findings = (struct findings){ .arena = arena };
	lint_custom(folder, &findings);
	CHECK_STR(found(&findings), S("1:1 alert-rule|0:0 custom-file|0:0 custom-file"));
	remove_file(PROMETHEUS "sub/c.rule");
	remove_file(PROMETHEUS "link.rule");
	remove_file(PROMETHEUS "pipe.rule");
	remove_file(PROMETHEUS "loop.rule");
	remove_file(LOKI "a.txt");
	remove_file(LOKI "b.rule");
}

/* --- The first hook --- */

#define NEEDED "peers: {secret-storage: {interface: secret-storage}}\ncontainers: {app: {}}\n"   /* two lines */

static const struct { const char *framework; int generation; const char *text, *want; } hook_rows[] = {
	{ "go", 2, NEEDED, "" },
	{ "flask", 1, "peers: {secret-storage: {interface: secret-storage}}\ncontainers: {flask-app: {}}\n", "" },
	{ "go", 2, "{}\n", "0:0 endpoint-peer|0:0 container-missing" },
	{ "go", 2, "peers: {other: x}\ncontainers: {flask-app: {}}\n", "1:1 endpoint-peer|2:1 container-missing" },
	{ "go", 2, NEEDED "requires: {a: {interface: oauth}}\n", "" },
	{ "go", 2, NEEDED "requires: {a: {interface: oauth}, b: oauth, c: oauth}\n", "3:35 endpoint-oauth" },
	{ "django", 2, NEEDED "requires: {a: {interface: redis}}\n", "3:1 endpoint-database" },
	{ "django", 2, NEEDED, "0:0 endpoint-database" },
	{ "django", 2, NEEDED "requires: {a: {interface: mysql_client}}\n", "" },
	{ "django", 2, NEEDED "requires: {a: postgresql_client}\n", "" },
	{ "django", 2, NEEDED "requires: {a: {interface: mongodb_client}}\n", "" },
	{ "flask", 2, NEEDED "config: {options: {debug: {optional: false}, env: {}, greeting: {optional: false}, secret-key: {optional: false}}}\n",
	  "3:20 option-shadowed|3:84 option-shadowed" },
	{ "flask", 2, NEEDED "config: {options: {env: {optional: true}, flask-env: {optional: false}, app-x: {optional: false}, "
	  "webserver-workers: {optional: false}, app-secret-key-id: {optional: false}}}\n", "" },
	{ "go", 1, NEEDED "config: {options: {metrics-port: {optional: false}, metrics_port: {optional: false}}}\n", "3:53 option-shadowed" },
	{ "go", 2, NEEDED "config: {options: {metrics-port: {optional: false}, port: {optional: false}}}\n", "" },
};

static void test_first_hook(void)
{
	for (size_t i = 0; i < LEN(hook_rows); i++) {
		struct findings findings = { .arena = arena };
		struct str got;

		lint_first_hook(yaml(hook_rows[i].text), "x.yaml", framework_find(str_of(hook_rows[i].framework), hook_rows[i].generation), &findings);
		got = found(&findings);
		CHECK(str_is(got, hook_rows[i].want), "%s %d:\n%s got '" FMT "'\nwant '%s'", hook_rows[i].framework, hook_rows[i].generation,
		      hook_rows[i].text, ARG(got), hook_rows[i].want);
	}
}

/* --- How findings look --- */

static void test_words(void)
{
	struct findings findings = { .arena = arena };
	struct node *tree = yaml("a:\n  b: 1\n");
	struct node *list;

	finding_add(&findings, "x.yaml", node_get(node_get(tree, "a"), "b"), "rule", "do that", "one\ntwo %d", 3);
	finding_add(&findings, "x.yaml", NULL, "other", NULL, "all of it");
	finding_yaml(&findings, "x.yaml", "yaml", "bad: ", "x.yaml:3:4: a colon: here");
	finding_yaml(&findings, "x.yaml", "yaml", "", "no place at all");
	finding_yaml(&findings, "x.yaml", "yaml", "", "x.yaml:3:x: half a place");
	CHECK_STR(finding_text(arena, &findings.v[0]), S("x.yaml:2:3: rule: one two 3; do that"));
	CHECK_STR(finding_text(arena, &findings.v[1]), S("x.yaml: other: all of it"));
	CHECK(str_starts(finding_text(arena, &findings.v[2]), "x.yaml:3:4: yaml: bad: a colon: here; "), FMT, ARG(finding_text(arena, &findings.v[2])));
	CHECK(str_starts(finding_text(arena, &findings.v[3]), "x.yaml: yaml: no place at all; "), FMT, ARG(finding_text(arena, &findings.v[3])));
	CHECK(findings.v[4].line == 0 && str_is(findings.v[4].message, "x.yaml:3:x: half a place"), FMT, ARG(findings.v[4].message));
	list = findings_node(arena, &findings);
	CHECK(list->count == 5, "%zu", list->count);
	CHECK_STR(json_text(arena, list->child, JSON_COMPACT),
	          S("{\"file\":\"x.yaml\",\"line\":2,\"column\":3,\"rule\":\"rule\",\"message\":\"one\\ntwo 3\",\"advice\":\"do that\"}"));
	CHECK_STR(json_text(arena, list->child->next, JSON_COMPACT),
	          S("{\"file\":\"x.yaml\",\"line\":0,\"column\":0,\"rule\":\"other\",\"message\":\"all of it\",\"advice\":\"\"}"));
}

int main(void)
{
	arena = arena_new();
	if (!mkdtemp(folder))
		return 1;
	test_rows("charmcraft", lint_charmcraft, charmcraft_rows, LEN(charmcraft_rows));
	test_rows("juju", lint_juju, juju_rows, LEN(juju_rows));
	test_rows("metadata", lint_metadata, metadata_rows, LEN(metadata_rows));
	test_rows("config", lint_config, config_rows, LEN(config_rows));
	test_rows("actions", actions_of_shop, action_rows, LEN(action_rows));
	test_names();
	test_paas_config();
	test_custom();
	test_first_hook();
	test_words();
	CHECK(rmdir(folder) == 0, "everything was cleaned up");
	arena_free(arena);
	return TEST_END();
}
