"""Embeddings from a service over HTTP: what is asked, what may come back, and that a service which is away harms nothing."""

import logging
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest

from monitor.embedding import ANSWER_SECONDS, PAUSE_SECONDS, TEXTS, Endpoint, embedder
from signals.embedding.static import StaticWords
from tests.monitor.embedding_service import Answer, Service, embedded, lengths, serving

KEY = "sk-a-key-that-nobody-may-see"


@pytest.fixture
def service() -> Iterator[Service]:
    with serving() as running:
        yield running


def test_texts_are_embedded_in_their_order_by_the_model_that_was_named(service: Service) -> None:
    found = embedder(service.settings(api_key=KEY))(["a", "ccc", "bb"])
    assert found.tolist() == [[1, 1], [3, 1], [2, 1]]
    (request,), (headers,) = service.requests, service.headers
    assert request == {"path": "/v1/embeddings", "model": "small", "input": ["a", "ccc", "bb"], "encoding_format": "float"}
    assert headers["authorization"] == f"Bearer {KEY}"


def test_many_texts_are_several_requests(service: Service) -> None:
    texts = ["x" * (i % 7 + 1) for i in range(2 * TEXTS + 3)]
    assert Endpoint(service.settings())(texts)[:, 0].tolist() == [len(text) for text in texts]
    assert [len(request["input"]) for request in service.requests] == [TEXTS, TEXTS, 3]


def test_the_same_settings_are_one_embedder_and_no_endpoint_is_static_words(service: Service) -> None:
    settings = service.settings()
    assert embedder(settings) is embedder(service.settings())
    assert isinstance(embedder(type(settings)()), StaticWords)


def answer(status: int, data: object) -> Answer:
    return lambda body: (status, data if isinstance(data, bytes) else msgspec.json.encode(data))


BAD: dict[str, Answer] = {
    "answered 500": answer(500, KEY.encode()),
    "answered 307": answer(307, b""),
    "not an answer with embeddings": answer(200, f'{{"error": "{KEY}"}}'.encode()),
    "not one embedding for each text": lambda body: (200, msgspec.json.encode({"data": lengths(body["input"][1:])})),
}
RAGGED = {"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [1, 2]}, {"index": 2, "embedding": []}]}


@pytest.mark.parametrize("words", BAD)
def test_what_cannot_be_used_is_no_embedding_and_is_logged_once(
    service: Service, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    now = [100.0]
    endpoint = Endpoint(service.settings(api_key=KEY), lambda: now[0])
    service.answers += [BAD[words]] * 2
    with caplog.at_level(logging.INFO):
        assert np.isnan(endpoint(["a", "b", "c"])).all()
        assert np.isnan(endpoint(["a"])).all() and len(service.requests) == 1  # it is left alone for a while
        now[0] += PAUSE_SECONDS
        assert np.isnan(endpoint(["a", "b", "c"])).all() and len(service.requests) == 2
        now[0] += PAUSE_SECONDS
        assert endpoint(["a", "b", "c"]).tolist() == [[1, 1]] * 3
    assert [record.getMessage() for record in caplog.records] == ["embedding_failed", "embedding_works_again"]
    assert vars(caplog.records[0])["fields"] == {"reason": f"127.0.0.1: {words}"}


@pytest.mark.parametrize("data", [RAGGED, {"data": []}, [], b"\xff", b'{"data": [{"index": 0, "embedding": [NaN]}]}'])
def test_an_answer_that_is_no_table_of_numbers_is_no_embedding(service: Service, data: object) -> None:
    service.answers.append(answer(200, data))
    assert np.isnan(Endpoint(service.settings())(["a", "b", "c"])).all()


def test_what_came_before_a_failure_is_kept(service: Service) -> None:
    service.answers += [embedded, answer(503, b"")]
    found = Endpoint(service.settings())(["a"] * (TEXTS + 2))
    assert np.isfinite(found[:TEXTS]).all() and np.isnan(found[TEXTS:]).all()


def test_a_service_that_is_away_is_no_embedding() -> None:
    with serving() as running:
        settings = running.settings()
    assert np.isnan(Endpoint(settings)(["a"])).all()


def test_an_answer_that_comes_too_late_is_no_embedding(service: Service) -> None:
    now = [100.0]

    def slow(body: dict[str, object]) -> tuple[int, bytes]:
        now[0] += ANSWER_SECONDS + 1
        return embedded(body)

    service.answers.append(slow)
    assert np.isnan(Endpoint(service.settings(), lambda: now[0])(["a"])).all()
