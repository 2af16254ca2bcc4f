"""What holds for every test: nothing that a test measures or compiles stays on the machine."""

import atexit
import os
import shutil
import tempfile

import pytest

# Set before any test module is imported; processes that tests start have it too, those of
# pytest-xdist among them, so that what the engines measured in one test serves the others.
if "PYTEST_XDIST_WORKER" not in os.environ:
    _CACHE = tempfile.mkdtemp(prefix="vreid-test-cache-")
    atexit.register(shutil.rmtree, _CACHE, ignore_errors=True)
    os.environ["XDG_CACHE_HOME"] = _CACHE


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long files first, so that no process is left with one when the others have ended."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
    for item in items:
        # `make unit` looks for these files by the mark's name.
        if item.get_closest_marker("alone") and "mark.alone" not in item.path.read_text("utf-8"):
            raise pytest.UsageError(f"{item.path} must name mark.alone itself, or it is never run")
