# uvicorn: the filter that puts a request's span on its log records, and the formatter.
class OtelCorrelationFilter(logging.Filter):
    """Puts the current span's ids on each record, or those of the request's span where it has ended. Drops nothing."""

    def filter(self, record):
        ids = _span_ids()
        if ids is None:
            return True
        if ids:
            _span_context_var.set(ids)
        elif record.name == "uvicorn.access":
            # The line of a request without a span: what is remembered belongs to an earlier request of this connection.
            _span_context_var.set({})
        else:
            ids = _span_context_var.get()
        for key, value in ids.items():
            setattr(record, key, value)
        return True


class UvicornJsonFormatter(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record):
        attributes = {"logger.name": record.name}
        if record.name == "uvicorn.access":
            attributes.update(_request_attributes(record.args))
        attributes.update(_exception_attributes(record))
        ids = {key: getattr(record, key, None) for key in ("traceId", "spanId")}
        return _json_line(record.created, record.levelname, record.getMessage(), ids, attributes)


def _request_attributes(args):
    """What an access record says by position: client, method, path with query, HTTP version, status."""
    attributes = {}
    given = dict(enumerate(args)) if isinstance(args, tuple) else {}
    if given.get(1) is not None:
        attributes["http.request.method"] = given[1]
    if given.get(2) is not None:
        path, _, query = str(given[2]).partition("?")
        attributes["url.path"] = path
        if query:
            attributes["url.query"] = query
    if given.get(0) is not None:
        client = str(given[0])
        attributes["client.address"] = client.rpartition(":")[0] or client
    if given.get(4) is not None:
        attributes["http.response.status_code"] = _number(given[4])
    return attributes
