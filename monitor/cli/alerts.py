"""plumbline alerts: what fired, and what it turned out to be."""

import click

from monitor.cli import options

STATES = ("pending", "firing", "resolved")
MARKS = ("false_alarm", "real", "accepted")


@click.group()
def command() -> None:
    """List alerts, and say what they were.

    \b
    Example:
      plumbline alerts list
    """


@command.command(name="list")
@click.option("--application", help="Only the alerts of this application.")
@click.option("--state", type=click.Choice(STATES), help="Only alerts in this state.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="The newest so many.")
@options.CONFIG
def list_(application: str | None, state: str | None, limit: int, config: str | None) -> None:
    """List the newest alerts with their numbers, states and sentences.

    \b
    Example:
      plumbline alerts list --state firing -c plumbline.yaml
    """
    from typing import cast

    from alerts.sentence import plain
    from monitor.cli.store import opened, when
    from monitor.cli.table import table
    from monitor.config import load
    from monitor.store import alerts
    from records.alert import State

    with opened(load(config)) as store, store.read() as c:
        found, _ = alerts.query(c, application, state=cast(State | None, state), limit=limit)
        numbers = alerts.numbers(c, [alert.id for alert in found])
    rows = [
        (f"#{numbers[a.id]}", when(a.started_at), plain(a.application), a.severity, a.state, a.mark or "-", a.sentence)
        for a in found
    ]
    header = ("alert", "since", "application", "severity", "state", "marked", "what")
    click.echo(table(header, rows) if rows else "no alerts")


@command.command()
@click.argument("alert", metavar="ID")
@click.option("--as", "as_", type=click.Choice(MARKS), required=True,
              help="false_alarm: its windows count as healthy; accepted: the change is the new normal.")  # fmt: skip
@options.CONFIG
def mark(alert: str, as_: str, config: str | None) -> None:
    """Say what the alert ID was; ID is its number (412 or #412) or its id. The mark is audited.

    \b
    Example:
      plumbline alerts mark 412 --as false_alarm -c plumbline.yaml
    """
    import time
    from typing import cast

    from monitor.cli.store import actor, opened
    from monitor.config import load
    from monitor.store import alerts
    from records.alert import Mark
    from records.errors import InputError

    number = alert.removeprefix("#")
    with opened(load(config)) as store, store.begin() as c:
        found = alerts.by_number(c, int(number)) if number.isdecimal() else None
        found = found or alerts.get(c, alert)
        if found is None:
            raise InputError(f"there is no alert {alert}; plumbline alerts list shows what there is")
        alerts.mark(c, found.id, cast(Mark, as_), actor(), time.time_ns() // 1000)
        given = alerts.numbers(c, [found.id])[found.id]
    click.echo(f"#{given} is marked {as_}: {found.sentence}")
