/* fuzz_charmcraft.c: any text as a charmcraft.yaml: expanded, looked over, printed; and what passes has builds and a metadata.yaml. */
#include "../frameworks.h"
#include "../pack.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Printed and read again it must be the same. */
static void round_trip(struct arena *a, const struct node *tree)
{
	struct buf b = { .arena = a };
	struct err err = { .arena = a };
	struct node *again;

	yaml_write(&b, tree);
	if (yaml_parse(a, buf_str(&b), "again", &again, &err) < 0 || !node_equal(tree, again))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct err err = { .arena = a };
	struct findings findings = { .arena = a };
	struct project project = { .folder = "/nonexistent", .file = "charmcraft.yaml" };
	struct node *document, *printed;

	if (yaml_parse(a, (struct str){ (const char *)data, size }, "charmcraft.yaml", &document, &err) < 0)
		goto out;
	if (extensions_apply(a, project.folder, document, &project.expansion, &findings) < 0 && document->kind != NODE_MAP)
		goto out;
	printed = project_marshal(a, project.expansion.project);
	project.framework = framework_of(NOSTR, project.expansion.project, node_get(project.expansion.project, "config"));
	project_lint(a, &project, &findings);
	for (size_t i = 0; i < findings.n; i++) {
		if (!findings.v[i].message.n || str_find(finding_text(a, &findings.v[i]), '\n') >= 0)
			abort();
		/* A finding without a place is about something that is missing, or that the document as a whole is. */
		if (findings.v[i].line < 0 || (findings.v[i].line > 0) != (findings.v[i].column > 0))
			abort();
	}
	if (findings.n == 0) {
		struct builds builds = project_builds(a, &project, S("amd64"));
		struct zip_member *members;
		struct str archive;
		size_t n;

		if (builds.n == 0)
			abort();
		round_trip(a, printed);
		round_trip(a, project_metadata(a, project.expansion.project));
		for (size_t i = 0; i < builds.n && i < 4; i++)
			if (project_members(a, &project, &builds.v[i], &members, &n, &err) < 0 || zip_write(a, members, n, &archive, &err) < 0)
				abort();
	}
out:
	arena_free(a);
	return 0;
}
