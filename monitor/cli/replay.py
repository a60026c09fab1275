"""plumbline replay: recorded interactions into a running service."""

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
@click.option("--to", "url", required=True, metavar="URL", help="Where the service is, such as http://127.0.0.1:4000.")
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
@click.option("--batch", type=click.IntRange(1, 10_000), default=100, show_default=True, help="Interactions a request.")
@click.option(
    "--patience",
    type=click.FloatRange(0),
    default=300.0,
    show_default=True,
    help="Seconds to go on trying while the service does not answer.",
)
def command(
    file: str,
    url: str,
    speed: float | None,
    application: str | None,
    mapping: dict[str, str],
    token: str | None,
    batch: int,
    patience: float,
) -> int:
    """Send the interactions of FILE (JSON lines or Parquet) into a running service, in the order of their timestamps.

    Timestamps stay as recorded: old ones are history, so replaying last month first is how a new application skips its
    calibration. Lines without an id get one from their content, so the same replay again is counted once.

    \b
    Example:
      plumbline replay last-month.jsonl --to http://127.0.0.1:4000 --application support
    """
    import time

    from monitor.cli.progress import Progress
    from monitor.replay import Away, Recording, Replayer

    _check(url)
    recording = Recording(file, mapping, application)
    shown = Progress()
    with _client(url, token) as client:
        replayer = Replayer(_sender(client), time.monotonic, time.sleep, speed, patience)
        code = 0
        try:
            replayer.run(recording, batch, shown.tell)
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


def _check(url: str) -> None:
    from records.errors import InputError

    if url.startswith("kafka://"):
        raise InputError("--to kafka:// is not available yet; expected the http:// or https:// address of a service")
    if not url.startswith(("http://", "https://")):
        raise InputError(f"--to {url}: expected the http:// or https:// address of a service")


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
