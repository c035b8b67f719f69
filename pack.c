/* pack.c: the verbs expand, check and pack: a project folder read, looked over, and written as one .charm file.
 *
 * Everything is read and judged before the first byte is written, and each archive appears under its name only when it is whole. */
#include "pack.h"

#include "cli.h"
#include "crypto.h"
#include "frameworks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* charmcraft.yaml's path for what was typed: a folder, the file itself, or nothing. */
static const char *charmcraft_path(struct cli *cli)
{
	struct str word = cli->words.n ? cli->words.v[0] : S("charmcraft.yaml");
	struct stat st;

	while (word.n > 1 && word.p[word.n - 1] == '/')
		word = str_sub(word, 0, word.n - 1);
	if (stat(str_c(cli->arena, word), &st) == 0 && S_ISDIR(st.st_mode))
		return str_is(word, ".") ? "charmcraft.yaml"
		                         : str_f(cli->arena, FMT "/charmcraft.yaml", ARG(str_is(word, "/") ? S("") : word)).p;
	return str_c(cli->arena, word);
}

/* Findings name their files as seen from where the user is. */
static void from_here(struct arena *a, const char *folder, struct findings *findings)
{
	for (size_t i = 0; i < findings->n && strcmp(folder, ".") != 0; i++)
		findings->v[i].file = str_f(a, "%s/" FMT, folder, ARG(findings->v[i].file));
}

static void print_findings(struct arena *a, const struct findings *findings, FILE *to)
{
	for (size_t i = 0; i < findings->n; i++)
		fprintf(to, FMT "\n", ARG(finding_text(a, &findings->v[i])));
}

static void print_note(const struct project *p)
{
	if (p->expansion.note.p)
		fprintf(stderr, FMT "\n", ARG(p->expansion.note));
}

/* --- expand --- */

int pack_expand(struct cli *cli)
{
	struct arena *a = cli->arena;
	struct findings findings = { .arena = a };
	struct project project;
	struct buf out = { .arena = a };

	if (project_load(a, charmcraft_path(cli), &project, &findings, &cli->err) < 0)
		return cli_fail(cli, "%s", cli->err.msg);
	if (findings.n) {
		const struct finding *first = &findings.v[0];

		/* As charmcraft says it; only an unknown extension has a detail below it. */
		fprintf(stderr, FMT "\n", ARG(first->message));
		if (strcmp(first->rule, "extension-name") == 0)
			fprintf(stderr, FMT "\n", ARG(first->advice));
		return 1;
	}
	lint_charmcraft(project.expansion.project, project.file, &findings);
	if (findings.n) {
		fprintf(stderr, "Bad charmcraft.yaml content:\n");
		for (size_t i = 0; i < findings.n; i++)
			fprintf(stderr, "- " FMT "\n", ARG(findings.v[i].message));
		return 1;
	}
	print_note(&project);
	yaml_write(&out, project_marshal(a, project.expansion.project));
	cli_print(&out);
	return 0;
}

/* --- check --- */

int pack_check(struct cli *cli)
{
	struct arena *a = cli->arena;
	struct str format = cli_value(cli, "format");
	struct findings findings = { .arena = a };
	struct project project;
	struct buf out = { .arena = a };
	const char *path = charmcraft_path(cli);

	if (format.p && !str_is(format, "text") && !str_is(format, "json"))
		return cli_fail(cli, "--format is text or json, not '" FMT "'", ARG(format));
	if (access(path, F_OK) < 0)
		return cli_fail(cli, "%s: %s", path, strerror(errno));
	if (project_load(a, path, &project, &findings, &cli->err) == 0) {
		project_lint(a, &project, &findings);
		print_note(&project);
	} else if (!findings.n) {
		finding_yaml(&findings, project.file, "yaml", "", cli->err.msg);
	}
	from_here(a, project.folder, &findings);
	if (str_is(format, "json")) {
		json_write(&out, findings_node(a, &findings), JSON_INDENT);
		buf_addc(&out, '\n');
	} else {
		for (size_t i = 0; i < findings.n; i++)
			buf_addf(&out, FMT "\n", ARG(finding_text(a, &findings.v[i])));
	}
	cli_print(&out);
	return findings.n ? 1 : 0;
}

/* --- pack --- */

/* The machine that an ELF executable is for, as Debian calls it; NOSTR: it is no such file. */
static struct str elf_architecture(struct str file)
{
	static const struct { unsigned machine; bool big; const char *name; } rows[] = {
		{ 62, false, "amd64" }, { 183, false, "arm64" }, { 21, false, "ppc64el" }, { 22, true, "s390x" }, { 243, false, "riscv64" },
	};
	const unsigned char *p = (const unsigned char *)file.p;
	bool big;
	unsigned machine;

	/* 64 bits, little-endian or big. */
	if (file.n < 64 || memcmp(p, "\177ELF\2", 5) != 0 || p[5] < 1 || p[5] > 2)
		return NOSTR;
	big = p[5] == 2;
	machine = big ? (unsigned)p[18] << 8 | p[19] : (unsigned)p[19] << 8 | p[18];
	for (size_t i = 0; i < LEN(rows); i++)
		if (rows[i].machine == machine && rows[i].big == big)
			return str_of(rows[i].name);
	return NOSTR;
}

struct executables {
	struct str own;             /* this program, or the one that --dispatch names */
	struct str architecture;    /* that it is for */
	struct str folder;          /* where those for other architectures are; NOSTR: nowhere */
};

static int own_executable(struct cli *cli, struct executables *out)
{
	struct arena *a = cli->arena;
	struct str named = cli_value(cli, "dispatch");
	const char *path = named.p ? str_c(a, named) : "/proc/self/exe";
	char self[4096];
	ssize_t n;
	bool found;

	if (file_read(a, path, MAX_FILE, &out->own, &found, &cli->err) < 0)
		return -1;
	if (!found)
		return err_set(&cli->err, ERR_INPUT, "%s: there is no such file%s", path, named.p ? "" : "; --dispatch names the executable");
	out->architecture = elf_architecture(out->own);
	if (!out->architecture.p)
		return err_set(&cli->err, ERR_INPUT, "%s: no executable for amd64, arm64, ppc64el, riscv64 or s390x", path);
	n = named.p ? -1 : readlink(path, self, sizeof self);
	out->folder = NOSTR;
	if (n > 0 && (size_t)n < sizeof self) {
		struct str whole = str_dup(a, (struct str){ self, (size_t)n });
		ptrdiff_t slash = str_rfind(whole, '/');

		out->folder = slash < 0 ? NOSTR : str_sub(whole, 0, (size_t)slash);
	}
	return 0;
}

/* The executable for an architecture: our own, or dispatch-ARCH beside it. */
static int executable_for(struct cli *cli, const struct executables *own, struct str architecture, struct str *content)
{
	struct arena *a = cli->arena;
	struct str path;
	bool found = false;

	*content = own->own;
	if (str_eq(architecture, own->architecture))
		return 0;
	path = str_f(a, FMT "/dispatch-" FMT, ARG(own->folder), ARG(architecture));
	if (own->folder.p && file_read(a, path.p, MAX_FILE, content, &found, &cli->err) < 0)
		return -1;
	if (!own->folder.p)
		return err_set(&cli->err, ERR_INPUT, FMT ": it is an executable for " FMT ", not for " FMT, ARG(cli_value(cli, "dispatch")),
		               ARG(own->architecture), ARG(architecture));
	if (!found)
		return err_set(&cli->err, ERR_INPUT, FMT ": there is no such file; it would be the executable for " FMT, ARG(path),
		               ARG(architecture));
	if (!str_eq(elf_architecture(*content), architecture))
		return err_set(&cli->err, ERR_INPUT, FMT ": it is no executable for " FMT, ARG(path), ARG(architecture));
	return 0;
}

/* Is the build asked for: by --arch, or as one that this machine makes? */
static bool chosen(const struct cli *cli, const struct executables *own, const struct build *build)
{
	bool any = false;

	for (size_t i = 0; i < cli->n_chosen; i++) {
		if (strcmp(cli->chosen[i].flag->name, "arch") != 0)
			continue;
		any = true;
		if (str_eq(cli->chosen[i].value, build->architecture))
			return true;
	}
	if (cli_has(cli, "dispatch"))
		return !any && str_eq(build->architecture, own->architecture);
	return !any && strs_has(&build->build_on, own->architecture);
}

/* Each --arch must be one that the project has a platform for. */
static int check_asked(struct cli *cli, const struct builds *builds)
{
	struct strs known = { 0 };

	for (size_t i = 0; i < builds->n; i++)
		if (!strs_has(&known, builds->v[i].architecture))
			strs_add(cli->arena, &known, builds->v[i].architecture);
	for (size_t i = 0; i < cli->n_chosen; i++)
		if (strcmp(cli->chosen[i].flag->name, "arch") == 0 && !strs_has(&known, cli->chosen[i].value))
			return cli_fail(cli, "no platform of the project is for '" FMT "'; those it has are for " FMT, ARG(cli->chosen[i].value),
			                ARG(strs_join(cli->arena, &known, ", ")));
	return 0;
}

struct archive { struct str path, content; };

static int make_archive(struct cli *cli, const struct project *p, const struct build *build, const struct executables *own,
                        struct archive *out)
{
	struct arena *a = cli->arena;
	struct str dispatch, folder = cli_value(cli, "o");
	struct zip_member *members, *all;
	size_t n;

	if (executable_for(cli, own, build->architecture, &dispatch) < 0 || project_members(a, p, build, &members, &n, &cli->err) < 0)
		return -1;
	all = arena_alloc(a, (n + 1) * sizeof *all);
	memcpy(all, members, n * sizeof *all);
	all[n] = (struct zip_member){ S("dispatch"), dispatch, 0755 };
	while (folder.n > 1 && folder.p[folder.n - 1] == '/')
		folder = str_sub(folder, 0, folder.n - 1);
	if (!folder.n)
		folder = S(".");
	out->path = str_f(a, "%s" FMT "%s" FMT, folder.p[0] == '/' || folder.p[0] == '.' ? "" : "./", ARG(folder),
	                  str_is(folder, "/") ? "" : "/", ARG(build->file_name));
	return zip_write(a, all, n + 1, &out->content, &cli->err);
}

static void print_archive(struct cli *cli, const struct project *p, const struct archive *archive, struct buf *out)
{
	struct arena *a = cli->arena;

	buf_addf(out, FMT "  %zu bytes  sha256 " FMT "\n", ARG(archive->path), archive->content.n, ARG(sha256_hex(a, archive->content)));
	buf_addf(out, "juju deploy " FMT, ARG(archive->path));
	NODE_EACH (resource, node_get(p->metadata ? p->metadata : p->expansion.project, "resources"))
		buf_addf(out, " --resource " FMT "=%s", ARG(resource->key), str_is(node_gets(resource, "type"), "oci-image") ? "IMAGE" : "FILE");
	buf_addc(out, '\n');
}

int pack_pack(struct cli *cli)
{
	struct arena *a = cli->arena;
	struct findings findings = { .arena = a };
	struct executables own = { 0 };
	struct project project;
	struct builds builds;
	struct archive *archives;
	struct buf out = { .arena = a };
	size_t n = 0;

	if (project_load(a, charmcraft_path(cli), &project, &findings, &cli->err) < 0)
		return cli_fail(cli, "%s", cli->err.msg);
	project_lint(a, &project, &findings);
	if (findings.n) {
		from_here(a, project.folder, &findings);
		print_findings(a, &findings, stderr);
		return 1;
	}
	if (own_executable(cli, &own) < 0)
		return cli_fail(cli, "%s", cli->err.msg);
	builds = project_builds(a, &project, own.architecture);
	if (check_asked(cli, &builds) != 0)
		return 2;
	archives = arena_alloc(a, (builds.n + 1) * sizeof *archives);
	for (size_t i = 0; i < builds.n; i++)
		if (chosen(cli, &own, &builds.v[i]) && make_archive(cli, &project, &builds.v[i], &own, &archives[n++]) < 0)
			return cli_fail(cli, "%s", cli->err.msg);
	if (!n)
		return cli_fail(cli, "no platform of the project is built on " FMT "; --arch names another architecture", ARG(own.architecture));
	print_note(&project);
	if (project.guessed)
		fprintf(stderr, "No extension and no file 'framework': taken for %s, generation %d\n", project.framework->name,
		        project.framework->generation);
	for (size_t i = 0; i < n; i++) {
		if (file_write(a, archives[i].path.p, archives[i].content, 0644, &cli->err) < 0) {
			cli_fail(cli, "%s", cli->err.msg);
			return 1;
		}
		print_archive(cli, &project, &archives[i], &out);
	}
	cli_print(&out);
	return 0;
}
