"""A judge: a real HTTP server on loopback that speaks OpenAI's protocol of chat completions, or what a test tells it to."""

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import numpy as np

from records.hashing import hash_text

_PART = re.compile(r"<<<(\w+) ([\w ]+)>>>\n(.*?)\n<<<\1 end \2>>>", re.DOTALL)


@dataclass(frozen=True)
class Reply:
    """Status, body and headers of an answer; `hangs`: none comes before the server ends."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    hangs: bool = False


@dataclass(frozen=True)
class Request:
    """What came: the body as JSON, and the headers with small letters."""

    body: dict[str, Any]
    headers: dict[str, str]

    def judged(self) -> dict[str, str]:
        """The judged texts by their names: "prompt", "response", "context 1", "reference answer"."""
        return {name: text for _, name, text in _PART.findall(self.body["messages"][-1]["content"])}


Answer = Callable[[Request], Reply]
Scored = Callable[[dict[str, str]], float | str]


def completion(content: str | None, *, tokens: tuple[int, int] | None = (100, 20), **message: Any) -> Reply:
    """An answer with this content; `tokens`: those of prompt and completion."""
    text = {"role": "assistant", "content": content, **message}
    body: dict[str, Any] = {"id": "c-1", "choices": [{"index": 0, "message": text, "finish_reason": "stop"}]}
    if tokens is not None:
        body["usage"] = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)}
    return Reply(200, msgspec.json.encode(body))


def says(score: float | str, reason: str = "as the rubric says", **more: Any) -> Reply:
    """A judgement as it is asked for."""
    return completion(msgspec.json.encode({"reason": reason, "score": score}).decode(), **more)


def failing(status: int, **headers: str) -> Answer:
    """Always this status."""
    body = msgspec.json.encode({"error": {"message": "no", "type": "server_error"}})
    return lambda request: Reply(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


def hanging(request: Request) -> Reply:
    """No answer."""
    return Reply(200, b"", hangs=True)


def erring(truth: Callable[[str], bool], *, false_negatives: float, false_positives: float, seed: int = 0) -> Scored:
    """Scores 1 and 0 of a judge that is wrong at these rates of what is truly good and truly bad, by a hash of the response."""

    def scored(judged: dict[str, str]) -> float:
        response = judged["response"]
        good = truth(response)
        draw = np.random.default_rng([seed, hash_text(response)]).random()
        return float(good != (draw < (false_negatives if good else false_positives)))

    return scored


@dataclass
class Judge:
    """`answers` are given to the next requests in order; after them `always`, where it is set, else what `scored` says.

    `requests` are all that came; `most_at_once` how many were being answered at the same time.
    """

    port: int = 0
    scored: Scored = lambda judged: 5.0
    always: Answer | None = None
    answers: list[Answer] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    tokens: tuple[int, int] | None = (100, 20)
    at_once: int = 0
    most_at_once: int = 0
    ended: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def endpoint(self) -> str:
        """What a configuration names."""
        return f"http://127.0.0.1:{self.port}/v1"

    def asked(self) -> Counter[str]:
        """How often each response was judged."""
        with self.lock:
            return Counter(request.judged()["response"] for request in self.requests)

    def reply(self, request: Request) -> Reply:
        with self.lock:
            self.requests.append(request)
            answer = self.answers.pop(0) if self.answers else self.always
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return answer(request) if answer else says(self.scored(request.judged()), tokens=self.tokens)
        finally:
            with self.lock:
                self.at_once -= 1


@contextmanager
def judging(**settings: Any) -> Iterator[Judge]:
    """Serves until the block ends; `settings` are those of `Judge`."""
    judge = Judge(**settings)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            size = int(self.headers["Content-Length"])
            raw = self.rfile.read(size)
            if len(raw) < size:  # the client was killed
                self.close_connection = True
                return
            body = msgspec.json.decode(raw)
            reply = judge.reply(Request(body, {name.lower(): value for name, value in self.headers.items()}))
            if self.path != "/v1/chat/completions":
                reply = Reply(404, b"{}")
            if reply.hangs:
                judge.ended.wait()
                self.close_connection = True
                return
            head = [f"HTTP/1.1 {reply.status} .", f"Content-Length: {len(reply.body)}", "Content-Type: application/json"]
            lines = [*head, *(f"{name}: {value}" for name, value in reply.headers.items())]
            self.wfile.write("\r\n".join([*lines, "", ""]).encode() + reply.body)  # at once: two writes wait for each other

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:
                """The client gave up or was killed."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    judge.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield judge
    finally:
        judge.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()
