"""Writes `vreid.json`, the Grafana dashboard, from the table of panels below.

usage: python -m deploy.grafana.dashboard
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("vreid.json")

_COLUMNS = 3
_WIDTH, _HEIGHT = 24 // _COLUMNS, 8
_ALERTS_HEIGHT = 6
_SOURCE = {"type": "prometheus", "uid": "${source}"}
_CHOSEN = 'job="vreid", instance=~"$instance"'


@dataclass(frozen=True)
class Panel:
    """One drawing: a title, what it tells, its unit, and queries with their legends."""

    title: str
    description: str
    unit: str
    queries: tuple[tuple[str, str], ...]


def _value(metric: str, by: str) -> str:
    return f"sum by ({by}) ({metric}{{{_CHOSEN}}})"


def _rate(metric: str, by: str, more: str = "") -> str:
    return f"sum by ({by}) (rate({metric}{{{_CHOSEN}{more}}}[$__rate_interval]))"


def _quantile(quantile: float, metric: str, by: str, more: str = "") -> str:
    return f"histogram_quantile({quantile}, {_rate(metric + '_bucket', f'{by}, le', more)})"


PANELS = (
    Panel(
        "Alerts over time",
        "1 while it is pending or fires; docs/runbooks.md says what to do",
        "short",
        (
            (
                'max by (alertname, alertstate, instance) (ALERTS{alertname=~"Vreid.*"})',
                "{{alertname}} {{instance}}: {{alertstate}}",
            ),
        ),
    ),
    Panel(
        "Requests",
        "Answered requests by route",
        "reqps",
        ((_rate("vreid_requests_total", "route"), "{{route}}"),),
    ),
    Panel(
        "Refused and failed",
        "429: more arrives than is computed in time; 5xx: a part is gone or failed",
        "reqps",
        (
            (_rate("vreid_requests_total", "status", ', status=~"429|5.."'), "{{status}}"),
            (_rate("vreid_refused_total", "reason"), "refused: {{reason}}"),
            (_rate("vreid_dropped_total", "reason"), "dropped: {{reason}}"),
        ),
    ),
    Panel(
        "Duration of searches",
        "From a request's head to the end of its answer",
        "s",
        tuple(
            (
                _quantile(quantile, "vreid_request_seconds", "route", ', route=~"/search|/embed"'),
                f"{{{{route}}}} p{quantile * 100:g}",
            )
            for quantile in (0.5, 0.99)
        ),
    ),
    Panel(
        "Stages",
        "Mean seconds of a request in each stage: where the time goes",
        "s",
        (
            (
                f"{_rate('vreid_stage_seconds_sum', 'stage')} / "
                f"{_rate('vreid_stage_seconds_count', 'stage')}",
                "{{stage}}",
            ),
        ),
    ),
    Panel(
        "Waiting for a lane",
        "Seconds that images waited, by urgency",
        "s",
        ((_quantile(0.99, "vreid_queue_seconds", "urgency"), "{{urgency}} p99"),),
    ),
    Panel(
        "Images that wait",
        "By branch",
        "short",
        ((f"sum by (branch) (vreid_queued_images{{{_CHOSEN}}})", "{{branch}}"),),
    ),
    Panel(
        "Inference",
        "Seconds of one run of a branch",
        "s",
        ((_quantile(0.5, "vreid_inference_seconds", "branch"), "{{branch}} p50"),),
    ),
    Panel(
        "Images in a run",
        "Mean by branch; more than one means that requests share runs",
        "short",
        (
            (
                f"{_rate('vreid_batch_images_sum', 'branch')} / "
                f"{_rate('vreid_batch_images_count', 'branch')}",
                "{{branch}}",
            ),
        ),
    ),
    Panel(
        "Modalities",
        "Images computed by branch: a camera that fell silent shows here",
        "short",
        ((_rate("vreid_batch_images_sum", "branch"), "{{branch}}"),),
    ),
    Panel(
        "Missing modalities",
        "Samples that came without an image of the modality",
        "reqps",
        ((_rate("vreid_missing_modalities_total", "modality"), "no {{modality}}"),),
    ),
    Panel(
        "Searches",
        "By how pairs were compared; auto counts as what it stands for",
        "reqps",
        ((_rate("vreid_searches_total", "policy"), "{{policy}}"),),
    ),
    Panel(
        "Recall of searches",
        "Estimated share of the truly best 20 that is found; none where all is exact",
        "percentunit",
        ((_value("vreid_gallery_recall_estimate", "instance"), "{{instance}}"),),
    ),
    Panel(
        "Gallery",
        "Records that searches find, and those that are in no segment yet",
        "short",
        (
            (_value("vreid_gallery_records", "instance"), "{{instance}}"),
            (_value("vreid_gallery_unsealed", "instance"), "{{instance}}, not sealed"),
        ),
    ),
    Panel(
        "Segments",
        "Sealed segments of the search index",
        "short",
        ((_value("vreid_gallery_segments", "instance"), "{{instance}}"),),
    ),
    Panel(
        "Ingest",
        "Sightings that wait to be stored, and those that were given up",
        "short",
        (
            (_value("vreid_ingest_waiting", "instance"), "{{instance}} waiting"),
            (_value("vreid_ingest_failed", "instance"), "{{instance}} given up"),
        ),
    ),
    Panel(
        "Ingest is behind by",
        "Age of the oldest sighting that is not stored; none while Redis does not answer",
        "s",
        ((_value("vreid_ingest_lag_seconds", "instance"), "{{instance}}"),),
    ),
    Panel(
        "Redis of ingest",
        "1 while it answers",
        "short",
        ((_value("vreid_ingest_available", "instance"), "{{instance}}"),),
    ),
    Panel(
        "What runs",
        "Version of vreid and model of each instance",
        "short",
        (
            (
                _value("vreid_build_info", "instance, version, model"),
                "{{instance}}: {{version}}, {{model}}",
            ),
        ),
    ),
)


def dashboard() -> dict[str, Any]:
    """Return the dashboard as Grafana reads it."""
    return {
        "title": "vreid",
        "uid": "vreid",
        "tags": ["vreid"],
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [
                {"name": "source", "type": "datasource", "query": "prometheus", "label": "Source"},
                {
                    "name": "instance",
                    "type": "query",
                    "label": "Instance",
                    "datasource": _SOURCE,
                    "query": 'label_values(up{job="vreid"}, instance)',
                    "includeAll": True,
                    "multi": True,
                    "current": {"text": "All", "value": "$__all"},
                    "refresh": 2,
                },
            ]
        },
        "panels": [_alerts(), *(_drawn(number, panel) for number, panel in enumerate(PANELS))],
    }


def _alerts() -> dict[str, Any]:
    """Return the list of what is wrong now, across the top."""
    return {
        "id": len(PANELS) + 1,
        "type": "alertlist",
        "title": "Alerts",
        "description": "What fires or is about to; docs/runbooks.md says what to do",
        "gridPos": {"x": 0, "y": 0, "w": 24, "h": _ALERTS_HEIGHT},
        "options": {
            "alertName": "Vreid",
            "dashboardAlerts": False,
            "groupMode": "default",
            "maxItems": 20,
            "sortOrder": 3,
            "stateFilter": {
                "firing": True,
                "pending": True,
                "error": True,
                "noData": False,
                "normal": False,
            },
            "viewMode": "list",
        },
    }


def _drawn(number: int, panel: Panel) -> dict[str, Any]:
    row, column = divmod(number, _COLUMNS)
    x, y = column * _WIDTH, _ALERTS_HEIGHT + row * _HEIGHT
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.description,
        "datasource": _SOURCE,
        "gridPos": {"x": x, "y": y, "w": _WIDTH, "h": _HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + place), "expr": query, "legendFormat": legend}
            for place, (query, legend) in enumerate(panel.queries)
        ],
    }


def text() -> str:
    """Return the file's content."""
    return json.dumps(dashboard(), indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
