/* webserver.c: gunicorn's configuration, check and worker class; uvicorn's log configuration. */
#include "webserver.h"
#include "assets.h"

#include <string.h>

static struct str asset(const char *path)
{
	for (size_t i = 0; i < assets_count; i++)
		if (strcmp(assets[i].path, path) == 0)
			return (struct str){ (const char *)assets[i].bytes, assets[i].n };
	return S("");
}

/* --- Commands --- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* One word from *i on: quotes and backslashes as in a shell. */
static int shell_word(struct str s, size_t *i, struct buf *word)
{
	char quote = '\0';

	for (; *i < s.n && (quote || !is_blank(s.p[*i])); ++*i) {
		char c = s.p[*i];
		if (c == quote) {
			quote = '\0';
		} else if (!quote && (c == '"' || c == '\'')) {
			quote = c;
		} else if (c == '\\' && quote != '\'') {
			if (++*i == s.n)
				return -1;
			/* Between double quotes it only takes away the meaning of these two. */
			if (quote && s.p[*i] != '"' && s.p[*i] != '\\')
				buf_addc(word, '\\');
			buf_addc(word, s.p[*i]);
		} else {
			buf_addc(word, c);
		}
	}
	return quote ? -1 : 0;
}

int shell_split(struct arena *a, struct str command, struct strs *words)
{
	size_t i = 0;

	*words = (struct strs){ 0 };
	for (;;) {
		struct buf word = { .arena = a };
		while (i < command.n && is_blank(command.p[i]))
			i++;
		if (i == command.n)
			return 0;
		if (shell_word(command, &i, &word) < 0)
			return -1;
		strs_add(a, words, buf_str(&word));
	}
}

static int command_split(struct arena *a, const struct framework *framework, struct str command, struct strs *words, struct err *err)
{
	if (shell_split(a, command, words) < 0)
		return err_set(err, ERR_BLOCKED, "the command of the image's service %s has a quote without an end", framework->name);
	return 0;
}

int gunicorn_command(struct arena *a, const struct framework *framework, struct str command, struct str class, struct str *out,
                     struct err *err)
{
	struct strs words;
	size_t at = 0;

	*out = command;
	if (class.n == 0)
		return 0;
	if (!str_is(class, "sync") && !str_is(class, "gevent"))
		return err_set(err, ERR_BLOCKED, "Only 'gevent' and 'sync' are allowed. https://bit.ly/%s-async-doc", framework->name);
	if (command_split(a, framework, command, &words, err) < 0)
		return -1;
	while (at < words.n && !str_is(words.v[at], "-k"))
		at++;
	/* Pebble takes what stands between brackets for optional. */
	at += at + 1 < words.n && str_is(words.v[at + 1], "[") ? 2 : 1;
	if (at >= words.n)
		return err_set(err, ERR_BLOCKED, "Worker class is set through `juju config` but the `-k` worker class argument is not in the "
			"service command.");
	if (!str_eq(words.v[at], class)) {
		words.v[at] = class;
		*out = strs_join(a, &words, " ");
	}
	return 0;
}

int gunicorn_check(struct arena *a, const struct framework *framework, struct str command, struct strs *out, struct err *err)
{
	struct strs words;

	*out = (struct strs){ 0 };
	if (command_split(a, framework, command, &words, err) < 0)
		return -1;
	for (size_t i = 0; i < words.n; i++)
		if (!str_is(words.v[i], "[") && !str_is(words.v[i], "]"))
			strs_add(a, out, words.v[i]);
	strs_add(a, out, S("--check-config"));
	return 0;
}

/* --- gunicorn.conf.py --- */

struct str gunicorn_config_path(struct arena *a, const struct framework *framework)
{
	return str_f(a, "%s/gunicorn.conf.py", framework->base_dir);
}

struct str gunicorn_log_directory(struct arena *a, const struct framework *framework)
{
	return str_f(a, "/var/log/%s", framework->name);
}

/* The lines that set something, without a newline after the last. */
static void settings_write(struct buf *b, const struct framework *framework, const struct settings *settings, bool log_to_files,
                           bool tracing)
{
	const struct { const char *name; struct str value; } numbers[] = {
		{ "workers", settings->workers }, { "threads", settings->threads },
		{ "keepalive", settings->keepalive }, { "timeout", settings->timeout },
	};

	buf_addf(b, "bind = ['0.0.0.0:%d']\nchdir = '%s'\n", settings->port, framework->app_dir);
	if (log_to_files)
		buf_addf(b, "accesslog = '/var/log/%s/access.log'\nerrorlog = '/var/log/%s/error.log'\n", framework->name, framework->name);
	else
		buf_adds(b, "accesslog = '-'\nerrorlog = '-'\n");
	/* The image runs a statsd exporter that listens there. */
	buf_adds(b, "statsd_host = 'localhost:9125'");
	for (size_t i = 0; i < LEN(numbers); i++)
		if (numbers[i].value.p)
			buf_addf(b, "\n%s = " FMT, numbers[i].name, ARG(numbers[i].value));
	if (tracing)
		buf_adds(b, "\naccess_log_format = '%(h)s %(l)s %(u)s %(t)s \"%(r)s\" %(s)s %(b)s \"%(f)s\" \"%(a)s\" %({x-request-id}o)s'");
}

/* Each worker gets its own exporter: the threads behind one do not survive a fork. */
static void post_fork_write(struct buf *b, bool tracing, bool json)
{
	buf_adds(b, "def post_fork(server, worker):\n");
	if (tracing)
		buf_adds(b,
			"    trace.set_tracer_provider(TracerProvider())\n"
			"    span_processor = BatchSpanProcessor(OTLPSpanExporter())\n"
			"    trace.get_tracer_provider().add_span_processor(span_processor)\n");
	if (json)
		buf_adds(b,
			"    plain_wsgi = worker.app.wsgi\n"
			"\n"
			"    def _patched_wsgi():\n"
			"        return OtelSpanMiddleware(plain_wsgi())\n"
			"\n"
			"    worker.app.wsgi = _patched_wsgi\n");
}

struct str gunicorn_config(struct arena *a, const struct framework *framework, const struct settings *settings, bool log_to_files,
                           bool tracing)
{
	struct buf b = { .arena = a };
	bool json = settings->json_logging;

	if (tracing)
		buf_adds(&b,
			"from opentelemetry import trace\n"
			"from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter\n"
			"from opentelemetry.sdk.trace import TracerProvider\n"
			"from opentelemetry.sdk.trace.export import BatchSpanProcessor\n");
	if (tracing || json)
		buf_adds(&b, tracing && json ? "\n\n" : "\n");
	if (json) {
		buf_add(&b, asset("logging/records.py"));
		buf_add(&b, asset("logging/gunicorn.py"));
		buf_adds(&b, "logger_class = GunicornJsonLogger\n");
	}
	settings_write(&b, framework, settings, log_to_files, tracing);
	if (tracing || json) {
		buf_adds(&b, tracing ? "\n\n\n" : "\n\n");
		post_fork_write(&b, tracing, json);
	}
	return buf_str(&b);
}

/* --- uvicorn --- */

#define UVICORN_DIRECTORY "/tmp/fastapi/log_config"

struct str uvicorn_directory(void)
{
	return S(UVICORN_DIRECTORY);
}

void uvicorn_files(struct arena *a, struct file **files, size_t *n)
{
	struct buf handler = { .arena = a };

	buf_add(&handler, asset("logging/records.py"));
	buf_add(&handler, asset("logging/uvicorn.py"));
	*n = 2;
	*files = arena_alloc(a, *n * sizeof **files);
	(*files)[0].path = S(UVICORN_DIRECTORY "/uvicorn_log_handler.py");
	(*files)[0].content = buf_str(&handler);
	(*files)[1].path = S(UVICORN_DIRECTORY "/uvicorn-log-config.json");
	(*files)[1].content = asset("logging/uvicorn-log-config.json");
}

void uvicorn_environment(struct env *env)
{
	struct origin origin = { .kind = ORIGIN_PAAS_CONFIG, .subject = S("framework_logging_format") };
	const struct variable *path = env_find(env, S("PYTHONPATH"));
	struct str directory = uvicorn_directory();

	env_put(env, S("PYTHONPATH"), path ? str_f(env->arena, FMT ":" FMT, ARG(directory), ARG(path->value)) : directory, origin);
	env_put(env, S("UVICORN_LOG_CONFIG"), S(UVICORN_DIRECTORY "/uvicorn-log-config.json"), origin);
}
