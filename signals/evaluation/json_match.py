"""Whether an answer is the JSON that was expected."""

import json
from collections.abc import Collection
from decimal import Decimal
from typing import Any, NoReturn

import numpy as np
import polars as pl
from numpy.typing import NDArray

_NONE = object()


def _number(text: str) -> tuple[Decimal]:
    """Exact, so that 1 = 1.0 = 1e0; in a tuple, which JSON has none of, since Python's True is 1 too."""
    return (Decimal(text),)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_int=_number, parse_float=_number, parse_constant=_refuse)


def _parsed(text: str) -> Any:
    """_NONE where it is no JSON (RFC 8259), is nested too deeply, or has a number beyond all bounds."""
    try:
        return _DECODER.decode(text)
    except (ValueError, ArithmeticError, RecursionError):
        return _NONE


def _same(answer: Any, truth: Any) -> bool:
    try:
        return bool(answer == truth)
    except RecursionError:  # what could just be read may be too deep to compare
        return False


def json_match(responses: pl.Series, references: pl.Series, names: Collection[str]) -> dict[str, NDArray[np.float64]]:
    """1 where both are equal as JSON, else 0, shape (n,); NaN where the reference is no JSON.

    The order of keys, white space and the way in which a number is written make no difference; of a key that is there
    twice the last counts.
    """
    out = np.full(len(references), np.nan)
    for i, (answer, truth) in enumerate(zip(responses, map(_parsed, references), strict=True)):
        if truth is not _NONE:
            out[i] = _same(_parsed(answer), truth)
    return dict.fromkeys(names, out)
