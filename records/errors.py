"""Everything that can go wrong, as one tree:

    PlumblineError
    ├── ConfigError          a configuration file or value is wrong: file, line, key, what is expected
    │   └── InvalidConfigError   everything that is wrong with one configuration (monitor.config)
    ├── InputError           a file or request cannot be read at all
    ├── StoreError           the database is of another version, or away
    │   └── TransientStoreError   the same again may succeed (monitor.store)
    ├── StreamError          the broker is away, or refuses
    └── DeliveryError        a notification could not be handed over

A single record that is refused is no exception: it is a `Refusal` (records.codec), because the rest of its batch goes on.
"""


class PlumblineError(Exception):
    """Base of all errors of this project; its text says what the operator should do."""


class ConfigError(PlumblineError):
    """A configuration file or value is wrong."""

    def __init__(self, message: str, *, file: str | None = None, line: int | None = None, key: str | None = None):
        self.file, self.line, self.key = file, line, key
        where = ":".join(str(part) for part in (file, line) if part is not None)
        super().__init__(": ".join(part for part in (where, key, message) if part))


class InputError(PlumblineError):
    """A file or request cannot be read at all."""


class StoreError(PlumblineError):
    """The database is of another version, or away."""


class StreamError(PlumblineError):
    """The broker is away, or refuses."""


class DeliveryError(PlumblineError):
    """A notification could not be handed over."""

    def __init__(self, message: str, *, status: int | None = None, retry_after: float | None = None):
        self.status, self.retry_after = status, retry_after
        super().__init__(message)
