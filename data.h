/* data.h: what every file stands on: the arena, strings with a length, errors
 * with context, and one tree for YAML and JSON.
 *
 * Everything lives in an arena and goes with it; no function here returns
 * memory that somebody must free. */
#ifndef DATA_H
#define DATA_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEN(array) (sizeof (array) / sizeof *(array))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args), nonnull(fmt)))

/* --- Limits on input; docs/explanation/reliability.md lists them all. --- */
enum {
	MAX_NESTING  = 64,        /* levels of a YAML or JSON tree */
	MAX_DOCUMENT = 16 << 20,  /* bytes of one YAML or JSON text, as Juju's own limit of a databag */
	MAX_NODES    = 1 << 18,   /* nodes of one tree, YAML aliases expanded */
	MAX_FILE     = 16 << 20,  /* bytes of a file of the charm or the user */
};

/* --- Arena: one per dispatch. --- */
struct arena;
struct arena *arena_new(void);
void arena_free(struct arena *);
/* Zeroed memory, aligned for any type. Never NULL: out of memory is one line on stderr and exit 1, which Juju retries. */
void *arena_alloc(struct arena *, size_t size) __attribute__((returns_nonnull));
/* Room for one more item in an array of `count` items of `size` bytes: the array, moved where it had to grow.
 * `items` is NULL at first; capacities are powers of two, so `count` alone tells when to grow. */
void *arena_grow(struct arena *, void *items, size_t count, size_t size);
_Noreturn void arena_exhausted(void);               /* what arena_alloc does then; for libraries that ran out of it */
#define NEW(arena, type) ((type *)arena_alloc((arena), sizeof (type)))

/* --- Strings with a length. The bytes belong to an arena or are literals; not NUL-terminated. --- */
struct str { const char *p; size_t n; };
#define S(lit)   ((struct str){ (lit), sizeof (lit) - 1 })
#define NOSTR    ((struct str){ 0 })             /* absent: p is NULL. Empty text has a p. */
#define FMT      "%.*s"
#define ARG(s)   (int)(s).n, str_bytes(s)       /* evaluates s twice */
static inline const char *str_bytes(struct str s) { return s.p ? s.p : ""; }

struct str str_of(const char *c_string);          /* NULL gives NOSTR; shares the bytes */
struct str str_dup(struct arena *, struct str);
char      *str_c(struct arena *, struct str);     /* a NUL-terminated copy */
struct str str_f(struct arena *, const char *fmt, ...) PRINTF(2, 3);
struct str str_vf(struct arena *, const char *fmt, va_list) PRINTF(2, 0);
bool str_eq(struct str, struct str);              /* NOSTR equals empty text */
bool str_is(struct str, const char *c_string);
int  str_cmp(struct str, struct str);             /* by bytes, as strcmp */
bool str_starts(struct str, const char *prefix);
bool str_ends(struct str, const char *suffix);
bool str_contains(struct str, struct str part);
struct str str_sub(struct str, size_t from, size_t to);        /* clamped to the text */
ptrdiff_t  str_find(struct str, char);                         /* index or -1 */
ptrdiff_t  str_rfind(struct str, char);
/* Takes the text up to `sep` off the front of *rest; false when *rest is used up. "a,,b" gives "a", "", "b". */
bool str_split(struct str *rest, char sep, struct str *part);
struct str str_trim(struct str);                               /* ASCII white space off both ends */
struct str str_lower(struct arena *, struct str);              /* ASCII letters only */
struct str str_upper(struct arena *, struct str);
struct str str_replace(struct arena *, struct str, char from, char to);
bool str_int(struct str, int64_t *);                           /* a whole decimal number with optional sign, in range */
static inline bool is_digit(char c) { return c >= '0' && c <= '9'; }   /* no locale */
bool utf8_valid(struct str);
int32_t utf8_next(struct str, size_t *i);                      /* the code point at *i, which moves past it; -1: no UTF-8 */

struct strs { struct str *v; size_t n; };                      /* a list; grows in an arena */
void strs_add(struct arena *, struct strs *, struct str);
bool strs_has(const struct strs *, struct str);
struct str strs_join(struct arena *, const struct strs *, const char *separator);

/* --- A text under construction. --- */
struct buf { struct arena *arena; char *p; size_t n, cap; };
void buf_add(struct buf *, struct str);
void buf_adds(struct buf *, const char *);
void buf_addc(struct buf *, char);
void buf_addf(struct buf *, const char *fmt, ...) PRINTF(2, 3);
struct str buf_str(const struct buf *);                        /* shares the bytes; "" when nothing was added */

/* --- Errors: 0 or -1, and an explanation that gathers context on its way up. --- */
enum err_kind {
	ERR_NONE,
	ERR_BLOCKED,   /* an operator must do something; msg is (the end of) the status */
	ERR_WAITING,   /* an everyday state that passes by itself */
	ERR_RETRY,     /* Juju should try this hook again: exit 1 */
	ERR_INPUT,     /* a text that was read is not what it should be; the caller knows what follows */
};
struct err { struct arena *arena; enum err_kind kind; const char *msg; };
int err_set(struct err *, enum err_kind, const char *fmt, ...) PRINTF(3, 4);   /* returns -1 */
int err_wrap(struct err *, const char *fmt, ...) PRINTF(2, 3);                 /* "fmt: msg"; returns -1 */
void err_clear(struct err *);
#ifdef __clang_analyzer__   /* which sees one file at a time, and so not what they return */
#define err_set(...) ((err_set)(__VA_ARGS__), -1)
#define err_wrap(...) ((err_wrap)(__VA_ARGS__), -1)
#endif

/* --- The tree. --- */
enum node_kind { NODE_NULL, NODE_BOOL, NODE_INT, NODE_FLOAT, NODE_STRING, NODE_LIST, NODE_MAP };
struct node {
	enum node_kind kind;
	struct str key;            /* in a map: this member's name */
	struct str text;           /* scalars: a string's bytes; "true"/"false"; a number's digits as they came */
	struct node *child, *last; /* lists and maps, in order */
	struct node *next;
	size_t count;              /* children */
	bool   hangs;              /* it is a child of another node */
	int line, column;          /* from 1, where the text had it; 0 when made here */
	int key_line, key_column;  /* of a member of a map: where its key stands, likewise */
};
struct node *node_new(struct arena *, enum node_kind);
struct node *node_str(struct arena *, struct str);             /* shares the bytes */
struct node *node_int(struct arena *, int64_t);
struct node *node_bool(struct arena *, bool);
/* In a map. node_get takes NULL and non-maps for empty ones. */
struct node *node_get(const struct node *map, const char *key);
struct node *node_find(const struct node *map, struct str key);
/* A value that already hangs in another tree is put in as a copy of its head, with the same children; any other as itself. */
void node_put(struct arena *, struct node *map, struct str key, struct node *value);  /* in the place of one of that key */
void node_puts(struct arena *, struct node *map, const char *key, struct str text);   /* a string member */
void node_del(struct node *map, struct str key);
void node_add(struct arena *, struct node *list, struct node *value);
struct str node_text(const struct node *);                     /* a scalar's text; NOSTR for NULL, null, lists, maps */
struct str node_gets(const struct node *map, const char *key); /* node_text of the member */
bool node_is(const struct node *, enum node_kind);             /* false for NULL */
bool node_true(const struct node *);                           /* a bool that is true */
bool node_equal(const struct node *, const struct node *);     /* maps in any order; an int equals the same float */
struct node *node_copy(struct arena *, const struct node *);   /* deep; texts are shared */
size_t node_size(const struct node *);                         /* nodes in the tree, itself included */
void node_append(struct node *parent, struct node *value);     /* as node_add, of a value that hangs nowhere yet */
const char *node_kind_name(const struct node *);               /* "a string", "a list", ... for messages */
static inline struct node *node_first(const struct node *parent) { return parent ? parent->child : NULL; }
#define NODE_EACH(item, parent) for (struct node *item = node_first(parent); item; item = item->next)

/* Members by key while a large map is read, so that a hostile one costs no quadratic time. */
struct key_index { struct arena *arena; struct node **slot; size_t size; };
/* Appends a member that hangs nowhere yet, or puts it in the place of an earlier one of its key. */
void index_put(struct key_index *, struct node *map, struct node *value);

/* JSON as Python's json.loads takes it: strict, UTF-8; of two equal keys the last counts. Digits of numbers stay as they are.
 * ERR_INPUT with line and column. */
int json_parse(struct arena *, struct str text, struct node **, struct err *);
enum json_style {
	JSON_PYTHON = 0,       /* one line, ", " and ": ", all but ASCII as \uXXXX: Python's json.dumps */
	JSON_COMPACT = 1,      /* no spaces */
	JSON_SORTED = 2,       /* keys sorted by code point */
	JSON_INDENT = 4,       /* two spaces a level, for people */
};
void json_write(struct buf *, const struct node *, unsigned style);
struct str json_text(struct arena *, const struct node *, unsigned style);

/* YAML 1.1 as PyYAML's safe_load resolves it (booleans, numbers, null, merge keys); timestamps stay strings. One
 * document; a duplicate key: the last counts. An empty document is a null node. ERR_INPUT: "NAME:LINE:COLUMN: what". */
int yaml_parse(struct arena *, struct str text, const char *name, struct node **, struct err *);
/* Block style, keys in their order, strings quoted only where they must be. */
void yaml_write(struct buf *, const struct node *);
/* A float's text as Python's repr writes it ("1" of a float option is "1.0"; "1e20" is "1e+20"). */
struct str float_repr(struct arena *, struct str digits);

/* --- Files of this machine. --- */
/* A whole file; *found false (and 0) when there is none. ERR_INPUT if unreadable, over `max` bytes, or not a regular file. */
int file_read(struct arena *, const char *path, size_t max, struct str *content, bool *found, struct err *);
/* The same, but a pipe or a terminal, too, up to its end: for what a user names. */
int input_read(struct arena *, const char *path, size_t max, struct str *content, bool *found, struct err *);
/* Writes through a temporary name in the same folder and a rename: never half a file. mode as in chmod. */
int file_write(struct arena *, const char *path, struct str content, unsigned mode, struct err *);

#endif
