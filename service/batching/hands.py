"""What the lanes hold at the moment: which of them compute, what, and since when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from service.batching.costs import Costs
from service.batching.submission import QueuedImage, Submission
from vreid.modality import Modality

_HUNG_AFTER = 20
"""Times its mean that a run may take."""

SHORTEST_HANG = 30.0
"""Seconds that a run may take whatever its mean: a machine may stand still for a while."""


@dataclass(slots=True)
class Hand:
    """What one lane holds.

    Attributes:
        images: whose requests get their answer from this lane.
        began: the moment of `time.monotonic()` that it began to compute, None while it does not.
    """

    images: list[QueuedImage] = field(default_factory=list)
    began: float | None = None


class Hands:
    """A hand for each lane; belongs to whoever holds the batcher's lock."""

    def __init__(self, lanes: int, branches: Iterable[Modality]) -> None:
        self._hands = [Hand() for _ in range(lanes)]
        self._images = dict.fromkeys(branches, 0)

    def __getitem__(self, lane: int) -> Hand:
        return self._hands[lane]

    @property
    def images(self) -> Mapping[Modality, int]:
        """How many images of each branch are computed just now."""
        return self._images

    @property
    def busy(self) -> int:
        """How many lanes compute."""
        return sum(hand.began is not None for hand in self._hands)

    def begin(self, hand: Hand, images: list[QueuedImage], now: float) -> None:
        """A lane begins to compute."""
        hand.images, hand.began = images, now
        for image in images:
            self._images[image.modality] += 1
            if image.submission.begun is None:
                image.submission.begun = now

    def end(self, hand: Hand) -> None:
        """A lane computes nothing any more; whose images it had stays in its hand."""
        if hand.began is not None:
            hand.began = None
            for image in hand.images:
                self._images[image.modality] -= 1

    def submissions(self) -> list[Submission]:
        """What lanes hold a part of."""
        return list(
            dict.fromkeys(image.submission for hand in self._hands for image in hand.images)
        )

    def hung(self, now: float, costs: Costs) -> int:
        """How many lanes compute for so long that they will hardly come back."""
        return sum(
            hand.began is not None and now - hand.began > _longest(hand, costs)
            for hand in self._hands
        )


def _longest(hand: Hand, costs: Costs) -> float:
    expected = costs.of(Counter(image.modality for image in hand.images))
    return max(SHORTEST_HANG, _HUNG_AFTER * expected)
