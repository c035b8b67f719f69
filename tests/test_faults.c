/* test_faults.c: every call that can fail fails once, in every way: what comes of it, and whether the next event mends it.
 *
 * A dispatch runs on real sockets against the simulator (stage.c). Its own calls are counted, and the n-th fails; or the n-th
 * reply of the agent or of Pebble goes wrong. After each: exit 0 or 1, no signal, no hang, no secret shown; and one more event
 * leaves the same world as a dispatch that met no fault. Every secret of these worlds has CANARY in it, which nobody may be shown.
 *
 * A usual run takes some of the faults, FAULTS=all takes all; FAULTS=WORLD (its number, from 0) all of that one. */
#include "stage.c"
#include "test.h"

#include "../hook.h"

#include <spawn.h>
#include <sys/syscall.h>
#include <sys/uio.h>

/* --- The dispatch's own calls, failing --- */

enum call_fault {
	CALL_NONE, CALL_EINTR, CALL_EIO, CALL_RESET, CALL_NOMEM, CALL_NOSPACE, CALL_SHORT, CALL_TIMEOUT, CALL_NOMEMORY, CALL_SIGTERM, CALL_FAULTS
};
static const char *const call_fault_names[] = {
	"none", "EINTR", "EIO", "ECONNRESET", "ENOMEM", "ENOSPC", "one byte", "deadline", "no memory", "SIGTERM",
};

/* Only the child of one run changes these; they are what the wrapped calls below have to share. */
static struct { enum call_fault kind; long at, count; int64_t clock; bool armed; } inject;

/* A run that takes longer is one that hangs. */
enum { TOO_LONG = 20 };

/* Whether this call is the one; sets errno for those that simply fail. */
static bool meets(void)
{
	static const int errors[] = { [CALL_EINTR] = EINTR, [CALL_EIO] = EIO, [CALL_RESET] = ECONNRESET, [CALL_NOMEM] = ENOMEM, [CALL_NOSPACE] = ENOSPC };

	if (!inject.armed || inject.kind == CALL_NOMEMORY || ++inject.count != inject.at)
		return false;
	if (inject.kind == CALL_SIGTERM)
		raise(SIGTERM);
	if (inject.kind < (enum call_fault)LEN(errors))
		errno = errors[inject.kind];
	return inject.kind <= CALL_NOSPACE;
}

static bool shortened(void)
{
	return inject.armed && inject.kind == CALL_SHORT && inject.count == inject.at;
}

/* In place of the C library's. */
int socket(int domain, int type, int protocol)
{
	return meets() ? -1 : (int)syscall(SYS_socket, domain, type, protocol);
}

int connect(int fd, const struct sockaddr *address, socklen_t n)
{
	return meets() ? -1 : (int)syscall(SYS_connect, fd, address, n);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	if (meets())
		return -1;
	if (shortened() && message->msg_iovlen && message->msg_iov[0].iov_len)
		return syscall(SYS_sendto, fd, message->msg_iov[0].iov_base, 1, flags, NULL, 0);
	return syscall(SYS_sendmsg, fd, message, flags);
}

ssize_t send(int fd, const void *bytes, size_t n, int flags)
{
	return meets() ? -1 : syscall(SYS_sendto, fd, bytes, shortened() && n ? 1 : n, flags, NULL, 0);
}

ssize_t recv(int fd, void *bytes, size_t n, int flags)
{
	return meets() ? -1 : syscall(SYS_recvfrom, fd, bytes, shortened() && n ? 1 : n, flags, NULL, NULL);
}

ssize_t read(int fd, void *bytes, size_t n)
{
	return meets() ? -1 : syscall(SYS_read, fd, bytes, shortened() && n ? 1 : n);
}

ssize_t write(int fd, const void *bytes, size_t n)
{
	return meets() ? -1 : syscall(SYS_write, fd, bytes, shortened() && n ? 1 : n);
}

int open(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode = 0;

	va_start(args, flags);
	if (flags & O_CREAT)
		mode = va_arg(args, mode_t);
	va_end(args);
	return meets() ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

/* A deadline passes without waiting for it: poll says that nothing came, and the clock has moved on. */
int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	struct timespec ts = { timeout / 1000, timeout % 1000 * 1000000L };

	if (meets())
		return -1;
	if (inject.armed && inject.kind == CALL_TIMEOUT && inject.count == inject.at) {
		inject.clock += 61;
		return 0;
	}
	return (int)syscall(SYS_ppoll, fds, n, timeout < 0 ? NULL : &ts, NULL, 0);
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
	int rc = (int)syscall(SYS_clock_gettime, clock, t);

	t->tv_sec += inject.clock;
	return rc;
}

int pipe2(int ends[2], int flags)
{
	return meets() ? -1 : (int)syscall(SYS_pipe2, ends, flags);
}

int access(const char *path, int mode)
{
	return meets() ? -1 : (int)syscall(SYS_faccessat, AT_FDCWD, path, mode);
}

char *getcwd(char *path, size_t n)
{
	return meets() || syscall(SYS_getcwd, path, n) < 0 ? NULL : path;
}

pid_t waitpid(pid_t pid, int *status, int options)
{
	return meets() ? -1 : (pid_t)syscall(SYS_wait4, pid, status, options, NULL);
}

int shutdown(int fd, int how)
{
	return meets() ? -1 : (int)syscall(SYS_shutdown, fd, how);
}

#ifdef __GLIBC__
/* The other function does the same for a path; in musl it would come back here. */
int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes, char *const argv[],
                char *const env[])
{
	return meets() ? errno : posix_spawnp(pid, path, actions, attributes, argv, env);
}
#endif

ssize_t getrandom(void *bytes, size_t n, unsigned flags)
{
	return meets() ? -1 : syscall(SYS_getrandom, bytes, n, flags);
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#endif
#ifndef SANITIZED
#define SANITIZED 0
#define FAILING_MALLOC 1
static bool no_memory(void)
{
	return inject.armed && inject.kind == CALL_NOMEMORY && ++inject.count == inject.at;
}

void *__libc_malloc(size_t);
void *__libc_realloc(void *, size_t);

void *malloc(size_t n) { return no_memory() ? NULL : __libc_malloc(n); }
void *realloc(void *p, size_t n) { return no_memory() ? NULL : __libc_realloc(p, n); }

void *calloc(size_t count, size_t n)
{
	size_t size;
	void *p = __builtin_mul_overflow(count, n, &size) || no_memory() ? NULL : __libc_malloc(size);

	return p ? memset(p, 0, size) : NULL;
}
#endif

/* The child tells the parent through its exit code whether the n-th call came at all: the parent cannot see its counter. */
enum { NOT_REACHED = 77 };

static int faulty_hook(void)
{
	int rc;

	inject.armed = inject.kind != CALL_NONE;
	rc = hook_run();
	inject.armed = false;
	return rc == 0 && inject.kind != CALL_NONE && inject.count < inject.at ? NOT_REACHED : rc;
}

/* --- Hook tools, which this program is, too --- */

/* Under the name of a hook tool: asks the agent over its socket, as Juju's own do. And writes down whether a secret came in its argv or
 * its environment, which others on the machine can read. */
static int be_a_tool(char *argv[])
{
	struct arena *a = arena_new();
	struct err err = { .arena = a };
	struct agent agent = { .socket = getenv("JUJU_AGENT_SOCKET_ADDRESS"), .network = "unix", .context_id = getenv("JUJU_CONTEXT_ID") };
	struct buf input = { .arena = a };
	struct carrier *carrier;
	bool asks = false, leaks = false;
	char bytes[4096];
	int fd;

	agent.directory = getcwd(bytes, sizeof bytes) ? str_c(a, str_of(bytes)) : "/";
	for (size_t i = 1; argv[i]; i++) {
		asks |= strcmp(argv[i], "-") == 0;
		leaks |= strstr(argv[i], "CANARY") != NULL;
	}
	for (char **variable = environ; *variable; variable++)
		leaks |= strstr(*variable, "CANARY") != NULL;
	fd = open(getenv("STAGE_SEEN"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, leaks ? "!" : ".", 1) != 1)
		return 3;
	while (asks) {
		ssize_t n = read(0, bytes, sizeof bytes);

		if (n <= 0)
			break;
		buf_add(&input, (struct str){ bytes, (size_t)n });
	}
	struct tool_call call = { .argv = (const char *const *)argv, .input = asks ? buf_str(&input) : NOSTR };
	if (carrier_open(a, &agent, NULL, &carrier, &err) < 0 || carrier->run(carrier, &call, 1, &err) < 0) {
		fprintf(stderr, "%s\n", err.msg);
		return 1;
	}
	fwrite(call.output.p ? call.output.p : "", 1, call.output.n, stdout);
	fwrite(call.message.p ? call.message.p : "", 1, call.message.n, stderr);
	return fflush(stdout) == 0 && fflush(stderr) == 0 ? call.code : 1;
}

static const char *const tool_names[] = {
	"action-fail", "action-get", "action-set", "close-port", "config-get", "is-leader", "juju-log", "network-get", "open-port", "opened-ports",
	"relation-get", "relation-ids", "relation-list", "relation-model-get", "relation-set", "secret-add", "secret-get", "secret-grant", "secret-ids",
	"secret-info-get", "secret-remove", "secret-revoke", "secret-set", "state-delete", "state-get", "state-set", "status-get", "status-set", "unit-get",
};

/* One folder for all worlds: tools/, and the file in which each tool leaves a mark. */
static char tools_folder[] = "/tmp/tools.XXXXXX", tools_path[64], tools_seen[64];

static void make_tools(void)
{
	char program[4096], link[128];
	ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);

	if (n < 0 || !mkdtemp(tools_folder))
		broken("tools");
	program[n] = '\0';
	snprintf(tools_path, sizeof tools_path, "%s/tools", tools_folder);
	snprintf(tools_seen, sizeof tools_seen, "%s/seen", tools_folder);
	setenv("STAGE_SEEN", tools_seen, 1);
	mkdir(tools_path, 0700);
	for (size_t i = 0; i < LEN(tool_names); i++) {
		snprintf(link, sizeof link, "%s/%s", tools_path, tool_names[i]);
		if (symlink(program, link) < 0)
			broken(link);
	}
}

/* How many tools ran, each with a look at its argv and its environment. */
static long look_at_tools(bool ran)
{
	struct arena *a = arena_new();
	struct err err = { .arena = a };
	struct str seen = S("");
	char link[128];
	bool found;
	long n;

	CHECK(file_read(a, tools_seen, MAX_FILE, &seen, &found, &err) == 0 && found == ran, "%s", err.msg ? err.msg : "tools and sockets mixed up");
	CHECK(!str_contains(seen, S("!")), "a hook tool was given a secret in its argv or environment");
	n = seen.p ? (long)seen.n : 0;
	for (size_t i = 0; i < LEN(tool_names); i++) {
		snprintf(link, sizeof link, "%s/%s", tools_path, tool_names[i]);
		unlink(link);
	}
	unlink(tools_seen);
	rmdir(tools_path);
	CHECK(rmdir(tools_folder) == 0, "%s is not empty", tools_folder);
	arena_free(a);
	return n;
}

/* --- Worlds --- */

static const struct { const char *state, *event; bool tools; } worlds[] = {
	{ "install", "install", false }, { "everything", "config-changed", false }, { "migration", "config-changed", false },
	{ "migration", "rotate-secret-key", false }, { "everything", "postgresql-relation-broken", false },
	{ "install", "install", true },
};

static struct { long faults, healed, canaries; } total;

static void open_world(struct stage *w, size_t world)
{
	struct arena *a = arena_new();
	struct err err = { .arena = a };
	struct str path = str_f(a, "tests/stage/%s.yaml", worlds[world].state), text;
	bool found;

	if (file_read(a, path.p, MAX_FILE, &text, &found, &err) < 0 || !found)
		broken(path.p);
	stage_open(w, "tests/stage", text, worlds[world].state);
	w->tools = worlds[world].tools ? tools_path : NULL;
	w->trace = "-";   /* all lines of a trace, too, are looked through for secrets */
	arena_free(a);
}

/* What must be the same after the world was healed: everything but fresh keys and ids. */
static struct str outcome(struct stage *w)
{
	struct arena *a = w->arena;
	struct node *state = simulator_state(w->simulator);

	NODE_EACH (relation, node_get(state, "relations")) {
		struct node *bag = node_get(relation, "local_app_data");

		if (node_gets(bag, "flask_secret_key").p && !str_starts(node_gets(bag, "flask_secret_key"), "CANARY"))
			node_puts(a, bag, "flask_secret_key", S("fresh"));
	}
	NODE_EACH (container, node_get(state, "containers"))
		NODE_EACH (layer, node_get(container, "layers"))
			NODE_EACH (service, node_get(layer, "services")) {
				struct node *env = node_get(service, "environment");

				if (node_gets(env, "FLASK_SECRET_KEY").p && !str_starts(node_gets(env, "FLASK_SECRET_KEY"), "CANARY"))
					node_puts(a, env, "FLASK_SECRET_KEY", S("fresh"));
			}
	return json_text(a, state, JSON_SORTED);
}

/* What an operator or a bystander can see. */
static void look_for_canaries(struct stage *w, const char *what)
{
	struct arena *a = w->arena;
	struct strs seen = { 0 };

	strs_add(a, &seen, w->output);
	NODE_EACH (entry, simulator_journal(w->simulator))
		if (str_is(node_gets(entry, "kind"), "log") || str_is(node_gets(entry, "kind"), "status-set"))
			strs_add(a, &seen, json_text(a, entry, 0));
	for (size_t i = 0; i < seen.n; i++) {
		total.canaries++;
		CHECK(!str_contains(seen.v[i], S("CANARY")), "%s shows a secret: " FMT, what, ARG(seen.v[i]));
	}
}

static bool ended_well(int status)
{
	return status >= 0 && WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 1);
}

static struct str expected(size_t world, long *requests)
{
	const char *state = worlds[world].state, *event = worlds[world].event;
	struct stage w;
	struct str s;
	int status;

	open_world(&w, world);
	status = stage_run(&w, event, NULL, hook_run, NULL, TOO_LONG);
	*requests = w.requests;
	CHECK(status == 0, "%s %s: status %d: " FMT, state, event, status, ARG(w.output));
	look_for_canaries(&w, event);
	CHECK(stage_run(&w, "config-changed", NULL, hook_run, NULL, TOO_LONG) == 0, "%s %s: the event after: " FMT, state, event, ARG(w.output));
	s = str_of(strdup(str_c(w.arena, outcome(&w))));
	stage_close(&w);
	return s;
}

static bool is_action(size_t world)
{
	return strcmp(worlds[world].event, "rotate-secret-key") == 0;
}

/* Says where they begin to differ. */
static bool compare(struct str got, struct str want, const char *what)
{
	size_t i = 0;

	while (i < got.n && i < want.n && got.p[i] == want.p[i])
		i++;
	CHECK(i == got.n && i == want.n, "%s: not healed: \"" FMT "\" instead of \"" FMT "\"", what, ARG(str_sub(got, i < 60 ? 0 : i - 60, i + 60)),
	      ARG(str_sub(want, i < 60 ? 0 : i - 60, i + 60)));
	return i == got.n && i == want.n;
}

/* One dispatch with the fault, and the one after it without. False: the fault was not reached. */
static bool survive(size_t i, const struct fault *fault, struct str want, const char *what)
{
	struct stage w;
	int status, after;
	bool reached = true, acted = false;

	open_world(&w, i);
	status = stage_run(&w, worlds[i].event, fault, faulty_hook, NULL, TOO_LONG);
	if (inject.kind == CALL_SIGTERM && status >= 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM) {
		total.faults++;
	} else if (status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == NOT_REACHED) {
		reached = false;
	} else {
		CHECK(ended_well(status), "%s: wait status %d: " FMT, what, status, ARG(w.output));
		total.faults++;
	}
	look_for_canaries(&w, what);
	NODE_EACH (entry, simulator_journal(w.simulator))
		acted |= str_is(node_gets(entry, "kind"), "action-set");
	if (reached && (!fault || w.requests >= fault->at)) {
		enum call_fault kind = inject.kind;

		inject.kind = CALL_NONE;
		/* Juju repeats a hook that failed, and an operator an action that gave no result; one that ended well is followed by any other. */
		after = stage_run(&w, ended_well(status) && WEXITSTATUS(status) == 0 && (!is_action(i) || acted) ? "update-status" : worlds[i].event, NULL, hook_run, NULL, TOO_LONG);
		CHECK(after == 0, "%s: the next event: wait status %d: " FMT, what, after, ARG(w.output));
		CHECK(stage_run(&w, "config-changed", NULL, hook_run, NULL, TOO_LONG) == 0, "%s", what);
		if (compare(outcome(&w), want, what))
			total.healed++;
		inject.kind = kind;
	}
	stage_close(&w);
	return reached;
}

/* How much of the whole: every n-th call in a usual run, fewer of those that are many or take long. */
static long stride(size_t world, enum call_fault kind)
{
	const char *all = getenv("FAULTS");

	if (all && (strcmp(all, "all") == 0 || atol(all) == (long)world))
		return 1;
#ifdef FAILING_MALLOC
	return (kind == CALL_NOMEMORY ? 331 : 37) * (worlds[world].tools ? 3 : 1);
#else
	(void)world;
	return kind ? 113 : 61;   /* under a sanitizer all is slower, and its own memory must not fail */
#endif
}

static void fail_calls(size_t i, struct str want)
{
	for (int kind = CALL_NONE + 1; kind < CALL_FAULTS; kind++) {
		long step = stride(i, kind);
#ifndef FAILING_MALLOC
		if (kind == CALL_NOMEMORY)
			continue;   /* the sanitizers bring their own */
#endif
		inject.kind = kind;
		for (long n = 1 + (long)(i * 7 + (size_t)kind * 5) % step; ; n += step) {
			char what[128];

			inject.at = n;
			snprintf(what, sizeof what, "%s on %s%s, call %ld: %s", worlds[i].event, worlds[i].state, worlds[i].tools ? " by tools" : "", n,
			         call_fault_names[kind]);
			if (!survive(i, NULL, want, what))
				break;
		}
	}
	inject.kind = CALL_NONE;
}

static void fail_replies(size_t i, struct str want, long requests)
{
	static const char *const names[] = { "", "error", "garbage", "reset", "late", "cut", "byte by byte", "dead" };

	long step = stride(i, CALL_NONE);

	for (int kind = FAULT_NONE + 1; kind < FAULT_KINDS; kind++)
		for (long n = 1 + (long)(i * 7 + (size_t)kind * 5) % step; n <= requests; n += step) {
			size_t length = 0;
			struct fault fault = { .kind = kind, .at = n, .answer = &length };
			char what[128];

			do {
				snprintf(what, sizeof what, "%s on %s, reply %ld: %s %zu", worlds[i].event, worlds[i].state, n, names[kind], fault.cut);
				survive(i, &fault, want, what);
				fault.cut += step == 1 ? 1 : 97;
			} while (kind == FAULT_CUT && fault.cut < length && fault.cut < 600);
		}
}

int main(int argc, char *argv[])
{
	const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0], *only = getenv("FAULTS");
	bool tools_ran = false;
	long tools;

	for (size_t i = 0; i < LEN(tool_names); i++)
		if (argc && strcmp(name, tool_names[i]) == 0)
			return be_a_tool((argv[0] = (char *)(uintptr_t)tool_names[i], argv));
	make_tools();
	for (size_t i = 0; i < LEN(worlds); i++) {
		long requests;
		struct str want;

		/* An emulator runs this program, but does not run what it starts; under a sanitizer each tool takes longer than a hook. */
		if ((worlds[i].tools && (getenv("TEST_UNDER") || SANITIZED)) || (only && is_digit(*only) && atol(only) != (long)i))
			continue;
		tools_ran |= worlds[i].tools;
		want = expected(i, &requests);
		fail_calls(i, want);
		fail_replies(i, want, requests);
		free((char *)want.p);
	}
	tools = look_at_tools(tools_ran);
	printf("%ld faults survived, %ld worlds healed, %ld texts and %ld tools' arguments and environments searched for secrets\n", total.faults,
	       total.healed, total.canaries, tools);
	return TEST_END();
}
