# What both web servers' log lines have in common: one JSON object a line, in the words of OpenTelemetry's log data model.
# This part comes first in the files that are made of it. Standard library only; OpenTelemetry is used where the app uses it.
import contextvars
import datetime
import json
import logging
import sys
import traceback

# The span of the present request, as {"traceId": ..., "spanId": ...}. Log lines are often written when the span has ended already.
_span_context_var = contextvars.ContextVar("span_context", default={})

_SEVERITIES = {"WARNING": "WARN", "CRITICAL": "FATAL"}


def _span_ids():
    """The ids of the current span; {} if there is none; None where OpenTelemetry is not in use."""
    # Without anybody having imported it there can be no span, and looking here costs nothing.
    trace_api = getattr(sys.modules.get("opentelemetry"), "trace", None)
    if trace_api is None:
        return None
    context = trace_api.get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {"traceId": format(context.trace_id, "032x"), "spanId": format(context.span_id, "016x")}


def _timestamp(seconds):
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json_line(seconds, level, body, ids, attributes):
    line = {"timestamp": _timestamp(seconds), "severityText": _SEVERITIES.get(level, level), "body": body}
    for key in ("traceId", "spanId"):
        if ids.get(key):
            line[key] = ids[key]
    line["attributes"] = attributes
    return json.dumps(line, default=str)


def _exception_attributes(record):
    if not record.exc_info or record.exc_info[0] is None:
        return {}
    kind, error, _ = record.exc_info
    return {
        "exception.type": kind.__qualname__,
        "exception.message": str(error),
        "exception.stacktrace": "".join(traceback.format_exception(*record.exc_info)),
    }


def _number(text):
    """A status code as a number, or as it is where it is none."""
    try:
        return int(text)
    except (TypeError, ValueError):
        return text


