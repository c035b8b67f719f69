/* relations.h: the integrations' table: what we ask for, what we read, the variables that come of it. */
#ifndef RELATIONS_H
#define RELATIONS_H

#include "charm.h"

/* What observe must read of a relation, beyond its id. docs/explanation/reading.md tells why not more. */
enum reads {
	READ_REMOTE_APP   = 1,    /* the remote application's databag */
	READ_REMOTE_UNITS = 2,    /* each remote unit's */
	READ_LOCAL_APP    = 4,    /* our application's, on a leader (peers: always) */
	READ_LOCAL_UNIT   = 8,    /* our unit's */
	READ_ADDRESS      = 16,   /* our address for it: network-get */
	READ_MODEL        = 32,   /* whether it crosses models */
	READ_UNIT_NAMES   = 64,   /* relation-list */
	READ_APP_NAME     = 128,  /* the remote application's name, even where no databag needs it */
	READ_FIRST_UNIT   = 256,  /* with READ_REMOTE_UNITS: the first remote unit's databag is enough */
};
/* The row for an endpoint of the metadata (by name and interface, or by interface alone); NULL: not ours, nothing is read. */
const struct integration *integration_of(const struct charm *, const struct endpoint *);
const char *integration_name(const struct integration *);
/* The n-th row, for lists; NULL after the last. */
const struct integration *integration_nth(size_t n);
/* A set of enum reads, for a leader or not, by the Juju version. */
unsigned integration_reads(const struct integration *, const struct snapshot *);
/* Is READ_MODEL needed, now that our own databags are known? What was said once is not said anew: a relation stays where it is. */
bool relation_needs_model(const struct relation *);
/* The secrets that a relation's databags name: fills relation->secrets with field, uri, label, refresh. Pure. */
void relation_secrets(const struct snapshot *, struct relation *);

/* What the integrations come to, decided from the snapshot. */
struct integrations {
	struct env  env;            /* their variables, the later ones win; the names are whole */
	struct str  blocked;        /* the first error, as a status message; NOSTR: none. The log has endpoint, key and rule */
	struct strs missing;        /* names, in order */
	struct str  base_url;       /* the ingress', else the cluster's */
	bool        ingress_ready;
	struct str  oauth_check;    /* what keeps the provider from being used, as a status message; NOSTR: fine */
	bool        several_oauth;  /* endpoints of that interface in the metadata: none of them counts */
	struct str  scopes_check;   /* the missing openid scope's message; NOSTR: fine */
	bool        database_ready; /* any */
	bool        tracing_ready;  /* the provider has said what it receives, whether or not there is an endpoint for us */
	struct str  charm_tracing;  /* where the charm's own traces go: the base URL of OTLP over HTTP; NOSTR: nowhere */
	struct str  saml_certificate;   /* PEM, for Spring Boot's file; NOSTR: none */
	struct str  http_proxy, https_proxy;   /* of the relation; meaningful when proxied */
	bool        proxied;
	bool        proxy_secret;   /* the two hold a password */
	struct origin proxy_origin;
};
/* Everything that needs only port and config: reads each relation, fills *out; logs what is wrong to wanted. */
void integrations_decide(const struct snapshot *, int port, struct integrations *, struct wanted *);
/* What we publish to them: databags, written whatever the status. config_error: options are invalid, so that what depends on the port
 * (ingress' port, a redirect URI without an ingress) is unknown and left as it is. port_open: the port will be open. */
void integrations_publish(const struct snapshot *, const struct integrations *, int port, bool config_error, bool port_open,
                          struct wanted *);
/* The peers' secret key: the databag's, or a new one that the leader makes (written to wanted); NOSTR: not initialised. */
struct str secret_key_decide(const struct snapshot *, bool rotate, struct wanted *);

/* The page docs/reference/environment.md: every variable of every framework and integration, from their tables. */
void environment_page(struct buf *);

#endif
