"""Prometheus, its alerts and Grafana's dashboard, as they are shipped; against a real Prometheus: `-m slow`."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from horngate.server import metrics
from tests.deploy.monitoring import ALERTS, DASHBOARD, DEPLOY, alert_rules, metrics_named, panel_queries

COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool (Debian's `prometheus`) is not installed"
)


def declared() -> set[str]:
    """The names that the server's metrics have in Prometheus."""
    source = Path(metrics.__file__).read_text()
    found = re.findall(r'(Counter|Gauge|Histogram)\(\s*"(horngate_\w+)"', source)
    endings = {"Counter": ("_total",), "Gauge": ("",), "Histogram": ("_bucket", "_sum", "_count")}
    return {name + ending for kind, name in found for ending in endings[kind]}


def test_the_dashboard_and_the_alerts_name_only_metrics_that_there_are() -> None:
    assert len(metrics_named()) > 25
    assert metrics_named() - declared() == set()


def test_the_dashboard_answers_an_operators_questions() -> None:
    board = json.loads(DASHBOARD.read_text())
    rows = [panel["title"] for panel in board["panels"] if panel["type"] == "row"]
    assert rows == [
        "Is it up?",
        "How slow is it?",
        "What is queued?",
        "What is memory doing?",
        "Which model, which version?",
    ]
    assert len(panel_queries()) == len(board["panels"]) - len(rows), "each panel has a title of its own"
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


@promtool
def test_every_alert_fires_when_it_should_and_not_before() -> None:
    tests = ALERTS.with_name("alerts_test.yaml")
    told = subprocess.run(["promtool", "test", "rules", tests], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    tried = {
        case["alertname"]
        for group in yaml.safe_load(tests.read_text())["tests"]
        for case in group["alert_rule_test"]
        if case.get("exp_alerts")
    }
    assert tried == set(alert_rules())


@promtool
def test_prometheus_takes_its_configuration() -> None:
    told = subprocess.run(
        ["promtool", "check", "config", ALERTS.with_name("prometheus.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr


def test_compose_mounts_what_is_there_and_grafana_finds_prometheus() -> None:
    mounted = [
        volume.split(":")[0]
        for service in COMPOSE["services"].values()
        for volume in service["volumes"]
        if volume.startswith("./")
    ]
    assert mounted
    assert [path for path in mounted if not (DEPLOY / path).exists()] == []
    assert (DEPLOY / COMPOSE["services"]["horngate"]["build"]["dockerfile"]).name == "Dockerfile"
    source = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yaml").read_text())
    assert source["datasources"][0]["url"] == "http://prometheus:9090"
    [job] = yaml.safe_load((DEPLOY / "prometheus/prometheus.yaml").read_text())["scrape_configs"]
    assert job["dns_sd_configs"][0]["names"] == ["horngate"]
    assert set(COMPOSE["services"]) == {"horngate", "prometheus", "grafana"}
