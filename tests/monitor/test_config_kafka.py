"""Configuration of Kafka: as clients take it, refused by line and key, and with no secret in a message."""

from pathlib import Path

import pytest

from monitor.config import Config, ConfigSource, InvalidConfigError, parse
from monitor.config.schema import config_schema
from records.errors import ConfigError
from streams.broker import Broker, Sasl, Tls

KAFKA = "stream: kafka://a:9092\n"
SASL = "sasl: {mechanism: SCRAM-SHA-512, username: u, password: hunter2hunter2}"


def read(text: str, **environ: str) -> Config:
    return parse(text, "p.yaml", environ)


BROKERS = {
    "embedded": ("", None),
    "one": ("stream: kafka://a:9092", Broker(("a:9092",))),
    "several": ("stream: kafka://a:9092, [::1]:9093,10.0.0.1:9094", Broker(("a:9092", "[::1]:9093", "10.0.0.1:9094"))),
    "TLS": (KAFKA + "tls: true", Broker(("a:9092",), Tls())),
    "TLS as an empty section": (KAFKA + "tls: {}", Broker(("a:9092",), Tls())),
    "no TLS": (KAFKA + "tls: false", Broker(("a:9092",))),
    "TLS with nothing behind it": (KAFKA + "tls:", Broker(("a:9092",))),
    "own certificate": (
        KAFKA + "tls: {ca: ca.pem, certificate: c.pem, key: k.pem, key_password: secret, verify_host: no}",
        Broker(("a:9092",), Tls("ca.pem", "c.pem", "k.pem", "secret", False)),
    ),
    "password": (KAFKA + SASL, Broker(("a:9092",), None, Sasl("SCRAM-SHA-512", "u", "hunter2hunter2"))),
    "both": (
        KAFKA + "tls: {ca: ca.pem}\n" + SASL,
        Broker(("a:9092",), Tls("ca.pem"), Sasl("SCRAM-SHA-512", "u", "hunter2hunter2")),
    ),
}


@pytest.mark.parametrize(("text", "broker"), BROKERS.values(), ids=list(BROKERS))
def test_the_broker_is_as_the_file_says(text: str, broker: Broker | None) -> None:
    assert read(text).broker() == broker


@pytest.mark.parametrize(
    ("text", "protocol"),
    [("", "PLAINTEXT"), ("tls: true", "SSL"), (SASL, "SASL_PLAINTEXT"), (f"tls: true\n{SASL}", "SASL_SSL")],
)
def test_the_protocol_follows_from_tls_and_sasl(text: str, protocol: str) -> None:
    broker = read(KAFKA + text).broker()
    assert broker is not None
    assert broker.protocol == protocol


EXPECTED = "expected embedded, or kafka://host:9092,host2:9092"
WRONG = {
    "no port": ("stream: kafka://a", f"p.yaml:1: stream: {EXPECTED}, got kafka://a"),
    "nothing": ("stream: kafka://", f"stream: {EXPECTED}"),
    "comma at the end": ("stream: 'kafka://a:9092,'", f"stream: {EXPECTED}"),
    "path": ("stream: kafka://a:9092/topic", f"stream: {EXPECTED}"),
    "http": ("stream: http://a:9092", f"stream: {EXPECTED}"),
    "password in it": (
        "stream: kafka://u:hunter2hunter2@a:9092",
        "stream: expected kafka://host:9092 without a user or password",
    ),
    "TLS without Kafka": ("\ntls: true", "p.yaml:2: tls: only where stream is kafka://"),
    "SASL without Kafka": (f"stream: embedded\n{SASL}", "p.yaml:2: sasl: only where stream is kafka://"),
    "key alone": (KAFKA + "tls: {key: k.pem}", "p.yaml:2: tls: key and key_password need certificate beside them"),
    "verify_host": (KAFKA + "tls: {verify_host: maybe}", "tls.verify_host: expected true or false, got maybe"),
    "TLS as text": (KAFKA + "tls: ca.pem", "p.yaml:2: tls: expected a section (key: value)"),
    "misspelt": (KAFKA + "tls: {cafile: x}", "p.yaml:2: tls.cafile: unknown key; expected ca, certificate"),
    "mechanism": (
        KAFKA + SASL.replace("SHA-512", "SHA-1"),
        "sasl.mechanism: expected one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512",
    ),
    "no password": (
        KAFKA + "sasl: {mechanism: PLAIN, username: u}",
        "p.yaml:2: sasl.password: the key is missing, expected password or password_file",
    ),
    "no user": (KAFKA + "sasl: {mechanism: PLAIN, password: hunter2hunter2}", "sasl.username: the key is missing"),
    "no spool": ("spool: ''", "spool: expected at least 1 characters"),
    "spool limit": ("spool_limit: 0", "p.yaml:1: spool_limit: expected a number of at least 1, got 0"),
    "worker open without tokens": ("listen_worker: 0.0.0.0:4001", "0.0.0.0 can be reached from other machines: give tokens"),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=list(WRONG))
def test_a_wrong_value_is_refused_with_line_and_key_and_without_a_secret(text: str, message: str) -> None:
    with pytest.raises(InvalidConfigError) as caught:
        read(text)
    assert message in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_passwords_come_from_files_and_the_environment_and_show_in_no_text(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("hunter2hunter2\n")
    config = read(
        KAFKA + f"sasl: {{mechanism: PLAIN, username: u, password_file: {path}}}",
        PLUMBLINE_TLS__CERTIFICATE="c.pem",
        PLUMBLINE_TLS__KEY_PASSWORD_FILE=str(path),
    )
    broker = config.broker()
    assert broker is not None and broker.sasl is not None and broker.tls is not None
    assert broker.sasl.password == broker.tls.key_password == "hunter2hunter2"
    assert "hunter2" not in f"{config!r}{config.model_dump_json()}{broker!r}{broker}"


def test_tls_can_be_switched_on_from_the_environment() -> None:
    broker = read("", PLUMBLINE_STREAM="kafka://a:9092", PLUMBLINE_TLS="true").broker()
    assert broker == Broker(("a:9092",), Tls())


@pytest.mark.parametrize(
    ("tls", "key", "message"),
    [
        (Tls(ca="missing.pem"), "tls.ca", "missing.pem holds no certificates: No such file or directory"),
        (Tls(ca="text.pem"), "tls.ca", "text.pem holds no certificates"),
        (Tls(certificate="text.pem", key="missing.pem"), "tls.certificate", "text.pem and missing.pem cannot be used"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_its_key(
    tls: Tls, key: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.pem").write_text("no certificate")
    with pytest.raises(ConfigError, match=f"{key}: {message}") as caught:
        Broker(("a:9092",), tls).settings()
    assert caught.value.key == key


def test_how_kafka_is_reached_waits_for_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "plumbline.yaml"
    path.write_text(KAFKA)
    source = ConfigSource.open(path, {})
    path.write_text(KAFKA.replace("a:9092", "b:9092") + SASL + "\nlisten_worker: 127.0.0.1:9\nspool_limit: 5")
    changes = source.reload()
    assert {change.key for change in changes} >= {"stream", "sasl.password", "listen_worker", "spool_limit"}
    assert all(change.restart for change in changes)
    assert "hunter2" not in " ".join(map(str, changes))
    assert source.current.broker() == Broker(("a:9092",))


def test_the_schema_takes_tls_as_a_section_or_as_true() -> None:
    schema = config_schema()
    assert {"type": "boolean"} in schema["properties"]["tls"]["anyOf"]
    assert schema["$defs"]["Sasl"]["oneOf"] == [{"required": ["password"]}, {"required": ["password_file"]}]
    assert schema["properties"]["listen_worker"]["default"] == "127.0.0.1:4001"
