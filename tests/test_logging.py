"""The log formatters for real: gunicorn and uvicorn run the example apps with the files that a hook pushes, every line they log is read as
JSON, and StatsD's datagrams are counted. With OpenTelemetry and without it."""
import concurrent.futures
import contextlib
import http.server
import itertools
import json
import logging
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import types
import urllib.error
import urllib.request

from checks import check, end

ROOT = pathlib.Path(__file__).resolve().parent.parent
DISPATCH = os.environ.get("DISPATCH", str(ROOT / "build" / "dispatch"))
DEADLINE = 60      # seconds, for what takes far less
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
CONF = "gunicorn.conf.py"


# --- What a hook pushes. ---

def pushed(example, *options, plain=False):
    """The files that config-changed pushes, by their base names."""
    with tempfile.TemporaryDirectory() as scratch:
        charm = pathlib.Path(scratch) / "charm"
        shutil.copytree(ROOT / "examples" / example, charm)
        if plain:
            (charm / "paas-config.yaml").unlink()
        after = pathlib.Path(scratch) / "after.json"
        subprocess.run([DISPATCH, "run", "config-changed", "--charm", charm, "--state", charm / "state.yaml", "--output", after, *options],
                       check=True, stdout=subprocess.DEVNULL, timeout=DEADLINE)
        state = json.loads(after.read_text())
        check(state["unit_status"]["name"] == "active", f"{example} {options}: {state['unit_status']}")
        return {os.path.basename(path): text for path, text in state["containers"][0]["files"].items()}


# --- Servers. ---

def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until(condition):
    """True once it holds, false when it does not for a long time."""
    end = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def answers(port):
    with contextlib.suppress(OSError):
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    return False


def get(port, path, **headers):
    """Status and headers of the answer."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
            answer.read()
            return answer.status, answer.headers
    except urllib.error.HTTPError as error:
        error.read()
        return error.code, error.headers


class Server:
    """A server process on a free port, in a folder that goes with it; what it printed is in out and err afterwards."""

    def __init__(self, folder, command, **environment):
        self.folder, self.port = folder, free_port()
        self.files = [open(folder / name, "w+", encoding="utf-8") for name in ("out", "err")]
        command = [word.replace("PORT", str(self.port)) for word in command]
        self.process = subprocess.Popen([sys.executable, "-m", *command], cwd=folder, stdout=self.files[0], stderr=self.files[1],
                                        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **environment})

    def __enter__(self):
        wait_until(lambda: answers(self.port) or self.process.poll() is not None)
        if self.process.poll() not in (None, 0) and "--check-config" not in self.process.args:
            print(f"exit code {self.process.returncode}: {self.read(1)[-4000:]}")
        return self

    def read(self, which):
        self.files[which].flush()
        return pathlib.Path(self.files[which].name).read_text(encoding="utf-8")

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.out, self.err = self.read(0), self.read(1)
        for file in self.files:
            file.close()
        shutil.rmtree(self.folder)


class Datagrams(threading.Thread):
    """A statsd exporter that only remembers."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.seen = []
        self.start()

    def run(self):
        while True:
            self.seen.append(self.socket.recv(2000).decode())

    def count(self, name):
        return sum(datagram.startswith(name + ":") for datagram in self.seen)


class Traces(http.server.BaseHTTPRequestHandler):
    """A trace collector that only remembers."""

    bodies = []

    def do_POST(self):
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def collector():
    Traces.bodies = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Traces)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def no_opentelemetry(folder):
    """A folder for PYTHONPATH in which OpenTelemetry cannot be imported."""
    package = folder / "without" / "opentelemetry"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('raise ModuleNotFoundError("not installed")\n')
    return str(package.parent)


def lines_of(text, what):
    """Every line as JSON, with what all of them have in common checked."""
    lines = []
    for text_line in text.splitlines():
        try:
            line = json.loads(text_line)
        except ValueError:
            check(False, f"{what}: no JSON: {text_line[:200]}")
            continue
        keys = [key for key in line if key not in ("traceId", "spanId")]
        check(keys == ["timestamp", "severityText", "body", "attributes"], f"{what}: {list(line)}")
        check(TIMESTAMP.fullmatch(line["timestamp"]), f"{what}: {line['timestamp']}")
        check("logger.name" in line["attributes"], f"{what}: {line}")
        lines.append(line)
    return lines


# --- gunicorn ---

TRACED = """
from opentelemetry import trace
from app import app as inner

tracer = trace.get_tracer("test")


def app(environ, start_response):
    if environ["PATH_INFO"] == "/untraced":
        return inner(environ, start_response)
    with tracer.start_as_current_span("request") as span:
        def start(status, headers, exc_info=None):
            return start_response(status, headers + [("X-Trace", format(span.get_span_context().trace_id, "032x"))], exc_info)

        return inner(environ, start)
"""


def at_home(conf, folder):
    """The file as it is pushed, but for the app's folder, which gunicorn wants to see on this machine."""
    line = re.search(r"^chdir = '.*'$", conf, re.MULTILINE)
    check(line is not None, "chdir")
    return conf.replace(line[0], f"chdir = {str(folder)!r}")


def gunicorn(conf, statsd=None, worker_class="sync", app="app:app", more=(), **environment):
    """A server with the Flask example in a folder of its own."""
    folder = pathlib.Path(tempfile.mkdtemp())
    shutil.copy(ROOT / "examples" / "flask" / "app" / "app.py", folder)
    (folder / "traced.py").write_text(TRACED)
    (folder / CONF).write_text(at_home(conf, folder))
    path = [str(folder)]
    if app == "app:app":
        path.insert(0, no_opentelemetry(folder))
    command = ["gunicorn", "-c", CONF, app, "-k", worker_class, "--bind", "127.0.0.1:PORT",
               "--statsd-host", f"127.0.0.1:{statsd.port if statsd else 9}", *more]
    return Server(folder, command, PYTHONPATH=":".join(path), **environment)


def test_check_config():
    """What is generated passes gunicorn's own check, in both worker classes, with and without JSON and tracing."""
    def passes(variant):
        plain, tracing, worker_class = variant
        conf = pushed("flask", *tracing, plain=plain)[CONF]
        check(("logger_class" in conf) != plain and ("OTLPSpanExporter" in conf) == bool(tracing), "what is in the file")
        with gunicorn(conf, worker_class=worker_class, app="traced:app", more=["--check-config"]) as server:
            server.process.wait(DEADLINE)
        check(server.process.returncode == 0, f"--check-config {worker_class}, plain {plain}, {tracing}: {server.err}")

    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(passes, itertools.product((False, True), ((), ("--relate", "tracing")), ("sync", "gevent"))))
    conf = pushed("flask")[CONF] + "workers = 'many'\n"
    with gunicorn(conf, more=["--check-config"]) as server:
        server.process.wait(DEADLINE)
    check(server.process.returncode != 0, "--check-config finds nothing wrong in anything")


def visit(server):
    """What each server is asked: a page, a page with a query, none, and one that breaks."""
    check(get(server.port, "/")[0] == 200, "/")
    check(get(server.port, "/peers?a=b&c=%20d", **{"X-Request-ID": "r-1"})[0] == 200, "/peers")
    check(get(server.port, "/nowhere")[0] == 404, "/nowhere")
    check(get(server.port, "/broken")[0] == 500, "/broken")


def test_gunicorn():
    statsd = Datagrams()
    with gunicorn(pushed("flask")[CONF], statsd) as server:
        visit(server)
        check(wait_until(lambda: statsd.count("gunicorn.request.status.500") >= 1 and statsd.count("gunicorn.workers") >= 1), "datagrams")
    access, errors = lines_of(server.out, "access log"), lines_of(server.err, "error log")
    check(len(access) == 4, f"{len(access)} access lines")
    peers = next((line for line in access if line["attributes"]["url.path"] == "/peers"), None)
    attributes = peers["attributes"]
    duration = attributes.pop("duration_ms")
    check(isinstance(duration, float) and 0 < duration < 60000 and round(duration, 3) == duration, f"duration {duration}")
    check(attributes == {"logger.name": "gunicorn.access", "http.request.method": "GET", "url.path": "/peers",
                         "http.response.status_code": 200, "url.query": "a=b&c=%20d", "client.address": "127.0.0.1",
                         "http.request.header.x-request-id": "r-1"}, attributes)
    check(peers["severityText"] == "INFO" and "traceId" not in peers, peers)
    check(re.fullmatch(r'127\.0\.0\.1 - - \[.*\] "GET /peers\?a=b&c=%20d HTTP/1\.1" 200 \d+ "-" "Python-urllib.*"', peers["body"]),
          f"gunicorn's own format: {peers['body']}")
    plain = next(line for line in access if line["attributes"]["url.path"] == "/")
    check("url.query" not in plain["attributes"] and "http.request.header.x-request-id" not in plain["attributes"], plain)
    check(sorted(line["attributes"]["http.response.status_code"] for line in access) == [200, 200, 404, 500], "statuses")
    check(any(line["severityText"] == "WARN" and line["body"] == "somebody asked for the broken page" for line in errors), "a warning")
    check({line["attributes"]["logger.name"] for line in errors} == {"gunicorn.error", "app"} and
          any("Listening at" in line["body"] for line in errors), "the error log")
    check([line["attributes"]["exception.type"] for line in errors if line["attributes"]["logger.name"] == "app"
           and line["severityText"] == "ERROR"] == ["RuntimeError"], "the app's own exception")
    json_names = {datagram.split(":")[0] for datagram in statsd.seen}
    check(statsd.count("gunicorn.requests") == 4 and statsd.count("gunicorn.request.duration") == 4 and
          statsd.count("gunicorn.request.status.404") == 1, f"the requests' metrics: {statsd.seen}")
    check(statsd.count("gunicorn.log.warning") == 0, "a logger of the app's own is not gunicorn's")

    # The metrics are those of the logger that gunicorn takes by itself.
    statsd = Datagrams()
    with gunicorn(pushed("flask", plain=True)[CONF], statsd) as server:
        visit(server)
        check(wait_until(lambda: statsd.count("gunicorn.request.status.500") >= 1 and statsd.count("gunicorn.workers") >= 1), "datagrams")
    check({datagram.split(":")[0] for datagram in statsd.seen} == json_names, f"other metrics than with the plain logger: {statsd.seen}")
    check(not server.out.startswith("{"), "a plain log")


def test_gunicorn_failures():
    """Lines with exceptions, and the metric that counts them."""
    conf = pushed("flask")[CONF]
    statsd = Datagrams()
    folder = pathlib.Path(tempfile.mkdtemp())
    (folder / "raises.py").write_text("def app(environ, start_response):\n    raise ZeroDivisionError('on purpose')\n")
    (folder / CONF).write_text(at_home(conf, folder))
    with Server(folder, ["gunicorn", "-c", CONF, "raises:app", "-k", "sync", "--bind", "127.0.0.1:PORT",
                         "--statsd-host", f"127.0.0.1:{statsd.port}"]) as server:
        check(get(server.port, "/x")[0] == 500, "a broken app")
        check(wait_until(lambda: statsd.count("gunicorn.log.exception") >= 1), "gunicorn.log.exception")
    failed_lines = [line for line in lines_of(server.err, "exceptions") if "exception.type" in line["attributes"]]
    check(len(failed_lines) == 1, f"{len(failed_lines)} lines with an exception")
    attributes = failed_lines[0]["attributes"]
    check(attributes["exception.type"] == "ZeroDivisionError" and attributes["exception.message"] == "on purpose" and
          attributes["exception.stacktrace"].startswith("Traceback") and failed_lines[0]["severityText"] == "ERROR", attributes)


def test_gunicorn_traced():
    """With tracing, each access line has the ids of its own request's span, which the collector gets as well."""
    conf = pushed("flask", "--relate", "tracing")[CONF]
    for worker_class in ("sync", "gevent"):
        traces = collector()
        endpoint = f"http://127.0.0.1:{traces.server_address[1]}"
        with gunicorn(conf, app="traced:app", worker_class=worker_class, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, OTEL_SERVICE_NAME="test",
                      OTEL_BSP_SCHEDULE_DELAY="100", PYTHONWARNINGS="ignore") as server:
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                answered = list(pool.map(lambda n: get(server.port, f"/?n={n}")[1]["X-Trace"], range(24)))
            get(server.port, "/untraced")
            check(wait_until(lambda: all(any(bytes.fromhex(trace) in body for body in Traces.bodies) for trace in answered)),
                  f"{worker_class}: spans that the collector never got")
        traces.shutdown()
        access = lines_of(server.out, f"traced, {worker_class}")
        # What the interpreter itself says when gevent ends the exporter's threads is no log line.
        lines_of(server.err[:server.err.rfind("\n", 0, server.err.find("Handling signal")) + 1], f"traced, {worker_class}")
        by_query = {line["attributes"].get("url.query"): line for line in access}
        check(len(access) == 25, f"{worker_class}: {len(access)} lines")
        check(all(by_query[f"n={n}"].get("traceId") == trace for n, trace in enumerate(answered)), f"{worker_class}: ids of other requests")
        check(len(set(answered)) == 24 and all(re.fullmatch("[0-9a-f]{16}", by_query[f"n={n}"]["spanId"]) for n in range(24)), "ids")
        untraced = [line for line in access if line["attributes"]["url.path"] == "/untraced"]
        check(len(untraced) == 1 and "traceId" not in untraced[0], f"{worker_class}: {untraced}")


# --- gunicorn's module, by itself ---

class Settings(types.SimpleNamespace):
    def __getattr__(self, name):
        return None


class Line(logging.Handler):
    """Keeps what is logged, as its formatter writes it."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(self.format(record))


def module_of(text, until):
    module = types.ModuleType("pushed")
    exec(compile(text.split(until)[0], "pushed", "exec"), module.__dict__)
    return module


def logger_of(module, **settings):
    logger = module.GunicornJsonLogger.__new__(module.GunicornJsonLogger)
    logger.cfg = Settings(**settings)
    logger.access_log, logger.error_log = logging.Logger("gunicorn.access"), logging.Logger("gunicorn.error")
    handler = Line()
    logger.access_log.addHandler(handler)
    return logger, handler


def access_line(module, environ, status="200 OK", **settings):
    import datetime

    logger, handler = logger_of(module, **settings)
    response = types.SimpleNamespace(status=status, sent=7, headers=[], response_length=7)
    request = types.SimpleNamespace(headers=[])
    logger.access(response, request, environ, datetime.timedelta(seconds=1, microseconds=234567))
    return json.loads(handler.lines[0]) if handler.lines else None


def test_gunicorn_module():
    module = module_of(pushed("flask")[CONF], "logger_class = ")
    environ = {"REQUEST_METHOD": "PUT", "PATH_INFO": "/ä", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "10.0.0.1", "QUERY_STRING": "",
               "RAW_URI": "/ä"}
    bodies = {"%(m)s %(U)s %(s)s": "PUT /ä 200", "": "", "%(nothing)s": "-", None: '10.0.0.1 - "PUT /ä HTTP/1.1" 200',
              "%(m)d": '10.0.0.1 - "PUT /ä HTTP/1.1" 200', "%(m)": '10.0.0.1 - "PUT /ä HTTP/1.1" 200', "%s %s": '10.0.0.1 - "PUT /ä HTTP/1.1" 200'}
    for form, body in bodies.items():
        line = access_line(module, environ, accesslog="-", access_log_format=form)
        check(line["body"] == body, f"format {form!r}: {line['body']!r}")
    line = access_line(module, environ, accesslog="-", access_log_format="")
    check(line["attributes"]["duration_ms"] == 1234.567 and "url.query" not in line["attributes"], line)
    line = access_line(module, {}, accesslog="-", access_log_format=None)
    check(line["body"] == '- - "  " 200' and line["attributes"]["http.request.method"] == "" and line["attributes"]["url.path"] == "" and
          "client.address" not in line["attributes"], line)
    for status, code in (("404 Not Found", 404), (503, 503), ("odd one", "odd one"), (b"200 OK", "b'200 OK'")):
        line = access_line(module, environ, status=status, accesslog="-", access_log_format="")
        check(line["attributes"]["http.response.status_code"] == code, f"status {status!r}: {line}")
    check(access_line(module, environ, accesslog=None, access_log_format="") is None, "a line without an access log")
    for setting in ("logconfig", "logconfig_dict", "logconfig_json", "syslog"):
        check(access_line(module, environ, access_log_format="", **{setting: True}), f"no line although {setting} is set")
    check(access_line(module, environ, access_log_format="", syslog=True, disable_redirect_access_to_syslog=True) is None, "syslog")
    line = access_line(module, environ | {"HTTP_X_REQUEST_ID": ""}, accesslog="-", access_log_format="")
    check(line["attributes"]["http.request.header.x-request-id"] == "", "an empty request id is one")
    check(module._metrics_for(Settings()) is None, "metrics that nobody asked for")

    # The middleware: ids are forgotten when a request begins, and start_response gets all that it was given.
    seen = []
    module._span_context_var.set({"traceId": "old"})

    def app(environ, start_response):
        seen.append(module._span_context_var.get())
        start_response("200 OK", [("a", "b")])
        start_response("500", [], (1, 2, 3))
        return [b"body"]

    calls = []
    check(module.OtelSpanMiddleware(app)({}, lambda *arguments: calls.append(arguments)) == [b"body"], "the body")
    check(seen == [{}] and calls == [("200 OK", [("a", "b")], None), ("500", [], (1, 2, 3))], f"{seen} {calls}")


# --- uvicorn ---

TRACED_ASGI = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from app import app as inner

trace.set_tracer_provider(TracerProvider())
tracer = trace.get_tracer("test")


async def app(scope, receive, send):
    if scope["type"] != "http" or scope["path"] == "/metrics":
        return await inner(scope, receive, send)
    with tracer.start_as_current_span("request") as span:
        trace_id = format(span.get_span_context().trace_id, "032x").encode()

        async def traced(message):
            if message["type"] == "http.response.start":
                message["headers"].append((b"x-trace", trace_id))
            await send(message)

        await inner(scope, receive, traced)
"""


def uvicorn(files, app, **environment):
    folder = pathlib.Path(tempfile.mkdtemp())
    shutil.copy(ROOT / "examples" / "fastapi" / "app" / "app.py", folder)
    (folder / "traced.py").write_text(TRACED_ASGI)
    for name in ("uvicorn_log_handler.py", "uvicorn-log-config.json"):
        (folder / name).write_text(files[name])
    path = [str(folder)]
    if app == "app:app":
        path.insert(0, no_opentelemetry(folder))
    return Server(folder, ["uvicorn", app, "--port", "PORT"], PYTHONPATH=":".join(path), UVICORN_LOG_LEVEL="info",
                  UVICORN_LOG_CONFIG=str(folder / "uvicorn-log-config.json"), **environment)


def test_uvicorn():
    files = pushed("fastapi")
    with uvicorn(files, "app:app") as server:
        check(get(server.port, "/?number=1&x=%20y")[0] == 200, "a quote")
        check(get(server.port, "/?number=9")[0] == 404 and get(server.port, "/metrics")[0] == 200 and get(server.port, "/broken")[0] == 500, "pages")
    access, others = lines_of(server.out, "uvicorn access"), lines_of(server.err, "uvicorn")
    check(len(access) == 4 and all(line["attributes"]["logger.name"] == "uvicorn.access" for line in access), f"{len(access)} access lines")
    check(access[0]["attributes"] == {"logger.name": "uvicorn.access", "http.request.method": "GET", "url.path": "/",
                                      "url.query": "number=1&x=%20y", "client.address": "127.0.0.1", "http.response.status_code": 200},
          access[0])
    check(re.fullmatch(r'127\.0\.0\.1:\d+ - "GET /\?number=1&x=%20y HTTP/1\.1" 200( OK)?', access[0]["body"]), access[0]["body"])
    check([line["attributes"]["http.response.status_code"] for line in access] == [200, 404, 200, 500], "statuses")
    broken = [line for line in others if "exception.type" in line["attributes"]]
    check(len(broken) == 1 and broken[0]["attributes"]["exception.type"] == "RuntimeError" and
          broken[0]["attributes"]["exception.message"] == "this page is broken" and broken[0]["severityText"] == "ERROR", broken)
    check(any("Uvicorn running on" in line["body"] for line in others) and all("traceId" not in line for line in access + others), "others")

    with uvicorn(files, "traced:app") as server:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answered = list(pool.map(lambda n: get(server.port, f"/?n={n}")[1]["X-Trace"], range(24)))
        get(server.port, "/metrics")
        get(server.port, "/broken")
    access, others = lines_of(server.out, "uvicorn traced"), lines_of(server.err, "uvicorn traced")
    by_query = {line["attributes"].get("url.query"): line for line in access}
    check(all(by_query[f"n={n}"].get("traceId") == trace for n, trace in enumerate(answered)), "ids of other requests")
    check(all(re.fullmatch("[0-9a-f]{16}", by_query[f"n={n}"]["spanId"]) for n in range(24)), "span ids")
    check(all("traceId" not in line for line in access if line["attributes"]["url.path"] == "/metrics"), "an id on an untraced line")
    failure = [line for line in others if "exception.type" in line["attributes"]]
    own = [line for line in access if line["attributes"]["url.path"] == "/broken"]
    check(len(failure) == 1 and len(own) == 1 and failure[0].get("traceId") == own[0].get("traceId") is not None,
          f"the line of the failed request, whose span is over: {failure} {own}")


# --- uvicorn's module, by itself ---

def record_of(name, level, message, args=(), error=None):
    return logging.LogRecord(name, level, "path", 1, message, args, error)


def test_uvicorn_module():
    module = module_of(pushed("fastapi")["uvicorn_log_handler.py"], "\0")
    form = module.UvicornJsonFormatter()
    severities = {logging.DEBUG: "DEBUG", logging.INFO: "INFO", logging.WARNING: "WARN", logging.ERROR: "ERROR", logging.CRITICAL: "FATAL"}
    for level, name in severities.items():
        line = json.loads(form.format(record_of("uvicorn.error", level, "%s and %d", ("a", 1))))
        check(line["severityText"] == name and line["body"] == "a and 1" and line["attributes"] == {"logger.name": "uvicorn.error"}, line)
    record = record_of("uvicorn.error", logging.INFO, "x")
    for seconds, stamp in ((0, "1970-01-01T00:00:00.000Z"), (1700000000.123, "2023-11-14T22:13:20.123Z"),
                           (1700000000.9999, "2023-11-14T22:13:20.999Z"), (4102444799.0005, "2099-12-31T23:59:59.000Z")):
        record.created = seconds
        check(json.loads(form.format(record))["timestamp"] == stamp, f"{seconds}: {form.format(record)}")

    cases = [
        (("1.2.3.4:5", "GET", "/a?b=c?d", "1.1", 200), {"client.address": "1.2.3.4", "http.request.method": "GET", "url.path": "/a",
                                                       "url.query": "b=c?d", "http.response.status_code": 200}),
        (("[::1]:5", "GET", "/a?", "1.1", "201"), {"client.address": "[::1]", "http.request.method": "GET", "url.path": "/a",
                                                  "http.response.status_code": 201}),
        (("unix", "GET", "/", "1.1", "odd"), {"client.address": "unix", "http.request.method": "GET", "url.path": "/",
                                             "http.response.status_code": "odd"}),
        ((":5",), {"client.address": ":5"}),
        ((None, "GET"), {"http.request.method": "GET"}),
        ((), {}),
    ]
    for args, want in cases:
        record = record_of("uvicorn.access", logging.INFO, "%s" * len(args), args)
        attributes = json.loads(form.format(record))["attributes"]
        check(attributes.pop("logger.name") == "uvicorn.access" and attributes == want, f"{args}: {attributes}")
    record = record_of("uvicorn.access", logging.INFO, "%(k)s", ({"k": 1},))
    check(json.loads(form.format(record))["attributes"] == {"logger.name": "uvicorn.access"}, "arguments by name")
    check("http.request.method" not in form.format(record_of("uvicorn.error", logging.INFO, "%s%s", ("a", "b"))), "no access record")
    record = record_of("uvicorn.access", logging.INFO, "%s%s", ("a", {1, 2}))
    check("{1, 2}" in json.loads(form.format(record))["attributes"]["http.request.method"], "a value that JSON lacks")

    class Inner:
        class Odd(Exception):
            pass

    try:
        raise Inner.Odd("told")
    except Inner.Odd:
        attributes = json.loads(form.format(record_of("uvicorn.error", logging.ERROR, "x", (), sys.exc_info())))["attributes"]
    check(attributes["exception.type"].endswith("Inner.Odd") and attributes["exception.message"] == "told" and
          "Inner.Odd: told" in attributes["exception.stacktrace"], attributes)
    check("exception.type" not in form.format(record_of("uvicorn.error", logging.ERROR, "x", (), (None, None, None))), "no exception")


def test_uvicorn_filter():
    module = module_of(pushed("fastapi")["uvicorn_log_handler.py"], "\0")
    correlate = module.OtelCorrelationFilter().filter

    def ids(record):
        return getattr(record, "traceId", None), getattr(record, "spanId", None)

    real = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "opentelemetry"}
    record = record_of("uvicorn.access", logging.INFO, "x")
    module._span_context_var.set({"traceId": "kept", "spanId": "kept"})
    check(correlate(record) and ids(record) == (None, None) and module._span_context_var.get()["traceId"] == "kept", "without OpenTelemetry")
    sys.modules.update(real)

    from opentelemetry import trace
    context = trace.SpanContext(0xabc, 0xdef, False)
    with trace.use_span(trace.NonRecordingSpan(context)):
        record = record_of("uvicorn.access", logging.INFO, "x")
        check(correlate(record) and ids(record) == ("0" * 29 + "abc", "0" * 13 + "def"), ids(record))
    record = record_of("uvicorn.error", logging.INFO, "x")
    check(correlate(record) and ids(record) == ("0" * 29 + "abc", "0" * 13 + "def"), "the span that is over")
    line = json.loads(module.UvicornJsonFormatter().format(record))
    check(list(line) == ["timestamp", "severityText", "body", "traceId", "spanId", "attributes"], list(line))
    record = record_of("uvicorn.access", logging.INFO, "x")
    check(correlate(record) and ids(record) == (None, None) and module._span_context_var.get() == {}, "an untraced request")
    record = record_of("uvicorn.error", logging.INFO, "x")
    check(correlate(record) and ids(record) == (None, None), "nothing is remembered")


# --- Django, for the example's sake ---

def test_django():
    """The example under the file that its charm pushes: tables are made, a note is kept."""
    folder = pathlib.Path(tempfile.mkdtemp()) / "app"
    shutil.copytree(ROOT / "examples" / "django" / "app", folder)
    (folder / CONF).write_text(at_home(pushed("django")[CONF], folder))
    done = subprocess.run([sys.executable, "-B", "manage.py", "migrate"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=DEADLINE)
    check(done.returncode == 0, f"migrate: {done.stdout}")
    with Server(folder, ["gunicorn", "-c", CONF, "shop.wsgi:application", "-k", "gevent", "--bind", "127.0.0.1:PORT"]) as server:
        request = urllib.request.Request(f"http://127.0.0.1:{server.port}/", data=b"remember")
        check(urllib.request.urlopen(request, timeout=DEADLINE).status == 201, "a note")
        notes = json.loads(urllib.request.urlopen(f"http://127.0.0.1:{server.port}/", timeout=DEADLINE).read())
        check(notes == {"notes": ["remember"]}, notes)
    check(len(lines_of(server.out, "django")) == 2, server.out)
    lines_of(server.err, "django")


def main():
    for test in (test_gunicorn_module, test_check_config, test_gunicorn, test_gunicorn_failures, test_gunicorn_traced, test_uvicorn,
                 test_uvicorn_module, test_uvicorn_filter, test_django):
        test()
    return end()


if __name__ == "__main__":
    sys.exit(main())
