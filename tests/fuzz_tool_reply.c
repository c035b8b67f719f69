/* Fuzzing what a hook tool says: the same output and message as the answer to each question. */
#include "../juju.h"

#include <stdlib.h>

struct parrot { struct carrier carrier; struct tool_call says; };

static int parrot_run(struct carrier *c, struct tool_call *calls, size_t n, struct err *err)
{
	struct parrot *p = (struct parrot *)c;

	(void)err;
	for (size_t i = 0; i < n; i++) {
		calls[i].code = p->says.code;
		calls[i].output = p->says.output;
		calls[i].message = p->says.message;
	}
	return 0;
}

static void parrot_close(struct carrier *c)
{
	(void)c;
}

static void must(bool condition)
{
	if (!condition)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct str text = { (const char *)data, size };
	struct parrot p = { { parrot_run, parrot_close }, { 0 } };
	struct juju *j = juju_new(a, &p.carrier, NULL);
	struct err err = { .arena = a };
	struct node *map = node_new(a, NODE_MAP), *n;
	struct strs units = { 0 };
	size_t n_ids;
	bool leader;
	int *ids;

	/* The first byte: did it fail, and is the rest its output or its message? */
	if (size == 0)
		goto end;
	p.says.code = data[0] & 1;
	text = str_sub(text, 1, size);
	if (data[0] & 1)
		p.says.message = text;
	else
		p.says.output = text;
	struct ask *asks[] = { ask_config(j), ask_leader(j), ask_status(j, true), ask_ports(j), ask_relation_ids(j, S("db")),
		ask_relation_units(j, S("db"), 1), ask_relation_app(j, S("db"), 1), ask_databag(j, S("db"), 1, true, S("x")),
		ask_relation_model(j, S("db"), 1), ask_network(j, S("db"), 1), ask_secret(j, S("secret:x"), NOSTR, true), ask_action_params(j) };
	must(juju_answers(j, &err) == 0);
	for (size_t i = 0; i < LEN(asks); i++) {
		must((answer_kind(asks[i]) == ANSWER_OK) == (p.says.code == 0));
		if (answer_node(asks[i], &n, &err) == 0)
			json_text(a, n, JSON_PYTHON);
		else
			must(err.kind == ERR_RETRY && err.msg);
		answer_message(asks[i]);
	}
	answer_bool(asks[1], &leader, &err);
	if (answer_ids(asks[4], &ids, &n_ids, &err) == 0)
		for (size_t i = 0; i < n_ids; i++)
			must(ids[i] >= 0 && (i == 0 || ids[i - 1] <= ids[i]));
	answer_units(asks[5], &units, &err);

	/* The same bytes as what we write: a value must never show in an error. */
	node_put(a, map, S("k"), node_str(a, text));
	if ((juju_relation_set(j, S("db"), 1, false, map), juju_flush(j, &err)) < 0 && text.n >= 4 && text.n < 300)
		must(!str_contains(str_sub(str_of(err.msg), 24, SIZE_MAX), text) || str_contains(S("refused, with words that show a value"), text));
end:
	arena_free(a);
	return 0;
}
