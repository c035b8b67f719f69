/* yaml.c: YAML into the tree and out of it; libyaml does the parsing and the emitting. */
#include "data.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

/* --- YAML in --- */

struct anchor { struct str name; const struct node *node; };
struct yaml_reader {
	struct arena  *arena;
	yaml_parser_t  parser;
	const char    *name;
	struct anchor *anchors;
	size_t         n_anchors, nodes;
	int            depth;
	struct err    *err;
};

static bool one_of(struct str s, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_is(s, words[i]))
			return true;
	return false;
}

/* The digits of a number without '_'; NOSTR if there is another character than those allowed. */
static struct str number_digits(struct arena *a, struct str s, const char *allowed)
{
	struct buf b = { .arena = a };

	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != '_') {
			if (!s.p[i] || !strchr(allowed, s.p[i]))
				return NOSTR;
			buf_addc(&b, s.p[i]);
		}
	return b.n ? buf_str(&b) : NOSTR;
}

static bool resolve_based(struct arena *a, struct str s, bool negative, int base, const char *allowed, struct node *n)
{
	struct str digits = number_digits(a, s, allowed);
	unsigned long long value;

	if (!digits.p || digits.n > 64)
		return false;
	errno = 0;
	value = strtoull(str_c(a, digits), NULL, base);
	if (errno)
		return false;
	n->kind = NODE_INT;
	n->text = str_f(a, "%s%llu", negative && value ? "-" : "", value);
	return true;
}

/* Sixty to the power of places, as in 1:30:00; s has a ':'. */
static bool resolve_sexagesimal(struct arena *a, struct str s, bool negative, struct node *n)
{
	struct str rest = s, part;
	int64_t value = 0, digit;
	size_t places = 0;

	for (; str_split(&rest, ':', &part); places++) {
		struct str digits = number_digits(a, part, "0123456789");

		if (!digits.p || !is_digit(part.p[0]) || !str_int(digits, &digit) || (places && (part.n > 2 || digit > 59)) ||
		    (!places && part.p[0] == '0') || __builtin_mul_overflow(value, 60, &value) ||
		    __builtin_add_overflow(value, digit, &value))
			return false;
	}
	n->kind = NODE_INT;
	n->text = str_f(a, "%s%lld", negative ? "-" : "", (long long)value);
	return true;
}

static bool resolve_float(struct arena *a, struct str s, struct str body, bool negative, struct node *n)
{
	ptrdiff_t dot = str_find(body, '.');
	size_t i = 0;
	struct str digits;

	if (str_is(body, ".inf") || str_is(body, ".Inf") || str_is(body, ".INF")) {
		n->kind = NODE_FLOAT;
		n->text = negative ? S("-.inf") : S(".inf");
		return true;
	}
	if (str_is(s, ".nan") || str_is(s, ".NaN") || str_is(s, ".NAN")) {
		n->kind = NODE_FLOAT;
		n->text = S(".nan");
		return true;
	}
	/* YAML 1.1 wants a dot in a float, a digit at one side of it, and a sign in its exponent. */
	if (dot < 0 || (!is_digit(body.p[0]) && (dot != 0 || s.n != body.n || body.n < 2 || !is_digit(body.p[1]))))
		return false;
	while (i < body.n && (is_digit(body.p[i]) || body.p[i] == '_' || (ptrdiff_t)i == dot))
		i++;
	if (i < body.n) {
		size_t digits_from = i + 2;

		if ((body.p[i] != 'e' && body.p[i] != 'E') || i + 1 >= body.n || (body.p[i + 1] != '+' && body.p[i + 1] != '-'))
			return false;
		for (i = digits_from; i < body.n && is_digit(body.p[i]); )
			i++;
		if (i < body.n || i == digits_from)
			return false;
	}
	digits = number_digits(a, body, "0123456789.eE+-");
	n->kind = NODE_FLOAT;
	n->text = str_f(a, "%s%s" FMT "%s", negative ? "-" : "", digits.p[0] == '.' ? "0" : "", ARG(digits),
	                digits.p[digits.n - 1] == '.' ? "0" : "");
	return true;
}

/* What a plain scalar means in YAML 1.1. */
static void yaml_resolve(struct arena *a, struct node *n)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL" };
	static const char *const yes[] = { "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON" };
	static const char *const no[] = { "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF" };
	struct str s = n->text, body;
	bool negative;

	if (s.n > 5 && !strchr("+-.0123456789", s.p[0]))
		return;   /* longer than any of the words */
	if (one_of(s, nulls, LEN(nulls))) {
		n->kind = NODE_NULL;
		n->text = NOSTR;
		return;
	}
	if (one_of(s, yes, LEN(yes)) || one_of(s, no, LEN(no))) {
		n->kind = NODE_BOOL;
		n->text = one_of(s, yes, LEN(yes)) ? S("true") : S("false");
		return;
	}
	if (!strchr("+-.0123456789", s.p[0]))
		return;
	negative = s.p[0] == '-';
	body = s.p[0] == '-' || s.p[0] == '+' ? str_sub(s, 1, s.n) : s;
	if (!body.n)
		return;
	if (str_starts(body, "0b")) {
		resolve_based(a, str_sub(body, 2, body.n), negative, 2, "01", n);
	} else if (str_starts(body, "0x")) {
		resolve_based(a, str_sub(body, 2, body.n), negative, 16, "0123456789abcdefABCDEF", n);
	} else if (str_find(body, ':') >= 0) {
		resolve_sexagesimal(a, body, negative, n);
	} else if (resolve_float(a, s, body, negative, n)) {
		return;
	} else if (body.p[0] == '0' && body.n > 1) {
		resolve_based(a, body, negative, 8, "01234567", n);
	} else if (is_digit(body.p[0])) {
		struct str digits = number_digits(a, body, "0123456789");

		if (!digits.p)
			return;
		n->kind = NODE_INT;   /* any number of digits, as they stand */
		n->text = negative && !str_is(digits, "0") ? str_f(a, "-" FMT, ARG(digits)) : digits;
	}
}

static int yaml_error(const struct yaml_reader *r, const yaml_mark_t *mark, const char *what)
{
	return err_set(r->err, ERR_INPUT, "%s:%zu:%zu: %s", r->name, mark->line + 1, mark->column + 1, what);
}

/* The next event; on 0 the caller deletes it. */
static int yaml_next(struct yaml_reader *r, yaml_event_t *event)
{
	const yaml_parser_t *p = &r->parser;

	if (yaml_parser_parse(&r->parser, event))
		return 0;
	if (p->error == YAML_MEMORY_ERROR)
		arena_exhausted();
	return yaml_error(r, p->error == YAML_READER_ERROR ? &p->mark : &p->problem_mark, p->problem ? p->problem : "not YAML");
}

static void yaml_anchor(struct yaml_reader *r, const yaml_char_t *name, const struct node *n)
{
	if (!name)
		return;
	r->anchors = arena_grow(r->arena, r->anchors, r->n_anchors, sizeof *r->anchors);
	r->anchors[r->n_anchors++] = (struct anchor){ str_dup(r->arena, str_of((const char *)name)), n };
}

static int yaml_alias(struct yaml_reader *r, const yaml_event_t *event, struct node **tree)
{
	struct str name = str_of((const char *)event->data.alias.anchor);

	for (size_t i = r->n_anchors; i-- > 0; ) {
		if (!str_eq(r->anchors[i].name, name))
			continue;
		/* Each use is a copy; counted, or ten lines of aliases would be a billion nodes. */
		r->nodes += node_size(r->anchors[i].node);
		if (r->nodes > MAX_NODES)
			return yaml_error(r, &event->start_mark, "too many values");
		*tree = node_copy(r->arena, r->anchors[i].node);
		return 0;
	}
	return yaml_error(r, &event->start_mark, "an alias of nothing");
}

static int yaml_scalar(struct yaml_reader *r, const yaml_event_t *event, struct node *n)
{
	struct str tag = str_of((const char *)event->data.scalar.tag);

	n->kind = NODE_STRING;
	n->text = str_dup(r->arena, (struct str){ (const char *)event->data.scalar.value, event->data.scalar.length });
	if (event->data.scalar.plain_implicit)
		yaml_resolve(r->arena, n);
	else if (str_starts(tag, "tag:yaml.org,2002:") && !str_is(tag, "tag:yaml.org,2002:str"))
		yaml_resolve(r->arena, n);
	return 0;
}

static int yaml_value(struct yaml_reader *r, yaml_event_t *event, struct node **tree);

/* The members of a "<<" value are added where the map has none of that name yet. */
static int yaml_merge(struct yaml_reader *r, struct node *map, const struct node *from, const yaml_mark_t *mark)
{
	if (from->kind == NODE_LIST) {
		NODE_EACH (c, from)
			if (yaml_merge(r, map, c, mark) < 0)
				return -1;
		return 0;
	}
	if (from->kind != NODE_MAP)
		return yaml_error(r, mark, "a merge key needs a map");
	NODE_EACH (c, from)
		if (!node_find(map, c->key))
			node_append(map, node_copy(r->arena, c));
	return 0;
}

static int yaml_map(struct yaml_reader *r, struct node *map, yaml_mark_t *start)
{
	struct key_index ix = { .arena = r->arena };
	struct node *merged = NULL;
	yaml_event_t event;

	for (;;) {
		struct node key = { 0 }, *value;
		bool plain;
		yaml_mark_t mark;

		if (yaml_next(r, &event) < 0)
			return -1;
		if (event.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&event);
			return merged ? yaml_merge(r, map, merged, start) : 0;
		}
		mark = event.start_mark;
		if (event.type != YAML_SCALAR_EVENT) {
			yaml_event_delete(&event);
			return yaml_error(r, &mark, "a key that is not a scalar");
		}
		key.key = str_dup(r->arena, (struct str){ (const char *)event.data.scalar.value, event.data.scalar.length });
		plain = event.data.scalar.plain_implicit;
		yaml_anchor(r, event.data.scalar.anchor, node_str(r->arena, key.key));
		yaml_event_delete(&event);
		if (yaml_next(r, &event) < 0 || yaml_value(r, &event, &value) < 0)
			return -1;
		if (plain && str_is(key.key, "<<")) {
			merged = value;
			continue;
		}
		value->key = key.key;
		value->key_line = (int)mark.line + 1;
		value->key_column = (int)mark.column + 1;
		if (!value->line) {
			value->line = (int)mark.line + 1;
			value->column = (int)mark.column + 1;
		}
		index_put(&ix, map, value);
	}
}

static int yaml_list(struct yaml_reader *r, struct node *list)
{
	yaml_event_t event;
	struct node *value;

	for (;;) {
		if (yaml_next(r, &event) < 0)
			return -1;
		if (event.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&event);
			return 0;
		}
		if (yaml_value(r, &event, &value) < 0)
			return -1;
		node_append(list, value);
	}
}

/* The value that starts with this event, which is deleted. */
static int yaml_value(struct yaml_reader *r, yaml_event_t *event, struct node **tree)
{
	yaml_mark_t start = event->start_mark;
	yaml_event_type_t type = event->type;
	struct node *n;
	int rc;

	if (type == YAML_ALIAS_EVENT) {
		rc = yaml_alias(r, event, tree);
		yaml_event_delete(event);
		return rc;
	}
	if (++r->nodes > MAX_NODES || r->depth >= MAX_NESTING) {
		yaml_event_delete(event);
		return yaml_error(r, &start, r->depth >= MAX_NESTING ? "nested too deeply" : "too many values");
	}
	n = node_new(r->arena, type == YAML_MAPPING_START_EVENT ? NODE_MAP : NODE_LIST);
	n->line = (int)start.line + 1;
	n->column = (int)start.column + 1;
	*tree = n;
	if (type == YAML_SCALAR_EVENT) {
		rc = yaml_scalar(r, event, n);
		yaml_anchor(r, event->data.scalar.anchor, n);
		yaml_event_delete(event);
		return rc;
	}
	/* An alias inside its own anchor finds nothing: the anchor is known when its value is whole. */
	{
		const yaml_char_t *name = n->kind == NODE_MAP ? event->data.mapping_start.anchor : event->data.sequence_start.anchor;
		struct str anchor = str_dup(r->arena, str_of((const char *)name));

		yaml_event_delete(event);
		r->depth++;
		rc = n->kind == NODE_MAP ? yaml_map(r, n, &start) : yaml_list(r, n);
		r->depth--;
		if (rc == 0 && anchor.p)
			yaml_anchor(r, (const yaml_char_t *)anchor.p, n);
	}
	return rc;
}

static int yaml_document(struct yaml_reader *r, struct node **tree)
{
	yaml_event_t event;
	int documents = 0, rc = 0;

	*tree = node_new(r->arena, NODE_NULL);
	for (;;) {
		yaml_event_type_t type;
		yaml_mark_t mark;

		if (yaml_next(r, &event) < 0)
			return -1;
		type = event.type;
		mark = event.start_mark;
		if (type == YAML_STREAM_START_EVENT || type == YAML_STREAM_END_EVENT || type == YAML_DOCUMENT_START_EVENT ||
		    type == YAML_DOCUMENT_END_EVENT) {
			yaml_event_delete(&event);
			if (type == YAML_STREAM_END_EVENT)
				return 0;
			if (type == YAML_DOCUMENT_START_EVENT && documents++)
				return yaml_error(r, &mark, "a second document");
			continue;
		}
		rc = yaml_value(r, &event, tree);
		if (rc < 0)
			return rc;
	}
}

int yaml_parse(struct arena *a, struct str text, const char *name, struct node **tree, struct err *err)
{
	struct yaml_reader r = { .arena = a, .name = name, .err = err };
	int rc;

	if (text.n > MAX_DOCUMENT)
		return err_set(err, ERR_INPUT, "%s:1:1: more than %d bytes", name, MAX_DOCUMENT);
	if (!yaml_parser_initialize(&r.parser))
		arena_exhausted();
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const yaml_char_t *)(text.p ? text.p : ""), text.n);
	rc = yaml_document(&r, tree);
	yaml_parser_delete(&r.parser);
	return rc;
}

/* --- YAML out --- */

static int yaml_to_buf(void *data, unsigned char *bytes, size_t n)
{
	buf_add(data, (struct str){ (const char *)bytes, n });
	return 1;
}

static void yaml_emit(yaml_emitter_t *e, yaml_event_t *event, int made)
{
	/* Either fails only without memory: the events are right by construction. */
	if (!made || !yaml_emitter_emit(e, event))
		arena_exhausted();
}

/* Other readers take more for a number or a boolean than YAML 1.1 says and PyYAML does; Juju's, for one: y, 1e3, .5, 0o17, 1_000.5. */
static bool no_text_elsewhere(struct arena *a, struct str text)
{
	struct str digits = number_digits(a, text, "0123456789abcdefABCDEFxo.+-");
	bool any = false;
	size_t i;

	if (str_is(text, "y") || str_is(text, "Y") || str_is(text, "n") || str_is(text, "N"))
		return true;
	if (!digits.p)
		return false;
	i = digits.p[0] == '-' || digits.p[0] == '+';
	if (i + 1 < digits.n && digits.p[i] == '0' && strchr("xob", digits.p[i + 1]))
		return true;
	for (bool dot = false; i < digits.n && (is_digit(digits.p[i]) || (digits.p[i] == '.' && !dot)); i++) {
		any |= is_digit(digits.p[i]);
		dot |= digits.p[i] == '.';
	}
	if (any && i < digits.n && (digits.p[i] == 'e' || digits.p[i] == 'E')) {
		i++;
		i += i < digits.n && (digits.p[i] == '-' || digits.p[i] == '+');
		any = i < digits.n;
		while (i < digits.n && is_digit(digits.p[i]))
			i++;
	}
	return any && i == digits.n;
}

static void yaml_emit_scalar(struct arena *a, yaml_emitter_t *e, struct str text, bool is_string)
{
	yaml_scalar_style_t style = YAML_PLAIN_SCALAR_STYLE;
	yaml_event_t event;

	if (is_string) {
		struct node plain = { .kind = NODE_STRING, .text = text };

		yaml_resolve(a, &plain);
		if (plain.kind != NODE_STRING || str_is(text, "<<") || str_is(text, "=") || no_text_elsewhere(a, text))
			style = YAML_SINGLE_QUOTED_SCALAR_STYLE;
		else if (str_find(text, '\n') >= 0)
			style = YAML_LITERAL_SCALAR_STYLE;
	}
	yaml_emit(e, &event, yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text.p, (int)text.n, 1, 1, style));
}

static void yaml_emit_node(struct arena *a, yaml_emitter_t *e, const struct node *n)
{
	yaml_event_t event;

	if (n->kind == NODE_MAP) {
		yaml_emit(e, &event, yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE));
		NODE_EACH (c, n) {
			yaml_emit_scalar(a, e, c->key, true);
			yaml_emit_node(a, e, c);
		}
		yaml_emit(e, &event, yaml_mapping_end_event_initialize(&event));
	} else if (n->kind == NODE_LIST) {
		yaml_emit(e, &event, yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE));
		NODE_EACH (c, n)
			yaml_emit_node(a, e, c);
		yaml_emit(e, &event, yaml_sequence_end_event_initialize(&event));
	} else if (n->kind == NODE_NULL) {
		yaml_emit_scalar(a, e, S("null"), false);
	} else {
		struct str text = n->kind == NODE_FLOAT ? float_repr(a, n->text) : n->text;

		yaml_emit_scalar(a, e, n->kind == NODE_STRING && !utf8_valid(text) ? S("") : text, n->kind == NODE_STRING);
	}
}

void yaml_write(struct buf *b, const struct node *n)
{
	yaml_emitter_t e;
	yaml_event_t event;

	if (!yaml_emitter_initialize(&e))
		arena_exhausted();
	yaml_emitter_set_output(&e, yaml_to_buf, b);
	yaml_emitter_set_unicode(&e, 1);
	yaml_emitter_set_width(&e, -1);
	yaml_emit(&e, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING));
	yaml_emit(&e, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1));
	yaml_emit_node(b->arena, &e, n);
	yaml_emit(&e, &event, yaml_document_end_event_initialize(&event, 1));
	yaml_emit(&e, &event, yaml_stream_end_event_initialize(&event));
	yaml_emitter_delete(&e);
}
