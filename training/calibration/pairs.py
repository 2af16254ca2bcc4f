"""Pairs of a query and a gallery sample, scored in every representation that they can have."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.embedded import EmbeddedDataset, EmbeddedSamples
from training.evaluation.pair_labels import pair_labels
from training.evaluation.ranking import modality_subsets
from vreid.calibration import center_key, shared_key
from vreid.metrics import Junk
from vreid.scoring import score

REPRESENTATIONS = ("shared", "center")
"""Kinds of calibration key; each names the general table of its kind, too."""


class ScoredPairs(NamedTuple):
    """Cosines of pairs (n,), and whether each shows the same vehicle (n,)."""

    cosine: NDArray[np.float64]
    same: NDArray[np.bool_]


def pairs_by_key(
    dataset: EmbeddedDataset, representations: Sequence[str] = REPRESENTATIONS
) -> dict[str, ScoredPairs]:
    """The pairs of a query and a gallery sample by calibration key.

    Junk pairs and pairs of one and the same sample are left out. A pair of complete samples comes
    under every key: its modalities are taken away.
    """
    return dict(_keyed(dataset, representations))


def join(parts: Sequence[ScoredPairs]) -> ScoredPairs:
    """All pairs in one."""
    return ScoredPairs(
        np.concatenate([part.cosine for part in parts]),
        np.concatenate([part.same for part in parts]),
    )


def _keyed(
    dataset: EmbeddedDataset, representations: Sequence[str]
) -> Iterator[tuple[str, ScoredPairs]]:
    subsets = list(modality_subsets())
    query = {subset: dataset.query.having_all(subset) for subset in subsets}
    gallery = {subset: dataset.gallery.having_all(subset) for subset in subsets}
    for subset in subsets if "shared" in representations else ():
        if len(query[subset]) and len(gallery[subset]):
            key = shared_key(subset)
            yield key, _scored(query[subset], gallery[subset], dataset.junk, "shared")
    for left, right in product(subsets, subsets) if "center" in representations else ():
        if len(query[left]) and len(gallery[right]):
            key = center_key(left, right)
            yield key, _scored(query[left], gallery[right], dataset.junk, "center")


def _scored(
    query: EmbeddedSamples, gallery: EmbeddedSamples, junk: Junk, policy: str
) -> ScoredPairs:
    cosines = score(query.features, query.mask, gallery.features, gallery.mask, policy).score
    pairs = pair_labels(query, gallery, junk)
    counted = ~pairs.junk & ~pairs.itself
    return ScoredPairs(cosines[counted], pairs.same[counted])
