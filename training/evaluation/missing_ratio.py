"""The paper's missing-modality experiment (Sec. V-G, Fig. 10).

A missing ratio is the share of samples that lose modalities. Of the chosen samples, which are drawn
uniformly, half lose one modality and half lose two; query and gallery are treated alike. Every
ratio is drawn in several trials.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.embedded import EmbeddedDataset, EmbeddedSamples
from training.evaluation.masked_distances import MaskedDistances
from training.evaluation.ranking import Figures, directions, figures_of, mean_figures, rank
from vreid.calibration import Calibration
from vreid.errors import MetricError
from vreid.modality import MODALITIES
from vreid.policy import ResolvedPolicy

RATIOS = tuple(step / 10 for step in range(11))
"""Missing ratios of Fig. 10: 0, 0.1, ..., 1."""

TRIALS = 10

CURVE_POLICIES: tuple[ResolvedPolicy, ...] = ("center", "shared")
"""Policies that compare every pair; `auto` stands for one of them."""


@dataclass(frozen=True, eq=False)
class MissingRatioCurve:
    """Figures of one policy by missing ratio; shares of one, not percent.

    Attributes:
        policy: center, shared, or concat (at ratio 0 alone, since it leaves incomplete pairs out).
        ratios: (R,), ascending, in [0, 1].
        map, rank1, rank5, rank10: (R, T), one column for each trial.
        queries: complete queries that the experiment ran on.
        gallery: complete gallery samples that it ran on.
    """

    policy: str
    ratios: NDArray[np.float64]
    map: NDArray[np.float64]
    rank1: NDArray[np.float64]
    rank5: NDArray[np.float64]
    rank10: NDArray[np.float64]
    queries: int
    gallery: int

    def figures(self) -> Mapping[str, NDArray[np.float64]]:
        """The figures (R, T) by the names that reports use."""
        return {"mAP": self.map, "rank1": self.rank1, "rank5": self.rank5, "rank10": self.rank10}

    def to_json(self) -> dict[str, Any]:
        """Ratios, and of each figure its mean and standard deviation over the trials."""
        return {
            "ratios": self.ratios.tolist(),
            "trials": self.map.shape[1],
            "queries": self.queries,
            "gallery": self.gallery,
            **{
                name: {"mean": mean(values).tolist(), "deviation": deviation(values).tolist()}
                for name, values in self.figures().items()
            },
        }


def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the trials, (R, T) -> (R,)."""
    return np.asarray(values.mean(axis=1), dtype=np.float64)


def deviation(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sample standard deviation over the trials, (R, T) -> (R,); 0 for a single trial."""
    if values.shape[1] < 2:
        return np.zeros(len(values))
    return np.asarray(values.std(axis=1, ddof=1), dtype=np.float64)


def missing_ratio_curves(
    dataset: EmbeddedDataset,
    calibration: Calibration | None = None,
    ratios: Sequence[float] = RATIOS,
    trials: int = TRIALS,
) -> Mapping[str, MissingRatioCurve]:
    """Run the experiment on the complete samples of a data set.

    Trial number t draws by seed t at every ratio, so that a trial's samples at one ratio are among
    those at the next. Each figure equals `evaluate` on what `damage` returns.

    Args:
        dataset: embedded query and gallery; samples that lack a modality are left out.
        calibration: the bundle's; None for a checkpoint.
        ratios: ascending, in [0, 1].
        trials: draws for each ratio.

    Returns:
        Curves of center and shared; of concat where 0 is among the ratios.

    Raises:
        MetricError: no query or no gallery sample is complete, or no query has a positive.
    """
    complete = dataset.having_all(MODALITIES)
    if not len(complete.query) or not len(complete.gallery):
        raise MetricError(
            "the missing-ratio experiment takes modalities from complete samples, and no query "
            "or no gallery sample has all three; measure --subsets on this data"
        )
    measured = _Experiment(complete, calibration)
    cells = {policy: np.zeros((len(ratios), trials, 4)) for policy in CURVE_POLICIES}
    for row, ratio in enumerate(ratios):
        # Without any loss every trial is the same.
        different = trials if ratio else 1
        for trial in range(different):
            for policy, figures in measured.figures(ratio, trial).items():
                cells[policy][row, trial:] = figures
    curves: dict[str, MissingRatioCurve] = {}
    for policy, values in cells.items():
        curves[policy] = _curve(policy, ratios, values, complete)
    if 0 in ratios:
        at_zero = np.array(measured.without_loss("concat"))[None, None]
        curves["concat"] = _curve("concat", [0.0], at_zero, complete)
    return curves


class _Experiment:
    """The complete data set, its products multiplied once for all draws.

    The features of a joint network change with what is missing, so theirs are multiplied each time.
    """

    def __init__(self, dataset: EmbeddedDataset, calibration: Calibration | None) -> None:
        self.dataset = dataset
        self.calibration = calibration
        self.kept = [None if _joint(one) else _products(one) for one in directions(dataset)]

    def figures(self, ratio: float, trial: int) -> dict[ResolvedPolicy, list[float]]:
        damaged = damage(self.dataset, ratio, trial)
        return self._measured(damaged, CURVE_POLICIES)

    def without_loss(self, policy: ResolvedPolicy) -> list[float]:
        return self._measured(self.dataset, (policy,))[policy]

    def _measured(
        self, dataset: EmbeddedDataset, policies: Sequence[ResolvedPolicy]
    ) -> dict[ResolvedPolicy, list[float]]:
        found: dict[ResolvedPolicy, list[Figures]] = {policy: [] for policy in policies}
        for one, kept in zip(directions(dataset), self.kept, strict=True):
            products = kept or _products(one)
            by_policy = products.distances(
                one.query.mask, one.gallery.mask, policies, self.calibration
            )
            for policy, distances in by_policy.items():
                ranking = rank(distances, one.query, one.gallery, one.junk)
                found[policy].append(figures_of(ranking, len(one.gallery)))
        return {policy: _four(mean_figures(parts)) for policy, parts in found.items()}


def _joint(dataset: EmbeddedDataset) -> bool:
    return dataset.query.joint is not None or dataset.gallery.joint is not None


def _products(dataset: EmbeddedDataset) -> MaskedDistances:
    return MaskedDistances(dataset.query.features, dataset.gallery.features)


def _four(figures: Figures) -> list[float]:
    return [figures.map, figures.rank1, figures.rank5, figures.rank10]


def _curve(
    policy: str, ratios: Sequence[float], cells: NDArray[np.float64], dataset: EmbeddedDataset
) -> MissingRatioCurve:
    average_precision, rank1, rank5, rank10 = np.moveaxis(cells, -1, 0)
    return MissingRatioCurve(
        policy=policy,
        ratios=np.asarray(ratios, dtype=np.float64),
        map=average_precision,
        rank1=rank1,
        rank5=rank5,
        rank10=rank10,
        queries=len(dataset.query),
        gallery=len(dataset.gallery),
    )


def damage(dataset: EmbeddedDataset, ratio: float, seed: int) -> EmbeddedDataset:
    """The data set of complete samples with a share of them robbed of one or two modalities.

    Args:
        dataset: every sample has all modalities.
        ratio: share of samples that lose something, 0 to 1.
        seed: which samples lose which modalities.
    """
    # A generator for each side: one for both would reach the gallery at another place of its
    # stream for each ratio.
    return replace(
        dataset,
        query=_damaged(dataset.query, ratio, np.random.default_rng([seed, 0])),
        gallery=_damaged(dataset.gallery, ratio, np.random.default_rng([seed, 1])),
    )


def _damaged(
    samples: EmbeddedSamples, ratio: float, random: np.random.Generator
) -> EmbeddedSamples:
    mask = samples.mask & ~missing_modalities(len(samples), ratio, random)
    return replace(samples, mask=mask)


def missing_modalities(
    samples: int, ratio: float, random: np.random.Generator
) -> NDArray[np.bool_]:
    """Which modalities complete samples lose, (samples, 3): at most two of each."""
    missing = np.zeros((samples, len(MODALITIES)), dtype=np.bool_)
    chosen = random.permutation(samples)[: round(ratio * samples)]
    for position, row in enumerate(chosen):
        lost = 1 + position % 2
        missing[row, random.choice(len(MODALITIES), lost, replace=False)] = True
    return missing
