/* tree.c: one tree for YAML and JSON; JSON in and out.
 *
 * cJSON does the parsing. Its tree is copied into the arena and released in the same function, so that the rest of the
 * program knows one kind of tree that nobody frees. */
#include "data.h"

#include <cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- The tree --- */

struct node *node_new(struct arena *a, enum node_kind kind)
{
	struct node *n = NEW(a, struct node);

	n->kind = kind;
	if (kind == NODE_STRING)
		n->text = S("");
	return n;
}

struct node *node_str(struct arena *a, struct str text)
{
	struct node *n = node_new(a, NODE_STRING);

	if (text.p)
		n->text = text;
	return n;
}

struct node *node_int(struct arena *a, int64_t value)
{
	struct node *n = node_new(a, NODE_INT);

	n->text = str_f(a, "%lld", (long long)value);
	return n;
}

struct node *node_bool(struct arena *a, bool value)
{
	struct node *n = node_new(a, NODE_BOOL);

	n->text = value ? S("true") : S("false");
	return n;
}

struct node *node_find(const struct node *map, struct str key)
{
	if (map && map->kind == NODE_MAP)
		for (struct node *n = map->child; n; n = n->next)
			if (str_eq(n->key, key))
				return n;
	return NULL;
}

struct node *node_get(const struct node *map, const char *key)
{
	return node_find(map, str_of(key));
}

void node_append(struct node *parent, struct node *value)
{
	if (parent->last)
		parent->last->next = value;
	else
		parent->child = value;
	parent->last = value;
	parent->count++;
	value->hangs = true;
}

/* The value itself if it hangs nowhere, else a head of its own; its children are shared. */
static struct node *node_free(struct arena *a, struct node *value)
{
	struct node *n;

	if (!value->hangs)
		return value;
	n = NEW(a, struct node);
	*n = *value;
	n->next = NULL;
	n->hangs = false;
	return n;
}

static void node_replace(struct node *map, struct node *old, struct node *value)
{
	struct node **link = &map->child;

	while (*link != old)
		link = &(*link)->next;
	*link = value;
	value->next = old->next;
	value->hangs = true;
	if (map->last == old)
		map->last = value;
	old->next = NULL;
	old->hangs = false;
}

void node_put(struct arena *a, struct node *map, struct str key, struct node *value)
{
	struct node *old = node_find(map, key);

	if (old == value)
		return;
	value = node_free(a, value);
	value->key = key;
	if (old)
		node_replace(map, old, value);
	else
		node_append(map, value);
}

void node_puts(struct arena *a, struct node *map, const char *key, struct str text)
{
	node_put(a, map, str_of(key), node_str(a, text));
}

void node_del(struct node *map, struct str key)
{
	struct node *before = NULL;

	for (struct node *n = map->child; n; before = n, n = n->next) {
		if (!str_eq(n->key, key))
			continue;
		if (before)
			before->next = n->next;
		else
			map->child = n->next;
		if (map->last == n)
			map->last = before;
		map->count--;
		n->next = NULL;
		n->hangs = false;
		return;
	}
}

void node_add(struct arena *a, struct node *list, struct node *value)
{
	node_append(list, node_free(a, value));
}

struct str node_text(const struct node *n)
{
	return n && n->kind != NODE_NULL && n->kind != NODE_LIST && n->kind != NODE_MAP ? n->text : NOSTR;
}

struct str node_gets(const struct node *map, const char *key)
{
	return node_text(node_get(map, key));
}

bool node_is(const struct node *n, enum node_kind kind)
{
	return n && n->kind == kind;
}

bool node_true(const struct node *n)
{
	return node_is(n, NODE_BOOL) && str_eq(n->text, S("true"));
}

static bool is_number(const struct node *n)
{
	return n->kind == NODE_INT || n->kind == NODE_FLOAT;
}

static bool number_equal(struct str a, struct str b)
{
	char left[64], right[64];

	if (str_eq(a, b))
		return true;
	if (a.n >= sizeof left || b.n >= sizeof right)
		return false;
	snprintf(left, sizeof left, FMT, ARG(a));
	snprintf(right, sizeof right, FMT, ARG(b));
	return strtod(left, NULL) == strtod(right, NULL);
}

bool node_equal(const struct node *a, const struct node *b)
{
	if (!a || !b)
		return a == b;
	if (is_number(a) && is_number(b))
		/* Two ints are compared as they stand: past 2^53 a double would not tell them apart. */
		return a->kind == NODE_INT && b->kind == NODE_INT ? str_eq(a->text, b->text) : number_equal(a->text, b->text);
	if (a->kind != b->kind || a->count != b->count)
		return false;
	if (a->kind == NODE_LIST) {
		for (const struct node *x = a->child, *y = b->child; x; x = x->next, y = y->next)
			if (!node_equal(x, y))
				return false;
		return true;
	}
	if (a->kind == NODE_MAP) {
		const struct node *hint = b->child;

		/* Mostly in the same order: look at the neighbour first. */
		NODE_EACH (x, a) {
			const struct node *y = hint && str_eq(hint->key, x->key) ? hint : node_find(b, x->key);

			if (!y || !node_equal(x, y))
				return false;
			hint = y->next;
		}
		return true;
	}
	return str_eq(a->text, b->text);
}

struct node *node_copy(struct arena *a, const struct node *from)
{
	struct node *n;

	if (!from)
		return NULL;
	n = NEW(a, struct node);
	*n = *from;
	n->child = n->last = n->next = NULL;
	n->count = 0;
	n->hangs = false;
	NODE_EACH (c, from)
		node_append(n, node_copy(a, c));
	return n;
}

size_t node_size(const struct node *n)
{
	size_t size = 1;

	NODE_EACH (c, n)
		size += node_size(c);
	return size;
}

const char *node_kind_name(const struct node *n)
{
	static const char *const names[] = {
		[NODE_NULL] = "null", [NODE_BOOL] = "a boolean", [NODE_INT] = "an integer", [NODE_FLOAT] = "a float",
		[NODE_STRING] = "a string", [NODE_LIST] = "a list", [NODE_MAP] = "a map",
	};

	return n ? names[n->kind] : "nothing";
}

/* --- Large maps while they are read --- */

enum { INDEX_FROM = 16 };

static struct node **index_slot(const struct key_index *ix, struct str key)
{
	uint64_t hash = 14695981039346656037u;
	size_t i;

	for (size_t k = 0; k < key.n; k++)
		hash = (hash ^ (unsigned char)key.p[k]) * 1099511628211u;
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): slot is NULL only where size is 0 */
	for (i = (hash ^ hash >> 32) & (ix->size - 1); ix->slot[i] && !str_eq(ix->slot[i]->key, key); )
		i = (i + 1) & (ix->size - 1);
	return &ix->slot[i];
}

/* The member of that key; NULL if the map has none yet. */
static struct node *index_find(struct key_index *ix, const struct node *map, struct str key)
{
	if (map->count < INDEX_FROM)
		return node_find(map, key);
	if (map->count * 2 > ix->size) {
		ix->size = map->count * 4;
		while (ix->size & (ix->size - 1))
			ix->size &= ix->size - 1;
		ix->size *= 2;
		ix->slot = arena_alloc(ix->arena, ix->size * sizeof *ix->slot);
		NODE_EACH (n, map)
			*index_slot(ix, n->key) = n;
	}
	return *index_slot(ix, key);
}

void index_put(struct key_index *ix, struct node *map, struct node *value)
{
	struct node *old = index_find(ix, map, value->key);

	if (old) {
		/* In place: the index points at it. The value hangs nowhere, and nobody else knows it. */
		struct node *next = old->next;

		*old = *value;
		old->next = next;
		old->hangs = true;
		return;
	}
	node_append(map, value);
	if (ix->size && map->count > INDEX_FROM)
		*index_slot(ix, value->key) = value;
}

/* --- JSON in --- */

/* cJSON turns numbers into doubles, ends strings at NUL, and takes a little more than JSON. So the text goes through a guard
 * first: it checks what cJSON does not, and marks with bytes that no UTF-8 text holds what must come through as it is: a number
 * becomes a string that starts with MARK_NUMBER, an escaped NUL becomes MARK_NUL. */
enum { MARK_NUMBER = '\xff', MARK_NUL = '\xfe' };

struct guard {
	struct str  text;
	size_t      i;
	const char *wrong;
};

static size_t json_digits(const struct guard *g, size_t i)
{
	while (i < g->text.n && is_digit(g->text.p[i]))
		i++;
	return i;
}

/* Where the number that starts at g->i ends; 0 if it is none. */
static size_t json_number(const struct guard *g)
{
	const char *p = g->text.p;
	size_t n = g->text.n, i = g->i + (p[g->i] == '-'), end;

	end = json_digits(g, i);
	if (end == i || (p[i] == '0' && end > i + 1))
		return 0;
	if (end < n && p[end] == '.') {
		i = end + 1;
		end = json_digits(g, i);
		if (end == i)
			return 0;
	}
	if (end < n && (p[end] == 'e' || p[end] == 'E')) {
		i = end + 1;
		if (i < n && (p[i] == '+' || p[i] == '-'))
			i++;
		end = json_digits(g, i);
		if (end == i)
			return 0;
	}
	return end;
}

static bool json_string(struct guard *g, struct buf *out)
{
	const char *p = g->text.p;
	size_t from = g->i;

	for (size_t i = from + 1; i < g->text.n; i++) {
		if ((unsigned char)p[i] < 0x20)
			break;
		if (p[i] == '"') {
			buf_add(out, str_sub(g->text, from, i + 1));
			g->i = i + 1;
			return true;
		}
		if (p[i] != '\\')
			continue;
		if (str_starts(str_sub(g->text, i, i + 6), "\\u0000")) {
			buf_add(out, str_sub(g->text, from, i));
			buf_addc(out, MARK_NUL);
			from = i + 6;
			i += 5;
		} else {
			i++;
		}
	}
	g->wrong = "a string that does not end on its line";
	return false;
}

/* Rewrites the text to *out until `stop` bytes of it are written; where that is in the text stays in g->i. */
static bool json_guard(struct guard *g, struct buf *out, size_t stop)
{
	size_t depth = 0, nodes = 1;

	while (g->i < g->text.n && out->n < stop) {
		char c = g->text.p[g->i];
		size_t end;

		if (c == '"') {
			if (!json_string(g, out))
				return false;
			continue;
		}
		if (c == '-' || is_digit(c)) {
			end = json_number(g);
			if (!end) {
				g->wrong = "not a number";
				return false;
			}
			buf_addc(out, '"');
			buf_addc(out, MARK_NUMBER);
			buf_add(out, str_sub(g->text, g->i, end));
			buf_addc(out, '"');
			g->i = end;
			continue;
		}
		if (c == '[' || c == '{') {
			nodes++;
			if (++depth > MAX_NESTING) {
				g->wrong = "nested too deeply";
				return false;
			}
		} else if ((c == ']' || c == '}') && depth) {
			depth--;
		} else if (c == ',' && ++nodes > MAX_NODES) {
			g->wrong = "too many values";
			return false;
		} else if (c == '\0' || !strchr("[]{},: \t\r\ntruefalsn", c)) {
			g->wrong = "an unexpected character";
			return false;
		}
		buf_addc(out, c);
		g->i++;
	}
	return true;
}

static int json_error(struct str text, size_t at, const char *what, struct err *err)
{
	int line = 1, column = 1;

	for (size_t i = 0; i < at && i < text.n; i++, column++)
		if (text.p[i] == '\n') {
			line++;
			column = 0;
		}
	return err_set(err, ERR_INPUT, "%d:%d: %s", line, column, what);
}

/* The text of a cJSON string, with NULs back in. */
static struct str cjson_text(struct arena *a, const char *c_string)
{
	struct str s = str_dup(a, str_of(c_string));

	return str_find(s, MARK_NUL) < 0 ? s : str_replace(a, s, MARK_NUL, '\0');
}

static struct node *cjson_copy(struct arena *a, const cJSON *from, const char **wrong)
{
	struct key_index ix = { .arena = a };
	struct node *n;

	if (cJSON_IsString(from)) {
		struct str text = cjson_text(a, from->valuestring);

		if (!text.n || text.p[0] != MARK_NUMBER)
			return node_str(a, text);
		text = str_sub(text, 1, text.n);
		n = node_new(a, NODE_INT);
		n->text = text;
		if (str_find(text, '.') >= 0 || str_find(text, 'e') >= 0 || str_find(text, 'E') >= 0)
			n->kind = NODE_FLOAT;
		return n;
	}
	if (cJSON_IsBool(from))
		return node_bool(a, cJSON_IsTrue(from));
	if (cJSON_IsNull(from))
		return node_new(a, NODE_NULL);
	n = node_new(a, cJSON_IsArray(from) ? NODE_LIST : NODE_MAP);
	for (const cJSON *c = from->child; c; c = c->next) {
		struct node *child = cjson_copy(a, c, wrong);

		if (n->kind == NODE_LIST) {
			node_append(n, child);
			continue;
		}
		child->key = cjson_text(a, c->string);
		if (child->key.n && child->key.p[0] == MARK_NUMBER)
			*wrong = "a key that is not a string";
		index_put(&ix, n, child);
	}
	return n;
}

/* cJSON tells a lack of memory like a wrong text, and a wrong text is passed over where a peer wrote it: so it never gets to tell. */
static void *json_memory(size_t n)
{
	void *p = malloc(n);

	if (!p)
		arena_exhausted();
	return p;
}

int json_parse(struct arena *a, struct str text, struct node **tree, struct err *err)
{
	struct guard guard = { .text = text };
	struct buf marked = { .arena = a };
	const char *end = NULL, *wrong = NULL;
	cJSON_Hooks hooks = { json_memory, free };
	cJSON *parsed;

	if (text.n > MAX_DOCUMENT)
		return err_set(err, ERR_INPUT, "1:1: more than %d bytes", MAX_DOCUMENT);
	if (!utf8_valid(text))
		return err_set(err, ERR_INPUT, "1:1: not UTF-8");
	if (!json_guard(&guard, &marked, SIZE_MAX))
		return json_error(text, guard.i, guard.wrong, err);
	buf_addc(&marked, '\0');
	cJSON_InitHooks(&hooks);
	parsed = cJSON_ParseWithLengthOpts(marked.p, marked.n, &end, true);
	if (!parsed) {
		struct guard again = { .text = text };
		struct buf unused = { .arena = a };

		json_guard(&again, &unused, end ? (size_t)(end - marked.p) : 0);
		return json_error(text, again.i, text.n ? "not JSON" : "empty", err);
	}
	*tree = cjson_copy(a, parsed, &wrong);
	cJSON_Delete(parsed);
	return wrong ? json_error(text, 0, wrong, err) : 0;
}

/* --- JSON out --- */

static void json_write_string(struct buf *b, struct str s)
{
	static const char escapes[] = "\"\"\\\\\bb\ff\nn\rr\tt";

	buf_addc(b, '"');
	for (size_t i = 0; i < s.n; ) {
		size_t from = i;
		const char *escape = NULL;
		int32_t code;

		while (i < s.n && s.p[i] >= 0x20 && s.p[i] != '"' && s.p[i] != '\\')
			i++;   /* a run of plain ASCII; signed or not, char is below 0x20 or above 0x7f for the rest */
		if (i > from && (unsigned char)s.p[i - 1] < 0x80) {
			size_t plain = i;

			for (size_t k = from; k < i; k++)
				if ((unsigned char)s.p[k] >= 0x80) {
					plain = k;
					break;
				}
			buf_add(b, str_sub(s, from, plain));
			i = plain;
			if (i > from)
				continue;
		} else {
			i = from;
		}
		for (const char *e = escapes; *e; e += 2)
			if (s.p[i] == *e)
				escape = e;
		if (escape) {
			buf_addc(b, '\\');
			buf_addc(b, escape[1]);
			i++;
			continue;
		}
		code = utf8_next(s, &i);
		if (code < 0) {
			code = 0xfffd;
			i++;
		}
		if (code >= 0x10000) {
			code -= 0x10000;
			buf_addf(b, "\\u%04x", (unsigned)(0xd800 + (code >> 10)));
			code = 0xdc00 + (code & 0x3ff);
		}
		buf_addf(b, "\\u%04x", (unsigned)code);
	}
	buf_addc(b, '"');
}

static int by_key(const void *a, const void *b)
{
	return str_cmp((*(struct node *const *)a)->key, (*(struct node *const *)b)->key);
}

static void json_newline(struct buf *b, unsigned style, int level)
{
	if (style & JSON_INDENT)
		buf_addf(b, "\n%*s", level * 2, "");
}

static void json_write_at(struct buf *b, const struct node *n, unsigned style, int level)
{
	struct node **items;
	size_t count = 0;

	switch (n->kind) {
	case NODE_NULL:
		buf_adds(b, "null");
		return;
	case NODE_STRING:
		json_write_string(b, n->text);
		return;
	case NODE_FLOAT:
		buf_add(b, float_repr(b->arena, n->text));
		return;
	case NODE_BOOL:
	case NODE_INT:
		buf_add(b, n->text);
		return;
	case NODE_LIST:
	case NODE_MAP:
		break;
	}
	items = arena_alloc(b->arena, n->count * sizeof *items);
	NODE_EACH (c, n)
		items[count++] = c;
	if (n->kind == NODE_MAP && style & JSON_SORTED && count)
		qsort(items, count, sizeof *items, by_key);
	buf_addc(b, n->kind == NODE_MAP ? '{' : '[');
	for (size_t i = 0; i < count; i++) {
		if (i)
			buf_adds(b, style & (JSON_COMPACT | JSON_INDENT) ? "," : ", ");
		json_newline(b, style, level + 1);
		if (n->kind == NODE_MAP) {
			json_write_string(b, items[i]->key);
			buf_adds(b, style & JSON_COMPACT ? ":" : ": ");
		}
		json_write_at(b, items[i], style, level + 1);
	}
	if (count)
		json_newline(b, style, level);
	buf_addc(b, n->kind == NODE_MAP ? '}' : ']');
}

void json_write(struct buf *b, const struct node *n, unsigned style)
{
	json_write_at(b, n, style, 0);
}

struct str json_text(struct arena *a, const struct node *n, unsigned style)
{
	struct buf b = { .arena = a };

	json_write(&b, n, style);
	return buf_str(&b);
}

struct str float_repr(struct arena *a, struct str digits)
{
	char text[40], mantissa[40], *e;
	int exponent, precision = 0;
	double value;

	if (!digits.n || digits.n > 400 || str_find(digits, 'n') >= 0)
		return digits;   /* .inf and .nan stay as YAML writes them */
	value = strtod(str_c(a, digits), NULL);
	if (!isfinite(value))
		return digits;
	do   /* the fewest digits that give the same number back */
		snprintf(text, sizeof text, "%.*e", precision, value);
	while (strtod(text, NULL) != value && precision++ < 17);
	e = strchr(text, 'e');
	exponent = atoi(e + 1);
	*e = '\0';
	if (exponent >= -4 && exponent < 16) {
		int decimals = precision - exponent;

		return str_f(a, "%.*f", decimals > 0 ? decimals : 1, value);
	}
	snprintf(mantissa, sizeof mantissa, "%s", text);
	return str_f(a, "%se%c%02d", mantissa, exponent < 0 ? '-' : '+', abs(exponent));
}
