"""`--map target=source`: a file's own names to the names of an interaction's fields."""

from collections.abc import Mapping
from typing import Any

import msgspec

from records.decoding_fields import INTERACTION_FIELDS
from records.errors import InputError

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ANY = msgspec.json.Decoder()


def check_targets(mapping: Mapping[str, str]) -> None:
    """Raises InputError for a target that is no field of an interaction."""
    for target, source in mapping.items():
        name, _, key = target.partition(".")
        inside = name in ("tags", "scores")
        if name not in INTERACTION_FIELDS or (key and not inside) or (inside and target.endswith(".")):
            known = ", ".join(field for field in INTERACTION_FIELDS if field != "schema")
            raise InputError(f"--map {target}={source}: {target} is no field; expected {known}, tags.KEY or scores.NAME")
        if not source:
            raise InputError(f"--map {target}=: the name of the field to read it from is missing")


class Mapped:
    """Renames fields of JSON lines, and remembers which sources were ever there."""

    def __init__(self, mapping: Mapping[str, str]):
        self._mapping = dict(mapping)
        self._found: set[str] = set()

    def line(self, line: bytes) -> bytes:
        """The line with the mapping applied; one that is no JSON object as it is, so that its refusal says why."""
        try:
            fields = _OBJECT.decode(line)
            taken = {target: self._take(fields, source) for target, source in self._mapping.items()}
            for source in self._mapping.values():
                fields.pop(source, None)
            for target, value in taken.items():
                if value is not None:
                    self._put(fields, target, value)
            return msgspec.json.encode(fields)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return line

    def never_found(self) -> list[str]:
        """The sources that no line had."""
        return sorted(set(self._mapping.values()) - self._found)

    def _take(self, fields: dict[str, msgspec.Raw], source: str) -> msgspec.Raw | None:
        value: msgspec.Raw | None = fields.get(source)
        if value is None:
            name, _, rest = source.partition(".")
            while rest and name in fields:
                try:
                    fields = _OBJECT.decode(fields[name])
                except msgspec.ValidationError:
                    return None
                value = fields.get(rest)
                if value is not None:
                    break
                name, _, rest = rest.partition(".")
        if value is not None:
            self._found.add(source)
        return value

    def _put(self, fields: dict[str, Any], target: str, value: msgspec.Raw) -> None:
        name, _, key = target.partition(".")
        if not key:
            fields[name] = value
            return
        inner = fields.get(name)
        inside = _ANY.decode(inner) if isinstance(inner, msgspec.Raw) else inner
        fields[name] = {**(inside if isinstance(inside, dict) else {}), key: value}
