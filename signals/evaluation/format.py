"""Whether an answer has the form that was declared: a JSON Schema, a regular expression, a length."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from records.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Format:
    """What an answer must satisfy, all of what is given. `json_schema` is the schema as JSON.

    The expression may match anywhere, so anchors are the writer's; Rust's syntax, which matches in linear time.
    """

    json_schema: str | None = None
    regex: str | None = None
    min_characters: int | None = None
    max_characters: int | None = None


@lru_cache(maxsize=256)
def _validator(schema: str) -> Any:
    """ConfigError for what is no schema, refers to elsewhere or has a pattern that linear time does not allow."""
    try:
        from jsonschema_rs import ReferencingError, RegexOptions, ValidationError, validator_for
    except ImportError:
        raise ConfigError(
            "json_schema needs a package that is not installed; run pip install 'plumbline[evaluation]'"
        ) from None
    try:
        return validator_for(msgspec.json.decode(schema), pattern_options=RegexOptions(), offline=True)
    except (ValidationError, ReferencingError, ValueError) as error:
        raise ConfigError(f"expected a JSON Schema: {getattr(error, 'message', None) or str(error).splitlines()[0]}") from None


def check_schema(schema: str) -> None:
    """ConfigError where answers cannot be held against the schema."""
    _validator(schema)


def check_regex(regex: str) -> None:
    """ConfigError where it is no regular expression."""
    try:
        pl.Series([""]).str.contains(regex)
    except pl.exceptions.ComputeError as error:
        lines = str(error).splitlines()
        reason = next((line for line in lines if line.startswith("error: ")), lines[0]).rpartition("error: ")[2]
        raise ConfigError(f"expected a regular expression: {reason}") from None


def _valid(texts: pl.Series, schema: str) -> NDArray[np.bool_]:
    is_valid = _validator(schema).is_valid
    decode = msgspec.json.Decoder().decode

    def fits(text: str) -> bool:
        try:
            return bool(is_valid(decode(text)))
        except (msgspec.DecodeError, RecursionError, ValueError):  # no JSON, nested too deeply to be read, or to be checked
            return False

    return np.fromiter(map(fits, texts), np.bool_, len(texts))


def adherence(responses: pl.Series, form: Format) -> NDArray[np.float64]:
    """1 where an answer has the form, else 0, shape (n,); NaN where there is no answer."""
    out = np.full(len(responses), np.nan)
    rows = np.flatnonzero(responses.is_not_null().to_numpy())
    texts = responses.drop_nulls()
    good = np.ones(len(texts), np.bool_)
    characters = texts.str.len_chars().to_numpy()
    if form.min_characters is not None:
        good &= characters >= form.min_characters
    if form.max_characters is not None:
        good &= characters <= form.max_characters
    if form.regex is not None:
        good &= texts.str.contains(form.regex).to_numpy()
    if form.json_schema is not None:
        good[good] = _valid(texts.filter(pl.Series(good)), form.json_schema)
    out[rows] = good
    return out
