"""A small application for tests of the web server: what was received, and answers of any size."""

from __future__ import annotations

import os


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path.startswith("/large/"):
        size = int(path.rpartition("/")[2])
        start_response(
            "200 OK", [("Content-Type", "application/octet-stream"), ("Content-Length", str(size))]
        )
        return (b"x" * min(100_000, size - done) for done in range(0, size, 100_000))
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {environ['REQUEST_METHOD']} {path} {len(body)}".encode()]
