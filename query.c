/* query.c: what PromQL and LogQL share: quoted texts, durations, matchers, and the putting in of new ones. */
#include "query.h"
#include "regexp.h"

#include <string.h>

/* The value of up to `digits` digits of a base at *at; -1 if there are fewer. */
static long digits_take(struct str text, size_t *at, int digits, int base)
{
	long value = 0;

	for (; digits-- > 0; ++*at) {
		char c = *at < text.n ? text.p[*at] : '\0';
		int digit = is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
		if (digit >= base)
			return -1;
		value = value * base + digit;
	}
	return value;
}

static void utf8_put(struct buf *out, long rune)
{
	if (rune < 0x80) {
		buf_addc(out, (char)rune);
	} else if (rune < 0x800) {
		buf_addc(out, (char)(0xc0 | rune >> 6));
		buf_addc(out, (char)(0x80 | (rune & 0x3f)));
	} else {
		if (rune < 0x10000) {
			buf_addc(out, (char)(0xe0 | rune >> 12));
		} else {
			buf_addc(out, (char)(0xf0 | rune >> 18));
			buf_addc(out, (char)(0x80 | (rune >> 12 & 0x3f)));
		}
		buf_addc(out, (char)(0x80 | (rune >> 6 & 0x3f)));
		buf_addc(out, (char)(0x80 | (rune & 0x3f)));
	}
}

/* One escape, at the character after the backslash. */
static const char *escape_take(struct str text, size_t *at, char quote, struct buf *out)
{
	static const char plain[] = "abfnrtv\\", value[] = "\a\b\f\n\r\t\v\\";
	char c = *at < text.n ? text.p[*at] : '\0';
	const char *found = c ? strchr(plain, c) : NULL;
	long rune;

	if (found || (c && c == quote)) {
		buf_addc(out, found ? value[found - plain] : quote);
		++*at;
		return NULL;
	}
	if (c >= '0' && c <= '7') {
		rune = digits_take(text, at, 3, 8);
		if (rune < 0 || rune > 255)
			return "invalid octal escape";
		buf_addc(out, (char)rune);
		return NULL;
	}
	if (c != 'x' && c != 'u' && c != 'U')
		return "unknown escape sequence";
	++*at;
	rune = digits_take(text, at, c == 'x' ? 2 : c == 'u' ? 4 : 8, 16);
	if (rune < 0)
		return "invalid hexadecimal escape";
	if (c == 'x') {
		buf_addc(out, (char)rune);   /* a byte, which need not be a character */
		return NULL;
	}
	if (rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000))
		return "escape sequence is no character";
	utf8_put(out, rune);
	return NULL;
}

const char *quoted_take(struct arena *arena, struct str query, size_t *at, bool single, struct str *value)
{
	struct buf out = { .arena = arena };
	char quote = query.p[(*at)++];

	if (quote == '\'' && !single)
		return "unexpected quote";
	while (*at < query.n) {
		char c = query.p[*at];
		if (c == quote) {
			++*at;
			*value = buf_str(&out);
			return NULL;
		}
		if (c == '\n' && quote != '`')
			break;
		if ((unsigned char)c >= 0x80) {
			/* U+FFFD itself is what Prometheus' reader gives for bad UTF-8, so it refuses that, too */
			size_t from = *at;
			int32_t rune = utf8_next(query, at);
			if (rune < 0 || (rune == 0xfffd && single))
				return "invalid UTF-8";
			buf_add(&out, str_sub(query, from, *at));
			continue;
		}
		++*at;
		if (c == '\\' && quote != '`') {
			const char *problem = escape_take(query, at, quote, &out);
			if (problem)
				return problem;
		} else {
			buf_addc(&out, c);
		}
	}
	return "unterminated quoted text";
}

bool match_takes_empty(enum match match, struct str value, const char **problem)
{
	bool empty = value.n == 0;

	if (match == MATCH_REGEXP || match == MATCH_NOT_REGEXP)
		*problem = regexp_check(value, &empty);
	return match == MATCH_EQUAL || match == MATCH_REGEXP ? empty : !empty;
}

bool duration_read(struct str text, double *seconds)
{
	static const struct { const char *name; double seconds; } units[] = {
		{ "y", 365 * 86400.0 }, { "w", 7 * 86400.0 }, { "d", 86400 }, { "h", 3600 }, { "m", 60 }, { "s", 1 }, { "ms", 0.001 },
	};
	size_t at = 0, next = 0;

	*seconds = 0;
	if (str_is(text, "0"))
		return true;
	while (at < text.n) {
		double count = 0;
		size_t digits = at, unit, i;
		for (; at < text.n && is_digit(text.p[at]); at++)
			count = count * 10 + (text.p[at] - '0');
		unit = at;
		while (at < text.n && !is_digit(text.p[at]))
			at++;
		if (unit == digits)
			return false;
		for (i = next; i < LEN(units) && !str_is(str_sub(text, unit, at), units[i].name); i++)
			;
		if (i == LEN(units))
			return false;
		next = i + 1;
		*seconds += count * units[i].seconds;
	}
	/* what 64 bits of nanoseconds hold */
	return text.n > 0 && *seconds <= 9223372036.854775;
}

void place_add(struct arena *arena, struct places *places, size_t at, bool braces, bool empty)
{
	places->v = arena_grow(arena, places->v, places->n, sizeof *places->v);
	places->v[places->n++] = (struct place){ at, braces, empty };
}

static void matchers_write(struct buf *out, const struct matcher *matchers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_addc(out, ',');
		buf_add(out, matchers[i].name);
		buf_adds(out, "=\"");
		for (size_t k = 0; k < matchers[i].value.n; k++) {
			unsigned char c = (unsigned char)matchers[i].value.p[k];
			if (c < 0x20 || c > 0x7e || c == '"' || c == '\\')
				buf_addf(out, "\\x%02x", c);
			else
				buf_addc(out, (char)c);
		}
		buf_addc(out, '"');
	}
}

struct str places_fill(struct arena *arena, struct str query, const struct places *places, const struct matcher *matchers, size_t n)
{
	struct buf out = { .arena = arena };
	size_t at = 0;

	for (size_t i = 0; i < places->n && n; i++) {
		const struct place *place = &places->v[i];
		buf_add(&out, str_sub(query, at, place->at));
		at = place->at;
		if (!place->braces)
			buf_addc(&out, '{');
		matchers_write(&out, matchers, n);
		if (!place->braces)
			buf_addc(&out, '}');
		else if (!place->empty)
			buf_addc(&out, ',');
	}
	buf_add(&out, str_sub(query, at, query.n));
	return buf_str(&out);
}
