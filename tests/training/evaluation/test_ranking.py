"""Evaluation against rankings made by hand, and calibration on them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from training.calibration import FEWEST_POSITIVES, ScoredPairs, fit_calibration, fit_table
from training.embedded import EmbeddedDataset, EmbeddedSamples
from training.errors import TrainingError
from training.evaluation import evaluate, evaluate_subsets, modality_subsets
from vreid.errors import MetricError
from vreid.metrics import Junk, Labels


def samples(
    angles: Sequence[Sequence[float | None]], identity: Sequence[str], scene: Sequence[str]
) -> EmbeddedSamples:
    """Features of length one at the given angles in degrees, per modality; None is missing."""
    mask = np.array([[angle is not None for angle in row] for row in angles])
    radians = np.deg2rad(np.array([[angle or 0.0 for angle in row] for row in angles]))
    features = np.stack([np.cos(radians), np.sin(radians)], axis=-1).astype(np.float32)
    return EmbeddedSamples(
        features * mask[..., None], mask, Labels(np.array(identity), scene=np.array(scene))
    )


def dataset(
    query: EmbeddedSamples,
    gallery: EmbeddedSamples,
    junk: Junk = "scene",
    symmetric: bool = False,
) -> EmbeddedDataset:
    return EmbeddedDataset("by hand", query, gallery, junk, symmetric)


def by_hand(symmetric: bool = False) -> EmbeddedDataset:
    """One query at 0 degrees; RGB ranks junk, b, a, a and NIR ranks a, a, b.

    Gallery:  a (junk)  b    a    a
    RGB            0   10   20   30
    NIR            0   50    5   10
    """
    query = samples([[0, 0, None]], ["a"], ["1"])
    gallery = samples(
        [[0, 0, None], [10, 50, None], [20, 5, None], [30, 10, None]],
        ["a", "b", "a", "a"],
        ["1", "1", "2", "3"],
    )
    return dataset(query, gallery, symmetric=symmetric)


def test_one_modality_ranks_as_by_hand() -> None:
    found = evaluate_subsets(by_hand())["R"]
    assert found is not None
    # Without junk the positives stand at ranks 2 and 3.
    assert found.figures.map == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert found.figures.rank1 == 0
    assert found.figures.rank5 == 1
    assert found.figures.mean_inverse_negative_penalty == pytest.approx(2 / 3)
    assert (found.figures.queries, found.figures.gallery) == (1, 4)


def test_subsets_take_the_other_modalities_away_on_both_sides() -> None:
    found = evaluate_subsets(by_hand())
    assert list(found) == ["R", "N", "T", "R+N", "R+T", "N+T", "R+N+T"]
    assert found["N"] is not None
    assert found["N"].figures.map == 1
    assert found["R+N"] is not None
    assert found["R+N"] == evaluate(by_hand())


def test_subsets_that_the_data_does_not_have_are_none() -> None:
    found = evaluate_subsets(by_hand())
    assert [name for name, figures in found.items() if figures is None] == [
        "T",
        "R+T",
        "N+T",
        "R+N+T",
    ]


def test_a_symmetric_data_set_is_measured_both_ways() -> None:
    query = samples([[0, None, None], [40, None, None]], ["a", "b"], ["1", "1"])
    gallery = samples([[10, None, None], [15, None, None]], ["a", "b"], ["2", "2"])
    found = evaluate(dataset(query, gallery, "scene", symmetric=True))
    # Forwards both are found; backwards b at 15 degrees is nearer to a at 0 than to b at 40.
    assert [figures.rank1 for figures in found.directions] == [1, 0.5]
    assert found.figures.rank1 == 0.75
    assert found.figures.queries == 4
    assert len(found.to_json()["directions"]) == 2


def test_center_compares_samples_that_share_no_modality() -> None:
    query = samples([[0, None, None]], ["a"], ["1"])
    gallery = samples([[None, 80, None], [None, 5, None]], ["b", "a"], ["2", "2"])
    assert evaluate(dataset(query, gallery), "center").figures.rank1 == 1


def test_nothing_to_find_is_an_error() -> None:
    query = samples([[0, None, None]], ["a"], ["1"])
    with pytest.raises(MetricError):
        evaluate(dataset(query, samples([[0, None, None]], ["b"], ["1"])))
    with pytest.raises(MetricError):
        evaluate(dataset(query, query.restricted([])))


def test_there_are_seven_subsets() -> None:
    assert len(set(modality_subsets())) == 7


def random_dataset(identities: int, junk: Junk = "scene") -> EmbeddedDataset:
    """Samples whose angle is near their identity's, in all modalities."""
    generator = np.random.default_rng(0)
    names = [str(number) for number in range(identities)] * 2
    centers = np.tile(generator.uniform(0, 90, (identities, 1)), (2, 3))
    angles = (centers + generator.normal(0, 4, centers.shape)).tolist()
    scenes = ["1"] * identities + ["2"] * identities
    embedded = samples(angles, names, scenes)
    return dataset(embedded, embedded, junk)


def test_a_calibration_covers_every_representation_and_grows_with_the_cosine() -> None:
    calibration = fit_calibration([random_dataset(30)])
    assert {"shared", "center", "shared:rgb", "shared:rgb+nir+tir", "center:rgb|nir+tir"} <= set(
        calibration.tables
    )
    assert len(calibration.tables) == 2 + 7 + 49
    for key in ("shared:tir", "center"):
        probability = calibration.probability(key, np.linspace(-1, 1, 50))
        assert probability is not None
        assert (np.diff(probability) > 0).all()
        assert probability[-1] > 0.8
        assert probability[0] < 0.05


def test_too_few_pairs_get_no_table_of_their_own() -> None:
    rgb = random_dataset(FEWEST_POSITIVES)
    one = samples([[None, 0, None], [None, 1, None]], ["x", "x"], ["1", "2"])
    tables = fit_calibration([rgb, dataset(one, one)]).tables
    assert "shared:rgb" in tables
    with pytest.raises(TrainingError, match="more identities"):
        fit_calibration([dataset(one, one)])


def test_junk_pairs_are_not_calibrated_on() -> None:
    # Every sample is its own junk; were it counted, cosine 1 would be a sure match.
    table = fit_calibration([random_dataset(30)]).tables["shared:rgb"]
    counted = fit_calibration([random_dataset(30, junk=None)]).tables["shared:rgb"]
    assert table != counted


def test_positives_and_negatives_weigh_the_same() -> None:
    # At cosine 0.5: all of the positives and half of the many negatives.
    cosine = np.array([0.5] * 10 + [0.5] * 50 + [0.0] * 50)
    same = np.array([True] * 10 + [False] * 100)
    table = fit_table(ScoredPairs(cosine, same))
    assert table.probabilities[-1] == pytest.approx(1 / 1.5)
    assert table.probabilities[0] == 0


def test_thresholds_let_no_more_negatives_through_than_their_rate() -> None:
    generator = np.random.default_rng(0)
    cosine = np.concatenate([generator.uniform(0.5, 1, 50), generator.uniform(-1, 0.8, 20000)])
    same = np.arange(len(cosine)) < 50
    thresholds = fit_table(ScoredPairs(cosine, same)).thresholds
    assert set(thresholds) == {0.1, 0.01, 0.001}
    for rate, threshold in thresholds.items():
        assert 0.5 * rate < (cosine[~same] >= threshold).mean() <= rate


def test_a_query_that_is_also_in_the_gallery_is_no_match_of_itself(tmp_path: Path) -> None:
    """A manifest without cameras: queries are the gallery; random features must not look good."""
    random = np.random.default_rng(3)
    identity = np.repeat(np.arange(20), 2)
    both = EmbeddedSamples(
        random.normal(size=(40, 3, 16)).astype(np.float32),
        np.ones((40, 3), dtype=np.bool_),
        Labels(identity),
        tuple(frozenset({tmp_path / f"{number}.jpg"}) for number in range(40)),
    )
    measured = evaluate(dataset(both, both, junk=None), "center").figures
    assert measured.queries == 40
    assert measured.rank1 < 0.3


def test_a_policy_that_can_compare_nothing_is_refused() -> None:
    query = samples([[0, None, None]], ["a"], ["1"])
    gallery = samples([[0, 0, 0], [5, 5, 5]], ["a", "b"], ["2", "3"])
    with pytest.raises(MetricError, match="can compare no query"):
        evaluate(dataset(query, gallery), "concat")
