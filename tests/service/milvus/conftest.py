from collections.abc import Iterator

import pytest

from service.gallery.address import MilvusAddress
from service.gallery.store.deletion import Selection
from service.milvus.gallery import MilvusGallery
from tests.bundles import make_tiny_bundle
from tests.milvus_server import MilvusServer, milvus_server
from tests.service.gallery.builders import FEATURE_SIZE
from vreid.bundle import Bundle


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_tiny_bundle(tmp_path_factory.mktemp("bundle"), FEATURE_SIZE)


@pytest.fixture(scope="session")
def shared_gallery(
    bundle: Bundle, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MilvusGallery]:
    file = tmp_path_factory.mktemp("milvus") / "shared.db"
    with MilvusGallery.open(MilvusAddress(str(file), "gallery", index="FLAT"), bundle) as opened:
        yield opened


@pytest.fixture
def gallery(shared_gallery: MilvusGallery) -> MilvusGallery:
    """An empty gallery in milvus-lite."""
    shared_gallery.delete_selected(Selection())
    return shared_gallery


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusServer]:
    """A server of milvus-lite in a process of its own; nobody ends it."""
    with milvus_server(tmp_path_factory.mktemp("milvus-server")) as running:
        yield running
