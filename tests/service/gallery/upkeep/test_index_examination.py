"""The doctor looks at the index files too, and takes out what is damaged."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from service.gallery.files.feature_file import FeatureFile
from service.gallery.files.loading import load
from service.gallery.files.segment_files import SegmentFolder
from service.gallery.store.store import GalleryStore
from service.gallery.upkeep.doctor import Finding, examine
from tests.service.gallery.index_builders import (
    bytes_of,
    filled_store,
    publish_segments,
    segment_paths,
    write_segment,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GalleryStore]:
    """A gallery with two segments, and nobody who writes them."""
    opened = filled_store(tmp_path)
    folder = SegmentFolder(opened)
    publish_segments(opened, folder, 20, 50)
    folder.close()
    yield opened
    opened.close()


def index_findings(store: GalleryStore, *, repair: bool = False) -> list[Finding]:
    return [each for each in examine(store, repair=repair).findings if each.kind == "index"]


def load_all(store: GalleryStore) -> list[str]:
    folder = SegmentFolder(store)
    problems = list(load(store, folder).problems)
    folder.close()
    return problems


def overwrite(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))


def test_a_sound_index_has_no_findings(store: GalleryStore) -> None:
    store.delete(["r7", "r30"])
    assert examine(store).findings == ()


def test_a_flipped_feature_is_found_and_its_segment_taken_out(
    store: GalleryStore, tmp_path: Path
) -> None:
    path = segment_paths(tmp_path)[0]
    vector = store.get("r6").features[0].tobytes()
    overwrite(path, vector, bytes([vector[0] ^ 1]) + vector[1:])
    (finding,) = index_findings(store)
    assert (finding.subject, finding.repaired) == (path.name, None)
    assert path.exists(), "looking changes nothing"
    (repaired,) = index_findings(store, repair=True)
    assert repaired.repaired is not None
    assert not path.exists()
    assert examine(store).findings == ()
    assert load_all(store) == []


def test_a_file_that_is_cut_short_is_found(store: GalleryStore, tmp_path: Path) -> None:
    path = segment_paths(tmp_path)[1]
    path.write_bytes(path.read_bytes()[:5000])
    assert path.name in index_findings(store)[0].problem
    assert examine(store, repair=True).sound
    assert examine(store).findings == ()


def test_a_damaged_list_is_found(store: GalleryStore, tmp_path: Path) -> None:
    (tmp_path / "index" / "segments.json").write_bytes(b"nothing")
    assert "segments.json is damaged" in index_findings(store)[0].problem
    assert examine(store, repair=True).sound
    assert examine(store).findings == ()


def test_files_that_a_killed_process_left_are_found(store: GalleryStore, tmp_path: Path) -> None:
    folder = SegmentFolder(store)
    left = write_segment(store, folder, 0, 5)
    folder.close()
    partial = tmp_path / "index" / "abc.segment.partial"
    partial.write_bytes(b"half")
    assert {each.subject for each in index_findings(store)} == {left.name, partial.name}
    assert examine(store, repair=True).sound
    assert not partial.exists()
    assert examine(store).findings == ()


def test_what_was_deleted_and_not_erased_is_found(store: GalleryStore, tmp_path: Path) -> None:
    path = segment_paths(tmp_path)[0]
    features = store.get("r6").features[0].tobytes()
    content = path.read_bytes()
    store.delete(["r6"])
    path.write_bytes(content)
    assert "still holds 1 records" in index_findings(store)[0].problem
    assert examine(store, repair=True).sound
    assert features not in bytes_of(tmp_path)


def test_files_in_use_are_left_to_the_process_that_writes_them(
    store: GalleryStore, tmp_path: Path
) -> None:
    folder = SegmentFolder(store)
    path = segment_paths(tmp_path)[0]
    vector = store.get("r6").features[0].tobytes()
    overwrite(path, vector, bytes([vector[0] ^ 1]) + vector[1:])
    with folder.begin() as writer:
        writer.add(np.ones((1, 3, 12), np.float16), np.array([7], np.uint8))
        (finding,) = index_findings(store, repair=True)
    assert (finding.subject, finding.repaired) == (path.name, None)
    assert path.exists()
    folder.close()


def test_a_service_may_start_while_the_doctor_reads(
    store: GalleryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    writers = []
    really = FeatureFile.damaged_rows

    def damaged_rows(features: FeatureFile, *arguments: Any) -> NDArray[np.int64]:  # noqa: ANN401
        with closing(SegmentFolder(store)) as folder:
            writers.append(folder.is_writer)
        return really(features, *arguments)

    monkeypatch.setattr(FeatureFile, "damaged_rows", damaged_rows)
    assert examine(store).findings == ()
    assert writers == [True, True]


def test_a_gallery_without_an_index_is_not_given_one(tmp_path: Path) -> None:
    plain = filled_store(tmp_path / "plain", 3)
    assert examine(plain, repair=True).findings == ()
    assert not (tmp_path / "plain" / "index").exists()
    plain.close()
