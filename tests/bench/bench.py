"""What a hook costs: ours, over the agent's socket and by executables, beside a charm in Python on the same world, interleaved.

    bench.py [ROUNDS]      (by ./build.sh bench; 15 rounds)

The worlds stand on real sockets (world.c); measure.c takes wall time, CPU time and peak memory of the hook and its children; medians count.
The other side of the pairs is PYTHON_CHARM, the folder of a packed Python charm, where that is set; then ours reads that charm's files,
too, as after `juju refresh`. Without one it is what PyPI alone can give: a charm of the `ops` framework with no code of its own, which every
Python charm costs at least. Writes docs/reference/bench.md and docs/reference/bench.svg."""
import json
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BENCH = pathlib.Path(os.environ["BENCH"])
DISPATCH = os.environ["DISPATCH"]
CACHE = pathlib.Path(os.environ["CACHE"])
STAGE = ROOT / "tests" / "stage"
CHARM = pathlib.Path(os.environ.get("PYTHON_CHARM") or STAGE)    # whose files all sides read
PAAS_CHARM = "paas-charm==1.12.3"
CONTAINERS = pathlib.Path("/charm/containers")


class Side:
    """Somebody's way to run a hook."""
    def __init__(self, name, command, tools, mount=False, charm=None):
        self.name, self.command, self.tools, self.mount, self.charm = name, command, tools, mount, charm


def run(side, state, events, scratch):
    """One measured hook: {wall (us), cpu (us), rss (kB), calls, connections, requests, bytes, code}, and the status that the unit has then."""
    out = scratch / "measured"
    out.unlink(missing_ok=True)
    env = {"MEASURE_COMMAND": side.command, "MEASURE_OUT": str(out), "MEASURE_TOOLS": str(BENCH / "tools") if side.tools else "",
           "MEASURE_PATH": os.environ["PATH"], "MEASURE_MOUNT": "1" if side.mount else "", "HOME": os.environ["HOME"]}
    done = subprocess.run([BENCH / "world", side.charm or CHARM, state, BENCH / "measure", DISPATCH, *events], env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)
    if done.returncode or not out.exists():
        sys.exit(f"bench: {side.name}: {done.stdout}{done.stderr}")
    wall, cpu, rss, code = (int(n) for n in out.read_text().split())
    calls, connections, requests, sent, _ = (int(n) for n in done.stdout.split()[:5])
    if code not in (0, 1):
        sys.exit(f"bench: {side.name} ended with {code}: {done.stderr}")
    return {"wall": wall / 1000, "cpu": cpu, "rss": rss, "calls": calls, "connections": connections, "requests": requests, "bytes": sent,
            "code": code}, done.stdout.split()[5]


def traced(side, state, events, scratch):
    """Processes and system calls of one hook, counted by strace in a run that is not timed."""
    log = scratch / "trace"
    run(Side(side.name, f"{shutil.which('strace')} -f -qq -o {log} {side.command}", side.tools, side.mount, side.charm), state, events, scratch)
    lines = log.read_text(errors="replace").splitlines()
    began = next((i for i, line in enumerate(lines) if "execve(" in line), 0)
    return {"processes": len({line.split()[0] for line in lines[began:]}), "syscalls": sum("(" in line and "resumed>" not in line for line in lines[began:])}


def measure(sides, state, events, rounds, scratch, what="", notes=None):
    """{side's name: medians}; the sides take turns, so that what disturbs the machine disturbs all. Notes sides that end otherwise than others."""
    samples = {side.name: [] for side in sides}
    ends = {}
    for turn in range(rounds):
        for side in sides if turn % 2 else reversed(sides):
            sample, status = run(side, state, events, scratch)
            samples[side.name].append(sample)
            ends[side.name] = f"exits with {sample['code']}, and the unit is {status}"
    if len(set(ends.values())) > 1 and notes is not None:
        notes += [f"After {what}, {name} {end}." for name, end in ends.items()]
    result = {}
    for side in sides:
        result[side.name] = {key: statistics.median(s[key] for s in samples[side.name]) for key in samples[side.name][0]}
        result[side.name] |= traced(side, state, events, scratch)
    return result


# --- Worlds. ---

def stage(name):
    """One of the stage's worlds, made to fit CHARM: its container, and of options and endpoints those that it has."""
    state = yaml.safe_load((STAGE / f"{name}.yaml").read_text())
    metadata = yaml.safe_load((CHARM / "metadata.yaml").read_text())
    options = yaml.safe_load((CHARM / "config.yaml").read_text())["options"]
    endpoints = {e for role in ("peers", "provides", "requires") for e in metadata.get(role, {})}
    state["config"] = {option: value for option, value in state.get("config", {}).items() if option in options}
    state["relations"] = [r for r in state.get("relations", []) if r["endpoint"] in endpoints]
    for container in state["containers"]:
        container["name"] = next(iter(metadata["containers"]))
    return state


def everything():
    state = stage("everything")
    for relation in state["relations"]:
        if relation["endpoint"] == "mongodb":   # a Python charm fails with several hosts
            relation["remote_app_data"] = {"uris": "mongodb://user:password@m0:27017/shop"}
    return state


def world(scratch, name, state):
    path = scratch / f"{name}.yaml"
    path.write_text(yaml.safe_dump(state, sort_keys=False))
    return path


def worlds(scratch):
    """(what, state, events): the events before the last one bring it about."""
    alone = everything()
    alone["relations"] = [r for r in alone["relations"] if r["endpoint"] == "secret-storage"]
    whole = world(scratch, "everything", everything())
    return [
        ("update-status, nothing to do", world(scratch, "alone", alone), ["config-changed", "update-status"]),
        ("config-changed, peers alone", world(scratch, "alone", alone), ["config-changed"]),
        ("config-changed, everything related", whole, ["config-changed"]),
        ("config-changed, everything, again", whole, ["config-changed", "config-changed"]),
        ("first install", world(scratch, "install", stage("install")), ["install"]),
    ]


def with_units(n):
    """n units of our own, and n of the redis application."""
    state = everything()
    for relation in state["relations"]:
        if relation["endpoint"] == "secret-storage":
            relation["peers_data"] = {i: {} for i in range(1, n)}
        if relation["endpoint"] == "redis":
            relation["remote_units_data"] = {i: {"hostname": f"10.1.{i // 250}.{i % 250}", "port": "6379"} for i in range(n)}
    return state


def with_relations(n):
    """The peers, and the first n relations of the whole world."""
    state = everything()
    peers = [r for r in state["relations"] if r["endpoint"] == "secret-storage"]
    others = [r for r in state["relations"] if r["endpoint"] != "secret-storage"]
    others.append({"endpoint": "http-proxy", "id": 90, "remote_app_name": "squid"})
    others.append({"endpoint": "valkey", "id": 91, "remote_app_name": "valkey",
                   "remote_app_data": {"endpoints": "valkey-primary:6379", "secret-user": "secret:c0000000000000000005"}})
    state["relations"] = peers + others[:n]
    return state, min(n, len(others))


# --- The other side. ---

def python_side(notes):
    charm = os.environ.get("PYTHON_CHARM")
    if charm:
        if os.getuid() != 0:
            notes.append("PYTHON_CHARM is not run: its Pebble must be at /charm/containers, which needs root.")
            return None
        CONTAINERS.mkdir(parents=True, exist_ok=True)
        notes.append(f"The Python charm is the prepared folder `{pathlib.Path(charm).name}`.")
        return Side("Python charm", f"{charm}/dispatch", True, mount=True, charm=charm)
    venv = CACHE / f"bench-{PAAS_CHARM}"
    python = venv / "bin" / "python"
    if not (venv / "done").exists():
        shutil.rmtree(venv, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        done = subprocess.run([python, "-m", "pip", "-q", "--disable-pip-version-check", "install", PAAS_CHARM], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            notes.append(f"{PAAS_CHARM} could not be installed, so there is no other side: {done.stdout.strip().splitlines()[-1]}")
            return None
        (venv / "done").touch()
    versions = subprocess.run([python, "-c", "import importlib.metadata as m, platform; print(platform.python_version(), m.version('ops'), m.version('paas-charm'))"],
                              stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    tried = subprocess.run([python, "-c", "import paas_charm.flask"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    missing = re.search(r"No module named '([^']*)'", tried.stderr)
    if tried.returncode:
        notes.append(f"Of the Python charm, paas-charm {versions[2]} is installed, but its charm does not start without the charm libraries that are not on PyPI"
                     + (f" (`{missing.group(1)}` is the first)" if missing else "") + ". What runs is a charm of ops " + versions[1] + " on Python " + versions[0]
                     + " with no code of its own, which asks little and changes nothing: what a Python charm costs before it does anything. "
                     "PYTHON_CHARM=folder measures a whole one.")
    folder = BENCH / "ops-charm"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(STAGE, folder)
    (folder / "src").mkdir()
    (folder / "src" / "charm.py").write_text("import ops\n\n\nclass Charm(ops.CharmBase):\n    pass\n\n\nif __name__ == '__main__':\n    ops.main(Charm)\n")
    (folder / "dispatch").write_text(f"#!/bin/sh\nexec {python} ./src/charm.py\n")
    (folder / "dispatch").chmod(0o755)
    # Compiled once, as it would be on a unit that has run a hook before.
    subprocess.run([python, "-m", "compileall", "-q", folder / "src"], check=True)
    return Side("ops alone", f"{folder}/dispatch", True, charm=str(folder))


# --- What comes out. ---

def machine():
    cpu = next((line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), platform.machine())
    system = dict(line.split("=", 1) for line in pathlib.Path("/etc/os-release").read_text().splitlines() if "=" in line)["PRETTY_NAME"].strip('"')
    return f"{cpu}, {os.cpu_count()} processors, {system}, Linux {platform.release()}; load average {os.getloadavg()[1]:.1f} from whatever else ran"


def time_text(us):
    return f"{us / 1000:.2f} ms" if us < 100_000 else f"{us / 1000:.0f} ms"


def table(results, sides):
    lines = ["| world | | wall | CPU | peak memory | hook tools | processes | connections | to Pebble | system calls | wall, of ours over the socket |",
             "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"]
    for what, row in results:
        for i, side in enumerate(sides):
            m = row[side.name]
            ratio = m["wall"] / row[sides[0].name]["wall"]
            lines.append(f"| {what if i == 0 else ''} | {side.name} | {time_text(m['wall'])} | {time_text(m['cpu'])} | {m['rss'] / 1024:.1f} MB | {m['calls']:.0f} "
                         f"| {m['processes']} | {m['connections']:.0f} | {m['bytes']:.0f} B | {m['syscalls']} | {ratio:.1f}× |")
    return "\n".join(lines)


def growth_table(title, points):
    lines = [f"| {title} | wall | CPU | peak memory | hook tools | system calls |", "|--:|--:|--:|--:|--:|--:|"]
    for n, m in points:
        lines.append(f"| {n} | {time_text(m['wall'])} | {time_text(m['cpu'])} | {m['rss'] / 1024:.1f} MB | {m['calls']:.0f} | {m['syscalls']} |")
    return "\n".join(lines)


def svg_line(x, y, width, height, title, points, keys):
    """A chart of lines with dots; each key has its own scale, from 0 to its largest value."""
    colours = ["#0f6fc6", "#c7162b", "#0e8420"]
    most = max(n for n, _ in points) or 1
    out = [f'<text x="{x}" y="{y - 12}" class="title">{title}</text>', f'<path d="M{x} {y}V{y + height}H{x + width}" class="axis"/>']
    for i, (key, label, scale, unit) in enumerate(keys):
        top = max(m[key] for _, m in points) or 1
        spots = [(x + width * n / most, y + height - height * 0.95 * m[key] / top) for n, m in points]
        out.append(f'<polyline points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in spots)}" fill="none" stroke="{colours[i]}" stroke-width="2"/>')
        out += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colours[i]}"/>' for a, b in spots]
        out.append(f'<text x="{x + 8}" y="{y + 14 + 16 * i}" style="fill:{colours[i]}">{label}: 0 to {top / scale:.1f} {unit}</text>')
    out += [f'<text x="{x + width * n / most:.1f}" y="{y + height + 16}" class="tick">{n}</text>' for n, _ in points]
    return out


def svg(results, sides, units, relations):
    colours = {sides[0].name: "#0f6fc6", sides[1].name: "#77a8d8"}
    out, y, bar = [], 60, 18
    most = max(row[s.name]["wall"] for _, row in results for s in sides)
    out.append('<text x="20" y="30" class="title">Wall time of one hook (medians)</text>')
    for what, row in results:
        out.append(f'<text x="20" y="{y + 13}">{what}</text>')
        for side in sides:
            wall = row[side.name]["wall"]
            width = max(1, 430 * wall / most)
            out.append(f'<rect x="280" y="{y}" width="{width:.1f}" height="{bar - 3}" fill="{colours.get(side.name, "#c7162b")}"/>')
            out.append(f'<text x="{284 + width:.1f}" y="{y + 13}">{time_text(wall)}, {side.name}</text>')
            y += bar
        y += 10
    y += 40
    keys = [("wall", "wall", 1000, "ms"), ("cpu", "CPU", 1000, "ms"), ("rss", "peak memory", 1024, "MB")]
    out += svg_line(40, y, 400, 200, "By units, ours and a related application's", units, keys)
    out += svg_line(520, y, 400, 200, "By relations", relations, keys)
    style = "text{font:12px sans-serif;fill:#333}.title{font-weight:bold;font-size:14px}.tick{text-anchor:middle}.axis{fill:none;stroke:#999}"
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="960" height="{y + 240}" viewBox="0 0 960 {y + 240}"><style>{style}</style>'
            f'<rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(out) + "\n</svg>\n")


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    notes = []
    sides = [Side("dispatch, socket", DISPATCH, False), Side("dispatch, executables", DISPATCH, True)]
    other = python_side(notes)
    if other:
        sides.append(other)
    with tempfile.TemporaryDirectory() as temporary:
        scratch = pathlib.Path(temporary)
        results = []
        for what, state, events in worlds(scratch):
            results.append((what, measure(sides, state, events, rounds, scratch, what, notes)))
            print(what, {k: time_text(v["wall"]) for k, v in results[-1][1].items()}, flush=True)
        floor = measure([Side("empty program", str(BENCH / "empty"), False)], world(scratch, "everything", everything()), ["config-changed"], rounds, scratch)["empty program"]
        units, relations = [], []
        for n in (1, 10, 100, 500):
            units.append((n, measure(sides[:1], world(scratch, f"units-{n}", with_units(n)), ["config-changed", "config-changed"], rounds, scratch)[sides[0].name]))
        for n in (0, 1, 2, 4, 8, 12, 17):
            state, n = with_relations(n)
            relations.append((n, measure(sides[:1], world(scratch, f"relations-{n}", state), ["config-changed", "config-changed"], rounds, scratch)[sides[0].name]))
    text = f"""# What a hook costs

Written by `./build.sh bench`; medians of {rounds} runs that took turns, on {machine()}.

![wall time by world, units and relations](bench.svg)

{table(results, sides)}

Hook tools are those that the agent was asked for; connections are those to the agent and to Pebble. The executables are a small static C
program here; Juju's own are in Go and take longer to start. A program that does nothing takes {time_text(floor['wall'])} on the same way.

{chr(10).join(notes)}

## By units

So many units of our own, and as many of a related application; everything is related, and nothing has changed.

{growth_table('units', units)}

## By relations

{growth_table('relations', relations)}
"""
    pages = ROOT / "docs" / "reference"
    (pages / "bench.md").write_text(text)
    (pages / "bench.svg").write_text(svg(results, sides, units, relations))
    (BENCH / "results.json").write_text(json.dumps({"worlds": results, "units": units, "relations": relations, "floor": floor, "notes": notes}, indent=1))
    print(text)


if __name__ == "__main__":
    main()
