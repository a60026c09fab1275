"""Alertmanager: takes its configuration, wakes for what is critical, and tells one cause once."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.running import alertmanager, until
from tests.deploy.site import DEPLOY, alerting

CONFIG = DEPLOY / "alertmanager" / "alertmanager.yml"
CONSEQUENCES = [
    ({"alertname": "PlumblineNoWorker"}, {"alertname": "PlumblineNotConsuming", "partition": "interactions-0"}, True),
    ({"alertname": "PlumblineNoWorker"}, {"alertname": "PlumblineDown", "job": "plumbline-worker"}, True),
    ({"alertname": "PlumblineNoWorker"}, {"alertname": "PlumblineDown", "job": "plumbline-api"}, False),
    ({"alertname": "PlumblineNoApi"}, {"alertname": "PlumblineDown", "job": "plumbline-api"}, True),
    ({"alertname": "PlumblinePartitionStalled", "partition": "interactions-1"},
     {"alertname": "PlumblineWatermarkDelayed", "partition": "interactions-1"}, True),
    ({"alertname": "PlumblinePartitionStalled", "partition": "interactions-2"},
     {"alertname": "PlumblineWatermarkDelayed", "partition": "interactions-3"}, False),
    ({"alertname": "PlumblineDown", "job": "plumbline-api"}, {"alertname": "PlumblineRecordsLost"}, False),
]  # fmt: skip


def amtool(*arguments: str) -> str:
    program = shutil.which("amtool")
    if program is None:
        pytest.skip("amtool is not installed (apt-get install prometheus-alertmanager)")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def test_amtool_takes_the_configuration() -> None:
    assert "SUCCESS" in amtool("check-config", str(CONFIG))


@pytest.mark.parametrize("name", sorted(alerting()))
def test_what_is_critical_wakes_somebody_and_the_rest_does_not(name: str) -> None:
    severity = alerting()[name]["labels"]["severity"]
    labels = (f"alertname={name}", f"severity={severity}")
    told = amtool("config", "routes", "test", f"--config.file={CONFIG}", *labels)
    assert told == ("oncall" if severity == "critical" else "team")


@pytest.mark.parametrize(("cause", "consequence", "hidden"), CONSEQUENCES)
def test_one_cause_is_told_once(cause: dict[str, str], consequence: dict[str, str], hidden: bool, tmp_path: Path) -> None:
    assert {cause["alertname"], consequence["alertname"]} <= set(alerting())
    shutil.copy(CONFIG, tmp_path)
    with alertmanager(tmp_path) as running:
        alerts = [{"labels": labels} for labels in (cause, consequence)]
        assert running.client.post("/api/v2/alerts", json=alerts).status_code == 200

        def shown() -> dict[str, str] | None:
            """State by name, once both have been looked at."""
            listed = running.get("/api/v2/alerts")
            found = {one["labels"]["alertname"]: one["status"]["state"] for one in listed}
            return found if len(found) == 2 and "unprocessed" not in found.values() else None

        expected = {cause["alertname"]: "active", consequence["alertname"]: "suppressed" if hidden else "active"}
        until(lambda: shown() == expected, shown)
