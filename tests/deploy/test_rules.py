"""Rules: Prometheus takes them, each alert fires for its cause and only then, and each says what to do."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.cases import CASES, Case, Series
from tests.deploy.site import DEPLOY, ROOT, RULES, alerting, rules

OPERATIONS = ROOT / "docs" / "operations.md"


def promtool(*arguments: str | Path) -> str:
    """What it says; fails where promtool does."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed (apt-get install prometheus)")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_promtool_takes_the_rules() -> None:
    assert f"{len(rules())} rules found" in promtool("check", "rules", "--lint=all", "--lint-fatal", RULES)


def test_promtool_takes_the_configuration(tmp_path: Path) -> None:
    """With the token where it says, as it looks for the files that it is pointed at."""
    (tmp_path / "read_token").write_text("t" * 20, encoding="utf-8")
    shutil.copy(RULES, tmp_path)
    text = (DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8")
    (tmp_path / "prometheus.yml").write_text(text.replace("/run/secrets", str(tmp_path)), encoding="utf-8")
    promtool("check", "config", "--lint-fatal", tmp_path / "prometheus.yml")


def unit(case: Case, series: Series, fires: bool) -> dict[str, Any]:
    """One test of promtool: the alert's own series ALERTS at the time."""
    labels = {"alertname": case.alert, "alertstate": "firing", "severity": alerting()[case.alert]["labels"]["severity"]}
    selector = ", ".join(f"{name}={json.dumps(value)}" for name, value in (labels | case.labels).items())
    samples = [{"labels": f"ALERTS{{{selector}}}", "value": 1}] if fires else []
    name = f'ALERTS{{alertname="{case.alert}", alertstate="firing"}}'
    return {
        "interval": "1m",
        "name": f"{case.alert} {'fires' if fires else 'is quiet'} on {series}",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [{"expr": name, "eval_time": "1h", "exp_samples": samples}],
    }


def test_each_alert_fires_for_its_cause_with_its_labels_and_not_without(tmp_path: Path) -> None:
    tests = [unit(case, *which) for case in CASES for which in ((case.fires, True), (case.quiet, False))]
    file = tmp_path / "tests.yml"  # JSON is YAML
    file.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests}), encoding="utf-8")
    assert "SUCCESS" in promtool("test", "rules", file)


def test_each_alert_has_a_case() -> None:
    assert {case.alert for case in CASES} == set(alerting())


@pytest.mark.parametrize("name", sorted(alerting()))
def test_each_alert_says_how_urgent_it_is_what_happened_and_where_help_is(name: str) -> None:
    rule = alerting()[name]
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert "for" in rule
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["description"].endswith(".")
    assert re.fullmatch(r"docs/operations\.md#[a-z0-9-]+", rule["annotations"]["runbook_url"])


def anchors(text: str) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.skipif(not OPERATIONS.exists(), reason="docs/operations.md is not part of this checkout")
def test_help_is_where_alerts_say_that_it_is() -> None:
    named = {rule["annotations"]["runbook_url"].partition("#")[2] for rule in alerting().values()}
    assert named <= anchors(OPERATIONS.read_text(encoding="utf-8"))


def test_recorded_series_are_named_by_what_they_are_grouped_by() -> None:
    names = [rule["record"] for rule in rules() if "record" in rule]
    assert all(re.fullmatch(r"plumbline:[a-z_]+:[a-z0-9_]+", name) for name in names)
