"""Nobody is shown a secret: not in an argument or a variable of a tool, a status, a log line, a trace, a file. And the process guards itself."""
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from checks import check, end

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build"))
DISPATCH = os.environ.get("DISPATCH", str(BUILD / "dispatch"))
TOOLS = """action-fail action-get action-set close-port config-get is-leader juju-log network-get open-port opened-ports relation-get relation-ids
relation-list relation-model-get relation-set secret-add secret-get secret-grant secret-ids secret-info-get secret-remove secret-revoke secret-set
state-delete state-get state-set status-get status-set unit-get""".split()
EVENTS = {
    "install": ["install", "rotate-secret-key"],
    "migration": ["config-changed", "rotate-secret-key"],
    "secrets": ["config-changed", "update-status"],
    "everything": ["config-changed", "secret-changed", "rotate-secret-key", "postgresql-relation-broken", "openfga-relation-broken"],
}
# Of no use to an app of Flask; that nothing names; that a key of the user comes before.
UNREAD = {"CANARY-redis", "CANARY-valkey", "CANARY-unused-key"}
searched = children = looked_for = 0


def search(what, text, *keys):
    """keys: secrets that were made in this world, which have no CANARY in them."""
    global searched
    searched += 1
    found = re.search("|".join([r".{0,60}CANARY.{0,40}", *map(re.escape, keys)]), text)
    check(not found, f"{what} shows a secret: {found and found[0]}")


def documents(text):
    """The JSON texts that stand one after another."""
    decoder, at = json.JSONDecoder(), 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        document, at = decoder.raw_decode(text, at)
        yield document


def worlds(folder):
    """Each world by the socket and by the tools, its trace in a file, each process under strace."""
    global children, looked_for
    world = folder / "world"
    subprocess.run([ROOT / "build.sh", "link", "tests/world/world.c", world], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    subprocess.run([ROOT / "build.sh", "link", "tests/bench/tool.c", folder / "tool"], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    (folder / "tools").mkdir()
    for tool in TOOLS:
        (folder / "tools" / tool).symlink_to("../tool")
    for name, events in EVENTS.items():
        canaries = set(re.findall(r"CANARY[\w-]*", (ROOT / f"tests/stage/{name}.yaml").read_text()))
        for tools in (False, True):
            what = f"{name} by {'tools' if tools else 'the socket'}"
            files = {kind: folder / f"{name}-{tools}-{kind}" for kind in ("seen", "states", "trace", "calls")}
            program = folder / f"{name}-{tools}-program"
            program.write_text(f"#!/bin/sh\nexec {shutil.which('strace')} -f --seccomp-bpf -A -v -s 1000000 -e signal=none -e trace=execve,openat,open,creat,rename "
                               f"-o {files['calls']} {DISPATCH}\n")
            program.chmod(0o755)
            env = {**os.environ, "DISPATCH_TRACE": str(files["trace"]), "ASAN_OPTIONS": "detect_leaks=0"}
            env.update({"TOOLS": str(folder / "tools")} if tools else {"JUJU_AGENT_TOKEN": "CANARY-token"})
            ran = subprocess.run([world, "tests/stage", f"tests/stage/{name}.yaml", files["seen"], files["states"], program, *events], cwd=ROOT,
                                 env=env, capture_output=True, text=True)
            check(ran.stdout == "".join(f"{event} 0\n" for event in events), f"{what}: {ran.stdout}{ran.stderr}")
            if ran.returncode:
                continue
            states, calls = files["states"].read_text(errors="replace"), files["calls"].read_text(errors="replace")
            services = "\n".join(json.dumps(state["containers"]) for state in documents(states))
            for canary in canaries:
                check(canary in services or canary in UNREAD, f"{what}: {canary} has not come where it belongs, so that nothing was tested")
            made = {key for key in re.findall(r'"FLASK_SECRET_KEY": "([^"]+)"', services) if "CANARY" not in key}
            check(made or "rotate-secret-key" not in events, f"{what}: no key was made")
            looked_for += len(canaries) + len(made)
            search(f"{what}: output, statuses, log", files["seen"].read_text(errors="replace"), *made)
            search(f"{what}: trace", files["trace"].read_text(errors="replace"), *made)
            runs = [line for line in calls.splitlines() if "execve(" in line]
            starts = [line for line in runs if f'execve("{DISPATCH}"' in line]
            # What Juju itself gave us is ours to pass on, and we pass it on to Juju's tools alone.
            search(f"{what}: arguments and environments", "\n".join(runs).replace("JUJU_AGENT_TOKEN=CANARY-token", ""), *made)
            children += len(runs) - len(starts)
            check(len(starts) == len(events) and (len(runs) > len(starts)) == tools, f"{what}: {len(runs)} processes")
            # The tools, and this test's way to find their arguments, write no files; the trace is what was asked for, and a build that counts
            # branches keeps its counts.
            written = [line for line in calls.splitlines() if re.search(r"O_CREAT|O_TMPFILE|creat\(|rename\(", line)
                       and str(files["trace"]) not in line and ".gcda" not in line]
            check(not written, f"{what}: writes files: {written[:3]}")


def stuck(folder, **more):
    """A dispatch that waits for an agent which says nothing, and has our attention meanwhile."""
    address = str(folder / "silent.socket")
    if os.path.exists(address):
        os.unlink(address)
    agent = socket.socket(socket.AF_UNIX)
    agent.bind(address)
    agent.listen()
    env = {"JUJU_DISPATCH_PATH": "hooks/install", "JUJU_UNIT_NAME": "shop/0", "JUJU_CONTEXT_ID": "x", "JUJU_AGENT_SOCKET_ADDRESS": address,
           "JUJU_AGENT_SOCKET_NETWORK": "unix", "PATH": "/nonexistent"}
    process = subprocess.Popen([DISPATCH], cwd=ROOT / "tests/stage", env=env, **more)
    agent.settimeout(30)
    peer, _ = agent.accept()
    peer.settimeout(30)
    check(len(peer.recv(65536)) > 0, "the agent is asked nothing")
    agent.close()
    return process, peer


def guards(folder):
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    process, peer = stuck(folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    limits = pathlib.Path(f"/proc/{process.pid}/limits").read_text()
    check(re.search(r"^Max core file size +0 +0 ", limits, re.M), f"core files: {limits}")
    begin = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.communicate()
    check(process.returncode == -signal.SIGTERM and time.monotonic() - begin < 1, f"SIGTERM: {process.returncode} after {time.monotonic() - begin} s")
    peer.close()

    calls = folder / "prctl"
    env = {"JUJU_DISPATCH_PATH": "hooks/install", "PATH": os.environ["PATH"]}
    subprocess.run(["strace", "-o", calls, "-e", "trace=prctl,openat,open,setrlimit,prlimit64", DISPATCH], cwd=ROOT / "tests/stage", env=env,
                   capture_output=True)
    lines = [line for line in calls.read_text().splitlines() if '"/dev/null"' not in line]
    guard = [i for i, line in enumerate(lines) if re.search(r"PR_SET_DUMPABLE, (0|SUID_DUMP_DISABLE)\)? .*= 0", line.replace(")", ") "))]
    charm = [i for i, line in enumerate(lines) if "metadata.yaml" in line or "charmcraft.yaml" in line]
    check(guard and charm and guard[0] < charm[0], f"not dumpable before anything is read: {lines}")


def standard_descriptors(folder):
    """Closed at the start: their numbers go to nothing that what is printed could run into."""
    for closed in ([0], [1], [2], [0, 1], [1, 2], [0, 1, 2]):
        process, peer = stuck(folder, close_fds=False, preexec_fn=lambda closed=closed: [os.close(fd) for fd in closed])
        links = {fd: os.readlink(f"/proc/{process.pid}/fd/{fd}") for fd in range(3)}
        check(all(links[fd] == "/dev/null" for fd in closed), f"closed {closed}: {links}")
        peer.close()
        check(process.wait() == 1, f"closed {closed}: exit code {process.returncode}")


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        standard_descriptors(folder)
        guards(folder)
        worlds(folder)
    print(f"{looked_for} canaries looked for in {searched} texts and in the arguments and environments of {children} children")
    return end()


if __name__ == "__main__":
    sys.exit(main())
