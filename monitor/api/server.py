"""Runs the HTTP application in a thread of its own, beside the pipeline."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from monitor.config import Address, require_tokens
from records.errors import ConfigError

_BACKLOG = 1024
_STOP_WITHIN = 10


class _Server(uvicorn.Server):
    """Tells when it answers, so that nobody has to poll."""

    def __init__(self, config: uvicorn.Config):
        super().__init__(config)
        self.answers = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.answers.set()


class HttpServer:
    """A uvicorn server in a thread. `address` is where it listens (port 0 takes a free one)."""

    def __init__(self, app: FastAPI, host: str, port: int):
        """Binds at once. Raises ConfigError where the address is taken, or open to others without tokens."""
        try:
            require_tokens(host, app.state.config_source.current.tokens)
        except ValueError as error:
            raise ConfigError(str(error), key="listen") from None
        self._socket = _bind(host, port)
        self.address = Address(host, self._socket.getsockname()[1])
        self._server = _Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,  # a header must never make a peer look local
                ws="none",
                timeout_graceful_shutdown=_STOP_WITHIN,
            )
        )
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    @property
    def url(self) -> str:
        """http://host:port"""
        return f"http://{self.address}"

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._server.answers.set()

    def start(self) -> None:
        """Returns when requests are answered. Raises RuntimeError where the application did not start."""
        self._thread.start()
        self._server.answers.wait()
        if not self._server.started:
            raise RuntimeError("the HTTP application did not start; the log has the reason")

    def stop(self) -> None:
        """Takes no more requests, finishes those that run (at most 10 s), and returns. Safe to repeat."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join()
        self._socket.close()


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, socket.IPPROTO_TCP)  # asyncio sets TCP_NODELAY only where TCP is named
    except OSError as error:
        raise ConfigError(f"{host} is no address of this machine: {error.strerror}", key="listen") from None
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        where = Address(host, port)
        raise ConfigError(f"cannot listen on {where}: {error.strerror}; choose another port", key="listen") from None
    return bound


@contextmanager
def serve_http(app: FastAPI, host: str, port: int) -> Iterator[HttpServer]:
    """Serves `app` while the block runs."""
    server = HttpServer(app, host, port)
    try:
        server.start()
        yield server
    finally:
        server.stop()
