"""An array that one thread appends to while others read what was there before."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class GrowingArray:
    """An array that grows at its end, doubling its capacity."""

    def __init__(self, dtype: DTypeLike, row_shape: tuple[int, ...] = ()) -> None:
        self._values: NDArray[Any] = np.empty((0, *row_shape), dtype=dtype)
        self._size = 0

    def extend(self, rows: NDArray[Any]) -> None:
        """Append rows."""
        size = self._size + len(rows)
        if size > len(self._values):
            capacity = max(size, 2 * len(self._values))
            larger = np.empty((capacity, *self._values.shape[1:]), dtype=self._values.dtype)
            larger[: self._size] = self._values[: self._size]
            self._values = larger
        self._values[self._size : size] = rows
        self._size = size

    def truncate(self, size: int) -> None:
        """Drop what was appended beyond a size."""
        self._size = min(self._size, size)

    def view(self) -> NDArray[Any]:
        """The rows so far; safe to take while another thread appends."""
        size = self._size  # before the array: an array replaced in between holds at least these
        return self._values[:size]
