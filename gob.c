/* gob.c: Go's net/rpc over gob, as far as the agent's socket needs it.
 *
 * A stream is a row of messages, each with its length in front. A message starts with a type's number: a negative one defines
 * that type, a positive one is followed by a value of it. Of a struct only the fields that are not zero are sent, each after the
 * distance to the field before it; what a field is called stands in the definition. So fields are found by name, and an agent that
 * knows more of them than we do is read all the same. */
#include "gob.h"

#include <string.h>

enum {
	GOB_BOOL = 1, GOB_INT, GOB_UINT, GOB_FLOAT, GOB_BYTES, GOB_STRING, GOB_COMPLEX, GOB_INTERFACE,
	FIRST_TYPE = 64,          /* numbers below are the builtin types' */
	MAX_TYPES = 64,           /* definitions on one connection; the agent sends three */
	MAX_FIELDS = 64,          /* of one struct */
	LONGEST_NUMBER = 9,       /* bytes of one number */
	CHUNK = 16 << 10,         /* room for replies; the usual hook's fit into one */
};

/* --- Calls --- */

enum { TYPE_HEADER = FIRST_TYPE, TYPE_CALL, TYPE_ARGS };

struct field_name { const char *name; int type; };

static const struct field_name header_fields[] = { { "ServiceMethod", GOB_STRING }, { "Seq", GOB_UINT } };
static const struct field_name call_fields[] = {
	{ "ContextId", GOB_STRING }, { "Dir", GOB_STRING }, { "CommandName", GOB_STRING }, { "Args", TYPE_ARGS },
	{ "StdinSet", GOB_BOOL }, { "Stdin", GOB_BYTES }, { "Token", GOB_STRING },
};
enum { CONTEXT_ID, DIR, COMMAND_NAME, ARGS, STDIN_SET, STDIN, TOKEN };

static void put_uint(struct buf *b, uint64_t n)
{
	int bytes = 1;

	if (n < 0x80) {
		buf_addc(b, (char)n);
		return;
	}
	while (bytes < 8 && n >> (8 * bytes))
		bytes++;
	buf_addc(b, (char)(unsigned char)(0x100 - bytes));
	while (bytes--)
		buf_addc(b, (char)(unsigned char)(n >> (8 * bytes) & 0xff));
}

static void put_int(struct buf *b, int64_t n)
{
	put_uint(b, n < 0 ? (uint64_t)~n << 1 | 1 : (uint64_t)n << 1);
}

static void put_text(struct buf *b, struct str text)
{
	put_uint(b, text.n);
	buf_add(b, text);
}

/* A field of a struct that is being written: the distance to the one before it. */
static void put_field(struct buf *b, int *last, int number)
{
	put_uint(b, (uint64_t)(number - *last));
	*last = number;
}

static void put_message(struct gob_writer *w)
{
	put_text(&w->out, buf_str(&w->message));
	w->message.n = 0;
}

static void define_struct(struct gob_writer *w, int id, const char *name, const struct field_name *fields, size_t n)
{
	struct buf *b = &w->message;

	put_int(b, -id);
	put_uint(b, 3);                   /* wireType's third field: a struct */
	put_uint(b, 1);                   /* its first: what all types have, a name and a number */
	put_uint(b, 1);
	put_text(b, str_of(name));
	put_uint(b, 1);
	put_int(b, id);
	put_uint(b, 0);
	put_uint(b, 1);                   /* its second: the fields */
	put_uint(b, n);
	for (size_t i = 0; i < n; i++) {
		put_uint(b, 1);
		put_text(b, str_of(fields[i].name));
		put_uint(b, 1);
		put_int(b, fields[i].type);
		put_uint(b, 0);
	}
	put_uint(b, 0);
	put_uint(b, 0);
	put_message(w);
}

static void define_list(struct gob_writer *w, int id, const char *name, int item)
{
	struct buf *b = &w->message;

	put_int(b, -id);
	put_uint(b, 2);                   /* wireType's second field: a slice */
	put_uint(b, 1);
	put_uint(b, 1);
	put_text(b, str_of(name));
	put_uint(b, 1);
	put_int(b, id);
	put_uint(b, 0);
	put_uint(b, 1);                   /* the type of its items */
	put_int(b, item);
	put_uint(b, 0);
	put_uint(b, 0);
	put_message(w);
}

static void put_string_field(struct buf *b, int *last, int number, struct str value)
{
	if (value.n) {
		put_field(b, last, number);
		put_text(b, value);
	}
}

struct gob_writer gob_writer_new(struct arena *a)
{
	return (struct gob_writer){ .out.arena = a, .message.arena = a };
}

void gob_call_write(struct gob_writer *w, const struct gob_call *call)
{
	struct buf *b = &w->message;
	size_t n_args = 0;
	int last = -1;

	if (!w->defined)
		define_struct(w, TYPE_HEADER, "Request", header_fields, LEN(header_fields));
	put_int(b, TYPE_HEADER);
	put_string_field(b, &last, 0, S("Jujuc.Main"));
	if (call->seq) {
		put_field(b, &last, 1);
		put_uint(b, call->seq);
	}
	put_uint(b, 0);
	put_message(w);

	if (!w->defined) {
		/* Agents since 4.0 have no Token: where there is none to send, the field is not even named. */
		define_struct(w, TYPE_CALL, "Request", call_fields, call->token.n ? LEN(call_fields) : TOKEN);
		define_list(w, TYPE_ARGS, "[]string", GOB_STRING);
		w->defined = true;
	}
	last = -1;
	put_int(b, TYPE_CALL);
	put_string_field(b, &last, CONTEXT_ID, call->context_id);
	put_string_field(b, &last, DIR, call->dir);
	put_string_field(b, &last, COMMAND_NAME, call->command);
	while (call->args[n_args])
		n_args++;
	if (n_args) {
		put_field(b, &last, ARGS);
		put_uint(b, n_args);
		for (size_t i = 0; i < n_args; i++)
			put_text(b, str_of(call->args[i]));
	}
	if (call->input.p) {
		put_field(b, &last, STDIN_SET);
		put_uint(b, 1);
	}
	put_string_field(b, &last, STDIN, call->input);
	put_string_field(b, &last, TOKEN, call->token);
	put_uint(b, 0);
	put_message(w);
}

/* --- Reading values: what is left of a message, and whether anything in it was wrong. --- */

struct cursor { const unsigned char *p; size_t n; bool bad; };

/* 1: a number. 0: it goes on behind the bytes at hand. -1: no number starts like this. */
static int number_read(struct cursor *in, uint64_t *number)
{
	size_t bytes;

	if (in->n == 0)
		return 0;
	if (in->p[0] < 0x80) {   /* NOLINT(clang-analyzer-core.NullDereference): p is NULL only where n is 0 */
		*number = in->p[0];
		bytes = 0;
	} else {
		bytes = 0x100 - (size_t)in->p[0];
		if (bytes > 8)
			return -1;
		if (in->n <= bytes)
			return 0;
		*number = 0;
		for (size_t i = 1; i <= bytes; i++)
			*number = *number << 8 | in->p[i];
	}
	in->p += bytes + 1;
	in->n -= bytes + 1;
	return 1;
}

/* These give 0 or empty text, and mark the cursor, once anything is wrong: so the callers read on and look at the end. */
static uint64_t get_uint(struct cursor *in)
{
	uint64_t number = 0;

	if (in->bad || number_read(in, &number) != 1)
		in->bad = true;
	return in->bad ? 0 : number;
}

static int64_t int_of(uint64_t number)
{
	return number & 1 ? ~(int64_t)(number >> 1) : (int64_t)(number >> 1);
}

static int64_t get_int(struct cursor *in)
{
	return int_of(get_uint(in));
}

static struct str get_text(struct cursor *in)
{
	uint64_t n = get_uint(in);
	struct str text = { (const char *)in->p, (size_t)n };

	if (in->bad || n > in->n) {
		in->bad = true;
		return NOSTR;
	}
	in->p += n;
	in->n -= n;
	return text;
}

/* How many items follow: each takes a byte at least. */
static size_t get_count(struct cursor *in)
{
	uint64_t n = get_uint(in);

	if (n > in->n)
		in->bad = true;
	return in->bad ? 0 : (size_t)n;
}

/* The next field of a struct of `count` fields; -1 at its end. *last is -1 at first. */
static int get_field(struct cursor *in, int *last, size_t count)
{
	uint64_t distance = get_uint(in);

	if (distance == 0)
		return -1;
	if (distance > count || (size_t)(*last + 1) + distance > count) {
		in->bad = true;
		return -1;
	}
	*last += (int)distance;
	return *last;
}

/* --- The types that the agent defines --- */

enum type_kind { TYPE_ARRAY, TYPE_SLICE, TYPE_STRUCT, TYPE_MAP, TYPE_GOB, TYPE_BINARY, TYPE_TEXT, TYPE_KINDS };

struct field { struct str name; int64_t type; };
struct type {
	int64_t        id;
	enum type_kind kind;
	struct field  *fields;       /* of a struct */
	size_t         n_fields;
	int64_t        first, second; /* types of items; of a map's keys and values; an array's length is second */
};

struct gob_reader {
	struct arena *arena;
	char   *p;                   /* the chunk at hand: [0, used) belongs to replies given out, [used, n) is to be read */
	size_t  used, n, size;
	size_t  missing;             /* bytes that the message at hand still lacks, where known */
	size_t  reply_size;          /* what the reply at hand has taken so far */
	struct type *types;
	size_t  n_types;
	bool    spoke, headed;       /* a header was ever read; the header of the reply at hand was */
	struct gob_reply reply;
};

static const struct type *type_find(const struct gob_reader *r, int64_t id)
{
	for (size_t i = 0; i < r->n_types; i++)
		if (r->types[i].id == id)
			return &r->types[i];
	return NULL;
}

static void fields_read(struct gob_reader *r, struct type *t, struct cursor *in)
{
	t->n_fields = get_count(in);
	if (t->n_fields > MAX_FIELDS) {
		in->bad = true;
		return;
	}
	t->fields = arena_alloc(r->arena, t->n_fields * sizeof *t->fields);
	for (size_t i = 0; i < t->n_fields && !in->bad; i++)
		for (int last = -1, number; (number = get_field(in, &last, 2)) >= 0; )
			if (number == 0)
				t->fields[i].name = get_text(in);
			else
				t->fields[i].type = get_int(in);
}

/* What all types have, a name and a number: the number is known from the message, the name says nothing that we need. */
static void common_read(struct cursor *in)
{
	for (int last = -1, number; (number = get_field(in, &last, 2)) >= 0; )
		if (number == 0)
			get_text(in);
		else
			get_int(in);
}

/* A definition: of the type -id. Go's own numbers have 32 bits. */
static void type_define(struct gob_reader *r, int64_t id, struct cursor *in)
{
	static const size_t counts[TYPE_KINDS] = { [TYPE_ARRAY] = 3, [TYPE_SLICE] = 2, [TYPE_STRUCT] = 2, [TYPE_MAP] = 3,
		[TYPE_GOB] = 1, [TYPE_BINARY] = 1, [TYPE_TEXT] = 1 };
	struct type *t;
	int kind, outer = -1;

	if (id < INT32_MIN || r->n_types == MAX_TYPES || type_find(r, -id)) {
		in->bad = true;
		return;
	}
	kind = get_field(in, &outer, TYPE_KINDS);
	if (kind < 0) {
		in->bad = true;
		return;
	}
	r->types = arena_grow(r->arena, r->types, r->n_types, sizeof *r->types);
	t = &r->types[r->n_types++];
	*t = (struct type){ .id = -id, .kind = (enum type_kind)kind };
	for (int last = -1, number; (number = get_field(in, &last, counts[kind])) >= 0; )
		if (number == 0)
			common_read(in);
		else if (kind == TYPE_STRUCT)
			fields_read(r, t, in);
		else if (number == 1)
			t->first = get_int(in);
		else
			t->second = get_int(in);
	if (get_uint(in) != 0)   /* the end of wireType: a type is of one kind */
		in->bad = true;
}

/* Takes a value of any type off the message: what we do not know does not disturb us. */
static void value_skip(const struct gob_reader *r, int64_t id, struct cursor *in, int depth)
{
	const struct type *t = type_find(r, id);
	size_t count;

	if (in->bad || depth >= MAX_NESTING) {
		in->bad = true;
		return;
	}
	switch (id) {
	case GOB_BOOL: case GOB_INT: case GOB_UINT: case GOB_FLOAT:
		get_uint(in);
		return;
	case GOB_BYTES: case GOB_STRING:
		get_text(in);
		return;
	case GOB_COMPLEX:
		get_uint(in);
		get_uint(in);
		return;
	case GOB_INTERFACE:
		/* The name of the value's type, "" for none; then the type and the value, with its length in front. */
		if (get_text(in).n) {
			get_int(in);
			get_text(in);
		}
		return;
	}
	if (!t) {
		in->bad = true;
		return;
	}
	switch (t->kind) {
	case TYPE_STRUCT:
		for (int last = -1, number; (number = get_field(in, &last, t->n_fields)) >= 0; )
			value_skip(r, t->fields[number].type, in, depth + 1);
		return;
	case TYPE_ARRAY: case TYPE_SLICE: case TYPE_MAP:
		count = get_count(in);
		for (size_t i = 0; i < count && !in->bad; i++) {
			value_skip(r, t->first, in, depth + 1);
			if (t->kind == TYPE_MAP)
				value_skip(r, t->second, in, depth + 1);
		}
		return;
	default:
		get_text(in);   /* a type that encodes itself: bytes */
	}
}

/* --- Replies --- */

/* A header or a body into the reply at hand, its fields found by name and type. */
static void reply_read(struct gob_reader *r, const struct type *t, struct cursor *in)
{
	struct { const char *name; int64_t type; bool body; uint64_t *number; int64_t *integer; struct str *text; } known[] = {
		{ "Seq", GOB_UINT, false, .number = &r->reply.seq },
		{ "Error", GOB_STRING, false, .text = &r->reply.error },
		{ "Code", GOB_INT, true, .integer = &r->reply.code },
		{ "Stdout", GOB_BYTES, true, .text = &r->reply.output },
		{ "Stderr", GOB_BYTES, true, .text = &r->reply.message },
	};

	if (t->kind != TYPE_STRUCT) {
		in->bad = true;
		return;
	}
	for (int last = -1, number; (number = get_field(in, &last, t->n_fields)) >= 0; ) {
		const struct field *f = &t->fields[number];
		size_t i = 0;

		while (i < LEN(known) && !(known[i].body == r->headed && known[i].type == f->type && str_is(f->name, known[i].name)))
			i++;
		if (i == LEN(known))
			value_skip(r, f->type, in, 0);
		else if (known[i].number)
			*known[i].number = get_uint(in);
		else if (known[i].integer)
			*known[i].integer = get_int(in);
		else
			*known[i].text = get_text(in);
	}
}

/* A whole message: a value of the type, or with NULL the definition of the type -id. True when it completes the reply. */
static bool message_read(struct gob_reader *r, const struct type *type, int64_t id, struct cursor *in)
{
	if (!type) {
		type_define(r, id, in);
		return false;
	}
	reply_read(r, type, in);
	if (r->headed)
		return true;
	r->headed = true;
	r->spoke = r->spoke || !in->bad;
	return false;
}

struct gob_reader *gob_reader_new(struct arena *a)
{
	struct gob_reader *r = NEW(a, struct gob_reader);

	r->arena = a;
	return r;
}

bool gob_reader_spoke(const struct gob_reader *r)
{
	return r->spoke;
}

char *gob_reader_room(struct gob_reader *r, size_t *room)
{
	size_t left = r->n - r->used, want = r->missing ? r->missing : 1;

	if (r->size - r->n < want && r->size - r->n < CHUNK / 2) {
		/* A new chunk; what was read stays where it is, for replies share it. A length is believed only as far as bytes
		 * follow: whoever announces 60 MiB and sends nothing costs us one chunk. */
		size_t size = left + want, most = 2 * left + CHUNK;
		char *p;

		if (size > most)
			size = most;
		if (size < CHUNK)
			size = CHUNK;
		p = arena_alloc(r->arena, size);
		if (left)
			memcpy(p, r->p + r->used, left);
		r->p = p;
		r->used = 0;
		r->n = left;
		r->size = size;
	}
	*room = r->size - r->n;
	return r->p + r->n;
}

void gob_reader_add(struct gob_reader *r, size_t n)
{
	r->n += n;
}

static int no_gob(struct err *err)
{
	return err_set(err, ERR_INPUT, "the reply is no gob of net/rpc");
}

int gob_reply_next(struct gob_reader *r, struct gob_reply *reply, struct err *err)
{
	for (;;) {
		/* Before the first byte there is no chunk to point into. */
		const unsigned char *start = r->p ? (const unsigned char *)r->p + r->used : NULL;
		struct cursor in = { start, r->n - r->used, false }, message;
		uint64_t length = 0, id = 0;
		const struct type *type = NULL;
		int known;
		bool done;

		r->missing = 0;
		if (in.n == 0)
			return 0;
		known = number_read(&in, &length);
		if (known < 0)
			return no_gob(err);
		if (known == 0)
			return 0;
		if (length == 0)
			return no_gob(err);
		if (length > MAX_REPLY - r->reply_size)
			return err_set(err, ERR_INPUT, "the reply is over %d MiB", MAX_REPLY >> 20);

		/* The type's number is looked at before the rest is there: text or noise would let us wait for ever. */
		message = (struct cursor){ in.p, in.n < length ? in.n : (size_t)length, false };
		known = number_read(&message, &id);
		if (known < 0 || (known == 0 && in.n >= length))
			return no_gob(err);
		if (known == 1 && int_of(id) > -FIRST_TYPE && !(type = type_find(r, int_of(id))))
			return no_gob(err);
		if (in.n < length) {
			r->missing = (size_t)length - in.n;
			return 0;
		}
		done = message_read(r, type, int_of(id), &message);
		if (message.bad || message.n)
			return no_gob(err);
		r->used += (size_t)(in.p - start) + (size_t)length;
		r->reply_size += (size_t)length;
		if (done) {
			*reply = r->reply;
			r->reply = (struct gob_reply){ 0 };
			r->headed = false;
			r->reply_size = 0;
			return 1;
		}
	}
}
