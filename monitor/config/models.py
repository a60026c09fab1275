"""plumbline.yaml as types. Every key has a default, so an empty file is a configuration."""

import difflib
import re
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    SecretStr,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from alerts import rules as alerting
from monitor.config.base import Address, Model, is_loopback, parse_address
from monitor.config.baselines import Baseline, Comparison, Name, Slice
from monitor.config.conversations import Conversations, conversations_or_none
from monitor.config.duration import DAY, HOUR, MINUTE, Duration, DurationOrZero, format_duration
from monitor.config.embedding import Embeddings, embeddings_or_none, web
from monitor.config.estimation import Estimation, estimation_or_none
from monitor.config.evaluations import ALWAYS, Evaluation, by_name
from monitor.config.expected import Tool, tool_by_name
from monitor.config.judges import Judge
from monitor.config.stream import Sasl, Tls, kafka_or_embedded, servers, tls_or_none
from streams.broker import Broker

if TYPE_CHECKING:
    from signals.evaluation.reference_free import Expected

WINDOW = 5 * MINUTE
"""Verdicts are reached on windows of this length, microseconds."""

Role = Literal["ingest", "read", "admin"]
Severity = Literal["info", "warning", "critical"]


def _no_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("expected a number")
    return value


def _unlike_default(value: Any) -> Any:
    return None if value == "default" else value


def _signal(name: str) -> str:
    from signals.catalogue import SIGNALS  # slow to import, and only needed where a file lists signals

    known = [signal.name for signal in SIGNALS]
    if name in known or (name.startswith(("scores.", "tags.")) and not name.endswith(".")):
        return name
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ValueError(f"expected the name of a signal, scores.<name> or tags.<name>{hint}")


def _horizon(microseconds: int) -> int:
    if microseconds % WINDOW:
        raise ValueError("expected a multiple of 5m, the length of a window")
    return microseconds


def _unique(items: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
    if items is None:
        return None
    seen = [getattr(item, "name", item) for item in items]
    twice = next((name for i, name in enumerate(seen) if name in seen[:i]), None)
    if twice is not None:
        shown = format_duration(twice) if isinstance(twice, int) else twice
        raise ValueError(f"expected each entry once, {shown} is there twice")
    return items


def _store(url: SecretStr) -> SecretStr:
    if re.match(r"^(sqlite:///.|postgresql\+psycopg://.)", url.get_secret_value()):
        return url
    raise ValueError("expected sqlite:///path/to/file.db or postgresql+psycopg://user:password@host/name")


def _web(url: SecretStr) -> SecretStr:
    try:
        parts = urlsplit(url.get_secret_value())
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return url
    except ValueError:  # half an IPv6 address, a port that is no number: not for the message, it may hold a secret
        pass
    raise ValueError("expected a URL that begins with https:// or http://")


def _signing(secret: SecretStr) -> SecretStr:
    if re.match(r"^whsec_[A-Za-z0-9+/]{16,}={0,2}$", secret.get_secret_value()):
        return secret
    raise ValueError("expected whsec_ and the secret in base64, at least 12 bytes (Standard Webhooks)")


def _bearer(secret: SecretStr) -> SecretStr:
    if re.match(r"^[!-~]{16,}$", secret.get_secret_value()):
        return secret
    raise ValueError("expected at least 16 printable characters without spaces")


Number = Annotated[float, BeforeValidator(_no_boolean), Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, BeforeValidator(_no_boolean), Field(ge=0, allow_inf_nan=False)]
Glob = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Unique = AfterValidator(_unique)
DEFAULT_OR_LIST = (BeforeValidator(_unlike_default), Unique)
"""`default` in the file is None here."""


class FalseAlarms(Model):
    """How many false alarms are acceptable, over everything that is compared."""

    at_most: Number = 1.0
    per: Duration = 30 * DAY


class Retention(Model):
    """How long things are kept."""

    content: Duration = 7 * DAY
    panes: Duration = 90 * DAY
    dead_letters: Duration = 3 * DAY


class Token(Model):
    """A bearer token and what it may do; `admin` includes the other roles."""

    name: Name
    token: Annotated[SecretStr, AfterValidator(_bearer)]
    token_file: str | None = Field(default=None, description="a file that holds the token, in place of token")
    roles: Annotated[tuple[Role, ...], Unique, Field(min_length=1)]


class ApplicationConfig(Model):
    """How one application is watched."""

    slices: Annotated[tuple[Slice, ...], Unique] = ("model", "prompt_version")
    horizons: Annotated[tuple[Annotated[Duration, AfterValidator(_horizon)], ...], Unique, Field(min_length=1)] = (
        WINDOW,
        HOUR,
        DAY,
    )
    allowed_lateness: DurationOrZero = 2 * MINUTE
    baselines: Annotated[tuple[Baseline, ...], Unique] = (Baseline(trailing=7 * DAY),)
    signals: Annotated[tuple[Annotated[str, AfterValidator(_signal)], ...] | None, *DEFAULT_OR_LIST] = None
    evaluations: Annotated[tuple[Annotated[Evaluation, BeforeValidator(by_name)], ...], Unique] = ALWAYS
    tools: Annotated[tuple[Annotated[Tool, BeforeValidator(tool_by_name)], ...], Unique] = Field(
        default=(), description="what may be called; calls of other tools, or with other arguments, are counted"
    )
    embeddings: Annotated[Embeddings | None, BeforeValidator(embeddings_or_none)] = None
    conversations: Annotated[Conversations | None, BeforeValidator(conversations_or_none)] = None

    @property
    def scores(self) -> tuple[str, ...]:
        """Names of the scores that are asked for by their name."""
        return tuple(one.score for one in self.evaluations if one.score)

    @property
    def expected(self) -> "Expected":
        """What is declared of answers, as `signals` takes it."""
        from signals import agent
        from signals.evaluation.reference_free import Expected

        form = next((one.format.form for one in self.evaluations if one.format), None)
        return Expected(form, tuple(agent.Tool(tool.name, tool.arguments) for tool in self.tools))

    @property
    def judges(self) -> tuple[Judge, ...]:
        """The models that judge a sample."""
        return tuple(one.judge for one in self.evaluations if one.judge)

    @model_validator(mode="after")
    def _cohorts(self) -> "ApplicationConfig":
        for baseline in self.baselines:
            if baseline.cohort and baseline.cohort.slice not in self.slices:
                raise ValueError(f"expected {baseline.cohort.slice} among slices: a cohort compares its values")
        return self


class Match(Model):
    """Which findings a rule is about: globs (`*`, `?`, `[abc]`), all of which must match.

    `slice` is compared with `dimension=value` (all traffic is the empty text), `signal` with the signal's name, and
    with `no_data` where traffic stopped.
    """

    application: Glob = "*"
    slice: Annotated[str, StringConstraints(max_length=256)] = "*"
    signal: Glob = "*"
    comparison: Comparison | Literal["*"] = "*"


class Rule(Model):
    """When findings become an alert. The first rule that matches a finding decides."""

    name: Name
    match: Match = Match()
    effect_at_least: Annotated[NotNegative, Field(description="in multiples of the effect's floor")] = 0.0
    for_: DurationOrZero = Field(default=0, alias="for")
    keep_firing_for: DurationOrZero = 0
    severity: Severity = "warning"
    runbook_url: str = ""

    def for_alerts(self) -> alerting.Rule:
        """The same as `alerts` takes it."""
        return alerting.Rule(
            name=self.name,
            **self.match.model_dump(),
            effect_at_least=self.effect_at_least,
            for_=self.for_,
            keep_firing_for=self.keep_firing_for,
            severity=self.severity,
            runbook_url=self.runbook_url,
        )


class Webhook(Model):
    """An HTTP endpoint that takes Alertmanager's version 4 body, signed as Standard Webhooks where a secret is given."""

    url: Annotated[SecretStr, AfterValidator(_web)]
    url_file: str | None = Field(default=None, description="a file that holds the URL, in place of url")
    secret: Annotated[SecretStr, AfterValidator(_signing)] | None = None
    secret_file: str | None = Field(default=None, description="a file that holds the secret, in place of secret")


class Receiver(Model):
    """Who is told."""

    planned: ClassVar[tuple[str, ...]] = ("alertmanager", "pagerduty", "slack", "teams", "email", "opsgenie")
    name: Name
    webhook: Webhook


class Alerts(Model):
    """From findings to messages."""

    rules: Annotated[tuple[Rule, ...] | None, *DEFAULT_OR_LIST] = None
    receivers: Annotated[tuple[Receiver, ...], Unique] = ()

    @property
    def rules_in_force(self) -> tuple[alerting.Rule, ...]:
        """The rules of the file, or the default ones, as `alerts` takes them."""
        return alerting.DEFAULT_RULES if self.rules is None else tuple(rule.for_alerts() for rule in self.rules)


_ADDRESS = Annotated[
    Address,
    PlainValidator(parse_address),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["127.0.0.1:4000"]}),
]


class Config(Model):
    """plumbline.yaml."""

    planned: ClassVar[tuple[str, ...]] = ("proxy", "otlp")
    stream: Annotated[str, AfterValidator(kafka_or_embedded)] = "embedded"
    tls: Annotated[Tls | None, BeforeValidator(tls_or_none)] = None
    sasl: Sasl | None = None
    spool: Annotated[str, StringConstraints(min_length=1)] = "plumbline.spool.db"
    spool_limit: Annotated[int, BeforeValidator(_no_boolean), Field(ge=1, description="MiB")] = 1024
    store: Annotated[SecretStr, AfterValidator(_store)] = SecretStr("sqlite:///plumbline.db")
    store_file: str | None = Field(default=None, description="a file that holds the URL, in place of store")
    listen: _ADDRESS = Address("127.0.0.1", 4000)
    listen_worker: _ADDRESS = Address("127.0.0.1", 4001)
    tokens: Annotated[tuple[Token, ...], Unique] = ()
    allow_private_targets: Annotated[tuple[Name, ...], Unique] = Field(
        default=(), description="hosts on private or link-local addresses that webhooks may be sent to, by name"
    )
    false_alarms: FalseAlarms = FalseAlarms()
    content: Literal["digest", "redacted", "full"] = "digest"
    retention: Retention = Retention()
    otlp_endpoint: Annotated[str, AfterValidator(web)] | None = Field(
        default=None,
        description="base URL of an OTLP/HTTP collector, without /v1/logs: scores of judges are sent there",
    )
    deduplicate_within: Duration = HOUR
    estimation: Annotated[Estimation | None, BeforeValidator(estimation_or_none)] = None
    applications: dict[Name, ApplicationConfig] = Field(default_factory=dict)
    alerts: Alerts = Alerts()

    @field_validator("tls", "sasl")
    @classmethod
    def _of_kafka(cls, section: Tls | Sasl | None, info: ValidationInfo) -> Tls | Sasl | None:
        if section is not None and info.data.get("stream") == "embedded":
            raise ValueError("only where stream is kafka://…; the embedded stream has no connections")
        return section

    @model_validator(mode="after")
    def _closed(self) -> "Config":
        for address in (self.listen, self.listen_worker):
            require_tokens(address.host, self.tokens)
        return self

    def broker(self) -> Broker | None:
        """How Kafka is reached; None where the stream is embedded."""
        if self.stream == "embedded":
            return None
        return Broker(
            servers(self.stream),
            self.tls.for_clients() if self.tls else None,
            self.sasl.for_clients() if self.sasl else None,
        )

    def application(self, name: str) -> ApplicationConfig:
        """The application's own section, or the defaults where the file does not name it."""
        return self.applications.get(name, _DEFAULTS)


_DEFAULTS = ApplicationConfig()


def require_tokens(host: str, tokens: tuple[Token, ...]) -> None:
    """Raises ValueError where `host` can be reached from other machines and nobody has to show a token."""
    if not tokens and not is_loopback(host):
        raise ValueError(f"{host} can be reached from other machines: give tokens, or listen on 127.0.0.1")
