/* values.c: values as the charm takes them: checked, collected into messages, written into variables. */
#include "values.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Checking --- */

/* Digits without a sign's "+", leading zeros and the underscores between digits: NOSTR if `s` is no integer. A fraction of zeros is none. */
static struct str integer_digits(struct arena *a, struct str s)
{
	struct buf out = { .arena = a };
	bool digit = false;
	size_t i = 0;

	s = str_trim(s);
	if (s.n > 0 && (s.p[0] == '-' || s.p[0] == '+')) {
		if (s.p[0] == '-')
			buf_addc(&out, '-');
		i = 1;
	}
	size_t sign = out.n;
	for (; i < s.n && (is_digit(s.p[i]) || (s.p[i] == '_' && digit)); i++) {
		digit = s.p[i] != '_';
		if (digit && !(out.n == sign + 1 && out.p[sign] == '0'))
			buf_addc(&out, s.p[i]);
		else if (digit)
			out.p[sign] = s.p[i];
	}
	if (!digit)
		return NOSTR;
	if (i < s.n && s.p[i] == '.')
		for (i++; i < s.n && s.p[i] == '0'; i++)
			;
	if (i < s.n)
		return NOSTR;
	return str_is(buf_str(&out), "-0") ? S("0") : buf_str(&out);
}

const char *value_int(struct arena *a, const struct node *value, struct str *digits)
{
	enum node_kind kind = value ? value->kind : NODE_NULL;

	if (kind == NODE_BOOL) {
		*digits = node_true(value) ? S("1") : S("0");
		return NULL;
	}
	if (kind == NODE_FLOAT) {
		char *text = str_c(a, value->text), *end;
		double number = strtod(text, &end);
		if (*end || !isfinite(number))   /* .inf and .nan are words of YAML */
			return "Input should be a finite number";
		if (number != floor(number))
			return "Input should be a valid integer, got a number with a fractional part";
		*digits = integer_digits(a, str_f(a, "%.0f", number));
		return NULL;
	}
	if (kind != NODE_INT && kind != NODE_STRING)
		return "Input should be a valid integer";
	*digits = integer_digits(a, value->text);
	return digits->p ? NULL : "Input should be a valid integer, unable to parse string as an integer";
}

const char *value_float(struct arena *a, const struct node *value)
{
	char *text, *end;

	if (node_is(value, NODE_INT) || node_is(value, NODE_FLOAT) || node_is(value, NODE_BOOL))
		return NULL;
	if (!node_is(value, NODE_STRING))
		return "Input should be a valid number";
	text = str_c(a, str_trim(value->text));
	strtod(text, &end);
	return *text && !*end ? NULL : "Input should be a valid number, unable to parse string as a number";
}

const char *value_bool(struct arena *a, const struct node *value, bool *out)
{
	static const char *const words[][2] = {   /* false, true */
		{ "0", "1" }, { "f", "t" }, { "n", "y" }, { "no", "yes" }, { "off", "on" }, { "false", "true" },
	};
	struct str text;

	if (!value || value->kind == NODE_NULL || value->kind == NODE_LIST || value->kind == NODE_MAP)
		return "Input should be a valid boolean";
	text = str_lower(a, value->text);
	if (value->kind == NODE_FLOAT)
		text = integer_digits(a, text);   /* 1.0 counts as 1 */
	for (size_t i = 0; i < LEN(words); i++)
		for (int which = 0; which < 2; which++)
			if (str_is(text, words[i][which])) {
				*out = which == 1;
				return NULL;
			}
	return "Input should be a valid boolean, unable to interpret input";
}

const char *value_text(const struct node *value, struct str *text)
{
	if (!node_is(value, NODE_STRING))
		return "Input should be a valid string";
	*text = value->text;
	return NULL;
}

int digits_cmp(struct str digits, int64_t number)
{
	int64_t value;

	if (!str_int(digits, &value))   /* out of range: its sign tells */
		return str_starts(digits, "-") ? -1 : 1;
	return value < number ? -1 : value > number;
}

/* --- Variables --- */

struct str value_variable(struct arena *a, const struct node *value)
{
	if (node_is(value, NODE_STRING))
		return value->text;
	return json_text(a, value, JSON_PYTHON);
}

/* --- Messages --- */

void problem_add(struct arena *a, struct problems *problems, struct str location, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	problems->v = arena_grow(a, problems->v, problems->n, sizeof *problems->v);
	problems->v[problems->n++] = (struct problem){ location, str_vf(a, fmt, args) };
	va_end(args);
}

static bool problem_is_missing(struct arena *a, const struct problem *p)
{
	return str_contains(str_lower(a, p->text), S("required"));
}

/* The locations and the log lines of one kind, each once. */
static struct strs problem_locations(struct arena *a, const struct problems *problems, bool missing, struct strs *log)
{
	struct strs locations = { 0 };

	for (size_t i = 0; i < problems->n; i++) {
		const struct problem *p = &problems->v[i];
		struct str line = str_f(a, "- " FMT ": " FMT, ARG(p->location), ARG(p->text));
		if (problem_is_missing(a, p) != missing)
			continue;
		if (!strs_has(&locations, p->location))
			strs_add(a, &locations, p->location);
		if (!strs_has(log, line))
			strs_add(a, log, line);
	}
	return locations;
}

struct str problems_message(struct arena *a, const struct problems *problems, struct strs *log)
{
	struct strs missing, invalid;
	struct buf out = { .arena = a };

	strs_add(a, log, S("invalid configuration:"));
	missing = problem_locations(a, problems, true, log);
	invalid = problem_locations(a, problems, false, log);
	if (missing.n > 0)
		buf_addf(&out, "missing options: " FMT, ARG(strs_join(a, &missing, ", ")));
	buf_adds(&out, "        ");
	if (missing.n > 0 && invalid.n > 0)
		buf_adds(&out, ", ");
	if (invalid.n > 0)
		buf_addf(&out, "invalid options: " FMT, ARG(strs_join(a, &invalid, ", ")));
	return buf_str(&out);
}
