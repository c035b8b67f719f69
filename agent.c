/* agent.c: the two carriers to a real Juju: the agent's RPC socket, and the hook tools as executables.
 *
 * The socket is one connection for the whole hook, with no process beside ours. It is given up for the executables only where no call
 * can have run: when connecting fails, or when the first reply shows that the other side does not speak net/rpc over gob. Whatever fails
 * later ends the hook, for the call may have run; and then nothing more is sent. */
#include "gob.h"
#include "juju.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	DEADLINE   = 60000,                 /* ms that one call may take */
	AT_ONCE    = 4,                     /* tools that run side by side: Juju's own are large */
	MAX_OUTPUT = MAX_REPLY / AT_ONCE,   /* bytes of a tool's stdout, and of its stderr: so that all together are bounded as a reply is */
};

struct link {
	struct carrier carrier;      /* first: a carrier is our link */
	struct arena  *arena;
	struct agent   agent;        /* a copy: its texts are the environment's */
	struct trace  *trace;
	int            fd;           /* the agent's socket; -1: the executables */
	uint64_t       seq;          /* of the next call */
	struct gob_writer writer;
	struct gob_reader *reader;
	const char    *broken;       /* why nothing more may be sent; NULL: all is well */
	bool           tools;        /* the executables are in use */
	struct sigaction sigpipe;    /* then: as it was before us */
};

static int64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int call_ms(const struct agent *g)
{
	return g->deadline ? g->deadline : DEADLINE;
}

/* For poll: what is left until a deadline, 0 when it has passed. */
static int left_ms(int64_t deadline)
{
	int64_t left = deadline - clock_ms();

	return left > 0 ? (int)left : 0;
}

static int broken(struct link *l, struct err *err, const char *why)
{
	l->broken = why;
	return err_set(err, ERR_RETRY, "%s", why);
}

/* --- The socket --- */

static int agent_connect(const struct agent *g, const char **why)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = call_ms(g) / 1000, .tv_usec = call_ms(g) % 1000 * 1000L };
	size_t n = strlen(g->socket);
	int fd;

	if (n >= sizeof sa.sun_path) {
		*why = "its path is too long";
		return -1;
	}
	memcpy(sa.sun_path, g->socket, n);
	if (sa.sun_path[0] == '@')
		sa.sun_path[0] = '\0';   /* an abstract name: its length counts, no NUL ends it */
	else
		n++;
	/* Close-on-exec: the agent waits at the hook's end for everybody who holds this connection. */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		goto fail;
	/* A listener that accepts nobody lets connect wait for as long as this. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) < 0)
		goto fail;
	while (connect(fd, (struct sockaddr *)&sa, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
		if (errno != EINTR)
			goto fail;
	return fd;
fail:
	*why = strerror(errno);
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool passing(int error)
{
	return error == EAGAIN || error == EINTR;
}

/* The answer to one of the calls [0, n), whose first has the number `base`. -1: to none of them, or a second time. */
static int reply_take(struct link *l, struct tool_call *calls, size_t n, uint64_t base, bool *answered, const struct gob_reply *reply,
                      const char **refused)
{
	uint64_t i = reply->seq - base;
	struct tool_call *call;

	if (i >= n || answered[i])
		return -1;
	answered[i] = true;
	call = &calls[i];
	call->code = reply->code < 0 || reply->code > 255 ? 255 : (int)reply->code;
	call->output = reply->output;
	call->message = reply->message;
	call->ended = l->trace ? trace_now() : 0;
	if (reply->error.n == 0)
		return 0;
	/* An agent that does not know a tool yet (relation-model-get came with 3.6) says so here, as a shell would: a tool that failed. */
	call->code = 1;
	call->message = reply->error;
	if (!str_contains(reply->error, S("unknown command")) && !str_contains(reply->error, S("unknown hook command")) && !*refused)
		*refused = str_c(l->arena, str_f(l->arena, "agent socket: %s: " FMT, call->argv[0], ARG(reply->error)));
	return 0;
}

/* What one exchange has to tell. */
enum exchange { EXCHANGED, REFUSED, BROKEN, NO_GOB };

/* Sends all the calls and takes their replies as they come. Both at once: an agent that writes a long reply before it reads on would
 * otherwise wait for us, and we for it. The agent carries out one call at a time: so the deadline starts anew with each reply. */
static enum exchange exchange(struct link *l, struct tool_call *calls, size_t n, struct err *err)
{
	int64_t deadline = clock_ms() + call_ms(&l->agent), started = l->trace ? trace_now() : 0;
	bool *answered = arena_alloc(l->arena, n * sizeof *answered);
	uint64_t base = l->seq;
	size_t left = n, sent = 0;
	struct buf *out = &l->writer.out;
	const char *why = NULL, *refused = NULL;
	struct gob_reply reply;
	char *room;
	size_t size, first = 0;
	ssize_t got;
	int rc;

	out->n = 0;
	for (size_t i = 0; i < n; i++) {
		struct gob_call call = { .seq = l->seq++, .context_id = str_of(l->agent.context_id), .dir = str_of(l->agent.directory),
			.command = str_of(calls[i].argv[0]), .args = calls[i].argv + 1, .input = calls[i].input,
			.token = str_of(l->agent.token) };

		gob_call_write(&l->writer, &call);
		calls[i].started = started;
	}
	while (left) {
		struct pollfd p = { .fd = l->fd, .events = POLLIN };

		if (sent < out->n) {
			got = send(l->fd, out->p + sent, out->n - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
			if (got >= 0)
				sent += (size_t)got;
			else if (!passing(errno)) {
				/* The other side is gone; what it said before is still to be read. If it is not, it must not wait for the rest, nor we for it. */
				shutdown(l->fd, SHUT_WR);
				sent = out->n;
			}
			if (sent < out->n)
				p.events |= POLLOUT;
		}
		rc = poll(&p, 1, left_ms(deadline));
		if (rc == 0 || (rc < 0 && errno != EINTR)) {
			why = rc == 0 ? "no answer in time" : strerror(errno);
			break;
		}
		if (rc < 0 || !(p.revents & ~POLLOUT))
			continue;
		room = gob_reader_room(l->reader, &size);
		got = recv(l->fd, room, size, MSG_DONTWAIT);
		if (got < 0 && passing(errno))
			continue;
		if (got <= 0) {
			why = "connection lost";
			break;
		}
		gob_reader_add(l->reader, (size_t)got);
		while (left && (rc = gob_reply_next(l->reader, &reply, err)) == 1) {
			if (reply_take(l, calls, n, base, answered, &reply, &refused) < 0) {
				why = "a reply to no call";
				break;
			}
			left--;
			deadline = clock_ms() + call_ms(&l->agent);
		}
		if (why)
			break;
		if (left && rc < 0) {
			if (!gob_reader_spoke(l->reader))
				return NO_GOB;
			why = err->msg;
			break;
		}
	}
	if (!why && !refused)
		return EXCHANGED;
	if (!why) {
		err_set(err, ERR_RETRY, "%s", refused);
		return REFUSED;
	}
	while (answered[first])
		first++;
	broken(l, err, str_c(l->arena, str_f(l->arena, "agent socket: %s: %s", calls[first].argv[0], why)));
	return BROKEN;
}

static void hang_up(struct link *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

/* --- The executables --- */

/* The path of a hook tool; NULL: PATH has none. Only absolute folders count: the charm's own folder is no place for tools. */
static const char *tool_find(struct arena *a, const char *path, const char *name)
{
	struct str rest = str_of(path), folder;

	while (str_split(&rest, ':', &folder)) {
		char *file;

		if (!str_starts(folder, "/"))
			continue;
		file = str_c(a, str_f(a, FMT "/%s", ARG(folder), name));
		if (access(file, X_OK) == 0)
			return file;
	}
	return NULL;
}

static void shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* A pipe of which our end, which = 0 (reading) or 1, does not block. */
static int pipe_open(int ends[2], int ours)
{
	int flags;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	flags = fcntl(ends[ours], F_GETFL);
	return flags < 0 ? -1 : fcntl(ends[ours], F_SETFL, flags | O_NONBLOCK);
}

/* Starts the tool: stdin from a pipe or from nowhere, stdout and stderr into pipes. An errno, or 0. */
static int tool_spawn(const char *file, const struct tool_call *call, int in, int out, int errors, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t defaults;
	int rc;

	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);   /* which we ignore, and the tool must not */
	rc = posix_spawnattr_init(&attributes);
	if (rc)
		return rc;
	rc = posix_spawn_file_actions_init(&actions);
	if (rc) {
		posix_spawnattr_destroy(&attributes);
		return rc;
	}
	if ((rc = posix_spawnattr_setsigdefault(&attributes, &defaults)) == 0 &&
	    (rc = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF)) == 0 &&
	    (rc = in >= 0 ? posix_spawn_file_actions_adddup2(&actions, in, 0)
	                  : posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)) == 0 &&
	    (rc = posix_spawn_file_actions_adddup2(&actions, out, 1)) == 0 &&
	    (rc = posix_spawn_file_actions_adddup2(&actions, errors, 2)) == 0)
		/* posix_spawn takes argv without const, and leaves it alone. */
		rc = posix_spawn(pid, file, &actions, &attributes, (char *const *)(uintptr_t)call->argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return rc;
}

/* What is there to read, into b. Closes the pipe at its end. -1: too much. */
static int pipe_read(int *fd, struct buf *b)
{
	char bytes[4096];
	ssize_t got = read(*fd, bytes, sizeof bytes);

	if (got > 0)
		buf_add(b, (struct str){ bytes, (size_t)got });
	else if (got == 0 || !passing(errno))
		shut(fd);
	return b->n > MAX_OUTPUT ? -1 : 0;
}

/* Waits for the tool's end; NULL, or why it is not waited for any longer. */
static const char *tool_wait(pid_t pid, int64_t deadline, int *status)
{
	/* Its pipes are closed, so it is just exiting: the first look or the next one sees it. */
	for (long pause = 20000; ; pause = pause < 5000000 ? pause * 2 : pause) {
		pid_t ended = waitpid(pid, status, WNOHANG);

		if (ended == pid)
			return NULL;
		if (ended < 0 && errno != EINTR)
			return strerror(errno);
		if (left_ms(deadline) == 0)
			return "no answer in time";
		nanosleep(&(struct timespec){ .tv_nsec = pause }, NULL);
	}
}

/* A tool at work; out and errors are -1 once they have ended, call is NULL while the place is free. */
struct running {
	struct tool_call *call;
	pid_t         pid;
	int           in, out, errors;   /* our ends of its pipes */
	int64_t       deadline;
	size_t        sent;              /* of the call's input */
	struct buf    output, message;
};

/* NULL, or why it could not be started. */
static const char *running_start(struct link *l, struct running *r, const char *file, struct tool_call *call)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, errors[2] = { -1, -1 }, rc;

	*r = (struct running){ .call = call, .pid = -1, .deadline = clock_ms() + call_ms(&l->agent),
		.output.arena = l->arena, .message.arena = l->arena };
	call->started = l->trace ? trace_now() : 0;
	if ((call->input.n && pipe_open(in, 1) < 0) || pipe_open(out, 0) < 0 || pipe_open(errors, 0) < 0) {
		rc = errno;
	} else {
		rc = tool_spawn(file, call, in[0], out[1], errors[1], &r->pid);
		if (rc)
			r->pid = -1;
	}
	shut(&in[0]);
	shut(&out[1]);
	shut(&errors[1]);
	r->in = in[1];
	r->out = out[0];
	r->errors = errors[0];
	return rc ? strerror(rc) : NULL;
}

/* Moves what can be moved, as poll found it; NULL, or why the tool is given up. */
static const char *running_move(struct running *r, const struct pollfd p[3])
{
	if (p[2].revents) {
		ssize_t wrote = write(r->in, r->call->input.p + r->sent, r->call->input.n - r->sent);

		if (wrote > 0)
			r->sent += (size_t)wrote;
		if (r->sent == r->call->input.n || (wrote < 0 && !passing(errno)))
			shut(&r->in);   /* all said, or the tool does not want to hear the rest */
	}
	if ((p[0].revents && pipe_read(&r->out, &r->output) < 0) || (p[1].revents && pipe_read(&r->errors, &r->message) < 0))
		return "its output is too long";
	return left_ms(r->deadline) == 0 ? "no answer in time" : NULL;
}

/* The end of a tool that has closed its output. NULL, or why it is not waited for any longer. */
static const char *running_end(struct link *l, struct running *r)
{
	struct tool_call *call = r->call;
	const char *why;
	int status;

	shut(&r->in);
	why = tool_wait(r->pid, r->deadline, &status);
	if (why)
		return why;
	r->call = NULL;
	call->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	call->output = buf_str(&r->output);
	call->message = buf_str(&r->message);
	if (!WIFEXITED(status))
		call->message = str_f(l->arena, "ERROR ended by signal %d", WTERMSIG(status));
	call->ended = l->trace ? trace_now() : 0;
	return NULL;
}

static void running_kill(struct running *r)
{
	if (r->pid > 0) {
		kill(r->pid, SIGKILL);
		while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	shut(&r->in);
	shut(&r->out);
	shut(&r->errors);
}

/* Waits until some of the tools can go on, and lets them. NULL, or why one is given up, and which. */
static const char *running_poll(struct link *l, struct running *all, size_t n, struct running **which)
{
	struct pollfd p[3 * AT_ONCE];
	int64_t deadline = INT64_MAX;
	const char *why;

	for (size_t i = 0; i < n; i++) {
		struct running *r = &all[i];

		/* poll passes over what is closed. */
		p[3 * i] = (struct pollfd){ r->call ? r->out : -1, POLLIN, 0 };
		p[3 * i + 1] = (struct pollfd){ r->call ? r->errors : -1, POLLIN, 0 };
		p[3 * i + 2] = (struct pollfd){ r->call ? r->in : -1, POLLOUT, 0 };
		if (r->call && r->deadline < deadline) {
			deadline = r->deadline;
			*which = r;
		}
	}
	if (poll(p, 3 * n, left_ms(deadline)) < 0)
		return errno == EINTR ? NULL : strerror(errno);
	for (size_t i = 0; i < n; i++) {
		struct running *r = &all[i];

		if (!r->call)
			continue;
		why = running_move(r, &p[3 * i]);
		if (!why && r->out < 0 && r->errors < 0)
			why = running_end(l, r);
		if (why) {
			*which = r;
			return why;
		}
	}
	return NULL;
}

/* A few tools at work at a time: most of what a tool takes is its own start. */
static int tools_run(struct link *l, struct tool_call *calls, size_t n, struct err *err)
{
	struct running all[AT_ONCE] = { 0 }, *which = NULL;
	size_t next = 0, busy = 0;
	const char *why = NULL;

	do {
		busy = 0;
		for (size_t i = 0; i < AT_ONCE && !why; i++) {
			while (!all[i].call && next < n) {
				struct tool_call *call = &calls[next++];
				const char *file = tool_find(l->arena, l->agent.path, call->argv[0]);

				if (file) {
					which = &all[i];
					why = running_start(l, which, file, call);
				} else {
					call->code = 1;
					call->message = S("ERROR not found on PATH");
				}
			}
			busy += all[i].call != NULL;
		}
		if (!why && busy)
			why = running_poll(l, all, AT_ONCE, &which);
	} while (!why && busy);
	if (!why)
		return 0;
	broken(l, err, str_c(l->arena, str_f(l->arena, "hook tool %s: %s", which->call->argv[0], why)));
	for (size_t i = 0; i < AT_ONCE; i++)
		if (all[i].call)
			running_kill(&all[i]);
	return -1;
}

/* --- The carrier --- */

static int tools_start(struct link *l, const char *no_socket, struct err *err)
{
	/* A tool that stops reading its stdin shows as EPIPE, not as our end. */
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	/* Every hook asks for its configuration: where this tool is, the others are. */
	if (!tool_find(l->arena, l->agent.path, "config-get"))
		return err_set(err, ERR_RETRY, "%s, and no hook tools on PATH", no_socket);
	sigaction(SIGPIPE, &ignore, &l->sigpipe);
	/* Whoever started us may ignore ended children, and that is inherited: then there would be no exit status to wait for. */
	signal(SIGCHLD, SIG_DFL);
	l->tools = true;
	return 0;
}

static int link_run(struct carrier *c, struct tool_call *calls, size_t n, struct err *err)
{
	struct link *l = (struct link *)c;

	if (l->broken)
		return err_set(err, ERR_RETRY, "%s", l->broken);
	if (l->fd >= 0) {
		switch (exchange(l, calls, n, err)) {
		case EXCHANGED:
			return 0;
		case REFUSED:
			return -1;
		case BROKEN:
			hang_up(l);
			return -1;
		case NO_GOB:
			hang_up(l);
			if (tools_start(l, "the agent socket does not speak as Juju's does", err) < 0) {
				l->broken = err->msg;
				return -1;
			}
			err_clear(err);
		}
	}
	return tools_run(l, calls, n, err);
}

static void link_close(struct carrier *c)
{
	struct link *l = (struct link *)c;

	if (l->tools)
		sigaction(SIGPIPE, &l->sigpipe, NULL);
	hang_up(l);
	l->broken = "the connection to Juju is closed";
}

int carrier_open(struct arena *a, const struct agent *g, struct trace *trace, struct carrier **out, struct err *err)
{
	struct link *l = NEW(a, struct link);
	const char *why = NULL, *no_socket;

	*l = (struct link){ .carrier = { link_run, link_close }, .arena = a, .agent = *g, .trace = trace, .fd = -1,
		.writer = gob_writer_new(a), .reader = gob_reader_new(a) };
	*out = &l->carrier;
	if (g->no_socket || !g->socket || !*g->socket) {
		no_socket = g->no_socket ? "DISPATCH_NO_AGENT_SOCKET is set" :
		            "no agent socket (JUJU_AGENT_SOCKET_ADDRESS), no state file (DISPATCH_STATE)";
	} else if (g->network && *g->network && strcmp(g->network, "unix") != 0) {
		/* TCP is for agents that serve the tools to another pod, over TLS; a sidecar charm never meets one. */
		no_socket = str_c(a, str_f(a, "agent socket of network %s", g->network));
	} else {
		int span = trace_begin(trace, "connect to the agent");

		l->fd = agent_connect(g, &why);
		trace_end(trace, span, l->fd < 0);
		if (l->fd >= 0)
			return 0;
		no_socket = str_c(a, str_f(a, "agent socket %s: %s", g->socket, why));
	}
	return tools_start(l, no_socket, err);
}
