/* telemetry.c: the charm's own traces: each dispatch is one, in the JSON of OTLP, sent by one POST.
 *
 * A child process sends it. Looking up a name and shaking hands take as long as others let them; a child can be left to its alarm
 * clock, whatever it waits for, and what goes wrong in it is no danger to the hook. */
#include "telemetry.h"
#include "crypto.h"
#include "url.h"
#include "version.h"

#include <netdb.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mbedtls/build_info.h>
#ifdef MBEDTLS_SSL_CLI_C
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>
#endif

enum { TRACE_ID_BYTES = 16, SPAN_ID_BYTES = 8, MAX_ANSWER = 4096, MAX_CA = 1 << 20 };

/* --- What is sent --- */

static struct str hex(struct arena *arena, const unsigned char *bytes, size_t n)
{
	struct buf out = { .arena = arena };

	for (size_t i = 0; i < n; i++)
		buf_addf(&out, "%02x", bytes[i]);
	return buf_str(&out);
}

/* Ids need only differ within the trace: the random bytes, with the span's number added to them. */
static struct str span_id(struct arena *arena, const unsigned char random[SPAN_ID_BYTES], unsigned n)
{
	unsigned char bytes[SPAN_ID_BYTES];

	memcpy(bytes, random, sizeof bytes);
	for (size_t i = sizeof bytes; i-- > 0 && n; n >>= 8) {
		n += bytes[i];
		bytes[i] = (unsigned char)n;
	}
	return hex(arena, bytes, sizeof bytes);
}

static void attribute(struct arena *arena, struct node *list, const char *key, struct str text)
{
	struct node *one = node_new(arena, NODE_MAP), *value = node_new(arena, NODE_MAP);

	if (!text.n)
		return;
	node_puts(arena, value, "stringValue", text);
	node_puts(arena, one, "key", str_of(key));
	node_put(arena, one, S("value"), value);
	node_add(arena, list, one);
}

static struct node *resource(const struct dispatch *d)
{
	struct node *map = node_new(d->arena, NODE_MAP), *list = node_new(d->arena, NODE_LIST);

	attribute(d->arena, list, "service.namespace", d->hook.model_uuid);
	attribute(d->arena, list, "service.namespace.name", d->hook.model);
	attribute(d->arena, list, "service.name", d->hook.app);
	attribute(d->arena, list, "service.instance.id", str_f(d->arena, "%d", d->hook.unit_number));
	attribute(d->arena, list, "charm", d->charm->name);
	attribute(d->arena, list, "juju_model", d->hook.model);
	attribute(d->arena, list, "juju_model_uuid", d->hook.model_uuid);
	attribute(d->arena, list, "juju_application", d->hook.app);
	attribute(d->arena, list, "juju_unit", d->hook.unit);
	node_put(d->arena, map, S("attributes"), list);
	return map;
}

static struct node *span_node(struct arena *arena, struct str name, struct str trace, struct str id, struct str parent, int64_t start,
                              int64_t end, bool failed)
{
	struct node *map = node_new(arena, NODE_MAP), *status = node_new(arena, NODE_MAP);

	node_puts(arena, map, "traceId", trace);
	node_puts(arena, map, "spanId", id);
	if (parent.n)
		node_puts(arena, map, "parentSpanId", parent);
	node_puts(arena, map, "name", name);
	node_put(arena, map, S("kind"), node_int(arena, 1));   /* internal */
	/* 64 bits are text in this JSON */
	node_puts(arena, map, "startTimeUnixNano", str_f(arena, "%lld", (long long)start));
	node_puts(arena, map, "endTimeUnixNano", str_f(arena, "%lld", (long long)end));
	if (failed)
		node_put(arena, status, S("code"), node_int(arena, 2));
	node_put(arena, map, S("status"), status);
	return map;
}

struct str telemetry_body(const struct dispatch *d, bool failed, int64_t now, const unsigned char random[24])
{
	struct arena *a = d->arena;
	const struct trace *trace = d->trace;
	const unsigned char *ids = random + TRACE_ID_BYTES;
	struct str trace_id = hex(a, random, TRACE_ID_BYTES), root = span_id(a, ids, 0);
	struct node *body = node_new(a, NODE_MAP), *resources = node_new(a, NODE_LIST), *one = node_new(a, NODE_MAP);
	struct node *scopes = node_new(a, NODE_LIST), *scope_spans = node_new(a, NODE_MAP), *scope = node_new(a, NODE_MAP);
	struct node *spans = node_new(a, NODE_LIST);
	int64_t start = now;

	for (size_t i = 0; i < trace->n; i++)
		start = trace->spans[i].start < start ? trace->spans[i].start : start;
	/* the hook as a whole is the root of all */
	node_add(a, spans, span_node(a, d->hook.event, trace_id, root, NOSTR, start, now, failed));
	for (size_t i = 0; i < trace->n; i++) {
		const struct span *s = &trace->spans[i];
		struct str parent = s->parent < 0 ? root : span_id(a, ids, (unsigned)s->parent + 1);
		node_add(a, spans, span_node(a, s->name, trace_id, span_id(a, ids, (unsigned)i + 1), parent, s->start,
		                             s->end ? s->end : now, s->failed));
	}
	node_puts(a, scope, "name", S("monocharm"));
	node_puts(a, scope, "version", str_of(version_text));
	node_put(a, scope_spans, S("scope"), scope);
	node_put(a, scope_spans, S("spans"), spans);
	node_add(a, scopes, scope_spans);
	node_put(a, one, S("resource"), resource(d));
	node_put(a, one, S("scopeSpans"), scopes);
	node_add(a, resources, one);
	node_put(a, body, S("resourceSpans"), resources);
	return json_text(a, body, JSON_COMPACT);
}

/* --- How it is sent --- */

/* What came of a POST: the child's exit code. */
enum outcome { SENT, NO_URL, NO_NAME, NO_CONNECTION, NO_TLS, BAD_AUTHORITY, BAD_CERTIFICATE, NO_ANSWER, REFUSED, N_OUTCOMES };

const char *telemetry_problem(int number)
{
	static const char *const problems[N_OUTCOMES] = {
		[NO_URL] = "the collector's URL is none", [NO_NAME] = "the collector's name is not known",
		[NO_CONNECTION] = "the collector cannot be reached", [NO_TLS] = "this dispatch was built without TLS, traces go to http only",
		[BAD_AUTHORITY] = "the CA's certificate cannot be read",
		[BAD_CERTIFICATE] = "no secure connection to the collector: its certificate is not trusted, or it does not speak TLS 1.2",
		[NO_ANSWER] = "the collector did not answer", [REFUSED] = "the collector refused them",
	};

	return number < N_OUTCOMES ? problems[number] : "the process that sends them failed";
}

/* A way to the collector: `tls` is NULL on a plain one. */
struct way { int fd; void *tls; };

static int connect_to(const struct url *url, struct arena *arena)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found, *at;
	const char *port = url->port.p ? str_c(arena, url->port) : str_is(url->scheme, "https") ? "443" : "80";
	int fd = -1;

	if (getaddrinfo(str_c(arena, url->hostname), port, &hints, &found) != 0)
		return -2;
	for (at = found; at && fd < 0; at = at->ai_next) {
		fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
		if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) < 0) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(found);
	return fd;
}

#ifdef MBEDTLS_SSL_CLI_C
static int tls_random(void *context, unsigned char *bytes, size_t n)
{
	struct err err = { .arena = context };

	return crypto_random(bytes, n, &err) < 0 ? MBEDTLS_ERR_SSL_INTERNAL_ERROR : 0;
}
static int tls_send(void *context, const unsigned char *bytes, size_t n)
{
	ssize_t sent = send(((struct way *)context)->fd, bytes, n, MSG_NOSIGNAL);

	return sent < 0 ? MBEDTLS_ERR_SSL_CONN_EOF : (int)sent;
}
static int tls_receive(void *context, unsigned char *bytes, size_t n)
{
	ssize_t got = recv(((struct way *)context)->fd, bytes, n, 0);

	return got < 0 ? MBEDTLS_ERR_SSL_CONN_EOF : (int)got;
}

/* Nothing is given back: the process ends with the request. */
static enum outcome tls_open(struct way *way, struct arena *arena, struct str host, struct str ca)
{
	mbedtls_ssl_context *ssl = NEW(arena, mbedtls_ssl_context);
	mbedtls_ssl_config *config = NEW(arena, mbedtls_ssl_config);
	mbedtls_x509_crt *authorities = NEW(arena, mbedtls_x509_crt);
	struct err err = { .arena = arena };
	bool found = true;

	mbedtls_ssl_init(ssl);
	mbedtls_ssl_config_init(config);
	mbedtls_x509_crt_init(authorities);
	if (!ca.n && file_read(arena, "/etc/ssl/certs/ca-certificates.crt", MAX_CA, &ca, &found, &err) < 0)
		return BAD_AUTHORITY;
	/* the NUL counts in PEM; of the machine's many certificates some may be of no use */
	if (!found || mbedtls_x509_crt_parse(authorities, (const unsigned char *)str_c(arena, ca), ca.n + 1) < 0)
		return BAD_AUTHORITY;
	if (mbedtls_ssl_config_defaults(config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT) != 0)
		return BAD_CERTIFICATE;
	mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_REQUIRED);
	mbedtls_ssl_conf_ca_chain(config, authorities, NULL);
	mbedtls_ssl_conf_rng(config, tls_random, arena);
	if (mbedtls_ssl_setup(ssl, config) != 0 || mbedtls_ssl_set_hostname(ssl, str_c(arena, host)) != 0)
		return BAD_CERTIFICATE;
	mbedtls_ssl_set_bio(ssl, way, tls_send, tls_receive, NULL);
	way->tls = ssl;
	return mbedtls_ssl_handshake(ssl) == 0 ? SENT : BAD_CERTIFICATE;
}

static ptrdiff_t way_send(struct way *way, const char *p, size_t n)
{
	return way->tls ? mbedtls_ssl_write(way->tls, (const unsigned char *)p, n) : send(way->fd, p, n, MSG_NOSIGNAL);
}
static ptrdiff_t way_receive(struct way *way, char *p, size_t n)
{
	return way->tls ? mbedtls_ssl_read(way->tls, (unsigned char *)p, n) : recv(way->fd, p, n, 0);
}
#else
static enum outcome tls_open(struct way *way, struct arena *arena, struct str host, struct str ca)
{
	(void)way, (void)arena, (void)host, (void)ca;
	return NO_TLS;
}
static ptrdiff_t way_send(struct way *way, const char *p, size_t n) { return send(way->fd, p, n, MSG_NOSIGNAL); }
static ptrdiff_t way_receive(struct way *way, char *p, size_t n) { return recv(way->fd, p, n, 0); }
#endif

/* The request and the answer, of which 2xx is all that is wanted. */
static enum outcome exchange(struct way *way, struct arena *arena, const struct url *url, struct str body)
{
	const char *known = str_ends(url->path, "/v1/traces") ? "" : str_ends(url->path, "/") ? "v1/traces" : "/v1/traces";
	struct buf request = { .arena = arena };
	char answer[MAX_ANSWER];
	size_t n = 0;

	buf_addf(&request, "POST " FMT "%s HTTP/1.1\r\nHost: " FMT "\r\nUser-Agent: monocharm\r\nContent-Type: application/json\r\n"
	         "Content-Length: %zu\r\nConnection: close\r\n\r\n", ARG(url->path), known, ARG(url->hosts), body.n);
	buf_add(&request, body);
	for (size_t at = 0; at < request.n; ) {
		ptrdiff_t sent = way_send(way, request.p + at, request.n - at);
		if (sent <= 0)
			break;   /* it may have answered before it had all */
		at += (size_t)sent;
	}
	while (n < sizeof answer && !memchr(answer, '\n', n)) {
		ptrdiff_t got = way_receive(way, answer + n, sizeof answer - n);
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	if (n < sizeof "HTTP/1.1 200" - 1 || memcmp(answer, "HTTP/1.", 7) != 0)
		return NO_ANSWER;
	return answer[9] == '2' ? SENT : REFUSED;
}

int telemetry_post(struct arena *arena, struct str text, struct str ca, struct str body)
{
	struct err err = { .arena = arena };
	enum outcome outcome = SENT;
	struct url url;
	struct way way = { -1, NULL };

	/* Juju gives its own collector's address as host and port. */
	if (!str_contains(text, S("://")))
		text = str_f(arena, "%s" FMT, ca.n ? "https://" : "http://", ARG(text));
	if (url_split(arena, text, &url, &err) < 0 || !url.hostname.n || (!str_is(url.scheme, "http") && !str_is(url.scheme, "https")))
		return NO_URL;
	way.fd = connect_to(&url, arena);
	if (way.fd < 0)
		return way.fd == -2 ? NO_NAME : NO_CONNECTION;
	if (str_is(url.scheme, "https"))
		outcome = tls_open(&way, arena, url.hostname, ca);
	if (outcome == SENT)
		outcome = exchange(&way, arena, &url, body);
	close(way.fd);
	return outcome;
}

const char *telemetry_send(const struct dispatch *d, struct str url, struct str ca, bool failed)
{
	struct err err = { .arena = d->arena };
	unsigned char random[TRACE_ID_BYTES + SPAN_ID_BYTES];
	struct str body;
	pid_t child;
	int status;

	if (!d->trace || !url.n)
		return NULL;
	if (crypto_random(random, sizeof random, &err) < 0)
		return "there are no random bytes";
	body = telemetry_body(d, failed, trace_now(), random);
	child = fork();
	if (child == 0) {
		sigset_t none;
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		signal(SIGALRM, SIG_DFL);
		alarm(TELEMETRY_SECONDS);
		_exit(telemetry_post(d->arena, url, ca, body));
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return "no process to send them";
	return WIFEXITED(status) ? telemetry_problem(WEXITSTATUS(status)) : "the collector is too slow";
}
