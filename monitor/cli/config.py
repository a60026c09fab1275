"""plumbline config: validate a file, or print the JSON Schema for an editor."""

import json

import click


@click.group()
def command() -> None:
    """Check a configuration file, or print its JSON Schema.

    \b
    Example:
      plumbline config check plumbline.yaml
    """


@command.command()
@click.argument("file", type=click.Path(dir_okay=False))
def check(file: str) -> None:
    """Validate FILE together with the PLUMBLINE_ variables; says file, line, key and what is expected.

    Leaves with 0 when all is well, and with 2 otherwise.

    \b
    Example:
      plumbline config check plumbline.yaml
    """
    from monitor.config import load

    config = load(file)
    click.echo(f"{file}: good; {len(config.applications)} applications named, listens on {config.listen}")


@command.command()
def schema() -> None:
    """Print the JSON Schema of plumbline.yaml.

    \b
    Example:
      plumbline config schema > plumbline.schema.json
    """
    from monitor.config.schema import config_schema

    click.echo(json.dumps(config_schema(), indent=2))
