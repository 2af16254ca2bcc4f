import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.gallery.files.loading import load
from service.gallery.files.segment_files import SegmentFolder
from service.gallery.index.filling import fill
from service.gallery.index.index import SearchIndex
from service.gallery.store.store import GalleryStore
from service.gallery.upkeep.command import gallery as gallery_command
from service.gallery.upkeep.stored_recall import estimate_stored_recall
from tests.service.gallery.builders import FEATURE_SIZE
from tests.service.gallery.index_builders import filled_store

RECORDS = 120


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GalleryStore]:
    with closing(filled_store(tmp_path, RECORDS)) as store:
        yield store


def seal(store: GalleryStore, seal_rows: int) -> None:
    """Leave the index files of a gallery that seals at so many rows."""
    folder = SegmentFolder(store)
    with closing(SearchIndex(FEATURE_SIZE, folder=folder, seal_rows=seal_rows)) as index:
        fill(index, store, load(store, folder))
        while index.step():
            pass


def test_a_gallery_without_index_files_has_nothing_to_estimate(store: GalleryStore) -> None:
    assert estimate_stored_recall(store) is None


def test_what_is_sealed_is_searched_for(store: GalleryStore) -> None:
    seal(store, seal_rows=50)
    files = {path: path.read_bytes() for path in store.path.parent.rglob("*.segment")}
    assert files
    found = estimate_stored_recall(store)
    assert found is not None
    # So few that all of them are candidates.
    assert found.recall == 1.0
    assert 50 <= found.records <= RECORDS
    assert {path: path.read_bytes() for path in store.path.parent.rglob("*.segment")} == files


def test_the_doctor_tells_it(store: GalleryStore, tmp_path: Path) -> None:
    seal(store, seal_rows=50)
    doctor = ["doctor", str(tmp_path)]
    said = CliRunner().invoke(gallery_command, doctor)
    assert "recall@20 of the search: 1.0000" in said.stdout
    answered = json.loads(CliRunner().invoke(gallery_command, [*doctor, "--json"]).stdout)
    assert answered["recall"]["recall"] == 1.0
