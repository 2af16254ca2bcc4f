import logging

import httpx
import pytest


def test_a_path_cannot_forge_a_log_line(
    client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "vreid.access"):
        client.get("/gallery/a%0aPOST%20/gallery%20201%1b[2J%e2%80%a8x")
    lines = [record.getMessage() for record in caplog.records if record.name == "vreid.access"]
    assert len(lines) == 1
    assert lines[0].startswith("GET /gallery/a%0aPOST%20/gallery%20201%1b")
    assert lines[0].isprintable()
