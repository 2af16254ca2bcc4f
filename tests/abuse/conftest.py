from collections.abc import Iterator

import pytest

from tests.abuse.guarded import Guarded, guarded_service
from tests.service.calibrated_bundle import make_bundle


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A service with keys that all tests of abuse share."""
    bundle = make_bundle(tmp_path_factory.mktemp("bundle"))
    with guarded_service(bundle.path, tmp_path_factory.mktemp("guarded")) as running:
        yield running
        assert running.is_well()
        assert running.service.stop() == 0
