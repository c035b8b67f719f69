/* regexp.c: reads a regular expression by Go's rules (RE2 with Perl's classes) and says whether it is one.
 *
 * Prometheus and Loki refuse a query with a bad pattern, so whoever changes a query has to know one when it sees one. The
 * second thing asked of a pattern is whether it matches the empty text: a selector of only such matchers selects everything,
 * and both refuse that, too. */
#include "regexp.h"

#include <string.h>

enum {
	MAX_REPEAT  = 1000,   /* Go's limit of a count, and of the product of nested counts */
	MAX_GROUPS  = 200,    /* nested groups */
	MAX_PATTERN = 64 << 10,
};

struct reader {
	struct str    text;
	size_t        at;
	const char   *problem;    /* the first one */
	unsigned      depth;
};

/* What a part of a pattern comes to. */
struct part {
	bool     empty;           /* it matches the empty text */
	unsigned repeats;         /* product of the counts on the deepest way in */
};

static struct part fail(struct reader *r, const char *problem)
{
	if (!r->problem)
		r->problem = problem;
	r->at = r->text.n;
	return (struct part){ 0 };
}

static int peek(const struct reader *r, size_t ahead)
{
	return r->at + ahead < r->text.n ? (unsigned char)r->text.p[r->at + ahead] : -1;
}

static bool is_octal(int c) { return c >= '0' && c <= '7'; }
static bool is_word(int c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

static int hex_value(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One character, which need not be ASCII; the text is valid UTF-8. */
static long rune_take(struct reader *r)
{
	int c = peek(r, 0), more = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
	long rune = more ? c & (0x3f >> more) : c;

	for (r->at++; more-- > 0; r->at++)
		rune = rune << 6 | (peek(r, 0) & 0x3f);
	return rune;
}

/* After "\x": two digits, or any number of them in braces. */
static long hex_take(struct reader *r)
{
	long rune = 0;
	bool braces = peek(r, 0) == '{';
	int digits = 0;

	r->at += braces;
	for (; hex_value(peek(r, 0)) >= 0 && (braces || digits < 2) && rune <= 0x10ffff; digits++, r->at++)
		rune = rune * 16 + hex_value(peek(r, 0));
	if (rune > 0x10ffff || (braces ? digits == 0 || peek(r, 0) != '}' : digits < 2)) {
		fail(r, "invalid escape sequence");
		return -1;
	}
	r->at += braces;
	return rune;
}

/* An escape that stands for one character, after its backslash. */
static long escape_take(struct reader *r)
{
	int c = peek(r, 0);
	long rune;

	if (c < 0) {
		fail(r, "trailing backslash at end of expression");
		return -1;
	}
	if (is_octal(c) && (c == '0' || is_octal(peek(r, 1)))) {
		rune = 0;   /* \1 alone would be a back-reference, which RE2 has not */
		for (int n = 0; n < 3 && is_octal(peek(r, 0)); n++, r->at++)
			rune = rune * 8 + peek(r, 0) - '0';
		return rune;
	}
	if (c == 'x') {
		r->at++;
		return hex_take(r);
	}
	if (strchr("afnrtv", c)) {
		r->at++;
		return "\a\f\n\r\t\v"[strchr("afnrtv", c) - "afnrtv"];
	}
	if (c < 0x80 && (!is_word(c) || c == '_')) {
		r->at++;
		return c;
	}
	fail(r, "invalid escape sequence");
	return -1;
}

/* \d, \pL, \p{Greek} and their like, at the backslash; false if there is none. Names of scripts are not looked up. */
static bool class_escape(struct reader *r)
{
	int c = peek(r, 1);

	if (peek(r, 0) != '\\' || c < 0)
		return false;
	if (strchr("dDsSwW", c)) {
		r->at += 2;
		return true;
	}
	if (c != 'p' && c != 'P')
		return false;
	r->at += 2;
	if (peek(r, 0) == '{') {
		size_t from;
		r->at++;
		r->at += peek(r, 0) == '^';
		for (from = r->at; is_word(peek(r, 0)); r->at++)
			;
		if (r->at == from || peek(r, 0) != '}')
			fail(r, "invalid character class range");
		else
			r->at++;
	} else if (peek(r, 0) < 0 || !strchr("CLMNPSZ", peek(r, 0))) {
		fail(r, "invalid character class range");
	} else {
		r->at++;
	}
	return true;
}

/* [:alpha:] inside a class; false if there is none. */
static bool class_named(struct reader *r)
{
	static const char *const names[] = { "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
	                                     "space", "upper", "word", "xdigit" };
	struct str rest = str_sub(r->text, r->at, r->text.n), name;
	size_t end = 2;

	if (!str_starts(rest, "[:"))
		return false;
	while (end + 1 < rest.n && memcmp(rest.p + end, ":]", 2) != 0)
		end++;
	if (end + 1 >= rest.n)
		return false;
	name = str_sub(rest, 2, end);
	if (name.n && name.p[0] == '^')
		name = str_sub(name, 1, name.n);
	r->at += end + 2;
	for (size_t i = 0; i < LEN(names); i++)
		if (str_is(name, names[i]))
			return true;
	fail(r, "invalid character class range");
	return true;
}

static long class_rune(struct reader *r)
{
	if (peek(r, 0) < 0) {
		fail(r, "missing closing ]");
		return -1;
	}
	if (peek(r, 0) != '\\')
		return rune_take(r);
	r->at++;
	return escape_take(r);
}

/* At the opening bracket. */
static void class_take(struct reader *r)
{
	bool first = true;

	r->at++;
	r->at += peek(r, 0) == '^';
	for (; peek(r, 0) != ']' || first; first = false) {
		long low, high;
		if (peek(r, 0) < 0) {
			fail(r, "missing closing ]");
			return;
		}
		if (class_named(r) || class_escape(r))
			continue;
		low = class_rune(r);
		if (peek(r, 0) == '-' && peek(r, 1) >= 0 && peek(r, 1) != ']') {
			r->at++;
			high = class_rune(r);
			if (high < low && !r->problem)
				fail(r, "invalid character class range");
		}
		if (r->problem)
			return;
	}
	r->at++;
}

/* A count in braces, at '{'; false if that is no count, and the brace stands for itself. -1: no upper bound. */
static bool count_take(struct reader *r, long *low, long *high)
{
	size_t at = r->at + 1;
	long *side = low;
	bool digits = false;

	*low = 0;
	*high = -2;
	for (; at < r->text.n; at++) {
		char c = r->text.p[at];
		if (is_digit(c)) {
			/* "{01}" is text for Go, as a count has no leading zero */
			if (digits && *side == 0)
				return false;
			*side = *side > MAX_REPEAT ? *side : *side * 10 + c - '0';
			digits = true;
		} else if (c == ',' && side == low && digits) {
			side = high;
			*high = 0;
			digits = false;
		} else {
			break;
		}
	}
	if (at >= r->text.n || r->text.p[at] != '}' || (side == low && !digits))
		return false;
	if (side == low)
		*high = *low;
	else if (!digits)
		*high = -1;
	r->at = at + 1;
	return true;
}

static struct part alternatives(struct reader *r);

/* Flags as in (?i-s: ; at the first one. Stops after ')' or ':'; *group: ':' it was. */
static void flags_take(struct reader *r, bool *group)
{
	bool minus = false, flag = false;

	for (;; r->at++) {
		int c = peek(r, 0);
		if (c >= 0 && strchr("imsU", c)) {
			flag = true;
		} else if (c == '-' && !minus) {
			minus = true;
			flag = false;
		} else if ((c == ':' || c == ')') && (!minus || flag)) {
			*group = c == ':';
			r->at++;
			return;
		} else {
			fail(r, c < 0 ? "missing argument to repetition operator or closing )" : "invalid or unsupported Perl syntax");
			return;
		}
	}
}

static void name_take(struct reader *r)
{
	size_t from = r->at;

	while (is_word(peek(r, 0)))
		r->at++;
	if (r->at == from || peek(r, 0) != '>') {
		fail(r, "invalid named capture");
		return;
	}
	r->at++;
}

/* At '('. *item false: only flags were set, there is nothing to repeat. */
static struct part group_take(struct reader *r, bool *item)
{
	struct part inner;

	r->at++;
	if (peek(r, 0) == '?') {
		r->at++;
		if (peek(r, 0) == 'P' && peek(r, 1) == '<') {
			r->at += 2;
			name_take(r);
		} else if (peek(r, 0) == '<') {
			r->at++;
			name_take(r);
		} else {
			flags_take(r, item);
			if (!*item)
				return (struct part){ true, 1 };
		}
	}
	if (++r->depth > MAX_GROUPS)
		return fail(r, "expression nests too deeply");
	inner = alternatives(r);
	r->depth--;
	if (peek(r, 0) != ')')
		return fail(r, "missing closing )");
	r->at++;
	return inner;
}

/* One thing that may be repeated; *item false: it was nothing after all. */
static struct part atom(struct reader *r, bool *item)
{
	static const struct part one = { false, 1 }, nothing = { true, 1 };
	int c = peek(r, 0), next = peek(r, 1);

	if (c == '(')
		return group_take(r, item);
	if (c == '[') {
		class_take(r);
		return one;
	}
	if (c == '^' || c == '$') {
		r->at++;
		return nothing;
	}
	if (class_escape(r))
		return one;
	if (c == '\\' && next >= 0 && strchr("AzbB", next)) {
		r->at += 2;   /* no word ends in the empty text, so \b never matches it */
		return next == 'b' ? one : nothing;
	}
	if (c == '\\') {
		r->at++;
		escape_take(r);
		return one;
	}
	rune_take(r);
	return one;
}

/* A repetition's operator with its optional '?', if there is one here. */
static bool repeat_take(struct reader *r, long *low, long *high)
{
	int c = peek(r, 0);

	if (c == '*' || c == '+' || c == '?') {
		*low = c == '+';
		*high = -1;   /* no count: it multiplies nothing */
		r->at++;
	} else if (c != '{' || !count_take(r, low, high)) {
		return false;
	}
	r->at += peek(r, 0) == '?';
	return true;
}

static struct part sequence(struct reader *r)
{
	struct part before = { true, 1 }, last = { true, 1 };
	bool have = false, repeated = false, quoted = false;

	while (r->at < r->text.n && (quoted || (peek(r, 0) != '|' && peek(r, 0) != ')'))) {
		long low, high;
		bool item = true;
		struct part one = { false, 1 };
		if (peek(r, 0) == '\\' && peek(r, 1) == (quoted ? 'E' : 'Q')) {
			/* literal text; a repetition after it takes its last character */
			quoted = !quoted;
			repeated = false;
			r->at += 2;
			continue;
		}
		if (!quoted && repeat_take(r, &low, &high)) {
			long most = high > low ? high : low;
			if (!have)
				return fail(r, "missing argument to repetition operator");
			if (repeated)
				return fail(r, "invalid nested repetition operator");
			if (low > MAX_REPEAT || high > MAX_REPEAT || (high >= 0 && low > high))
				return fail(r, "invalid repeat count");
			last.empty = last.empty || low == 0;
			last.repeats *= most > 1 ? (unsigned)most : 1;
			if (last.repeats > MAX_REPEAT)
				return fail(r, "invalid repeat count");
			repeated = true;
			continue;
		}
		repeated = false;
		if (quoted)
			rune_take(r);
		else
			one = atom(r, &item);
		if (!item)
			continue;
		before.empty = before.empty && last.empty;
		before.repeats = last.repeats > before.repeats ? last.repeats : before.repeats;
		last = one;
		have = true;
	}
	before.empty = before.empty && last.empty;
	before.repeats = last.repeats > before.repeats ? last.repeats : before.repeats;
	return before;
}

static struct part alternatives(struct reader *r)
{
	struct part all = sequence(r);

	while (peek(r, 0) == '|') {
		struct part one;
		r->at++;
		one = sequence(r);
		all.empty = all.empty || one.empty;
		if (one.repeats > all.repeats)
			all.repeats = one.repeats;
	}
	return all;
}

const char *regexp_check(struct str pattern, bool *matches_empty)
{
	struct reader r = { .text = pattern };
	struct part all;

	*matches_empty = false;
	if (pattern.n > MAX_PATTERN)
		return "expression too large";
	if (!utf8_valid(pattern))
		return "invalid UTF-8";
	all = alternatives(&r);
	if (!r.problem && r.at < pattern.n)
		return "unexpected )";
	*matches_empty = all.empty;
	return r.problem;
}
