"""The shipped bundle's variants: their size, their share of its files, and what they lose."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from benchmarks.real_photographs import BUNDLE
from export.quantisation.measurement import CPU_ENGINES, variant_maps
from export.quantisation.variants import MOST_LOSS_POINTS
from tests.shared_data import PHOTOGRAPHS, needs_shared_data
from training.data import Dataset, load_dataset
from training.data.manifest_rows import read_manifest
from training.embedded import EmbeddedDataset, EmbeddedSamples, embed_dataset
from vreid.bundle import Bundle
from vreid.cpu_features import read_processor
from vreid.engines import open_engine
from vreid.fusion import l2_normalise
from vreid.modality import MODALITIES
from vreid.sample import Sample
from vreid.variant import MeasuredOn

SAMPLES = BUNDLE.parent / "samples"

LARGEST = 20_000_000
"""Bytes of bundle and sample gallery together."""

EXACT = read_processor().has_int8_dot
"""Without sums in 32 bits the 8-bit kernels saturate, and less can be promised."""

VEHICLES, VIEWS = 20, 4


@pytest.fixture(scope="module")
def shipped() -> Bundle:
    return Bundle.load(BUNDLE)


@pytest.fixture(scope="module")
def generated() -> Dataset:
    """Vehicles of the sample gallery; each vehicle's first is searched for."""
    rows = read_manifest(SAMPLES / "manifest.csv")[: VEHICLES * VIEWS]
    samples = [row.sample for row in rows]
    assert len({sample.identity for sample in samples}) == VEHICLES
    return Dataset("samples", (), _every(samples, True), _every(samples, False), None)


def _every(samples: Sequence[Sample], first: bool) -> list[Sample]:
    return [one for place, one in enumerate(samples) if (place % VIEWS == 0) is first]


def embedded(bundle: Bundle, dataset: Dataset, engine: str, precision: str) -> EmbeddedDataset:
    manifest = bundle.manifest
    opened = open_engine(bundle, engine, precision=precision)
    return embed_dataset(dataset, manifest.preprocessing, opened, manifest.feature_size)


def cosines(one: EmbeddedDataset, other: EmbeddedDataset) -> NDArray[np.float64]:
    """Of each image's features."""
    found = [
        (_units(before) * _units(after)).sum(axis=1)
        for before, after in ((one.query, other.query), (one.gallery, other.gallery))
    ]
    return np.concatenate(found)


def _units(samples: EmbeddedSamples) -> NDArray[np.float64]:
    return l2_normalise(samples.features[samples.mask].astype(np.float64))


def test_bundle_and_samples_together_stay_small() -> None:
    files = [path for root in (BUNDLE, SAMPLES) for path in root.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= LARGEST


MEASURED = {
    ("vehicles_two_camera", "R"),
    *(("msvr310", modalities) for modalities in ("R", "N", "T", "R+N+T")),
}


def test_int8_was_measured_with_every_engine_that_runs_it(shipped: Bundle) -> None:
    assert {on.engine for on in shipped.manifest.variants["int8"].map} == set(CPU_ENGINES)
    in_sample = shipped.manifest.metrics["variants"]["made"]["int8"]["in_sample"]
    assert in_sample == {"vehicles_two_camera": "half"}


def test_every_variant_lost_at_most_half_a_point_on_every_set(shipped: Bundle) -> None:
    assert set(shipped.manifest.variants) == {"int8", "bf16"}
    for variant in shipped.manifest.variants.values():
        assert {(on.dataset, on.modalities) for on in variant.map} == MEASURED
        assert variant.loss_points <= MOST_LOSS_POINTS
        assert all(one.loss_points <= MOST_LOSS_POINTS for one in variant.map.values())
        assert variant.milliseconds


def test_the_int8_files_read_their_large_weights_from_the_default_ones(shipped: Bundle) -> None:
    for modality in MODALITIES:
        model = onnx.load(shipped.file(modality, "int8"), load_external_data=False)
        pointing = [tensor for tensor in model.graph.initializer if tensor.external_data]
        places = {
            entry.value
            for tensor in pointing
            for entry in tensor.external_data
            if entry.key == "location"
        }
        assert places == {f"{modality}.onnx"}
        assert shipped.file(modality, "int8").stat().st_size < 1_000_000


@pytest.mark.parametrize("engine", CPU_ENGINES)
def test_int8_finds_the_generated_vehicles_as_float32_does(
    shipped: Bundle, generated: Dataset, engine: str
) -> None:
    default = embedded(shipped, generated, "onnxruntime-cpu", "fp32")
    int8 = embedded(shipped, generated, engine, "int8")
    assert cosines(default, int8).mean() > (0.99 if EXACT else 0.9)
    # One query of 20 that exchanges two answers is worth some points.
    maps = variant_maps({"samples": default}, {"samples": int8}, engine)
    found = maps[MeasuredOn(engine, "samples", "R+N+T")]
    assert found.loss_points < (4 if EXACT else 20)


@needs_shared_data
@pytest.mark.parametrize("engine", CPU_ENGINES)
def test_int8_finds_the_photographs_held_out_as_float32_does(shipped: Bundle, engine: str) -> None:
    photographs = load_dataset("vehicles_two_camera", PHOTOGRAPHS)
    default = embedded(shipped, photographs, "onnxruntime-cpu", "fp32")
    int8 = embedded(shipped, photographs, engine, "int8")
    (found,) = variant_maps({"photographs": default}, {"photographs": int8}, engine).values()
    assert found.default > 0.98
    # Another processor may round one query more to second place, which is 0.3 points.
    assert found.loss_points < (1 if EXACT else 10)
