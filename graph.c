/* graph.c: `dispatch graph`: the application with its integrations, and what flows where, as Mermaid, DOT or SVG. */
#include "world.h"

/* A line of the picture: an endpoint, related or not. */
struct edge {
	const struct endpoint *endpoint;
	struct str remote;          /* the other application; NOSTR: not related */
	int        id;
	struct str in, out;         /* what the app's environment gets of it; what we publish to it */
};
struct graph { struct arena *arena; const struct outcome *o; struct edge *edges; size_t n; };

/* "POSTGRESQL_DB_* (11)": what the names begin with in common, up to the last underscore or dot. */
static struct str variables_of(const struct graph *g, struct str subject)
{
	const struct env *env = &g->o->wanted.env;
	struct str common = NOSTR;
	size_t count = 0;

	for (size_t i = 0; i < env->n; i++) {
		const struct variable *v = &env->v[i];
		size_t n = 0;

		if (v->origin.kind != ORIGIN_RELATION || !str_eq(v->origin.subject, subject))
			continue;
		while (count && n < common.n && n < v->name.n && common.p[n] == v->name.p[n])
			n++;
		common = count++ ? str_sub(common, 0, n) : v->name;
	}
	if (count < 2)
		return common;
	while (common.n && common.p[common.n - 1] != '_' && common.p[common.n - 1] != '.')
		common.n--;
	return str_f(g->arena, FMT "* (%zu)", ARG(common), count);
}

static void keys_add(struct arena *arena, struct strs *keys, const struct node *bag)
{
	NODE_EACH(v, bag)
		if (node_text(v).n && !strs_has(keys, v->key))
			strs_add(arena, keys, v->key);
}

/* The keys that we publish, or would. */
static struct str published(const struct graph *g, const struct relation *r)
{
	const struct wanted *w = &g->o->wanted;
	struct strs keys = { 0 };

	for (size_t i = 0; i < w->n_bags; i++)
		if (w->bags[i].relation->endpoint == r->endpoint && w->bags[i].relation->id == r->id)
			keys_add(g->arena, &keys, w->bags[i].data);
	keys_add(g->arena, &keys, r->local_app);
	keys_add(g->arena, &keys, r->local_unit);
	if (keys.n > 3) {
		struct strs first = { keys.v, 3 };

		return str_f(g->arena, FMT ", ... (%zu)", ARG(strs_join(g->arena, &first, ", ")), keys.n);
	}
	return strs_join(g->arena, &keys, ", ");
}

static void graph_make(struct graph *g)
{
	const struct charm *charm = &g->o->world->charm;

	for (size_t i = 0; i < charm->n_endpoints; i++) {
		const struct endpoint *e = &charm->endpoints[i];
		const struct relation *r;
		size_t nth = 0;

		do {
			struct edge edge = { .endpoint = e };

			r = relation_nth(&g->o->snapshot, e, nth++);
			if (r) {
				edge.remote = e->role == ROLE_PEERS ? S("its other units") : r->app.n ? r->app : S("?");
				edge.id = r->id;
				edge.in = variables_of(g, str_f(g->arena, FMT ":%d", ARG(e->name), r->id));
				edge.out = published(g, r);
			} else if (nth > 1) {
				break;
			}
			g->edges = arena_grow(g->arena, g->edges, g->n, sizeof *g->edges);
			g->edges[g->n++] = edge;
		} while (r);
	}
}

/* --- Mermaid. --- */
/* Its labels are HTML. */
static struct str html(struct arena *arena, struct str text)
{
	struct buf out = { .arena = arena };

	for (size_t i = 0; i < text.n; i++)
		switch (text.p[i]) {
		case '&': buf_adds(&out, "&amp;"); break;
		case '<': buf_adds(&out, "&lt;"); break;
		case '>': buf_adds(&out, "&gt;"); break;
		case '"': buf_adds(&out, "&quot;"); break;
		default: buf_addc(&out, text.p[i]);
		}
	return buf_str(&out);
}

static struct str app_title(const struct graph *g)
{
	return g->o->hook.app;
}

static void mermaid(const struct graph *g, struct buf *out)
{
	buf_addf(out, "flowchart LR\n    app[\"" FMT "\"]\n", ARG(html(g->arena, app_title(g))));
	for (size_t i = 0; i < g->n; i++) {
		const struct edge *e = &g->edges[i];
		struct str name = html(g->arena, e->endpoint->name), label = name;

		if (!e->remote.p) {
			buf_addf(out, "    r%zu([\"" FMT "\"]) -.- app\n", i, ARG(html(g->arena, e->endpoint->interface)));
			continue;
		}
		if (e->in.n)
			label = str_f(g->arena, FMT "<br>in: " FMT, ARG(label), ARG(html(g->arena, e->in)));
		if (e->out.n)
			label = str_f(g->arena, FMT "<br>out: " FMT, ARG(label), ARG(html(g->arena, e->out)));
		buf_addf(out, "    r%zu[\"" FMT "\"] %s|\"" FMT "\"| app\n", i, ARG(html(g->arena, e->remote)), e->in.n ? "-->" : "---", ARG(label));
	}
}

/* --- DOT. --- */
static struct str dot_text(struct arena *arena, struct str text)
{
	struct buf out = { .arena = arena };

	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '"' || text.p[i] == '\\')
			buf_addc(&out, '\\');
		buf_addc(&out, text.p[i]);
	}
	return buf_str(&out);
}

static void dot(const struct graph *g, struct buf *out)
{
	buf_addf(out, "digraph app {\n\trankdir=LR;\n\tnode [shape=box, fontname=\"sans-serif\"];\n\tedge [fontname=\"sans-serif\", fontsize=10];\n"
	              "\tapp [label=\"" FMT "\", style=bold];\n", ARG(dot_text(g->arena, app_title(g))));
	for (size_t i = 0; i < g->n; i++) {
		const struct edge *e = &g->edges[i];

		if (!e->remote.p) {
			buf_addf(out, "\tr%zu [label=\"" FMT "\", style=dashed];\n\tr%zu -> app [style=dashed, dir=none, label=\"" FMT "\"];\n", i,
			         ARG(dot_text(g->arena, e->endpoint->interface)), i, ARG(dot_text(g->arena, e->endpoint->name)));
			continue;
		}
		buf_addf(out, "\tr%zu [label=\"" FMT "\"];\n\tr%zu -> app [label=\"" FMT, i, ARG(dot_text(g->arena, e->remote)), i,
		         ARG(dot_text(g->arena, e->endpoint->name)));
		if (e->in.n)
			buf_addf(out, "\\nin: " FMT, ARG(dot_text(g->arena, e->in)));
		if (e->out.n)
			buf_addf(out, "\\nout: " FMT, ARG(dot_text(g->arena, e->out)));
		buf_addf(out, "\"%s];\n", e->in.n ? "" : ", dir=none");
	}
	buf_adds(out, "}\n");
}

/* --- SVG. --- */
enum { ROW = 56, BOX = 220, BETWEEN = 380, MARGIN = 16, BOX_HEIGHT = 36 };

static void svg_text(struct buf *out, int x, int y, const char *class, struct str text)
{
	buf_addf(out, "<text x=\"%d\" y=\"%d\" class=\"%s\">" FMT "</text>\n", x, y, class, ARG(html(out->arena, text)));
}

static void svg(const struct graph *g, struct buf *out)
{
	int height = (g->n ? (int)g->n : 1) * ROW + 2 * MARGIN, width = 2 * BOX + BETWEEN + 2 * MARGIN;
	int left = MARGIN, right = MARGIN + BOX + BETWEEN, middle = MARGIN + BOX + BETWEEN / 2;

	buf_addf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\">\n",
	         width, height, width, height);
	buf_adds(out, "<style>text{font-size:11px;text-anchor:middle;fill:#222}.n{font-size:13px;font-weight:bold}.d{fill:#888}"
	              "rect{fill:#fff;stroke:#333}.off{stroke:#aaa;stroke-dasharray:4 3}line{stroke:#333}</style>\n"
	              "<defs><marker id=\"a\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\">"
	              "<path d=\"M0 0L8 4L0 8z\" fill=\"#333\"/></marker></defs>\n");
	buf_addf(out, "<rect width=\"%d\" height=\"%d\" style=\"stroke:none\"/>\n", width, height);
	buf_addf(out, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"6\"/>\n", right, MARGIN, BOX, height - 2 * MARGIN);
	svg_text(out, right + BOX / 2, height / 2, "n", app_title(g));
	for (size_t i = 0; i < g->n; i++) {
		const struct edge *e = &g->edges[i];
		int y = MARGIN + (int)i * ROW + ROW / 2;

		buf_addf(out, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"6\"%s/>\n", left, y - BOX_HEIGHT / 2, BOX, BOX_HEIGHT,
		         e->remote.p ? "" : " class=\"off\"");
		svg_text(out, left + BOX / 2, y + 4, e->remote.p ? "n" : "d", e->remote.p ? e->remote : e->endpoint->interface);
		buf_addf(out, "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"%s%s/>\n", left + BOX, y, right, y, e->remote.p ? "" : " class=\"off\"",
		         e->in.n ? " marker-end=\"url(#a)\"" : "");
		svg_text(out, middle, y - 6, e->remote.p ? "" : "d",
		         e->in.n ? str_f(g->arena, FMT ": " FMT, ARG(e->endpoint->name), ARG(e->in)) : e->endpoint->name);
		if (e->out.n)
			svg_text(out, middle, y + 14, "d", str_f(g->arena, "out: " FMT, ARG(e->out)));
	}
	buf_adds(out, "</svg>\n");
}

int cmd_graph(struct cli *cli)
{
	static const struct { const char *name; void (*draw)(const struct graph *, struct buf *); } formats[] = {
		{ "mermaid", mermaid }, { "dot", dot }, { "svg", svg },
	};
	struct str format = cli_has(cli, "format") ? cli_value(cli, "format") : S("mermaid"), file = cli_value(cli, "output");
	struct buf out = { .arena = cli->arena };
	struct world w;
	struct outcome o;
	struct graph g = { .arena = cli->arena, .o = &o };
	size_t i = 0;

	while (i < LEN(formats) && !str_is(format, formats[i].name))
		i++;
	if (i == LEN(formats))
		return cli_fail(cli, "--format " FMT ": expected mermaid, dot or svg", ARG(format));
	if (world_open(cli, &w) != 0 || world_event(&w, S("config-changed"), true, &o) != 0)
		return 2;
	if (!o.decided)
		return 1;
	graph_make(&g);
	formats[i].draw(&g, &out);
	if (!file.p || str_is(file, "-")) {
		cli_print(&out);
		return 0;
	}
	if (file_write(cli->arena, str_c(cli->arena, file), buf_str(&out), 0644, &cli->err) < 0) {
		cli_fail(cli, "%s", cli->err.msg);
		return 1;
	}
	return 0;
}
