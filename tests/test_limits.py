"""Inputs without end or measure: each is refused, within seconds and in little memory."""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

from checks import check, end

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build"))
DISPATCH = os.environ.get("DISPATCH", str(BUILD / "dispatch"))
GIB = 1 << 30
MEMORY = 256 << 20     # bytes: the largest limit is 32 MiB, and what a growing buffer leaves behind is given back only at the end
refused = 0


def started(args, folder, env):
    """Exit code, output, and bytes of memory."""
    process = subprocess.Popen([DISPATCH, *args], cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    guard = threading.Timer(60, process.kill)
    guard.start()
    output = process.stdout.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    guard.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, output, usage.ru_maxrss * 1024


def run(what, folder, args, env, says):
    """Not 0, not by a signal, with these words, in bounded memory."""
    global refused
    code, output, memory = started(args, folder, env)
    good = check(code in (1, 2) and says in output, f"{what}: exit code {code}: {output[:400]}")
    good &= check(memory < MEMORY, f"{what}: {memory >> 10} KiB")
    refused += good


def hook(**more):
    return {"JUJU_DISPATCH_PATH": "hooks/install", "JUJU_UNIT_NAME": "shop/0", "JUJU_CONTEXT_ID": "x", "PATH": "/nonexistent", **more}


def agent(folder, chunks):
    """Sends what it has to say as soon as it is called, however much it is."""
    address = str(folder / "agent.socket")
    server = socket.socket(socket.AF_UNIX)
    if os.path.exists(address):
        os.unlink(address)
    server.bind(address)
    server.listen()

    def speak():
        peer, _ = server.accept()
        try:
            peer.recv(65536)
            for chunk in chunks:
                peer.sendall(chunk)
        except OSError:
            pass
        peer.close()
        server.close()

    threading.Thread(target=speak, daemon=True).start()
    return hook(JUJU_AGENT_SOCKET_ADDRESS=address, JUJU_AGENT_SOCKET_NETWORK="unix")


def endless(chunk):
    sent = 0
    while sent < GIB:
        yield chunk
        sent += len(chunk)


def replies(folder):
    charm = ROOT / "tests/stage"
    zeros = b"\0" * 65536

    def announced():
        yield b"\xfc" + GIB.to_bytes(4, "big")      # a gob message of 1 GiB
        yield from endless(zeros)

    run("an agent's message of 1 GiB", charm, [], agent(folder, announced()), "dispatch: ")
    # Definitions of types, without an end: each one byte, none of them anything.
    run("an agent's nonsense of 1 GiB", charm, [], agent(folder, endless(b"\x01\x00" * 32768)), "dispatch: ")
    tools = folder / "tools"
    tools.mkdir()
    for name in ("config-get", "is-leader", "relation-ids", "status-get", "opened-ports", "juju-log"):
        (tools / name).write_text(f"#!/bin/sh\nexec {shutil.which('head')} -c {GIB} /dev/zero\n")
        (tools / name).chmod(0o755)
    run("a hook tool's answer of 1 GiB", charm, [], hook(PATH=str(tools)), "too long")


TOOL = """#!/bin/sh
case $(basename "$0") in
config-get) echo '{}' ;;
is-leader) echo true ;;
relation-ids) case $* in *secret-storage*) echo '["secret-storage:1"]' ;; *ingress*) echo '["ingress:2"]' ;; *) echo '[]' ;; esac ;;
relation-list) case $* in *--app*) echo '"other"' ;; *) echo '[]' ;; esac ;;
relation-get) case $* in *other*) cat "$DATABAG" ;; *) echo '{}' ;; esac ;;
status-get) echo '{"status": "active", "message": ""}' ;;
opened-ports) echo '[]' ;;
network-get) echo '{}' ;;
*) echo "$(basename "$0") $*" >&2; echo "$(basename "$0") $*" >> "$SAID" ;;
esac
"""


def unit(folder, name, databag="{}", **replaced):
    """A hook's environment: tools that answer like a quiet unit's, but for those that are replaced."""
    tools = folder / name
    tools.mkdir()
    for tool in ("config-get", "is-leader", "relation-ids", "relation-list", "relation-get", "status-get", "opened-ports", "network-get", "relation-model-get",
                 "juju-log", "status-set", "relation-set", "open-port", "secret-get"):
        (tools / tool).write_text(replaced.get(tool.replace("-", "_"), TOOL))
        (tools / tool).chmod(0o755)
    (tools / "databag").write_text(databag)
    return hook(PATH=f"{tools}:{os.environ['PATH']}", DATABAG=str(tools / "databag"), SAID=str(tools / "said"), JUJU_CONTAINERS_DIR=str(tools))


def deep(folder):
    """10,000 levels of JSON, wherever somebody else's JSON is read."""
    charm, levels = ROOT / "tests/stage", "[" * 10000 + "]" * 10000
    (folder / "levels").write_text(levels)
    run("10,000 levels of a hook tool's JSON", charm, [], unit(folder, "deep-tool", config_get=f"#!/bin/sh\nexec cat {folder}/levels\n"), "config-get: the answer is no JSON")
    # In another application's databag they are bad data, as any other: the unit says so and waits for better.
    env = unit(folder, "deep-databag", json.dumps({"ingress": levels}))
    done = subprocess.run([DISPATCH], cwd=charm, env=env, capture_output=True, text=True, timeout=60)
    said = (folder / "deep-databag" / "said").read_text()
    check(done.returncode == 0 and "Invalid ingress relation data" in said and "nest" in said, f"10,000 levels in a databag: {done.returncode} {said[:400]} {done.stderr[:400]}")
    global refused
    refused += 1


def pebble(folder, head, chunk):
    """Answers each request with a head, and then with what has no end."""
    address = str(folder / "app" / "pebble.socket")
    (folder / "app").mkdir()
    server = socket.socket(socket.AF_UNIX)
    server.bind(address)
    server.listen()

    def speak():
        while True:
            try:
                peer, _ = server.accept()
            except OSError:
                return
            try:
                peer.recv(65536)
                peer.sendall(head)
                for piece in endless(chunk):
                    peer.sendall(piece)
            except OSError:
                pass
            peer.close()

    threading.Thread(target=speak, daemon=True).start()
    return server


def workload(folder):
    """A Pebble without measure is as bad as none: the hook says so, and ends."""
    global refused
    zeros = b"\0" * 65536
    for what, head, chunk in (("a body of 1 GiB", b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % GIB, zeros),
                              ("a body without an end", b"HTTP/1.1 200 OK\r\n\r\n", zeros),
                              ("chunks without an end", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + zeros + b"\r\n"),
                              ("a head without an end", b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 10000)):
        name = what.replace(" ", "-")
        env = unit(folder, name)
        server = pebble(folder / name, head, chunk)
        code, output, memory = started([], ROOT / "tests/stage", env)
        said = (folder / name / "said").read_text() if (folder / name / "said").exists() else ""
        good = check(code in (0, 1) and "pebble" in (said + output).lower() and "active" not in said, f"Pebble with {what}: exit code {code}: {said[-400:]} {output[:400]}")
        good &= check(memory < MEMORY, f"Pebble with {what}: {memory >> 10} KiB")
        refused += good
        server.close()


def texts(folder):
    """As the charm's own files, in a hook; as a project's, on the command line."""
    bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 10)}]\n" for i in range(12))
    cases = [
        ("a billion laughs", bomb, "too many values"),
        ("10,000 levels of lists", "a: " + "[" * 10000 + "]" * 10000, "nest"),
        ("3,000 levels of maps", "".join(" " * i + "a:\n" for i in range(3000)), "nest"),
        ("an alias to itself", "a: &a [*a]\n", ""),
        ("a key of 16 MiB", "? " + "k" * (16 << 20) + "\n: x\n", ""),
    ]
    for what, text, says in cases:
        charm = folder / what.replace(" ", "-").replace(",", "")
        shutil.copytree(ROOT / "tests/stage", charm)
        (charm / "metadata.yaml").write_text(text)
        run(f"{what} as metadata.yaml", charm, [], hook(), says)
        (charm / "charmcraft.yaml").write_text(text)
        run(f"{what} as charmcraft.yaml", charm, ["expand"], {}, says)
    large = folder / "large"
    shutil.copytree(ROOT / "tests/stage", large)
    os.truncate(large / "metadata.yaml", GIB)
    run("a metadata.yaml of 1 GiB", large, [], hook(), "bytes")
    # Nobody ever writes to these pipes.
    for name, args in (("metadata.yaml", []), ("config.yaml", []), ("actions.yaml", []), ("charmcraft.yaml", ["expand"]), ("paas-config.yaml", ["check"])):
        charm = folder / f"pipe-{name}"
        shutil.copytree(ROOT / "tests/stage", charm)
        (charm / name).unlink(missing_ok=True)
        os.mkfifo(charm / name)
        if args == ["check"]:
            (charm / "charmcraft.yaml").write_text("name: shop\ntype: charm\nbase: ubuntu@26.04\nplatforms: {amd64: }\nextensions: [flask-framework]\n")
        run(f"a pipe as {name}", charm, args, {} if args else hook(), f"{name}: not a regular file")
    state = folder / "state.yaml"
    state.write_text(bomb)
    run("a billion laughs as a state file", ROOT / "tests/stage", ["run", "config-changed", "--charm", ".", "--state", str(state)], {}, "too many values")


def main():
    with tempfile.TemporaryDirectory() as folder:
        replies(pathlib.Path(folder))
        deep(pathlib.Path(folder))
        workload(pathlib.Path(folder))
        texts(pathlib.Path(folder))
    print(f"{refused} inputs refused")
    return end()


if __name__ == "__main__":
    sys.exit(main())
