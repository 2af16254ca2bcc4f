"""What the model card says of a manifest's figures."""

from dataclasses import replace
from pathlib import Path

from export.model_card import render_model_card
from tests.bundles import make_tiny_bundle
from vreid.manifest import Manifest


def figures(mean_average_precision: float) -> dict[str, float]:
    shares = {"mAP": mean_average_precision, "rank1": 0.5, "rank5": 0.6, "rank10": 0.7, "mINP": 0.1}
    return {**shares, "queries": 4, "gallery": 9}


def measured(directory: Path, subsets: dict[str, float]) -> Manifest:
    found = {name: figures(share) for name, share in subsets.items()}
    validation = {"all": figures(0.5), "subsets": found, "seen_in_training": False}
    metrics = {"validation": {"yard": validation}, "validation_note": "", "parity": {}}
    return replace(make_tiny_bundle(directory).manifest, metrics=metrics)


def test_a_modality_that_takes_away_more_than_it_adds_is_named(tmp_path: Path) -> None:
    card = render_model_card(measured(tmp_path, {"R": 0.4, "R+N": 0.48, "R+N+T": 0.44}))
    assert "On yard, R+N (48.0 % mAP) does better than R+N+T (44.0 %)" in card


def test_nothing_is_said_where_all_modalities_do_best(tmp_path: Path) -> None:
    card = render_model_card(measured(tmp_path, {"R": 0.4, "R+N": 0.43, "R+N+T": 0.44}))
    assert "does better than" not in card
