/* test_http.c: the readers and writers below the Pebble client, without a socket: heads, chunks, multipart, websocket frames. Every input comes
 * whole and byte by byte, with the same outcome. */
#include <stdlib.h>

#include "../http.h"
#include "../pebble.h"
#include "../websocket.h"
#include "test.h"

/* What a row of the tables below leaves out is zero. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#define BAD(words) .error = (words)

static void test_heads(void)
{
	static const struct {
		const char *in;
		int status, length;
		bool chunked, close;
		const char *type, *error;
		int rest;                 /* bytes that follow */
	} cases[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbody", 200, 5, .rest = 4 },
		{ "HTTP/1.1 200\r\n\r\n", 200, -1 },
		{ "HTTP/1.1 999 \r\n\r\n", 999, -1 },
		{ "HTTP/1.0 200 OK\r\n\r\n", 200, -1, .close = true },
		{ "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", 200, -1 },
		{ "HTTP/1.1 200 OK\r\nConnection: Upgrade , CLOSE\r\n\r\n", 200, -1, .close = true },
		{ "HTTP/1.1 200 OK\r\nConnection: closed\r\n\r\n", 200, -1 },
		{ "HTTP/1.1 200 OK\r\nCONTENT-LENGTH:007\r\ncontent-type:  a/b; c \r\n\r\n", 200, 7, .type = "a/b; c" },
		{ "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n", 200, -1, .chunked = true },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", 200, 5 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", BAD("a bad Content-Length") },
		{ "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", BAD("a bad Content-Length") },
		{ "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", BAD("a bad Content-Length") },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 1:\r\n\r\n", BAD("a bad Content-Length") },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 1234567890123456789\r\n\r\n", BAD("a bad Content-Length") },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", BAD("an unknown Transfer-Encoding") },
		{ "HTTP/1.1 200 OK\r\nno name\r\n\r\n", BAD("a header line without a name") },
		{ "HTTP/1.1 200 OK\r\n: x\r\n\r\n", BAD("a header line without a name") },
		{ "HTTP/1.1 200 OK\r\nA: x\r\n folded: y\r\n\r\n", BAD("a header line without a name") },
		{ "HTTP/1.1 200 OK\r\nA: x\r\n\tfolded: y\r\n\r\n", BAD("a header line without a name") },
		{ "HTTP/1.1 200 OK\r\nA: x\nB: y\r\n\r\n", BAD("a header line that does not end as such") },
		{ "HTTP/1.1 200 OK\nA: x\r\n\r\n", BAD("the reply is no HTTP") },
		{ "HTTP/1.1 20 OK\r\n\r\n", BAD("the reply is no HTTP") },
		{ "HTTP/1.1 2/0\r\n\r\n", BAD("the reply is no HTTP") },
		{ "HTTP/1.1 2:0\r\n\r\n", BAD("the reply is no HTTP") },
		{ "HTTP/1.1 2000\r\n\r\n", BAD("the reply is no HTTP") },
		{ "HTTP/1.1 099 No\r\n\r\n", BAD("the reply is no HTTP") },
		{ "HTTP/1.1\t200 OK\r\n\r\n", BAD("the reply is no HTTP") },
		{ "HTTP/1.2 200 OK\r\n\r\n", BAD("the reply is no HTTP") },
		{ "HTTP/2 200 OK\r\n\r\n", BAD("the reply is no HTTP") },
		{ "\r\n\r\n", BAD("the reply is no HTTP") },
	};

	for (size_t i = 0; i < LEN(cases); i++) {
		struct arena *arena = arena_new();
		struct err err = { .arena = arena };
		struct str in = exact(arena, cases[i].in);
		struct http_head head;
		ptrdiff_t n = 0;

		/* Byte by byte: the first answer that is not "more" must be that to the whole. */
		for (size_t k = 0; k <= in.n && n == 0; k++)
			n = http_head_read(str_sub(in, 0, k), &head, &err);
		if (cases[i].error) {
			CHECK(n == -1 && err.kind == ERR_INPUT && str_is(str_of(err.msg), cases[i].error), "%zu: %td, got '%s'", i, n, err.msg);
		} else {
			CHECK(n == (ptrdiff_t)in.n - cases[i].rest, "%zu: %td bytes, %s", i, n, err.msg);
			CHECK(head.status == cases[i].status, "%zu: status %d", i, head.status);
			CHECK(head.length == cases[i].length, "%zu: length %lld", i, (long long)head.length);
			CHECK(head.chunked == cases[i].chunked && head.keep == !cases[i].close, "%zu: chunked %d, keep %d", i, head.chunked, head.keep);
			CHECK_STR(head.content_type, str_of(cases[i].type));
		}
		arena_free(arena);
	}
}

static void test_head_limit(void)
{
	struct arena *arena = arena_new();
	struct err err = { .arena = arena };
	struct buf head = { .arena = arena };
	struct http_head parsed;

	buf_adds(&head, "HTTP/1.1 200 OK\r\nA: ");
	while (head.n < MAX_HTTP_HEAD - 1)
		buf_addc(&head, 'x');
	CHECK(http_head_read(buf_str(&head), &parsed, &err) == 0, "more is needed");
	buf_adds(&head, "\r\n\r\n");
	CHECK(http_head_read(buf_str(&head), &parsed, &err) == MAX_HTTP_HEAD + 3, "the longest head: %s", err.msg);
	head.n -= 4;
	buf_addc(&head, 'x');
	CHECK(http_head_read(buf_str(&head), &parsed, &err) < 0 && err.kind == ERR_INPUT, "one byte too many");
	buf_adds(&head, "\r\n\r\n");
	CHECK(http_head_read(buf_str(&head), &parsed, &err) < 0 && err.kind == ERR_INPUT, "also with an end");
	arena_free(arena);
}

/* --- Chunks. --- */

static int read_chunks(struct str in, size_t piece, struct buf *out, struct str *rest, struct err *err)
{
	struct http_chunks chunks = { 0 };
	int rc = 0;

	for (size_t from = 0; from < in.n && rc == 0; from += piece) {
		struct str part = str_sub(in, from, from + piece);
		size_t given = part.n;
		rc = http_chunks_read(&chunks, &part, out, err);
		*rest = str_sub(in, from + given - part.n, in.n);
		if (rc == 0)
			CHECK(part.n == 0, "all was used");
	}
	return rc;
}

static void test_chunks(void)
{
	static const struct { const char *in; int rc; const char *out, *rest; } cases[] = {
		{ "5\r\nhello\r\n0\r\n\r\nnext", 1, "hello", "next" },
		{ "1\r\na\r\n00A;x=\"y\"\r\n0123456789\r\n0\r\nTrailer: x\r\nB:\r\n\r\n", 1, "a0123456789", "" },
		{ "a \r\n0123456789\r\n000 ;\r\n\r\n", 1, "0123456789", "" },
		{ "f\t\r\n0123456789abcde\r\n0\r\n\r\n", 1, "0123456789abcde", "" },
		{ "0\r\n\r\n", 1, "", "" },
		{ "5\r\nhello\r\n0\r\n\r", 0, "hello", "" },
		{ "5\r\nhel", 0, "hel", "" },
		{ "", 0, "", "" },
		{ "\r\n", -1 }, { ";x\r\n", -1 }, { "g\r\n", -1 }, { "5\nhello", -1 }, { "5\r\r\nhello", -1 }, { "5;\nhello", -1 }, { "5\r\nhelloX", -1 }, { "5\r\nhello\rX", -1 },
		{ "5\r\nhello\r\n\r\n", -1 }, { "5/\r\nhello", -1 }, { "5:\r\n", -1 }, { "5@\r\n", -1 }, { "5G\r\n", -1 }, { "0\r\n\n", -1 }, { "0\r\nA\n", -1 }, { "0\r\nA\rX", -1 },
		{ "0\r\n\rX", -1 }, { "-1\r\n", -1 },
	};

	for (size_t i = 0; i < LEN(cases); i++) {
		for (size_t piece = 1; piece <= 40; piece += piece < 4 ? 1 : 36) {
			struct arena *arena = arena_new();
			struct err err = { .arena = arena };
			struct buf out = { .arena = arena };
			struct str rest = S("");
			int rc = read_chunks(exact(arena, cases[i].in), piece, &out, &rest, &err);

			CHECK(rc == cases[i].rc, "%zu in pieces of %zu: %d", i, piece, rc);
			if (rc < 0)
				CHECK(err.kind == ERR_INPUT && err.msg, "%zu: kind %d", i, err.kind);
			else
				CHECK(str_is(buf_str(&out), cases[i].out), "%zu in pieces of %zu: got '" FMT "'", i, piece, ARG(buf_str(&out)));
			if (rc == 1)
				CHECK_STR(rest, str_of(cases[i].rest));
			arena_free(arena);
		}
	}
}

static void test_chunk_limits(void)
{
	static const struct { const char *before; char filler; } heads[] = { { "1;", 'x' }, { "0", '0' }, { "0\r\n", 'x' } };
	struct arena *arena = arena_new();
	struct err err = { .arena = arena };
	struct buf chunk = { .arena = arena };
	int rc = 0;

	/* What is around the content. */
	for (size_t i = 0; i < LEN(heads); i++) {
		struct http_chunks chunks = { 0 };
		struct buf in = { .arena = arena }, out = { .arena = arena };
		buf_adds(&in, heads[i].before);
		while (in.n < MAX_HTTP_HEAD)
			buf_addc(&in, heads[i].filler);
		struct str bytes = buf_str(&in), one = { &heads[i].filler, 1 };
		CHECK(http_chunks_read(&chunks, &bytes, &out, &err) == 0, "%zu: %s", i, err.msg);
		CHECK(http_chunks_read(&chunks, &one, &out, &err) < 0 && err.kind == ERR_INPUT, "%zu: one byte too many", i);
	}

	/* The content: as many chunks of 1 MiB as fit, and one byte more. */
	struct http_chunks chunks = { 0 };
	struct buf out = { .arena = arena };
	size_t n = 0;
	buf_adds(&chunk, "100000\r\n");
	for (size_t i = 0; i < 1 << 20; i++)
		buf_addc(&chunk, 'x');
	buf_adds(&chunk, "\r\n");
	for (; rc == 0 && n < 40; n++) {
		struct str in = buf_str(&chunk);
		rc = http_chunks_read(&chunks, &in, &out, &err);
	}
	CHECK(rc < 0 && err.kind == ERR_BLOCKED && n == 33 && out.n == MAX_HTTP_BODY, "chunk %zu, %zu bytes", n, out.n);

	/* A size alone is enough; one that just fits is not refused. */
	struct { struct str in; int rc; } sizes[] = { { S("2000000\r"), 0 }, { S("2000001\r"), -1 }, { S("fffffffffffffffffffffffff\r"), -1 } };
	for (size_t i = 0; i < LEN(sizes); i++) {
		struct http_chunks fresh = { 0 };
		CHECK(http_chunks_read(&fresh, &sizes[i].in, &out, &err) == sizes[i].rc, "size %zu", i);
	}
	arena_free(arena);
}

/* --- Queries and parameters. --- */

static void test_queries(void)
{
	struct arena *arena = arena_new();
	struct buf target = { .arena = arena };

	buf_adds(&target, "/v1/x");
	http_query(&target, "a", S("azAZ09-._~/"));
	http_query(&target, "b", S("@[`{:&=?#%+ \0\x7f\xff"));
	http_query(&target, "c", S(""));
	CHECK_STR(buf_str(&target), S("/v1/x?a=azAZ09-._~/&b=%40%5B%60%7B%3A%26%3D%3F%23%25%2B%20%00%7F%FF&c="));
	arena_free(arena);
}

static void test_parameters(void)
{
	static const struct { const char *in, *name, *want; } cases[] = {
		{ "multipart/form-data; boundary=abc", "boundary", "abc" },
		{ "multipart/form-data;BOUNDARY=\"a b;c\" ; x=y", "boundary", "a b;c" },
		{ "x; boundary = abc ; y", "boundary", "abc" },
		{ "form-data; name=\"files\"; filename=\"a \\\"b\\\\c\"", "filename", "a \"b\\c" },
		{ "form-data; name=\"files\"; filename=\"a \\\"b\\\\c\"", "name", "files" },
		{ "form-data; filename=\"name=x\"", "name", NULL },
		{ "form-data; name", "name", NULL },
		{ "form-data; name=", "name", "" },
		{ "form-data; name=\"open", "name", "open" },
		{ "form-data; name=\"open\\", "name", "open\\" }, { "form-data; name=\"open\\x", "name", "openx" },
		{ "", "name", NULL }, { ";;", "name", NULL }, { "name=x", "name", "x" },
	};

	for (size_t i = 0; i < LEN(cases); i++) {
		struct arena *arena = arena_new();
		struct str got = S("left over");
		bool found = http_parameter(arena, exact(arena, cases[i].in), cases[i].name, &got);
		CHECK(found == (cases[i].want != NULL) && (got.p != NULL) == found, "%zu: found %d", i, found);
		CHECK(str_is(got, cases[i].want), "%zu: got '" FMT "'", i, ARG(got));
		arena_free(arena);
	}
}

/* --- multipart/form-data. --- */

#define DISPOSITION "Content-Disposition: form-data; name=\"n\"; filename=\"f\""

static void test_multipart_read(void)
{
	static const struct { const char *in, *want; } cases[] = {
		{ "--B\r\n" DISPOSITION "\r\nContent-Type: t\r\n\r\ncontent\r\n--B--\r\n", "n f t 'content'" },
		{ "--B\r\n" DISPOSITION "\r\n\r\n\r\n--B--", "n f - ''" },
		{ "--B\r\n\r\nx\r\n--B--", "- - - 'x'" },
		{ "--B\r\n\r\none\r\n--B\r\n\r\ntwo\r\n--B--", "- - - 'one'- - - 'two'" },
		{ "preamble\r\n--B\r\n\r\nx\r\n--B--\r\nepilogue\r\n--B\r\n", "- - - 'x'" },
		{ "--B \t\r\n\r\nx\r\n--B\t\r\n\r\ny\r\n--B--", "- - - 'x'- - - 'y'" },
		{ "--B\r\n\r\na\r\n--\r\n-B\r\n--Bx\r\n--B \rx--B\n--B--\r\n--B--", "- - - 'a\r\n--\r\n-B\r\n--Bx\r\n--B \rx--B\n--B--'" },
		{ "--B\r\nCONTENT-DISPOSITION:form-data;NAME=n\r\nOther: x\r\n\r\n\r\n\r\n\r\n--B--", "n - - '\r\n\r\n'" },
		{ "--B--", "" },
		{ "--B--\r\n", "" },
		{ "", NULL }, { "--", NULL }, { "--B", NULL }, { "--B\r\n", NULL }, { "--B\r\n\r\n", NULL }, { "--B\r\n\r\nx", NULL }, { "--B\r\n\r\nx\r\n--B", NULL }, { "--B\r\n\r\nx\r\n--B-", NULL },
		{ "--B\r\n\r\nx\r\n--B\r\n", NULL }, { "--B\r\nno name\r\n\r\nx\r\n--B--", NULL }, { "--B\r\nA: no end\r\n--B--", NULL }, { "--B\r\n--B--", NULL }, { "x--B--", NULL },
		{ "\n--B--", NULL }, { "x\n--B--", NULL }, { "\r\n--B--", "" }, { "--C\r\n\r\nx\r\n--C--", NULL }, { "--B\n\nx\n--B--", NULL },
	};

	for (size_t i = 0; i < LEN(cases); i++) {
		struct arena *arena = arena_new();
		struct err err = { .arena = arena };
		struct buf got = { .arena = arena };
		struct part *parts;
		size_t n;
		int rc = multipart_read(arena, exact(arena, cases[i].in), S("B"), &parts, &n, &err);

		for (size_t k = 0; rc == 0 && k < n; k++)
			buf_addf(&got, FMT " " FMT " " FMT " '" FMT "'", ARG(parts[k].name.p ? parts[k].name : S("-")),
			         ARG(parts[k].filename.p ? parts[k].filename : S("-")), ARG(parts[k].type.p ? parts[k].type : S("-")), ARG(parts[k].content));
		if (cases[i].want)
			CHECK(rc == 0 && str_is(buf_str(&got), cases[i].want), "%zu: got '" FMT "', %s", i, ARG(buf_str(&got)), err.msg);
		else
			CHECK(rc < 0 && err.kind == ERR_INPUT, "%zu: got '" FMT "'", i, ARG(buf_str(&got)));
		CHECK(multipart_read(arena, exact(arena, cases[i].in), S(""), &parts, &n, &err) < 0 && n == 0, "no boundary");
		arena_free(arena);
	}
}

static void test_multipart_write(void)
{
	static const struct part parts[] = { { S("request"), NOSTR, S("application/json"), S("{}") }, { S("files"), S("/a \"b\\c"), NOSTR, S("") } };
	struct arena *arena = arena_new();
	struct strs pieces = { 0 };
	struct str first = NOSTR, second = NOSTR;
	struct err err = { .arena = arena };

	multipart_write(arena, parts, 2, S("B"), &pieces);
	CHECK_STR(strs_join(arena, &pieces, ""), S("--B\r\nContent-Disposition: form-data; name=\"request\"\r\nContent-Type: application/json\r\n\r\n{}\r\n"
		"--B\r\nContent-Disposition: form-data; name=\"files\"; filename=\"/a \\\"b\\\\c\"\r\n\r\n\r\n--B--\r\n"));
	CHECK(pieces.v[1].p == parts[0].content.p, "the content is not copied");
	pieces.n = 0;
	multipart_write(arena, parts, 0, S("B"), &pieces);
	CHECK_STR(strs_join(arena, &pieces, ""), S("--B--\r\n"));
	/* Pebble asks for at least 32 bytes, and multipart allows 70. */
	CHECK(multipart_boundary(arena, &first, &err) == 0 && multipart_boundary(arena, &second, &err) == 0, "%s", err.msg);
	CHECK(first.n == 60 && second.n == 60 && !str_eq(first, second), "'" FMT "'", ARG(first));
	arena_free(arena);
}

/* --- Websocket frames. --- */

/* The events as a text: adjoining data is one, however it came. */
static int read_frames(struct arena *arena, struct str in, size_t piece, struct buf *out, struct err *err)
{
	struct websocket_reader reader = { .text.arena = arena };
	struct websocket_event event;
	int rc = 0;

	for (size_t from = 0; from < in.n && rc >= 0; from += piece) {
		struct str part = str_sub(in, from, from + piece);
		while ((rc = websocket_read(&reader, &part, &event, err)) > 0) {
			static const char *const names[] = { "", "text:", "ping:", "close:" };
			buf_adds(out, names[event.kind]);
			buf_add(out, event.bytes);
			buf_adds(out, event.kind == WEBSOCKET_DATA ? "" : ";");
		}
	}
	return rc;
}

#define FRAMES(text) { (text), sizeof (text) - 1 }

static void test_frames(void)
{
	static const struct { struct str in; const char *want, *error; } cases[] = {
		{ FRAMES("\x82\x03""abc\x82\x01""d"), "abcd" },
		{ FRAMES("\x82\x7e\x00\x02""ab"), "ab" },
		{ FRAMES("\x82\x7f\x00\x00\x00\x00\x00\x00\x00\x02""ab\x82\x00\x82\x01""c"), "abc" },
		{ FRAMES("\x81\x02hi\x81\x00\x81\x01!"), "text:hi;text:;text:!;" },
		{ FRAMES("\x01\x02he\x00\x01l\x80\x02lo"), "text:hello;" },
		{ FRAMES("\x01\x02he\x89\x01p\x80\x03llo"), "ping:p;text:hello;" },
		{ FRAMES("\x02\x02he\x89\x00\x00\x00\x80\x03llo"), "heping:;llo" },
		{ FRAMES("\x8a\x03xyz\x88\x02\x03\xe8"), "close:\x03\xe8;" },
		{ FRAMES("\x88\x00"), "close:;" },
		{ FRAMES("\x82\x03""ab"), "ab" },
		{ FRAMES("\x82\x7f\x00\x00\x00\x00\x00\x10\x00\x00""ab"), "ab" },
		{ FRAMES("\x82\x7f\x00\x00\x00\x00\x00\x10\x00\x01"), BAD("websocket: a frame of over 1048576 bytes") },
		{ FRAMES("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff"), BAD("websocket: a frame of over 1048576 bytes") },
		{ FRAMES("\x81\x7e\x10\x00"), "" },
		{ FRAMES("\x81\x7e\x10\x01"), BAD("websocket: a text of over 4096 bytes") },
		{ FRAMES("\x01\x01x\x80\x7e\x10\x00"), BAD("websocket: a text of over 4096 bytes") },
		{ FRAMES("\xc2\x00"), BAD("websocket: an extension that nobody asked for") },
		{ FRAMES("\xa2\x00"), BAD("websocket: an extension that nobody asked for") },
		{ FRAMES("\x92\x00"), BAD("websocket: an extension that nobody asked for") },
		{ FRAMES("\x82\x80"), BAD("websocket: a masked frame from a server") },
		{ FRAMES("\x83\x00"), BAD("websocket: a frame out of order") },
		{ FRAMES("\x87\x00"), BAD("websocket: a frame out of order") },
		{ FRAMES("\x80\x00"), BAD("websocket: a frame out of order") },
		{ FRAMES("\x02\x00\x82\x00"), BAD("websocket: a frame out of order") },
		{ FRAMES("\x02\x00\x80\x00\x80\x00"), BAD("websocket: a frame out of order") },
		{ FRAMES("\x8b\x00"), BAD("websocket: a bad control frame") },
		{ FRAMES("\x09\x00"), BAD("websocket: a bad control frame") },
		{ FRAMES("\x89\x7e\x00\x7e"), BAD("websocket: a bad control frame") },
	};

	for (size_t i = 0; i < LEN(cases); i++) {
		for (size_t piece = 1; piece <= 100; piece += piece < 4 ? 1 : 96) {
			struct arena *arena = arena_new();
			struct err err = { .arena = arena };
			struct buf out = { .arena = arena };
			int rc = read_frames(arena, cases[i].in, piece, &out, &err);

			if (cases[i].error)
				CHECK(rc < 0 && err.kind == ERR_INPUT && str_is(str_of(err.msg), cases[i].error), "%zu: got '%s'", i, err.msg);
			else
				CHECK(rc == 0 && str_is(buf_str(&out), cases[i].want), "%zu in pieces of %zu: got '" FMT "', %s", i, piece, ARG(buf_str(&out)), err.msg);
			arena_free(arena);
		}
	}
}

/* A control frame may be as long as 125 bytes. */
static void test_longest_ping(void)
{
	struct arena *arena = arena_new();
	struct err err = { .arena = arena };
	struct buf in = { .arena = arena }, out = { .arena = arena }, want = { .arena = arena };

	buf_adds(&in, "\x89\x7d");
	buf_adds(&want, "ping:");
	for (int i = 0; i < 125; i++) {
		buf_addc(&in, (char)i);
		buf_addc(&want, (char)i);
	}
	buf_adds(&want, ";");
	CHECK(read_frames(arena, buf_str(&in), 7, &out, &err) == 0, "%s", err.msg);
	CHECK_STR(buf_str(&out), buf_str(&want));
	arena_free(arena);
}

/* What a client sends: the length in as few bytes as it takes, and a mask that changes. */
static void test_frames_written(void)
{
	static const struct { size_t n; struct str head; } cases[] = {
		{ 0, S("\x82\x80") }, { 125, S("\x82\xfd") }, { 126, S("\x82\xfe\x00\x7e") }, { 65535, S("\x82\xfe\xff\xff") },
		{ 65536, S("\x82\xff\x00\x00\x00\x00\x00\x01\x00\x00") },
	};
	struct arena *arena = arena_new();
	struct err err = { .arena = arena };
	char *payload = arena_alloc(arena, 65536);

	for (size_t i = 0; i < 65536; i++)
		payload[i] = (char)(i * 5 + i / 256);
	for (size_t i = 0; i < LEN(cases); i++) {
		struct buf out = { .arena = arena }, again = { .arena = arena };
		size_t head = cases[i].head.n;
		bool same = true;

		CHECK(websocket_write(&out, OPCODE_BINARY, (struct str){ payload, cases[i].n }, &err) == 0, "%s", err.msg);
		CHECK(websocket_write(&again, OPCODE_BINARY, (struct str){ payload, cases[i].n }, &err) == 0, "%s", err.msg);
		CHECK(out.n == head + 4 + cases[i].n, "%zu bytes", out.n);
		CHECK_STR(str_sub(buf_str(&out), 0, head), cases[i].head);
		CHECK(memcmp(out.p + head, again.p + head, 4) != 0, "the same mask twice");
		for (size_t k = 0; k < cases[i].n; k++)
			same = same && (char)(out.p[head + 4 + k] ^ out.p[head + k % 4]) == payload[k];
		CHECK(same, "%zu bytes come back", cases[i].n);
	}
	struct buf text = { .arena = arena };
	CHECK(websocket_write(&text, OPCODE_TEXT, S("x"), &err) == 0 && (unsigned char)text.p[0] == 0x81, "a text");
	arena_free(arena);
}

/* The example of RFC 6455. */
static void test_handshake(void)
{
	struct arena *arena = arena_new();
	struct err err = { .arena = arena };
	struct str one, two;

	CHECK_STR(websocket_accept(arena, S("dGhlIHNhbXBsZSBub25jZQ==")), S("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
	CHECK(websocket_key(arena, &one, &err) == 0 && websocket_key(arena, &two, &err) == 0, "%s", err.msg);
	CHECK(one.n == 24 && str_ends(one, "==") && !str_eq(one, two), "'" FMT "' and '" FMT "'", ARG(one), ARG(two));
	arena_free(arena);
}

int main(void)
{
	test_heads();
	test_head_limit();
	test_chunks();
	test_chunk_limits();
	test_queries();
	test_parameters();
	test_multipart_read();
	test_multipart_write();
	test_frames();
	test_longest_ping();
	test_frames_written();
	test_handshake();
	return TEST_END();
}
