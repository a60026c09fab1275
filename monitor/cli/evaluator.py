"""plumbline evaluator: has models judge a sample of the stream."""

import click

from monitor.cli.options import CONFIG, LISTEN, run_role


@click.command()
@CONFIG
@LISTEN
def command(config: str | None, listen: str | None) -> int:
    """Sample interactions from Kafka, have the configured judges score them, and write the scores as feedback; any number of
    them share the work, within one budget.

    What a judge sees is sent to its endpoint. It serves /metrics, /healthz and /readyz on `listen_worker`. SIGTERM and
    Ctrl-C stop it: calls that do not end within two seconds are not made again. Leaves with 1 where a part failed, and
    with 2 where it cannot start.

    \b
    Example:
      plumbline evaluator -c plumbline.yaml
    """
    return run_role(config, listen, ("evaluator",))
