/* URLs taken apart and put together again. What is expected of single-host URLs is what Python's urlparse and a WHATWG parser say of
 * them; of several hosts in one URL, what the project promises. */
#include "test.h"

#include "../url.h"

/* scheme, netloc, path, params, query, fragment, user, password, host, port; no scheme here: an error. */
static const struct { const char *text; const char *parts[10]; } splits[] = {
	{ "postgresql://u:p@h:5432/db", { "postgresql", "u:p@h:5432", "/db", "", "", "", "u", "p", "h", "5432" } },
	{ "postgresql://u@h", { "postgresql", "u@h", "", "", "", "", "u", NULL, "h", NULL } },
	{ "postgresql://@h:1", { "postgresql", "@h:1", "", "", "", "", "", NULL, "h", "1" } },
	{ "postgresql://:p@h", { "postgresql", ":p@h", "", "", "", "", "", "p", "h", NULL } },
	{ "postgresql://u:@h", { "postgresql", "u:@h", "", "", "", "", "u", "", "h", NULL } },
	{ "http://u:p:q@H.Test:080/a;b/c;d?q?r#f#g", { "http", "u:p:q@H.Test:080", "/a;b/c", "d", "q?r", "f#g", "u", "p:q", "h.test", "80" } },
	{ "http://h/a;b/c", { "http", "h", "/a;b/c", "", "", "", NULL, NULL, "h", NULL } },
	{ "redis://h/a;b", { "redis", "h", "/a;b", "", "", "", NULL, NULL, "h", NULL } },
	{ " \thttp://h", { "http", "h", "", "", "", "", NULL, NULL, "h", NULL } },
	{ "http://a\tb", { "http", "ab", "", "", "", "", NULL, NULL, "ab", NULL } },
	{ "HTTP://H", { "http", "H", "", "", "", "", NULL, NULL, "h", NULL } },
	{ "://x", { "", "", "://x", "", "", "", NULL, NULL, NULL, NULL } },
	{ "1a://h", { "", "", "1a://h", "", "", "", NULL, NULL, NULL, NULL } },
	{ "a+b-c.d://h", { "a+b-c.d", "h", "", "", "", "", NULL, NULL, "h", NULL } },
	{ "a_b://h", { "", "", "a_b://h", "", "", "", NULL, NULL, NULL, NULL } },
	{ "//h/p", { "", "h", "/p", "", "", "", NULL, NULL, "h", NULL } },
	{ "//h?q", { "", "h", "", "", "q", "", NULL, NULL, "h", NULL } },
	{ "//h#f", { "", "h", "", "", "", "f", NULL, NULL, "h", NULL } },
	{ "/p?q", { "", "", "/p", "", "q", "", NULL, NULL, NULL, NULL } },
	{ "p", { "", "", "p", "", "", "", NULL, NULL, NULL, NULL } },
	{ "h:1", { "h", "", "1", "", "", "", NULL, NULL, NULL, NULL } },
	{ "mongodb://[::1]:27017/x", { "mongodb", "[::1]:27017", "/x", "", "", "", NULL, NULL, "::1", "27017" } },
	{ "mongodb://[FE80::1%Eth0]/x", { "mongodb", "[FE80::1%Eth0]", "/x", "", "", "", NULL, NULL, "fe80::1%Eth0", NULL } },
	{ "mongodb://[v1.a]/x", { "mongodb", "[v1.a]", "/x", "", "", "", NULL, NULL, "v1.a", NULL } },
	{ "mongodb://[::1", { NULL } },
	{ "mongodb://::1]", { NULL } },
	{ "mongodb://[x]", { NULL } },
	{ "mongodb://h:x", { NULL } },
	{ "mongodb://h:65535", { "mongodb", "h:65535", "", "", "", "", NULL, NULL, "h", "65535" } },
	{ "mongodb://h:65536", { NULL } },
	{ "mongodb://h:", { "mongodb", "h:", "", "", "", "", NULL, NULL, "h", NULL } },
	{ "mongodb://h:0001", { "mongodb", "h:0001", "", "", "", "", NULL, NULL, "h", "1" } },
	{ "mongodb://\xc3\x89:1", { "mongodb", "\xc3\x89:1", "", "", "", "", NULL, NULL, "\xc3\xa9", "1" } },
	{ "amqp://shop:pw@rmq:5672/%2F", { "amqp", "shop:pw@rmq:5672", "/%2F", "", "", "", "shop", "pw", "rmq", "5672" } },
	{ "a://p%2Fw@h", { "a", "p%2Fw@h", "", "", "", "", "p%2Fw", NULL, "h", NULL } },
	{ "a://x@y@h", { "a", "x@y@h", "", "", "", "", "x@y", NULL, "h", NULL } },
	{ "sip:a;b", { "sip", "", "a", "b", "", "", NULL, NULL, NULL, NULL } },
	{ "sip:;b", { "sip", "", "", "b", "", "", NULL, NULL, NULL, NULL } },
	{ "tel:1;2;3", { "tel", "", "1", "2;3", "", "", NULL, NULL, NULL, NULL } },
};

/* As any URL, as an http URL; NULL: an error. */
static const struct { const char *text, *any, *http; } normals[] = {
	{ "http://Shop.Test", "http://shop.test/", "http://shop.test/" },
	{ "https://h:443/a b", "https://h/a%20b", "https://h/a%20b" },
	{ "redis://Cache:6379", "redis://Cache:6379", NULL },
	{ "redis://h:06379", "redis://h:6379", NULL },
	{ "redis://:6379", NULL, NULL },
	{ "redis://h:abc", NULL, NULL },
	{ "/x", NULL, NULL },
	{ "h", NULL, NULL },
	{ "tempo:4318", "tempo:4318", NULL },
	{ "http:h", "http://h/", "http://h/" },
	{ "http:///h", "http://h/", "http://h/" },
	{ "http://1.2.3", "http://1.2.0.3/", "http://1.2.0.3/" },
	{ "http://0x7f.1/", "http://127.0.0.1/", "http://127.0.0.1/" },
	{ "http://256.1.1.1", NULL, NULL },
	{ "http://1.2.3.4.5", NULL, NULL },
	{ "http://[::1]:80/", "http://[::1]/", "http://[::1]/" },
	{ "http://[1:2:0:0:5:0:0:8]/x", "http://[1:2::5:0:0:8]/x", "http://[1:2::5:0:0:8]/x" },
	{ "http://m\xc3\xbcnchen.DE/stra\xc3\x9f""e", "http://xn--mnchen-3ya.de/stra%C3%9Fe", "http://xn--mnchen-3ya.de/stra%C3%9Fe" },
	{ "http://xn--mnchen-3ya.de", "http://xn--mnchen-3ya.de/", "http://xn--mnchen-3ya.de/" },
	{ "http://xn--a/", NULL, NULL },
	{ "http://\xd0\x81\xd0\x96.\xd1\x80\xd1\x84/", "http://xn--f1a7c.xn--p1ai/", "http://xn--f1a7c.xn--p1ai/" },
	{ "http://fa\xc3\x9f.de", "http://xn--fa-hia.de/", "http://xn--fa-hia.de/" },
	{ "http://a.b\xe3\x80\x82""c", "http://a.b.c/", "http://a.b.c/" },
	{ "http://h/../a/./b/%2e%2E/c", "http://h/a/c", "http://h/a/c" },
	{ "http://h\\a\\b", "http://h/a/b", "http://h/a/b" },
	{ "http://u:p@h/", "http://u:p@h/", "http://u:p@h/" },
	{ "http://u@h", "http://u@h/", "http://u@h/" },
	{ "http://u:@h", "http://u@h/", "http://u@h/" },
	{ "http://:p@h", "http://:p@h/", "http://:p@h/" },
	{ "http://@h", "http://h/", "http://h/" },
	{ "redis://u:p w@H:1/x?y#z", "redis://u:p%20w@H:1/x?y#z", NULL },
	{ "redis://user:pass@redis.url", "redis://user:pass@redis.url", NULL },
	{ "redis://@:1", NULL, NULL },
	{ "redis://u@", NULL, NULL },
	{ "redis://", "redis://", NULL },
	{ "redis://h/", "redis://h/", NULL },
	{ "grpc://h:1/../x", "grpc://h:1/x", NULL },
	{ "mailto:a@b c?d e#f g", "mailto:a@b c?d%20e#f%20g", NULL },
	{ "a:/b/../c", "a:/c", NULL },
	{ "a:/..//c", "a:/.//c", NULL },
	{ "a:b", "a:b", NULL },
	{ "http://h?q='\"<> \xc3\xa9", "http://h/?q=%27%22%3C%3E%20%C3%A9", "http://h/?q=%27%22%3C%3E%20%C3%A9" },
	{ "redis://h?q='\"<> \xc3\xa9", "redis://h?q='%22%3C%3E%20%C3%A9", NULL },
	{ "http://h#f`\" \xc3\xa9", "http://h/#f%60%22%20%C3%A9", "http://h/#f%60%22%20%C3%A9" },
	{ "http://h:65536", NULL, NULL },
	{ "http://h:0", "http://h:0/", "http://h:0/" },
	{ "http://h:00080", "http://h/", "http://h/" },
	{ "http://a b/", NULL, NULL },
	{ "http://a%20b/", NULL, NULL },
	{ "http://a%2db/", "http://a-b/", "http://a-b/" },
	{ "http://h%00/", NULL, NULL },
	{ "http://h:/", "http://h/", "http://h/" },
	{ "file:///x", "file:///x", NULL },
	{ "file://localhost/x", "file:///x", NULL },
	{ "file:x", "file:///x", NULL },
	{ "file://h/x", "file://h/x", NULL },
	{ "ftp://h:21/", "ftp://h/", NULL },
	{ "ws://h:80", "ws://h/", NULL },
	{ "wss://H:443/x", "wss://h/x", NULL },
	{ " http://h/ ", "http://h/", "http://h/" },
	{ "http://ex\tample.com", "http://example.com/", "http://example.com/" },
	{ "http://h/{a}|^`[]", "http://h/%7Ba%7D|^%60[]", "http://h/%7Ba%7D|^%60[]" },
	{ "http://h/\xc3\xbc?\xc3\xbc#\xc3\xbc", "http://h/%C3%BC?%C3%BC#%C3%BC", "http://h/%C3%BC?%C3%BC#%C3%BC" },
	{ "http://h..", "http://h../", "http://h../" },
	{ "http://h.", "http://h./", "http://h./" },
	{ "http://1.", "http://0.0.0.1/", "http://0.0.0.1/" },
	{ "http://1..", "http://1../", "http://1../" },
	{ "http://a_b", "http://a_b/", "http://a_b/" },
	{ "http://-a", "http://-a/", "http://-a/" },
	{ "http://a-.b", "http://a-.b/", "http://a-.b/" },
	{ "http://\xef\xbc\xa1\xef\xbc\xa2.\xef\xbd\x83", "http://ab.c/", "http://ab.c/" },
	{ "http://a\xc2\xad""b", "http://ab/", "http://ab/" },
	{ "http://\xc3\xa9.com", "http://xn--9ca.com/", "http://xn--9ca.com/" },
	{ "HTTP://H/", "http://h/", "http://h/" },
	{ "http:/h", "http://h/", "http://h/" },
	{ "http:h:1", "http://h:1/", "http://h:1/" },
	{ "http://[::ffff:1.2.3.4]/", "http://[::ffff:102:304]/", "http://[::ffff:102:304]/" },
	{ "http://[::1%eth0]/", NULL, NULL },
	{ "http://[::1", NULL, NULL },
	{ "http://h]/", NULL, NULL },
	{ "http://v1.x", "http://v1.x/", "http://v1.x/" },
	{ "http://0/", "http://0.0.0.0/", "http://0.0.0.0/" },
	{ "http://0x/", "http://0.0.0.0/", "http://0.0.0.0/" },
	{ "http://08/", NULL, NULL },
	{ "http://1.0x", "http://1.0.0.0/", "http://1.0.0.0/" },
	{ "http://4294967295", "http://255.255.255.255/", "http://255.255.255.255/" },
	{ "http://4294967296", NULL, NULL },
	{ "redis://1.2.3", "redis://1.2.3", NULL },
	{ "redis://h%zz", "redis://h%zz", NULL },
	{ "redis://a|b", NULL, NULL },
	{ "redis://\xc3\xa9", "redis://%C3%A9", NULL },
	{ "redis://[::1]:6379", "redis://[::1]:6379", NULL },
	{ "redis://h:", "redis://h", NULL },
	{ "http://h/%zz%41", "http://h/%zz%41", "http://h/%zz%41" },
	{ "https://localhost/cb", "https://localhost/cb", "https://localhost/cb" },
	{ "http://a,b/", "http://a,b/", "http://a,b/" },
	{ "mongodb://a:1,b:2/x", NULL, NULL },
	{ "redis://None:6379", "redis://None:6379", NULL },
	{ "redis://invalid:url:segments@noturl:None", NULL, NULL },
	{ "redis://:notanumber", NULL, NULL },
	{ "http://h/a/b/../../../c", "http://h/c", "http://h/c" },
	{ "http://h/a/.", "http://h/a/", "http://h/a/" },
	{ "http://h/a/..", "http://h/", "http://h/" },
	{ "http://h/%2E/%2e%2e/x", "http://h/x", "http://h/x" },
	{ "http://h/a\\b\\..", "http://h/a/", "http://h/a/" },
	{ "http://h?x#y", "http://h/?x#y", "http://h/?x#y" },
	{ "http://h?", "http://h/?", "http://h/?" },
	{ "http://h#", "http://h/#", "http://h/#" },
	{ "redis://h?", "redis://h?", NULL },
	{ "redis://h#", "redis://h#", NULL },
	{ "redis://h/a b\"<>`{}", "redis://h/a%20b%22%3C%3E%60%7B%7D", NULL },
	{ "redis://h:6379/0", "redis://h:6379/0", NULL },
	{ "redis://h/./a/../b", "redis://h/b", NULL },
	{ "http://u:p%40w@h", "http://u:p%40w@h/", "http://u:p%40w@h/" },
	{ "http://u:p@w@h", "http://u:p%40w@h/", "http://u:p%40w@h/" },
	{ "http://a.b.c.d.", "http://a.b.c.d./", "http://a.b.c.d./" },
	{ "http://xn--mnchen-3ya.de/", "http://xn--mnchen-3ya.de/", "http://xn--mnchen-3ya.de/" },
	{ "http://XN--MNCHEN-3YA.de/", "http://xn--mnchen-3ya.de/", "http://xn--mnchen-3ya.de/" },
	{ "http://xn--/", NULL, NULL },
	{ "http://xn--a-/", NULL, NULL },
	{ "http://xn--zz-", NULL, NULL },
	{ "http://\xc3\xbc.\xc3\xbc", "http://xn--tda.xn--tda/", "http://xn--tda.xn--tda/" },
	{ "http://\xce\x91\xce\x92\xce\x93.gr", "http://xn--mxacd.gr/", "http://xn--mxacd.gr/" },
	{ "http://\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e.jp", "http://xn--wgv71a119e.jp/", "http://xn--wgv71a119e.jp/" },
	{ "http://a\xe2\x80\x8b""b", "http://ab/", "http://ab/" },
	{ "http://0300.1", "http://192.0.0.1/", "http://192.0.0.1/" },
	{ "http://0xff.0x1", "http://255.0.0.1/", "http://255.0.0.1/" },
	{ "http://1.2.3.4.", "http://1.2.3.4/", "http://1.2.3.4/" },
	{ "http://1.2.3.256", NULL, NULL },
	{ "http://1.65536", "http://1.1.0.0/", "http://1.1.0.0/" },
	{ "http://99999999999", NULL, NULL },
	{ "http://1.2.x", "http://1.2.x/", "http://1.2.x/" },
	{ "http://[1::]", "http://[1::]/", "http://[1::]/" },
	{ "http://[::]", "http://[::]/", "http://[::]/" },
	{ "http://[1:2:3:4:5:6:7:8]", "http://[1:2:3:4:5:6:7:8]/", "http://[1:2:3:4:5:6:7:8]/" },
	{ "http://[1:0:0:2:0:0:0:3]", "http://[1:0:0:2::3]/", "http://[1:0:0:2::3]/" },
	{ "http://[1:0:2:3:4:5:6:7]", "http://[1:0:2:3:4:5:6:7]/", "http://[1:0:2:3:4:5:6:7]/" },
	{ "http://[1:0:0:0:0:0:0:0]", "http://[1::]/", "http://[1::]/" },
	{ "http://[0:0:0:0:0:0:0:1]", "http://[::1]/", "http://[::1]/" },
	{ "http://[::g]", NULL, NULL },
	{ "http://[::1]x", NULL, NULL },
	{ "redis://[::1]", "redis://[::1]", NULL },
	{ "redis://[x]", NULL, NULL },
	{ "redis://H%41", "redis://H%41", NULL },
	{ "redis://a b", NULL, NULL },
	{ "redis://a^b", NULL, NULL },
	{ "redis://u:p@/x", NULL, NULL },
	{ "redis://:p@h", "redis://:p@h", NULL },
	{ "redis://u:@h", "redis://u@h", NULL },
	{ "http://:@h", "http://h/", "http://h/" },
	{ "http://u:p@:80", NULL, NULL },
	{ "http://h:80/", "http://h/", "http://h/" },
	{ "https://h:80/", "https://h:80/", "https://h:80/" },
	{ "wss://h:443", "wss://h/", NULL },
	{ "ftp://h", "ftp://h/", NULL },
	{ "file:///a/../b", "file:///b", NULL },
	{ "file://h/a", "file://h/a", NULL },
	{ "file:a", "file:///a", NULL },
	{ "file://h:1/a", NULL, NULL },
	{ "mailto:x", "mailto:x", NULL },
	{ "x:", "x:", NULL },
	{ "x:/", "x:/", NULL },
	{ "x:/a/..//b", "x:/.//b", NULL },
	{ "x:/a/./b", "x:/a/b", NULL },
	{ "http:", NULL, NULL },
	{ "http://", NULL, NULL },
	{ "http:///", NULL, NULL },
	{ "https:\\h\\p", "https://h/p", "https://h/p" },
	{ "http://h\\p", "http://h/p", "http://h/p" },
	{ "1:x", NULL, NULL },
	{ "ht tp://h", NULL, NULL },
	{ "http://h/\x7f", "http://h/%7F", "http://h/%7F" },
	{ "blob:http://h/", "blob:http://h/", NULL },
	{ "http://18446744073709551616", NULL, NULL },
	{ "http://0x10000000000000001", NULL, NULL },
	{ "http://a\xe2\x81\xa0""b", "http://ab/", "http://ab/" },
	{ "http://a\xef\xbb\xbf""b", "http://ab/", "http://ab/" },
	{ "http://a\xef\xb8\x8f""b", "http://ab/", "http://ab/" },
	{ "http://a\xef\xb8\x80""b", "http://ab/", "http://ab/" },
	{ "http://a\xc2\xad""b.c", "http://ab.c/", "http://ab.c/" },
	{ "http://\xef\xbc\x8e""a.b", "http://.a.b/", "http://.a.b/" },
	{ "http://a\xef\xbd\xa1""b", "http://a.b/", "http://a.b/" },
	{ "http://a\xe3\x80\x82""b", "http://a.b/", "http://a.b/" },
	{ "http://\xef\xbc\xa1\xef\xbd\x9e", "http://a~/", "http://a~/" },
	{ "http://08.1", NULL, NULL },
	{ "http://0x.1", "http://0.0.0.1/", "http://0.0.0.1/" },
	{ "http://1.2.3.0x", "http://1.2.3.0/", "http://1.2.3.0/" },
	{ "http://1..2", NULL, NULL },
	{ "http://.1", NULL, NULL },
	{ "http://a.0xg", "http://a.0xg/", "http://a.0xg/" },
	{ "http://a.0x1", NULL, NULL },
	{ "redis://h\x7f", "redis://h%7F", NULL },
	{ "http://h/\x01", "http://h/", "http://h/" },
	{ "http://a\x01""b/", NULL, NULL },
	{ "http://a%7fb", NULL, NULL },
	{ "http://a%41b", "http://aab/", "http://aab/" },
	{ "http://a%2fb", NULL, NULL },
	{ "http://a%", NULL, NULL },
	{ "http://h/%2e%2e%2f", "http://h/%2e%2e%2f", "http://h/%2e%2e%2f" },
	{ "http://h/..%2e", "http://h/..%2e", "http://h/..%2e" },
	{ "http://h/%2", "http://h/%2", "http://h/%2" },
	{ "http://h/%2g", "http://h/%2g", "http://h/%2g" },
	{ "http://xn--1ch.com", "http://xn--1ch.com/", "http://xn--1ch.com/" },
	{ "http://xn--abc", NULL, NULL },
	{ "http://xn--mnchen-3ya9", NULL, NULL },
	{ "http://xn--zca", "http://xn--zca/", "http://xn--zca/" },
	{ "http://\xc5\x82\xc3\xb3" "d\xc5\xba.pl", "http://xn--d-uga0v4h.pl/", "http://xn--d-uga0v4h.pl/" },
	{ "http://xn--ib9b.de", NULL, NULL }, { "http://xn--zy0c.de", NULL, NULL }, { "http://xn--en32g.de", NULL, NULL },   /* surrogates; past U+10FFFF */
	{ "http://[::1%25eth0]/", NULL, NULL },
	{ "http://[v1.x]", NULL, NULL },
	{ "http://[]", NULL, NULL },
	{ "http://]", NULL, NULL },
	{ "http://h:1:2", NULL, NULL },
	{ "http://u@h:1@2", "http://u%40h:1@0.0.0.2/", "http://u%40h:1@0.0.0.2/" },
	{ "http://[::1]:x", NULL, NULL },
	{ "http://[::1]:", "http://[::1]/", "http://[::1]/" },
	{ "http://[::1]:65536", NULL, NULL },
	{ "http://[::1]a", NULL, NULL },
	{ "http://[::ffff:0:0]", "http://[::ffff:0:0]/", "http://[::ffff:0:0]/" },
	{ "http://[1:2:3:4:5:6:1.2.3.4]", "http://[1:2:3:4:5:6:102:304]/", "http://[1:2:3:4:5:6:102:304]/" },
	{ "a://[1::2]:70000", NULL, NULL },
	{ "x:a?b#c", "x:a?b#c", NULL },
	{ "x:a#c?b", "x:a#c?b", NULL },
	{ "x:/?", "x:/?", NULL },
	{ "x://?", "x://?", NULL },
	{ "x://h?a#b", "x://h?a#b", NULL },
	{ "http://h?a?b", "http://h/?a?b", "http://h/?a?b" },
	{ "ws://h", "ws://h/", NULL },
	{ "wss://h:80", "wss://h:80/", NULL },
	{ "http:\\\\h", "http://h/", "http://h/" },
	{ "http:/\\h", "http://h/", "http://h/" },
	{ "http:a/b", "http://a/b", "http://a/b" },
	{ "file:/a", "file:///a", NULL },
	{ "file://", "file:///", NULL },
	{ "file:", "file:///", NULL },
	{ "file:?x", "file:///?x", NULL },
	{ "file:#x", "file:///#x", NULL },
	{ "file://a:1", NULL, NULL },
	{ "http://h/a/%2e", "http://h/a/", "http://h/a/" },
	{ "http://h/a/.%2E", "http://h/", "http://h/" },
	{ "http://h/.../b", "http://h/.../b", "http://h/.../b" },
	{ "http://h/...", "http://h/...", "http://h/..." },
	{ "http://h//", "http://h//", "http://h//" },
	{ "http://h//../a", "http://h/a", "http://h/a" },
	{ "http://h/a//..", "http://h/a/", "http://h/a/" },
	{ "x://h//a", "x://h//a", NULL },
	{ "x://h/..", "x://h/", NULL },
	{ "x:/..", "x:/", NULL },
	{ "x:/../..//a", "x:/.//a", NULL },
};

/* Capitals of every script that has them; the sum is that of Python's str.lower. */
static const struct { uint32_t first, last; } scripts[] = {
	{ 0x41, 0x5a }, { 0xc0, 0xde }, { 0x100, 0x12f }, { 0x139, 0x148 }, { 0x14a, 0x177 }, { 0x178, 0x17e }, { 0x1cd, 0x1dc }, { 0x1de, 0x1ef },
	{ 0x1f8, 0x21f }, { 0x222, 0x233 }, { 0x386, 0x386 }, { 0x388, 0x3ab }, { 0x400, 0x481 }, { 0x48a, 0x52f }, { 0x531, 0x556 },
	{ 0x1e00, 0x1e95 }, { 0x1ea0, 0x1eff }, { 0xff21, 0xff3a }, { 0x10400, 0x10427 },
};
enum { LOWER_SUM = 0xa49d1c0 };

/* Several hosts in one URL: the first one's host and port; every port is checked. */
static const struct { const char *text, *netloc, *host, *port; } several[] = {
	{ "mongodb://u:p@A:27017,b:27018/db", "u:p@A:27017,b:27018", "a", "27017" },
	{ "mongodb://a,b:1/db", "a,b:1", "a", NULL },
	{ "valkey://[::1]:1,[::2]:2", "[::1]:1,[::2]:2", "::1", "1" },
	{ "mongodb://u,v:p,q@a:1,b:2", "u,v:p,q@a:1,b:2", "a", "1" },
	{ "mongodb://a:1,b:x/db", NULL, NULL, NULL },
	{ "mongodb://a:1,[::g]/db", NULL, NULL, NULL },
	{ "mongodb://a:1,b[::1]/db", NULL, NULL, NULL },
	{ "mongodb://[::1]x:1/db", NULL, NULL, NULL },
	{ "mongodb://a[,b]/db", NULL, NULL, NULL },
	{ "mongodb://a],[b/db", NULL, NULL, NULL },
	{ "mongodb://u:[p]@a:1/db", "u:[p]@a:1", "a", "1" },
};

static const struct { const char *text, *encoded; } escapes[] = {
	{ "azAZ09-._~!$&'()*+,;=", "azAZ09-._~!$&'()*+,;=" },
	{ "/@:?#[]% \"<>\\^`{|}", "%2F%40%3A%3F%23%5B%5D%25%20%22%3C%3E%5C%5E%60%7B%7C%7D" },
	{ "\xc3\xa9\x01\x7f", "%C3%A9%01%7F" },
	{ "", "" },
};

static const struct { const char *text, *decoded; } unescapes[] = {
	{ "a%2Fb%2f", "a/b/" }, { "%", "%" }, { "%4", "%4" }, { "%zz", "%zz" }, { "%4g%41", "%4gA" }, { "%C3%A9", "\xc3\xa9" }, { "100%", "100%" },
};

static const struct { const char *text, *unicode; } unicodes[] = {
	{ "https://u:p@xn--mnchen-3ya.de:8/xn--mnchen-3ya", "https://u:p@m\xc3\xbcnchen.de:8/xn--mnchen-3ya" },
	{ "http://a.xn--9ca/", "http://a.\xc3\xa9/" }, { "http://xn--ib9b.de/", "http://xn--ib9b.de/" },
	{ "http://xn--zy0c.de/", "http://xn--zy0c.de/" }, { "http://xn--en32g.de/", "http://xn--en32g.de/" },
	{ "http://xn--9ca:80/", "http://\xc3\xa9:80/" },
	{ "http://h/", "http://h/" },
	{ "mailto:x", "mailto:x" },
	{ "redis://xn--zz-", "redis://xn--zz-" },
	{ "redis://h:x", "redis://h:x" },
};

static const struct { const char *host, *written; bool address; } hosts[] = {
	{ "::1", "[::1]", true }, { "10.0.0.1", "10.0.0.1", true }, { "h", "h", false }, { "[::1]", "[::1]", false }, { "", "", false },
	{ "1.2.3", "1.2.3", false }, { "1:2:3:4:5:6:7:8", "[1:2:3:4:5:6:7:8]", true },
	{ "aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa", "aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa", false },
};

static struct str text(const char *s)
{
	return s ? str_of(s) : NOSTR;
}

static void check_part(const char *url, int i, struct str got, const char *want)
{
	CHECK(str_eq(got, text(want)) && (got.p != NULL) == (want != NULL), "%s: part %d is '" FMT "', not '%s'", url, i, ARG(got),
	      want ? want : "absent");
}

static void test_split(struct arena *a)
{
	for (size_t i = 0; i < LEN(splits); i++) {
		struct err err = { .arena = a };
		struct url u;
		int rc = url_split(a, exact(a, splits[i].text), &u, &err);
		struct str parts[] = { u.scheme, u.netloc, u.path, u.params, u.query, u.fragment, u.username, u.password, u.hostname, u.port };

		CHECK(rc == (splits[i].parts[0] ? 0 : -1) && (rc == 0 || err.kind == ERR_INPUT), "%s: %d", splits[i].text, rc);
		for (int k = 0; rc == 0 && k < 10; k++)
			check_part(splits[i].text, k, parts[k], splits[i].parts[k]);
	}
	for (size_t i = 0; i < LEN(several); i++) {
		struct err err = { .arena = a };
		struct url u;
		int rc = url_split(a, exact(a, several[i].text), &u, &err);

		CHECK(rc == (several[i].netloc ? 0 : -1), "%s: %d", several[i].text, rc);
		if (rc < 0)
			continue;
		check_part(several[i].text, 1, u.netloc, several[i].netloc);
		check_part(several[i].text, 8, u.hostname, several[i].host);
		check_part(several[i].text, 9, u.port, several[i].port);
	}
}

static void check_normal(struct arena *a, const char *url, enum url_kind kind, const char *want)
{
	struct err err = { .arena = a };
	struct str got = NOSTR;
	int rc = url_normalise(a, exact(a, url), kind, &got, &err);

	CHECK(want ? rc == 0 && str_is(got, want) : rc < 0 && err.kind == ERR_INPUT, "%s, %s: '" FMT "', not '%s'", url,
	      kind == URL_HTTP ? "http" : "any", ARG(rc == 0 ? got : S("an error")), want ? want : "an error");
}

static void put_code(struct buf *out, uint32_t code)
{
	char bytes[4] = { (char)(0xf0 | code >> 18), (char)(0x80 | (code >> 12 & 63)), (char)(0x80 | (code >> 6 & 63)), (char)(0x80 | (code & 63)) };

	if (code < 0x80) {
		buf_addc(out, (char)code);
		return;
	}
	if (code < 0x800)
		bytes[2] = (char)(0xc0 | code >> 6);
	else if (code < 0x10000)
		bytes[1] = (char)(0xe0 | code >> 12);
	buf_add(out, str_sub((struct str){ bytes, 4 }, code < 0x800 ? 2 : code < 0x10000 ? 1 : 0, 4));
}

static void test_lower(struct arena *a)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < LEN(scripts); i++)
		for (uint32_t code = scripts[i].first; code <= scripts[i].last; code++) {
			struct err err = { .arena = a };
			struct buf b = { .arena = a };
			struct url u;
			size_t at = 0;

			buf_adds(&b, "a://");
			put_code(&b, code);
			CHECK(url_split(a, buf_str(&b), &u, &err) == 0 && u.hostname.n > 0, "%x", (unsigned)code);
			sum = sum * 31 + (uint32_t)utf8_next(u.hostname, &at);
		}
	CHECK(sum == LOWER_SUM, "%x", (unsigned)sum);
}

/* A label of n letters. */
static bool label_taken(struct arena *a, size_t n)
{
	struct err err = { .arena = a };
	struct buf b = { .arena = a };
	struct str out;

	buf_adds(&b, "http://");
	for (size_t i = 0; i < n; i++)
		buf_addc(&b, 'x');
	return url_normalise(a, buf_str(&b), URL_ANY, &out, &err) == 0;
}

/* Longer than any URL, host name or label may be. */
static void test_long(struct arena *a)
{
	struct err err = { .arena = a };
	struct buf b = { .arena = a };
	struct str out;

	buf_adds(&b, "http://h/");
	while (b.n < 2083)
		buf_addc(&b, 'x');
	CHECK(url_normalise(a, buf_str(&b), URL_HTTP, &out, &err) == 0, "2083 characters");
	buf_addc(&b, 'x');
	CHECK(url_normalise(a, buf_str(&b), URL_HTTP, &out, &err) < 0, "2084 characters");
	CHECK(url_normalise(a, buf_str(&b), URL_ANY, &out, &err) == 0, "2084 characters of any URL");
	b.n = 7;
	for (int i = 0; i < 5000; i++)
		buf_adds(&b, i % 2 ? "\xc3\xa9" : "x");
	CHECK(url_normalise(a, buf_str(&b), URL_ANY, &out, &err) < 0, "a host of 5000 characters");
	b.n = 7;
	buf_adds(&b, "xn--");
	for (int i = 0; i < 5000; i++)
		buf_addc(&b, 'a');
	CHECK(url_normalise(a, buf_str(&b), URL_ANY, &out, &err) < 0, "punycode of 5000 characters");
	CHECK(url_normalise(a, S("http://h/\xff"), URL_ANY, &out, &err) < 0, "no UTF-8");
	CHECK(url_normalise(a, S("http://%ff/"), URL_ANY, &out, &err) < 0, "an escape that is no UTF-8");
	CHECK(url_normalise(a, (struct str){ "a://h\0b", 7 }, URL_ANY, &out, &err) < 0, "a NUL in a host");
	CHECK(url_split(a, S("http://\xff@h\xff"), &(struct url){ 0 }, &err) == 0, "a split does not ask for UTF-8");
}

int main(void)
{
	struct arena *a = arena_new();

	test_split(a);
	for (size_t i = 0; i < LEN(normals); i++) {
		check_normal(a, normals[i].text, URL_ANY, normals[i].any);
		check_normal(a, normals[i].text, URL_HTTP, normals[i].http);
	}
	for (size_t i = 0; i < LEN(escapes); i++) {
		CHECK_STR(url_encode(a, exact(a, escapes[i].text)), str_of(escapes[i].encoded));
		CHECK_STR(url_decode(a, exact(a, escapes[i].encoded)), str_of(escapes[i].text));
	}
	for (size_t i = 0; i < LEN(unescapes); i++)
		CHECK_STR(url_decode(a, exact(a, unescapes[i].text)), str_of(unescapes[i].decoded));
	for (size_t i = 0; i < LEN(unicodes); i++)
		CHECK_STR(url_unicode(a, exact(a, unicodes[i].text)), str_of(unicodes[i].unicode));
	for (size_t i = 0; i < LEN(hosts); i++) {
		CHECK_STR(url_host(a, exact(a, hosts[i].host)), str_of(hosts[i].written));
		CHECK(ip_address(exact(a, hosts[i].host)) == hosts[i].address, "%s", hosts[i].host);
	}
	test_long(a);
	test_lower(a);
	CHECK(label_taken(a, 1023) && !label_taken(a, 1024), "the longest label");
	arena_free(a);
	return TEST_END();
}
