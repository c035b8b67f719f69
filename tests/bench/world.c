/* world.c: one measured hook in a world of the simulator's, on real sockets.
 *
 *   world CHARM-FOLDER STATE.yaml MEASURE DISPATCH EVENT...
 *
 * The events before the last bring the world into its state, by DISPATCH; the last one is measured: MEASURE is executed in the hook's place.
 * Prints what Juju and Pebble saw of it: "calls connections pebble-requests pebble-bytes exit-code unit-status". */
#include "../stage.c"

int main(int argc, char *argv[])
{
	struct stage w;
	struct str state;
	struct err err = { .arena = arena_new() };
	bool found;
	int status = 0;

	if (argc < 6 || file_read(err.arena, argv[2], MAX_FILE, &state, &found, &err) < 0 || !found)
		return 2;
	stage_open(&w, argv[1], state, argv[2]);
	for (int i = 5; i < argc; i++)
		status = stage_run(&w, argv[i], NULL, NULL, i == argc - 1 ? argv[3] : argv[4], 60);
	printf("%ld %ld %ld %ld %d " FMT "\n", w.calls, w.connections, w.pebble_requests, w.pebble_bytes,
	       status >= 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1,
	       ARG(node_gets(node_get(simulator_state(w.simulator), "unit_status"), "name")));
	if (w.output.n)
		fprintf(stderr, FMT, ARG(w.output));
	stage_close(&w);
	return 0;
}
