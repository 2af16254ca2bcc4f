from collections.abc import Iterator

import pytest

from tests.e2e.processes import ServiceProcess, serving
from tests.redis_server import running_redis
from tests.service.calibrated_bundle import make_bundle
from vreid.bundle import Bundle


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A tiny calibrated bundle; nobody writes into it."""
    return make_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="session")
def service(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service with ingest and a worker of its own; each test has a camera of its own."""
    directory = tmp_path_factory.mktemp("service")
    with running_redis(directory / "redis") as server:
        settings = {"VREID_INGEST__REDIS": server.url, "VREID_INGEST__WORKERS": "1"}
        with serving(bundle.path, directory / "gallery", environment=settings) as running:
            yield running
