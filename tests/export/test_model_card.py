"""What the model card says of a manifest's figures."""

from dataclasses import replace
from pathlib import Path

from export.calibration_section import calibration_sections
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


def test_a_realised_rate_that_too_few_pairs_can_tell_is_not_shown() -> None:
    point = {"cosine": 0.5, "false_accept_rate": 0.009, "true_positive_rate": 0.8}
    found = {
        "positives": 41,
        "negatives": 1640,
        "expected_calibration_error": 0.07,
        "thresholds": {"0.01": point, "0.001": {**point, "false_accept_rate": 0.0}},
    }
    keys = {"shared:rgb": found, "center:rgb|rgb": found, "center:rgb+nir|rgb+nir": found}
    metrics = {
        "validation": {"yard": {"reliability": keys, "reliability_identities": 41}},
        "calibrated_on": {"street": 60},
    }
    (section,) = calibration_sections(metrics)
    assert "| compared | calibration error | at 1 % | at 0.1 % |" in section
    assert "| shared:rgb | 7.0 % | 0.9 % / 80.0 % | too few pairs / 80.0 % |" in section
    assert "| center:rgb+nir | 7.0 % |" in section
    assert "| center:rgb |" not in section
