"""The command line, end to end: what a person types, what comes back, and what a wrong word gets."""
import fcntl
import json
import os
import pathlib
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios

from checks import check, end

ROOT = pathlib.Path(__file__).resolve().parent.parent
DISPATCH = os.environ.get("DISPATCH", str(pathlib.Path(os.environ.get("BUILD", ROOT / "build")) / "dispatch"))

CHARMCRAFT = """\
name: shop
type: charm
base: ubuntu@26.04
platforms: {amd64: }
summary: A shop
description: It sells.
extensions: [flask-framework]
requires:
  postgresql: {interface: postgresql_client, optional: true, limit: 1}
  analytics: {interface: postgresql_client, optional: true, limit: 1}
  redis: {interface: redis, optional: true, limit: 1}
  oidc: {interface: oauth, optional: true, limit: 1}
  other: {interface: other, optional: true}
%s
config:
  options:
    greeting: {type: string, default: hello}
    size: {type: int}
"""
INTEGRATIONS = {
    "mysql": "mysql_client", "mongodb": "mongodb_client", "valkey": "valkey_client", "s3": "s3", "saml": "saml", "rabbitmq": "rabbitmq",
    "tracing": "tracing", "smtp": "smtp", "openfga": "openfga", "http-proxy": "http_proxy",
}
STATE = """\
relations:
  - {endpoint: secret-storage, id: 1, local_app_data: {flask_secret_key: generated-key}}
containers:
  - name: app
    layers:
      image:
        services:
          flask: {override: replace, startup: enabled, command: '/bin/python3 -m gunicorn -c /flask/gunicorn.conf.py app:app -k [ sync ]', user: _daemon_}
"""


def run(*args, cwd=None, text=None, **env):
    """Exit code, stdout, stderr, in an environment of nothing but PATH and what is given."""
    done = subprocess.run([DISPATCH, *args], cwd=cwd or HERE, env={"PATH": os.environ["PATH"]} | env, input=text, stdin=None if text else subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def wrong(name, args, want, code=2, **more):
    """Wrong use is one line that says what and where."""
    rc, out, err = run(*args, **more)
    check(rc == code and out == "" and err.count("\n") == 1 and want in err, f"{name}: {rc} {out!r} {err!r}")


def right(name, args, *want, **more):
    rc, out, err = run(*args, **more)
    check(rc == 0 and err == "", f"{name}: exit {rc}, {err!r}")
    for part in want:
        check(part in out, f"{name}: no {part!r} in:\n{out}")
    return out


def test_help():
    rc, out, err = run()
    check(rc == 2 and out == "" and "dispatch COMMAND --help" in err, f"nothing: {rc}")
    out = right("help", ["--help"], "dispatch COMMAND --help")
    check(out == right("help", ["help"]), "--help and help differ")
    names = re.findall(r"^  ([a-z]+)  ", out, re.M)
    check(len(names) >= 15, f"commands {names}")
    for name in [None, *names]:
        text = right(f"help {name}", [name, "--help"] if name else ["-h"])
        lines = text.splitlines()
        check(len(lines) <= 24, f"help of {name}: {len(lines)} lines")
        check(all(len(line) <= 80 for line in lines), f"help of {name}: {max(lines, key=len)!r}")
        if name:
            check(text == right(f"help {name}", ["help", name]), f"help {name} and {name} --help differ")
    wrong("help of nothing", ["help", "frob"], "no command 'frob'")
    right("version", ["version"], "dispatch ")
    right("--version", ["--version"], "dispatch ")
    parts = json.loads(right("version --json", ["version", "--json"]))
    check({"cjson", "libyaml", "mbedtls"} <= {c["name"] for c in parts["components"]}, f"components {parts}")
    check(all("version" in c and "licence" in c for c in parts["components"]), "components without version")


def test_wrong_use():
    wrong("an unknown command", ["frob"], "no command 'frob'")
    wrong("an unknown option", ["run", "start", "--foo"], "unknown option '--foo'")
    wrong("an option without value", ["run", "start", "--set"], "--set needs a value: OPTION=VALUE")
    wrong("a switch with a value", ["run", "start", "--trace=yes"], "--trace takes no value")
    wrong("an option twice", ["run", "start", "--charm", "a", "--charm", "b"], "--charm is given twice")
    wrong("no event", ["run"], "which event?")
    wrong("too few words", ["plan"], "usage: dispatch plan EVENT")
    wrong("too many words", ["plan", "start", "stop"], "too much: 'stop'")
    wrong("an unknown event", ["run", "confg-changed"], "no event or action 'confg-changed'")
    wrong("an event of an unknown endpoint", ["run", "db-relation-changed"], "the charm has no endpoint 'db'")
    wrong("an event without relation", ["run", "redis-relation-changed"], "--relate redis adds one")
    wrong("an unknown option of the charm", ["run", "start", "--set", "colour=red"], "colour: the charm has no such option")
    wrong("a value of another type", ["run", "start", "--set", "size=big"], "size: the option's type is int")
    wrong("no pair", ["run", "start", "--set", "size"], "expected OPTION=VALUE")
    wrong("no pair, either", ["run", "start", "--param", "=x"], "expected NAME=VALUE")
    wrong("leader is no word", ["run", "start", "--leader", "maybe"], "expected yes or no")
    wrong("an unknown format", ["run", "start", "--format", "xml"], "expected text or json")
    wrong("an unknown format of a plan", ["plan", "start", "--format", "xml"], "expected text or json")
    wrong("an unknown format of an explanation", ["explain", "X", "--format", "xml"], "expected text or json")
    wrong("an unknown picture", ["graph", "--format", "png"], "expected mermaid, dot or svg")
    wrong("an unknown relation", ["run", "start", "--relate", "db"], "the charm has no such endpoint; it has: ")
    wrong("a relation without example", ["run", "start", "--relate", "other"], "no example data for interface other")
    wrong("no such state", ["run", "start", "--state", "nope.yaml"], "nope.yaml: no such file")
    wrong("no such charm", ["run", "start", "--charm", "/nope", "--state", "state.yaml"], "/nope: neither metadata.yaml nor charmcraft.yaml")
    wrong("two formats", ["env", "--json", "--export"], "choose one of")
    wrong("no such shell", ["completion", "tcsh"], "there is bash, zsh, fish")
    wrong("no such page", ["docs", "nothing"], "no page 'nothing'")
    wrong("no such script", ["run", "--script", "nope"], "nope: no such file")
    wrong("no hook", ["snapshot"], "juju exec")
    wrong("a directory for a state", ["run", "start", "--state", "/"], "/")
    for name, text, want in [
        ("bad.yaml", "relations:\n  - endpoint: db\n", "bad.yaml:2:"),
        ("bad.yaml", "leader: true\ncolour: red\n", "bad.yaml:2:1: unknown key 'colour'"),
        ("bad.yaml", "a: [\n", "bad.yaml:2:1"),
        ("bad.json", '{"leader": true,\n "colour": "red"}', "bad.json:2:"),
        ("bad.json", '{"leader": tru', "bad.json:1:"),
        ("bad.yaml", "[" * 200, "bad.yaml:1:"),
        ("bad.yaml", "a: \xff\n", "bad.yaml"),
    ]:
        (HERE / name).write_text(text, encoding="latin-1")
        wrong(f"{name} {text[:20]!r}", ["run", "start", "--state", name], want)
        (HERE / name).unlink()
    for text, want in [
        ("a: b\n", "events.yaml:1:1: expected a list of events"), ("- 5\n", "expected an event"), ("- {set: {}}\n", "expected an event"),
        ("- {event: start, colour: red}\n", "unknown key 'colour'"), ("- {event: start, set: {colour: red}}\n", "events.yaml:1:"), ("- [\n", "events.yaml:2:"),
        ("- {event: start, relate: nope}\n", "no such endpoint"), ("- {event: start, relate: [nope]}\n", "no such endpoint"), ("- {event: start, leader: x}\n", "expected yes or no"),
    ]:
        (HERE / "events.yaml").write_text(text)
        wrong(f"script {text!r}", ["run", "--script", "events.yaml"], want)


def test_run():
    out = right("run", ["run", "config-changed"], "config-changed on shop/0", "shop/0*  active", "Open ports: 8000/tcp", "  flask  active", "FLASK_BASE_URL", "http://shop.local:8000",
                "--check-config", "replan", "FLASK_GREETING")
    check("generated-key" not in out and "***" in out, "a secret is shown")
    check("\033" not in out, "colours in a pipe")
    check("generated-key" in right("secrets", ["run", "config-changed", "--show-secrets"]), "--show-secrets hides")
    right("a follower", ["run", "config-changed", "--leader=no"], "shop/0  active")
    right("blocked", ["run", "config-changed", "--set", "webserver-worker-class=x"], "blocked", "Only 'gevent' and 'sync' are allowed.")
    right("stop", ["run", "stop"], "Nothing to do")
    right("--", ["run", "--", "config-changed"], "active")
    right("unset", ["run", "config-changed", "--set", "greeting=hi", "--set", "greeting=null"], "hello")
    right("an action", ["run", "rotate-secret-key"], "result", "status = success", "flask_secret_key = ***")
    right("an action that fails", ["run", "rotate-secret-key", "--leader", "no"], "action-fail", "only leader unit can rotate secret key")
    right("a relation", ["run", "config-changed", "--relate", "redis"], "REDIS_DB_HOSTNAME")
    right("by interface", ["run", "config-changed", "--relate", "oauth"], "Ingress relation is required")
    right("its event", ["run", "redis-relation-changed", "--relate", "redis"], "redis-relation-changed on shop/0")
    right("from stdin", ["run", "config-changed", "--state", "-", "--charm", "."], "active", text=STATE)

    report = json.loads(right("json", ["run", "config-changed", "--format", "json", "--relate", "postgresql"]))
    check(report["unit_status"] == {"name": "active", "message": ""} and report["exit_code"] == 0 and report["leader"] is True, f"report {report}")
    check(report["environment"]["POSTGRESQL_DB_PASSWORD"] == "***" and report["services"]["flask"]["environment"]["POSTGRESQL_DB_CONNECT_STRING"] == "***", "JSON shows secrets")
    check("example-password" not in json.dumps(report), "JSON shows a password")
    check(any(c["kind"] == "relation-set" and c["relation"] == "postgresql:2" and c["bag"] == "application" and c["data"]["database"] == "shop" for c in report["changes"]), "changes")
    check(any(line["level"] == "INFO" for line in report["log"]), "log")

    # A sequence goes on with one world; the second event has nothing to do.
    reports = json.loads(right("sequence", ["run", "install", "config-changed", "start", "--format", "json"]))
    check([r["event"] for r in reports] == ["install", "config-changed", "start"] and reports[0]["changes"] and not reports[1]["changes"] and not reports[2]["changes"], "sequence")
    out = right("sequence", ["run", "install", "update-status"], "install on shop/0", "\nupdate-status on shop/0", "Nothing to do")

    for name in ("after.yaml", "after.json"):
        right(name, ["run", "config-changed", "--relate", "redis", "--output", name])
        check((HERE / name).stat().st_mode & 0o77 == 0, f"{name}: others may read its secrets")
        right(f"from {name}", ["run", "update-status", "--state", name, "--charm", "."], "Nothing to do")
        (HERE / name).unlink()
    state = right("to stdout", ["run", "config-changed", "--output", "-"], "unit_status:\n  name: active")
    check("Services in" not in state, "the report is in the state")
    check(json.loads(right("as JSON", ["run", "config-changed", "--output", "json"]))["opened_ports"] == ["8000/tcp"], "--output json")
    rc, out, err = run("run", "config-changed", "--output", "/nope/x.yaml")
    check(rc == 1 and "/nope/x.yaml" in err, f"an output that cannot be written: {rc} {err!r}")

    rc, out, err = run("run", "config-changed", "--trace")
    check(rc == 0 and " ms " in err and "config-get" in err and "POST /v1/layers" in err and "observe" in err, f"trace: {err!r}")
    check("generated-key" not in err, "the trace shows values")

    (HERE / "events.yaml").write_text("- install\n- {event: config-changed, set: {greeting: hi, size: 5}, relate: redis, leader: true}\n- {event: config-changed, set: {size: null}, relate: [postgresql]}\n"
                                      "- {event: rotate-secret-key, params: {x: y}}\n")
    reports = json.loads(right("script", ["run", "--script", "events.yaml", "--format", "json"]))
    env = [r["services"]["flask"]["environment"] for r in reports]
    check(env[0]["FLASK_GREETING"] == "hello" and env[1]["FLASK_GREETING"] == "hi" and env[1]["FLASK_SIZE"] == "5" and "FLASK_SIZE" not in env[2], "script")
    check("REDIS_DB_PORT" in env[1] and "POSTGRESQL_DB_PORT" not in env[1] and "POSTGRESQL_DB_PORT" in env[2], "relations of a script")


def test_relate():
    """Each integration has an example that the charm takes: it is active, and has variables of it."""
    listed = "\n".join(f"  {name}: {{interface: {interface}, optional: true, limit: 1}}" for name, interface in INTEGRATIONS.items())
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "charmcraft.yaml").write_text(CHARMCRAFT % listed)
        (folder / "state.yaml").write_text(STATE)
        prefixes = {"http-proxy": "http_proxy", "tracing": "OTEL_", "openfga": "FGA_", "mysql": "MYSQL_DB_", "mongodb": "MONGODB_DB_", "analytics": "ANALYTICS_DB_"}
        for name in [*INTEGRATIONS, "analytics"]:
            args = ["run", "config-changed", "update-status", "--relate", name, "--format", "json", "--charm", str(folder)]
            reports = json.loads(right(f"--relate {name}", args + (["--relate", "postgresql"] if name == "analytics" else [])))
            check(reports[0]["unit_status"] == {"name": "active", "message": ""}, f"--relate {name}: {reports[0]['unit_status']}")
            prefix = prefixes.get(name, name.upper())
            check(any(v.startswith(prefix) for v in reports[0]["environment"]), f"--relate {name}: no variable {prefix}: {list(reports[0]['environment'])}")
            check(not reports[1]["changes"], f"--relate {name}: it writes twice")
        for name in ("ingress", "logging", "metrics-endpoint", "grafana-dashboard"):
            right(f"--relate {name}", ["run", "config-changed", "--relate", name, "--charm", str(folder)], "active")
        out = right("everything", ["run", "config-changed", "--charm", str(folder), *[a for n in [*INTEGRATIONS, "oidc", "ingress", "redis", "postgresql"] for a in ("--relate", n)]], "shop/0*  active")
        for secret in ("example-password", "example-token", "example-client-secret", "example-secret-key", "generated-key"):
            check(secret not in out, f"{secret} is shown")


def test_hook():
    env = {"JUJU_DISPATCH_PATH": "hooks/config-changed", "DISPATCH_STATE": "state.yaml"}
    right("a hook", [], "config-changed on shop/0", "active", **env)
    right("with variables", [], "config-changed on store/3", "http://store.prod:8000", **env, JUJU_UNIT_NAME="store/3", JUJU_MODEL_NAME="prod", JUJU_VERSION="3.5.0")
    right("an action", [], "status = success", **env | {"JUJU_DISPATCH_PATH": "actions/rotate-secret-key"})
    right("an empty state's name", ["version"], "dispatch ", **env | {"DISPATCH_STATE": ""})
    wrong("an empty state's name", [], "DISPATCH_STATE", 1, JUJU_DISPATCH_PATH="hooks/config-changed", DISPATCH_STATE="", PATH="/nope")
    check(run(JUJU_DISPATCH_PATH="") == run(), "an empty path is none")
    right("an unknown event", [], "Nothing to do", **env | {"JUJU_DISPATCH_PATH": "hooks/brand-new"})
    right("from elsewhere", [], "active", cwd="/", **env | {"DISPATCH_STATE": str(HERE / "state.yaml")})
    right("the model's proxy", [], "http://p:1", **env, JUJU_CHARM_HTTP_PROXY="http://p:1")
    (HERE / "related.yaml").write_text(STATE.replace("relations:\n", "relations:\n  - {endpoint: redis, id: 5, remote_app_name: r}\n  - {endpoint: redis, id: 6, remote_app_name: s}\n"))
    right("a relation's id", [], "redis-relation-joined on shop/0", **env | {"DISPATCH_STATE": "related.yaml", "JUJU_DISPATCH_PATH": "hooks/redis-relation-joined", "JUJU_RELATION_ID": "redis:6", "JUJU_REMOTE_UNIT": "s/0"})
    wrong("which relation", [], "several relations", 1, **env | {"DISPATCH_STATE": "related.yaml", "JUJU_DISPATCH_PATH": "hooks/redis-relation-joined"})
    wrong("no state", [], "nope.yaml: no such file", 1, **env | {"DISPATCH_STATE": "nope.yaml"})
    wrong("no carrier", [], "DISPATCH_STATE", 1, JUJU_DISPATCH_PATH="hooks/config-changed", PATH="/nope")
    (HERE / "bad.yaml").write_text("colour: red\n")
    wrong("a bad state", [], "bad.yaml:1:", 1, **env | {"DISPATCH_STATE": "bad.yaml"})


def test_plan():
    out = right("plan", ["plan", "config-changed", "--relate", "redis"], "plan for config-changed on shop/0: ", "changes, none made", "\nstatus of the unit\n- unknown\n+ active", "\nports\n+ 8000/tcp",
                "+ services flask environment REDIS_DB_PORT = 6379", "file /flask/gunicorn.conf.py (new)", "+ chdir = '/flask/app'", "! /bin/python3 -m gunicorn", "! replan")
    check("generated-key" not in out and "FLASK_SECRET_KEY = ***" in out, "the plan shows a secret")
    check("generated-key" in right("plan", ["plan", "config-changed", "--show-secrets"]), "--show-secrets hides")
    run("run", "config-changed", "--relate", "redis", "--output", "after.yaml")
    after = ["--state", "after.yaml", "--charm", "."]
    check(right("settled", ["plan", "config-changed", *after]) == "plan for config-changed on shop/0: nothing to change\n", "a plan of nothing")
    out = right("a change", ["plan", "config-changed", *after, "--set", "webserver-workers=4", "--set", "greeting=hi"], "- services flask environment FLASK_GREETING = hello", "+ services flask environment FLASK_GREETING = hi",
                "file /flask/gunicorn.conf.py\n+ workers = 4\n")
    check("chdir" not in out, "unchanged lines are in the diff")
    right("to blocked", ["plan", "config-changed", *after, "--set", "webserver-worker-class=x"], "- active", "+ blocked: Only 'gevent'")
    right("an action", ["plan", "rotate-secret-key", *after], "the action's results", "+ status = success", "databag of our application, secret-storage:1", "flask_secret_key = ***")
    right("a refused action", ["plan", "rotate-secret-key", *after, "--leader=no"], "the action fails", "only leader unit")
    plan = json.loads(right("json", ["plan", "config-changed", "--format", "json"]))
    check(plan["status"]["name"] == "active" and plan["port"] == "8000/tcp" and [s["kind"] for s in plan["steps"]].count("layer") == 1, f"{plan}")
    check(json.loads(right("json", ["plan", "config-changed", "--format", "json", *after]))["steps"] == [], "steps of nothing")
    before = (HERE / "state.yaml").read_bytes()
    check(before == STATE.encode(), "the plan wrote to the state")
    check(right("text", ["plan", "config-changed", "--format", "text", *after]) == right("text", ["plan", "config-changed", *after]), "--format text differs")
    wrong("no world", ["plan", "start", "--state", "/nope"], "/nope")
    # One thing that differs: it alone is shown, and counted.
    settled = json.loads(right("state", ["run", "stop", "--output", "json", *after]))

    def differing(change):
        world = json.loads(json.dumps(settled))
        change(world)
        (HERE / "differing.json").write_text(json.dumps(world))
        return ["--state", "differing.json", "--charm", "."]

    conf = "/flask/gunicorn.conf.py"
    right("other ports", ["plan", "config-changed", *differing(lambda w: w.update(opened_ports=["1/tcp", "2/udp"]))], ": 1 change, none made\n\nports\n- 1/tcp\n- 2/udp\n+ 8000/tcp\n")
    peer = differing(lambda w: [r["local_app_data"].update(old="x") for r in w["relations"] if r["endpoint"] == "secret-storage"])
    right("more than ours", ["plan", "config-changed", *peer], "nothing to change")
    app = differing(lambda w: w.update(app_status={"name": "blocked", "message": "  long ago "}))
    check("\nstatus of the application\n- blocked: long ago\n+ active\n" in right("a status", ["plan", "config-changed", *app]), "the application's status")
    check("status of the application" not in right("a follower", ["plan", "config-changed", "--leader=no", *app]), "a follower sets the application's status")
    long = right("a long file", ["plan", "config-changed", *differing(lambda w: w["containers"][0]["files"].update({conf: "x\n" * 2001}))])
    check(long.count("\n- x") == 2001 and "\n+ chdir" in long, "a long file is not replaced as a whole")
    check("- x\n" in right("an empty line's file", ["plan", "config-changed", *differing(lambda w: w["containers"][0]["files"].update({conf: "x"}))]), "a file without a last newline")
    right("a file that is gone", ["plan", "config-changed", *differing(lambda w: w["containers"][0]["files"].pop(conf))], f"file {conf} (new)\n")
    layers = lambda w: [layer["services"]["flask"] for layer in w["containers"][0]["layers"].values() if "flask" in layer.get("services", {})]
    bare = differing(lambda w: [service.pop("environment", None) for service in layers(w)])
    right("no environment", ["plan", "config-changed", *bare], "+ services flask environment FLASK_GREETING = hello\n")
    facts = json.loads(right("facts", ["plan", "config-changed", "--format", "json", *differing(lambda w: w["containers"][0].update(can_connect=False))]))
    check(facts["steps"] == [] and facts["status"]["name"] == "waiting" and facts["exit_code"] == 0, f"{facts}")
    facts = json.loads(right("facts", ["plan", "rotate-secret-key", "--format", "json", *after, "--leader=no"]))
    check("status" not in facts and "port" not in facts and facts["databags"] == [], f"{facts}")
    facts = json.loads(right("facts", ["plan", "stop", "--format", "json", *after]))
    check(facts == {"event": "stop", "unit": "shop/0", "exit_code": 0, "databags": [], "steps": []}, f"{facts}")
    (HERE / "differing.json").unlink()
    (HERE / "after.yaml").unlink()


def test_env():
    out = right("env", ["env", "--relate", "postgresql"], "POSTGRESQL_DB_PASSWORD=example-password\n", "FLASK_GREETING=hello\n")
    check(out.splitlines() == sorted(out.splitlines()), "not sorted")
    values = json.loads(right("json", ["env", "--json", "--relate", "postgresql", "--set", "greeting=it's \"$HOME\" `x` \\ \n two"]))
    check(values["FLASK_GREETING"] == "it's \"$HOME\" `x` \\ \n two", f"{values['FLASK_GREETING']!r}")
    script = right("export", ["env", "--export", "--set", "greeting=it's \"$HOME\" `x` \\ \n two"])
    shown = subprocess.run(["sh", "-c", f"{script}\nprintf %s \"$FLASK_GREETING\""], capture_output=True, text=True).stdout
    check(shown == values["FLASK_GREETING"], f"a shell reads {shown!r}")
    right("dotenv", ["env", "--dotenv", "--set", "greeting=a\"b$c\nd"], 'FLASK_GREETING="a\\"b\\$c\\nd"\n')
    rc, out, err = run("env", "--set", "webserver-worker-class=x", "--event", "install")
    check(rc == 0 and "FLASK_BASE_URL=" in out and "the unit would be blocked: Only" in err, f"env of a blocked unit: {rc} {err}")
    rc, out, err = run("env", "--set", "flask-permanent-session-lifetime=0")
    check(rc == 1 and "invalid options" in err and out == "", f"env of bad options: {rc} {out!r} {err!r}")


def test_explain():
    for args, want in [
        (["FLASK_GREETING"], ["hello", "option greeting, its default \"hello\""]),
        (["FLASK_GREETING", "--set", "greeting=hi"], ["hi", "option greeting, set by the user", "without   hello, from option greeting, its default"]),
        (["FLASK_SECRET_KEY"], ["***", "generated secret key"]),
        (["flask_greeting"], ["FLASK_GREETING"]),
        (["REDIS_DB_HOSTNAME", "--relate", "redis"], ["relation redis:2", "without   not set", "migrations"]),
        (["POSTGRESQL_DB_PASSWORD", "--relate", "postgresql"], ["***", "relation postgresql:2"]),
        (["status"], ["active", "All is as it should be."]),
        (["blocked", "--set", "webserver-worker-class=x"], ["blocked: Only 'gevent'", "because", "cure", "juju config"]),
        (["waiting"], ["status    active", "not waiting in this world"]),
        (["missing integrations: redis"], ["juju integrate", "not this world's"]),
        (["Django requires a database integration to work"], ["No database has sent its data."]),
    ]:
        out = right(f"explain {args}", ["explain", *args], *want)
        check("generated-key" not in out and "example-password" not in out, f"explain {args} shows a secret")
    facts = json.loads(right("json", ["explain", "FLASK_GREETING", "--format", "json"]))
    check(facts["value"] == "hello" and facts["variable"] == "FLASK_GREETING", f"{facts}")
    wrong("no such variable", ["explain", "FLASK_GREETINGS"], "did you mean FLASK_GREETING?", 1)
    wrong("nothing like it", ["explain", "XYZ"], "no variable 'XYZ'", 1)
    wrong("of a blocked unit", ["explain", "XYZ", "--set", "webserver-worker-class=x"], "blocked: Only", 1)


def test_graph():
    right("mermaid", ["graph", "--relate", "redis"], "flowchart LR\n", "redis-k8s", "REDIS_DB_* (9)", "-.- app")
    right("mermaid", ["graph", "--relate", "postgresql", "--relate", "ingress"], "POSTGRESQL_DB_* (12)<br>out: requested-secrets, provided-secrets, database, ... (4)", "in: FLASK_BASE_URL")
    out = right("dot", ["graph", "--relate", "redis", "--format", "dot"], "digraph app {", "redis-k8s", "}\n")
    check(out.count("{") == out.count("}"), "braces")
    if shutil.which("dot"):
        check(subprocess.run(["dot", "-Tsvg"], input=out, capture_output=True, text=True).returncode == 0, "graphviz refuses it")
    run("graph", "--relate", "redis", "--format", "svg", "--output", "graph.svg")
    import xml.dom.minidom
    svg = xml.dom.minidom.parse(str(HERE / "graph.svg"))
    check(svg.documentElement.tagName == "svg" and "redis-k8s" in svg.toxml(), "svg")
    check(len(svg.getElementsByTagName("line")) >= 5, "lines")
    texts = [t.firstChild.data for t in svg.getElementsByTagName("text") if t.firstChild]
    check(all(len(t) <= 62 for t in texts), f"too long for its place: {max(texts, key=len)}")


def test_manual():
    for shell in ("bash", "zsh", "fish"):
        script = right(shell, ["completion", shell], "run", "state")
        if not shutil.which(shell):
            print(f"skipped: no {shell} to try its completion with")
            continue
        done = subprocess.run([shell, "-n"], input=script, capture_output=True, text=True)
        check(done.returncode == 0, f"{shell}: {done.stderr}")
    script = right("bash", ["completion", "bash"])

    def complete(*words):
        quoted = " ".join(f"'{w}'" for w in words)
        done = subprocess.run(["bash", "-c", f"{script}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _dispatch; echo ${{COMPREPLY[@]}}"], capture_output=True, text=True, cwd=HERE)
        check(done.stderr == "", f"bash: {done.stderr}")
        return done.stdout.split()

    check(complete("dispatch", "gr") == ["graph"], "commands")
    check(complete("dispatch", "run", "--st") == ["--state"], "options")
    check(complete("dispatch", "run", "--format", "j") == ["json"], "values")
    check(complete("dispatch", "completion", "z") == ["zsh"], "words")
    check("state.yaml" in complete("dispatch", "run", "--state", "st"), "files")
    page = right("man", ["man"], ".TH DISPATCH 1", ".SH COMMANDS", ".SS run", "DISPATCH_STATE", "EXIT STATUS")
    if shutil.which("groff"):
        done = subprocess.run(["groff", "-man", "-Tutf8", "-ww"], input=page, capture_output=True, text=True)
        check(done.returncode == 0 and done.stderr == "", f"groff: {done.stderr}")
    for name in right("docs", ["docs"]).split():
        text = right(f"docs {name}", ["docs", name], "# ")
        page = ROOT / "docs" / "reference" / f"{name}.md"
        check(page.exists() and page.read_text() == text, f"docs/reference/{name}.md is not what dispatch docs {name} prints")


def on_terminal(*args, width=80, **env):
    """What a terminal gets."""
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(HERE)
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
        os.execve(DISPATCH, [DISPATCH, *args], {"PATH": os.environ["PATH"], "TERM": "xterm"} | env)
    text = b""
    while True:
        try:
            part = os.read(fd, 65536)
        except OSError:
            break
        if not part:
            break
        text += part
    os.waitpid(pid, 0)
    return text.decode().replace("\r\n", "\n")


def test_terminal():
    relate = ["--relate", "postgresql", "--relate", "redis", "--relate", "ingress"]
    text = on_terminal("run", "config-changed", *relate)
    check("\033[32mactive\033[0m" in text, "no colours on a terminal")
    check("\033[31mblocked\033[0m" in on_terminal("run", "config-changed", "--set", "webserver-worker-class=x"), "blocked is not red")
    colours = on_terminal("plan", "config-changed", "--set", "webserver-worker-class=x")
    check("\033[31m- unknown\033[0m" in colours and "\033[32m+ blocked" in colours, f"colours of a plan: {colours!r}")
    check("\033[33m! replan" in on_terminal("plan", "config-changed"), "colour of a command")
    (HERE / "away.yaml").write_text(STATE.replace("- name: app", "- name: app\n    can_connect: false"))
    check("\033[33mwaiting\033[0m" in on_terminal("run", "config-changed", "--state", "away.yaml"), "waiting is not yellow")
    check("\033" not in on_terminal("run", "config-changed", NO_COLOR="1"), "colours with NO_COLOR")
    check("\033" not in on_terminal("run", "config-changed", TERM="dumb"), "colours on a dumb terminal")
    plain = re.sub(r"\033\[[0-9]*m", "", text)
    check(all(len(line) <= 80 for line in plain.splitlines()), f"wider than the terminal: {max(plain.splitlines(), key=len)!r}")
    plain = re.sub(r"\033\[[0-9]*m", "", on_terminal("plan", "config-changed", *relate))
    check(all(len(line) <= 80 for line in plain.splitlines()), f"a plan wider than the terminal: {max(plain.splitlines(), key=len)!r}")
    check("requested-secrets" in plain and "read-only-uris" in plain.replace("\n  ", ""), "folding loses text")
    narrow = re.sub(r"\033\[[0-9]*m", "", on_terminal("run", "config-changed", *relate, width=60))
    check(all(len(line) <= 60 for line in narrow.splitlines() if "=" not in line), f"wider than 60: {max(narrow.splitlines(), key=len)!r}")
    command = "  command     /bin/python3 -m gunicorn -c /flask/gunicorn.conf.py app:app -k sync --check-config\n"
    for width in (34, 35):
        check((command in on_terminal("run", "config-changed", width=width)) == (width == 34), f"columns of less than 20 are of no use, others fold: {width}")
    env = on_terminal("env", "--relate", "postgresql")
    check("POSTGRESQL_DB_PASSWORD=***" in env and "example-password" not in env, "a terminal shows secrets")
    check("example-password" in on_terminal("env", "--relate", "postgresql", "--show-secrets"), "--show-secrets hides")


def test_watch():
    child = subprocess.Popen([DISPATCH, "run", "config-changed", "--watch"], cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    out = iter(child.stdout.readline, "")
    for line in out:
        if "waiting for a change" in line:
            break
    (HERE / "state.yaml").write_text(STATE + "config: {greeting: changed}\n")
    seen = ""
    for line in out:
        seen += line
        if "waiting for a change" in line:
            break
    check("changed" in seen, f"--watch: {seen}")
    (HERE / "state.yaml").write_text("colour: red\n")
    seen = ""
    for line in out:
        seen += line
        if "waiting for a change" in line:
            break
    check("state.yaml:1:" in seen, f"--watch of a bad state: {seen}")
    child.terminate()
    child.wait()
    (HERE / "state.yaml").write_text(STATE)


TOOLS = r'''#!/usr/bin/env python3
import json, os, sys
name, args = os.path.basename(sys.argv[0]), [a for a in sys.argv[1:] if not a.startswith("--format")]
bags = {"secret-storage": {"flask_secret_key": "production-key"}}
answers = {"config-get": {"flask-preferred-url-scheme": "HTTPS", "greeting": "bonjour"}, "is-leader": True, "opened-ports": ["8000/tcp"],
           "relation-ids": ["secret-storage:4"] if "secret-storage" in args else [], "relation-list": "shop" if "--app" in args else [],
           "status-get": {"message": "", "status": "active", "status-data": {}}}
if "--application=True" in args or "--application=true" in args:
    answers["status-get"] = {"application-status": answers["status-get"]}
if name == "relation-get":
    answers[name] = bags["secret-storage"] if "--app" in args else {}
if name not in answers:
    sys.stderr.write("ERROR not here: " + name)
    sys.exit(1)
print(json.dumps(answers[name]))
'''


def pebble(path, requests):
    """As much of a Pebble as a Go app's charm asks for, on a socket, for one run."""
    import http.server
    import socketserver
    import threading
    import urllib.parse
    files = {}
    layers = [{"services": {"go": {"override": "replace", "command": "/bin/shop", "startup": "enabled"}}}]

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args):
            pass

        def answer(self, result, code=200, kind="application/json", **more):
            body = result if isinstance(result, bytes) else json.dumps({"type": "async" if more else "sync", "status-code": code, "status": "OK", "result": result} | more).encode()
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            url = urllib.parse.urlparse(self.path)
            query = urllib.parse.parse_qs(url.query)
            requests.append(("GET", url.path))
            if url.path == "/v1/plan":
                self.answer(json.dumps({"services": {k: v for layer in layers for k, v in layer["services"].items()}}))
            elif url.path == "/v1/services":
                self.answer([{"name": "go", "startup": "enabled", "current": "active" if ("POST", "/v1/services") in requests else "inactive"}])
            elif url.path == "/v1/files" and query["action"] == ["list"]:
                self.answer([])
            elif url.path == "/v1/files":
                parts = b"".join(b'--B\r\nContent-Disposition: form-data; name="files"; filename="%s"\r\n\r\n%s\r\n' % (p.encode(), files[p]) for p in query["path"] if p in files)
                result = [{"path": p} if p in files else {"path": p, "error": {"kind": "not-found", "message": "no such file"}} for p in query["path"]]
                text = json.dumps({"type": "sync", "status-code": 200, "status": "OK", "result": result}).encode()
                self.answer(parts + b'--B\r\nContent-Disposition: form-data; name="response"\r\nContent-Type: application/json\r\n\r\n' + text + b"\r\n--B--\r\n", kind="multipart/form-data; boundary=B")
            else:
                self.answer({"id": "1", "kind": "replan", "status": "Done", "ready": True, "tasks": []})

        def do_POST(self):
            requests.append(("POST", self.path))
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/v1/layers":
                layers.append(json.loads(json.loads(body)["layer"]) if body and json.loads(body)["layer"].startswith("{") else yaml_layer(json.loads(body)["layer"]))
                self.answer(True)
            elif self.path == "/v1/services":
                self.answer(None, 202, change="1")
            else:
                boundary = self.headers["Content-Type"].split("boundary=")[1].strip('"').encode()
                for part in body.split(b"--" + boundary)[1:-1]:
                    head, _, content = part.strip(b"\r\n").partition(b"\r\n\r\n")
                    name = re.search(rb'filename="([^"]*)"', head)
                    if name:
                        files[name.group(1).decode()] = content
                self.answer([{"path": p} for p in files])

    def yaml_layer(text):
        import yaml
        return yaml.safe_load(text)

    class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
        daemon_threads = True

        def get_request(self):
            request, _ = super().get_request()
            return request, ("local", 0)

    server = Server(str(path), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def test_real_pebble():
    with tempfile.TemporaryDirectory() as folder:
        folder, requests = pathlib.Path(folder), []
        (folder / "charmcraft.yaml").write_text((CHARMCRAFT % "").replace("flask", "go"))
        (folder / "state.yaml").write_text("relations:\n  - {endpoint: secret-storage, local_app_data: {go_secret_key: k}}\n")
        server = pebble(folder / "pebble.socket", requests)
        args = ["run", "config-changed", "update-status", "--state", str(folder / "state.yaml"), "--real-pebble", str(folder / "pebble.socket")]
        right("a real Pebble", args, "Unit     Workload     Message\nshop/0*  active", "  go  active", "APP_BASE_URL", "Nothing to do")
        check(("POST", "/v1/layers") in requests and requests.count(("POST", "/v1/services")) == 1, f"requests {requests}")
        server.shutdown()
        server.server_close()
        right("no Pebble", args[:2] + args[3:], "Waiting for pebble ready")


def project(folder, framework, state, charmcraft="", **files):
    """A folder with another charm and its world; the options that name them."""
    folder = pathlib.Path(folder)
    head = CHARMCRAFT.split("requires:")[0].replace("flask", framework)
    (folder / "charmcraft.yaml").write_text(head + charmcraft)
    (folder / "state.yaml").write_text(state)
    for name, text in files.items():
        (folder / f"{name.replace('_', '-')}.yaml").write_text(text)
    return ["--state", str(folder / "state.yaml"), "--charm", str(folder)]


def test_deeds():
    """A world in which nearly everything differs: what run and plan say of each kind of change."""
    state = """\
opened_ports: [9999, 8000]
unit_status: {name: active}
app_status: {name: active}
relations:
  - {endpoint: secret-storage, id: 1, local_app_data: {flask_secret_key: generated-key}}
  - {endpoint: ingress, id: 2, remote_app_name: traefik, local_unit_data: {private-address: 10.0.0.1}, local_app_data: {old: x}}
containers:
  - name: app
    layers:
      image:
        services:
          flask: {override: replace, startup: enabled, command: '/bin/python3 -m gunicorn app:app -k [ sync ]', environment: {OLD: '1'}}
          queue-worker: {override: merge, startup: enabled, command: celery, environment: {OWN: '1'}, after: [flask]}
          clock-scheduler: {override: replace, startup: disabled, command: beat}
    files: {/flask/app/migrate.sh: ''}
    execs: [{command_prefix: [celery], return_code: 4}]
"""
    with tempfile.TemporaryDirectory() as folder:
        world = project(folder, "flask", state)
        plan = right("plan", ["plan", "config-changed", *world], "databag of our unit, ingress:2\n", "- private-address = 10.0.0.1", "- old = x", "ports\n- 9999/tcp\n", "- services flask environment OLD = 1",
                     "+ services queue-worker environment FLASK_BASE_URL", "bash -eo pipefail migrate.sh", "migration")
        check("+ 8000/tcp" not in plan and "queue-worker environment OWN" not in plan and "queue-worker override" not in plan, f"{plan}")
        facts = json.loads(right("plan", ["plan", "config-changed", "--format", "json", *world]))
        bags = {(b["relation"], b["bag"]): b["data"] for b in facts["databags"]}
        check(bags[("ingress:2", "unit")]["private-address"] == "" and bags[("ingress:2", "application")]["port"] == "8000" and ("secret-storage:1", "application") not in bags, f"{bags}")
        check(any(step["kind"] == "write" and step["files"] == ["/flask/gunicorn.conf.py"] and step["why"] for step in facts["steps"]), f"{facts['steps']}")
        out = right("run", ["run", "config-changed", *world], "private-address removed", "exited quickly with code 4", "blocked      service queue-worker failed to start", "clock-scheduler  inactive  (startup disabled)",
                    "Service queue-worker", "OWN", "ERROR")
        check("  ERROR    config-changed: replan: service queue-worker failed to start\n           ERROR service start attempt" in out, f"a second line is not indented: {out}")
        # Healed: the worker runs. Then only the file changes, and the server reloads it.
        (pathlib.Path(folder) / "state.yaml").write_text(state.replace("return_code: 4", "return_code: 0").replace("{override: merge, startup: enabled, command: celery, environment: {OWN: '1'}, after: [flask]}",
                                                         "{override: replace, startup: enabled, command: celery}"))
        right("same", ["run", "config-changed", "--set", "webserver-workers=4", "--output", f"{folder}/after.yaml", *world], "Service queue-worker: the same environment as flask")
        after = ["--state", f"{folder}/after.yaml", "--charm", folder]
        right("reload", ["plan", "config-changed", "--set", "webserver-workers=2", "--set", "webserver-timeout=9", *after], "file /flask/gunicorn.conf.py\n- workers = 4\n+ workers = 2\n+ timeout = 9\n", "! SIGHUP to flask")
        right("shorter", ["plan", "config-changed", "--set", "webserver-workers=null", *after], "file /flask/gunicorn.conf.py\n- workers = 4\n\n")
        right("reload", ["run", "config-changed", "--set", "webserver-workers=2", *after], "signal      SIGHUP to flask")
        right("bad data", ["plan", "config-changed", "--relate", "ingress", *after], "log\n", "blocked: Invalid ingress relation data.")

        # Of a file only the lines that differ.
        conf = json.loads(right("state", ["run", "stop", "--output", "json", *after]))
        lines = conf["containers"][0]["files"]["/flask/gunicorn.conf.py"].split("\n")
        for extra, place in (("first", 0), ("second", 3), ("third", 4), ("last", 9)):
            lines.insert(place, extra)
        lines.remove("chdir = '/flask/app'")
        conf["containers"][0]["files"]["/flask/gunicorn.conf.py"] = "\n".join(lines) + "\n"
        (pathlib.Path(folder) / "odd.json").write_text(json.dumps(conf))
        out = right("lines", ["plan", "config-changed", "--state", f"{folder}/odd.json", "--charm", folder])
        diff = out[out.index("file /flask/gunicorn.conf.py\n"):].split("\n\n")[0].split("\n")[1:]
        check(sorted(diff) == ["+ chdir = '/flask/app'", "- first", "- last", "- second", "- third"], f"diff {diff}")
        check(diff[0] == "- first" and diff[-1] == "- last", f"diff {diff}")

        needs = "requires:\n  redis: {interface: redis}\n"
        world = project(folder, "flask", (pathlib.Path(folder) / "after.yaml").read_text(), needs)
        right("missing", ["plan", "config-changed", *world], "! stop flask, queue-worker", "+ blocked: missing integrations: redis", "file /tmp/flask/state/database-migration-status\n- COMPLETED\n+ PENDING")
        right("missing", ["run", "config-changed", *world], "stop        flask", "blocked      missing integrations: redis")
        right("needed", ["explain", "REDIS_DB_PORT", "--relate", "redis", *world], "not set; the unit would be blocked: missing integrations: redis")


def test_masks():
    """Secrets are masked even where no variable holds them, and nothing else is."""
    with tempfile.TemporaryDirectory() as folder:
        state = STATE.replace("containers:", "  - {endpoint: postgresql, id: 2, remote_app_name: pg, remote_app_data: {endpoints: 'pg:5432', username: open-name, password: closed-word, uris: 'postgresql://open-name:closed-word@pg/x'}}\n"
                              "  - {endpoint: redis, id: 3, remote_app_name: r, remote_units_data: {0: {hostname: cache, port: '1', password: unit-word}}, local_unit_data: {token: our-word}}\n"
                              "secrets:\n  - {id: 'secret:x', tracked_content: {username: secret-user, password: old-word}, latest_content: {password: new-word}}\ncontainers:")
        world = project(folder, "flask", state, "requires:\n  postgresql: {interface: postgresql_client, optional: true, limit: 1}\n  redis: {interface: redis, optional: true, limit: 1}\n"
                        "config: {options: {a: {type: string}, b: {type: string}}}\n")
        words = " ".join(("unit-word", "our-word", "old-word", "new-word", "secret-user", "open-name", "closed-word"))
        for extra in ([], ["--set", "flask-permanent-session-lifetime=0"]):
            out = right("run", ["run", "config-changed", "--set", f"a={words}", *extra, *world], "open-name")
            check("closed-word" not in out, f"shown: {out}")
            out = right("json", ["run", "config-changed", "--set", f"a={words}", "--format", "json", *extra, *world])
            check("closed-word" not in out and "open-name" in out, f"shown: {out}")
        text = json.loads(right("json", ["run", "config-changed", "--set", f"a={words}", "--format", "json", *world]))["environment"]["FLASK_A"]
        check(text == "*** *** *** *** secret-user open-name ***", f"masked: {text!r}")
        facts = json.loads(right("plan", ["plan", "config-changed", "--format", "json", *world]))
        check("closed-word" not in json.dumps(facts), "a plan shows a secret")


def test_origins():
    """Each place that a variable may come from."""
    peer = "model: {http_proxy: 'http://p:1'}\nrelations: [{endpoint: secret-storage, local_app_data: {%s_secret_key: generated-key}}]\n"
    with tempfile.TemporaryDirectory() as folder:
        world = project(folder, "spring-boot", peer % "spring-boot" + "secrets: [{id: 'secret:s', tracked_content: {key: hidden-value}}]\nconfig: {mail: 'secret:s'}\ncontainers: [{name: app, layers: {i: {services: {spring-boot: {override: replace, command: java}}}}}]\n",
                        "config: {options: {mail: {type: secret}}}\n", paas_config="metrics-port: 9000\n")
        for name, want in [
            ("http_proxy", ["the model's configuration, through JUJU_CHARM_HTTP_PROXY", "without   not set"]), ("management.server.port", ["paas-config.yaml, key metrics-port"]), ("SERVER_PORT", ["8080"]),
            ("APP_MAIL_KEY", ["***", "option mail, key 'key' of its secret, set by the user"]), ("server.forward-headers-strategy", ["the charm itself: Spring Boot"]),
        ]:
            right(f"explain {name}", ["explain", name, *world], *want)
        out = right("export", ["env", "--export", *world], "# no shell can hold server.forward-headers-strategy\n", "export SERVER_PORT='8080'\n")
        check("hidden-value" in out, "export masks")
        check("hidden-value" not in right("plan", ["plan", "config-changed", *world]), "a plan shows a secret")
        world = project(folder, "fastapi", peer % "fastapi" + "containers: [{name: app}]\n")
        right("a default", ["explain", "UVICORN_HOST", *world], "0.0.0.0")
        world = project(folder, "django", "app: 'a<b>&\"c\\d'\n" + peer % "django" + "containers: [{name: app, layers: {i: {services: {django: {override: replace, startup: enabled, command: 'x -k [ sync ]'}}}}}]\n",
                        "requires:\n  mysql: {interface: mysql_client, optional: true, limit: 1}\n  rabbitmq: {interface: rabbitmq, optional: true, limit: 1}\n")
        superuser = ["create-superuser", "--param", "username=ada", "--param", "email=a@b.c", "--relate", "mysql", *world]
        right("a superuser", ["plan", *superuser], "the action's command\n! python3 manage.py createsuperuser --noinput")
        right("a superuser", ["run", *superuser], "result", "password = ***", "command     python3 manage.py createsuperuser --noinput")
        right("names", ["graph", *world], 'app["a&lt;b&gt;&amp;&quot;c\\d"]')
        right("names", ["graph", "--format", "dot", *world], 'label="a<b>&\\"c\\\\d"')
        check("<b>" not in right("names", ["graph", "--format", "svg", *world]), "svg")
        right("rabbitmq", ["graph", "--relate", "mysql", "--relate", "rabbitmq", *world], "RABBITMQ_* (")
        rc, out, err = run("graph", "--output", "/nope/x.svg", *world)
        check(rc == 1 and "/nope/x.svg" in err, f"a picture that cannot be written: {rc} {err!r}")
        wrong("what to write", ["run", "start", "--relate", "redis", *world], "write under requires in charmcraft.yaml: redis: {interface: redis, optional: true, limit: 1}")
        wrong("a script that is a folder", ["run", "--script", "/", *world], "/: ")
        wrong("a bad world for env", ["env", "--state", "/nope"], "/nope")
        wrong("a bad world for explain", ["explain", "x", "--state", "/nope"], "/nope")
        wrong("a bad world for graph", ["graph", "--state", "/nope"], "/nope")
        wrong("an event that decides nothing", ["explain", "x", "--event", "stop", *world], "does nothing", 1)
    wrong("two endpoints of an interface", ["run", "start", "--relate", "postgresql_client"], "the charm has no such endpoint")


def test_snapshot():
    tools = HERE / "tools"
    tools.mkdir()
    for name in ("config-get", "is-leader", "opened-ports", "relation-ids", "relation-list", "relation-get", "status-get", "relation-model-get", "network-get", "secret-get", "juju-log"):
        (tools / name).write_text(TOOLS)
        (tools / name).chmod(0o755)
    env = {"JUJU_CONTEXT_ID": "x", "JUJU_UNIT_NAME": "shop/0", "JUJU_MODEL_NAME": "prod", "JUJU_VERSION": "3.6.4", "PATH": f"{tools}:{os.environ['PATH']}", "JUJU_CONTAINERS_DIR": str(HERE), "JUJU_CHARM_DIR": str(HERE)}
    out = right("snapshot", ["snapshot"], "greeting: bonjour", "can_connect: false", "endpoint: secret-storage", **env)
    check("production-key" not in out and "placeholder-1" in out, "a snapshot shows a secret")
    right("snapshot", ["snapshot", "--output", "unit.yaml"], **env)
    check((HERE / "unit.yaml").stat().st_mode & 0o77 == 0, "others may read a snapshot")
    right("replay", ["run", "config-changed", "--state", "unit.yaml", "--charm", "."], "waiting", "Waiting for pebble ready")
    check("production-key" in right("with secrets", ["snapshot", "--show-secrets"], **env), "--show-secrets hides")
    check(right("on stdout", ["snapshot", "--output", "-"], **env) == out, "--output - differs")
    wrong("a file that cannot be", ["snapshot", "--output", "/nope/unit.yaml"], "/nope/unit.yaml", 1, **env)
    check(right("the other variable", ["snapshot"], cwd="/", **env | {"JUJU_CHARM_DIR": "", "CHARM_DIR": str(HERE)}) == out, "CHARM_DIR differs")
    for folder in ({"JUJU_CHARM_DIR": ""}, {"JUJU_CHARM_DIR": "", "CHARM_DIR": ""}):
        check(right("this folder", ["snapshot"], **env | folder) == out, f"{folder} differs")
    (tools / "is-leader").write_text("#!/bin/sh\necho ERROR no >&2\nexit 1\n")
    wrong("a tool that fails", ["snapshot"], "is-leader", 1, **env)
    (tools / "is-leader").write_text(TOOLS)
    wrong("no such charm", ["snapshot", "--charm", "/nope"], "/nope", **env)
    wrong("no tools", ["snapshot"], "hook tools", **env | {"PATH": "/nope"})
    shutil.rmtree(tools)


with tempfile.TemporaryDirectory() as scratch:
    HERE = pathlib.Path(scratch)
    (HERE / "charmcraft.yaml").write_text(CHARMCRAFT % "")
    (HERE / "state.yaml").write_text(STATE)
    for test in (test_help, test_wrong_use, test_run, test_relate, test_hook, test_plan, test_env, test_explain, test_graph, test_manual, test_terminal, test_watch, test_real_pebble, test_deeds, test_masks, test_origins, test_snapshot):
        if len(sys.argv) < 2 or sys.argv[1] in test.__name__:
            test()
sys.exit(end())
