"""Changes our own code mechanically, one place at a time, and sees whether a test notices.

    mutants.py FOLDER PLAIN COVERED COUNT [FILE.c...]

FOLDER holds the objects and the test programs as build.sh made them, with ASan and UBSan; PLAIN the program without, since scripts run it
often; COVERED both for gcov, which tells what functions a test runs: only tests that run the changed one are tried. COUNT places are drawn
with a fixed seed from all files, or from those named; with SKIP=number in the environment those after as many. A place's rank comes from what
it says, not from where it stands: when code changes, the other places keep theirs. Kinds: a comparison turned, a constant moved, a statement
dropped, a condition negated, a table's row changed. A result of 0 becomes -1 and one of -1 becomes 0, since callers ask for < 0. A mutant that
does not compile, or compiles to the very same code, is none: another is drawn. Survivors that tests/survivors names with a reason
("file.c | kind | the line as it was # reason") are shown with it. build.sh gives the commands in the environment: COMPILE, LINK, LINK_LIBS,
PLAIN_LIBS."""
import collections
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
WANTED = 95.0
SEED = 20240607
SLOW = 60       # seconds of CPU time: tests that take more on the unchanged program do not take part
PATIENCE = 300  # seconds that one of them may take then, however busy the machine is
NOT_OF_THE_PROGRAM = {"test_build", "test_sbom"}

OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">": "<=", "<=": ">", ">=": "<", "&&": "||", "||": "&&"}
MOVED = {"<": "<=", ">": ">=", "<=": "<", ">=": ">"}


def blank(text):
    """The text with comments and literals blanked out, of the same length, so that places agree."""
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, lambda m: re.sub(r"[^\n]", " ", m.group()), text, flags=re.S)


def tables(code):
    """Where static const tables stand: [(from, to)]."""
    found = []
    for match in re.finditer(r"^(?:static )?const struct [^;{}=]*(?:\{[^{}]*\}[^;{}=]*)?=\s*\{", code, re.M):
        depth, at = 1, match.end()
        while depth and at < len(code):
            depth += {"{": 1, "}": -1}.get(code[at], 0)
            at += 1
        found.append((match.end(), at))
    return found


def closing(code, at):
    depth = 0
    while at < len(code):
        depth += {"(": 1, ")": -1}.get(code[at], 0)
        if depth == 0:
            return at
        at += 1
    return None


def candidates(text):
    """[(kind, from, to, replacement)] in a file's text."""
    code = blank(text)
    rows = tables(code)
    in_table = lambda at: any(a <= at < b for a, b in rows)
    found = []
    for match in re.finditer(r"(?<![-<>=!&|+*/%^])(==|!=|<=|>=|<|>|&&|\|\|)(?![<>=&|])", code):
        operator, line = match.group(), code[code.rfind("\n", 0, match.start()) + 1:match.start()]
        if line.lstrip().startswith("#") or in_table(match.start()):
            continue
        found.append(("comparison turned", match.start(), match.end(), OPPOSITE[operator]))
        if operator in MOVED:
            found.append(("comparison turned", match.start(), match.end(), MOVED[operator]))
    for match in re.finditer(r"(?<![\w.])-?\d+(?![\w.])", code):
        line = code[code.rfind("\n", 0, match.start()) + 1:match.start()]
        if not line.lstrip().startswith("#"):
            found.append(("table's row changed" if in_table(match.start()) else "constant moved", match.start(), match.end(),
                          "-1" if code[:match.start()].endswith("return ") and match.group() == "0" else str(int(match.group(), 10) + 1)))
    for match in re.finditer(r"^\t+(?!return|goto|break|continue|case|default|static|const|struct|enum|int|bool|char|size_t|unsigned|long|else|do|if|for|while|va_)"
                             r"(?:[\w>.*\[\]()-]+ *(?:=|\+=|-=|\|=)[^=]|\w+\(|[\w>.*\[\]()-]+(?:\+\+|--);)[^;{}]*;", code, re.M):
        if not in_table(match.start()):
            start = match.start() + len(match.group()) - len(match.group().lstrip("\t"))
            found.append(("statement dropped", start, match.end(), ";"))
    for match in re.finditer(r"\b(?:if|while) (\()", code):
        end = closing(code, match.start(1))
        if end:
            found.append(("condition negated", match.start(1), end + 1, "(!" + text[match.start(1):end + 1] + ")"))
    for begin, end in rows:
        for match in re.finditer(r'"((?:\\.|[^"\\\n])*)"', text[begin:end]):
            at = begin + match.start()
            if code[at] == " " and text[at] == '"' and not inside_comment(text, code, at):
                found.append(("table's row changed", at, begin + match.end(), '"' + match.group(1) + 'x"' if match.group(1) else '"x"'))
        for match in re.finditer(r"\b(true|false)\b", code[begin:end]):
            found.append(("table's row changed", begin + match.start(), begin + match.end(), "false" if match.group() == "true" else "true"))
    return found


def inside_comment(text, code, at):
    return text.rfind("/*", 0, at) > text.rfind("*/", 0, at)


def describe(text, kind, begin, end, replacement):
    line = text.count("\n", 0, begin) + 1
    before = text.splitlines()[line - 1].strip()
    return line, before, f"{text[begin:end].splitlines()[0].strip()[:50]} -> {replacement.splitlines()[0][:50]}"


def ranked(name, text):
    """[(rank, file, kind, from, to, replacement)] of a file."""
    seen, found = collections.Counter(), []
    for kind, begin, end, replacement in candidates(text):
        what = (name, kind, text[text.rfind("\n", 0, begin) + 1:text.find("\n", begin)].strip(), text[begin:end], replacement)
        found.append((hashlib.sha256(repr((SEED, *what, seen[what])).encode()).digest(), name, kind, begin, end, replacement))
        seen[what] += 1
    return found


class Bench:
    """The folder of objects, and how to make and try a mutant."""
    def __init__(self, folder, plain, covered):
        self.folder, self.plain = folder, plain
        self.compile = shlex.split(os.environ["COMPILE"])
        self.linker = shlex.split(os.environ["LINK"])
        self.libs, self.plain_libs = shlex.split(os.environ["LINK_LIBS"]), shlex.split(os.environ["PLAIN_LIBS"])
        self.scripts = {t.name: t for t in sorted(ROOT.glob("tests/test_*.py")) if t.stem not in NOT_OF_THE_PROGRAM}
        self.took = {}
        self.catches = collections.Counter()    # (file, test): mutants caught
        names = [t.stem for t in sorted(ROOT.glob("tests/test_*.c"))] + list(self.scripts)
        with concurrent.futures.ThreadPoolExecutor(1) as worker:
            reached = worker.submit(lambda: {name: self.reached(name, covered) for name in names})
            for name in names:
                self.rehearse(name)
            self.reaches = reached.result()
        self.uses = {name: self.members(name) for name in self.took if name not in self.scripts}

    def rehearse(self, name):
        """How long a test takes on the unchanged program; one that fails there, or is slow, proves nothing about mutants."""
        if name not in self.scripts and not (self.folder / name).exists():
            print(f"{name} does not take part: it does not compile", flush=True)
            return
        argv, env = self.command(name, self.plain if name in self.scripts else self.folder, self.folder / "dispatch")
        began = time.monotonic()
        process = subprocess.Popen(argv, cwd=ROOT, env=os.environ | env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, start_new_session=True)
        patience = threading.Timer(PATIENCE, os.killpg, (process.pid, signal.SIGKILL))
        patience.start()
        _, status, usage = os.wait4(process.pid, 0)
        patience.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            print(f"{name} does not take part: it fails as it is", flush=True)
        elif usage.ru_utime + usage.ru_stime > SLOW:
            print(f"{name} does not take part: it takes too long", flush=True)
        else:
            self.took[name] = time.monotonic() - began

    def reached(self, name, covered):
        """{file: [(first line, last line)]} of the functions that a test runs."""
        for counts in covered.glob("*.gcda"):
            counts.unlink()
        self.run(self.command(name, covered, covered / "dispatch"), PATIENCE)
        notes = [str(counts.with_suffix(".gcno")) for counts in covered.glob("*.gcda")]
        found = collections.defaultdict(list)
        for text in filter(None, subprocess.run(["gcov", "-j", "-t", *notes], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                                text=True).stdout.splitlines() if notes else ()):
            for file in json.loads(text)["files"]:
                found[file["file"]] += [(f["start_line"], f["end_line"]) for f in file["functions"] if f["execution_count"]]
        return found

    def may_notice(self, file, line):
        """The tests that run the function there. What is in none, and what none seems to run (a process that is killed does not count), is
        for all."""
        tests = [name for name in self.took if any(first <= line <= last for first, last in self.reaches[name][file])]
        return tests or list(self.took)

    def command(self, name, folder, sanitized):
        """(argv, more environment) of a test on what is in the folder."""
        if name in self.scripts:
            return [sys.executable, "-B", str(self.scripts[name])], {"DISPATCH": str(folder / "dispatch"), "BUILD": str(folder), "SANITIZED": str(sanitized)}
        return [str(folder / name)], {}

    def members(self, name):
        """Which of our objects a test program takes in: only these can matter to it."""
        out = subprocess.run([*self.linker, str(self.folder / f"tests.{name}.o"), str(self.folder / "parts.a"), *self.libs, "-o", os.devnull, "-Wl,-t,-t"],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return set(re.findall(r"parts\.a[():]+([\w.]+)\.o", out.stdout))

    def link(self, objects, out):
        """The mutant's object comes before the archive, whose own one then stays out."""
        return subprocess.run([*self.linker, *objects, str(self.folder / "parts.a"), *self.libs, "-o", str(out)], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0

    def object(self, file, text, out):
        """Compiled in its own folder, so that no path differs."""
        (out.parent / file).write_text(text)
        return subprocess.run([*self.compile, "-w", "-iquote", str(ROOT), "-c", file, "-o", str(out)], cwd=out.parent, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0

    def code(self, file, out):
        """What the optimiser makes of it, without the sanitizers, which write down lines and columns."""
        command = [word for word in self.compile if not word.startswith("-fsanitize")]
        subprocess.run([*command, "-O2", "-w", "-iquote", str(ROOT), "-c", file, "-o", str(out)], cwd=out.parent, check=True)
        return out.read_bytes()

    def run(self, command, limit):
        """Does it succeed, in time?"""
        argv, env = command
        process = subprocess.Popen(argv, cwd=ROOT, env=os.environ | env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            return process.wait(limit) == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()

    def caught_by(self, file, line, path, folder):
        """The name of the test that notices, or None. First come those that are quick, for what they caught of this file's mutants; the file's own
        test counts as if it had caught one. Each has five times its usual time."""
        stem = file.removesuffix(".c")
        code = str(folder / "code.o")
        objects = [code] if stem == "main" else [str(self.plain / "main.o"), code]
        program = subprocess.run([self.linker[0], *objects, str(self.plain / "parts.a"), *self.plain_libs, "-o", str(folder / "dispatch")],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
        merit = lambda name: (0.1 + self.catches[stem, name] + (name in (f"test_{stem}", f"test_{stem}.py"))) / (self.took[name] + 1)
        for name in sorted(self.may_notice(file, line), key=merit, reverse=True):
            if name in self.scripts:
                objects = [str(path)] if stem == "main" else [str(self.folder / "main.o"), str(path)]
                if not program or (name == "test_sanitized.py" and not self.link(objects, folder / "sanitized")):
                    continue
            elif stem not in self.uses[name] or not self.link([str(self.folder / f"tests.{name}.o"), str(path)], folder / name):
                continue
            if not self.run(self.command(name, folder, folder / "sanitized"), 10 + 5 * self.took[name]):
                self.catches[stem, name] += 1
                return name
            if name not in self.scripts:
                (folder / name).unlink()
        return None


def survivors():
    """{(file, kind, line's text): reason}"""
    named = {}
    path = ROOT / "tests" / "survivors"
    for line in path.read_text().splitlines() if path.exists() else ():
        if line.strip() and not line.startswith("#"):
            what, _, reason = line.rpartition(" # ")
            named[tuple(part.strip() for part in what.split(" | "))] = reason.strip()
    return named


def main():
    folder, plain_folder, covered = map(pathlib.Path, sys.argv[1:4])
    count, files = int(sys.argv[4]), sys.argv[5:]
    bench = Bench(folder, plain_folder, covered)
    texts = {f.name: f.read_text() for f in sorted(ROOT.glob("*.c"))}
    pool = [mutant for _, *mutant in sorted(r for name, text in texts.items() if not files or name in files for r in ranked(name, text))]
    skip = int(os.environ.get("SKIP", "0"))
    print(f"{len(pool)} places in {len(files) or len(texts)} files; {count} are drawn with the seed {SEED}" + (f", after {skip}" if skip else ""),
          flush=True)
    named, plain = survivors(), {}
    results = []

    def judge(mutant):
        name, kind, begin, end, replacement = mutant
        text = texts[name]
        with tempfile.TemporaryDirectory() as temporary:
            where = pathlib.Path(temporary)
            if name not in plain:
                (where / name).write_text(text)
                plain[name] = bench.code(name, where / "code.o")
            if not bench.object(name, text[:begin] + replacement + text[end:], where / "mutant.o"):
                return None
            if bench.code(name, where / "code.o") == plain[name]:
                return None
            return mutant, bench.caught_by(name, text.count("\n", 0, begin) + 1, where / "mutant.o", where)

    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("JOBS", "2"))) as workers:
        waiting = iter(pool[skip:])
        running = {workers.submit(judge, m) for m, _ in zip(waiting, range(count))}
        while running:
            done, running = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in done:
                result = future.result()
                if result is None:
                    after = next(waiting, None)
                    if after:
                        running.add(workers.submit(judge, after))
                    continue
                (name, kind, begin, end, replacement), test = result
                line, before, change = describe(texts[name], kind, begin, end, replacement)
                reason = named.get((name, kind, before))
                results.append((test, reason))
                print(f"{'caught' if test else 'SURVIVED'} {name}:{line}: {kind}: {change}"
                      + (f" ({test})" if test else f" | {before}" + (f" # {reason}" if reason else "")), flush=True)
    caught = sum(1 for test, _ in results if test)
    print(f"{caught} of {len(results)} caught: {100 * caught / max(len(results), 1):.1f}%; {WANTED:.0f}% wanted; "
          f"{sum(1 for test, reason in results if not test and not reason)} survivors have no reason named")
    return 0 if caught >= WANTED / 100 * len(results) else 1


if __name__ == "__main__":
    sys.exit(main())
