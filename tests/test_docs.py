"""The documentation: every console block is run, and shows what it says; every link leads somewhere.

A page's blocks run one after another in one shell, in an empty folder. "$ " begins a command, "> " continues it; what follows is its
output, in which "..." stands for any text, and a line of "..." for any lines. Without output after it a command prints nothing.
Commands need exit 0."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from checks import check, end

ROOT = pathlib.Path(__file__).resolve().parent.parent
DISPATCH = pathlib.Path(os.environ.get("DISPATCH", pathlib.Path(os.environ.get("BUILD", ROOT / "build")) / "dispatch")).resolve()
MARK = "=== end of a command: "


def commands(page):
    """Of each console block: commands with the output that follows them."""
    found = []
    for block in re.findall(r"^```console\n(.*?)^```", page, re.M | re.S):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif line.startswith("> ") and not found[-1][1]:
                found[-1] = (found[-1][0] + "\n" + line[2:], [])
            else:
                found[-1][1].append(line)
    return found


def pattern(lines):
    parts = []
    for line in lines:
        parts.append(r"(?:.*\n)*?" if line == "..." else ".*?".join(re.escape(p) for p in line.split("...")) + r" *\n")
    return re.compile("".join(parts))


def run_page(path):
    page = commands(path.read_text())
    if not page:
        return
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "bin").mkdir()
        (pathlib.Path(folder) / "bin" / "dispatch").symlink_to(DISPATCH)
        (pathlib.Path(folder) / "here").mkdir()
        (pathlib.Path(folder) / "here" / "examples").symlink_to(ROOT / "examples")
        script = "".join(f"{{ {command}\n}} </dev/null\necho \"{MARK}$?\"\n" for command, _ in page)
        done = subprocess.run(["bash"], input=script, cwd=f"{folder}/here", env={"PATH": f"{folder}/bin:{os.environ['PATH']}", "HOME": folder}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
    outputs = re.split(re.escape(MARK) + r"(\d+)\n", done.stdout)
    for i, (command, lines) in enumerate(page):
        name = f"{path.relative_to(ROOT)}: {command.splitlines()[0]}"
        if 2 * i + 1 >= len(outputs):
            check(False, f"{name}: did not run: {done.stderr}")
            return
        check(outputs[2 * i + 1] == "0", f"{name}: exit {outputs[2 * i + 1]}: {done.stderr}")
        check(pattern(lines).fullmatch(outputs[2 * i]), f"{name}: printed\n{outputs[2 * i]}instead of\n" + "\n".join(lines))


def links(path):
    for target in re.findall(r"\]\(([^)#][^)]*)\)", path.read_text()):
        if "://" in target:
            continue
        check((path.parent / target.split("#")[0]).exists(), f"{path.relative_to(ROOT)}: no {target}")


pages = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md"), *(ROOT / "examples").glob("*.md")])
for page in pages:
    if len(sys.argv) < 2 or sys.argv[1] in str(page):
        run_page(page)
        links(page)
linked = set(re.findall(r"\]\(([^)#]*)\)", (ROOT / "docs" / "README.md").read_text()))
for page in pages:
    if ROOT / "docs" in page.parents and page.name != "README.md":
        check(str(page.relative_to(ROOT / "docs")) in linked, f"docs/README.md does not link {page.relative_to(ROOT / 'docs')}")
sys.exit(end())
