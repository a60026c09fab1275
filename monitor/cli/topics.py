"""plumbline topics: make what a deployment needs in Kafka."""

import logging

import click

from monitor.cli.options import CONFIG
from records.errors import ConfigError


@click.group()
def command() -> None:
    """Make the topics in Kafka.

    \b
    Example:
      plumbline topics create -c plumbline.yaml
    """


@command.command()
@CONFIG
@click.option(
    "--partitions",
    type=click.IntRange(1, 10_000),
    help="Of plumbline.interactions and plumbline.feedback; as many workers can share the work. Default: as many as they "
    "have, 4 where they are new.",
)
@click.option(
    "--replication-factor",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="Copies of new topics; 3 in a cluster of three brokers or more.",
)
@click.option("--add-partitions", is_flag=True, help="Add partitions to topics that have fewer than --partitions.")
def create(config: str | None, partitions: int | None, replication_factor: int, add_partitions: bool) -> None:
    """Make the topics that are missing, and correct what would harm; safe to repeat.

    Topics with another number of partitions than asked for are left as they are, and the command leaves with 2. When
    partitions are added, ids move to other partitions: a retry across the change may count twice.

    \b
    Example:
      plumbline topics create -c plumbline.yaml --partitions 8
    """
    from monitor.config import load
    from streams import topics

    broker = load(config).broker()
    if broker is None:
        raise ConfigError("expected kafka://host:9092; the embedded stream has no topics", file=config, key="stream")
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # what goes wrong is said once, by the error
    done = topics.create(broker, partitions, replication_factor, add_partitions=add_partitions)
    click.echo("\n".join(done) or f"{broker}: nothing to do, all topics are as they should be")
