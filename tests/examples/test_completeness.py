"""When a sighting of the example program can be sent."""

from pathlib import Path

import pytest

from examples.camera_folder import Completeness, Crops, crops_in
from vreid.modality import MODALITIES, Modality

NAME = "north_20260301T120000Z_17"


def found(folder: Path, *files: str) -> list[Crops]:
    for file in files:
        (folder / f"{NAME}{file}").write_bytes(b"1")
    return crops_in(folder)


@pytest.fixture
def completeness() -> Completeness:
    """Waits for all three; a second to settle, ten of patience."""
    return Completeness(frozenset(MODALITIES), settle=1, patience=10)


def test_files_that_grow_are_waited_for(tmp_path: Path, completeness: Completeness) -> None:
    there = found(tmp_path, "_rgb.jpg", "_nir.jpg", "_tir.jpg")
    assert completeness.complete(there, now=100) == []
    (tmp_path / f"{NAME}_tir.jpg").write_bytes(b"12")
    there = crops_in(tmp_path)
    assert completeness.complete(there, now=101) == []
    assert completeness.complete(there, now=102) == there


def test_a_modality_that_does_not_come_is_waited_for_in_patience(
    tmp_path: Path, completeness: Completeness
) -> None:
    there = found(tmp_path, "_rgb.jpg")
    assert completeness.complete(there, now=0) == []
    assert completeness.complete(there, now=9) == []
    assert completeness.complete(there, now=10) == there


def test_a_marker_alone_is_no_sighting(tmp_path: Path, completeness: Completeness) -> None:
    there = found(tmp_path, ".done")
    assert completeness.complete(there, now=0) == []
    there = found(tmp_path, "_nir.jpg")
    assert completeness.complete(there, now=0) == there
    assert [*there[0].images] == [Modality.NIR]


@pytest.mark.parametrize(
    "name",
    [
        f".{NAME}_rgb.jpg",
        f"{NAME}_rgb.jpg.part",
        f"{NAME}_uv.jpg",
        "north_20261301T120000Z_17_rgb.jpg",
        "north_20260301T120000_17_rgb.jpg",
    ],
)
def test_other_names_are_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"1")
    assert crops_in(tmp_path) == []


def test_sightings_come_oldest_first(tmp_path: Path) -> None:
    for time in ("20260301T120001Z", "20260301T120000.9Z", "20260301T120000Z"):
        (tmp_path / f"north_{time}_1_rgb.jpg").write_bytes(b"1")
    assert [each.captured_at.microsecond for each in crops_in(tmp_path)] == [0, 900_000, 0]
