/* snapshot.c: `dispatch snapshot`: this unit's world as a state file, so that an event of production can be replayed on a laptop.
 *
 * Secrets become placeholders, the same one wherever the same value stands: in secrets, databags, the plan and its connection strings.
 * So the replay decides as the unit would, and nothing leaves the unit that must not. */
#include <stdlib.h>
#include <string.h>

#include "frameworks.h"
#include "hook.h"
#include "world.h"

struct hidden { struct str value, placeholder; };
struct snap {
	struct arena *arena;
	const struct snapshot *s;
	struct hidden *hidden;
	size_t n;
	struct node *secrets;     /* list, in the state file's words */
};

/* --- What must not be seen. --- */
static void hide_as(struct snap *p, struct str value, struct str placeholder)
{
	p->hidden = arena_grow(p->arena, p->hidden, p->n, sizeof *p->hidden);
	p->hidden[p->n++] = (struct hidden){ value, placeholder };
}

/* As URLs hold it: all but unreserved characters and sub-delims percent-encoded. */
static struct str in_url(struct arena *arena, struct str text)
{
	struct buf out = { .arena = arena };

	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit((char)c) || (c && strchr("-._~!$&'()*+,;=", c)))
			buf_addc(&out, (char)c);
		else
			buf_addf(&out, "%%%02X", c);
	}
	return buf_str(&out);
}

static void hide(struct snap *p, struct str value)
{
	struct str placeholder = str_f(p->arena, "placeholder-%zu", p->n + 1), encoded;

	if (!value.n || str_is(value, "true") || str_is(value, "false") || str_is(value, "null"))
		return;
	for (size_t i = 0; i < p->n; i++)
		if (str_eq(p->hidden[i].value, value))
			return;
	hide_as(p, value, placeholder);
	encoded = in_url(p->arena, value);
	if (!str_eq(encoded, value))
		hide_as(p, encoded, placeholder);
}

/* The password of "user:password@host", with or without what is before it; false when there is none. */
static bool hide_userinfo(struct snap *p, struct str text)
{
	ptrdiff_t at = str_rfind(text, '@'), colon;

	if (at < 0)
		return false;
	text = str_sub(text, 0, (size_t)at);
	colon = str_find(text, ':');
	if (colon >= 0)
		hide(p, str_sub(text, (size_t)colon + 1, text.n));
	return colon >= 0;
}

/* Of a URI only the password is secret; hidden as a whole, it would not be taken for one any more. Several may stand in a list. */
static bool hide_uris(struct snap *p, struct str text)
{
	size_t from = 0;
	bool any = false;

	for (size_t i = 0; i <= text.n; i++) {
		bool mark = i + 3 <= text.n && memcmp(text.p + i, "://", 3) == 0;

		if (any && (mark || i == text.n))
			hide_userinfo(p, str_sub(text, from, i));
		if (mark) {
			any = true;
			from = i + 3;
		}
	}
	return any;
}

static void hide_value(struct snap *p, struct str value)
{
	if (!hide_uris(p, value))
		hide(p, value);
}

/* A short value is replaced where it is all of the text, or a URI's password: in the middle of words it would only spoil them. */
static bool stands_alone(struct str text, size_t i, size_t n)
{
	if (n >= 6)
		return true;
	if (i == 0 && n == text.n)
		return true;
	return i > 0 && (text.p[i - 1] == ':' || text.p[i - 1] == '"') && i + n < text.n && (text.p[i + n] == '@' || text.p[i + n] == '"');
}

static struct str masked(const struct snap *p, struct str text)
{
	struct buf out = { .arena = p->arena };

	for (size_t i = 0; i < text.n;) {
		const struct hidden *best = NULL;

		for (size_t h = 0; h < p->n; h++) {
			struct str v = p->hidden[h].value;

			if ((!best || v.n > best->value.n) && v.n <= text.n - i && memcmp(text.p + i, v.p, v.n) == 0 && stands_alone(text, i, v.n))
				best = &p->hidden[h];
		}
		if (best)
			buf_add(&out, best->placeholder);
		else
			buf_addc(&out, text.p[i]);
		i += best ? best->value.n : 1;
	}
	return buf_str(&out);
}

static void hide_content(struct snap *p, const struct node *content)
{
	NODE_EACH(v, content)
		if (!str_is(v->key, "username"))
			hide_value(p, node_text(v));
}

static bool key_hides(struct str key)
{
	static const char *const keys[] = {
		"password", "secret-key", "access-key", "token", "entity-password", "uris", "read-only-uris", "mtls-cert",
	};

	for (size_t i = 0; i < LEN(keys); i++)
		if (str_is(key, keys[i]))
			return true;
	return str_ends(key, "_secret_key");
}

static void hide_bag(struct snap *p, const struct node *bag)
{
	NODE_EACH(v, bag)
		if (key_hides(v->key))
			hide_value(p, node_text(v));
}

/* What the environment would tell, too, if there were one: a unit that is blocked decides upon none. */
static void hide_options(struct snap *p)
{
	const struct hook *hook = &p->s->hook;
	const struct str proxies[] = { hook->http_proxy, hook->https_proxy };
	const struct framework *f = p->s->charm->framework;

	for (size_t i = 0; i < p->s->n_config; i++) {
		const struct config_value *c = &p->s->config[i];

		if (c->is_secret)
			hide_content(p, c->value);
		for (size_t k = 0; f && k < LEN(f->secret_options); k++)
			if (!c->is_secret && f->secret_options[k] && str_is(c->name, f->secret_options[k]))
				hide_value(p, node_text(c->value));
	}
	for (size_t i = 0; i < LEN(proxies); i++)
		if (!hide_uris(p, proxies[i]))
			hide_userinfo(p, proxies[i]);
}

static void hide_all(struct snap *p)
{
	const struct snapshot *s = p->s;
	struct wanted w = { .arena = p->arena, .env = { .arena = p->arena } };
	struct err ignored = { .arena = p->arena };

	hide_options(p);
	for (size_t i = 0; i < s->n_relations; i++) {
		const struct relation *r = &s->relations[i];

		hide_bag(p, r->remote_app);
		hide_bag(p, r->local_app);
		hide_bag(p, r->local_unit);
		for (size_t u = 0; r->remote_units && u < r->units.n; u++)
			hide_bag(p, r->remote_units[u].data);
		for (size_t k = 0; k < r->n_secrets; k++)
			hide_content(p, r->secrets[k].content);
	}
	/* What the decision itself knows to be secret: a plain option that holds a key, a percent-encoded password. */
	if (decide(s, &w, &ignored) < 0)
		return;
	for (size_t i = 0; i < w.env.n; i++) {
		struct str value = w.env.v[i].value;

		/* What holds a known secret among other things loses just that. */
		if (w.env.v[i].secret && !hide_uris(p, value) && str_eq(masked(p, value), value) && !hide_userinfo(p, value))
			hide(p, value);
	}
}

static void mask_tree(const struct snap *p, struct node *n)
{
	if (n->kind == NODE_STRING)
		n->text = masked(p, n->text);
	NODE_EACH(child, n)
		mask_tree(p, child);
}

/* --- The state. --- */
static void add_secret(struct snap *p, struct str id, struct str label, const struct node *content)
{
	struct node *secret = node_new(p->arena, NODE_MAP);

	NODE_EACH(known, p->secrets)
		if (str_eq(node_gets(known, "id"), id))
			return;
	node_puts(p->arena, secret, "id", id);
	if (label.n)
		node_puts(p->arena, secret, "label", label);
	node_put(p->arena, secret, S("tracked_content"), node_copy(p->arena, content));
	node_add(p->arena, p->secrets, secret);
}

static struct node *snap_config(struct snap *p)
{
	struct node *config = node_new(p->arena, NODE_MAP);

	for (size_t i = 0; i < p->s->n_config; i++) {
		const struct config_value *c = &p->s->config[i];
		struct str id = str_f(p->arena, "secret:option-" FMT, ARG(c->name));

		if (!c->option)
			continue;
		if (!c->is_secret) {
			/* A default need not be said. */
			if (!c->option->fallback || !node_equal(c->value, c->option->fallback))
				node_put(p->arena, config, c->name, node_copy(p->arena, c->value));
			continue;
		}
		node_put(p->arena, config, c->name, node_str(p->arena, id));
		if (c->value)
			add_secret(p, id, NOSTR, c->value);
	}
	return config;
}

static struct node *snap_relation(struct snap *p, const struct relation *r)
{
	bool peer = r->endpoint->role == ROLE_PEERS;
	struct node *one = node_new(p->arena, NODE_MAP), *units = node_new(p->arena, NODE_MAP);

	node_puts(p->arena, one, "endpoint", r->endpoint->name);
	node_put(p->arena, one, S("id"), node_int(p->arena, r->id));
	if (!peer && r->app.n)
		node_puts(p->arena, one, "remote_app_name", r->app);
	if (r->local_app)
		node_put(p->arena, one, S("local_app_data"), node_copy(p->arena, r->local_app));
	if (r->local_unit)
		node_put(p->arena, one, S("local_unit_data"), node_copy(p->arena, r->local_unit));
	if (!peer && r->remote_app)
		node_put(p->arena, one, S("remote_app_data"), node_copy(p->arena, r->remote_app));
	for (size_t i = 0; i < r->units.n; i++) {
		ptrdiff_t slash = str_rfind(r->units.v[i], '/');
		struct node *bag = r->remote_units ? r->remote_units[i].data : NULL;

		node_put(p->arena, units, str_sub(r->units.v[i], (size_t)(slash + 1), r->units.v[i].n),
		         bag ? node_copy(p->arena, bag) : node_new(p->arena, NODE_MAP));
	}
	node_put(p->arena, one, peer ? S("peers_data") : S("remote_units_data"), units);
	if (r->cross_model)
		node_puts(p->arena, one, "remote_model_uuid", S("00000000-0000-4000-8000-00000000ffff"));
	for (size_t i = 0; i < r->n_secrets; i++)
		if (r->secrets[i].content)
			add_secret(p, r->secrets[i].uri, r->secrets[i].label, r->secrets[i].content);
	return one;
}

static struct node *snap_container(struct snap *p, const struct container_state *c)
{
	struct node *one = node_new(p->arena, NODE_MAP), *layers = node_new(p->arena, NODE_MAP), *layer = node_new(p->arena, NODE_MAP);
	struct node *statuses = node_new(p->arena, NODE_MAP), *files = node_new(p->arena, NODE_MAP);

	node_puts(p->arena, one, "name", c->name);
	node_put(p->arena, one, S("can_connect"), node_bool(p->arena, c->reachable));
	if (!c->reachable)
		return one;
	/* The plan as one layer; what it holds of each entry is all there is, so it replaces. */
	NODE_EACH(section, c->plan) {
		struct node *copy = node_copy(p->arena, section);

		if (section->kind != NODE_MAP || !section->child)
			continue;
		NODE_EACH(entry, copy)
			if (!node_get(entry, "override"))
				node_puts(p->arena, entry, "override", S("replace"));
		node_put(p->arena, layer, section->key, copy);
	}
	if (layer->child)
		node_put(p->arena, layers, S("snapshot"), layer);
	node_put(p->arena, one, S("layers"), layers);
	for (size_t i = 0; i < c->n_services; i++)
		node_put(p->arena, statuses, c->services[i].name, node_str(p->arena, c->services[i].current));
	node_put(p->arena, one, S("service_statuses"), statuses);
	for (size_t i = 0; i < c->n_files; i++)
		if (c->files[i].found && !c->files[i].error.n)
			node_put(p->arena, files, c->files[i].path, node_str(p->arena, c->files[i].content));
	/* Of the app's own files only the names count. */
	for (size_t i = 0; i < c->scripts.n; i++)
		node_put(p->arena, files, str_f(p->arena, FMT "/" FMT, ARG(workload_directory(p->s->charm)), ARG(c->scripts.v[i])),
		         node_str(p->arena, S("")));
	node_put(p->arena, one, S("files"), files);
	return one;
}

static struct node *snap_status(struct arena *arena, struct status status)
{
	struct node *map = node_new(arena, NODE_MAP);

	node_puts(arena, map, "name", status.name.n ? status.name : S("unknown"));
	node_puts(arena, map, "message", status.message);
	return map;
}

static struct node *snap_state(struct snap *p)
{
	const struct snapshot *s = p->s;
	struct arena *a = p->arena;
	struct node *state = node_new(a, NODE_MAP), *model = node_new(a, NODE_MAP), *list;

	node_puts(a, state, "app", s->hook.app);
	node_put(a, state, S("unit"), node_int(a, s->hook.unit_number));
	node_put(a, state, S("leader"), node_bool(a, s->leader));
	node_puts(a, model, "name", s->hook.model);
	if (s->hook.model_uuid.n)
		node_puts(a, model, "uuid", s->hook.model_uuid);
	if (s->hook.http_proxy.n)
		node_puts(a, model, "http_proxy", s->hook.http_proxy);
	if (s->hook.https_proxy.n)
		node_puts(a, model, "https_proxy", s->hook.https_proxy);
	if (s->hook.no_proxy.n)
		node_puts(a, model, "no_proxy", s->hook.no_proxy);
	node_put(a, state, S("model"), model);
	node_puts(a, state, "juju_version", s->hook.juju_version);
	for (size_t i = 0; i < s->n_relations; i++)
		if (s->relations[i].address.n)
			node_puts(a, state, "address", s->relations[i].address);
	node_put(a, state, S("config"), snap_config(p));
	list = node_new(a, NODE_LIST);
	for (size_t i = 0; i < s->n_relations; i++)
		node_add(a, list, snap_relation(p, &s->relations[i]));
	node_put(a, state, S("relations"), list);
	list = node_new(a, NODE_LIST);
	for (size_t i = 0; i < s->n_containers; i++)
		node_add(a, list, snap_container(p, &s->containers[i]));
	node_put(a, state, S("containers"), list);
	node_put(a, state, S("secrets"), p->secrets);
	list = node_new(a, NODE_LIST);
	for (size_t i = 0; i < s->ports.n; i++)
		node_add(a, list, node_str(a, s->ports.v[i]));
	node_put(a, state, S("opened_ports"), list);
	node_put(a, state, S("unit_status"), snap_status(a, s->unit_status));
	if (s->leader)
		node_put(a, state, S("app_status"), snap_status(a, s->app_status));
	return state;
}

struct node *snapshot_state(struct arena *arena, const struct snapshot *s, bool show_secrets)
{
	struct snap p = { .arena = arena, .s = s, .secrets = node_new(arena, NODE_LIST) };
	struct node *state = snap_state(&p);

	if (!show_secrets) {
		hide_all(&p);
		mask_tree(&p, state);
	}
	return state;
}

static const char *first_set(const char *a, const char *b)
{
	const char *value = getenv(a);

	return value && *value ? value : getenv(b);
}

int cmd_snapshot(struct cli *cli)
{
	struct arena *arena = cli->arena;
	struct dispatch d = { .arena = arena };
	struct str folder = cli_value(cli, "charm"), file = cli_value(cli, "output");
	const char *charm_dir = folder.p ? str_c(arena, folder) : first_set("JUJU_CHARM_DIR", "CHARM_DIR");
	struct buf text = { .arena = arena };
	struct snapshot s;
	struct charm charm;
	int rc;

	if (!getenv("JUJU_CONTEXT_ID"))
		return cli_fail(cli, "no hook: run it as `juju exec --unit APP/0 -- ./dispatch snapshot`, or in juju debug-hooks");
	if (charm_load(arena, charm_dir && *charm_dir ? charm_dir : ".", &charm, &cli->err) < 0)
		return cli_fail(cli, "%s", cli->err.msg);
	d.charm = &charm;
	hook_read(arena, &charm, &d.hook);
	/* Whatever runs now, the world is the one that config-changed would see. */
	d.hook.event = S("config-changed");
	d.hook.action = false;
	d.hook.relation_id = -1;
	if (dispatch_open(&d, &cli->err) < 0)
		return cli_fail(cli, "%s", cli->err.msg);
	rc = observe(&d, &s, &cli->err);
	for (size_t i = 0; d.pebbles && i < charm.containers.n; i++)
		if (d.pebbles[i])
			pebble_close(d.pebbles[i]);
	juju_close(d.juju);
	if (rc < 0) {
		cli_fail(cli, "%s", cli->err.msg);
		return 1;
	}
	yaml_write(&text, snapshot_state(arena, &s, cli_has(cli, "show-secrets")));
	if (!file.p || str_is(file, "-")) {
		cli_print(&text);
		return 0;
	}
	if (file_write(arena, str_c(arena, file), buf_str(&text), 0600, &cli->err) < 0) {
		cli_fail(cli, "%s", cli->err.msg);
		return 1;
	}
	return 0;
}
