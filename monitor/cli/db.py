"""plumbline db: bring the database to this version."""

import click


@click.group()
def command() -> None:
    """Bring the database to this version.

    \b
    Example:
      plumbline db upgrade -c plumbline.yaml
    """


@command.command()
@click.option("-c", "--config", "file", type=click.Path(dir_okay=False), help="plumbline.yaml; without it the defaults.")
def upgrade(file: str | None) -> None:
    """Create the tables, or bring those of an earlier version to this one; safe to repeat.

    A database that a newer version has upgraded is left alone, and the command leaves with 2.

    \b
    Example:
      plumbline db upgrade -c plumbline.yaml
    """
    from monitor.config import load
    from monitor.store import Store

    store = Store(load(file).store.get_secret_value())
    try:
        click.echo(f"the database is at revision {store.upgrade()}")
    finally:
        store.close()
