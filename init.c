/* init.c: the verb init: a project's first files, which check, run and pack take as they are. */
#include "pack.h"

#include "cli.h"
#include "frameworks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* How a rock of the framework starts its app. */
static const struct starter { const char *framework, *title, *command; } starters[] = {
	{ "flask", "Flask", "/bin/python3 -m gunicorn -c /flask/gunicorn.conf.py app:app" },
	{ "django", "Django", "/bin/python3 -m gunicorn -c /django/gunicorn.conf.py app.wsgi:application" },
	{ "fastapi", "FastAPI", "/bin/python3 -m uvicorn app:app" },
	{ "go", "Go", "/usr/local/bin/app" },
	{ "expressjs", "ExpressJS", "npm start" },
	{ "spring-boot", "Spring Boot", "java -jar /app/app.jar" },
};

/* What a charm can be related to, by the names that people look for. */
static const struct { const char *name, *interface; } integrations[] = {
	{ "mysql", "mysql_client" }, { "postgresql", "postgresql_client" }, { "mongodb", "mongodb_client" }, { "redis", "redis" },
	{ "valkey", "valkey_client" }, { "s3", "s3" }, { "saml", "saml" }, { "rabbitmq", "rabbitmq" }, { "tracing", "tracing" },
	{ "smtp", "smtp" }, { "openfga", "openfga" }, { "oidc", "oauth" }, { "http-proxy", "http_proxy" },
};
static const char needed_database[] = "postgresql";   /* of a framework that needs one */

struct start { struct arena *arena; const struct starter *starter; const struct framework *framework; struct str name; };

static void put_requires(struct buf *b, const struct start *s)
{
	buf_adds(b, "\n# What the app can be integrated with. Without optional: true the charm is blocked until it is.\n");
	buf_adds(b, s->framework->database_rule ? "requires:\n" : "# requires:\n");
	for (size_t i = 0; i < LEN(integrations); i++) {
		bool used = s->framework->database_rule && strcmp(integrations[i].name, needed_database) == 0;

		buf_addf(b, "%s  %s: {interface: %s, limit: 1%s}\n", used ? "" : "# ", integrations[i].name, integrations[i].interface,
		         used ? "" : ", optional: true");
	}
}

static struct str charmcraft_yaml(const struct start *s)
{
	struct buf b = { .arena = s->arena };

	buf_addf(&b, "name: " FMT "\ntype: charm\nbase: %s\nplatforms:\n  amd64:\n  # arm64:\n  # ppc64el:\n  # riscv64:\n  # s390x:\n\n",
	         ARG(s->name), extension_base(str_of(s->framework->name), s->framework->generation));
	buf_addf(&b, "summary: A %s app\ndescription: |\n  What the app does and for whom, in a few lines.\n\n", s->starter->title);
	buf_addf(&b, "extensions:\n  - %s-framework\n", s->framework->name);
	put_requires(&b, s);
	buf_adds(&b, "\n# Options of your own; the app sees each as a variable.\n# config:\n#   options:\n#     greeting:\n"
	             "#       type: string\n#       default: Hello\n#       description: What visitors read first.\n");
	return buf_str(&b);
}

static struct str paas_config_yaml(const struct start *s)
{
	struct buf b = { .arena = s->arena };

	buf_adds(&b, "# What the charm cannot know of the app. Everything here is optional.\n");
	if (s->framework->server != SERVER_OWN)
		buf_adds(&b, "\n# Logs as one JSON object a line.\n# framework_logging_format: json\n");
	buf_adds(&b, "\n# Metrics besides the framework's own. @scheduler is the unit that runs the schedulers.\n# prometheus:\n"
	             "#   scrape_configs:\n#     - job_name: business\n#       metrics_path: /metrics\n#       static_configs:\n"
	             "#         - targets: [\"*:8081\", \"@scheduler:8082\"]\n");
	return buf_str(&b);
}

static struct str state_yaml(const struct start *s)
{
	struct buf b = { .arena = s->arena };
	const struct framework *f = s->framework;

	buf_addf(&b, "# The world that hooks run in on this machine: dispatch run config-changed\nleader: true\nconfig: {}\nrelations:\n"
	             "  - endpoint: secret-storage\n");
	if (f->database_rule)
		buf_addf(&b, "  - endpoint: %s\n    remote_app_name: postgresql-k8s\n    remote_app_data:\n      database: app\n"
		             "      endpoints: postgresql-k8s-primary:5432\n      secret-user: secret:d0postgresql00000000\n", needed_database);
	buf_addf(&b, "containers:\n  - name: %s\n    layers:\n      rock:\n        services:\n          %s:\n            override: replace\n"
	             "            startup: enabled\n            command: %s\n", f->container, f->name, s->starter->command);
	if (f->database_rule)
		buf_adds(&b, "secrets:\n  - id: secret:d0postgresql00000000\n    tracked_content: {username: app, password: example}\n");
	return buf_str(&b);
}

static struct str readme_md(const struct start *s)
{
	struct buf b = { .arena = s->arena };

	buf_addf(&b, "# " FMT "\n\nThe charm of a %s app. `dispatch` packs it and runs its hooks on this machine:\n\n", ARG(s->name),
	         s->starter->title);
	buf_adds(&b, "```\ndispatch run config-changed   # a hook, in the world of state.yaml\n"
	             "dispatch env --export         # the app's environment, for a shell\n"
	             "dispatch check                # what would fail at pack, deploy or the first hook\n"
	             "dispatch pack                 # the .charm file, and the command that deploys it\n```\n\n");
	buf_addf(&b, "| file | what for |\n|---|---|\n| `charmcraft.yaml` | the charm: its name, its integrations, its options |\n"
	             "| `paas-config.yaml` | metrics%s |\n| `state.yaml` | a world to try hooks in |\n",
	         s->framework->server != SERVER_OWN ? " and logging" : "");
	return buf_str(&b);
}

static const struct { const char *name; struct str (*make)(const struct start *); } files[] = {
	{ "charmcraft.yaml", charmcraft_yaml }, { "paas-config.yaml", paas_config_yaml }, { "state.yaml", state_yaml },
	{ "README.md", readme_md },
};

/* "flask" and "flask-framework" are the same. */
static int find_framework(struct cli *cli, struct start *s)
{
	struct str word = cli->words.v[0];
	struct buf known = { .arena = s->arena };

	if (str_ends(word, "-framework"))
		word = str_sub(word, 0, word.n - (sizeof "-framework" - 1));
	for (size_t i = 0; i < LEN(starters); i++) {
		buf_addf(&known, "%s%s", i == 0 ? "" : i + 1 < LEN(starters) ? ", " : " or ", starters[i].framework);
		if (str_is(word, starters[i].framework))
			s->starter = &starters[i];
	}
	if (!s->starter)
		return cli_fail(cli, "no framework '" FMT "'; there are " FMT, ARG(word), ARG(buf_str(&known)));
	s->framework = framework_find(str_of(s->starter->framework), 1);
	return 0;
}

static int find_name(struct cli *cli, const char *dir, struct start *s)
{
	char *whole;

	s->name = cli_value(cli, "name");
	if (!s->name.p) {
		struct str path = str_of(dir);

		/* A folder that is not there yet has its last word for a name; one that is has a real name, even if it is called "." here. */
		whole = realpath(dir, NULL);
		if (whole) {
			path = str_dup(s->arena, str_of(whole));
			free(whole);
		}
		while (path.n > 1 && path.p[path.n - 1] == '/')
			path = str_sub(path, 0, path.n - 1);
		s->name = str_sub(path, (size_t)(str_rfind(path, '/') + 1), path.n);
	}
	if (!lint_name(s->name))
		return cli_fail(cli, FMT " is not a valid charm name: it must start with a lowercase letter and have only lowercase letters, digits "
		                "and single hyphens, with a letter between hyphens; --name gives another", ARG(s->name));
	return 0;
}

int pack_init(struct cli *cli)
{
	struct arena *a = cli->arena;
	struct start start = { .arena = a };
	struct str given = cli_value(cli, "dir"), prefix;
	const char *dir = given.n ? str_c(a, given) : ".";
	struct buf out = { .arena = a };
	struct stat st;
	bool made = false;

	if (find_framework(cli, &start) != 0 || find_name(cli, dir, &start) != 0)
		return 2;
	prefix = strcmp(dir, ".") == 0 ? S("") : str_f(a, "%s/", dir);
	for (size_t i = 0; i < LEN(files); i++)
		if (lstat(str_f(a, FMT "%s", ARG(prefix), files[i].name).p, &st) == 0)
			return cli_fail(cli, FMT "%s is there already; nothing was written", ARG(prefix), files[i].name);
	if (stat(dir, &st) < 0 && !(made = mkdir(dir, 0777) == 0)) {
		cli_fail(cli, "%s: %s", dir, strerror(errno));
		return 1;
	}
	for (size_t i = 0; i < LEN(files); i++) {
		if (file_write(a, str_f(a, FMT "%s", ARG(prefix), files[i].name).p, files[i].make(&start), 0644, &cli->err) == 0) {
			buf_addf(&out, FMT "%s\n", ARG(prefix), files[i].name);
			continue;
		}
		/* All or nothing: a second try must not find the first one's files in its way. */
		while (i-- > 0)
			unlink(str_f(a, FMT "%s", ARG(prefix), files[i].name).p);
		if (made)
			rmdir(dir);
		cli_fail(cli, "%s", cli->err.msg);
		return 1;
	}
	cli_print(&out);
	return 0;
}
