"""Keys from the environment: PLUMBLINE_FALSE_ALARMS__AT_MOST is false_alarms.at_most."""

import re
from collections.abc import Mapping
from typing import Any

from monitor.config import shape
from monitor.config.document import Document, Path, show
from records.errors import ConfigError

PREFIX = "PLUMBLINE_"
WHERE = "environment"
RESERVED = frozenset(PREFIX + name for name in ("CONFIG", "LOG_LEVEL", "LOG_FORMAT", "URL", "TOKEN", "TOKEN_FILE"))
"""Options of the command line, no keys of the file."""
_KUBERNETES = re.compile(r"^PLUMBLINE_(.+_)?(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT(_\d+_(TCP|UDP|SCTP)(_.+)?)?)$")


def overlay(data: dict[str, Any], environ: Mapping[str, str]) -> tuple[dict[Path, str], list[ConfigError]]:
    """Puts the variables into `data` (in place): which path came from which variable, and what was wrong.

    A variable wins over the file. An empty one counts as not set; those that Kubernetes sets for a service
    called plumbline are left alone.
    """
    origins: dict[Path, str] = {}
    problems: list[ConfigError] = []
    for variable, text in sorted(environ.items()):
        if not variable.startswith(PREFIX) or not text or variable in RESERVED or _KUBERNETES.match(variable):
            continue
        try:
            origins[_put(data, variable, text)] = variable
        except ConfigError as error:
            problems.append(error)
    return origins, problems


def _put(data: dict[str, Any], variable: str, text: str) -> Path:
    path: Path = ()
    node: Any = data
    parts = variable.removeprefix(PREFIX).split("__")
    for i, part in enumerate(parts):
        key = _key(node, part, variable)
        path = (*path, key)
        if i == len(parts) - 1:
            _set(node, key, _parse(text, path, variable))
        else:
            node = _section(node, key, listed=parts[i + 1].isdecimal())
    return path


def _key(node: Any, part: str, variable: str) -> str | int:
    if isinstance(node, list):
        if not part.isdecimal() or int(part) > len(node):
            raise ConfigError(f"expected the number of an entry, 0 to {len(node)}, got {part}", file=WHERE, key=variable)
        return int(part)
    if not isinstance(node, dict):
        raise ConfigError("the configuration file has a plain value where this needs a section", file=WHERE, key=variable)
    return next((key for key in node if key.lower() == part.lower()), part.lower())


def _section(node: Any, key: Any, listed: bool) -> Any:
    """The mapping or list below `key`, made where there is none."""
    have = node.get(key) if isinstance(node, dict) else node[key] if key < len(node) else None
    if have is None or (have == "default" and listed):
        have = [] if listed else {}
        _set(node, key, have)
    return have


def _set(node: Any, key: Any, value: Any) -> None:
    if isinstance(node, list):
        node[key : key + 1] = [value]
        return
    node[key] = value
    twin = key.removesuffix("_file") if key.endswith("_file") else f"{key}_file"
    node.pop(twin, None)


def _parse(text: str, path: Path, variable: str) -> Any:
    """Text as it is, or YAML where a mapping or a list belongs."""
    if not shape.is_section(shape.at(path)) or text == "default":
        return text
    try:
        return Document(f"value: {text}", WHERE).data["value"]
    except ConfigError:
        raise ConfigError(f"expected YAML, such as [a, b], for {show(path)}", file=WHERE, key=variable) from None
