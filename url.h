/* url.h: URLs taken apart as apps know them from Python, and written as browsers and Rust write them.
 *
 * No error text here holds any part of the URL: it may carry a password. */
#ifndef URL_H
#define URL_H

#include "data.h"

/* A URL in parts, with the rules of Python's urlparse. The first six are never absent; the others are NOSTR when they are. */
struct url {
	struct str scheme, netloc, path, params, query, fragment;
	struct str username, password;    /* not percent-decoded */
	struct str hostname;              /* lower case, an IPv6 address without its brackets */
	struct str port;                  /* decimal, no leading zeros */
	struct str hosts;                 /* netloc without the user: "a:1,b:2" */
};
/* Several hosts may stand between commas, as databases' drivers take them: hostname and port are the first one's. ERR_INPUT: a
 * port that is none, brackets that do not match. */
int url_split(struct arena *, struct str text, struct url *, struct err *);

enum url_kind {
	URL_ANY,     /* every scheme */
	URL_HTTP,    /* http and https */
};
/* The URL as the WHATWG's parser serialises it: host in ASCII, default port and dot segments gone. ERR_INPUT says which rule it breaks. */
int url_normalise(struct arena *, struct str text, enum url_kind, struct str *out, struct err *);
/* A normalised URL with its xn-- labels back in Unicode. */
struct str url_unicode(struct arena *, struct str normalised);

/* For the user part of a URL: all but RFC 3986's unreserved characters and sub-delims become %XX. */
struct str url_encode(struct arena *, struct str);
/* %XX undone; what is no escape stays. */
struct str url_decode(struct arena *, struct str);
/* An IPv6 address in brackets; any other host as it is. */
struct str url_host(struct arena *, struct str host);
bool ip_address(struct str);              /* IPv4 or IPv6, without brackets or zone */

#endif
