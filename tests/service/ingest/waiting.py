"""Waiting for what other threads and processes do."""

import time
from collections.abc import Callable
from typing import Any

import httpx


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Return when the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


def finished(client: httpx.Client, entry_id: str) -> dict[str, Any]:
    """Return an entry's progress once it is stored or failed."""
    answer: dict[str, Any] = {}

    def is_finished() -> bool:
        response = client.get(f"/ingest/{entry_id}")
        answer.clear()
        answer.update(response.json())
        return response.status_code == 200 and answer["status"] in ("stored", "failed")

    wait_until(is_finished, f"the end of {entry_id}")
    return answer
