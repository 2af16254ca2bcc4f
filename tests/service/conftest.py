from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.running import Running
from tests.service.calibrated_bundle import make_bundle
from tests.service.serving import running_service
from vreid.bundle import Bundle


@pytest.fixture(scope="session")
def calibrated_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A tiny bundle with probabilities and thresholds; nobody writes into it."""
    return make_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def service(calibrated_bundle: Bundle, tmp_path: Path) -> Iterator[tuple[httpx.Client, Running]]:
    """A service of its own with an empty gallery."""
    with running_service(calibrated_bundle.path, tmp_path / "gallery") as served:
        yield served


@pytest.fixture(scope="session")
def client(
    calibrated_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """A client of a service that all tests share; nobody writes into its gallery."""
    directory = tmp_path_factory.mktemp("shared")
    with running_service(calibrated_bundle.path, directory / "gallery") as (shared, _):
        yield shared
