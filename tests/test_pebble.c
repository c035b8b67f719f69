/* test_pebble.c: the Pebble client against a fake of our own, whose answers come in every way that HTTP allows and in many that
 * it does not. */
#include <stdio.h>

#include "../http.h"
#include "fake_pebble.h"
#include "test.h"

/* Most columns of the tables below are for few rows: what a row leaves out is zero. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

/* --- What a test asks of Pebble, and what came of it as a text. --- */
enum op { PLAN, SERVICES, LAYER, READ, WRITE, LIST, MAKE_DIR, REMOVE, START, REPLAN, SIGNAL, RUN, RUN_MERGED, RUN_2_SECONDS, RUN_ALL, INFO,
          CHECKS, NOTICES, NOTIFY, NOTHING };

static int add_services(struct pebble *p, struct buf *out, struct err *err)
{
	struct service *services;
	size_t n;
	int rc = pebble_services(p, &services, &n, err);

	for (size_t i = 0; rc == 0 && i < n; i++)
		buf_addf(out, FMT " " FMT " " FMT "\n", ARG(services[i].name), ARG(services[i].startup), ARG(services[i].current));
	return rc;
}

static int add_files(struct pebble *p, struct buf *out, struct err *err)
{
	struct file files[] = { { .path = S("/a b&c"), .found = true, .content = S("old") }, { .path = S("/etc/\xc3\xa4") }, { .path = S("/c") } };
	int rc = pebble_read(p, files, LEN(files), err);

	for (size_t i = 0; rc == 0 && i < LEN(files); i++) {
		buf_addf(out, FMT ": ", ARG(files[i].path));
		if (files[i].error.p)
			buf_addf(out, "error " FMT "\n", ARG(files[i].error));
		else if (files[i].found)
			buf_addf(out, "'" FMT "'\n", ARG(files[i].content));
		else
			buf_addf(out, "missing%s\n", files[i].content.p ? " with content" : "");
	}
	return rc;
}

static int add_entries(struct pebble *p, struct buf *out, struct err *err)
{
	struct entry *entries;
	size_t n;
	bool found;
	int rc = pebble_list(p, S("/app"), &entries, &n, &found, err);

	if (rc == 0)
		buf_adds(out, found ? "found\n" : "missing\n");
	for (size_t i = 0; rc == 0 && i < n; i++)
		buf_addf(out, FMT " " FMT "\n", ARG(entries[i].name), ARG(entries[i].type));
	return rc;
}

static int add_run(struct pebble *p, enum op op, struct buf *out, struct err *err)
{
	struct exec exec = { .command = { (struct str[]){ S("run"), S("it") }, 2 }, .merge_stderr = op == RUN_MERGED,
		.timeout = op == RUN_2_SECONDS ? 2 : 0 };
	struct node *environment = node_new(p->arena, NODE_MAP);
	struct exec_result result;
	int rc;

	if (op == RUN_ALL) {
		node_puts(p->arena, environment, "A", S("a \"b\""));
		node_put(p->arena, environment, S("N"), node_int(p->arena, 12));
		node_put(p->arena, environment, S("X"), node_new(p->arena, NODE_NULL));
		exec.environment = environment;
		exec.working_dir = S("/app");
		exec.user = S("u");
		exec.group = S("g");
		exec.service_context = S("web");
		exec.input = S("some input");
		exec.timeout = 60;
	}
	rc = pebble_exec(p, &exec, &result, err);
	if (rc == 0)
		buf_addf(out, "%d '" FMT "' '" FMT "'\n", result.code, ARG(result.output), ARG(result.error_output));
	return rc;
}

static int perform(struct pebble *p, enum op op, struct buf *out, struct err *err)
{
	struct strs web = { (struct str[]){ S("web") }, 1 };
	struct file written[] = {
		{ .path = S("/x"), .content = S("\r\n--\0bytes\r\n") },
		{ .path = S("/a \"b\\c"), .content = NOSTR, .user = S("u"), .group = S("g"), .make_dirs = true },
	};
	struct node *tree = NULL, *layer = node_new(p->arena, NODE_MAP);
	int rc;

	switch (op) {
	case PLAN: rc = pebble_plan(p, &tree, err); break;
	case INFO: rc = pebble_system_info(p, &tree, err); break;
	case CHECKS: rc = pebble_checks(p, &tree, err); break;
	case NOTICES: rc = pebble_notices(p, &tree, err); break;
	case SERVICES: return add_services(p, out, err);
	case READ: return add_files(p, out, err);
	case LIST: return add_entries(p, out, err);
	case LAYER:
		node_puts(p->arena, layer, "summary", S("yes"));
		return pebble_layer_add(p, S("my \"layer\""), layer, err);
	case WRITE: return pebble_write(p, written, LEN(written), err);
	case MAKE_DIR: return pebble_make_dir(p, S("/d/e"), S("u"), NOSTR, err);
	case REMOVE: return pebble_remove(p, S("/x"), err);
	case START: return pebble_control(p, "start", &web, err);
	case REPLAN: return pebble_control(p, "replan", NULL, err);
	case SIGNAL: return pebble_signal(p, "SIGHUP", S("web"), err);
	case NOTIFY:
		node_puts(p->arena, layer, "k", S("v"));
		return pebble_notify(p, S("example.com/x"), layer, err);
	case NOTHING: return pebble_read(p, NULL, 0, err) < 0 ? -1 : pebble_write(p, NULL, 0, err);
	default: return add_run(p, op, out, err);
	}
	if (rc == 0)
		json_write(out, tree, JSON_PYTHON);
	return rc;
}

/* --- The answers. --- */
#define RESULT(result) "{\"type\":\"sync\",\"status-code\":200,\"status\":\"OK\",\"result\":" result "}\n"
#define ASYNC(result)  "{\"type\":\"async\",\"status-code\":202,\"status\":\"Accepted\",\"change\":\"7\",\"result\":" result "}\n"
#define REFUSED(words) "{\"type\":\"error\",\"status-code\":400,\"status\":\"Bad\",\"result\":{\"message\":\"" words "\"}}\n"
#define KIND(kind, words) "{\"type\":\"error\",\"result\":{\"message\":\"" words "\",\"kind\":\"" kind "\"}}\n"
#define READY RESULT("{\"id\":\"7\",\"ready\":true}")
#define DOING RESULT("{\"id\":\"7\",\"ready\":false}")
#define FAILED_START "{\"id\":\"7\",\"ready\":true,\"err\":\"cannot perform\\n- Start service\",\"tasks\":[" \
	"{\"kind\":\"stop\",\"summary\":\"Stop service \\\"web\\\"\",\"status\":\"Done\",\"log\":null}," \
	"{\"kind\":\"start\",\"summary\":\"Start service \\\"db\\\"\",\"status\":\"Done\"}," \
	"{\"kind\":\"start\",\"summary\":\"Start service \\\"web\\\"\",\"status\":\"Error\",\"log\":[\"INFO output:\\n    boom\",\"ERROR exited\"]}]}"
#define EXITED(code) RESULT("{\"id\":\"7\",\"ready\":true,\"tasks\":[{\"data\":{\"exit-code\":" code "}}]}")
#define PART(name, filename, content) "--B0\r\nContent-Disposition: form-data; name=\"" name "\"" filename "\r\n\r\n" content "\r\n"
#define MULTIPART "multipart/form-data; boundary=B0"
#define FILES PART("files", "; filename=\"/a b&c\"", "one\r\n--B1 two\n") \
	PART("response", "", RESULT("[{\"path\":\"/a b&c\"},{\"path\":\"/etc/\xc3\xa4\",\"error\":{\"kind\":\"not-found\",\"message\":\"no\"}}," \
	"{\"path\":\"/c\",\"error\":{\"kind\":\"permission-denied\",\"message\":\"open /c: denied\"}}]")) "--B0--\r\n"
#define END "\x81\x11{\"command\":\"end\"}"
#define OUT "\x82\x03one" "\x82\x04two\n" END
#define ERRORS "\x82\x04oops" END
#define CONTROL_RULE { "GET /v1/tasks/3/websocket/control", 101, .body = "" }
#define STDIO_RULE(...) { "GET /v1/tasks/3/websocket/stdio", 101, __VA_ARGS__ }
#define STDERR_RULE(...) { "GET /v1/tasks/3/websocket/stderr", 101, __VA_ARGS__ }
#define EXEC_RULE { "POST /v1/exec", 202, ASYNC("{\"task-id\":\"3\"}") }
#define WAIT_RULE(status, body) { "GET /v1/changes/7/wait", status, body }
#define ASK_RULE(status, body) { "GET /v1/changes/7", status, body }

#define WAIT_4 "GET /v1/changes/7/wait?timeout=4.000s\n"
#define REPLAN_LOG "POST /v1/services {\"action\":\"replan\"}\n"
#define START_LOG "POST /v1/services {\"action\":\"start\",\"services\":[\"web\"]}\n"
#define RUN_LOG "POST /v1/exec {\"command\":[\"run\",\"it\"],\"split-stderr\":true}\n"
#define CONTROL_LOG "GET /v1/tasks/3/websocket/control\n"
#define STDIO_LOG CONTROL_LOG "GET /v1/tasks/3/websocket/stdio\n"
#define STDERR_LOG STDIO_LOG "GET /v1/tasks/3/websocket/stderr\n"

struct test_case {
	const char *name;
	enum op     op;
	struct rule rules[FAKE_RULES];
	const char *want;                /* the result as a text, or the error's message */
	enum err_kind kind;
	const char *log;                 /* NULL: whatever it is */
	int         elapsed;             /* ms */
	const char *input;               /* what the websockets got, or a part of it */
};
static const struct test_case cases[] = {
	/* Plan and services. */
	{ "an empty plan", PLAN, { { "GET /v1/plan?format=yaml", 200, RESULT("\"{}\\n\"") } }, "{}", .log = "GET /v1/plan?format=yaml\n" },
	{ "a plan of nothing", PLAN, { { "GET /v1/plan", 200, RESULT("\"\"") } }, "{}" },
	{ "a plan", PLAN, { { "GET /v1/plan", 200, RESULT("\"services:\\n    web:\\n        environment:\\n            A: \\u003cx\\u003e\\n\"") } },
	  "{\"services\": {\"web\": {\"environment\": {\"A\": \"<x>\"}}}}" },
	{ "a plan that is no YAML", PLAN, { { "GET /v1/plan", 200, RESULT("\"{\"") } }, "pebble: the plan is no YAML", ERR_WAITING },
	{ "a plan that is no text", PLAN, { { "GET /v1/plan", 200, RESULT("{\"text\":\"{}\"}") } }, "pebble: the plan is no YAML", ERR_WAITING },
	{ "a plan that is a list", PLAN, { { "GET /v1/plan", 200, RESULT("\"- a\"") } }, "pebble: the plan is not a map", ERR_WAITING },
	{ "services", SERVICES, { { "GET /v1/services", 200, RESULT("[{\"name\":\"a\",\"startup\":\"enabled\",\"current\":\"active\"},"
	  "{\"name\":\"b\",\"startup\":\"disabled\",\"current\":\"backoff\",\"current-since\":\"2024\"}]") } },
	  "a enabled active\nb disabled backoff\n", .log = "GET /v1/services\n" },
	{ "no services", SERVICES, { { "GET /v1/services", 200, RESULT("null") } }, "" },
	{ "a layer", LAYER, { { "POST /v1/layers", 200, RESULT("true") } }, "",
	  .log = "POST /v1/layers {\"action\":\"add\",\"combine\":true,\"label\":\"my \\\"layer\\\"\",\"format\":\"yaml\",\"layer\":\"summary: 'yes'\\n\"}\n" },
	{ "a bad layer", LAYER, { { "POST /v1/layers", 400, REFUSED("cannot parse layer YAML: x") } }, "cannot parse layer YAML: x", ERR_BLOCKED },

	/* What any request may meet. */
	{ "access denied", PLAN, { { "GET /v1/plan", 401, KIND("login-required", "access denied") } }, "access denied", ERR_BLOCKED,
	  "GET /v1/plan?format=yaml\n" },
	{ "an error without words", PLAN, { { "GET /v1/plan", 400, "{}" } }, "HTTP status 400", ERR_BLOCKED },
	{ "an error that is no JSON", PLAN, { { "GET /v1/plan", 404, "not found" } }, "HTTP status 404", ERR_BLOCKED },
	{ "an error without a body", PLAN, { { "GET /v1/plan", 400, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", RAW } }, "HTTP status 400", ERR_BLOCKED },
	{ "an error in a 200", PLAN, { { "GET /v1/plan", 200, REFUSED("no") } }, "no", ERR_BLOCKED },
	{ "a server error that is a refusal", PLAN, { { "GET /v1/plan", 500, REFUSED("cannot") } }, "cannot", ERR_BLOCKED, "GET /v1/plan?format=yaml\n" },
	{ "unavailable once", PLAN, { { "GET /v1/plan", 503, REFUSED("later") }, { "GET /v1/plan", 200, RESULT("\"{}\"") } }, "{}",
	  .log = "GET /v1/plan?format=yaml\nGET /v1/plan?format=yaml\n" },
	{ "not implemented", PLAN, { { "GET /v1/plan", 501, "{}" } }, "HTTP status 501", ERR_BLOCKED, "GET /v1/plan?format=yaml\n" },
	{ "not spoken", PLAN, { { "GET /v1/plan", 505, "{}" } }, "HTTP status 505", ERR_BLOCKED, "GET /v1/plan?format=yaml\n" },
	{ "moved", PLAN, { { "GET /v1/plan", 399, RESULT("\"{}\"") } }, "{}" },
	{ "no content", PLAN, { { "GET /v1/plan", 200, "HTTP/1.1 204 No Content\r\n\r\n" RESULT("\"{}\""), RAW | AGAIN } },
	  "pebble: GET /v1/plan?format=yaml: an answer that is not Pebble's", ERR_WAITING },
	{ "not modified", PLAN, { { "GET /v1/plan", 200, "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", RAW | AGAIN } },
	  "pebble: GET /v1/plan?format=yaml: an answer that is not Pebble's", ERR_WAITING },
	{ "an answer that comes to a halt", PLAN, { { "GET /v1/plan", 200, RESULT("\"{}\""), STALL | AGAIN, .cut = 100 } },
	  "pebble: GET /v1/plan?format=yaml: no answer in time", ERR_WAITING, .elapsed = 10000 },
	{ "unavailable", PLAN, { { "GET /v1/plan", 502, "bad gateway", AGAIN } }, "pebble: GET /v1/plan?format=yaml: HTTP status 502", ERR_WAITING },
	{ "restarting", PLAN, { { "GET /v1/plan", 400, KIND("daemon-restart", "soon"), AGAIN } }, "pebble: GET /v1/plan?format=yaml: soon", ERR_WAITING },
	{ "the system restarts", LAYER, { { "POST /v1/layers", 400, KIND("system-restart", "soon") } }, "pebble: POST /v1/layers: soon", ERR_WAITING },
	{ "hung up once", PLAN, { { "GET /v1/plan", HANG_UP }, { "GET /v1/plan", 200, RESULT("\"{}\"") } }, "{}",
	  .log = "GET /v1/plan?format=yaml\nGET /v1/plan?format=yaml\n" },
	{ "hung up twice", PLAN, { { "GET /v1/plan", HANG_UP }, { "GET /v1/plan", HANG_UP }, { "GET /v1/plan", 200, RESULT("\"{}\"") } },
	  "pebble: GET /v1/plan?format=yaml: the connection was closed without an answer", ERR_WAITING },
	{ "a lost POST is not sent again", LAYER, { { "POST /v1/layers", HANG_UP }, { "POST /v1/layers", 200, RESULT("true") } },
	  "pebble: POST /v1/layers: the connection was closed without an answer", ERR_WAITING },
	{ "silence", PLAN, { { "GET /v1/plan", NEVER, .flags = AGAIN } }, "pebble: GET /v1/plan?format=yaml: no answer in time", ERR_WAITING,
	  "GET /v1/plan?format=yaml\nGET /v1/plan?format=yaml\n", 10000 },
	{ "silence to a POST", SIGNAL, { { "POST /v1/signals", NEVER } }, "pebble: POST /v1/signals: no answer in time", ERR_WAITING,
	  "POST /v1/signals {\"signal\":\"SIGHUP\",\"services\":[\"web\"]}\n", 5000 },
	{ "garbage", PLAN, { { "GET /v1/plan", 200, "{\"type\":\"sync\",\"status-code\":200,", AGAIN } },
	  "pebble: GET /v1/plan?format=yaml: an answer that is not Pebble's", ERR_WAITING, "GET /v1/plan?format=yaml\nGET /v1/plan?format=yaml\n" },
	{ "garbage once", PLAN, { { "GET /v1/plan", 200, "[]" }, { "GET /v1/plan", 200, RESULT("\"{}\"") } }, "{}" },
	{ "no HTTP", PLAN, { { "GET /v1/plan", 200, "SSH-2.0-x", RAW | AGAIN } }, "pebble: GET /v1/plan?format=yaml: the reply is no HTTP", ERR_WAITING },
	{ "no change", REPLAN, { { "POST /v1/services", 202, "{\"type\":\"async\"}" } }, "pebble: POST /v1/services: an answer that is without a change",
	  ERR_WAITING },
	{ "an interim answer", PLAN, { { "GET /v1/plan", 200, RESULT("\"{}\""), INTERIM } }, "{}" },
	{ "a length over the limit", PLAN, { { "GET /v1/plan", 200, "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\nxxxx", RAW } },
	  "a reply of over 33554432 bytes", ERR_BLOCKED, "GET /v1/plan?format=yaml\n" },
	{ "a chunk over the limit", PLAN, { { "GET /v1/plan", 200, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40000000\r\nxxxx", RAW } },
	  "a reply of over 33554432 bytes", ERR_BLOCKED, "GET /v1/plan?format=yaml\n" },

	/* Services and changes. */
	{ "replan", REPLAN, { { "POST /v1/services", 202, ASYNC("null") }, WAIT_RULE(200, READY) }, "", .log = REPLAN_LOG WAIT_4 },
	{ "start", START, { { "POST /v1/services", 202, ASYNC("null") }, WAIT_RULE(200, READY) }, "", .log = START_LOG WAIT_4 },
	{ "an unknown service", START, { { "POST /v1/services", 400, REFUSED("service \\\"web\\\" does not exist") } }, "service \"web\" does not exist",
	  ERR_BLOCKED, START_LOG },
	{ "a service that does not start", REPLAN, { { "POST /v1/services", 202, ASYNC("null") }, WAIT_RULE(200, RESULT(FAILED_START)) },
	  "service web failed to start\ncannot perform\n- Start service\nINFO output:\n    boom\nERROR exited", ERR_BLOCKED },
	{ "a change that fails otherwise", REPLAN, { { "POST /v1/services", 202, ASYNC("null") },
	  WAIT_RULE(200, RESULT("{\"ready\":true,\"err\":\"cannot stop\",\"tasks\":[{\"kind\":\"stop\",\"status\":\"Error\"},{\"kind\":\"start\",\"status\":\"Hold\"}]}")) },
	  "cannot stop", ERR_BLOCKED },
	{ "a service with an odd summary", REPLAN, { { "POST /v1/services", 202, ASYNC("null") },
	  WAIT_RULE(200, RESULT("{\"ready\":true,\"err\":\"x\",\"tasks\":[{\"kind\":\"start\",\"status\":\"Error\",\"summary\":\"odd\\\"\"}]}")) },
	  "service odd\" failed to start\nx", ERR_BLOCKED },
	{ "a change that takes a while", REPLAN, { { "POST /v1/services", 202, ASYNC("null") }, WAIT_RULE(504, REFUSED("timed out")),
	  WAIT_RULE(504, "{}"), WAIT_RULE(200, READY) }, "", .log = REPLAN_LOG WAIT_4 WAIT_4 WAIT_4 },
	{ "a change that never comes", REPLAN, { { "POST /v1/services", 202, ASYNC("null") }, { "GET /v1/changes/7/wait", 200, DOING, AGAIN } },
	  "pebble: change 7 is not ready in time", ERR_WAITING, .elapsed = 30000 },
	{ "a wait that is not known", REPLAN, { { "POST /v1/services", 202, ASYNC("null") }, WAIT_RULE(404, "{}"), ASK_RULE(200, DOING),
	  ASK_RULE(200, READY) }, "", .log = REPLAN_LOG WAIT_4 "GET /v1/changes/7\nGET /v1/changes/7\n", .elapsed = 100 },
	{ "a change that is gone", REPLAN, { { "POST /v1/services", 202, ASYNC("null") }, WAIT_RULE(404, "{}"), ASK_RULE(404, "{}") },
	  "pebble: change 7 is gone", ERR_WAITING },
	{ "Pebble dies while we wait", REPLAN, { { "POST /v1/services", 202, ASYNC("null") }, { "GET /v1/changes/7/wait", HANG_UP, .flags = AGAIN } },
	  "pebble: GET /v1/changes/7/wait?timeout=4.000s: the connection was closed without an answer", ERR_WAITING },
	{ "Pebble falls silent while we wait", REPLAN, { { "POST /v1/services", 202, ASYNC("null") }, { "GET /v1/changes/7/wait", NEVER, .flags = AGAIN } },
	  "pebble: GET /v1/changes/7/wait?timeout=4.000s: no answer in time", ERR_WAITING, .elapsed = 10000 },
	{ "a signal", SIGNAL, { { "POST /v1/signals", 200, RESULT("true") } }, "" },
	{ "a signal to what does not run", SIGNAL, { { "POST /v1/signals", 500, REFUSED("service is not running") } }, "service is not running", ERR_BLOCKED },

	/* Files. */
	{ "files", READ, { { "GET /v1/files", 200, FILES, .type = MULTIPART } },
	  "/a b&c: 'one\r\n--B1 two\n'\n/etc/\xc3\xa4: missing\n/c: error open /c: denied\n",
	  .log = "GET /v1/files?action=read&path=/a%20b%26c&path=/etc/%C3%A4&path=/c\n" },
	{ "an error without words for a file", READ, { { "GET /v1/files", 200, PART("files", "; filename=\"/c\"", "half of it") PART("response", "",
	  RESULT("[{\"path\":\"/a b&c\",\"error\":{\"kind\":\"not-found\"}},{\"path\":\"/etc/\xc3\xa4\",\"error\":{\"kind\":\"not-found\"}},"
	  "{\"path\":\"/c\",\"error\":{}}]")) "--B0--", .type = MULTIPART } },
	  "/a b&c: missing\n/etc/\xc3\xa4: missing\n/c: error it cannot be read\n" },
	{ "parts that are no files, and no error", READ, { { "GET /v1/files", 200, PART("other", "; filename=\"/c\"", "no") PART("files", "; filename=\"/d\"", "no")
	  PART("files", "; filename=\"/c\"", "yes") PART("response", "", RESULT("[{\"path\":\"/a b&c\",\"error\":{\"kind\":\"not-found\"}},"
	  "{\"path\":\"/etc/\xc3\xa4\",\"error\":{\"kind\":\"not-found\"}},{\"path\":\"/c\",\"error\":null}]")) "--B0--", .type = MULTIPART } },
	  "/a b&c: missing\n/etc/\xc3\xa4: missing\n/c: 'yes'\n" },
	{ "a file that is said to be there", READ, { { "GET /v1/files", 200, PART("response", "", RESULT("[{\"path\":\"/a b&c\"}]")) "--B0--",
	  .type = MULTIPART } }, "pebble: an answer without /a b&c", ERR_WAITING },
	{ "a file that nothing is said of", READ, { { "GET /v1/files", 200, PART("files", "; filename=\"/a b&c\"", "x") PART("response", "", RESULT("[]"))
	  "--B0--", .type = MULTIPART } }, "pebble: an answer without /a b&c", ERR_WAITING },
	{ "files refused", READ, { { "GET /v1/files", 400, REFUSED("must accept multipart/form-data") } }, "must accept multipart/form-data", ERR_BLOCKED },
	{ "files refused within", READ, { { "GET /v1/files", 200, PART("response", "", REFUSED("no files")) "--B0--", .type = MULTIPART } }, "no files",
	  ERR_BLOCKED },
	{ "no files in the answer", READ, { { "GET /v1/files", 200, RESULT("[]"), AGAIN } }, "pebble: an answer without /a b&c", ERR_WAITING },
	{ "files without a response", READ, { { "GET /v1/files", 200, PART("files", "; filename=\"/c\"", "x") "--B0--", AGAIN, MULTIPART } },
	  "pebble: GET /v1/files?action=read&path=/a%20b%26c&path=/etc/%C3%A4&path=/c: an answer that is incomplete", ERR_WAITING },
	{ "files without an end", READ, { { "GET /v1/files", 200, PART("files", "; filename=\"/c\"", "x"), AGAIN, MULTIPART } },
	  "pebble: GET /v1/files?action=read&path=/a%20b%26c&path=/etc/%C3%A4&path=/c: an answer that is no multipart", ERR_WAITING },
	{ "files without a boundary", READ, { { "GET /v1/files", 200, FILES, AGAIN, "multipart/form-data" } },
	  "pebble: GET /v1/files?action=read&path=/a%20b%26c&path=/etc/%C3%A4&path=/c: an answer that is no multipart", ERR_WAITING },
	{ "no files asked for", NOTHING, { { NULL } }, "", .log = "" },
	{ "written", WRITE, { { "POST /v1/files", 200, RESULT("[{\"path\":\"/x\"},{\"path\":\"/y\",\"error\":null}]") } }, "" },
	{ "written but for one", WRITE, { { "POST /v1/files", 200,
	  RESULT("[{\"path\":\"/x\"},{\"path\":\"/y\",\"error\":{\"kind\":\"not-found\",\"message\":\"no folder\"}},{\"path\":\"/z\",\"error\":{\"message\":\"z\"}}]") } },
	  "/y: no folder", ERR_BLOCKED },
	{ "a folder", LIST, { { "GET /v1/files?action=list&path=/app", 200, RESULT("[{\"name\":\"a\",\"type\":\"file\",\"size\":1},{\"name\":\"b\",\"type\":\"directory\"}]") } },
	  "found\na file\nb directory\n", .log = "GET /v1/files?action=list&path=/app\n" },
	{ "an empty folder", LIST, { { "GET /v1/files", 200, RESULT("null") } }, "found\n" },
	{ "a missing folder", LIST, { { "GET /v1/files", 404, KIND("not-found", "stat /app: no such file or directory") } }, "missing\n" },
	{ "an unknown path of the API", LIST, { { "GET /v1/files", 404, REFUSED("invalid API endpoint requested") } }, "invalid API endpoint requested", ERR_BLOCKED },
	{ "a folder that may not be listed", LIST, { { "GET /v1/files", 403, KIND("permission-denied", "denied") } }, "denied", ERR_BLOCKED },
	{ "a folder is made", MAKE_DIR, { { "POST /v1/files", 200, RESULT("[{\"path\":\"/d/e\"}]") } }, "",
	  .log = "POST /v1/files {\"action\":\"make-dirs\",\"dirs\":[{\"path\":\"/d/e\",\"user\":\"u\",\"make-parents\":true}]}\n" },
	{ "a folder is not made", MAKE_DIR, { { "POST /v1/files", 200, RESULT("[{\"path\":\"/d/e\",\"error\":{\"kind\":\"not-found\",\"message\":\"unknown user u\"}}]") } },
	  "/d/e: unknown user u", ERR_BLOCKED },
	{ "removed", REMOVE, { { "POST /v1/files", 200, RESULT("[{\"path\":\"/x\"}]") } }, "",
	  .log = "POST /v1/files {\"action\":\"remove\",\"paths\":[{\"path\":\"/x\"}]}\n" },
	{ "nothing to remove", REMOVE, { { "POST /v1/files", 200, RESULT("[{\"path\":\"/x\",\"error\":{\"kind\":\"not-found\",\"message\":\"no\"}}]") } }, "" },
	{ "not removed", REMOVE, { { "POST /v1/files", 200, RESULT("[{\"path\":\"/x\",\"error\":{\"kind\":\"generic-file-error\",\"message\":\"not empty\"}}]") } },
	  "/x: not empty", ERR_BLOCKED },

	/* The rest. */
	{ "system info", INFO, { { "GET /v1/system-info", 200, RESULT("{\"boot-id\":\"b\",\"version\":\"v1\"}") } }, "{\"boot-id\": \"b\", \"version\": \"v1\"}" },
	{ "no system info", INFO, { { "GET /v1/system-info", 200, "{\"type\":\"sync\"}" } }, "null" },
	{ "checks", CHECKS, { { "GET /v1/checks", 200, RESULT("[{\"name\":\"up\"}]") } }, "[{\"name\": \"up\"}]", .log = "GET /v1/checks\n" },
	{ "no checks", CHECKS, { { "GET /v1/checks", 200, RESULT("null") } }, "[]" },
	{ "checks refused", CHECKS, { { "GET /v1/checks", 400, REFUSED("no") } }, "no", ERR_BLOCKED },
	{ "notices", NOTICES, { { "GET /v1/notices", 200, RESULT("[]") } }, "[]", .log = "GET /v1/notices\n" },
	{ "a notice", NOTIFY, { { "POST /v1/notices", 200, RESULT("{\"id\":\"1\"}") } }, "",
	  .log = "POST /v1/notices {\"action\":\"add\",\"type\":\"custom\",\"key\":\"example.com/x\",\"data\":{\"k\":\"v\"}}\n" },

	/* Commands. */
	{ "a command", RUN, { EXEC_RULE, CONTROL_RULE, STDIO_RULE(OUT), STDERR_RULE(ERRORS), WAIT_RULE(200, EXITED("3")) }, "3 'onetwo\n' 'oops'\n",
	  .log = RUN_LOG STDERR_LOG WAIT_4, .input = "<88:\x03\xe8>" },
	{ "stderr joins stdout", RUN_MERGED, { EXEC_RULE, CONTROL_RULE, STDIO_RULE(OUT), WAIT_RULE(200, EXITED("0")) }, "0 'onetwo\n' ''\n",
	  .log = "POST /v1/exec {\"command\":[\"run\",\"it\"]}\n" STDIO_LOG WAIT_4, .input = "<88:\x03\xe8>" },
	{ "all that a command may have", RUN_ALL, { EXEC_RULE, CONTROL_RULE, STDIO_RULE(.body = "", .flags = ECHO), STDERR_RULE(END), WAIT_RULE(200, EXITED("0")) },
	  "0 'some input' ''\n", .log = "POST /v1/exec {\"command\":[\"run\",\"it\"],\"environment\":{\"A\":\"a \\\"b\\\"\",\"N\":\"12\"},\"working-dir\":\"/app\","
	  "\"user\":\"u\",\"group\":\"g\",\"service-context\":\"web\",\"timeout\":\"60s\",\"split-stderr\":true}\n" STDERR_LOG WAIT_4,
	  .input = "some input<81:{\"command\":\"end\"}><88:\x03\xe8><88:\x03\xe8><88:\x03\xe8>" },
	{ "frames in fragments, a ping and a pong", RUN_MERGED, { EXEC_RULE, CONTROL_RULE,
	  STDIO_RULE("\x02\x01""a" "\x89\x02hi" "\x8a\x01x" "\x80\x01""b" END), WAIT_RULE(200, EXITED("0")) }, "0 'ab' ''\n",
	  .input = "<8a:hi>" },
	{ "other messages are no end", RUN_MERGED, { EXEC_RULE, CONTROL_RULE, STDIO_RULE("\x82\x01""a" "\x81\x02{}" "\x81\x01{" "\x01\x0b{\"command\":" "\x80\x06\"end\"}"
	  "\x82\x01""b"), WAIT_RULE(200, EXITED("0")) }, "0 'a' ''\n" },
	{ "streams that break off after the end of the command", RUN, { EXEC_RULE, CONTROL_RULE, STDIO_RULE("\x82\x03one", .flags = DROP),
	  STDERR_RULE("\x82\x03two\x88\x02\x03\xe8"), WAIT_RULE(200, EXITED("1")) }, "1 'one' 'two'\n", .log = RUN_LOG STDERR_LOG WAIT_4 },
	{ "killed", RUN_MERGED, { EXEC_RULE, CONTROL_RULE, STDIO_RULE(END), WAIT_RULE(200, EXITED("137")) }, "137 '' ''\n" },
	{ "a command's change fails", RUN_MERGED, { EXEC_RULE, CONTROL_RULE, STDIO_RULE(OUT),
	  WAIT_RULE(200, RESULT("{\"ready\":true,\"err\":\"timed out after 1s\",\"tasks\":[{\"data\":{\"exit-code\":-1}}]}")) }, "timed out after 1s", ERR_BLOCKED },
	{ "no exit code", RUN_MERGED, { EXEC_RULE, CONTROL_RULE, STDIO_RULE(END), WAIT_RULE(200, READY) }, "pebble: a command without an exit code", ERR_WAITING },
	{ "no such program", RUN, { { "POST /v1/exec", 400, REFUSED("cannot find executable \\\"run\\\"") } }, "cannot find executable \"run\"", ERR_BLOCKED, RUN_LOG },
	{ "no task", RUN, { { "POST /v1/exec", 202, ASYNC("null") } }, "pebble: a command without a task", ERR_WAITING },
	{ "a command that Pebble loses", RUN, { EXEC_RULE, CONTROL_RULE, STDIO_RULE(""), STDERR_RULE(ERRORS), ASK_RULE(200, DOING), ASK_RULE(404, REFUSED("gone")) },
	  "gone", ERR_WAITING, RUN_LOG STDERR_LOG "GET /v1/changes/7\nGET /v1/changes/7\n", 8000 },
	{ "Pebble falls silent while a command runs", RUN, { EXEC_RULE, CONTROL_RULE, STDIO_RULE(""), STDERR_RULE(ERRORS), { "GET /v1/changes/7", NEVER, .flags = AGAIN } },
	  "pebble: GET /v1/changes/7: no answer in time", ERR_WAITING, RUN_LOG STDERR_LOG "GET /v1/changes/7\nGET /v1/changes/7\n", 14000 },
	{ "a command that ends late", RUN, { EXEC_RULE, CONTROL_RULE, STDIO_RULE(OUT, .after = "GET /v1/changes/7"), STDERR_RULE(ERRORS), ASK_RULE(200, DOING),
	  WAIT_RULE(200, EXITED("0")) }, "0 'onetwo\n' 'oops'\n", .log = RUN_LOG STDERR_LOG "GET /v1/changes/7\n" WAIT_4, .elapsed = 4000,
	  .input = "<81:{\"command\":\"end\"}><88:\x03\xe8><88:\x03\xe8><88:\x03\xe8>" },
	{ "a command that is over, but its streams are not", RUN, { EXEC_RULE, CONTROL_RULE, STDIO_RULE("\x82\x01x"), STDERR_RULE(""), ASK_RULE(200, EXITED("0")),
	  WAIT_RULE(200, EXITED("0")) }, "0 'x' ''\n", .log = RUN_LOG STDERR_LOG "GET /v1/changes/7\n" WAIT_4, .elapsed = 5000 },
	{ "a command that outlives its timeout", RUN_2_SECONDS, { EXEC_RULE, CONTROL_RULE, STDIO_RULE("\x82\x01x"), STDERR_RULE(""), ASK_RULE(200, DOING) },
	  "timed out: the command or what it started still runs", ERR_BLOCKED, .elapsed = 3000 },
	{ "a command that ends just in time", RUN_2_SECONDS, { EXEC_RULE, CONTROL_RULE, STDIO_RULE(""), STDERR_RULE(""), ASK_RULE(200, EXITED("0")),
	  WAIT_RULE(200, EXITED("0")) }, "0 '' ''\n", .log = "POST /v1/exec {\"command\":[\"run\",\"it\"],\"timeout\":\"2s\",\"split-stderr\":true}\n" STDERR_LOG
	  "GET /v1/changes/7\nGET /v1/changes/7/wait?timeout=1.000s\n", .elapsed = 4000 },
	{ "Pebble dies at a command's timeout", RUN_2_SECONDS, { EXEC_RULE, CONTROL_RULE, STDIO_RULE(""), STDERR_RULE(""), { "GET", HANG_UP, .flags = AGAIN } },
	  "pebble: GET /v1/changes/7: the connection was closed without an answer", ERR_WAITING, .elapsed = 3000 },
	{ "control refused", RUN, { EXEC_RULE, { "GET /v1/tasks/3/websocket/control", 404, REFUSED("cannot find task") }, WAIT_RULE(200, READY) }, "cannot find task",
	  ERR_BLOCKED, RUN_LOG CONTROL_LOG WAIT_4 },
	{ "refused, and the change knows why", RUN, { EXEC_RULE, CONTROL_RULE, { "GET /v1/tasks/3/websocket/stdio", 500, REFUSED("over") },
	  WAIT_RULE(200, RESULT("{\"ready\":true,\"err\":\"fork/exec: permission denied\"}")) }, "fork/exec: permission denied", ERR_BLOCKED },
	{ "stderr refused", RUN, { EXEC_RULE, CONTROL_RULE, STDIO_RULE(OUT), { "GET /v1/tasks/3/websocket/stderr", 404, REFUSED("no stderr") }, WAIT_RULE(404, "{}"),
	  ASK_RULE(404, "{}") }, "no stderr", ERR_BLOCKED },
	{ "an answer instead of a websocket", RUN, { EXEC_RULE, { "GET /v1/tasks", 200, RESULT("true") } },
	  "pebble: /v1/tasks/3/websocket/control: an answer that is no websocket", ERR_WAITING },
	{ "a websocket for somebody else", RUN, { EXEC_RULE, { "GET /v1/tasks", 101, "", OTHER_KEY } },
	  "pebble: /v1/tasks/3/websocket/control: an answer that is no websocket", ERR_WAITING },
	{ "an upgrade of another kind", RUN, { EXEC_RULE, { "GET /v1/tasks", 101, "", NO_UPGRADE } },
	  "pebble: /v1/tasks/3/websocket/control: an answer that is no websocket", ERR_WAITING },
	{ "an upgrade to something else", RUN, { EXEC_RULE, { "GET /v1/tasks", 200, "HTTP/1.1 101 Switching\r\nUpgrade: tls\r\n\r\n", RAW } },
	  "pebble: /v1/tasks/3/websocket/control: an answer that is no websocket", ERR_WAITING },
	{ "no handshake", RUN, { EXEC_RULE, { "GET /v1/tasks", HANG_UP } },
	  "pebble: /v1/tasks/3/websocket/control: the connection was closed without an answer", ERR_WAITING },
	{ "silence to a handshake", RUN, { EXEC_RULE, { "GET /v1/tasks", NEVER } }, "pebble: /v1/tasks/3/websocket/control: no answer in time", ERR_WAITING, .elapsed = 5000 },
	{ "bad frames", RUN_MERGED, { EXEC_RULE, CONTROL_RULE, STDIO_RULE("\x82\x01""a" "\x83\x01", .after = "GET /v1/changes/7"), ASK_RULE(200, DOING) },
	  "pebble: websocket: a frame out of order", ERR_WAITING, .elapsed = 4000 },
	{ "bad frames along with the handshake", RUN_MERGED, { EXEC_RULE, CONTROL_RULE, STDIO_RULE("\xf2\x01") },
	  "pebble: websocket: an extension that nobody asked for", ERR_WAITING },
};

struct outcome { int rc; struct err err; struct str text, log, input; int elapsed, accepted; };

/* Plays a case, with flags, pieces and a cut of the first rule's answer on top of it. */
static void play(struct arena *arena, const struct test_case *c, unsigned flags, size_t piece, size_t cut, struct outcome *o)
{
	struct rule rules[FAKE_RULES];
	struct fake fake;
	struct buf text = { .arena = arena };
	struct pebble *p;

	memcpy(rules, c->rules, sizeof rules);
	for (size_t i = 0; i < FAKE_RULES && rules[i].match; i++) {
		if (!(rules[i].flags & RAW) && rules[i].status != 101)
			rules[i].flags |= flags;
		rules[i].piece = piece;
	}
	if (cut > 0) {   /* the whole answer comes after the one that was cut */
		memmove(rules + 1, rules, sizeof rules - sizeof *rules);
		rules[0].cut = cut;
	}
	*o = (struct outcome){ .err.arena = arena };
	fake_start(&fake, rules);
	fake.patient = system_calls.fail_at > 0;
	p = pebble_open(arena, fake.path, NULL);
	o->rc = perform(p, c->op, &text, &o->err);
	o->elapsed = (int)(fake.now - 5000);
	o->text = o->rc == 0 ? buf_str(&text) : str_of(o->err.msg);
	system_calls.fail_at = 0;
	for (int i = 0; i < 3; i++)
		poll(NULL, 0, 0);   /* lets the fake see what was said at the end */
	o->log = str_dup(arena, buf_str(&fake.log));
	o->input = str_dup(arena, buf_str(&fake.input));
	o->accepted = fake.accepted;
	pebble_close(p);
	fake_stop(&fake);
}

/* The lowest descriptor that is free: one that was left open moves it. */
static int descriptors(void)
{
	int fd = dup(1);

	close(fd);
	return fd;
}

static void test_cases(void)
{
	static const struct { const char *name; unsigned flags; size_t piece; } ways[] = {
		{ "at once", 0, 0 }, { "in pieces of 3", 0, 3 }, { "chunked", CHUNKED, 0 }, { "chunked, byte by byte", CHUNKED, 1 },
		{ "closed", CLOSE, 0 }, { "without a length", NO_LENGTH, 5 }, { "dropped between requests", DROP, 0 }, { "with junk behind it", JUNK, 0 },
	};

	for (size_t i = 0; i < LEN(cases); i++) {
		const struct test_case *c = &cases[i];
		for (size_t w = 0; w < LEN(ways); w++) {
			struct arena *arena = arena_new();
			struct outcome o;
			int before = descriptors();

			play(arena, c, ways[w].flags, ways[w].piece, 0, &o);
			CHECK(o.err.kind == c->kind && (o.rc == 0) == (c->kind == ERR_NONE), "%s, %s: kind %d", c->name, ways[w].name, o.err.kind);
			CHECK(str_is(o.text, c->want), "%s, %s: got '" FMT "'", c->name, ways[w].name, ARG(o.text));
			CHECK(!c->log || str_is(o.log, c->log), "%s, %s: requests\n" FMT, c->name, ways[w].name, ARG(o.log));
			CHECK(o.elapsed == c->elapsed, "%s, %s: %d ms", c->name, ways[w].name, o.elapsed);
			CHECK(!c->input || str_contains(o.input, str_of(c->input)), "%s, %s: input " FMT, c->name, ways[w].name, ARG(o.input));
			CHECK(descriptors() == before, "%s, %s: descriptor %d is free instead of %d", c->name, ways[w].name, descriptors(), before);
			arena_free(arena);
		}
	}
}

/* A GET that is asked again by its own rules. */
static bool asked_again(const struct test_case *c)
{
	return c->rules[0].match && str_starts(str_of(c->rules[0].match), "GET") && c->rules[1].match;
}

/* An answer that is cut anywhere: a GET is sent again, and a POST never. One case of each operation. */
static void test_cuts(void)
{
	bool seen[NOTHING] = { false };

	for (size_t i = 0; i < LEN(cases); i++) {
		const struct test_case *c = &cases[i];
		bool is_get = c->rules[0].match && str_starts(str_of(c->rules[0].match), "GET");

		if (c->kind != ERR_NONE || c->op == NOTHING || asked_again(c) || seen[c->op])
			continue;
		seen[c->op] = true;
		for (unsigned flags = 0; flags <= CHUNKED; flags += CHUNKED) {
			struct arena *arena = arena_new();
			struct outcome whole, o;
			size_t n = 0;

			play(arena, c, flags, 0, 0, &whole);
			do {
				play(arena, c, flags, 0, ++n, &o);
				if (is_get || o.rc == 0)
					CHECK(o.rc == 0 && str_eq(o.text, whole.text), "%s, cut at %zu: got '" FMT "'", c->name, n, ARG(o.text));
				else
					CHECK(o.err.kind == ERR_WAITING && o.log.n <= whole.log.n, "%s, cut at %zu: kind %d", c->name, n, o.err.kind);
			} while ((o.rc < 0 || o.log.n > whole.log.n) && n < 5000);
			CHECK(n > 100 && n < 5000, "%s: an answer of %zu bytes", c->name, n);
			arena_free(arena);
		}
	}
}

/* A websocket that breaks off anywhere: what the command put out until then, or nothing but a Pebble that is not there. */
static void test_websocket_cuts(void)
{
	for (size_t rule = 1; rule <= 3; rule++) {
		for (size_t n = 1; n < 250; n++) {
			struct test_case c = { "a command", RUN, { EXEC_RULE, CONTROL_RULE, STDIO_RULE(OUT), STDERR_RULE(ERRORS), WAIT_RULE(200, EXITED("3")) } };
			struct arena *arena = arena_new();
			struct outcome o;

			c.rules[rule].cut = n;
			play(arena, &c, 0, 0, 0, &o);
			CHECK(o.rc < 0 ? o.err.kind == ERR_WAITING && o.text.n > 0 : str_starts(o.text, "3 '"), "rule %zu cut at %zu: " FMT, rule, n, ARG(o.text));
			if (rule == 2 && o.rc == 0)
				CHECK(str_is(o.text, "3 '' 'oops'\n") || str_starts(o.text, "3 'o"), "cut at %zu: " FMT, n, ARG(o.text));
			CHECK(o.rc == 0 || n < 140, "cut at %zu: " FMT, n, ARG(o.text));
			arena_free(arena);
		}
	}
}

/* Every system call of every case fails once in every way. */
static void test_faults(void)
{
	static const struct { int kind; bool harmless; } kinds[] = {
		{ SHORT, true }, { EINTR, true }, { EAGAIN, true }, { EPIPE, false }, { ECONNRESET, false }, { ECONNREFUSED, false }, { ENOMEM, false },
	};
	long failed = 0;

	for (size_t i = 0; i < LEN(cases); i++) {
		const struct test_case *c = &cases[i];
		bool run = c->op == RUN || c->op == RUN_MERGED || c->op == RUN_ALL || c->op == RUN_2_SECONDS, stays = false;

		if (c->kind != ERR_NONE || asked_again(c))
			continue;
		for (size_t k = 0; k < LEN(kinds); k++) {
			for (long n = 1; ; n++) {
				struct arena *arena = arena_new();
				struct outcome o;
				int before = descriptors();
				long calls;

				system_calls.calls = 0;
				system_calls.fail_at = n;
				system_calls.kind = kinds[k].kind;
				play(arena, c, 0, 0, 0, &o);
				calls = system_calls.calls;
				CHECK(descriptors() == before, "%s: call %ld fails with %d: descriptor %d is free instead of %d", c->name, n, kinds[k].kind,
				      descriptors(), before);
				if (o.rc == 0)
					CHECK(str_is(o.text, c->want) || (run && !kinds[k].harmless), "%s: call %ld fails with %d: got '" FMT "'", c->name, n,
					      kinds[k].kind, ARG(o.text));
				else
					CHECK(!kinds[k].harmless && o.err.kind == ERR_WAITING, "%s: call %ld fails with %d: kind %d, '" FMT "'", c->name, n,
					      kinds[k].kind, o.err.kind, ARG(o.text));
				arena_free(arena);
				if (calls < n)
					break;
				failed++;
				stays = true;
			}
		}
		CHECK(stays || c->op == NOTHING, "%s makes calls", c->name);
	}
	system_calls.fail_at = 0;
	printf("%ld calls failed and survived\n", failed);
}

/* --- What takes more than one call. --- */

static void test_one_connection(void)
{
	static const struct rule rules[FAKE_RULES] = { { "GET /v1/plan", 200, RESULT("\"{}\"") }, { "GET /v1/services", 200, RESULT("[]") },
		{ "GET /v1/files?action=read", 200, FILES, CHUNKED, MULTIPART }, { "GET /v1/files?action=list", 404, KIND("not-found", "x") },
		{ "POST /v1/layers", 200, RESULT("true"), DROP }, { "POST /v1/signals", 200, RESULT("true") } };
	static const enum op ops[] = { PLAN, SERVICES, READ, LIST, LAYER, SIGNAL };
	struct arena *arena = arena_new();
	struct trace trace = { .arena = arena, .open = -1, .fd = -1 };
	struct err err = { .arena = arena };
	struct buf text = { .arena = arena };
	struct fake fake;
	struct pebble *p;

	fake_start(&fake, rules);
	p = pebble_open(arena, fake.path, &trace);
	for (size_t i = 0; i < LEN(ops); i++) {
		CHECK(perform(p, ops[i], &text, &err) == 0, "%s", err.msg);
		CHECK(fake.accepted == (i < 5 ? 1 : 2), "request %zu: connection %d", i, fake.accepted);
	}
	pebble_close(p);
	/* Closed is not the end: the next request connects anew. */
	fake.rules[0] = (struct rule){ "GET /v1/plan", 401, REFUSED("no"), AGAIN };
	fake.used[0] = false;
	CHECK(perform(p, PLAN, &text, &err) < 0 && fake.accepted == 3, "connection %d", fake.accepted);
	pebble_close(p);
	pebble_close(p);
	CHECK(trace.n == 7 && trace.open == -1, "%zu spans", trace.n);
	CHECK_STR(trace.spans[0].name, S("GET /v1/plan"));
	CHECK_STR(trace.spans[2].name, S("GET /v1/files"));
	CHECK_STR(trace.spans[5].name, S("POST /v1/signals"));
	CHECK(!trace.spans[5].failed && trace.spans[3].failed && trace.spans[6].failed, "what failed");
	fake_stop(&fake);
	arena_free(arena);
}

/* --- Questions sent ahead. --- */

#define AHEAD_RULES { "GET /v1/plan", 200, RESULT("\"{}\""), AGAIN }, { "GET /v1/services", 200, RESULT("[]"), AGAIN }, \
	{ "GET /v1/files?action=read", 200, FILES, AGAIN, MULTIPART }, { "GET /v1/files?action=list", 404, KIND("not-found", "x"), AGAIN }
#define AHEAD_LOG "GET /v1/plan?format=yaml\nGET /v1/services\nGET /v1/files?action=read&path=/a%20b%26c&path=/etc/%C3%A4&path=/c\n" \
	"GET /v1/files?action=list&path=/app\n"
static const char ahead_want[] = "{}/a b&c: 'one\r\n--B1 two\n'\n/etc/\xc3\xa4: missing\n/c: error open /c: denied\nmissing\n";

static void ask_ahead(struct pebble *p)
{
	static const struct file files[] = { { .path = S("/a b&c") }, { .path = S("/etc/\xc3\xa4") }, { .path = S("/c") } };

	pebble_ahead(p, files, LEN(files), S("/app"));
}

/* What was sent ahead and then asked, with flags and pieces for all answers and a cut for that of one rule. */
static int play_ahead(struct fake *fake, size_t rule, unsigned flags, size_t piece, size_t cut, struct buf *text, struct err *err)
{
	static const enum op ops[] = { PLAN, SERVICES, READ, LIST };
	struct rule rules[FAKE_RULES] = { AHEAD_RULES, AHEAD_RULES };
	struct pebble *p;
	int rc = 0;

	for (size_t i = 0; i < 8; i++) {
		rules[i].flags |= flags;
		rules[i].piece = piece;
	}
	if (cut > 0) {   /* once; the rule of the second set answers when it is asked again */
		rules[rule].cut = cut;
		rules[rule].flags &= ~(unsigned)AGAIN;
	}
	fake_start(fake, rules);
	p = pebble_open(err->arena, fake->path, NULL);
	ask_ahead(p);
	for (size_t i = 0; rc == 0 && i < LEN(ops); i++)
		rc = perform(p, ops[i], text, err);
	system_calls.fail_at = 0;
	pebble_close(p);
	fake_stop(fake);
	return rc;
}

static void test_ahead(void)
{
	static const struct { const char *name; unsigned flags; size_t piece; int accepted; } ways[] = {
		{ "at once", 0, 0, 1 }, { "in pieces of 3", 0, 3, 1 }, { "chunked, byte by byte", CHUNKED, 1, 1 }, { "interim", INTERIM, 0, 1 },
		{ "closed", CLOSE, 0, 4 }, { "without a length", NO_LENGTH, 5, 4 }, { "dropped between requests", DROP, 0, 4 }, { "with junk behind it", JUNK, 0, 4 },
	};

	for (size_t w = 0; w < LEN(ways); w++) {
		struct arena *arena = arena_new();
		struct err err = { .arena = arena };
		struct buf text = { .arena = arena };
		struct fake fake;
		int before = descriptors();

		CHECK(play_ahead(&fake, 0, ways[w].flags, ways[w].piece, 0, &text, &err) == 0, "%s: %s", ways[w].name, err.msg);
		CHECK(str_is(buf_str(&text), ahead_want), "%s: got '" FMT "'", ways[w].name, ARG(buf_str(&text)));
		CHECK(fake.accepted == ways[w].accepted && fake.now == 5000, "%s: %d connections", ways[w].name, fake.accepted);
		CHECK(descriptors() == before, "%s: a descriptor is open", ways[w].name);
		arena_free(arena);
	}
}

/* Each answer cut anywhere: everything is asked again that is not answered, and no more. */
static void test_ahead_cuts(void)
{
	for (size_t rule = 0; rule < 4; rule++) {
		for (size_t n = 1; n < 700; n++) {
			struct arena *arena = arena_new();
			struct err err = { .arena = arena };
			struct buf text = { .arena = arena };
			struct fake fake;

			CHECK(play_ahead(&fake, rule, 0, 0, n, &text, &err) == 0 && str_is(buf_str(&text), ahead_want), "rule %zu cut at %zu: '" FMT "' %s", rule, n,
			      ARG(buf_str(&text)), err.msg ? err.msg : "");
			CHECK(fake.accepted == 2 || n > 100, "rule %zu cut at %zu: %d connections", rule, n, fake.accepted);
			arena_free(arena);
		}
	}
}

static void test_ahead_faults(void)
{
	static const struct { int kind; bool harmless; } kinds[] = { { SHORT, true }, { EINTR, true }, { EAGAIN, true }, { EPIPE, false },
		{ ECONNRESET, false }, { ECONNREFUSED, false }, { ENOMEM, false } };
	long failed = 0;

	for (size_t k = 0; k < LEN(kinds); k++) {
		for (long n = 1; ; n++) {
			struct arena *arena = arena_new();
			struct err err = { .arena = arena };
			struct buf text = { .arena = arena };
			struct fake fake;
			int before = descriptors(), rc;

			system_calls.calls = 0;
			system_calls.fail_at = n;
			system_calls.kind = kinds[k].kind;
			rc = play_ahead(&fake, 0, 0, 0, 0, &text, &err);
			CHECK(rc == 0 ? str_is(buf_str(&text), ahead_want) : !kinds[k].harmless && err.kind == ERR_WAITING, "call %ld fails with %d: '" FMT "' %s", n,
			      kinds[k].kind, ARG(buf_str(&text)), err.msg ? err.msg : "");
			CHECK(descriptors() == before, "call %ld fails with %d: a descriptor is open", n, kinds[k].kind);
			arena_free(arena);
			if (system_calls.calls < n)
				break;
			failed++;
		}
	}
	CHECK(failed > 30, "%ld calls", failed);
	printf("%ld calls failed and survived\n", failed);
}

/* A client and its fake, for what takes more than one call. */
struct scene { struct arena *arena; struct err err; struct buf text; struct fake fake; struct pebble *pebble; };

static void scene_open(struct scene *w, const struct rule *rules)
{
	struct arena *arena = arena_new();

	*w = (struct scene){ .arena = arena, .err.arena = arena, .text.arena = arena };
	fake_start(&w->fake, rules);
	w->pebble = pebble_open(arena, w->fake.path, NULL);
}

static void scene_close(struct scene *w)
{
	pebble_close(w->pebble);
	fake_stop(&w->fake);
	arena_free(w->arena);
}

/* Another order, something else in between, a Pebble that is not there yet: each is asked as if nothing had been sent. */
static void test_ahead_otherwise(void)
{
	static const struct rule rules[FAKE_RULES] = { AHEAD_RULES, { "POST /v1/layers", 200, RESULT("true"), AGAIN } };
	static const struct { const char *name; enum op ops[5]; int accepted; const char *log; } orders[] = {
		{ "in order", { PLAN, SERVICES, READ, LIST, LAYER }, 1, AHEAD_LOG "POST" },
		{ "the second first", { SERVICES, PLAN, READ, LIST, LAYER }, 2, AHEAD_LOG "GET /v1/services\nGET /v1/plan" },
		{ "a write in between", { PLAN, LAYER, SERVICES, READ, LIST }, 2, AHEAD_LOG "POST" },
		{ "the plan twice", { PLAN, PLAN, SERVICES, READ, LIST }, 2, AHEAD_LOG "GET /v1/plan?format=yaml\nGET /v1/services\n" },
	};
	static const char *const late[] = { "nobody is there", "nobody accepts" };

	for (size_t i = 0; i < LEN(orders); i++) {
		struct scene w;

		scene_open(&w, rules);
		ask_ahead(w.pebble);
		for (size_t k = 0; k < LEN(orders[i].ops); k++)
			CHECK(perform(w.pebble, orders[i].ops[k], &w.text, &w.err) == 0, "%s: %s", orders[i].name, w.err.msg);
		CHECK(w.fake.accepted == orders[i].accepted, "%s: %d connections", orders[i].name, w.fake.accepted);
		CHECK(str_starts(buf_str(&w.fake.log), orders[i].log), "%s: " FMT, orders[i].name, ARG(buf_str(&w.fake.log)));
		CHECK(w.text.n == strlen(ahead_want) + (i == 3 ? 2 : 0), "%s: got '" FMT "'", orders[i].name, ARG(buf_str(&w.text)));
		scene_close(&w);
	}
	for (size_t i = 0; i < LEN(late); i++) {
		struct scene w;

		scene_open(&w, rules);
		system_calls.calls = 0;
		system_calls.fail_at = 2;   /* connect, after socket */
		system_calls.kind = i ? EAGAIN : ENOENT;
		ask_ahead(w.pebble);
		CHECK(system_calls.calls == 2 && w.fake.now == 5000, "%s: %ld calls, %d ms", late[i], system_calls.calls, (int)w.fake.now - 5000);
		system_calls.fail_at = 0;
		CHECK(perform(w.pebble, PLAN, &w.text, &w.err) == 0 && w.fake.accepted == 1, "%s: %s", late[i], w.err.msg);
		CHECK_STR(buf_str(&w.fake.log), S("GET /v1/plan?format=yaml\n"));
		scene_close(&w);
	}
}

/* Without files the plan alone is asked ahead, as of a container that is not the app's; with one or more, everything. */
static void test_ahead_counts(void)
{
	static const struct rule rules[FAKE_RULES] = { AHEAD_RULES };
	static const struct file files[] = { { .path = S("/a") }, { .path = S("/b") } };
	static const char *const logs[] = {
		"GET /v1/plan?format=yaml\n",
		"GET /v1/plan?format=yaml\nGET /v1/services\nGET /v1/files?action=read&path=/a\nGET /v1/files?action=list&path=/app\n",
		"GET /v1/plan?format=yaml\nGET /v1/services\nGET /v1/files?action=read&path=/a&path=/b\nGET /v1/files?action=list&path=/app\n",
	};

	for (size_t n = 0; n < LEN(logs); n++) {
		struct scene w;

		scene_open(&w, rules);
		pebble_ahead(w.pebble, files, n, S("/app"));
		CHECK(perform(w.pebble, PLAN, &w.text, &w.err) == 0, "%zu files: %s", n, w.err.msg);
		CHECK_STR(buf_str(&w.fake.log), str_of(logs[n]));
		scene_close(&w);
	}
}

static void test_write(void)
{
	static const struct rule rules[FAKE_RULES] = { { "POST /v1/files", 200, RESULT("[]") } };
	struct arena *arena = arena_new();
	struct err err = { .arena = arena };
	struct buf text = { .arena = arena };
	struct fake fake;
	struct pebble *p;
	struct part *parts;
	struct str body;
	size_t n;

	fake_start(&fake, rules);
	p = pebble_open(arena, fake.path, NULL);
	CHECK(perform(p, WRITE, &text, &err) == 0, "%s", err.msg);
	body = buf_str(&fake.log);
	CHECK(str_starts(body, "POST /v1/files --"), "the body begins with its boundary");
	body = str_sub(body, 15, body.n);
	CHECK(multipart_read(arena, body, str_sub(body, 2, (size_t)str_find(body, '\r')), &parts, &n, &err) == 0 && n == 3, "%zu parts", n);
	CHECK(str_find(body, '\r') == 62, "a boundary of %td bytes", str_find(body, '\r') - 2);
	CHECK_STR(parts[0].name, S("request"));
	CHECK_STR(parts[0].type, S("application/json"));
	CHECK(!parts[0].filename.p, "the request has no file name");
	CHECK_STR(parts[0].content, S("{\"action\":\"write\",\"files\":[{\"path\":\"/x\",\"permissions\":\"644\"},"
		"{\"path\":\"/a \\\"b\\\\c\",\"user\":\"u\",\"group\":\"g\",\"permissions\":\"644\",\"make-dirs\":true}]}"));
	CHECK_STR(parts[1].name, S("files"));
	CHECK_STR(parts[1].filename, S("/x"));
	CHECK_STR(parts[1].content, S("\r\n--\0bytes\r\n"));
	CHECK_STR(parts[2].filename, S("/a \"b\\c"));
	CHECK_STR(parts[2].type, S("application/octet-stream"));
	CHECK(parts[2].content.p && parts[2].content.n == 0, "an empty file");
	pebble_close(p);
	fake_stop(&fake);
	arena_free(arena);
}

/* Much more output than is kept, in frames of every length; and more input than a socket takes at once. */
static void test_much_output(void)
{
	struct rule rules[FAKE_RULES] = { EXEC_RULE, CONTROL_RULE, STDIO_RULE(""), STDERR_RULE(ERRORS), WAIT_RULE(200, EXITED("0")) };
	struct arena *arena = arena_new();
	struct err err = { .arena = arena };
	struct buf frames = { .arena = arena }, all = { .arena = arena };
	struct exec exec = { .command = { (struct str[]){ S("run") }, 1 } };
	struct exec_result result;
	struct fake fake;
	struct pebble *p;

	for (uint64_t i = 0, n = 1; n <= MAX_FRAME; i++, n = i % 40 ? n + 1 : n * 3) {
		struct buf payload = { .arena = arena };
		buf_addf(&payload, "%*d", (int)n, (int)i);
		buf_addc(&frames, (char)0x82);
		if (n < 126)
			buf_addc(&frames, (char)n);
		else
			buf_addc(&frames, n < 65536 ? 126 : 127);
		for (int shift = n < 126 ? -8 : n < 65536 ? 8 : 56; shift >= 0; shift -= 8)
			buf_addc(&frames, (char)(n >> shift));
		buf_add(&frames, buf_str(&payload));
		buf_add(&all, buf_str(&payload));
	}
	CHECK(all.n > 5 * MAX_EXEC_OUTPUT, "%zu bytes", all.n);
	buf_adds(&frames, END);
	rules[2].body = frames.p;
	rules[2].n_body = frames.n;
	exec.input = str_sub(buf_str(&all), 0, 1500000);
	fake_start(&fake, rules);
	p = pebble_open(arena, fake.path, NULL);
	CHECK(pebble_exec(p, &exec, &result, &err) == 0, "%s", err.msg);
	CHECK(result.output.n == MAX_EXEC_OUTPUT && str_ends(buf_str(&all), str_c(arena, result.output)), "%zu bytes", result.output.n);
	CHECK_STR(result.error_output, S("oops"));
	fake_stop(&fake);

	/* The input arrives whole where the command takes it all before it ends. */
	rules[2] = (struct rule)STDIO_RULE(END, .after = "GET /v1/changes/7");
	rules[5] = (struct rule)ASK_RULE(200, DOING);
	fake_start(&fake, rules);
	p = pebble_open(arena, fake.path, NULL);
	CHECK(pebble_exec(p, &exec, &result, &err) == 0, "%s", err.msg);
	struct str input = buf_str(&fake.input);
	CHECK(str_eq(str_sub(input, 0, exec.input.n), exec.input), "%zu bytes", input.n);
	CHECK(str_starts(str_sub(input, exec.input.n, input.n), "<81:{\"command\":\"end\"}>"), "%zu bytes", input.n);
	pebble_close(p);
	fake_stop(&fake);
	arena_free(arena);
}

static void test_nobody_there(void)
{
	struct arena *arena = arena_new();
	struct err err = { .arena = arena };
	struct buf text = { .arena = arena }, path = { .arena = arena };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener, waiting[4], n = 0, before = descriptors();
	struct fake fake;
	struct pebble *p;

	for (size_t i = 0; i < 108; i++)
		buf_addc(&path, 'x');
	p = pebble_open(arena, buf_str(&path), NULL);
	CHECK(perform(p, PLAN, &text, &err) < 0 && err.kind == ERR_RETRY, "a path too long: kind %d", err.kind);
	p = pebble_open(arena, str_sub(buf_str(&path), 0, 107), NULL);
	CHECK(perform(p, PLAN, &text, &err) < 0 && err.kind == ERR_WAITING && strstr(err.msg, "No such file"), "%s", err.msg);
	CHECK(perform(p, RUN, &text, &err) < 0 && err.kind == ERR_WAITING, "%s", err.msg);
	pebble_close(p);

	/* A queue that is full: Pebble is there, but takes nobody. */
	fake_start(&fake, (struct rule[FAKE_RULES]){ { 0 } });
	struct str full = str_f(arena, FMT ".full", ARG(fake.path));
	memcpy(address.sun_path, full.p, full.n);
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 0) == 0, "listens");
	while (n < 4) {
		waiting[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (connect(waiting[n++], (struct sockaddr *)&address, sizeof address) < 0)
			break;
	}
	p = pebble_open(arena, full, NULL);
	CHECK(perform(p, PLAN, &text, &err) < 0 && err.kind == ERR_WAITING && strstr(err.msg, "no answer in time"), "%s", err.msg);
	CHECK(fake.now == 10000, "%d ms", (int)fake.now - 5000);
	close(listener);
	CHECK(perform(p, PLAN, &text, &err) < 0 && err.kind == ERR_WAITING && strstr(err.msg, "refused"), "%s", err.msg);
	while (n > 0)
		close(waiting[--n]);
	unlink(full.p);
	fake_stop(&fake);
	CHECK(descriptors() == before, "descriptor %d is free instead of %d", descriptors(), before);
	arena_free(arena);
}

/* Heads of more than one buffer, a body of more than the limit, and a Pebble that does not read. */
static void test_sizes(void)
{
	struct rule rules[FAKE_RULES] = { { "GET /v1/plan", 200, .flags = RAW }, { "POST /v1/files", 200, RESULT("[]") } };
	static const struct { const char *before; size_t n; enum err_kind kind; } heads[] = {
		{ "HTTP/1.1 200 OK\r\nX: ", 20000, ERR_NONE }, { "HTTP/1.1 200 OK\r\nX: ", MAX_HTTP_HEAD - 200, ERR_NONE },
		{ "HTTP/1.1 200 OK\r\nX: ", MAX_HTTP_HEAD, ERR_WAITING }, { "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX: ", 8150, ERR_NONE },
		{ "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX: ", 9000, ERR_NONE },
		{ "HTTP/1.0 200 OK\r\n\r\n", MAX_HTTP_BODY + 1, ERR_BLOCKED },
	};
	struct arena *arena = arena_new();
	struct err err = { .arena = arena };
	struct buf text = { .arena = arena };
	char *large = arena_alloc(arena, 1 << 20);
	struct file file = { .path = S("/x"), .content = { large, 1 << 20 } };
	struct fake fake;

	for (size_t i = 0; i < LEN(heads); i++) {
		struct buf raw = { .arena = arena };
		struct arena *own_arena = arena_new();
		struct pebble *p;

		buf_adds(&raw, heads[i].before);
		for (size_t k = 0; k < heads[i].n; k++)
			buf_addc(&raw, 'x');
		buf_adds(&raw, "\r\nContent-Length: 62\r\n\r\n" RESULT("\"{}\""));
		rules[0].body = raw.p;
		rules[0].n_body = raw.n;
		rules[0].flags = RAW | DROP | AGAIN;
		fake_start(&fake, rules);
		err_clear(&err);
		p = pebble_open(own_arena, fake.path, NULL);
		CHECK((perform(p, PLAN, &text, &err) == 0) == (heads[i].kind == ERR_NONE) && err.kind == heads[i].kind, "%zu: kind %d, %s", i, err.kind,
		      err.msg);
		pebble_close(p);
		fake_stop(&fake);
		arena_free(own_arena);
	}

	fake_start(&fake, rules);
	fake.deaf = true;
	struct pebble *p = pebble_open(arena, fake.path, NULL);
	CHECK(pebble_write(p, &file, 1, &err) < 0 && err.kind == ERR_WAITING && fake.now == 10000, "%s, %d ms", err.msg, (int)fake.now - 5000);
	pebble_close(p);
	fake.deaf = false;
	CHECK(pebble_write(p, &file, 1, &err) == 0 && fake.log.n > 1 << 20, "%s", err.msg);
	pebble_close(p);
	fake_stop(&fake);
	arena_free(arena);
}

static int closed_plan(struct pebble *p, struct node **plan, struct err *err)
{
	*plan = node_new(p->arena, NODE_LIST);
	(void)err;
	return 0;
}

/* Another Pebble behind the same seam. */
static void test_seam(void)
{
	static const struct pebble_ops ops = { .plan = closed_plan };
	struct arena *arena = arena_new();
	struct pebble other = { &ops, arena, NULL };
	struct err err = { .arena = arena };
	struct buf text = { .arena = arena };

	CHECK(perform(&other, PLAN, &text, &err) == 0 && str_is(buf_str(&text), "[]"), "its own plan");
	for (enum op op = INFO; op <= NOTIFY; op++)
		CHECK(perform(&other, op, &text, &err) < 0 && err.kind == ERR_BLOCKED && strstr(err.msg, "simulator"), "%d: kind %d", (int)op, err.kind);
	arena_free(arena);
}

int main(void)
{
	test_cases();
	test_cuts();
	test_websocket_cuts();
	test_faults();
	test_one_connection();
	test_ahead();
	test_ahead_cuts();
	test_ahead_faults();
	test_ahead_otherwise();
	test_ahead_counts();
	test_write();
	test_much_output();
	test_nobody_there();
	test_sizes();
	test_seam();
	return TEST_END();
}
