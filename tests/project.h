/* project.h: a folder with a project's files, which come and go with a test's cases. */
#ifndef PROJECT_H
#define PROJECT_H

#include "test.h"

#include <sys/stat.h>
#include <unistd.h>

static struct arena *arena;
static char folder[] = "/tmp/monocharm-test-XXXXXX";

/* With the folders above it. */
static void put_file(const char *name, const char *text)
{
	struct err err = { .arena = arena };
	struct str path = str_f(arena, "%s/%s", folder, name);

	for (size_t i = strlen(folder) + 1; i < path.n; i++)
		if (path.p[i] == '/')
			mkdir(str_c(arena, str_sub(path, 0, i)), 0777);
	CHECK(file_write(arena, path.p, str_of(text), 0644, &err) == 0, "%s", err.msg);
}

/* Also when it is gone already; the folders above it go when they are empty. */
static void remove_file(const char *name)
{
	struct str path = str_f(arena, "%s/%s", folder, name);

	unlink(path.p);
	for (size_t i = path.n - 1; i > strlen(folder); i--)
		if (path.p[i] == '/')
			rmdir(str_c(arena, str_sub(path, 0, i)));
}

#endif
