"""Second sources: the standardwebhooks package and the specification's example for signatures, prometheus/common's own
test for fingerprints, Alertmanager's template.Data and webhook.Message for the body."""

import json
import logging
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import standardwebhooks

from alerts.notify import Webhook, open_client
from alerts.notify.client import is_public
from alerts.notify.webhook import alertmanager_body, fingerprint, retry_after, sign
from records.alert import Alert
from records.errors import ConfigError, DeliveryError
from records.notification import Notification
from tests.alerts.make import NOON, alert
from tests.alerts.site import Site

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
LOOPBACK = ("127.0.0.1", "localhost")
NOW = 1_763_726_400.75


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with open_client(connect_seconds=1.0, answer_seconds=0.2) as client:
        yield client


def notification(body: bytes = b'{"version":"4"}') -> Notification:
    return Notification(id="msg_1", alert="a1", receiver="oncall", state="firing", created_at=NOW, body=body)


def refusal(webhook: Webhook, client: httpx.Client) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        webhook.send(notification(), client, NOW)
    return caught.value


def test_a_signature_is_the_one_of_the_specification() -> None:
    signature = sign(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_is_sent_is_verified_by_the_standard_library_of_receivers(site: Site, client: httpx.Client) -> None:
    body = alertmanager_body(alert(), "oncall", "https://plumbline.example")
    now = datetime.now(tz=UTC).timestamp()
    Webhook(site.url(), SECRET, LOOPBACK).send(notification(body), client, now)
    [got] = site.received
    assert got.body == body
    assert got.headers["content-type"] == "application/json"
    assert got.headers["webhook-id"] == "msg_1"
    assert got.headers["webhook-timestamp"] == str(int(now))
    assert standardwebhooks.Webhook(SECRET).verify(got.body, got.headers) == json.loads(body)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(SECRET).verify(got.body + b" ", got.headers)


def test_without_a_secret_nothing_is_signed(site: Site, client: httpx.Client) -> None:
    Webhook(site.url(), allow_private=LOOPBACK).send(notification(), client, NOW)
    assert "webhook-signature" not in site.received[0].headers


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_2xx_is_delivered(site: Site, client: httpx.Client, status: int) -> None:
    site.answer = (status, {})
    Webhook(site.url(), SECRET, LOOPBACK).send(notification(), client, NOW)


@pytest.mark.parametrize(
    ("status", "headers", "wait", "words"),
    [
        (500, {}, None, "answered 500, not accepted"),
        (302, {"Location": "/elsewhere"}, None, "answered 302, redirects are not followed"),
        (308, {"Location": "/elsewhere"}, None, "answered 308, redirects are not followed"),
        (404, {}, None, "answered 404, not accepted"),
        (410, {}, None, "answered 410, gone"),
        (429, {"Retry-After": "120"}, 120.0, "answered 429, too many requests"),
        (503, {"Retry-After": "Fri, 21 Nov 2025 12:01:00 GMT"}, 59.25, "answered 503, not accepted"),
        (502, {}, None, "slowing down"),
        (504, {}, None, "slowing down"),
    ],
)
def test_any_other_answer_is_a_failure_with_its_status(
    site: Site, client: httpx.Client, status: int, headers: dict[str, str], wait: float | None, words: str
) -> None:
    site.answer = (status, headers)
    error = refusal(Webhook(site.url(), SECRET, LOOPBACK), client)
    assert (error.status, error.retry_after) == (status, wait)
    assert words in str(error)
    assert [each.path for each in site.received] == ["/hook"]


def test_a_receiver_that_hangs_is_given_up_after_the_time_limit(site: Site, client: httpx.Client) -> None:
    site.answer = None
    assert str(refusal(Webhook(site.url(), SECRET, LOOPBACK), client)) == "127.0.0.1: no answer in time"


def test_a_refused_connection_is_a_failure(client: httpx.Client) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        error = refusal(Webhook(f"http://127.0.0.1:{port}/", SECRET, LOOPBACK), client)
    assert "no connection" in str(error)


def test_something_that_does_not_speak_http_is_a_failure(site: Site, client: httpx.Client) -> None:
    url = site.url().replace("http://", "https://")
    assert "no connection" in str(refusal(Webhook(url, SECRET, LOOPBACK), client))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f000001", "2130706433", "127.1", "[::1]", "169.254.169.254"])
def test_a_private_target_is_refused_before_anything_is_sent(site: Site, client: httpx.Client, host: str) -> None:
    error = refusal(Webhook(site.url(host), SECRET, ("other.example",)), client)
    assert "not a public address" in str(error)
    assert site.received == []


def test_a_private_target_is_reached_when_allowed_by_name(site: Site, client: httpx.Client) -> None:
    Webhook(site.url("localhost"), SECRET, ("LocalHost.",)).send(notification(), client, NOW)
    assert site.received[0].headers["host"] == f"localhost:{site.port}"


def test_one_private_address_among_public_ones_is_refused(client: httpx.Client) -> None:
    webhook = Webhook("http://mixed.example/", SECRET, resolve=lambda host, port: ["93.184.215.14", "10.0.0.7"])
    assert "not a public address" in str(refusal(webhook, client))


def test_the_checked_address_is_connected_to_and_the_name_is_resolved_once(site: Site, client: httpx.Client) -> None:
    asked: list[tuple[str, int]] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.1"]

    # The name has no address outside this resolver: a second look-up would fail.
    webhook = Webhook(site.url("hooks.invalid"), SECRET, ("hooks.invalid",), rebinding)
    webhook.send(notification(), client, NOW)
    assert asked == [("hooks.invalid", site.port)]
    assert site.received[0].headers["host"] == f"hooks.invalid:{site.port}"


def test_the_next_address_is_tried_when_the_first_takes_no_connection(site: Site, client: httpx.Client) -> None:
    webhook = Webhook(site.url("two.invalid"), SECRET, ("two.invalid",), lambda host, port: ["::1", "127.0.0.1"])
    webhook.send(notification(), client, NOW)
    assert len(site.received) == 1


@pytest.mark.parametrize(("host", "holds"), [("hooks.invalid", True), ("other.invalid", False)])
def test_a_certificate_is_checked_against_the_name_though_the_connection_goes_to_an_address(
    secure_site: Site, certificate: Path, host: str, holds: bool
) -> None:
    url = secure_site.url(host).replace("http://", "https://")
    webhook = Webhook(url, SECRET, (host,), lambda host, port: ["127.0.0.1"])
    with open_client(verify=ssl.create_default_context(cafile=certificate)) as client:
        if holds:
            webhook.send(notification(), client, NOW)
        else:
            assert "its certificate does not hold" in str(refusal(webhook, client))
    assert secure_site.names == [host]
    assert len(secure_site.received) == holds


@pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 70 + ".invalid"])
def test_a_name_without_an_address_is_a_failure(client: httpx.Client, host: str) -> None:
    assert "the name has no address" in str(refusal(Webhook(f"http://{host}/", SECRET), client))


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True), ("2606:2800:220:1::1", True), ("10.1.2.3", False), ("172.16.0.1", False),
        ("192.168.1.1", False), ("127.0.0.1", False), ("169.254.169.254", False), ("100.64.0.1", False),
        ("0.0.0.0", False), ("224.0.0.1", False), ("240.0.0.1", False), ("255.255.255.255", False), ("::1", False),
        ("::", False), ("fe80::1%eth0", False), ("fc00::1", False), ("ff02::1", False), ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.215.14", True), ("2002:7f00:1::", False), ("64:ff9b::a00:1", False), ("64:ff9b::5db8:d70e", True),
        ("2001:db8::1", False),
    ],
)  # fmt: skip
def test_an_address_is_public_or_not(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_secrets_are_in_no_repr_no_error_and_no_log(site: Site, client: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    site.answer = (500, {})
    url = site.url(path="/T0KEN?key=T0KEN").replace("http://", "http://user:T0KEN@")
    webhook = Webhook(url, SECRET, LOOPBACK)
    error = refusal(webhook, client)
    site.answer = (200, {})
    webhook.send(notification(), client, NOW)
    assert site.received[1].path == "/T0KEN?key=T0KEN"
    said = repr(webhook) + str(error) + repr(error) + caplog.text
    assert "T0KEN" not in said
    assert SECRET.removeprefix("whsec_") not in said
    assert error.__cause__ is None


@pytest.mark.parametrize("secret", ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_T0KEN!", "whsec_ü"])
def test_a_secret_of_another_form_is_refused_without_repeating_it(secret: str) -> None:
    with pytest.raises(ConfigError, match="expected whsec_ and then base64") as caught:
        Webhook("https://hooks.example/", secret)
    assert "T0KEN" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "hooks.example", "ftp://hooks.example/", "https:///path", "http://[::1", "file:///etc/x"])
def test_a_target_that_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        Webhook(url)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None), ("0", 0.0), (" 30 ", 30.0), ("-5", None), ("soon", None), ("1e3", None), ("²", None),
        ("9" * 400, 999_999_999.0), ("Fri, 21 Nov 2025 12:01:00 GMT", 59.25), ("Fri, 21 Nov 2025 11:00:00 GMT", 0.0),
        ("Fri, 99 Nov 2025 11:00:00 GMT", None),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


@pytest.mark.parametrize(
    ("labels", "expected"),
    [({}, 14695981039346656037), ({"name": "garland, briggs", "fear": "love is not enough"}, 5799056148416392346)],
)
def test_a_fingerprint_is_prometheus_own(labels: dict[str, str], expected: int) -> None:
    assert int(fingerprint(labels), 16) == expected
    assert len(fingerprint(labels)) == 16


@pytest.mark.parametrize(
    ("subject", "status", "ends"),
    [
        (alert(runbook_url="https://runbooks.example/x"), "firing", "0001-01-01T00:00:00Z"),
        (alert(state="resolved", ended_at=NOON, slice={}, description=""), "resolved", "2025-11-21T12:00:00.000Z"),
    ],
)
def test_the_body_has_every_field_of_alertmanagers_version_4(subject: Alert, status: str, ends: str) -> None:
    body = json.loads(alertmanager_body(subject, "oncall", "https://plumbline.example"))
    assert list(body) == [
        "version", "groupKey", "truncatedAlerts", "status", "receiver", "groupLabels", "commonLabels",
        "commonAnnotations", "externalURL", "alerts",
    ]  # fmt: skip
    [one] = body["alerts"]
    assert list(one) == ["status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint"]
    assert (body["version"], body["truncatedAlerts"], body["receiver"]) == ("4", 0, "oncall")
    assert (body["status"], one["status"], one["endsAt"]) == (status, status, ends)
    assert one["startsAt"] == "2025-11-21T11:30:00.000Z"
    assert one["generatorURL"] == "https://plumbline.example/apps/support/alerts/a1"
    assert body["groupKey"] == '{}:{alert_id="a1", alertname="change", application="support"}'
    assert body["groupLabels"] == {"alertname": "change", "application": "support", "alert_id": "a1"}
    assert body["commonLabels"] == one["labels"]
    assert {"alertname": "change", "severity": "warning", "signal": "response_words"}.items() <= one["labels"].items()
    assert one["labels"].get("slice") == ("tags.tenant=acme" if subject.slice else None)
    assert body["commonAnnotations"] == one["annotations"]
    assert one["annotations"]["summary"] == subject.sentence
    assert one["annotations"].get("description") == (subject.description or None)
    assert one["annotations"].get("runbook_url") == (subject.runbook_url or None)


def test_firing_and_resolved_carry_the_same_fingerprint_and_group() -> None:
    bodies = [json.loads(alertmanager_body(each, "r", "")) for each in (alert(), alert(state="resolved", ended_at=NOON))]
    assert len({each["groupKey"] for each in bodies}) == 1
    assert len({each["alerts"][0]["fingerprint"] for each in bodies}) == 1
