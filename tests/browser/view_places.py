"""The services that show the console's views in all their states."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import httpx

from service.jobs.job import FOLDER, Job
from service.jobs.listing import job_path
from service.jobs.locking import hold, lock_path
from tests.browser.records import enrol, new_key
from tests.redis_server import running_redis
from tests.service.serving import running_service
from tests.service.vehicles import triplet
from vreid.bundle import Bundle

Place = Literal["sample", "empty", "busy", "severed", "locked"]
"""A service: with the sample gallery; with nothing; with ingest and jobs; whose Redis is
gone; that asks for a key."""


@contextmanager
def running_places(bundle: Bundle, sample: str, directory: Path) -> Iterator[dict[Place, str]]:
    """Run the services; yields their addresses. `sample` is that of the sample gallery's."""
    with ExitStack() as stack:

        def start(name: str, **settings: object) -> str:
            running = running_service(bundle.path, directory / name, **settings)
            return str(stack.enter_context(running)[0].base_url)

        redis = stack.enter_context(running_redis(directory / "redis"))
        ingest = {"redis": redis.url, "workers": 1, "attempts": 1}
        busy = start("busy", ingest=ingest)
        fill_with_work(busy, directory / "busy", stack)
        with running_redis(directory / "gone") as gone:
            severed = start("severed", ingest={"redis": gone.url, "timeout": 0.5})
        keys = directory / "secret" / "keys.json"
        new_key(keys, "search")
        yield {
            "sample": sample,
            "empty": start("empty"),
            "busy": busy,
            "severed": severed,
            "locked": start("locked", access={"keys": keys}),
        }


def fill_with_work(address: str, gallery: Path, stack: ExitStack) -> None:
    """Leave a failed ingest and three jobs: running until the stack ends, interrupted, finished."""
    enrol(address, "taken")
    httpx.post(
        f"{address}/ingest", files=triplet(1), data={"id": "taken"}, timeout=30, trust_env=False
    ).raise_for_status()
    folder = gallery / FOLDER
    folder.mkdir()
    for place, facts in enumerate(JOBS):
        began = datetime(2026, 3, 1, 9 + place, 12, tzinfo=UTC)
        job = Job(
            id=f"{began:%Y%m%dT%H%M%S%f}Z-00000000",
            started_at=began,
            updated_at=began + timedelta(minutes=17, seconds=40),
            **facts,
        )
        job_path(folder, job.id).write_text(job.model_dump_json(), encoding="utf-8")
        if job.state == "running":
            stack.callback(os.close, hold(lock_path(folder, job.id)))


JOBS: tuple[dict[str, Any], ...] = (
    {
        "kind": "import",
        "source": "/archive/north/2026-02.tar",
        "state": "finished",
        "done": 1200,
        "total": 1200,
        "indexed": 1100,
        "skipped": 88,
        "rejected": 12,
        "per_second": 41.2,
    },
    {
        "kind": "reindex",
        "source": "/models/vreid-lite-2.1",
        "state": "interrupted",
        "done": 81_234,
        "total": 120_000,
        "indexed": 81_234,
        "per_second": 96.7,
        "reason": "there is no space left on the disk; make some and run the command again",
    },
    {
        "kind": "index",
        "source": "/archive/north/2026-03/detections/manifest.csv",
        "state": "running",
        "done": 21_504,
        "total": 48_000,
        "indexed": 21_490,
        "rejected": 14,
        "per_second": 88.4,
    },
)
