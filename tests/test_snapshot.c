/* test_snapshot.c: a unit's world taken as a state file decides as the unit does, and has none of its secrets. */
#include "test.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../world.h"

static const char charmcraft[] =
	"name: shop\ntype: charm\nbase: ubuntu@26.04\nplatforms: {amd64: }\nsummary: s\ndescription: d\nextensions: [flask-framework]\n"
	"requires:\n  postgresql: {interface: postgresql_client, optional: true, limit: 1}\n  redis: {interface: redis, optional: true, limit: 1}\n"
	"  s3: {interface: s3, optional: true, limit: 1}\n  mongodb: {interface: mongodb_client, optional: true, limit: 1}\n"
	"config: {options: {mail: {type: secret}, greeting: {type: string, default: hi}}}\n";
static const char state[] =
	"unit: 1\nmodel: {name: prod, http_proxy: 'http://p:1'}\naddress: 10.1.2.3\n"
	"config: {mail: 'secret:mailmailmail', greeting: hello, flask-secret-key: option-key-1}\n"
	"relations:\n"
	"- {endpoint: secret-storage, id: 1, local_app_data: {flask_secret_key: generated-key-2}, peers_data: {0: {}}}\n"
	"- {endpoint: postgresql, id: 2, remote_app_name: pg, remote_app_data: {endpoints: 'pg:5432', secret-user: 'secret:dbdbdbdb', database: shop}}\n"
	"- {endpoint: redis, id: 3, remote_app_name: r, remote_units_data: {0: {hostname: cache, port: '6379'}}}\n"
	"- {endpoint: s3, id: 4, remote_app_name: s, remote_app_data: {access-key: access-key-3, secret-key: s3cret-key-4, bucket: b}}\n"
	"- {endpoint: mongodb, id: 5, remote_app_name: m, remote_model_uuid: other, remote_app_data: {uris: 'mongodb://u:pw5@a:1,b:2/x'}}\n"
	"- {endpoint: ingress, id: 6, remote_app_name: traefik, remote_app_data: {ingress: '{\"url\": \"http://shop.test/\"}'}}\n"
	"secrets:\n"
	"- {id: 'secret:mailmailmail', tracked_content: {user: user-6, password: 'p/w#7 secret'}}\n"
	"- {id: 'secret:dbdbdbdb', tracked_content: {username: dbuser, password: 'a/b@8#c'}}\n"
	"containers:\n"
	"- name: app\n"
	"  layers: {image: {services: {flask: {override: replace, startup: enabled, command: '/bin/python3 -m gunicorn app:app -k [ sync ]'}, "
	"x: {override: merge, command: y}}}}\n"
	"  files: {/flask/app/migrate.sh: ''}\n";
static const char *const secrets[] = {
	"option-key-1", "generated-key-2", "access-key-3", "s3cret-key-4", "pw5", "user-6", "p/w#7", "a/b@8#c", "a%2Fb%408%23c",
};

static char folder[] = "/tmp/test-snapshot-XXXXXX";

static struct pebble *open_simulated(struct dispatch *d, struct str container)
{
	return simulator_pebble(d->pebble_context, container);
}

struct taken { struct arena *a; struct charm charm; struct simulator *s; struct snapshot snapshot; struct wanted wanted; };

/* A world observed and decided upon; with `settle`, after a hook on it. */
static bool look(struct taken *t, struct str text, const char *name, bool settle)
{
	struct err err = { .arena = t->a };
	struct dispatch d = { .arena = t->a, .charm = &t->charm, .pebble_open = open_simulated };

	if (charm_load(t->a, folder, &t->charm, &err) < 0 || simulator_load(t->a, text, name, &t->charm, &t->s, &err) < 0) {
		CHECK(false, "%s", err.msg);
		return false;
	}
	d.pebble_context = t->s;
	CHECK(simulator_hook(t->s, S("config-changed"), &d.hook, &err) == 0, "%s", err.msg);
	simulator_begin(t->s, &d.hook);
	if (settle) {
		d.juju = juju_new(t->a, simulator_carrier(t->s), NULL);
		CHECK(dispatch_hook(&d) == 0, "the hook failed");
		simulator_end(t->s, 0);
	}
	d.juju = juju_new(t->a, simulator_carrier(t->s), NULL);
	t->wanted = (struct wanted){ .arena = t->a, .env = { .arena = t->a } };
	CHECK(observe(&d, &t->snapshot, &err) == 0, "%s", err.msg);
	CHECK(decide(&t->snapshot, &t->wanted, &err) == 0, "%s", err.msg);
	return true;
}

static struct str as_yaml(struct arena *a, const struct node *n)
{
	struct buf text = { .arena = a };

	yaml_write(&text, n);
	return buf_str(&text);
}

static size_t writes(const struct wanted *w)
{
	size_t n = w->n_steps;

	for (size_t i = 0; i < w->n_bags; i++) {
		const struct bag_wanted *b = &w->bags[i];

		NODE_EACH(v, b->data)
			n += !str_eq(node_text(v), node_text(node_find(b->application ? b->relation->local_app : b->relation->local_unit, v->key)));
	}
	return n;
}

/* A database without a password has no secret in its variables, though they are of the secret kind. */
static bool hides(const struct variable *v)
{
	for (size_t i = 0; i < LEN(secrets); i++)
		if (str_contains(v->value, str_of(secrets[i])))
			return true;
	return false;
}

static void replay(bool show)
{
	struct taken unit = { .a = arena_new() }, laptop = { .a = arena_new() };
	struct str text;

	if (look(&unit, str_of(state), "unit.yaml", true)) {
		CHECK_STR(unit.wanted.status.name, S("active"));
		CHECK(writes(&unit.wanted) == 0, "the unit has not settled");
		text = as_yaml(unit.a, snapshot_state(unit.a, &unit.snapshot, show));
		for (size_t i = 0; i < LEN(secrets); i++)
			CHECK(str_contains(text, str_of(secrets[i])) == show, "show %d: %s", show, secrets[i]);
		if (look(&laptop, text, "laptop.yaml", false)) {
			CHECK_STR(laptop.wanted.status.name, S("active"));
			CHECK(writes(&laptop.wanted) == 0, "show %d: %zu writes on the laptop\n" FMT, show, writes(&laptop.wanted), ARG(text));
			CHECK(laptop.wanted.env.n == unit.wanted.env.n, "%zu variables, not %zu", laptop.wanted.env.n, unit.wanted.env.n);
			for (size_t i = 0; i < unit.wanted.env.n; i++) {
				const struct variable *v = &unit.wanted.env.v[i], *w = env_find(&laptop.wanted.env, v->name);

				CHECK(w && (hides(v) && !show ? !str_eq(w->value, v->value) : str_eq(w->value, v->value)), "show %d: " FMT " is '" FMT "'", show, ARG(v->name), ARG(w ? w->value : NOSTR));
			}
			CHECK_STR(laptop.snapshot.hook.unit, S("shop/1"));
			CHECK_STR(laptop.snapshot.hook.model, S("prod"));
			CHECK_STR(laptop.snapshot.hook.http_proxy, S("http://p:1"));
			CHECK_STR(node_gets(laptop.s->state, "address"), S("10.1.2.3"));
			CHECK(laptop.snapshot.relations[1].endpoint != NULL, "relations");
		}
	}
	arena_free(unit.a);
	arena_free(laptop.a);
}

/* A unit whose Pebble is away, a follower, with next to nothing. */
static void test_poor(void)
{
	struct taken unit = { .a = arena_new() }, laptop = { .a = arena_new() };
	struct str text;

	if (look(&unit, S("leader: false\ncontainers: [{name: app, can_connect: false}]\n"), "unit.yaml", false)) {
		text = as_yaml(unit.a, snapshot_state(unit.a, &unit.snapshot, false));
		if (look(&laptop, text, "laptop.yaml", false)) {
			CHECK_STR(laptop.wanted.status.message, unit.wanted.status.message);
			CHECK(!laptop.snapshot.leader, "a leader");
			CHECK(!laptop.snapshot.containers[0].reachable, "reachable");
		}
	}
	arena_free(unit.a);
	arena_free(laptop.a);
}

/* A unit that is blocked: no variable tells what is secret. Short secrets are replaced where they stand alone, and spoil no other word; what has no secret in it stays as it is. */
static void odd(void)
{
	static const char world[] =
		"model: {name: prod, uuid: 1-2, http_proxy: 'us:pw8@p:1', https_proxy: 'http://me:pw9@q:2', no_proxy: 'a,b'}\n"
		"config: {greeting: hi, mail: 'secret:gone', flask-secret-key: option-key-9, webserver-worker-class: none}\n"
		"relations:\n"
		"- {endpoint: secret-storage, id: 1, local_app_data: {flask_secret_key: key1}, peers_data: {0: {}}}\n"
		"- {endpoint: s3, id: 4, remote_app_name: s, remote_app_data: {access-key: abc, secret-key: 'true', bucket: xabcx, path: 'a:abc@b', region: 'abc@'}}\n"
		"- {endpoint: mongodb, id: 5, remote_app_name: m, remote_app_data: {uris: 'mongodb://u:one@a/x,mongodb://u:two%20three@b/x,mongodb://v@c', read-only-uris: 'mongodb://u:four@a/x,mongodb://u:five@b/x'}}\n"
		"- {endpoint: redis, id: 3, remote_app_name: r, remote_units_data: {0: {hostname: cache, port: '1', password: ':q/q', other: '\":q/q\"'}}}\n"
		"opened_ports: [8000, 9/udp]\n"
		"containers:\n"
		"- {name: app, layers: {image: {summary: x, services: {}, checks: {up: {override: merge, exec: {command: 'x'}}}}}}\n";
	static const struct { const char *part; bool there; } parts[] = {
		{ "uuid: 1-2\n", true }, { "no_proxy: a,b\n", true }, { "http://me:", true }, { "pw9", false }, { "pw8", false }, { "http_proxy: us:placeholder-", true }, { "option-key-9", false },
		{ "flask-secret-key: placeholder-", true }, { "webserver-worker-class: none\n", true }, { "@q:2", true },
		{ "greeting", false }, { "bucket: xabcx\n", true }, { "access-key: placeholder-", true }, { "secret-key: 'true'\n", true },
		{ "path: a:placeholder-", true }, { "region: abc@\n", true }, { "mongodb://u:placeholder-", true }, { "u:one@", false }, { "two%20three", false },
		{ "mongodb://v@c", true }, { "u:four@", false }, { "u:five@", false }, { "password: placeholder-", true }, { "other: '\"placeholder-", true }, { "- 9/udp\n", true }, { "up:\n", true },
		{ "override: merge\n", true }, { "mail: secret:option-mail\n", true }, { "services: ", false },
	};
	struct taken unit = { .a = arena_new() };

	if (look(&unit, S(world), "unit.yaml", false)) {
		struct str text = as_yaml(unit.a, snapshot_state(unit.a, &unit.snapshot, false));

		CHECK_STR(unit.wanted.status.name, S("blocked"));
		for (size_t i = 0; i < LEN(parts); i++)
			CHECK(str_contains(text, str_of(parts[i].part)) == parts[i].there, "'%s' in\n" FMT, parts[i].part, ARG(text));
		text = as_yaml(unit.a, snapshot_state(unit.a, &unit.snapshot, true));
		CHECK(str_contains(text, S("two%20three")) && str_contains(text, S("access-key: abc\n")), "not all is shown");
	}
	arena_free(unit.a);
}

int main(void)
{
	struct arena *a = arena_new();
	struct err err = { .arena = a };
	char *file;

	if (!mkdtemp(folder))
		return 1;
	file = str_c(a, str_f(a, "%s/charmcraft.yaml", folder));
	CHECK(file_write(a, file, str_of(charmcraft), 0644, &err) == 0, "%s", err.msg);
	replay(false);
	replay(true);
	test_poor();
	odd();
	unlink(file);
	rmdir(folder);
	arena_free(a);
	return TEST_END();
}
