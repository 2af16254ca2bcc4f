"""Prometheus' rules and Grafana's dashboard, against promtool and the metrics of the service."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from deploy.grafana.dashboard import FILE, PANELS, dashboard, text
from service.telemetry.metrics import Metrics

PROMETHEUS = Path(__file__).parents[2] / "deploy" / "prometheus"
RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks.md"
OF_PROMETHEUS = {"up"}


def names_in(query: str) -> set[str]:
    return set(re.findall(r"\b(vreid_[a-z_]+|up)\b(?=\{)", query))


def known_names() -> set[str]:
    """Every series that the service can show, the parts of histograms included."""
    names = set(OF_PROMETHEUS)
    for line in Metrics().text().decode().splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            ends = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
            names.update(name + end for end in ends)
    return names


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "rules", "vreid.rules.yml"],
        ["test", "rules", "vreid.rules.test.yml", "vreid.rules.day.test.yml"],
        ["check", "config", "--syntax-only", "prometheus.yml"],
    ],
)
def test_promtool_finds_no_fault(arguments: list[str]) -> None:
    done = subprocess.run(
        ["promtool", *arguments], cwd=PROMETHEUS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_ask_for_series_that_the_service_has() -> None:
    rules = yaml.safe_load((PROMETHEUS / "vreid.rules.yml").read_text())["groups"][0]["rules"]
    asked = {name for rule in rules for name in names_in(rule["expr"])}
    assert asked - known_names() == set()
    assert all(rule["annotations"]["action"] for rule in rules)


def test_every_alert_has_a_section_in_the_runbooks() -> None:
    rules = yaml.safe_load((PROMETHEUS / "vreid.rules.yml").read_text())["groups"][0]["rules"]
    headings = {line[3:] for line in RUNBOOKS.read_text().splitlines() if line.startswith("## ")}
    assert {rule["alert"] for rule in rules} - headings == set()


def test_every_alert_is_tested() -> None:
    rules = yaml.safe_load((PROMETHEUS / "vreid.rules.yml").read_text())["groups"][0]["rules"]
    tested = {
        each["alertname"]
        for file in PROMETHEUS.glob("*.test.yml")
        for test in yaml.safe_load(file.read_text())["tests"]
        for each in test["alert_rule_test"]
    }
    assert tested == {rule["alert"] for rule in rules}


def test_panels_ask_for_series_that_the_service_has() -> None:
    asked = {name for panel in PANELS for query, _ in panel.queries for name in names_in(query)}
    assert asked
    assert asked - known_names() == set()


def test_the_dashboard_begins_with_what_is_wrong() -> None:
    panels = dashboard()["panels"]
    assert panels[0]["type"] == "alertlist"
    assert panels[0]["options"]["stateFilter"]["firing"] is True
    # All alerts' names fit what the list is narrowed to.
    rules = yaml.safe_load((PROMETHEUS / "vreid.rules.yml").read_text())["groups"][0]["rules"]
    assert {panels[0]["options"]["alertName"] in rule["alert"] for rule in rules} == {True}
    assert len({panel["id"] for panel in panels}) == len(panels)
    below = panels[0]["gridPos"]["h"]
    assert {panel["gridPos"]["y"] >= below for panel in panels[1:]} == {True}


def test_the_example_of_an_alertmanager_is_a_configuration(tmp_path: Path) -> None:
    text = (PROMETHEUS / "prometheus.yml").read_text()
    example = text[text.index("# alerting:") : text.index("\nscrape_configs:")]
    file = tmp_path / "prometheus.yml"
    file.write_text(text.replace(example, example.replace("# ", "").replace("#   ", "  ")))
    assert yaml.safe_load(file.read_text())["alerting"]["alertmanagers"]
    command = ["promtool", "check", "config", "--syntax-only", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboard_is_what_its_script_writes() -> None:
    assert FILE.read_text() == text()
