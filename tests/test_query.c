/* test_query.c: PromQL, and what it shares with LogQL. tests/test_promql.py compares with Prometheus' own parser. */
#include "queries.h"

#include "../regexp.h"

static const struct { const char *query, *want; } promql_valid[] = {
	{ "up", "up{m=\"x\"}" },
	{ "up{}", "up{m=\"x\"}" },
	{ "up{a=\"b\"}", "up{m=\"x\",a=\"b\"}" },
	{ "up{a=\"b\",}", "up{m=\"x\",a=\"b\",}" },
	{ "{a=\"b\"}", "{m=\"x\",a=\"b\"}" },
	{ "{__name__=\"up\"}", "{m=\"x\",__name__=\"up\"}" },
	{ "{\"up\"}", "{m=\"x\",\"up\"}" },
	{ "{\"up\",\"a.b\"=\"c\"}", "{m=\"x\",\"up\",\"a.b\"=\"c\"}" },
	{ "{'up'}", "{m=\"x\",'up'}" },
	{ "{`up`}", "{m=\"x\",`up`}" },
	{ "up{\"x\"='y'}", "up{m=\"x\",\"x\"='y'}" },
	{ "task:errors:rate10s", "task:errors:rate10s{m=\"x\"}" },
	{ ":up", ":up{m=\"x\"}" },
	{ "sum(up)", "sum(up{m=\"x\"})" },
	{ "SUM(up)", "SUM(up{m=\"x\"})" },
	{ "sum by (a, b) (up)", "sum by (a, b) (up{m=\"x\"})" },
	{ "sum(up) by (a,)", "sum(up{m=\"x\"}) by (a,)" },
	{ "sum without () (up)", "sum without () (up{m=\"x\"})" },
	{ "sum by (\"a.b\", c:d) (up)", "sum by (\"a.b\", c:d) (up{m=\"x\"})" },
	{ "sum by (by, sum, offset, fill, bool) (up)", "sum by (by, sum, offset, fill, bool) (up{m=\"x\"})" },
	{ "topk(3, up)", "topk(3, up{m=\"x\"})" },
	{ "quantile(0.9, up)", "quantile(0.9, up{m=\"x\"})" },
	{ "count_values(\"v\", up)", "count_values(\"v\", up{m=\"x\"})" },
	{ "limitk(1, up)", "limitk(1, up{m=\"x\"})" },
	{ "limit_ratio(0.5, up)", "limit_ratio(0.5, up{m=\"x\"})" },
	{ "sum", "sum{m=\"x\"}" },
	{ "sum{a=\"b\"} + sum", "sum{m=\"x\",a=\"b\"} + sum{m=\"x\"}" },
	{ "by", "by{m=\"x\"}" },
	{ "offset offset 5m", "offset{m=\"x\"} offset 5m" },
	{ "and and and", "and{m=\"x\"} and and{m=\"x\"}" },
	{ "step + range", "step{m=\"x\"} + range{m=\"x\"}" },
	{ "step()", "step()" },
	{ "start() + end() + range() + pi() + time()", "start() + end() + range() + pi() + time()" },
	{ "max_of(1, 2) + min_of(scalar(up), 1h)", "max_of(1, 2) + min_of(scalar(up{m=\"x\"}), 1h)" },
	{ "fill + fill", "fill{m=\"x\"} + fill{m=\"x\"}" },
	{ "a + fill(0) b", "a{m=\"x\"} + fill(0) b{m=\"x\"}" },
	{ "a + fill_left(-1) fill_right(+2m) b", "a{m=\"x\"} + fill_left(-1) fill_right(+2m) b{m=\"x\"}" },
	{ "a + fill_right (1) fill_left(2) b", "a{m=\"x\"} + fill_right (1) fill_left(2) b{m=\"x\"}" },
	{ "rate(up[5m])", "rate(up{m=\"x\"}[5m])" },
	{ "rate(up{a=\"b\"}[5m])", "rate(up{m=\"x\",a=\"b\"}[5m])" },
	{ "rate(up[5m] offset 1h)", "rate(up{m=\"x\"}[5m] offset 1h)" },
	{ "rate(up[5m] offset -1h)", "rate(up{m=\"x\"}[5m] offset -1h)" },
	{ "rate(up [ 5m ])", "rate(up{m=\"x\"} [ 5m ])" },
	{ "rate(up[1h30m])", "rate(up{m=\"x\"}[1h30m])" },
	{ "rate(up[1y2w3d4h5m6s7ms])", "rate(up{m=\"x\"}[1y2w3d4h5m6s7ms])" },
	{ "rate(up[300])", "rate(up{m=\"x\"}[300])" },
	{ "rate(up[0x1f])", "rate(up{m=\"x\"}[0x1f])" },
	{ "rate(up[5m+1s*2^3%4-1/2])", "rate(up{m=\"x\"}[5m+1s*2^3%4-1/2])" },
	{ "rate(up[(5m)])", "rate(up{m=\"x\"}[(5m)])" },
	{ "rate(up[-(5m)])", "rate(up{m=\"x\"}[-(5m)])" },
	{ "rate(up[step()])", "rate(up{m=\"x\"}[step()])" },
	{ "rate(up[max_of(5m,range())])", "rate(up{m=\"x\"}[max_of(5m,range())])" },
	{ "rate(up[--5m])", "rate(up{m=\"x\"}[--5m])" },
	{ "max_over_time(rate(up[5m])[1h:])", "max_over_time(rate(up{m=\"x\"}[5m])[1h:])" },
	{ "max_over_time(rate(up[5m])[1h:1m] offset 5m)", "max_over_time(rate(up{m=\"x\"}[5m])[1h:1m] offset 5m)" },
	{ "max_over_time(up[1h:step()] @ end())", "max_over_time(up{m=\"x\"}[1h:step()] @ end())" },
	{ "(up)[5m:]", "(up{m=\"x\"})[5m:]" },
	{ "vector(1)[5m:]", "vector(1)[5m:]" },
	{ "up @ 5", "up{m=\"x\"} @ 5" },
	{ "up @ -1.5e3", "up{m=\"x\"} @ -1.5e3" },
	{ "up @ +5m", "up{m=\"x\"} @ +5m" },
	{ "up @ start()", "up{m=\"x\"} @ start()" },
	{ "up @ end() offset 5m", "up{m=\"x\"} @ end() offset 5m" },
	{ "up offset 5m @ 5", "up{m=\"x\"} offset 5m @ 5" },
	{ "up offset 0 offset 5m", "up{m=\"x\"} offset 0 offset 5m" },
	{ "up offset 5m + 3", "up{m=\"x\"} offset 5m + 3" },
	{ "up offset (5m + 3)", "up{m=\"x\"} offset (5m + 3)" },
	{ "up offset -(5m) + 3", "up{m=\"x\"} offset -(5m) + 3" },
	{ "up offset (5m) + 3", "up{m=\"x\"} offset (5m) + 3" },
	{ "up offset step() + 3", "up{m=\"x\"} offset step() + 3" },
	{ "up offset -step()", "up{m=\"x\"} offset -step()" },
	{ "up offset - max_of(1, 2) + 1", "up{m=\"x\"} offset - max_of(1, 2) + 1" },
	{ "up offset --5m", "up{m=\"x\"} offset --5m" },
	{ "up offset NaN", "up{m=\"x\"} offset NaN" },
	{ "up anchored", "up{m=\"x\"} anchored" },
	{ "rate(up[5m] smoothed)", "rate(up{m=\"x\"}[5m] smoothed)" },
	{ "up smoothed[5m]", "up{m=\"x\"} smoothed[5m]" },
	{ "up offset 0[5m]", "up{m=\"x\"} offset 0[5m]" },
	{ "-up", "-up{m=\"x\"}" },
	{ "--up ^ 2", "--up{m=\"x\"} ^ 2" },
	{ "+1", "+1" },
	{ "-1 ^ 2", "-1 ^ 2" },
	{ "2 ^ 3 ^ 4", "2 ^ 3 ^ 4" },
	{ "a + b * c - d / e % f ^ g atan2 h",
	  "a{m=\"x\"} + b{m=\"x\"} * c{m=\"x\"} - d{m=\"x\"} / e{m=\"x\"} % f{m=\"x\"} ^ g{m=\"x\"} atan2 h{m=\"x\"}" },
	{ "a == bool b", "a{m=\"x\"} == bool b{m=\"x\"}" },
	{ "1 == bool 1", "1 == bool 1" },
	{ "a != b", "a{m=\"x\"} != b{m=\"x\"}" },
	{ "a < b <= c > d >= e", "a{m=\"x\"} < b{m=\"x\"} <= c{m=\"x\"} > d{m=\"x\"} >= e{m=\"x\"}" },
	{ "a </ 1 >/ 2", "a{m=\"x\"} </ 1 >/ 2" },
	{ "1 </ 2", "1 </ 2" },
	{ "a and on(x) b or ignoring(y,z) c unless d",
	  "a{m=\"x\"} and on(x) b{m=\"x\"} or ignoring(y,z) c{m=\"x\"} unless d{m=\"x\"}" },
	{ "a / on(x) group_left(y) b", "a{m=\"x\"} / on(x) group_left(y) b{m=\"x\"}" },
	{ "a / ignoring(x) group_right b", "a{m=\"x\"} / ignoring(x) group_right b{m=\"x\"}" },
	{ "a / on() group_left () b", "a{m=\"x\"} / on() group_left () b{m=\"x\"}" },
	{ "1 + on() up", "1 + on() up{m=\"x\"}" },
	{ "absent(up)", "absent(up{m=\"x\"})" },
	{ "hour()", "hour()" },
	{ "hour(up)", "hour(up{m=\"x\"})" },
	{ "round(up)", "round(up{m=\"x\"})" },
	{ "round(up, 5)", "round(up{m=\"x\"}, 5)" },
	{ "label_replace(up, \"a\", \"$1\", \"b\", \"(.*)\")", "label_replace(up{m=\"x\"}, \"a\", \"$1\", \"b\", \"(.*)\")" },
	{ "label_join(up, \"a\", \",\")", "label_join(up{m=\"x\"}, \"a\", \",\")" },
	{ "label_join(up, \"a\", \",\", \"b\", \"c\", \"d\")", "label_join(up{m=\"x\"}, \"a\", \",\", \"b\", \"c\", \"d\")" },
	{ "label_join(up, \"a\", \"b\", \"c\", \"d\", \"e\", \"f\", \"g\", \"h\", \"i\", \"j\", \"k\", \"l\", \"m\", \"n\", \"o\", \"p\", \"q\", \"r\", \"s\", \"t\", \"u\", \"v\", \"w\", \"x\", \"y\", \"z\", \"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\")",
	  "label_join(up{m=\"x\"}, \"a\", \"b\", \"c\", \"d\", \"e\", \"f\", \"g\", \"h\", \"i\", \"j\", \"k\", \"l\", \"m\", \"n\", \"o\", \"p\", \"q\", \"r\", \"s\", \"t\", \"u\", \"v\", \"w\", \"x\", \"y\", \"z\", \"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\")" },
	{ "sort_by_label(up, \"a\")", "sort_by_label(up{m=\"x\"}, \"a\")" },
	{ "histogram_quantile(0.9, sum by (le) (rate(x_bucket[5m])))",
	  "histogram_quantile(0.9, sum by (le) (rate(x_bucket{m=\"x\"}[5m])))" },
	{ "histogram_quantiles(up, \"q\", 0.1, 0.2, 0.3)", "histogram_quantiles(up{m=\"x\"}, \"q\", 0.1, 0.2, 0.3)" },
	{ "info(up)", "info(up{m=\"x\"})" },
	{ "info(up, {})", "info(up{m=\"x\"}, {m=\"x\"})" },
	{ "info(up, {a=\"b\"} offset 5m)", "info(up{m=\"x\"}, {m=\"x\",a=\"b\"} offset 5m)" },
	{ "clamp(up, 0, 1)", "clamp(up{m=\"x\"}, 0, 1)" },
	{ "quantile_over_time(0.9, up[5m])", "quantile_over_time(0.9, up{m=\"x\"}[5m])" },
	{ "vector(1)", "vector(1)" },
	{ "scalar(up)", "scalar(up{m=\"x\"})" },
	{ "\"text\"", "\"text\"" },
	{ "'it\\'s'", "'it\\'s'" },
	{ "\"\\x41\\u00e9\\U0001F600\\101\\a\\b\\f\\n\\r\\t\\v\\\\\"", "\"\\x41\\u00e9\\U0001F600\\101\\a\\b\\f\\n\\r\\t\\v\\\\\"" },
	{ "`raw\ntext`", "`raw\ntext`" },
	{ "1", "1" },
	{ ".5", ".5" },
	{ "5.", "5." },
	{ "1e3", "1e3" },
	{ "1E+3", "1E+3" },
	{ "1_000", "1_000" },
	{ "0x_ff", "0x_ff" },
	{ "010", "010" },
	{ "089", "089" },
	{ "Inf", "Inf" },
	{ "nan", "nan" },
	{ "5m", "5m" },
	{ "up # comment", "up{m=\"x\"} # comment" },
	{ "# comment\nup", "# comment\nup{m=\"x\"}" },
	{ "up{# comment\na=\"b\" # another\n}", "up{m=\"x\",# comment\na=\"b\" # another\n}" },
	{ "up{a=~\"b.*\",c!=\"d\",e!~\"f+\"}", "up{m=\"x\",a=~\"b.*\",c!=\"d\",e!~\"f+\"}" },
	{ "{a=~\".+\"}", "{m=\"x\",a=~\".+\"}" },
	{ "{a!=\"\"}", "{m=\"x\",a!=\"\"}" },
	{ "{a!~\"\"}", "{m=\"x\",a!~\"\"}" },
	{ "{a=~\"b|c\"}", "{m=\"x\",a=~\"b|c\"}" },
	{ "up{a=\"#\"} + up{b=\"}\"}", "up{m=\"x\",a=\"#\"} + up{m=\"x\",b=\"}\"}" },
	{ "up{a=\"\\\"}\"}", "up{m=\"x\",a=\"\\\"}\"}" },
	{ "up{a='\"'}", "up{m=\"x\",a='\"'}" },
	{ "sum(rate(a[5m])) by (x) / on (x) sum(b{c=\"d\"}) without (y)",
	  "sum(rate(a{m=\"x\"}[5m])) by (x) / on (x) sum(b{m=\"x\",c=\"d\"}) without (y)" },
	{ "a\t+\r\n b", "a{m=\"x\"}\t+\r\n b{m=\"x\"}" },
	{ "rate(up[0x_1f_ff])", "rate(up{m=\"x\"}[0x_1f_ff])" },
	{ "1_0.5", "1_0.5" },
	{ "1e-3", "1e-3" },
	{ "1e+3", "1e+3" },
	{ "up + 0X1F", "up{m=\"x\"} + 0X1F" },
	{ "rate(up[min_of(1m, 5m)])", "rate(up{m=\"x\"}[min_of(1m, 5m)])" },
	{ "rate(up[-(-5m)])", "rate(up{m=\"x\"}[-(-5m)])" },
	{ "rate(up[+5m])", "rate(up{m=\"x\"}[+5m])" },
	{ "up offset +5m", "up{m=\"x\"} offset +5m" },
	{ "up offset range()", "up{m=\"x\"} offset range()" },
	{ "up offset min_of(1m, (2m))", "up{m=\"x\"} offset min_of(1m, (2m))" },
	{ "up # comment\r+ up", "up{m=\"x\"} # comment\r+ up{m=\"x\"}" },
	{ "{\"a\",\"b\"}", "{m=\"x\",\"a\",\"b\"}" },
	{ "info(up, {\"x\"})", "info(up{m=\"x\"}, {m=\"x\",\"x\"})" },
	{ "1 + bool_metric", "1 + bool_metric{m=\"x\"}" },
	{ "\"a\" ", "\"a\" " },
	{ "group(up) or stdvar(up) or stddev(up) or min(up) or bottomk(1, up)",
	  "group(up{m=\"x\"}) or stdvar(up{m=\"x\"}) or stddev(up{m=\"x\"}) or min(up{m=\"x\"}) or bottomk(1, up{m=\"x\"})" },
};

static const struct { const char *query, *want; } promql_invalid[] = {
	{ "", "column 1: the query is empty" },
	{ "# only a comment", "column 17: the query is empty" },
	{ "1+", "column 3: unexpected end of the query" },
	{ "*1", "column 1: unexpected token" },
	{ "(up", "column 4: unexpected end of the query" },
	{ "up)", "column 3: unexpected token" },
	{ "((1)", "column 5: unexpected end of the query" },
	{ "up{", "column 4: unexpected end of the query" },
	{ "up}", "column 3: unexpected token" },
	{ "up{a}", "column 5: unexpected token" },
	{ "up{a=b}", "column 6: unexpected token" },
	{ "up{a=}", "column 6: unexpected token" },
	{ "up{a=\"b\"", "column 9: unexpected end of the query" },
	{ "up{a=\"b\" c=\"d\"}", "column 10: unexpected token" },
	{ "up{,}", "column 4: unexpected token" },
	{ "up{1=\"b\"}", "column 4: unexpected character" },
	{ "up{a:b=\"c\"}", "column 5: unexpected token" },
	{ "up{a==\"b\"}", "column 5: unexpected token" },
	{ "up{a=\"b\",,}", "column 10: unexpected token" },
	{ "{}", "a selector needs at least one matcher that does not match the empty text" },
	{ "{a=\"\"}", "a selector needs at least one matcher that does not match the empty text" },
	{ "{a=~\".*\"}", "a selector needs at least one matcher that does not match the empty text" },
	{ "{a!=\"b\"}", "a selector needs at least one matcher that does not match the empty text" },
	{ "{a!~\".+\"}", "a selector needs at least one matcher that does not match the empty text" },
	{ "{\"\"}", "a selector needs at least one matcher that does not match the empty text" },
	{ "up{__name__=\"x\"}", "column 16: metric name must not be set twice" },
	{ "up{\"x\"}", "column 7: metric name must not be set twice" },
	{ "up{a=~\"[\"}", "column 7: missing closing ]" },
	{ "up{a=~\"(\"}", "column 7: missing closing )" },
	{ "foo bar", "column 5: unexpected token" },
	{ "sum()", "column 4: wrong number of arguments" },
	{ "sum(1)", "column 4: an argument has the wrong type" },
	{ "sum(up, up)", "column 4: wrong number of arguments" },
	{ "sum up by (a)", "column 5: unexpected token" },
	{ "sum(up) by a", "column 12: unexpected token" },
	{ "sum by (a) (up) by (b)", "column 17: unexpected token" },
	{ "sum by (without) (up)", "column 9: unexpected token" },
	{ "sum by (1) (up)", "column 9: unexpected token" },
	{ "sum by (a b) (up)", "column 11: unexpected token" },
	{ "sum by (,) (up)", "column 9: unexpected token" },
	{ "sum by (\"\") (up)", "column 9: unexpected token" },
	{ "topk(up)", "column 5: wrong number of arguments" },
	{ "topk(up, up)", "column 5: an argument has the wrong type" },
	{ "topk(\"a\", up)", "column 5: an argument has the wrong type" },
	{ "count_values(1, up)", "column 13: an argument has the wrong type" },
	{ "count_values(\"v\", \"w\")", "column 13: an argument has the wrong type" },
	{ "on", "column 1: unexpected word" },
	{ "bool", "column 1: unexpected word" },
	{ "ignoring", "column 1: unexpected word" },
	{ "atan2", "column 1: unexpected word" },
	{ "group_left", "column 1: unexpected word" },
	{ "rate(up)", "column 5: an argument has the wrong type" },
	{ "rate(up[5m][5m])", "column 12: a range needs a selector" },
	{ "rate(up[])", "column 9: unexpected token" },
	{ "rate(up[5m)", "column 11: unexpected token" },
	{ "rate(up[5x])", "column 9: this is no duration" },
	{ "rate(up[5m5h])", "column 9: this is no duration" },
	{ "rate(up[5m5m])", "column 9: this is no duration" },
	{ "rate(up[0])", "column 10: duration must be greater than 0" },
	{ "rate(up[-5m])", "column 12: duration must be greater than 0" },
	{ "rate(up[\"5m\"])", "column 9: unexpected token" },
	{ "rate(up[5m:1m:1m])", "column 14: unexpected token" },
	{ "rate(up[:1m])", "column 9: unexpected token" },
	{ "rate(up[5m", "column 11: unexpected end of the query" },
	{ "rate(up[5m/0])", "column 13: division by zero" },
	{ "rate(up[5m%0])", "column 13: division by zero" },
	{ "rate(up[9.5e10])", "column 9: duration out of range" },
	{ "rate(up[step])", "column 13: unexpected token" },
	{ "rate(up[step(1)])", "column 14: unexpected token" },
	{ "rate(up[max_of(1)])", "column 17: unexpected token" },
	{ "rate(up[max_of(1,2,3)])", "column 19: unexpected token" },
	{ "rate(up[# c\n5m])", "column 9: unexpected character" },
	{ "rate(up[0:1m])", "column 10: duration must be greater than 0" },
	{ "rate(up[5m:0])", "column 13: duration must be greater than 0" },
	{ "(up)[5m]", "column 5: a range needs a selector" },
	{ "up[5m][1h:]", "column 7: a subquery needs an instant vector" },
	{ "up offset 5m[5m]", "column 13: the range goes before offset and @" },
	{ "up @ 5 [5m]", "column 8: the range goes before offset and @" },
	{ "1[5m]", "column 2: a range needs a selector" },
	{ "sum(up)[5m]", "column 8: a range needs a selector" },
	{ "up offset", "column 10: unexpected end of the query" },
	{ "up offset 5m offset 5m", "column 23: offset may not be set twice" },
	{ "1 offset 5m", "column 12: offset needs a selector or a subquery" },
	{ "(up) offset 5m", "column 15: offset needs a selector or a subquery" },
	{ "up offset 1e300", "column 11: duration out of range" },
	{ "up offset (5m", "column 14: unexpected end of the query" },
	{ "up offset (5m) + up", "column 18: unexpected token" },
	{ "up @", "column 5: unexpected end of the query" },
	{ "up @ 5 @ 6", "column 11: @ may not be set twice" },
	{ "up @ Inf", "column 6: timestamp out of bounds" },
	{ "up @ \"a\"", "column 6: unexpected token" },
	{ "up @ step()", "column 6: unexpected token" },
	{ "up @ start", "column 11: unexpected end of the query" },
	{ "(up) @ 5", "column 9: @ needs a selector or a subquery" },
	{ "1 @ 5", "column 6: @ needs a selector or a subquery" },
	{ "(up) anchored", "column 6: smoothed and anchored need a selector" },
	{ "up[5m:] smoothed", "column 9: smoothed and anchored need a selector" },
	{ "up anchored smoothed", "column 13: smoothed and anchored exclude each other" },
	{ "-\"a\"", "column 1: a sign needs a scalar or an instant vector" },
	{ "-up[5m]", "column 1: a sign needs a scalar or an instant vector" },
	{ "1 == 1", "column 3: comparing scalars needs bool" },
	{ "1 and up", "column 3: set operators and vector matching need two instant vectors" },
	{ "up or 1", "column 4: set operators and vector matching need two instant vectors" },
	{ "\"a\" + 1", "column 5: an operator needs scalars and instant vectors" },
	{ "up[5m] + 1", "column 8: an operator needs scalars and instant vectors" },
	{ "up + bool up", "column 4: bool goes with comparisons only" },
	{ "up and bool up", "column 4: bool goes with comparisons only" },
	{ "up and on(a) group_left(b) up", "column 4: no grouping or filling with set operators" },
	{ "up and fill(0) up", "column 4: no grouping or filling with set operators" },
	{ "1 + fill(0) up", "column 3: set operators and vector matching need two instant vectors" },
	{ "up + on(a) 1", "column 4: set operators and vector matching need two instant vectors" },
	{ "up + on(a) group_left(a) up", "column 4: a label occurs in on and in the grouping" },
	{ "up + group_left(a) up", "column 6: unexpected word" },
	{ "up + on a up", "column 9: unexpected token" },
	{ "up + on(a) ignoring(b) up", "column 12: unexpected word" },
	{ "up + fill(a) up", "column 11: unexpected token" },
	{ "up + fill_left(1) fill_left(2) up", "column 28: unexpected token" },
	{ "up + fill(1) fill_right(2) up", "column 24: unexpected token" },
	{ "nosuch(up)", "column 7: unknown function" },
	{ "Rate(up[5m])", "column 5: unknown function" },
	{ "up:x(1)", "column 5: unexpected token" },
	{ "abs()", "column 4: wrong number of arguments" },
	{ "abs(up, up)", "column 4: wrong number of arguments" },
	{ "abs(1)", "column 4: an argument has the wrong type" },
	{ "abs(\"a\")", "column 4: an argument has the wrong type" },
	{ "abs(up,)", "column 8: unexpected token" },
	{ "abs(,up)", "column 5: unexpected token" },
	{ "hour(up, up)", "column 5: wrong number of arguments" },
	{ "round()", "column 6: wrong number of arguments" },
	{ "round(up, 1, 2)", "column 6: wrong number of arguments" },
	{ "time(up)", "column 5: wrong number of arguments" },
	{ "label_replace(up, \"a\", \"b\", \"c\")", "column 14: wrong number of arguments" },
	{ "label_join(up, \"a\")", "column 11: wrong number of arguments" },
	{ "info(up, x{a=\"b\"})", "column 18: expected label selectors only" },
	{ "info(up, {a=\"b\"} + 1)", "column 21: expected label selectors only" },
	{ "info(up, 1)", "column 11: expected label selectors only" },
	{ "vector(up)", "column 7: an argument has the wrong type" },
	{ "1..2", "column 1: this is no duration" },
	{ "1.2.3", "column 1: this is no duration" },
	{ "1__0", "column 1: this is no duration" },
	{ "1_", "column 1: this is no duration" },
	{ "1_e3", "column 1: this is no duration" },
	{ "1e", "column 1: this is no duration" },
	{ "1e+", "column 1: this is no duration" },
	{ "0x", "column 1: this is no number" },
	{ "0xg", "column 1: this is no duration" },
	{ "0x1.8", "column 1: this is no duration" },
	{ "0xffffffffffffffffff", "column 1: this is no number" },
	{ "1e999", "column 1: this is no number" },
	{ "5mm", "column 1: this is no duration" },
	{ "1.5m", "column 1: this is no duration" },
	{ "5hs", "column 1: this is no duration" },
	{ "300y", "column 1: this is no duration" },
	{ "\"a", "column 1: unterminated quoted text" },
	{ "'a", "column 1: unterminated quoted text" },
	{ "`a", "column 1: unterminated quoted text" },
	{ "\"a\nb\"", "column 1: unterminated quoted text" },
	{ "\"\\q\"", "column 1: unknown escape sequence" },
	{ "\"\\xg0\"", "column 1: invalid hexadecimal escape" },
	{ "\"\\u12\"", "column 1: invalid hexadecimal escape" },
	{ "\"\\ud800\"", "column 1: escape sequence is no character" },
	{ "\"\\U00110000\"", "column 1: escape sequence is no character" },
	{ "\"\\400\"", "column 1: invalid octal escape" },
	{ "\"\\'\"", "column 1: unknown escape sequence" },
	{ "up $ up", "column 4: unexpected character" },
	{ "up =~ up", "column 4: unexpected token" },
	{ "up ! up", "column 4: unexpected character" },
	{ "up = up", "column 4: unexpected token" },
	{ "a ; b", "column 3: unexpected character" },
	{ "step(1)", "column 5: wrong number of arguments" },
	{ "{__name__!=\"x\"}", "a selector needs at least one matcher that does not match the empty text" },
	{ "0x", "column 1: this is no number" },
	{ "0x_", "column 1: this is no number" },
	{ "0x1_", "column 1: this is no duration" },
	{ "1e5e5", "column 1: this is no duration" },
	{ "1_.5", "column 1: this is no duration" },
	{ "1._5", "column 1: this is no duration" },
	{ "1__5", "column 1: this is no duration" },
	{ "0xx", "column 1: this is no duration" },
	{ "up[5m:step(]", "column 12: unexpected token" },
	{ "rate(up[min_of(1,)])", "column 18: unexpected token" },
	{ "rate(up[max_of 1])", "column 16: unexpected token" },
	{ "rate(up[max_of(x,1)])", "column 16: unexpected token" },
	{ "rate(up[max_of(1,x)])", "column 18: unexpected token" },
	{ "rate(up[-x])", "column 10: unexpected token" },
	{ "rate(up[(x)])", "column 10: unexpected token" },
	{ "rate(up[(5m])", "column 12: unexpected token" },
	{ "rate(up[5m+])", "column 12: unexpected token" },
	{ "rate(up[5m-x])", "column 12: unexpected token" },
	{ "up offset -x", "column 12: unexpected token" },
	{ "up offset (x)", "column 12: unexpected token" },
	{ "up offset -(x)", "column 13: unexpected token" },
	{ "up @ start(1)", "column 12: unexpected token" },
	{ "up @ end(", "column 10: unexpected end of the query" },
	{ "up @ -x", "column 7: unexpected token" },
	{ "sum by", "column 7: unexpected end of the query" },
	{ "{a=\"b\"", "column 7: unexpected end of the query" },
	{ "up + fill 1 up", "column 11: unexpected token" },
	{ "up + fill(1 up", "column 13: unexpected token" },
	{ "up + fill_left(1) fill_right(x) up", "column 30: unexpected token" },
	{ "up + on(a) group_left(1) up", "column 23: unexpected token" },
	{ "\"a\" + \"b\"", "column 5: an operator needs scalars and instant vectors" },
	{ "up + \"a\"", "column 4: an operator needs scalars and instant vectors" },
	{ "up[5m] == up[5m]", "column 8: an operator needs scalars and instant vectors" },
	{ "sum by (\"\377\") (up)", "column 9: invalid UTF-8" },
	{ "info(up, {a=\"b\"}, {c=\"d\"})", "column 5: wrong number of arguments" },
	{ "by(up)", "column 3: unexpected token" },
	{ "up{\"a\"=", "column 8: unexpected end of the query" },
	{ "up{\"a\" b}", "column 8: unexpected token" },
	{ "up{\"a\"=\"b\" \"c\"}", "column 12: unexpected token" },
	{ "\377", "column 1: unexpected character" },
	{ "\"\377\"", "column 1: invalid UTF-8" },
	{ "\"\357\277\275\"", "column 1: invalid UTF-8" },
	{ "\303\251", "column 1: unexpected character" },
};

static const struct { const char *pattern; int empty; const char *problem; } patterns[] = {
	{ "", 1, NULL }, { "a", 0, NULL }, { "a*", 1, NULL }, { "a+", 0, NULL }, { "a?", 1, NULL }, { "a*?", 1, NULL }, { "a|b", 0, NULL },
	{ "a|", 1, NULL }, { "|a", 1, NULL }, { "(a|b)*c?", 1, NULL }, { "(a*)+", 1, NULL }, { "^$", 1, NULL }, { "^", 1, NULL },
	{ "\\A\\z", 1, NULL }, { "\\b", 0, NULL }, { "\\B", 1, NULL }, { "a{0}", 1, NULL }, { "a{0,5}", 1, NULL }, { "a{2}", 0, NULL },
	{ "a{2,}", 0, NULL }, { "a{,2}", 0, NULL }, { "a{01}", 0, NULL }, { "a{x", 0, NULL }, { "a{1000}", 0, NULL }, { "(a{500}){2}", 0, NULL },
	{ "a|(b{500}){1,2}|c", 0, NULL }, { "a{99999999999}", -1, "invalid repeat count" }, { "a{2", 0, NULL }, { "a{2,", 0, NULL }, { "a{2,3,4}", 0, NULL },
	{ "(a{900}|b{2}){2}", -1, "invalid repeat count" }, { "(b{2}|a{900}){2}", -1, "invalid repeat count" }, { "[a-\\", -1, "trailing backslash at end of expression" },
	{ "(?Pn)", -1, "invalid or unsupported Perl syntax" }, { "[[:^nope:]]", -1, "invalid character class range" }, { "\\xaF\\xCd", 0, NULL }, { "[\303\251-\360\237\230\200\340\240\200]", 0, NULL },
	{ "a{1001}", -1, "invalid repeat count" }, { "a{1,1001}", -1, "invalid repeat count" }, { "a{2,1}", -1, "invalid repeat count" },
	{ "(a{500}){3}", -1, "invalid repeat count" }, { "(a{500}b|c){3}", -1, "invalid repeat count" },
	{ "a**", -1, "invalid nested repetition operator" }, { "a+{2}", -1, "invalid nested repetition operator" },
	{ "*", -1, "missing argument to repetition operator" }, { "(+a)", -1, "missing argument to repetition operator" },
	{ "a|?", -1, "missing argument to repetition operator" }, { "{2}", -1, "missing argument to repetition operator" },
	{ "(?i)*", -1, "missing argument to repetition operator" }, { "a(?i)*", 1, NULL }, { "{a}", 0, NULL },
	{ "(", -1, "missing closing )" }, { "(a", -1, "missing closing )" }, { ")", -1, "unexpected )" }, { "a)(b", -1, "unexpected )" },
	{ "(?:a)", 0, NULL }, { "(?i)a", 0, NULL }, { "(?i-s:a)", 0, NULL }, { "(?P<n>a)", 0, NULL }, { "(?<n>a*)", 1, NULL },
	{ "(?i", -1, "missing argument to repetition operator or closing )" }, { "(?x)", -1, "invalid or unsupported Perl syntax" },
	{ "(?i-)", -1, "invalid or unsupported Perl syntax" }, { "(?=a)", -1, "invalid or unsupported Perl syntax" },
	{ "(?i--s)", -1, "invalid or unsupported Perl syntax" },
	{ "(?P<>a)", -1, "invalid named capture" }, { "(?P<n", -1, "invalid named capture" }, { "(?<n-m>a)", -1, "invalid named capture" },
	{ "[a-z]", 0, NULL }, { "[a-a]", 0, NULL }, { "[^a]", 0, NULL }, { "[]a]", 0, NULL }, { "[^]a]", 0, NULL }, { "[a-]", 0, NULL }, { "[\\d-z]", 0, NULL },
	{ "[[:alpha:]]", 0, NULL }, { "[[:^digit:]x]", 0, NULL }, { "[[:x]", 0, NULL }, { "[\\]]*", 1, NULL }, { "[\\x41-\\x{42}]", 0, NULL },
	{ "[", -1, "missing closing ]" }, { "[a", -1, "missing closing ]" }, { "[]", -1, "missing closing ]" }, { "[a-", -1, "missing closing ]" },
	{ "[z-a]", -1, "invalid character class range" }, { "[[:nope:]]", -1, "invalid character class range" }, { "[\\e]", -1, "invalid escape sequence" },
	{ "\\d\\D\\s\\S\\w\\W", 0, NULL }, { "\\pL\\PN\\p{Greek}\\p{^Lu}", 0, NULL }, { "\\px", -1, "invalid character class range" },
	{ "\\p{", -1, "invalid character class range" }, { "\\p{}", -1, "invalid character class range" }, { "\\p", -1, "invalid character class range" },
	{ "\\x41\\x{1F600}\\0\\012\\12\\.\\_\\n", 0, NULL }, { "\\x4", -1, "invalid escape sequence" }, { "\\x{}", -1, "invalid escape sequence" },
	{ "\\x{110000}", -1, "invalid escape sequence" }, { "\\x{41", -1, "invalid escape sequence" }, { "\\1", -1, "invalid escape sequence" },
	{ "\\8", -1, "invalid escape sequence" }, { "\\e", -1, "invalid escape sequence" }, { "\\", -1, "trailing backslash at end of expression" },
	{ "\\\303\251", -1, "invalid escape sequence" }, { "\303\251*", 1, NULL }, { "\360\237\230\200", 0, NULL }, { "\377", -1, "invalid UTF-8" },
	{ "\\x09\\x{9aF0}\\x{fA9}", 0, NULL }, { "[\\x{a0}-\\x{9f}]", -1, "invalid character class range" }, { "[\\x39-\\x3A]", 0, NULL },
	{ "\\Qa*(\\E", 0, NULL }, { "\\Q\\E", 1, NULL }, { "\\Qa", 0, NULL }, { "\\Qa\\E*", 1, NULL }, { "\\Qab\\E*", 0, NULL }, { "a\\Q\\E*", 1, NULL },
};

static void regexps(void)
{
	struct arena *arena = arena_new();

	for (size_t i = 0; i < LEN(patterns); i++) {
		bool empty;
		const char *problem = regexp_check(exact(arena, patterns[i].pattern), &empty);
		CHECK(strcmp(problem ? problem : "", patterns[i].problem ? patterns[i].problem : "") == 0, "%s: %s", patterns[i].pattern,
		      problem ? problem : "fine");
		CHECK(patterns[i].empty < 0 || empty == (patterns[i].empty == 1), "%s", patterns[i].pattern);
	}
	arena_free(arena);
}

/* So deep that the limit matters: `n` times `open`, then `middle`, then `n` times `close`. */
static int nested(const char *open, const char *middle, const char *close, size_t n,
                  int (*inject)(struct arena *, struct str, const struct matcher *, size_t, struct str *, struct err *))
{
	struct arena *arena = arena_new();
	struct buf query = { .arena = arena };
	struct err err = { .arena = arena };
	struct str got;
	int rc;

	for (size_t i = 0; i < n; i++)
		buf_adds(&query, open);
	buf_adds(&query, middle);
	for (size_t i = 0; i < n; i++)
		buf_adds(&query, close);
	rc = inject(arena, buf_str(&query), NULL, 0, &got, &err);
	CHECK(rc < 0 || str_eq(got, buf_str(&query)), "no matchers change nothing");
	arena_free(arena);
	return rc;
}

/* `part` so many times, closed as often where it opens a group. */
static const char *repeated_pattern(const char *part, size_t n)
{
	struct arena *arena = arena_new();
	struct buf pattern = { .arena = arena };
	const char *problem;
	bool empty;

	for (size_t i = 0; i < n; i++)
		buf_adds(&pattern, part);
	for (size_t i = 0; i < n && *part == '('; i++)
		buf_addc(&pattern, ')');
	problem = regexp_check(buf_str(&pattern), &empty);
	arena_free(arena);
	return problem;
}

static void limits(void)
{
	bool empty;

	CHECK(nested("(", "up", ")", 100, promql_inject) == 0, "100 parentheses");
	CHECK(nested("(", "up", ")", MAX_QUERY_NESTING, promql_inject) < 0, "too many parentheses");
	CHECK(nested("-", "up", "", 100, promql_inject) == 0, "100 signs");
	CHECK(nested("-", "up", "", 10000, promql_inject) < 0, "too many signs");
	CHECK(nested("up[(", "5m", ")]", 1, promql_inject) == 0, "a duration in parentheses");
	CHECK(nested("up + ", "up", "", 5000, promql_inject) == 0, "operators do not nest");
	CHECK(nested("up + ", "up", "", 20000, promql_inject) < 0, "too long");
	CHECK(nested("(", "{a=\"b\"}", ")", 100, logql_inject) == 0, "100 parentheses");
	CHECK(nested("(", "{a=\"b\"}", ")", MAX_QUERY_NESTING, logql_inject) < 0, "too many parentheses");
	CHECK(nested("1 + ", "1", "", 20000, logql_inject) < 0, "too long");
	CHECK(!regexp_check(S("((((((((a))))))))"), &empty), "groups");
	CHECK(regexp_check(str_of(NULL), &empty) == NULL && empty, "nothing is a pattern");
	CHECK(repeated_pattern("(", 150) == NULL, "150 groups");
	CHECK(strcmp(repeated_pattern("(", 201), "expression nests too deeply") == 0, "201 groups");
	CHECK(strcmp(repeated_pattern("abcdefgh", 10000), "expression too large") == 0, "80,000 bytes");
}

static void values(void)
{
	static const struct matcher matchers[] = {
		{ { "a", 1 }, { "q\"b\\n\n\303\251", 8 } }, { { "b", 1 }, { "", 0 } },
	};
	static const struct { const char *text; double seconds; } durations[] = {
		{ "0", 0 }, { "1s", 1 }, { "1500ms", 1.5 }, { "1h30m", 5400 }, { "1y1w1d", 365 * 86400.0 + 8 * 86400 }, { "", -1 }, { "5", -1 },
		{ "m", -1 }, { "1m1h", -1 }, { "1m1m", -1 }, { "1x", -1 }, { "292y", 292 * 365 * 86400.0 }, { "293y", -1 }, { "1.5h", -1 },
	};
	struct arena *arena = arena_new();
	struct err err = { .arena = arena };
	struct str got;
	double seconds;

	CHECK(promql_inject(arena, S("up + up{c=\"d\"}"), matchers, LEN(matchers), &got, &err) == 0, "%s", err.msg);
	CHECK_STR(got, S("up{a=\"q\\x22b\\x5cn\\x0a\\xc3\\xa9\",b=\"\"} + up{a=\"q\\x22b\\x5cn\\x0a\\xc3\\xa9\",b=\"\",c=\"d\"}"));
	for (size_t i = 0; i < LEN(durations); i++) {
		bool ok = duration_read(exact(arena, durations[i].text), &seconds);
		CHECK(ok == (durations[i].seconds >= 0), "%s", durations[i].text);
		CHECK(!ok || (seconds > durations[i].seconds - 1e-6 && seconds < durations[i].seconds + 1e-6), "%s: %f", durations[i].text, seconds);
	}
	arena_free(arena);
}

/* What an escape stands for shows in a name that is refused twice: up{__name__="..."}. */
static void escapes(void)
{
	static const struct { const char *quoted, *value; } texts[] = {
		{ "\"a\\x41\\101\\u00e9\\U0001F600\\t\\\\\\\"'\"", "aAA\303\251\360\237\230\200\t\\\"'" }, { "'it\\'s \"'", "it's \"" },
		{ "`a\\n\nb`", "a\\n\nb" }, { "\"\\u20ac\"", "\342\202\254" }, { "\"\"", "" }, { "\"\\a\\b\\f\\n\\r\\v\"", "\a\b\f\n\r\v" },
		{ "\"\\xff\"", "\377" }, { "\"\303\251\"", "\303\251" },
	};
	struct arena *arena = arena_new();

	for (size_t i = 0; i < LEN(texts); i++) {
		struct str value = NOSTR;
		size_t at = 0;
		const char *problem = quoted_take(arena, exact(arena, texts[i].quoted), &at, true, &value);
		CHECK(!problem, "%s: %s", texts[i].quoted, problem);
		CHECK_STR(value, str_of(texts[i].value));
		CHECK(at == strlen(texts[i].quoted), "%s: ended at %zu", texts[i].quoted, at);
	}
	{
		struct str value;
		size_t at = 0;
		CHECK(strcmp(quoted_take(arena, S("'a'"), &at, false, &value), "unexpected quote") == 0, "LogQL has no single quotes");
		at = 0;
		CHECK(quoted_take(arena, exact(arena, "\"a\\"), &at, true, &value), "a text that ends with a backslash");
		at = 0;
		CHECK(!quoted_take(arena, S("\"\\u0041\357\277\275\""), &at, false, &value), "LogQL takes U+FFFD");
		CHECK_STR(value, S("A\357\277\275"));
	}
	arena_free(arena);
}

int main(void)
{
	for (size_t i = 0; i < LEN(promql_valid); i++)
		valid(promql_valid[i].query, promql_valid[i].want, promql_inject);
	for (size_t i = 0; i < LEN(promql_invalid); i++)
		invalid(promql_invalid[i].query, promql_invalid[i].want, promql_inject);
	regexps();
	limits();
	values();
	escapes();
	return TEST_END();
}
