"""The page's figures, read from the store: `StoreReading` fills the views of monitor.page.views."""

from monitor.page.reading.stored import StoreReading

__all__ = ["StoreReading"]
