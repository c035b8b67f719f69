/* integrations.h: what the files of the integrations share: a row of their table, its fields and requests, and a reading under way.
 *
 * relations.c has the table and what is decided from it, integrations.c the functions that read where data is not enough, publish.c
 * what we write, environment.c the page that lists it all. */
#ifndef INTEGRATIONS_H
#define INTEGRATIONS_H

#include "relations.h"

/* --- A row. --- */

enum field_flags {
	FIELD_REQUIRED  = 1,   /* without it the data is invalid */
	FIELD_SECRET    = 2,
	FIELD_WHOLE     = 4,   /* the variable's name stands without the row's prefix */
	FIELD_NOT_NONE  = 8,   /* the text `none` means that there is none; not so in properties */
	FIELD_NOT_EMPTY = 16,  /* an empty value is no property */
	FIELD_READ      = 32,  /* not a databag's key: the row's function makes it */
};
/* A value that a relation gives, and what becomes of it: an environment variable, or a property of Spring Boot, or both. */
struct field {
	const char *value;      /* the databag's key, or the function's name for it */
	const char *variable;   /* after the row's prefix; NULL: none */
	const char *property;   /* Spring Boot's; "*" stands for the endpoint's name; NULL: none */
	unsigned    flags;      /* a set of enum field_flags */
	const char *about;      /* for people, where the value's name is not enough */
	const char *constant;   /* the value, where it is always the same */
};

enum request_flags {
	TO_APP        = 1,
	TO_UNIT       = 2,      /* the leader's unit only: it speaks for the application */
	IF_SECRETS    = 4,      /* Juju has secrets */
	IF_SAME_MODEL = 8,
	ONLY_V1       = 16,
	ONLY_V2       = 32,
};
/* A key that we write as the leader. */
struct request {
	const char *key;
	const char *value;      /* NULL: our application's name */
	unsigned    flags;
};

enum url_use { URL_NONE, URL_PARTS, URL_NAMED };   /* NAMED: with _NAME, the path without its slash */

struct reading;
struct publication;

struct integration {
	const char *name;       /* in messages; of databases also the scheme */
	const char *endpoint;   /* NULL: whatever the name */
	const char *interface;
	enum role   role;
	unsigned    reads;      /* a set of enum reads; our application's bag is read by the leader only */
	unsigned char order;    /* among the readers, the first error counts; 0: nothing is read */
	unsigned char place;    /* of its variables: later ones win; 0: it has none */
	unsigned char missing;  /* in the list of what is missing; 0: never there */
	bool        single;     /* more than one relation is an error, whatever the metadata's limit */
	bool        database;   /* the status names the endpoint; further endpoints have their own prefix */
	bool        harmless;   /* bad data is a line in the log and nothing else */
	bool        migrates;   /* new or changed variables make migrations due */
	bool        generic;    /* Spring Boot gets the variables, too */
	enum url_use url;       /* the value "url" also becomes the variables of a URL's parts */
	const char *prefix;     /* of the variables; NULL: the framework's and the endpoint's name */
	const struct field *fields;
	size_t      n_fields;
	const struct request *requests;
	size_t      n_requests;
	bool        whole;      /* nothing else stands in our application's bag */
	/* All may be NULL. read: 0 with reading->ready and values; -1: ERR_INPUT "key: rule" when the data is invalid, and then
	 * reading->status may hold a status of its own. Without it the fields are copied from the remote application's bag. */
	int       (*read)(struct reading *, struct err *);
	void      (*secrets)(const struct snapshot *, struct relation *);
	void      (*publish)(struct publication *);
};
struct str integration_prefix(struct arena *, const struct integration *, const struct charm *, const struct endpoint *);
extern const struct field url_fields[];
extern const size_t n_url_fields;

/* --- Reading. --- */

struct value { struct str name, text, key, of; bool secret; };   /* key of whose databag, for people */
struct reading {
	const struct snapshot *s;
	struct arena *arena;
	const struct integration *row;
	const struct endpoint *endpoint;
	const struct relation *relation;   /* the one that counts; NULL: none */
	struct integrations *out;
	bool        ready, failed;
	struct str  status;                /* instead of "Invalid ... relation data." */
	struct value *values;
	size_t      n_values;
};
struct value *value_add(struct reading *, const char *name, struct str text, struct str key, struct str of);
const struct value *value_find(const struct reading *, const char *name);
/* The values of a URL's parts. user and password: as they are outside of the URL, where they had to be escaped in it; else NOSTR. An
 * empty URL has no parts. ERR_INPUT "key: rule". */
int url_values(struct reading *, struct str url, struct str user, struct str password, struct str key, struct str of, struct err *);
/* The content of the secret that `field` of the data names; NULL: none is named. -1: it cannot be read, the status says so. */
int secret_content(struct reading *, const char *field, const struct node **content, struct err *);

/* NOSTR for the words None and null, which some providers write for nothing: no variable holds them. */
struct str text_said(struct str);
/* A databag's value as text; NOSTR when the key is not there or says nothing. */
struct str bag_text(const struct node *bag, const char *key);
/* A key that is defined as JSON: NULL where bag_text gives NOSTR. ERR_INPUT "key: rule". */
int bag_json(struct arena *, const struct node *bag, const char *key, struct node **, struct err *);
/* "db:3" */
struct str relation_name(struct arena *, const struct relation *);

/* The readers: one each, named by the row. */
int database_read(struct reading *, struct err *);
int redis_read(struct reading *, struct err *);
int valkey_read(struct reading *, struct err *);
int rabbitmq_read(struct reading *, struct err *);
int s3_read(struct reading *, struct err *);
int saml_read(struct reading *, struct err *);
int smtp_read(struct reading *, struct err *);
int openfga_read(struct reading *, struct err *);
int oauth_read(struct reading *, struct err *);
int tracing_read(struct reading *, struct err *);
int charm_tracing_read(struct reading *, struct err *);
int http_proxy_read(struct reading *, struct err *);
int ingress_read(struct reading *, struct err *);

void database_secrets(const struct snapshot *, struct relation *);
void valkey_secrets(const struct snapshot *, struct relation *);
void smtp_secrets(const struct snapshot *, struct relation *);
void openfga_secrets(const struct snapshot *, struct relation *);
void oauth_secrets(const struct snapshot *, struct relation *);
void http_proxy_secrets(const struct snapshot *, struct relation *);

/* --- What readers and writers both need. --- */

/* An option "<endpoint><suffix>" as text; `fallback` where it is not declared or not set. */
struct str endpoint_option(const struct snapshot *, const struct endpoint *, const char *suffix, struct str fallback);
struct str redirect_uri(const struct snapshot *, const struct endpoint *, struct str base_url);
bool redirect_uri_accepted(struct str);   /* by the providers' own check */
/* The id under which we asked for a proxy: of the first request in our bag; NOSTR: none yet. */
struct str proxy_request_id(struct arena *, const struct node *requests);
/* The first of a valkey provider's answers; NULL: none yet. ERR_INPUT. */
int valkey_response(struct arena *, const struct relation *, struct node **response, struct err *);
/* A member by its name with dashes or underscores; of "resource" also by its other names. */
struct node *valkey_member(struct arena *, const struct node *response, const char *name);
struct str valkey_request_id(struct arena *, const struct node *response);   /* NOSTR: it cannot be told */
struct str request_id(struct arena *, struct str resource, struct str salt);

/* --- Publishing. --- */

struct publication {
	const struct snapshot *s;
	struct arena *arena;
	const struct integrations *in;
	const struct relation *relation;
	int          port;
	bool         config_error;
	struct node *app, *unit;          /* the keys to write; app counts on a leader only */
	bool         app_whole, unit_whole;
	struct str   when_open;           /* a key of app that is there only when the port is open */
};
void database_publish(struct publication *);
void valkey_publish(struct publication *);
void oauth_publish(struct publication *);
void http_proxy_publish(struct publication *);
void ingress_publish(struct publication *);

#endif
