"""A page that counts its visits: in redis where there is one, else in this process."""
import logging
import os

from flask import Flask, jsonify

app = Flask(__name__)
app.config.from_prefixed_env("FLASK")
app.logger.handlers = logging.getLogger("gunicorn.error").handlers   # one log, in one format
counts = {"visits": 0}


def count():
    """One visit more; how many there have been."""
    url = os.environ.get("REDIS_DB_CONNECT_STRING")
    if url:
        import redis

        return redis.Redis.from_url(url).incr("visits")
    counts["visits"] += 1
    return counts["visits"]


@app.route("/")
def page():
    return f"{os.environ.get('FLASK_GREETING', 'Hello')}, you are visitor {count()}.\n"


@app.route("/peers")
def peers():
    names = os.environ.get("FLASK_PEER_FQDNS", "")
    return jsonify(base_url=os.environ.get("FLASK_BASE_URL"), peers=names.split(",") if names else [])


@app.route("/broken")
def broken():
    app.logger.warning("somebody asked for the broken page")
    raise RuntimeError("this page is broken")
