"""The files of a deployment, as the tests read them."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
RULES = DEPLOY / "prometheus" / "rules.yml"
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
ENVIRONMENT = {"SECRETS": "./deploy/secrets"}
_VARIABLE = re.compile(r"\$(?:(\$)|\{(\w+)(?:(:?[-?])([^}]*))?\})")


def read(path: Path) -> Any:
    """A YAML file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def interpolate(value: Any, environ: Mapping[str, str]) -> Any:
    """As docker compose does: $$, ${A}, ${A:-default}, ${A:?message}; raises KeyError with the message."""
    if isinstance(value, dict):
        return {key: interpolate(entry, environ) for key, entry in value.items()}
    if isinstance(value, list):
        return [interpolate(entry, environ) for entry in value]
    return _VARIABLE.sub(lambda found: _replaced(found, environ), value) if isinstance(value, str) else value


def _replaced(found: re.Match[str], environ: Mapping[str, str]) -> str:
    dollar, name, operator, word = found.groups()
    if dollar:
        return "$"
    if environ.get(name):
        return environ[name]
    if operator in (":?", "?"):
        raise KeyError(f"{name}: {word}")
    return word or ""


def compose(environ: Mapping[str, str] = ENVIRONMENT) -> dict[str, Any]:
    """docker-compose.yml with its variables replaced."""
    found: dict[str, Any] = interpolate(read(ROOT / "docker-compose.yml"), environ)
    return found


@cache
def rules() -> list[dict[str, Any]]:
    """All rules, recording and alerting."""
    return [rule for group in read(RULES)["groups"] for rule in group["rules"]]


def alerting() -> dict[str, dict[str, Any]]:
    """Alerting rules by name."""
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


@cache
def dashboard(path: Path) -> dict[str, Any]:
    """One dashboard."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def panels(path: Path) -> Iterator[dict[str, Any]]:
    """Its panels without the rows' headings."""
    return (panel for panel in dashboard(path)["panels"] if panel["type"] != "row")


def expressions() -> dict[str, str]:
    """Every expression of dashboards and rules by where it stands, with Grafana's variables replaced."""
    found = {
        f"{path.stem}: {panel['title']} {target['refId']}": _substituted(target["expr"])
        for path in DASHBOARDS
        for panel in panels(path)
        for target in panel["targets"]
    }
    for rule in rules():
        quantile = rule.get("labels", {}).get("quantile", "")
        found[f"rules: {rule.get('alert') or rule['record']} {quantile}".strip()] = rule["expr"]
    return found


def _substituted(expression: str) -> str:
    for name, value in (("__rate_interval", "1m"), ("__range", "1h")):
        expression = expression.replace(f"${name}", value)
    return re.sub(r"\$(\w+)", ".*", expression)


def metrics(expression: str) -> set[str]:
    """The metrics of ours that an expression reads, a histogram by its own name; recorded ones are not among them."""
    names = re.findall(r"\bplumbline_\w+", re.sub(r'"[^"]*"', "", expression))
    return {name.removesuffix("_bucket") for name in names}
