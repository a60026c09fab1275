"""plumbline demo: the whole of it in one process, with simulated traffic."""

from pathlib import Path

import click


@click.command()
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=1, show_default=True, help="Of the simulated traffic.")
@click.option("--port", type=click.IntRange(0, 65535), default=4000, show_default=True, help="On 127.0.0.1; 0: a free one.")
@click.option("--duration", metavar="D", help="How long to run, such as 5m; until Ctrl-C without it.")
@click.option("--keep", metavar="DIR", type=click.Path(file_okay=False, path_type=Path), help="Keep the store there.")
@click.option("--fast", is_flag=True, hidden=True, help="As fast as it is counted; leaves after the story.")
def command(seed: int, port: int, duration: str | None, keep: Path | None, fast: bool) -> int:
    """A simulated support assistant: a healthy past, then three incidents, and the alerts that find them.

    One process, no configuration, nothing left behind. The page is at http://127.0.0.1:4000; the first alert comes
    within two minutes. Ends with a summary: which incidents were found, and how many false alarms there were.

    \b
    Example:
      plumbline demo --seed 7 --duration 5m
    """
    from monitor.config import parse_duration
    from monitor.demo.run import Options, run

    try:
        seconds = parse_duration(duration) / 1e6 if duration else None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--duration") from None
    return run(Options(seed=seed, port=port, duration=seconds, keep=keep, fast=fast), click.echo)
