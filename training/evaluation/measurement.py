"""Everything that is measured of one model on one data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.embedded import EmbeddedDataset
from training.evaluation.intervals import Interval, bootstrap_intervals
from training.evaluation.missing_ratio import MissingRatioCurve, missing_ratio_curves
from training.evaluation.ranking import (
    Evaluation,
    Figures,
    directions,
    evaluate_subsets,
    figures_of,
    mean_figures,
    policy_distances,
    rank,
)
from training.evaluation.variants import VariantOptions, measure_variants
from training.evaluation.verification import Verification, verify
from vreid.calibration import Calibration
from vreid.errors import MetricError
from vreid.metrics import Ranking
from vreid.policy import RESOLVED_POLICIES, ResolvedPolicy, resolve_policy

REPORTED_RANKS = 50
"""As far as the CMC goes in JSON; the `Measurement` itself has all of it."""


@dataclass(frozen=True)
class Scoring:
    """How samples are compared.

    Attributes:
        policy: center, concat, shared or auto.
        calibration: the bundle's; None for a checkpoint.
        auto_policy: what auto stands for.
    """

    policy: str = "auto"
    calibration: Calibration | None = None
    auto_policy: str = "shared"

    @property
    def resolved(self) -> ResolvedPolicy:
        """The policy that ranks.

        Raises:
            ScoringError: it is unknown.
        """
        return resolve_policy(self.policy, self.auto_policy)


@dataclass(frozen=True)
class MeasurementOptions:
    """What is measured beyond the plain figures, which always are.

    Attributes:
        subsets: every subset of the modalities (Table II).
        missing_ratio: the curves of Fig. 10.
        variants: flip, query expansion, re-ranking.
    """

    subsets: bool = False
    missing_ratio: bool = False
    variants: VariantOptions = field(default_factory=VariantOptions)


@dataclass(frozen=True, eq=False)
class Measurement:
    """All figures of one model on one data set; shares of one, not percent.

    Attributes:
        model: the model's name.
        data: the data set's name.
        policy: what ranks, never auto.
        auto_policy: what auto stands for.
        evaluation: the plain figures under `policy`.
        policies: figures under center, concat and shared; None where a policy compares no query
            with a positive.
        cmc: (G,) for each of the policies that has figures: share of queries with a positive among
            their first 1, 2, ..., G.
        verification: under `policy`, on the data set as given; None without pairs of two vehicles.
        intervals: of ``mAP`` and ``rank1`` of the plain figures.
        subsets: by R, N, T, R+N, R+T, N+T, R+N+T; None where nothing can be found with one. Empty
            when not asked for.
        missing_ratio: by policy, center and shared over all ratios, concat at 0. Empty when not
            asked for.
        variants: by name, such as "flip", "query expansion 5", "re-ranking", and all of them
            together. Empty when none was asked for.
    """

    model: str
    data: str
    policy: str
    auto_policy: str
    evaluation: Evaluation
    policies: Mapping[str, Figures | None]
    cmc: Mapping[str, NDArray[np.float64]]
    verification: Verification | None
    intervals: Mapping[str, Interval]
    subsets: Mapping[str, Evaluation | None] = field(default_factory=dict)
    missing_ratio: Mapping[str, MissingRatioCurve] = field(default_factory=dict)
    variants: Mapping[str, Evaluation] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; members that were not asked for are absent."""
        document: dict[str, Any] = {
            "model": self.model,
            "data": self.data,
            "policy": self.policy,
            **self.evaluation.to_json(),
            "auto_policy": self.auto_policy,
            "policies": {
                policy: figures.to_json() if figures else None
                for policy, figures in self.policies.items()
            },
            "cmc": {
                policy: shares[:REPORTED_RANKS].tolist() for policy, shares in self.cmc.items()
            },
            "verification": self.verification.to_json() if self.verification else None,
            "intervals": {name: interval.to_json() for name, interval in self.intervals.items()},
        }
        if self.subsets:
            document["subsets"] = {
                name: part.to_json() if part else None for name, part in self.subsets.items()
            }
        if self.missing_ratio:
            document["missing_ratio"] = {
                policy: curve.to_json() for policy, curve in self.missing_ratio.items()
            }
            if self.auto_policy in self.missing_ratio:
                document["missing_ratio"]["auto"] = document["missing_ratio"][self.auto_policy]
        if self.variants:
            document["variants"] = {
                name: evaluation.to_json() for name, evaluation in self.variants.items()
            }
        return document


def measure(
    embedded: EmbeddedDataset,
    model: str,
    scoring: Scoring | None = None,
    options: MeasurementOptions | None = None,
    mirrored: EmbeddedDataset | None = None,
) -> Measurement:
    """Measures a model on an embedded data set.

    Args:
        embedded: query and gallery.
        model: the model's name, for reports.
        scoring: by default auto without a calibration, that is shared by cosine.
        options: by default the plain figures alone.
        mirrored: the same data set, embedded from mirrored images; needed for the variant flip.

    Raises:
        ScoringError: the policy is unknown.
        MetricError: no query has a positive, or the policy or an option cannot be measured on this
            data.
    """
    scoring = scoring or Scoring()
    options = options or MeasurementOptions()
    ranked = {
        policy: _ranked(embedded, policy, scoring.calibration, needed=policy == scoring.resolved)
        for policy in RESOLVED_POLICIES
    }
    plain = ranked[scoring.resolved]
    assert plain is not None, "the policy asked for is ranked or raises"
    return Measurement(
        model=model,
        data=embedded.name,
        policy=scoring.resolved,
        auto_policy=scoring.auto_policy,
        evaluation=plain.evaluation,
        policies={
            policy: found.evaluation.figures if found else None for policy, found in ranked.items()
        },
        cmc={policy: _mean_cmc(found.rankings) for policy, found in ranked.items() if found},
        verification=_verified(embedded, plain, scoring.resolved),
        intervals=bootstrap_intervals(
            plain.rankings, [one.query.labels for one in directions(embedded)]
        ),
        subsets=evaluate_subsets(embedded, scoring.resolved, scoring.calibration)
        if options.subsets
        else {},
        missing_ratio=missing_ratio_curves(embedded, scoring.calibration)
        if options.missing_ratio
        else {},
        variants=measure_variants(
            embedded, scoring.resolved, scoring.calibration, options.variants, mirrored
        ),
    )


@dataclass(frozen=True)
class _Ranked:
    """Rankings under one policy, one for each direction."""

    evaluation: Evaluation
    rankings: Sequence[Ranking]
    distances: Sequence[NDArray[np.float64]]


def _ranked(
    dataset: EmbeddedDataset, policy: str, calibration: Calibration | None, needed: bool
) -> _Ranked | None:
    try:
        distances = [
            policy_distances(one.query, one.gallery, policy, calibration)
            for one in directions(dataset)
        ]
        rankings = [
            rank(matrix, one.query, one.gallery, one.junk)
            for matrix, one in zip(distances, directions(dataset), strict=True)
        ]
    except MetricError:
        if needed:
            raise
        return None
    figures = [
        figures_of(ranking, len(one.gallery))
        for ranking, one in zip(rankings, directions(dataset), strict=True)
    ]
    return _Ranked(Evaluation(mean_figures(figures), figures), rankings, distances)


def _mean_cmc(rankings: Sequence[Ranking]) -> NDArray[np.float64]:
    """The mean over directions; past the end of the smaller gallery its last share goes on."""
    longest = max(len(ranking.cmc) for ranking in rankings)
    padded = [
        np.pad(ranking.cmc, (0, longest - len(ranking.cmc)), mode="edge") for ranking in rankings
    ]
    return np.asarray(np.mean(padded, axis=0), dtype=np.float64)


def _verified(dataset: EmbeddedDataset, ranked: _Ranked, policy: str) -> Verification | None:
    try:
        return verify(ranked.distances[0], dataset.query, dataset.gallery, dataset.junk, policy)
    except MetricError:
        return None
