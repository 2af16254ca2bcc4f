"""What the labels say about every pair of a query and a gallery sample."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.embedded import EmbeddedSamples, same_samples
from vreid.metrics import Junk, Labels


class PairLabels(NamedTuple):
    """Pairs (Q, G).

    Attributes:
        same: both identities are known and one.
        known: both identities are known.
        junk: of one identity, and left out by the data set's rule.
        itself: a query with its own entry in the gallery.
    """

    same: NDArray[np.bool_]
    known: NDArray[np.bool_]
    junk: NDArray[np.bool_]
    itself: NDArray[np.bool_]


def pair_labels(query: EmbeddedSamples, gallery: EmbeddedSamples, junk: Junk) -> PairLabels:
    """Labels every pair of Q queries and G gallery samples under a junk rule."""
    same = _equal("identity", query.labels, gallery.labels)
    return PairLabels(
        same,
        np.logical_and.outer(_known(query.labels), _known(gallery.labels)),
        np.zeros_like(same) if junk is None else same & _equal(junk, query.labels, gallery.labels),
        same_samples(query, gallery),
    )


def _equal(name: str, query: Labels, gallery: Labels) -> NDArray[np.bool_]:
    """(Q, G): whether both have the label and it is the same; unknown labels equal nothing."""
    numbers: dict[object, int] = {}
    sides = [_column(labels, name) for labels in (query, gallery)]
    left, right = (
        np.array(
            [
                unknown if value is None else numbers.setdefault(value, len(numbers))
                for value in values
            ],
            dtype=np.int64,
        )
        for values, unknown in zip(sides, (-1, -2), strict=True)
    )
    return np.asarray(left[:, None] == right[None, :])


def _known(labels: Labels) -> NDArray[np.bool_]:
    return np.array([identity is not None for identity in _column(labels, "identity")])


def _column(labels: Labels, name: str) -> list[object]:
    values = getattr(labels, name)
    if values is None:
        return [None] * len(labels.identity)
    return list(np.asarray(values, dtype=np.object_))
