"""plumbline api: capture over HTTP into Kafka, the reading endpoints and the page."""

import click

from monitor.cli.options import CONFIG, LISTEN, run_role


@click.command()
@CONFIG
@LISTEN
def command(config: str | None, listen: str | None) -> int:
    """Capture over HTTP into Kafka, the reading endpoints and the page; any number of them beside any number of workers.

    While Kafka is away what is captured waits on disk (`spool`). SIGTERM and Ctrl-C stop it, SIGHUP reads the configuration
    again. Leaves with 1 where a part failed, and with 2 where it cannot start.

    \b
    Example:
      plumbline api -c plumbline.yaml
    """
    return run_role(config, listen, ("api",))
