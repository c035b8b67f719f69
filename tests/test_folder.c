/* test_folder.c: values, messages, paas-config.yaml and the charm's folder. */
#include "test.h"
#include "../folder.h"
#include "../frameworks.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct node *yaml(struct arena *a, const char *text)
{
	return test_tree(a, str_of(text));
}

/* --- Values --- */

#define NO_INT "Input should be a valid integer"
#define NO_INT_TEXT "Input should be a valid integer, unable to parse string as an integer"

static const struct { const char *yaml, *digits, *wrong; } ints[] = {
	{ "7", "7", NULL },
	{ "-7", "-7", NULL },
	{ "0", "0", NULL },
	{ "123456789012345678901234567890", "123456789012345678901234567890", NULL },
	{ "true", "1", NULL },
	{ "false", "0", NULL },
	{ "7.0", "7", NULL },
	{ "-0.0", "0", NULL },
	{ "1e3", NULL, NO_INT_TEXT },        /* YAML 1.1: no dot, no float */
	{ "1.0e+3", "1000", NULL },
	{ "7.5", NULL, "Input should be a valid integer, got a number with a fractional part" },
	{ ".inf", NULL, "Input should be a finite number" },
	{ ".nan", NULL, "Input should be a finite number" },
	{ "'7'", "7", NULL },
	{ "' +7 '", "7", NULL },
	{ "'-007'", "-7", NULL },
	{ "'000'", "0", NULL },
	{ "'-0'", "0", NULL },
	{ "'100'", "100", NULL },
	{ "'1_000'", "1000", NULL },
	{ "'7.'", "7", NULL },
	{ "'7.00'", "7", NULL },
	{ "'7.01'", NULL, NO_INT_TEXT },
	{ "'1__0'", NULL, NO_INT_TEXT },
	{ "'1_'", NULL, NO_INT_TEXT },
	{ "'_1'", NULL, NO_INT_TEXT },
	{ "'+'", NULL, NO_INT_TEXT },
	{ "''", NULL, NO_INT_TEXT },
	{ "'7 8'", NULL, NO_INT_TEXT },
	{ "seven", NULL, NO_INT_TEXT },
	{ "null", NULL, NO_INT },
	{ "[7]", NULL, NO_INT },
	{ "{}", NULL, NO_INT },
};

static const struct { const char *yaml; bool truth; const char *wrong; } bools[] = {
	{ "true", true, NULL }, { "false", false, NULL }, { "'on'", true, NULL }, { "'OFF'", false, NULL }, { "'y'", true, NULL },
	{ "'f'", false, NULL }, { "'T'", true, NULL }, { "'n'", false, NULL }, { "'Yes'", true, NULL }, { "'no'", false, NULL },
	{ "1", true, NULL }, { "0", false, NULL }, { "'1'", true, NULL }, { "1.0", true, NULL }, { "0.0", false, NULL },
	{ "2", false, "Input should be a valid boolean, unable to interpret input" },
	{ "1.5", false, "Input should be a valid boolean, unable to interpret input" },
	{ "maybe", false, "Input should be a valid boolean, unable to interpret input" },
	{ "''", false, "Input should be a valid boolean, unable to interpret input" },
	{ "null", false, "Input should be a valid boolean" },
	{ "[]", false, "Input should be a valid boolean" },
	{ "{}", false, "Input should be a valid boolean" },
};

static const struct { const char *yaml, *wrong; } floats[] = {
	{ "1", NULL }, { "1.5", NULL }, { "true", NULL }, { "' 1.5 '", NULL },
	{ "''", "Input should be a valid number, unable to parse string as a number" },
	{ "1.5x", "Input should be a valid number, unable to parse string as a number" },
	{ "null", "Input should be a valid number" },
	{ "[]", "Input should be a valid number" },
};

static const struct { const char *yaml, *variable; } variables[] = {
	{ "text", "text" }, { "''", "" }, { "'äö'", "äö" }, { "true", "true" }, { "0", "0" },
	{ "9007199254740993", "9007199254740993" }, { "1.0", "1.0" }, { "1.0e+20", "1e+20" }, { "0.1", "0.1" },
	{ "[a, b]", "[\"a\", \"b\"]" }, { "{a: 1}", "{\"a\": 1}" }, { "[ä]", "[\"\\u00e4\"]" },
};

static void test_values(struct arena *a)
{
	for (size_t i = 0; i < LEN(ints); i++) {
		struct str digits = NOSTR;
		const char *wrong = value_int(a, yaml(a, ints[i].yaml), &digits);
		CHECK_STR(str_of(wrong), str_of(ints[i].wrong));
		if (!wrong)
			CHECK_STR(digits, str_of(ints[i].digits));
	}
	for (size_t i = 0; i < LEN(bools); i++) {
		bool truth = !bools[i].truth;
		const char *wrong = value_bool(a, yaml(a, bools[i].yaml), &truth);
		CHECK_STR(str_of(wrong), str_of(bools[i].wrong));
		CHECK(wrong || truth == bools[i].truth, "%s", bools[i].yaml);
	}
	for (size_t i = 0; i < LEN(floats); i++)
		CHECK_STR(str_of(value_float(a, yaml(a, floats[i].yaml))), str_of(floats[i].wrong));
	for (size_t i = 0; i < LEN(variables); i++)
		CHECK_STR(value_variable(a, yaml(a, variables[i].yaml)), str_of(variables[i].variable));
	CHECK(digits_cmp(S("5"), 5) == 0 && digits_cmp(S("4"), 5) < 0 && digits_cmp(S("6"), 5) > 0, "small");
	CHECK(digits_cmp(S("99999999999999999999"), 5) > 0 && digits_cmp(S("-99999999999999999999"), 5) < 0, "out of range");
}

/* --- Messages: "location=text;...", the short message, and the lines of the long one --- */

static const struct { const char *problems, *message, *log; } messages[] = {
	{ "a=Field required", "missing options: a        ", "invalid configuration:|- a: Field required" },
	{ "a=bad", "        invalid options: a", "invalid configuration:|- a: bad" },
	{ "=bad", "        invalid options: ", "invalid configuration:|- : bad" },
	{ "a=bad;b=Field required;c=worse", "missing options: b        , invalid options: a, c",
	  "invalid configuration:|- b: Field required|- a: bad|- c: worse" },
	{ "a=bad;a=bad;a=worse", "        invalid options: a", "invalid configuration:|- a: bad|- a: worse" },
	{ "a=this is REQUIRED here", "missing options: a        ", "invalid configuration:|- a: this is REQUIRED here" },
};

static void test_messages(struct arena *a)
{
	for (size_t i = 0; i < LEN(messages); i++) {
		struct problems problems = { 0 };
		struct str rest = str_of(messages[i].problems), part;
		struct strs log = { 0 };
		while (str_split(&rest, ';', &part)) {
			size_t at = (size_t)str_find(part, '=');
			problem_add(a, &problems, str_sub(part, 0, at), FMT, ARG(str_sub(part, at + 1, part.n)));
		}
		CHECK_STR(problems_message(a, &problems, &log), str_of(messages[i].message));
		CHECK_STR(strs_join(a, &log, "|"), str_of(messages[i].log));
	}
}

/* --- paas-config.yaml --- */

/* What is read, as one line: the set fields, then each job with its targets and labels. */
static struct str paas_show(struct arena *a, const struct paas_config *c)
{
	struct buf b = { .arena = a };

	if (c->error.p)
		return c->error;
	if (c->has_port)
		buf_addf(&b, "port %d ", c->port);
	if (c->has_metrics_port)
		buf_addf(&b, "metrics %d ", c->metrics_port);
	if (c->has_metrics_path)
		buf_addf(&b, "path '" FMT "' ", ARG(c->metrics_path));
	if (c->json_logging)
		buf_adds(&b, "json ");
	for (size_t i = 0; i < c->n_scrape_configs; i++) {
		buf_addf(&b, FMT " " FMT "[", ARG(c->scrape_configs[i].job_name), ARG(c->scrape_configs[i].metrics_path));
		for (size_t k = 0; k < c->scrape_configs[i].n_configs; k++) {
			buf_add(&b, strs_join(a, &c->scrape_configs[i].configs[k].targets, ","));
			if (c->scrape_configs[i].configs[k].labels)
				buf_add(&b, json_text(a, c->scrape_configs[i].configs[k].labels, JSON_COMPACT));
			buf_adds(&b, ";");
		}
		buf_adds(&b, "] ");
	}
	return str_trim(buf_str(&b));
}

#define INVALID(names) "Invalid paas-config.yaml:         invalid options: " names
#define MISSING(names) "Invalid paas-config.yaml: missing options: " names "        "
#define JOB(rest) "prometheus: {scrape_configs: [{job_name: j, static_configs: [" rest "]}]}"

/* want: generation 2. detail: what a line of the log must end with. */
static const struct { const char *yaml, *want, *detail; } paas[] = {
	{ "", "", NULL }, { "{}", "", NULL }, { "[]", "", NULL }, { "false", "", NULL }, { "0", "", NULL }, { "0.0", "", NULL },
	{ "''", "", NULL }, { "# only this\n", "", NULL }, { "~", "", NULL },
	{ "[1]", "Invalid paas-config.yaml: it must be a mapping, not a list", NULL },
	{ "text", "Invalid paas-config.yaml: it must be a mapping, not a string", NULL },
	{ "true", "Invalid paas-config.yaml: it must be a mapping, not a boolean", NULL },
	{ "port: 9000", "port 9000", NULL },
	{ "port: '9000'", "port 9000", NULL },
	{ "port: true", "port 1", NULL },
	{ "port: 1", "port 1", NULL },
	{ "port: 65535", "port 65535", NULL },
	{ "port: 0", INVALID("port"), "- port: Input should be greater than or equal to 1" },
	{ "port: 65536", INVALID("port"), "- port: Input should be less than or equal to 65535" },
	{ "port: 99999999999999999999", INVALID("port"), "- port: Input should be less than or equal to 65535" },
	{ "port: -1", INVALID("port"), NULL },
	{ "port: ~", INVALID("port"), "- port: " NO_INT },
	{ "port: 80.5", INVALID("port"), NULL },
	{ "metrics-port: 9464", "metrics 9464", NULL },
	{ "metrics_port: 9464", "metrics 9464", NULL },
	{ "metrics_port: x", INVALID("metrics-port"), NULL },
	{ "{metrics-port: 1, metrics_port: 2}", INVALID("metrics-port"), "- metrics-port: Extra inputs are not permitted" },
	{ "metrics-path: /m", "path '/m'", NULL },
	{ "metrics_path: ''", "path ''", NULL },
	{ "metrics-path: 5", INVALID("metrics-path"), "- metrics-path: Input should be a valid string" },
	{ "metrics-path: ~", INVALID("metrics-path"), NULL },
	{ "{metrics-path: a, metrics_path: b}", INVALID("metrics-path"), NULL },
	{ "framework_logging_format: json", "json", NULL },
	{ "framework_logging_format: none", "", NULL },
	{ "framework_logging_format: ~", "", NULL },
	{ "framework_logging_format: JSON", INVALID("framework-logging-format"), "- framework-logging-format: Input should be 'none' or 'json'" },
	{ "framework_logging_format: [json]", INVALID("framework-logging-format"), NULL },
	{ "framework-logging-format: json", INVALID("framework-logging-format"), "Extra inputs are not permitted" },
	{ "unknown_key: 1", INVALID("unknown-key"), "- unknown-key: Extra inputs are not permitted" },
	{ "prometheus: ~", "", NULL },
	{ "prometheus: {}", "", NULL },
	{ "prometheus: []", INVALID("prometheus"), "- prometheus: Input should be a valid dictionary" },
	{ "prometheus: {scrape_configs: ~}", "", NULL },
	{ "prometheus: {scrape_configs: {}}", INVALID("prometheus.scrape-configs"), "- prometheus.scrape-configs: Input should be a valid list" },
	{ "prometheus: {other: 1}", INVALID("prometheus.other"), NULL },
	{ "prometheus: {scrape_configs: [5]}", INVALID("prometheus.scrape-configs.0"),
	  "- prometheus.scrape-configs.0: Input should be a valid dictionary" },
	{ "prometheus: {scrape_configs: [{}]}",
	  MISSING("prometheus.scrape-configs.0.job-name, prometheus.scrape-configs.0.static-configs"),
	  "- prometheus.scrape-configs.0.job-name: Field required" },
	{ "prometheus: {scrape_configs: [{job_name: 5, static_configs: 6, metrics_path: 7, z: 8}]}",
	  INVALID("prometheus.scrape-configs.0.job-name, prometheus.scrape-configs.0.metrics-path, prometheus.scrape-configs.0.static-configs, "
	          "prometheus.scrape-configs.0.z"), "static-configs: Input should be a valid list" },
	{ "prometheus: {scrape_configs: [{job_name: '', static_configs: []}]}", "/metrics[]", NULL },
	{ "prometheus: {scrape_configs: [{job_name: j, metrics_path: '', static_configs: []}]}", "j []", NULL },
	{ JOB("{targets: ['*:1', 'h:2']}, {targets: [], labels: {a: b}}"), "j /metrics[*:1,h:2;{\"a\":\"b\"};]", NULL },
	{ JOB("{targets: ['@scheduler:81'], labels: ~}"), "j /metrics[@scheduler:81;]", NULL },
	{ JOB("{targets: ['@scheduler:99999']}"), "j /metrics[@scheduler:99999;]", NULL },
	{ JOB("{targets: ['@scheduler']}"), INVALID("prometheus.scrape-configs.0.static-configs.0.targets"),
	  "Value error, Invalid @scheduler format '@scheduler': must include port (@scheduler:PORT)" },
	{ JOB("{targets: ['@schedulers:80']}"), INVALID("prometheus.scrape-configs.0.static-configs.0.targets"), "must include port (@scheduler:PORT)" },
	{ JOB("{targets: ['x:1', '@scheduler:8x']}"), INVALID("prometheus.scrape-configs.0.static-configs.0.targets"),
	  "Value error, Invalid @scheduler format '@scheduler:8x': port must be numeric" },
	{ JOB("{targets: ['@scheduler:x1']}"), INVALID("prometheus.scrape-configs.0.static-configs.0.targets"), "port must be numeric" },
	{ JOB("{targets: ['@scheduler:']}"), INVALID("prometheus.scrape-configs.0.static-configs.0.targets"), "port must be numeric" },
	{ JOB("{targets: [5]}"), INVALID("prometheus.scrape-configs.0.static-configs.0.targets.0"), NULL },
	{ JOB("{targets: x}"), INVALID("prometheus.scrape-configs.0.static-configs.0.targets"),
	  "targets: Input should be a valid list" },
	{ JOB("{}"), MISSING("prometheus.scrape-configs.0.static-configs.0.targets"), NULL },
	{ JOB("{targets: [], more: 1}"), INVALID("prometheus.scrape-configs.0.static-configs.0.more"), NULL },
	{ JOB("[]"), INVALID("prometheus.scrape-configs.0.static-configs.0"), "static-configs.0: Input should be a valid dictionary" },
	{ JOB("{targets: [], labels: {a_b: 1}}"), INVALID("prometheus.scrape-configs.0.static-configs.0.labels.a-b"), NULL },
	{ JOB("{targets: [], labels: []}"), INVALID("prometheus.scrape-configs.0.static-configs.0.labels"),
	  "labels: Input should be a valid dictionary" },
	{ "prometheus: {scrape_configs: [{job_name: b, static_configs: []}, {job_name: a, static_configs: []}, {job_name: b, static_configs: []},"
	  " {job_name: a, static_configs: []}, {job_name: b, static_configs: []}, {job_name: c, static_configs: []}]}", INVALID("prometheus"),
	  "- prometheus: Value error, Duplicate job_name values found in prometheus.scrape_configs: a, b. Each job must have a unique name." },
};

static void test_paas_config(struct arena *a)
{
	struct paas_config config;

	for (size_t i = 0; i < LEN(paas); i++) {
		paas_config_parse(a, exact(a, paas[i].yaml), 2, &config);
		CHECK_STR(paas_show(a, &config), str_of(paas[i].want));
		bool told = !paas[i].detail;
		for (size_t k = 0; k < config.error_log.n; k++)
			told = told || str_ends(config.error_log.v[k], paas[i].detail);
		CHECK(told, "%s: log '" FMT "'", paas[i].yaml, ARG(strs_join(a, &config.error_log, "\n")));
		CHECK(!config.error.p || (!config.has_port && !config.has_metrics_path && config.n_scrape_configs == 0), "%s", paas[i].yaml);
	}
	paas_config_parse(a, S("a: [\n"), 2, &config);
	CHECK(str_starts(config.error, "Invalid YAML in paas-config.yaml:2:1: "), "'" FMT "'", ARG(config.error));
	/* The other generation knows two keys only. */
	paas_config_parse(a, S("{port: 1, metrics-port: 1, metrics-path: x}"), 1, &config);
	CHECK_STR(config.error, S(INVALID("port, metrics-port, metrics-path")));
	paas_config_parse(a, S("framework_logging_format: json"), 1, &config);
	CHECK(!config.error.p && config.json_logging, "logging in generation 1");
}

/* --- The folder --- */

static char root[] = "/tmp/monocharm-folder-XXXXXX";

static const char *in_root(struct arena *a, const char *name)
{
	return str_c(a, str_f(a, "%s/%s", root, name));
}

static void put(struct arena *a, const char *name, const char *content)
{
	struct err err = { .arena = a };

	if (file_write(a, in_root(a, name), str_of(content), 0644, &err) < 0) {
		printf("%s\n", err.msg);
		exit(1);
	}
}

/* Loads the folder; what is wrong, without the folder's path. */
static struct str load(struct arena *a, struct charm *charm)
{
	struct err err = { .arena = a };
	struct str wrong;

	if (charm_load(a, root, charm, &err) == 0)
		return NOSTR;
	CHECK(err.kind == ERR_RETRY, "%s", err.msg);
	wrong = str_of(err.msg);
	return str_starts(wrong, root) ? str_trim(str_sub(wrong, sizeof root, wrong.n)) : wrong;
}

static const char metadata[] =
	"name: shop\n"
	"containers: {side: {}, app: {}}\n"
	"requires:\n"
	"  db: {interface: postgresql_client, optional: true, limit: 1}\n"
	"  cache: {interface: redis, optional: false, limit: many}\n"
	"provides:\n"
	"  metrics-endpoint: {interface: prometheus_scrape, limit: -1}\n"
	"peers:\n"
	"  secret-storage: {interface: secret-storage}\n";

static const char config[] =
	"options:\n"
	"  words: {type: string, default: hello}\n"
	"  count: {type: int, default: ~}\n"
	"  share: {type: float, optional: true}\n"
	"  flag: {type: boolean, optional: false}\n"
	"  key: {type: secret, optional: 'false'}\n"
	"  plain: {}\n";

static void test_charm(struct arena *a)
{
	static const enum option_type types[] = { OPTION_STRING, OPTION_INT, OPTION_FLOAT, OPTION_BOOL, OPTION_SECRET, OPTION_STRING };
	struct charm charm;

	CHECK_STR(load(a, &charm), S("neither metadata.yaml nor charmcraft.yaml is there"));
	put(a, "metadata.yaml", metadata);
	CHECK_STR(load(a, &charm), S("config.yaml: charm configuration metadata doesn't exist"));
	put(a, "config.yaml", config);
	CHECK_STR(load(a, &charm), NOSTR);
	CHECK_STR(charm.name, S("shop"));
	CHECK(str_is(str_of(charm.framework->name), "go") && charm.framework->generation == 2, "%s", charm.framework->name);
	CHECK_STR(strs_join(a, &charm.containers, " "), S("app side"));
	CHECK(charm.n_endpoints == 4 && charm.actions.n == 0 && charm.n_custom == 0 && charm.notes.n == 0 && !charm.paas.error.p, "counts");
	const struct endpoint *db = endpoint_find(&charm, S("db")), *cache = endpoint_find(&charm, S("cache"));
	CHECK(db && db->optional && db->limit == 1 && db->role == ROLE_REQUIRES && str_is(db->interface, "postgresql_client"), "db");
	CHECK(cache && !cache->optional && cache->limit == -1, "cache");
	CHECK(charm.endpoints[2].role == ROLE_PROVIDES && charm.endpoints[2].limit == -1 && charm.endpoints[3].role == ROLE_PEERS, "roles");
	CHECK(!endpoint_find(&charm, S("other")), "other");
	CHECK(charm.n_options == LEN(types), "%zu options", charm.n_options);
	for (size_t i = 0; i < LEN(types); i++)
		CHECK(charm.options[i].type == types[i] && charm.options[i].line == (int)i + 2, "option %zu, line %d", i, charm.options[i].line);
	CHECK_STR(node_text(charm.options[0].fallback), S("hello"));
	CHECK(!charm.options[1].fallback && !charm.options[2].fallback, "no default");
	CHECK(!charm.options[2].required && charm.options[3].required && !charm.options[4].required, "required");
	CHECK(option_find(&charm, S("flag")) == &charm.options[3] && !option_find(&charm, S("none")), "option_find");

	put(a, "actions.yaml", "rotate-secret-key: {}\nother: {}\n");
	put(a, "framework", "django 1\n");
	put(a, "paas-config.yaml", "framework_logging_format: json\n");
	CHECK_STR(load(a, &charm), NOSTR);
	CHECK(str_is(str_of(charm.framework->name), "django") && charm.framework->generation == 1, "%s", charm.framework->name);
	CHECK_STR(strs_join(a, &charm.actions, " "), S("rotate-secret-key other"));
	CHECK_STR(strs_join(a, &charm.containers, " "), S("app side"));   /* the other generation's name will do */
	CHECK(charm.paas.json_logging, "paas-config");
	put(a, "paas-config.yaml", "port: 1\n");
	CHECK_STR(load(a, &charm), NOSTR);
	CHECK_STR(charm.paas.error, S(INVALID("port")));   /* of generation 1 */

	static const struct { const char *file, *content, *wrong; } broken[] = {
		{ "config.yaml", "options: {a: {type: text}}", "config.yaml:1: option a has the unknown type text" },
		{ "config.yaml", "options: [\n", "config.yaml:2:1: did not find expected node content" },
		{ "actions.yaml", "a: [\n", "actions.yaml:2:1: did not find expected node content" },
		{ "metadata.yaml", "name: ''\n", "metadata.yaml: the charm has no name" },
		{ "metadata.yaml", "name: shop\n", "metadata.yaml: the charm has no container" },
		{ "metadata.yaml", "}", "metadata.yaml:1:1: did not find expected node content" },
	};
	for (size_t i = 0; i < LEN(broken); i++) {
		put(a, broken[i].file, broken[i].content);
		CHECK_STR(load(a, &charm), str_of(broken[i].wrong));
		put(a, "metadata.yaml", metadata);
		put(a, "config.yaml", config);
		put(a, "actions.yaml", "");
	}
	static const char *const unreadable[] = { "framework", "metadata.yaml" };
	for (size_t i = 0; i < LEN(unreadable); i++) {
		unlink(in_root(a, unreadable[i]));
		mkdir(in_root(a, unreadable[i]), 0755);
		CHECK_STR(load(a, &charm), str_f(a, "%s: Is a directory", unreadable[i]));
		rmdir(in_root(a, unreadable[i]));
	}
	put(a, "metadata.yaml", metadata);
	unlink(in_root(a, "paas-config.yaml"));
	mkdir(in_root(a, "paas-config.yaml"), 0755);
	CHECK_STR(load(a, &charm), NOSTR);
	CHECK_STR(charm.paas.error, S("Failed to read paas-config.yaml: Is a directory"));
	rmdir(in_root(a, "paas-config.yaml"));
}

static void test_containers(struct arena *a)
{
	static const struct { const char *framework, *containers, *want; } cases[] = {
		{ "flask 1", "{side: {}, flask-app: {}}", "flask-app side" },
		{ "flask 1", "{side: {}, app: {}}", "app side" },
		{ "flask 2", "{app: {}, flask-app: {}}", "app flask-app" },
		{ "flask 2", "{side: {}, flask-app: {}}", "flask-app side" },
		{ "go 2", "{side: {}, go-app: {}}", "go-app side" },
		{ "go 2", "{one: {}, two: {}}", "one two" },
	};
	struct charm charm;

	for (size_t i = 0; i < LEN(cases); i++) {
		put(a, "framework", cases[i].framework);
		put(a, "metadata.yaml", str_c(a, str_f(a, "name: x\ncontainers: %s\n", cases[i].containers)));
		CHECK_STR(load(a, &charm), NOSTR);
		CHECK_STR(strs_join(a, &charm.containers, " "), str_of(cases[i].want));
	}
	unlink(in_root(a, "framework"));
}

static void test_charmcraft(struct arena *a)
{
	struct charm charm;

	unlink(in_root(a, "metadata.yaml"));
	unlink(in_root(a, "config.yaml"));
	unlink(in_root(a, "actions.yaml"));
	put(a, "charmcraft.yaml", "name: shop\ntype: charm\nbase: ubuntu@24.04\nplatforms: {amd64: }\nsummary: s\ndescription: d\n"
		"extensions: [fastapi-framework]\nconfig: {options: {extra: {type: string}}}\n");
	CHECK_STR(load(a, &charm), NOSTR);
	CHECK(str_is(str_of(charm.framework->name), "fastapi") && charm.framework->generation == 1, "%s", charm.framework->name);
	CHECK(option_find(&charm, S("extra")) && option_find(&charm, S("webserver-port")), "options");
	CHECK_STR(strs_join(a, &charm.actions, " "), S("rotate-secret-key"));
	CHECK_STR(charm.name, S("shop"));
	put(a, "charmcraft.yaml", "name: shop\nextensions: [nobody-framework]\n");
	CHECK(str_starts(load(a, &charm), "charmcraft.yaml: "), "an unknown extension");
	/* Written out by hand, it needs no extension. */
	put(a, "charmcraft.yaml", "name: shop\ncontainers: {app: {}}\nconfig: {options: {node-env: {type: string}}}\nactions: {a: {}}\n");
	CHECK_STR(load(a, &charm), NOSTR);
	CHECK(str_is(str_of(charm.framework->name), "expressjs"), "%s", charm.framework->name);
	CHECK_STR(strs_join(a, &charm.actions, " "), S("a"));
	/* A packed charm whose options are still there. */
	put(a, "metadata.yaml", "name: packed\ncontainers: {app: {}}\n");
	CHECK_STR(load(a, &charm), NOSTR);
	CHECK_STR(charm.name, S("packed"));
	CHECK(charm.n_options == 1, "%zu", charm.n_options);
	put(a, "charmcraft.yaml", "[\n");
	CHECK_STR(load(a, &charm), S("charmcraft.yaml:2:1: did not find expected node content"));
	put(a, "config.yaml", config);
}

static void test_custom(struct arena *a)
{
	struct charm charm;

	mkdir(in_root(a, "cos_custom"), 0755);
	mkdir(in_root(a, "cos_custom/prometheus_alert_rules"), 0755);
	mkdir(in_root(a, "cos_custom/prometheus_alert_rules/deeper"), 0755);
	mkdir(in_root(a, "cos_custom/grafana_dashboards"), 0755);
	mkdir(in_root(a, "cos_custom/loki_alert_rules"), 0755);
	put(a, "cos_custom/prometheus_alert_rules/b.rule", "B");
	put(a, "cos_custom/prometheus_alert_rules/a.rule", "A");
	put(a, "cos_custom/grafana_dashboards/z.json", "Z");
	CHECK_STR(load(a, &charm), NOSTR);
	CHECK(charm.n_custom == 3 && charm.notes.n == 0, "%zu files", charm.n_custom);
	CHECK_STR(charm.custom[0].directory, S("grafana_dashboards"));
	CHECK_STR(charm.custom[0].content, S("Z"));
	CHECK_STR(charm.custom[1].name, S("a.rule"));
	CHECK_STR(charm.custom[2].name, S("b.rule"));

	/* Too large to be a rule: left out, the others stay. */
	put(a, "cos_custom/prometheus_alert_rules/c.rule", "");
	CHECK(truncate(in_root(a, "cos_custom/prometheus_alert_rules/c.rule"), MAX_FILE + 1) == 0, "truncate");
	CHECK_STR(load(a, &charm), NOSTR);
	CHECK(charm.n_custom == 3 && charm.notes.n == 1 && str_starts(charm.notes.v[0], "custom COS file: "), "%zu", charm.n_custom);
	unlink(in_root(a, "cos_custom/prometheus_alert_rules/c.rule"));

	put(a, "cos_custom/readme", "");
	CHECK_STR(load(a, &charm), NOSTR);
	CHECK(charm.n_custom == 0, "%zu files", charm.n_custom);
	CHECK_STR(strs_join(a, &charm.notes, "|"), S("custom COS directory cannot contain a file named readme"));
	unlink(in_root(a, "cos_custom/readme"));
	mkdir(in_root(a, "cos_custom/other"), 0755);
	CHECK_STR(load(a, &charm), NOSTR);
	CHECK_STR(strs_join(a, &charm.notes, "|"), S("custom COS directory cannot contain a subdirectory named other"));
	rmdir(in_root(a, "cos_custom/other"));
	put(a, "cos_custom/grafana_dashboards.json", "");
	CHECK_STR(load(a, &charm), NOSTR);
	CHECK(charm.notes.n == 1, "a file that begins like a folder");
}

int main(void)
{
	struct arena *a = arena_new();

	test_values(a);
	test_messages(a);
	test_paas_config(a);
	if (!mkdtemp(root)) {
		perror(root);
		return 1;
	}
	test_charm(a);
	test_containers(a);
	test_charmcraft(a);
	test_custom(a);
	if (system(str_c(a, str_f(a, "rm -r %s", root))) != 0)
		perror(root);
	arena_free(a);
	return TEST_END();
}
