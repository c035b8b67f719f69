/* cli.h: everything typed by a person: arguments, help, output. */
#ifndef CLI_H
#define CLI_H

/* The exit code: 0; 1 findings or a failed hook; 2 wrong use or unreadable input. */
int cli_main(int argc, char *argv[]);
/* The hook on the simulator, because DISPATCH_STATE is set. */
int cli_hook_on_state(const char *state_file, const char *charm_folder);

#endif
