/* hook.c: what Juju's environment says about this run, and the real carriers. */
#include "hook.h"
#include "frameworks.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A variable; NOSTR when it is not set or empty: Juju sets what it does not know to "". */
static struct str variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? str_of(value) : NOSTR;
}

static struct str or_else(struct str s, struct str otherwise)
{
	return s.p ? s : otherwise;
}

/* The dotted one among the names of /etc/hosts that share a line with the host's name. */
static struct str hosts_fqdn(struct arena *a, struct str hosts, struct str hostname)
{
	struct str line;

	while (str_split(&hosts, '\n', &line)) {
		struct str rest = str_replace(a, line, '\t', ' '), word, dotted = NOSTR;
		bool ours = false, address = true;

		while (str_split(&rest, ' ', &word)) {
			if (!word.n)
				continue;
			if (word.p[0] == '#')
				break;
			if (address) {
				address = false;
				continue;
			}
			ours |= str_eq(word, hostname);
			if (!dotted.p && str_find(word, '.') > 0)
				dotted = word;
		}
		if (ours && dotted.p)
			return dotted;
	}
	return NOSTR;
}

void hook_names(struct arena *a, struct hook *hook)
{
	struct err unread = { .arena = a };
	struct str hosts = NOSTR;
	char name[256] = "";   /* Linux allows 64 bytes */
	bool found;

	if (gethostname(name, sizeof name) < 0)
		name[0] = '\0';
	hook->hostname = str_dup(a, str_of(name));
	hook->fqdn = hook->hostname;
	if (str_find(hook->hostname, '.') >= 0)
		return;
	hook->fqdn = NOSTR;
	/* A hosts file that is missing or unreadable says nothing. */
	if (file_read(a, "/etc/hosts", 1 << 20, &hosts, &found, &unread) == 0 && found)
		hook->fqdn = hosts_fqdn(a, hosts, hook->hostname);
	if (!hook->fqdn.p)
		hook->fqdn = unit_fqdn(a, hook->app, hook->model, hook->unit);
}

void hook_read(struct arena *a, const struct charm *charm, struct hook *hook)
{
	struct str path = or_else(variable("JUJU_DISPATCH_PATH"), S(""));
	struct str relation = variable("JUJU_RELATION_ID");
	ptrdiff_t slash;
	int64_t number;

	*hook = (struct hook){ .relation_id = -1 };
	hook->action = str_starts(path, "actions/");
	hook->event = str_sub(path, (size_t)(str_rfind(path, '/') + 1), path.n);
	hook->unit = or_else(variable("JUJU_UNIT_NAME"), str_f(a, FMT "/0", ARG(charm->name)));
	slash = str_rfind(hook->unit, '/');
	hook->app = slash < 0 ? hook->unit : str_sub(hook->unit, 0, (size_t)slash);
	if (slash >= 0 && str_int(str_sub(hook->unit, (size_t)slash + 1, hook->unit.n), &number))
		hook->unit_number = (int)number;
	hook->model = or_else(variable("JUJU_MODEL_NAME"), S("local"));
	hook->model_uuid = or_else(variable("JUJU_MODEL_UUID"), S(""));
	hook->juju_version = or_else(variable("JUJU_VERSION"), S("0.0.0"));
	hook->endpoint = variable("JUJU_RELATION");
	if (relation.p && str_int(str_sub(relation, (size_t)(str_rfind(relation, ':') + 1), relation.n), &number))
		hook->relation_id = (int)number;
	hook->remote_app = variable("JUJU_REMOTE_APP");
	hook->remote_unit = variable("JUJU_REMOTE_UNIT");
	hook->departing_unit = variable("JUJU_DEPARTING_UNIT");
	hook->workload = variable("JUJU_WORKLOAD_NAME");
	hook->http_proxy = variable("JUJU_CHARM_HTTP_PROXY");
	hook->https_proxy = variable("JUJU_CHARM_HTTPS_PROXY");
	hook->trace_url = variable("JUJU_CHARM_TRACE_CONFIG_HTTP");
	hook->trace_ca = variable("JUJU_CHARM_TRACE_CONFIG_CA_CERT");
	hook->no_proxy = variable("JUJU_CHARM_NO_PROXY");
	hook_names(a, hook);
}

bool hook_breaks(const struct hook *hook, int relation_id)
{
	return hook->relation_id == relation_id && !hook->action && str_ends(hook->event, "-relation-broken");
}

bool version_at_least(struct str version, int major, int minor, int patch)
{
	const int wanted[] = { major, minor, patch };
	size_t i = 0;

	for (size_t part = 0; part < LEN(wanted); part++) {
		int number = 0;

		while (i < version.n && is_digit(version.p[i]) && number < 1000000)
			number = number * 10 + version.p[i++] - '0';
		if (number != wanted[part])
			return number > wanted[part];
		/* "3.6-rc1.2": a tag comes before the release that it leads to, which has no patch yet. */
		if (i < version.n && version.p[i] == '-')
			return part + 1 == LEN(wanted) || wanted[part + 1] == 0;
		i += i < version.n && version.p[i] == '.';
	}
	return true;
}

/* "db-relation-changed" of the endpoint `db`: the event ends with one of the suffixes, and what is before it is a name of ours. */
static bool has_suffix(struct str event, const char *const *suffixes, size_t n, struct str *name)
{
	for (size_t i = 0; i < n; i++)
		if (str_ends(event, suffixes[i]) && event.n > strlen(suffixes[i])) {
			*name = str_sub(event, 0, event.n - strlen(suffixes[i]));
			return true;
		}
	return false;
}

bool hook_known(const struct charm *charm, const struct hook *hook)
{
	static const char *const plain[] = {
		"install", "start", "config-changed", "update-status", "upgrade-charm", "leader-elected",
		"leader-settings-changed", "secret-changed", "secret-rotate", "secret-remove", "secret-expired",
	};
	static const char *const relation[] = {
		"-relation-created", "-relation-joined", "-relation-changed", "-relation-departed", "-relation-broken",
	};
	static const char *const pebble[] = {
		"-pebble-ready", "-pebble-custom-notice", "-pebble-check-failed", "-pebble-check-recovered",
	};
	static const char *const actions[] = { "rotate-secret-key", "create-superuser" };
	struct str name;

	if (hook->action) {
		for (size_t i = 0; i < LEN(actions); i++)
			if (str_is(hook->event, actions[i]))
				return strs_has(&charm->actions, hook->event);
		return false;
	}
	for (size_t i = 0; i < LEN(plain); i++)
		if (str_is(hook->event, plain[i]))
			return true;
	if (has_suffix(hook->event, relation, LEN(relation), &name))
		return endpoint_find(charm, name) != NULL;
	return has_suffix(hook->event, pebble, LEN(pebble), &name) && strs_has(&charm->containers, name);
}

static struct pebble *real_pebble(struct dispatch *d, struct str container)
{
	struct str folder = or_else(variable("JUJU_CONTAINERS_DIR"), S("/charm/containers"));

	return pebble_open(d->arena, str_f(d->arena, FMT "/" FMT "/pebble.socket", ARG(folder), ARG(container)), d->trace);
}

/* Where DISPATCH_TRACE wants the lines; -1: nowhere. A trace that cannot be written must not fail the hook. */
static int trace_file(const char *path)
{
	if (strcmp(path, "-") == 0)
		return STDERR_FILENO;
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

int dispatch_open(struct dispatch *d, struct err *err)
{
	const char *trace = getenv("DISPATCH_TRACE"), *no_socket = getenv("DISPATCH_NO_AGENT_SOCKET");
	struct agent agent = {
		.socket = getenv("JUJU_AGENT_SOCKET_ADDRESS"),
		.network = getenv("JUJU_AGENT_SOCKET_NETWORK"),
		.context_id = getenv("JUJU_CONTEXT_ID"),
		.token = getenv("JUJU_AGENT_TOKEN"),
		.path = getenv("PATH"),
		.no_socket = no_socket && strcmp(no_socket, "1") == 0,
	};
	struct carrier *carrier;
	char *directory = arena_alloc(d->arena, 4096);

	if (!getcwd(directory, 4096))
		return err_set(err, ERR_RETRY, "the charm's folder has no path");
	agent.directory = directory;
	d->sends_traces = d->hook.trace_url.p || endpoint_find(d->charm, S("charm-tracing"));
	if ((trace && *trace) || d->sends_traces) {
		d->trace = NEW(d->arena, struct trace);
		*d->trace = (struct trace){ .arena = d->arena, .open = -1, .fd = trace && *trace ? trace_file(trace) : -1 };
	}
	if (carrier_open(d->arena, &agent, d->trace, &carrier, err) < 0)
		return -1;
	d->juju = juju_new(d->arena, carrier, d->trace);
	d->pebble_open = real_pebble;
	return 0;
}

int hook_run(void)
{
	struct arena *arena = arena_new();
	struct err err = { .arena = arena };
	struct dispatch d = { .arena = arena };
	struct charm charm;
	int rc = 1;

	if (charm_load(arena, ".", &charm, &err) == 0) {
		d.charm = &charm;
		hook_read(arena, &charm, &d.hook);
		/* An event that is none of ours costs no call. */
		if (!hook_known(&charm, &d.hook))
			rc = 0;
		else if (dispatch_open(&d, &err) == 0)
			rc = dispatch_hook(&d);
	}
	if (err.msg)
		fprintf(stderr, "dispatch: %s\n", err.msg);
	arena_free(arena);
	return rc;
}
