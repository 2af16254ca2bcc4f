"""Validation data of an export: measured once per engine, then scored, calibrated and compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from export.auto_policy import PolicyChoice, choose_auto_policy
from export.errors import ValidationDataError
from training.calibrate import fit_calibration
from training.data import Dataset, load_dataset
from training.embedded import EmbeddedDataset, embed_dataset
from training.errors import TrainingError
from training.evaluate import evaluate, evaluate_subsets
from vreid.calibration import Calibration
from vreid.engines import BranchEngine
from vreid.preprocessing import Preprocessing
from vreid.sample import Sample

EmbeddedSets = Mapping[str, EmbeddedDataset]


@dataclass(frozen=True, slots=True)
class ValidationFigures:
    """What validation says about a bundle, ready for its manifest.

    ``calibration`` is None without data or with too few pairs of one vehicle to fit it on.
    """

    metrics: dict[str, Any]
    calibration: Calibration | None
    auto_policy: PolicyChoice


def load_validation(roots: Sequence[tuple[str, Path]]) -> dict[str, Dataset]:
    """Load data sets given as (name, folder or file).

    Raises:
        ValidationDataError: a name occurs twice, or a set has nothing to search with or among.
        DatasetError: as ``training.data.load_dataset``.
    """
    datasets: dict[str, Dataset] = {}
    for name, root in roots:
        if name in datasets:
            raise ValidationDataError(
                f"the validation set {name!r} is given twice; give each name once"
            )
        dataset = load_dataset(name, root)
        if not dataset.query or not dataset.gallery:
            raise ValidationDataError(
                f"the validation set {name!r} has {len(dataset.query)} queries and "
                f"{len(dataset.gallery)} gallery samples; give one with a query-gallery split"
            )
        datasets[name] = dataset
    return datasets


def validation_samples(datasets: Mapping[str, Dataset]) -> Iterator[Sample]:
    """The queries, then the gallery samples, set by set."""
    return chain.from_iterable(chain(one.query, one.gallery) for one in datasets.values())


def embed_validation(
    datasets: Mapping[str, Dataset],
    preprocessing: Preprocessing,
    engine: BranchEngine,
    feature_size: int,
) -> EmbeddedSets:
    """Every set's query and gallery as features; errors as ``training.embedded``."""
    return {
        name: embed_dataset(dataset, preprocessing, engine, feature_size)
        for name, dataset in datasets.items()
    }


def mean_average_precisions(embedded: EmbeddedSets) -> dict[str, float]:
    """MAP of each set by cosine alone, with all the modalities that its pairs share."""
    return {name: evaluate(one, "shared").figures.map for name, one in embedded.items()}


def validation_figures(embedded: EmbeddedSets) -> ValidationFigures:
    """Fit the calibration, choose the policy that ``auto`` stands for, measure with both."""
    calibration = _calibration(embedded)
    choice = choose_auto_policy(list(embedded.values()), calibration)
    return ValidationFigures(
        metrics={
            name: {
                "all": evaluate(one, "auto", calibration, choice.policy).to_json(),
                "subsets": {
                    subset: found.to_json()
                    for subset, found in evaluate_subsets(
                        one, "auto", calibration, choice.policy
                    ).items()
                    if found is not None
                },
            }
            for name, one in embedded.items()
        },
        calibration=calibration,
        auto_policy=choice,
    )


def _calibration(embedded: EmbeddedSets) -> Calibration | None:
    if not embedded:
        return None
    try:
        return fit_calibration(list(embedded.values()))
    except TrainingError:
        # Too few true pairs. The model is still good; its scores are cosines then.
        return None
