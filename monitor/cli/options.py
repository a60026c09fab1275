"""Options that several commands share."""

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from monitor.running import Running

CONFIG = click.option(
    "-c", "--config", "config", type=click.Path(dir_okay=False), help="plumbline.yaml; without it the defaults."
)
LISTEN = click.option("--listen", metavar="HOST:PORT", help="Where to listen, in place of what the configuration says.")
MAP = click.option(
    "--map",
    "mapping",
    metavar="FIELD=NAME",
    multiple=True,
    callback=lambda context, option, pairs: _mapping(pairs),
    help="Read a field from another name of the file, such as response=answer; may be repeated.",
)


class Moment(click.ParamType):
    """A point in time: RFC 3339, a date (its beginning in UTC) or epoch seconds; microseconds since 1970 UTC."""

    name = "time"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> int:
        """What was given as microseconds."""
        from records.timestamps import OK, parse_timestamps

        try:
            given: str | float = float(value)
        except ValueError:
            given = f"{value}T00:00:00Z" if len(value) == len("2026-11-19") else value
        (at,), (became,) = parse_timestamps([given])
        if became != OK:
            self.fail(f"{value!r}: expected a time such as 2026-11-19T05:50:00Z, a date or epoch seconds", parameter, context)
        return int(at)


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


def run_role(config: str | None, listen: str | None, roles: tuple[str, ...]) -> int:
    """Serve until a signal ends it; the exit code. All roles on an embedded stream are the embedded service."""
    from monitor.config import ConfigSource
    from monitor.config.base import parse_address
    from monitor.running import obey_signals

    try:
        address = parse_address(listen) if listen else None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--listen") from None
    source = ConfigSource.open(config)
    if len(roles) > 1 and source.current.broker() is None:
        from monitor.service import Service

        running: Running = Service(source, address)
    else:
        from monitor.roles import Roles

        running = Roles(source, roles, address)
    obey_signals(running)
    with running:
        return running.run()
