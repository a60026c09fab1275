"""plumbline serve: all roles in one process."""

import click

from monitor.cli.options import CONFIG


@click.command()
@CONFIG
@click.option("--listen", metavar="HOST:PORT", help="Where to listen, in place of the configuration's `listen`.")
def command(config: str | None, listen: str | None) -> int:
    """Capture, evaluation, alerts and the page in one process, on the embedded stream.

    SIGTERM and Ctrl-C stop it: what was accepted is counted first, and what was not is in the log for the next start.
    SIGHUP reads the configuration again. Leaves with 1 where a part failed, and with 2 where it cannot start.

    \b
    Example:
      plumbline serve -c plumbline.yaml
    """
    from monitor.config import ConfigSource
    from monitor.config.base import parse_address
    from monitor.service import Service, obey_signals

    try:
        address = parse_address(listen) if listen else None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--listen") from None
    service = Service(ConfigSource.open(config), address)
    obey_signals(service)
    with service:
        return service.run()
