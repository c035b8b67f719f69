/* logql.c: reads a LogQL query, log queries and metric queries, to find its stream selectors.
 *
 * Words are told apart by their text: LogQL's are many, each stands in one or two places, and none needs more than being recognised. */
#include "query.h"
#include "regexp.h"

#include <string.h>

/* --- Tokens --- */

enum token {
	T_END, T_BAD,
	T_NAME,       /* an identifier */
	T_WORD,       /* a word of the language: never a label's name */
	T_FUNCTION,   /* so is this, because "(" or by(...) follows */
	T_STRING, T_NUMBER, T_DURATION, T_BYTES, T_FLAG,
	T_RANGE,      /* [5m], as a whole */
	T_SIGN,
};

static const char words[] = " unwrap by without bool label_replace offset on ignoring group_left group_right or and unless json regexp logfmt "
                            "unpack pattern label_format line_format ip decolorize drop keep variants of ";
static const char functions[] = " rate rate_counter count_over_time bytes_rate bytes_over_time avg_over_time sum_over_time min_over_time "
                                "max_over_time stdvar_over_time stddev_over_time quantile_over_time first_over_time last_over_time "
                                "absent_over_time vector sum avg max min count stddev stdvar bottomk topk sort sort_desc approx_topk "
                                "label_replace bytes duration duration_seconds ip ";

/* What each range aggregation takes: whether values are to be unwrapped, and whether it groups. */
static const struct { const char *name; enum { UNWRAP_NO, UNWRAP_MAY, UNWRAP_MUST } unwrap; bool groups; } ranges[] = {
	{ "rate", UNWRAP_MAY, false }, { "rate_counter", UNWRAP_MUST, false }, { "count_over_time", UNWRAP_NO, false },
	{ "bytes_rate", UNWRAP_NO, false }, { "bytes_over_time", UNWRAP_NO, false }, { "absent_over_time", UNWRAP_MAY, false },
	{ "sum_over_time", UNWRAP_MUST, false }, { "avg_over_time", UNWRAP_MUST, true }, { "min_over_time", UNWRAP_MUST, true },
	{ "max_over_time", UNWRAP_MUST, true }, { "stdvar_over_time", UNWRAP_MUST, true }, { "stddev_over_time", UNWRAP_MUST, true },
	{ "quantile_over_time", UNWRAP_MUST, true }, { "first_over_time", UNWRAP_MUST, true }, { "last_over_time", UNWRAP_MUST, true },
};

struct reader {
	struct arena *arena;
	struct str    text;
	struct err   *err;
	enum token    token;
	size_t        start, end;
	struct str    value;      /* of a string, without quotes and escapes */
	unsigned      depth;
	struct places places;
};

/* What an expression is: log lines, samples, or a number that is known already. */
enum kind { KIND_LOG, KIND_SAMPLE, KIND_LITERAL };

static int problem(struct reader *r, const char *what)
{
	if (r->err->kind == ERR_NONE)
		err_set(r->err, ERR_INPUT, "column %zu: %s", r->start + 1, what);
	r->token = T_BAD;
	return -1;
}
static int unexpected(struct reader *r)
{
	return problem(r, r->token == T_END ? "unexpected end of the query" : "unexpected token");
}

static char peek(const struct reader *r, size_t ahead) { return r->end + ahead < r->text.n ? r->text.p[r->end + ahead] : '\0'; }
static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
/* Letters beyond ASCII are letters here, too. */
static bool is_alpha(char c) { return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80; }
static struct str token_text(const struct reader *r) { return str_sub(r->text, r->start, r->end); }

static bool in_words(struct reader *r, const char *list, struct str word)
{
	return str_contains(str_of(list), str_f(r->arena, " " FMT " ", ARG(str_lower(r->arena, word))));
}

/* The token is this word or sign, whatever its case. */
static bool is(struct reader *r, const char *text)
{
	return (r->token == T_WORD || r->token == T_FUNCTION || r->token == T_SIGN) && str_is(str_lower(r->arena, token_text(r)), text);
}

/* As Go reads a duration: 1.5h, -2h45m, 300ms. There is something behind the sign. */
static bool go_duration(struct str text)
{
	static const char *const units[] = { "ns", "us", "µs", "ms", "s", "m", "h" };
	size_t at = str_starts(text, "-");

	while (at < text.n) {
		size_t digits = 0, unit, i;

		for (bool dot = false; at < text.n && (is_digit(text.p[at]) || (text.p[at] == '.' && !dot)); at++) {
			dot = dot || text.p[at] == '.';
			digits += is_digit(text.p[at]);
		}
		for (unit = at; at < text.n && !is_digit(text.p[at]) && text.p[at] != '.'; at++)
			;
		for (i = 0; i < LEN(units) && !str_is(str_sub(text, unit, at), units[i]); i++)
			;
		if (!digits || i == LEN(units))
			return false;
	}
	return true;
}

static bool bytes_amount(struct reader *r, struct str text)
{
	size_t at = 0;

	while (at < text.n && (is_digit(text.p[at]) || text.p[at] == '.'))
		at++;
	return at > 0 && at < text.n && in_words(r, " b kib kb mib mb gib gb tib tb pib pb ki k mi m gi g ti t pi p ", str_sub(text, at, text.n));
}

/* A number, and what follows it as long as it could be a unit of time, or of size. */
static void number_token(struct reader *r)
{
	static const struct { const char *letters; enum token token; } units[] = { { "nu\xc2\xb5mshdwy", T_DURATION }, { "BikKMGTP", T_BYTES } };
	size_t digits;
	double seconds;

	for (bool dot = false; is_digit(peek(r, 0)) || (peek(r, 0) == '.' && !dot); r->end++)
		dot = dot || peek(r, 0) == '.';
	if ((peek(r, 0) == 'e' || peek(r, 0) == 'E') && (is_digit(peek(r, 1)) || ((peek(r, 1) == '-' || peek(r, 1) == '+') && is_digit(peek(r, 2)))))
		for (r->end += 2; is_digit(peek(r, 0)); r->end++)
			;
	digits = r->end;
	for (size_t i = 0; i < LEN(units); i++) {
		while (peek(r, 0) && (is_digit(peek(r, 0)) || peek(r, 0) == '.' || strchr(units[i].letters, peek(r, 0))))
			r->end++;
		r->token = units[i].token;
		if (r->end > digits && (i == 0 ? duration_read(token_text(r), &seconds) || go_duration(token_text(r)) : bytes_amount(r, token_text(r))))
			return;
		r->end = digits;
	}
	r->token = T_NUMBER;
}

static void range_token(struct reader *r)
{
	size_t from = r->end + 1;
	double seconds;

	while (r->end < r->text.n && peek(r, 0) != ']')
		r->end++;
	r->token = T_RANGE;
	if (r->end == r->text.n || !duration_read(str_sub(r->text, from, r->end), &seconds))
		problem(r, "this is no range");
	else
		r->end++;
}

/* Is the word just read a function's name: does a parenthesis follow, or by or without and one? */
static bool is_call(const struct reader *r)
{
	static const char *const groupings[] = { "by", "without" };
	struct str rest = str_trim(str_sub(r->text, r->end, r->text.n));

	for (size_t i = 0; i < LEN(groupings); i++) {
		size_t n = strlen(groupings[i]);
		if (rest.n > n && str_is(str_lower(r->arena, str_sub(rest, 0, n)), groupings[i]))
			return str_starts(str_trim(str_sub(rest, n, rest.n)), "(");
	}
	return str_starts(rest, "(");
}

static void sign_token(struct reader *r)
{
	static const char *const signs[] = { "|=", "|~", "|>", "|", "!=", "!~", "!>", "==", "=~", "=", ">=", ">", "<=", "<", "(", ")", "{", "}",
	                                     ",", "+", "-", "*", "/", "%", "^" };
	struct str rest = str_sub(r->text, r->start, r->text.n);

	r->token = T_SIGN;
	for (size_t i = 0; i < LEN(signs); i++) {
		if (str_starts(rest, signs[i])) {
			r->end += strlen(signs[i]);
			return;
		}
	}
	problem(r, "unexpected character");
}

static void minus_token(struct reader *r)
{
	static const char *const flags[] = { "--strict", "--keep-empty" };
	struct str rest = str_sub(r->text, r->start, r->text.n);

	for (size_t i = 0; i < LEN(flags); i++) {
		size_t n = strlen(flags[i]);
		if (str_starts(rest, flags[i]) && !is_alpha(peek(r, n)) && peek(r, n) != '-') {
			r->token = T_FLAG;
			r->end += n;
			return;
		}
	}
	r->end++;
	number_token(r);   /* a negative duration is one token; a negative number is two */
	if (r->token != T_DURATION) {
		r->end = r->start;
		sign_token(r);
	}
}

static void name_token(struct reader *r)
{
	struct str word;

	while (is_alpha(peek(r, 0)) || is_digit(peek(r, 0)))
		r->end++;
	word = token_text(r);
	r->token = in_words(r, words, word) ? T_WORD : T_NAME;
	if (in_words(r, functions, word))
		r->token = is_call(r) ? T_FUNCTION : T_NAME;
}

static void skip_blanks(struct reader *r)
{
	for (;; r->end++) {
		if (peek(r, 0) == '#' || (peek(r, 0) == '/' && peek(r, 1) == '/')) {
			while (r->end < r->text.n && peek(r, 0) != '\n')
				r->end++;
		} else if (peek(r, 0) == '/' && peek(r, 1) == '*') {
			for (r->end += 2; r->end < r->text.n && !(peek(r, 0) == '*' && peek(r, 1) == '/'); r->end++)
				;
			r->end = r->end + 2 < r->text.n ? r->end + 2 : r->text.n;
		}
		if (!is_space(peek(r, 0)))
			return;
	}
}

static void next(struct reader *r)
{
	char c;

	if (r->token == T_BAD)
		return;
	do {
		r->start = r->end;
		skip_blanks(r);
	} while (r->end != r->start);
	c = peek(r, 0);
	if (r->end == r->text.n) {
		r->token = T_END;
	} else if (is_digit(c) || (c == '.' && is_digit(peek(r, 1)))) {
		number_token(r);
	} else if (c == '"' || c == '`') {
		const char *what = quoted_take(r->arena, r->text, &r->end, false, &r->value);
		r->token = T_STRING;
		if (what)
			problem(r, what);
	} else if (c == '[') {
		range_token(r);
	} else if (c == '-') {
		minus_token(r);
	} else if (is_alpha(c)) {
		name_token(r);
	} else {
		sign_token(r);
	}
}

static bool accept(struct reader *r, const char *text)
{
	if (!is(r, text))
		return false;
	next(r);
	return true;
}
static int expect(struct reader *r, const char *text) { return accept(r, text) ? 0 : unexpected(r); }
static int expect_token(struct reader *r, enum token token)
{
	if (r->token != token)
		return unexpected(r);
	next(r);
	return 0;
}

static int enter(struct reader *r)
{
	return ++r->depth > MAX_QUERY_NESTING ? problem(r, "the query nests too deeply") : 0;
}

/* --- Selectors and pipelines --- */

/* The operator and the text of a matcher, after the label's name. */
static int matcher_rest(struct reader *r, bool *takes_empty)
{
	static const struct { const char *sign; enum match match; } signs[] = {
		{ "=", MATCH_EQUAL }, { "!=", MATCH_NOT_EQUAL }, { "=~", MATCH_REGEXP }, { "!~", MATCH_NOT_REGEXP },
	};
	const char *what = NULL;
	size_t i;

	for (i = 0; i < LEN(signs) && !is(r, signs[i].sign); i++)
		;
	if (i == LEN(signs))
		return unexpected(r);
	next(r);
	if (r->token != T_STRING)
		return unexpected(r);
	*takes_empty = match_takes_empty(signs[i].match, r->value, &what);
	if (what)
		return problem(r, what);
	next(r);
	return 0;
}

static int selector(struct reader *r)
{
	bool selects = false, takes_empty;
	size_t at = r->end;

	if (expect(r, "{") < 0)
		return -1;
	do {
		if (expect_token(r, T_NAME) < 0 || matcher_rest(r, &takes_empty) < 0)
			return -1;
		selects = selects || !takes_empty;
	} while (accept(r, ","));
	if (!selects)
		return problem(r, "a selector needs at least one matcher that does not match the empty text");
	place_add(r->arena, &r->places, at, true, false);
	return expect(r, "}");
}

static int ip_call(struct reader *r)
{
	return expect(r, "ip") < 0 || expect(r, "(") < 0 || expect_token(r, T_STRING) < 0 ? -1 : expect(r, ")");
}

static bool at_line_filter(struct reader *r)
{
	return is(r, "|=") || is(r, "|~") || is(r, "|>") || is(r, "!=") || is(r, "!~") || is(r, "!>");
}

static int line_filter(struct reader *r)
{
	do {
		next(r);
		if ((is(r, "ip") ? ip_call(r) : expect_token(r, T_STRING)) < 0)
			return -1;
	} while (is(r, "or"));
	return 0;
}

static int label_filters(struct reader *r);

static int label_filter(struct reader *r)
{
	static const char *const comparisons[] = { ">", ">=", "<", "<=", "!=", "=", "==" };
	struct reader ahead;
	bool takes_empty;
	size_t i;

	if (accept(r, "("))
		return enter(r) < 0 || label_filters(r) < 0 ? -1 : (r->depth--, expect(r, ")"));
	if (expect_token(r, T_NAME) < 0)
		return -1;
	ahead = *r;
	next(&ahead);
	if (ahead.token == T_STRING)
		return matcher_rest(r, &takes_empty);
	if ((is(r, "=") || is(r, "!=")) && is(&ahead, "ip")) {
		next(r);
		return ip_call(r);
	}
	for (i = 0; i < LEN(comparisons) && !is(r, comparisons[i]); i++)
		;
	if (i == LEN(comparisons))
		return unexpected(r);
	next(r);
	if (r->token == T_DURATION || r->token == T_BYTES) {
		next(r);
		return 0;
	}
	if (is(r, "+") || is(r, "-"))
		next(r);
	return expect_token(r, T_NUMBER);
}

static int label_filters(struct reader *r)
{
	do {
		if (label_filter(r) < 0)
			return -1;
	} while (accept(r, "and") || accept(r, "or") || accept(r, ",") || r->token == T_NAME || is(r, "("));
	return 0;
}

/* NAME, NAME="text" (json, logfmt); NAME=other, NAME="text" (label_format); NAME, NAME="text" and other matchers (drop, keep). */
static int label_list(struct reader *r, bool formats, bool matchers)
{
	bool takes_empty;

	do {
		if (expect_token(r, T_NAME) < 0)
			return -1;
		if (matchers) {
			if (r->token == T_SIGN && !is(r, ",") && !is(r, "|") && !is(r, "|=") && !is(r, "|~") && !is(r, "|>") && !is(r, ")") &&
			    matcher_rest(r, &takes_empty) < 0)
				return -1;
		} else if (accept(r, "=")) {
			if (r->token == T_NAME && formats)
				next(r);
			else if (expect_token(r, T_STRING) < 0)
				return -1;
		} else if (formats) {
			return unexpected(r);
		}
	} while (accept(r, ","));
	return 0;
}

/* One stage after "|"; *unwrapped: it was unwrap, after which only label filters come. */
static int stage(struct reader *r, bool *unwrapped)
{
	const char *what;
	bool empty;

	if (*unwrapped)
		return label_filters(r);
	if (accept(r, "unwrap")) {
		*unwrapped = true;
		if (r->token == T_FUNCTION && (is(r, "bytes") || is(r, "duration") || is(r, "duration_seconds"))) {
			next(r);
			return expect(r, "(") < 0 || expect_token(r, T_NAME) < 0 ? -1 : expect(r, ")");
		}
		return expect_token(r, T_NAME);
	}
	if (accept(r, "json"))
		return r->token == T_NAME ? label_list(r, false, false) : 0;
	if (accept(r, "logfmt")) {
		while (r->token == T_FLAG)
			next(r);
		return r->token == T_NAME ? label_list(r, false, false) : 0;
	}
	if (accept(r, "regexp")) {
		what = r->token == T_STRING ? regexp_check(r->value, &empty) : NULL;
		if (what)
			return problem(r, what);
		return expect_token(r, T_STRING);
	}
	if (accept(r, "pattern") || accept(r, "line_format"))
		return expect_token(r, T_STRING);
	if (accept(r, "unpack") || accept(r, "decolorize"))
		return 0;
	if (accept(r, "label_format"))
		return label_list(r, true, false);
	if (accept(r, "drop") || accept(r, "keep"))
		return label_list(r, false, true);
	return label_filters(r);
}

/* *unwrapped NULL: values cannot be unwrapped here. */
static int pipeline(struct reader *r, bool *unwrapped)
{
	for (;;) {
		bool no = false, *here = unwrapped ? unwrapped : &no;
		if (at_line_filter(r) && !*here) {
			if (line_filter(r) < 0)
				return -1;
		} else if (accept(r, "|")) {
			if (stage(r, here) < 0)
				return -1;
		} else {
			return 0;
		}
		if (no)
			return problem(r, "unwrap needs a range aggregation");
	}
}

static int offset(struct reader *r)
{
	return accept(r, "offset") ? expect_token(r, T_DURATION) : 0;
}

/* A selector with its range before or after the pipeline. *ranged false: it stood in parentheses, and the range comes after. */
static int log_range(struct reader *r, bool *unwrapped, bool *ranged, bool parentheses)
{
	*ranged = false;
	if (accept(r, "(")) {
		if (enter(r) < 0 || log_range(r, unwrapped, ranged, true) < 0 || expect(r, ")") < 0)
			return -1;
		r->depth--;
		if (*ranged)
			return 0;
	} else {
		if (selector(r) < 0)
			return -1;
		if (r->token != T_RANGE && pipeline(r, unwrapped) < 0)
			return -1;
		if (r->token == T_RANGE) {
			*ranged = true;
			next(r);
			return offset(r) < 0 || (!*unwrapped && pipeline(r, unwrapped) < 0) ? -1 : 0;
		}
		if (parentheses)
			return 0;
	}
	*ranged = true;
	return expect_token(r, T_RANGE) < 0 || offset(r) < 0 || (!*unwrapped && pipeline(r, unwrapped) < 0) ? -1 : 0;
}

/* --- Expressions --- */

static int expression(struct reader *r, int level, enum kind *kind);

static int labels(struct reader *r, size_t *n)
{
	*n = 0;
	if (expect(r, "(") < 0)
		return -1;
	if (accept(r, ")"))
		return 0;
	do {
		if (expect_token(r, T_NAME) < 0)
			return -1;
		++*n;
	} while (accept(r, ","));
	return expect(r, ")");
}

static int samples(struct reader *r)
{
	enum kind kind;

	if (expression(r, 1, &kind) < 0)
		return -1;
	return kind == KIND_LOG ? problem(r, "a metric query is needed here") : 0;
}

static int range_aggregation(struct reader *r, size_t i)
{
	bool quantile = strcmp(ranges[i].name, "quantile_over_time") == 0, unwrapped = false, ranged;
	size_t n;

	next(r);
	if (expect(r, "(") < 0)
		return -1;
	if (quantile && (expect_token(r, T_NUMBER) < 0 || expect(r, ",") < 0))
		return -1;
	if (log_range(r, &unwrapped, &ranged, false) < 0)
		return -1;
	if (unwrapped ? ranges[i].unwrap == UNWRAP_NO : ranges[i].unwrap == UNWRAP_MUST)
		return problem(r, unwrapped ? "this aggregation takes no unwrapped values" : "this aggregation needs unwrapped values");
	if (expect(r, ")") < 0)
		return -1;
	if (!is(r, "by") && !is(r, "without"))
		return 0;
	if (!ranges[i].groups)
		return problem(r, "this aggregation does not group");
	next(r);
	return labels(r, &n);
}

static int vector_aggregation(struct reader *r)
{
	bool approximate = is(r, "approx_topk"), parameter = is(r, "topk") || is(r, "bottomk") || approximate;
	bool sorts = is(r, "sort") || is(r, "sort_desc"), grouped = false;
	int64_t count;
	size_t n = 0;

	next(r);
	if (is(r, "by") || is(r, "without")) {
		grouped = true;
		next(r);
		if (labels(r, &n) < 0)
			return -1;
	}
	if (expect(r, "(") < 0)
		return -1;
	if (parameter) {
		if (r->token != T_NUMBER || !str_int(token_text(r), &count) || count <= 0)
			return problem(r, "an integer above zero is needed here");
		next(r);
		if (expect(r, ",") < 0)
			return -1;
	}
	if (samples(r) < 0 || expect(r, ")") < 0)
		return -1;
	if (!grouped && (is(r, "by") || is(r, "without"))) {
		grouped = true;
		next(r);
		if (labels(r, &n) < 0)
			return -1;
	}
	return (sorts && n) || (approximate && grouped) ? problem(r, "this aggregation does not group") : 0;
}

static int label_replace(struct reader *r)
{
	const char *what = NULL;
	bool empty;

	next(r);
	if (expect(r, "(") < 0 || samples(r) < 0)
		return -1;
	for (int i = 0; i < 4; i++) {
		if (expect(r, ",") < 0)
			return -1;
		if (i == 3 && r->token == T_STRING)
			what = regexp_check(r->value, &empty);
		if (what)
			return problem(r, what);
		if (expect_token(r, T_STRING) < 0)
			return -1;
	}
	return expect(r, ")");
}

static int variants(struct reader *r)
{
	bool unwrapped = false, ranged;

	next(r);
	if (expect(r, "(") < 0)
		return -1;
	do {
		if (samples(r) < 0)
			return -1;
	} while (accept(r, ","));
	if (expect(r, ")") < 0 || expect(r, "of") < 0 || expect(r, "(") < 0 || log_range(r, &unwrapped, &ranged, false) < 0)
		return -1;
	return expect(r, ")");
}

static int operand(struct reader *r, enum kind *kind)
{
	*kind = KIND_SAMPLE;
	if (is(r, "{")) {
		*kind = KIND_LOG;
		return selector(r) < 0 ? -1 : pipeline(r, NULL);
	}
	if (r->token == T_NUMBER || is(r, "+") || is(r, "-")) {
		*kind = KIND_LITERAL;
		if (r->token != T_NUMBER)
			next(r);
		return expect_token(r, T_NUMBER);
	}
	if (accept(r, "("))
		return expression(r, 1, kind) < 0 ? -1 : expect(r, ")");
	if (is(r, "label_replace"))
		return label_replace(r);
	if (is(r, "variants")) {
		*kind = KIND_LOG;   /* no operand of anything */
		return variants(r);
	}
	if (r->token != T_FUNCTION || is(r, "ip") || is(r, "bytes") || is(r, "duration") || is(r, "duration_seconds"))
		return unexpected(r);
	if (accept(r, "vector"))
		return expect(r, "(") < 0 || expect_token(r, T_NUMBER) < 0 ? -1 : expect(r, ")");
	for (size_t i = 0; i < LEN(ranges); i++)
		if (is(r, ranges[i].name))
			return range_aggregation(r, i);
	return vector_aggregation(r);
}

static int level_of(struct reader *r)
{
	static const struct { const char *sign; int level; } levels[] = {
		{ "or", 1 }, { "and", 2 }, { "unless", 2 }, { "==", 3 }, { "!=", 3 }, { "<", 3 }, { "<=", 3 }, { ">", 3 }, { ">=", 3 },
		{ "+", 4 }, { "-", 4 }, { "*", 5 }, { "/", 5 }, { "%", 5 }, { "^", 6 },
	};

	for (size_t i = 0; i < LEN(levels); i++)
		if (is(r, levels[i].sign))
			return levels[i].level;
	return 0;
}

static int matching(struct reader *r)
{
	size_t n;

	accept(r, "bool");
	if (!accept(r, "on") && !accept(r, "ignoring"))
		return 0;
	if (labels(r, &n) < 0)
		return -1;
	if (!accept(r, "group_left") && !accept(r, "group_right"))
		return 0;
	return is(r, "(") ? labels(r, &n) : 0;
}

static int expression(struct reader *r, int level, enum kind *kind)
{
	int here;

	if (enter(r) < 0 || operand(r, kind) < 0)
		return -1;
	while ((here = level_of(r)) >= level && here) {
		enum kind right;
		next(r);
		if (matching(r) < 0 || expression(r, here == 6 ? 6 : here + 1, &right) < 0)
			return -1;
		if (*kind == KIND_LOG || right == KIND_LOG)
			return problem(r, "an operator needs metric queries");
		if (here <= 2 && (*kind == KIND_LITERAL || right == KIND_LITERAL))
			return problem(r, "a set operator takes no numbers");
		*kind = *kind == KIND_LITERAL && right == KIND_LITERAL ? KIND_LITERAL : KIND_SAMPLE;
	}
	r->depth--;
	return 0;
}

int logql_inject(struct arena *arena, struct str query, const struct matcher *matchers, size_t n, struct str *injected, struct err *err)
{
	struct reader r = { .arena = arena, .text = query, .err = err, .token = T_END };
	enum kind kind;

	if (query.n > MAX_QUERY)
		return err_set(err, ERR_INPUT, "the query has more than %d bytes", MAX_QUERY);
	if (!utf8_valid(query))
		return err_set(err, ERR_INPUT, "the query is not UTF-8");
	next(&r);
	if (r.token == T_END)
		return problem(&r, "the query is empty");
	if (expression(&r, 1, &kind) < 0)
		return -1;
	if (r.token != T_END)
		return unexpected(&r);
	*injected = places_fill(arena, query, &r.places, matchers, n);
	return 0;
}
