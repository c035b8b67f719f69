/* The seam to Juju: the argument vectors of the typed calls, their answers and errors, over a carrier of our own; what the trace shows. */
#include "../juju.h"
#include "test.h"

#include <stdlib.h>
#include <unistd.h>

/* --- A carrier that notes what it is given and answers from a list. --- */

struct reply { int code; const char *output, *message; };
struct fake {
	struct carrier carrier;
	struct arena  *arena;
	struct buf     heard;          /* "tool|arg|arg<stdin" and a new line for each call; runs of several are joined by "&" */
	const struct reply *replies;   /* in order; the last one for all that follow; NULL: empty success */
	size_t         n_replies, n;
	size_t         breaks_at;      /* this run (from 1) fails */
	size_t         runs;
	bool           closed;
};

static int fake_run(struct carrier *c, struct tool_call *calls, size_t n, struct err *err)
{
	struct fake *f = (struct fake *)c;

	if (++f->runs == f->breaks_at)
		return err_set(err, ERR_RETRY, "the carrier broke");
	for (size_t i = 0; i < n; i++) {
		const struct reply *r = f->replies ? &f->replies[f->n < f->n_replies ? f->n : f->n_replies - 1] : &(struct reply){ 0 };

		if (i)
			buf_addc(&f->heard, '&');
		for (size_t k = 0; calls[i].argv[k]; k++)
			buf_addf(&f->heard, "%s%s", k ? "|" : "", calls[i].argv[k]);
		if (calls[i].input.p)
			buf_addf(&f->heard, "<" FMT, ARG(calls[i].input));
		calls[i].code = r->code;
		calls[i].output = exact(f->arena, r->output);
		calls[i].message = exact(f->arena, r->message);
		f->n++;
	}
	buf_addc(&f->heard, '\n');
	return 0;
}

static void fake_close(struct carrier *c)
{
	((struct fake *)c)->closed = true;
}

static struct juju *fake_juju(struct arena *a, struct fake *f, const struct reply *replies, size_t n)
{
	*f = (struct fake){ .carrier = { fake_run, fake_close }, .arena = a, .heard.arena = a, .replies = replies, .n_replies = n };
	return juju_new(a, &f->carrier, NULL);
}

/* --- Questions --- */

static void test_questions(struct arena *a)
{
	struct fake f;
	struct juju *j = fake_juju(a, &f, NULL, 0);
	struct err err = { .arena = a };

	CHECK(juju_answers(j, &err) == 0 && f.runs == 0, "nothing was asked, %zu runs", f.runs);
	ask_config(j);
	ask_leader(j);
	ask_status(j, false);
	ask_status(j, true);
	ask_ports(j);
	ask_relation_ids(j, S("db"));
	ask_relation_units(j, S("db"), 3);
	ask_relation_app(j, S("db"), 3);
	ask_databag(j, S("db"), 3, false, S("mysql/0"));
	ask_databag(j, S("db"), 3, true, S("mysql"));
	ask_relation_model(j, S("db"), 3);
	ask_network(j, S("db"), 3);
	ask_secret(j, S("secret:abc"), NOSTR, false);
	ask_secret(j, S("secret:abc"), S("l"), true);
	ask_secret(j, NOSTR, S("l"), false);
	ask_action_params(j);
	CHECK(f.runs == 0, "asked before time");
	CHECK(juju_answers(j, &err) == 0, "%s", err.msg);
	CHECK(juju_answers(j, &err) == 0 && f.runs == 1, "asked twice");
	CHECK_STR(buf_str(&f.heard), S(
		"config-get|--format=json&is-leader|--format=json&"
		"status-get|--include-data|--format=json|--application=false&status-get|--include-data|--format=json|--application=true&"
		"opened-ports|--format=json&relation-ids|db|--format=json&relation-list|--format=json|-r|db:3&"
		"relation-list|--format=json|--app|-r|db:3&relation-get|--format=json|-r|db:3|-|mysql/0&"
		"relation-get|--format=json|-r|db:3|--app|-|mysql&relation-model-get|--format=json|-r|db:3&"
		"network-get|--format=json|-r|3|db&secret-get|--format=json|secret:abc&"
		"secret-get|--format=json|secret:abc|--label|l|--refresh&secret-get|--format=json|--label|l&action-get|--format=json\n"));
}

/* --- Answers --- */

enum question { CONFIG, LEADER, STATUS, PORTS, IDS, UNITS, APP, BAG, MODEL, NETWORK, SECRET, PARAMS };

static struct ask *question(struct juju *j, enum question q)
{
	switch (q) {
	case CONFIG:  return ask_config(j);
	case LEADER:  return ask_leader(j);
	case STATUS:  return ask_status(j, false);
	case PORTS:   return ask_ports(j);
	case IDS:     return ask_relation_ids(j, S("db"));
	case UNITS:   return ask_relation_units(j, S("db"), 3);
	case APP:     return ask_relation_app(j, S("db"), 3);
	case BAG:     return ask_databag(j, S("db"), 3, false, S("mysql/0"));
	case MODEL:   return ask_relation_model(j, S("db"), 3);
	case NETWORK: return ask_network(j, S("db"), 3);
	case SECRET:  return ask_secret(j, S("secret:abc"), S("l"), true);
	default:      return ask_action_params(j);
	}
}

static const struct {
	const char   *name;
	enum question question;
	struct reply  reply;
	enum answer   kind;
	const char   *want;      /* the answer as JSON, or the error */
} answers[] = {
	{ "config", CONFIG, { 0, "{\"port\": 8000, \"x\": 1.5}\n", "" }, ANSWER_OK, "{\"port\":8000,\"x\":1.5}" },
	{ "no config", CONFIG, { 0, "null\n", "" }, ANSWER_OK, "{}" },
	{ "config as a list", CONFIG, { 0, "[]\n", "" }, ANSWER_OK, "config-get: the answer is a list of another shape" },
	{ "no JSON", CONFIG, { 0, "{\"\xff", "" }, ANSWER_OK, "config-get: the answer is no JSON" },
	{ "nothing", CONFIG, { 0, "", "" }, ANSWER_OK, "config-get: the answer is no JSON" },
	{ "leader", LEADER, { 0, "true\n", "" }, ANSWER_OK, "true" },
	{ "no bool", LEADER, { 0, "\"true\"\n", "" }, ANSWER_OK, "is-leader: the answer is a string of another shape" },
	{ "null is no bool", LEADER, { 0, "null\n", "" }, ANSWER_OK, "is-leader: the answer is null of another shape" },
	{ "leadership unknown", LEADER, { 1, "", "ERROR leadership status unknown\n" }, ANSWER_FAILED,
	  "is-leader: leadership status unknown" },
	{ "status", STATUS, { 0, "{\"message\":\"\",\"status\":\"unknown\",\"status-data\":{}}", "" }, ANSWER_OK,
	  "{\"message\":\"\",\"status\":\"unknown\",\"status-data\":{}}" },
	{ "not the leader", STATUS, { 1, "", "ERROR finding application status: this unit is Not The Leader\n" }, ANSWER_DENIED,
	  "status-get --include-data --application=false: finding application status: this unit is Not The Leader" },
	{ "ports", PORTS, { 0, "[\"icmp\",\"80/tcp\"]", "" }, ANSWER_OK, "[\"icmp\",\"80/tcp\"]" },
	{ "no ports", PORTS, { 0, "null", "" }, ANSWER_OK, "[]" },
	{ "ports as numbers", PORTS, { 0, "[80]", "" }, ANSWER_OK, "opened-ports: the answer is a list of another shape" },
	{ "an application", APP, { 0, "\"mysql\"", "" }, ANSWER_OK, "\"mysql\"" },
	{ "no application", APP, { 0, "null", "" }, ANSWER_OK, "relation-list --app -r db:3: the answer is null of another shape" },
	{ "a relation that is gone", APP, { 2, "", "ERROR invalid value \"db:3\" for option -r: Relation Not Found\n" }, ANSWER_NOT_FOUND,
	  "relation-list --app -r db:3: invalid value \"db:3\" for option -r: Relation Not Found" },
	{ "a databag", BAG, { 0, "{\"a\":\"1\"}", "" }, ANSWER_OK, "{\"a\":\"1\"}" },
	{ "no databag", BAG, { 0, "null", "" }, ANSWER_OK, "{}" },
	{ "a databag with a number", BAG, { 0, "{\"a\":1}", "" }, ANSWER_OK, "relation-get -r db:3 mysql/0: the answer is a map of another shape" },
	{ "a unit that is gone", BAG, { 1, "", "ERROR cannot read settings for unit \"mysql/0\": settings not found" }, ANSWER_NOT_FOUND,
	  "relation-get -r db:3 mysql/0: cannot read settings for unit \"mysql/0\": settings not found" },
	{ "something else not found", BAG, { 1, "", "ERROR application not found" }, ANSWER_FAILED,
	  "relation-get -r db:3 mysql/0: application not found" },
	{ "a databag of others", BAG, { 1, "", "ERROR permission denied" }, ANSWER_DENIED, "relation-get -r db:3 mysql/0: permission denied" },
	{ "access denied", BAG, { 1, "", "ERROR Access denied" }, ANSWER_DENIED, "relation-get -r db:3 mysql/0: Access denied" },
	{ "settings of others", BAG, { 1, "", "cannot write relation settings" }, ANSWER_DENIED,
	  "relation-get -r db:3 mysql/0: cannot write relation settings" },
	{ "settings not found of another tool", UNITS, { 1, "", "settings not found" }, ANSWER_FAILED,
	  "relation-list -r db:3: settings not found" },
	{ "a model", MODEL, { 0, "{\"uuid\":\"u\"}", "" }, ANSWER_OK, "{\"uuid\":\"u\"}" },
	{ "an old agent", MODEL, { 1, "", "bad request: unknown command: relation-model-get" }, ANSWER_FAILED,
	  "relation-model-get -r db:3: bad request: unknown command: relation-model-get" },
	{ "a network", NETWORK, { 0, "{\"ingress-addresses\":[\"1.2.3.4\"]}", "" }, ANSWER_OK, "{\"ingress-addresses\":[\"1.2.3.4\"]}" },
	{ "a network of a relation that is gone", NETWORK, { 1, "", "ERROR relation not found" }, ANSWER_NOT_FOUND,
	  "network-get -r 3 db: relation not found" },
	{ "a secret", SECRET, { 0, "{\"password\":\"p\"}", "" }, ANSWER_OK, "{\"password\":\"p\"}" },
	{ "no secret", SECRET, { 1, "", "ERROR secret \"abc\" not found\n" }, ANSWER_NOT_FOUND,
	  "secret-get secret:abc --label l --refresh: secret \"abc\" not found" },
	{ "a secret not granted", SECRET, { 1, "", "ERROR permission denied\n" }, ANSWER_DENIED,
	  "secret-get secret:abc --label l --refresh: permission denied" },
	{ "a relation's words about a secret", SECRET, { 1, "", "relation is broken" }, ANSWER_FAILED,
	  "secret-get secret:abc --label l --refresh: relation is broken" },
	{ "parameters", PARAMS, { 0, "{\"username\":\"x\"}", "" }, ANSWER_OK, "{\"username\":\"x\"}" },
	{ "no parameters", PARAMS, { 0, "null", "" }, ANSWER_OK, "{}" },
	{ "words of several lines", PARAMS, { 1, "", "  ERROR a\nb\n\n" }, ANSWER_FAILED, "action-get: a b" },
	{ "no words", PARAMS, { 1, "", "" }, ANSWER_FAILED, "action-get: " },
};

static void test_answers(struct arena *a)
{
	for (size_t i = 0; i < LEN(answers); i++) {
		struct fake f;
		struct juju *j = fake_juju(a, &f, &answers[i].reply, 1);
		struct err err = { .arena = a };
		struct ask *q = question(j, answers[i].question);
		struct node *n;
		struct str got;

		CHECK(juju_answers(j, &err) == 0, "%s", answers[i].name);
		CHECK(answer_kind(q) == answers[i].kind, "%s: kind %d", answers[i].name, answer_kind(q));
		got = answer_node(q, &n, &err) == 0 ? json_text(a, n, JSON_COMPACT) : str_of(err.msg);
		CHECK(str_is(got, answers[i].want), "%s: got '" FMT "'", answers[i].name, ARG(got));
		CHECK(err.kind == ERR_NONE || err.kind == ERR_RETRY, "%s: error of kind %d", answers[i].name, err.kind);
	}
}

static const struct { const char *name; enum question question; const char *output, *want; } lists[] = {
	{ "ids ascend", IDS, "[\"db:10\",\"db:7\",\"db:9\"]", "7 9 10 " },
	{ "equal ids", IDS, "[\"db:1\",\"db:1\"]", "1 1 " },
	{ "no ids", IDS, "[]", "" },
	{ "ids without endpoint", IDS, "[\"3\"]", "3 " },
	{ "an endpoint with a colon", IDS, "[\"a:b:3\"]", "3 " },
	{ "zero", IDS, "[\"db:0\"]", "0 " },
	{ "the largest id", IDS, "[\"db:2147483647\"]", "2147483647 " },
	{ "an id that is too large", IDS, "[\"db:2147483648\"]", "relation-ids db: the answer has another shape" },
	{ "a negative id", IDS, "[\"db:-1\"]", "relation-ids db: the answer has another shape" },
	{ "no number", IDS, "[\"db:x\"]", "relation-ids db: the answer has another shape" },
	{ "an empty id", IDS, "[\"\"]", "relation-ids db: the answer has another shape" },
	{ "no list", IDS, "{}", "relation-ids db: the answer is a map of another shape" },
	{ "units by number", UNITS, "[\"m/10\",\"m/9\",\"m/0\"]", "m/0 m/9 m/10 " },
	{ "no units", UNITS, "null", "" },
	{ "an application among units", UNITS, "[\"m/0\",\"m\"]", "relation-list -r db:3: the answer has another shape" },
	{ "a bare number among units", UNITS, "[\"3\"]", "relation-list -r db:3: the answer has another shape" },
	{ "a unit without application", UNITS, "[\"/3\"]", "relation-list -r db:3: the answer has another shape" },
	{ "a unit without number", UNITS, "[\"m/\"]", "relation-list -r db:3: the answer has another shape" },
	{ "units as a string", UNITS, "\"m/0\"", "relation-list -r db:3: the answer is a string of another shape" },
};

static void test_lists(struct arena *a)
{
	for (size_t i = 0; i < LEN(lists); i++) {
		struct reply reply = { 0, lists[i].output, "" };
		struct fake f;
		struct juju *j = fake_juju(a, &f, &reply, 1);
		struct err err = { .arena = a };
		struct ask *q = question(j, lists[i].question);
		struct buf got = { .arena = a };
		struct strs units = { 0 };
		size_t n = 0;
		int *ids, rc;

		juju_answers(j, &err);
		rc = lists[i].question == IDS ? answer_ids(q, &ids, &n, &err) : answer_units(q, &units, &err);
		for (size_t k = 0; rc == 0 && k < n; k++)
			buf_addf(&got, "%d ", ids[k]);
		for (size_t k = 0; rc == 0 && k < units.n; k++)
			buf_addf(&got, FMT " ", ARG(units.v[k]));
		if (rc < 0)
			buf_adds(&got, err.msg);
		CHECK(str_is(buf_str(&got), lists[i].want), "%s: got '" FMT "'", lists[i].name, ARG(buf_str(&got)));
	}
}

static void test_bool(struct arena *a)
{
	static const struct reply replies[] = { { 0, "true", "" }, { 0, "false", "" }, { 1, "", "no" } };
	struct err err = { .arena = a };

	for (size_t i = 0; i < LEN(replies); i++) {
		struct fake f;
		struct juju *j = fake_juju(a, &f, &replies[i], 1);
		struct ask *q = ask_leader(j);
		bool leader = i == 1;

		juju_answers(j, &err);
		CHECK(answer_bool(q, &leader, &err) == (i == 2 ? -1 : 0), "reply %zu", i);
		CHECK(leader == (i == 0), "reply %zu: %d", i, leader);
	}
}

/* Each answer goes to its question, and a question that was not sent has none. */
static void test_order(struct arena *a)
{
	static const struct reply replies[] = { { 0, "true", "" }, { 0, "[\"80/tcp\"]", "" }, { 1, "", "ERROR no" } };
	struct fake f;
	struct juju *j = fake_juju(a, &f, replies, LEN(replies));
	struct err err = { .arena = a };
	struct ask *leader = ask_leader(j), *ports = ask_ports(j), *config = ask_config(j), *late;
	struct node *n;

	CHECK(answer_kind(leader) == ANSWER_FAILED, "answered before it was asked");
	CHECK_STR(answer_message(leader), S("not asked"));
	juju_answers(j, &err);
	CHECK(answer_node(leader, &n, &err) == 0 && node_true(n), "leader");
	CHECK(answer_node(ports, &n, &err) == 0 && n->count == 1, "ports");
	CHECK(answer_kind(config) == ANSWER_FAILED, "config");
	CHECK_STR(answer_message(config), S("no"));
	late = ask_leader(j);
	f.breaks_at = 2;
	CHECK(juju_answers(j, &err) < 0 && err.kind == ERR_RETRY, "the carrier did not break");
	CHECK(answer_kind(late) == ANSWER_FAILED, "an answer from a broken carrier");
	CHECK(answer_node(late, &n, &err) < 0, "an answer from a broken carrier");
	CHECK(juju_answers(j, &err) == 0 && f.runs == 2, "asked again after the carrier broke");
}

/* --- Writing --- */

/* Told and sent at once. */
#define SENT(tell) ((tell), juju_flush(j, &err))

static struct node *map_of(struct arena *a, const char *json)
{
	struct err err = { .arena = a };
	struct node *n = NULL;

	if (json_parse(a, str_of(json), &n, &err) < 0)
		abort();
	return n;
}

static void test_writes(struct arena *a)
{
	struct fake f;
	struct juju *j = fake_juju(a, &f, NULL, 0);
	struct err err = { .arena = a };

	CHECK(SENT(juju_status_set(j, false, S("active"), S(""))) == 0, "status");
	CHECK(SENT(juju_status_set(j, true, S("blocked"), S("-x --y"))) == 0, "status");
	CHECK(SENT(juju_relation_set(j, S("db"), 3, false, map_of(a, "{\"k\": \"v\", \"gone\": \"\"}"))) == 0, "relation");
	CHECK(SENT(juju_relation_set(j, S("db"), 4, true, map_of(a, "{\"k\": \"v\"}"))) == 0, "relation");
	CHECK(SENT(juju_relation_set(j, S("db"), 5, true, map_of(a, "{}"))) == 0, "nothing to set");
	CHECK(SENT(juju_port(j, true, S("8000/tcp"))) == 0, "port");
	CHECK(SENT(juju_port(j, false, S("80/tcp"))) == 0, "port");
	CHECK(SENT(juju_action_set(j, map_of(a, "{\"a\": \"1\", \"b.c\": \"x=y\"}"))) == 0, "action");
	CHECK(SENT(juju_action_set(j, map_of(a, "{}"))) == 0, "no results");
	CHECK(SENT(juju_action_fail(j, S("--no"))) == 0, "action");
	CHECK(juju_flush(j, &err) == 0, "nothing to flush");
	CHECK_STR(buf_str(&f.heard), S(
		"status-set|--application=False|active|--|\n"
		"status-set|--application=True|blocked|--|-x --y\n"
		"relation-set|-r|db:3|--file|-<{\"k\": \"v\", \"gone\": \"\"}\n"
		"relation-set|-r|db:4|--app|--file|-<{\"k\": \"v\"}\n"
		"open-port|8000/tcp\n"
		"close-port|80/tcp\n"
		"action-set|a=1|b.c=x=y\n"
		"action-fail|--|--no\n"));
	juju_close(j);
	CHECK(f.closed, "the carrier is open");

	/* What is told together travels together, behind the lines; told again is nothing. */
	j = fake_juju(a, &f, NULL, 0);
	juju_log(j, LOG_INFO, "one");
	juju_port(j, true, S("80/tcp"));
	juju_relation_set(j, S("db"), 3, false, map_of(a, "{\"k\": \"v\"}"));
	juju_log(j, LOG_INFO, "two");
	juju_status_set(j, true, S("active"), S(""));
	CHECK(f.runs == 0, "sent before time");
	CHECK(juju_flush(j, &err) == 0 && juju_flush(j, &err) == 0, "flush");
	CHECK_STR(buf_str(&f.heard), S(
		"juju-log|--log-level|INFO|--|one\n"
		"juju-log|--log-level|INFO|--|two&open-port|80/tcp&relation-set|-r|db:3|--file|-<{\"k\": \"v\"}"
		"&status-set|--application=True|active|--|\n"));
}

/* What relation-set reads as YAML must be what we mean. */
static const struct { const char *name; struct str value; const char *want; } quoted[] = {
	{ "quotes and backslashes", { "a\"b\\c/", 6 }, "a\\\"b\\\\c/" },
	{ "line ends and controls", { "\n\r\t\x00\x1f", 5 }, "\\u000a\\u000d\\u0009\\u0000\\u001f" },
	{ "the edges of ASCII", { " ~\x7f", 3 }, " ~\\u007f" },
	{ "line ends of YAML", { "\xc2\x85\xe2\x80\xa8\xe2\x80\xa9", 8 }, "\\u0085\\u2028\\u2029" },
	{ "two and three bytes", { "\xc3\xa4\xe2\x82\xac\xef\xbb\xbf", 8 }, "\\u00e4\\u20ac\\ufeff" },
	{ "the edges of lengths", { "\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80", 14 },
	  "\\u0080\\u07ff\\u0800\\uffff\xf0\x90\x80\x80" },
	{ "four bytes stand for themselves", { "\xf0\x9f\x98\x80", 4 }, "\xf0\x9f\x98\x80" },
	{ "the last character", { "\xf4\x8f\xbf\xbf", 4 }, "\xf4\x8f\xbf\xbf" },
	{ "beyond the last character", { "\xf4\x90\x80\x80", 4 }, "\\ufffd\\ufffd\\ufffd\\ufffd" },
	{ "around the halves", { "\xed\x9f\xbf\xee\x80\x80", 6 }, "\\ud7ff\\ue000" },
	{ "half a character", { "\xed\xa0\x80", 3 }, "\\ufffd\\ufffd\\ufffd" },
	{ "the other half", { "\xed\xbf\xbf", 3 }, "\\ufffd\\ufffd\\ufffd" },
	{ "too long for what it says", { "\xc0\x80\xe0\x80\x80\xc1\xbf", 7 }, "\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd" },
	{ "cut off", { "a\xe2\x82", 3 }, "a\\ufffd\\ufffd" },
	{ "broken off", { "\xe2\x82z", 3 }, "\\ufffd\\ufffdz" },
	{ "no beginning", { "\x80z\xff\xf8", 4 }, "\\ufffdz\\ufffd\\ufffd" },
};

static void test_quoting(struct arena *a)
{
	for (size_t i = 0; i < LEN(quoted); i++) {
		struct fake f;
		struct juju *j = fake_juju(a, &f, NULL, 0);
		struct err err = { .arena = a };
		struct node *map = node_new(a, NODE_MAP);
		struct str want = str_f(a, "relation-set|-r|db:3|--file|-<{\"k\": \"%s\"}\n", quoted[i].want);

		node_put(a, map, S("k"), node_str(a, quoted[i].value));
		juju_relation_set(j, S("db"), 3, false, map);
		juju_flush(j, &err);
		CHECK(str_eq(buf_str(&f.heard), want), "%s: got " FMT, quoted[i].name, ARG(buf_str(&f.heard)));
	}
}

static void test_refusals(struct arena *a)
{
	static const struct reply no = { 1, "", "ERROR not today\n" }, leak = { 2, "", "ERROR cannot use hunter2\nhere\n" };
	static const struct reply mixed[] = { { 0, "", "" }, { 1, "", "ERROR not today\n" }, { 1, "", "ERROR not tomorrow\n" } };
	struct fake f;
	struct juju *j = fake_juju(a, &f, &no, 1);
	struct node *map = map_of(a, "{\"user\": \"u\", \"empty\": \"\", \"password\": \"hunter2\"}");
	struct err err = { .arena = a };

	CHECK(SENT(juju_status_set(j, false, S("active"), S("m"))) < 0 && err.kind == ERR_RETRY, "status");
	CHECK_STR(str_of(err.msg), S("status-set: not today"));
	CHECK(SENT(juju_relation_set(j, S("db"), 3, true, map)) < 0 && err.kind == ERR_RETRY, "relation");
	CHECK_STR(str_of(err.msg), S("relation-set -r db:3: not today"));
	CHECK(SENT(juju_port(j, true, S("80/tcp"))) < 0, "port");
	CHECK_STR(str_of(err.msg), S("open-port 80/tcp: not today"));
	CHECK(SENT(juju_action_set(j, map_of(a, "{\"password\": \"hunter2\"}"))) < 0, "action");
	CHECK_STR(str_of(err.msg), S("action-set: not today"));
	CHECK(SENT(juju_action_fail(j, S("m"))) < 0, "action");
	CHECK_STR(str_of(err.msg), S("action-fail: not today"));

	j = fake_juju(a, &f, &leak, 1);
	CHECK(SENT(juju_relation_set(j, S("db"), 3, true, map_of(a, "{\"password\": \"hunter2\"}"))) < 0, "relation");
	CHECK_STR(str_of(err.msg), S("relation-set -r db:3: refused, with words that show a value"));
	CHECK(SENT(juju_action_set(j, map_of(a, "{\"password\": \"hunter2\"}"))) < 0, "action");
	CHECK(!str_contains(str_of(err.msg), S("hunter2")), "%s", err.msg);
	CHECK(SENT(juju_action_set(j, map_of(a, "{\"a\": \"can\", \"b\": \"\"}"))) < 0, "action");
	CHECK_STR(str_of(err.msg), S("action-set: cannot use hunter2 here"));
	CHECK(SENT(juju_action_set(j, map_of(a, "{\"a\": \"here\"}"))) < 0, "action");
	CHECK_STR(str_of(err.msg), S("action-set: refused, with words that show a value"));
	CHECK(SENT(juju_port(j, true, S("80/tcp"))) < 0, "port");
	CHECK_STR(str_of(err.msg), S("open-port 80/tcp: cannot use hunter2 here"));

	/* Of several, the first that was told and is refused. */
	j = fake_juju(a, &f, mixed, LEN(mixed));
	juju_port(j, true, S("79/tcp"));
	juju_port(j, true, S("80/tcp"));
	juju_port(j, true, S("81/tcp"));
	CHECK(juju_flush(j, &err) < 0, "ports");
	CHECK_STR(str_of(err.msg), S("open-port 80/tcp: not today"));
	CHECK(juju_flush(j, &err) == 0 && f.runs == 1, "sent again after a refusal");

	f.breaks_at = f.runs + 1;
	CHECK(SENT(juju_port(j, true, S("80/tcp"))) < 0, "the carrier did not break");
	CHECK_STR(str_of(err.msg), S("the carrier broke"));
}

static void test_long_words(struct arena *a)
{
	struct buf b = { .arena = a };
	struct reply reply = { 1, "", NULL };
	struct fake f;
	struct juju *j;
	struct err err = { .arena = a };

	buf_adds(&b, "ERROR ");
	while (b.n < 10000)
		buf_adds(&b, "\xe2\x82\xac");
	buf_addc(&b, '\0');
	reply.message = b.p;
	j = fake_juju(a, &f, &reply, 1);
	juju_port(j, true, S("1/tcp"));
	juju_flush(j, &err);
	CHECK(strlen(err.msg) == strlen("open-port 1/tcp: ") + 399, "%zu bytes", strlen(err.msg));
	CHECK(utf8_valid(str_of(err.msg)), "half a character");
}

/* --- The log --- */

static void test_log(struct arena *a)
{
	static const struct reply no = { 1, "", "ERROR no log today\n" };
	struct fake f;
	struct juju *j = fake_juju(a, &f, NULL, 0);
	struct err err = { .arena = a };

	juju_log(j, LOG_INFO, "one %d", 1);
	juju_log(j, LOG_WARNING, "--two");
	juju_log(j, LOG_ERROR, "%s", "");
	CHECK(f.runs == 0, "sent before time");
	CHECK(SENT(juju_port(j, true, S("80/tcp"))) == 0, "port");
	CHECK(SENT(juju_port(j, true, S("81/tcp"))) == 0, "port");
	juju_log(j, LOG_INFO, "three");
	juju_log(j, LOG_INFO, "four");
	CHECK(juju_flush(j, &err) == 0 && juju_flush(j, &err) == 0, "flush");
	CHECK_STR(buf_str(&f.heard), S(
		"juju-log|--log-level|INFO|--|one 1\n"
		"juju-log|--log-level|WARNING|--|--two\n"
		"juju-log|--log-level|ERROR|--|&open-port|80/tcp\n"
		"open-port|81/tcp\n"
		"juju-log|--log-level|INFO|--|three\n"
		"juju-log|--log-level|INFO|--|four\n"));

	/* Questions do not wait for lines, nor send them. */
	j = fake_juju(a, &f, NULL, 0);
	juju_log(j, LOG_INFO, "x");
	ask_leader(j);
	juju_answers(j, &err);
	CHECK_STR(buf_str(&f.heard), S("is-leader|--format=json\n"));

	j = fake_juju(a, &f, &no, 1);
	juju_log(j, LOG_INFO, "x");
	CHECK(juju_flush(j, &err) == 0, "a refused line fails nothing");

	j = fake_juju(a, &f, NULL, 0);
	juju_log(j, LOG_INFO, "x");
	juju_log(j, LOG_INFO, "y");
	f.breaks_at = 1;
	CHECK(SENT(juju_port(j, true, S("80/tcp"))) < 0 && f.runs == 1, "went on with a broken carrier: %zu runs", f.runs);
	CHECK(juju_flush(j, &err) == 0 && f.runs == 1, "sent again after the carrier broke");
}

/* A line or a message that Linux would not pass to a process. */
static void test_limits(struct arena *a)
{
	enum { LIMIT = 131071 };
	char *text = arena_alloc(a, 2 * LIMIT + 10);
	struct fake f;
	struct juju *j = fake_juju(a, &f, NULL, 0);
	struct err err = { .arena = a };
	struct node *results = node_new(a, NODE_MAP);

	memset(text, 'x', LIMIT);
	juju_log(j, LOG_INFO, "%s", text);
	juju_flush(j, &err);
	CHECK(f.runs == 1 && f.heard.n == LIMIT + strlen("juju-log|--log-level|INFO|--|\n"), "%zu runs", f.runs);

	memset(text, 'x', 2 * LIMIT + 1);
	memcpy(text + LIMIT - 1, "\xe2\x82\xac", 3);   /* the first piece must end before this */
	f.heard.n = f.runs = 0;
	juju_log(j, LOG_WARNING, "%s", text);
	juju_flush(j, &err);
	CHECK(f.runs == 4, "%zu runs", f.runs);
	CHECK(str_starts(buf_str(&f.heard), "juju-log|--log-level|WARNING|--|Log string greater than 131071. Splitting into multiple chunks: \n"),
	      "no word of the split");
	CHECK(f.heard.n == strlen("juju-log|--log-level|WARNING|--|\n") * 4 + strlen("Log string greater than 131071. Splitting into multiple chunks: ") +
	      2 * LIMIT + 1, "%zu bytes", f.heard.n);
	CHECK(str_contains(buf_str(&f.heard), S("|--|\xe2\x82\xacx")), "the pieces are others");

	f.heard.n = 0;
	juju_status_set(j, false, S("active"), str_of(text));
	juju_flush(j, &err);
	CHECK(f.heard.n == strlen("status-set|--application=False|active|--|\n") + LIMIT - 1, "%zu bytes", f.heard.n);
	f.heard.n = 0;
	juju_action_fail(j, str_of(text));
	juju_flush(j, &err);
	CHECK(f.heard.n == strlen("action-fail|--|\n") + LIMIT - 1, "%zu bytes", f.heard.n);
	f.heard.n = 0;
	node_put(a, results, S("k"), node_str(a, str_of(text)));
	juju_action_set(j, results);
	juju_flush(j, &err);
	CHECK(f.heard.n == strlen("action-set|\n") + LIMIT, "%zu bytes", f.heard.n);
}

/* --- The trace --- */

static void test_trace(struct arena *a)
{
	static const struct reply replies[] = { { 0, "{}", "" }, { 1, "", "no" }, { 0, "", "" } };
	char path[] = "/tmp/trace-XXXXXX";
	struct trace t = { .arena = a, .open = -1, .fd = mkstemp(path) };
	struct err err = { .arena = a };
	struct str text, line;
	struct strs names = { 0 };
	struct fake f;
	struct juju *j;
	bool found;
	int span;

	CHECK(t.fd >= 0, "no temporary file");
	CHECK(trace_begin(NULL, "x") == -1, "a span of no trace");
	trace_end(NULL, 0, false);
	trace_end(&t, -1, false);
	trace_add(NULL, 1, 2, false, "x");
	fake_juju(a, &f, replies, LEN(replies));
	j = juju_new(a, &f.carrier, &t);
	span = trace_begin(&t, "observe");
	ask_config(j);
	ask_databag(j, S("db"), 3, true, S("mysql"));
	juju_answers(j, &err);
	trace_end(&t, span, true);
	juju_status_set(j, false, S("active"), S("hidden --x"));
	juju_flush(j, &err);
	juju_action_set(j, map_of(a, "{\"password\": \"hidden\"}"));
	juju_flush(j, &err);
	f.breaks_at = f.runs + 1;
	juju_port(j, true, S("80/tcp"));
	juju_flush(j, &err);
	trace_add(&t, 1000000000, 1002500000, false, "%s", "apart");
	CHECK(file_read(a, path, MAX_FILE, &text, &found, &err) == 0 && found, "no trace");
	while (str_split(&text, '\n', &line)) {
		ptrdiff_t at = line.n ? (ptrdiff_t)14 : -1;   /* behind the time */

		if (at >= 0)
			strs_add(a, &names, str_sub(line, (size_t)at, line.n));
		if (str_ends(line, "apart"))
			CHECK_STR(line, S("    2.500 ms  apart"));
	}
	CHECK_STR(strs_join(a, &names, "\n"), S(
		"  config-get --format\n"
		"  relation-get --format -r --app  failed\n"
		"observe  failed\n"
		"status-set --application\n"
		"action-set\n"
		"open-port  failed\n"
		"apart"));
	CHECK(t.n == 7 && t.spans[1].parent == 0 && t.spans[2].parent == 0 && t.spans[3].parent == -1, "%zu spans", t.n);
	CHECK(t.spans[1].start >= t.spans[0].start && t.spans[1].end <= t.spans[0].end, "a call outside its stage");
	close(t.fd);
	unlink(path);
	trace_add(&t, 0, 0, false, "nowhere");
	CHECK(t.fd == -1, "goes on writing where it cannot");
	trace_add(&t, 0, 0, false, "nowhere");
}

int main(void)
{
	struct arena *a = arena_new();

	test_questions(a);
	test_answers(a);
	test_lists(a);
	test_bool(a);
	test_order(a);
	test_writes(a);
	test_quoting(a);
	test_refusals(a);
	test_long_words(a);
	test_log(a);
	test_limits(a);
	test_trace(a);
	arena_free(a);
	return TEST_END();
}
