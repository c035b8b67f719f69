/* simulate_state.c: a state file read, checked and completed.
 *
 * A state is written by hand, so every mistake is found here, with the line it is on, and nothing behind this file needs to
 * doubt the tree. The words are those of ops-scenario. */
#include <string.h>

#include "folder.h"
#include "relations.h"
#include "simulate.h"

/* --- What may stand where. --- */
enum shape {
	TEXT,        /* text; a number is taken by its digits */
	WHOLE,       /* a whole number */
	YES_NO,
	ANY_MAP,
	TEXT_LIST,
	TEXT_MAP,    /* name: text */
	BAGS,        /* unit number: map of texts */
	FILES,       /* path: text */
	RECORD, RECORDS,
	STATUSES,    /* service: how it is */
	PORTS,       /* "8000/tcp", 8000 or {port, protocol} */
};
struct field { const char *key; enum shape shape; const struct field *fields; const char *help; };
#define END { 0 }

static const struct field model_fields[] = {
	{ "name", TEXT, NULL, "default local" },
	{ "uuid", TEXT, NULL, "default all zeros but the last digit" },
	{ "http_proxy", TEXT, NULL, "the model's juju-http-proxy" },
	{ "https_proxy", TEXT, NULL, "the model's juju-https-proxy" },
	{ "no_proxy", TEXT, NULL, "the model's juju-no-proxy" },
	END
};
static const struct field relation_fields[] = {
	{ "endpoint", TEXT, NULL, "as in the charm's metadata; needed" },
	{ "id", WHOLE, NULL, "default the lowest free one" },
	{ "remote_app_name", TEXT, NULL, "default remote" },
	{ "local_app_data", TEXT_MAP, NULL, "our application's databag" },
	{ "local_unit_data", TEXT_MAP, NULL, "our unit's databag" },
	{ "remote_app_data", TEXT_MAP, NULL, "the other application's databag" },
	{ "remote_units_data", BAGS, NULL, "its units' databags by unit number; default one empty unit 0" },
	{ "peers_data", BAGS, NULL, "of a peer relation: the other units' databags" },
	{ "remote_model_uuid", TEXT, NULL, "default our own model's" },
	END
};
static const struct field exec_fields[] = {
	{ "command_prefix", TEXT_LIST, NULL, "the first words of the command; the longest that fits counts; needed" },
	{ "return_code", WHOLE, NULL, "default 0" },
	{ "stdout", TEXT, NULL, "" },
	{ "stderr", TEXT, NULL, "" },
	END
};
static const struct field container_fields[] = {
	{ "name", TEXT, NULL, "as in the charm's metadata; needed" },
	{ "can_connect", YES_NO, NULL, "default true" },
	{ "layers", ANY_MAP, NULL, "label: layer, in the order they were added" },
	{ "service_statuses", STATUSES, NULL, "active, inactive, error or backoff; default inactive" },
	{ "files", FILES, NULL, "path: content; a path that ends in / is a directory" },
	{ "execs", RECORDS, exec_fields, "what commands answer" },
	END
};
static const struct field secret_fields[] = {
	{ "id", TEXT, NULL, "secret:... ; needed" },
	{ "owner", TEXT, NULL, "app, unit or nothing (somebody else's)" },
	{ "label", TEXT, NULL, "" },
	{ "tracked_content", TEXT_MAP, NULL, "what we see; needed" },
	{ "latest_content", TEXT_MAP, NULL, "what a refresh shows; default the same" },
	END
};
static const struct field status_fields[] = {
	{ "name", TEXT, NULL, "active, blocked, waiting, maintenance, error or unknown" },
	{ "message", TEXT, NULL, "" },
	END
};
static const struct field port_fields[] = {
	{ "port", WHOLE, NULL, "" },
	{ "protocol", TEXT, NULL, "default tcp" },
	END
};
static const struct field state_fields[] = {
	{ "app", TEXT, NULL, "default the charm's name" },
	{ "unit", TEXT, NULL, "a number, or shop/0; default 0" },
	{ "leader", YES_NO, NULL, "default true" },
	{ "planned_units", WHOLE, NULL, "default 1" },
	{ "model", RECORD, model_fields, "" },
	{ "juju_version", TEXT, NULL, "default 3.6.0" },
	{ "address", TEXT, NULL, "the unit's own; default 192.0.2.0" },
	{ "config", ANY_MAP, NULL, "option: value, for those that are set" },
	{ "relations", RECORDS, relation_fields, "" },
	{ "containers", RECORDS, container_fields, "" },
	{ "secrets", RECORDS, secret_fields, "" },
	{ "opened_ports", PORTS, port_fields, "8000/tcp, 8000 or {port, protocol}" },
	{ "unit_status", RECORD, status_fields, "" },
	{ "app_status", RECORD, status_fields, "" },
	END
};

static const char *const shape_names[] = {
	[TEXT] = "text", [WHOLE] = "a whole number", [YES_NO] = "true or false", [ANY_MAP] = "a map", [TEXT_LIST] = "a list of texts",
	[TEXT_MAP] = "a map of texts", [BAGS] = "a map of unit numbers to maps of texts", [FILES] = "a map of paths to texts",
	[RECORD] = "a map", [RECORDS] = "a list of maps", [STATUSES] = "a map of services to their state", [PORTS] = "a list of ports",
};

static void schema_add(struct buf *out, const char *prefix, const struct field *fields)
{
	for (const struct field *f = fields; f->key; f++) {
		const char *sub = f->shape == RECORDS || f->shape == PORTS ? "[]." : ".";
		buf_addf(out, "%s%s  %s%s%s\n", prefix, f->key, shape_names[f->shape], *f->help ? "; " : "", f->help);
		if (f->fields)
			schema_add(out, str_c(out->arena, str_f(out->arena, "%s%s%s", prefix, f->key, sub)), f->fields);
	}
}

void simulator_schema(struct buf *out)
{
	schema_add(out, "", state_fields);
}

/* --- Checking. --- */
struct check { struct arena *arena; const char *name; struct err *err; };

/* The one line of a bad state: where, which, what. */
static int bad(const struct check *c, const struct node *at, struct str where, const char *fmt, ...) PRINTF(4, 5);
static int bad(const struct check *c, const struct node *at, struct str where, const char *fmt, ...)
{
	va_list args;
	struct str what;

	va_start(args, fmt);
	what = str_vf(c->arena, fmt, args);
	va_end(args);
	if (at && at->line > 0)
		return err_set(c->err, ERR_INPUT, "%s:%d:%d: " FMT "%s" FMT, c->name, at->line, at->column, ARG(where),
		               where.n ? ": " : "", ARG(what));
	return err_set(c->err, ERR_INPUT, "%s: " FMT "%s" FMT, c->name, ARG(where), where.n ? ": " : "", ARG(what));
}

static int wrong_shape(const struct check *c, const struct node *at, struct str where, enum shape shape)
{
	return bad(c, at, where, "expected %s, got %s", shape_names[shape], node_kind_name(at));
}

/* Numbers are digits of a text here: `juju_version: 3.6`, a port in a databag. */
static int check_text(const struct check *c, struct node *at, struct str where)
{
	if (at->kind == NODE_INT || at->kind == NODE_FLOAT)
		at->kind = NODE_STRING;
	if (at->kind == NODE_STRING && !utf8_valid(at->text))
		return bad(c, at, where, "not UTF-8");
	return at->kind == NODE_STRING ? 0 : wrong_shape(c, at, where, TEXT);
}

static int check_texts(const struct check *c, struct node *at, struct str where, enum shape shape)
{
	if (at->kind != (shape == TEXT_LIST ? NODE_LIST : NODE_MAP))
		return wrong_shape(c, at, where, shape);
	NODE_EACH(item, at)
		if (check_text(c, item, shape == TEXT_LIST ? where : str_f(c->arena, FMT "." FMT, ARG(where), ARG(item->key))) < 0)
			return -1;
	return 0;
}

static int check_record(const struct check *, struct node *at, struct str where, const struct field *);

static int check_bags(const struct check *c, struct node *at, struct str where)
{
	int64_t number;

	if (at->kind != NODE_MAP)
		return wrong_shape(c, at, where, BAGS);
	NODE_EACH(bag, at) {
		if (!str_int(bag->key, &number) || number < 0)
			return bad(c, bag, where, "'" FMT "' is no unit number", ARG(bag->key));
		if (check_texts(c, bag, str_f(c->arena, FMT "." FMT, ARG(where), ARG(bag->key)), TEXT_MAP) < 0)
			return -1;
	}
	return 0;
}

static int check_statuses(const struct check *c, struct node *at, struct str where)
{
	if (at->kind != NODE_MAP)
		return wrong_shape(c, at, where, STATUSES);
	NODE_EACH(item, at) {
		struct str s = node_text(item);
		if (!str_is(s, "active") && !str_is(s, "inactive") && !str_is(s, "error") && !str_is(s, "backoff"))
			return bad(c, item, where, "service " FMT ": expected active, inactive, error or backoff", ARG(item->key));
	}
	return 0;
}

static int check_files(const struct check *c, struct node *at, struct str where)
{
	if (at->kind != NODE_MAP)
		return wrong_shape(c, at, where, FILES);
	NODE_EACH(item, at) {
		if (!str_starts(item->key, "/"))
			return bad(c, item, where, "'" FMT "' is no absolute path", ARG(item->key));
		if (item->kind == NODE_NULL)
			*item = (struct node){ .kind = NODE_STRING, .key = item->key, .text = S(""), .next = item->next };
	}
	return check_texts(c, at, where, FILES);
}

/* Every port becomes the text that opened-ports shows. */
static int check_ports(const struct check *c, struct node *at, struct str where)
{
	if (at->kind != NODE_LIST)
		return wrong_shape(c, at, where, PORTS);
	NODE_EACH(item, at) {
		struct str text = node_text(item), protocol = S("tcp"), number;
		int64_t port;

		if (item->kind == NODE_MAP) {
			if (check_record(c, item, where, port_fields) < 0)
				return -1;
			text = node_gets(item, "port");
			if (node_get(item, "protocol"))
				protocol = node_gets(item, "protocol");
		}
		number = text;
		if (str_find(text, '/') >= 0) {
			protocol = str_sub(text, (size_t)str_find(text, '/') + 1, text.n);
			number = str_sub(text, 0, (size_t)str_find(text, '/'));
		}
		if (str_is(text, "icmp"))
			continue;
		if (!str_int(number, &port) || port < 0 || port > 65535 || (!str_is(protocol, "tcp") && !str_is(protocol, "udp")))
			return bad(c, item, where, "no port: expected 8000/tcp, 8000 or {port: 8000, protocol: tcp}");
		item->kind = NODE_STRING;
		item->text = str_f(c->arena, "%d/" FMT, (int)port, ARG(protocol));
		item->child = item->last = NULL;
		item->count = 0;
	}
	return 0;
}

static int check_shape(const struct check *c, struct node *at, struct str where, const struct field *field)
{
	size_t i = 0;
	int64_t number;

	switch (field->shape) {
	case TEXT:
		return check_text(c, at, where);
	case WHOLE:
		if (at->kind != NODE_INT || !str_int(at->text, &number) || number < 0 || number > INT32_MAX)
			return wrong_shape(c, at, where, WHOLE);
		return 0;
	case YES_NO:
		return at->kind == NODE_BOOL ? 0 : wrong_shape(c, at, where, YES_NO);
	case ANY_MAP:
		return at->kind == NODE_MAP ? 0 : wrong_shape(c, at, where, ANY_MAP);
	case TEXT_LIST:
	case TEXT_MAP:
		return check_texts(c, at, where, field->shape);
	case BAGS:
		return check_bags(c, at, where);
	case FILES:
		return check_files(c, at, where);
	case STATUSES:
		return check_statuses(c, at, where);
	case PORTS:
		return check_ports(c, at, where);
	case RECORD:
		return check_record(c, at, where, field->fields);
	case RECORDS:
		break;
	}
	if (at->kind != NODE_LIST)
		return wrong_shape(c, at, where, RECORDS);
	NODE_EACH(item, at)
		if (check_record(c, item, str_f(c->arena, FMT "[%zu]", ARG(where), i++), field->fields) < 0)
			return -1;
	return 0;
}

static struct str known_keys(const struct check *c, const struct field *fields)
{
	struct strs keys = { 0 };

	for (const struct field *f = fields; f->key; f++)
		strs_add(c->arena, &keys, str_of(f->key));
	return strs_join(c->arena, &keys, ", ");
}

/* A member that is null counts as not there. */
static int check_record(const struct check *c, struct node *at, struct str where, const struct field *fields)
{
	struct strs nulls = { 0 };

	if (at->kind != NODE_MAP)
		return wrong_shape(c, at, where, RECORD);
	NODE_EACH(item, at) {
		const struct field *f = fields;

		while (f->key && !str_is(item->key, f->key))
			f++;
		if (!f->key) {
			const struct node key = { .line = item->key_line, .column = item->key_column };

			return bad(c, &key, where, "unknown key '" FMT "'; known: " FMT, ARG(item->key), ARG(known_keys(c, fields)));
		}
		if (item->kind == NODE_NULL) {
			strs_add(c->arena, &nulls, item->key);
			continue;
		}
		if (check_shape(c, item, str_f(c->arena, FMT "%s" FMT, ARG(where), where.n ? "." : "", ARG(item->key)), f) < 0)
			return -1;
	}
	for (size_t i = 0; i < nulls.n; i++)
		node_del(at, nulls.v[i]);
	return 0;
}

/* --- Completing. --- */
static struct node *ensure(struct arena *arena, struct node *map, const char *key, enum node_kind kind)
{
	if (!node_get(map, key))
		node_put(arena, map, str_of(key), node_new(arena, kind));
	return node_get(map, key);
}

static void ensure_text(struct arena *arena, struct node *map, const char *key, struct str text)
{
	if (!node_get(map, key))
		node_puts(arena, map, key, text);
}

bool state_is_peer(const struct simulator *s, struct str endpoint)
{
	const struct endpoint *e = endpoint_find(s->charm, endpoint);

	return e && e->role == ROLE_PEERS;
}

struct node *state_relation(const struct simulator *s, struct str endpoint, int id)
{
	int64_t n;

	NODE_EACH(r, node_get(s->state, "relations"))
		if (str_int(node_gets(r, "id"), &n) && n == id && str_eq(node_gets(r, "endpoint"), endpoint))
			return r;
	return NULL;
}

static bool id_taken(const struct node *relations, const struct node *but, int64_t id)
{
	int64_t n;

	NODE_EACH(r, relations)
		if (r != but && str_int(node_gets(r, "id"), &n) && n == id)
			return true;
	return false;
}

static struct str endpoint_names(struct arena *arena, const struct charm *charm)
{
	struct strs names = { 0 };

	for (size_t i = 0; i < charm->n_endpoints; i++)
		strs_add(arena, &names, charm->endpoints[i].name);
	return strs_join(arena, &names, ", ");
}

/* What a peer relation may not have, and the others may not. */
static const char *const only_peers[] = { "peers_data", NULL };
static const char *const never_peers[] = { "remote_app_name", "remote_app_data", "remote_units_data", "remote_model_uuid", NULL };

static int relation_complete(const struct check *c, struct simulator *s, struct node *r, struct str where)
{
	struct node *relations = node_get(s->state, "relations");
	struct str endpoint = node_gets(r, "endpoint");
	bool peer = state_is_peer(s, endpoint);
	int64_t id = 1;

	if (!endpoint.p)
		return bad(c, r, where, "no endpoint");
	if (!endpoint_find(s->charm, endpoint))
		return bad(c, node_get(r, "endpoint"), where, "the charm has no endpoint '" FMT "'; it has: " FMT, ARG(endpoint),
		           ARG(endpoint_names(c->arena, s->charm)));
	for (const char *const *key = peer ? never_peers : only_peers; *key; key++)
		if (node_get(r, *key))
			return bad(c, node_get(r, *key), where, "%s is not for %s", *key, peer ? "a peer relation" : "relations but peers");
	if (node_get(r, "id")) {
		str_int(node_gets(r, "id"), &id);
		if (id_taken(relations, r, id))
			return bad(c, node_get(r, "id"), where, "id %d is taken by another relation", (int)id);
	} else {
		while (id_taken(relations, r, id))
			id++;
		node_put(c->arena, r, S("id"), node_int(c->arena, id));
	}
	ensure(c->arena, r, "local_app_data", NODE_MAP);
	ensure(c->arena, r, "local_unit_data", NODE_MAP);
	if (peer) {
		ensure(c->arena, r, "peers_data", NODE_MAP);
		return 0;
	}
	ensure_text(c->arena, r, "remote_app_name", S("remote"));
	ensure(c->arena, r, "remote_app_data", NODE_MAP);
	if (!node_get(r, "remote_units_data"))
		node_put(c->arena, ensure(c->arena, r, "remote_units_data", NODE_MAP), S("0"), node_new(c->arena, NODE_MAP));
	return 0;
}

static int secret_complete(const struct check *c, struct node *secret, struct str where)
{
	struct str owner = node_gets(secret, "owner");

	if (!node_get(secret, "id"))
		return bad(c, secret, where, "no id");
	if (!node_get(secret, "tracked_content"))
		return bad(c, secret, where, "no tracked_content");
	if (owner.p && !str_is(owner, "app") && !str_is(owner, "unit"))
		return bad(c, node_get(secret, "owner"), where, "owner: expected app, unit or null");
	if (!node_get(secret, "latest_content"))
		node_put(c->arena, secret, S("latest_content"), node_copy(c->arena, node_get(secret, "tracked_content")));
	return 0;
}

static bool status_known(struct str name)
{
	static const char *const names[] = { "active", "blocked", "waiting", "maintenance", "error", "unknown" };

	for (size_t i = 0; i < LEN(names); i++)
		if (str_is(name, names[i]))
			return true;
	return false;
}

static int status_complete(const struct check *c, struct node *state, const char *key)
{
	struct node *status = ensure(c->arena, state, key, NODE_MAP);

	ensure_text(c->arena, status, "name", S("unknown"));
	ensure_text(c->arena, status, "message", S(""));
	if (!status_known(node_gets(status, "name")))
		return bad(c, node_get(status, "name"), str_of(key), "no status: '" FMT "'", ARG(node_gets(status, "name")));
	return 0;
}

/* A value's kind must be the option's: Juju would not have taken it. An int is a float, too. */
static bool value_fits(const struct option *o, struct node *value)
{
	switch (o->type) {
	case OPTION_INT:
		return value->kind == NODE_INT;
	case OPTION_FLOAT:
		return value->kind == NODE_INT || value->kind == NODE_FLOAT;
	case OPTION_BOOL:
		return value->kind == NODE_BOOL;
	case OPTION_STRING:
	case OPTION_SECRET:
		return value->kind == NODE_STRING;
	case OPTION_UNKNOWN:
		break;
	}
	return true;
}

static int config_complete(const struct check *c, struct simulator *s)
{
	struct node *config = ensure(c->arena, s->state, "config", NODE_MAP);
	struct strs nulls = { 0 };

	NODE_EACH(value, config) {
		const struct option *o = option_find(s->charm, value->key);

		if (!o) {
			const struct node key = { .line = value->key_line, .column = value->key_column };

			return bad(c, &key, S("config"), "the charm has no option '" FMT "'", ARG(value->key));
		}
		if (value->kind == NODE_NULL)
			strs_add(c->arena, &nulls, value->key);
		else if (!value_fits(o, value))
			return bad(c, value, str_f(c->arena, "config." FMT, ARG(value->key)), "the option's type is " FMT ", got %s",
			           ARG(o->type_name), node_kind_name(value));
	}
	for (size_t i = 0; i < nulls.n; i++)
		node_del(config, nulls.v[i]);
	return 0;
}

/* `unit: 1` and `unit: shop/1` are the same; app and unit must agree. */
static int names_complete(const struct check *c, struct simulator *s)
{
	struct str app = node_gets(s->state, "app"), unit = node_gets(s->state, "unit"), number = unit;
	ptrdiff_t slash = str_rfind(unit, '/');
	int64_t n;

	if (slash >= 0) {
		number = str_sub(unit, (size_t)slash + 1, unit.n);
		if (app.p && !str_eq(app, str_sub(unit, 0, (size_t)slash)))
			return bad(c, node_get(s->state, "unit"), S("unit"), "'" FMT "' is no unit of app '" FMT "'", ARG(unit), ARG(app));
		app = str_sub(unit, 0, (size_t)slash);
	}
	if (unit.p && (!str_int(number, &n) || n < 0 || n > INT32_MAX))
		return bad(c, node_get(s->state, "unit"), S("unit"), "expected a number, or a name such as shop/0");
	if (app.p && app.n == 0)
		return bad(c, node_get(s->state, "app"), S("app"), "an empty name");
	node_puts(c->arena, s->state, "app", app.p ? app : s->charm->name);
	node_put(c->arena, s->state, S("unit"), node_int(c->arena, unit.p ? n : 0));
	return 0;
}

static int containers_complete(const struct check *c, struct simulator *s)
{
	struct node *containers = ensure(c->arena, s->state, "containers", NODE_LIST);
	struct strs seen = { 0 };
	size_t i = 0;

	NODE_EACH(item, containers) {
		struct str name = node_gets(item, "name"), where = str_f(c->arena, "containers[%zu]", i);
		struct err inner = { .arena = c->arena };

		if (!name.p)
			return bad(c, item, where, "no name");
		if (!strs_has(&s->charm->containers, name))
			return bad(c, node_get(item, "name"), where, "the charm has no container '" FMT "'; it has: " FMT, ARG(name),
			           ARG(strs_join(c->arena, &s->charm->containers, ", ")));
		if (strs_has(&seen, name))
			return bad(c, node_get(item, "name"), where, "container '" FMT "' is there twice", ARG(name));
		strs_add(c->arena, &seen, name);
		if (!node_get(item, "can_connect"))
			node_put(c->arena, item, S("can_connect"), node_bool(c->arena, true));
		NODE_EACH(exec, node_get(item, "execs"))
			if (!node_get(exec, "command_prefix"))
				return bad(c, exec, where, "execs: no command_prefix");
		s->containers = arena_grow(c->arena, s->containers, i, sizeof *s->containers);
		if (container_open(s, item, name, &s->containers[i], &inner) < 0)
			return bad(c, node_get(item, "layers"), where, "layers: %s", inner.msg);
		s->n_containers = ++i;
	}
	return 0;
}

static int state_complete(const struct check *c, struct simulator *s)
{
	struct node *model = ensure(c->arena, s->state, "model", NODE_MAP);
	size_t i = 0;

	if (names_complete(c, s) < 0 || config_complete(c, s) < 0)
		return -1;
	if (!node_get(s->state, "leader"))
		node_put(c->arena, s->state, S("leader"), node_bool(c->arena, true));
	if (!node_get(s->state, "planned_units"))
		node_put(c->arena, s->state, S("planned_units"), node_int(c->arena, 1));
	ensure_text(c->arena, model, "name", S("local"));
	ensure_text(c->arena, model, "uuid", S("00000000-0000-4000-8000-000000000001"));
	ensure_text(c->arena, s->state, "juju_version", S("3.6.0"));
	ensure_text(c->arena, s->state, "address", S("192.0.2.0"));
	NODE_EACH(r, ensure(c->arena, s->state, "relations", NODE_LIST))
		if (relation_complete(c, s, r, str_f(c->arena, "relations[%zu]", i++)) < 0)
			return -1;
	i = 0;
	NODE_EACH(secret, ensure(c->arena, s->state, "secrets", NODE_LIST))
		if (secret_complete(c, secret, str_f(c->arena, "secrets[%zu]", i++)) < 0)
			return -1;
	ensure(c->arena, s->state, "opened_ports", NODE_LIST);
	if (status_complete(c, s->state, "unit_status") < 0 || status_complete(c, s->state, "app_status") < 0)
		return -1;
	return containers_complete(c, s);
}

int simulator_load(struct arena *arena, struct str text, const char *name, const struct charm *charm, struct simulator **out,
                   struct err *err)
{
	struct check c = { arena, name, err };
	struct simulator *s = NEW(arena, struct simulator);

	*s = (struct simulator){ .arena = arena, .charm = charm, .name = name, .journal = node_new(arena, NODE_LIST) };
	if (yaml_parse(arena, text, name, &s->state, err) < 0) {
		/* Nearly all JSON is YAML, and read as such it knows its lines; the rest is JSON all the same. */
		if (!str_ends(str_of(name), ".json"))
			return -1;
		err_clear(err);
		if (json_parse(arena, text, &s->state, err) < 0)
			return err_set(err, ERR_INPUT, "%s:%s", name, err->msg);
	}
	if (s->state->kind == NODE_NULL)
		s->state = node_new(arena, NODE_MAP);
	if (check_record(&c, s->state, NOSTR, state_fields) < 0 || state_complete(&c, s) < 0)
		return -1;
	*out = s;
	return 0;
}

/* --- Changes that a person asks for on the command line. --- */
int simulator_set(struct simulator *s, struct str option, struct str value, struct err *err)
{
	struct check c = { s->arena, "--set", err };
	const struct option *o = option_find(s->charm, option);
	struct node *config = node_get(s->state, "config"), *node = node_str(s->arena, value);
	struct err ignored = { .arena = s->arena };

	if (!o)
		return bad(&c, NULL, option, "the charm has no such option");
	if (str_is(value, "null")) {
		node_del(config, option);
		return 0;
	}
	if (o->type != OPTION_STRING && o->type != OPTION_SECRET
	    && yaml_parse(s->arena, value, "--set", &node, &ignored) < 0)
		return bad(&c, NULL, option, "the option's type is " FMT, ARG(o->type_name));
	if (!value_fits(o, node))
		return bad(&c, NULL, option, "the option's type is " FMT ", got %s", ARG(o->type_name), node_kind_name(node));
	node_put(s->arena, config, option, node);
	return 0;
}

void simulator_param(struct simulator *s, struct str name, struct str value)
{
	struct err ignored = { .arena = s->arena };
	struct node *node;

	if (json_parse(s->arena, value, &node, &ignored) < 0)
		node = node_str(s->arena, value);
	if (!s->params)
		s->params = node_new(s->arena, NODE_MAP);
	node_put(s->arena, s->params, name, node);
}

int simulator_relate(struct simulator *s, struct node *relation, struct err *err)
{
	struct check c = { s->arena, "--relate", err };

	if (check_record(&c, relation, NOSTR, relation_fields) < 0)
		return -1;
	node_add(s->arena, node_get(s->state, "relations"), relation);
	return relation_complete(&c, s, node_get(s->state, "relations")->last, NOSTR);
}

int simulator_secret(struct simulator *s, struct node *secret, struct err *err)
{
	struct check c = { s->arena, "--relate", err };

	if (check_record(&c, secret, NOSTR, secret_fields) < 0 || secret_complete(&c, secret, NOSTR) < 0)
		return -1;
	node_add(s->arena, node_get(s->state, "secrets"), secret);
	return 0;
}

struct node *simulator_state(struct simulator *s)
{
	return node_copy(s->arena, s->state);
}
