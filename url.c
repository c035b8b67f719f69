/* url.c: two readings of a URL. Apps get the parts that Python's urlparse finds, because that is what they were written against;
 * validated URLs are reprinted by the WHATWG's rules, because that is what they have always been compared with. */
#include "url.h"

#include <arpa/inet.h>
#include <string.h>

enum { MAX_HTTP_URL = 2083 /* characters */, MAX_CODE_POINTS = 1024 /* of a label */ };

static bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

static int hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

static void percent(struct buf *out, unsigned char c)
{
	static const char digits[] = "0123456789ABCDEF";

	buf_addc(out, '%');
	buf_addc(out, digits[c >> 4]);
	buf_addc(out, digits[c & 15]);
}

struct str url_encode(struct arena *a, struct str text)
{
	struct buf out = { .arena = a };

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (is_alpha(c) || is_digit(c) || one_of(c, "-._~" "!$&'()*+,;="))
			buf_addc(&out, c);
		else
			percent(&out, (unsigned char)c);
	}
	return buf_str(&out);
}

struct str url_decode(struct arena *a, struct str text)
{
	struct buf out = { .arena = a };

	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '%' && i + 2 < text.n && hex_value(text.p[i + 1]) >= 0 && hex_value(text.p[i + 2]) >= 0) {
			buf_addc(&out, (char)(hex_value(text.p[i + 1]) * 16 + hex_value(text.p[i + 2])));
			i += 2;
		} else {
			buf_addc(&out, text.p[i]);
		}
	}
	return buf_str(&out);
}

/* --- Addresses. --- */

static bool address_read(int family, struct str text, unsigned char bytes[16])
{
	char copy[INET6_ADDRSTRLEN];

	if (text.n == 0 || text.n >= sizeof copy || memchr(text.p, '\0', text.n))
		return false;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	return inet_pton(family, copy, bytes) == 1;
}

bool ip_address(struct str text)
{
	unsigned char bytes[16];

	return address_read(AF_INET, text, bytes) || address_read(AF_INET6, text, bytes);
}

struct str url_host(struct arena *a, struct str host)
{
	unsigned char bytes[16];

	return address_read(AF_INET6, host, bytes) ? str_f(a, "[" FMT "]", ARG(host)) : host;
}

/* The longest run of two or more zero groups is "::", the first of several; an embedded IPv4 address is written as groups. */
static struct str ipv6_text(struct arena *a, const unsigned char bytes[16])
{
	struct buf out = { .arena = a };
	unsigned group[8];
	int best = -1, longest = 1;

	for (size_t i = 0; i < 8; i++)
		group[i] = (unsigned)bytes[2 * i] << 8 | bytes[2 * i + 1];
	for (int i = 0; i < 8; i++) {
		int run = 0;

		while (i + run < 8 && group[i + run] == 0)
			run++;
		if (run > longest) {
			best = i;
			longest = run;
		}
	}
	for (int i = 0; i < 8; i++) {
		if (i == best) {
			buf_adds(&out, "::");
			i += longest - 1;
			continue;
		}
		buf_addf(&out, "%s%x", i > 0 && i != best + longest ? ":" : "", group[i]);
	}
	return buf_str(&out);
}

/* --- Code points. --- */

static void add_code_point(struct buf *out, uint32_t code)
{
	if (code < 0x80) {
		buf_addc(out, (char)code);
	} else if (code < 0x800) {
		buf_addc(out, (char)(0xc0 | code >> 6));
		buf_addc(out, (char)(0x80 | (code & 63)));
	} else if (code < 0x10000) {
		buf_addc(out, (char)(0xe0 | code >> 12));
		buf_addc(out, (char)(0x80 | (code >> 6 & 63)));
		buf_addc(out, (char)(0x80 | (code & 63)));
	} else {
		buf_addc(out, (char)(0xf0 | code >> 18));
		buf_addc(out, (char)(0x80 | (code >> 12 & 63)));
		buf_addc(out, (char)(0x80 | (code >> 6 & 63)));
		buf_addc(out, (char)(0x80 | (code & 63)));
	}
}

/* Capital letters of the scripts that have them: step 1 is a run, step 2 are pairs of a capital and its small letter. */
static const struct { uint32_t first, last; int32_t delta; unsigned step; } capitals[] = {
	{ 'A', 'Z', 32, 1 },
	{ 0xc0, 0xd6, 32, 1 }, { 0xd8, 0xde, 32, 1 },
	{ 0x100, 0x12e, 1, 2 }, { 0x132, 0x136, 1, 2 }, { 0x139, 0x147, 1, 2 }, { 0x14a, 0x176, 1, 2 }, { 0x178, 0x178, -121, 1 },
	{ 0x179, 0x17d, 1, 2 }, { 0x1cd, 0x1db, 1, 2 }, { 0x1de, 0x1ee, 1, 2 }, { 0x1f8, 0x21e, 1, 2 }, { 0x222, 0x232, 1, 2 },
	{ 0x386, 0x386, 38, 1 }, { 0x388, 0x38a, 37, 1 }, { 0x38c, 0x38c, 64, 1 }, { 0x38e, 0x38f, 63, 1 },
	{ 0x391, 0x3a1, 32, 1 }, { 0x3a3, 0x3ab, 32, 1 },
	{ 0x400, 0x40f, 80, 1 }, { 0x410, 0x42f, 32, 1 }, { 0x460, 0x480, 1, 2 }, { 0x48a, 0x4be, 1, 2 }, { 0x4c0, 0x4c0, 15, 1 }, { 0x4c1, 0x4cd, 1, 2 },
	{ 0x4d0, 0x52e, 1, 2 },
	{ 0x531, 0x556, 48, 1 },
	{ 0x1e00, 0x1e94, 1, 2 }, { 0x1ea0, 0x1efe, 1, 2 },
	{ 0xff21, 0xff3a, 32, 1 }, { 0x10400, 0x10427, 40, 1 },
};

static uint32_t small_letter(uint32_t code)
{
	for (size_t i = 0; i < LEN(capitals); i++)
		if (code >= capitals[i].first && code <= capitals[i].last && (code - capitals[i].first) % capitals[i].step == 0)
			return (uint32_t)((int32_t)code + capitals[i].delta);
	return code;
}

static struct str lower_case(struct arena *a, struct str text)
{
	struct buf out = { .arena = a };

	if (!utf8_valid(text))
		return str_lower(a, text);
	for (size_t i = 0; i < text.n; )
		add_code_point(&out, small_letter((uint32_t)utf8_next(text, &i)));
	return buf_str(&out);
}

/* --- Python's urlparse. --- */

static bool scheme_char(char c)
{
	return is_alpha(c) || is_digit(c) || one_of(c, "+.-");
}

/* The length of a scheme before its colon; 0: there is none. */
static size_t scheme_length(struct str text)
{
	ptrdiff_t colon = str_find(text, ':');

	if (colon <= 0 || !is_alpha(text.p[0]))
		return 0;
	for (ptrdiff_t i = 0; i < colon; i++)
		if (!scheme_char(text.p[i]))
			return 0;
	return (size_t)colon;
}

static bool scheme_has_params(struct str scheme)
{
	static const char *const with_params[] = {
		"", "ftp", "hdl", "prospero", "http", "imap", "https", "shttp", "rtsp", "rtsps", "rtspu", "sip", "sips", "mms", "sftp", "tel",
	};

	for (size_t i = 0; i < LEN(with_params); i++)
		if (str_is(scheme, with_params[i]))
			return true;
	return false;
}

static int port_read(struct arena *a, struct str text, struct str *port, struct err *err)
{
	unsigned long n = 0;

	for (size_t i = 0; i < text.n; i++) {
		if (!is_digit(text.p[i]))
			return err_set(err, ERR_INPUT, "the port is no number");
		n = n * 10 + (unsigned long)(text.p[i] - '0');
		if (n > 65535)
			return err_set(err, ERR_INPUT, "the port is greater than 65535");
	}
	*port = str_f(a, "%lu", n);
	return 0;
}

/* RFC 3986's "v" HEX "." characters. */
static bool future_address(struct str text)
{
	size_t i = 1;

	if (text.n < 4 || (text.p[0] != 'v' && text.p[0] != 'V'))
		return false;
	while (i < text.n && hex_value(text.p[i]) >= 0)
		i++;
	return i > 1 && i + 1 < text.n && text.p[i] == '.';
}

/* One host with its port, "h", "h:1" or "[::1]:1"; what it lacks is NOSTR. */
static int host_split(struct arena *a, struct str text, struct str *host, struct str *port, struct err *err)
{
	ptrdiff_t open = str_find(text, '['), close = str_find(text, ']'), colon;
	struct str digits = NOSTR;

	*host = *port = NOSTR;
	if (open >= 0 || close >= 0) {
		unsigned char bytes[16];
		struct str inside, rest, address = NOSTR;

		if (open != 0 || close < 0)
			return err_set(err, ERR_INPUT, "the brackets around the host do not match");
		inside = rest = str_sub(text, 1, (size_t)close);
		str_split(&rest, '%', &address);   /* behind it is a zone */
		if (!address_read(AF_INET6, address, bytes) && !future_address(inside))
			return err_set(err, ERR_INPUT, "there is no IPv6 address between the brackets");
		*host = inside;
		digits = str_sub(text, (size_t)close + 1, text.n);
		if (digits.n > 0 && digits.p[0] != ':')
			return err_set(err, ERR_INPUT, "there is more than a port after the brackets");
		digits = str_sub(digits, 1, digits.n);
	} else {
		colon = str_find(text, ':');
		*host = colon < 0 ? text : str_sub(text, 0, (size_t)colon);
		if (colon >= 0)
			digits = str_sub(text, (size_t)colon + 1, text.n);
	}
	if (host->n == 0) {
		*host = NOSTR;
	} else {
		ptrdiff_t zone = str_find(*host, '%');

		*host = zone < 0 ? lower_case(a, *host) : str_f(a, FMT FMT, ARG(lower_case(a, str_sub(*host, 0, (size_t)zone))),
		                                                ARG(str_sub(*host, (size_t)zone, host->n)));
	}
	return digits.n > 0 ? port_read(a, digits, port, err) : 0;
}

int url_split(struct arena *a, struct str text, struct url *out, struct err *err)
{
	struct buf clean = { .arena = a };
	struct str rest, hosts, host;
	size_t start = 0, n;
	ptrdiff_t at, colon, hash, question;
	bool first = true;

	memset(out, 0, sizeof *out);
	while (start < text.n && (unsigned char)text.p[start] <= ' ')
		start++;
	for (size_t i = start; i < text.n; i++)
		if (!one_of(text.p[i], "\t\r\n"))
			buf_addc(&clean, text.p[i]);
	rest = buf_str(&clean);
	out->scheme = out->netloc = out->params = out->query = out->fragment = S("");

	n = scheme_length(rest);
	if (n > 0) {
		out->scheme = str_lower(a, str_sub(rest, 0, n));
		rest = str_sub(rest, n + 1, rest.n);
	}
	if (str_starts(rest, "//")) {
		n = 2;
		while (n < rest.n && !one_of(rest.p[n], "/?#"))
			n++;
		out->netloc = str_sub(rest, 2, n);
		rest = str_sub(rest, n, rest.n);
	}
	hash = str_find(rest, '#');
	if (hash >= 0) {
		out->fragment = str_sub(rest, (size_t)hash + 1, rest.n);
		rest = str_sub(rest, 0, (size_t)hash);
	}
	question = str_find(rest, '?');
	if (question >= 0) {
		out->query = str_sub(rest, (size_t)question + 1, rest.n);
		rest = str_sub(rest, 0, (size_t)question);
	}
	if (scheme_has_params(out->scheme)) {
		ptrdiff_t slash = str_rfind(rest, '/');
		size_t from = slash < 0 ? 0 : (size_t)slash;
		ptrdiff_t semicolon = str_find(str_sub(rest, from, rest.n), ';');

		if (semicolon >= 0) {
			out->params = str_sub(rest, from + (size_t)semicolon + 1, rest.n);
			rest = str_sub(rest, 0, from + (size_t)semicolon);
		}
	}
	out->path = rest;

	hosts = out->netloc;
	at = str_rfind(hosts, '@');
	if (at >= 0) {
		struct str user = str_sub(hosts, 0, (size_t)at);

		hosts = str_sub(hosts, (size_t)at + 1, hosts.n);
		colon = str_find(user, ':');
		out->username = colon < 0 ? user : str_sub(user, 0, (size_t)colon);
		if (colon >= 0)
			out->password = str_sub(user, (size_t)colon + 1, user.n);
	}
	out->hosts = hosts;
	if ((str_find(out->netloc, '[') >= 0) != (str_find(out->netloc, ']') >= 0))
		return err_set(err, ERR_INPUT, "a bracket has no counterpart");
	for (rest = hosts; str_split(&rest, ',', &host); first = false) {
		struct str name, port;

		if (host_split(a, host, &name, &port, err) < 0)
			return -1;
		if (first) {
			out->hostname = name;
			out->port = port;
		}
	}
	return 0;
}

/* --- Punycode (RFC 3492). --- */

enum { PUNY_BASE = 36, PUNY_TMIN = 1, PUNY_TMAX = 26, PUNY_SKEW = 38, PUNY_DAMP = 700, PUNY_BIAS = 72, PUNY_N = 128 };

static uint32_t puny_adapt(uint32_t delta, uint32_t points, bool first)
{
	uint32_t k = 0;

	delta = first ? delta / PUNY_DAMP : delta / 2;
	delta += delta / points;
	for (; delta > (PUNY_BASE - PUNY_TMIN) * PUNY_TMAX / 2; k += PUNY_BASE)
		delta /= PUNY_BASE - PUNY_TMIN;
	return k + (PUNY_BASE - PUNY_TMIN + 1) * delta / (delta + PUNY_SKEW);
}

static uint32_t puny_threshold(uint32_t k, uint32_t bias)
{
	return k <= bias ? PUNY_TMIN : k >= bias + PUNY_TMAX ? PUNY_TMAX : k - bias;
}

static char puny_digit(uint32_t d)
{
	return (char)(d < 26 ? 'a' + d : '0' + d - 26);
}

/* Labels are at most MAX_CODE_POINTS long, so that no product below leaves 32 bits. */
static void puny_encode(struct buf *out, const uint32_t *code, size_t count)
{
	uint32_t n = PUNY_N, delta = 0, bias = PUNY_BIAS, handled = 0, basic;

	for (size_t i = 0; i < count; i++) {
		if (code[i] < 0x80) {
			buf_addc(out, (char)code[i]);
			handled++;
		}
	}
	basic = handled;
	if (basic > 0)
		buf_addc(out, '-');
	while (handled < count) {
		uint32_t next = UINT32_MAX;

		for (size_t i = 0; i < count; i++)
			if (code[i] >= n && code[i] < next)
				next = code[i];
		delta += (next - n) * (handled + 1);
		n = next;
		for (size_t i = 0; i < count; i++) {
			if (code[i] < n)
				delta++;
			if (code[i] == n) {
				uint32_t q = delta;

				for (uint32_t k = PUNY_BASE; ; k += PUNY_BASE) {
					uint32_t t = puny_threshold(k, bias);

					if (q < t)
						break;
					buf_addc(out, puny_digit(t + (q - t) % (PUNY_BASE - t)));
					q = (q - t) / (PUNY_BASE - t);
				}
				buf_addc(out, puny_digit(q));
				bias = puny_adapt(delta, handled + 1, handled == basic);
				delta = 0;
				handled++;
			}
		}
		delta++;
		n++;
	}
}

/* The code points of a label without its "xn--"; -1 when it is no punycode. */
static int puny_decode(struct str text, uint32_t code[MAX_CODE_POINTS], size_t *count)
{
	ptrdiff_t dash = str_rfind(text, '-');
	size_t at = dash > 0 ? (size_t)dash + 1 : dash == 0 ? 1 : 0;
	uint32_t n = PUNY_N, i = 0, bias = PUNY_BIAS;

	*count = 0;
	if (text.n >= MAX_CODE_POINTS)
		return -1;
	for (ptrdiff_t j = 0; j < dash; j++)
		code[(*count)++] = (unsigned char)text.p[j];
	while (at < text.n) {
		uint32_t before = i, w = 1;

		for (uint32_t k = PUNY_BASE; ; k += PUNY_BASE) {
			uint32_t t = puny_threshold(k, bias), digit;
			char c;

			if (at >= text.n)
				return -1;
			c = text.p[at++];
			if (is_digit(c))
				digit = (uint32_t)(c - '0' + 26);
			else if (is_alpha(c))
				digit = (uint32_t)((c | 32) - 'a');
			else
				return -1;
			if (digit > (UINT32_MAX - i) / w)
				return -1;
			i += digit * w;
			if (digit < t)
				break;
			if (w > UINT32_MAX / (PUNY_BASE - t))
				return -1;
			w *= PUNY_BASE - t;
		}
		bias = puny_adapt(i - before, (uint32_t)*count + 1, before == 0);
		if (i / (*count + 1) > UINT32_MAX - n)
			return -1;
		n += i / (uint32_t)(*count + 1);
		i %= (uint32_t)(*count + 1);
		if (n > 0x10ffff || (n >= 0xd800 && n < 0xe000))
			return -1;
		memmove(code + i + 1, code + i, (*count - i) * sizeof *code);
		code[i++] = n;
		(*count)++;
	}
	return 0;
}

/* --- Hosts by the WHATWG. --- */

static const char forbidden_host[] = " #/:<>?@[\\]^|";

/* What a name may be written with besides its plain form: other widths, other full stops, invisible characters. NOTHING: no
 * character stands there. */
enum { NOTHING = 0x110000 };

static uint32_t plain_form(uint32_t code)
{
	if (code >= 0xff01 && code <= 0xff5e)
		code -= 0xfee0;
	if (code == 0x3002 || code == 0xff61)
		return '.';
	if (code == 0xad || code == 0x200b || code == 0x2060 || code == 0xfeff || (code >= 0xfe00 && code <= 0xfe0f))
		return NOTHING;
	return small_letter(code);
}

/* Is what follows "xn--" the punycode of a label that needs it, in its plain form? */
static bool puny_valid(struct str text)
{
	uint32_t code[MAX_CODE_POINTS];
	size_t count;
	bool needed = false;

	if (puny_decode(text, code, &count) < 0)
		return false;
	for (size_t i = 0; i < count; i++) {
		if ((code[i] >= 0x80 && code[i] < 0xa0) || plain_form(code[i]) != code[i])
			return false;
		needed |= code[i] >= 0x80;
	}
	return needed;
}

/* A host name in ASCII: small letters, each label with other characters as xn--. */
static int domain_ascii(struct arena *a, struct str text, struct str *out, struct err *err)
{
	struct buf plain = { .arena = a }, ascii = { .arena = a };
	struct str rest, label;
	bool first = true;

	for (size_t i = 0; i < text.n; ) {
		uint32_t code = plain_form((uint32_t)utf8_next(text, &i));

		if (code != NOTHING)
			add_code_point(&plain, code);
	}
	rest = buf_str(&plain);
	while (str_split(&rest, '.', &label)) {
		uint32_t code[MAX_CODE_POINTS];
		size_t count = 0;
		bool other = false;

		if (!first)
			buf_addc(&ascii, '.');
		first = false;
		if (label.n >= MAX_CODE_POINTS)
			return err_set(err, ERR_INPUT, "the host name is too long");
		for (size_t i = 0; i < label.n; ) {
			code[count] = (uint32_t)utf8_next(label, &i);
			other |= code[count++] >= 0x80;
		}
		if (str_starts(label, "xn--") && (other || !puny_valid(str_sub(label, 4, label.n))))
			return err_set(err, ERR_INPUT, "a part of the host name is no punycode");
		if (other) {
			buf_adds(&ascii, "xn--");
			puny_encode(&ascii, code, count);
		} else {
			buf_add(&ascii, label);
		}
	}
	*out = buf_str(&ascii);
	for (size_t i = 0; i < out->n; i++) {
		char c = out->p[i];

		if ((unsigned char)c <= ' ' || c == 0x7f || c == '%' || one_of(c, forbidden_host))
			return err_set(err, ERR_INPUT, "the host name has a character that no host name may have");
	}
	return 0;
}

/* A part of a numeric IPv4 address: decimal, 0 octal or 0x hexadecimal; false: no number. */
static bool ipv4_number(struct str text, uint64_t *n)
{
	unsigned base = 10;

	if (text.n == 0)
		return false;
	if (text.n >= 2 && text.p[0] == '0' && (text.p[1] == 'x' || text.p[1] == 'X')) {
		base = 16;
		text = str_sub(text, 2, text.n);
	} else if (text.n >= 2 && text.p[0] == '0') {
		base = 8;
		text = str_sub(text, 1, text.n);
	}
	*n = 0;
	for (size_t i = 0; i < text.n; i++) {
		int digit = hex_value(text.p[i]);

		if (digit < 0 || (unsigned)digit >= base)
			return false;
		*n = *n * base + (unsigned)digit;
		if (*n > UINT32_MAX)
			*n = (uint64_t)UINT32_MAX + 1;   /* too large, however many digits follow */
	}
	return true;
}

static bool all_digits(struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		if (!is_digit(text.p[i]))
			return false;
	return text.n > 0;
}

/* A name whose last label is a number is an IPv4 address or an error. */
static int ipv4_read(struct arena *a, struct str name, struct str *out, struct err *err)
{
	struct str rest = name, part, last;
	uint64_t parts[4], n = 0, ignored;
	size_t count = 0;
	ptrdiff_t dot;

	if (rest.n > 0 && rest.p[rest.n - 1] == '.')
		rest.n--;
	dot = str_rfind(rest, '.');
	last = str_sub(rest, (size_t)(dot + 1), rest.n);
	if (!all_digits(last) && !((str_starts(last, "0x") || str_starts(last, "0X")) && ipv4_number(last, &ignored))) {
		*out = name;
		return 0;
	}
	while (str_split(&rest, '.', &part))
		if (count == 4 || !ipv4_number(part, &parts[count++]))
			return err_set(err, ERR_INPUT, "the host is no IPv4 address");
	for (size_t i = 0; i + 1 < count; i++) {
		if (parts[i] > 255)
			return err_set(err, ERR_INPUT, "the host is no IPv4 address");
		n |= parts[i] << (8 * (3 - i));
	}
	if (parts[count - 1] >= (uint64_t)1 << (8 * (5 - count)))
		return err_set(err, ERR_INPUT, "the host is no IPv4 address");
	n |= parts[count - 1];
	*out = str_f(a, "%u.%u.%u.%u", (unsigned)(n >> 24), (unsigned)(n >> 16 & 255), (unsigned)(n >> 8 & 255), (unsigned)(n & 255));
	return 0;
}

static void encode_where(struct buf *out, struct str text, const char *set)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c < ' ' || c >= 0x7f || one_of((char)c, set))
			percent(out, c);
		else
			buf_addc(out, (char)c);
	}
}

static int host_normalise(struct arena *a, struct str text, bool special, struct str *out, struct err *err)
{
	unsigned char bytes[16];
	struct buf opaque = { .arena = a };
	struct str name;

	if (text.n > 0 && text.p[0] == '[') {
		if (text.p[text.n - 1] != ']' || !address_read(AF_INET6, str_sub(text, 1, text.n - 1), bytes))
			return err_set(err, ERR_INPUT, "there is no IPv6 address between the brackets");
		*out = str_f(a, "[" FMT "]", ARG(ipv6_text(a, bytes)));
		return 0;
	}
	if (!special) {
		for (size_t i = 0; i < text.n; i++)
			if (text.p[i] == '\0' || one_of(text.p[i], forbidden_host))
				return err_set(err, ERR_INPUT, "the host has a character that no host may have");
		encode_where(&opaque, text, "");
		*out = buf_str(&opaque);
		return 0;
	}
	name = url_decode(a, text);
	if (!utf8_valid(name))
		return err_set(err, ERR_INPUT, "the host name is no UTF-8");
	if (domain_ascii(a, name, &name, err) < 0)
		return -1;
	if (name.n == 0)
		return err_set(err, ERR_INPUT, "there is no host");
	return ipv4_read(a, name, out, err);
}

/* --- The rest of a URL by the WHATWG. --- */

static const struct { const char *scheme; const char *port; } special_schemes[] = {
	{ "http", "80" }, { "https", "443" }, { "ws", "80" }, { "wss", "443" }, { "ftp", "21" }, { "file", "" },
};

/* The default port of a special scheme; NULL: it is not special. */
static const char *default_port(struct str scheme)
{
	for (size_t i = 0; i < LEN(special_schemes); i++)
		if (str_is(scheme, special_schemes[i].scheme))
			return special_schemes[i].port;
	return NULL;
}

/* "." and "..", also with their dots escaped. */
static int dots(struct str segment)
{
	int n = 0;

	for (size_t i = 0; i < segment.n; n++) {
		if (segment.p[i] == '.')
			i++;
		else if (segment.p[i] == '%' && i + 2 < segment.n && segment.p[i + 1] == '2' && (segment.p[i + 2] | 32) == 'e')
			i += 3;
		else
			return 0;
	}
	return n <= 2 ? n : 0;
}

/* A path that begins with its slash, or is empty: dot segments resolved, the rest escaped where it must be. */
static void path_normalise(struct buf *out, struct arena *a, struct str path, bool special)
{
	struct strs segments = { 0 };
	size_t start = 1;

	if (path.n == 0) {
		if (special)
			buf_addc(out, '/');
		return;
	}
	for (size_t i = 1; i <= path.n; i++) {
		struct str segment;
		bool last = i == path.n;

		if (!last && path.p[i] != '/' && !(special && path.p[i] == '\\'))
			continue;
		segment = str_sub(path, start, i);
		start = i + 1;
		switch (dots(segment)) {
		case 2:
			if (segments.n > 0)
				segments.n--;
			if (last)
				strs_add(a, &segments, S(""));
			break;
		case 1:
			if (last)
				strs_add(a, &segments, S(""));
			break;
		default:
			strs_add(a, &segments, segment);
		}
	}
	for (size_t i = 0; i < segments.n; i++) {
		buf_addc(out, '/');
		encode_where(out, segments.v[i], " \"#<>?`{}");
	}
}

/* Query and fragment, with their marks. */
static void tail_normalise(struct buf *out, struct str tail, bool special)
{
	ptrdiff_t hash = str_find(tail, '#');
	struct str query = hash < 0 ? tail : str_sub(tail, 0, (size_t)hash);

	if (query.n > 0) {
		buf_addc(out, '?');
		encode_where(out, str_sub(query, 1, query.n), special ? " \"#<>'" : " \"#<>");
	}
	if (hash >= 0) {
		buf_addc(out, '#');
		encode_where(out, str_sub(tail, (size_t)hash + 1, tail.n), " \"<>`");
	}
}

/* user:password@host:port of a URL, appended to `out`. */
static int authority_normalise(struct buf *out, struct arena *a, struct str text, const char *standard, bool file, struct err *err)
{
	static const char user_set[] = " \"#<>?`{}/:;=@[\\]^|";
	ptrdiff_t at = str_rfind(text, '@'), colon, bracket;
	struct str hosts = at < 0 ? text : str_sub(text, (size_t)at + 1, text.n), host, port = NOSTR;

	if (at >= 0) {
		struct str user = str_sub(text, 0, (size_t)at), password = NOSTR;

		colon = str_find(user, ':');
		if (colon >= 0) {
			password = str_sub(user, (size_t)colon + 1, user.n);
			user = str_sub(user, 0, (size_t)colon);
		}
		if (hosts.n == 0)
			return err_set(err, ERR_INPUT, "there is no host");
		encode_where(out, user, user_set);
		if (password.n > 0) {
			buf_addc(out, ':');
			encode_where(out, password, user_set);
		}
		if (user.n + password.n > 0)
			buf_addc(out, '@');
	}
	bracket = str_rfind(hosts, ']');
	colon = str_rfind(hosts, ':');
	/* The first colon outside of brackets ends the host: more colons make the port no number. */
	if (bracket < 0)
		colon = str_find(hosts, ':');
	else if (colon < bracket)
		colon = -1;
	host = colon < 0 ? hosts : str_sub(hosts, 0, (size_t)colon);
	if (host.n == 0) {
		if (colon >= 0 || (standard && !file))
			return err_set(err, ERR_INPUT, "there is no host");
		return 0;
	}
	if (host_normalise(a, host, standard != NULL, &host, err) < 0)
		return -1;
	if (file && str_is(host, "localhost"))
		return 0;
	buf_add(out, host);
	if (colon >= 0 && (size_t)colon + 1 < hosts.n) {
		if (file)
			return err_set(err, ERR_INPUT, "a file has no port");
		if (port_read(a, str_sub(hosts, (size_t)colon + 1, hosts.n), &port, err) < 0)
			return -1;
		if (!standard || !str_is(port, standard))
			buf_addf(out, ":" FMT, ARG(port));
	}
	return 0;
}

/* Blanks and control characters off both ends, tabs and line ends out of the middle. */
static struct str url_clean(struct arena *a, struct str text)
{
	struct buf out = { .arena = a };
	size_t from = 0, to = text.n;

	while (from < to && (unsigned char)text.p[from] <= ' ')
		from++;
	while (to > from && (unsigned char)text.p[to - 1] <= ' ')
		to--;
	for (size_t i = from; i < to; i++)
		if (!one_of(text.p[i], "\t\r\n"))
			buf_addc(&out, text.p[i]);
	return buf_str(&out);
}

/* Where the first of `set` is, else the text's end. */
static size_t end_of(struct str text, const char *set)
{
	size_t i = 0;

	while (i < text.n && !one_of(text.p[i], set))
		i++;
	return i;
}

int url_normalise(struct arena *a, struct str text, enum url_kind kind, struct str *out, struct err *err)
{
	struct buf url = { .arena = a };
	struct str rest = url_clean(a, text), scheme;
	const char *standard;
	size_t n;

	if (!utf8_valid(text))
		return err_set(err, ERR_INPUT, "the URL is no UTF-8");
	if (kind == URL_HTTP && text.n > MAX_HTTP_URL)
		return err_set(err, ERR_INPUT, "the URL is longer than %d characters", MAX_HTTP_URL);
	n = scheme_length(rest);
	if (n == 0)
		return err_set(err, ERR_INPUT, "the URL has no scheme");
	scheme = str_lower(a, str_sub(rest, 0, n));
	rest = str_sub(rest, n + 1, rest.n);
	if (kind == URL_HTTP && !str_is(scheme, "http") && !str_is(scheme, "https"))
		return err_set(err, ERR_INPUT, "the scheme is neither http nor https");
	standard = default_port(scheme);
	buf_addf(&url, FMT ":", ARG(scheme));

	if (standard || str_starts(rest, "//")) {
		bool file = str_is(scheme, "file");
		size_t slashes = 2;

		if (file) {
			slashes = str_starts(rest, "//") ? 2 : 0;
		} else if (standard) {   /* however many, and in either direction */
			slashes = 0;
			while (slashes < rest.n && one_of(rest.p[slashes], "/\\"))
				slashes++;
		}
		rest = str_sub(rest, slashes, rest.n);
		n = file && slashes == 0 ? 0 : end_of(rest, standard ? "/\\?#" : "/?#");
		buf_adds(&url, "//");
		if (authority_normalise(&url, a, str_sub(rest, 0, n), standard, file, err) < 0)
			return -1;
		rest = str_sub(rest, n, rest.n);
		n = end_of(rest, "?#");
		if (n > 0 && rest.p[0] != '/' && rest.p[0] != '\\')
			path_normalise(&url, a, str_f(a, "/" FMT, ARG(str_sub(rest, 0, n))), true);
		else
			path_normalise(&url, a, str_sub(rest, 0, n), standard != NULL);
	} else if (str_starts(rest, "/")) {
		struct buf path = { .arena = a };

		n = end_of(rest, "?#");
		path_normalise(&path, a, str_sub(rest, 0, n), false);
		if (str_starts(buf_str(&path), "//"))   /* else it would read as a host */
			buf_adds(&url, "/.");
		buf_add(&url, buf_str(&path));
	} else {
		n = end_of(rest, "?#");
		encode_where(&url, str_sub(rest, 0, n), "");
	}
	tail_normalise(&url, str_sub(rest, n, rest.n), standard != NULL);
	*out = buf_str(&url);
	return 0;
}

struct str url_unicode(struct arena *a, struct str normalised)
{
	struct err err = { .arena = a };
	struct buf out = { .arena = a };
	struct url url;
	struct str rest, label;
	size_t start;
	bool first = true;

	if (url_split(a, normalised, &url, &err) < 0 || url.hosts.n == 0)
		return normalised;
	start = url.scheme.n + 3 + (url.netloc.n - url.hosts.n);
	buf_add(&out, str_sub(normalised, 0, start));
	for (rest = url.hosts; str_split(&rest, '.', &label); first = false) {
		uint32_t code[MAX_CODE_POINTS];
		size_t count;

		if (!first)
			buf_addc(&out, '.');
		if (str_starts(label, "xn--")) {
			size_t colon = end_of(label, ":");

			if (puny_valid(str_sub(label, 4, colon)) && puny_decode(str_sub(label, 4, colon), code, &count) == 0) {
				for (size_t i = 0; i < count; i++)
					add_code_point(&out, code[i]);
				label = str_sub(label, colon, label.n);
			}
		}
		buf_add(&out, label);
	}
	buf_add(&out, str_sub(normalised, start + url.hosts.n, normalised.n));
	return buf_str(&out);
}
