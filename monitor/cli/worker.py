"""plumbline worker: takes the stream in from Kafka, judges it and delivers alerts."""

import click

from monitor.cli.options import CONFIG, LISTEN, run_role


@click.command()
@CONFIG
@LISTEN
def command(config: str | None, listen: str | None) -> int:
    """Take interactions and feedback in from Kafka, reach verdicts and deliver alerts; any number of them share the work.

    It serves /metrics, /healthz and /readyz on `listen_worker`. SIGTERM and Ctrl-C stop it within two seconds, and whatever
    it had not committed is taken in by the others; SIGHUP reads the configuration again. Leaves with 1 where a part failed,
    and with 2 where it cannot start.

    \b
    Example:
      plumbline worker -c plumbline.yaml
    """
    return run_role(config, listen, ("worker",))
