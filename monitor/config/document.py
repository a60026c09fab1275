"""YAML as plain data that still knows its lines."""

from typing import Any

import yaml
from yaml.constructor import ConstructorError, SafeConstructor

from records.errors import ConfigError

Path = tuple[str | int, ...]
_MOST_NODES = 100_000
_DEEPEST = 40


def show(path: Path) -> str:
    """applications.support.slices[0]"""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


class Document:
    """A parsed file. `data` holds plain values (keys are text as written); `problems` what YAML itself would let pass.

    Raises ConfigError where the text is no YAML, or no mapping.
    """

    def __init__(self, text: str, file: str):
        self.file = file
        self.problems: list[ConfigError] = []
        self._nodes = 0
        self._scalars = SafeConstructor()
        try:
            self._root = yaml.compose(text, yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise ConfigError(
                f"not YAML: {error.problem or error.context}", file=file, line=mark.line + 1 if mark else None
            ) from None
        except (yaml.YAMLError, RecursionError) as error:
            raise ConfigError(f"not YAML: {str(error).splitlines()[0]}", file=file) from None
        if isinstance(self._root, yaml.ScalarNode) and self._root.value in ("", "~", "null"):
            self._root = None
        if self._root is not None and not isinstance(self._root, yaml.MappingNode):
            raise self._wrong("expected a mapping (key: value) at the top", self._root, ())
        self.data: dict[str, Any] = {} if self._root is None else self._mapping(self._root, ())

    def _wrong(self, message: str, node: yaml.Node, path: Path) -> ConfigError:
        return ConfigError(message, file=self.file, line=node.start_mark.line + 1, key=show(path) or None)

    def _value(self, node: yaml.Node, path: Path) -> Any:
        self._nodes += 1
        if self._nodes > _MOST_NODES or len(path) > _DEEPEST:
            raise self._wrong("too large or too deep; aliases that expand without end are not taken", node, path)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*path, i)) for i, item in enumerate(node.value)]
        try:
            return self._scalars.construct_object(node)
        except (ConstructorError, ValueError):
            self.problems.append(self._wrong("expected a plain value, without a YAML tag", node, path))
            return None

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.append(self._wrong("expected a plain key", key_node, path))
                continue
            key = str(key_node.value)
            if key in found:
                message = f"the key is there twice, first on line {lines[key]}; expected each key once"
                self.problems.append(self._wrong(message, key_node, (*path, key)))
                continue
            lines[key] = key_node.start_mark.line + 1
            found[key] = self._value(value_node, (*path, key))
        return found

    def line(self, path: Path) -> int | None:
        """The line (from 1) of the key at `path`, or of the nearest section around it that the file has."""
        node, line = self._root, None
        for part in path:
            if isinstance(node, yaml.MappingNode):
                pairs = [(k, v) for k, v in node.value if isinstance(k, yaml.ScalarNode) and k.value == part]
                if not pairs:
                    break
                key, node = pairs[0]
                line = key.start_mark.line + 1
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                line = node.start_mark.line + 1
            else:
                break
        return line
