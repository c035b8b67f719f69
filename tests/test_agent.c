/* The two carriers to a real Juju: the socket against an agent made of Go's own net/rpc (tests/agent), the executables with scripts as
 * tools. Without Go the first half is skipped, and says so. */
#include "../juju.h"
#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

struct place {
	struct arena *a;
	char folder[32];           /* of this test */
	const char *tools;         /* the PATH of the scripts */
};

static const char *in_folder(struct place *p, const char *name)
{
	return str_c(p->a, str_f(p->a, "%s/%s", p->folder, name));
}

static bool exists(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

static int open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

static struct agent agent_at(struct place *p, const char *socket)
{
	return (struct agent){ .socket = socket, .network = "unix", .context_id = "app/0-test", .path = p->tools, .directory = "/tmp" };
}

static struct carrier *opened(struct place *p, const struct agent *g, struct trace *t)
{
	struct err err = { .arena = p->a };
	struct carrier *c = NULL;

	if (carrier_open(p->a, g, t, &c, &err) < 0) {
		CHECK(false, "%s: %s", g->socket ? g->socket : "no socket", err.msg);
		exit(TEST_END());
	}
	return c;
}

static struct carrier *tools_opened(struct place *p, int deadline)
{
	struct agent g = agent_at(p, NULL);

	g.deadline = deadline;
	return opened(p, &g, NULL);
}

/* One call: its outcome as text, "CODE OUTPUT|MESSAGE", or "error: ...". */
static struct str outcome(struct place *p, struct carrier *c, struct str input, const char *const *argv)
{
	struct tool_call call = { .argv = argv, .input = input };
	struct err err = { .arena = p->a };

	if (c->run(c, &call, 1, &err) < 0)
		return str_f(p->a, "error%s: %s", err.kind == ERR_RETRY ? "" : " of another kind", err.msg);
	return str_f(p->a, "%d " FMT "|" FMT, call.code, ARG(call.output), ARG(call.message));
}
#define ARGV(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define RUN(c, ...) outcome(p, c, NOSTR, ARGV(__VA_ARGS__))

/* --- The socket --- */

static const char *const speakers[] = { "v3", "v4", "later", "bytes", "@abstract" };

static const char *address(struct place *p, const char *name)
{
	return name[0] == '@' ? str_c(p->a, str_f(p->a, "@%s/%s", p->folder, name + 1)) : in_folder(p, name);
}

static void test_calls(struct place *p)
{
	for (size_t i = 0; i < LEN(speakers); i++) {
		struct agent g = agent_at(p, address(p, speakers[i]));
		int files = open_files();
		struct carrier *c = opened(p, &g, NULL);
		struct str got;

		CHECK_STR(RUN(c, "echo", "a", "", "b c", "\xc3\xa4"), S("0 a||b c|\xc3\xa4|"));
		CHECK_STR(RUN(c, "echo"), S("0 |"));
		CHECK_STR(outcome(p, c, S("in"), ARGV("echo", "x")), S("0 x<in|"));
		CHECK_STR(outcome(p, c, S(""), ARGV("echo", "x")), S("0 x<|"));
		CHECK_STR(RUN(c, "code", "2"), S("2 |ERROR code\n"));
		CHECK_STR(RUN(c, "code", "-1"), S("255 |ERROR code\n"));
		CHECK_STR(RUN(c, "code", "255"), S("255 |ERROR code\n"));
		CHECK_STR(RUN(c, "code", "1000"), S("255 |ERROR code\n"));
		/* A call that net/rpc refuses is the hook's end; the connection has not suffered. */
		CHECK_STR(RUN(c, "refused"), S("error: agent socket: refused: bad request: refused"));
		CHECK_STR(RUN(c, "new-tool"), S("1 |bad request: unknown command: new-tool"));
		CHECK_STR(RUN(c, "old-tool"), S("1 |unknown hook command: old-tool"));
		got = RUN(c, "long", "100000");
		CHECK(got.n == 100003, "%s: %zu bytes", speakers[i], got.n);
		CHECK_STR(RUN(c, "echo", "z"), S("0 z|"));
		c->close(c);
		CHECK(open_files() == files, "%s: %d files more than before", speakers[i], open_files() - files);
		CHECK_STR(RUN(c, "echo"), S("error: the connection to Juju is closed"));

		/* The error first: the types come in another order. */
		c = opened(p, &g, NULL);
		CHECK_STR(RUN(c, "refused"), S("error: agent socket: refused: bad request: refused"));
		CHECK_STR(RUN(c, "echo", "y"), S("0 y|"));
		c->close(c);
	}
}

static void test_request(struct place *p)
{
	struct agent g = agent_at(p, in_folder(p, "v3"));
	struct carrier *c;

	g.token = "t0ken";
	g.network = NULL;
	c = opened(p, &g, NULL);
	CHECK_STR(RUN(c, "token"), S("0 t0ken|"));
	c->close(c);
	g.token = "";
	g.network = "";
	c = opened(p, &g, NULL);
	CHECK_STR(RUN(c, "token"), S("0 |"));
	c->close(c);
	g.context_id = "other";
	c = opened(p, &g, NULL);
	CHECK_STR(RUN(c, "echo"), S("error: agent socket: echo: wrong context ID; got \"other\""));
	c->close(c);
	g.context_id = "app/0-test";
	g.directory = "relative";
	c = opened(p, &g, NULL);
	CHECK_STR(RUN(c, "echo"), S("error: agent socket: echo: bad request: Dir is not absolute"));
	c->close(c);
}

/* Calls that travel together: the agent answers the last of them first. */
static void test_together(struct place *p)
{
	enum { N = 20 };

	for (size_t i = 0; i < LEN(speakers); i++) {
		struct agent g = agent_at(p, address(p, speakers[i]));
		struct trace t = { .arena = p->a, .open = -1, .fd = -1 };
		struct carrier *c = opened(p, &g, &t);
		struct tool_call calls[N] = { 0 };
		struct err err = { .arena = p->a };
		bool right = true;

		for (int k = 0; k < N; k++)
			calls[k].argv = (const char *const *)memcpy(arena_alloc(p->a, 3 * sizeof (char *)),
				(const char *[]){ "late", str_c(p->a, str_f(p->a, "%d", k)), NULL }, 3 * sizeof (char *));
		CHECK(c->run(c, calls, N, &err) == 0, "%s: %s", speakers[i], err.msg);
		for (int k = 0; k < N; k++)
			right = right && str_is(calls[k].output, calls[k].argv[1]) && calls[k].code == 0 &&
			        calls[k].started > 0 && calls[k].ended >= calls[k].started;
		CHECK(right, "%s: the answers are mixed up", speakers[i]);
		CHECK(t.n == 1 && str_is(t.spans[0].name, "connect to the agent") && !t.spans[0].failed, "%s: trace", speakers[i]);

		/* A refusal among others: theirs are taken all the same, and the connection goes on. */
		calls[7].argv = ARGV("refused");
		calls[9].argv = ARGV("nothing");
		CHECK(c->run(c, calls, N, &err) < 0 && err.kind == ERR_RETRY, "%s: a refusal", speakers[i]);
		CHECK(str_starts(str_of(err.msg), "agent socket: "), "%s", err.msg);
		CHECK_STR(RUN(c, "echo", "z"), S("0 z|"));
		c->close(c);
	}
}

/* Both directions full at once: whoever only wrote or only read would wait for ever. */
static void test_large(struct place *p)
{
	enum { N = 8, SIZE = 1 << 20 };
	struct agent g = agent_at(p, in_folder(p, "v4"));
	struct carrier *c = opened(p, &g, NULL);
	struct tool_call calls[N] = { 0 };
	struct err err = { .arena = p->a };
	const char *const *echo = ARGV("echo");
	char *input = arena_alloc(p->a, SIZE);
	bool right = true;

	for (size_t i = 0; i < SIZE; i++)
		input[i] = (char)('a' + i % 23);
	for (int i = 0; i < N; i++) {
		calls[i].argv = echo;
		calls[i].input = (struct str){ input, SIZE };
	}
	CHECK(c->run(c, calls, N, &err) == 0, "%s", err.msg);
	for (int i = 0; i < N; i++)
		right = right && calls[i].output.n == SIZE + 1 && memcmp(calls[i].output.p + 1, input, SIZE) == 0;
	CHECK(right, "the outputs are not the inputs");
	c->close(c);
}

/* The connection ends after 0, 1, 2, ... bytes of the reply: the hook's end, and never a second carrier. */
static void test_cut(struct place *p, const char *name)
{
	struct agent g = agent_at(p, in_folder(p, name));
	size_t lost = 0;

	for (;;) {
		struct carrier *c = opened(p, &g, NULL);
		struct str first = RUN(c, "echo", "abc");

		if (str_is(first, "error: agent socket: echo: connection lost")) {
			CHECK_STR(RUN(c, "echo", "abc"), first);
			c->close(c);
			lost++;
			continue;
		}
		CHECK_STR(first, S("0 abc|"));
		CHECK_STR(RUN(c, "next"), S("error: agent socket: next: connection lost"));
		CHECK_STR(RUN(c, "echo"), S("error: agent socket: next: connection lost"));
		c->close(c);
		break;
	}
	CHECK(lost > 100 && lost < 1000, "%s: lost %zu times", name, lost);
	CHECK(!exists(in_folder(p, "ran")), "%s: a tool ran as well", name);
}

static const struct { const char *name, *want; } losses[] = {
	{ "reset", "error: agent socket: echo: connection lost" },
	{ "hang", "error: agent socket: echo: no answer in time" },
	{ "numbers", "error: agent socket: echo: a reply to no call" },
	{ "no-jujuc", "error: agent socket: echo: rpc: can't find service Jujuc.Main" },
	{ "limit", "error: agent socket: echo: the reply is over 64 MiB" },
};

static void test_losses(struct place *p)
{
	for (size_t i = 0; i < LEN(losses); i++) {
		struct agent g = agent_at(p, in_folder(p, losses[i].name));
		int files = open_files();
		struct carrier *c;

		g.deadline = strcmp(losses[i].name, "hang") == 0 ? 100 : 0;
		c = opened(p, &g, NULL);
		CHECK_STR(RUN(c, "echo", "a"), str_of(losses[i].want));
		/* Nothing more is sent, and the first cause stays. */
		CHECK_STR(RUN(c, "echo", "b"), str_of(losses[i].want));
		c->close(c);
		CHECK(open_files() == files, "%s: %d files more than before", losses[i].name, open_files() - files);
		CHECK(!exists(in_folder(p, "ran")), "%s: a tool ran as well", losses[i].name);
	}
}

/* The connection ends between two calls, or a call is answered twice. */
static void test_second_call(struct place *p)
{
	struct agent first = agent_at(p, in_folder(p, "first")), twice = agent_at(p, in_folder(p, "twice"));
	struct tool_call calls[] = { { .argv = ARGV("echo", "1") }, { .argv = ARGV("next", "2") } };
	struct carrier *c = opened(p, &first, NULL);
	struct err err = { .arena = p->a };

	CHECK(c->run(c, calls, 2, &err) < 0, "the second call was answered");
	CHECK_STR(str_of(err.msg), S("agent socket: next: connection lost"));
	CHECK_STR(calls[0].output, S("first"));
	c->close(c);

	c = opened(p, &twice, NULL);
	CHECK(c->run(c, calls, 2, &err) < 0 && str_ends(str_of(err.msg), "a reply to no call"), "%s", err.msg);
	c->close(c);
	c = opened(p, &twice, NULL);
	CHECK_STR(RUN(c, "echo", "1"), S("0 1|"));
	CHECK_STR(RUN(c, "echo", "2"), S("error: agent socket: echo: a reply to no call"));
	c->close(c);
	CHECK(!exists(in_folder(p, "ran")), "a tool ran as well");
}

/* Signals interrupt every call of the kernel that waits. */
static void nothing(int signal_number)
{
	(void)signal_number;
}

static void test_interrupted(struct place *p, bool agent)
{
	struct sigaction quiet = { .sa_handler = nothing }, before;
	struct itimerval often = { { 0, 2000 }, { 0, 2000 } }, never = { 0 };
	struct agent late = agent_at(p, in_folder(p, "v4")), hang = agent_at(p, in_folder(p, "hang"));
	struct carrier *c;

	hang.deadline = 100;
	sigaction(SIGALRM, &quiet, &before);
	setitimer(ITIMER_REAL, &often, NULL);
	if (agent) {
		c = opened(p, &late, NULL);
		CHECK_STR(RUN(c, "late", "1"), S("0 1|"));
		c->close(c);
		c = opened(p, &hang, NULL);
		CHECK_STR(RUN(c, "echo", "1"), S("error: agent socket: echo: no answer in time"));
		c->close(c);
	}
	c = tools_opened(p, 0);
	CHECK_STR(outcome(p, c, S("abc"), ARGV("count")), S("0 3\n|"));
	CHECK_STR(RUN(c, "slow-end"), S("3 first\n|"));
	c->close(c);
	c = tools_opened(p, 200);
	CHECK_STR(RUN(c, "hangs"), S("error: hook tool hangs: no answer in time"));
	c->close(c);
	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGALRM, &before, NULL);
}

/* Somebody who does not speak gob has run nothing: the executables do. */
static void test_no_gob(struct place *p)
{
	static const char *const strangers[] = { "text", "line" };

	for (size_t i = 0; i < LEN(strangers); i++) {
		struct agent g = agent_at(p, in_folder(p, strangers[i]));
		int files = open_files();
		struct carrier *c = opened(p, &g, NULL);
		struct tool_call calls[] = { { .argv = ARGV("say", "1") }, { .argv = ARGV("say", "2") } };
		struct err err = { .arena = p->a };

		CHECK(c->run(c, calls, 2, &err) == 0 && err.kind == ERR_NONE, "%s: %s", strangers[i], err.msg);
		CHECK_STR(calls[0].output, S("1\n"));
		CHECK_STR(calls[1].output, S("2\n"));
		CHECK_STR(RUN(c, "say", "3"), S("0 3\n|"));
		c->close(c);
		CHECK(open_files() == files, "%s: %d files more than before", strangers[i], open_files() - files);

		g.path = "/nowhere";
		c = opened(p, &g, NULL);
		CHECK_STR(RUN(c, "say", "1"), S("error: the agent socket does not speak as Juju's does, and no hook tools on PATH"));
		CHECK_STR(RUN(c, "say", "1"), S("error: the agent socket does not speak as Juju's does, and no hook tools on PATH"));
		c->close(c);
	}
}

extern char **environ;

/* Builds and starts the agent; its process, -1 without Go. *in is its stdin: it ends with us. */
static pid_t agent_start(struct place *p, int *in)
{
	char *build = str_c(p->a, str_f(p->a, "cd tests/agent && go build -o %s/agent .", p->folder));
	char *program = str_c(p->a, str_f(p->a, "%s/agent", p->folder)), *argv[] = { program, p->folder, NULL };
	int to[2], from[2];
	posix_spawn_file_actions_t actions;
	char ready[6] = "";
	pid_t pid;

	if (system("command -v go >/dev/null") != 0) {
		printf("skipped: the agent's socket (no Go on this machine)\n");
		return -1;
	}
	if (system(build) != 0 || pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0) {
		CHECK(false, "the agent was not built");
		return -1;
	}
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, to[0], 0);
	posix_spawn_file_actions_adddup2(&actions, from[1], 1);
	if (posix_spawn(&pid, program, &actions, NULL, argv, environ) != 0)
		pid = -1;
	posix_spawn_file_actions_destroy(&actions);
	close(to[0]);
	close(from[1]);
	CHECK(pid > 0 && read(from[0], ready, 5) == 5 && strcmp(ready, "ready") == 0, "the agent does not start");
	close(from[0]);
	*in = to[1];
	return pid;
}

/* --- Which carrier --- */

static void test_choice(struct place *p)
{
	struct agent none = { .directory = "/tmp" };
	char longer[200];
	struct {
		const char *name, *socket, *network, *path;
		bool no_socket;
		const char *want;      /* the error; NULL: the executables */
	} cases[] = {
		{ "nothing at all", NULL, NULL, NULL, false,
		  "no agent socket (JUJU_AGENT_SOCKET_ADDRESS), no state file (DISPATCH_STATE), and no hook tools on PATH" },
		{ "an empty address", "", "unix", "/nowhere", false,
		  "no agent socket (JUJU_AGENT_SOCKET_ADDRESS), no state file (DISPATCH_STATE), and no hook tools on PATH" },
		{ "no socket, but tools", NULL, NULL, p->tools, false, NULL },
		{ "nobody listens", "/nowhere/agent.socket", "unix", p->tools, false, NULL },
		{ "nobody listens, no tools", "/nowhere/agent.socket", "unix", "", false,
		  "agent socket /nowhere/agent.socket: No such file or directory, and no hook tools on PATH" },
		{ "an abstract name of nobody", "@nobody-here", "unix", p->tools, false, NULL },
		{ "a path that is too long", longer, "unix", p->tools, false, NULL },
		{ "TCP", "127.0.0.1:1", "tcp", p->tools, false, NULL },
		{ "TCP, no tools", "127.0.0.1:1", "tcp", NULL, false, "agent socket of network tcp, and no hook tools on PATH" },
		{ "the socket is not wanted", in_folder(p, "v4"), "unix", p->tools, true, NULL },
		{ "the socket is not wanted, no tools", in_folder(p, "v4"), "unix", "/nowhere", true,
		  "DISPATCH_NO_AGENT_SOCKET is set, and no hook tools on PATH" },
		{ "folders that do not count", NULL, NULL, ".::tests:bin", false,
		  "no agent socket (JUJU_AGENT_SOCKET_ADDRESS), no state file (DISPATCH_STATE), and no hook tools on PATH" },
	};

	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	longer[0] = '/';
	for (size_t i = 0; i < LEN(cases); i++) {
		struct agent g = none;
		struct err err = { .arena = p->a };
		struct carrier *c;
		int files = open_files();

		g.socket = cases[i].socket;
		g.network = cases[i].network;
		g.path = cases[i].path;
		g.no_socket = cases[i].no_socket;
		if (carrier_open(p->a, &g, NULL, &c, &err) < 0) {
			CHECK(cases[i].want && strcmp(cases[i].want, err.msg) == 0, "%s: %s", cases[i].name, err.msg);
			CHECK(err.kind == ERR_RETRY, "%s: error of kind %d", cases[i].name, err.kind);
		} else {
			CHECK(!cases[i].want, "%s: opened", cases[i].name);
			CHECK_STR(RUN(c, "say", "hello"), S("0 hello\n|"));
			c->close(c);
		}
		CHECK(open_files() == files, "%s: %d files more than before", cases[i].name, open_files() - files);
	}
}

static int listen_at(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(sa.sun_path, path, strlen(path) + 1);
	return bind(fd, (struct sockaddr *)&sa, sizeof sa) == 0 && listen(fd, 0) == 0 ? fd : -1;
}

/* A listener that accepts nobody: its queue takes some, then connecting fails in the end. */
static void test_nobody_accepts(struct place *p)
{
	struct agent g = agent_at(p, in_folder(p, "full"));
	struct carrier *c[4];
	struct trace t = { .arena = p->a, .open = -1, .fd = -1 };
	int fd = listen_at(g.socket);

	CHECK(fd >= 0, "cannot listen");
	g.deadline = 100;
	for (size_t i = 0; i < LEN(c); i++)
		c[i] = opened(p, &g, &t);
	CHECK_STR(RUN(c[3], "missing-tool"), S("1 |ERROR not found on PATH"));
	CHECK(t.n == 4 && t.spans[3].failed, "%zu spans", t.n);
	for (size_t i = 0; i < LEN(c); i++)
		c[i]->close(c[i]);
	close(fd);
}

/* --- The executables --- */

static void script(struct place *p, const char *name, const char *text, unsigned mode)
{
	struct err err = { .arena = p->a };

	CHECK(file_write(p->a, in_folder(p, str_c(p->a, str_f(p->a, "tools/%s", name))), str_of(text), mode, &err) == 0, "%s", err.msg);
}

static void scripts_write(struct place *p)
{
	char *tools = str_c(p->a, str_f(p->a, "%s/tools", p->folder));

	mkdir(tools, 0700);
	p->tools = str_c(p->a, str_f(p->a, "/nowhere::relative:%s:/usr/bin:/bin", tools));
	script(p, "config-get", "#!/bin/sh\n", 0700);
	script(p, "say", "#!/bin/sh\nprintf '%s\\n' \"$@\"\n", 0700);
	script(p, "echo", str_c(p->a, str_f(p->a, "#!/bin/sh\ntouch %s/ran\n", p->folder)), 0700);
	script(p, "next", str_c(p->a, str_f(p->a, "#!/bin/sh\ntouch %s/ran\n", p->folder)), 0700);
	script(p, "fails", "#!/bin/sh\necho out; echo ERROR words >&2; exit 2\n", 0700);
	script(p, "count", "#!/bin/sh\nwc -c | tr -d ' '\n", 0700);
	script(p, "deaf", "#!/bin/sh\nexec <&-\necho deaf\n", 0700);
	script(p, "both", "#!/bin/sh\ncat >&2\ni=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789; "
	       "echo 0123456789012345678901234567890123456789 >&2; i=$((i+1)); done\n", 0700);
	script(p, "env", "#!/bin/sh\necho \"$JUJU_TEST_VARIABLE\"\n", 0700);
	script(p, "files", "#!/bin/sh\nls /proc/self/fd | wc -l | tr -d ' '\n", 0700);
	script(p, "dies", "#!/bin/sh\nkill -KILL $$\n", 0700);
	script(p, "pipes", "#!/bin/sh\nkill -PIPE $$\necho alive\n", 0700);
	script(p, "hangs", "#!/bin/sh\nexec sleep 1000\n", 0700);
	script(p, "lingers", "#!/bin/sh\nexec sleep 1000 >&- 2>&-\n", 0700);
	script(p, "only-out", "#!/bin/sh\nexec 2>&-\nsleep 0.05\necho out\n", 0700);
	script(p, "only-err", "#!/bin/sh\nexec >&-\nsleep 0.05\necho err >&2\n", 0700);
	script(p, "late-ear", "#!/bin/sh\nexec >&- 2>&-\nsleep 0.05\ncat >/dev/null\nexit 4\n", 0700);
	script(p, "slow-end", "#!/bin/sh\necho first\nexec >&- 2>&-\nsleep 0.05\nexit 3\n", 0700);
	script(p, "noise", "#!/bin/sh\nexec cat /dev/zero\n", 0700);
	script(p, "lament", "#!/bin/sh\nexec cat /dev/zero >&2\n", 0700);
	script(p, "plain", "no program at all\n", 0700);
	script(p, "meet", str_c(p->a, str_f(p->a, "#!/bin/sh\ncd %s\ntouch at-$1\ni=0\nwhile [ ! -e at-$2 ]; do sleep 0.01; i=$((i+1)); "
	       "[ $i -lt 1000 ] || exit 1; done\necho met\n", p->folder)), 0700);
	script(p, "crowd", str_c(p->a, str_f(p->a, "#!/bin/sh\ncd %s\nmkdir in-$1; sleep 0.03; ls -d in-* | wc -l | tr -d ' '; sleep 0.03; "
	       "rmdir in-$1\n", p->folder)), 0700);
	script(p, "hidden", "#!/bin/sh\necho hidden\n", 0600);
}

/* How many files a child of ours has, when the carrier has nothing to do with it. */
static const char *files_of_a_child(struct place *p)
{
	char *line = arena_alloc(p->a, 20);
	FILE *f = popen(in_folder(p, "tools/files"), "r");

	CHECK(f && fgets(line, 20, f), "cannot run a child");
	if (f)
		pclose(f);
	return line;
}

static void test_tools(struct place *p)
{
	int files = open_files();
	struct carrier *c = tools_opened(p, 0);
	size_t size = 1 << 20;
	char *input = arena_alloc(p->a, size);
	struct str big = { input, size };
	struct tool_call both = { .argv = ARGV("both"), .input = big };
	struct trace t = { .arena = p->a, .open = -1, .fd = -1 };
	struct agent g = agent_at(p, NULL);
	struct tool_call three[] = { { .argv = ARGV("say", "1") }, { .argv = ARGV("fails") }, { .argv = ARGV("say", "3") } };
	struct err err = { .arena = p->a };

	memset(input, 'x', size);
	CHECK_STR(RUN(c, "say", "a b", "", "c\nd", "$HOME", "*"), S("0 a b\n\nc\nd\n$HOME\n*\n|"));
	CHECK_STR(RUN(c, "fails"), S("2 out\n|ERROR words\n"));
	CHECK_STR(RUN(c, "count"), S("0 0\n|"));
	CHECK_STR(outcome(p, c, S(""), ARGV("count")), S("0 0\n|"));
	CHECK_STR(outcome(p, c, S("abc"), ARGV("count")), S("0 3\n|"));
	CHECK_STR(outcome(p, c, big, ARGV("count")), S("0 1048576\n|"));
	CHECK_STR(outcome(p, c, big, ARGV("deaf")), S("0 deaf\n|"));
	setenv("JUJU_TEST_VARIABLE", "from the hook", 1);
	CHECK_STR(RUN(c, "env"), S("0 from the hook\n|"));
	CHECK_STR(RUN(c, "files"), str_f(p->a, "0 %s|", files_of_a_child(p)));
	CHECK_STR(RUN(c, "dies"), S("137 |ERROR ended by signal 9"));
	CHECK_STR(RUN(c, "pipes"), S("141 |ERROR ended by signal 13"));
	CHECK_STR(RUN(c, "slow-end"), S("3 first\n|"));
	CHECK_STR(RUN(c, "only-out"), S("0 out\n|"));
	CHECK_STR(RUN(c, "only-err"), S("0 |err\n"));
	CHECK_STR(outcome(p, c, big, ARGV("late-ear")), S("4 |"));
	CHECK_STR(RUN(c, "missing-tool"), S("1 |ERROR not found on PATH"));
	CHECK_STR(RUN(c, "hidden"), S("1 |ERROR not found on PATH"));
	CHECK(c->run(c, &both, 1, &err) == 0 && both.output.n == 3000 * 41 && both.message.n == size + 3000 * 41,
	      "%zu and %zu bytes", both.output.n, both.message.n);
	CHECK(both.started == 0 && both.ended == 0, "times without a trace");
	c->close(c);
	CHECK(open_files() == files, "%d files more than before", open_files() - files);

	c = opened(p, &g, &t);
	CHECK(c->run(c, three, LEN(three), &err) == 0, "%s", err.msg);
	CHECK(str_is(three[0].output, "1\n") && three[1].code == 2 && str_is(three[2].output, "3\n"), "three calls");
	CHECK(three[0].started > 0 && three[0].ended >= three[0].started && three[1].started > 0, "times with a trace");
	c->close(c);
}

/* Tools that are run together are at work together, but never more than a few. */
static void test_side_by_side(struct place *p)
{
	enum { MANY = 11, MOST = 4 };
	struct carrier *c = tools_opened(p, 0);
	struct tool_call meeting[] = { { .argv = ARGV("meet", "a", "b") }, { .argv = ARGV("missing-tool") }, { .argv = ARGV("meet", "b", "a") } };
	struct tool_call crowd[MANY];
	struct tool_call last[] = { { .argv = ARGV("say", "1") }, { .argv = ARGV("hangs") }, { .argv = ARGV("lingers") }, { .argv = ARGV("plain") },
		{ .argv = ARGV("echo") } };
	struct err err = { .arena = p->a };
	int files = open_files();
	int64_t most = 0;

	CHECK(c->run(c, meeting, LEN(meeting), &err) == 0, "%s", err.msg);
	CHECK(str_is(meeting[0].output, "met\n") && meeting[1].code == 1 && str_is(meeting[2].output, "met\n"), "they did not meet");

	for (size_t i = 0; i < MANY; i++) {
		const char **argv = arena_alloc(p->a, 3 * sizeof *argv);

		argv[0] = "crowd";
		argv[1] = str_c(p->a, str_f(p->a, "%zu", i));
		crowd[i] = (struct tool_call){ .argv = argv };
	}
	CHECK(c->run(c, crowd, MANY, &err) == 0, "%s", err.msg);
	for (size_t i = 0; i < MANY; i++) {
		int64_t n = 0;

		CHECK(str_int(str_trim(crowd[i].output), &n) && n >= 1 && n <= MOST, "the %zuth was one of " FMT, i, ARG(crowd[i].output));
		most = n > most ? n : most;
	}
	CHECK(most > 1, "one after another");

	/* One that cannot be started ends the others, and the rest is not begun. */
	unlink(in_folder(p, "ran"));
	CHECK(c->run(c, last, LEN(last), &err) < 0, "went on");
	CHECK_STR(str_of(err.msg), S("hook tool plain: Exec format error"));
	CHECK(waitpid(-1, NULL, WNOHANG) <= 0, "a process is left");
	CHECK(access(in_folder(p, "ran"), F_OK) < 0, "a call after the break");
	CHECK(open_files() == files, "%d files more than before", open_files() - files);
	c->close(c);
}

static const struct { const char *tool, *want; } ends[] = {
	{ "hangs", "error: hook tool hangs: no answer in time" },
	{ "lingers", "error: hook tool lingers: no answer in time" },
	{ "noise", "error: hook tool noise: its output is too long" },
	{ "lament", "error: hook tool lament: its output is too long" },
	{ "plain", "error: hook tool plain: Exec format error" },
};

static void test_ends(struct place *p)
{
	for (size_t i = 0; i < LEN(ends); i++) {
		int files = open_files();
		struct carrier *c = tools_opened(p, strstr(ends[i].want, "in time") ? 200 : 0);

		CHECK_STR(RUN(c, ends[i].tool), str_of(ends[i].want));
		CHECK_STR(RUN(c, "say", "more"), str_of(ends[i].want));
		c->close(c);
		CHECK(open_files() == files, "%s: %d files more than before", ends[i].tool, open_files() - files);
		CHECK(waitpid(-1, NULL, WNOHANG) <= 0, "%s: a process is left", ends[i].tool);
	}
}

/* Arguments beyond what Linux passes to a process. */
static void test_too_long(struct place *p)
{
	struct carrier *c = tools_opened(p, 0);
	char *text = arena_alloc(p->a, 200000);

	memset(text, 'x', 199999);
	CHECK_STR(RUN(c, "say", text), S("error: hook tool say: Argument list too long"));
	c->close(c);
}

/* SIGPIPE is as it was afterwards; ended children are seen although our parent had them ignored. */
static void test_signals(struct place *p)
{
	struct sigaction before = { .sa_handler = SIG_DFL }, during, after;
	struct carrier *c;

	sigaction(SIGPIPE, &before, NULL);
	c = tools_opened(p, 0);
	sigaction(SIGPIPE, NULL, &during);
	c->close(c);
	sigaction(SIGPIPE, NULL, &after);
	signal(SIGCHLD, SIG_IGN);
	c = tools_opened(p, 0);
	CHECK_STR(RUN(c, "fails"), S("2 out\n|ERROR words\n"));
	c->close(c);
	CHECK(during.sa_handler == SIG_IGN && after.sa_handler == SIG_DFL, "SIGPIPE");
}

/* With 0, 1, 2, ... descriptors left, nothing hangs, nothing stays open, and a socket that cannot be had is none. */
static void test_no_descriptors(struct place *p)
{
	struct rlimit before, few;
	int files = open_files(), lowest = open("/dev/null", O_RDONLY | O_CLOEXEC);
	bool worked = false;

	close(lowest);
	getrlimit(RLIMIT_NOFILE, &before);
	for (int left = 0; left < 20 && !worked; left++) {
		struct agent g = agent_at(p, "/nowhere/agent.socket");
		struct carrier *c = opened(p, &g, NULL);
		struct str got;

		few = before;
		few.rlim_cur = (rlim_t)(lowest + left);
		setrlimit(RLIMIT_NOFILE, &few);
		got = outcome(p, c, S("x"), ARGV("count"));
		c->close(c);
		c = opened(p, &g, NULL);
		setrlimit(RLIMIT_NOFILE, &before);
		c->close(c);
		worked = str_is(got, "0 1\n|");
		/* The limit is the tool's, too: its shell may fail where we did not. */
		CHECK(worked || str_starts(got, "error: hook tool count: ") || !str_starts(got, "0 "), "%d left: " FMT, left, ARG(got));
		CHECK(!worked || left >= 6, "%d left for six", left);
	}
	CHECK(worked, "too few for a tool");
	CHECK(open_files() == files, "%d files more than before", open_files() - files);
}

int main(void)
{
	struct place place = { .a = arena_new(), .folder = "/tmp/agent-XXXXXX" }, *p = &place;
	int in = -1, status;
	pid_t agent;

	CHECK(mkdtemp(p->folder), "no temporary folder");
	scripts_write(p);
	agent = agent_start(p, &in);
	if (agent > 0) {
		test_calls(p);
		test_request(p);
		test_together(p);
		test_large(p);
		test_cut(p, "cut");
		test_cut(p, "cut-later");
		test_losses(p);
		test_second_call(p);
		test_no_gob(p);
	}
	test_interrupted(p, agent > 0);
	test_choice(p);
	test_nobody_accepts(p);
	test_tools(p);
	test_side_by_side(p);
	test_ends(p);
	test_too_long(p);
	test_signals(p);
	test_no_descriptors(p);
	if (agent > 0) {
		close(in);
		waitpid(agent, &status, 0);
	}
	if (system(str_c(p->a, str_f(p->a, "rm -rf %s", p->folder))) != 0)
		printf("%s is left\n", p->folder);
	arena_free(p->a);
	return TEST_END();
}
