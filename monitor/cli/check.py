"""plumbline check: two files, compared once."""

from typing import TYPE_CHECKING

import click

from monitor.cli import options

if TYPE_CHECKING:
    from monitor.check.reading import File, Options
    from monitor.check.report import Report

FINDINGS = 1


@click.command()
@click.argument("current", type=click.Path(dir_okay=False))
@click.option("--reference", required=True, type=click.Path(dir_okay=False), help="The file to compare with.")
@click.option("--format", "form", type=click.Choice(["text", "json", "html"]), default="text", show_default=True,
              help="html: one page that can be sent on; it loads nothing and holds no prompts or responses.")  # fmt: skip
@click.option("--output", type=click.Path(dir_okay=False, writable=True), metavar="FILE",
              help="Write the report there instead of to standard output.")  # fmt: skip
@options.MAP
@click.option("--by", multiple=True, callback=options.names, metavar="SLICE",
              help="Compare each value of tags.NAME or of a field such as model as well; may be repeated.")  # fmt: skip
@click.option("--false-alarm-rate", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.001, show_default=True,
              help="The chance that two files of the same source show a finding, over everything compared.")  # fmt: skip
@click.option("--signals", multiple=True, callback=options.names, metavar="NAME",
              help="Compare these signals alone; may be repeated.")  # fmt: skip
@click.option("--evaluate", multiple=True, callback=options.names, metavar="SCORE",
              help="Score responses against reference_answer by this as well, such as rouge_l; may be repeated.")  # fmt: skip
def command(
    current: str, reference: str, form: str, output: str | None, mapping: dict[str, str], by: tuple[str, ...],
    false_alarm_rate: float, signals: tuple[str, ...], evaluate: tuple[str, ...],
) -> int:  # fmt: skip
    """Compare the file CURRENT with a reference, without a service: what changed, by how much, how sure, why and where.

    JSON lines (.jsonl, also .gz), CSV or Parquet; only the fields to compare are needed. Leaves with 0 where nothing
    differs that matters, 1 where something does, 2 where the files cannot be compared.

    \b
    Examples:
      plumbline check june.jsonl --reference march.jsonl
      plumbline check june.csv --reference march.csv --map response=answer --by tags.tenant --format json
      plumbline check june.jsonl --reference march.jsonl --format html --output report.html
    """
    from monitor.check.comparing import compare
    from monitor.check.reading import Options
    from monitor.check.report import report
    from monitor.check.slicing import check_dimensions
    from records.errors import InputError

    check_dimensions(by)
    wanted = Options(mapping, by, _signals(signals), _scores(evaluate))
    before, now = _read(reference, current, wanted)
    for dimension in by:
        if not any(dimension == name for name, _ in before.panes.keys() & now.panes.keys()):
            raise InputError(f"--by {dimension}: the files have no value of it in common")
    found = report(before, now, compare(before, now, false_alarm_rate), false_alarm_rate)
    said = _said(found, form, before, now)
    if output is None:
        click.echo(said, nl=False)
    else:
        _write(output, said)
    return FINDINGS if found.verdict == "findings" else 0


def _said(found: "Report", form: str, before: "File", now: "File") -> str:
    """The report in the form that was asked for."""
    if form == "json":
        import msgspec

        return msgspec.json.format(msgspec.json.encode(found)).decode() + "\n"
    if form == "html":
        from monitor.check import html

        return html.render(found, before, now)
    from monitor.check import text

    return text.render(found)


def _write(path: str, said: str) -> None:
    from pathlib import Path

    from records.errors import InputError

    try:
        Path(path).write_text(said, encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from None


def _signals(names: tuple[str, ...]) -> tuple[str, ...] | None:
    from difflib import get_close_matches

    from signals.catalogue import BY_NAME

    for name in names:
        if name not in BY_NAME and not (name.startswith(("scores.", "tags.")) and not name.endswith(".")):
            near = get_close_matches(name, BY_NAME, n=1)
            hint = f"; did you mean {near[0]}?" if near else "; expected a signal, scores.NAME or tags.NAME"
            raise click.BadParameter(f"{name} is no signal{hint}", param_hint="--signals")
    return names or None


def _scores(names: tuple[str, ...]) -> tuple[str, ...]:
    from records.errors import ConfigError
    from signals.evaluation.catalogue import known

    for name in names:
        try:
            known(name)
        except ConfigError as error:
            raise click.BadParameter(str(error), param_hint="--evaluate") from None
    return names


def _read(reference: str, current: str, wanted: "Options") -> tuple["File", "File"]:
    """Both files at once; the first error of either ends it."""
    import threading
    from concurrent.futures import ThreadPoolExecutor

    from monitor.check.reading import read_file
    from monitor.cli.progress import Progress
    from records.errors import InputError

    shown, shares, stopped = Progress(), [0.0, 0.0], threading.Event()

    def follow(side: int, share: float) -> None:
        if stopped.is_set():
            raise InputError("reading was stopped")
        shares[side] = share
        shown.tell(f"reading: {sum(shares) / 2:.0%}")

    with ThreadPoolExecutor(2) as pool:
        try:
            first = pool.submit(read_file, reference, wanted, windows=True, progress=lambda share: follow(0, share))
            second = pool.submit(read_file, current, wanted, progress=lambda share: follow(1, share))
            both = first.result(), second.result()
        finally:
            stopped.set()
            shown.done()
    return both
