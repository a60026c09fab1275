"""What embeds texts: the package's static words, or a service that speaks OpenAI's protocol (`POST /v1/embeddings`)."""

import logging
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

import httpx
import msgspec
import numpy as np
from numpy.typing import NDArray

from alerts.notify.client import FAILURES, open_client
from monitor import logs
from monitor.config.embedding import Embeddings
from records.errors import DeliveryError
from signals.embedding import Embed
from signals.embedding.static import static_words

CONNECT_SECONDS, ANSWER_SECONDS = 1.0, 3.0
"""The stream waits no longer than this for a connection, nor for all the embeddings of a batch."""
PAUSE_SECONDS = 60.0
"""After a failure nothing is asked for so long: a service that is away slows the stream down by a twentieth at most."""
TEXTS = 128
"""Texts of one request."""
MOST_BYTES = 64 * 2**20
_log = logging.getLogger(__name__)


class _Item(msgspec.Struct):
    index: int
    embedding: list[float]


class _Answer(msgspec.Struct):
    data: list[_Item]


class Endpoint:
    """Embeds over HTTP. What fails is logged once, until it works again; the texts then have no embedding."""

    def __init__(self, settings: Embeddings, clock: Callable[[], float] = time.monotonic):
        self._url, self._model, self._clock = httpx.URL(f"{settings.endpoint}/embeddings"), settings.model, clock
        self._headers = {"Content-Type": "application/json", "User-Agent": "plumbline"}
        if settings.api_key is not None:
            self._headers["Authorization"] = f"Bearer {settings.api_key.get_secret_value()}"
        self._tls = ssl.create_default_context() if self._url.scheme == "https" else False  # slow to make: once
        self._resume: float | None = None

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Embeddings (m, D), nan for the texts that got none."""
        if self._resume is not None and self._clock() < self._resume:
            return np.full((len(texts), 1), np.nan)
        found: list[NDArray[np.float64]] = []
        try:
            found.extend(self._ask(texts))
        except DeliveryError as error:
            if self._resume is None:
                logs.event(_log, logging.WARNING, "embedding_failed", reason=str(error))
            self._resume = self._clock() + PAUSE_SECONDS
        else:
            if self._resume is not None:
                logs.event(_log, logging.INFO, "embedding_works_again", host=self._url.host)
            self._resume = None
        done = np.concatenate(found) if found else np.empty((0, 1))
        return np.concatenate([done, np.full((len(texts) - len(done), done.shape[1]), np.nan)])

    def _ask(self, texts: Sequence[str]) -> Iterator[NDArray[np.float64]]:
        """The embeddings of one request after the other. Raises DeliveryError, without what was sent or answered."""
        deadline, size = self._clock() + ANSWER_SECONDS, None
        with open_client(CONNECT_SECONDS, ANSWER_SECONDS, verify=self._tls) as client:
            for first in range(0, len(texts), TEXTS):
                part = texts[first : first + TEXTS]
                body = msgspec.json.encode({"model": self._model, "input": part, "encoding_format": "float"})
                rows = self._rows(self._answer(client, body, deadline), len(part))
                if size is not None and rows.shape[1] != size:
                    raise self._failure("embeddings of different lengths")
                size = rows.shape[1]
                yield rows

    def _answer(self, client: httpx.Client, body: bytes, deadline: float) -> bytes:
        answer = bytearray()
        try:
            left = httpx.Timeout(max(deadline - self._clock(), 0.01), connect=CONNECT_SECONDS)
            with client.stream("POST", self._url, headers=self._headers, content=body, timeout=left) as response:
                if response.status_code != 200:
                    raise self._failure(f"answered {response.status_code}")
                for piece in response.iter_bytes():
                    answer += piece
                    if self._clock() > deadline:
                        raise self._failure("no answer in time")
                    if len(answer) > MOST_BYTES:
                        raise self._failure("an answer too large")
        except httpx.HTTPError as error:
            raise self._failure(next(text for kind, text in FAILURES.items() if isinstance(error, kind))) from None
        if self._clock() > deadline:
            raise self._failure("no answer in time")
        return bytes(answer)

    def _rows(self, body: bytes, n: int) -> NDArray[np.float64]:
        try:
            items = sorted(msgspec.json.decode(body, type=_Answer).data, key=lambda item: item.index)
            rows = np.array([item.embedding for item in items], np.float64)
        except (msgspec.DecodeError, ValueError):  # no JSON, other fields, or rows of different lengths
            raise self._failure("not an answer with embeddings") from None
        if [item.index for item in items] != list(range(n)) or rows.ndim != 2 or not rows.shape[1]:
            raise self._failure("not one embedding for each text")
        return rows

    def _failure(self, words: str) -> DeliveryError:
        return DeliveryError(f"{self._url.host}: {words}")


@lru_cache(maxsize=16)
def embedder(settings: Embeddings) -> Embed:
    """What embeds by these settings, one for the process."""
    return static_words() if settings.endpoint is None else Endpoint(settings)
