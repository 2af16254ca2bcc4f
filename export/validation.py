"""Validation data of an export: measured once per engine, then scored, calibrated and compared."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

from export.auto_policy import PolicyChoice, choose_auto_policy
from export.named_sets import Roles, TrainedIdentities, halves
from training.calibration import fit_calibration, measure_reliability
from training.data import Dataset
from training.embedded import EmbeddedDataset, embed_dataset
from training.errors import TrainingError
from training.evaluation import evaluate, evaluate_subsets
from vreid.calibration import Calibration
from vreid.engines import BranchRunner
from vreid.preprocessing import Preprocessing
from vreid.sample import Sample

EmbeddedSets = Mapping[str, EmbeddedDataset]

IN_SAMPLE = (
    "The calibration, the policy that `auto` stands for, the weights of the modalities and the "
    "reported figures all come from the same validation identities: of the calibration, the choice "
    "of policy and fitted weights the figures are in-sample."
)
"""Stands in the manifest and on the card where calibration and figures share their identities."""


@dataclass(frozen=True, slots=True)
class EmbeddedRoles:
    """Embedded sets by label.

    ``ranked`` gives figures of rankings, ``reported`` those of probabilities and ``fitted`` fits
    calibration, policy and weights. ``ranked`` holds halved sets whole where a ranking owes nothing
    to what was fitted: where no sample has two modalities.
    """

    fitted: EmbeddedSets
    reported: EmbeddedSets
    ranked: EmbeddedSets
    separate: bool

    @property
    def compared(self) -> EmbeddedSets:
        """The sets that say what another way to compute costs.

        What is ranked; only where nothing is reported, what calibrates.
        """
        return self.ranked or self.fitted


@dataclass(frozen=True, slots=True)
class ValidationFigures:
    """What validation says about a bundle, ready for its manifest.

    ``calibration`` is None where none could be fitted; ``not_calibrated`` then says why.
    ``calibrated_on`` counts the identities of each set that it comes from.
    """

    metrics: dict[str, Any]
    calibration: Calibration | None
    not_calibrated: str | None
    auto_policy: PolicyChoice
    calibrated_on: dict[str, int]


def validation_samples(datasets: Collection[Dataset]) -> Iterator[Sample]:
    """Queries and gallery samples, the sets in turn and within a set its identities in turn.

    So the first few show many vehicles, and every set is among them.
    """
    return _in_turn([_identities_in_turn(one) for one in datasets])


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
    engine: BranchRunner,
    feature_size: int,
) -> EmbeddedSets:
    """Every set's query and gallery as features; errors as ``training.embedded``."""
    return {
        name: embed_dataset(dataset, preprocessing, engine, feature_size)
        for name, dataset in datasets.items()
    }


def by_role(
    roles: Roles, reported: EmbeddedSets, halved: EmbeddedSets, calibration: EmbeddedSets
) -> EmbeddedRoles:
    """The embedded sets of each role, halved ones cut; see `EmbeddedRoles`."""
    cut = {label: halves(one) for label, one in halved.items()}
    fitted = {**calibration, **{label: fits for label, (fits, _) in cut.items()}}
    measured = {**reported, **{label: rest for label, (_, rest) in cut.items()}}
    whole = {label: one for label, one in halved.items() if not _has_choices(one)}
    return EmbeddedRoles(
        fitted if roles.separate else measured, measured, {**measured, **whole}, roles.separate
    )


def _has_choices(dataset: EmbeddedDataset) -> bool:
    """Whether some sample has two modalities, so that weights or calibration can move a rank."""
    present = dataset.query.mask.any(axis=0) | dataset.gallery.mask.any(axis=0)
    return bool(present.sum() > 1)


def mean_average_precisions(embedded: EmbeddedSets) -> dict[str, float]:
    """MAP of each set by cosine alone, with all the modalities that its pairs share."""
    return {name: evaluate(one, "shared").figures.map for name, one in embedded.items()}


def validation_figures(embedded: EmbeddedRoles, trained: TrainedIdentities) -> ValidationFigures:
    """Fit the calibration, choose the policy that ``auto`` stands for, measure with both."""
    calibration, not_calibrated = _calibration(embedded.fitted)
    choice = choose_auto_policy(list(embedded.fitted.values()), calibration)
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
                "reliability": {}
                if calibration is None
                else {
                    key: found.to_json()
                    for key, found in measure_reliability(
                        embedded.reported[name], calibration
                    ).items()
                },
                "reliability_identities": _identities(embedded.reported[name]),
            }
            for name, one in embedded.ranked.items()
        },
        calibration=calibration,
        not_calibrated=not_calibrated,
        auto_policy=choice,
        calibrated_on={name: _identities(one) for name, one in embedded.fitted.items()},
    )


def _identities(dataset: EmbeddedDataset) -> int:
    sides = (dataset.query.labels.identity, dataset.gallery.labels.identity)
    return len({identity for side in sides for identity in side if identity is not None})


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
