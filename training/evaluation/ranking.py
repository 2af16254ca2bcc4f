"""Retrieval measured on a data set, through the scoring that the service uses."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.embedded import EmbeddedDataset, EmbeddedSamples, same_samples
from vreid.calibration import Calibration
from vreid.errors import MetricError
from vreid.metrics import Junk, Ranking, evaluate_ranking
from vreid.modality import MODALITIES, Modality
from vreid.scoring import resolve_policy, score

SUBSET_LETTERS = {Modality.RGB: "R", Modality.NIR: "N", Modality.TIR: "T"}


@dataclass(frozen=True)
class Figures:
    """What is reported of one ranking; shares of one, not percent.

    Attributes:
        map: mean average precision.
        rank1, rank5, rank10: share of queries with a positive among their first 1, 5, 10.
        mean_inverse_negative_penalty: see `vreid.metrics`.
        queries: valid queries.
        gallery: samples searched among.
    """

    map: float
    rank1: float
    rank5: float
    rank10: float
    mean_inverse_negative_penalty: float
    queries: int
    gallery: int

    def to_json(self) -> dict[str, Any]:
        """By the names that reports use."""
        return {
            "mAP": self.map,
            "rank1": self.rank1,
            "rank5": self.rank5,
            "rank10": self.rank10,
            "mINP": self.mean_inverse_negative_penalty,
            "queries": self.queries,
            "gallery": self.gallery,
        }


@dataclass(frozen=True)
class Evaluation:
    """Figures of a data set, and of every direction where query and gallery may change places.

    Attributes:
        figures: the mean over directions.
        directions: one, or two of a symmetric data set: as given, then exchanged.
    """

    figures: Figures
    directions: Sequence[Figures]

    def to_json(self) -> dict[str, Any]:
        """The mean figures; with `directions` where there are two."""
        document = self.figures.to_json()
        if len(self.directions) > 1:
            document["directions"] = [figures.to_json() for figures in self.directions]
        return document


def evaluate(
    dataset: EmbeddedDataset,
    policy: str = "auto",
    calibration: Calibration | None = None,
    auto_policy: str = "shared",
) -> Evaluation:
    """Ranks the gallery for every query and measures the ranking.

    Args:
        dataset: embedded query and gallery.
        policy: center, concat, shared or auto.
        calibration: the bundle's; None for a checkpoint.
        auto_policy: what auto stands for.

    Raises:
        ScoringError: the policy is unknown.
        MetricError: no query has a positive, or concat meets incomplete samples only.
    """
    chosen = resolve_policy(policy, auto_policy)
    figures = [
        rank_figures(one.query, one.gallery, one.junk, chosen, calibration)
        for one in directions(dataset)
    ]
    return Evaluation(mean_figures(figures), figures)


def evaluate_subsets(
    dataset: EmbeddedDataset,
    policy: str = "auto",
    calibration: Calibration | None = None,
    auto_policy: str = "shared",
) -> Mapping[str, Evaluation | None]:
    """As `evaluate`, for every subset of the modalities, the others taken away on both sides.

    Concat compares by the concatenation of the subset (Table II), among the samples that have all
    of it.

    Returns:
        Evaluations by R, N, T, R+N, R+T, N+T, R+N+T; None where no query has a positive left, which
        is so for subsets that the data does not have. A subset is reported only where some
        sample has all of it.
    """
    chosen = resolve_policy(policy, auto_policy)
    found: dict[str, Evaluation | None] = {}
    for subset in modality_subsets():
        name = "+".join(SUBSET_LETTERS[modality] for modality in subset)
        restricted = dataset.restricted(subset)
        if not len(restricted.query.having_all(subset)):
            found[name] = None
            continue
        try:
            found[name] = (
                # What samples that have all of the subset share is its concatenation.
                evaluate(restricted.having_all(subset), "shared")
                if chosen == "concat"
                else evaluate(restricted, chosen, calibration)
            )
        except MetricError:
            found[name] = None
    return found


def modality_subsets() -> Iterator[tuple[Modality, ...]]:
    """Every non-empty subset of the modalities, smaller ones first."""
    for size in range(1, len(MODALITIES) + 1):
        yield from combinations(MODALITIES, size)


def rank_figures(
    query: EmbeddedSamples,
    gallery: EmbeddedSamples,
    junk: Junk,
    policy: str,
    calibration: Calibration | None,
) -> Figures:
    """Ranks by `vreid.scoring` and measures by `vreid.metrics`.

    Raises:
        MetricError: no query has a positive.
    """
    distances = policy_distances(query, gallery, policy, calibration)
    return figures_of(rank(distances, query, gallery, junk), len(gallery))


def policy_distances(
    query: EmbeddedSamples,
    gallery: EmbeddedSamples,
    policy: str,
    calibration: Calibration | None,
) -> NDArray[np.float64]:
    """What a policy ranks by, ascending, (Q, G): the negative of its cosine or probability.

    Infinite where the policy does not compare the pair.

    Raises:
        ScoringError: the policy is unknown or ``auto``.
        MetricError: there is no pair that it compares.
    """
    if not len(query) or not len(gallery):
        raise MetricError("no query or no gallery sample; choose modalities that the data has")
    scores = score(query.features, query.mask, gallery.features, gallery.mask, policy, calibration)
    if not scores.valid.any():
        raise MetricError(
            f"policy {policy} can compare no query with any gallery sample; "
            "use shared or center, or complete samples"
        )
    return np.where(scores.valid, -scores.ranking_key, np.inf)


def rank(
    distances: NDArray[np.float64], query: EmbeddedSamples, gallery: EmbeddedSamples, junk: Junk
) -> Ranking:
    """Ranking by distances (Q, G), a query that is in the gallery never matching itself.

    Raises:
        MetricError: no query has a positive.
    """
    itself = same_samples(query, gallery)
    return evaluate_ranking(distances, query.labels, gallery.labels, junk, itself)


def figures_of(ranking: Ranking, gallery: int) -> Figures:
    """The reported figures of a ranking of so many gallery samples."""

    def cumulative(rank: int) -> float:
        return float(ranking.cmc[min(rank, len(ranking.cmc)) - 1])

    return Figures(
        map=ranking.map,
        rank1=cumulative(1),
        rank5=cumulative(5),
        rank10=cumulative(10),
        mean_inverse_negative_penalty=ranking.mean_inverse_negative_penalty,
        queries=ranking.valid_queries,
        gallery=gallery,
    )


def mean_figures(figures: Sequence[Figures]) -> Figures:
    """The mean over directions, each of which counts the same; queries are summed."""

    def mean(name: str) -> float:
        return float(np.mean([getattr(one, name) for one in figures]))

    return Figures(
        map=mean("map"),
        rank1=mean("rank1"),
        rank5=mean("rank5"),
        rank10=mean("rank10"),
        mean_inverse_negative_penalty=mean("mean_inverse_negative_penalty"),
        queries=sum(one.queries for one in figures),
        gallery=figures[0].gallery,
    )


def directions(dataset: EmbeddedDataset) -> Sequence[EmbeddedDataset]:
    """The data set as given; of a symmetric one also with query and gallery exchanged."""
    return [dataset, dataset.exchanged()] if dataset.symmetric else [dataset]
