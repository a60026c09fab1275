"""plumbline backtest: what other rules would have raised."""

import click

from monitor.cli import options


@click.command()
@click.option(
    "--since", type=options.Moment(), required=True, help="Alarms from this event time on; what is before it, is learned from."
)
@click.option("--until", type=options.Moment(), help="Alarms up to this event time; up to now unless given.")
@click.option("--application", help="This one alone; all unless given.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@options.CONFIG
def command(since: int, until: int | None, application: str | None, form: str, config: str | None) -> int:
    """Say which alarms the configuration would have raised on the history in its store, against those that were raised.

    The store is only read, and nobody is told of anything. Leaves with 0, or with 2 where there is no such history.

    \b
    Examples:
      plumbline backtest -c new.yaml --since 2026-09-21
      plumbline backtest -c new.yaml --since 2026-09-21 --until 2026-09-21T08:00:00Z --application support --format json
    """
    from monitor.backtest.report import report
    from monitor.backtest.running import Asked, backtest
    from monitor.cli.progress import Progress
    from monitor.cli.store import opened, when
    from monitor.config import load

    if until is not None and since >= until:
        raise click.BadParameter("expected a time after --since", param_hint="--until")
    settings, shown, asked = load(config), Progress(), Asked(since, until, application)
    try:
        with opened(settings) as store:
            judged = backtest(store, settings, asked, lambda share, at: shown.tell(f"judging: {share:.0%}, {when(at)}"))
    finally:
        shown.done()
    found = report(judged, settings)
    if form == "json":
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(found)))
    else:
        from monitor.backtest.text import render

        click.echo(render(found), nl=False)
    return 0
