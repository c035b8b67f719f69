"""init, expand, check and pack from end to end, with the program itself: what it writes is read by others' tools.

Go's archive/zip takes part where there is a go command, unzip where there is one, and a real chroot where this user may make one (as root, or
in a user namespace); what could not be tried is said before the last line."""
import contextlib
import glob
import hashlib
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile

import yaml

from checks import check, end

ROOT = pathlib.Path(__file__).resolve().parent.parent
DISPATCH = os.path.abspath(os.environ.get("DISPATCH", ROOT / "build" / "dispatch"))
FRAMEWORKS = ["flask", "django", "fastapi", "go", "expressjs", "spring-boot"]
ARCH = {"x86_64": "amd64", "aarch64": "arm64", "ppc64le": "ppc64el", "s390x": "s390x", "riscv64": "riscv64"}[os.uname().machine]
NAMED = ("flask", "django")   # their first generation's container has their name
skipped = []
temporary = tempfile.TemporaryDirectory()
TMP = pathlib.Path(temporary.name)


def run(*args, cwd=None, **more):
    return subprocess.run([DISPATCH, *map(str, args)], cwd=cwd, capture_output=True, text=True, timeout=60, **more)


def one_line(result, what, code=2, holds=""):
    """A failure is told in one line, says what it is about, and prints nothing else."""
    lines = result.stderr.splitlines()
    check(result.returncode == code, f"{what}: exit {result.returncode}, not {code}: {result.stderr}")
    check(len(lines) == 1 and holds in result.stderr and not result.stdout, f"{what}: {result.stdout!r} {result.stderr!r}")


count = 0


def project(framework="flask", generation=1, /, **files):
    """A fresh folder with a project in it; files: charmcraft adds lines to charmcraft.yaml, others are written as they are."""
    global count
    count += 1
    folder = TMP / f"p{count}" / "shop"
    folder.mkdir(parents=True)
    base = "24.04" if generation == 1 else "26.04"
    text = (f"name: shop\ntype: charm\nbase: ubuntu@{base}\nplatforms:\n  {ARCH}:\nsummary: A shop\ndescription: |\n  Sells\n  things.\n"
            f"extensions: [{framework}-framework]\n")
    more = files.pop("charmcraft", "")
    if framework == "django" and "requires" not in more:
        more += "requires:\n  postgresql: {interface: postgresql_client, limit: 1}\n"
    (folder / "charmcraft.yaml").write_text(text + more)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def archive(folder):
    found = glob.glob(str(folder / "*.charm"))
    check(len(found) == 1, f"{folder}: {found}")
    return pathlib.Path(found[0])


def elf(machine, big=False, magic=b"\x7fELF"):
    order = "big" if big else "little"
    return magic + bytes([2, 2 if big else 1, 1]) + bytes(9) + (2).to_bytes(2, order) + machine.to_bytes(2, order) + bytes(100)


MACHINES = {"amd64": 62, "arm64": 183, "ppc64el": 21, "s390x": 22, "riscv64": 243}
TINY = TMP / "tiny"   # where it does not matter which executable is packed, a small one makes for fast tests
TINY.write_bytes(elf(MACHINES[ARCH], ARCH == "s390x"))


def pack_tiny(*args, cwd=None):
    return run("pack", "--dispatch", TINY, *args, cwd=cwd)


# --- init ---

def test_init():
    for framework in FRAMEWORKS:
        folder = TMP / f"my-{framework}"
        result = run("init", framework, "--dir", folder)
        check(result.returncode == 0 and not result.stderr, f"init {framework}: {result.stderr}")
        names = sorted(p.name for p in folder.iterdir())
        check(names == ["README.md", "charmcraft.yaml", "paas-config.yaml", "state.yaml"], f"init {framework}: {names}")
        check(result.stdout.split() == [f"{folder}/{n}" for n in ("charmcraft.yaml", "paas-config.yaml", "state.yaml", "README.md")], result.stdout)
        document = yaml.safe_load((folder / "charmcraft.yaml").read_text())
        check(document["name"] == f"my-{framework}" and document["extensions"] == [f"{framework}-framework"], str(document))
        check((document.get("requires") is not None) == (framework == "django"), "only Django needs a database")
        check("framework_logging_format" in (folder / "paas-config.yaml").read_text() or framework in ("go", "expressjs", "spring-boot"), framework)
        readme = (folder / "README.md").read_text()
        check(readme.startswith(f"# my-{framework}\n") and all(f"`{n}`" in readme for n in names if n != "README.md"), readme)
        for command in re.findall(r"(?m)^dispatch (.*?) *#", readme):
            result = run(*command.split(), cwd=folder)
            check(result.returncode == 0, f"README of {framework}: {command}: {result.stderr}")
        for path in folder.glob("*.charm"):
            path.unlink()
        result = run("check", folder)
        check((result.returncode, result.stdout, result.stderr) == (0, "", ""), f"check {framework}: {result.stdout}{result.stderr}")
        result = run("run", "config-changed", "--state", folder / "state.yaml", "--format", "json")
        check(result.returncode == 0 and '"active"' in result.stdout, f"run {framework}: {result.stdout[:300]}{result.stderr}")
        # Every line that is commented out must be right, too.
        text = (folder / "charmcraft.yaml").read_text()
        (folder / "charmcraft.yaml").write_text(re.sub(r"(?m)^# ?(requires:|config:|  .*)$", r"\1", text.replace("  # arm64:", "  arm64:")))
        if framework == "django":
            continue   # its requires: is there already
        expanded = yaml.safe_load(run("expand", folder).stdout)
        check(len(expanded["requires"]) == 15 and "greeting" in expanded["config"]["options"], f"{framework}: {expanded and expanded['requires']}")
        check(expanded["requires"]["oidc"]["interface"] == "oauth", framework)
    folder = TMP / "named"
    folder.mkdir()
    check(run("init", "go-framework", "--name", "other", cwd=folder).returncode == 0, "the extension's name will do")
    check(yaml.safe_load((folder / "charmcraft.yaml").read_text())["name"] == "other", "--name")
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    one_line(run("init", "flask", cwd=folder), "init twice", 2, "charmcraft.yaml is there already; nothing was written")
    for name in before:
        for other in before:
            if other != name and (folder / other).exists():
                (folder / other).unlink()
        (folder / name).write_text("mine")
        one_line(run("init", "flask", cwd=folder), f"init over {name}", 2, name)
        check([p.name for p in folder.iterdir()] == [name] and (folder / name).read_text() == "mine", f"{name} alone, as it was")
    check(run("init", "go", "--dir", f"{TMP}/slashes//").returncode == 0, "slashes at the end")
    check(yaml.safe_load((TMP / "slashes" / "charmcraft.yaml").read_text())["name"] == "slashes", "the last word of the folder")
    one_line(run("init", "rust", "--dir", TMP / "rust"), "no such framework", 2, "flask, django, fastapi")
    one_line(run("init", "flask", "--dir", TMP / "No Name"), "bad name", 2, "No Name is not a valid charm name")
    one_line(run("init", "flask", "--name", "9", "--dir", TMP / "x9"), "bad name", 2, "9 is not a valid charm name")
    one_line(run("init", "flask", "--dir", TMP / "a" / "b"), "no parent", 1, "No such file or directory")
    one_line(run("init"), "no framework")
    one_line(run("init", "flask", "--force"), "no such option", 2, "--force")
    check(not (TMP / "rust").exists() and not (TMP / "x9").exists(), "nothing is left of what was refused")
    result = limited("init", "flask", "--dir", TMP / "full", size=300)
    one_line(result, "a disk that is full half-way", 1, "File too large")
    check(not (TMP / "full").exists(), "all or nothing")


# --- expand ---

def test_expand():
    folder = project("go", 2, charmcraft="requires: {oidc: {interface: oauth}}\n", **{"paas-config.yaml": "port: 8000\n"})
    for args, cwd in ((("expand",), folder), (("expand", "charmcraft.yaml"), folder), (("expand", folder), None), (("expand", f"{folder}/"), None),
                      (("expand", folder / "charmcraft.yaml"), None)):
        result = run(*args, cwd=cwd)
        document = yaml.safe_load(result.stdout)
        check(result.returncode == 0 and list(document["parts"]) == ["charm", "config"], f"{args}: {result.stderr}")
        check(result.stderr == "*EXPERIMENTAL* extension 'go-framework' enabled for base(s): ubuntu@26.04\n", result.stderr)
        check("oidc-scopes" in document["config"]["options"], "dynamic options")
    # What charmcraft prints is a document without extension: expanding it again changes nothing.
    (folder / "charmcraft.yaml").write_text(result.stdout)
    again = run("expand", folder)
    check(again.stdout == result.stdout and again.stderr == "", again.stderr)
    check("description: |\n  Sells\n  things.\n" in result.stdout, "several lines as a block")
    one_line(run("expand", project(charmcraft="actions: {rotate-secret-key: {}}\n")), "a conflict", 1, "overlapping keys {'rotate-secret-key'} in actions")
    result = run("expand", project("rust"))
    check(result.returncode == 1 and result.stderr == "Extension 'rust-framework' does not exist\nRegistered extensions: ['flask-framework', "
          "'django-framework', 'go-framework', 'fastapi-framework', 'expressjs-framework', 'spring-boot-framework']\n", result.stderr)
    result = run("expand", project(charmcraft="titel: x\ntitle: y\n"))
    check(result.returncode == 1 and result.stderr == "Bad charmcraft.yaml content:\n- 'titel' is no key of charmcraft.yaml\n"
          "- the title has 1 characters\n", result.stderr)
    folder = project()
    (folder / "metadata.yaml").write_text("summary: x\n")
    one_line(run("expand", folder), "twice", 1, "Fields in charmcraft.yaml cannot be duplicated in metadata.yaml")
    (folder / "charmcraft.yaml").write_text((folder / "charmcraft.yaml").read_text().replace("summary: A shop\n", ""))
    check(yaml.safe_load(run("expand", folder).stdout)["summary"] == "x", "a summary from metadata.yaml")
    folder = project()
    (folder / "paas-config.yaml").mkdir()
    one_line(run("expand", folder), "a folder in its place", 1, "paas-config.yaml: Is a directory")
    for name in ("config", "actions"):
        folder = project(**{f"{name}.yaml": "{}\n"})
        one_line(run("expand", folder), name, 1, f"Cannot specify '{name}' section in 'charmcraft.yaml' when '{name}.yaml' exists")
    one_line(run("expand", TMP / "nowhere"), "no such file", 2, "nowhere: there is no such file")
    one_line(run("expand", "--foo"), "no such option", 2, "--foo")
    one_line(run("expand", "a", "b"), "too much", 2)


# --- check ---

def test_check():
    folder = project(charmcraft="requires:\n  db: {interface: redis, limit: many}\nconfig:\n  options:\n    port:\n      type: number\n",
                     **{"paas-config.yaml": "framework_logging_format: xml\n", "cos_custom/loki_alert_rules/a.rule": "alert: A\nexpr: '{'\n",
                        "cos_custom/grafana_dashboards/b.json": "[]", "cos_custom/notes.txt": ""})
    want = [("cos_custom", 0, 0, "custom-folders"), ("charmcraft.yaml", 12, 26, "endpoint-limit"), ("charmcraft.yaml", 16, 7, "option-type"),
            ("paas-config.yaml", 1, 1, "paas-config"), ("cos_custom/grafana_dashboards/b.json", 0, 0, "dashboard"),
            ("cos_custom/loki_alert_rules/a.rule", 2, 1, "alert-rule")]
    result = run("check", "--format", "json", cwd=folder)
    found = json.loads(result.stdout)
    check(result.returncode == 1 and not result.stderr, result.stderr)
    check([(f["file"], f["line"], f["column"], f["rule"]) for f in found] == want, f"{found}")
    check(all(f["message"] and f["advice"] for f in found), f"{found}")
    result = run("check", folder)
    lines = result.stdout.splitlines()
    check(result.returncode == 1 and len(lines) == len(want), result.stdout)
    check(lines[1] == f"{folder}/charmcraft.yaml:12:26: endpoint-limit: the limit of 'db' is a string; write a number, as in limit: 1", lines[1])
    check(lines[0].startswith(f"{folder}/cos_custom: custom-folders: custom COS directory must only contain"), lines[0])
    good = project()
    for args in (("check", good), ("check", good / "charmcraft.yaml"), ("check", "--format=text", good)):
        result = run(*args)
        check((result.returncode, result.stdout, result.stderr) == (0, "", ""), f"{args}: {result.stdout}{result.stderr}")
    check(run("check", "--format", "json", good).stdout == "[]\n", "nothing, as JSON")
    check(run("check", project("go", 2)).stderr.startswith("*EXPERIMENTAL*"), "a note, and no finding")
    (good / "charmcraft.yaml").write_text("name: [\n")
    result = run("check", good)
    check(result.returncode == 1 and f"{good}/charmcraft.yaml:2:1: yaml: " in result.stdout, result.stdout)
    (good / "charmcraft.yaml").write_text("- a\n")
    result = run("check", good)
    check(result.returncode == 1 and len(result.stdout.splitlines()) == 1, f"{result.stdout}{result.stderr}")
    for framework, text in (("flask 2", ""), ("flask", ""), ("rust 1", "framework"), ("flask 3", "framework")):
        folder = project("flask", 2, framework=framework + "\n")
        document = yaml.safe_load(run("expand", folder).stdout)
        (folder / "charmcraft.yaml").write_text(yaml.safe_dump(document))
        result = run("check", folder)
        check(bool(text) == (f"{folder}/framework: framework:" in result.stdout), f"{framework}: {result.stdout}")
    one_line(run("check", TMP / "nowhere"), "no such folder", 2, "nowhere")
    one_line(run("check", "--format", "xml", good), "no such format", 2, "xml")
    folder = project("django", charmcraft="requires: {cache: {interface: redis}}\n")
    check("endpoint-database" in run("check", folder).stdout, "Django without a database")


# --- pack ---

def contents(path):
    with zipfile.ZipFile(path) as z:
        check(z.testzip() is None, f"{path}: Python's zipfile")
        return {i.filename: (z.read(i), i) for i in z.infolist()}


def test_pack():
    archives = []
    for framework in FRAMEWORKS:
        for generation in (1, 2):
            folder = project(framework, generation, charmcraft="config: {options: {greeting: {type: string, default: '24.04'}, yes: {type: int}}}\n",
                             **{"paas-config.yaml": "# mine\n", "LICENSE": "free\n", "icon.svg": "<svg/>\n", "README.md": "no\n",
                                "cos_custom/loki_alert_rules/slow.rule": "alert: A\nexpr: count_over_time({%%juju_topology%%}[5m]) > 0\n",
                                "src/charm.py": "no\n"})
            own = framework == "flask"   # this very executable; a small one elsewhere
            result = run("pack", cwd=folder) if own else pack_tiny(cwd=folder)
            path = archive(folder)
            archives.append(path)
            check(bool(result.stderr) == (generation == 2) and "*EXPERIMENTAL*" * (generation - 1) in result.stderr, result.stderr)
            check(path.name == f"shop_{ARCH}.charm", path.name)
            container = f"{framework}-app" if generation == 1 and framework in NAMED else "app"
            data = path.read_bytes()
            check(result.stdout == f"./{path.name}  {len(data)} bytes  sha256 {hashlib.sha256(data).hexdigest()}\n"
                  f"juju deploy ./{path.name} --resource {container}-image=IMAGE\n", result.stdout)
            files = contents(path)
            check(list(files) == ["LICENSE", "actions.yaml", "config.yaml", "cos_custom/loki_alert_rules/slow.rule", "dispatch", "framework",
                                  "icon.svg", "manifest.yaml", "metadata.yaml", "paas-config.yaml"], f"{list(files)}")
            for name, (content, info) in files.items():
                check(info.external_attr >> 16 == (0o100755 if name == "dispatch" else 0o100644), f"{name}: {info.external_attr:#x}")
                check(info.create_system == 3 and info.date_time == (1980, 1, 1, 0, 0, 0), name)
                if (folder / name).exists():
                    check(content == (folder / name).read_bytes(), f"{name} as it is")
            check(files["dispatch"][0] == pathlib.Path(DISPATCH if own else TINY).read_bytes(), "the executable")
            check(files["framework"][0].decode() == f"{framework} {generation}\n", files["framework"][0].decode())
            base = "24.04" if generation == 1 else "26.04"
            check(yaml.safe_load(files["manifest.yaml"][0]) == {"bases": [{"name": "ubuntu", "channel": base, "architectures": [ARCH]}]},
                  files["manifest.yaml"][0].decode())
            # Packed and expanded say the same, and the packed files' keys are sorted.
            expanded = yaml.safe_load(run("expand", folder).stdout)
            metadata = yaml.safe_load(files["metadata.yaml"][0])
            config = yaml.safe_load(files["config.yaml"][0])
            actions = yaml.safe_load(files["actions.yaml"][0])
            check(config == expanded["config"] and actions == expanded["actions"], f"{framework} {generation}")
            check(metadata == {k: expanded[k] for k in ("name", "summary", "description", "assumes", "containers", "peers", "provides", "requires",
                                                        "resources")}, f"{metadata}")
            for tree in (metadata, config, actions):
                check(json.dumps(tree) == json.dumps(tree, sort_keys=True), "sorted")
            # The charm in the archive is one that dispatch runs.
            out = folder / "out"
            with zipfile.ZipFile(path) as z:
                z.extractall(out)
            (out / "state.yaml").write_text(f"containers:\n- {{name: {container}, layers: {{rock: {{services: {{{framework}: "
                                            f"{{override: replace, startup: enabled, command: run}}}}}}}}}}\n"
                                            "relations:\n- {endpoint: secret-storage}\n" +
                                            ("- {endpoint: postgresql, remote_app_data: {database: d, endpoints: 'h:1', username: u, password: p}}\n"
                                             if framework == "django" else ""))
            result = run("run", "config-changed", "--state", out / "state.yaml", "--format", "json")
            check(result.returncode == 0 and '"active"' in result.stdout, f"{framework} {generation}: {result.stdout[:200]}{result.stderr}")
    return archives


def test_texts_stay_texts():
    """Juju's YAML reader takes more for numbers and booleans than Python's: such texts, and names, are packed in quotes."""
    texts = ["y", "N", "1e3", "+12E-03", "0o17", ".5", "-.5", "5.", "1_000.5", "089", "0x_1", "-0b11", "1_", "yes", "1:30", "24.04", "", "~", "="]
    plain = ["hello", "10.0.0.1", "a1e3", "1e3x", "1e", "y2", "_", "x-1", "1.2.3", "-", ".", "+"]
    options = {f"o{i}": {"type": "string", "default": text} for i, text in enumerate(texts + plain)}
    options["n"] = {"type": "int"}
    folder = project()
    with open(folder / "charmcraft.yaml", "a") as f:
        f.write("config:\n  options: " + json.dumps(options) + "\n")
    result = pack_tiny(cwd=folder)
    check(result.returncode == 0, result.stderr)
    text = contents(archive(folder))["config.yaml"][0].decode()
    check(yaml.safe_load(text)["options"]["o0"]["default"] == "y" and "  'n':\n" in text, "a name")
    for i, value in enumerate(texts + plain):
        line = re.search(rf"(?m)^  o{i}:\n    default: (.*)$", text).group(1)
        check(yaml.safe_load(line) == value, f"{value!r}: {line}")
        check((line[0] in "'\"") == (value in texts or value == "-"), f"{value!r}: {line}")


def test_other_readers(archives):
    if shutil.which("unzip"):
        for path in archives:
            result = subprocess.run(["unzip", "-t", path], capture_output=True, text=True)
            check(result.returncode == 0 and "No errors" in result.stdout, result.stdout + result.stderr)
    else:
        skipped.append("unzip")
    if shutil.which("go"):
        folder = TMP / "go-reader"
        folder.mkdir()
        (folder / "go.mod").write_text("module reader\n\ngo 1.18\n")
        (folder / "main.go").write_text(GO_READER)
        environment = dict(os.environ, GOFLAGS="-mod=mod", GOPROXY="off", GOTOOLCHAIN="local")
        result = subprocess.run(["go", "run", "-trimpath", ".", *map(str, archives)], cwd=folder, capture_output=True, text=True, env=environment, timeout=300)
        check(result.returncode == 0, result.stderr)
        want = "".join(f"{name} {info.external_attr >> 16 & 0o777:o} {hashlib.sha256(content).hexdigest()}\n"
                       for path in archives for name, (content, info) in contents(path).items())
        check(result.stdout == want, f"Go reads\n{result.stdout}\nand Python\n{want}")
    else:
        skipped.append("Go's archive/zip")


GO_READER = r"""package main

import (
	"archive/zip"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
)

func main() {
	for _, path := range os.Args[1:] {
		r, err := zip.OpenReader(path)
		if err != nil {
			panic(err)
		}
		for _, f := range r.File {
			h := sha256.New()
			in, err := f.Open()
			if err == nil {
				_, err = io.Copy(h, in)
			}
			if err != nil || !f.Mode().IsRegular() {
				panic(fmt.Sprint(f.Name, err, f.Mode()))
			}
			fmt.Printf("%s %o %x\n", f.Name, f.Mode().Perm(), h.Sum(nil))
		}
	}
}
"""


def test_same_bytes():
    folder = project("flask", **{"paas-config.yaml": "# x\n"})
    pack_tiny(cwd=folder)
    first = archive(folder).read_bytes()
    other = TMP / "elsewhere" / "deep"
    shutil.copytree(folder, other, ignore=shutil.ignore_patterns("*.charm"))
    for path in other.iterdir():
        os.utime(path, (10**9, 10**9))
        path.chmod(0o600)
    environment = dict(os.environ, TZ="Asia/Tokyo", LC_ALL="C", HOME="/nonexistent")
    command = [DISPATCH, "pack", "--dispatch", TINY, str(other), "-o", str(other)]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, umask=0o077)
    check(result.returncode == 0, result.stderr)
    check(archive(other).read_bytes() == first, "the same project, the same bytes")
    check(archive(other).stat().st_mode & 0o777 == 0o644, "for everyone to read")
    (other / "paas-config.yaml").write_text("# y\n")
    pack_tiny(other, "-o", other)
    check(archive(other).read_bytes() != first, "another project, other bytes")


def test_architectures():
    """dispatch-ARCH beside the executable; platforms; where the archive goes."""
    folder = project()
    text = (folder / "charmcraft.yaml").read_text()
    platforms = "".join(f"  {a}:\n" for a in MACHINES)
    (folder / "charmcraft.yaml").write_text(text.replace(f"  {ARCH}:\n", platforms))
    tools = TMP / "tools"
    tools.mkdir()
    shutil.copy(DISPATCH, tools / "dispatch")
    out = TMP / "out"
    out.mkdir()

    def pack(*args, cwd=folder):
        for path in out.iterdir():
            path.unlink()
        return subprocess.run([tools / "dispatch", "pack", *map(str, args), "-o", out], cwd=cwd, capture_output=True, text=True)

    result = pack()
    check(result.returncode == 0 and os.listdir(out) == [f"shop_{ARCH}.charm"], f"{result.stderr}{os.listdir(out)}")
    check(result.stdout.startswith(f"{out}/shop_{ARCH}.charm  "), result.stdout)
    others = [a for a in MACHINES if a != ARCH]
    one_line(pack("--arch", others[0]), "no such executable", 2, f"{tools}/dispatch-{others[0]}: there is no such file")
    for name, machine in MACHINES.items():
        (tools / f"dispatch-{name}").write_bytes(elf(machine, name == "s390x"))
    result = pack(*[f"--arch={a}" for a in MACHINES])
    check(result.returncode == 0 and sorted(os.listdir(out)) == sorted(f"shop_{a}.charm" for a in MACHINES), result.stderr)
    for name in others:
        files = contents(out / f"shop_{name}.charm")
        check(files["dispatch"][0] == (tools / f"dispatch-{name}").read_bytes(), name)
        check(yaml.safe_load(files["manifest.yaml"][0])["bases"][0]["architectures"] == [name], name)
    check(result.stdout.count("juju deploy") == 5, result.stdout)
    (tools / f"dispatch-{others[0]}").write_bytes(elf(MACHINES[others[1]], others[1] == "s390x"))
    one_line(pack("--arch", others[0]), "another's executable", 2, f"it is no executable for {others[0]}")
    check(not os.listdir(out), "nothing written")
    for content in (b"", b"#!/bin/sh\n", elf(62)[:40], elf(3), elf(62, True), elf(22), elf(62, magic=b"\x7fELG"), b"\x7fELF\x01" + elf(62)[5:],
                    b"\x7fELF\x02\x00" + elf(62)[6:], b"\x7fELF\x02\x03" + elf(62)[6:]):
        (tools / "x").write_bytes(content)
        one_line(pack("--dispatch", tools / "x"), f"no executable: {content[:8]}", 2, "no executable for amd64")
    (tools / "x").write_bytes(elf(MACHINES[others[2]], others[2] == "s390x"))
    result = pack("--dispatch", tools / "x")
    check(result.returncode == 0 and os.listdir(out) == [f"shop_{others[2]}.charm"], result.stderr)
    one_line(pack("--dispatch", tools / "x", "--arch", ARCH), "named for another", 2, f"not for {ARCH}")
    one_line(pack("--dispatch", tools / "nothing"), "named and missing", 2, "nothing: there is no such file")
    one_line(pack("--dispatch", tools), "a folder named", 2, "Is a directory")
    (tools / f"dispatch-{others[3]}").unlink()
    (tools / f"dispatch-{others[3]}").mkdir()
    one_line(pack("--arch", others[3]), "a folder in an executable's place", 2, f"dispatch-{others[3]}: Is a directory")
    one_line(pack("--arch", "i386"), "no platform", 2, "no platform of the project is for 'i386'")
    (folder / "charmcraft.yaml").write_text(text.replace(f"  {ARCH}:\n", f"  {others[1]}:\n"))
    one_line(pack(), "not built here", 2, f"no platform of the project is built on {ARCH}")
    cross = f"  mine:\n    build-on: [{ARCH}]\n    build-for: {others[1]}\n"
    (folder / "charmcraft.yaml").write_text(text.replace(f"  {ARCH}:\n", cross))
    result = pack()
    check(result.returncode == 0 and os.listdir(out) == ["shop_mine.charm"], f"built here for another: {result.stderr}")
    labelled = text.replace(f"  {ARCH}:\n", f"  ubuntu@24.04:{ARCH}:\n").replace("base: ubuntu@24.04\n", "")
    (folder / "charmcraft.yaml").write_text(labelled)
    result = pack("--dispatch", TINY)
    check(os.listdir(out) == [f"shop_ubuntu@24.04-{ARCH}.charm"], f"{result.stderr}{os.listdir(out)}")
    check(b"channel: '24.04'" in contents(out / f"shop_ubuntu@24.04-{ARCH}.charm")["manifest.yaml"][0], "base of the label")
    (folder / "charmcraft.yaml").write_text(text.replace(f"  {ARCH}:\n", f"  jammy:\n    build-on: [{ARCH}]\n    build-for: ['ubuntu@22.04:{ARCH}']\n")
                                            .replace("base: ubuntu@24.04\n", "").replace(f"build-on: [{ARCH}]", f"build-on: ['ubuntu@22.04:{ARCH}']"))
    result = pack("--dispatch", TINY)
    check(os.listdir(out) == ["shop_jammy.charm"] and b"channel: '22.04'" in contents(out / "shop_jammy.charm")["manifest.yaml"][0], result.stderr)
    old = re.sub(r"base: .*\nplatforms:\n.*\n", "bases:\n- {name: ubuntu, channel: '22.04'}\n", text)
    (folder / "charmcraft.yaml").write_text(old)
    result = pack()
    check(os.listdir(out) == [f"shop_ubuntu-22.04-{ARCH}.charm"], f"{result.stderr}{os.listdir(out)}")
    long = (f"bases:\n- build-on: [{{name: ubuntu, channel: '22.04'}}]\n  run-on:\n  - {{name: ubuntu, channel: '22.04', architectures: [{ARCH}, "
            f"{others[0]}]}}\n  - {{name: ubuntu, channel: '20.04'}}\n")
    (folder / "charmcraft.yaml").write_text(re.sub(r"base: .*\nplatforms:\n.*\n", long, text))
    result = pack("--dispatch", TINY)
    want = f"shop_ubuntu-22.04-{ARCH}-{others[0]}_ubuntu-20.04-{ARCH}.charm"
    check(os.listdir(out) == [want], f"{result.stderr}{os.listdir(out)}")
    check(yaml.safe_load(contents(out / want)["manifest.yaml"][0])["bases"] ==
          [{"name": "ubuntu", "channel": "22.04", "architectures": [ARCH, others[0]]}, {"name": "ubuntu", "channel": "20.04", "architectures": [ARCH]}],
          "the manifest of old bases")
    mixed = f"bases:\n- build-on: [{{name: ubuntu, channel: '22.04'}}]\n  run-on: [{{name: ubuntu, channel: '22.04', architectures: [{others[2]}, {ARCH}]}}]\n"
    (folder / "charmcraft.yaml").write_text(re.sub(r"base: .*\nplatforms:\n.*\n", mixed, text))
    result = pack("--dispatch", TINY)
    check(os.listdir(out) == [f"shop_ubuntu-22.04-{others[2]}-{ARCH}.charm"], f"{result.stderr}{os.listdir(out)}")
    foreign = f"bases:\n- build-on: [{{name: ubuntu, channel: '22.04'}}]\n  run-on: [{{name: ubuntu, channel: '22.04', architectures: [{others[2]}]}}]\n"
    (folder / "charmcraft.yaml").write_text(re.sub(r"base: .*\nplatforms:\n.*\n", foreign, text))
    result = pack("--arch", others[2])
    check(os.listdir(out) == [f"shop_ubuntu-22.04-{others[2]}.charm"], f"{result.stderr}{os.listdir(out)}")
    (folder / "charmcraft.yaml").write_text(text)
    for where, shown in (("build", "./build/"), ("./build/", "./build/"), ("build//", "./build/"), ("../shop/build", "../shop/build/"), ("", "./")):
        (folder / "build").mkdir(exist_ok=True)
        result = subprocess.run([tools / "dispatch", "pack", "--dispatch", TINY, "-o", where], cwd=folder, capture_output=True, text=True)
        check(result.stdout.startswith(f"{shown}shop_{ARCH}.charm  ") and f"juju deploy {shown}shop_" in result.stdout, f"{where}: {result.stdout}")
        check((folder / shown / f"shop_{ARCH}.charm").exists(), where)


def test_without_extension():
    """A document that spells everything out is packed as it is; what it is for is told by a file, or guessed."""
    folder = project("fastapi", 2, charmcraft="title: 24\nlinks: {contact: me@x.org, website: 'https://X.org', source: ['https://x.org/s t?ä<>'], "
                     "issues: 'https://x.org/i', documentation: 'https://x.org/d'}\ncharm-user: non-root\nterms: [ab]\n")
    document = yaml.safe_load(run("expand", folder).stdout)
    document["resources"]["model"] = {"type": "file", "filename": "model.bin"}
    (folder / "charmcraft.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    result = pack_tiny(cwd=folder)
    check(result.stderr == "No extension and no file 'framework': taken for fastapi, generation 1\n", result.stderr)
    check(result.stdout.splitlines()[1] == f"juju deploy ./shop_{ARCH}.charm --resource app-image=IMAGE --resource model=FILE", result.stdout)
    files = contents(archive(folder))
    metadata = yaml.safe_load(files["metadata.yaml"][0])
    check({k: metadata[k] for k in ("display-name", "maintainers", "website", "source", "issues", "docs", "charm-user", "terms")} ==
          {"display-name": "24", "maintainers": ["me@x.org"], "website": "https://x.org/", "source": ["https://x.org/s%20t?%C3%A4%3C%3E"],
           "issues": "https://x.org/i", "docs": "https://x.org/d", "charm-user": "non-root", "terms": ["ab"]}, f"{metadata}")
    check("links" not in metadata and "platforms" not in metadata and "parts" not in metadata, f"{metadata}")
    (folder / "framework").write_text("fastapi 2")
    result = pack_tiny(cwd=folder)
    check(result.returncode == 0 and not result.stderr, result.stderr)
    check(contents(archive(folder))["framework"][0] == b"fastapi 2\n", "the file says it")
    # Side files are packed as they are.
    (folder / "config.yaml").write_text("# mine\n" + yaml.safe_dump(document.pop("config")))
    (folder / "actions.yaml").write_text("# mine\n" + yaml.safe_dump(document.pop("actions")))
    (folder / "charmcraft.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    result = pack_tiny(cwd=folder)
    check(result.returncode == 0, result.stdout + result.stderr)
    files = contents(archive(folder))
    for name in ("config.yaml", "actions.yaml"):
        check(files[name][0] == (folder / name).read_bytes(), name)
    (folder / "config.yaml").write_text("options: {a: {type: text}}\n")
    (folder / "actions.yaml").write_text("A: {}\n")
    result = run("check", cwd=folder)
    check(result.stdout.splitlines()[0].startswith("config.yaml:1:15: option-type") and "actions.yaml:1:1: action-name" in result.stdout, result.stdout)
    (folder / "config.yaml").write_text("options: {}\n")
    (folder / "actions.yaml").unlink()
    for key in ("name", "summary", "description"):
        document.pop(key)
    keep = {k: metadata[k] for k in metadata if k not in ("maintainers", "website")}
    (folder / "metadata.yaml").write_text("# mine\n" + yaml.safe_dump(keep))
    (folder / "charmcraft.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    result = run("check", cwd=folder)
    check("metadata.yaml: side-file: metadata.yaml is packed as it is, without the 'maintainers' of charmcraft.yaml" in result.stdout, result.stdout)
    check("website" in result.stdout and len(result.stdout.splitlines()) == 2, result.stdout)
    document.pop("links")
    (folder / "charmcraft.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    result = pack_tiny(cwd=folder)
    check(result.returncode == 0, result.stdout + result.stderr)
    check(contents(archive(folder))["metadata.yaml"][0] == (folder / "metadata.yaml").read_bytes(), "metadata.yaml")
    (folder / "metadata.yaml").write_text("a: [\n")
    one = run("check", cwd=folder)
    check("metadata.yaml:2:1: side-file: invalid YAML: " in one.stdout, one.stdout)
    for name in ("metadata.yaml", "config.yaml", "actions.yaml", "framework"):
        folder = project()
        document = yaml.safe_load(run("expand", folder).stdout)
        (folder / "charmcraft.yaml").write_text(yaml.safe_dump(document))
        (folder / name).mkdir()
        result = run("check", cwd=folder)
        check(f"{name}: " in result.stdout and "Is a directory" in result.stdout and result.returncode == 1, f"{name}: {result.stdout}")
    # A document without options and actions has no files of that name.
    folder = project("go", 2)
    document = yaml.safe_load(run("expand", folder).stdout)
    document.pop("actions")
    document["config"] = {}
    (folder / "charmcraft.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    result = pack_tiny(cwd=folder)
    check(not {"config.yaml", "actions.yaml"} & set(contents(archive(folder))), result.stderr)
    one_line(run("pack", "--foo", cwd=folder), "no such option", 2, "--foo")
    one_line(run("pack", TMP / "nowhere"), "no such folder", 2, "nowhere")


# --- What goes wrong ---

def limited(*args, size, cwd=None):
    """No file may grow beyond so many bytes: a disk that fills up."""
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    return run(*args, cwd=cwd, preexec_fn=limit, env=dict(os.environ, GCOV_ERROR_FILE="/dev/null"))


def nothing_left(folder, what):
    left = [p.name for p in folder.iterdir() if ".charm" in p.name or p.name.endswith("~")]
    check(not [n for n in left if n != "charmcraft.yaml"], f"{what} leaves {left}")


def test_bad_input():
    deep = "a: " + "[" * 10000
    bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(f"{c}: &{c} [{','.join(['*' + p] * 10)}]\n" for p, c in zip("abcdefgh", "bcdefghi"))
    for text, holds in ((deep, "charmcraft.yaml:1:"), (bomb, "too many values"), ("\xff\x00", "charmcraft.yaml:1:"), ("", "must be a mapping, not null"), ("[", "charmcraft.yaml:2:1"),
                        ("a: *b\n", "charmcraft.yaml:1:4"), ("x" * (17 << 20), "more than 16777216 bytes"), ("a\n---\nb\n", "second document")):
        folder = TMP / "bad" / "shop"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "charmcraft.yaml").write_bytes(text.encode("latin-1"))
        one_line(run("pack", cwd=folder), f"pack of {text[:10]!r}", 2, holds)
        one_line(run("expand", cwd=folder), f"expand of {text[:10]!r}", 2, holds)
        nothing_left(folder, text[:10])
    # A file of 100 MB, a folder, a loop of links, a pipe in the place of each file.
    for name in ("paas-config.yaml", "LICENSE", "icon.svg", "cos_custom/grafana_dashboards/x.json", "cos_custom/grafana_dashboards/x.txt"):
        for kind in ("big", "folder", "loop"):
            folder = project()
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if kind == "big":
                with open(path, "wb") as f:
                    f.truncate(100 << 20)
            elif kind == "loop":
                path.symlink_to(path.name)
            elif "cos_custom" in name:
                continue   # folders in there are not looked into
            else:
                path.mkdir()
            result = run("pack", cwd=folder)
            check(result.returncode in (1, 2) and len(result.stderr.splitlines()) == 1 and not result.stdout, f"{kind} {name}: {result.stderr}{result.stdout}")
            check(path.name in result.stderr, f"{kind} {name}: {result.stderr}")
            nothing_left(folder, f"{kind} {name}")
    # Unreadable, for a user who may not read everything.
    folder = project(**{"paas-config.yaml": "# x\n"})
    (folder / "paas-config.yaml").chmod(0)
    TMP.chmod(0o755)
    demote = {"user": 65534, "group": 65534, "extra_groups": []} if os.getuid() == 0 else {}
    with readable_dispatch() as program:
        result = subprocess.run([program, "pack", "-o", "/tmp"], cwd=folder, capture_output=True, text=True, **demote)
        check(result.returncode == 1 and "paas-config.yaml: Permission denied" in result.stderr and len(result.stderr.splitlines()) == 1, result.stderr)
        (folder / "paas-config.yaml").chmod(0o644)
        folder.chmod(0o555)
        if os.getuid() == 0:
            result = subprocess.run([program, "pack"], cwd=folder, capture_output=True, text=True, **demote)
            one_line(result, "a folder that cannot be written", 1, "Permission denied")
        folder.chmod(0o755)
    # A disk that is full: at the first byte, half-way, and at the last one.
    folder = project()
    pack_tiny(cwd=folder)
    whole = archive(folder).stat().st_size
    old = archive(folder).read_bytes()
    for size in (1, whole // 2, whole - 1):
        one_line(limited("pack", "--dispatch", TINY, size=size, cwd=folder), f"full after {size}", 1, f"shop_{ARCH}.charm: File too large")
        check(archive(folder).read_bytes() == old, "the old archive stays whole")
        check(sorted(p.name for p in folder.iterdir()) == ["charmcraft.yaml", f"shop_{ARCH}.charm"], "no temporary file")
    check(limited("pack", "--dispatch", TINY, size=whole, cwd=folder).returncode == 0, "just enough")
    one_line(pack_tiny(folder, "-o", TMP / "nowhere"), "no such folder", 1, "No such file or directory")
    archive(folder).unlink()
    (folder / f"shop_{ARCH}.charm").mkdir()
    one_line(pack_tiny(cwd=folder), "a folder in its place", 1, "Is a directory")
    with open("/dev/full", "w") as full:
        result = subprocess.run([DISPATCH, "expand", project()], stdout=full, stderr=subprocess.PIPE, text=True)
        check(result.returncode == 1 and "No space left" in result.stderr, result.stderr)


@contextlib.contextmanager
def readable_dispatch():
    """The program where another user can start it."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = os.path.join(folder, "dispatch")
        shutil.copy(DISPATCH, path)
        os.chmod(path, 0o755)
        yield path


# --- A root of nothing ---

def is_static():
    """Is the program the static one that is shipped, not one for coverage or with sanitizers? It has no PT_INTERP."""
    data = pathlib.Path(DISPATCH).read_bytes()
    order = "little" if data[5] == 1 else "big"
    start, size, n = (int.from_bytes(data[at:at + width], order) for at, width in ((32, 8), (54, 2), (56, 2)))
    return all(int.from_bytes(data[start + i * size:start + i * size + 4], order) != 3 for i in range(n))


def chroot_command():
    """A prefix that runs a command in a root of its own; None where that is not allowed. Needs a static executable."""
    if not is_static():
        return None
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    chroot, unshare = shutil.which("chroot", path=path), shutil.which("unshare", path=path)
    for prefix in ([chroot], [unshare, "-r", chroot]):
        if all(prefix):
            with tempfile.TemporaryDirectory() as empty:
                shutil.copy(DISPATCH, empty)
                if subprocess.run([*prefix, empty, "/dispatch", "help"], capture_output=True).returncode == 0:
                    return prefix
    return None


def test_chroot():
    prefix = chroot_command()
    if not prefix:
        skipped.append("a root of nothing")
        return
    for framework in FRAMEWORKS:
        root = TMP / f"root-{framework}"
        root.mkdir()
        shutil.copy(DISPATCH, root / "dispatch")
        made = TMP / f"chroot-{framework}"
        run("init", framework, "--dir", made)
        run("pack", made, "-o", made)
        with zipfile.ZipFile(archive(made)) as z:
            z.extractall(root / "charm")
        shutil.copy(made / "state.yaml", root / "charm")
        inside = {"check": ["check", "/project"], "expand": ["expand", "/project"], "run": ["run", "config-changed", "--state", "/charm/state.yaml"],
                  "env": ["env", "--state", "/charm/state.yaml"], "pack": ["pack", "--dispatch", "/dispatch", "/project", "-o", "/project"]}
        (root / "project").mkdir()
        for name in ("charmcraft.yaml", "paas-config.yaml"):
            shutil.copy(made / name, root / "project")
        for what, args in inside.items():
            result = subprocess.run([*prefix, root, "/dispatch", *args], capture_output=True, text=True, env={})
            check(result.returncode == 0 and not result.stderr, f"{framework}: {what} in an empty root: {result.stderr}")
        check((root / "project" / archive(made).name).read_bytes() == archive(made).read_bytes(), "packed inside, the same bytes")
        # As Juju starts it, on a state file in the place of an agent.
        variables = {"JUJU_DISPATCH_PATH": "hooks/config-changed", "JUJU_UNIT_NAME": "shop/0", "JUJU_CHARM_DIR": "/charm", "JUJU_VERSION": "3.6.0",
                     "DISPATCH_STATE": "/charm/state.yaml"}
        result = subprocess.run([*prefix, root, "/dispatch"], capture_output=True, text=True, env=variables)
        check(result.returncode == 0, f"{framework}: a hook in an empty root: {result.stderr}")
        check(sorted(os.listdir(root)) == ["charm", "dispatch", "project"], f"nothing else appeared: {os.listdir(root)}")
    (root / "charmcraft.yaml").write_text("[\n")
    result = subprocess.run([*prefix, root, "/dispatch", "check", "/"], capture_output=True, text=True, env={})
    check(result.stdout.startswith("/charmcraft.yaml:2:1: yaml: "), f"a project at the root: {result.stdout}{result.stderr}")
    one_line(subprocess.run([*prefix, root, "/dispatch", "pack", "/project"], capture_output=True, text=True, env={}), "pack without /proc", 2,
             "/proc/self/exe: there is no such file; --dispatch names the executable")


# --- What lies in the repository ---

def test_repository():
    """charmcraft.yaml is what `expand` makes of the Flask example, but for how it is built; the rock has the binary and nothing else."""
    ours = yaml.safe_load((ROOT / "charmcraft.yaml").read_text())
    expanded = yaml.safe_load(run("expand", ROOT / "examples" / "flask").stdout)
    parts = ours.pop("parts")
    expanded.pop("parts")
    expanded.pop("charm-libs")
    check(json.dumps(ours, indent=1) == json.dumps(expanded, indent=1), "charmcraft.yaml: write it anew with dispatch expand examples/flask")
    check(parts["dispatch"]["plugin"] == "dump" and parts["dispatch"]["stage"] == ["dispatch"], f"{parts}")
    check(parts["files"]["plugin"] == "dump" and (ROOT / parts["files"]["source"]).is_dir(), f"{parts}")
    # What the parts bring is what pack brings.
    made = TMP / "flask-example"
    shutil.copytree(ROOT / "examples" / "flask", made)
    run("pack", made, "-o", made)
    theirs = {"metadata.yaml", "manifest.yaml", "config.yaml", "actions.yaml"}   # charmcraft writes these itself
    packed = set(contents(archive(made)))
    staged = {"dispatch", "framework"} | {str(p.relative_to(made)) for pattern in parts["files"]["stage"] for p in made.glob(pattern + "/**/*")
                                          if p.is_file()} | {p for p in parts["files"]["stage"] if (made / p).is_file()}
    check(packed - theirs == staged, f"packed {sorted(packed)}, staged by charmcraft {sorted(staged)}")
    generation = contents(archive(made))["framework"][0].decode().strip()
    check(f'echo "{generation}" >' in parts["files"]["override-build"], parts["files"]["override-build"])
    if is_static():
        check(archive(made).stat().st_size <= 1 << 20, f"the Flask example: {archive(made).stat().st_size} bytes")
    for path in sorted((ROOT / "examples").glob("*/charmcraft.yaml")):
        result = run("check", path)
        check(result.returncode == 0 and not result.stdout, f"{path}: {result.stdout}{result.stderr}")
    rock = yaml.safe_load((ROOT / "examples" / "scratch-rock" / "rockcraft.yaml").read_text())
    check(rock["base"] == "bare" and list(rock["parts"]) == ["dispatch"] and rock["parts"]["dispatch"]["stage"] == ["dispatch"], f"{rock}")
    check(rock["version"] in run("version").stdout, "the rock's version")


HERE = ("dispatch", "sha256sum", "unzip", "mkdir", "cp")       # commands of the pages that run here
ELSEWHERE = ("juju", "rockcraft", "skopeo", "docker", "sudo", "./build.sh", "cd")   # they need a cluster, a registry, or root
LATER = ("--arch",)                                            # needs the other architectures' executables
IN_A_UNIT = ("dispatch plan upgrade-charm", "dispatch pack --dispatch /dispatch /charm")   # needs what a page's step before it made elsewhere


def test_pages():
    """Every command of the how-tos about packing is run, in order, in a project called shop; those that cannot run here are known."""
    for page in ("air-gapped", "migrate-from-python", "scratch-rock"):
        text = (ROOT / "docs" / "how-to" / f"{page}.md").read_text()
        folder = project()
        (folder / f"shop_0.1_{ARCH}.rock").write_text("a rock")
        os.symlink(ROOT / "examples", folder / "examples")
        (folder / "build").mkdir()
        shutil.copy(DISPATCH, folder / "build" / "dispatch")
        environment = dict(os.environ, PATH=f"{folder}/build:{os.environ['PATH']}")
        count = 0
        for block in re.findall(r"```sh\n(.*?)```", text, re.S):
            for line in block.strip().splitlines():
                line = line.replace("_amd64.", f"_{ARCH}.")
                first = line.split()[0]
                check(first in HERE + ELSEWHERE, f"{page}: a command nobody tests: {line}")
                if first in ELSEWHERE or any(word in line for word in LATER) or line.startswith(IN_A_UNIT):
                    continue
                if not shutil.which(first, path=environment["PATH"]):
                    skipped.append(first)
                    continue
                result = subprocess.run(["sh", "-c", line], cwd=folder, capture_output=True, text=True, env=environment)
                check(result.returncode == 0, f"{page}: {line}: {result.stdout}{result.stderr}")
                count += 1
        check(count >= 2, f"{page}: {count} commands")
        for link in re.findall(r"\]\(([^)#:]+)\)", text):
            check((ROOT / "docs" / "how-to" / link).exists(), f"{page}: {link} leads nowhere")


def main():
    test_init()
    test_expand()
    test_check()
    archives = test_pack()
    test_texts_stay_texts()
    test_other_readers(archives)
    test_same_bytes()
    test_architectures()
    test_without_extension()
    test_bad_input()
    test_chroot()
    test_repository()
    test_pages()
    for what in sorted(set(skipped)):
        print(f"not tried here: {what}")
    temporary.cleanup()
    return end()


sys.exit(main())
