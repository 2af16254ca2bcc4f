"""Validation data of an export: measured once per engine, then scored, calibrated and compared."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
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

TrainedIdentities = Mapping[str, Collection[str]]
"""Identities that a model was trained on, by name of their data set."""

IN_SAMPLE = (
    "The calibration, the policy that `auto` stands for and the reported figures all come from the "
    "same validation identities: of the calibration and the choice of policy the figures are "
    "in-sample."
)
"""Stands in the manifest and on the card wherever validation data was given."""


@dataclass(frozen=True, slots=True)
class ValidationFigures:
    """What validation says about a bundle, ready for its manifest.

    ``calibration`` is None where none could be fitted; ``not_calibrated`` then says why.
    """

    metrics: dict[str, Any]
    calibration: Calibration | None
    not_calibrated: str | None
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
    """Queries and gallery samples, the sets in turn and within a set its identities in turn.

    So the first few show many vehicles, and every set is among them.
    """
    return _in_turn([_identities_in_turn(one) for one in datasets.values()])


def _identities_in_turn(dataset: Dataset) -> Iterator[Sample]:
    by_identity: dict[str | None, list[Sample]] = {}
    for sample in chain(dataset.query, dataset.gallery):
        by_identity.setdefault(sample.identity, []).append(sample)
    return _in_turn(by_identity.values())


def _in_turn(groups: Iterable[Iterable[Sample]]) -> Iterator[Sample]:
    rounds = zip_longest(*groups)
    return (sample for one in rounds for sample in one if sample is not None)


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


def validation_figures(embedded: EmbeddedSets, trained: TrainedIdentities) -> ValidationFigures:
    """Fit the calibration, choose the policy that ``auto`` stands for, measure with both."""
    calibration, not_calibrated = _calibration(embedded)
    choice = choose_auto_policy(list(embedded.values()), calibration)
    return ValidationFigures(
        metrics={
            name: {
                "seen_in_training": seen_in_training(one, trained.get(name, frozenset())),
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
        not_calibrated=not_calibrated,
        auto_policy=choice,
    )


def seen_in_training(dataset: EmbeddedDataset, trained: Collection[str]) -> bool:
    """Whether the model was trained on an identity that is searched with or among."""
    labels = (dataset.query.labels, dataset.gallery.labels)
    return any(identity in trained for one in labels for identity in one.identity)


def _calibration(embedded: EmbeddedSets) -> tuple[Calibration | None, str | None]:
    """The calibration, or the reason why there is none: the model is good without, too."""
    if not embedded:
        return None, "no validation data was given"
    try:
        return fit_calibration(list(embedded.values())), None
    except TrainingError as error:
        return None, str(error)
