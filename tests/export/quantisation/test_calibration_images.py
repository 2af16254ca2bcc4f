"""Which images the ranges of activations are taken from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from export.errors import CalibrationImagesError
from export.named_sets import Roles, calibrating_half, identities
from export.quantisation.calibration_images import (
    FEWEST,
    MOST,
    calibration_pixels,
    calibration_samples,
    pixels_or_reason,
    seen_by_ranges,
)
from tests.export.small_run import PREPROCESSING, SIDE, write_msvr310
from training.data import Dataset, load_dataset
from vreid.modality import MODALITIES, Modality
from vreid.sample import Sample


@pytest.fixture(scope="module")
def vehicles(tree: Path) -> Dataset:
    return load_dataset("msvr310", tree)


def test_ranges_come_from_what_calibrates_and_not_from_what_is_reported(
    vehicles: Dataset, tmp_path: Path
) -> None:
    other = load_dataset("msvr310", write_msvr310(tmp_path / "other"))
    samples = list(calibration_samples(Roles({"a": vehicles}, {"b": other})))
    assert len(samples) == len(other.query) + len(other.gallery)
    files = {str(source) for sample in samples for source in sample.images.values()}
    assert all(str(tmp_path) in file for file in files)


def test_of_a_halved_set_only_the_calibrating_half_is_seen(vehicles: Dataset) -> None:
    samples = list(calibration_samples(Roles(halved={"a": vehicles})))
    assert {one.identity for one in samples} == calibrating_half(identities(vehicles))


def test_what_is_reported_serves_where_there_is_nothing_else(vehicles: Dataset) -> None:
    samples = list(calibration_samples(Roles({"a": vehicles})))
    assert {one.identity for one in samples} == identities(vehicles)


def test_sets_that_ranges_and_losses_share_are_named(vehicles: Dataset) -> None:
    cameras = replace(vehicles, query=_in_rgb(vehicles.query), gallery=_in_rgb(vehicles.gallery))
    assert seen_by_ranges(Roles({"a": vehicles})) == {"a": "all"}
    assert seen_by_ranges(Roles(calibration={"a": vehicles})) == {"a": "all"}
    assert seen_by_ranges(Roles({"a": vehicles}, {"b": vehicles})) == {}
    # Of triplets the reported half alone is ranked, of photographs in one spectrum both halves.
    assert seen_by_ranges(Roles(halved={"a": vehicles, "b": cameras})) == {"b": "half"}


def _in_rgb(samples: Sequence[Sample]) -> list[Sample]:
    return [replace(one, images={Modality.RGB: one.images[Modality.RGB]}) for one in samples]


def test_images_are_taken_from_end_to_end(vehicles: Dataset) -> None:
    samples = list(calibration_samples(Roles({"a": vehicles})))
    pixels = calibration_pixels(samples * 3, PREPROCESSING)
    assert {one.shape for one in pixels.values()} == {(MOST, SIDE, SIDE, 3)}
    few = calibration_pixels(samples[:FEWEST], PREPROCESSING)
    assert {one.shape for one in few.values()} == {(FEWEST, SIDE, SIDE, 3)}


def test_a_modality_with_too_few_images_is_named(vehicles: Dataset) -> None:
    samples = [
        Sample({m: one.images[m] for m in MODALITIES if m is not Modality.NIR or number < 3})
        for number, one in enumerate([*vehicles.query, *vehicles.gallery])
    ]
    with pytest.raises(CalibrationImagesError, match="nir has 3 real images and int8 needs 16"):
        calibration_pixels(samples, PREPROCESSING)


def test_an_export_without_data_goes_on_with_the_reason() -> None:
    found = pixels_or_reason(Roles(), PREPROCESSING)
    assert isinstance(found, CalibrationImagesError)
    assert "rgb has 0 real images" in str(found)
