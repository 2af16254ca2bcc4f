"""What a service imports before it is ready: it counts, for imports take a third of a start."""

import subprocess
import sys

import pytest

IMPORTED = "import sys, {}; print(*sorted(sys.modules))"


def imported_with(module: str) -> set[str]:
    """Names of all modules that are there after a module was imported by itself."""
    command = [sys.executable, "-c", IMPORTED.format(module)]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize("module", ["service.opening", "service.app"])
def test_a_service_without_redis_does_not_import_its_client(module: str) -> None:
    assert "redis" not in imported_with(module)


def test_the_calls_can_be_imported_while_engine_and_gallery_open() -> None:
    opening = imported_with("service.opening")
    assert "vreid.engines.opening" in opening
    assert not {"fastapi", "service.app"} & (opening | imported_with("service.http.server"))
