"""Webhooks: a body that every receiver of Alertmanager's understands, signed so that it can be believed.

The body is Alertmanager's webhook, version 4, with one alert in it; the headers are Standard Webhooks'
(https://www.standardwebhooks.com): `webhook-id`, `webhook-timestamp` (seconds), `webhook-signature`
(`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`).
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from urllib.parse import quote

import httpx
import msgspec

from alerts.notify.client import Resolve, checked_addresses, post, system_resolve
from alerts.numbers import rfc3339
from alerts.rules import slice_text
from records.alert import Alert
from records.errors import ConfigError, DeliveryError
from records.notification import Notification

NOT_ENDED = "0001-01-01T00:00:00Z"
"""Alertmanager's `endsAt` of an alert that is still firing."""

WORDS = {
    410: "gone: the receiver wants no more",
    429: "too many requests: slowing down",
    502: "bad gateway: slowing down",
    504: "gateway timeout: slowing down",
}


@dataclass(frozen=True, slots=True)
class Webhook:
    """One webhook receiver. `url` and `secret` (`whsec_<base64>`; None: not signed) never appear in a repr or an error.

    `allow_private`: names of hosts that may have an address that is not public (loopback included).
    Raises ConfigError for a URL or a secret that cannot be used.
    """

    url: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)
    allow_private: tuple[str, ...] = ()
    resolve: Resolve = field(default=system_resolve, repr=False)

    def __post_init__(self) -> None:
        try:
            target = httpx.URL(self.url)
        except httpx.InvalidURL:
            raise ConfigError("not a URL", key="webhook.url") from None
        if target.scheme not in ("http", "https") or not target.host:
            raise ConfigError("expected http://host/… or https://host/…", key="webhook.url")
        if self.secret is not None:
            signing_key(self.secret)

    def send(self, notification: Notification, client: httpx.Client, now: float) -> None:
        """POST the body; any 2xx is taken as delivered. Raises DeliveryError (with status and retry_after where known)."""
        target = httpx.URL(self.url)
        port = target.port or (443 if target.scheme == "https" else 80)
        addresses = checked_addresses(target.raw_host.decode("ascii"), port, self.allow_private, self.resolve)
        timestamp = int(now)
        headers = {
            "Content-Type": "application/json",
            "Connection": "close",  # addresses are connected to, names are certified: never share a connection
            "User-Agent": "plumbline",
            "webhook-id": notification.id,
            "webhook-timestamp": str(timestamp),
        }
        if self.secret is not None:
            headers["webhook-signature"] = sign(self.secret, notification.id, timestamp, notification.body)
        response = post(client, target, addresses, headers, notification.body)
        status = response.status_code
        if 200 <= status < 300:
            return
        words = "redirects are not followed" if 300 <= status < 400 else WORDS.get(status, "not accepted")
        raise DeliveryError(
            f"{target.host}: answered {status}, {words}",
            status=status,
            retry_after=retry_after(response.headers.get("retry-after"), now),
        )


def signing_key(secret: str) -> bytes:
    """The key inside `whsec_<base64>`; padding may be missing. ConfigError, without the secret in its text, otherwise."""
    try:
        if not secret.startswith("whsec_"):
            raise ValueError
        text = secret.removeprefix("whsec_")
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if not key:
        raise ConfigError("expected whsec_ and then base64", key="webhook.secret")
    return key


def sign(secret: str, id_: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`: `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`."""
    digest = hmac.new(signing_key(secret), f"{id_}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def retry_after(header: str | None, now: float) -> float | None:
    """Seconds to wait, from a Retry-After header of seconds or of a date; None where there is none or it cannot be read."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None


def alertmanager_body(alert: Alert, receiver: str, external_url: str) -> bytes:
    """Alertmanager's webhook body, version 4, of one alert.

    `external_url` is where people reach the page, without a slash at its end (may be empty).
    """
    labels = _labels(alert)
    annotations = {"summary": alert.sentence, "description": alert.description, "runbook_url": alert.runbook_url}
    annotations = {name: value for name, value in annotations.items() if value}
    group: dict[str, str] = {name: labels[name] for name in ("alertname", "application", "alert_id") if name in labels}
    status = "resolved" if alert.state == "resolved" else "firing"
    page = f"{external_url}/apps/{quote(alert.application, safe='')}/alerts/{quote(alert.id, safe='')}"
    body = {
        "version": "4",
        "groupKey": f"{{}}:{_label_text(group)}",
        "truncatedAlerts": 0,
        "status": status,
        "receiver": receiver,
        "groupLabels": group,
        "commonLabels": labels,
        "commonAnnotations": annotations,
        "externalURL": external_url,
        "alerts": [
            {
                "status": status,
                "labels": labels,
                "annotations": annotations,
                "startsAt": rfc3339(alert.started_at),
                "endsAt": NOT_ENDED if alert.ended_at is None else rfc3339(alert.ended_at),
                "generatorURL": page,
                "fingerprint": fingerprint(labels),
            }
        ],
    }
    return msgspec.json.encode(body)


def _labels(alert: Alert) -> dict[str, str]:
    """What tells alerts apart; the same while an alert fires and when it is resolved. Empty labels are left out."""
    labels = {
        "alertname": alert.rule,
        "severity": alert.severity,
        "application": alert.application,
        "signal": alert.signal,
        "slice": slice_text(alert.slice),
        "alert_id": alert.id,
    }
    return {name: value for name, value in labels.items() if value}


def fingerprint(labels: dict[str, str]) -> str:
    """A label set's fingerprint as Prometheus computes it: FNV-1a, 64 bits, over names and values each ended by 0xff."""
    value = 14695981039346656037
    for name, text in sorted(labels.items()):
        for byte in name.encode() + b"\xff" + text.encode() + b"\xff":
            value = (value ^ byte) * 1099511628211 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def _label_text(labels: dict[str, str]) -> str:
    """Labels as Prometheus prints them: {a="1", b="2"}, sorted by name."""
    quoted = (f"{name}={msgspec.json.encode(value).decode()}" for name, value in sorted(labels.items()))
    return "{" + ", ".join(quoted) + "}"
