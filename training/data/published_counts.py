"""What is published about the size of the public data sets."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vreid.layouts.public_sets import MSVR310, RGBN300, RGBNT100, RGBNT201, WMVEID863, Split


@dataclass(frozen=True)
class Count:
    """Identities and samples; None where nothing is published."""

    identities: int | None = None
    samples: int | None = None

    def agrees_with(self, published: "Count") -> bool:
        """Whether both are as published, as far as something is."""
        return published.identities in (None, self.identities) and published.samples in (
            None,
            self.samples,
        )


@dataclass(frozen=True)
class PublishedCounts:
    """Of one data set.

    Attributes:
        splits: of each split.
        whole: of training and gallery together; the queries are samples of the gallery.
        in_train_and_test: identities that stand in both.
        has_unpaired_names: whether some names lack a partner in the data set itself.
    """

    splits: Mapping[Split, Count] = field(default_factory=dict)
    whole: Count = Count()
    in_train_and_test: int = 0
    has_unpaired_names: bool = False

    @property
    def any(self) -> bool:
        """Whether there is anything to compare with."""
        return self.whole != Count() or any(each != Count() for each in self.splits.values())


PUBLISHED = {
    MSVR310.name: PublishedCounts(
        {"train": Count(155, 1032), "query": Count(52, 591), "gallery": Count(155, 1055)}
    ),
    RGBNT100.name: PublishedCounts(
        {"train": Count(50, 8675), "query": Count(None, 1715), "gallery": Count(50, 8575)}
    ),
    RGBN300.name: PublishedCounts(whole=Count(300, 50125)),
    RGBNT201.name: PublishedCounts(
        {"train": Count(171, 3951), "query": Count(30, 836), "gallery": Count(30, 836)}
    ),
    WMVEID863.name: PublishedCounts(in_train_and_test=7, has_unpaired_names=True),
}
"""By the data set's name."""
