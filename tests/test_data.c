/* test_data.c: arena, strings, errors, the tree, JSON and YAML. */
#include "test.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct arena *a;

static void strings(void)
{
	static const struct { const char *text; bool ok; long long value; } ints[] = {
		{ "0", true, 0 }, { "-0", true, 0 }, { "+7", true, 7 }, { "007", true, 7 }, { "", false, 0 }, { "-", false, 0 },
		{ "1x", false, 0 }, { "9223372036854775807", true, INT64_MAX }, { "9223372036854775808", false, 0 },
		{ "-9223372036854775808", true, INT64_MIN }, { "-9223372036854775809", false, 0 }, { " 1", false, 0 },
	};
	static const struct { const char *text; bool ok; } utf8[] = {
		{ "", true }, { "abc", true }, { "\xc3\xa9", true }, { "\xe2\x82\xac", true }, { "\xf0\x9f\x98\x80", true },
		{ "\x80", false }, { "\xc3", false }, { "\xc0\x80", false }, { "\xe0\x80\x80", false }, { "\xed\xa0\x80", false },
		{ "\xf4\x90\x80\x80", false }, { "\xff", false }, { "a\xc3(", false }, { "\xf0\x80\x80\x80", false },
		{ "\xf4\x8f\xbf\xbf", true }, { "\xc2\x80", true }, { "\xe0\xa0\x80", true }, { "\xf0\x90\x80\x80", true },
	};
	struct str rest = S("a,,b"), part;
	struct strs list = { 0 };
	int64_t value;

	for (size_t i = 0; i < LEN(ints); i++) {
		value = 0;
		CHECK(str_int(exact(a, ints[i].text), &value) == ints[i].ok, "%s", ints[i].text);
		CHECK(value == ints[i].value, "%s: %lld", ints[i].text, (long long)value);
	}
	for (size_t i = 0; i < LEN(utf8); i++)
		CHECK(utf8_valid(exact(a, utf8[i].text)) == utf8[i].ok, "number %zu", i);
	while (str_split(&rest, ',', &part))
		strs_add(a, &list, part);
	CHECK(list.n == 3, "%zu parts", list.n);
	CHECK_STR(strs_join(a, &list, "|"), S("a||b"));
	CHECK(strs_has(&list, S("b")) && strs_has(&list, S("")) && !strs_has(&list, S("c")), "members");
	for (int i = 0; i < 100; i++)
		strs_add(a, &list, str_f(a, "%d", i));
	CHECK(list.n == 103, "%zu", list.n);
	CHECK_STR(list.v[102], S("99"));
	CHECK_STR(list.v[0], S("a"));
	CHECK(!str_split(&rest, ',', &part), "a used-up text has no part");
	CHECK_STR(str_trim(S(" \t\r\n x y \v\f")), S("x y"));
	CHECK_STR(str_trim(S("  ")), S(""));
	CHECK_STR(str_lower(a, S("AbZz[@")), S("abzz[@"));
	CHECK_STR(str_upper(a, S("AbZz{`")), S("ABZZ{`"));
	CHECK_STR(str_replace(a, S("a-b-c"), '-', '_'), S("a_b_c"));
	CHECK_STR(str_sub(S("abc"), 1, 9), S("bc"));
	CHECK_STR(str_sub(S("abc"), 5, 9), S(""));
	CHECK(str_starts(S("abc"), "ab") && !str_starts(S("a"), "ab") && str_starts(S(""), ""), "starts");
	CHECK(str_ends(S("abc"), "bc") && !str_ends(S("c"), "bc") && str_ends(NOSTR, ""), "ends");
	CHECK(str_contains(S("abc"), S("b")) && !str_contains(S("abc"), S("d")) && str_contains(S(""), S("")), "contains");
	CHECK(str_find(S("abcb"), 'b') == 1 && str_rfind(S("abcb"), 'b') == 3 && str_find(S("a"), 'b') == -1 &&
	      str_rfind(NOSTR, 'b') == -1, "find");
	CHECK(str_cmp(S("a"), S("b")) < 0 && str_cmp(S("ab"), S("a")) > 0 && str_cmp(S("a"), S("a")) == 0 &&
	      str_cmp(S("app/10"), S("app/2")) < 0 && str_cmp(S("a"), S("ab")) < 0, "order");
	CHECK(str_eq(NOSTR, S("")) && !str_eq(S("a"), S("")) && str_is(S("x"), "x"), "equality");
	CHECK(!str_dup(a, NOSTR).p && str_dup(a, S("")).p, "absent stays absent, empty stays empty");
	CHECK(strcmp(str_c(a, S("abc")), "abc") == 0, "a C string");
}

static void arena(void)
{
	struct arena *own = arena_new();
	unsigned char *first = arena_alloc(own, 10), *large, *next;

	memset(first, 1, 10);
	large = arena_alloc(own, 1 << 20);
	next = arena_alloc(own, 10);
	CHECK(((uintptr_t)first | (uintptr_t)large | (uintptr_t)next) % _Alignof(max_align_t) == 0, "alignment");   /* 8 on s390x */
	CHECK(large[0] == 0 && large[(1 << 20) - 1] == 0 && next[0] == 0 && next[9] == 0, "zeroed");
	CHECK(next > first && next - first <= 32, "a large block leaves the open chunk in use");   /* with a guard in between */
	arena_free(own);
}

static void errors(void)
{
	struct err err = { .arena = a };

	CHECK(err_set(&err, ERR_BLOCKED, "no %s", "port") == -1 && err.kind == ERR_BLOCKED, "set");
	CHECK(err_wrap(&err, "redis:%d", 4) == -1, "wrap");
	CHECK_STR(str_of(err.msg), S("redis:4: no port"));
	err_clear(&err);
	CHECK(err.kind == ERR_NONE && !err.msg, "clear");
}

/* Input, what Python's json.dumps(json.loads(input)) prints; NULL: json.loads refuses it. */
static const struct { const char *in, *out; } json_cases[] = {
	{ "{}", "{}" }, { "[]", "[]" }, { " [1 ,2]\n", "[1, 2]" }, { "{\"a\":{\"b\":[true,false,null]}}", "{\"a\": {\"b\": [true, false, null]}}" },
	{ "\"\\u00e9\\ud83d\\ude00\"", "\"\\u00e9\\ud83d\\ude00\"" }, { "\"\xc3\xa9\"", "\"\\u00e9\"" },
	{ "\"\\u0000x\"", "\"\\u0000x\"" }, { "\"a\\\\u0000\"", "\"a\\\\u0000\"" }, { "\"\\\"\\/\\b\\f\\n\\r\\t\"", "\"\\\"/\\b\\f\\n\\r\\t\"" },
	{ "12345678901234567890123", "12345678901234567890123" }, { "-1", "-1" }, { "1.50", "1.5" }, { "1e3", "1000.0" }, { "1E+20", "1e+20" },
	{ "0.0001", "0.0001" }, { "0.00001", "1e-05" }, { "1e16", "1e+16" }, { "123456789012345680.0", "1.2345678901234568e+17" },
	{ "{\"a\":1,\"b\":2,\"a\":3}", "{\"a\": 3, \"b\": 2}" }, { "\"\x7f\"", "\"\x7f\"" }, { "0.1", "0.1" }, { "5e-324", "5e-324" },
	{ "", NULL }, { "{", NULL }, { "[1,]", NULL }, { "01", NULL }, { "1.", NULL }, { ".5", NULL }, { "+1", NULL }, { "1e", NULL }, { "--1", NULL },
	{ "nul", NULL }, { "True", NULL }, { "'a'", NULL }, { "{a:1}", NULL }, { "{1:2}", NULL }, { "\"\n\"", NULL }, { "\"a", NULL },
	{ "\"\\ud800\"", NULL }, { "\"\\x\"", NULL }, { "[1] 2", NULL }, { "\xef\xbb\xbf[]", NULL }, { "\"\xff\"", NULL }, { "1 2", NULL },
	{ "[\"\xc3\"]", NULL }, { "]", NULL }, { "{\"a\" 1}", NULL }, { "-", NULL }, { "tru", NULL }, { "\v1", NULL },
};

static void json(void)
{
	struct err err = { .arena = a };
	struct node *n, *m;
	struct buf deep = { .arena = a }, wide = { .arena = a };

	for (size_t i = 0; i < LEN(json_cases); i++) {
		int rc = json_parse(a, exact(a, json_cases[i].in), &n, &err);

		CHECK((rc == 0) == (json_cases[i].out != NULL), "%s", json_cases[i].in);
		if (rc == 0 && json_cases[i].out)
			CHECK_STR(json_text(a, n, JSON_PYTHON), str_of(json_cases[i].out));
		else
			CHECK(err.kind == ERR_INPUT && err.msg, "%s: no error", json_cases[i].in);
	}
	CHECK(json_parse(a, S("{\"a\": 1,\n \"b\": x}"), &n, &err) < 0, "refused");
	CHECK(strncmp(err.msg, "2:7:", 4) == 0, "%s", err.msg);
	CHECK(json_parse(a, S("[12345, 678\n, {\"a\" : 1 2}]"), &n, &err) < 0, "refused");
	CHECK(strncmp(err.msg, "2:1", 3) == 0, "%s", err.msg);
	for (int i = 0; i < MAX_NESTING; i++)
		buf_addc(&deep, '[');
	for (int i = 0; i < MAX_NESTING; i++)
		buf_addc(&deep, ']');
	CHECK(json_parse(a, buf_str(&deep), &n, &err) == 0, "%s", err.msg);
	CHECK(json_parse(a, str_f(a, "[" FMT "]", ARG(buf_str(&deep))), &n, &err) < 0, "one level more");
	buf_addc(&wide, '[');
	for (int i = 0; i < MAX_NODES; i++)
		buf_adds(&wide, i ? ",1" : "1");
	buf_addc(&wide, ']');
	CHECK(json_parse(a, buf_str(&wide), &n, &err) < 0, "too many values");
	CHECK(json_parse(a, S("{\"b\": {\"z\": 1, \"y\": [2]}, \"a\": 1.0}"), &n, &err) == 0, "parsed");
	CHECK(json_parse(a, S("{\"a\": 1, \"b\": {\"y\": [2], \"z\": 1}}"), &m, &err) == 0, "parsed");
	CHECK(node_equal(n, m), "maps are equal in any order, an int equals its float");
	CHECK_STR(json_text(a, n, JSON_SORTED | JSON_COMPACT), S("{\"a\":1.0,\"b\":{\"y\":[2],\"z\":1}}"));
	CHECK_STR(json_text(a, n, JSON_INDENT), S("{\n  \"b\": {\n    \"z\": 1,\n    \"y\": [\n      2\n    ]\n  },\n  \"a\": 1.0\n}"));
	CHECK_STR(json_text(a, node_str(a, S("\xff")), 0), S("\"\\ufffd\""));
}

static void large_maps(void)
{
	struct err err = { .arena = a };
	struct buf text = { .arena = a };
	struct node *n;

	buf_addc(&text, '{');
	for (int i = 0; i < 20000; i++)
		buf_addf(&text, "%s\"k%d\": %d", i ? ", " : "", i % 10000, i);
	buf_addc(&text, '}');
	CHECK(json_parse(a, buf_str(&text), &n, &err) == 0, "%s", err.msg);
	CHECK(n->count == 10000, "%zu members", n->count);
	CHECK_STR(node_gets(n, "k0"), S("10000"));
	CHECK_STR(node_gets(n, "k9999"), S("19999"));
}

static void tree(void)
{
	struct node *map = node_new(a, NODE_MAP), *list = node_new(a, NODE_LIST), *copy;
	struct err err = { .arena = a };
	struct node *x, *y;

	node_puts(a, map, "a", S("1"));
	node_put(a, map, S("l"), list);
	node_puts(a, map, "b", S("2"));
	node_puts(a, map, "a", S("3"));
	CHECK_STR(json_text(a, map, 0), S("{\"a\": \"3\", \"l\": [], \"b\": \"2\"}"));
	copy = node_copy(a, map);
	node_del(map, S("b"));
	node_puts(a, map, "c", S("4"));
	node_del(map, S("a"));
	node_del(map, S("nothing"));
	CHECK_STR(json_text(a, map, 0), S("{\"l\": [], \"c\": \"4\"}"));
	CHECK(map->count == 2 && copy->count == 3 && !node_equal(map, copy), "a copy stands alone");
	node_add(a, list, node_int(a, -5));
	node_add(a, list, node_bool(a, true));
	node_add(a, list, node_get(copy, "b"));
	CHECK_STR(json_text(a, list, 0), S("[-5, true, \"2\"]"));
	CHECK(node_true(list->child->next) && !node_true(list->child) && !node_true(NULL), "truth");
	CHECK(!node_gets(map, "l").p && !node_gets(NULL, "x").p && !node_get(list, "x"), "no text");
	x = node_new(a, NODE_MAP);
	node_add(a, list, x);
	node_puts(a, x, "later", S("seen"));
	CHECK_STR(node_gets(list->last, "later"), S("seen"));
	y = node_new(a, NODE_LIST);
	node_put(a, map, S("c"), x);
	node_put(a, map, S("l"), y);
	node_add(a, y, node_int(a, 1));
	CHECK_STR(json_text(a, map, 0), S("{\"l\": [1], \"c\": {\"later\": \"seen\"}}"));
	CHECK(list->last == x && x->next == NULL && node_get(map, "c") != x, "a value that hangs elsewhere comes as a copy");
	CHECK(node_size(map) == 5 && node_size(list) == 6, "sizes");
	CHECK(strcmp(node_kind_name(list), "a list") == 0 && strcmp(node_kind_name(NULL), "nothing") == 0, "kinds");
	CHECK(json_parse(a, S("[1, 2.0, 9007199254740993]"), &x, &err) == 0 && json_parse(a, S("[1.0, 2, 9007199254740992]"), &y, &err) == 0, "parsed");
	CHECK(node_equal(x->child, y->child) && node_equal(x->child->next, y->child->next), "numbers by value");
	CHECK(!node_equal(x->last, y->last), "past 2^53 integers stay apart");
	CHECK(!node_equal(x, list) && !node_equal(x, map) && !node_equal(NULL, x) && node_equal(NULL, NULL), "different kinds");
}

/* YAML, and the JSON of what PyYAML's safe_load makes of it; NULL: refused. */
static const struct { const char *in, *out; } yaml_cases[] = {
	{ "", "null" }, { "# nothing\n", "null" }, { "a: 1\nb: [x, 'y', \"z\"]\n", "{\"a\": 1, \"b\": [\"x\", \"y\", \"z\"]}" },
	{ "[yes, No, on, OFF, true, ~, null, '', Yes]", "[true, false, true, false, true, null, null, \"\", true]" },
	{ "[0, 10, -3, +4, 0777, 0x1F, 0b101, 1_000, 1:30, -1:30:00, 09, 0o7]",
	  "[0, 10, -3, 4, 511, 31, 5, 1000, 90, -5400, \"09\", \"0o7\"]" },
	{ "[1.5, -0.5, .5, 1., 1e3, 1.0e+3, 6.8523015e+5, 1.5e3, .5e-1]", "[1.5, -0.5, 0.5, 1.0, \"1e3\", 1000.0, 685230.15, \"1.5e3\", 0.05]" },
	{ "['1', \"2\", !!str 3, ! 4]", "[\"1\", \"2\", \"3\", 4]" },
	{ "a: &x {k: v}\nb: *x\nc: [*x, *x]", "{\"a\": {\"k\": \"v\"}, \"b\": {\"k\": \"v\"}, \"c\": [{\"k\": \"v\"}, {\"k\": \"v\"}]}" },
	{ "base: &b {x: 1, y: 2}\nd:\n  <<: *b\n  y: 3\n", "{\"base\": {\"x\": 1, \"y\": 2}, \"d\": {\"y\": 3, \"x\": 1}}" },
	{ "a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc: {<<: [*a, *b], x: 0}\n",
	  "{\"a\": {\"x\": 1, \"y\": 2}, \"b\": {\"y\": 3, \"z\": 4}, \"c\": {\"x\": 0, \"y\": 2, \"z\": 4}}" },
	{ "a: &a {x: 1}\nc: {<<: [*a, 3]}\n", NULL }, { "a: &a {x: 1}\nc: {<<: [3, *a]}\n", NULL },
	{ "a: 1\na: 2\n", "{\"a\": 2}" }, { "t: |\n  x\n  y\nf: >\n  x\n  y\n", "{\"t\": \"x\\ny\\n\", \"f\": \"x y\\n\"}" },
	{ "k: -\n", NULL }, { "a: [", NULL }, { "a: b: c", NULL }, { "\t- x", NULL }, { "*nothing", NULL }, { "a: &a [*a]", NULL },
	{ "--- 1\n--- 2\n", NULL }, { "? [a]\n: b", NULL }, { "a: 'x", NULL }, { "<<: 3", NULL }, { "--- x\n...\n", "\"x\"" },
	{ "v: 1.2.3", "{\"v\": \"1.2.3\"}" }, { "v: -", NULL }, { "v: --", "{\"v\": \"--\"}" }, { "v: 1:99", "{\"v\": \"1:99\"}" }, { "v: .", "{\"v\": \".\"}" },
	{ "v: 1e", "{\"v\": \"1e\"}" }, { "v: +", "{\"v\": \"+\"}" }, { "v: 123456789012345678901234567890", "{\"v\": 123456789012345678901234567890}" },
	{ "v: 12:30:45.6", "{\"v\": \"12:30:45.6\"}" }, { "a: !!int '3'", "{\"a\": 3}" },
};

static void yaml(void)
{
	struct err err = { .arena = a };
	struct node *n, *again;
	struct buf bomb = { .arena = a }, out = { .arena = a };

	for (size_t i = 0; i < LEN(yaml_cases); i++) {
		int rc = yaml_parse(a, exact(a, yaml_cases[i].in), "f", &n, &err);

		CHECK((rc == 0) == (yaml_cases[i].out != NULL), "%s: %s", yaml_cases[i].in, rc ? err.msg : "parsed");
		if (rc == 0 && yaml_cases[i].out)
			CHECK_STR(json_text(a, n, JSON_PYTHON), str_of(yaml_cases[i].out));
		else if (rc < 0)
			CHECK(err.kind == ERR_INPUT && strncmp(err.msg, "f:", 2) == 0, "%s: %s", yaml_cases[i].in, err.msg);
	}
	CHECK(yaml_parse(a, S("a: 1\nb: {c: 2}\n"), "f", &n, &err) == 0, "parsed");
	CHECK(node_get(n, "b")->line == 2 && node_get(node_get(n, "b"), "c")->column == 8, "positions");
	buf_adds(&bomb, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
	for (int i = 1; i < 12; i++)
		buf_addf(&bomb, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1, i - 1, i - 1, i - 1, i - 1,
		         i - 1, i - 1, i - 1, i - 1, i - 1);
	CHECK(yaml_parse(a, buf_str(&bomb), "f", &n, &err) < 0 && strstr(err.msg, "too many values"), "a billion laughs");
	bomb.n = 0;
	for (int i = 0; i < 10000; i++)
		buf_addc(&bomb, '[');
	CHECK(yaml_parse(a, buf_str(&bomb), "f", &n, &err) < 0 && strstr(err.msg, "nested too deeply"), "%s", err.msg);
	CHECK(json_parse(a, S("{\"s\": \"yes\", \"t\": \"1\", \"m\": \"a\\nb\\n\", \"e\": \"\", \"n\": null, \"i\": 3, \"f\": 1.0, \"l\": [{\"x\": []}], "
	                      "\"q\": \"it's\", \"sp\": \" x \", \"h\": \"#x\", \"c\": \"a: b\", \"u\": \"\\u00e9\", \"o\": {}, \"true\": false, \"d\": \"- x\", "
	                      "\"ml\": \"  lead\\n x\", \"k\\nl\": 1, \"null\": \"~\", \"z\": \"\\u0001\", \"g\": \"<<\"}"), &n, &err) == 0, "%s", err.msg);
	yaml_write(&out, n);
	CHECK(yaml_parse(a, buf_str(&out), "f", &again, &err) == 0, "%s: " FMT, err.msg, ARG(buf_str(&out)));
	CHECK_STR(json_text(a, again, 0), json_text(a, n, 0));
	CHECK(node_equal(n, again), "equal as trees");
	CHECK(str_contains(buf_str(&out), S("s: 'yes'\n")) && str_contains(buf_str(&out), S("i: 3\n")), FMT, ARG(buf_str(&out)));
}

/* Pipes and sockets: reading one would wait for whoever may never write. */
static void streams(const char *folder)
{
	struct err err = { .arena = a };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct str content, want, path = str_f(a, "%s/stream", folder);
	int ends[2], fd = socket(AF_UNIX, SOCK_STREAM, 0);
	bool found;

	CHECK(mkfifo(path.p, 0600) == 0, "mkfifo");
	alarm(20);
	want = str_f(a, FMT ": not a regular file", ARG(path));
	CHECK(file_read(a, path.p, 10, &content, &found, &err) < 0 && !found && err.kind == ERR_INPUT, "a pipe is no file");
	CHECK_STR(str_of(err.msg), want);
	alarm(0);
	unlink(path.p);
	memcpy(address.sun_path, path.p, path.n);
	CHECK(bind(fd, (struct sockaddr *)&address, sizeof address) == 0, "bind");
	CHECK(file_read(a, path.p, 10, &content, &found, &err) < 0 && !found && err.kind == ERR_INPUT, "a socket is no file");
	CHECK_STR(str_of(err.msg), want);
	unlink(path.p);
	close(fd);
	CHECK(pipe(ends) == 0 && write(ends[1], "abc", 3) == 3, "pipe");
	close(ends[1]);
	CHECK(input_read(a, str_f(a, "/dev/fd/%d", ends[0]).p, 3, &content, &found, &err) == 0 && found, "%s", err.msg);
	CHECK_STR(content, S("abc"));
	close(ends[0]);
}

static void files(void)
{
	struct err err = { .arena = a };
	char folder[] = "/tmp/test_data.XXXXXX";
	struct str content;
	const char *path;
	bool found;

	if (!mkdtemp(folder)) {
		CHECK(false, "no folder");
		return;
	}
	path = str_f(a, "%s/f", folder).p;
	CHECK(file_read(a, path, 10, &content, &found, &err) == 0 && !found, "a missing file is no error");
	CHECK(file_write(a, path, S("0123456789"), 0644, &err) == 0, "%s", err.msg);
	CHECK(file_read(a, path, 10, &content, &found, &err) == 0 && found, "%s", err.msg);
	CHECK_STR(content, S("0123456789"));
	CHECK(file_read(a, path, 9, &content, &found, &err) < 0 && err.kind == ERR_INPUT && !found, "one byte too many");
	CHECK(file_read(a, folder, 10, &content, &found, &err) < 0, "a folder is no file");
	CHECK(file_read(a, "/dev/null", 1000, &content, &found, &err) < 0 && !found, "a device is no file");
	CHECK_STR(str_of(err.msg), S("/dev/null: not a regular file"));
	CHECK(input_read(a, "/dev/null", 1000, &content, &found, &err) == 0 && found && content.n == 0, "a device may be named");
	CHECK(input_read(a, "/dev/zero", 1000, &content, &found, &err) < 0 && !found, "an endless file");
	CHECK_STR(str_of(err.msg), S("/dev/zero: more than 1000 bytes"));
	streams(folder);
	CHECK(file_write(a, str_f(a, "%s/none/f", folder).p, S("x"), 0644, &err) < 0, "no such folder");
	CHECK(file_write(a, path, S(""), 0600, &err) == 0 && file_read(a, path, 9, &content, &found, &err) == 0 && found && content.n == 0,
	      "replaced by an empty one");
	unlink(path);
	CHECK(rmdir(folder) == 0, "nothing else was left behind");
}

int main(void)
{
	a = arena_new();
	strings();
	arena();
	errors();
	json();
	large_maps();
	tree();
	yaml();
	files();
	arena_free(a);
	return TEST_END();
}
