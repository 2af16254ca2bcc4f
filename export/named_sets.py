"""Data sets named on the command line, and what each is for."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from export.errors import ValidationDataError
from training.data import Dataset, load_dataset
from training.embedded import EmbeddedDataset

TrainedIdentities = Mapping[str, Collection[str]]
"""Identities that a model was trained on, by name of their source and of its layout."""


@dataclass(frozen=True, slots=True)
class NamedSet:
    """A data set as asked for.

    ``label`` is what figures are reported under. Identities of two sets, or of a set and the
    training data, are taken for the same vehicle where both the label and the name of the identity
    are equal; data sets number their vehicles from 1, so equal names alone say nothing. Training
    data go by the name of the source and by that of its layout. ``name`` is that of
    `training.data.load_dataset`, ``root`` its folder or file.
    """

    label: str
    name: str
    root: Path

    @classmethod
    def parse(cls, name: str, root: Path) -> NamedSet:
        """From NAME, or LABEL:NAME where the set is not to be called by the name of its layout."""
        label, colon, layout = name.partition(":")
        return cls(label, layout if colon else label, root)


@dataclass(frozen=True, slots=True)
class Roles:
    """Data sets by label, by what they are for.

    ``calibration`` fits calibration, policy and weights of modalities; ``reported`` gives
    the figures; of ``halved`` the identities do either the one or the other.
    """

    reported: Mapping[str, Dataset] = field(default_factory=dict)
    calibration: Mapping[str, Dataset] = field(default_factory=dict)
    halved: Mapping[str, Dataset] = field(default_factory=dict)

    @property
    def separate(self) -> bool:
        """Whether the calibration has identities of its own."""
        return bool(self.calibration or self.halved)

    def all(self) -> list[Dataset]:
        """Every set, those that are reported first."""
        return [*self.reported.values(), *self.halved.values(), *self.calibration.values()]


def load_roles(
    reported: Sequence[NamedSet] = (),
    calibration: Sequence[NamedSet] = (),
    halved: Sequence[NamedSet] = (),
) -> Roles:
    """Load the sets.

    Raises:
        ValidationDataError: a label occurs twice in a role or a folder under two labels, or a set
            has nothing to search with or among.
        DatasetError: as ``training.data.load_dataset``.
    """
    _require_one_label(reported, halved)
    _require_one_label(calibration, halved)
    _require_one_role([*reported, *calibration, *halved])
    return Roles(
        *({one.label: _load(one) for one in role} for role in (reported, calibration, halved))
    )


def require_separate(roles: Roles, trained: TrainedIdentities) -> None:
    """Refuse a calibration on identities that are reported, or that training has seen.

    Raises:
        ValidationDataError: there is such an identity; the message names one.
    """
    for label, dataset in {**roles.calibration, **roles.halved}.items():
        here = identities(dataset)
        others = [("the model was trained on", frozenset(trained.get(label, ())))]
        if label in roles.reported:
            others.append(("figures are reported of", identities(roles.reported[label])))
        for what, there in others:
            if common := here & there:
                raise ValidationDataError(
                    f"the calibration would be fitted on {len(common)} identities of {label} that "
                    f"{what}, such as {min(common)!r}; give a set of other vehicles. Where they "
                    "are others already, and only numbered alike, say so by a label: "
                    f"--calibration LABEL:{label}=PATH; identities under different labels are "
                    "different vehicles"
                )


def identities(dataset: Dataset) -> frozenset[str]:
    """Known identities that are searched with or among."""
    return frozenset(
        sample.identity
        for sample in (*dataset.query, *dataset.gallery)
        if sample.identity is not None
    )


def calibrating_half(names: Collection[str]) -> frozenset[str]:
    """The identities that calibrate: the first half in the order of their SHA-256.

    What is drawn depends on the names alone; of an odd number the reported half has one more.
    """
    ordered = sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())
    return frozenset(ordered[: len(ordered) // 2])


def halves(dataset: EmbeddedDataset) -> tuple[EmbeddedDataset, EmbeddedDataset]:
    """The set cut in two by identity: what calibrates, and what is reported.

    Samples of unknown identity are distractors of the reported half.
    """
    sides = (dataset.query.labels.identity, dataset.gallery.labels.identity)
    chosen = calibrating_half({str(one) for side in sides for one in side if one is not None})
    marked = [[one is not None and str(one) in chosen for one in side] for side in sides]
    return _cut(dataset, marked, True), _cut(dataset, marked, False)


def _cut(dataset: EmbeddedDataset, marked: Sequence[Sequence[bool]], half: bool) -> EmbeddedDataset:
    query, gallery = (np.array(side, dtype=np.bool_) == half for side in marked)
    return replace(dataset, query=dataset.query.rows(query), gallery=dataset.gallery.rows(gallery))


def _load(one: NamedSet) -> Dataset:
    dataset = load_dataset(one.name, one.root)
    if not dataset.query or not dataset.gallery:
        raise ValidationDataError(
            f"the set {one.label!r} has {len(dataset.query)} queries and "
            f"{len(dataset.gallery)} gallery samples; give one with a query-gallery split"
        )
    return dataset


def _require_one_label(*roles: Sequence[NamedSet]) -> None:
    labels = [one.label for role in roles for one in role]
    for label in labels:
        if labels.count(label) > 1:
            raise ValidationDataError(
                f"the set {label!r} is given twice; give each once, or one of them a label: "
                f"LABEL:{label}=PATH. It names the figures, and makes its identities other "
                "vehicles than those of the same names elsewhere"
            )


def _require_one_role(named: Sequence[NamedSet]) -> None:
    places: dict[tuple[str, Path], NamedSet] = {}
    for one in named:
        other = places.setdefault((one.name, one.root.resolve()), one)
        if other is not one:
            raise ValidationDataError(
                f"{one.root} is given twice, as {other.label!r} and {one.label!r}; what calibrates "
                "must not be reported. Give other data, or --halve to cut one set in two"
            )
