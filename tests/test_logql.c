/* test_logql.c: LogQL queries, right ones and wrong ones. */
#include "test.h"

#include "../query.h"

static const struct { const char *query, *want; } logql_valid[] = {
	{ "{a=\"b\"}", "{m=\"x\",a=\"b\"}" },
	{ "{a=~\"b.+\", c!=\"d\", e!~\"f\"}", "{m=\"x\",a=~\"b.+\", c!=\"d\", e!~\"f\"}" },
	{ "{a=\"b\"} |= \"x\" != `y` |~ \"z\" !~ \"w\" |> \"<_>\" !> \"<_>x\"",
	  "{m=\"x\",a=\"b\"} |= \"x\" != `y` |~ \"z\" !~ \"w\" |> \"<_>\" !> \"<_>x\"" },
	{ "{a=\"b\"} |= \"x\" or \"y\" or ip(\"1.2.3.4\")", "{m=\"x\",a=\"b\"} |= \"x\" or \"y\" or ip(\"1.2.3.4\")" },
	{ "{a=\"b\"} |= ip(\"10.0.0.0/8\")", "{m=\"x\",a=\"b\"} |= ip(\"10.0.0.0/8\")" },
	{ "{a=\"b\"} | json", "{m=\"x\",a=\"b\"} | json" },
	{ "{a=\"b\"} | json c=\"d\", e", "{m=\"x\",a=\"b\"} | json c=\"d\", e" },
	{ "{a=\"b\"} | logfmt --strict --keep-empty c, d=\"e\"", "{m=\"x\",a=\"b\"} | logfmt --strict --keep-empty c, d=\"e\"" },
	{ "{a=\"b\"} | logfmt | unpack | decolorize", "{m=\"x\",a=\"b\"} | logfmt | unpack | decolorize" },
	{ "{a=\"b\"} | regexp \"(?P<x>.*)\" | pattern \"<x>\" | line_format \"{{.x}}\"",
	  "{m=\"x\",a=\"b\"} | regexp \"(?P<x>.*)\" | pattern \"<x>\" | line_format \"{{.x}}\"" },
	{ "{a=\"b\"} | label_format c=d, e=\"f\"", "{m=\"x\",a=\"b\"} | label_format c=d, e=\"f\"" },
	{ "{a=\"b\"} | drop c, d=\"e\", f=~\"g\" | keep h", "{m=\"x\",a=\"b\"} | drop c, d=\"e\", f=~\"g\" | keep h" },
	{ "{a=\"b\"} | c=\"d\" | e>5 and f<=1.5KB or g!=10m, h==-3 i=~\"j\"",
	  "{m=\"x\",a=\"b\"} | c=\"d\" | e>5 and f<=1.5KB or g!=10m, h==-3 i=~\"j\"" },
	{ "{a=\"b\"} | (c=\"d\" or e=1) | f=ip(\"::1\") | g!=ip(\"::2\")",
	  "{m=\"x\",a=\"b\"} | (c=\"d\" or e=1) | f=ip(\"::1\") | g!=ip(\"::2\")" },
	{ "({a=\"b\"} |= \"x\")", "({m=\"x\",a=\"b\"} |= \"x\")" },
	{ "rate({a=\"b\"}[5m])", "rate({m=\"x\",a=\"b\"}[5m])" },
	{ "RATE({a=\"b\"} |= \"x\" [1h30m])", "RATE({m=\"x\",a=\"b\"} |= \"x\" [1h30m])" },
	{ "rate({a=\"b\"}[5m] |= \"x\" | json)", "rate({m=\"x\",a=\"b\"}[5m] |= \"x\" | json)" },
	{ "rate({a=\"b\"}[5m] offset 1h |= \"x\")", "rate({m=\"x\",a=\"b\"}[5m] offset 1h |= \"x\")" },
	{ "rate({a=\"b\"} |= \"x\" [5m] offset -1h)", "rate({m=\"x\",a=\"b\"} |= \"x\" [5m] offset -1h)" },
	{ "rate(({a=\"b\"} |= \"x\")[5m])", "rate(({m=\"x\",a=\"b\"} |= \"x\")[5m])" },
	{ "rate(({a=\"b\"} |= \"x\" [5m]))", "rate(({m=\"x\",a=\"b\"} |= \"x\" [5m]))" },
	{ "rate(({a=\"b\"})[5m] offset 5m)", "rate(({m=\"x\",a=\"b\"})[5m] offset 5m)" },
	{ "sum_over_time({a=\"b\"} | unwrap x [5m])", "sum_over_time({m=\"x\",a=\"b\"} | unwrap x [5m])" },
	{ "sum_over_time({a=\"b\"}[5m] | unwrap x)", "sum_over_time({m=\"x\",a=\"b\"}[5m] | unwrap x)" },
	{ "sum_over_time({a=\"b\"} | json | unwrap duration(x) | y=\"z\" [5m])",
	  "sum_over_time({m=\"x\",a=\"b\"} | json | unwrap duration(x) | y=\"z\" [5m])" },
	{ "avg_over_time({a=\"b\"} | unwrap bytes(x) [5m]) by (c)", "avg_over_time({m=\"x\",a=\"b\"} | unwrap bytes(x) [5m]) by (c)" },
	{ "quantile_over_time(0.99, {a=\"b\"} | unwrap duration_seconds(x) [5m]) without (c, d)",
	  "quantile_over_time(0.99, {m=\"x\",a=\"b\"} | unwrap duration_seconds(x) [5m]) without (c, d)" },
	{ "absent_over_time({a=\"b\"}[5m])", "absent_over_time({m=\"x\",a=\"b\"}[5m])" },
	{ "count_over_time({a=\"b\"}[5m]) > 0", "count_over_time({m=\"x\",a=\"b\"}[5m]) > 0" },
	{ "sum by (c) (rate({a=\"b\"}[5m])) / on (c) group_left (d) sum(rate({e=\"f\"}[5m])) by (c)",
	  "sum by (c) (rate({m=\"x\",a=\"b\"}[5m])) / on (c) group_left (d) sum(rate({m=\"x\",e=\"f\"}[5m])) by (c)" },
	{ "sum(rate({a=\"b\"}[5m])) or vector(0)", "sum(rate({m=\"x\",a=\"b\"}[5m])) or vector(0)" },
	{ "topk(3, rate({a=\"b\"}[5m]))", "topk(3, rate({m=\"x\",a=\"b\"}[5m]))" },
	{ "topk by (c) (3, rate({a=\"b\"}[5m]))", "topk by (c) (3, rate({m=\"x\",a=\"b\"}[5m]))" },
	{ "approx_topk(3, rate({a=\"b\"}[5m]))", "approx_topk(3, rate({m=\"x\",a=\"b\"}[5m]))" },
	{ "sort_desc(sum by (c) (rate({a=\"b\"}[5m])))", "sort_desc(sum by (c) (rate({m=\"x\",a=\"b\"}[5m])))" },
	{ "label_replace(rate({a=\"b\"}[5m]), \"c\", \"$1\", \"d\", \"(.*)\")",
	  "label_replace(rate({m=\"x\",a=\"b\"}[5m]), \"c\", \"$1\", \"d\", \"(.*)\")" },
	{ "1 + 2 * -3 ^ 4 % 5", "1 + 2 * -3 ^ 4 % 5" },
	{ "rate({a=\"b\"}[5m]) == bool 1", "rate({m=\"x\",a=\"b\"}[5m]) == bool 1" },
	{ "rate({a=\"b\"}[5m]) and ignoring () rate({c=\"d\"}[5m]) unless rate({e=\"f\"}[5m])",
	  "rate({m=\"x\",a=\"b\"}[5m]) and ignoring () rate({m=\"x\",c=\"d\"}[5m]) unless rate({m=\"x\",e=\"f\"}[5m])" },
	{ "rate({a=\"b\"}[5m]) * on() group_right rate({c=\"d\"}[5m])",
	  "rate({m=\"x\",a=\"b\"}[5m]) * on() group_right rate({m=\"x\",c=\"d\"}[5m])" },
	{ "{a=\"b\"} # comment", "{m=\"x\",a=\"b\"} # comment" },
	{ "# comment\n{a=\"b\"} // more\n |= \"x\" /* and */", "# comment\n{m=\"x\",a=\"b\"} // more\n |= \"x\" /* and */" },
	{ "{a=\"{c=\\\"d\\\"}\"} |= \"{e=\\\"f\\\"}\"", "{m=\"x\",a=\"{c=\\\"d\\\"}\"} |= \"{e=\\\"f\\\"}\"" },
	{ "{sum=\"x\", rate=\"y\"} | bytes > 5", "{m=\"x\",sum=\"x\", rate=\"y\"} | bytes > 5" },
	{ "variants(count_over_time({a=\"b\"}[5m]), bytes_rate({a=\"b\"}[5m])) of ({a=\"b\"}[5m])",
	  "variants(count_over_time({m=\"x\",a=\"b\"}[5m]), bytes_rate({m=\"x\",a=\"b\"}[5m])) of ({m=\"x\",a=\"b\"}[5m])" },
	{ "{a=\"\303\251\"} | \303\251=\"x\"", "{m=\"x\",a=\"\303\251\"} | \303\251=\"x\"" },
	{ "{a=\"b\"} | c > 1.5h30m", "{m=\"x\",a=\"b\"} | c > 1.5h30m" },
	{ "{a=\"b\"} | c > 5MiB", "{m=\"x\",a=\"b\"} | c > 5MiB" },
};

static const struct { const char *query, *want; } logql_invalid[] = {
	{ "", "column 1: the query is empty" },
	{ "{a=\"b\",}", "column 8: unexpected token" },
	{ "{}", "column 2: unexpected token" },
	{ "{a=\"\"}", "column 6: a selector needs at least one matcher that does not match the empty text" },
	{ "{a=~\".*\"}", "column 9: a selector needs at least one matcher that does not match the empty text" },
	{ "{a!=\"b\"}", "column 8: a selector needs at least one matcher that does not match the empty text" },
	{ "{a=\"b\"", "column 7: unexpected end of the query" },
	{ "{a=\"b\" c=\"d\"}", "column 8: unexpected token" },
	{ "{a}", "column 3: unexpected token" },
	{ "{a=b}", "column 4: unexpected token" },
	{ "{json=\"x\"}", "column 2: unexpected token" },
	{ "{a='b'}", "column 4: unexpected character" },
	{ "{a=~\"[\"}", "column 5: missing closing ]" },
	{ "{a=\"b\"} |= x", "column 12: unexpected token" },
	{ "{a=\"b\"} |= ip(x)", "column 15: unexpected token" },
	{ "{a=\"b\"} |", "column 10: unexpected end of the query" },
	{ "{a=\"b\"} | json \"x\"", "column 16: unexpected token" },
	{ "{a=\"b\"} | logfmt --nope", "column 20: unexpected token" },
	{ "{a=\"b\"} | regexp \"(\"", "column 18: missing closing )" },
	{ "{a=\"b\"} | regexp", "column 17: unexpected end of the query" },
	{ "{a=\"b\"} | pattern", "column 18: unexpected end of the query" },
	{ "{a=\"b\"} | line_format x", "column 23: unexpected token" },
	{ "{a=\"b\"} | label_format c", "column 25: unexpected end of the query" },
	{ "{a=\"b\"} | label_format c=1", "column 26: unexpected token" },
	{ "{a=\"b\"} | drop", "column 15: unexpected end of the query" },
	{ "{a=\"b\"} | drop c=1", "column 18: unexpected token" },
	{ "{a=\"b\"} | unwrap x", "column 19: unwrap needs a range aggregation" },
	{ "{a=\"b\"} | c", "column 12: unexpected end of the query" },
	{ "{a=\"b\"} | c=d", "column 13: unexpected token" },
	{ "{a=\"b\"} | c>\"d\"", "column 12: unexpected token" },
	{ "{a=\"b\"} | c=~5", "column 12: unexpected token" },
	{ "{a=\"b\"} | (c=1", "column 15: unexpected end of the query" },
	{ "{a=\"b\"} | c>5 or", "column 17: unexpected end of the query" },
	{ "{a=\"b\"}[5m]", "column 8: unexpected token" },
	{ "{a=\"b\"} {c=\"d\"}", "column 9: unexpected token" },
	{ "rate({a=\"b\"})", "column 13: unexpected token" },
	{ "rate({a=\"b\"}[5x])", "column 13: this is no range" },
	{ "rate({a=\"b\"}[5m)", "column 13: this is no range" },
	{ "rate({a=\"b\"}[])", "column 13: this is no range" },
	{ "rate({a=\"b\"}[5m][5m])", "column 17: unexpected token" },
	{ "rate({a=\"b\"} | json [5m] |= \"x\" offset 5)", "column 33: unexpected token" },
	{ "rate({a=\"b\"}[5m] offset)", "column 24: unexpected token" },
	{ "rate({a=\"b\"}[5m]) by (c)", "column 19: this aggregation does not group" },
	{ "rate(rate({a=\"b\"}[5m]))", "column 6: unexpected token" },
	{ "sum_over_time({a=\"b\"}[5m])", "column 26: this aggregation needs unwrapped values" },
	{ "count_over_time({a=\"b\"} | unwrap x [5m])", "column 40: this aggregation takes no unwrapped values" },
	{ "sum_over_time({a=\"b\"} | unwrap [5m])", "column 32: unexpected token" },
	{ "sum_over_time({a=\"b\"} | unwrap x | json [5m])", "column 36: unexpected token" },
	{ "quantile_over_time({a=\"b\"} | unwrap x [5m])", "column 20: unexpected token" },
	{ "quantile_over_time(\"a\", {a=\"b\"} | unwrap x [5m])", "column 20: unexpected token" },
	{ "avg_over_time({a=\"b\"} | unwrap nope(x) [5m])", "column 36: unexpected token" },
	{ "sum({a=\"b\"})", "column 12: a metric query is needed here" },
	{ "sum(rate({a=\"b\"}[5m])", "column 22: unexpected end of the query" },
	{ "sum(3, rate({a=\"b\"}[5m]))", "column 6: unexpected token" },
	{ "sum by c (rate({a=\"b\"}[5m]))", "column 1: unexpected token" },
	{ "sum by (c,) (rate({a=\"b\"}[5m]))", "column 11: unexpected token" },
	{ "topk(rate({a=\"b\"}[5m]))", "column 6: an integer above zero is needed here" },
	{ "topk(0, rate({a=\"b\"}[5m]))", "column 6: an integer above zero is needed here" },
	{ "topk(1.5, rate({a=\"b\"}[5m]))", "column 6: an integer above zero is needed here" },
	{ "approx_topk(3, rate({a=\"b\"}[5m])) by (c)", "column 41: this aggregation does not group" },
	{ "sort(rate({a=\"b\"}[5m])) by (c)", "column 31: this aggregation does not group" },
	{ "label_replace(rate({a=\"b\"}[5m]), \"c\", \"$1\", \"d\", \"(\")", "column 50: missing closing )" },
	{ "label_replace(rate({a=\"b\"}[5m]), \"c\", \"$1\", \"d\")", "column 48: unexpected token" },
	{ "label_replace({a=\"b\"}, \"c\", \"$1\", \"d\", \"e\")", "column 22: a metric query is needed here" },
	{ "vector({a=\"b\"})", "column 8: unexpected token" },
	{ "vector(1", "column 9: unexpected end of the query" },
	{ "{a=\"b\"} + 1", "column 12: an operator needs metric queries" },
	{ "1 + {a=\"b\"}", "column 12: an operator needs metric queries" },
	{ "1 and rate({a=\"b\"}[5m])", "column 24: a set operator takes no numbers" },
	{ "rate({a=\"b\"}[5m]) or 1", "column 23: a set operator takes no numbers" },
	{ "rate({a=\"b\"}[5m]) + on c rate({a=\"b\"}[5m])", "column 24: unexpected token" },
	{ "ip(\"x\")", "column 1: unexpected token" },
	{ "bytes(1)", "column 1: unexpected token" },
	{ "nope(1)", "column 1: unexpected token" },
	{ "foo", "column 1: unexpected token" },
	{ "rate", "column 1: unexpected token" },
	{ "(1", "column 3: unexpected end of the query" },
	{ "1 +", "column 4: unexpected end of the query" },
	{ "- rate({a=\"b\"}[5m])", "column 3: unexpected token" },
	{ "{a=\"b\"} |= \"x", "column 12: unterminated quoted text" },
	{ "{a=\"b\"} |= \"\\q\"", "column 12: unknown escape sequence" },
	{ "{a=\"b\"} |= \"\377\"", "the query is not UTF-8" },
	{ "$", "column 1: unexpected character" },
	{ "variants(1) of {a=\"b\"}", "column 16: unexpected token" },
	{ "variants({a=\"b\"}) of ({a=\"b\"}[5m])", "column 17: a metric query is needed here" },
};


static void valid(const char *query, const char *want, int (*inject)(struct arena *, struct str, const struct matcher *, size_t, struct str *,
                  struct err *))
{
	static const struct matcher matcher = { { "m", 1 }, { "x", 1 } };
	struct arena *arena = arena_new();
	struct err err = { .arena = arena };
	struct str got = NOSTR;

	CHECK(inject(arena, str_of(query), &matcher, 1, &got, &err) == 0, "%s: %s", query, err.msg);
	CHECK_STR(got, str_of(want));
	arena_free(arena);
}

/* The message tells the place. */
static void invalid(const char *query, const char *want, int (*inject)(struct arena *, struct str, const struct matcher *, size_t, struct str *,
                    struct err *))
{
	struct arena *arena = arena_new();
	struct err err = { .arena = arena };
	struct str got = NOSTR;

	CHECK(inject(arena, str_of(query), NULL, 0, &got, &err) < 0, "%s: taken as " FMT, query, ARG(got));
	CHECK(err.kind == ERR_INPUT, "%s: kind %d", query, err.kind);
	CHECK(strcmp(err.msg ? err.msg : "", want) == 0, "%s: '%s', not '%s'", query, err.msg ? err.msg : "", want);
	arena_free(arena);
}

int main(void)
{
	for (size_t i = 0; i < LEN(logql_valid); i++)
		valid(logql_valid[i].query, logql_valid[i].want, logql_inject);
	for (size_t i = 0; i < LEN(logql_invalid); i++)
		invalid(logql_invalid[i].query, logql_invalid[i].want, logql_inject);
	return TEST_END();
}
