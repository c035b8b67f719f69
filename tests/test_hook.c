/* test_hook.c: what Juju's environment says about a run: names, numbers, events, versions, and this host's name. */
#include "test.h"

#include "../hook.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What this machine says about itself here. */
static struct { const char *hostname, *hosts; } machine;
static char hosts_file[] = "/tmp/test-hook-hosts-XXXXXX";

int gethostname(char *name, size_t n)
{
	if (!machine.hostname) {
		errno = ENAMETOOLONG;
		return -1;
	}
	snprintf(name, n, "%s", machine.hostname);
	return 0;
}

int open(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
	va_end(args);
	return (int)syscall(SYS_openat, AT_FDCWD, strcmp(path, "/etc/hosts") == 0 ? machine.hosts : path, flags, mode);
}

static void names(void)
{
	static const struct { const char *what, *hostname, *hosts, *want; } cases[] = {
		{ "Kubernetes' line", "shop-0", "127.0.0.1\tlocalhost\n10.1.2.3\tshop-0.shop-endpoints.m.svc.cluster.local\tshop-0\n",
		  "shop-0.shop-endpoints.m.svc.cluster.local" },
		{ "a host's name with dots", "shop-0.test", "1.1.1.1 other.test shop-0.test\n", "shop-0.test" },
		{ "the first of two", "shop-0", "10.1.2.3 shop-0 a.b c.d\n", "a.b" },
		{ "no name with dots", "shop-0", "10.1.2.3 shop-0\n", "shop-0.shop-endpoints.m.svc.cluster.local" },
		{ "another host's", "shop-0", "10.1.2.3 shop-1.test shop-1\n", "shop-0.shop-endpoints.m.svc.cluster.local" },
		{ "the second line", "shop-0", "10.1.2.3 shop-0\n10.1.2.4 shop-0.test  shop-0", "shop-0.test" },
		{ "the address has dots, and a name begins with one", "shop-0", "10.1.2.3 .x shop-0\n", "shop-0.shop-endpoints.m.svc.cluster.local" },
		{ "in a comment", "shop-0", "# 10.1.2.3 shop-0.test shop-0\n10.1.2.3 shop-0 # shop-0.test\n", "shop-0.shop-endpoints.m.svc.cluster.local" },
		{ "an address that is the name", "shop-0", "shop-0 a.b\n\n\t\n", "shop-0.shop-endpoints.m.svc.cluster.local" },
		{ "no hosts file", "shop-0", NULL, "shop-0.shop-endpoints.m.svc.cluster.local" },
		{ "no host's name", NULL, "", "shop-0.shop-endpoints.m.svc.cluster.local" },
		{ "an empty file", "shop-0", "", "shop-0.shop-endpoints.m.svc.cluster.local" },
	};

	for (size_t i = 0; i < LEN(cases); i++) {
		struct arena *a = arena_new();
		struct hook hook = { .app = S("shop"), .unit = S("shop/0"), .model = S("m") };
		struct err err = { .arena = a };

		machine.hostname = cases[i].hostname;
		machine.hosts = cases[i].hosts ? hosts_file : "/nonexistent/hosts";
		CHECK(file_write(a, hosts_file, str_of(cases[i].hosts ? cases[i].hosts : ""), 0600, &err) == 0, "%s", err.msg);
		hook_names(a, &hook);
		CHECK(str_is(hook.fqdn, cases[i].want), "%s: " FMT, cases[i].what, ARG(hook.fqdn));
		CHECK(str_is(hook.hostname, cases[i].hostname ? cases[i].hostname : ""), "%s: " FMT, cases[i].what, ARG(hook.hostname));
		arena_free(a);
	}
	machine.hostname = "shop-0";
	machine.hosts = hosts_file;
}

static const char *const variables[] = {
	"JUJU_DISPATCH_PATH", "JUJU_UNIT_NAME", "JUJU_MODEL_NAME", "JUJU_MODEL_UUID", "JUJU_VERSION", "JUJU_RELATION", "JUJU_RELATION_ID",
	"JUJU_REMOTE_APP", "JUJU_REMOTE_UNIT", "JUJU_DEPARTING_UNIT", "JUJU_WORKLOAD_NAME", "JUJU_CHARM_HTTP_PROXY", "JUJU_CHARM_HTTPS_PROXY",
	"JUJU_CHARM_NO_PROXY", "JUJU_CHARM_TRACE_CONFIG_HTTP", "JUJU_CHARM_TRACE_CONFIG_CA_CERT",
};

/* "name=value name=value", the names without JUJU_. */
static struct hook read_hook(struct arena *a, const char *pairs)
{
	struct charm charm = { .name = S("shop-k8s") };
	struct str rest = str_of(pairs), pair;
	struct hook hook;

	for (size_t i = 0; i < LEN(variables); i++)
		unsetenv(variables[i]);
	while (str_split(&rest, ' ', &pair)) {
		ptrdiff_t equal = str_find(pair, '=');

		setenv(str_f(a, "JUJU_" FMT, ARG(str_sub(pair, 0, (size_t)equal))).p, str_c(a, str_sub(pair, (size_t)equal + 1, pair.n)), 1);
	}
	hook_read(a, &charm, &hook);
	return hook;
}

static void environment(void)
{
	static const struct { const char *pairs, *event; bool action; const char *app, *unit; int number; } whos[] = {
		{ "DISPATCH_PATH=hooks/config-changed UNIT_NAME=shop/3", "config-changed", false, "shop", "shop/3", 3 },
		{ "DISPATCH_PATH=actions/rotate-secret-key UNIT_NAME=a-b/12", "rotate-secret-key", true, "a-b", "a-b/12", 12 },
		{ "", "", false, "shop-k8s", "shop-k8s/0", 0 },
		{ "DISPATCH_PATH= UNIT_NAME=", "", false, "shop-k8s", "shop-k8s/0", 0 },
		{ "DISPATCH_PATH=install UNIT_NAME=shop", "install", false, "shop", "shop", 0 },
		{ "DISPATCH_PATH=x/actions/y UNIT_NAME=shop/x", "y", false, "shop", "shop/x", 0 },
	};
	static const struct { const char *pairs; int id; } ids[] = {
		{ "RELATION_ID=db:7", 7 }, { "RELATION_ID=7", 7 }, { "RELATION_ID=db:x", -1 }, { "RELATION_ID=db:", -1 }, { "RELATION_ID=", -1 }, { "", -1 },
	};
	struct arena *a = arena_new();
	struct hook h;

	for (size_t i = 0; i < LEN(whos); i++) {
		h = read_hook(a, whos[i].pairs);
		CHECK(str_is(h.event, whos[i].event) && h.action == whos[i].action, "%s: " FMT " %d", whos[i].pairs, ARG(h.event), h.action);
		CHECK(str_is(h.app, whos[i].app) && str_is(h.unit, whos[i].unit) && h.unit_number == whos[i].number, "%s: " FMT " " FMT " %d",
		      whos[i].pairs, ARG(h.app), ARG(h.unit), h.unit_number);
	}
	for (size_t i = 0; i < LEN(ids); i++)
		CHECK(read_hook(a, ids[i].pairs).relation_id == ids[i].id, "%s", ids[i].pairs);
	h = read_hook(a, "");
	CHECK_STR(h.model, S("local"));
	CHECK_STR(h.juju_version, S("0.0.0"));
	CHECK(h.model_uuid.p && !h.model_uuid.n && !h.endpoint.p && !h.remote_app.p && !h.remote_unit.p && !h.departing_unit.p && !h.workload.p, "nothing");
	CHECK(!h.http_proxy.p && !h.https_proxy.p && !h.no_proxy.p && !h.trace_url.p && !h.trace_ca.p, "nothing");
	h = read_hook(a, "MODEL_NAME=m MODEL_UUID=u VERSION=3.6.4 RELATION=db REMOTE_APP=pg REMOTE_UNIT=pg/0 DEPARTING_UNIT=pg/1 WORKLOAD_NAME=app "
	              "CHARM_HTTP_PROXY=http://a CHARM_HTTPS_PROXY=http://b CHARM_NO_PROXY=c CHARM_TRACE_CONFIG_HTTP=d:4318 CHARM_TRACE_CONFIG_CA_CERT=e");
	CHECK_STR(h.model, S("m"));
	CHECK_STR(h.model_uuid, S("u"));
	CHECK_STR(h.juju_version, S("3.6.4"));
	CHECK_STR(h.endpoint, S("db"));
	CHECK_STR(h.remote_app, S("pg"));
	CHECK_STR(h.remote_unit, S("pg/0"));
	CHECK_STR(h.departing_unit, S("pg/1"));
	CHECK_STR(h.workload, S("app"));
	CHECK_STR(h.http_proxy, S("http://a"));
	CHECK_STR(h.https_proxy, S("http://b"));
	CHECK_STR(h.no_proxy, S("c"));
	CHECK_STR(h.trace_url, S("d:4318"));
	CHECK_STR(h.trace_ca, S("e"));
	arena_free(a);
}

static void events(void)
{
	static const struct { const char *event; bool action, known; } cases[] = {
		{ "install", false, true }, { "start", false, true }, { "config-changed", false, true }, { "update-status", false, true },
		{ "upgrade-charm", false, true }, { "leader-elected", false, true }, { "leader-settings-changed", false, true },
		{ "secret-changed", false, true }, { "secret-rotate", false, true }, { "secret-remove", false, true }, { "secret-expired", false, true },
		{ "stop", false, false }, { "remove", false, false }, { "", false, false }, { "nonsense", false, false },
		{ "db-relation-created", false, true }, { "db-relation-joined", false, true }, { "db-relation-changed", false, true },
		{ "db-relation-departed", false, true }, { "db-relation-broken", false, true },
		{ "x-relation-changed", false, false }, { "-relation-changed", false, false }, { "db-relation-exploded", false, false },
		{ "app-pebble-ready", false, true }, { "app-pebble-custom-notice", false, true }, { "app-pebble-check-failed", false, true },
		{ "app-pebble-check-recovered", false, true }, { "x-pebble-ready", false, false }, { "-pebble-ready", false, false },
		{ "rotate-secret-key", true, true }, { "create-superuser", true, false }, { "config-changed", true, false }, { "own", true, false },
		{ "rotate-secret-key", false, false },
	};
	static const struct { const char *event; bool action; int id, asked; bool want; } breaks[] = {
		{ "db-relation-broken", false, 7, 7, true }, { "db-relation-broken", false, 7, 8, false }, { "db-relation-departed", false, 7, 7, false },
		{ "db-relation-broken", true, 7, 7, false },
	};
	struct endpoint endpoint = { .name = S("db") };
	struct str container = S("app"), actions[] = { S("rotate-secret-key"), S("own") };
	struct charm charm = { .endpoints = &endpoint, .n_endpoints = 1, .containers = { &container, 1 }, .actions = { actions, LEN(actions) } };

	for (size_t i = 0; i < LEN(cases); i++) {
		struct hook hook = { .event = str_of(cases[i].event), .action = cases[i].action };

		CHECK(hook_known(&charm, &hook) == cases[i].known, "'%s', an action: %d", cases[i].event, cases[i].action);
	}
	for (size_t i = 0; i < LEN(breaks); i++) {
		struct hook hook = { .event = str_of(breaks[i].event), .action = breaks[i].action, .relation_id = breaks[i].id };

		CHECK(hook_breaks(&hook, breaks[i].asked) == breaks[i].want, "%s %d", breaks[i].event, breaks[i].asked);
	}
}

static void versions(void)
{
	static const struct { const char *version; int major, minor, patch; bool want; } cases[] = {
		{ "3.6.4", 3, 6, 4, true }, { "3.6.4", 3, 6, 5, false }, { "3.6.4", 3, 6, 3, true }, { "3.6.4", 3, 5, 9, true }, { "3.6.4", 3, 7, 0, false },
		{ "3.6.4", 4, 0, 0, false }, { "4.0.1", 3, 6, 4, true }, { "3.10.0", 3, 9, 0, true }, { "3.6", 3, 6, 0, true }, { "3.6", 3, 6, 1, false },
		{ "3", 3, 0, 0, true }, { "3", 3, 0, 1, false }, { "", 0, 0, 1, false }, { "", 0, 0, 0, true }, { "0.0.0", 3, 0, 3, false },
		{ "3.6.0.1", 3, 6, 0, true }, { "3.6.0.1", 3, 6, 1, false }, { "x", 1, 0, 0, false }, { "99999999999999999999.1", 3, 0, 0, true },
		/* what leads to a release counts as it, but not as its patches */
		{ "3.6-rc1.2", 3, 6, 0, true }, { "3.6-beta1", 3, 6, 1, false }, { "4.0-beta7", 3, 6, 4, true }, { "3.0.3-rc1", 3, 0, 3, true },
		{ "3.0.3-rc1", 3, 0, 4, false }, { "4-alpha", 4, 0, 0, true }, { "4-alpha", 4, 1, 0, false },
	};

	for (size_t i = 0; i < LEN(cases); i++)
		CHECK(version_at_least(str_of(cases[i].version), cases[i].major, cases[i].minor, cases[i].patch) == cases[i].want, "%s, %d.%d.%d",
		      cases[i].version, cases[i].major, cases[i].minor, cases[i].patch);
}

/* Whether the hook traces, and what becomes of it when it cannot start at all. */
static void opening(void)
{
	static const struct { const char *what, *trace; struct str url; bool endpoint; int traces; } cases[] = {
		{ "nobody wants traces", NULL, NOSTR, false, 0 }, { "an empty name", "", NOSTR, false, 0 }, { "on stderr", "-", NOSTR, false, STDERR_FILENO },
		{ "no such folder", "/nonexistent/trace", NOSTR, false, -1 }, { "a collector of Juju's", NULL, { "d:4318", 6 }, false, -1 },
		{ "a related collector", NULL, NOSTR, true, -1 }, { "both", "-", { "d:4318", 6 }, false, STDERR_FILENO },
	};
	char folder[] = "/tmp/test-hook-XXXXXX";
	struct arena *a = arena_new();
	struct err err = { .arena = a };
	struct dispatch d = { .arena = a };
	struct endpoint endpoint = { .name = S("charm-tracing") };
	char *here = getcwd(arena_alloc(a, 4096), 4096);

	unsetenv("JUJU_AGENT_SOCKET_ADDRESS");
	setenv("PATH", "/nonexistent", 1);
	for (size_t i = 0; i < LEN(cases); i++) {
		struct charm charm = { .endpoints = &endpoint, .n_endpoints = cases[i].endpoint };

		d = (struct dispatch){ .arena = a, .charm = &charm, .hook.trace_url = cases[i].url };
		if (cases[i].trace)
			setenv("DISPATCH_TRACE", cases[i].trace, 1);
		else
			unsetenv("DISPATCH_TRACE");
		CHECK(dispatch_open(&d, &err) < 0 && err.kind == ERR_RETRY && err.msg, "%s: opened without an agent", cases[i].what);
		CHECK((d.trace ? d.trace->fd : 0) == cases[i].traces, "%s: %d", cases[i].what, d.trace ? d.trace->fd : 0);
		CHECK(d.sends_traces == (cases[i].url.p || cases[i].endpoint), "%s: sends %d", cases[i].what, d.sends_traces);
	}
	/* The folder is gone from under us. */
	CHECK(mkdtemp(folder) && chdir(folder) == 0 && rmdir(folder) == 0, "a folder");
	CHECK(dispatch_open(&d, &err) < 0 && err.kind == ERR_RETRY, "no folder");
	CHECK_STR(str_of(err.msg), S("the charm's folder has no path"));
	CHECK(chdir(here) == 0, "back");
	arena_free(a);
}

int main(void)
{
	close(mkstemp(hosts_file));
	names();
	environment();
	events();
	versions();
	opening();
	unlink(hosts_file);
	return TEST_END();
}
