"""A segment that is damaged while the gallery is in use is replaced by what the store holds."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from service.gallery.feature_verification import FeatureVerification
from service.gallery.mending import Mending, stored_features
from tests.service.gallery.builders import MASKS, new_record
from tests.service.gallery.index_builders import open_store, segment_paths
from tests.service.gallery.sealing_process import SmallGallery, opened_gallery


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[SmallGallery]:
    """64 records in one sealed segment or several, and some in the tail."""
    with opened_gallery(tmp_path) as opened:
        opened.store.add(
            [new_record(seed, mask=MASKS[seed % 7], id=f"r{seed}") for seed in range(68)]
        )
        opened.follower.follow()
        while opened.index.step():
            pass
        yield opened


def damage(directory: Path, row: bytes) -> None:
    for path in segment_paths(directory):
        position = path.read_bytes().find(row)
        if position >= 0:
            with path.open("r+b") as file:
                file.seek(position)
                file.write(bytes([row[0] ^ 64]))
            return
    raise AssertionError("no segment holds the row")


def mend(gallery: SmallGallery) -> int:
    mending = Mending(gallery.store, gallery.index, FeatureVerification(gallery.store))
    return sum(mending.step() for _ in range(40))


def test_a_sound_segment_is_left_alone(gallery: SmallGallery, tmp_path: Path) -> None:
    before = segment_paths(tmp_path)
    assert mend(gallery) == 0
    assert segment_paths(tmp_path) == before


def test_a_flipped_bit_costs_nothing_but_its_segment(
    gallery: SmallGallery, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = segment_paths(tmp_path)
    damage(tmp_path, gallery.store.get("r13").features[0].tobytes())
    gallery.store.delete(["r14"])
    assert mend(gallery) == 1
    assert "not what was stored" in caplog.text
    assert len(set(before) - set(segment_paths(tmp_path))) == 1
    for part in gallery.index.sealed_parts():
        for row in np.flatnonzero(part.live):
            number = int(part.columns.sequence[row])
            stored = gallery.store.by_sequence([number]).records
            if number in stored:
                found = part.rows.features(np.array([row]))[0]
                assert np.array_equal(found, stored[number].features)
    assert mend(gallery) == 0


def test_a_file_that_is_cut_short_is_replaced(gallery: SmallGallery, tmp_path: Path) -> None:
    path = segment_paths(tmp_path)[0]
    with path.open("r+b") as file:
        file.truncate(5000)
    assert mend(gallery) == 1
    assert not path.exists()
    gallery.follower.follow()
    assert gallery.live_sequences() == list(range(1, 69))


def test_stored_features_come_in_the_order_asked_for_with_zeros_for_what_is_gone(
    tmp_path: Path,
) -> None:
    store = open_store(tmp_path / "other")
    store.add([new_record(seed, id=f"r{seed}") for seed in range(600)])
    store.delete(["r300"])
    wanted = np.array([2, 3, 301, 302, 600])
    (features,) = stored_features(store, wanted)
    assert not features[2].any()
    assert np.array_equal(features[4], new_record(599).features)
    blocks = list(stored_features(store, np.arange(1, 601)))
    assert sum(len(block) for block in blocks) == 600
    assert np.array_equal(np.concatenate(blocks)[wanted - 1], features)
    store.close()
