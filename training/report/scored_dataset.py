"""Every pair of a data set with its score and what the labels say about it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from training.embedded import EmbeddedDataset
from training.evaluation.pair_labels import pair_labels
from vreid.calibration import Calibration
from vreid.contributions import contributions
from vreid.errors import MetricError
from vreid.metrics import Ranking, evaluate_ranking
from vreid.scoring import Scores, score


@dataclass(frozen=True)
class ScoredDataset:
    """Query against gallery under one policy; arrays of pairs have the shape (Q, G).

    Attributes:
        dataset: the features.
        policy: center, concat or shared.
        scores: of every pair.
        ranking: measured from them.
        same: pairs of one identity.
        known: pairs of which both identities are known.
        junk: pairs of one identity that the data set's rule leaves out.
        itself: pairs of a query with its own entry in the gallery.
    """

    dataset: EmbeddedDataset
    policy: str
    scores: Scores
    ranking: Ranking
    same: NDArray[np.bool_]
    known: NDArray[np.bool_]
    junk: NDArray[np.bool_]
    itself: NDArray[np.bool_]

    @cached_property
    def counted(self) -> NDArray[np.bool_]:
        """Pairs that take part in the figures and that the policy compares."""
        return self.scores.valid & ~self.junk & ~self.itself

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """Counted pairs of which both identities are known."""
        return self.counted & self.known

    def order(self, query: int) -> NDArray[np.intp]:
        """Gallery rows by falling score, junk among them, without the query's own entry."""
        ranked = np.argsort(-self.scores.ranking_key[query], kind="stable")
        kept = self.scores.valid[query, ranked] & ~self.itself[query, ranked]
        return np.asarray(ranked[kept], dtype=np.intp)

    def first_of(self, pairs: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The gallery row that ranks first among the marked pairs (Q, G) of every query, (Q,).

        Of equal scores the earlier row is first; -1 where no pair is marked.
        """
        best = np.argmax(np.where(pairs, self.scores.ranking_key, -np.inf), axis=1)
        best[~pairs.any(axis=1)] = -1
        return np.asarray(best, dtype=np.int64)

    @cached_property
    def first_true(self) -> NDArray[np.int64]:
        """The gallery row of every query's first true match, (Q,); -1 where there is none."""
        return self.first_of(self.counted & self.same)

    @cached_property
    def false_first_pairs(self) -> tuple[tuple[int, int], ...]:
        """(query row, gallery row) of every false first match, by falling score."""
        first = self.first_of(self.counted)
        pairs = [
            (query, int(first[query]))
            for query in self.ranking.query_rows.tolist()
            if first[query] >= 0 and not self.same[query, first[query]]
        ]
        return tuple(sorted(pairs, key=lambda pair: (-self.scores.ranking_key[pair], pair)))

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
    pairs = pair_labels(query, gallery, dataset.junk)
    distances = np.where(scores.valid, -scores.ranking_key, np.inf)
    ranking = evaluate_ranking(distances, query.labels, gallery.labels, dataset.junk, pairs.itself)
    return ScoredDataset(dataset, policy, scores, ranking, *pairs)
