/* Gob: the bytes of calls as Go's own client sends them, and replies as Go's servers send them, cut at every byte, and those that no
 * server would send. */
#include "../gob.h"
#include "test.h"

#include <stdlib.h>

static struct str unhex(struct arena *a, const char *hex)
{
	struct buf b = { .arena = a };
	unsigned byte;

	for (; *hex; hex += 2) {
		if (sscanf(hex, "%2x", &byte) != 1)
			abort();
		buf_addc(&b, (char)(unsigned char)byte);
	}
	return buf_str(&b);
}

static struct str hex(struct arena *a, struct str bytes)
{
	struct buf b = { .arena = a };

	for (size_t i = 0; i < bytes.n; i++)
		buf_addf(&b, "%02x", (unsigned)(unsigned char)bytes.p[i]);
	return buf_str(&b);
}

/* --- Calls --- */

#define DEFINE_CALL "5cff81030101075265717565737401ff820001060109436f6e746578744964010c000103446972010c00010b436f6d6d616e644e616d65" \
	"010c0001044172677301ff84000108537464696e5365740102000105537464696e010a000000"
#define DEFINE_CALL_TOKEN "66ff81030101075265717565737401ff820001070109436f6e746578744964010c000103446972010c00010b436f6d6d616e644e" \
	"616d65010c0001044172677301ff84000108537464696e5365740102000105537464696e010a000105546f6b656e010c000000"
#define DEFINE_ARGS "16ff83020101085b5d737472696e6701ff8400010c0000"
#define FIRST "2e7f030101075265717565737401ff80000102010d536572766963654d6574686f64010c0001035365710106000000" "0fff80010a4a756a75632e4d61696e00"
#define CONTEXT "01166170702f302d696e7374616c6c2d3030313132323333"
#define FOLDER "01252f7661722f6c69622f6a756a752f6167656e74732f756e69742d6170702d302f636861726d"
#define IS_LEADER "010969732d6c6561646572"
#define JSON_ARG "01010d2d2d666f726d61743d6a736f6e"
#define RELATION_SET "010c72656c6174696f6e2d736574" "0104022d720133062d2d66696c65012d"

static const char *const is_leader[] = { "--format=json", NULL };
static const char *const relation_set[] = { "-r", "3", "--file", "-", NULL };
static const char *const no_args[] = { NULL };

static const struct {
	const char *name;
	bool defined;             /* it is not the first on its connection */
	uint64_t seq;
	const char *command;
	const char *const *args;
	struct str input;
	const char *token, *want;
} calls[] = {
	{ "the first call", false, 0, "is-leader", is_leader, { 0 }, NULL,
	  FIRST DEFINE_CALL DEFINE_ARGS "5dff82" CONTEXT FOLDER IS_LEADER JSON_ARG "00" },
	{ "an empty token is none", false, 0, "is-leader", is_leader, { 0 }, "",
	  FIRST DEFINE_CALL DEFINE_ARGS "5dff82" CONTEXT FOLDER IS_LEADER JSON_ARG "00" },
	{ "with a token", false, 0, "is-leader", is_leader, { 0 }, "abc",
	  FIRST DEFINE_CALL_TOKEN DEFINE_ARGS "62ff82" CONTEXT FOLDER IS_LEADER JSON_ARG "030361626300" },
	{ "a later call", true, 1, "relation-set", relation_set, { 0 }, NULL,
	  "11ff80010a4a756a75632e4d61696e010100" "60ff82" CONTEXT FOLDER RELATION_SET "00" },
	{ "with stdin", true, 1, "relation-set", relation_set, { "{\"k\": \"v\"}", 10 }, NULL,
	  "11ff80010a4a756a75632e4d61696e010100" "6eff82" CONTEXT FOLDER RELATION_SET "0101010a7b226b223a202276227d00" },
	{ "with empty stdin", true, 1, "relation-set", relation_set, { "", 0 }, NULL,
	  "11ff80010a4a756a75632e4d61696e010100" "62ff82" CONTEXT FOLDER RELATION_SET "010100" },
	{ "no arguments, a large number", true, 70000, "is-leader", no_args, { 0 }, NULL,
	  "14ff80010a4a756a75632e4d61696e01fd01117000" "4dff82" CONTEXT FOLDER IS_LEADER "00" },
	{ "stdin without arguments", true, 128, "is-leader", no_args, { "x", 1 }, NULL,
	  "12ff80010a4a756a75632e4d61696e01ff8000" "52ff82" CONTEXT FOLDER IS_LEADER "020101017800" },
	{ "a number of eight bytes", true, UINT64_MAX, "is-leader", no_args, { 0 }, NULL,
	  "19ff80010a4a756a75632e4d61696e01f8ffffffffffffffff00" "4dff82" CONTEXT FOLDER IS_LEADER "00" },
};

static void test_calls(struct arena *a)
{
	for (size_t i = 0; i < LEN(calls); i++) {
		struct gob_writer w = gob_writer_new(a);
		struct gob_call call = { calls[i].seq, S("app/0-install-00112233"), S("/var/lib/juju/agents/unit-app-0/charm"),
			str_of(calls[i].command), calls[i].args, calls[i].input, str_of(calls[i].token) };

		w.defined = calls[i].defined;
		gob_call_write(&w, &call);
		CHECK(str_is(hex(a, buf_str(&w.out)), calls[i].want), "%s:\n got " FMT "\nwant %s", calls[i].name,
		      ARG(hex(a, buf_str(&w.out))), calls[i].want);
		CHECK(w.defined, "%s: the types are defined once", calls[i].name);
	}
}

/* Two calls on one connection: definitions precede the first alone. */
static void test_second_call(struct arena *a)
{
	struct gob_writer w = gob_writer_new(a);
	struct gob_call call = { .command = S("is-leader"), .args = no_args };
	size_t first;

	gob_call_write(&w, &call);
	first = w.out.n;
	call.seq = 1;
	gob_call_write(&w, &call);
	CHECK_STR(hex(a, str_sub(buf_str(&w.out), first, w.out.n)),
	          S("11ff80010a4a756a75632e4d61696e010100" "0eff8203" "0969732d6c656164657200"));
}

/* --- Replies --- */

#define SERVER_HEADER "397f03010108526573706f6e736501ff80000103010d536572766963654d6574686f64010c0001035365710106000105" \
	"4572726f72010c000000"
#define HEADER_SEQ_0 "0fff80010a4a756a75632e4d61696e00"
#define HEADER_SEQ_1 "11ff80010a4a756a75632e4d61696e010100"
#define SERVER_BODY "39ff810301010c45786563526573706f6e736501ff820001030104436f6465010400010653" "74646f7574010a000106537464657272010a000000"
#define TRUE_BODY "0aff8202" "05747275650a00"
#define ERROR_HEADER_1 "3aff80010a4a756a75632e4d61696e01010127686f6f6b20746f6f6c20726571756972657320737464696e2c206e6f6e6520737570706c69656400"
#define BODY_OF_66 "16ff81030101014201ff8200010101015801ff84000000"   /* a struct with one field, X, of type 66 */
#define EMPTY_TYPE_83 "0aff83030102ff84000000"
#define EMPTY_TYPE_81 "0aff81030102ff82000000"

/* A server with more fields than we know, of every kind that gob has, its known ones elsewhere; from a Go program. */
#define STRANGE \
	"447f03010108526573706f6e736501ff8000010401054572726f72010c000105547261636501ff82000103536571010600010d536572766963654d65" \
	"74686f64010c00000016ff81010101065b335d696e7401ff820001040106000018ff80020302000101fe012c010a4a756a75632e4d61696e00ffc2ff" \
	"830301010c45786563526573706f6e736501ff8400011301045768656e01ff86000106537464657272010a000105526174696f01080001015a010e00" \
	"01035965730102000102496e01ff8800010350747201ff880001044d616e7901ff90000103416e790110000102536801100001034e696c0110000105" \
	"576f72647301ff9200010341727201ff940001025538010a0001034e656701040001034269670106000104436f646501040001065374646f7574010a" \
	"0001044c69737401ff9600000010ff850501010454696d6501ff8600000020ff8703010105496e6e657201ff8800010201014101040001014201ff8e" \
	"00000022ff8d020101135b5d6d61705b737472696e675d5b5d75696e7401ff8e0001ff8c00000fff8b040102ff8c00010c01ff8a00000cff89020102" \
	"ff8a000106000026ff8f040101156d61705b737472696e675d6d61696e2e496e6e657201ff9000010c01ff88000016ff91020101085b5d737472696e" \
	"6701ff9200010c00001eff930101010d5b325d6d61696e2e496e6e657201ff940001ff88010400001aff950201010c5b5d6d61696e2e536861706501" \
	"ff960001100000ffc1ff84010f010000000e7791f70100000002ffff01057761726e0a01f8182d4454fb21094001fef03f4001010101090102010178" \
	"030102fe012c00000101090102010178030102fe012c00000101016b01090102010178030102fe012c000002086d61696e2e4e756d0402000e020201" \
	"6100010201090102010178030102fe012c000001090102010178030102fe012c00000102010201f8ffffffffffffffff01f8ffffffffffffffff0105" \
	"01037b7d0a0102086d61696e2e4e756d040200060000"

static const struct {
	const char *name, *stream;
	/* "SEQ CODE OUTPUT|MESSAGE|ERROR" of each reply, ";" after each */
	const char *want;
} replies[] = {
	{ "the first success", SERVER_HEADER HEADER_SEQ_0 SERVER_BODY TRUE_BODY, "0 0 true\n||;" },
	{ "all zero", SERVER_HEADER HEADER_SEQ_0 SERVER_BODY "03ff8200", "0 0 ||;" },
	{ "a tool that failed", SERVER_HEADER HEADER_SEQ_0 SERVER_BODY "0fff820104" "02084552524f5220780a00", "0 2 |ERROR x\n|;" },
	{ "code and output", SERVER_HEADER HEADER_SEQ_1 SERVER_BODY "09ff82010301027b7d00", "1 -2 {}||;" },
	{ "two replies", SERVER_HEADER HEADER_SEQ_0 SERVER_BODY TRUE_BODY HEADER_SEQ_1 "03ff8200", "0 0 true\n||;1 0 ||;" },
	{ "an error after a success", SERVER_HEADER HEADER_SEQ_0 SERVER_BODY TRUE_BODY ERROR_HEADER_1 EMPTY_TYPE_83 "03ff8400",
	  "0 0 true\n||;1 0 ||hook tool requires stdin, none supplied;" },
	{ "an error first", SERVER_HEADER ERROR_HEADER_1 EMPTY_TYPE_81 "03ff8200" HEADER_SEQ_0
	  "39ff830301010c45786563526573706f6e736501ff840001030104436f646501040001065374646f7574010a000106537464657272010a000000"
	  "0aff8402" "05747275650a00", "1 0 ||hook tool requires stdin, none supplied;0 0 true\n||;" },
	{ "unknown fields of all kinds, another order", STRANGE, "300 -3 {}\n|warn\n|;" },
	{ "a known name with another type does not count",
	  "137f030102ff800001010103536571" "0104000000" "05ff80010e00" SERVER_BODY TRUE_BODY, "0 0 true\n||;" },
	{ "a known name in the other struct does not count",
	  "147f030102ff800001010104436f6465" "0104000000" "05ff80010e00" SERVER_BODY TRUE_BODY, "0 0 true\n||;" },
	{ "a field that encodes itself", SERVER_HEADER HEADER_SEQ_0 BODY_OF_66 "0aff83070102ff84000000" "07ff820102686900", "0 0 ||;" },
	{ "the largest number of a type", "0afcffffffff0202040000" SERVER_HEADER HEADER_SEQ_0 SERVER_BODY TRUE_BODY, "0 0 true\n||;" },
};

/* Reads a stream that arrives in pieces: first `first` bytes, then `step` at a time. */
static struct str read_stream(struct arena *a, struct str stream, size_t first, size_t step)
{
	struct gob_reader *r = gob_reader_new(a);
	struct buf told = { .arena = a };
	struct err err = { .arena = a };
	struct gob_reply reply;
	size_t at = 0, room, piece = first;
	int rc = 0;
	char *p;

	for (;;) {
		while ((rc = gob_reply_next(r, &reply, &err)) == 1)
			buf_addf(&told, "%llu %lld " FMT "|" FMT "|" FMT ";", (unsigned long long)reply.seq, (long long)reply.code,
			         ARG(reply.output), ARG(reply.message), ARG(reply.error));
		if (rc < 0) {
			buf_adds(&told, err.kind == ERR_INPUT ? err.msg : "an error of another kind");
			return buf_str(&told);
		}
		if (at == stream.n)
			return buf_str(&told);
		p = gob_reader_room(r, &room);
		if (room == 0) {
			buf_adds(&told, "no room");
			return buf_str(&told);
		}
		piece = piece ? piece : step;
		if (piece > room)
			piece = room;
		if (piece > stream.n - at)
			piece = stream.n - at;
		memcpy(p, stream.p + at, piece);
		gob_reader_add(r, piece);
		at += piece;
		piece = 0;
	}
}

static void test_replies(struct arena *a)
{
	for (size_t i = 0; i < LEN(replies); i++) {
		struct str stream = unhex(a, replies[i].stream), got;
		bool alike = true;

		got = read_stream(a, stream, stream.n, stream.n);
		CHECK(str_is(got, replies[i].want), "%s: got '" FMT "', want '%s'", replies[i].name, ARG(got), replies[i].want);
		for (size_t cut = 1; cut < stream.n; cut++)
			alike = alike && str_is(read_stream(a, stream, cut, stream.n), replies[i].want);
		CHECK(alike, "%s: differs when it is cut in two", replies[i].name);
		CHECK_STR(read_stream(a, stream, 1, 1), str_of(replies[i].want));
		/* Without its last byte it is no whole reply, and no error. */
		CHECK(strlen(replies[i].want) > read_stream(a, str_sub(stream, 0, stream.n - 1), stream.n, stream.n).n,
		      "%s: complete without its last byte", replies[i].name);
	}
}

#define NO_GOB "the reply is no gob of net/rpc"

static const struct { const char *name, *stream, *want; } broken[] = {
	{ "text", "485454502f312e3120", NO_GOB },
	{ "text shorter than its first byte says", "4854", NO_GOB },
	{ "an empty message", "00", NO_GOB },
	{ "a number of more than eight bytes", "f7", NO_GOB },
	{ "a type's number that the message has no room for", "01ff", NO_GOB },
	{ "a type's number of more than eight bytes", "09f7", NO_GOB },
	{ "a value of a type that nobody defined", "02ff80", NO_GOB },
	{ "a definition of a builtin type", "0401", NO_GOB },
	{ "a definition of the last builtin type", "2e7d", NO_GOB },
	{ "a definition of a type beyond 32 bits", "0bfb01000000010202040000", NO_GOB },
	{ "a definition of a type that has no positive number", "0ef8ffffffffffffffff0202040000", NO_GOB },
	{ "a definition without a kind", "027f00", NO_GOB },
	{ "a kind of type that there is not", "047f080000", NO_GOB },
	{ "a type of two kinds", "067f0300010000", NO_GOB },
	{ "a definition with bytes to spare", SERVER_HEADER "0b" "ff81030102ff8200000000", NO_GOB },
	{ "the same type again", SERVER_HEADER SERVER_HEADER, NO_GOB },
	{ "a struct with more fields than bytes", "0a7f030102ff8000017f0000", NO_GOB },
	{ "a struct with a third thing in it", "0a7f030102ff800001000100", NO_GOB },
	{ "a header that is no struct", "067f0202060000" "03ff8000", NO_GOB },
	{ "a field that the header does not have", SERVER_HEADER "04ff80040000", NO_GOB },
	{ "a distance that overflows", SERVER_HEADER "0cff80f8ffffffffffffffff00", NO_GOB },
	{ "a distance that wraps behind a field", SERVER_HEADER "19ff80010a4a756a75632e4d61696ef8ffffffffffffffff0000", NO_GOB },
	{ "a text longer than the message", SERVER_HEADER "05ff8003056100", NO_GOB },
	{ "a text of nearly 2^64 bytes", SERVER_HEADER "0dff8003f8ffffffffffffffff00", NO_GOB },
	{ "a header without an end", SERVER_HEADER "05ff80030161", NO_GOB },
	{ "bytes behind the header's end", SERVER_HEADER "04ff800000", NO_GOB },
	{ "a body that is no struct", SERVER_HEADER HEADER_SEQ_0 "0cff81020102ff820001060000" "04ff820000", NO_GOB },
	{ "a body that breaks off", SERVER_HEADER HEADER_SEQ_0 SERVER_BODY "09ff820205747275650a", NO_GOB },
	{ "a field of a type that nobody defined", SERVER_HEADER HEADER_SEQ_0 BODY_OF_66 "05ff82010100", NO_GOB },
	{ "a list with more items than bytes", SERVER_HEADER HEADER_SEQ_0 BODY_OF_66
	  "0cff83020102ff840001060000" "06ff8201050100", NO_GOB },
	{ "a map that breaks off in a key", SERVER_HEADER HEADER_SEQ_0 BODY_OF_66 "0dff83040102ff8400010c01040000" "07ff820101056100", NO_GOB },
	{ "a text without a length", SERVER_HEADER "03ff8003", NO_GOB },
	{ "a struct that breaks off in its first field", "0d7f030102ff800001020105610101", NO_GOB },
	{ "over the limit", "fc04000001", "the reply is over 64 MiB" },
	{ "over the limit with what came before", SERVER_HEADER "fc03ffffff", "the reply is over 64 MiB" },
	{ "a reply of 2^64 - 1 bytes", "f8ffffffffffffffff", "the reply is over 64 MiB" },
};

static void test_broken(struct arena *a)
{
	for (size_t i = 0; i < LEN(broken); i++) {
		struct str stream = unhex(a, broken[i].stream), got = read_stream(a, stream, stream.n, 1);

		CHECK(str_is(got, broken[i].want), "%s: got '" FMT "'", broken[i].name, ARG(got));
		got = read_stream(a, stream, 1, 1);
		CHECK(str_is(got, broken[i].want), "%s, byte by byte: got '" FMT "'", broken[i].name, ARG(got));
	}
}

/* A definition of the struct B, type 65, with one field X of type 66, and 66 as a slice of itself: values may nest without end. */
static void test_nesting(struct arena *a)
{
	struct buf b = { .arena = a };
	struct str got;

	for (size_t depth = 10; depth <= 100; depth += 90) {
		b = (struct buf){ .arena = a };
		buf_add(&b, unhex(a, SERVER_HEADER HEADER_SEQ_0 BODY_OF_66 "0dff83020102ff840001ff840000"));
		buf_addc(&b, (char)(depth + 5));
		buf_add(&b, unhex(a, "ff8201"));
		for (size_t i = 0; i < depth; i++)
			buf_addc(&b, 1);
		buf_add(&b, unhex(a, "0000"));
		got = read_stream(a, buf_str(&b), b.n, b.n);
		CHECK_STR(got, depth == 10 ? S("0 0 ||;") : S(NO_GOB));
	}
}

/* So many types and fields that no agent has. */
static void test_many(struct arena *a)
{
	for (unsigned n = 64; n <= 65; n++) {
		struct buf b = { .arena = a };

		buf_add(&b, unhex(a, str_c(a, str_f(a, SERVER_HEADER "%02xff81030102ff820001%02x", 12 + n, n))));
		for (unsigned i = 0; i < n + 2; i++)   /* nameless fields, and two ends */
			buf_addc(&b, 0);
		CHECK_STR(read_stream(a, buf_str(&b), b.n, b.n), n == 64 ? S("") : S(NO_GOB));
	}
	for (unsigned n = 63; n <= 65; n++) {
		struct buf b = { .arena = a };
		struct str got;

		buf_add(&b, unhex(a, SERVER_HEADER HEADER_SEQ_0));
		for (unsigned i = 0; i < n; i++)   /* 66...: each its own length and number */
			buf_add(&b, unhex(a, str_c(a, i < 63 ? str_f(a, "07ff%02x0202040000", 0x83 + 2 * i)
			                                     : str_f(a, "08fe%04x0202040000", 0x83 + 2 * i))));
		got = read_stream(a, buf_str(&b), b.n, b.n);
		CHECK_STR(got, n <= 63 ? S("") : S(NO_GOB));
	}
}

/* A long output: the reader's room grows with what arrives, not with what is announced. */
static void test_long(struct arena *a)
{
	struct gob_reader *r = gob_reader_new(a);
	struct str head = unhex(a, SERVER_HEADER HEADER_SEQ_0 SERVER_BODY "fc03000009" "ff8202" "fc03000000");
	size_t n = 3 << 24, room, at = 0, too_much = 0;
	char *long_text = arena_alloc(a, head.n + n + 1), *p;
	struct err err = { .arena = a };
	struct gob_reply reply;

	memcpy(long_text, head.p, head.n);
	memset(long_text + head.n, 'x', n);
	n += head.n + 1;
	while (gob_reply_next(r, &reply, &err) == 0 && at < n) {
		p = gob_reader_room(r, &room);
		if (room > 2 * at + (32 << 10))
			too_much = room;
		if (room > n - at)
			room = n - at;
		memcpy(p, long_text + at, room);
		gob_reader_add(r, room);
		at += room;
	}
	CHECK(at == n && reply.output.n == 3 << 24, "%zu of %zu bytes", at, n);
	CHECK(reply.output.n && reply.output.p[0] == 'x' && reply.output.p[reply.output.n - 1] == 'x', "the output is another");
	CHECK(too_much == 0, "room for %zu bytes when few had come", too_much);
	CHECK(err.kind == ERR_NONE, "%s", err.msg ? err.msg : "");
}

static void test_spoke(struct arena *a)
{
	struct str stream = unhex(a, SERVER_HEADER HEADER_SEQ_0);
	struct gob_reader *r = gob_reader_new(a);
	struct err err = { .arena = a };
	struct gob_reply reply;
	size_t room;

	memcpy(gob_reader_room(r, &room), stream.p, stream.n);
	gob_reader_add(r, stream.n - 1);
	CHECK(gob_reply_next(r, &reply, &err) == 0 && !gob_reader_spoke(r), "a header that is not whole");
	gob_reader_add(r, 1);
	CHECK(gob_reply_next(r, &reply, &err) == 0 && gob_reader_spoke(r), "a whole header");

	stream = unhex(a, SERVER_HEADER "04ff800000");
	r = gob_reader_new(a);
	memcpy(gob_reader_room(r, &room), stream.p, stream.n);
	gob_reader_add(r, stream.n);
	CHECK(gob_reply_next(r, &reply, &err) < 0, "a bad header");
}

int main(void)
{
	struct arena *a = arena_new();

	test_calls(a);
	test_second_call(a);
	test_replies(a);
	test_broken(a);
	test_nesting(a);
	test_many(a);
	test_long(a);
	test_spoke(a);
	arena_free(a);
	return TEST_END();
}
