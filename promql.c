/* promql.c: reads a PromQL query as Prometheus does, types included, to find its selectors.
 *
 * It builds no tree: what a rule of the grammar has to know of its operands fits in a small struct that is handed up. The order of
 * things is the grammar's: tokens, durations, selectors, calls and aggregations, modifiers, operators. */
#include "query.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- Tokens. --- */

enum token {
	T_END, T_BAD,
	T_NAME, T_COLON_NAME, T_NUMBER, T_DURATION, T_STRING,
	T_LEFT_PAREN, T_RIGHT_PAREN, T_LEFT_BRACE, T_RIGHT_BRACE, T_LEFT_BRACKET, T_RIGHT_BRACKET, T_COMMA, T_COLON, T_AT,
	T_EQUAL, T_EQUAL_REGEXP, T_NOT_REGEXP,
	/* operators; those that compare are together */
	T_ADD, T_SUB, T_MUL, T_DIV, T_MOD, T_POW, T_TRIM_UPPER, T_TRIM_LOWER,
	T_IS, T_NOT_EQUAL, T_LESS, T_LESS_EQUAL, T_GREATER, T_GREATER_EQUAL,
	/* words */
	T_AND, T_OR, T_UNLESS, T_ATAN2,
	T_AGGREGATE, T_AGGREGATE_SCALAR, T_AGGREGATE_TEXT,     /* by the type of their parameter */
	T_OFFSET, T_SMOOTHED, T_ANCHORED, T_BY, T_WITHOUT, T_ON, T_IGNORING, T_GROUP_LEFT, T_GROUP_RIGHT, T_BOOL,
	T_FILL, T_FILL_LEFT, T_FILL_RIGHT,
	T_START, T_STOP, T_STEP, T_RANGE, T_MAX_OF, T_MIN_OF,
};

static const struct { const char *word; enum token token; } words[] = {
	{ "and", T_AND }, { "or", T_OR }, { "unless", T_UNLESS }, { "atan2", T_ATAN2 },
	{ "sum", T_AGGREGATE }, { "avg", T_AGGREGATE }, { "count", T_AGGREGATE }, { "min", T_AGGREGATE }, { "max", T_AGGREGATE },
	{ "group", T_AGGREGATE }, { "stddev", T_AGGREGATE }, { "stdvar", T_AGGREGATE },
	{ "topk", T_AGGREGATE_SCALAR }, { "bottomk", T_AGGREGATE_SCALAR }, { "quantile", T_AGGREGATE_SCALAR },
	{ "limitk", T_AGGREGATE_SCALAR }, { "limit_ratio", T_AGGREGATE_SCALAR }, { "count_values", T_AGGREGATE_TEXT },
	{ "offset", T_OFFSET }, { "smoothed", T_SMOOTHED }, { "anchored", T_ANCHORED }, { "by", T_BY }, { "without", T_WITHOUT },
	{ "on", T_ON }, { "ignoring", T_IGNORING }, { "group_left", T_GROUP_LEFT }, { "group_right", T_GROUP_RIGHT }, { "bool", T_BOOL },
	{ "fill", T_FILL }, { "fill_left", T_FILL_LEFT }, { "fill_right", T_FILL_RIGHT },
	{ "start", T_START }, { "end", T_STOP }, { "step", T_STEP }, { "range", T_RANGE }, { "max_of", T_MAX_OF }, { "min_of", T_MIN_OF },
	{ "inf", T_NUMBER }, { "nan", T_NUMBER },
};

enum type { SCALAR = 's', VECTOR = 'v', MATRIX = 'm', TEXT = 't' };

/* Functions by signature: the types of the arguments, how many of the last may be left out or added (-1: any number, at least
 * none), the type of the result. */
static const struct signature { const char *arguments; int variadic; enum type result; const char *names; } signatures[] = {
	{ "v", 0, VECTOR, "abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor histogram_avg histogram_count "
	                  "histogram_stddev histogram_stdvar histogram_sum ln log10 log2 rad sgn sin sinh sort sort_desc sqrt "
	                  "start_timestamp tan tanh timestamp" },
	{ "v", 1, VECTOR, "day_of_month day_of_week day_of_year days_in_month hour minute month year" },
	{ "m", 0, VECTOR, "absent_over_time avg_over_time changes count_over_time delta deriv first_over_time idelta increase irate "
	                  "last_over_time mad_over_time max_over_time min_over_time present_over_time rate resets stddev_over_time "
	                  "stdvar_over_time sum_over_time ts_of_first_over_time ts_of_last_over_time ts_of_max_over_time "
	                  "ts_of_min_over_time" },
	{ "vss", 0, VECTOR, "clamp" }, { "vs", 0, VECTOR, "clamp_max clamp_min" }, { "vs", 1, VECTOR, "round" },
	{ "ms", 0, VECTOR, "predict_linear" }, { "ms", 1, VECTOR, "integral" }, { "mss", 0, VECTOR, "double_exponential_smoothing" },
	{ "sm", 0, VECTOR, "quantile_over_time" }, { "sv", 0, VECTOR, "histogram_quantile" }, { "ssv", 0, VECTOR, "histogram_fraction" },
	{ "vtss", 9, VECTOR, "histogram_quantiles" }, { "vv", 1, VECTOR, "info" },
	{ "vtttt", 0, VECTOR, "label_replace" }, { "vttt", -1, VECTOR, "label_join" },
	{ "vt", -1, VECTOR, "sort_by_label sort_by_label_desc" },
	{ "s", 0, VECTOR, "vector" }, { "v", 0, SCALAR, "scalar" }, { "ss", 0, SCALAR, "max_of min_of" },
	{ "", 0, SCALAR, "end pi range start step time" },
};

/* --- The reader. --- */

struct reader {
	struct arena *arena;
	struct str    text;
	struct err   *err;
	enum token    token;       /* the current one, from start to end */
	size_t        start, end;
	struct str    value;       /* of a string: without quotes and escapes */
	bool          in_braces, in_brackets;
	bool          no_comment;  /* in brackets, up to the first duration */
	unsigned      depth;
	size_t        n_all;       /* selectors that would select everything */
	struct places places;
};

/* What an expression is to the one around it. */
enum form { FORM_OTHER, FORM_SELECTOR, FORM_RANGE, FORM_SUBQUERY };
struct value {
	enum type type;
	enum form form;
	bool      named;                           /* a selector's metric name stands before its braces */
	bool      offset, at, smoothed, anchored;  /* modifiers it has */
};
struct duration { bool literal; double seconds; };

static int problem_at(struct reader *r, size_t at, const char *what)
{
	if (r->err->kind == ERR_NONE)
		err_set(r->err, ERR_INPUT, "column %zu: %s", at + 1, what);
	r->token = T_BAD;
	return -1;
}
static int problem(struct reader *r, const char *what) { return problem_at(r, r->start, what); }
static int unexpected(struct reader *r)
{
	return problem(r, r->token == T_END ? "unexpected end of the query" : "unexpected token");
}

static char peek(const struct reader *r, size_t ahead) { return r->end + ahead < r->text.n ? r->text.p[r->end + ahead] : '\0'; }
static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
static bool is_alpha(char c) { return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static struct str token_text(const struct reader *r) { return str_sub(r->text, r->start, r->end); }

/* Digits of a number, as many as could belong to one; false: that can never be one, or letters follow (it may be a duration). */
static bool number_scan(struct reader *r)
{
	bool hex = peek(r, 0) == '0' && (peek(r, 1) == 'x' || peek(r, 1) == 'X'), dot = false, exponent = false;
	const char *digits = hex ? "0123456789abcdefABCDEF" : "0123456789";
	size_t from = r->end;

	if (hex) {
		r->end += 2;
		r->end += peek(r, 0) == '_';
	}
	r->end += peek(r, 0) == '.';
	if (peek(r, 0) && strchr(digits, peek(r, 0)))
		r->end++;
	for (char c; (c = peek(r, 0)) != '\0'; ) {
		if (c == '.') {
			if (dot || hex)
				return false;
			dot = true;
			r->end++;
			if (peek(r, 0) == '_' || peek(r, 0) == '.')
				return false;
		} else if (c == 'e' || c == 'E') {
			if (exponent)
				return false;
			exponent = true;
			r->end++;
			r->end += peek(r, 0) == '+' || peek(r, 0) == '-';
			if (peek(r, 0) == '\0' || strchr("._eE", peek(r, 0)))
				return false;
		} else if (c == '_') {
			r->end++;
			if (peek(r, 0) == '\0' || strchr("._eE", peek(r, 0)))
				return false;
		} else if (strchr(digits, c)) {
			r->end++;
		} else {
			break;
		}
	}
	return r->end > from && !is_alpha(peek(r, 0)) && !is_digit(peek(r, 0));
}

static void number_token(struct reader *r)
{
	r->no_comment = false;
	if (number_scan(r)) {
		r->token = T_NUMBER;
		return;
	}
	while (is_alpha(peek(r, 0)) || is_digit(peek(r, 0)))
		r->end++;
	r->token = T_DURATION;
}

static bool word_is(struct str text, const char *word)
{
	size_t i;

	for (i = 0; i < text.n && word[i] && (text.p[i] | 0x20) == (word[i] | 0x20); i++)
		;
	return i == text.n && !word[i];
}

static void name_token(struct reader *r)
{
	bool colon = false;
	size_t after;

	for (; is_alpha(peek(r, 0)) || is_digit(peek(r, 0)) || (peek(r, 0) == ':' && !r->in_braces); r->end++)
		colon = colon || peek(r, 0) == ':';
	r->token = colon ? T_COLON_NAME : T_NAME;
	for (size_t i = 0; i < LEN(words) && !r->in_braces; i++)
		if (word_is(token_text(r), words[i].word))
			r->token = words[i].token;
	for (after = 0; is_space(peek(r, after)); after++)
		;
	/* these came late, so they are metrics' names as well */
	if ((r->token == T_FILL || r->token == T_FILL_LEFT || r->token == T_FILL_RIGHT) && peek(r, after) != '(')
		r->token = T_NAME;
}

static void sign_token(struct reader *r)
{
	static const struct { const char *sign; enum token token; } signs[] = {
		{ "==", T_IS }, { "=~", T_EQUAL_REGEXP }, { "=", T_EQUAL }, { "!=", T_NOT_EQUAL }, { "!~", T_NOT_REGEXP },
		{ "<=", T_LESS_EQUAL }, { "</", T_TRIM_UPPER }, { "<", T_LESS }, { ">=", T_GREATER_EQUAL }, { ">/", T_TRIM_LOWER },
		{ ">", T_GREATER }, { "+", T_ADD }, { "-", T_SUB }, { "*", T_MUL }, { "/", T_DIV }, { "%", T_MOD }, { "^", T_POW },
		{ "(", T_LEFT_PAREN }, { ")", T_RIGHT_PAREN }, { "[", T_LEFT_BRACKET }, { "]", T_RIGHT_BRACKET }, { "{", T_LEFT_BRACE },
		{ "}", T_RIGHT_BRACE }, { ",", T_COMMA }, { ":", T_COLON }, { "@", T_AT },
	};
	struct str rest = str_sub(r->text, r->start, r->text.n);

	for (size_t i = 0; i < LEN(signs); i++) {
		if (!str_starts(rest, signs[i].sign))
			continue;
		r->token = signs[i].token;
		r->end += strlen(signs[i].sign);
		if (r->token == T_LEFT_BRACE || r->token == T_RIGHT_BRACE)
			r->in_braces = r->token == T_LEFT_BRACE;
		if (r->token == T_LEFT_BRACKET || r->token == T_RIGHT_BRACKET)
			r->in_brackets = r->no_comment = r->token == T_LEFT_BRACKET;
		return;
	}
	problem(r, "unexpected character");
}

/* Moves on to the next token. */
static void next(struct reader *r)
{
	char c;

	if (r->token == T_BAD)
		return;
	for (;; r->end++) {
		if (peek(r, 0) == '#' && !r->no_comment)
			while (r->end < r->text.n && peek(r, 0) != '\n' && peek(r, 0) != '\r')
				r->end++;
		if (!is_space(peek(r, 0)))
			break;
	}
	r->start = r->end;
	c = peek(r, 0);
	if (r->end == r->text.n) {
		r->token = T_END;
	} else if (!r->in_braces && (is_digit(c) || (c == '.' && is_digit(peek(r, 1))))) {
		number_token(r);
	} else if (c == '"' || c == '\'' || c == '`') {
		const char *what = quoted_take(r->arena, r->text, &r->end, true, &r->value);
		r->token = T_STRING;
		if (what)
			problem(r, what);
	} else if (is_alpha(c) || (c == ':' && !r->in_brackets && !r->in_braces)) {
		name_token(r);
	} else {
		sign_token(r);
	}
}

static bool accept(struct reader *r, enum token token)
{
	if (r->token != token)
		return false;
	next(r);
	return true;
}
static int expect(struct reader *r, enum token token) { return accept(r, token) ? 0 : unexpected(r); }

/* --- Numbers and durations. --- */

/* The current token, a number or a duration, as a number; it is not taken. */
static int number_value(struct reader *r, double *value)
{
	struct str text = token_text(r);
	bool hex = text.n > 1 && (text.p[1] == 'x' || text.p[1] == 'X');
	char *plain, *end;
	size_t n = 0;

	if (r->token == T_DURATION)
		return duration_read(text, value) ? 0 : problem(r, "this is no duration");
	if (r->token != T_NUMBER)
		return unexpected(r);
	plain = arena_alloc(r->arena, text.n + 1);
	for (size_t i = 0; i < text.n; i++) {
		/* an underscore may stand between digits, or after 0x */
		if (text.p[i] != '_')
			plain[n++] = text.p[i];
		else if (i + 1 == text.n || (!hex && (!is_digit(text.p[i - 1]) || !is_digit(text.p[i + 1]))))
			return problem(r, "this is no number");
	}
	if (is_alpha(plain[0])) {
		*value = (plain[0] | 0x20) == 'i' ? INFINITY : NAN;
		return 0;
	}
	*value = strtod(plain, &end);
	/* a hexadecimal number is an integer of 63 bits */
	if (*end || end == plain || (hex && (n == 2 || *value >= 9223372036854775808.0)) || isinf(*value))
		return problem(r, "this is no number");
	return 0;
}

static int duration_fits(struct reader *r, const struct duration *d)
{
	return fabs(d->seconds) > 9223372036.854775808 ? problem(r, "duration out of range") : 0;
}

static int binary_level(enum token token)
{
	switch (token) {
	case T_OR: return 1;
	case T_AND: case T_UNLESS: return 2;
	case T_IS: case T_NOT_EQUAL: case T_LESS: case T_LESS_EQUAL: case T_GREATER: case T_GREATER_EQUAL:
	case T_TRIM_UPPER: case T_TRIM_LOWER: return 3;
	case T_ADD: case T_SUB: return 4;
	case T_MUL: case T_DIV: case T_MOD: case T_ATAN2: return 5;
	case T_POW: return 6;
	default: return 0;
	}
}

static int enter(struct reader *r)
{
	return ++r->depth > MAX_QUERY_NESTING ? problem(r, "the query nests too deeply") : 0;
}

static int duration(struct reader *r, int level, struct duration *out);

/* What follows a left operand that was read already. */
static int duration_rest(struct reader *r, int level, struct duration *left)
{
	for (enum token op; (op = r->token) >= T_ADD && op <= T_POW && binary_level(op) >= level; ) {
		struct duration right;
		next(r);
		if (duration(r, op == T_POW ? 6 : binary_level(op) + 1, &right) < 0)
			return -1;
		if ((op == T_DIV || op == T_MOD) && right.literal && right.seconds == 0)
			return problem(r, "division by zero");
		left->literal = false;
	}
	return 0;
}

/* step(), range(), max_of(a, b), min_of(a, b), at the word. */
static int duration_call(struct reader *r, struct duration *out)
{
	bool two = r->token == T_MAX_OF || r->token == T_MIN_OF;
	struct duration argument;

	next(r);
	if (expect(r, T_LEFT_PAREN) < 0)
		return -1;
	if (two && (duration(r, 1, &argument) < 0 || expect(r, T_COMMA) < 0 || duration(r, 1, &argument) < 0))
		return -1;
	*out = (struct duration){ 0 };
	return expect(r, T_RIGHT_PAREN);
}

static int duration_one(struct reader *r, struct duration *out)
{
	enum token token = r->token;

	if (token == T_NUMBER || token == T_DURATION) {
		*out = (struct duration){ .literal = true };
		if (number_value(r, &out->seconds) < 0 || duration_fits(r, out) < 0)
			return -1;
		next(r);
		return 0;
	}
	if (token == T_ADD || token == T_SUB) {
		next(r);
		if (duration(r, 6, out) < 0)
			return -1;
		out->seconds = token == T_SUB ? -out->seconds : out->seconds;
		return 0;
	}
	if (token == T_LEFT_PAREN) {
		next(r);
		if (duration(r, 1, out) < 0)
			return -1;
		out->literal = false;
		return expect(r, T_RIGHT_PAREN);
	}
	if (token == T_STEP || token == T_RANGE || token == T_MAX_OF || token == T_MIN_OF)
		return duration_call(r, out);
	return unexpected(r);
}

static int duration(struct reader *r, int level, struct duration *out)
{
	if (enter(r) < 0 || duration_one(r, out) < 0 || duration_rest(r, level, out) < 0)
		return -1;
	r->depth--;
	return 0;
}

static int duration_positive(struct reader *r)
{
	struct duration d;

	if (duration(r, 1, &d) < 0)
		return -1;
	return d.literal && d.seconds <= 0 ? problem(r, "duration must be greater than 0") : 0;
}

/* After "offset". A sign and one number or pair of parentheses end it, so that `a offset 5m + b` adds to a; only what cannot
 * end there goes on as a calculation. */
static int offset_duration(struct reader *r, struct duration *out)
{
	enum token sign = r->token == T_ADD || r->token == T_SUB ? r->token : T_END;

	if (sign != T_END)
		next(r);
	if (r->token == T_ADD || r->token == T_SUB || (r->token == T_LEFT_PAREN && sign == T_END)) {
		if (duration(r, 6, out) < 0)
			return -1;
		out->seconds = sign == T_SUB ? -out->seconds : out->seconds;
		return duration_rest(r, 1, out);
	}
	if (duration_one(r, out) < 0)
		return -1;
	out->seconds = sign == T_SUB ? -out->seconds : out->seconds;
	return 0;
}

/* --- Selectors. --- */

/* One matcher in braces. *metric: it is one of the name; *takes_empty: it lets the empty text pass. */
static int matcher(struct reader *r, bool *metric, bool *takes_empty)
{
	bool quoted = r->token == T_STRING;
	struct str name = quoted ? r->value : token_text(r);
	const char *what = NULL;
	enum match match;

	if (!quoted && r->token != T_NAME)
		return unexpected(r);
	next(r);
	if (quoted && (r->token == T_COMMA || r->token == T_RIGHT_BRACE)) {
		*metric = true;   /* {"name"} */
		*takes_empty = name.n == 0;
		return 0;
	}
	switch (r->token) {
	case T_EQUAL: match = MATCH_EQUAL; break;
	case T_NOT_EQUAL: match = MATCH_NOT_EQUAL; break;
	case T_EQUAL_REGEXP: match = MATCH_REGEXP; break;
	case T_NOT_REGEXP: match = MATCH_NOT_REGEXP; break;
	default: return unexpected(r);
	}
	next(r);
	if (r->token != T_STRING)
		return unexpected(r);
	*metric = str_is(name, "__name__");
	*takes_empty = match_takes_empty(match, r->value, &what);
	if (what)
		return problem(r, what);
	next(r);
	return 0;
}

/* A selector whose name, if it has one, was taken and ends at `named`. */
static int selector(struct reader *r, size_t named, struct value *out)
{
	bool selects = named > 0, empty = true;
	size_t from = r->start;

	*out = (struct value){ .type = VECTOR, .form = FORM_SELECTOR, .named = named > 0 };
	if (r->token != T_LEFT_BRACE) {
		place_add(r->arena, &r->places, named, false, true);
		return 0;
	}
	next(r);
	while (r->token != T_RIGHT_BRACE) {
		bool metric = false, takes_empty = false;
		if (matcher(r, &metric, &takes_empty) < 0)
			return -1;
		if (metric && named)
			return problem(r, "metric name must not be set twice");
		selects = selects || !takes_empty;
		empty = false;
		if (r->token != T_RIGHT_BRACE && expect(r, T_COMMA) < 0)
			return -1;
	}
	next(r);
	place_add(r->arena, &r->places, from + 1, true, empty);
	if (!selects)
		r->n_all++;
	return 0;
}

/* --- Calls and aggregations. --- */

static int expression(struct reader *r, int level, struct value *out);

/* Names of labels in parentheses, at the opening one. */
static int label_list(struct reader *r, struct strs *labels)
{
	if (expect(r, T_LEFT_PAREN) < 0)
		return -1;
	while (r->token != T_RIGHT_PAREN) {
		bool word = r->token == T_NAME || r->token == T_COLON_NAME || (r->token >= T_AND && r->token != T_WITHOUT);
		if (!word && !(r->token == T_STRING && r->value.n && utf8_valid(r->value)))
			return unexpected(r);
		strs_add(r->arena, labels, r->token == T_STRING ? r->value : token_text(r));
		next(r);
		if (r->token != T_RIGHT_PAREN && expect(r, T_COMMA) < 0)
			return -1;
	}
	next(r);
	return 0;
}

/* Arguments in parentheses. */
static int arguments(struct reader *r, bool info, struct value **values, size_t *n)
{
	*values = NULL;
	*n = 0;
	if (expect(r, T_LEFT_PAREN) < 0)
		return -1;
	while (r->token != T_RIGHT_PAREN || *n) {
		size_t all = r->n_all;
		struct value value;
		if (expression(r, 1, &value) < 0)
			return -1;
		/* info()'s second argument holds matchers for the labels of info metrics, and may have none */
		if (info && *n == 1 && value.form == FORM_SELECTOR && !value.named)
			r->n_all = all;
		else if (info && *n == 1)
			return problem(r, "expected label selectors only");
		*values = arena_grow(r->arena, *values, *n, sizeof **values);
		(*values)[(*n)++] = value;
		if (r->token == T_RIGHT_PAREN)
			break;
		if (expect(r, T_COMMA) < 0)
			return -1;
	}
	next(r);
	return 0;
}

static const struct signature *signature_find(struct str name)
{
	for (size_t i = 0; i < LEN(signatures); i++) {
		struct str rest = str_of(signatures[i].names), one;
		while (str_split(&rest, ' ', &one))
			if (str_eq(one, name))
				return &signatures[i];
	}
	return NULL;
}

/* At the opening parenthesis. */
static int call(struct reader *r, struct str name, struct value *out)
{
	const struct signature *signature = signature_find(name);
	struct value *values;
	size_t n, wanted, least, at = r->start;

	if (!signature)
		return problem(r, "unknown function");
	if (arguments(r, str_is(name, "info"), &values, &n) < 0)
		return -1;
	wanted = strlen(signature->arguments);
	least = signature->variadic ? wanted - 1 : wanted;
	if (n < least || (signature->variadic >= 0 && n > least + (size_t)signature->variadic))
		return problem_at(r, at, "wrong number of arguments");
	for (size_t i = 0; i < n; i++)
		if (values[i].type != (enum type)signature->arguments[i < wanted ? i : wanted - 1])
			return problem_at(r, at, "an argument has the wrong type");
	*out = (struct value){ .type = signature->result };
	return 0;
}

/* After the operator's name. */
static int aggregation(struct reader *r, enum token op, struct value *out)
{
	struct value *values;
	struct strs labels = { 0 };
	size_t n, wanted = op == T_AGGREGATE ? 1 : 2, at = r->start;
	bool grouped = r->token == T_BY || r->token == T_WITHOUT;

	if (grouped) {
		next(r);
		if (label_list(r, &labels) < 0)
			return -1;
	}
	if (arguments(r, false, &values, &n) < 0)
		return -1;
	if (!grouped && (r->token == T_BY || r->token == T_WITHOUT)) {
		next(r);
		if (label_list(r, &labels) < 0)
			return -1;
	}
	if (n != wanted)
		return problem_at(r, at, "wrong number of arguments");
	if (values[n - 1].type != VECTOR || (n == 2 && values[0].type != (op == T_AGGREGATE_TEXT ? TEXT : SCALAR)))
		return problem_at(r, at, "an argument has the wrong type");
	*out = (struct value){ .type = VECTOR };
	return 0;
}

/* A word: a call, an aggregation, or a metric's name. */
static int word(struct reader *r, struct value *out)
{
	struct str name = token_text(r);
	enum token token = r->token;
	size_t end = r->end;

	next(r);
	if (token == T_AGGREGATE || token == T_AGGREGATE_SCALAR || token == T_AGGREGATE_TEXT) {
		if (r->token == T_LEFT_PAREN || r->token == T_BY || r->token == T_WITHOUT)
			return aggregation(r, token, out);
	} else if (r->token == T_LEFT_PAREN && (token == T_NAME || token >= T_START)) {
		return call(r, name, out);
	}
	switch (token) {
	case T_ATAN2: case T_ON: case T_IGNORING: case T_GROUP_LEFT: case T_GROUP_RIGHT: case T_BOOL:
		return problem_at(r, end - name.n, "unexpected word");
	default:
		return selector(r, end, out);
	}
}

/* --- Modifiers. --- */

static int range(struct reader *r, struct value *out)
{
	size_t at = r->start;

	next(r);
	if (duration_positive(r) < 0)
		return -1;
	if (accept(r, T_COLON)) {
		if (r->token != T_RIGHT_BRACKET && duration_positive(r) < 0)
			return -1;
		if (out->type != VECTOR)
			return problem_at(r, at, "a subquery needs an instant vector");
		*out = (struct value){ .type = MATRIX, .form = FORM_SUBQUERY };
		return expect(r, T_RIGHT_BRACKET);
	}
	if (out->form != FORM_SELECTOR)
		return problem_at(r, at, "a range needs a selector");
	if (out->offset || out->at)
		return problem_at(r, at, "the range goes before offset and @");
	out->type = MATRIX;
	out->form = FORM_RANGE;
	return expect(r, T_RIGHT_BRACKET);
}

static int offset(struct reader *r, struct value *out)
{
	struct duration d;

	next(r);
	if (offset_duration(r, &d) < 0)
		return -1;
	if (out->form == FORM_OTHER)
		return problem(r, "offset needs a selector or a subquery");
	if (out->offset)
		return problem(r, "offset may not be set twice");
	/* a literal that rounds to no nanosecond counts as none */
	out->offset = !d.literal || !(fabs(d.seconds) < 0.5e-9);
	return 0;
}

static int at(struct reader *r, struct value *out)
{
	bool minus;
	double seconds;

	next(r);
	if (r->token == T_START || r->token == T_STOP) {
		next(r);
		if (expect(r, T_LEFT_PAREN) < 0 || expect(r, T_RIGHT_PAREN) < 0)
			return -1;
	} else {
		minus = r->token == T_SUB;
		if (minus || r->token == T_ADD)
			next(r);
		if (number_value(r, &seconds) < 0)
			return -1;
		if (!(fabs(seconds) < 9223372036854775808.0))
			return problem(r, "timestamp out of bounds");
		next(r);
	}
	if (out->form == FORM_OTHER)
		return problem(r, "@ needs a selector or a subquery");
	if (out->at)
		return problem(r, "@ may not be set twice");
	out->at = true;
	return 0;
}

static int interpolation(struct reader *r, struct value *out)
{
	bool *mine = r->token == T_SMOOTHED ? &out->smoothed : &out->anchored;

	if (out->form != FORM_SELECTOR && out->form != FORM_RANGE)
		return problem(r, "smoothed and anchored need a selector");
	*mine = true;
	if (out->smoothed && out->anchored)
		return problem(r, "smoothed and anchored exclude each other");
	next(r);
	return 0;
}

/* --- Operators. --- */

/* A number, a text, a selector, a call or parentheses, with its modifiers. */
static int operand(struct reader *r, struct value *out)
{
	double number;

	switch (r->token) {
	case T_NUMBER: case T_DURATION:
		*out = (struct value){ .type = SCALAR };
		if (number_value(r, &number) < 0)
			return -1;
		next(r);
		break;
	case T_STRING:
		*out = (struct value){ .type = TEXT };
		next(r);
		break;
	case T_LEFT_PAREN:
		next(r);
		if (expression(r, 1, out) < 0 || expect(r, T_RIGHT_PAREN) < 0)
			return -1;
		*out = (struct value){ .type = out->type };
		break;
	case T_LEFT_BRACE:
		if (selector(r, 0, out) < 0)
			return -1;
		break;
	default:
		if (r->token != T_NAME && r->token != T_COLON_NAME && r->token < T_AND)
			return unexpected(r);
		if (word(r, out) < 0)
			return -1;
	}
	for (;;) {
		int rc;
		switch (r->token) {
		case T_LEFT_BRACKET: rc = range(r, out); break;
		case T_OFFSET: rc = offset(r, out); break;
		case T_AT: rc = at(r, out); break;
		case T_SMOOTHED: case T_ANCHORED: rc = interpolation(r, out); break;
		case T_BAD: return -1;
		default: return 0;
		}
		if (rc < 0)
			return -1;
	}
}

/* What may stand between an operator and its right side. */
struct matching { bool returns_bool, group, fill; struct strs labels, included; bool on; };

static int fill(struct reader *r)
{
	double number;

	next(r);
	if (expect(r, T_LEFT_PAREN) < 0)
		return -1;
	if (r->token == T_ADD || r->token == T_SUB)
		next(r);
	if (number_value(r, &number) < 0)
		return -1;
	next(r);
	return expect(r, T_RIGHT_PAREN);
}

static int matching_read(struct reader *r, struct matching *m)
{
	enum token other;

	m->returns_bool = accept(r, T_BOOL);
	if (r->token == T_ON || r->token == T_IGNORING) {
		m->on = r->token == T_ON;
		next(r);
		if (label_list(r, &m->labels) < 0)
			return -1;
		m->group = r->token == T_GROUP_LEFT || r->token == T_GROUP_RIGHT;
		if (m->group) {
			next(r);
			if (r->token == T_LEFT_PAREN && label_list(r, &m->included) < 0)
				return -1;
		}
	}
	m->fill = r->token == T_FILL || r->token == T_FILL_LEFT || r->token == T_FILL_RIGHT;
	other = r->token == T_FILL_LEFT ? T_FILL_RIGHT : r->token == T_FILL_RIGHT ? T_FILL_LEFT : T_END;
	if (m->fill && fill(r) < 0)
		return -1;
	if (m->fill && other != T_END && r->token == other)
		return fill(r);
	return 0;
}

static int binary_check(struct reader *r, enum token op, size_t at, const struct matching *m, const struct value *left,
                        const struct value *right)
{
	bool set = op == T_AND || op == T_OR || op == T_UNLESS, compares = op >= T_IS && op <= T_GREATER_EQUAL;
	bool vectors = left->type == VECTOR && right->type == VECTOR;

	if ((left->type != SCALAR && left->type != VECTOR) || (right->type != SCALAR && right->type != VECTOR))
		return problem_at(r, at, "an operator needs scalars and instant vectors");
	if (m->returns_bool && !compares)
		return problem_at(r, at, "bool goes with comparisons only");
	if (compares && !m->returns_bool && left->type == SCALAR && right->type == SCALAR)
		return problem_at(r, at, "comparing scalars needs bool");
	if (!vectors && (set || m->labels.n || m->fill))
		return problem_at(r, at, "set operators and vector matching need two instant vectors");
	if (vectors && set && (m->group || m->fill))
		return problem_at(r, at, "no grouping or filling with set operators");
	for (size_t i = 0; m->on && i < m->labels.n; i++)
		if (strs_has(&m->included, m->labels.v[i]))
			return problem_at(r, at, "a label occurs in on and in the grouping");
	return 0;
}

static int expression(struct reader *r, int level, struct value *out)
{
	if (enter(r) < 0)
		return -1;
	if (r->token == T_ADD || r->token == T_SUB) {
		/* a sign binds as multiplication does: -a^b is -(a^b) */
		size_t sign = r->start;
		next(r);
		if (expression(r, 6, out) < 0)
			return -1;
		if (out->type != SCALAR && out->type != VECTOR)
			return problem_at(r, sign, "a sign needs a scalar or an instant vector");
		*out = (struct value){ .type = out->type };
	} else if (operand(r, out) < 0) {
		return -1;
	}
	for (enum token op; binary_level(op = r->token) >= level && binary_level(op) > 0; ) {
		struct matching m = { 0 };
		struct value right;
		size_t where = r->start;
		next(r);
		if (matching_read(r, &m) < 0 || expression(r, op == T_POW ? 6 : binary_level(op) + 1, &right) < 0 ||
		    binary_check(r, op, where, &m, out, &right) < 0)
			return -1;
		*out = (struct value){ .type = out->type == SCALAR && right.type == SCALAR ? SCALAR : VECTOR };
	}
	r->depth--;
	return 0;
}

int promql_inject(struct arena *arena, struct str query, const struct matcher *matchers, size_t n, struct str *injected,
                  struct err *err)
{
	struct reader r = { .arena = arena, .text = query, .err = err, .token = T_END };
	struct value value;

	if (query.n > MAX_QUERY)
		return err_set(err, ERR_INPUT, "the query has more than %d bytes", MAX_QUERY);
	next(&r);
	if (r.token == T_END)
		return problem(&r, "the query is empty");
	if (expression(&r, 1, &value) < 0)
		return -1;
	if (r.token != T_END)
		return unexpected(&r);
	if (r.n_all)
		return err_set(err, ERR_INPUT, "a selector needs at least one matcher that does not match the empty text");
	*injected = places_fill(arena, query, &r.places, matchers, n);
	return 0;
}
