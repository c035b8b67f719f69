# gunicorn: its logger, and the middleware that remembers a request's span until the access line is written.
import time

from gunicorn import glogging

try:
    from gunicorn.instrument.statsd import Statsd as _Statsd
except ImportError:
    _Statsd = None


class OtelSpanMiddleware:
    """Remembers the span that is current when a response starts: it is over when gunicorn writes the access line."""

    def __init__(self, app):
        self._app = app

    def __call__(self, environ, start_response):
        _span_context_var.set({})

        def start(status, headers, exc_info=None):
            _span_context_var.set(_span_ids() or {})
            return start_response(status, headers, exc_info)

        return self._app(environ, start)


class GunicornJsonFormatter(logging.Formatter):
    """Lines of the error log."""

    def format(self, record):
        attributes = {"logger.name": record.name, **_exception_attributes(record)}
        return _json_line(record.created, record.levelname, record.getMessage(), _span_context_var.get(), attributes)


def _metrics_for(cfg):
    """gunicorn's own StatsD logger, for the metrics alone; None where they are not asked for."""
    if _Statsd is None or not cfg.statsd_host:
        return None

    class Metrics(_Statsd):
        def setup(self, cfg):
            """Leaves the handlers alone: they are shared, and set up by their owner."""

    metrics = Metrics(cfg)
    metrics.error_log = metrics.access_log = logging.Logger("gunicorn.metrics")
    metrics.error_log.disabled = True
    return metrics


def _passed_on(name):
    """A method that logs, and lets the metrics see it: they count lines, and some lines carry a metric."""

    def method(self, msg, *args, **kwargs):
        if self._metrics is not None:
            getattr(self._metrics, name)(msg, *args, **kwargs)
        getattr(glogging.Logger, name)(self, msg, *args, **kwargs)

    return method


class GunicornJsonLogger(glogging.Logger):
    """gunicorn's logger with lines in JSON. Metrics go where they went with the logger that gunicorn would have chosen itself."""

    _metrics = None

    def setup(self, cfg):
        self._metrics = _metrics_for(cfg)
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(GunicornJsonFormatter())

    def access(self, resp, req, environ, request_time):
        if self._access_log_wanted():
            self._access_line(resp, req, environ, request_time)
        if self._metrics is not None:
            self._metrics.access(resp, req, environ, request_time)

    def log(self, lvl, msg, *args, **kwargs):
        if self._metrics is not None:
            self._metrics.log(lvl, msg, *args, **kwargs)
        super().log(lvl, msg, *args, **kwargs)

    critical, error, warning = _passed_on("critical"), _passed_on("error"), _passed_on("warning")
    exception, info, debug = _passed_on("exception"), _passed_on("info"), _passed_on("debug")

    def _access_line(self, resp, req, environ, request_time):
        code = _number(str(resp.status).split(None, 1)[0])
        if not isinstance(code, int):
            code = resp.status
        attributes = {
            "logger.name": "gunicorn.access",
            "http.request.method": environ.get("REQUEST_METHOD", ""),
            "url.path": environ.get("PATH_INFO", ""),
            "http.response.status_code": code,
            "duration_ms": round(request_time.total_seconds() * 1000, 3),
        }
        for name, key in (("url.query", "QUERY_STRING"), ("client.address", "REMOTE_ADDR")):
            if environ.get(key):
                attributes[name] = environ[key]
        if "HTTP_X_REQUEST_ID" in environ:
            attributes["http.request.header.x-request-id"] = environ["HTTP_X_REQUEST_ID"]
        body = self._access_body(resp, req, environ, request_time, code)
        self.access_log.info(_json_line(time.time(), "INFO", body, _span_context_var.get(), attributes))

    def _access_log_wanted(self):
        cfg = self.cfg
        destinations = ("accesslog", "logconfig", "logconfig_dict", "logconfig_json")
        return (any(getattr(cfg, name, None) for name in destinations)
                or (cfg.syslog and not cfg.disable_redirect_access_to_syslog))

    def _access_body(self, resp, req, environ, request_time, code):
        try:
            return self.cfg.access_log_format % self.atoms_wrapper_class(self.atoms(resp, req, environ, request_time))
        except (TypeError, ValueError, KeyError):
            return '{} - "{} {} {}" {}'.format(environ.get("REMOTE_ADDR", "-"), environ.get("REQUEST_METHOD", ""),
                                               environ.get("PATH_INFO", ""), environ.get("SERVER_PROTOCOL", ""), code)


