"""Attributes' values as filters compare them: their kinds, when two are the same, and ranges."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from service.gallery.record import AttributeValue

Kind = Literal["boolean", "number", "text"]
KINDS: tuple[Kind, ...] = ("boolean", "number", "text")


def kind_of(value: AttributeValue) -> Kind:
    """The kind of a value; true and 1 are equal in Python but not in JSON."""
    if isinstance(value, bool):
        return "boolean"
    return "text" if isinstance(value, str) else "number"


def is_same(first: AttributeValue, second: AttributeValue) -> bool:
    """Whether two values are one in JSON: 2 and 2.0 are, true and 1 are not."""
    return kind_of(first) == kind_of(second) and first == second


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers or texts between two ends; None is no end, and at least one is there.

    Texts are ordered by code point, so that ISO dates and times lie in the order of time. A text is
    in no range of numbers, and a number or a boolean in no range of texts.

    Raises `ValueError` with a sentence when there is no end, or when one is a boolean or not of the
    other's kind.
    """

    low: float | str | None = None
    high: float | str | None = None
    includes_low: bool = True
    includes_high: bool = False

    def __post_init__(self) -> None:
        kinds = {kind_of(end) for end in (self.low, self.high) if end is not None}
        if len(kinds) != 1 or "boolean" in kinds:
            raise ValueError("a range goes from a number to a number or from a text to a text")

    @property
    def kind(self) -> Kind:
        """The kind of the values in it."""
        return "text" if isinstance(self.low, str) or isinstance(self.high, str) else "number"

    def contains(self, value: AttributeValue) -> bool:
        """Whether a value is in it."""
        return kind_of(value) == self.kind and self._above_low(value) and self._below_high(value)

    def _above_low(self, value: AttributeValue) -> bool:
        if self.low is None:
            return True
        return value > self.low or (self.includes_low and value == self.low)  # type: ignore[operator]

    def _below_high(self, value: AttributeValue) -> bool:
        if self.high is None:
            return True
        return value < self.high or (self.includes_high and value == self.high)  # type: ignore[operator]


class AttributeRows(Protocol):
    """Which rows have which attributes; what filters ask of columns, growing or frozen."""

    def equal(self, name: str, values: Iterable[AttributeValue]) -> NDArray[np.bool_]:
        """Which rows (N,) have the attribute with one of the values."""
        ...

    def between(self, name: str, values: Range) -> NDArray[np.bool_]:
        """Which rows (N,) have the attribute with a value in the range."""
        ...

    def present(self, name: str) -> NDArray[np.bool_]:
        """Which rows (N,) have the attribute, whatever its value."""
        ...
