"""One call of a judge over HTTP: any service that speaks OpenAI's chat completions. What fails says how, and what it cost."""

import secrets
import ssl
import time
from typing import Any, NamedTuple

import httpx
import msgspec

from alerts.notify.client import open_client
from monitor.config.judges import Judge
from signals.evaluation.judging import Texts, Verdict, bound_tokens, messages, read_completion, response_format

CONNECT_SECONDS = 5.0
MOST_BYTES = 1 << 20
LONGEST_PAUSE = 3600.0
"""Seconds that a Retry-After is believed for."""
RETRIED = ("timeout", "unreachable", "rate_limited", "server_error")
"""Failures that another attempt may mend."""
OF_THE_JUDGE = (*RETRIED, "denied")
"""Failures that say something of the judge, not of the text."""
_DENIED = (401, 403, 404, 405)
_NO_CODE = "0" * 16
_MARKS = 2 * len(f"<<<{_NO_CODE} end >>>\n")
"""At most so many bytes stand around a text, besides its name twice."""
_NAMED = ((b"max_completion_tokens", "max_tokens"), (b"temperature", "temperature"))


class Asked(NamedTuple):
    """How a call ended: `outcome` is a verdict's, or a failure. `cost` in micro-dollars; `retry_after` in seconds, where the
    server asks for patience; `verdict` where it answered."""

    outcome: str
    cost: int
    seconds: float
    retry_after: float | None = None
    verdict: Verdict | None = None


class Client:
    """Calls one judge; threads share it. Neither texts nor secrets are in any error or log."""

    def __init__(self, judge: Judge):
        self._judge, self.rubric = judge, judge.goes_by
        self._around = bound_tokens([message["content"] for message in messages(self.rubric, Texts(), _NO_CODE)])
        self._without: frozenset[str] = frozenset()
        self._headers = {"Content-Type": "application/json", "User-Agent": "plumbline"}
        if judge.api_key is not None:
            self._headers["Authorization"] = f"Bearer {judge.api_key.get_secret_value()}"
        try:
            self._url: httpx.URL | None = httpx.URL(f"{judge.endpoint}/chat/completions")
        except httpx.InvalidURL:
            self._url = None
        tls = ssl.create_default_context() if self._url is not None and self._url.scheme == "https" else False
        self._timeout = judge.timeout / 1e6
        self._client = open_client(min(CONNECT_SECONDS, self._timeout), self._timeout, verify=tls)

    def close(self) -> None:
        """Close the connections; calls under way fail."""
        self._client.close()

    def bound(self, texts: Texts) -> int:
        """Micro-dollars that one call costs at most."""
        shown = [f"{name}{name}{text}" for name, text in texts.parts()]
        return self._judge.prices.cost(self._around + bound_tokens(shown) + _MARKS * len(shown), self._judge.max_tokens)

    def ask(self, texts: Texts) -> Asked:
        """One judgement, of one call, and one more where the server does not know an option of the request."""
        began = time.monotonic()
        asked = self._ask(texts)
        while asked is None:
            asked = self._ask(texts)
        return asked._replace(seconds=time.monotonic() - began)

    def _ask(self, texts: Texts) -> Asked | None:
        """None where the server refused an option, and the request is to be made without it."""
        bound, without = self.bound(texts), self._without
        if self._url is None:
            return Asked("unreachable", 0, 0.0)
        try:
            status, headers, body = self._post(self._url, self._body(texts, without))
        except httpx.HTTPError as error:
            if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
                return Asked("unreachable", 0, 0.0)
            return Asked("timeout" if isinstance(error, httpx.TimeoutException) else "unreachable", bound, 0.0)
        if status == 200:
            verdict = read_completion(self.rubric, body)
            return Asked(verdict.outcome, self._cost(verdict, bound), 0.0, None, verdict)
        if status in (400, 422) and self._leave_out(body, without):
            return None
        if status == 429:
            return Asked("rate_limited", 0, 0.0, _retry_after(headers))
        if status >= 500:
            return Asked("server_error", 0, 0.0, _retry_after(headers))
        return Asked("denied" if status in _DENIED else "rejected", 0, 0.0)

    def _cost(self, verdict: Verdict, bound: int) -> int:
        if verdict.input_tokens is None or verdict.output_tokens is None:
            return bound
        return self._judge.prices.cost(verdict.input_tokens, verdict.output_tokens)

    def _body(self, texts: Texts, without: frozenset[str]) -> bytes:
        judge = self._judge
        body: dict[str, Any] = {"model": judge.model, "messages": messages(self.rubric, texts, secrets.token_hex(8))}
        body["max_completion_tokens" if "max_tokens" in without else "max_tokens"] = judge.max_tokens
        if "temperature" not in without:
            body["temperature"] = 0
        if "response_format" not in without:
            body["response_format"] = response_format(self.rubric)
        return msgspec.json.encode(body)

    def _leave_out(self, body: bytes, without: frozenset[str]) -> bool:
        """Whether a refusal is about an option that the request had and can do without; from then on it is left out. One that
        names none is taken to be about structured output, which older servers do not know."""
        named = next((option for word, option in _NAMED if word in body), "response_format")
        self._without |= {named}
        return named not in without

    def _post(self, url: httpx.URL, body: bytes) -> tuple[int, httpx.Headers, bytes]:
        """Status, headers and body, all within the timeout. Raises httpx.HTTPError."""
        deadline, answer = time.monotonic() + self._timeout, bytearray()
        with self._client.stream("POST", url, headers=self._headers, content=body) as response:
            for piece in response.iter_bytes():
                answer += piece
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("")
                if len(answer) > MOST_BYTES:
                    raise httpx.RemoteProtocolError("")
            return response.status_code, response.headers, bytes(answer)


def _retry_after(headers: httpx.Headers) -> float | None:
    """Seconds; the form with a date is not used by such services."""
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return None
    return min(max(seconds, 0.0), LONGEST_PAUSE)
