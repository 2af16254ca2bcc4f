"""What validation data says about a bundle, and what it cannot say."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np
import pytest

from export.validation import validation_figures, validation_samples
from training.calibrate import fit_calibration
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
    first = list(islice(validation_samples(datasets), 24))
    assert [one.name for one in first[:4]] == ["synthetic", "photographs"] * 2
    assert len({one.identity for one in first if one.name == "photographs"}) == 5
    assert len({one.identity for one in first if one.name == "synthetic"}) == 12


def test_every_sample_comes_once() -> None:
    datasets = {
        "long": dataset("long", ["a", "b"], MODALITIES),
        "short": dataset("short", ["c"], MODALITIES),
    }
    assert len(list(validation_samples(datasets))) == 12 + 6


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


def test_a_set_with_an_identity_that_training_saw_is_marked() -> None:
    sets = {"vehicles": embedded(["a", "b", "c"])}
    for trained, expected in [
        ({"vehicles": {"c", "x"}}, True),
        ({"vehicles": {"x"}, "others": {"a", "b", "c"}}, False),
        ({}, False),
    ]:
        figures = validation_figures(sets, trained)
        assert figures.metrics["vehicles"]["seen_in_training"] is expected


def test_why_there_is_no_calibration_is_kept_in_the_words_of_the_failure() -> None:
    few = [embedded(["a", "b"])]
    with pytest.raises(TrainingError) as failure:
        fit_calibration(few)
    figures = validation_figures({"vehicles": few[0]}, {})
    assert figures.calibration is None
    assert figures.not_calibrated == str(failure.value)
    assert validation_figures({}, {}).not_calibrated == "no validation data was given"


def test_with_a_calibration_there_is_no_reason_against_one() -> None:
    figures = validation_figures({"vehicles": embedded([str(one) for one in range(30)])}, {})
    assert figures.calibration is not None
    assert figures.not_calibrated is None
