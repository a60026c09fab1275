"""Reads plumbline.yaml and the environment into a Config."""

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from monitor.config.document import Document
from monitor.config.environment import overlay
from monitor.config.models import Config
from monitor.config.problems import InvalidConfigError, translate
from records.errors import ConfigError


def load(path: str | Path | None, environ: Mapping[str, str] | None = None) -> Config:
    """The configuration of a file (None: none, only the environment). Raises InvalidConfigError with all that is wrong."""
    if path is None:
        return parse("", "no file", environ)
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidConfigError([ConfigError("expected UTF-8 text", file=str(path))]) from None
    except OSError as error:
        raise InvalidConfigError([ConfigError(f"cannot be read: {error.strerror}", file=str(path))]) from None
    return parse(text, str(path), environ)


def parse(text: str, file: str, environ: Mapping[str, str] | None = None) -> Config:
    """The configuration of a text; `file` is what errors call it; `environ` is the process's own unless given."""
    try:
        document = Document(text, file)
    except ConfigError as error:
        raise InvalidConfigError([error]) from None
    origins, problems = overlay(document.data, os.environ if environ is None else environ)
    problems += document.problems
    try:
        config = Config.model_validate(document.data, context="file")
    except ValidationError as error:
        raise InvalidConfigError([*problems, *translate(error, document, origins)]) from None
    if problems:
        raise InvalidConfigError(problems)
    return config
