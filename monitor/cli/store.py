"""The store, for commands that work on it directly."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monitor.config import Config
    from monitor.store import Store


@contextmanager
def opened(config: "Config", create: bool = False) -> Iterator["Store"]:
    """The configured store, closed at the end. With `create` a SQLite file that is not there yet is made.

    Raises StoreError where the database is not of this version.
    """
    from pathlib import Path

    from monitor.store import Store
    from records.errors import StoreError

    url = config.store.get_secret_value()
    prefix = "sqlite:///"
    missing = url.startswith(prefix) and not Path(url.removeprefix(prefix)).exists()
    if missing and not create:
        raise StoreError(
            f"there is no database {url.removeprefix(prefix)} yet; name the configuration with -c, or run plumbline serve"
        )
    store = Store(url)
    try:
        if missing:
            store.upgrade()
        else:
            store.check()
        yield store
    finally:
        store.close()


def when(at: int) -> str:
    """Microseconds since 1970 as 2026-11-19 05:52 UTC."""
    from alerts.numbers import clock

    return clock(at)


def actor() -> str:
    """Who runs this, as the audit has it: by name or, where the machine knows no name, by number."""
    import getpass
    import os

    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"command line ({user})"
