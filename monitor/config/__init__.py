"""Configuration: plumbline.yaml and PLUMBLINE_ variables, as frozen types. Durations are microseconds."""

from monitor.config.base import Address, is_loopback
from monitor.config.baselines import Baseline
from monitor.config.duration import format_duration, parse_duration
from monitor.config.loader import load, parse
from monitor.config.models import (
    WINDOW,
    ApplicationConfig,
    Config,
    Match,
    Receiver,
    Role,
    Rule,
    Token,
    Webhook,
    require_tokens,
)
from monitor.config.problems import InvalidConfigError
from monitor.config.source import Change, ConfigSource

__all__ = [
    "WINDOW",
    "Address",
    "ApplicationConfig",
    "Baseline",
    "Change",
    "Config",
    "ConfigSource",
    "InvalidConfigError",
    "Match",
    "Receiver",
    "Role",
    "Rule",
    "Token",
    "Webhook",
    "format_duration",
    "is_loopback",
    "load",
    "parse",
    "parse_duration",
    "require_tokens",
]
