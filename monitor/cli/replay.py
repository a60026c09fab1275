"""plumbline replay: recorded interactions into a running service."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from monitor.cli import options

if TYPE_CHECKING:
    import httpx

    from monitor.replay import Answer, Send, Summary

GAVE_UP = 1
SECONDS = 60.0


@click.command()
@click.argument("file", type=click.Path(dir_okay=False))
@click.option(
    "--to",
    "url",
    required=True,
    metavar="URL",
    help="Where the service is, such as http://127.0.0.1:4000, or its Kafka: kafka://host:9092,host2:9092.",
)
@click.option(
    "--speed",
    type=click.FloatRange(0, min_open=True),
    help="Multiple of recorded time: 1 is as it happened; without it as fast as the service takes it.",
)
@click.option("--application", help="The application of lines that name none.")
@options.MAP
@click.option(
    "--token",
    envvar="PLUMBLINE_TOKEN",
    show_envvar=True,
    help="Bearer token with the role ingest; better in the environment, where other users do not see it.",
)
@click.option(
    "--batch",
    type=click.IntRange(1, 10_000),
    help="Interactions that go together; 100 a request, or 1000 into Kafka, unless told otherwise.",
)
@click.option(
    "--patience",
    type=click.FloatRange(0),
    default=300.0,
    show_default=True,
    help="Seconds to go on trying while the service does not answer.",
)
@click.option(
    "-c", "--config", type=click.Path(dir_okay=False), help="plumbline.yaml whose tls and sasl secure the way into Kafka."
)
def command(
    file: str,
    url: str,
    speed: float | None,
    application: str | None,
    mapping: dict[str, str],
    token: str | None,
    batch: int | None,
    patience: float,
    config: str | None,
) -> int:
    """Send the interactions of FILE (JSON lines or Parquet) into a running service, in the order of their timestamps.

    With kafka:// they go into its topic, whether a service runs now or later.

    Timestamps stay as recorded: old ones are history, so replaying last month first is how a new application skips its
    calibration. Lines without an id get one from their content, so the same replay again is counted once.

    \b
    Example:
      plumbline replay last-month.jsonl --to http://127.0.0.1:4000 --application support
    """
    import time

    from monitor.cli.progress import Progress
    from monitor.replay import Away, Recording, Replayer

    into_kafka = url.startswith("kafka://")
    with _kafka(url, config) if into_kafka else _http(url, token) as send:
        recording = Recording(file, mapping, application)
        shown = Progress()
        replayer = Replayer(send, time.monotonic, time.sleep, speed, patience)
        code = 0
        try:
            replayer.run(recording, batch or (1_000 if into_kafka else 100), shown.tell)
        except Away as error:
            click.echo(f"plumbline: {error}", err=True)
            code = GAVE_UP
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            code = 130
        finally:
            shown.done()
            _tell(replayer.summary, recording.total + len(recording.unusable))
    return code


@contextmanager
def _kafka(url: str, config: str | None) -> "Iterator[Send]":
    import time
    from dataclasses import replace

    from monitor.config import load
    from monitor.config.stream import kafka_or_embedded, servers
    from monitor.replay_kafka import IntoKafka
    from records.errors import InputError
    from streams.broker import Broker
    from streams.publisher import Publisher

    try:
        broker = Broker(servers(kafka_or_embedded(url)))
    except ValueError:
        words = "expected kafka://host:9092,host2:9092; a user and password belong into the sasl of -c FILE"
        raise InputError(f"--to: {words}") from None
    secured = load(config).broker() if config else None
    publisher = Publisher(replace(secured, servers=broker.servers) if secured else broker)
    try:
        yield IntoKafka(publisher, lambda: time.time_ns() // 1000)
    finally:
        publisher.close()


@contextmanager
def _http(url: str, token: str | None) -> "Iterator[Send]":
    from records.errors import InputError

    if not url.startswith(("http://", "https://")):
        raise InputError(f"--to {url}: expected the http:// or https:// address of a service, or kafka://host:9092")
    with _client(url, token) as client:
        yield _sender(client)


def _client(url: str, token: str | None) -> "httpx.Client":
    import httpx

    headers = {"Content-Type": "application/x-ndjson"} | ({"Authorization": f"Bearer {token}"} if token else {})
    try:
        return httpx.Client(base_url=url.rstrip("/"), headers=headers, timeout=SECONDS)
    except (httpx.InvalidURL, ValueError) as error:
        from records.errors import InputError

        raise InputError(f"--to {url}: {error}") from None


def _sender(client: "httpx.Client") -> "Send":
    import httpx
    import msgspec

    from monitor.replay import Answer, Away

    def send(lines: list[bytes]) -> "Answer":
        try:
            response = client.post("/v1/interactions", content=b"\n".join(lines))
        except httpx.TransportError as error:
            raise Away(f"{client.base_url} cannot be reached ({type(error).__name__})") from None
        try:
            body = msgspec.json.decode(response.content)
        except msgspec.DecodeError:
            body = {}
        after = response.headers.get("retry-after", "")
        retry = float(after) if after.isdecimal() else None
        return Answer(response.status_code, body if isinstance(body, dict) else {}, retry)

    return send


def _tell(summary: "Summary", lines: int) -> None:
    rejected = sum(summary.rejected.values())
    waiting = lines - summary.accepted - rejected
    words = f"{summary.accepted} accepted, {rejected} rejected" + (f", {waiting} not sent" if waiting else "")
    click.echo(words)
    for reason, number in summary.rejected.most_common():
        click.echo(f"  {number} {reason}")
    for text in summary.examples:
        click.echo(f"  {ascii(text)[1:-1]}")
