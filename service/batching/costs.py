"""How long things take here, from how long they took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vreid.modality import Modality

_RISING = 0.3
_FALLING = 0.1
"""How much the newest measurement counts. A slow spell is believed sooner than its end: what was
let in too late cannot be sent back."""

_FORGETTING = 0.03
"""How much the newest measurement counts where it is not the worst."""

_MOST = 4.0
"""Times the mean that one measurement may say: a single stall is no new speed."""


class MovingMean:
    """A mean in which older measurements count less and less; 0 before the first."""

    __slots__ = ("_is_empty", "value")

    def __init__(self) -> None:
        self.value = 0.0
        self._is_empty = True

    def add(self, measured: float) -> None:
        """Take one measurement in."""
        if self._is_empty:
            self.value = measured
            self._is_empty = False
            return
        measured = min(measured, _MOST * self.value)
        weight = _RISING if measured > self.value else _FALLING
        self.value += weight * (measured - self.value)


class RecentWorst:
    """About the largest of the last few dozen measurements; 0 before the first."""

    __slots__ = ("_is_empty", "value")

    def __init__(self) -> None:
        self.value = 0.0
        self._is_empty = True

    def add(self, measured: float) -> None:
        """Take one measurement in."""
        if self._is_empty or measured > self.value:
            self.value = measured if self._is_empty else min(measured, _MOST * self.value)
            self._is_empty = False
        else:
            self.value += _FORGETTING * (measured - self.value)


class Costs:
    """Seconds that a lane takes for one image of each branch."""

    def __init__(self, branches: Iterable[Modality]) -> None:
        self._means = {modality: MovingMean() for modality in branches}

    def add(self, modality: Modality, images: int, seconds: float) -> None:
        """Take in a run of so many images."""
        self._means[modality].add(seconds / images)

    def of(self, images: Mapping[Modality, int]) -> float:
        """Return the seconds that one lane would take for so many images of each branch."""
        return sum([self._means[branch].value * count for branch, count in images.items()])
