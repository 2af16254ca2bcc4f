"""What validation data says about a bundle, and what it cannot say."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np
import pytest

from export.named_sets import Roles
from export.validation import EmbeddedRoles, by_role, validation_figures, validation_samples
from training.calibration import fit_calibration
from training.data import Dataset
from training.embedded import EmbeddedDataset, EmbeddedSamples
from training.errors import TrainingError
from vreid.metrics import Labels
from vreid.modality import MODALITIES, Modality
from vreid.sample import Sample


def sample(identity: str, modalities: Sequence[Modality] = MODALITIES, name: str = "") -> Sample:
    return Sample(dict.fromkeys(modalities, b"x"), identity=identity, name=name)


def dataset(name: str, identities: Sequence[str], modalities: Sequence[Modality]) -> Dataset:
    """Three queries of each identity in sequence, then as many gallery samples."""
    samples = [sample(one, modalities, name) for one in identities for _ in range(3)]
    return Dataset(name, [], samples, samples, None)


def test_the_first_samples_come_from_every_set_and_from_many_vehicles() -> None:
    datasets = {
        "synthetic": dataset("synthetic", list("abcdefghijklmnopqrst"), MODALITIES),
        "photographs": dataset("photographs", list("vwxyz"), [Modality.RGB]),
    }
    first = list(islice(validation_samples(datasets.values()), 24))
    assert [one.name for one in first[:4]] == ["synthetic", "photographs"] * 2
    assert len({one.identity for one in first if one.name == "photographs"}) == 5
    assert len({one.identity for one in first if one.name == "synthetic"}) == 12


def test_every_sample_comes_once() -> None:
    datasets = {
        "long": dataset("long", ["a", "b"], MODALITIES),
        "short": dataset("short", ["c"], MODALITIES),
    }
    assert len(list(validation_samples(datasets.values()))) == 12 + 6


def embedded(identities: Sequence[str]) -> EmbeddedDataset:
    """Two complete samples of each identity, one to search with and one to search among."""
    random = np.random.default_rng(0)
    count = len(identities)
    features = random.normal(size=(count, 3, 8)).astype(np.float32)
    mask = np.ones((count, 3), dtype=np.bool_)
    query, gallery = (
        EmbeddedSamples(
            features + random.normal(scale=0.1, size=features.shape).astype(np.float32),
            mask,
            Labels(identity=np.array(identities, dtype=object)),
        )
        for _ in range(2)
    )
    return EmbeddedDataset("vehicles", query, gallery, None)


def in_sample(sets: dict[str, EmbeddedDataset]) -> EmbeddedRoles:
    return by_role(Roles(), sets, {}, {})


def test_a_set_with_an_identity_that_training_saw_is_marked() -> None:
    sets = {"vehicles": embedded(["a", "b", "c"])}
    for trained, expected in [
        ({"vehicles": {"c", "x"}}, True),
        ({"vehicles": {"x"}, "others": {"a", "b", "c"}}, False),
        ({}, False),
    ]:
        figures = validation_figures(in_sample(sets), trained)
        assert figures.metrics["vehicles"]["seen_in_training"] is expected


def test_why_there_is_no_calibration_is_kept_in_the_words_of_the_failure() -> None:
    few = [embedded(["a", "b"])]
    with pytest.raises(TrainingError) as failure:
        fit_calibration(few)
    figures = validation_figures(in_sample({"vehicles": few[0]}), {})
    assert figures.calibration is None
    assert figures.not_calibrated == str(failure.value)
    assert validation_figures(in_sample({}), {}).not_calibrated == "no validation data was given"


def test_with_a_calibration_there_is_no_reason_against_one() -> None:
    sets = {"vehicles": embedded([str(one) for one in range(30)])}
    figures = validation_figures(in_sample(sets), {})
    assert figures.calibration is not None
    assert figures.not_calibrated is None


def test_what_calibrates_is_not_what_is_reported() -> None:
    reported, other = embedded(["a", "b"]), embedded(["c", "d"])
    roles = Roles(
        reported={"x": dataset("x", ["a"], MODALITIES)}, calibration={"y": reported_set()}
    )
    found = by_role(roles, {"x": reported}, {}, {"y": other})
    assert found.separate
    assert (dict(found.fitted), dict(found.reported)) == ({"y": other}, {"x": reported})


def reported_set() -> Dataset:
    return dataset("y", ["c"], MODALITIES)


@pytest.mark.parametrize("modalities", [1, 3])
def test_a_halved_set_is_ranked_whole_only_where_nothing_fitted_can_move_a_rank(
    modalities: int,
) -> None:
    whole = embedded([str(one) for one in range(41)])
    for side in (whole.query, whole.gallery):
        side.mask[:, modalities:] = False
    roles = Roles(halved={"x": dataset("x", ["a"], MODALITIES)})
    found = by_role(roles, {}, {"x": whole}, {})
    fitted, reported = (
        set(one["x"].query.labels.identity) for one in (found.fitted, found.reported)
    )
    assert (len(fitted), len(reported), fitted & reported) == (20, 21, set())
    assert len(found.ranked["x"].query) == (41 if modalities == 1 else 21)
