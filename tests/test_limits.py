"""Inputs without end or measure: each is refused, within seconds and in little memory."""
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


def run(what, folder, args, env, says):
    """Not 0, not by a signal, with these words, in bounded memory."""
    global refused
    process = subprocess.Popen([DISPATCH, *args], cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    guard = threading.Timer(60, process.kill)
    guard.start()
    output = process.stdout.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    guard.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    good = check(process.returncode in (1, 2) and says in output, f"{what}: exit code {process.returncode}: {output[:400]}")
    good &= check(usage.ru_maxrss * 1024 < MEMORY, f"{what}: {usage.ru_maxrss} KiB")
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
        texts(pathlib.Path(folder))
    print(f"{refused} inputs refused")
    return end()


if __name__ == "__main__":
    sys.exit(main())
