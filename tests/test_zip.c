/* test_zip.c: archives hold what was put in, in one way only. */
#include "test.h"

#include "../crypto.h"
#include "../zip.h"

#include "unzip.h"

static struct arena *arena;

static struct zip_member member(const char *name, struct str content, unsigned mode)
{
	return (struct zip_member){ str_of(name), content, mode };
}

static struct str repeated(const char *text, size_t times)
{
	struct buf b = { .arena = arena };

	while (times-- > 0)
		buf_adds(&b, text);
	return buf_str(&b);
}

static struct str noise(size_t n)
{
	char *p = arena_alloc(arena, n);
	uint32_t x = 1;

	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		p[i] = (char)(x >> 24);
	}
	return (struct str){ p, n };
}

static void test_members(void)
{
	struct zip_member members[] = {
		member("metadata.yaml", S("name: shop\n"), 0644),
		member("dispatch", repeated("the same again, ", 9000), 0755),
		member("cos_custom/loki_alert_rules/a b.rule", S("x"), 0600),
		member("empty", S(""), 0644),
		member("noise", noise(5000), 0644),
		member("n\xc3\xa4me", S("aa"), 0644),
	};
	static const struct { const char *name; uint32_t attributes; int method; } want[] = {
		{ "cos_custom/loki_alert_rules/a b.rule", 0x81800000, 0 },
		{ "dispatch", 0x81ed0000, 8 },
		{ "empty", 0x81a40000, 0 },
		{ "metadata.yaml", 0x81a40000, 0 },
		{ "noise", 0x81a40000, 0 },
		{ "n\xc3\xa4me", 0x81a40000, 0 },
	};
	struct err err = { .arena = arena };
	struct unzipped *out;
	struct str zip, again;
	const char *problem;
	size_t n;

	CHECK(zip_write(arena, members, LEN(members), &zip, &err) == 0, "%s", err.msg);
	problem = unzip(arena, zip, &out, &n);
	CHECK(!problem, "%s", problem);
	CHECK(n == LEN(want), "%zu", n);
	for (size_t i = 0; i < n && i < LEN(want); i++) {
		CHECK_STR(out[i].name, str_of(want[i].name));
		CHECK(out[i].attributes == want[i].attributes, "%s: %x", want[i].name, out[i].attributes);
		CHECK(out[i].method == want[i].method, "%s: %d", want[i].name, out[i].method);
		CHECK(out[i].date == 0x00210000, "%s: %x", want[i].name, out[i].date);
		for (size_t k = 0; k < LEN(members); k++)
			if (str_eq(members[k].name, out[i].name))
				CHECK(str_eq(members[k].content, out[i].content), "%s: its content", want[i].name);
	}
	CHECK(zip.n < 9000, "%zu bytes", zip.n);

	/* The order in which they come does not matter. */
	for (size_t i = 0; i < LEN(members) / 2; i++) {
		struct zip_member m = members[i];

		members[i] = members[LEN(members) - 1 - i];
		members[LEN(members) - 1 - i] = m;
	}
	CHECK(zip_write(arena, members, LEN(members), &again, &err) == 0, "%s", err.msg);
	CHECK(str_eq(zip, again), "the same bytes");
	CHECK(zip_write(arena, NULL, 0, &zip, &err) == 0 && zip.n == 22 && !unzip(arena, zip, &out, &n) && n == 0, "an empty archive");
}

/* The whole archive of one known member, byte by byte. */
static void test_bytes(void)
{
	struct zip_member one = member("a", S("b"), 0644);
	struct err err = { .arena = arena };
	struct str zip;
	static const char want[] =
		"PK\3\4\24\0\0\10\0\0\0\0!\0\xf9\xef\xbeq\1\0\0\0\1\0\0\0\1\0\0\0ab"
		"PK\1\2\24\3\24\0\0\10\0\0\0\0!\0\xf9\xef\xbeq\1\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\xa4\x81\0\0\0\0a"
		"PK\5\6\0\0\0\0\1\0\1\0/\0\0\0 \0\0\0\0\0";

	CHECK(zip_write(arena, &one, 1, &zip, &err) == 0, "%s", err.msg);
	CHECK(zip.n == sizeof want - 1 && memcmp(zip.p, want, zip.n) == 0, "%zu bytes, " FMT, zip.n, ARG(sha256_hex(arena, zip)));
}

static const struct { const char *name; bool fine; } names[] = {
	{ "a", true }, { "a/b", true }, { "..a", true }, { "a.", true }, { ".a/b..c", true },
	{ "", false }, { "/", false }, { "/a", false }, { "a/", false }, { "a//b", false }, { ".", false }, { "..", false },
	{ "../a", false }, { "a/../b", false }, { "a/./b", false }, { "a/..", false }, { "a\\b", false }, { "\xff", false },
};

static void test_names(void)
{
	struct err err = { .arena = arena };
	struct zip_member twice[] = { member("b", S(""), 0644), member("a", S(""), 0644), member("b", S("x"), 0644) };
	struct zip_member one;
	struct str zip, longest = repeated("x", MAX_ZIP_NAME);

	for (size_t i = 0; i < LEN(names); i++) {
		one = member(names[i].name, S("x"), 0644);
		CHECK((zip_write(arena, &one, 1, &zip, &err) == 0) == names[i].fine, "'%s'", names[i].name);
		CHECK(names[i].fine || err.kind == ERR_INPUT, "'%s': %d", names[i].name, err.kind);
		err_clear(&err);
	}
	one = (struct zip_member){ { "a\0b", 3 }, S("x"), 0644 };
	CHECK(zip_write(arena, &one, 1, &zip, &err) < 0, "a NUL");
	one = (struct zip_member){ longest, S("x"), 0644 };
	CHECK(zip_write(arena, &one, 1, &zip, &err) == 0, "%s", err.msg);
	one = (struct zip_member){ repeated("x", MAX_ZIP_NAME + 1), S("x"), 0644 };
	CHECK(zip_write(arena, &one, 1, &zip, &err) < 0, "too long");
	CHECK(zip_write(arena, twice, LEN(twice), &zip, &err) < 0, "twice");
	CHECK_STR(str_of(err.msg), S("b is twice among the files"));
}

static void test_limits(void)
{
	struct err err = { .arena = arena };
	size_t n = MAX_ZIP_MEMBERS + 1;
	struct zip_member *many = arena_alloc(arena, n * sizeof *many);
	struct zip_member big[] = { member("a", S("12345"), 0644), member("b", NOSTR, 0644) };
	struct str zip;

	/* Sizes are looked at before bytes: this content is never read. */
	big[1].content = (struct str){ "", MAX_ZIP_BYTES - 4 };
	CHECK(zip_write(arena, big, LEN(big), &zip, &err) < 0, "too many bytes");
	CHECK_STR(str_of(err.msg), S("b: all files together have more than 128 MB"));
	for (size_t i = 0; i < n; i++)
		many[i] = (struct zip_member){ str_f(arena, "%06zu", i), S(""), 0644 };
	CHECK(zip_write(arena, many, n, &zip, &err) < 0, "too many files");
	CHECK_STR(str_of(err.msg), S("65536 files are more than an archive holds (65535)"));
	CHECK(zip_write(arena, many, 300, &zip, &err) == 0, "%s", err.msg);
	CHECK(little(zip.p + zip.n - 14, 2) == 300 && little(zip.p + zip.n - 12, 2) == 300, "both counts, both bytes of them");
}

int main(void)
{
	arena = arena_new();
	test_members();
	test_bytes();
	test_names();
	test_limits();
	arena_free(arena);
	return TEST_END();
}
