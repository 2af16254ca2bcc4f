"""Every pair of a data set with its score and what the labels say about it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.embedded import EmbeddedDataset, same_samples
from training.evaluation.verification import equal_labels
from vreid.calibration import Calibration
from vreid.errors import MetricError
from vreid.metrics import Ranking, evaluate_ranking
from vreid.scoring import Scores, contributions, score


@dataclass(frozen=True)
class ScoredDataset:
    """Query against gallery under one policy; arrays of pairs have the shape (Q, G).

    Attributes:
        dataset: the features.
        policy: center, concat or shared.
        scores: of every pair.
        ranking: measured from them.
        same: pairs of one identity.
        junk: pairs of one identity that the data set's rule leaves out.
        itself: pairs of a query with its own entry in the gallery.
    """

    dataset: EmbeddedDataset
    policy: str
    scores: Scores
    ranking: Ranking
    same: NDArray[np.bool_]
    junk: NDArray[np.bool_]
    itself: NDArray[np.bool_]

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Pairs that take part in the figures and that the policy compares."""
        return self.scores.valid & ~self.junk & ~self.itself

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """Counted pairs of which both identities are known."""
        query, gallery = (
            np.array([identity is not None for identity in side.labels.identity], dtype=np.bool_)
            for side in (self.dataset.query, self.dataset.gallery)
        )
        return self.counted & (query[:, None] & gallery[None, :])

    def order(self, query: int) -> NDArray[np.intp]:
        """Gallery rows by falling score, junk among them, without the query's own entry."""
        ranked = np.argsort(-self.scores.ranking_key[query], kind="stable")
        kept = self.scores.valid[query, ranked] & ~self.itself[query, ranked]
        return np.asarray(ranked[kept], dtype=np.intp)

    def first_counted(self) -> NDArray[np.int64]:
        """The gallery row at rank 1 of every query, (Q,); -1 where nothing is ranked."""
        best = np.argmax(np.where(self.counted, self.scores.ranking_key, -np.inf), axis=1)
        best[~self.counted.any(axis=1)] = -1
        return np.asarray(best, dtype=np.int64)

    def contributions(self, query: int, gallery: int) -> NDArray[np.float64]:
        """What each modality adds to a pair's score, (3,); NaN where it takes no part."""
        left, right = self.dataset.query, self.dataset.gallery
        found = contributions(
            left.features[query],
            left.mask[query],
            right.features[gallery],
            right.mask[gallery],
            self.policy,
        )
        parts = np.full(left.mask.shape[1], np.nan)
        for modality, part in found.items():
            parts[modality.index] = part
        return parts


def score_dataset(
    dataset: EmbeddedDataset, policy: str, calibration: Calibration | None = None
) -> ScoredDataset:
    """Scores and ranks query against gallery, in the given direction only.

    Args:
        dataset: embedded query and gallery.
        policy: center, concat or shared.
        calibration: the bundle's; None for a checkpoint.

    Raises:
        ScoringError: the policy is unknown or unresolved.
        MetricError: no query has a positive, or the policy compares no pair.
    """
    query, gallery = dataset.query, dataset.gallery
    scores = score(query.features, query.mask, gallery.features, gallery.mask, policy, calibration)
    if not scores.valid.any():
        raise MetricError(
            f"policy {policy} can compare no query with any gallery sample; use shared"
        )
    itself = same_samples(query, gallery)
    distances = np.where(scores.valid, -scores.ranking_key, np.inf)
    ranking = evaluate_ranking(distances, query.labels, gallery.labels, dataset.junk, itself)
    same = equal_labels("identity", query.labels, gallery.labels)
    junk = np.zeros_like(same)
    if dataset.junk is not None:
        junk = same & equal_labels(dataset.junk, query.labels, gallery.labels)
    return ScoredDataset(dataset, policy, scores, ranking, same, junk, itself)
