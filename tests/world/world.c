/* world.c: events of a world of the simulator's, each by an executable, on real sockets.
 *
 *   world CHARM-FOLDER STATE.yaml SEEN STATES PROGRAM EVENT...
 *
 * TOOLS=folder in the environment takes the agent's socket away. What a person can see goes to the file SEEN: what the program printed, and
 * what Juju was told for statuses, log and a failed action; the state after
 * each event to STATES. Prints a line for each event: "EVENT exit-code". */
#include "../stage.c"

static void put_file(const char *path, struct str text)
{
	FILE *f = fopen(path, "w");

	if (!f || fwrite(text.p, 1, text.n, f) != text.n || fclose(f))
		broken(path);
}

int main(int argc, char *argv[])
{
	static const char *const visible[] = { "log", "status-set", "action-fail", "application-version-set" };
	struct stage w;
	struct str state;
	struct err err = { .arena = arena_new() };
	struct buf seen = { .arena = err.arena }, states = { .arena = err.arena };
	bool found;

	if (argc < 7 || file_read(err.arena, argv[2], MAX_FILE, &state, &found, &err) < 0 || !found)
		return 2;
	stage_open(&w, argv[1], state, argv[2]);
	w.tools = getenv("TOOLS");
	w.trace = getenv("DISPATCH_TRACE") ? strdup(getenv("DISPATCH_TRACE")) : NULL;
	for (int i = 6; i < argc; i++) {
		int status = stage_run(&w, argv[i], NULL, NULL, argv[5], 60);

		printf("%s %d\n", argv[i], status >= 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1);
		buf_add(&seen, w.output);
		NODE_EACH (entry, simulator_journal(w.simulator))
			for (size_t k = 0; k < LEN(visible); k++)
				if (str_is(node_gets(entry, "kind"), visible[k]))
					buf_addf(&seen, FMT "\n", ARG(json_text(err.arena, entry, 0)));
		json_write(&states, simulator_state(w.simulator), JSON_INDENT);
	}
	put_file(argv[3], buf_str(&seen));
	put_file(argv[4], buf_str(&states));
	stage_close(&w);
	arena_free(err.arena);
	return 0;
}
