"""POST /v1/interactions and /v1/feedback: what is good goes into the stream, what is refused into the dead letters."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from monitor.api import body, errors
from monitor.api.auth import require
from monitor.api.intake import Intake, Overloaded, Topic
from monitor.metrics import Metrics
from records.codec import Decoded, decode_feedback_records, decode_records, split_body

MAX_LINES = 100_000
INLINE = 256 << 10
"""Bytes up to which a body is decoded on the event loop: a millisecond or two, less than a thread's detour is worth."""
IN_FLIGHT = 256 << 20
"""Bytes of bodies that are worked on at once; beyond that, clients are told to wait."""

DECODERS: dict[Topic, Callable[[list[bytes], list[int]], Decoded]] = {
    "interactions": decode_records,
    "feedback": decode_feedback_records,
}
_JSON = {"schema": {"oneOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}]}}
_LINES = {"schema": {"type": "string", "description": "one JSON object a line"}}
_DOCUMENTED: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": _JSON, "application/x-ndjson": _LINES}},
}


class Capture:
    """Takes bodies for one intake. `clock` gives microseconds since 1970: the time of acceptance."""

    def __init__(self, intake: Intake, metrics: Metrics, clock: Callable[[], int]):
        self._intake, self._metrics, self._clock = intake, metrics, clock
        self._in_flight = 0

    async def take(self, topic: Topic, request: Request) -> JSONResponse:
        """Answers 202 once every accepted line is durable, 400 where none was accepted."""
        headers = request.headers
        length = headers.get("content-length", "")
        weight = int(length) if length.isdecimal() else body.MAX_BODY
        if self._in_flight + min(weight, body.MAX_BODY) > IN_FLIGHT:
            raise Overloaded(1.0)
        self._in_flight += min(weight, body.MAX_BODY)
        try:
            data = await body.read(request.stream(), headers.get("content-encoding", ""), length)
            return await self._count(topic, data)
        finally:
            self._in_flight -= min(weight, body.MAX_BODY)

    async def _count(self, topic: Topic, data: bytes) -> JSONResponse:
        if not data or data.isspace():
            raise HTTPException(400, "the body is empty; expected an object, an array or NDJSON")
        accepted_at = self._clock()
        if len(data) > INLINE:
            decoded = await asyncio.to_thread(_decode, topic, data, accepted_at)
        else:
            decoded = _decode(topic, data, accepted_at)
        if decoded.lines:
            await self._intake.accept(topic, [b"\n".join(decoded.lines)], accepted_at)
        if decoded.refused:
            await self._intake.dead_letter(topic, decoded.refused, accepted_at)
            for reason, count in Counter(refusal.reason for refusal in decoded.refused).items():
                self._metrics.dead_letters.labels(reason).inc(count)
        rejected = [{"index": r.index, "field": r.field, "reason": r.reason, "message": r.text} for r in decoded.refused]
        if rejected and not decoded.lines:
            return errors.answer(400, "every line was refused", accepted=0, rejected=rejected)
        return JSONResponse({"accepted": len(decoded.lines), "rejected": rejected}, 202)


def _decode(topic: Topic, data: bytes, accepted_at: int) -> Decoded:
    lines = split_body(data)
    if len(lines) > MAX_LINES:
        raise HTTPException(413, f"a body may have at most {MAX_LINES} lines; send it in parts")
    return DECODERS[topic]([b"\n".join(lines)], [accepted_at])


def router(capture: Capture) -> APIRouter:
    """The two endpoints."""
    routes = APIRouter(prefix="/v1", dependencies=[Depends(require("ingest"))], tags=["capture"])

    @routes.post("/interactions", status_code=202, openapi_extra=_DOCUMENTED, summary="Send interactions")
    async def interactions(request: Request) -> JSONResponse:
        return await capture.take("interactions", request)

    @routes.post("/feedback", status_code=202, openapi_extra=_DOCUMENTED, summary="Send feedback")
    async def feedback(request: Request) -> JSONResponse:
        return await capture.take("feedback", request)

    return routes
