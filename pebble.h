/* pebble.h: the one seam to the workload: what a charm asks of a container's Pebble.
 *
 * Behind it: HTTP/1.1 over the container's unix socket (one kept connection; websockets for exec), or the simulator's Pebble in memory.
 * Every function: 0, or -1 with ERR_WAITING (Pebble is not there, or went away half-way, or a deadline passed) or
 * ERR_BLOCKED (Pebble refuses; the message has Pebble's own words). */
#ifndef PEBBLE_H
#define PEBBLE_H

#include "data.h"
#include "trace.h"

struct service { struct str name, startup, current; };   /* current: active, inactive, backoff, error */
struct file {                                             /* a file of the container */
	struct str path;
	struct str content;
	struct str user, group;    /* by name; NOSTR: Pebble's own */
	bool       make_dirs;      /* make missing parents */
	bool       found;          /* pebble_read: it is there */
	struct str error;          /* pebble_read: why a file that is there cannot be read; NOSTR if it can */
};
struct entry { struct str name, type; };                  /* of a directory; type: file, directory, symlink, ... */
struct exec {
	struct strs command;
	const struct node *environment;   /* map of strings; NULL: nothing added */
	struct str  working_dir, user, group, service_context;   /* NOSTR: Pebble's default */
	struct str  input;                /* stdin; NOSTR: closed at once */
	int         timeout;              /* seconds; 0: none (Pebble is asked every 4 s whether it still lives) */
	bool        merge_stderr;         /* stderr joins stdout */
};
struct exec_result { int code; struct str output, error_output; };   /* each at most MAX_EXEC_OUTPUT bytes, the last ones */

/* --- Limits on what a Pebble may send. --- */
enum {
	MAX_HTTP_HEAD   = 64 << 10,  /* bytes of a reply's head, and between two pieces of content of a chunked one */
	MAX_HTTP_BODY   = 32 << 20,  /* bytes of a reply */
	MAX_FRAME       = 1 << 20,   /* bytes of a websocket frame; Pebble's have at most 128 KiB */
	MAX_MESSAGE     = 4 << 10,   /* bytes of a websocket text message; the only one there is has 17 */
	MAX_EXEC_OUTPUT = 1 << 20,   /* bytes kept of each stream of a command's output, the last ones; the rest is dropped */
};

struct pebble;
struct pebble_ops {
	int (*plan)(struct pebble *, struct node **plan, struct err *);
	int (*services)(struct pebble *, struct service **, size_t *n, struct err *);
	int (*layer_add)(struct pebble *, struct str label, const struct node *layer, struct err *);
	int (*read)(struct pebble *, struct file *files, size_t n, struct err *);
	int (*write)(struct pebble *, const struct file *files, size_t n, struct err *);
	int (*list)(struct pebble *, struct str path, struct entry **, size_t *n, bool *found, struct err *);
	int (*make_dir)(struct pebble *, struct str path, struct str user, struct str group, struct err *);
	int (*remove)(struct pebble *, struct str path, struct err *);
	int (*control)(struct pebble *, const char *action, const struct strs *services, struct err *);
	int (*signal)(struct pebble *, const char *name, struct str service, struct err *);
	int (*exec)(struct pebble *, const struct exec *, struct exec_result *, struct err *);
	void (*close)(struct pebble *);
	void (*ahead)(struct pebble *, const struct file *files, size_t n, struct str directory);   /* NULL: nothing is gained */
};
struct pebble { const struct pebble_ops *ops; struct arena *arena; struct trace *trace; };

/* The real one; connects on first use. socket: the path of pebble.socket. */
struct pebble *pebble_open(struct arena *, struct str socket, struct trace *);

/* Sends what pebble_plan will ask and, with files, pebble_services, pebble_read of these and pebble_list of the directory, all at once, so that
 * Pebble answers while we do something else. To be called first; what then is asked in this order finds its answer under way. A failure is none:
 * each is asked as if this had not been. */
void pebble_ahead(struct pebble *, const struct file *files, size_t n, struct str directory);
int pebble_plan(struct pebble *, struct node **plan, struct err *);   /* never NULL; an empty map when empty */
int pebble_services(struct pebble *, struct service **, size_t *n, struct err *);
/* Adds a layer under `label`, combining with one of that name. */
int pebble_layer_add(struct pebble *, struct str label, const struct node *layer, struct err *);
/* All files in one request: path in; content, found, error out. A missing file is no error. */
int pebble_read(struct pebble *, struct file *files, size_t n, struct err *);
/* All files in one request, mode 644, each replaced atomically. ERR_BLOCKED names the first that failed. */
int pebble_write(struct pebble *, const struct file *files, size_t n, struct err *);
int pebble_list(struct pebble *, struct str path, struct entry **, size_t *n, bool *found, struct err *);
int pebble_make_dir(struct pebble *, struct str path, struct str user, struct str group, struct err *);  /* with parents; there already: fine */
int pebble_remove(struct pebble *, struct str path, struct err *);    /* a missing path is no error */
/* action: "start", "stop", "restart" with service names, "replan", "autostart" without; waits for the change, 30 s. A service that does
 * not start: ERR_BLOCKED "service <name> failed to start", and *log* lines from the change's tasks after a newline. */
int pebble_control(struct pebble *, const char *action, const struct strs *services, struct err *);
int pebble_signal(struct pebble *, const char *name, struct str service, struct err *);   /* "SIGHUP" */
/* Runs to the end. A command that exits non-zero is a result, not an error. */
int pebble_exec(struct pebble *, const struct exec *, struct exec_result *, struct err *);
void pebble_close(struct pebble *);

/* The rest of what a charm may need; of the real Pebble only. */
int pebble_system_info(struct pebble *, struct node **, struct err *);
int pebble_checks(struct pebble *, struct node **, struct err *);
int pebble_notify(struct pebble *, struct str key, const struct node *data, struct err *);
int pebble_notices(struct pebble *, struct node **, struct err *);

#endif
