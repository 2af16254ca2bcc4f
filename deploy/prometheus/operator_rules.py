"""Writes the alerts of `vreid.rules.yml` as the Prometheus operator takes them.

kustomize reads no file outside its folder, so the component service-monitor has a copy.

usage: python -m deploy.prometheus.operator_rules
"""

from __future__ import annotations

from pathlib import Path

RULES = Path(__file__).with_name("vreid.rules.yml")
FILE = RULES.parents[1] / "kubernetes" / "components" / "service-monitor" / "rules.yaml"
_HEAD = """\
# deploy/prometheus/vreid.rules.yml, copied by `python -m deploy.prometheus.operator_rules`.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: vreid
  labels: { app.kubernetes.io/name: vreid, release: prometheus }
spec:
"""


def text() -> str:
    """Return the object: the file's groups under `spec`."""
    lines = RULES.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith("#")]
    return _HEAD + "".join(f"  {line}\n" if line else "\n" for line in kept)


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
