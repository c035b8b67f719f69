/* hook.h: what Juju's environment says about this run, and the real carriers. */
#ifndef HOOK_H
#define HOOK_H

#include "charm.h"

/* The hook's variables; what is not set has its sensible value (unit 0 of the charm's name, model `local`). Names that an
 * action or a hook may have are in event. */
void hook_read(struct arena *, const struct charm *, struct hook *);
/* Is it an event of this charm that changes anything? stop, remove, and names we don't know are not. */
bool hook_known(const struct charm *, const struct hook *);
/* The host's name, and the FQDN: a dotted name for it in /etc/hosts, else the one that Kubernetes gives the unit. No DNS. */
void hook_names(struct arena *, struct hook *);
/* A dispatch on the real Juju and Pebble, as the environment says. ERR_RETRY. */
int dispatch_open(struct dispatch *, struct err *);
/* The whole hook, in the charm's folder: the exit code that Juju gets. */
int hook_run(void);

#endif
