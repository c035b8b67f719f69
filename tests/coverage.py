"""Adds up what gcov saw: branches of our own code that were taken both ways.

    coverage.py FOLDER [FILE.c...]

FOLDER holds the instrumented objects and their counts. Files named are listed line by line where a branch was not taken. Functions that
tests/uncovered names, each with its reason, do not count."""
import collections
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
WANTED = 90.0


def exceptions():
    """{(file, function): reason}, from lines of "file.c function  # reason"."""
    named = {}
    for line in (ROOT / "tests" / "uncovered").read_text().splitlines():
        what, _, reason = line.partition("#")
        if what.strip():
            if not reason.strip():
                sys.exit(f"tests/uncovered: {what.strip()} has no reason")
            named[tuple(what.split())] = reason.strip()
    return named


def measured(folder):
    """{file: {(line, branch): [function, count]}} and the same of lines, over all objects."""
    branches, lines = collections.defaultdict(dict), collections.defaultdict(dict)
    notes = sorted(folder.glob("*.gcno"))
    for part in range(0, len(notes), 20):
        out = subprocess.run(["gcov", "-b", "-j", "-t", *[str(n) for n in notes[part:part + 20]]], cwd=ROOT, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, check=True, text=True).stdout
        for text in filter(None, out.splitlines()):
            for file in json.loads(text)["files"]:
                name = file["file"]
                if "/" in name or not name.endswith(".c"):
                    continue
                for line in file["lines"]:
                    function = line.get("function_name", "")
                    lines[name][line["line_number"]] = max(lines[name].get(line["line_number"], 0), line["count"])
                    for i, branch in enumerate(line["branches"]):
                        seen = branches[name].setdefault((line["line_number"], i), [function, 0])
                        seen[1] += branch["count"]
    return branches, lines


def share(part, whole):
    """In percent; of nothing all was taken."""
    return 100 * part / whole if whole else 100


def main():
    folder, listed = pathlib.Path(sys.argv[1]), sys.argv[2:]
    named, used = exceptions(), set()
    branches, lines = measured(folder)
    total = taken = 0
    print(f"{'file':24} {'lines':>7} {'':>7} {'branches':>8} {'taken':>7}")
    for name in sorted(branches):
        n = hit = 0
        for (line, _), (function, count) in sorted(branches[name].items()):
            if (name, function) in named:
                used.add((name, function))
                continue
            n += 1
            hit += count > 0
        seen = sum(1 for count in lines[name].values() if count)
        print(f"{name:24} {len(lines[name]):7} {share(seen, len(lines[name])):6.1f}% {n:8} {share(hit, n):6.1f}%")
        total += n
        taken += hit
        if name in listed:
            source = (ROOT / name).read_text().splitlines()
            missed = collections.Counter(line for (line, _), (function, count) in branches[name].items()
                                         if not count and (name, function) not in named)
            for line in sorted(missed):
                print(f"  {name}:{line}: {missed[line]} not taken: {source[line - 1].strip()}")
    print(f"{'all':24} {'':15} {total:8} {share(taken, total):6.1f}%")
    for (name, function), reason in sorted(named.items()):
        print(f"not counted: {name} {function}: {reason}" + ("" if (name, function) in used else " (there is no such function)"))
    print(f"{share(taken, total):.1f}% of {total} branches; {WANTED:.0f}% wanted")
    return 0 if share(taken, total) >= WANTED and used == named.keys() else 1


if __name__ == "__main__":
    sys.exit(main())
