"""Dashboards as files: what Grafana needs to take them, and what people need to read them."""

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from monitor.metrics import Metrics
from tests.deploy.site import DASHBOARDS, DEPLOY, compose, dashboard, expressions, metrics, panels, read

UNITS = {"none", "short", "s", "bytes", "ops", "reqps", "percentunit", "currencyUSD"}
PROVISIONING = DEPLOY / "grafana" / "provisioning"
each_dashboard = pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)


def test_there_is_one_for_the_applications_and_one_for_the_pipeline() -> None:
    assert [dashboard(path)["title"] for path in DASHBOARDS] == ["Plumbline: applications", "Plumbline: pipeline"]
    assert len({dashboard(path)["uid"] for path in DASHBOARDS}) == 2


@each_dashboard
def test_grafana_can_take_it(path: Path) -> None:
    found = dashboard(path)
    assert found["schemaVersion"] >= 36
    assert found["id"] is None
    ids = [panel["id"] for panel in found["panels"]]
    assert len(set(ids)) == len(ids)
    variables = [variable["name"] for variable in found["templating"]["list"]]
    assert variables[0] == "datasource"
    for panel in panels(path):
        sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
        assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources)
        names = [target["refId"] for target in panel["targets"]]
        assert len(set(names)) == len(names)


@each_dashboard
def test_every_panel_says_what_it_shows_and_in_which_unit(path: Path) -> None:
    titles = [(panel["type"], panel["title"]) for panel in panels(path)]
    assert len(set(titles)) == len(titles)
    for panel in panels(path):
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
        assert panel["type"] == "stat" or all(target["legendFormat"] for target in panel["targets"])


def covers(panel: dict[str, Any]) -> set[tuple[int, int]]:
    at = panel["gridPos"]
    return {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}


@each_dashboard
def test_no_panel_lies_on_another_or_beside_the_page(path: Path) -> None:
    placed = [(panel["title"], covers(panel)) for panel in dashboard(path)["panels"]]
    assert all(0 <= x < 24 for _, cells in placed for x, _ in cells)
    assert [(one, other) for (one, a), (other, b) in combinations(placed, 2) if a & b] == []


@each_dashboard
def test_each_variable_is_used_and_each_used_one_is_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for variable in dashboard(path)["templating"]["list"]:
        assert f"${variable['name']}" in text or f"${{{variable['name']}}}" in text
    assert "$" not in "".join(expression for place, expression in expressions().items() if place.startswith(path.stem))


def test_every_metric_that_is_asked_for_is_one_of_ours() -> None:
    ours = {sample for family in Metrics().registry.collect() for sample in _names(family.name, family.type)}
    asked = {name for expression in expressions().values() for name in metrics(expression)}
    assert asked - ours == set()


def _names(name: str, kind: str) -> set[str]:
    return {f"{name}_total"} if kind == "counter" else {name}


def test_provisioning_and_the_compose_file_name_the_same_places() -> None:
    (source,) = read(PROVISIONING / "datasources" / "plumbline.yaml")["datasources"]
    assert (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090")
    (provider,) = read(PROVISIONING / "dashboards" / "plumbline.yaml")["providers"]
    mounts = compose()["services"]["grafana"]["volumes"]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in mounts
    assert "./deploy/grafana/provisioning:/etc/grafana/provisioning:ro" in mounts
