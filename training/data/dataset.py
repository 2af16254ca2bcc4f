"""What every loader returns."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vreid.metrics import Junk, Labels
from vreid.sample import AttributeValue, Sample


@dataclass(frozen=True)
class Dataset:
    """A data set split for training and retrieval.

    Attributes:
        name: what reports call it.
        train: samples to learn from.
        query: samples to search with.
        gallery: samples to search among.
        junk: which shared field makes a gallery sample of the query's identity junk.
        symmetric: whether query and gallery may change places; evaluation then reports both
            directions and their mean.
    """

    name: str
    train: Sequence[Sample]
    query: Sequence[Sample]
    gallery: Sequence[Sample]
    junk: Junk
    symmetric: bool = False

    def exchanged(self) -> "Dataset":
        """The same data set with query and gallery exchanged."""
        return replace(self, query=self.gallery, gallery=self.query)


def labels_of(samples: Sequence[Sample]) -> Labels:
    """The labels that retrieval metrics read, one entry per sample; None where unknown."""

    def column(values: Iterable[AttributeValue | None]) -> NDArray[np.object_]:
        return np.array(list(values), dtype=np.object_)

    return Labels(
        identity=column(sample.identity for sample in samples),
        camera=column(sample.camera for sample in samples),
        scene=column(sample.scene for sample in samples),
        view=column(sample.attributes.get("view") for sample in samples),
    )
