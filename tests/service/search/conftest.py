from collections.abc import Iterator

import httpx
import pytest

from tests.service.search.served_gallery import sightings
from tests.service.serving import running_service
from vreid.bundle import Bundle


@pytest.fixture(scope="session")
def searched_client(
    calibrated_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """A client of a service with the sightings of `served_gallery`; nobody writes into it."""
    directory = tmp_path_factory.mktemp("searched")
    with running_service(calibrated_bundle.path, directory / "gallery") as (client, _):
        response = client.post("/gallery", json={"samples": sightings()})
        assert response.status_code == 201, response.text
        yield client


@pytest.fixture
def client(searched_client: httpx.Client) -> httpx.Client:
    return searched_client
