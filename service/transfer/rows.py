"""Rows of a file of records as they were read, before anybody has checked them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

# What a file of records may have beside features and mask. The last four are what an export adds,
# so that a gallery made of it is the same and can be indexed and embedded further.
TEXT_COLUMNS = (
    "id",
    "identity",
    "camera",
    "scene",
    "attributes",
    "content_hash",
    "images_hash",
    "source",
)
TIME_COLUMNS = ("captured_at", "created_at")
COLUMNS = (*TEXT_COLUMNS[:4], "captured_at", *TEXT_COLUMNS[4:], "created_at")

NO_TIME = int(np.iinfo(np.int64).min)
"""Stands for a time that is not known where a file cannot leave one out."""

MODEL = "model"
"""Under this name a file says the fingerprint of the model that made its features."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """Stands in a column for a value that cannot be one; `reason` is a sentence."""

    reason: str


# A text, or microseconds since 1970-01-01T00:00:00Z, or nothing.
Cell: TypeAlias = str | int | Unusable | None


@dataclass(frozen=True, slots=True, eq=False)
class FileRows:
    """Rows `first` to `first + N` of a file.

    `features` is (N, 3, D) float16 or float32, `mask` (N, 3); `columns` has N values under each
    name of COLUMNS that the file has. `problems` says of single rows why they are no records.
    """

    first: int
    features: NDArray[np.floating]
    mask: NDArray[np.bool_]
    columns: Mapping[str, Sequence[Cell]]
    problems: Mapping[int, str] = field(default_factory=dict)


class RecordFile(Protocol):
    """A file of records that is open for reading. `model` is None where it does not say it."""

    path: Path
    count: int
    feature_size: int
    model: str | None

    def rows(self, at_once: int) -> Iterator[FileRows]:
        """Every row in order, at most so many at once. Raises `UnusableRecordFile`."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


def rows_at_once(wanted: int, row_bytes: int) -> int:
    """How many rows are read at once: as many as wanted, if they are not too large together."""
    return max(1, min(wanted, _BYTES_AT_ONCE // max(row_bytes, 1)))


_BYTES_AT_ONCE = 32 << 20
