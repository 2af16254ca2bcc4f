"""Packed features in a file: read back as they were, whatever the masks."""

import os
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from service.errors import GalleryDamaged
from service.gallery.files.feature_file import FeatureFile, packed
from service.gallery.store.rows import masks_of

SIZE = 5


def features_with(mask: NDArray[np.uint8]) -> NDArray[np.float16]:
    """Random features (n, 3, SIZE), zero where a modality is missing."""
    drawn = np.random.default_rng(7).normal(size=(len(mask), 3, SIZE)).astype(np.float16)
    drawn[~masks_of(mask)] = 0
    return drawn


def write_file(path: Path, features: NDArray[np.float16], mask: NDArray[np.uint8]) -> FeatureFile:
    path.write_bytes(bytes(4096) + packed(features, mask).tobytes())
    with path.open("rb") as file:
        return FeatureFile(file, 4096, mask, SIZE, path)


def checksums_of(features: NDArray[np.float16], mask: NDArray[np.uint8]) -> NDArray[np.uint32]:
    return np.array(
        [
            zlib.crc32(row[there].tobytes())
            for row, there in zip(features, masks_of(mask), strict=True)
        ],
        dtype=np.uint32,
    )


@given(st.lists(st.integers(1, 7), min_size=1, max_size=40), st.data())
def test_any_rows_in_any_order_are_those_that_were_written(
    tmp_path_factory: pytest.TempPathFactory, masks: list[int], data: st.DataObject
) -> None:
    mask = np.array(masks, dtype=np.uint8)
    features = features_with(mask)
    file = write_file(tmp_path_factory.mktemp("features") / "file", features, mask)
    rows = np.array(data.draw(st.lists(st.integers(0, len(mask) - 1))), dtype=np.int64)
    assert np.array_equal(file.rows(rows), features[rows])
    assert np.array_equal(np.concatenate(list(file.blocks(rows=7))), features)


def test_rows_with_another_checksum_are_found_unless_they_are_dead(tmp_path: Path) -> None:
    mask = np.array([7, 1, 2, 6, 7, 4] * 10, dtype=np.uint8)
    features = features_with(mask)
    write_file(tmp_path / "file", features, mask)
    changed = features.copy()
    changed[[3, 41], 2, 0] = 1000
    file = write_file(tmp_path / "file", changed, mask)
    checksums, live = checksums_of(features, mask), np.ones(60, np.bool_)
    assert file.damaged_rows(checksums, live, 0, 60).tolist() == [3, 41]
    assert file.damaged_rows(checksums, live, 4, 41).tolist() == []
    live[3] = False
    assert file.damaged_rows(checksums, live, 0, 60).tolist() == [41]


def test_a_file_that_is_cut_short_is_an_error_and_not_the_end_of_the_process(
    tmp_path: Path,
) -> None:
    mask = np.full(5000, 7, dtype=np.uint8)
    file = write_file(tmp_path / "file", features_with(mask), mask)
    os.truncate(tmp_path / "file", 8192)
    with pytest.raises(GalleryDamaged, match="cut short"):
        file.rows(np.array([4999]))
    with pytest.raises(GalleryDamaged, match="cut short"):
        list(file.blocks())
    with pytest.raises(GalleryDamaged, match="cut short"):
        file.damaged_rows(np.zeros(5000, np.uint32), np.ones(5000, np.bool_), 0, 5000)
    with (tmp_path / "file").open("rb") as short, pytest.raises(GalleryDamaged, match="cut short"):
        FeatureFile(short, 4096, mask, SIZE)


def test_a_file_that_has_lost_its_name_stays_readable(tmp_path: Path) -> None:
    mask = np.array([7, 3, 1], dtype=np.uint8)
    features = features_with(mask)
    file = write_file(tmp_path / "file", features, mask)
    (tmp_path / "file").unlink()
    assert np.array_equal(file.rows(np.arange(3)), features)
