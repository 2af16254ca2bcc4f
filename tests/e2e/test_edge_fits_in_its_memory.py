"""The profile edge on the shipped bundle: the largest requests it takes stay within 1 GiB."""

import asyncio
from pathlib import Path

from benchmarks.largest_pictures import largest_samples
from deploy.image.env_file import read_env_file
from service.bench.load import run_load
from service.bench.plan import LoadPlan
from service.bench.process_usage import memory
from service.settings import SHIPPED_BUNDLE
from tests.e2e.processes import serving

EDGE = Path(__file__).parents[2] / "deploy" / "profiles" / "edge.env"
LIMIT = 2**30
RESERVE = 0.2
"""Share of the memory that is left for a gallery and for the machine's cache of its files."""
CLIENTS = 8
REQUESTS = 12


def test_the_largest_requests_from_many_clients_leave_a_fifth_of_the_memory(
    tmp_path: Path,
) -> None:
    environment = read_env_file(EDGE)
    pixels = int(environment["VREID_LIMITS__IMAGE_PIXELS"])
    samples = largest_samples(tmp_path, pixels)
    with serving(SHIPPED_BUNDLE, tmp_path / "gallery", environment=environment) as service:
        headers = {"X-Deadline-Ms": "600000"}
        plan = LoadPlan(
            service.address,
            "/search",
            samples,
            headers=headers,
            concurrency=CLIENTS,
            requests=REQUESTS,
            warm_up=0,
        )
        figures = asyncio.run(run_load(plan))
        peak = memory(service.process.pid).peak
    print(f"{peak / 2**20:.0f} MiB, {figures}")
    # Bodies for which there is no room are told to come again.
    assert set(figures.by_status) <= {"200", "429"}
    assert figures.ok.count >= REQUESTS / 2
    assert peak < (1 - RESERVE) * LIMIT
