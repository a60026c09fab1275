"""TLS and SASL against a real broker: what gets in, and what is said, without a password, to what does not."""

import gc
import io
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from monitor import logs
from monitor.cli import run
from records.errors import ConfigError, StreamError
from streams.broker import Broker, Tls
from streams.topics import TOPICS, create, describe
from tests.kafka.broker import Kafka, delete_topics

SECRET = "plumbline-secret"
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")

pytestmark = pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """What kafka-python leaves of a handshake that failed goes here, and not into another test."""
    yield
    gc.collect()


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_password_over_tls_gets_in(secure_kafka: Kafka, mechanism: str) -> None:
    delete_topics(secure_kafka.broker)
    broker = secure_kafka.with_sasl(mechanism)
    assert broker.protocol == "SASL_SSL"
    create(broker)
    assert describe(broker).keys() == TOPICS.keys()


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("user", ["plumbline", "nobody"])
def test_a_wrong_password_is_said_at_once(secure_kafka: Kafka, mechanism: str, user: str) -> None:
    with pytest.raises(StreamError, match=f"does not know {user} by this password: check sasl.username") as caught:
        describe(secure_kafka.with_sasl(mechanism, user, "hunter2hunter2"), within=3600)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("password", [SECRET, "hunter2hunter2"])
def test_no_password_is_in_a_log_at_any_level(secure_kafka: Kafka, password: str) -> None:
    written = io.StringIO()
    logs.configure("debug", "json", written)
    try:
        with suppress(StreamError):
            describe(secure_kafka.with_sasl("PLAIN", password=password))
    finally:
        logs.configure()
    assert password not in written.getvalue()


def test_who_may_do_nothing_is_told_what_to_allow(secure_kafka: Kafka) -> None:
    with pytest.raises(StreamError, match=r"does not let guest do this: allow Describe, Create, .* on plumbline\.\*"):
        create(secure_kafka.with_sasl("PLAIN", "guest", "guest-secret"))


def test_a_certificate_gets_in(secure_kafka: Kafka) -> None:
    broker = secure_kafka.with_tls()
    assert broker.protocol == "SSL"
    create(broker)
    assert describe(broker).keys() == TOPICS.keys()


def encrypted(kafka: Kafka, password: str) -> str:
    """The client's key, encrypted."""
    key, out = kafka.certificates / "client.key", kafka.certificates / "client.encrypted.key"
    command = ["openssl", "pkcs8", "-topk8", "-in", str(key), "-out", str(out), "-passout", f"pass:{password}"]
    subprocess.run(command, check=True, capture_output=True)
    return str(out)


def with_key(kafka: Kafka, key: str, password: str | None) -> Broker:
    broker = kafka.with_tls()
    assert broker.tls is not None
    return replace(broker, tls=replace(broker.tls, key=key, key_password=password))


def test_an_encrypted_key_is_opened_and_without_its_password_nobody_is_asked(secure_kafka: Kafka) -> None:
    key = encrypted(secure_kafka, "opensesame")
    describe(with_key(secure_kafka, key, "opensesame"))
    for password in (None, "hunter2hunter2"):
        with pytest.raises(ConfigError, match=r"tls\.certificate: .* cannot be used \(do key and key_password") as caught:
            describe(with_key(secure_kafka, key, password))
        assert "hunter2" not in str(caught.value)


def test_what_tls_refuses_is_told_as_it_is(secure_kafka: Kafka) -> None:
    sasl = secure_kafka.with_sasl("PLAIN")
    no_client = Tls(str(secure_kafka.certificates / "ca.pem"))
    refused = {
        "certificate verify failed": replace(sasl, tls=Tls()),
        "disconnected|frame length": replace(sasl, tls=None),
        "ALERT": replace(secure_kafka.with_tls(), tls=no_client),
        "violation of protocol": replace(secure_kafka.with_tls(), servers=secure_kafka.broker.servers),
    }
    for said, broker in refused.items():
        with pytest.raises(StreamError, match=f"no answer from .* within 1 s .*({said}).*do tls and sasl fit"):
            describe(broker, within=1)


def test_the_host_name_is_verified_unless_told_otherwise(secure_kafka: Kafka) -> None:
    broker = secure_kafka.with_sasl("PLAIN")
    assert broker.tls is not None
    other = replace(broker, servers=tuple(server.replace("127.0.0.1", "127.1") for server in broker.servers))
    with pytest.raises(StreamError, match=r"certificate is not valid for '127\.1'"):
        describe(other, within=1)
    describe(replace(other, tls=replace(broker.tls, verify_host=False)))


def test_the_command_reads_tls_and_sasl_from_the_file(
    secure_kafka: Kafka, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broker = secure_kafka.with_sasl("SCRAM-SHA-512")
    file, secret = tmp_path / "plumbline.yaml", tmp_path / "secret"
    secret.write_text(SECRET)
    file.write_text(
        f"stream: {broker}\n"
        f"tls: {{ca: {secure_kafka.certificates / 'ca.pem'}}}\n"
        f"sasl: {{mechanism: SCRAM-SHA-512, username: plumbline, password_file: {secret}}}\n"
    )
    assert run(["topics", "create", "-c", str(file)]) == 0, capsys.readouterr().err
    secret.write_text("hunter2hunter2")
    assert run(["topics", "create", "-c", str(file)]) == 2
    said = capsys.readouterr()
    assert "does not know plumbline by this password" in said.err
    assert "hunter2" not in said.out + said.err
