"""plumbline reference: distributions that production is compared with."""

from typing import TYPE_CHECKING

import click

from monitor.cli import options

if TYPE_CHECKING:
    from records.pane import Pane


@click.group()
def command() -> None:
    """Build, promote, list and show reference distributions.

    \b
    Example:
      plumbline reference list
    """


@command.command()
@click.argument("name")
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--application", required=True, help="Whose reference this is; rows of other applications are left out.")
@options.CONFIG
@options.MAP
def build(name: str, file: str, application: str, config: str | None, mapping: dict[str, str]) -> None:
    """Store FILE as the next version of the reference NAME.

    All signals are counted, for all rows and for each of the application's slices. Rows need neither id nor timestamp.
    A baseline `reference: NAME` of the configuration then compares production with it.

    \b
    Example:
      plumbline reference build evalset evalset.jsonl --application support -c plumbline.yaml
    """
    import time

    from monitor.check.reading import Options, read_file
    from monitor.cli.progress import Progress
    from monitor.cli.store import actor, opened
    from monitor.config import load
    from monitor.embedding import embedder
    from monitor.store import audit, references
    from records.errors import InputError
    from records.pane_codec import encode_pane

    _named(name)
    settings = load(config)
    own = settings.application(application)
    embed = embedder(own.embeddings) if own.embeddings is not None else None
    wanted = Options(mapping, own.slices, own.signals, own.scores, embed, own.expected)
    shown = Progress()
    try:
        read = read_file(
            file, wanted, application=application, texts=True, progress=lambda share: shown.tell(f"reading: {share:.0%}")
        )
    finally:
        shown.done()
    if not read.rows:
        raise InputError(f"{file} has no row of {application}: {_left_out(read.refused, read.skipped) or 'it is empty'}")
    panes = {where: encode_pane(pane) for where, pane in read.panes.items()}
    until = None if read.until is None else read.until + 1
    with opened(settings, create=True) as store, store.begin() as c:
        now = time.time_ns() // 1000
        version = references.create(c, application, name, now, file, read.rows, read.since, until, panes)
        detail = f"version {version}: {read.rows} of {file}"
        audit.record(c, audit.Entry(now, actor(), "build", f"{application}/{name}", detail))
    click.echo(f"{application}: {name} version {version} of {read.rows} rows in {len(panes) - 1} slices")
    if left := _left_out(read.refused, read.skipped):
        click.echo(f"left out: {left}")
        for text in read.examples:
            click.echo(f"  {ascii(text)[1:-1]}")


def _named(name: str) -> None:
    if not 1 <= len(name) <= 128 or not name.isprintable() or name != name.strip():
        raise click.BadParameter("expected 1 to 128 printable characters without spaces around them", param_hint="NAME")


@command.command()
@click.argument("name")
@click.option("--application", required=True, help="Whose traffic it is.")
@click.option("--since", type=options.Moment(), required=True, help="Where the traffic to take begins, in event time.")
@click.option("--until", type=options.Moment(), required=True, help="Where it ends.")
@options.CONFIG
def promote(name: str, application: str, since: int, until: int, config: str | None) -> None:
    """Make production's own traffic the next version of the reference NAME. It is audited.

    Final windows between the two times are taken, all slices of them. Times are RFC 3339, dates or epoch seconds. A
    running service compares with the new version from its next window on.

    \b
    Example:
      plumbline reference promote evalset --application support --since 2026-11-18 --until 2026-11-19T12:00:00Z
    """
    import time

    from alerts.numbers import count
    from monitor.cli.store import actor, opened, when
    from monitor.config import load
    from monitor.promoting import promote as promoted
    from monitor.store import references

    _named(name)
    if since >= until:
        raise click.BadParameter("expected a time after --since", param_hint="--until")
    with opened(load(config)) as store, store.begin() as c:
        before = references.get(c, application, name)
        made = promoted(c, application, name, since, until, actor(), time.time_ns() // 1000)
    span = f"{when(made.since)} to {when(made.until)}"
    click.echo(f"{application}: {name} version {made.version} of {count(made.n)} interactions in {made.slices} slices, {span}")
    if before is not None:
        click.echo(f"it takes the place of version {before.meta.version} of {count(before.meta.n)}, {before.meta.source}")
    if made.alerts:
        fired = ", ".join(f"#{number}" for number in made.alerts)
        click.echo(f"these alerts fired in that time, and what they found is part of it now: {fired}")


def _left_out(refused: dict[str, int], skipped: int) -> str:
    parts = [f"{count} rows refused ({reason})" for reason, count in refused.items()]
    return ", ".join([*parts, f"{skipped} rows of other applications"] if skipped else parts)


@command.command(name="list")
@click.option("--application", help="Only the references of this application.")
@options.CONFIG
def list_(application: str | None, config: str | None) -> None:
    """List the references, each with its newest version.

    \b
    Example:
      plumbline reference list -c plumbline.yaml
    """
    from monitor.cli.store import opened, when
    from monitor.cli.table import table
    from monitor.config import load
    from monitor.store import references

    with opened(load(config)) as store, store.read() as c:
        versions = references.list_(c, application)
    newest = {(v.application, v.name): v for v in reversed(versions)}
    rows = [(v.application, v.name, str(v.version), str(v.n), when(v.created_at), v.source) for v in newest.values()]
    rows.sort()
    click.echo(table(("application", "name", "version", "n", "created", "source"), rows) if rows else "no references")


@command.command()
@click.argument("name")
@click.option("--application", help="Whose reference it is; needed where several have one of this name.")
@click.option("--version", type=int, help="A version; the newest unless given.")
@options.CONFIG
def show(name: str, application: str | None, version: int | None, config: str | None) -> None:
    """Show the versions of a reference, its slices, and its signals: medians of numbers, shares of the rest.

    \b
    Example:
      plumbline reference show evalset -c plumbline.yaml
    """
    from monitor.cli.store import opened, when
    from monitor.cli.table import table
    from monitor.config import load
    from monitor.store import references
    from records.errors import InputError
    from records.pane_codec import decode_pane

    with opened(load(config)) as store, store.read() as c:
        versions = [v for v in references.list_(c, application) if v.name == name]
        owners = sorted({v.application for v in versions})
        if len(owners) > 1:
            raise InputError(f"{', '.join(owners)} have a reference {name}: say which with --application")
        found = references.get(c, owners[0], name, version) if owners else None
    if found is None:
        which = f"version {version} of {name}" if owners else name
        raise InputError(f"there is no reference {which}; plumbline reference list shows what there is")
    rows = [(str(v.version), str(v.n), when(v.created_at), _span(v.since, v.until), v.source) for v in versions]
    click.echo(f"{owners[0]}: {name}\n")
    click.echo(table(("version", "n", "created", "of the time", "source"), rows))
    panes = {where: decode_pane(blob) for where, blob in found.panes.items()}
    click.echo(f"\nversion {found.meta.version}\n")
    slices = [("all rows" if not d else f"{d}={value}", str(pane.n)) for (d, value), pane in sorted(panes.items())]
    click.echo(table(("slice", "n"), slices))
    click.echo("\n" + table(("signal", "n", "values"), _signals(panes["", ""])))


def _span(since: int | None, until: int | None) -> str:
    from monitor.cli.store import when

    return "-" if since is None or until is None else f"{when(since)} to {when(until - 1)}"


def _signals(pane: "Pane") -> list[tuple[str, str, str]]:
    """Name, number of values, and what is typical of each signal."""
    from alerts.numbers import number, share
    from alerts.sentence import plain
    from detectors.attribution import quantile
    from records.signal import Kind
    from signals.catalogue import BY_NAME

    rows = []
    for name, kind in zip(pane.names, pane.kinds.tolist(), strict=True):
        keys, counts = pane.cells(name)
        n = int(counts.sum())
        if kind in (Kind.TEXT, Kind.VECTOR) or not n:
            continue
        if kind == Kind.NUMERIC:
            low, middle, high = (quantile(pane, name, q) or 0.0 for q in (0.1, 0.5, 0.9))
            unit = f" {BY_NAME[name].unit}" if name in BY_NAME and BY_NAME[name].unit else ""
            told = f"median {number(middle)}{unit}, eight of ten from {number(low)} to {number(high)}"
        elif kind == Kind.BOOLEAN:
            told = share(int(counts[keys == 1].sum()) / n)
        else:
            common = sorted(zip(counts.tolist(), (pane.label(key) for key in keys.tolist()), strict=True), key=_rank)[:3]
            told = ", ".join(f"{plain(label)} {share(count / n)}" for count, label in common)
        rows.append((plain(name), str(n), told))
    return rows


def _rank(item: tuple[int, str]) -> tuple[int, str]:
    return -item[0], item[1]
