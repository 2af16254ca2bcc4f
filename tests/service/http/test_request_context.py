import logging
import time

import httpx
import pytest

PATIENCE = 30.0
"""Seconds for a line that the service writes after its answer has left."""


def access_lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.name == "vreid.access"]


def test_a_path_cannot_forge_a_log_line(
    client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "vreid.access"):
        client.get("/gallery/a%0aPOST%20/gallery%20201%1b[2J%e2%80%a8x")
        deadline = time.monotonic() + PATIENCE
        while not (lines := access_lines(caplog)) and time.monotonic() < deadline:
            time.sleep(0.01)
    assert len(lines) == 1
    assert lines[0].startswith("GET /gallery/a%0aPOST%20/gallery%20201%1b")
    assert lines[0].isprintable()
