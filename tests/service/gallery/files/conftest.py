from collections.abc import Iterator
from pathlib import Path

import pytest

from service.gallery.files.segment_files import SegmentFolder
from service.gallery.store.store import GalleryStore
from tests.service.gallery.index_builders import filled_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GalleryStore]:
    opened = filled_store(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def folder(store: GalleryStore) -> Iterator[SegmentFolder]:
    opened = SegmentFolder(store)
    yield opened
    opened.close()
