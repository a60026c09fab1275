"""The configuration in force, and how it is read again (SIGHUP)."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from monitor.config.loader import load
from monitor.config.models import Config

NEEDS_RESTART = ("stream", "tls", "sasl", "spool", "spool_limit", "store", "listen", "listen_worker")
_MASK = "**********"


@dataclass(frozen=True, slots=True)
class Change:
    """One key that changed. Values are text as in the file; secrets are masked. `restart`: it waits for a restart."""

    key: str
    before: str | None
    after: str | None
    restart: bool

    def __str__(self) -> str:
        later = " (takes effect at the next start)" if self.restart else ""
        return f"{self.key}: {self.before or 'not set'} -> {self.after or 'not set'}{later}"


class ConfigSource:
    """Holds the Config that is in force. Readers take `current` anew for every piece of work; it never changes in itself.

    A serve command wires it: `signal.signal(signal.SIGHUP, lambda *_: wake_the_reloader())`, and calls `reload`
    outside the signal handler.
    """

    def __init__(self, config: Config, path: str | Path | None = None, environ: Mapping[str, str] | None = None):
        self.current = config
        self._path = path
        self._environ = environ
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: str | Path | None, environ: Mapping[str, str] | None = None) -> "ConfigSource":
        """Loads the file for the first time. Raises InvalidConfigError."""
        return cls(load(path, environ), path, environ)

    def reload(self) -> list[Change]:
        """Loads again and says what changed. Raises InvalidConfigError; the configuration in force then stays.

        Keys that need a restart keep their value in force, and are reported until the restart.
        """
        with self._lock:
            before = self.current
            read = load(self._path, self._environ)
            changes = changes_between(before, read)
            self.current = read.model_copy(update={key: getattr(before, key) for key in NEEDS_RESTART})
            return changes


def changes_between(before: Config, after: Config) -> list[Change]:
    """Every key that differs, in the order of the names. An application that is not named has the defaults."""
    names = sorted({*before.applications, *after.applications})
    old, new = (
        _flat(config.model_copy(update={"applications": {name: config.application(name) for name in names}}))
        for config in (before, after)
    )
    return [
        Change(key, _text(old.get(key)), _text(new.get(key)), key.split(".")[0] in NEEDS_RESTART)
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key)
    ]


def _flat(value: Any, key: str = "") -> dict[str, Any]:
    """Leaves by key, secrets still as SecretStr; entries of a list by their name where they have one."""
    if isinstance(value, BaseModel):
        dumped = value.model_dump(mode="json", by_alias=True)
        named = {field.alias or name: name for name, field in type(value).model_fields.items()}
        items = [(k, _raw(getattr(value, named[k]), dumped[k])) for k in dumped]
    elif isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
        items = [(str(getattr(item, "name", i)), item) for i, item in enumerate(value)]
    else:
        return {key: value}
    flat: dict[str, Any] = {}
    for name, item in items:
        flat |= _flat(item, f"{key}.{name}" if key else name)
    return flat


def _raw(value: Any, dumped: Any) -> Any:
    """The value itself where it has parts or is secret, else its text form (durations as 7d)."""
    parts = isinstance(value, BaseModel | SecretStr | dict) or (
        isinstance(value, tuple) and bool(value) and isinstance(value[0], BaseModel)
    )
    return value if parts else dumped


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, SecretStr):
        return _MASK
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
