from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.processes import ServiceProcess, serving
from tests.service.calibrated_bundle import make_bundle
from vreid.bundle import Bundle


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A tiny calibrated bundle; nobody writes into it."""
    return make_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def service(bundle: Bundle, tmp_path: Path) -> Iterator[ServiceProcess]:
    """A service process with an empty gallery."""
    with serving(bundle.path, tmp_path / "gallery") as process:
        yield process
