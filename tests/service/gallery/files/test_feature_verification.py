"""Features that change on the disk while the gallery is in use are noticed."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from service.gallery.files.feature_verification import FeatureVerification, SegmentFeatures
from service.gallery.files.loading import LoadedSegment, load
from service.gallery.files.segment_erasure import erase_rows
from service.gallery.files.segment_files import SegmentFolder
from service.gallery.store.store import GalleryStore
from tests.service.gallery.index_builders import (
    open_store,
    publish_segments,
    segment_paths,
)


@pytest.fixture
def segments(store: GalleryStore) -> Iterator[list[SegmentFeatures]]:
    folder = SegmentFolder(store)
    publish_segments(store, folder, 20, 50)
    yield [verified(each) for each in load(store, folder).segments]
    folder.close()


def verified(segment: LoadedSegment) -> SegmentFeatures:
    arrays = segment.arrays
    return SegmentFeatures(
        segment.features, arrays["sequence"], arrays["checksum"], segment.live.copy()
    )


def flip(path: Path, row_bytes: bytes) -> None:
    """Change a bit of a vector in place: what is mapped changes too."""
    position = path.read_bytes().index(row_bytes)
    with path.open("r+b") as file:
        file.seek(position)
        file.write(bytes([row_bytes[0] ^ 1]))


def verify(verification: FeatureVerification, segments: list[SegmentFeatures]) -> set[int]:
    """What enough steps to see everything find."""
    return {found for _ in range(80) if (found := verification.step(segments)) is not None}


@pytest.mark.parametrize("step_bytes", [1, 100, 10**9])
def test_a_flipped_bit_is_found_and_nothing_else(
    store: GalleryStore, segments: list[SegmentFeatures], tmp_path: Path, step_bytes: int
) -> None:
    verification = FeatureVerification(store, step_bytes=step_bytes, again_after=0.0)
    assert verify(verification, segments) == set()
    vector = segments[1].features.rows(np.array([13]))[0]
    flip(segment_paths(tmp_path)[1], vector[vector.any(axis=1)][0].tobytes())
    assert verify(verification, segments) == {1}


def test_what_was_seen_is_left_alone_for_a_while(
    store: GalleryStore, segments: list[SegmentFeatures], tmp_path: Path
) -> None:
    verification = FeatureVerification(store)
    assert verify(verification, segments) == set()
    vector = segments[0].features.rows(np.array([6]))[0, 0]
    flip(segment_paths(tmp_path)[0], vector.tobytes())
    assert verify(verification, segments) == set()
    assert verify(FeatureVerification(store), segments) == {0}


def test_rows_that_another_process_has_just_erased_are_no_damage(
    store: GalleryStore, segments: list[SegmentFeatures], tmp_path: Path
) -> None:
    other = open_store(tmp_path)
    other.delete(["r3"])
    other.close()
    assert verify(FeatureVerification(store), segments) == set()
    erase_rows(segment_paths(tmp_path)[0], np.array([5]))
    assert verify(FeatureVerification(store), segments) == {0}


def test_a_file_that_is_cut_short_is_damage(
    store: GalleryStore, segments: list[SegmentFeatures], tmp_path: Path
) -> None:
    with segment_paths(tmp_path)[1].open("r+b") as file:
        file.truncate(4200)
    assert verify(FeatureVerification(store), segments) == {1}
