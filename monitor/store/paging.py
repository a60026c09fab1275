"""Pages of a long list, newest first, by cursor: what arrives meanwhile moves nothing."""

from base64 import b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from sqlalchemy import Column, Connection, Row, Select, tuple_

from records.errors import InputError

_Part = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] | str


def page(
    c: Connection, statement: Select[Any], by: Sequence[Column[Any]], limit: int, cursor: str | None
) -> tuple[list[Row[Any]], str | None]:
    """At most `limit` rows in descending order of the columns `by` (together unique, among those selected) and the next
    page's cursor, None at the end; InputError where `cursor` is none of ours."""
    if cursor is not None:
        statement = statement.where(tuple_(*by) < tuple_(*_decode(cursor, by)))
    rows = list(c.execute(statement.order_by(*(column.desc() for column in by)).limit(limit + 1)))
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], _encode([rows[limit - 1]._mapping[column.name] for column in by])


def _encode(parts: list[int | str]) -> str:
    return urlsafe_b64encode(msgspec.json.encode(parts)).decode().rstrip("=")


def _decode(cursor: str, by: Sequence[Column[Any]]) -> list[int | str]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        parts = msgspec.json.decode(b64decode(padded, altchars=b"-_", validate=True), type=list[_Part])
    except (ValueError, msgspec.MsgspecError):
        raise InputError("this cursor is not one of this list") from None
    if [type(part) for part in parts] != [column.type.python_type for column in by]:
        raise InputError("this cursor is not one of this list")
    return parts
