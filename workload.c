/* workload.c: what the container should hold and run, as the steps that are missing for it.
 *
 * Every layer is computed from the image's own services, which are kept in a file from the first time on: so unsetting an option gives
 * back what the image had. A unit that is active has finished its last change; one that is not may have stopped half-way, and then checks,
 * reload and replan are run again, whatever the plan and the files look like. */
#include "crypto.h"
#include "frameworks.h"
#include "webserver.h"

/* Who runs the app in the image. */
#define DAEMON S("_daemon_")

enum { CHECK_SECONDS = 60, SUPERUSER_SECONDS = 120 };

struct work {
	const struct snapshot *snapshot;
	const struct framework *framework;
	const struct container_state *container;
	const struct settings *settings;
	const struct env *env;
	struct wanted *wanted;
	struct err *err;
	struct arena *arena;
	bool settled;                 /* the unit is active: what looks done is done */
	struct node *originals;       /* the image's services */
	bool originals_known;         /* ... as they were written down */
	struct str command;           /* the main service's */
	struct node *layer;
	bool plan_differs, main_differs;
};

/* --- What is read --- */

static struct str originals_path(struct arena *a, const struct framework *framework)
{
	return str_f(a, "%s/original-services.json", framework->services_state);
}

static struct str migration_path(struct arena *a, const struct framework *framework)
{
	return str_f(a, "%s/database-migration-status", framework->migration_state);
}

void workload_files(struct arena *a, const struct charm *charm, struct file **files, size_t *n)
{
	const struct framework *f = charm->framework;
	struct file *uvicorn = NULL;
	size_t n_uvicorn = 0;

	if (f->server == SERVER_UVICORN && charm->paas.json_logging)
		uvicorn_files(a, &uvicorn, &n_uvicorn);
	*files = arena_alloc(a, (4 + n_uvicorn) * sizeof **files);
	*n = 0;
	(*files)[(*n)++].path = originals_path(a, f);
	(*files)[(*n)++].path = migration_path(a, f);
	if (f->server == SERVER_GUNICORN)
		(*files)[(*n)++].path = gunicorn_config_path(a, f);
	if (f->certificate_file)
		(*files)[(*n)++].path = str_of(f->certificate_file);
	for (size_t i = 0; i < n_uvicorn; i++)
		(*files)[(*n)++].path = uvicorn[i].path;
}

struct str workload_directory(const struct charm *charm)
{
	return str_of(charm->framework->app_dir);
}

/* A file's text, NOSTR when it is missing or cannot be read. */
static struct str file_text(const struct work *w, struct str path)
{
	const struct file *file = state_file(w->container, path);

	return file && file->found && !file->error.p ? file->content : NOSTR;
}

static bool file_differs(const struct work *w, struct str path, struct str content)
{
	struct str now = file_text(w, path);

	return !now.p || !str_eq(now, content);
}

static const struct service *service_find(const struct container_state *c, struct str name)
{
	for (size_t i = 0; i < c->n_services; i++)
		if (str_eq(c->services[i].name, name))
			return &c->services[i];
	return NULL;
}

static bool service_runs(const struct container_state *c, struct str name)
{
	const struct service *service = service_find(c, name);

	return service && str_is(service->current, "active");
}

/* --- Steps --- */

static struct step *work_step(struct work *w, enum step_kind kind, const char *name, const char *why)
{
	struct step *step = want_step(w->wanted, kind, name);

	step->disturbs = true;
	step->why = why;
	return step;
}

static struct file *file_new(struct work *w, struct str path, struct str content, bool owned)
{
	struct file *file = NEW(w->arena, struct file);

	*file = (struct file){ .path = path, .content = content, .make_dirs = !owned };
	if (owned)
		file->user = file->group = DAEMON;
	return file;
}

static void write_step(struct work *w, const char *name, struct file *file, const char *why)
{
	struct step *step = work_step(w, STEP_WRITE, name, why);

	step->files = file;
	step->n_files = 1;
}

static void directory_step(struct work *w, const char *name, struct str path, const char *why)
{
	struct step *step = work_step(w, STEP_DIR, name, why);

	step->path = path;
	step->user = step->group = DAEMON;
}

/* A command as the app's own user, in the app's folder, with the app's environment. */
static struct step *exec_step(struct work *w, const char *name, struct strs command, const char *why)
{
	struct step *step = work_step(w, STEP_EXEC, name, why);

	step->exec.command = command;
	step->exec.environment = env_map(w->arena, w->env);
	step->exec.working_dir = str_of(w->framework->app_dir);
	step->exec.user = step->exec.group = DAEMON;
	return step;
}

static struct strs words(struct arena *a, const char *const *list)
{
	struct strs out = { 0 };

	for (size_t i = 0; list[i]; i++)
		strs_add(a, &out, str_of(list[i]));
	return out;
}

/* --- The image's services --- */

static bool field_is_empty(const struct node *field)
{
	return field->kind == NODE_NULL || (field->kind == NODE_STRING && field->text.n == 0) ||
	       ((field->kind == NODE_LIST || field->kind == NODE_MAP) && field->count == 0);
}

/* The plan's services without their empty fields. */
static struct node *plan_services(struct arena *a, const struct node *plan)
{
	struct node *services = node_new(a, NODE_MAP);

	NODE_EACH (service, node_get(plan, "services")) {
		struct node *copy = node_new(a, NODE_MAP);
		NODE_EACH (field, service)
			if (!field_is_empty(field))
				node_put(a, copy, field->key, field);
		node_put(a, services, service->key, copy);
	}
	return services;
}

static int originals_read(struct work *w)
{
	struct str path = originals_path(w->arena, w->framework), name = w->container->name;
	const struct file *file = state_file(w->container, path);
	struct node *main_service;
	struct err unread = { .arena = w->arena };

	w->originals_known = file && file->found;
	if (!w->originals_known) {
		w->originals = plan_services(w->arena, w->container->plan);
	} else if (file->error.p || json_parse(w->arena, file->content, &w->originals, &unread) < 0 || !node_is(w->originals, NODE_MAP)) {
		/* The plan is of no help: it has our own layer in it. A new container starts without the file. */
		return err_set(w->err, ERR_BLOCKED, "cannot read " FMT " in container " FMT, ARG(path), ARG(name));
	}
	main_service = node_get(w->originals, w->framework->name);
	if (!node_is(main_service, NODE_MAP))
		return err_set(w->err, ERR_BLOCKED, "the image has no service %s in container " FMT, w->framework->name, ARG(name));
	w->command = node_gets(main_service, "command");
	if (w->framework->server != SERVER_GUNICORN)
		return 0;
	return gunicorn_command(w->arena, w->framework, w->command, w->settings->worker_class, &w->command, w->err);
}

/* --- The layer --- */

/* Everything that `want` says, `have` says too. */
static bool value_covers(const struct node *have, const struct node *want)
{
	if (want->kind == NODE_MAP) {
		NODE_EACH (member, want) {
			const struct node *other = node_find(have, member->key);
			if (!other || !value_covers(other, member))
				return false;
		}
		return node_is(have, NODE_MAP);
	}
	if (want->kind == NODE_LIST) {
		NODE_EACH (item, want) {
			bool found = false;
			NODE_EACH (other, have)
				found = found || value_covers(other, item);
			if (!found)
				return false;
		}
		return node_is(have, NODE_LIST);
	}
	return have->kind != NODE_MAP && have->kind != NODE_LIST && str_eq(have->text, want->text);
}

static bool fields_cover(const struct node *have, const struct node *want)
{
	NODE_EACH (field, want) {
		const struct node *other = node_find(have, field->key);
		if (!field_is_empty(field) && (!other || !value_covers(other, field)))
			return false;
	}
	return true;
}

/* Adding the service to the plan would change nothing: it stands there as it is or, where it is merged, with more around it. */
static bool plan_has(const struct node *plan, const struct node *service)
{
	const struct node *now = node_find(node_get(plan, "services"), service->key);

	return now && fields_cover(now, service) && (str_is(node_gets(service, "override"), "merge") || fields_cover(service, now));
}

static void layer_build(struct work *w)
{
	struct node *services = node_new(w->arena, NODE_MAP);

	NODE_EACH (original, w->originals) {
		struct node *service = node_new(w->arena, NODE_MAP);
		struct str name = str_lower(w->arena, original->key);
		bool is_main = str_is(original->key, w->framework->name), is_scheduler = str_ends(name, "-scheduler");
		NODE_EACH (field, original)
			node_put(w->arena, service, field->key, field);
		if (is_main) {
			node_puts(w->arena, service, "override", S("replace"));
			if (w->command.p)
				node_puts(w->arena, service, "command", w->command);
		}
		/* One unit alone keeps the schedule. */
		if (is_scheduler && !is_main && w->snapshot->hook.unit_number != 0)
			node_puts(w->arena, service, "startup", S("disabled"));
		else if (is_main || is_scheduler || str_ends(name, "-worker"))
			node_put(w->arena, service, S("environment"), env_map(w->arena, w->env));
		node_put(w->arena, services, original->key, service);
	}
	w->layer = node_new(w->arena, NODE_MAP);
	node_put(w->arena, w->layer, S("services"), services);
	NODE_EACH (service, services)
		if (!plan_has(w->container->plan, service)) {
			w->plan_differs = true;
			w->main_differs = w->main_differs || str_is(service->key, w->framework->name);
		}
}

/* A service of the plan as it will be with the layer. */
static struct str service_field(const struct work *w, struct str service, const char *field)
{
	struct str value = node_gets(node_find(node_get(w->layer, "services"), service), field);

	return value.n ? value : node_gets(node_find(node_get(w->container->plan, "services"), service), field);
}

/* An enabled service that does not run: never started, stopped, failed, or waiting for Pebble's next try. One that has ended as its image
 * allows has done its work. */
static bool service_is_down(const struct work *w, const struct service *service)
{
	if (!str_is(service_field(w, service->name, "startup"), "enabled") || str_is(service->current, "active"))
		return false;
	return !str_is(service->current, "error") || str_is(service->name, w->framework->name) ||
	       !(str_is(service_field(w, service->name, "on-success"), "ignore") ||
	         str_is(service_field(w, service->name, "on-failure"), "ignore"));
}

static bool services_are_down(const struct work *w)
{
	for (size_t i = 0; i < w->container->n_services; i++)
		if (service_is_down(w, &w->container->services[i]))
			return true;
	return false;
}

/* --- Migrations --- */

struct migration { const char *script; const char *const *command; };

/* The script to run, with its command; NULL: none. Where there are several the last counts. */
static const char *const *migration_command(const struct work *w, struct strs *command)
{
	static const char *const sh[] = { "bash", "-eo", "pipefail", "migrate.sh", NULL };
	static const char *const py[] = { "python3", "migrate.py", NULL };
	static const char *const manage[] = { "python3", "manage.py", "migrate", NULL };
	static const char *const binary[] = { NULL, NULL };   /* its path, alone */
	static const struct migration migrations[] = {
		{ "manage.py", manage }, { "migrate.py", py }, { "migrate.sh", sh }, { "migrate", binary },
	};

	for (size_t i = 0; i < LEN(migrations); i++) {
		if (!strs_has(&w->container->scripts, str_of(migrations[i].script)))
			continue;
		*command = words(w->arena, migrations[i].command);
		if (command->n == 0)
			strs_add(w->arena, command, str_f(w->arena, "%s/migrate", w->framework->app_dir));
		return migrations[i].command;
	}
	return NULL;
}

/* A variable that the data depends on is new or changed: what was migrated is not what the app is about to use. */
static bool migration_variable_changed(const struct work *w)
{
	const struct node *now = node_get(node_get(node_get(w->container->plan, "services"), w->framework->name), "environment");

	for (size_t i = 0; i < w->env->n; i++) {
		const struct variable *v = &w->env->v[i];
		const struct node *value = node_find(now, v->name);
		if (v->migrates && (!value || !str_eq(node_text(value), v->value)))
			return true;
	}
	return false;
}

/* A list as Python shows it, which is how the message has always looked. */
static struct str python_list(struct arena *a, const struct strs *list)
{
	return str_f(a, "['" FMT "']", ARG(strs_join(a, list, "', '")));
}

static struct file *word_file(struct work *w, const char *word)
{
	return file_new(w, migration_path(w->arena, w->framework), str_of(word), false);
}

static void migration_step(struct work *w, struct strs command, const char *why)
{
	struct step *step = exec_step(w, "migration", command, why);

	step->failed = str_f(w->arena, "database migration command " FMT " failed, will retry in next update-status",
		ARG(python_list(w->arena, &command)));
	step->on_success = word_file(w, "COMPLETED");
	step->on_failure = word_file(w, "FAILED");
}

/* --- Web servers --- */

static void gevent_step(struct work *w)
{
	static const char *const command[] = { "python3", "-c", "import gevent", NULL };
	struct step *step;

	if (!str_is(w->settings->worker_class, "gevent"))
		return;
	step = work_step(w, STEP_EXEC, "gevent check", "the worker class is gevent");
	step->disturbs = false;
	step->exec.command = words(w->arena, command);
	step->exec.environment = node_new(w->arena, NODE_MAP);
	step->exec.timeout = CHECK_SECONDS;
	step->failed = str_f(w->arena, "gunicorn[gevent] must be installed in the rock. https://bit.ly/%s-async-doc", w->framework->name);
}

static int gunicorn_steps(struct work *w, struct str config, bool config_differs)
{
	struct str main_service = str_of(w->framework->name);
	struct step *step;
	struct strs command;

	if (config_differs) {
		directory_step(w, "log directory", gunicorn_log_directory(w->arena, w->framework), "the web server's configuration differs");
		write_step(w, "web server configuration", file_new(w, gunicorn_config_path(w->arena, w->framework), config, true),
			"the web server's configuration differs");
	}
	if (!config_differs && !w->main_differs && w->settled)
		return 0;
	if (gunicorn_check(w->arena, w->framework, w->command, &command, w->err) < 0)
		return -1;
	step = exec_step(w, "configuration check", command, config_differs ? "the web server's configuration differs" :
		w->main_differs ? "the service differs" : "the unit is not active");
	step->exec.timeout = CHECK_SECONDS;
	step->failed = S("Webserver configuration check failed, please review your charm configuration or database relation");
	if (w->main_differs || !service_runs(w->container, main_service))
		return 0;   /* it starts with the new file anyway */
	step = work_step(w, STEP_SIGNAL, "reload", config_differs ? "the web server's configuration differs" : "the unit is not active");
	step->signal = "SIGHUP";
	strs_add(w->arena, &step->services, main_service);
	return 0;
}

static void uvicorn_steps(struct work *w)
{
	struct file *files;
	bool differs = false;
	size_t n;
	struct step *step;

	uvicorn_files(w->arena, &files, &n);
	for (size_t i = 0; i < n; i++) {
		differs = differs || file_differs(w, files[i].path, files[i].content);
		files[i].user = files[i].group = DAEMON;
	}
	if (!differs)
		return;
	directory_step(w, "log configuration directory", uvicorn_directory(), "the log configuration differs");
	step = work_step(w, STEP_WRITE, "log configuration", "the log configuration differs");
	step->files = files;
	step->n_files = n;
}

/* --- All of it --- */

static struct work work_new(const struct snapshot *snapshot, const struct settings *settings, const struct env *env, struct wanted *wanted,
                            struct err *err)
{
	return (struct work){
		.snapshot = snapshot, .framework = snapshot->charm->framework, .container = &snapshot->containers[0], .settings = settings,
		.env = env, .wanted = wanted, .err = err, .arena = snapshot->arena, .settled = str_is(snapshot->unit_status.name, "active"),
	};
}

int workload_decide(const struct snapshot *snapshot, const struct settings *settings, const struct integrations *integrations,
                    const struct env *env, struct wanted *wanted, struct err *err)
{
	struct work w = work_new(snapshot, settings, env, wanted, err);
	const struct framework *f = w.framework;
	bool gunicorn = f->server == SERVER_GUNICORN, has_script, config_differs = false, renewed;
	struct str config = NOSTR, word = str_trim(file_text(&w, migration_path(w.arena, f)));
	const char *why = w.settled ? "a service is not running" : "the unit is not active";
	struct strs migration = { 0 };
	struct step *step;

	if (originals_read(&w) < 0)
		return -1;
	layer_build(&w);
	if (gunicorn) {
		config = gunicorn_config(w.arena, f, settings, !version_at_least(snapshot->hook.juju_version, 3, 4, 0),
			integrations->tracing_ready);
		config_differs = file_differs(&w, gunicorn_config_path(w.arena, f), config);
	}
	has_script = migration_command(&w, &migration) != NULL;
	renewed = has_script && migration_variable_changed(&w);

	if (gunicorn && (config_differs || w.main_differs || !w.settled))
		gevent_step(&w);
	if (!w.originals_known)
		write_step(&w, "image's services", file_new(&w, originals_path(w.arena, f), json_text(w.arena, w.originals, JSON_PYTHON), false),
			"the container is new");
	if (f->certificate_file && integrations->saml_certificate.p &&
	    file_differs(&w, str_of(f->certificate_file), integrations->saml_certificate))
		write_step(&w, "SAML certificate", file_new(&w, str_of(f->certificate_file), integrations->saml_certificate, false),
			"the certificate differs");
	/* Before the layer, which is what makes the variables look old: whatever happens from here on, the migration is not forgotten. */
	if (renewed && str_is(word, "COMPLETED"))
		write_step(&w, "migration state", word_file(&w, "PENDING"), "the data's home changed");
	if (w.plan_differs) {
		step = work_step(&w, STEP_LAYER, "layer", "the plan differs");
		step->label = S("charm");
		step->layer = w.layer;
	}
	if (gunicorn && gunicorn_steps(&w, config, config_differs) < 0)
		return -1;
	if (f->server == SERVER_UVICORN && settings->json_logging)
		uvicorn_steps(&w);
	if (has_script && (renewed || !str_is(word, "COMPLETED")))
		migration_step(&w, migration, renewed ? "the data's home changed" : "it has not been done");
	if (w.plan_differs || services_are_down(&w) || !w.settled)
		work_step(&w, STEP_REPLAN, "replan", w.plan_differs ? "the plan differs" : why);
	return 0;
}

int workload_stop(const struct snapshot *snapshot, const struct settings *settings, struct wanted *wanted, struct err *err)
{
	static const struct env none = { 0 };
	struct work w = work_new(snapshot, settings, &none, wanted, err);
	struct str word = file_text(&w, migration_path(w.arena, w.framework));
	bool running = false;
	struct strs services = { 0 }, migration;
	struct step *step;

	/* A worker class that cannot be is told first, as ever, and then nothing stops. */
	if (settings->worker_class.p) {
		if (originals_read(&w) < 0)
			return -1;
		gevent_step(&w);
	}
	NODE_EACH (service, node_get(w.container->plan, "services")) {
		const struct service *now = service_find(w.container, service->key);
		strs_add(w.arena, &services, service->key);
		running = running || (now && (str_is(now->current, "active") || str_is(now->current, "backoff")));
	}
	if (running) {
		step = work_step(&w, STEP_STOP, "stop", "an integration is missing");
		step->services = services;
	}
	if (migration_command(&w, &migration) && word.p && !str_is(str_trim(word), "PENDING"))
		write_step(&w, "migration state", word_file(&w, "PENDING"), "an integration is missing");
	return 0;
}

/* --- The action --- */

void superuser_decide(const struct snapshot *snapshot, const struct env *env, struct wanted *wanted)
{
	static const char *const command[] = { "python3", "manage.py", "createsuperuser", "--noinput", NULL };
	static const struct { const char *variable, *parameter; } parameters[] = {
		{ "DJANGO_SUPERUSER_USERNAME", "username" }, { "DJANGO_SUPERUSER_EMAIL", "email" },
	};
	struct arena *a = wanted->arena;
	struct node *environment = node_new(a, NODE_MAP);
	struct str password;
	char bytes[16];

	crypto_expand(snapshot->seed, "password", bytes, sizeof bytes);
	password = base64url_encode(a, (struct str){ bytes, sizeof bytes });
	node_puts(a, environment, "DJANGO_SUPERUSER_PASSWORD", password);
	for (size_t i = 0; i < LEN(parameters); i++)
		node_puts(a, environment, parameters[i].variable, node_gets(snapshot->action_params, parameters[i].parameter));
	for (size_t i = 0; i < env->n; i++)   /* the app's own win */
		node_put(a, environment, env->v[i].name, node_str(a, env->v[i].value));
	wanted->action_exec = NEW(a, struct exec);
	*wanted->action_exec = (struct exec){ .command = words(a, command), .environment = environment,
		.working_dir = str_of(snapshot->charm->framework->app_dir), .timeout = SUPERUSER_SECONDS, .merge_stderr = true };
	wanted->action_results = node_new(a, NODE_MAP);
	node_puts(a, wanted->action_results, "password", password);
}
