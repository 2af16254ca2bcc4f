from pathlib import Path

import pytest

from tests.bundles import make_tiny_bundle
from tests.service.indexing.pictures import write_picture
from vreid.bundle import Bundle


@pytest.fixture(scope="session")
def old_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The bundle that galleries begin with; nobody writes into it."""
    return make_tiny_bundle(tmp_path_factory.mktemp("old"), feature_size=16)


@pytest.fixture(scope="session")
def new_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle with other weights, another input size and another feature size."""
    directory = tmp_path_factory.mktemp("new")
    return make_tiny_bundle(directory, feature_size=24, height=16, width=48, seed=1)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Six samples in files: RGB of all, NIR of every second, 16-bit TIR of every third."""
    folder = tmp_path / "archive"
    for number in range(6):
        write_picture(folder / f"{number}_rgb.jpg", number)
        if number % 2 == 0:
            write_picture(folder / f"{number}_nir.png", 100 + number, mode="L")
        if number % 3 == 0:
            write_picture(folder / f"{number}_tir.png", 200 + number, mode="I;16")
    return folder


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where the gallery goes."""
    return tmp_path / "gallery"
