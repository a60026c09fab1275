"""An embeddings service: a real HTTP server on loopback that speaks OpenAI's protocol, or what a test tells it to."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

from monitor.config.embedding import Embeddings

Answer = Callable[[dict[str, Any]], tuple[int, bytes]]


def lengths(texts: Sequence[str]) -> list[dict[str, Any]]:
    """Two dimensions: a text's length, and one; in any order."""
    items = [{"object": "embedding", "index": i, "embedding": [len(text), 1]} for i, text in enumerate(texts)]
    return items[::-1]


def embedded(body: dict[str, Any]) -> tuple[int, bytes]:
    return 200, msgspec.json.encode({"object": "list", "data": lengths(body["input"]), "model": body["model"], "usage": {}})


@dataclass
class Service:
    """`answers` are given to the next requests in order, `embedded` after them."""

    port: int = 0
    answers: list[Answer] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def settings(self, **more: Any) -> Embeddings:
        return Embeddings.model_validate({"endpoint": f"http://127.0.0.1:{self.port}/v1", "model": "small", **more})


@contextmanager
def serving() -> Iterator[Service]:
    service = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = msgspec.json.decode(self.rfile.read(int(self.headers["Content-Length"])))
            service.requests.append({"path": self.path, **body})
            service.headers.append({name.lower(): value for name, value in self.headers.items()})
            status, answer = (service.answers.pop(0) if service.answers else embedded)(body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
