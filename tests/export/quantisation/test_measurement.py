"""What a variant costs, among its own features and among those of the default."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from export.quantisation.measurement import (
    engines_of,
    map_across,
    milliseconds,
    runners,
    variant_maps,
)
from tests.bundles import make_tiny_bundle
from training.embedded import EmbeddedDataset, EmbeddedSamples
from training.evaluation import evaluate
from vreid.metrics import Labels
from vreid.modality import MODALITIES, Modality
from vreid.variant import MeasuredOn

VEHICLES, SIZE = 12, 8


def embedded(noise: float, symmetric: bool = False, turned: bool = False) -> EmbeddedDataset:
    """Vehicles with a feature of their own, photographed twice with noise."""
    generator = np.random.default_rng(1)
    own = generator.normal(size=(VEHICLES, 1, SIZE)).repeat(3, axis=1)
    if turned:
        own = own[..., ::-1]

    def side() -> EmbeddedSamples:
        features = own + noise * generator.normal(size=own.shape)
        labels = Labels(identity=np.array([str(one) for one in range(VEHICLES)], dtype=np.object_))
        return EmbeddedSamples(
            features.astype(np.float32), np.ones((VEHICLES, 3), dtype=np.bool_), labels
        )

    return EmbeddedDataset("drawn", side(), side(), None, symmetric)


@pytest.mark.parametrize("symmetric", [False, True])
def test_across_oneself_is_the_map_itself(symmetric: bool) -> None:
    one = embedded(1.0, symmetric)
    assert 0 < map_across(one, one) < 1
    assert map_across(one, one) == pytest.approx(evaluate(one, "shared").figures.map)


def test_features_in_another_space_are_seen_across_only() -> None:
    default, other = embedded(0.1), embedded(0.1, turned=True)
    maps = variant_maps({"drawn": default}, {"drawn": other}, "onnxruntime-cpu")
    found = maps[MeasuredOn("onnxruntime-cpu", "drawn", "R+N+T")]
    assert found.default == found.variant == 1
    assert found.across < 0.7
    assert found.loss_points > 30


def test_what_one_branch_loses_is_not_hidden_by_the_others() -> None:
    """Thermal features in another space cost the triplet nothing, and thermal searches all."""
    default = embedded(0.02)
    features = default.query.features.copy()
    features[:, Modality.TIR.index] = features[::-1, Modality.TIR.index]
    turned = replace(default, query=replace(default.query, features=features))
    found = variant_maps({"drawn": default}, {"drawn": turned}, "openvino-cpu")
    losses = {on.modalities: one.loss_points for on, one in found.items()}
    assert losses.keys() == {"R", "N", "T", "R+N+T"}
    assert losses["R"] == losses["N"] == 0
    assert losses["T"] > 30 > losses["R+N+T"]


def test_a_set_of_one_modality_is_measured_with_that() -> None:
    one = embedded(0.5).restricted([Modality.RGB])
    found = variant_maps({"drawn": one}, {"drawn": one}, "onnxruntime-cpu")
    assert set(found) == {MeasuredOn("onnxruntime-cpu", "drawn", "R")}


def test_a_precision_is_measured_by_every_engine_that_runs_it(tmp_path: Path) -> None:
    bundle = make_tiny_bundle(tmp_path, variants=True)
    assert [engine for engine, _ in runners(bundle, "int8")] == ["onnxruntime-cpu", "openvino-cpu"]
    assert engines_of("bf16") == ["openvino-cpu"]


def test_a_symmetric_set_is_searched_across_both_ways() -> None:
    default = embedded(0.5, symmetric=True)
    broken = replace(default, gallery=embedded(0.5, turned=True).gallery)
    as_given = evaluate(replace(default, symmetric=False), "shared").figures.map
    assert map_across(broken, default) < as_given


def test_every_engine_that_runs_a_precision_is_timed(tmp_path: Path) -> None:
    bundle = make_tiny_bundle(tmp_path, variants=True)
    pixels = {modality: np.zeros((2, 32, 32, 3), dtype=np.uint8) for modality in MODALITIES}
    found = milliseconds(bundle, "int8", pixels)
    assert found.keys() == {"onnxruntime-cpu", "openvino-cpu"}
    assert all(took > 0 for took in found.values())
