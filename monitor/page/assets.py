"""The files that pages load, read once, served compressed with an entity tag; nothing else can be named."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import HTTPException, Request, Response

FOLDER = Path(__file__).parent / "static"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file with its tag; `packed` is its gzip."""

    body: bytes
    packed: bytes
    tag: str
    kind: str


@cache
def assets() -> dict[str, Asset]:
    """Every file under static/ by its path there."""
    found = {}
    for path in sorted(FOLDER.rglob("*")):
        if path.suffix in TYPES:
            body = path.read_bytes()
            name = path.relative_to(FOLDER).as_posix()
            found[name] = Asset(body, gzip.compress(body, 6, mtime=0), entity_tag(body), TYPES[path.suffix])
    return found


def entity_tag(body: bytes) -> str:
    """A weak validator of the content."""
    return f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def serve_asset(request: Request, name: str) -> Response:
    """One file; 404 for anything that is not shipped, 304 where the browser has it."""
    asset = assets().get(name)
    if asset is None:
        raise HTTPException(404, "no such file")
    headers = {"etag": asset.tag, "cache-control": "no-cache", "x-content-type-options": "nosniff", "vary": "accept-encoding"}
    if request.headers.get("if-none-match") == asset.tag:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(asset.packed, media_type=asset.kind, headers=headers | {"content-encoding": "gzip"})
    return Response(asset.body, media_type=asset.kind, headers=headers)
