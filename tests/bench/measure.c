/* measure.c: runs the command that is measured, and writes what it took: "wall-ns cpu-us peak-kB exit-code".
 *
 * Linked small and static, because a new process starts with the peak memory of the one that made it. What to do is in the environment,
 * since it stands where the hook's executable does:
 *   MEASURE_COMMAND   the executable, with its arguments between single spaces
 *   MEASURE_OUT       the file for the result
 *   MEASURE_TOOLS     not empty: a folder of hook tools for PATH, and no socket for dispatch
 *   MEASURE_PATH      what else PATH holds
 *   MEASURE_MOUNT     not empty: Pebble's sockets are to be at /charm/containers, where others look for them (needs root) */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *get(const char *name)
{
	const char *value = getenv(name);
	return value ? value : "";
}

static long long now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(void)
{
	char command[4096], path[8192], folder[4096], *argv[32] = { 0 };
	size_t n = 0;
	struct rusage use;
	int status;
	FILE *out;

	snprintf(command, sizeof command, "%s", get("MEASURE_COMMAND"));
	for (char *word = strtok(command, " "); word && n < 31; word = strtok(NULL, " "))
		argv[n++] = word;
	snprintf(path, sizeof path, "%s:%s", get("MEASURE_TOOLS"), get("MEASURE_PATH"));
	setenv("PATH", path, 1);
	setenv("JUJU_CHARM_DIR", getcwd(folder, sizeof folder) ? folder : ".", 1);
	if (*get("MEASURE_TOOLS"))
		setenv("DISPATCH_NO_AGENT_SOCKET", "1", 1);
	if (*get("MEASURE_MOUNT") && (unshare(CLONE_NEWNS) < 0 || mount("", "/", "", MS_REC | MS_PRIVATE, "") < 0 ||
	                              mount(get("JUJU_CONTAINERS_DIR"), "/charm/containers", "", MS_BIND, "") < 0)) {
		perror("measure: /charm/containers");
		return 3;
	}
	long long began = now();
	pid_t child = fork();
	if (child == 0) {
		if (n)
			execv(argv[0], argv);
		_exit(127);
	}
	if (child < 0 || wait4(child, &status, 0, &use) < 0)
		return 3;
	long long took = now() - began;
	out = fopen(get("MEASURE_OUT"), "w");
	if (!out)
		return 3;
	fprintf(out, "%lld %lld %ld %d\n", took,
	        (use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000000LL + use.ru_utime.tv_usec + use.ru_stime.tv_usec, use.ru_maxrss,
	        WIFEXITED(status) ? WEXITSTATUS(status) : 128);
	return fclose(out) == 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 3;
}
