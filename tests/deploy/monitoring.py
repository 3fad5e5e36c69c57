"""What the dashboard and the alerts ask of Prometheus, read from the files that are shipped."""

import json
import re
from pathlib import Path

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD = DEPLOY / "grafana" / "horngate.json"
ALERTS = DEPLOY / "prometheus" / "alerts.yaml"
VARIABLES = {"$job": ".*", "$instance": ".*", "$model": ".*", "$__rate_interval": "30s"}
"""What Grafana puts in for its variables, here at their widest."""


def panel_queries() -> dict[str, list[str]]:
    """Every panel's queries by the panel's title, without variables."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return {
        panel["title"]: [_plain(target["expr"]) for target in panel["targets"]]
        for panel in panels
        if panel["type"] != "row"
    }


def alert_rules() -> dict[str, str]:
    """Every alert's expression by its name."""
    [group] = yaml.safe_load(ALERTS.read_text())["groups"]
    return {rule["alert"]: rule["expr"] for rule in group["rules"]}


def metrics_named() -> set[str]:
    """Every metric of Horngate's that a panel or an alert names."""
    queries = [query for queries in panel_queries().values() for query in queries] + [*alert_rules().values()]
    named: set[str] = set()
    for query in queries:
        for name in re.findall(r"horngate_[a-z_|()]+[a-z]", query):
            named |= _alternatives(name)
    return named


def _alternatives(name: str) -> set[str]:
    """`horngate_(a|b)_total` is two names."""
    found = re.fullmatch(r"(\w+)\(([\w|]+)\)(\w+)", name)
    return {found[1] + middle + found[3] for middle in found[2].split("|")} if found else {name}


def _plain(query: str) -> str:
    for variable, value in VARIABLES.items():
        query = query.replace(variable, value)
    return query
