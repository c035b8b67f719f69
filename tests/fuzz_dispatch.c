/* fuzz_dispatch.c: any world and any event, a whole dispatch on it: no crash, exit 0 or 1, and an active unit has nothing left to do.
 *
 * The first byte chooses the framework, the second the event; the rest is a state file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../hook.h"
#include "../simulate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const frameworks[] = { "flask", "django", "fastapi", "go", "expressjs", "spring-boot" };
static const char *const events[] = {
	"config-changed", "install", "update-status", "rotate-secret-key", "create-superuser", "postgresql-relation-changed", "redis-relation-broken",
	"ingress-relation-broken", "secret-storage-relation-created", "secret-changed", "app-pebble-ready", "stop",
};
static const char requires[] =
	"  postgresql: {interface: postgresql_client, optional: true, limit: 1}\n  mongodb: {interface: mongodb_client, optional: true, limit: 1}\n"
	"  redis: {interface: redis, optional: true, limit: 1}\n  valkey: {interface: valkey_client, optional: true, limit: 1}\n"
	"  s3: {interface: s3, optional: true, limit: 1}\n  saml: {interface: saml, optional: true, limit: 1}\n"
	"  rabbitmq: {interface: rabbitmq, optional: true, limit: 1}\n  tracing: {interface: tracing, optional: true, limit: 1}\n"
	"  smtp: {interface: smtp, optional: true, limit: 1}\n  openfga: {interface: openfga, optional: true, limit: 1}\n"
	"  oidc: {interface: oauth, optional: true, limit: 1}\n  http-proxy: {interface: http_proxy, optional: true, limit: 1}\n";

/* The charms' folders are made once; nothing but a person's look ever needs them again. */
static const char *folder_make(void)
{
	static char folder[] = "/tmp/fuzz-dispatch-XXXXXX";
	static bool made;
	struct arena *a = arena_new();
	struct err err = { .arena = a };

	for (size_t i = 0; !made && i < LEN(frameworks); i++) {
		char *path;

		if (i == 0 && !mkdtemp(folder))
			abort();
		path = str_c(a, str_f(a, "%s/%s", folder, frameworks[i]));
		if (mkdir(path, 0700) < 0)
			abort();
		if (file_write(a, str_c(a, str_f(a, "%s/charmcraft.yaml", path)),
		               str_f(a, "name: shop\ntype: charm\nbase: ubuntu@26.04\nplatforms: {amd64: }\nsummary: s\ndescription: d\n"
		                        "extensions: [%s-framework]\nrequires:\n%s", frameworks[i], requires), 0600, &err) < 0)
			abort();
	}
	made = true;
	arena_free(a);
	return folder;
}

static struct pebble *open_simulated(struct dispatch *d, struct str container)
{
	return simulator_pebble(d->pebble_context, container);
}

static int run(struct arena *a, const struct charm *charm, struct simulator *s, const struct hook *hook)
{
	struct dispatch d = { .arena = a, .charm = charm, .hook = *hook, .pebble_open = open_simulated, .pebble_context = s };
	int code = 0;

	simulator_begin(s, hook);
	if (hook_known(charm, hook)) {
		d.juju = juju_new(a, simulator_carrier(s), NULL);
		code = dispatch_hook(&d);
	}
	simulator_end(s, code);
	return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct err err = { .arena = a };
	struct charm charm;
	struct simulator *s;
	struct hook hook, next;
	size_t writes = 0;
	int code;

	if (size > 2 && charm_load(a, str_c(a, str_f(a, "%s/%s", folder_make(), frameworks[data[0] % LEN(frameworks)])), &charm, &err) == 0
	    && simulator_load(a, (struct str){ (const char *)data + 2, size - 2 }, "f.yaml", &charm, &s, &err) == 0
	    && simulator_hook(s, str_of(events[data[1] % LEN(events)]), &hook, &err) >= 0) {
		code = run(a, &charm, s, &hook);
		if (code != 0 && code != 1)
			abort();
		if (code == 0 && hook_known(&charm, &hook) && !hook.action && str_is(node_gets(node_get(s->state, "unit_status"), "name"), "active")) {
			size_t before = simulator_journal(s)->count, seen = 0;

			simulator_hook(s, S("config-changed"), &next, &err);
			if (run(a, &charm, s, &next) != 0)
				abort();
			NODE_EACH(entry, simulator_journal(s))
				if (seen++ >= before && !str_is(node_gets(entry, "kind"), "log")) {
					fprintf(stderr, "it writes again: " FMT "\n", ARG(json_text(a, entry, JSON_COMPACT)));
					writes++;
				}
			if (writes)
				abort();
		}
	}
	arena_free(a);
	return 0;
}
