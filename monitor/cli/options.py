"""Options that several commands share."""

from typing import Any

import click

CONFIG = click.option(
    "-c", "--config", "config", type=click.Path(dir_okay=False), help="plumbline.yaml; without it the defaults."
)
MAP = click.option(
    "--map",
    "mapping",
    metavar="FIELD=NAME",
    multiple=True,
    callback=lambda context, option, pairs: _mapping(pairs),
    help="Read a field from another name of the file, such as response=answer; may be repeated.",
)


def _mapping(pairs: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        field, equals, name = pair.partition("=")
        if not equals or not field or not name:
            raise click.BadParameter(f"{pair!r}: expected FIELD=NAME, such as response=answer")
        found[field] = name
    return found


def names(context: Any, option: Any, values: tuple[str, ...]) -> tuple[str, ...]:
    """Callback of an option that takes names, repeated or with commas between them."""
    return tuple(dict.fromkeys(name.strip() for value in values for name in value.split(",") if name.strip()))
