"""What a database says went wrong, and which of it passes: by SQLSTATE (PostgreSQL) or by the name of the error (SQLite)."""

from typing import NamedTuple

from sqlalchemy.exc import DBAPIError, OperationalError

from records.errors import StoreError


class Failure(NamedTuple):
    """`reason` is a stable word, the value of a metric's label; `advice` says what the operator should do."""

    reason: str
    advice: str


CONFLICT = Failure("conflict", "another transaction wanted the same rows; nothing was written, and the same again may succeed")
AWAY = Failure("away", "see that the database runs and can be reached; what was not committed is written when it is back")
READ_ONLY = Failure("read_only", "this server takes no writes; see that the store's URL leads to the primary")
FULL = Failure("full", "make room on the database's disk; what waits is written then")
CROWDED = Failure("crowded", "raise the database's max_connections, or run fewer processes on it")
BUSY = Failure("busy", "another process keeps the database locked; see that no backup or shell holds it")

PASSING = {
    "40001": CONFLICT,  # serialization failure
    "40P01": CONFLICT,  # deadlock
    "08": AWAY,  # every connection exception
    "57P01": AWAY,  # the server shuts down, or an administrator ended the connection
    "57P02": AWAY,  # another backend crashed
    "57P03": AWAY,  # the server is starting or stopping
    "57P05": AWAY,  # the session was idle for too long
    "25P03": AWAY,  # so was the transaction
    "25006": READ_ONLY,
    "53100": FULL,
    "53300": CROWDED,
    "SQLITE_FULL": FULL,
    "SQLITE_BUSY": BUSY,
}


class TransientStoreError(StoreError):
    """Nothing is wrong with what was asked of the database: the same again may succeed."""

    def __init__(self, message: str, failure: Failure) -> None:
        self.reason = failure.reason
        super().__init__(f"{message}; {failure.advice}")


def failure_of(error: DBAPIError) -> Failure | None:
    """None where trying again would not help.

    An operational error of psycopg without a SQLSTATE is a connection that could not be made, or was lost.
    """
    orig = error.orig
    if name := getattr(orig, "sqlite_errorname", None):
        return PASSING.get("_".join(name.split("_")[:2]))
    state = getattr(orig, "sqlstate", None)
    if state is None:
        return AWAY if type(orig).__module__.startswith("psycopg") and isinstance(error, OperationalError) else None
    return PASSING.get(state) or PASSING.get(state[:2])
