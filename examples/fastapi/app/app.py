"""A quote for everybody, and how many were given."""
import os

from fastapi import FastAPI, HTTPException
from fastapi.responses import PlainTextResponse

app = FastAPI()
QUOTES = ["Begin at the beginning.", "Measure twice, cut once."]
given = {"count": 0}


@app.get("/")
async def quote(number: int = 0):
    if not 0 <= number < len(QUOTES):
        raise HTTPException(status_code=404, detail="no such quote")
    given["count"] += 1
    return {"text": QUOTES[number], "author": os.environ.get("APP_AUTHOR", "somebody")}


@app.get("/broken")
async def broken():
    raise RuntimeError("this page is broken")


@app.get("/metrics", response_class=PlainTextResponse)
async def metrics():
    return f"# TYPE quotes_given counter\nquotes_given {given['count']}\n"
