/* test_telemetry.c: what a trace looks like, and each way in which it is not sent. tests/test_telemetry.py has a whole collector. */
#include "test.h"

#include "../telemetry.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

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
	struct node *got, *expected;
	unsigned char random[24];

	for (size_t i = 0; i < sizeof random; i++)
		random[i] = i < 16 ? (unsigned char)i : 0xff;
	CHECK(json_parse(a, telemetry_body(&d, true, 1000, random), &got, &err) == 0, "%s", err.msg);
	CHECK(json_parse(a, str_of(want), &expected, &err) == 0, "%s", err.msg);
	node_puts(a, node_get(node_get(node_get(got, "resourceSpans")->child, "scopeSpans")->child, "scope"), "version", S("VERSION"));
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

static void outcomes(void)
{
	static const struct { const char *answer, *want; } answers[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", NULL }, { "HTTP/1.0 204 No Content\r\n\r\n", NULL },
		{ "HTTP/1.1 302 Found\r\n\r\n", "the collector refused them" }, { "HTTP/1.1 503 no\r\n\r\n", "the collector refused them" },
		{ "HTTP/1.1 2", "the collector did not answer" }, { "SSH-2.0-OpenSSH_9.9 200\r\n", "the collector did not answer" },
		{ "", "the collector did not answer" },
	};
	struct arena *a = arena_new();
	struct charm charm = { .name = S("shop-k8s") };
	struct trace trace;
	struct dispatch d = made(a, &trace, &charm);
	const char *got;
	pid_t child;
	int port;

	for (size_t i = 0; i < LEN(answers); i++) {
		port = collector(answers[i].answer, true, &child);
		got = telemetry_send(&d, str_f(a, "http://127.0.0.1:%d/", port), NOSTR, false);
		CHECK(strcmp(got ? got : "", answers[i].want ? answers[i].want : "") == 0, "%s: %s", answers[i].answer, got ? got : "sent");
		waitpid(child, NULL, 0);
	}
	port = collector("", false, &child);
	waitpid(child, NULL, 0);
	got = telemetry_send(&d, str_f(a, "127.0.0.1:%d", port), NOSTR, false);
	CHECK(got && strcmp(got, "the collector cannot be reached") == 0, "%s", got ? got : "sent");
	got = telemetry_send(&d, S("mailto://a"), NOSTR, false);
	CHECK(got && strcmp(got, "the collector's URL is none") == 0, "%s", got ? got : "sent");
	CHECK(!telemetry_send(&d, NOSTR, NOSTR, false), "nobody is related");
	d.trace = NULL;
	CHECK(!telemetry_send(&d, S("http://127.0.0.1:1"), NOSTR, false), "nothing was traced");
	arena_free(a);
}

int main(void)
{
	body();
	outcomes();
	return TEST_END();
}
