/* test_faults.c: every call that can fail fails once, in every way: what comes of it, and whether the next event mends it.
 *
 * A dispatch runs on real sockets against the simulator (stage.c). Its own calls are counted, and the n-th fails; or the n-th
 * reply of the agent or of Pebble goes wrong. After each: exit 0 or 1, no signal, no hang, no secret shown; and one more event
 * leaves the same world as a dispatch that met no fault. */
#include "stage.c"
#include "test.h"

#include "../hook.h"

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

ssize_t getrandom(void *bytes, size_t n, unsigned flags)
{
	return meets() ? -1 : syscall(SYS_getrandom, bytes, n, flags);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define OWN_MALLOC 1
#endif
#endif
#ifndef OWN_MALLOC
#define FAILING_MALLOC 1
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);

static bool no_memory(void)
{
	return inject.armed && inject.kind == CALL_NOMEMORY && ++inject.count == inject.at;
}

void *malloc(size_t n) { return no_memory() ? NULL : __libc_malloc(n); }
void *calloc(size_t count, size_t n) { return no_memory() ? NULL : __libc_calloc(count, n); }
void *realloc(void *p, size_t n) { return no_memory() ? NULL : __libc_realloc(p, n); }
#endif
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

/* --- Worlds --- */

static const struct { const char *state, *event; } worlds[] = {
	{ "install", "install" }, { "everything", "config-changed" }, { "migration", "config-changed" }, { "migration", "rotate-secret-key" },
	{ "everything", "postgresql-relation-broken" },
};

static struct { long faults, healed, canaries; } total;

static void open_world(struct stage *w, const char *name)
{
	struct arena *a = arena_new();
	struct err err = { .arena = a };
	struct str path = str_f(a, "tests/stage/%s.yaml", name), text;
	bool found;

	if (file_read(a, path.p, MAX_FILE, &text, &found, &err) < 0 || !found)
		broken(path.p);
	stage_open(w, "tests/stage", text, name);
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

static struct str expected(const char *state, const char *event, long *requests)
{
	struct stage w;
	struct str s;
	int status;

	open_world(&w, state);
	status = stage_run(&w, event, NULL, hook_run, NULL, 60);
	*requests = w.requests;
	CHECK(status == 0, "%s %s: status %d: " FMT, state, event, status, ARG(w.output));
	look_for_canaries(&w, event);
	CHECK(stage_run(&w, "config-changed", NULL, hook_run, NULL, 60) == 0, "%s %s: the event after: " FMT, state, event, ARG(w.output));
	s = str_of(strdup(str_c(w.arena, outcome(&w))));
	stage_close(&w);
	return s;
}

/* One dispatch with the fault, and the one after it without. False: the fault was not reached. */
static bool survive(size_t i, const struct fault *fault, struct str want, const char *what)
{
	struct stage w;
	int status, after;
	bool reached = true;

	open_world(&w, worlds[i].state);
	status = stage_run(&w, worlds[i].event, fault, faulty_hook, NULL, 60);
	if (inject.kind == CALL_SIGTERM && status >= 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM) {
		total.faults++;
	} else if (status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == NOT_REACHED) {
		reached = false;
	} else {
		CHECK(ended_well(status), "%s: wait status %d: " FMT, what, status, ARG(w.output));
		total.faults++;
	}
	look_for_canaries(&w, what);
	if (reached && (!fault || w.requests >= fault->at)) {
		enum call_fault kind = inject.kind;

		inject.kind = CALL_NONE;
		/* Juju repeats a hook that failed; one that ended well is followed by any other. */
		after = stage_run(&w, ended_well(status) && WEXITSTATUS(status) == 0 ? "update-status" : worlds[i].event, NULL, hook_run, NULL, 60);
		CHECK(after == 0, "%s: the next event: wait status %d: " FMT, what, after, ARG(w.output));
		CHECK(stage_run(&w, "config-changed", NULL, hook_run, NULL, 60) == 0, "%s", what);
		if (str_eq(outcome(&w), want))
			total.healed++;
		else
			CHECK(false, "%s: not healed:\n" FMT "\nwanted:\n" FMT, what, ARG(outcome(&w)), ARG(want));
		inject.kind = kind;
	}
	stage_close(&w);
	return reached;
}

/* How much of the whole: every STRIDE-th call in a usual run, every one with FAULTS=all. */
static long stride(void)
{
	return getenv("FAULTS") && strcmp(getenv("FAULTS"), "all") == 0 ? 1 : 23;
}

static void fail_calls(size_t i, struct str want)
{
	for (int kind = CALL_NONE + 1; kind < CALL_FAULTS; kind++) {
#ifndef FAILING_MALLOC
		if (kind == CALL_NOMEMORY)
			continue;   /* the sanitizers bring their own */
#endif
		inject.kind = kind;
		for (long n = 1 + (long)(i + (size_t)kind) % stride(); ; n += stride()) {
			char what[128];

			inject.at = n;
			snprintf(what, sizeof what, "%s on %s, call %ld: %s", worlds[i].event, worlds[i].state, n, call_fault_names[kind]);
			if (!survive(i, NULL, want, what))
				break;
		}
	}
	inject.kind = CALL_NONE;
}

static void fail_replies(size_t i, struct str want, long requests)
{
	static const char *const names[] = { "", "error", "garbage", "reset", "late", "cut", "byte by byte", "dead" };

	for (int kind = FAULT_NONE + 1; kind < FAULT_KINDS; kind++)
		for (long n = 1 + (long)(i + (size_t)kind) % stride(); n <= requests; n += stride()) {
			size_t length = 0;
			struct fault fault = { .kind = kind, .at = n, .answer = &length };
			char what[128];

			do {
				snprintf(what, sizeof what, "%s on %s, reply %ld: %s %zu", worlds[i].event, worlds[i].state, n, names[kind], fault.cut);
				survive(i, &fault, want, what);
				fault.cut += stride() == 1 ? 1 : 97;
			} while (kind == FAULT_CUT && fault.cut < length && fault.cut < 600);
		}
}

int main(void)
{
	for (size_t i = 0; i < LEN(worlds); i++) {
		long requests;
		struct str want = expected(worlds[i].state, worlds[i].event, &requests);

		fail_calls(i, want);
		fail_replies(i, want, requests);
		free((char *)want.p);
	}
	printf("%ld faults survived, %ld worlds healed, %ld places searched for secrets\n", total.faults, total.healed, total.canaries);
	return TEST_END();
}
