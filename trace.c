/* trace.c: spans, kept for whoever exports them and written as lines when they end. */
#include "trace.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

int64_t trace_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct span *span_new(struct trace *t, const char *fmt, va_list args)
{
	struct span *s;

	t->spans = arena_grow(t->arena, t->spans, t->n, sizeof *t->spans);
	s = &t->spans[t->n++];
	*s = (struct span){ .name = str_vf(t->arena, fmt, args), .parent = t->open };
	return s;
}

static void span_write(struct trace *t, const struct span *s)
{
	struct str line;
	int depth = 0;

	if (t->fd < 0)
		return;
	for (int p = s->parent; p >= 0; p = t->spans[p].parent)
		depth++;
	line = str_f(t->arena, "%9.3f ms  %*s" FMT "%s\n", (double)(s->end - s->start) / 1e6, depth * 2, "", ARG(s->name),
	             s->failed ? "  failed" : "");
	/* A trace that cannot be written must not fail the hook that it watches. */
	if (write(t->fd, line.p, line.n) < 0)
		t->fd = -1;
}

int trace_begin(struct trace *t, const char *fmt, ...)
{
	va_list args;

	if (!t)
		return -1;
	va_start(args, fmt);
	span_new(t, fmt, args)->start = trace_now();
	va_end(args);
	t->open = (int)t->n - 1;
	return t->open;
}

void trace_end(struct trace *t, int span, bool failed)
{
	struct span *s;

	if (!t || span < 0)
		return;
	s = &t->spans[span];
	s->end = trace_now();
	s->failed = failed;
	t->open = s->parent;
	span_write(t, s);
}

void trace_add(struct trace *t, int64_t start, int64_t end, bool failed, const char *fmt, ...)
{
	va_list args;
	struct span *s;

	if (!t)
		return;
	va_start(args, fmt);
	s = span_new(t, fmt, args);
	va_end(args);
	s->start = start;
	s->end = end;
	s->failed = failed;
	span_write(t, s);
}
