"""The project's own cases: a world, an event, and what must come of it, by `dispatch run` on the simulator.

tests/cases/*.yaml are lists of cases. A case says

    name            what it is about
    framework       flask, django, fastapi, go, expressjs, spring-boot; generation: 1 or 2 (default 2)
    requires        endpoints of the charm: a list of names from INTEGRATIONS below, or a map as in charmcraft.yaml
    options         options of the charm's own, as under config.options of charmcraft.yaml
    files           files of the charm's folder: name: text
    event           default config-changed; a list runs one after another, and the last one counts
    params          of an action
    state           the world, in the state file's words. Without containers: the framework's image, services not running.
                    A peer relation with a secret key is added, unless `peer: false`.

and expects

    status          "active", or "blocked: message" (of the unit; of the application too, where the unit is the leader)
    env             variables of the main service: a value, or null for one that must not be there
    environment     the same, and no variable besides
    bags            "endpoint:id application" or "... unit": keys: value, or null; JSON is compared as JSON
    commands        what was run in the container, in order, each as one line
    files           (under expect) path: a list of texts that it holds, or null
    services, ports, log, exit_code, result, failure

After every case config-changed runs once more and must write nothing, unless `again: writes`."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import yaml

import checks

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
DISPATCH = os.environ.get("DISPATCH", str(pathlib.Path(os.environ.get("BUILD", ROOT / "build")) / "dispatch"))

INTEGRATIONS = {
    "ingress": "ingress", "logging": "loki_push_api", "postgresql": "postgresql_client", "mysql": "mysql_client", "mongodb": "mongodb_client",
    "redis": "redis", "valkey": "valkey_client", "s3": "s3", "saml": "saml", "rabbitmq": "rabbitmq", "tracing": "tracing",
    "smtp": "smtp", "openfga": "openfga", "oidc": "oauth", "http-proxy": "http_proxy",
}
BASES = {
    ("flask", 1): "ubuntu@22.04", ("django", 1): "ubuntu@22.04", 1: "ubuntu@24.04", 2: "ubuntu@26.04",
}
IMAGES = {
    "flask": {"override": "replace", "startup": "enabled", "command": "/bin/python3 -m gunicorn -c /flask/gunicorn.conf.py app:app -k [ sync ]", "user": "_daemon_"},
    "django": {"override": "replace", "startup": "enabled", "command": "/bin/python3 -m gunicorn -c /django/gunicorn.conf.py shop.wsgi:application -k [ sync ]", "user": "_daemon_"},
    "fastapi": {"override": "replace", "startup": "enabled", "command": "/bin/python3 -m uvicorn app:app", "user": "_daemon_"},
    "go": {"override": "replace", "startup": "enabled", "command": "/usr/local/bin/shop", "user": "_daemon_"},
    "expressjs": {"override": "replace", "startup": "enabled", "command": "npm start", "user": "_daemon_"},
    "spring-boot": {"override": "replace", "startup": "enabled", "command": "java -jar /app/shop.jar", "user": "_daemon_"},
}
CASE_KEYS = {"name", "framework", "generation", "requires", "options", "files", "event", "params", "state", "peer", "expect", "again", "why"}
EXPECT_KEYS = {"status", "env", "environment", "bags", "commands", "files", "services", "ports", "log", "exit_code", "result", "failure"}


def check(condition, case, what):
    checks.check(condition, f"{case['file']}: {case['name']}: {what}")


def charmcraft(case):
    framework, generation = case["framework"], case.get("generation", 2)
    requires = case.get("requires", [])
    if isinstance(requires, list):
        requires = {name: {"interface": INTEGRATIONS[name], "optional": True, "limit": 1} for name in requires}
    return {
        "name": "shop", "type": "charm", "base": BASES.get((framework, generation), BASES[generation]), "platforms": {"amd64": None},
        "summary": "A shop", "description": "It sells.", "extensions": [f"{framework}-framework"],
        "requires": {name: value for name, value in requires.items() if name not in ("ingress", "logging")},
        "config": {"options": case.get("options", {})},
    }


def complete(case):
    """The state with what nearly every case would have to say again."""
    framework, generation = case["framework"], case.get("generation", 2)
    state = json.loads(json.dumps(case.get("state") or {}))
    container = f"{framework}-app" if generation == 1 and framework in ("flask", "django") else "app"
    state.setdefault("containers", [{"name": container, "layers": {"image": {"services": {framework: IMAGES[framework]}}}}])
    if case.get("peer", True):
        state.setdefault("relations", []).append({"endpoint": "secret-storage", "id": 90, "local_app_data": {f"{framework}_secret_key": "generated-key"}})
    return state


def same(got, want):
    """Two databag values; JSON in any order of keys."""
    if got == want:
        return True
    try:
        return json.loads(got) == json.loads(want)
    except (TypeError, ValueError):
        return False


def bag_of(state, name):
    relation, side = name.split()
    endpoint, number = relation.rsplit(":", 1)
    for one in state["relations"]:
        if one["endpoint"] == endpoint and one["id"] == int(number):
            return one["local_app_data" if side == "application" else "local_unit_data"]
    return {}


def judge(case, world, report, state):
    expect = case["expect"]
    service = report["services"].get(case["framework"], {})
    env = service.get("environment", {})
    changes = report["changes"]
    status = report["unit_status"]
    shown = status["name"] + (f": {status['message']}" if status["message"] else "")
    check(report["exit_code"] == expect.get("exit_code", 0), case, f"exit code {report['exit_code']}")
    if "status" in expect:
        check(shown == expect["status"], case, f"status {shown!r}, want {expect['status']!r}")
        if world.get("leader", True) and not case.get("params"):
            check(report["app_status"] == status, case, f"the application's status is {report['app_status']}")
    for name, value in expect.get("env", {}).items():
        check(env.get(name) == value, case, f"{name} is {env.get(name)!r}, want {value!r}")
    if "environment" in expect:
        for name in sorted(set(env) | set(expect["environment"])):
            check(env.get(name) == expect["environment"].get(name), case, f"{name} is {env.get(name)!r}, want {expect['environment'].get(name)!r}")
    for name, data in expect.get("bags", {}).items():
        bag = bag_of(state, name)
        for key, value in data.items():
            check(same(bag.get(key), value), case, f"databag {name}: {key} is {bag.get(key)!r}, want {value!r}")
    if "commands" in expect:
        commands = [" ".join(c["command"]) for c in changes if c["kind"] == "exec"]
        check(commands == expect["commands"], case, f"commands {commands}")
    files = {path: text for c in state["containers"] for path, text in c.get("files", {}).items()}
    for path, parts in expect.get("files", {}).items():
        if parts is None:
            check(path not in files, case, f"{path} is there")
            continue
        for part in parts:
            check(part in files.get(path, ""), case, f"{path} lacks {part!r}: {files.get(path)!r}")
    for name, current in expect.get("services", {}).items():
        got = report["services"].get(name, {}).get("current")
        check(got == current, case, f"service {name} is {got}")
    if "ports" in expect:
        check(report["opened_ports"] == expect["ports"], case, f"ports {report['opened_ports']}")
    log = "\n".join(f"{line['level']} {line['message']}" for line in report["log"])
    for part in expect.get("log", []):
        check(part in log, case, f"the log lacks {part!r}: {log!r}")
    if "result" in expect:
        results = {k: v for c in changes if c["kind"] == "action-set" for k, v in c["results"].items()}
        for key, value in expect["result"].items():
            check(results.get(key) == value or (value == "any" and results.get(key)), case, f"result {key} is {results.get(key)!r}")
    if "failure" in expect:
        failures = [c["message"] for c in changes if c["kind"] == "action-fail"]
        check(failures == [expect["failure"]], case, f"failures {failures}")


def run(case, folder):
    unknown = set(case) - CASE_KEYS - {"file"} | set(case["expect"]) - EXPECT_KEYS
    assert not unknown, f"{case['file']}: {case['name']}: unknown keys {unknown}"
    (folder / "charmcraft.yaml").write_text(yaml.safe_dump(charmcraft(case), sort_keys=False))
    for name, text in case.get("files", {}).items():
        (folder / name).write_text(text)
    state = complete(case)
    (folder / "state.json").write_text(json.dumps(state))
    events = case.get("event", "config-changed")
    events = events if isinstance(events, list) else [events]
    command = [DISPATCH, "run", *events, "config-changed", "--state", str(folder / "state.json"), "--charm", str(folder), "--format", "json", "--show-secrets", "--output", str(folder / "after.json")]
    for name, value in case.get("params", {}).items():
        command += ["--param", f"{name}={value}"]
    if case["expect"].get("exit_code"):
        command.remove("config-changed")
    done = subprocess.run(command, capture_output=True, text=True)
    try:
        reports = json.loads(done.stdout)
        after = json.loads((folder / "after.json").read_text())
    except (ValueError, OSError):
        check(False, case, f"exit {done.returncode}: {done.stderr.strip()} {done.stdout[:500]}")
        return
    reports = reports if isinstance(reports, list) else [reports]
    if len(reports) > len(events):
        last = reports.pop()
        if case.get("again") != "writes":
            check(not last["changes"], case, f"the next event writes: {last['changes']}")
    judge(case, state, reports[-1], after)


def main():
    count = 0
    for file in sorted((HERE / "cases").glob("*.yaml")):
        for case in yaml.safe_load(file.read_text()):
            case["file"] = file.name
            if len(sys.argv) > 1 and sys.argv[1] not in f"{file.name} {case['name']}":
                continue
            count += 1
            with tempfile.TemporaryDirectory() as folder:
                run(case, pathlib.Path(folder))
    print(f"{count} cases")
    return checks.end()


if __name__ == "__main__":
    sys.exit(main())
