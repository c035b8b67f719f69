"""The charm's own traces, taken by a collector made here: by HTTP and HTTPS, from a hook that runs as Juju runs it."""
import http.server
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading

from checks import check, end

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build"))
DISPATCH = os.environ.get("DISPATCH", str(BUILD / "dispatch"))


class Collector(http.server.ThreadingHTTPServer):
    """status: what it answers; None: nothing at all, it hangs up; "wait": nothing, and holds the line."""
    daemon_threads = True

    def __init__(self, status=200, context=None, address="127.0.0.1"):
        self.status, self.got, self.go_on = status, [], threading.Event()
        super().__init__((address, 0), Handler)
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass   # a client that does not trust us hangs up


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, dict(self.headers), body))
        if self.server.status == "wait":
            self.server.go_on.wait()
        elif self.server.status is not None:
            self.send_response(self.server.status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")
        self.close_connection = True

    def log_message(self, *_):
        pass


def send(helper, url, ca=None):
    return subprocess.run([helper, url] + ([ca] if ca else []), text=True, capture_output=True, timeout=30).stdout.strip()


def check_trace(body, names, root, app="shop", unit="shop/3"):
    data = json.loads(body)
    (resource,) = data["resourceSpans"]
    attributes = {a["key"]: a["value"]["stringValue"] for a in resource["resource"]["attributes"]}
    check(attributes["service.name"] == app and attributes["juju_unit"] == unit and attributes["juju_application"] == app, attributes)
    (scope,) = resource["scopeSpans"]
    spans = scope["spans"]
    by_id = {s["spanId"]: s for s in spans}
    check(len(by_id) == len(spans) and all(len(s["spanId"]) == 16 and len(s["traceId"]) == 32 and s["traceId"] == spans[0]["traceId"] for s in spans), "ids")
    roots = [s for s in spans if "parentSpanId" not in s]
    check([r["name"] for r in roots] == [root], roots)
    check(all(s["parentSpanId"] in by_id for s in spans if s not in roots), "parents")
    check(all(int(s["startTimeUnixNano"]) <= int(s["endTimeUnixNano"]) for s in spans), "times")
    check(all(int(roots[0]["startTimeUnixNano"]) <= int(s["startTimeUnixNano"]) and int(s["endTimeUnixNano"]) <= int(roots[0]["endTimeUnixNano"]) for s in spans), "the root lasts longest")
    check(names <= {s["name"] for s in spans}, sorted(s["name"] for s in spans))
    return spans, by_id


def check_http(helper):
    collector = Collector()
    url = f"http://127.0.0.1:{collector.server_port}"
    for given, path in ((url, "/v1/traces"), (url + "/", "/v1/traces"), (url + "/otlp", "/otlp/v1/traces"), (url + "/v1/traces", "/v1/traces"), (url[7:], "/v1/traces")):
        check(send(helper, given) == "sent", given)
        got = collector.got.pop()
        check(got[0] == path and got[1]["Content-Type"] == "application/json" and got[1]["Host"] == url[7:], (given, got[:2]))
    spans, by_id = check_trace(got[2], {"observe", "GET /v1/plan"}, "config-changed")
    plan = next(s for s in spans if s["name"] == "GET /v1/plan")
    check(by_id[plan["parentSpanId"]]["name"] == "observe" and plan["status"] == {"code": 2} and plan["kind"] == 1, plan)
    check(by_id[plan["parentSpanId"]]["status"] == {}, "what went well has no status")
    for status, text in ((202, "sent"), (500, "the collector refused them"), (404, "the collector refused them"), (None, "the collector did not answer"),
                         ("wait", "the collector is too slow")):
        collector.status = status
        check(send(helper, url) == text, (status, text))
    collector.go_on.set()
    free = socket.socket()
    free.bind(("127.0.0.1", 0))
    check(send(helper, f"http://127.0.0.1:{free.getsockname()[1]}") == "the collector cannot be reached", "nobody listens")
    check(send(helper, "http://no-such-host.invalid:1") in ("the collector's name is not known", "the collector is too slow"), "no such name")
    for url in ("ftp://127.0.0.1", "http://", "http://[::1", "http://127.0.0.1:99999999"):
        check(send(helper, url) == "the collector's URL is none", url)


def certificates(folder):
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, cwd=folder, capture_output=True)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=our CA", "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=another CA", "-keyout", "other.key", "-out", "other.pem")
    for name, key in (("ec", ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]), ("rsa", ["rsa:2048"])):
        openssl("req", "-newkey", *key, "-nodes", "-subj", "/CN=localhost", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        pathlib.Path(folder, "san").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "san", "-out", f"{name}.pem")


def check_https(helper, folder):
    if not shutil.which("openssl"):
        print("skipped: there is no openssl to make certificates with")
        return
    certificates(folder)
    ca, other = str(pathlib.Path(folder, "ca.pem")), str(pathlib.Path(folder, "other.pem"))
    untrusted = "no secure connection to the collector: its certificate is not trusted, or it does not speak TLS 1.2"
    for name in ("ec", "rsa"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pathlib.Path(folder, f"{name}.pem"), pathlib.Path(folder, f"{name}.key"))
        collector = Collector(context=context)
        url = f"https://localhost:{collector.server_port}"
        answer = send(helper, url, ca)
        if "without TLS" in answer:
            check(not collector.got, "nothing was sent")
            print("skipped:", answer)
            return
        if check(answer == "sent", (name, answer)):
            check_trace(collector.got.pop()[2], {"observe"}, "config-changed")
        check(send(helper, f"127.0.0.1:{collector.server_port}", ca) == "sent", f"{name}: with a CA, an address without a scheme is https")
        check(send(helper, url, other) == untrusted, f"{name}: another CA")
        check(send(helper, url.replace("localhost", "localhost.localdomain"), ca) != "sent", f"{name}: another name")
        check(send(helper, url) in (untrusted, "the CA's certificate cannot be read"), f"{name}: the machine does not know our CA")
        check(send(helper, url, str(pathlib.Path(folder, "san"))) == "the CA's certificate cannot be read", f"{name}: no CA")
        check(len(collector.got) == 1, f"{name}: nothing was sent to whom we do not trust")


TOOL = """#!/bin/sh
echo "$(basename "$0") $*" >> "$TOOL_LOG"
case $(basename "$0") in
config-get) echo '{}' ;;
is-leader) echo true ;;
relation-ids) case $* in *charm-tracing*) echo "${TRACING:-[]}" ;; *) echo '[]' ;; esac ;;
relation-get) echo "$RECEIVERS" ;;
relation-list) case $* in *--app*) echo '"tempo"' ;; *) echo '["tempo/0"]' ;; esac ;;
status-get) echo '{"status": "active", "message": ""}' ;;
opened-ports) echo '[]' ;;
network-get) echo '{}' ;;
*) ;;
esac
"""


def hook(folder, extra):
    tools = pathlib.Path(folder, "tools")
    tools.mkdir(exist_ok=True)
    for name in ("config-get", "is-leader", "relation-ids", "relation-get", "relation-list", "relation-set", "status-get", "status-set", "opened-ports", "open-port",
                 "juju-log", "network-get", "relation-model-get"):
        path = tools / name
        path.write_text(TOOL)
        path.chmod(0o755)
    log = pathlib.Path(folder, "tools.log")
    log.write_text("")
    env = {"PATH": f"{tools}:/usr/bin:/bin", "JUJU_DISPATCH_PATH": "hooks/config-changed", "JUJU_UNIT_NAME": "shop/3", "JUJU_MODEL_NAME": "dev",
           "JUJU_MODEL_UUID": "3f9c1b52-70de-4c7a-8a11-2b6f5d0e9c44", "JUJU_VERSION": "3.6.1", "JUJU_CONTAINERS_DIR": str(pathlib.Path(folder, "none")), "TOOL_LOG": str(log)}
    out = subprocess.run([DISPATCH], cwd=folder, env={**env, **extra}, text=True, capture_output=True, timeout=60)
    check(out.returncode == 0, out.stdout + out.stderr)
    return log.read_text()


def check_hook(folder):
    endpoint = "requires: {charm-tracing: {interface: tracing, limit: 1}}"
    for name, text in (("metadata.yaml", f"name: shop-k8s\ncontainers: {{app: {{}}}}\n{endpoint}\n"), ("config.yaml", "options: {}\n"), ("framework", "go 2\n")):
        pathlib.Path(folder, name).write_text(text)
    collector = Collector()
    url = f"http://127.0.0.1:{collector.server_port}"
    receivers = json.dumps({"receivers": json.dumps([{"protocol": {"name": "otlp_http", "type": "http"}, "url": url}])})
    related = {"TRACING": '["charm-tracing:7"]', "RECEIVERS": receivers}
    hook(folder, {})
    check(not collector.got, "without the relation nothing is sent")
    log = hook(folder, related)
    check("WARNING" not in log, log)
    if check(len(collector.got) == 1, "one trace a dispatch"):
        spans, by_id = check_trace(collector.got.pop()[2], {"observe", "decide", "apply"}, "config-changed")
        tool = next((s for s in spans if s["name"].startswith("config-get")), None)
        check(tool and by_id[tool["parentSpanId"]]["name"] == "observe", sorted(s["name"] for s in spans))
        check(url not in json.dumps(spans), "no values")
    juju = Collector()
    hook(folder, {"JUJU_CHARM_TRACE_CONFIG_HTTP": f"127.0.0.1:{juju.server_port}"})
    check(len(juju.got) == 1, "Juju's own collector")
    hook(folder, {**related, "JUJU_CHARM_TRACE_CONFIG_HTTP": f"127.0.0.1:{juju.server_port}"})
    check(len(juju.got) == 1 and len(collector.got) == 1, "the relation's comes first")
    collector.status = 503
    log = hook(folder, related)
    check("traces were not sent: the collector refused them" in log, log)
    check_secure_hook(folder)
    metadata = pathlib.Path(folder, "metadata.yaml")
    metadata.write_text(metadata.read_text().replace(endpoint, ""))
    log = hook(folder, {})
    check("charm-tracing" not in log and len(collector.got) == 2, "without the endpoint nothing is asked or sent")


def check_secure_hook(folder):
    """The executable itself, over TLS: Juju names its collector as host and port, and gives its CA."""
    if not pathlib.Path(folder, "ca.pem").exists():
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pathlib.Path(folder, "ec.pem"), pathlib.Path(folder, "ec.key"))
    collector = Collector(context=context)

    def told(ca, to=f"localhost:{collector.server_port}"):
        log = hook(folder, {"JUJU_CHARM_TRACE_CONFIG_HTTP": to, "JUJU_CHARM_TRACE_CONFIG_CA_CERT": ca})
        found = re.search(r"traces were not sent: (.*)", log)
        return found[1] if found else "sent"

    answer = told(pathlib.Path(folder, "ca.pem").read_text())
    if "without TLS" in answer:
        return
    if check(answer == "sent" and len(collector.got) == 1, f"a hook's trace over TLS: {answer}"):
        check_trace(collector.got.pop()[2], {"observe"}, "config-changed")
    check("not trusted" in told(pathlib.Path(folder, "other.pem").read_text()), "a hook and another CA")
    check("cannot be read" in told("no certificate"), "a hook and no CA")
    check(told("", f"https://localhost:{collector.server_port}") != "sent", "a hook and the machine's own CAs")
    plain = Collector()
    check("does not speak TLS" in told(pathlib.Path(folder, "ca.pem").read_text(), f"localhost:{plain.server_port}"), "a collector without TLS")
    check(not collector.got and not plain.got, "nothing was sent to whom we do not trust")


def main():
    with tempfile.TemporaryDirectory() as folder:
        helper = pathlib.Path(folder, "send")
        subprocess.run([ROOT / "build.sh", "link", "tests/send/send.c", helper], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        check_http(helper)
        check_https(helper, folder)
        check_hook(folder)
    return end()


if __name__ == "__main__":
    sys.exit(main())
