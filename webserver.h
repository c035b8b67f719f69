/* webserver.h: what the web servers of Python apps are given: gunicorn's configuration and worker class, uvicorn's log configuration. */
#ifndef WEBSERVER_H
#define WEBSERVER_H

#include "frameworks.h"

/* gunicorn.conf.py. log_to_files: Juju is too old to forward what the service prints. */
struct str gunicorn_config(struct arena *, const struct framework *, const struct settings *, bool log_to_files, bool tracing);
struct str gunicorn_config_path(struct arena *, const struct framework *);
struct str gunicorn_log_directory(struct arena *, const struct framework *);
/* The service's command with the worker class that the option asks for; ERR_BLOCKED where it cannot be had. */
int gunicorn_command(struct arena *, const struct framework *, struct str command, struct str worker_class, struct str *out, struct err *);
/* The command that checks the configuration: the service's, without Pebble's brackets around optional arguments. ERR_BLOCKED if it cannot
 * be taken apart. */
int gunicorn_check(struct arena *, const struct framework *, struct str command, struct strs *out, struct err *);
/* uvicorn's two files for JSON logging, and the variables that point to them. */
struct str uvicorn_directory(void);
void uvicorn_files(struct arena *, struct file **, size_t *n);
void uvicorn_environment(struct env *);

/* Splits a command as a POSIX shell does, without expanding anything. -1: a quote has no end. */
int shell_split(struct arena *, struct str command, struct strs *words);

#endif
