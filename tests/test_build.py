"""The build itself: what kind of executable it makes, that it is the same for everyone, that it does nothing twice, and what it says when it cannot."""
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from checks import check, end

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build"))
DISPATCH = pathlib.Path(os.environ.get("DISPATCH", BUILD / "dispatch"))
SOURCES = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "monocharm" / "sources"
NOBODY = 65534


def run(command, cwd=ROOT, **env):
    """Exit code and output, in an environment of nothing but PATH and what is given."""
    done = subprocess.run(command, cwd=cwd, env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]} | env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def readelf(*flags):
    return run(["readelf", *flags, "-W", str(DISPATCH)])[1]


def files(folder):
    """What each file is, to see whether a build touched any."""
    return {p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in sorted(folder.rglob("*")) if p.is_file() and p.name != ".lock"}


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def copy_tree(to):
    """The sources alone, as a clone has them."""
    to.mkdir(parents=True)
    for pattern in ("*.c", "*.h", "build.sh", "deps.lock", "LICENSE"):
        for path in ROOT.glob(pattern):
            shutil.copy2(path, to)
    for name in ("assets", "LICENSES"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, to / name)


def test_executable():
    headers, dynamic = readelf("-l"), readelf("-d")
    check("DYN" in readelf("-h"), "position-independent")
    for word in ("INTERP", "RWE"):
        check(word not in headers, f"no {word}")
    check("GNU_RELRO" in headers, "RELRO")
    check("NEEDED" not in dynamic and "TEXTREL" not in dynamic, "no NEEDED, no TEXTREL")
    check("NOW" in dynamic, "full RELRO")
    data = DISPATCH.read_bytes()
    for word in (str(ROOT), str(pathlib.Path.home() / ".cache"), "/tmp/"):
        check(word == "/tmp/" or word.encode() not in data, f"{word} is not in the executable")
    check(len(data) <= 1 << 20, f"at most 1 MiB, is {len(data)}")


def test_second_build(tree, env):
    before = files(tree / "build")
    code, output = run(["./build.sh"], tree, **env)
    check(code == 0 and output.count("\n") == 1, f"a second build says only the size: {output}")
    check(files(tree / "build") == before, "a second build touches nothing")

    os.utime(tree / "crypto.c")
    code, output = run(["./build.sh"], tree, **env)
    after = files(tree / "build")
    changed = {p.name for p in after if before.get(p) != after[p]}
    check(code == 0 and changed == {"crypto.o", "crypto.d", "dispatch"}, f"a change of crypto.c rebuilds it alone: {sorted(changed)}")

    before = after
    os.utime(tree / "version.h")
    code, output = run(["./build.sh"], tree, **env)
    after = files(tree / "build")
    changed = {p.name for p in after if before.get(p) != after[p] and p.suffix == ".o"}
    users = {f"{p.stem}.o" for p in tree.glob("*.c") if '#include "version.h"' in p.read_text()} | {"version.o"}
    check(code == 0 and changed >= users, f"a change of version.h rebuilds who includes it: {sorted(changed)}, not {sorted(users)}")
    check(sha256(tree / "build" / "dispatch") == sha256(DISPATCH), "built again in parts: the same bytes")


def test_reproducible(folder):
    """Everything anew, libraries too: another folder, cache, user, umask, locale, time zone and day, and no network."""
    tree = folder / "a longer name" / "copy"
    copy_tree(tree)
    env = {"HOME": str(folder / "home"), "DEPS_DIR": str(folder / "tarballs"), "LC_ALL": "C.UTF-8", "LANG": "tr_TR.UTF-8", "TZ": "Pacific/Apia",
           "XDG_CACHE_HOME": str(folder / "home" / "elsewhere")}
    (folder / "home").mkdir()
    shutil.copytree(SOURCES, folder / "tarballs")
    command = ["./build.sh"]
    if shutil.which("faketime"):
        command = ["faketime", "-f", "+400d", *command]
    else:
        print("skipped: another day (faketime is missing)")
    if os.getuid() == 0:
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, NOBODY, NOBODY)
        command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command]
        # A namespace without a network; not every container lets us make one.
        if run(["unshare", "-n", "true"])[0] == 0:
            command = ["unshare", "-n", *command]
        else:
            print("skipped: without a network (no namespace to be had)")
    code, output = run(["sh", "-c", 'umask 077; exec "$@"', "sh", *command], tree, **env)
    check(code == 0, f"the other build: {output}")
    built = tree / "build" / "dispatch"
    check(built.is_file() and sha256(built) == sha256(DISPATCH), "the same bytes")
    return tree, env


def test_refusals(folder):
    tree = folder / "refusals"
    copy_tree(tree)
    tarballs = folder / "bad"
    shutil.copytree(SOURCES, tarballs)
    cjson = next(tarballs.glob("cjson_*"))
    data = bytearray(cjson.read_bytes())
    data[len(data) // 2] ^= 1
    cjson.write_bytes(data)
    env = {"XDG_CACHE_HOME": str(folder / "empty"), "DEPS_DIR": str(tarballs)}
    code, output = run(["./build.sh", "deps"], tree, **env)
    check(code == 1 and f"{cjson.name} is not the pinned file" in output, f"one bit of a tarball: {output}")
    cjson.unlink()
    code, output = run(["./build.sh", "deps"], tree, **env)
    check(code == 1 and f"{cjson.name} is missing" in output, f"a missing tarball: {output}")
    check(not list((folder / "empty").rglob("*.a")), "nothing was built from them")

    # Without root and without a compiler: what to install, and nothing else.
    tools = folder / "tools"
    tools.mkdir()
    for name in ("bash", "env", "dirname", "realpath", "nproc", "mkdir", "dpkg", "sed", "cat", "apt-get"):
        (tools / name).symlink_to(shutil.which(name))
    (tools / "id").write_text("#!/bin/sh\necho 1000\n")
    (tools / "id").chmod(0o755)
    code, output = run(["./build.sh"], tree, PATH=str(tools), XDG_CACHE_HOME=str(folder / "empty"))
    check(code == 1 and "please install: sudo apt-get install" in output and output.count("\n") == 1, f"without gcc: {output}")
    code, output = run(["./build.sh", "nonsense"], tree)
    check(code != 0 and "no such command: nonsense" in output, output)


def test_lock():
    """What deps.lock says of licences stands in LICENSES, word for word as in the tarballs."""
    rows = [line.split() for line in (ROOT / "deps.lock").read_text().splitlines() if line and not line.startswith("#")]
    check(len(rows) >= 5 and all(len(row) == 5 and len(row[2]) == 64 for row in rows), "five fields in each row")
    for name, _version, digest, tarball, _licence in rows:
        check(sha256(SOURCES / tarball) == digest, f"{tarball}: its hash")
        collected = SOURCES.parent / "licences" / name
        check(collected.read_bytes() == (ROOT / "LICENSES" / name).read_bytes(), f"LICENSES/{name} is the tarball's")


with tempfile.TemporaryDirectory() as temporary:
    os.chmod(temporary, 0o755)
    test_executable()
    test_lock()
    where = test_reproducible(pathlib.Path(temporary) / "other")
    test_second_build(*where)
    test_refusals(pathlib.Path(temporary) / "refuse")
sys.exit(end())
