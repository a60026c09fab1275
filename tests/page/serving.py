"""The page served by a real uvicorn on a free loopback port."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Page

from monitor.page.login import Gate
from monitor.page.routes import page_router
from monitor.page.views import Reading

Scheme = Literal["dark", "light"]
Open = Callable[..., Page]


@contextmanager
def serving(reading: Reading, gate: Gate | None = None) -> Iterator[str]:
    """The address of the page over `reading` while it is served."""
    app = FastAPI()
    app.include_router(page_router(reading, gate))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
