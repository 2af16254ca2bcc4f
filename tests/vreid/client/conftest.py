import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.calibrated_bundle import make_bundle
from tests.service.serving import running_service
from tests.vreid.client.asking import Asking, Kind, asking
from tests.vreid.client.between import Between, standing_between
from vreid.bundle import Bundle


@pytest.fixture(scope="session")
def calibrated_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A tiny bundle with probabilities and thresholds; nobody writes into it."""
    return make_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="session")
def service(calibrated_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service that all tests share; each has labels of its own in the gallery."""
    directory = tmp_path_factory.mktemp("shared")
    with running_service(calibrated_bundle.path, directory / "gallery") as (client, _):
        yield str(client.base_url)


@pytest.fixture(scope="session")
def small_service(
    calibrated_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """One that takes little in a request."""
    limits = {"samples": 4, "request_bytes": 64_000, "request_pixels": 48 * 24 * 9, "page": 3}
    directory: Path = tmp_path_factory.mktemp("small")
    with running_service(calibrated_bundle.path, directory / "gallery", limits=limits) as served:
        yield str(served[0].base_url)


@pytest.fixture
def between(service: str) -> Iterator[Between]:
    """A server that stands before the shared service."""
    with standing_between(service) as server:
        yield server


@pytest.fixture(params=["blocking", "asynchronous"])
def kind(request: pytest.FixtureRequest) -> Kind:
    """Of client."""
    kind: Kind = request.param
    return kind


@pytest.fixture
def asked(service: str, kind: Kind) -> Iterator[Asking]:
    """A client of the shared service."""
    with asking(kind, service) as one:
        yield one


@pytest.fixture
def asked_between(between: Between, kind: Kind) -> Iterator[Asking]:
    """A client of what stands before the shared service."""
    with asking(kind, between.url) as one:
        yield one


@pytest.fixture
def camera() -> str:
    """A label that no other test has."""
    return uuid.uuid4().hex
