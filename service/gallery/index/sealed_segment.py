"""A sealed segment: codes of its vectors in memory, its features in a file; never changed.

It holds codes of the centers of all its rows and, for every set of two or three modalities, of the
concatenations of the rows that have just these. A space of few rows has no codes: all its rows are
scored exactly, and no mean of a handful of vectors is kept that would tell what they were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.gallery.columns.columns import FrozenColumns
from service.gallery.files.feature_file import ALL, FeatureFile
from service.gallery.files.segment_writer import SegmentWriter, StoredSegment
from service.gallery.index.codes import CodedVectors
from service.gallery.index.segments import CENTERS
from service.gallery.store.rows import bits_mask
from vreid.fusion import l2_normalise
from vreid.modality import MODALITIES

# A space of fewer rows than this has no codes.
CODED_ROWS = 64

# What is held at once.
_BLOCK_VALUES = 1 << 22


@dataclass(frozen=True, slots=True)
class CodedSpace:
    """Codes of the vectors of rows int32 (m,); None means of all rows."""

    rows: NDArray[np.int32] | None
    codes: CodedVectors

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return self.codes.nbytes + (0 if self.rows is None else self.rows.nbytes)


@dataclass(frozen=True)
class SealedSegment:
    """Rows with their codes; `spaces` by the modalities present, 0 for centers."""

    columns: FrozenColumns
    spaces: Mapping[int, CodedSpace]
    stored: StoredSegment

    @property
    def size(self) -> int:
        """Number of rows."""
        return self.columns.size

    @cached_property
    def mask_counts(self) -> NDArray[np.int64]:
        """How many rows have each mask (8,)."""
        return np.bincount(self.columns.mask, minlength=1 << len(MODALITIES))

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return self.columns.nbytes + sum(space.nbytes for space in self.spaces.values())

    def features(self, rows: NDArray[np.int64], modalities: int = ALL) -> NDArray[np.float16]:
        """Features (m, u, D) of rows (m,) in u modalities (mask bits), read from the file."""
        return self.stored.features.rows(rows, modalities)


def finish_sealing(
    writer: SegmentWriter,
    columns: FrozenColumns,
    as_of: int,
    coded_rows: int,
    check: Callable[[], None],
) -> SealedSegment:
    """Code the rows whose features were written, and finish the file.

    `as_of` is the change up to which nothing that was deleted is among the rows. `check` is called
    often and may raise to end the work early. Raises `GalleryUnwritable`.
    """
    check()
    spaces = code_spaces(writer.features(), columns.mask, coded_rows, check)
    stored = writer.finish(segment_arrays(columns, spaces), as_of)
    return SealedSegment(columns, spaces, stored)


def code_spaces(
    features: FeatureFile,
    mask: NDArray[np.uint8],
    coded_rows: int,
    check: Callable[[], None],
) -> dict[int, CodedSpace]:
    """The codes of every space with at least `coded_rows` rows, of mask bits (n,)."""
    spaces = {}
    for present in (CENTERS.present, *map(int, np.unique(mask))):
        if present.bit_count() == 1:
            continue
        rows = np.flatnonzero(mask == present) if present else np.arange(len(mask))
        if len(rows) < coded_rows:
            continue
        size = features.feature_size * max(1, present.bit_count())

        def blocks(
            present: int = present, rows: NDArray[np.int64] = rows
        ) -> Iterator[NDArray[np.float32]]:
            return _vectors(features, mask, present, rows, check)

        spaces[present] = CodedSpace(
            rows=None if len(rows) == len(mask) else rows.astype(np.int32),
            codes=CodedVectors.build(blocks, len(rows), size),
        )
    return spaces


def segment_arrays(
    columns: FrozenColumns, spaces: Mapping[int, CodedSpace]
) -> dict[str, NDArray[Any]]:
    """What of a segment goes into its file, besides the features.

    `sequence`, `checksum`, `mask`, and for each space `codes/<present>/rows` and the arrays of its
    codes. Labels stay in the database: they could not be erased here.
    """
    arrays: dict[str, NDArray[Any]] = {
        "sequence": columns.sequence,
        "checksum": columns.checksum,
        "mask": columns.mask,
    }
    for present, space in spaces.items():
        rows = space.rows
        arrays[f"codes/{present}/rows"] = (
            np.arange(columns.size, dtype=np.int32) if rows is None else rows
        )
        for name, array in space.codes.arrays().items():
            arrays[f"codes/{present}/{name}"] = array
    return arrays


def spaces_of(
    arrays: Mapping[str, NDArray[Any]], size: int, feature_size: int
) -> dict[int, CodedSpace]:
    """The spaces of what `segment_arrays` gave for `size` rows.

    Raises KeyError or ValueError when the arrays are not such.
    """
    found: dict[int, dict[str, NDArray[Any]]] = {}
    for name, array in arrays.items():
        kind, _, rest = name.partition("/")
        if kind == "codes":
            space, _, parameter = rest.partition("/")
            found.setdefault(int(space), {})[parameter] = array
    spaces = {}
    for present, parameters in found.items():
        rows = parameters.pop("rows").astype(np.int32, copy=False)
        if len(rows) and not (rows.min() >= 0 and rows.max() < size):
            raise ValueError("codes of rows that are not there")
        dimensions = feature_size * max(1, present.bit_count())
        spaces[present] = CodedSpace(
            rows=None if len(rows) == size else rows,
            codes=CodedVectors.from_arrays(parameters, len(rows), dimensions),
        )
    return spaces


def _vectors(
    features: FeatureFile,
    mask: NDArray[np.uint8],
    present: int,
    rows: NDArray[np.int64],
    check: Callable[[], None],
) -> Iterator[NDArray[np.float32]]:
    """Unit vectors of rows (m,) in a space, in blocks.

    In float32, which takes half as long as fusion's float64: a code keeps a bit of each number, and
    what is found by codes is scored exactly.
    """
    step = max(1, _BLOCK_VALUES // (len(MODALITIES) * features.feature_size))
    first = 0
    for block in features.blocks(rows, step):
        check()
        if present == CENTERS.present:
            part = rows[first : first + len(block)]
            yield _centers(block, mask[part])
        else:
            stacked = block[:, bits_mask(present)].astype(np.float32)
            yield l2_normalise(stacked.reshape(len(block), -1))
        first += len(block)


def _centers(features: NDArray[np.float16], mask: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What `vreid.fusion.masked_center` gives, without work for modalities that are missing."""
    sums = np.empty((len(mask), features.shape[2]), dtype=np.float32)
    for present in np.unique(mask):
        own = mask == present
        there = features[np.ix_(own, bits_mask(int(present)))]
        sums[own] = there.astype(np.float32).sum(axis=1)
    # The mean is the sum, once both have unit length.
    return l2_normalise(sums)
