/* test_workload.c: the steps that a workload needs, from one thing that differs to the next.
 *
 * Each case starts from a fresh container, makes it as it is wanted by doing the steps, changes something, and looks which steps are
 * wanted then. */
#include "test.h"
#include "../frameworks.h"
#include "../webserver.h"

#include <stdlib.h>

/* --- A world --- */

struct world {
	struct arena *arena;
	struct charm charm;
	struct snapshot snapshot;
	struct container_state container;
	struct settings settings;
	struct integrations integrations;
	struct env env;
	struct wanted wanted;
	struct err err;
};

static const char image[] =
	"services:\n"
	"  MAIN: {override: merge, startup: enabled, summary: '', command: 'COMMAND', after: [statsd], environment: {IMAGE: only},"
	" user: _daemon_}\n"
	"  statsd: {override: merge, startup: enabled, command: statsd, environment: {}}\n"
	"  Mail-Worker: {override: merge, startup: enabled, command: mail, environment: {KEEP: me}}\n"
	"  clock-scheduler: {override: replace, startup: enabled, command: clock, environment: {KEEP: me}}\n"
	"  once: {override: replace, startup: enabled, command: once, on-success: ignore}\n"
	"  off: {override: replace, command: 'off'}\n";

static struct str replaced(struct arena *a, struct str text, const char *what, const char *by)
{
	struct buf b = { .arena = a };
	size_t n = strlen(what);

	for (size_t i = 0; i < text.n; )
		if (str_starts(str_sub(text, i, text.n), what)) {
			buf_adds(&b, by);
			i += n;
		} else {
			buf_addc(&b, text.p[i++]);
		}
	return buf_str(&b);
}

static void service_set(struct world *w, struct str name, struct str current)
{
	for (size_t i = 0; i < w->container.n_services; i++)
		if (str_eq(w->container.services[i].name, name)) {
			w->container.services[i].current = current;
			return;
		}
	w->container.services = arena_grow(w->arena, w->container.services, w->container.n_services, sizeof *w->container.services);
	w->container.services[w->container.n_services++] = (struct service){ .name = name, .current = current };
}

static struct file *file_of(struct world *w, struct str path)
{
	struct file *file = state_file(&w->container, path);

	if (!file) {
		printf("nobody reads " FMT "\n", ARG(path));
		exit(1);
	}
	return file;
}

static void file_set(struct world *w, struct str path, struct str content)
{
	struct file *file = file_of(w, path);

	file->found = content.p != NULL;
	file->content = content;
}

static void world_new(struct world *w, struct arena *a, const char *framework, int generation, const char *command)
{
	struct str plan = replaced(a, replaced(a, str_of(image), "MAIN", framework), "COMMAND", command);

	*w = (struct world){ .arena = a, .err.arena = a, .env.arena = a, .settings = { .port = 8000, .user.arena = a, .framework.arena = a } };
	w->charm.framework = framework_find(str_of(framework), generation);
	w->charm.paas.json_logging = w->charm.framework->server == SERVER_UVICORN;
	w->settings.json_logging = w->charm.paas.json_logging;
	strs_add(a, &w->charm.containers, str_of(w->charm.framework->container));
	w->container = (struct container_state){ .name = w->charm.containers.v[0], .reachable = true, .plan = test_tree(a, plan) };
	workload_files(a, &w->charm, &w->container.files, &w->container.n_files);
	NODE_EACH (service, node_get(w->container.plan, "services"))
		service_set(w, service->key, S("inactive"));
	w->snapshot = (struct snapshot){ .arena = a, .charm = &w->charm, .containers = &w->container, .n_containers = 1,
		.unit_status = { S("maintenance"), S("installing") }, .hook = { .app = S("shop"), .unit = S("shop/0"), .juju_version = S("3.6.1") } };
	env_put(&w->env, S("COLOUR"), S("red"), (struct origin){ .kind = ORIGIN_RULE });
}

/* One change: "status=blocked", "unit=1", "class=gevent", "juju=3.1.0", "tracing", "env:NAME=value", "data:NAME=value" (on which migrations
 * depend), "script:NAME", "word=FAILED", "word" (gone), "service:NAME=error", "file:PATH=text", "file:PATH" (gone), "unreadable:PATH",
 * "certificate=PEM", "plan=YAML". */
static void world_change(struct world *w, struct str change)
{
	ptrdiff_t colon = str_find(change, ':'), equal = str_find(change, '=');
	struct str value = equal < 0 ? NOSTR : str_sub(change, (size_t)equal + 1, change.n);
	struct str left = equal < 0 ? change : str_sub(change, 0, (size_t)equal);
	struct str kind = colon < 0 || colon > (ptrdiff_t)left.n ? left : str_sub(left, 0, (size_t)colon);
	struct str name = str_sub(left, kind.n + 1, left.n);

	if (str_is(kind, "status"))
		w->snapshot.unit_status.name = value;
	else if (str_is(kind, "unit"))
		w->snapshot.hook.unit_number = atoi(str_c(w->arena, value));
	else if (str_is(kind, "class"))
		w->settings.worker_class = value;
	else if (str_is(kind, "juju"))
		w->snapshot.hook.juju_version = value;
	else if (str_is(kind, "tracing"))
		w->integrations.tracing_ready = true;
	else if (str_is(kind, "certificate"))
		w->integrations.saml_certificate = value;
	else if (str_is(kind, "env") || str_is(kind, "data"))
		env_put(&w->env, name, value, (struct origin){ .kind = ORIGIN_RULE })->migrates = str_is(kind, "data");
	else if (str_is(kind, "script"))
		strs_add(w->arena, &w->container.scripts, name);
	else if (str_is(kind, "service"))
		service_set(w, name, value);
	else if (str_is(kind, "word"))
		file_set(w, str_f(w->arena, "%s/database-migration-status", w->charm.framework->migration_state), value);
	else if (str_is(kind, "file"))
		file_set(w, name, value);
	else if (str_is(kind, "unreadable"))
		file_of(w, name)->error = S("permission denied");
	else if (str_is(kind, "plan"))
		w->container.plan = test_tree(w->arena, value);
	else
		CHECK(false, "no such change: " FMT, ARG(change));
}

static void world_changes(struct world *w, const char *changes)
{
	struct str rest = changes[0] ? str_of(changes) : NOSTR, change;

	while (str_split(&rest, ';', &change))
		world_change(w, change);
}

/* --- What is wanted, as text --- */

/* What people read of all the steps there were: "name: why", each once. */
static struct strs reasons;

static struct str step_show(struct arena *a, const struct step *s)
{
	struct buf b = { .arena = a };

	buf_adds(&b, s->disturbs ? "" : "~");
	switch (s->kind) {
	case STEP_EXEC:
		buf_addf(&b, "run " FMT, ARG(strs_join(a, &s->exec.command, " ")));
		break;
	case STEP_LAYER:
		buf_addf(&b, "layer " FMT, ARG(s->label));
		break;
	case STEP_DIR:
		buf_addf(&b, "dir " FMT, ARG(s->path));
		break;
	case STEP_WRITE:
		buf_adds(&b, "write");
		for (size_t i = 0; i < s->n_files; i++)
			buf_addf(&b, " " FMT "%s", ARG(s->files[i].path), str_is(s->files[i].user, "_daemon_") ? "" : s->files[i].make_dirs ? "*" : "?");
		if (str_ends(s->files[0].path, "-status"))
			buf_addf(&b, "=" FMT, ARG(s->files[0].content));
		break;
	case STEP_REMOVE:
		buf_addf(&b, "remove " FMT, ARG(s->path));
		break;
	case STEP_SIGNAL:
		buf_addf(&b, "%s " FMT, s->signal, ARG(strs_join(a, &s->services, " ")));
		break;
	case STEP_REPLAN:
		buf_adds(&b, "replan");
		break;
	case STEP_STOP:
		buf_addf(&b, "stop " FMT, ARG(strs_join(a, &s->services, " ")));
		break;
	}
	return buf_str(&b);
}

static struct str wanted_show(struct world *w, int rc)
{
	struct strs lines = { 0 };

	if (rc < 0) {
		CHECK(w->err.kind == ERR_BLOCKED, "kind %d", w->err.kind);
		return str_f(w->arena, "blocked: %s", w->err.msg);
	}
	for (size_t i = 0; i < w->wanted.n_steps; i++) {
		struct str reason = str_f(w->arena, "%s: %s", w->wanted.steps[i].name, w->wanted.steps[i].why);
		if (!strs_has(&reasons, reason))
			strs_add(w->arena, &reasons, reason);
		strs_add(w->arena, &lines, step_show(w->arena, &w->wanted.steps[i]));
	}
	return strs_join(w->arena, &lines, "\n");
}

static struct str world_decide(struct world *w)
{
	w->wanted = (struct wanted){ .arena = w->arena };
	return wanted_show(w, workload_decide(&w->snapshot, &w->settings, &w->integrations, &w->env, &w->wanted, &w->err));
}

static const struct step *step_find(const struct world *w, enum step_kind kind, const char *name)
{
	for (size_t i = 0; i < w->wanted.n_steps; i++)
		if (w->wanted.steps[i].kind == kind && (!name || strcmp(w->wanted.steps[i].name, name) == 0))
			return &w->wanted.steps[i];
	return NULL;
}

/* Does the steps, all well. */
static void world_settle(struct world *w)
{
	world_decide(w);
	for (size_t i = 0; i < w->wanted.n_steps; i++) {
		const struct step *s = &w->wanted.steps[i];
		for (size_t k = 0; k < s->n_files; k++)
			file_set(w, s->files[k].path, s->files[k].content);
		if (s->on_success)
			file_set(w, s->on_success->path, s->on_success->content);
		if (s->kind == STEP_LAYER)
			NODE_EACH (service, node_get(s->layer, "services"))
				node_put(w->arena, (struct node *)node_get(w->container.plan, "services"), service->key, service);
	}
	NODE_EACH (service, node_get(w->container.plan, "services"))
		service_set(w, service->key, str_is(node_gets(service, "startup"), "enabled") ? S("active") : S("inactive"));
	w->snapshot.unit_status = (struct status){ S("active"), S("") };
}

/* --- The steps --- */

#define GUNICORN "python3 -m gunicorn -c /flask/gunicorn.conf.py app:app -k [ sync ]"
#define CHECK_COMMAND(class) "run python3 -m gunicorn -c /flask/gunicorn.conf.py app:app -k " class " --check-config"
#define ORIGINALS "/tmp/flask/state/original-services.json"
#define WORD "/tmp/flask/state/database-migration-status"
#define FRESH "write " ORIGINALS "*\nlayer charm\n"
#define CONFIG "dir /var/log/flask\nwrite /flask/gunicorn.conf.py\n"
#define MIGRATE "run bash -eo pipefail migrate.sh\n"

static const struct { const char *name, *before, *after, *want; } flask_cases[] = {
	{ "a quiet event", "", "", "" },
	{ "a quiet event with a migration done", "script:migrate.sh;data:DB=1", "", "" },
	{ "a unit that stopped half-way", "", "status=maintenance", CHECK_COMMAND("sync") "\nSIGHUP flask\nreplan" },
	{ "... before the service ran", "", "status=blocked;service:flask=inactive", CHECK_COMMAND("sync") "\nreplan" },
	{ "another environment", "", "env:COLOUR=blue", "layer charm\n" CHECK_COMMAND("sync") "\nreplan" },
	{ "one more variable, empty", "", "env:SHAPE=", "layer charm\n" CHECK_COMMAND("sync") "\nreplan" },
	{ "another configuration", "", "file:/flask/gunicorn.conf.py=x", CONFIG CHECK_COMMAND("sync") "\nSIGHUP flask" },
	{ "no configuration", "", "file:/flask/gunicorn.conf.py", CONFIG CHECK_COMMAND("sync") "\nSIGHUP flask" },
	{ "an unreadable configuration", "", "unreadable:/flask/gunicorn.conf.py", CONFIG CHECK_COMMAND("sync") "\nSIGHUP flask" },
	{ "tracing comes", "", "tracing", CONFIG CHECK_COMMAND("sync") "\nSIGHUP flask" },
	{ "Juju is too old to forward", "", "juju=3.3.9", CONFIG CHECK_COMMAND("sync") "\nSIGHUP flask" },
	{ "Juju forwards", "", "juju=3.4.0", "" },
	{ "configuration and environment", "", "tracing;env:COLOUR=blue", "layer charm\n" CONFIG CHECK_COMMAND("sync") "\nreplan" },
	{ "gevent", "", "class=gevent", "~run python3 -c import gevent\nlayer charm\n" CHECK_COMMAND("gevent") "\nreplan" },
	{ "gevent, quiet", "class=gevent", "", "" },
	{ "gevent, half-way", "class=gevent", "status=blocked",
	  "~run python3 -c import gevent\n" CHECK_COMMAND("gevent") "\nSIGHUP flask\nreplan" },
	{ "gevent with another configuration", "class=gevent", "tracing",
	  "~run python3 -c import gevent\n" CONFIG CHECK_COMMAND("gevent") "\nSIGHUP flask" },
	{ "the image's class is asked for", "", "class=sync", "" },
	{ "no such class", "", "class=eventlet", "blocked: Only 'gevent' and 'sync' are allowed. https://bit.ly/flask-async-doc" },
	{ "the image's own again", "class=gevent", "class=", "layer charm\n" CHECK_COMMAND("sync") "\nreplan" },
	{ "the main service stopped", "", "service:flask=inactive", "replan" },
	{ "the main service failed", "", "service:flask=error", "replan" },
	{ "a service waits for another try", "", "service:statsd=backoff", "replan" },
	{ "a service failed", "", "service:statsd=error", "replan" },
	{ "a service did its work", "", "service:once=error", "" },
	{ "... but was stopped", "", "service:once=inactive", "replan" },
	{ "one that is off", "", "service:off=error", "" },
	{ "the scheduler of another unit", "unit=1", "service:clock-scheduler=error", "" },
	{ "the scheduler of the first", "", "service:clock-scheduler=error", "replan" },
	{ "the unit is another", "", "unit=1", "layer charm\nreplan" },
	{ "a migration failed", "script:migrate.sh", "word=FAILED", "run bash -eo pipefail migrate.sh" },
	{ "a migration was interrupted", "script:migrate.sh", "word=PENDING", "run bash -eo pipefail migrate.sh" },
	{ "a migration was never done", "script:migrate.sh", "word", "run bash -eo pipefail migrate.sh" },
	{ "a migration with a newline behind its word", "script:migrate.sh", "word=COMPLETED\n", "" },
	{ "a word that nobody wrote", "script:migrate.sh", "word=DONE", "run bash -eo pipefail migrate.sh" },
	{ "another script", "script:migrate.sh", "script:manage.py", "" },
	{ "the data's home is new", "script:migrate.sh", "data:DB=1",
	  "write " WORD "*=PENDING\nlayer charm\n" CHECK_COMMAND("sync") "\n" MIGRATE "replan" },
	{ "the data's home changed", "script:migrate.sh;data:DB=1", "data:DB=2",
	  "write " WORD "*=PENDING\nlayer charm\n" CHECK_COMMAND("sync") "\n" MIGRATE "replan" },
	{ "... after a failure", "script:migrate.sh;data:DB=1", "data:DB=2;word=FAILED",
	  "layer charm\n" CHECK_COMMAND("sync") "\n" MIGRATE "replan" },
	{ "... with nothing to migrate", "data:DB=1", "data:DB=2", "layer charm\n" CHECK_COMMAND("sync") "\nreplan" },
	{ "another variable changed", "script:migrate.sh;data:DB=1", "env:COLOUR=blue", "layer charm\n" CHECK_COMMAND("sync") "\nreplan" },
	{ "migration in a new container", "script:migrate;data:DB=1", "word;file:" ORIGINALS ";file:/flask/gunicorn.conf.py;status=waiting",
	  "write " ORIGINALS "*\n" CONFIG CHECK_COMMAND("sync") "\nSIGHUP flask\nrun /flask/app/migrate\nreplan" },
	{ "the last script counts", "script:migrate.py;script:migrate.sh;script:migrate", "word", "run python3 migrate.py" },
	{ "... and manage.py is the last", "script:manage.py;script:migrate.py", "word", "run python3 manage.py migrate" },
	{ "manage.py", "script:manage.py", "word", "run python3 manage.py migrate" },
	{ "a plan without the service, kept originals", "", "plan={services: {}}",
	  "layer charm\n" CHECK_COMMAND("sync") "\nreplan" },
	{ "an image without the service", "", "file:" ORIGINALS ";plan={services: {statsd: {command: statsd}}}",
	  "blocked: the image has no service flask in container app" },
	{ "an image without services", "", "file:" ORIGINALS ";plan={}", "blocked: the image has no service flask in container app" },
	{ "unreadable originals", "", "unreadable:" ORIGINALS, "blocked: cannot read " ORIGINALS " in container app" },
	{ "originals that are none", "", "file:" ORIGINALS "=[1]", "blocked: cannot read " ORIGINALS " in container app" },
	{ "broken originals", "", "file:" ORIGINALS "={", "blocked: cannot read " ORIGINALS " in container app" },
	{ "a service that is none", "", "file:" ORIGINALS "={\"flask\": 1}", "blocked: the image has no service flask in container app" },
	{ "an open quote in the command", "", "file:" ORIGINALS "={\"flask\": {\"command\": \"x '\"}};status=blocked",
	  "blocked: the command of the image's service flask has a quote without an end" },
	{ "an image that runs no gunicorn", "", "file:" ORIGINALS "={\"flask\": {\"command\": \"x\"}};class=sync",
	  "blocked: Worker class is set through `juju config` but the `-k` worker class argument is not in the service command." },
};

static void test_flask(struct arena *a)
{
	struct world w;

	world_new(&w, a, "flask", 2, GUNICORN);
	CHECK_STR(world_decide(&w), S(FRESH CONFIG CHECK_COMMAND("sync") "\nreplan"));
	for (size_t i = 0; i < LEN(flask_cases); i++) {
		world_new(&w, a, "flask", 2, GUNICORN);
		world_changes(&w, flask_cases[i].before);
		world_settle(&w);
		world_changes(&w, flask_cases[i].after);
		struct str got = world_decide(&w);
		CHECK(str_is(got, flask_cases[i].want), "%s: got\n" FMT "\nwant\n%s", flask_cases[i].name, ARG(got), flask_cases[i].want);
	}
}

/* --- What is in the steps --- */

static void test_contents(struct arena *a)
{
	struct world w;
	const struct step *step;

	world_new(&w, a, "flask", 2, GUNICORN);
	world_changes(&w, "script:migrate.sh;class=gevent;unit=1");
	world_decide(&w);
	step = step_find(&w, STEP_EXEC, "gevent check");
	CHECK_STR(step->failed, S("gunicorn[gevent] must be installed in the rock. https://bit.ly/flask-async-doc"));
	CHECK(step->exec.environment && step->exec.environment->count == 0 && !step->exec.user.p && !step->exec.working_dir.p &&
	      step->exec.timeout == 60, "gevent check");
	step = step_find(&w, STEP_EXEC, "configuration check");
	CHECK_STR(step->failed, S("Webserver configuration check failed, please review your charm configuration or database relation"));
	CHECK_STR(json_text(a, step->exec.environment, 0), S("{\"COLOUR\": \"red\"}"));
	CHECK(str_is(step->exec.user, "_daemon_") && str_is(step->exec.group, "_daemon_") && str_is(step->exec.working_dir, "/flask/app") &&
	      step->exec.timeout == 60 && !step->on_success && !step->on_failure, "configuration check");
	step = step_find(&w, STEP_EXEC, "migration");
	CHECK_STR(step->failed, S("database migration command ['bash', '-eo', 'pipefail', 'migrate.sh'] failed, will retry in next update-status"));
	CHECK(step->exec.timeout == 0 && str_is(step->exec.user, "_daemon_") && str_is(step->exec.working_dir, "/flask/app"), "migration");
	CHECK_STR(step->on_success->content, S("COMPLETED"));
	CHECK_STR(step->on_failure->content, S("FAILED"));
	CHECK(str_is(step->on_failure->path, WORD) && step->on_failure->make_dirs && !step->on_failure->user.p, "word");
	step = step_find(&w, STEP_DIR, NULL);
	CHECK(str_is(step->user, "_daemon_") && str_is(step->group, "_daemon_"), "log directory");
	step = step_find(&w, STEP_WRITE, "web server configuration");
	CHECK(str_is(step->files->group, "_daemon_") && !step->files->make_dirs, "web server configuration");
	CHECK(str_contains(step->files->content, S("accesslog = '-'")), "forwarded logs");
	step = step_find(&w, STEP_WRITE, "image's services");
	CHECK_STR(step->files->content, S(
		"{\"flask\": {\"override\": \"merge\", \"startup\": \"enabled\", \"command\": \"" GUNICORN "\", \"after\": [\"statsd\"], "
		"\"environment\": {\"IMAGE\": \"only\"}, \"user\": \"_daemon_\"}, "
		"\"statsd\": {\"override\": \"merge\", \"startup\": \"enabled\", \"command\": \"statsd\"}, "
		"\"Mail-Worker\": {\"override\": \"merge\", \"startup\": \"enabled\", \"command\": \"mail\", \"environment\": {\"KEEP\": \"me\"}}, "
		"\"clock-scheduler\": {\"override\": \"replace\", \"startup\": \"enabled\", \"command\": \"clock\", \"environment\": {\"KEEP\": \"me\"}}, "
		"\"once\": {\"override\": \"replace\", \"startup\": \"enabled\", \"command\": \"once\", \"on-success\": \"ignore\"}, "
		"\"off\": {\"override\": \"replace\", \"command\": \"off\"}}"));
	step = step_find(&w, STEP_LAYER, NULL);
	CHECK_STR(json_text(a, step->layer, 0), S(
		"{\"services\": {\"flask\": {\"override\": \"replace\", \"startup\": \"enabled\", \"command\": "
		"\"python3 -m gunicorn -c /flask/gunicorn.conf.py app:app -k [ gevent ]\", \"after\": [\"statsd\"], "
		"\"environment\": {\"COLOUR\": \"red\"}, \"user\": \"_daemon_\"}, "
		"\"statsd\": {\"override\": \"merge\", \"startup\": \"enabled\", \"command\": \"statsd\"}, "
		"\"Mail-Worker\": {\"override\": \"merge\", \"startup\": \"enabled\", \"command\": \"mail\", \"environment\": {\"COLOUR\": \"red\"}}, "
		"\"clock-scheduler\": {\"override\": \"replace\", \"startup\": \"disabled\", \"command\": \"clock\", \"environment\": {\"KEEP\": \"me\"}}, "
		"\"once\": {\"override\": \"replace\", \"startup\": \"enabled\", \"command\": \"once\", \"on-success\": \"ignore\"}, "
		"\"off\": {\"override\": \"replace\", \"command\": \"off\"}}}"));
	world_change(&w, S("unit=0"));
	world_change(&w, S("juju=3.3.9"));
	world_decide(&w);
	CHECK(str_contains(step_find(&w, STEP_WRITE, "web server configuration")->files->content, S("accesslog = '/var/log/flask/access.log'")),
		"logs in files");
	CHECK_STR(json_text(a, node_get(node_get(step_find(&w, STEP_LAYER, NULL)->layer, "services"), "clock-scheduler"), 0),
		S("{\"override\": \"replace\", \"startup\": \"enabled\", \"command\": \"clock\", \"environment\": {\"COLOUR\": \"red\"}}"));
}

/* A plan differs where adding the layer would change it. */
static void test_plan(struct arena *a)
{
	static const struct { const char *service, *plan; bool right; } cases[] = {
		{ "{override: replace, command: x}", "{override: replace, command: x}", true },
		{ "{override: replace, command: x}", "{override: replace, command: x, summary: ''}", true },
		{ "{override: replace, command: x}", "{override: replace, command: x, summary: other}", false },
		{ "{override: replace, command: x}", "{override: replace, command: y}", false },
		{ "{override: replace, command: x, after: [a, b]}", "{override: replace, command: x, after: [b, a]}", true },
		{ "{override: replace, command: x, after: [a]}", "{override: replace, command: x, after: [b, a]}", false },
		{ "{override: replace, command: x, after: [a]}", "{override: replace, command: x, after: a}", false },
		{ "{override: replace, command: x, after: [a]}", "{override: replace, command: x}", false },
		{ "{override: replace, command: x, user-id: 584}", "{override: replace, command: x, user-id: 584}", true },
		{ "{override: replace, command: x, on-check-failure: {up: restart}}", "{override: replace, command: x, on-check-failure: {up: restart}}", true },
		{ "{override: replace, command: x, on-check-failure: {up: restart}}", "{override: replace, command: x, on-check-failure: {up: ignore}}", false },
		{ "{override: replace, command: x, on-check-failure: {up: restart}}", "{override: replace, command: x, on-check-failure: up}", false },
		{ "{override: replace, command: x, backoff-factor: 2}", "{override: replace, command: x, backoff-factor: [2]}", false },
		{ "{override: merge, command: x}", "{override: merge, command: x, summary: other, after: [a]}", true },
		{ "{override: merge, command: x, environment: {A: b}}", "{override: merge, command: x, environment: {A: b, C: d}}", true },
		{ "{override: merge, command: x, environment: {A: b}}", "{override: merge, command: x, environment: {C: d}}", false },
		{ "{override: merge, command: x, environment: {A: b}}", "{override: merge, command: x}", false },
	};
	struct world w;

	for (size_t i = 0; i < LEN(cases); i++) {
		world_new(&w, a, "go", 2, "go");
		world_settle(&w);
		struct node *originals = test_tree(a, file_of(&w, S("/tmp/go/state/original-services.json"))->content);
		node_put(a, originals, S("other"), test_tree(a, str_of(cases[i].service)));
		world_change(&w, str_f(a, "file:/tmp/go/state/original-services.json=" FMT, ARG(json_text(a, originals, 0))));
		node_put(a, node_get(w.container.plan, "services"), S("other"), test_tree(a, str_of(cases[i].plan)));
		CHECK_STR(world_decide(&w), cases[i].right ? S("") : S("layer charm\nreplan"));
	}
}

/* A service that ended as its image allows is not started over and over; the main service always is. */
static void test_ended(struct arena *a)
{
	static const struct { const char *service, *current; bool down; } cases[] = {
		{ "other: {startup: enabled, on-success: ignore}", "error", false },
		{ "other: {startup: enabled, on-failure: ignore}", "error", false },
		{ "other: {startup: enabled, on-failure: restart}", "error", true },
		{ "other: {startup: enabled, on-success: ignore}", "backoff", true },
		{ "other: {startup: enabled}", "active", false },
		{ "other: {startup: disabled}", "inactive", false },
		{ "other: {}", "inactive", false },
		{ "go: {startup: enabled, on-success: ignore, override: replace, command: go}", "error", true },
	};
	struct world w;

	for (size_t i = 0; i < LEN(cases); i++) {
		world_new(&w, a, "go", 2, "go");
		world_settle(&w);
		NODE_EACH (service, test_tree(a, str_of(cases[i].service))) {
			node_put(a, (struct node *)node_get(w.container.plan, "services"), service->key, service);
			service_set(&w, service->key, str_of(cases[i].current));
		}
		CHECK(str_ends(world_decide(&w), "replan") == cases[i].down, "%s %s", cases[i].service, cases[i].current);
	}
}

/* --- The other web servers --- */

#define HANDLER "/tmp/fastapi/log_config/uvicorn_log_handler.py"
#define LOG_CONFIG "/tmp/fastapi/log_config/uvicorn-log-config.json"
#define UVICORN_FILES "dir /tmp/fastapi/log_config\nwrite " HANDLER " " LOG_CONFIG

static const struct { const char *framework, *before, *after, *want; } other_cases[] = {
	{ "fastapi", "", NULL, "write /tmp/fastapi/state/original-services.json*\nlayer charm\n" UVICORN_FILES "\nreplan" },
	{ "fastapi", "", "", "" },
	{ "fastapi", "", "file:" HANDLER "=x", UVICORN_FILES },
	{ "fastapi", "", "file:" LOG_CONFIG, UVICORN_FILES },
	{ "fastapi", "", "env:COLOUR=blue", "layer charm\nreplan" },
	{ "fastapi", "", "status=blocked", "replan" },
	{ "fastapi", "class=eventlet", "", "" },
	{ "spring-boot", "", NULL, "write /app/state/original-services.json*\nlayer charm\nreplan" },
	{ "spring-boot", "certificate=PEM", NULL, "write /app/state/original-services.json*\nwrite /app/saml.cert*\nlayer charm\nreplan" },
	{ "spring-boot", "certificate=PEM", "", "" },
	{ "spring-boot", "certificate=PEM", "certificate=OTHER", "write /app/saml.cert*" },
	{ "spring-boot", "script:migrate", "word", "run /app/migrate" },
	{ "go", "certificate=PEM", NULL, "write /tmp/go/state/original-services.json*\nlayer charm\nreplan" },
};

static void test_others(struct arena *a)
{
	struct world w;

	for (size_t i = 0; i < LEN(other_cases); i++) {
		world_new(&w, a, other_cases[i].framework, 2, "server");
		world_changes(&w, other_cases[i].before);
		if (other_cases[i].after) {
			world_settle(&w);
			world_changes(&w, other_cases[i].after);
		}
		struct str got = world_decide(&w);
		CHECK(str_is(got, other_cases[i].want), "%s, %zu: got\n" FMT "\nwant\n%s", other_cases[i].framework, i, ARG(got), other_cases[i].want);
	}
	/* Without JSON logging there are no files for it. */
	world_new(&w, a, "fastapi", 2, "server");
	w.charm.paas.json_logging = w.settings.json_logging = false;
	workload_files(a, &w.charm, &w.container.files, &w.container.n_files);
	CHECK(w.container.n_files == 2, "%zu files", w.container.n_files);
	CHECK_STR(world_decide(&w), S("write /tmp/fastapi/state/original-services.json*\nlayer charm\nreplan"));
	/* A service without a command runs what it ran. */
	CHECK(!step_find(&w, STEP_EXEC, NULL), "a check without gunicorn");
}

/* --- Missing integrations --- */

static const struct { const char *before, *after, *want; } stop_cases[] = {
	{ "", "", "stop flask statsd Mail-Worker clock-scheduler once off" },
	{ "", "service:flask=inactive;service:statsd=inactive;service:Mail-Worker=inactive;service:clock-scheduler=error;service:once=error", "" },
	{ "", "service:flask=inactive;service:statsd=inactive;service:Mail-Worker=backoff;service:clock-scheduler=error;service:once=error",
	  "stop flask statsd Mail-Worker clock-scheduler once off" },
	{ "", "plan={}", "" },
	{ "script:migrate.sh", "plan={}", "write " WORD "*=PENDING" },
	{ "script:migrate.sh", "plan={};word=FAILED", "write " WORD "*=PENDING" },
	{ "script:migrate.sh", "plan={};word=PENDING", "" },
	{ "script:migrate.sh", "plan={};word", "" },
	{ "", "plan={};word=COMPLETED", "" },
	{ "", "class=eventlet", "blocked: Only 'gevent' and 'sync' are allowed. https://bit.ly/flask-async-doc" },
	{ "", "class=gevent", "~run python3 -c import gevent\nstop flask statsd Mail-Worker clock-scheduler once off" },
	{ "", "class=sync", "stop flask statsd Mail-Worker clock-scheduler once off" },
};

static void test_stop(struct arena *a)
{
	struct world w;

	for (size_t i = 0; i < LEN(stop_cases); i++) {
		world_new(&w, a, "flask", 2, GUNICORN);
		world_changes(&w, stop_cases[i].before);
		world_settle(&w);
		world_changes(&w, stop_cases[i].after);
		w.wanted = (struct wanted){ .arena = a };
		CHECK_STR(wanted_show(&w, workload_stop(&w.snapshot, &w.settings, &w.wanted, &w.err)), str_of(stop_cases[i].want));
	}
}

/* --- Commands and files of web servers --- */

static const struct { const char *command, *words; } splits[] = {
	{ "", "" }, { "  ", "" }, { "a b", "a|b" }, { "\ta\n b\r", "a|b" }, { "a 'b c' d", "a|b c|d" }, { "a\"b c\"d", "ab cd" },
	{ "''", "" }, { "a '' b", "a||b" }, { "\"it's\" '\"'", "it's|\"" }, { "a\\ b", "a b" }, { "\"a\\\"b\\\\c\\d\"", "a\"b\\c\\d" },
	{ "'a\\'", "a\\" }, { "'a", NULL }, { "\"a", NULL }, { "a\\", NULL }, { "\"a\\", NULL }, { "# no comment", "#|no|comment" },
};

static const struct { const char *command, *class, *want; } classes[] = {
	{ "g -k sync x", "", "g -k sync x" },
	{ "g -k sync x", "sync", "g -k sync x" },
	{ "g  'a b' -k  sync x", "sync", "g  'a b' -k  sync x" },
	{ "g  'a b' -k  sync x", "gevent", "g a b -k gevent x" },
	{ "g -k [ sync ] x", "gevent", "g -k [ gevent ] x" },
	{ "g -k [ gevent ] x", "gevent", "g -k [ gevent ] x" },
	{ "g -k sync -k sync", "gevent", "g -k gevent -k sync" },
	{ "g -k [", "gevent", NULL }, { "g -k", "gevent", NULL }, { "g", "sync", NULL }, { "g --worker-class sync", "gevent", NULL },
	{ "", "sync", NULL }, { "g 'x", "gevent", NULL }, { "g -k sync", "Gevent", NULL },
};

static void test_commands(struct arena *a)
{
	const struct framework *flask = framework_find(S("flask"), 2);
	struct err err = { .arena = a };

	for (size_t i = 0; i < LEN(splits); i++) {
		struct strs list;
		int rc = shell_split(a, exact(a, splits[i].command), &list);
		CHECK((rc == 0) == (splits[i].words != NULL), "%s: %d", splits[i].command, rc);
		if (rc == 0 && splits[i].words)
			CHECK_STR(strs_join(a, &list, "|"), str_of(splits[i].words));
	}
	for (size_t i = 0; i < LEN(classes); i++) {
		struct str out;
		int rc = gunicorn_command(a, flask, exact(a, classes[i].command), str_of(classes[i].class), &out, &err);
		CHECK((rc == 0) == (classes[i].want != NULL), "%s: %d", classes[i].command, rc);
		if (rc == 0 && classes[i].want)
			CHECK_STR(out, str_of(classes[i].want));
	}
}

#define SETTINGS(logs) \
	"bind = ['0.0.0.0:8000']\nchdir = '/flask/app'\n" logs "statsd_host = 'localhost:9125'"
#define STDOUT "accesslog = '-'\nerrorlog = '-'\n"
#define LOG_FILES "accesslog = '/var/log/flask/access.log'\nerrorlog = '/var/log/flask/error.log'\n"
#define FORMAT "\naccess_log_format = '%(h)s %(l)s %(u)s %(t)s \"%(r)s\" %(s)s %(b)s \"%(f)s\" \"%(a)s\" %({x-request-id}o)s'"
#define IMPORTS \
	"from opentelemetry import trace\n" \
	"from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter\n" \
	"from opentelemetry.sdk.trace import TracerProvider\n" \
	"from opentelemetry.sdk.trace.export import BatchSpanProcessor\n"
#define POST_FORK "def post_fork(server, worker):\n"
#define SPANS \
	"    trace.set_tracer_provider(TracerProvider())\n" \
	"    span_processor = BatchSpanProcessor(OTLPSpanExporter())\n" \
	"    trace.get_tracer_provider().add_span_processor(span_processor)\n"

/* The file without our own module, in whose place stands MODULE. */
static struct str config_of(struct arena *a, const struct settings *settings, bool log_to_files, bool tracing)
{
	struct str text = gunicorn_config(a, framework_find(S("flask"), 2), settings, log_to_files, tracing);
	const char *c = str_c(a, text), *from = strstr(c, "# What both"), *to = strstr(c, "logger_class = ");

	if (!settings->json_logging)
		return text;
	CHECK(strstr(c, "class GunicornJsonFormatter(logging.Formatter):") && strstr(c, "class GunicornJsonLogger(glogging.Logger):") &&
	      strstr(c, "\nclass OtelSpanMiddleware") && strstr(c, "\n_span_context_var = "), "the module's names");
	return from && to ? str_f(a, "%.*sMODULE\n%s", (int)(from - c), c, to) : text;
}

static void test_config(struct arena *a)
{
	struct settings s = { .port = 8000 };
	struct str json_fork;

	CHECK_STR(config_of(a, &s, false, false), S(SETTINGS(STDOUT)));
	CHECK_STR(config_of(a, &s, true, false), S(SETTINGS(LOG_FILES)));
	CHECK_STR(config_of(a, &s, false, true), S(IMPORTS "\n" SETTINGS(STDOUT) FORMAT "\n\n\n" POST_FORK SPANS));
	s.json_logging = true;
	json_fork = S("    plain_wsgi = worker.app.wsgi\n\n    def _patched_wsgi():\n        return OtelSpanMiddleware(plain_wsgi())\n\n"
		"    worker.app.wsgi = _patched_wsgi\n");
	CHECK_STR(config_of(a, &s, false, false), str_f(a, "\nMODULE\nlogger_class = GunicornJsonLogger\n%s\n\n%s" FMT, SETTINGS(STDOUT), POST_FORK,
		ARG(json_fork)));
	CHECK_STR(config_of(a, &s, false, true), str_f(a, "%s\n\nMODULE\nlogger_class = GunicornJsonLogger\n%s\n\n\n%s" FMT, IMPORTS,
		SETTINGS(STDOUT) FORMAT, POST_FORK SPANS, ARG(json_fork)));
	s = (struct settings){ .port = 81, .workers = S("3"), .threads = S("0"), .keepalive = S("-5"), .timeout = S("60") };
	CHECK_STR(config_of(a, &s, false, false), S("bind = ['0.0.0.0:81']\nchdir = '/flask/app'\n" STDOUT
		"statsd_host = 'localhost:9125'\nworkers = 3\nthreads = 0\nkeepalive = -5\ntimeout = 60"));
}

/* --- The action --- */

static void test_superuser(struct arena *a)
{
	struct world w;
	struct node *environment;

	world_new(&w, a, "django", 1, GUNICORN);
	for (size_t i = 0; i < sizeof w.snapshot.seed; i++)
		w.snapshot.seed[i] = (unsigned char)i;
	w.snapshot.action_params = test_tree(a, S("{username: admin, email: a@b.c}"));
	world_change(&w, S("env:DJANGO_SUPERUSER_EMAIL=ours"));
	w.wanted = (struct wanted){ .arena = a };
	superuser_decide(&w.snapshot, &w.env, &w.wanted);
	CHECK_STR(strs_join(a, &w.wanted.action_exec->command, " "), S("python3 manage.py createsuperuser --noinput"));
	CHECK(w.wanted.action_exec->merge_stderr && w.wanted.action_exec->timeout == 120 && !w.wanted.action_exec->user.p &&
	      str_is(w.wanted.action_exec->working_dir, "/django/app"), "the command");
	CHECK_STR(json_text(a, w.wanted.action_results, 0), S("{\"password\": \"W7Z8B7r1hvC8yWNldvzmaQ\"}"));
	environment = (struct node *)w.wanted.action_exec->environment;
	CHECK_STR(json_text(a, environment, 0), S("{\"DJANGO_SUPERUSER_PASSWORD\": \"W7Z8B7r1hvC8yWNldvzmaQ\", \"DJANGO_SUPERUSER_USERNAME\": \"admin\", "
		"\"DJANGO_SUPERUSER_EMAIL\": \"ours\", \"COLOUR\": \"red\"}"));
}

/* --- For people --- */

static void test_reasons(struct arena *a)
{
	CHECK_STR(strs_join(a, &reasons, "\n"), S(
		"image's services: the container is new\n"
		"layer: the plan differs\n"
		"log directory: the web server's configuration differs\n"
		"web server configuration: the web server's configuration differs\n"
		"configuration check: the web server's configuration differs\n"
		"replan: the plan differs\n"
		"migration: the data's home changed\n"
		"configuration check: the unit is not active\n"
		"reload: the unit is not active\n"
		"replan: the unit is not active\n"
		"configuration check: the service differs\n"
		"reload: the web server's configuration differs\n"
		"gevent check: the worker class is gevent\n"
		"replan: a service is not running\n"
		"migration: it has not been done\n"
		"migration state: the data's home changed\n"
		"log configuration directory: the log configuration differs\n"
		"log configuration: the log configuration differs\n"
		"SAML certificate: the certificate differs\n"
		"stop: an integration is missing\n"
		"migration state: an integration is missing"));
}

int main(void)
{
	struct arena *a = arena_new();

	test_flask(a);
	test_contents(a);
	test_plan(a);
	test_ended(a);
	test_others(a);
	test_stop(a);
	test_commands(a);
	test_config(a);
	test_superuser(a);
	test_reasons(a);
	arena_free(a);
	return TEST_END();
}
