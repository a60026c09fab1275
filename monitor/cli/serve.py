"""plumbline serve: all roles in one process."""

import click

from monitor.cli.options import CONFIG, LISTEN, run_role


@click.command()
@CONFIG
@LISTEN
def command(config: str | None, listen: str | None) -> int:
    """Capture, evaluation, alerts and the page in one process: on the embedded stream, or on Kafka where `stream` names it.

    SIGTERM and Ctrl-C stop it: nothing that was accepted is lost. SIGHUP reads the configuration again. Leaves with 1 where
    a part failed, and with 2 where it cannot start.

    \b
    Example:
      plumbline serve -c plumbline.yaml
    """
    return run_role(config, listen, ("api", "worker", "evaluator"))
