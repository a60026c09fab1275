"""Walks the configuration's types along a path: what belongs there, and may it be shown?"""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import SecretStr

from monitor.config.base import Model
from monitor.config.document import Path
from monitor.config.models import Config


def _bare(annotation: Any) -> Any:
    """The type without Annotated and Optional."""
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation = get_args(annotation)[0]
        elif origin in (Union, types.UnionType):
            annotation = next(arg for arg in get_args(annotation) if arg is not type(None))
        else:
            return annotation


def at(path: Path) -> Any:
    """The type that belongs at `path`: a Model class, a container or a scalar type; None where there is no such place."""
    current: Any = Config
    for part in path:
        origin = get_origin(current)
        if isinstance(current, type) and issubclass(current, Model):
            if part not in current.annotations():
                return None
            current = current.annotations()[str(part)]
        elif origin is tuple and isinstance(part, int):
            current = get_args(current)[0]
        elif origin is dict and isinstance(part, str):
            current = get_args(current)[1]
        else:
            return None
        current = _bare(current)
    return current


def is_section(kind: Any) -> bool:
    """Whether a mapping or a list belongs there."""
    return get_origin(kind) in (tuple, dict) or (isinstance(kind, type) and issubclass(kind, Model))


def may_show(kind: Any) -> bool:
    """Whether a value given there can be repeated in a message: never a secret, nor what may hold one."""
    return kind is not None and kind is not SecretStr and not is_section(kind)


def leaves(model: type[Model] = Config, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every key with its type; `<name>` stands for a key of a mapping, 0 for an element of a list."""
    for key, annotation in model.annotations().items():
        yield from _below(_bare(annotation), (*path, key))


def _below(kind: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(kind, type) and issubclass(kind, Model):
        yield from leaves(kind, path)
        return
    if get_origin(kind) in (tuple, dict):
        inner = _bare(get_args(kind)[0 if get_origin(kind) is tuple else 1])
        if isinstance(inner, type) and issubclass(inner, Model):
            yield from leaves(inner, (*path, 0 if get_origin(kind) is tuple else "<name>"))
            return
    yield path, kind
