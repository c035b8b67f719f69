/* test_telemetry.c: what a trace looks like, and each way in which it is not sent. tests/test_telemetry.py has a whole collector. */
#include "test.h"

#include "../telemetry.h"
#include "../version.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* In place of the C library's, each failing when it is told to. What the kernel writes is set before, as MSan does not see it. */
static struct { bool getrandom, waitpid; } fails;

ssize_t getrandom(void *bytes, size_t n, unsigned flags)
{
	memset(bytes, 0, n);
	errno = EIO;
	return fails.getrandom ? -1 : syscall(SYS_getrandom, bytes, n, flags);
}

pid_t waitpid(pid_t pid, int *status, int options)
{
	int ended = 0;
	pid_t child = (pid_t)syscall(SYS_wait4, pid, &ended, options, NULL);

	if (status)
		*status = ended;
	errno = ECHILD;
	return fails.waitpid ? -1 : child;
}

static struct dispatch made(struct arena *a, struct trace *trace, const struct charm *charm)
{
	static struct span spans[] = {
		{ .name = { "connect", 7 }, .parent = -1, .start = 100, .end = 200 },
		{ .name = { "observe", 7 }, .parent = -1, .start = 300, .end = 900 },
		{ .name = { "config-get", 10 }, .parent = 1, .start = 400, .end = 500, .failed = true },
		{ .name = { "apply", 5 }, .parent = -1, .start = 950 },
	};

	*trace = (struct trace){ .arena = a, .spans = spans, .n = LEN(spans), .open = -1, .fd = -1 };
	return (struct dispatch){ .arena = a, .charm = charm, .trace = trace, .hook = { .event = S("upgrade-charm"), .app = S("shop"),
	                          .unit = S("shop/0"), .model = S("dev"), .model_uuid = NOSTR } };
}

static void body(void)
{
	static const char want[] =
		"{\"resourceSpans\":[{\"resource\":{\"attributes\":["
		"{\"key\":\"service.namespace.name\",\"value\":{\"stringValue\":\"dev\"}},{\"key\":\"service.name\",\"value\":{\"stringValue\":\"shop\"}},"
		"{\"key\":\"service.instance.id\",\"value\":{\"stringValue\":\"0\"}},{\"key\":\"charm\",\"value\":{\"stringValue\":\"shop-k8s\"}},"
		"{\"key\":\"juju_model\",\"value\":{\"stringValue\":\"dev\"}},{\"key\":\"juju_application\",\"value\":{\"stringValue\":\"shop\"}},"
		"{\"key\":\"juju_unit\",\"value\":{\"stringValue\":\"shop/0\"}}]},\"scopeSpans\":[{\"scope\":{\"name\":\"monocharm\",\"version\":\"VERSION\"},\"spans\":["
		"{\"traceId\":\"000102030405060708090a0b0c0d0e0f\",\"spanId\":\"ffffffffffffffff\",\"name\":\"upgrade-charm\",\"kind\":1,"
		"\"startTimeUnixNano\":\"100\",\"endTimeUnixNano\":\"1000\",\"status\":{\"code\":2}},"
		"{\"traceId\":\"000102030405060708090a0b0c0d0e0f\",\"spanId\":\"0000000000000000\",\"parentSpanId\":\"ffffffffffffffff\",\"name\":\"connect\","
		"\"kind\":1,\"startTimeUnixNano\":\"100\",\"endTimeUnixNano\":\"200\",\"status\":{}},"
		"{\"traceId\":\"000102030405060708090a0b0c0d0e0f\",\"spanId\":\"0000000000000001\",\"parentSpanId\":\"ffffffffffffffff\",\"name\":\"observe\","
		"\"kind\":1,\"startTimeUnixNano\":\"300\",\"endTimeUnixNano\":\"900\",\"status\":{}},"
		"{\"traceId\":\"000102030405060708090a0b0c0d0e0f\",\"spanId\":\"0000000000000002\",\"parentSpanId\":\"0000000000000001\",\"name\":\"config-get\","
		"\"kind\":1,\"startTimeUnixNano\":\"400\",\"endTimeUnixNano\":\"500\",\"status\":{\"code\":2}},"
		"{\"traceId\":\"000102030405060708090a0b0c0d0e0f\",\"spanId\":\"0000000000000003\",\"parentSpanId\":\"ffffffffffffffff\",\"name\":\"apply\","
		"\"kind\":1,\"startTimeUnixNano\":\"950\",\"endTimeUnixNano\":\"1000\",\"status\":{}}]}]}]}";
	struct arena *a = arena_new();
	struct charm charm = { .name = S("shop-k8s") };
	struct trace trace;
	struct dispatch d = made(a, &trace, &charm);
	struct err err = { .arena = a };
	struct node *got, *expected, *scope;
	unsigned char random[24];

	for (size_t i = 0; i < sizeof random; i++)
		random[i] = i < 16 ? (unsigned char)i : 0xff;
	CHECK(json_parse(a, telemetry_body(&d, true, 1000, random), &got, &err) == 0, "%s", err.msg);
	CHECK(json_parse(a, str_of(want), &expected, &err) == 0, "%s", err.msg);
	scope = node_get(node_get(node_get(got, "resourceSpans")->child, "scopeSpans")->child, "scope");
	CHECK_STR(node_gets(scope, "version"), str_of(version_text));
	node_puts(a, scope, "version", S("VERSION"));
	CHECK_STR(json_text(a, got, JSON_COMPACT), json_text(a, expected, JSON_COMPACT));
	/* ids count up with a carry */
	random[23] = 0xfe;
	CHECK(str_contains(telemetry_body(&d, false, 1000, random), S("\"parentSpanId\":\"fffffffffffffffe\",\"name\":\"connect\"")), "the root");
	CHECK(str_contains(telemetry_body(&d, false, 1000, random), S("\"spanId\":\"0000000000000001\",\"parentSpanId\":\"0000000000000000\"")), "a carry");
	CHECK(str_contains(telemetry_body(&d, false, 1000, random), S("\"endTimeUnixNano\":\"1000\",\"status\":{}}")), "all went well");
	arena_free(a);
}

/* A collector that takes one request and gives one answer. */
static int collector(const char *answer, bool listens, pid_t *child)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&address, n) < 0 || getsockname(fd, (struct sockaddr *)&address, &n) < 0 || (listens && listen(fd, 1) < 0))
		return -1;
	*child = fork();
	if (*child == 0) {
		char request[65536];
		int client = listens ? accept(fd, NULL, NULL) : -1;
		if (client >= 0 && read(client, request, sizeof request) > 0) {
			for (const char *p = answer; *p; p++)
				if (write(client, p, 1) < 0)   /* bit by bit */
					break;
			shutdown(client, SHUT_WR);
			while (read(client, request, sizeof request) > 0)
				;
		}
		_exit(0);
	}
	close(fd);
	return ntohs(address.sin_port);
}

/* Both ways: here, and in a child of its own. */
static void outcome(struct dispatch *d, const char *answer, bool listens, const char *url, const char *ca, const char *want)
{
	for (int way = 0; way < 2; way++) {
		pid_t child = -1;
		int port = collector(answer, listens, &child);
		struct str to = str_f(d->arena, url, port);
		const char *got = way ? telemetry_send(d, to, str_of(ca), false) : telemetry_problem(telemetry_post(d->arena, to, str_of(ca), S("{}")));
		CHECK(strcmp(got ? got : "", want) == 0, "%s: '%s', not '%s'", answer, got ? got : "", want);
		if (strstr(want, "URL") || strstr(want, "name"))
			kill(child, SIGKILL);   /* nobody came to it */
		waitpid(child, NULL, 0);
	}
}

/* A collector that takes the request and says nothing: the hook does not wait for it. */
static void slow(struct dispatch *d)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(bind(fd, (struct sockaddr *)&address, n) == 0 && getsockname(fd, (struct sockaddr *)&address, &n) == 0 && listen(fd, 1) == 0, "no port");
	CHECK_STR(str_of(telemetry_send(d, str_f(d->arena, "http://127.0.0.1:%d", ntohs(address.sin_port)), NOSTR, false)), S("the collector is too slow"));
	close(fd);
}

static void outcomes(void)
{
	static const struct { const char *answer, *want; } answers[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "" }, { "HTTP/1.0 204 No Content\r\n\r\n", "" },
		{ "HTTP/1.1 302 Found\r\n\r\n", "the collector refused them" }, { "HTTP/1.1 503 no\r\n\r\n", "the collector refused them" },
		{ "HTTP/1.1 2", "the collector did not answer" }, { "SSH-2.0-OpenSSH_9.9 200\r\n", "the collector did not answer" },
		{ "", "the collector did not answer" },
	};
	static const char *const no_urls[] = { "mailto://a%d", "http://#%d", "http://[::1%d", "http://127.0.0.1:99999999%d" };
	struct arena *a = arena_new();
	struct charm charm = { .name = S("shop-k8s") };
	struct trace trace;
	struct dispatch d = made(a, &trace, &charm);
	pid_t child;
	const char *tls;
	int port = collector("", true, &child);

	for (size_t i = 0; i < LEN(answers); i++)
		outcome(&d, answers[i].answer, true, "http://127.0.0.1:%d/", NULL, answers[i].want);
	outcome(&d, answers[0].answer, true, "127.0.0.1:%d", NULL, "");
	outcome(&d, "", false, "http://127.0.0.1:%d", NULL, "the collector cannot be reached");
	outcome(&d, "", false, "http://a b.invalid:%d", NULL, "the collector's name is not known");
	for (size_t i = 0; i < LEN(no_urls); i++)
		outcome(&d, "", true, no_urls[i], NULL, "the collector's URL is none");
	/* with a CA the address alone means https, and this CA is none */
	outcome(&d, str_f(a, "%*s", 5000, "").p, true, "http://127.0.0.1:%d/", NULL, "the collector did not answer");
	tls = telemetry_problem(telemetry_post(a, str_f(a, "127.0.0.1:%d", port), S("no certificate"), S("{}")));
	CHECK(tls && (strcmp(tls, "the CA's certificate cannot be read") == 0 || strstr(tls, "without TLS")), "%s", tls ? tls : "sent");
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	/* The ports of http and https; whoever may listen there on this machine is no collector that we could trust. */
	CHECK(telemetry_post(a, S("http://127.0.0.1"), NOSTR, S("{}")) != telemetry_post(a, S("http://#"), NOSTR, S("{}")), "a URL without a port is one");
	CHECK(telemetry_post(a, S("https://127.0.0.1"), S("x"), S("{}")) != telemetry_post(a, S("http://#"), NOSTR, S("{}")), "a URL without a port is one");
	CHECK(!telemetry_send(&d, NOSTR, NOSTR, false), "nobody is related");
	slow(&d);
	fails.getrandom = true;
	CHECK_STR(str_of(telemetry_send(&d, S("http://127.0.0.1:1"), NOSTR, false)), S("there are no random bytes"));
	fails.getrandom = false;
	fails.waitpid = true;
	CHECK_STR(str_of(telemetry_send(&d, S("http://127.0.0.1:1"), NOSTR, false)), S("no process to send them"));
	fails.waitpid = false;
	d.trace = NULL;
	CHECK(!telemetry_send(&d, S("http://127.0.0.1:1"), NOSTR, false), "nothing was traced");
	CHECK(strcmp(telemetry_problem(1000), "the process that sends them failed") == 0, "a crash");
	arena_free(a);
}

int main(void)
{
	body();
	outcomes();
	return TEST_END();
}
