/* fuzz_paas_config.c: paas-config.yaml, of either generation, and a service's command. */
#include "../folder.h"
#include "../webserver.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a good file says is in its ranges, and a bad one says nothing but what is wrong. */
static void check_config(struct arena *a, struct str text, int generation)
{
	struct paas_config c;

	paas_config_parse(a, text, generation, &c);
	if (c.error.p && (!str_starts(c.error, "Invalid ") || c.has_port || c.has_metrics_port || c.has_metrics_path || c.json_logging || c.n_scrape_configs))
		abort();
	if ((c.has_port && (c.port < 1 || c.port > 65535)) || (c.has_metrics_port && (c.metrics_port < 1 || c.metrics_port > 65535)))
		abort();
	if (generation == 1 && (c.has_port || c.has_metrics_port || c.has_metrics_path))
		abort();
	for (size_t i = 0; i < c.n_scrape_configs; i++)
		for (size_t k = 0; k < i; k++)
			if (str_eq(c.scrape_configs[i].job_name, c.scrape_configs[k].job_name))
				abort();
}

/* No word is longer than the command, and the check is the words without brackets. */
static void check_command(struct arena *a, struct str text)
{
	struct err err = { .arena = a };
	struct strs words, check;
	struct str changed;
	size_t n = 0;

	if (shell_split(a, text, &words) < 0)
		return;
	for (size_t i = 0; i < words.n; i++)
		n += words.v[i].n;
	if (n > text.n || gunicorn_check(a, framework_nth(0), text, &check, &err) < 0 || check.n > words.n + 1)
		abort();
	if (gunicorn_command(a, framework_nth(0), text, S("gevent"), &changed, &err) == 0 && !str_contains(changed, S("gevent")))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct str text = { (const char *)data, size };

	check_config(a, text, 1);
	check_config(a, text, 2);
	check_command(a, text);
	arena_free(a);
	return 0;
}
