"""The body of a capture request: bounded and unpacked."""

import zlib
from collections.abc import AsyncIterator

from starlette.exceptions import HTTPException

MAX_BODY = 16 << 20
"""Bytes of a body, as sent and as unpacked."""
_TOO_LARGE = f"a body may have at most {MAX_BODY >> 20} MiB, unpacked as well; send it in parts"


async def read(chunks: AsyncIterator[bytes], encoding: str, announced: str | None) -> bytes:
    """The unpacked body. `encoding` and `announced` are Content-Encoding and Content-Length.

    Raises HTTPException: 413 beyond MAX_BODY (never holding more than that), 400 for broken gzip, 415 for another encoding.
    """
    if announced is not None and announced.isdecimal() and int(announced) > MAX_BODY:
        raise HTTPException(413, _TOO_LARGE)
    encoding = encoding.strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        raise HTTPException(415, f"expected Content-Encoding gzip or none, got {encoding[:40]}")
    parts: list[bytes] = []
    received = 0
    async for chunk in chunks:
        received += len(chunk)
        if received > MAX_BODY:
            raise HTTPException(413, _TOO_LARGE)
        parts.append(chunk)
    body = b"".join(parts)
    return unpack(body) if "gzip" in encoding else body


def unpack(packed: bytes) -> bytes:
    """gzip of one or more members. Raises HTTPException 413 beyond MAX_BODY, 400 where it is no gzip or cut short."""
    parts: list[bytes] = []
    room = MAX_BODY
    while packed or not parts:
        member = zlib.decompressobj(wbits=31)
        try:
            part = member.decompress(packed, room + 1)
        except zlib.error:
            raise HTTPException(400, "the body is not gzip, though Content-Encoding says so") from None
        room -= len(part)
        if room < 0:
            raise HTTPException(413, _TOO_LARGE)
        if not member.eof:
            raise HTTPException(400, "the gzip body ends too early")
        parts.append(part)
        packed = member.unused_data
    return b"".join(parts)
