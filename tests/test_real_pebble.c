/* test_real_pebble.c: the client against a real Pebble, where there is a `pebble` on PATH. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../pebble.h"
#include "test.h"

struct real {
	struct arena  *arena;
	struct pebble *pebble;
	struct err     err;
	const char    *dir;
	pid_t          pid;
};

static bool on_path(const char *program)
{
	struct str path = str_of(getenv("PATH")), folder;
	struct arena *arena = arena_new();
	bool found = false;

	while (!found && str_split(&path, ':', &folder))
		found = access(str_f(arena, FMT "/%s", ARG(folder), program).p, X_OK) == 0;
	arena_free(arena);
	return found;
}

static struct str in_dir(struct real *r, const char *path)
{
	return str_f(r->arena, "%s/%s", r->dir, path);
}

static bool start(struct real *r)
{
	char *dir = str_c(r->arena, str_f(r->arena, "%s/real-pebble-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp"));
	struct node *info;

	if (!mkdtemp(dir))
		return false;
	r->dir = dir;
	mkdir(in_dir(r, "files").p, 0755);
	r->pid = fork();
	if (r->pid == 0) {
		int log = open(in_dir(r, "log").p, O_WRONLY | O_CREAT | O_APPEND, 0644);
		dup2(log, 1);
		dup2(log, 2);
		setenv("PEBBLE", dir, 1);
		execlp("pebble", "pebble", "run", "--create-dirs", (char *)NULL);
		_exit(127);
	}
	r->pebble = pebble_open(r->arena, in_dir(r, ".pebble.socket"), NULL);
	for (int i = 0; i < 200; i++) {
		if (pebble_system_info(r->pebble, &info, &r->err) == 0)
			return node_gets(info, "version").n > 0;
		poll(NULL, 0, 50);
	}
	printf("Pebble does not answer: %s\n", r->err.msg);
	return false;
}

#define OK(call) CHECK((call) == 0, "%s", r->err.msg)
#define REFUSED(call, words) do { \
		CHECK((call) < 0 && r->err.kind == ERR_BLOCKED, "kind %d", r->err.kind); \
		CHECK(r->err.msg && strstr(r->err.msg, (words)), "got '%s'", r->err.msg ? r->err.msg : "nothing"); \
	} while (0)

static struct node *parsed(struct real *r, const char *yaml)
{
	struct node *tree = NULL;

	CHECK(yaml_parse(r->arena, str_of(yaml), "test", &tree, &r->err) == 0, "%s", r->err.msg);
	return tree;
}

static const struct service *service_named(const struct service *services, size_t n, const char *name)
{
	static const struct service none;

	for (size_t i = 0; i < n; i++)
		if (str_is(services[i].name, name))
			return &services[i];
	return &none;
}

static void test_services(struct real *r)
{
	struct strs bad = { (struct str[]){ S("bad") }, 1 }, unknown = { (struct str[]){ S("no-such") }, 1 },
	            web = { (struct str[]){ S("web") }, 1 };
	struct service *services;
	struct node *plan;
	size_t n;

	OK(pebble_plan(r->pebble, &plan, &r->err));
	CHECK(node_is(plan, NODE_MAP) && plan->count == 0, "an empty plan");
	OK(pebble_services(r->pebble, &services, &n, &r->err));
	CHECK(n == 0, "%zu services", n);

	REFUSED(pebble_layer_add(r->pebble, S("app"), parsed(r, "services: {web: {command: sleep 1}}"), &r->err), "must define \"override\"");
	OK(pebble_layer_add(r->pebble, S("app"), parsed(r,
		"services:\n"
		"  web: {override: replace, command: sleep 1000, startup: enabled, environment: {A: 'yes', B: \"1\\n\\u00e4 \\\"'<>&\", C: '0x10'}}\n"
		"  bad: {override: replace, command: sh -c 'echo boom; exit 3'}\n"
		"checks:\n"
		"  up: {override: replace, exec: {command: 'true'}}\n"), &r->err));
	OK(pebble_plan(r->pebble, &plan, &r->err));
	struct node *environment = node_get(node_get(node_get(plan, "services"), "web"), "environment");
	CHECK_STR(node_gets(environment, "A"), S("yes"));
	CHECK_STR(node_gets(environment, "B"), S("1\n\xc3\xa4 \"'<>&"));
	CHECK_STR(node_gets(environment, "C"), S("0x10"));
	CHECK(node_is(node_get(environment, "C"), NODE_STRING), "a text stays one");

	OK(pebble_control(r->pebble, "replan", NULL, &r->err));
	OK(pebble_services(r->pebble, &services, &n, &r->err));
	CHECK(n == 2, "%zu services", n);
	CHECK_STR(service_named(services, n, "web")->current, S("active"));
	CHECK_STR(service_named(services, n, "web")->startup, S("enabled"));
	CHECK_STR(service_named(services, n, "bad")->current, S("inactive"));
	OK(pebble_control(r->pebble, "replan", NULL, &r->err));

	REFUSED(pebble_control(r->pebble, "start", &bad, &r->err), "exited quickly with code 3");
	CHECK(str_starts(str_of(r->err.msg), "service bad failed to start\n"), "got '%s'", r->err.msg);
	CHECK(strstr(r->err.msg, "boom"), "the service's own output, got '%s'", r->err.msg);
	OK(pebble_control(r->pebble, "stop", &bad, &r->err));
	REFUSED(pebble_control(r->pebble, "start", &unknown, &r->err), "\"no-such\" does not exist");

	OK(pebble_signal(r->pebble, "SIGCONT", S("web"), &r->err));
	REFUSED(pebble_signal(r->pebble, "SIGHUP", S("bad"), &r->err), "not running");
	OK(pebble_control(r->pebble, "restart", &web, &r->err));
	OK(pebble_control(r->pebble, "stop", &web, &r->err));
	REFUSED(pebble_signal(r->pebble, "SIGHUP", S("web"), &r->err), "not running");
}

static void test_checks_and_notices(struct real *r)
{
	struct node *list;

	OK(pebble_checks(r->pebble, &list, &r->err));
	CHECK(list->count == 1, "%zu checks", list->count);
	CHECK_STR(node_gets(list->child, "name"), S("up"));
	OK(pebble_notify(r->pebble, S("example.com/test"), parsed(r, "{a: b}"), &r->err));
	OK(pebble_notices(r->pebble, &list, &r->err));
	struct node *found = NULL;
	NODE_EACH(notice, list)
		if (str_is(node_gets(notice, "key"), "example.com/test"))
			found = notice;
	CHECK_STR(node_gets(node_get(found, "last-data"), "a"), S("b"));
}

static void test_files(struct real *r)
{
	static const char binary[] = "\0\r\n--\r\n--boundary\r\n\xff\xfe";
	char *large = arena_alloc(r->arena, 300000);
	for (size_t i = 0; i < 300000; i++)
		large[i] = (char)(i * 7 + i / 251);
	struct file written[] = {
		{ .path = in_dir(r, "files/plain"), .content = S("hello\n") },
		{ .path = in_dir(r, "files/empty"), .content = S("") },
		{ .path = in_dir(r, "files/a \"quoted\\ n\xc3\xa4me&path=x%41"), .content = { binary, sizeof binary - 1 } },
		{ .path = in_dir(r, "files/below/large"), .content = { large, 300000 }, .make_dirs = true },
	};
	struct file files[LEN(written) + 2];
	struct entry *entries;
	size_t n;
	bool found;

	OK(pebble_write(r->pebble, written, LEN(written), &r->err));
	for (size_t i = 0; i < LEN(written); i++)
		files[i + 2] = (struct file){ .path = written[i].path };
	files[0] = (struct file){ .path = in_dir(r, "files/missing") };
	files[1] = (struct file){ .path = in_dir(r, "files/below") };
	OK(pebble_read(r->pebble, files, LEN(files), &r->err));
	CHECK(!files[0].found && !files[0].error.p, "a missing file");
	CHECK(files[1].found && str_contains(files[1].error, S("regular file")), "a folder: '" FMT "'", ARG(files[1].error));
	for (size_t i = 0; i < LEN(written); i++)
		CHECK(files[i + 2].found && str_eq(files[i + 2].content, written[i].content), "file %zu: %zu bytes", i, files[i + 2].content.n);

	OK(pebble_list(r->pebble, in_dir(r, "files"), &entries, &n, &found, &r->err));
	CHECK(found && n == 4, "%zu entries", n);
	CHECK_STR(entries[0].name, S("a \"quoted\\ n\xc3\xa4me&path=x%41"));
	CHECK_STR(entries[1].name, S("below"));
	CHECK_STR(entries[1].type, S("directory"));
	CHECK_STR(entries[2].name, S("empty"));
	CHECK_STR(entries[2].type, S("file"));
	OK(pebble_list(r->pebble, in_dir(r, "nowhere"), &entries, &n, &found, &r->err));
	CHECK(!found && n == 0, "a missing folder");

	OK(pebble_make_dir(r->pebble, in_dir(r, "files/x/y"), NOSTR, NOSTR, &r->err));
	OK(pebble_make_dir(r->pebble, in_dir(r, "files/x/y"), NOSTR, NOSTR, &r->err));
	OK(pebble_list(r->pebble, in_dir(r, "files/x/y"), &entries, &n, &found, &r->err));
	CHECK(found && n == 0, "an empty folder");
	REFUSED(pebble_make_dir(r->pebble, in_dir(r, "files/z"), S("no-such-user"), S("no-such-group"), &r->err), "no-such-");
	OK(pebble_remove(r->pebble, in_dir(r, "files/plain"), &r->err));
	OK(pebble_remove(r->pebble, in_dir(r, "files/plain"), &r->err));
	REFUSED(pebble_remove(r->pebble, in_dir(r, "files/x"), &r->err), "not empty");
	OK(pebble_read(r->pebble, files + 2, 1, &r->err));
	CHECK(!files[2].found, "removed");
	written[0].path = in_dir(r, "not-there/plain");
	REFUSED(pebble_write(r->pebble, written, 2, &r->err), "not-there/plain");
}

static struct strs shell(struct real *r, const char *script)
{
	struct strs command = { 0 };

	strs_add(r->arena, &command, S("sh"));
	strs_add(r->arena, &command, S("-c"));
	strs_add(r->arena, &command, str_of(script));
	return command;
}

static void test_exec(struct real *r)
{
	struct exec_result result;
	struct exec exec = { .command = shell(r, "echo out; echo err >&2; exit 7"), .timeout = 30 };

	OK(pebble_exec(r->pebble, &exec, &result, &r->err));
	CHECK(result.code == 7, "exit code %d", result.code);
	CHECK_STR(result.output, S("out\n"));
	CHECK_STR(result.error_output, S("err\n"));
	exec.merge_stderr = true;
	OK(pebble_exec(r->pebble, &exec, &result, &r->err));
	CHECK_STR(result.output, S("out\nerr\n"));
	CHECK_STR(result.error_output, S(""));

	exec = (struct exec){ .command = shell(r, "echo \"$A $B\"; pwd"), .environment = parsed(r, "{A: 'a b', B: 12, N: null}"),
		.working_dir = in_dir(r, "files") };
	OK(pebble_exec(r->pebble, &exec, &result, &r->err));
	CHECK_STR(result.output, str_f(r->arena, "a b 12\n%s/files\n", r->dir));

	/* More input than pipes and sockets hold, there and back; and the end of the input reaches the command. */
	char *input = arena_alloc(r->arena, 1000000);
	for (size_t i = 0; i < 1000000; i++)
		input[i] = (char)(i * 31 + i / 997);
	exec = (struct exec){ .command = shell(r, "cat"), .input = { input, 1000000 }, .timeout = 30 };
	OK(pebble_exec(r->pebble, &exec, &result, &r->err));
	CHECK(str_eq(result.output, exec.input), "%zu bytes came back", result.output.n);
	exec.command = shell(r, "exit 0");   /* reads none of it */
	OK(pebble_exec(r->pebble, &exec, &result, &r->err));
	CHECK(result.code == 0, "exit code %d", result.code);

	exec = (struct exec){ .command = shell(r, "yes 0123456789 | head -c 3000000; echo; echo last"), .timeout = 30 };
	OK(pebble_exec(r->pebble, &exec, &result, &r->err));
	CHECK(result.output.n == MAX_EXEC_OUTPUT && str_ends(result.output, "\nlast\n"), "%zu bytes", result.output.n);

	exec = (struct exec){ .command = shell(r, "kill -9 $$") };
	OK(pebble_exec(r->pebble, &exec, &result, &r->err));
	CHECK(result.code == 137, "exit code %d", result.code);

	exec = (struct exec){ .command = shell(r, "exec sleep 100"), .timeout = 1 };
	REFUSED(pebble_exec(r->pebble, &exec, &result, &r->err), "timed out after 1s");
	/* A child that keeps the output open outlives the timeout. */
	exec.command = shell(r, "sleep 3 & exec sleep 100");
	REFUSED(pebble_exec(r->pebble, &exec, &result, &r->err), "timed out");

	exec = (struct exec){ .command = shell(r, "true"), .working_dir = S("/no/such/folder") };
	REFUSED(pebble_exec(r->pebble, &exec, &result, &r->err), "does not exist");
	exec = (struct exec){ .command = shell(r, "true"), .user = S("no-such-user") };
	REFUSED(pebble_exec(r->pebble, &exec, &result, &r->err), "no-such-user");
	exec.command = (struct strs){ (struct str[]){ S("/no/such/program") }, 1 };
	exec.user = NOSTR;
	REFUSED(pebble_exec(r->pebble, &exec, &result, &r->err), "/no/such/program");
}

/* Everything above has left as many descriptors open as there were: the kept connection. */
static int descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Pebble is killed by the very command that it runs. */
static void test_death(struct real *r)
{
	struct exec exec = { .command = shell(r, str_f(r->arena, "kill -9 %d; sleep 100", (int)r->pid).p) };
	struct exec_result result;
	struct node *plan;

	CHECK(pebble_exec(r->pebble, &exec, &result, &r->err) < 0 && r->err.kind == ERR_WAITING, "kind %d", r->err.kind);
	CHECK(pebble_plan(r->pebble, &plan, &r->err) < 0 && r->err.kind == ERR_WAITING, "kind %d", r->err.kind);
}

/* What observing asks, sent at once: the same answers as one by one, on the same connection. */
static void test_ahead(struct real *r)
{
	struct file files[] = { { .path = in_dir(r, "ahead") }, { .path = S("/no/such/file") } };
	struct str directory = str_of(r->dir);
	struct node *plan, *again;
	struct service *services;
	struct entry *entries;
	size_t n;
	bool found;

	files[0].content = S("ahead");
	OK(pebble_write(r->pebble, files, 1, &r->err));
	files[0].content = NOSTR;
	OK(pebble_plan(r->pebble, &plan, &r->err));
	pebble_close(r->pebble);
	pebble_ahead(r->pebble, files, LEN(files), directory);
	OK(pebble_plan(r->pebble, &again, &r->err));
	CHECK_STR(json_text(r->arena, again, JSON_COMPACT), json_text(r->arena, plan, JSON_COMPACT));
	OK(pebble_services(r->pebble, &services, &n, &r->err));
	CHECK(n == 2, "%zu services", n);
	OK(pebble_read(r->pebble, files, LEN(files), &r->err));
	CHECK(files[0].found && str_is(files[0].content, "ahead") && !files[1].found, "files");
	OK(pebble_list(r->pebble, directory, &entries, &n, &found, &r->err));
	CHECK(found && n > 0, "%zu entries", n);
}

int main(void)
{
	struct real real = { .arena = arena_new() }, *r = &real;

	if (!on_path("pebble")) {
		printf("skipped: no pebble on PATH\n");
		arena_free(r->arena);
		return TEST_END();
	}
	r->err.arena = r->arena;
	CHECK(start(r), "Pebble starts");
	if (test_failed == 0) {
		int before = descriptors();
		test_services(r);
		test_checks_and_notices(r);
		test_files(r);
		test_exec(r);
		test_ahead(r);
		CHECK(descriptors() == before, "%d descriptors instead of %d", descriptors(), before);
		test_death(r);
		pebble_close(r->pebble);
		CHECK(descriptors() == before - 1, "%d descriptors instead of %d", descriptors(), before - 1);
	}
	kill(r->pid, SIGKILL);
	waitpid(r->pid, NULL, 0);
	if (r->dir && fork() == 0) {
		execlp("rm", "rm", "-rf", r->dir, (char *)NULL);
		_exit(127);
	}
	wait(NULL);
	arena_free(r->arena);
	return TEST_END();
}
