"""What a running service says of itself under /metrics."""

import time
from collections.abc import Callable, Mapping

import httpx
from prometheus_client.parser import text_string_to_metric_families

_LONGEST = 60.0


class Metrics:
    """The samples of one reading."""

    def __init__(self, text: str) -> None:
        self._samples = [
            sample for family in text_string_to_metric_families(text) for sample in family.samples
        ]

    def total(self, name: str, labels: Mapping[str, str] | None = None) -> float:
        """Return the sum of the samples called `name` that carry all of `labels`; 0 of none."""
        wanted = (labels or {}).items()
        return sum(
            sample.value
            for sample in self._samples
            if sample.name == name and wanted <= sample.labels.items()
        )


def read_metrics(client: httpx.Client) -> Metrics:
    """Ask for the metrics once."""
    response = client.get("/metrics")
    assert response.status_code == 200, response.text
    return Metrics(response.text)


def wait_for_metrics(client: httpx.Client, condition: Callable[[Metrics], bool]) -> Metrics:
    """Read the metrics until the condition holds, and return that reading."""
    deadline = time.monotonic() + _LONGEST
    while not condition(metrics := read_metrics(client)):
        assert time.monotonic() < deadline, "the metrics did not come to what was waited for"
        time.sleep(0.01)
    return metrics
