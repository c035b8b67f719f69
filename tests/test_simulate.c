/* test_simulate.c: the simulator by itself: states that are read or refused, hook tools as the agent answers them, Pebble in memory. */
#include "test.h"

#include <stdlib.h>

#include "../world.h"

/* --- A charm with one of everything. --- */
static struct endpoint endpoints[] = {
	{ .name = { "db", 2 }, .interface = { "postgresql_client", 17 }, .role = ROLE_REQUIRES, .limit = -1 },
	{ .name = { "web", 3 }, .interface = { "http", 4 }, .role = ROLE_PROVIDES, .limit = -1 },
	{ .name = { "peers", 5 }, .interface = { "peers", 5 }, .role = ROLE_PEERS, .limit = -1 },
};

static struct option option(const char *name, enum option_type type, const char *type_name)
{
	return (struct option){ .name = str_of(name), .type = type, .type_name = str_of(type_name) };
}

static struct charm *charm_make(struct arena *a)
{
	struct charm *c = NEW(a, struct charm);

	c->name = S("shop");
	c->endpoints = endpoints;
	c->n_endpoints = LEN(endpoints);
	c->options = arena_alloc(a, 5 * sizeof *c->options);
	c->options[0] = option("size", OPTION_INT, "int");
	c->options[0].fallback = node_int(a, 7);
	c->options[1] = option("title", OPTION_STRING, "string");
	c->options[2] = option("fast", OPTION_BOOL, "boolean");
	c->options[3] = option("ratio", OPTION_FLOAT, "float");
	c->options[4] = option("key", OPTION_SECRET, "secret");
	c->n_options = 5;
	strs_add(a, &c->actions, S("rotate"));
	strs_add(a, &c->containers, S("app"));
	strs_add(a, &c->containers, S("side"));
	return c;
}

struct tried { struct arena *a; struct charm *charm; struct simulator *s; struct err err; int rc; };

static struct tried world_of(const char *text)
{
	struct tried w = { .a = arena_new() };

	w.err.arena = w.a;
	w.charm = charm_make(w.a);
	w.rc = simulator_load(w.a, exact(w.a, text), "s.yaml", w.charm, &w.s, &w.err);
	return w;
}

/* --- States that are refused: one line, with the place. --- */
static const struct { const char *name, *text, *want; } bad[] = {
	{ "an unknown key", "leader: true\nreleations: []\n", "s.yaml:2:" },
	{ "the key is named", "releations: []\n", "unknown key 'releations'; known: app, unit, leader" },
	{ "a list at the top", "- 1\n", "expected a map, got a list" },
	{ "not YAML", "a: [\n", "s.yaml:2:" },
	{ "leader is no word", "leader: maybe\n", "leader: expected true or false, got a string" },
	{ "relations are a list", "relations: {}\n", "relations: expected a list of maps" },
	{ "a relation is a map", "relations: [1]\n", "relations[0]: expected a map" },
	{ "an endpoint is needed", "relations: [{id: 1}]\n", "relations[0]: no endpoint" },
	{ "an endpoint of the charm", "relations: [{endpoint: x}]\n", "the charm has no endpoint 'x'; it has: db, web, peers" },
	{ "ids are numbers", "relations: [{endpoint: db, id: one}]\n", "relations[0].id: expected a whole number" },
	{ "ids are not negative", "relations: [{endpoint: db, id: -1}]\n", "relations[0].id: expected a whole number" },
	{ "ids are not huge", "relations: [{endpoint: db, id: 3000000000}]\n", "relations[0].id: expected a whole number" },
	{ "ids are unique", "relations: [{endpoint: db, id: 1}, {endpoint: web, id: 1}]\n", "id 1 is taken" },
	{ "peers have no other application", "relations: [{endpoint: peers, remote_app_data: {}}]\n", "remote_app_data is not for a peer relation" },
	{ "only peers have peers", "relations: [{endpoint: db, peers_data: {}}]\n", "peers_data is not for relations but peers" },
	{ "a databag holds texts", "relations: [{endpoint: db, remote_app_data: {a: true}}]\n", "remote_app_data.a: expected text, got a boolean" },
	{ "a databag is a map", "relations: [{endpoint: db, remote_app_data: [a]}]\n", "expected a map of texts" },
	{ "units' bags are a map", "relations: [{endpoint: db, remote_units_data: []}]\n", "expected a map of unit numbers" },
	{ "a databag is UTF-8", "relations: [{endpoint: db, remote_app_data: {a: \"\\xff\"}}]\nleader: 1\n", "leader: expected true or false" },
	{ "services' states are a map", "containers: [{name: app, service_statuses: []}]\n", "expected a map of services" },
	{ "files are a map", "containers: [{name: app, files: []}]\n", "expected a map of paths" },
	{ "units are numbers", "relations: [{endpoint: db, remote_units_data: {x/0: {}}}]\n", "'x/0' is no unit number" },
	{ "a unit's bag is a map", "relations: [{endpoint: db, remote_units_data: {0: 1}}]\n", "remote_units_data.0: expected a map of texts" },
	{ "an unknown option", "config: {colour: red}\n", "the charm has no option 'colour'" },
	{ "an option of another type", "config: {size: big}\n", "config.size: the option's type is int, got a string" },
	{ "text is no number", "config: {title: 5}\n", "config.title: the option's type is string" },
	{ "a boolean is no text", "config: {fast: 'yes'}\n", "config.fast: the option's type is boolean" },
	{ "a container of the charm", "containers: [{name: x}]\n", "the charm has no container 'x'; it has: app, side" },
	{ "a container has a name", "containers: [{can_connect: true}]\n", "containers[0]: no name" },
	{ "a container is there once", "containers: [{name: app}, {name: app}]\n", "container 'app' is there twice" },
	{ "a layer says how it overrides", "containers: [{name: app, layers: {a: {services: {x: {command: y}}}}}]\n",
	  "layer \"a\" must define \"override\" for service \"x\"" },
	{ "an override is a known word", "containers: [{name: app, layers: {a: {services: {x: {command: y, override: add}}}}}]\n",
	  "invalid \"override\" value for service \"x\"" },
	{ "a service has a command", "containers: [{name: app, layers: {a: {services: {x: {override: replace}}}}}]\n",
	  "plan must define \"command\" for service \"x\"" },
	{ "a layer is a map", "containers: [{name: app, layers: {a: 1}}]\n", "layer \"a\" is no map" },
	{ "a layer's sections are known", "containers: [{name: app, layers: {a: {service: {}}}}]\n", "unknown section \"service\"" },
	{ "a layer's services are a map", "containers: [{name: app, layers: {a: {services: [x]}}}]\n", "services is no map" },
	{ "a service is a map", "containers: [{name: app, layers: {a: {services: {x: y}}}}]\n", "service \"x\" is no map" },
	{ "a service's state is a known word", "containers: [{name: app, service_statuses: {x: up}}]\n", "expected active, inactive, error or backoff" },
	{ "paths are absolute", "containers: [{name: app, files: {a: b}}]\n", "'a' is no absolute path" },
	{ "a script has a prefix", "containers: [{name: app, execs: [{return_code: 1}]}]\n", "execs: no command_prefix" },
	{ "a prefix is a list", "containers: [{name: app, execs: [{command_prefix: ls}]}]\n", "expected a list of texts" },
	{ "a secret has an id", "secrets: [{tracked_content: {a: b}}]\n", "secrets[0]: no id" },
	{ "a secret has content", "secrets: [{id: x}]\n", "secrets[0]: no tracked_content" },
	{ "a secret's owner is a known word", "secrets: [{id: x, owner: me, tracked_content: {}}]\n", "owner: expected app, unit or null" },
	{ "a status is a known word", "unit_status: {name: fine}\n", "no status: 'fine'" },
	{ "a port is in range", "opened_ports: [70000]\n", "no port" },
	{ "a port's protocol is known", "opened_ports: [80/sctp]\n", "no port" },
	{ "ports are a list", "opened_ports: 80\n", "expected a list of ports" },
	{ "a port's keys are known", "opened_ports: [{number: 80}]\n", "unknown key 'number'" },
	{ "a unit has a number", "unit: shop\n", "unit: expected a number" },
	{ "unit and app agree", "app: a\nunit: b/0\n", "'b/0' is no unit of app 'a'" },
	{ "an app has a name", "app: ''\n", "app: an empty name" },
};

static void test_bad(void)
{
	for (size_t i = 0; i < LEN(bad); i++) {
		struct tried w = world_of(bad[i].text);
		struct str msg = str_of(w.err.msg);

		CHECK(w.rc < 0, "%s: taken", bad[i].name);
		CHECK(w.rc < 0 && str_contains(msg, str_of(bad[i].want)), "%s: '" FMT "'", bad[i].name, ARG(msg));
		CHECK(w.rc < 0 && str_starts(msg, "s.yaml:") && w.err.kind == ERR_INPUT, "%s: '" FMT "'", bad[i].name, ARG(msg));
		CHECK(str_find(msg, '\n') < 0, "%s: several lines", bad[i].name);
		arena_free(w.a);
	}
}

/* --- What is filled in. --- */
static void test_defaults(void)
{
	struct tried w = world_of("");
	struct node *state;

	CHECK(w.rc == 0, "%s", w.err.msg);
	state = simulator_state(w.s);
	CHECK_STR(node_gets(state, "app"), S("shop"));
	CHECK_STR(node_gets(state, "unit"), S("0"));
	CHECK_STR(node_gets(state, "juju_version"), S("3.6.0"));
	CHECK_STR(node_gets(node_get(state, "model"), "name"), S("local"));
	CHECK_STR(node_gets(node_get(state, "unit_status"), "name"), S("unknown"));
	CHECK(node_true(node_get(state, "leader")), "no leader");
	arena_free(w.a);

	w = world_of("unit: store/3\njuju_version: 3.1\nopened_ports: [80, 53/udp, icmp, {port: 443}, {port: 5, protocol: udp}]\n"
	             "relations: [{endpoint: db, id: 2}, {endpoint: db}, {endpoint: peers}, {endpoint: web, remote_units_data: {}}]\n"
	             "containers: [{name: side, files: {/a/: }, execs: null}]\nsecrets: null\nconfig: {size: null, ratio: 2}\n");
	CHECK(w.rc == 0, "%s", w.err.msg);
	state = simulator_state(w.s);
	CHECK_STR(node_gets(state, "app"), S("store"));
	CHECK_STR(node_gets(state, "unit"), S("3"));
	CHECK_STR(node_gets(state, "juju_version"), S("3.1"));
	CHECK_STR(json_text(w.a, node_get(state, "opened_ports"), JSON_COMPACT), S("[\"80/tcp\",\"53/udp\",\"icmp\",\"443/tcp\",\"5/udp\"]"));
	CHECK_STR(json_text(w.a, node_get(state, "relations")->child->next, JSON_COMPACT),
	          S("{\"endpoint\":\"db\",\"id\":1,\"local_app_data\":{},\"local_unit_data\":{},\"remote_app_name\":\"remote\","
	            "\"remote_app_data\":{},\"remote_units_data\":{\"0\":{}}}"));
	CHECK_STR(node_gets(node_get(state, "relations")->child->next->next, "id"), S("3"));
	CHECK(node_get(node_get(state, "relations")->last, "remote_units_data")->count == 0, "a unit too many");
	CHECK(!node_get(node_get(state, "config"), "size"), "null is a value");
	CHECK_STR(json_text(w.a, node_get(state, "containers"), JSON_COMPACT), S("[{\"name\":\"side\",\"files\":{\"/a/\":\"\"},\"can_connect\":true}]"));
	arena_free(w.a);
}

/* What simulator_state gives is a state that is the same again. */
static void test_round_trip(void)
{
	struct tried w = world_of("relations: [{endpoint: db, remote_app_data: {a: '1'}}]\nsecrets: [{id: x, tracked_content: {a: b}}]\nopened_ports: [80]\n"
	                          "containers: [{name: app, layers: {l: {services: {x: {override: merge, command: y}}}}}]\n"), again;
	struct buf text = { .arena = w.a };

	CHECK(w.rc == 0, "%s", w.err.msg);
	yaml_write(&text, simulator_state(w.s));
	again = world_of(str_c(w.a, buf_str(&text)));
	CHECK(again.rc == 0, "%s", again.err.msg);
	CHECK(again.rc == 0 && node_equal(simulator_state(w.s), simulator_state(again.s)), "it differs: " FMT, ARG(buf_str(&text)));
	arena_free(again.a);
	arena_free(w.a);
}

/* --- Events. --- */
static const char *const events_state =
	"unit: 2\nmodel: {name: m, http_proxy: 'http://p'}\nrelations: [{endpoint: db, id: 4, remote_app_name: pg, remote_units_data: {7: {}, 8: {}}}, "
	"{endpoint: web, id: 5}, {endpoint: web, id: 6}, {endpoint: peers, id: 9, peers_data: {1: {}}}]\n";
static const struct { const char *event; int rc; const char *want; } events[] = {
	{ "config-changed", 0, "config-changed - -1 - -" },
	{ "rotate", 0, "rotate action -1 - -" },
	{ "db-relation-changed", 0, "db-relation-changed db 4 pg pg/7" },
	{ "db-relation-changed:4", 0, "db-relation-changed db 4 pg pg/7" },
	{ "db-relation-created", 0, "db-relation-created db 4 pg -" },
	{ "db-relation-broken", 0, "db-relation-broken db 4 pg -" },
	{ "web-relation-joined:6", 0, "web-relation-joined web 6 remote remote/0" },
	{ "peers-relation-changed", 0, "peers-relation-changed peers 9 shop shop/1" },
	{ "app-pebble-ready", 0, "app-pebble-ready - -1 - -" },
	{ "data-storage-attached", 0, "data-storage-attached - -1 - -" },
	{ "confg-changed", 1, "confg-changed - -1 - -" },
	{ "web-relation-changed", -1, "several relations: append :ID, one of 5, 6" },
	{ "db-relation-changed:5", -1, "no relation 5 of endpoint 'db'" },
	{ "cache-relation-changed", -1, "the charm has no endpoint 'cache'" },
	{ "x-pebble-ready", -1, "the charm has no container 'x'" },
	{ "db-relation-changed:x", -1, "what follows the colon" },
	{ "config-changed:3", -1, "only a relation's event has an id" },
};

static void test_events(void)
{
	struct tried w = world_of(events_state);

	CHECK(w.rc == 0, "%s", w.err.msg);
	for (size_t i = 0; i < LEN(events); i++) {
		struct hook h;
		int rc;
		struct str got;

		err_clear(&w.err);
		rc = simulator_hook(w.s, exact(w.a, events[i].event), &h, &w.err);
		CHECK(rc == events[i].rc, "%s: %d", events[i].event, rc);
		got = rc < 0 ? str_of(w.err.msg) : str_f(w.a, FMT " " FMT " %d " FMT " " FMT, ARG(h.event),
		      ARG(h.action ? S("action") : h.endpoint.n ? h.endpoint : S("-")), h.relation_id, ARG(h.remote_app.n ? h.remote_app : S("-")),
		      ARG(h.remote_unit.n ? h.remote_unit : S("-")));
		CHECK(rc < 0 ? str_contains(got, str_of(events[i].want)) : str_is(got, events[i].want), "%s: " FMT, events[i].event, ARG(got));
		if (rc == 0) {
			CHECK_STR(h.unit, S("shop/2"));
			CHECK_STR(h.model, S("m"));
			CHECK_STR(h.http_proxy, S("http://p"));
			CHECK_STR(h.hostname, S("shop-2"));
			CHECK_STR(h.fqdn, S("shop-2.shop-endpoints.m.svc.cluster.local"));
			CHECK(str_is(h.event, "db-relation-departed") == (h.departing_unit.n > 0), "%s: departing", events[i].event);
			CHECK(str_is(h.event, "app-pebble-ready") == (h.workload.n > 0), "%s: workload", events[i].event);
		}
	}
	arena_free(w.a);
}

/* --- Hook tools: a line is the words of a call, "< input" what it reads; the answer is output or message, and the code. --- */
static const char *const tools_state =
	"leader: true\naddress: 10.0.0.1\nconfig: {title: hi}\nopened_ports: [80]\nunit_status: {name: active, message: m}\n"
	"relations: [{endpoint: db, id: 10, remote_app_name: pg, local_app_data: {a: '1'}, local_unit_data: {u: '2'}, remote_app_data: {r: '3'}, "
	"remote_units_data: {0: {x: '4'}, 1: {}}, remote_model_uuid: other}, {endpoint: db, id: 9, remote_app_name: pg}, "
	"{endpoint: peers, id: 3, local_app_data: {k: v}, peers_data: {5: {p: q}}}]\n"
	"secrets: [{id: 'secret:abc', tracked_content: {k: old}, latest_content: {k: new}}, {id: def, label: mine, tracked_content: {z: y}}]\n";
struct call { const char *words, *want; int code; };
static const struct call calls[] = {
	{ "config-get --format=json", "{\"size\":7,\"title\":\"hi\"}\n", 0 },
	{ "is-leader --format=json", "true\n", 0 },
	{ "status-get --include-data --format=json --application=False", "{\"message\":\"m\",\"status\":\"active\",\"status-data\":{}}\n", 0 },
	{ "status-get --include-data --format=json --application=True",
	  "{\"application-status\":{\"message\":\"\",\"status\":\"unknown\",\"status-data\":{}}}\n", 0 },
	{ "opened-ports --format=json", "[\"80/tcp\"]\n", 0 },
	{ "relation-ids db --format=json", "[\"db:10\",\"db:9\"]\n", 0 },
	{ "relation-ids nothing --format=json", "[]\n", 0 },
	{ "relation-ids --format=json", "ERROR no endpoint name specified\n", 2 },
	{ "relation-list --format=json -r db:10", "[\"pg/0\",\"pg/1\"]\n", 0 },
	{ "relation-list --format=json -r peers:3", "[\"shop/5\"]\n", 0 },
	{ "relation-list --format=json --app -r db:10", "\"pg\"\n", 0 },
	{ "relation-list --format=json -r db:77", "ERROR invalid value \"db:77\" for option -r: relation not found\n", 2 },
	{ "relation-get --format=json -r db:10 --app - pg", "{\"r\":\"3\"}\n", 0 },
	{ "relation-get --format=json -r 10 --app - shop", "{\"a\":\"1\"}\n", 0 },
	{ "relation-get --format=json -r db:10 - shop/0", "{\"u\":\"2\"}\n", 0 },
	{ "relation-get --format=json -r db:10 - pg/0", "{\"x\":\"4\"}\n", 0 },
	{ "relation-get --format=json -r db:10 --app - pg/0", "{\"r\":\"3\"}\n", 0 },
	{ "relation-get --format=json -r db:10 x pg/0", "\"4\"\n", 0 },
	{ "relation-get --format=json -r db:10 y pg/0", "null\n", 0 },
	{ "relation-get --format=json -r peers:3 --app - shop", "{\"k\":\"v\"}\n", 0 },
	{ "relation-get --format=json -r peers:3 - shop/5", "{\"p\":\"q\"}\n", 0 },
	{ "relation-get --format=json -r db:10 - pg/7", "ERROR permission denied\n", 1 },
	{ "relation-get --format=json -r db:10 --app - mysql", "ERROR permission denied\n", 1 },
	{ "relation-get --format=json -r db:10 - pg", "ERROR expected unit name, got application name \"pg\"\n", 1 },
	{ "relation-get --format=json -r db:10 -", "ERROR no unit or application specified\n", 2 },
	{ "relation-get --format=json -r db:77 - pg/0", "ERROR invalid value \"db:77\" for option -r: relation not found\n", 2 },
	{ "relation-get - pg/0 -r", "ERROR flag needs an argument: -r\n", 2 },
	{ "relation-model-get --format=json -r db:10", "{\"uuid\":\"other\"}\n", 0 },
	{ "relation-model-get --format=json -r db:9", "{\"uuid\":\"00000000-0000-4000-8000-000000000001\"}\n", 0 },
	{ "relation-model-get --format=json -r db:1", "ERROR invalid value \"db:1\" for option -r: relation not found\n", 2 },
	{ "network-get --format=json -r db:10 db",
	  "{\"bind-addresses\":[{\"interface-name\":\"eth0\",\"addresses\":[{\"value\":\"10.0.0.1\"}]}],\"ingress-addresses\":[\"10.0.0.1\"]}\n", 0 },
	{ "network-get --format=json x", "ERROR no network config found for binding \"x\"\n", 1 },
	{ "secret-get --format=json secret:abc", "{\"k\":\"old\"}\n", 0 },
	{ "secret-get --format=json secret:abc --peek", "{\"k\":\"new\"}\n", 0 },
	{ "secret-get --format=json secret://model/abc --label here --refresh", "{\"k\":\"new\"}\n", 0 },
	{ "secret-get --format=json --label here", "{\"k\":\"new\"}\n", 0 },
	{ "secret-get --format=json --label mine", "{\"z\":\"y\"}\n", 0 },
	{ "secret-get --format=json def", "{\"z\":\"y\"}\n", 0 },
	{ "secret-get --format=json secret:none", "ERROR secret \"none\" not found\n", 1 },
	{ "secret-get --format=json --label none", "ERROR secret \"none\" not found\n", 1 },
	{ "secret-get --format=json", "ERROR require either a secret URI or label\n", 2 },
	{ "secret-get --format=json abc --peek --refresh", "ERROR specify one of --peek or --refresh but not both\n", 2 },
	{ "status-set --application=False blocked -- because", "", 0 },
	{ "status-get --format=json", "{\"message\":\"because\",\"status\":\"blocked\",\"status-data\":{}}\n", 0 },
	{ "status-set --application=True waiting", "", 0 },
	{ "status-set --application=False fine", "ERROR invalid status \"fine\", expected one of [maintenance blocked waiting active]\n", 1 },
	{ "open-port 8000", "", 0 },
	{ "open-port 8000/tcp", "", 0 },
	{ "close-port 80/tcp", "", 0 },
	{ "opened-ports --format=json", "[\"8000/tcp\"]\n", 0 },
	{ "open-port", "ERROR no port or range specified\n", 2 },
	{ "relation-set -r db:10 --app --file - < {\"a\": \"\", \"b\": \"2\"}", "", 0 },
	{ "relation-get --format=json -r db:10 --app - shop", "{\"b\":\"2\"}\n", 0 },
	{ "relation-set -r db:10 --file - < {\"n\": \"1\"}", "", 0 },
	{ "relation-get --format=json -r db:10 - shop/0", "{\"u\":\"2\",\"n\":\"1\"}\n", 0 },
	{ "relation-set -r db:10 --file - < [1]", "ERROR expected a map on standard input\n", 1 },
	{ "relation-set -r db:10 a=b", "ERROR expected a map on standard input\n", 1 },
	{ "relation-set -r db:77 --file - < {}", "ERROR invalid value \"db:77\" for option -r: relation not found\n", 2 },
	{ "action-get --format=json", "ERROR not running an action\n", 1 },
	{ "action-set a=b", "ERROR not running an action\n", 1 },
	{ "action-fail -- no", "ERROR not running an action\n", 1 },
	{ "juju-log --log-level WARNING -- --careful", "", 0 },
	{ "leader-get", "ERROR unknown command: leader-get\n", 1 },
};
static const struct call follower_calls[] = {
	{ "is-leader --format=json", "false\n", 0 },
	{ "status-get --application=true", "ERROR finding application status: this unit is not the leader\n", 1 },
	{ "status-set --application=True active", "ERROR setting application status: this unit is not the leader\n", 1 },
	{ "relation-get -r db:10 --app - shop", "ERROR permission denied\n", 1 },
	{ "relation-get -r peers:3 --app - shop", "{\"k\":\"v\"}\n", 0 },
	{ "relation-set -r db:10 --app --file - < {a: b}", "ERROR cannot write relation settings\n", 1 },
};
static const struct call action_calls[] = {
	{ "action-get --format=json", "{\"name\":\"ada\",\"n\":5}\n", 0 },
	{ "action-set a=b c.d=e=f", "", 0 },
	{ "action-set word", "ERROR argument \"word\" must be of the form key...=value\n", 2 },
	{ "action-fail", "", 0 },
	{ "action-fail -- it did", "", 0 },
};

/* Words by blanks; all after "--" or "<" is one word. */
static void call_run(struct tried *w, struct carrier *carrier, const struct call *c)
{
	const char *argv[16] = { 0 };
	struct str rest = str_of(c->words), word;
	struct tool_call call = { .argv = argv, .code = -1 };
	size_t n = 0;

	while (n < LEN(argv) - 1 && str_split(&rest, ' ', &word)) {
		if (str_is(word, "<")) {
			call.input = rest;
			break;
		}
		argv[n++] = str_c(w->a, word);
		if (str_is(word, "--")) {
			argv[n++] = str_c(w->a, rest);
			break;
		}
	}
	CHECK(carrier->run(carrier, &call, 1, &w->err) == 0, "%s: %s", c->words, w->err.msg);
	CHECK(call.code == c->code, "%s: code %d", c->words, call.code);
	CHECK(str_is(call.code ? call.message : call.output, c->want), "%s: '" FMT "'", c->words, ARG(call.code ? call.message : call.output));
}

static struct hook begin(struct tried *w, const char *event)
{
	struct hook h;

	simulator_hook(w->s, str_of(event), &h, &w->err);
	simulator_begin(w->s, &h);
	return h;
}

static void run_calls(struct tried *w, const char *event, const struct call *list, size_t n)
{
	struct carrier *carrier;

	CHECK(w->rc == 0, "%s", w->err.msg);
	begin(w, event);
	carrier = simulator_carrier(w->s);
	for (size_t i = 0; i < n; i++)
		call_run(w, carrier, &list[i]);
	carrier->close(carrier);
}

static void test_tools(void)
{
	struct tried w = world_of(tools_state);
	const struct node *journal;

	run_calls(&w, "config-changed", calls, LEN(calls));
	journal = simulator_journal(w.s);
	CHECK_STR(json_text(w.a, journal->child, JSON_COMPACT), S("{\"kind\":\"status-set\",\"of\":\"unit\",\"status\":\"blocked\",\"message\":\"because\"}"));
	CHECK_STR(json_text(w.a, journal->last, JSON_COMPACT), S("{\"kind\":\"log\",\"level\":\"WARNING\",\"message\":\"--careful\"}"));
	CHECK(journal->count == 8, "%zu entries", journal->count);
	arena_free(w.a);

	w = world_of(tools_state);
	node_put(w.a, w.s->state, S("leader"), node_bool(w.a, false));
	run_calls(&w, "config-changed", follower_calls, LEN(follower_calls));
	CHECK(simulator_journal(w.s)->count == 0, "a refused call is in the journal");
	arena_free(w.a);

	w = world_of(tools_state);
	simulator_param(w.s, S("name"), S("ada"));
	simulator_param(w.s, S("n"), S("5"));
	run_calls(&w, "rotate", action_calls, LEN(action_calls));
	CHECK_STR(json_text(w.a, simulator_journal(w.s)->child, JSON_COMPACT), S("{\"kind\":\"action-set\",\"results\":{\"a\":\"b\",\"c.d\":\"e=f\"}}"));
	CHECK_STR(node_gets(simulator_journal(w.s)->child->next, "message"), S("action failed without reason given, check action for errors"));
	CHECK_STR(node_gets(simulator_journal(w.s)->last, "message"), S("it did"));
	arena_free(w.a);
}

/* What Juju buffers is dropped with a failed hook; a status is not. */
static const struct call writes[] = {
	{ "status-set --application=False blocked", "", 0 },
	{ "open-port 8000/tcp", "", 0 },
	{ "relation-set -r db:10 --file - < {n: '1'}", "", 0 },
	{ "secret-get abc --refresh", "{\"k\":\"new\"}\n", 0 },
};

static void test_end(void)
{
	for (int code = 0; code < 2; code++) {
		struct tried w = world_of(tools_state);
		struct node *relation;

		run_calls(&w, "config-changed", writes, LEN(writes));
		simulator_end(w.s, code);
		relation = state_relation(w.s, S("db"), 10);
		CHECK_STR(node_gets(node_get(w.s->state, "unit_status"), "name"), S("blocked"));
		CHECK(node_get(w.s->state, "opened_ports")->count == (code ? 1 : 2), "code %d: ports", code);
		CHECK_STR(node_gets(node_get(relation, "local_unit_data"), "n"), code ? NOSTR : S("1"));
		CHECK_STR(node_gets(node_get(node_get(w.s->state, "secrets")->child, "tracked_content"), "k"), code ? S("old") : S("new"));
		begin(&w, "db-relation-broken:10");
		simulator_end(w.s, code);
		CHECK((state_relation(w.s, S("db"), 10) == NULL) == (code == 0), "code %d: the broken relation", code);
		CHECK(state_relation(w.s, S("db"), 9) != NULL, "code %d: another relation went with it", code);
		CHECK(state_relation(w.s, S("web"), 9) == NULL, "an id of another endpoint");
		arena_free(w.a);
	}
}

/* --- Changes from the command line. --- */
static const struct { const char *option, *value, *want; } sets[] = {
	{ "size", "12", "12" }, { "fast", "yes", "true" }, { "fast", "false", "false" }, { "ratio", "1.5", "1.5" }, { "ratio", "2", "2" },
	{ "title", "12", "\"12\"" }, { "title", "", "\"\"" }, { "key", "secret:x", "\"secret:x\"" }, { "title", "null", NULL },
	{ "size", "big", "!size: the option's type is int, got a string" }, { "size", "1.5", "!size: the option's type is int" },
	{ "fast", "maybe", "!type is boolean" }, { "ratio", "x", "!type is float" }, { "colour", "red", "!the charm has no such option" },
	{ "size", "[", "!size: the option's type is int" },
};

static void test_set(void)
{
	struct tried w = world_of("config: {title: there}\n");

	for (size_t i = 0; i < LEN(sets); i++) {
		int rc = simulator_set(w.s, exact(w.a, sets[i].option), exact(w.a, sets[i].value), &w.err);
		const struct node *value = node_get(node_get(w.s->state, "config"), sets[i].option);

		if (sets[i].want && sets[i].want[0] == '!')
			CHECK(rc < 0 && str_contains(str_of(w.err.msg), str_of(sets[i].want + 1)), "%s=%s: %s", sets[i].option, sets[i].value, w.err.msg);
		else if (sets[i].want)
			CHECK(rc == 0 && str_is(json_text(w.a, value, JSON_COMPACT), sets[i].want), "%s=%s", sets[i].option, sets[i].value);
		else
			CHECK(rc == 0 && !value, "%s=%s is still there", sets[i].option, sets[i].value);
	}
	arena_free(w.a);
}

/* A relation with what a provider of the interface would write. */
static void test_example(void)
{
	struct tried w = world_of("relations: [{endpoint: db, id: 1}]\n");

	CHECK(relate_example(w.s, S("db"), &w.err) == 0, "%s", w.err.msg);
	CHECK_STR(node_gets(node_get(state_relation(w.s, S("db"), 2), "remote_app_data"), "database"), S("shop"));
	CHECK(node_get(w.s->state, "secrets")->count == 1, "its secret");
	CHECK(relate_example(w.s, S("web"), &w.err) < 0 && strstr(w.err.msg, "no example data for interface http"), "%s", w.err.msg);
	CHECK(relate_example(w.s, S("redis"), &w.err) < 0 && strstr(w.err.msg, "it has: db, web, peers; write under requires in charmcraft.yaml: redis: {interface: redis, "), "%s", w.err.msg);
	CHECK(relate_example(w.s, S("nothing"), &w.err) < 0 && strstr(w.err.msg, "it has: db, web, peers") && !strstr(w.err.msg, "write"), "%s", w.err.msg);
	arena_free(w.a);
}

static void test_relate(void)
{
	struct tried w = world_of("relations: [{endpoint: db, id: 1}]\n");
	struct node *relation, *secret;

	yaml_parse(w.a, S("{endpoint: db, remote_app_data: {a: b}}"), "t", &relation, &w.err);
	CHECK(simulator_relate(w.s, relation, &w.err) == 0, "%s", w.err.msg);
	CHECK_STR(node_gets(node_get(state_relation(w.s, S("db"), 2), "remote_app_data"), "a"), S("b"));
	yaml_parse(w.a, S("{endpoint: nothing}"), "t", &relation, &w.err);
	CHECK(simulator_relate(w.s, relation, &w.err) < 0, "an endpoint that is not there");
	yaml_parse(w.a, S("{endpoint: db, colour: red}"), "t", &relation, &w.err);
	CHECK(simulator_relate(w.s, relation, &w.err) < 0, "a key that is not known");
	yaml_parse(w.a, S("{id: s, tracked_content: {a: b}}"), "t", &secret, &w.err);
	CHECK(simulator_secret(w.s, secret, &w.err) == 0, "%s", w.err.msg);
	CHECK_STR(node_gets(node_get(node_get(w.s->state, "secrets")->last, "latest_content"), "a"), S("b"));
	yaml_parse(w.a, S("{id: s}"), "t", &secret, &w.err);
	CHECK(simulator_secret(w.s, secret, &w.err) < 0, "a secret without content");
	arena_free(w.a);
}

/* --- Pebble. --- */
static const char *const pebble_state =
	"containers:\n"
	"- name: app\n"
	"  layers:\n"
	"    one: {services: {a: {override: replace, command: 'run a [ x ]', startup: enabled, environment: {A: '1'}, after: [b]}, "
	"b: {override: merge, command: run b}}}\n"
	"    two: {summary: s, services: {a: {override: merge, environment: {B: '2'}, after: [c], user: u, command: ''}, c: {override: replace, command: fail c}}, "
	"checks: {up: {override: replace, tcp: {port: 1}}}}\n"
	"  service_statuses: {b: active}\n"
	"  files: {/d/f: text, /d/sub/g: '', /e/: ''}\n"
	"  execs: [{command_prefix: [run], stdout: short}, {command_prefix: [run, it], stdout: out, stderr: err, return_code: 3}, "
	"{command_prefix: [fail], return_code: 9}]\n"
	"- {name: side, can_connect: false}\n";

static struct strs names(struct arena *a, const char *one, const char *two)
{
	struct strs list = { 0 };

	strs_add(a, &list, str_of(one));
	if (two)
		strs_add(a, &list, str_of(two));
	return list;
}

static struct str currents(struct tried *w, struct pebble *p)
{
	struct service *services;
	struct buf out = { .arena = w->a };
	size_t n;

	CHECK(p->ops->services(p, &services, &n, &w->err) == 0, "%s", w->err.msg);
	for (size_t i = 0; i < n; i++)
		buf_addf(&out, "%s" FMT ":" FMT ":" FMT, i ? " " : "", ARG(services[i].name), ARG(services[i].startup), ARG(services[i].current));
	return buf_str(&out);
}

static void add_layer(struct tried *w, struct pebble *p, const char *label, const char *text, const char *refused)
{
	struct node *layer;
	int rc;

	CHECK(yaml_parse(w->a, str_of(text), "layer", &layer, &w->err) == 0, "%s", w->err.msg);
	rc = p->ops->layer_add(p, str_of(label), layer, &w->err);
	if (refused)
		CHECK(rc < 0 && w->err.kind == ERR_BLOCKED && str_contains(str_of(w->err.msg), str_of(refused)), "%s: %s", text, w->err.msg);
	else
		CHECK(rc == 0, "%s: %s", text, w->err.msg);
}

static void test_plan(void)
{
	struct tried w = world_of(pebble_state);
	struct pebble *p;
	struct node *plan;

	CHECK(w.rc == 0, "%s", w.err.msg);
	p = simulator_pebble(w.s, S("app"));
	CHECK(p->ops->plan(p, &plan, &w.err) == 0, "%s", w.err.msg);
	CHECK_STR(json_text(w.a, plan, JSON_COMPACT), S("{\"services\":{\"a\":{\"override\":\"replace\",\"command\":\"run a [ x ]\",\"startup\":\"enabled\","
	          "\"environment\":{\"A\":\"1\",\"B\":\"2\"},\"after\":[\"b\",\"c\"],\"user\":\"u\"},\"b\":{\"override\":\"merge\",\"command\":\"run b\"},"
	          "\"c\":{\"override\":\"replace\",\"command\":\"fail c\"}},\"checks\":{\"up\":{\"override\":\"replace\",\"tcp\":{\"port\":1}}}}"));
	add_layer(&w, p, "three", "{services: {a: {override: replace, command: run z}}}", NULL);
	add_layer(&w, p, "three", "{services: {a: {override: merge, startup: enabled}}, log-targets: {l: {override: merge, type: loki}}}", NULL);
	plan = simulator_plan(w.s, S("app"));
	CHECK_STR(json_text(w.a, node_get(node_get(plan, "services"), "a"), JSON_COMPACT),
	          S("{\"override\":\"replace\",\"command\":\"run z\",\"startup\":\"enabled\"}"));
	CHECK_STR(json_text(w.a, node_get(plan, "log-targets"), JSON_COMPACT), S("{\"l\":{\"override\":\"merge\",\"type\":\"loki\"}}"));
	CHECK(node_get(node_get(w.s->state, "containers")->child, "layers")->count == 3, "layers of one label are one");
	add_layer(&w, p, "four", "{services: {a: {command: x}}}", "must define \"override\"");
	add_layer(&w, p, "four", "{services: {n: {override: replace}}}", "must define \"command\"");
	CHECK(node_equal(plan, simulator_plan(w.s, S("app"))), "a refused layer changed the plan");
	CHECK(simulator_plan(w.s, S("nothing"))->count == 0, "a plan of no container");
	arena_free(w.a);
}

static void test_services(void)
{
	struct tried w = world_of(pebble_state);
	struct pebble *p = simulator_pebble(w.s, S("app"));
	struct strs list;
	size_t before;

	CHECK_STR(currents(&w, p), S("a:enabled:inactive b:disabled:active c:disabled:inactive"));
	CHECK(p->ops->signal(p, "SIGHUP", S("a"), &w.err) < 0 && w.err.kind == ERR_BLOCKED, "a signal to a service that does not run");
	CHECK(p->ops->control(p, "replan", NULL, &w.err) == 0, "%s", w.err.msg);
	CHECK_STR(currents(&w, p), S("a:enabled:active b:disabled:active c:disabled:inactive"));
	CHECK_STR(json_text(w.a, simulator_journal(w.s), JSON_COMPACT),
	          S("[{\"kind\":\"replan\",\"container\":\"app\"},{\"kind\":\"start\",\"container\":\"app\",\"service\":\"a\"}]"));
	before = simulator_journal(w.s)->count;
	CHECK(p->ops->control(p, "replan", NULL, &w.err) == 0, "%s", w.err.msg);
	CHECK(simulator_journal(w.s)->count == before + 1, "a replan with nothing to do did something");
	add_layer(&w, p, "two", "{services: {a: {override: merge, user: v}}}", NULL);
	CHECK(p->ops->control(p, "autostart", NULL, &w.err) == 0, "%s", w.err.msg);
	CHECK(!str_is(node_gets(simulator_journal(w.s)->last, "kind"), "restart"), "autostart restarts");
	CHECK(p->ops->control(p, "replan", NULL, &w.err) == 0, "%s", w.err.msg);
	CHECK_STR(node_gets(simulator_journal(w.s)->last, "kind"), S("restart"));
	CHECK_STR(node_gets(simulator_journal(w.s)->last, "service"), S("a"));
	CHECK(p->ops->signal(p, "SIGHUP", S("a"), &w.err) == 0, "%s", w.err.msg);
	CHECK_STR(json_text(w.a, simulator_journal(w.s)->last, JSON_COMPACT),
	          S("{\"kind\":\"signal\",\"container\":\"app\",\"signal\":\"SIGHUP\",\"service\":\"a\"}"));
	list = names(w.a, "a", "b");
	CHECK(p->ops->control(p, "stop", &list, &w.err) == 0, "%s", w.err.msg);
	CHECK_STR(currents(&w, p), S("a:enabled:inactive b:disabled:inactive c:disabled:inactive"));
	list = names(w.a, "b", NULL);
	CHECK(p->ops->control(p, "start", &list, &w.err) == 0, "%s", w.err.msg);
	CHECK_STR(currents(&w, p), S("a:enabled:inactive b:disabled:active c:disabled:inactive"));
	list = names(w.a, "b", "zz");
	CHECK(p->ops->control(p, "stop", &list, &w.err) < 0 && str_contains(str_of(w.err.msg), S("service \"zz\" does not exist")), "%s", w.err.msg);
	CHECK_STR(currents(&w, p), S("a:enabled:inactive b:disabled:active c:disabled:inactive"));
	list = names(w.a, "c", NULL);
	CHECK(p->ops->control(p, "start", &list, &w.err) < 0 && w.err.kind == ERR_BLOCKED
	      && str_starts(str_of(w.err.msg), "service c failed to start\n") && str_contains(str_of(w.err.msg), S("exited quickly with code 9")),
	      "%s", w.err.msg);
	CHECK_STR(currents(&w, p), S("a:enabled:inactive b:disabled:active c:disabled:backoff"));
	/* One that fails does not keep the others from being tried; the first failure is told. */
	add_layer(&w, p, "five", "{services: {c: {override: merge, startup: enabled}, d: {override: replace, command: fail d, startup: enabled}}}", NULL);
	CHECK(p->ops->control(p, "replan", NULL, &w.err) < 0 && str_starts(str_of(w.err.msg), "service c failed"), "%s", w.err.msg);
	CHECK_STR(currents(&w, p), S("a:enabled:active b:disabled:active c:enabled:backoff d:enabled:backoff"));
	arena_free(w.a);
}

static void test_files(void)
{
	struct tried w = world_of(pebble_state);
	struct pebble *p = simulator_pebble(w.s, S("app"));
	struct file files[] = { { .path = S("/d/f") }, { .path = S("/none") }, { .path = S("/d") } };
	struct file written[] = { { .path = S("/new/x"), .content = S("y") }, { .path = S("/d"), .content = S("z") } };
	struct entry *entries;
	size_t n;
	bool found;

	CHECK(p->ops->read(p, files, LEN(files), &w.err) == 0, "%s", w.err.msg);
	CHECK(files[0].found && str_is(files[0].content, "text") && !files[0].error.n, "/d/f");
	CHECK(!files[1].found, "/none");
	CHECK(files[2].found && files[2].error.n, "a directory was read");
	CHECK(p->ops->write(p, written, 1, &w.err) == 0, "%s", w.err.msg);
	CHECK_STR(json_text(w.a, simulator_journal(w.s)->last, JSON_COMPACT),
	          S("{\"kind\":\"file\",\"container\":\"app\",\"path\":\"/new/x\",\"content\":\"y\"}"));
	CHECK(p->ops->write(p, written + 1, 1, &w.err) < 0 && w.err.kind == ERR_BLOCKED, "a directory was written");
	files[0].path = S("/new/x");
	CHECK(p->ops->read(p, files, 1, &w.err) == 0 && str_is(files[0].content, "y"), "/new/x");
	CHECK(p->ops->list(p, S("/d"), &entries, &n, &found, &w.err) == 0 && found && n == 2, "%zu entries", n);
	CHECK(n == 2 && str_is(entries[0].name, "f") && str_is(entries[0].type, "file") && str_is(entries[1].name, "sub")
	      && str_is(entries[1].type, "directory"), "entries of /d");
	CHECK(p->ops->list(p, S("/e/"), &entries, &n, &found, &w.err) == 0 && found && n == 0, "an empty directory");
	CHECK(p->ops->list(p, S("/x"), &entries, &n, &found, &w.err) == 0 && !found && n == 0, "no directory");
	CHECK(p->ops->make_dir(p, S("/log"), NOSTR, NOSTR, &w.err) == 0, "%s", w.err.msg);
	CHECK(p->ops->list(p, S("/log"), &entries, &n, &found, &w.err) == 0 && found && n == 0, "the new directory");
	n = simulator_journal(w.s)->count;
	CHECK(p->ops->make_dir(p, S("/log"), NOSTR, NOSTR, &w.err) == 0 && simulator_journal(w.s)->count == n, "made twice");
	CHECK(p->ops->make_dir(p, S("/d/f"), NOSTR, NOSTR, &w.err) < 0 && w.err.kind == ERR_BLOCKED, "a file is no directory");
	CHECK(p->ops->remove(p, S("/d/f"), &w.err) == 0, "%s", w.err.msg);
	CHECK(simulator_journal(w.s)->count == n + 1, "a removal is not in the journal");
	CHECK(p->ops->remove(p, S("/d/f"), &w.err) == 0 && simulator_journal(w.s)->count == n + 1, "a missing file is no error, and no news");
	files[0].path = S("/d/f");
	CHECK(p->ops->read(p, files, 1, &w.err) == 0 && !files[0].found, "/d/f is still there");
	arena_free(w.a);
}

static void test_exec(void)
{
	struct tried w = world_of(pebble_state);
	struct pebble *p = simulator_pebble(w.s, S("app"));
	struct exec e = { .command = names(w.a, "run", "it"), .working_dir = S("/app"), .user = S("u") };
	struct exec_result r;

	CHECK(p->ops->exec(p, &e, &r, &w.err) == 0, "%s", w.err.msg);
	CHECK(r.code == 3 && str_is(r.output, "out") && str_is(r.error_output, "err"), "the longest prefix: %d", r.code);
	CHECK_STR(json_text(w.a, simulator_journal(w.s)->last, JSON_COMPACT),
	          S("{\"kind\":\"exec\",\"container\":\"app\",\"command\":[\"run\",\"it\"],\"working-dir\":\"/app\",\"user\":\"u\",\"code\":3}"));
	e.merge_stderr = true;
	CHECK(p->ops->exec(p, &e, &r, &w.err) == 0 && str_is(r.output, "outerr") && !r.error_output.n, "merged: '" FMT "'", ARG(r.output));
	e = (struct exec){ .command = names(w.a, "run", "else") };
	CHECK(p->ops->exec(p, &e, &r, &w.err) == 0 && r.code == 0 && str_is(r.output, "short"), "the shorter prefix");
	e = (struct exec){ .command = names(w.a, "unknown", NULL) };
	CHECK(p->ops->exec(p, &e, &r, &w.err) == 0 && r.code == 0 && !r.output.n && !r.error_output.n, "an unscripted command succeeds");
	arena_free(w.a);
}

/* A container that cannot be reached, and one that the state does not have, answer everything with a wait. */
static void test_unreachable(void)
{
	static const char *const containers[] = { "side", "nowhere" };
	struct tried w = world_of(pebble_state);

	for (size_t i = 0; i < LEN(containers); i++) {
		struct pebble *p = simulator_pebble(w.s, str_of(containers[i]));
		struct file f = { .path = S("/x") };
		struct node *plan;
		struct service *services;
		struct entry *entries;
		struct exec e = { .command = names(w.a, "x", NULL) };
		struct exec_result r;
		struct strs list = names(w.a, "x", NULL);
		size_t n;
		bool found;
		int refused = 0;

		refused += p->ops->plan(p, &plan, &w.err) < 0 && w.err.kind == ERR_WAITING;
		refused += p->ops->services(p, &services, &n, &w.err) < 0 && w.err.kind == ERR_WAITING;
		refused += p->ops->layer_add(p, S("l"), node_new(w.a, NODE_MAP), &w.err) < 0 && w.err.kind == ERR_WAITING;
		refused += p->ops->read(p, &f, 1, &w.err) < 0 && w.err.kind == ERR_WAITING;
		refused += p->ops->write(p, &f, 1, &w.err) < 0 && w.err.kind == ERR_WAITING;
		refused += p->ops->list(p, S("/"), &entries, &n, &found, &w.err) < 0 && w.err.kind == ERR_WAITING;
		refused += p->ops->make_dir(p, S("/x"), NOSTR, NOSTR, &w.err) < 0 && w.err.kind == ERR_WAITING;
		refused += p->ops->remove(p, S("/x"), &w.err) < 0 && w.err.kind == ERR_WAITING;
		refused += p->ops->control(p, "stop", &list, &w.err) < 0 && w.err.kind == ERR_WAITING;
		refused += p->ops->signal(p, "SIGHUP", S("x"), &w.err) < 0 && w.err.kind == ERR_WAITING;
		refused += p->ops->exec(p, &e, &r, &w.err) < 0 && w.err.kind == ERR_WAITING;
		CHECK(refused == 11, "%s: %d of 11 wait", containers[i], refused);
		p->ops->close(p);
	}
	arena_free(w.a);
}

static void test_schema(void)
{
	struct arena *a = arena_new();
	struct buf out = { .arena = a };

	simulator_schema(&out);
	CHECK(str_contains(buf_str(&out), S("\nrelations[].endpoint  text; as in the charm's metadata; needed\n")), FMT, ARG(buf_str(&out)));
	CHECK(str_contains(buf_str(&out), S("\nmodel.name  text; ")), "model.name");
	CHECK(str_contains(buf_str(&out), S("\ncontainers[].execs[].stdout  text\n")), "execs");
	arena_free(a);
}

int main(void)
{
	test_bad();
	test_defaults();
	test_round_trip();
	test_events();
	test_tools();
	test_end();
	test_set();
	test_relate();
	test_example();
	test_plan();
	test_services();
	test_files();
	test_exec();
	test_unreachable();
	test_schema();
	return TEST_END();
}
