"""What the commands print, word for word: transcripts, that every change of an output must change as well.

Each folder of tests/outputs/ is a project and its transcript, in which a line "$ dispatch ..." is a command, run in a copy of the folder,
and what follows is all that it prints to stdout and stderr, with its exit code if that is not 0. VERSION stands for the version.
`test_outputs.py --write` writes the outputs anew: read the difference before it is committed. --no-loops leaves out commands in a shell's loop."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from checks import check, end

ROOT = pathlib.Path(__file__).resolve().parent.parent
DISPATCH = pathlib.Path(os.environ.get("DISPATCH", pathlib.Path(os.environ.get("BUILD", ROOT / "build")) / "dispatch")).resolve()
VERSION = subprocess.run([DISPATCH, "version"], stdout=subprocess.PIPE, text=True).stdout.split()[-1:]


def output(command, folder):
    """What a command prints, in the folder whose parent has bin/dispatch."""
    env = {"PATH": f"{folder.parent}/bin:{os.environ['PATH']}", "HOME": str(folder), "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")}
    try:
        done = subprocess.run(["bash", "-c", command], cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    except subprocess.TimeoutExpired:
        return "[takes too long]\n"
    text = done.stdout.decode(errors="replace")
    if VERSION:
        text = re.sub(rf"(?<=monocharm ){re.escape(VERSION[0])}(?![\w.])", "VERSION", text)
    if text and not text.endswith("\n"):
        text += "\n[no newline at the end]\n"
    return text + (f"[exit {done.returncode}]\n" if done.returncode else "")


def first_difference(got, want):
    for i, (a, b) in enumerate(zip(got + ["(end)"], want + ["(end)"])):
        if a != b:
            return f"line {i + 1} is {a!r} instead of {b!r}"
    return "it differs in its length"


for transcript in sorted((ROOT / "tests" / "outputs").glob("*/transcript.txt")):
    name = transcript.parent.name
    written = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch) / name
        shutil.copytree(transcript.parent, folder, ignore=shutil.ignore_patterns("transcript.txt"))
        (pathlib.Path(scratch) / "examples").symlink_to(ROOT / "examples")
        (pathlib.Path(scratch) / "bin").mkdir()
        (pathlib.Path(scratch) / "bin" / "dispatch").symlink_to(DISPATCH)
        for part in re.split(r"^(?=\$ )", transcript.read_text(), flags=re.M):
            if not part.startswith("$ "):
                written.append(part)
                continue
            command, want = part[2:].split("\n", 1)
            if command.startswith("for ") and sys.argv[1:] == ["--no-loops"]:
                continue
            got = output(command, folder)
            written.append(f"$ {command}\n{got}\n")
            check(got == want.removesuffix("\n"), f"{name}: {command}: {first_difference(got.splitlines(), want.removesuffix(chr(10)).splitlines())}")
    if sys.argv[1:] == ["--write"]:
        transcript.write_text("".join(written))
sys.exit(end())
