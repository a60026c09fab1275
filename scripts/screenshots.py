"""Makes docs/images again: the pages of a demo while its third incident lasts, drawn by Chromium. Takes two minutes."""

import struct
import tempfile
import zlib
from pathlib import Path

import numba as nb
import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import sync_playwright

from monitor.config import ConfigSource, parse
from monitor.demo import traffic
from monitor.demo.story import HOUR, WINDOW, Story
from monitor.metrics import Metrics
from monitor.page.reading import StoreReading
from monitor.pipeline import Pipeline
from monitor.store import Store, courses
from streams.embedded import LogRecord
from tests.page.serving import serving

ROOT = Path(__file__).resolve().parent.parent
START = 1_763_121_600_000_000  # Fri 14 Nov 2025, 12:00 UTC
CONFIG = "applications: {support: {slices: [model, tags.tenant]}}"
PAGES = {
    "overview": "/apps/support",
    "signal": "/apps/support/signals/response.refusal?slice=tags.tenant:initech&range=24h",
}
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-lcd-text"]


def tell(path: Path) -> StoreReading:
    """The demo's story up to an hour and a half into its third incident."""
    store = Store(f"sqlite:///{path}")
    store.upgrade()
    source = ConfigSource(parse(CONFIG, "screenshots", {}))
    pipeline, story = Pipeline(store, source, Metrics()), Story(1, START, history_days=3.5)
    until = story.incidents[2].start + 3 * HOUR // 2
    for offset, (start, lines) in enumerate(traffic.batches(story, until), 1):
        record = LogRecord(offset, "interactions", b"\n".join(lines), start + WINDOW)
        pipeline.ingest([record], record.accepted_at)
    with store.read() as c:
        now = courses.judged_through(c, "support") or until
    return StoreReading(store, source, lambda: now + WINDOW)


@nb.njit
def unfiltered(rows: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """The pixels (height, width, channels) of a PNG's filtered rows (height, 1 + width * channels), PNG section 9."""
    height, width = rows.shape[0], rows.shape[1] - 1
    out = np.zeros((height + 1, width + channels), np.uint8)
    for y in range(height):
        kind = rows[y, 0]
        for x in range(width):
            left, up, corner = np.int64(out[y + 1, x]), np.int64(out[y, x + channels]), np.int64(out[y, x])
            add = np.int64(0)
            if kind == 1:
                add = left
            elif kind == 2:
                add = up
            elif kind == 3:
                add = (left + up) // 2
            elif kind == 4:
                near = left + up - corner
                a, b, c = abs(near - left), abs(near - up), abs(near - corner)
                add = left if a <= b and a <= c else up if b <= c else corner
            out[y + 1, x + channels] = (rows[y, 1 + x] + add) % 256
    return out[1:, channels:].copy().reshape(height, width // channels, channels)


def small(png: bytes) -> bytes:
    """The same picture with 256 colours: the commonest as they are, the rest as the nearest of those."""
    at, packed, width, height, channels = 8, b"", 0, 0, 3
    while at < len(png):
        size, kind = struct.unpack(">I4s", png[at : at + 8])
        body = png[at + 8 : at + 8 + size]
        if kind == b"IHDR":
            width, height, _, colour = struct.unpack(">IIBB", body[:10])
            channels = 4 if colour == 6 else 3
        packed += body if kind == b"IDAT" else b""
        at += 12 + size
    rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, 1 + width * channels)
    pixels = unfiltered(rows, channels)[:, :, :3].reshape(-1, 3).astype(np.int64)
    codes, place, counts = np.unique(pixels @ [65536, 256, 1], return_inverse=True, return_counts=True)
    colours = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], 1)
    palette = colours[np.argsort(-counts, kind="stable")[:256]]
    nearest = ((colours[:, None] - palette[None]) ** 2).sum(2).argmin(1).astype(np.uint8)
    image = np.zeros((height, width + 1), np.uint8)
    image[:, 1:] = nearest[place].reshape(height, width)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", palette.astype(np.uint8).tobytes()),
        (b"IDAT", zlib.compress(image.tobytes(), 9)),
        (b"IEND", b""),
    )
    return png[:8] + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        sync_playwright() as playwright,
        serving(tell(Path(folder) / "demo.db")) as url,
        playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS) as browser,
    ):
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        for name, path in PAGES.items():
            page.goto(url + path)
            page.wait_for_selector("html[data-ready]")
            target = ROOT / "docs" / "images" / f"{name}.png"
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(small(page.screenshot(full_page=True)))
            print(f"{target.relative_to(ROOT)}: {target.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
