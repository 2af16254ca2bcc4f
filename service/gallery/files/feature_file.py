"""Features of a segment's rows in a file: float16, packed, mapped into memory.

Only the modalities that a row has are stored, one vector after another; where a row begins follows
from the masks of the rows before it. A row that was erased is zero.
"""

from __future__ import annotations

import mmap
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from service.errors import GalleryDamaged
from vreid.modality import MODALITIES

STORED = np.dtype("<f2")

ALL = (1 << len(MODALITIES)) - 1

_MODALITIES_OF = np.array([bits.bit_count() for bits in range(ALL + 1)], dtype=np.uint8)
# How many vectors lie before that of a modality, for each mask.
_BEFORE = np.array(
    [
        [(bits & ((1 << modality) - 1)).bit_count() for modality in range(len(MODALITIES))]
        for bits in range(ALL + 1)
    ]
)


def vector_offsets(mask: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Numbers (n + 1,) of each row's first vector, and of the end, for mask bits (n,)."""
    offsets = np.zeros(len(mask) + 1, dtype=np.int64)
    np.cumsum(_MODALITIES_OF[mask & ALL], out=offsets[1:])
    return offsets


def packed(features: NDArray[np.float16], mask: NDArray[np.uint8]) -> NDArray[np.float16]:
    """The vectors (v, D) that are stored of features (n, 3, D) with mask bits (n,)."""
    present = (mask[:, None] >> np.arange(len(MODALITIES), dtype=np.uint8) & 1).astype(np.bool_)
    return features[present].astype(STORED, copy=False)


class FeatureFile:
    """Reads the features (n, 3, D) of a segment; safe from several threads.

    The file may lose its name while it is in use: what is mapped stays readable.
    """

    def __init__(
        self,
        file: BinaryIO,
        offset: int,
        mask: NDArray[np.uint8],
        feature_size: int,
        path: Path | None = None,
    ) -> None:
        """Map the features that begin at a byte offset, which is a multiple of 4096.

        Raises `GalleryDamaged` when the file is too short, OSError when it cannot be mapped.
        """
        self.path = path
        self.mask = mask
        self.feature_size = feature_size
        self._offsets = vector_offsets(mask)
        self._length = offset + int(self._offsets[-1]) * feature_size * STORED.itemsize
        self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._check_length()
        # Candidates lie anywhere: reading ahead of each would fetch what nobody asked for.
        self._map.madvise(mmap.MADV_RANDOM)
        self._start = offset
        self._vectors: NDArray[np.float16] = np.frombuffer(
            self._map, STORED, int(self._offsets[-1]) * feature_size, offset
        ).reshape(-1, feature_size)

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.mask)

    @property
    def nbytes(self) -> int:
        """Bytes of features in the file."""
        return self._vectors.nbytes

    def rows(self, numbers: NDArray[np.int64], modalities: int = ALL) -> NDArray[np.float16]:
        """Features (m, u, D) of rows (m,), of the u modalities in these mask bits.

        They are zeros where a modality is missing or a row was erased. Raises `GalleryDamaged`
        when the file has been cut short.
        """
        self._check_length()
        bits = self.mask[numbers]
        wanted = [at for at in range(len(MODALITIES)) if modalities >> at & 1]
        vectors = self._offsets[numbers][:, None] + _BEFORE[bits[:, None], wanted]
        there = (bits[:, None] >> np.array(wanted, np.uint8) & 1).astype(np.bool_)
        if there.all():
            complete: NDArray[np.float16] = self._vectors[vectors]
            return complete
        features = np.zeros((*there.shape, self.feature_size), dtype=np.float16)
        features[there] = self._vectors[vectors[there]]
        return features

    def blocks(
        self, numbers: NDArray[np.int64] | None = None, rows: int = 1024
    ) -> Iterator[NDArray[np.float16]]:
        """The features of rows (m,), all when None, in blocks (at most `rows`, 3, D).

        Ascending rows are read ahead of their use.
        """
        wanted = np.arange(len(self)) if numbers is None else numbers
        for first in range(0, len(wanted), rows):
            block = wanted[first : first + rows]
            self._read_ahead(int(block[0]), int(block[-1]) + 1)
            features = self.rows(block)
            self._let_go(int(block[0]), int(block[-1]) + 1)
            yield features

    def damaged_rows(
        self, checksums: NDArray[np.uint32], live: NDArray[np.bool_], start: int, stop: int
    ) -> NDArray[np.int64]:
        """Those of the live rows `start` to `stop` whose features are not what was stored.

        `checksums` and `live` (n,) speak of all rows; a checksum is the CRC-32 of the row's
        vectors. Raises `GalleryDamaged` when the file has been cut short.
        """
        self._check_length()
        self._read_ahead(start, stop)
        wanted = np.flatnonzero(live[start:stop]) + start
        begins, ends = self._offsets[wanted].tolist(), self._offsets[wanted + 1].tolist()
        found = [
            zlib.crc32(self._vectors[begin:end].reshape(-1).view(np.uint8).data)
            for begin, end in zip(begins, ends, strict=True)
        ]
        self._let_go(start, stop)
        bad: NDArray[np.int64] = wanted[np.array(found, dtype=np.uint32) != checksums[wanted]]
        return bad

    def _read_ahead(self, start: int, stop: int) -> None:
        self._advise(mmap.MADV_WILLNEED, start, stop)

    def _let_go(self, start: int, stop: int) -> None:
        # What was read in passing would count as this process's memory for as long as it runs.
        self._advise(mmap.MADV_DONTNEED, start, stop)

    def _advise(self, advice: int, start: int, stop: int) -> None:
        row = self.feature_size * STORED.itemsize
        first = self._start + int(self._offsets[start]) * row
        last = min(self._start + int(self._offsets[stop]) * row, len(self._map))
        begin = first - first % mmap.PAGESIZE
        if last > begin:
            self._map.madvise(advice, begin, last - begin)

    def _check_length(self) -> None:
        # Reading a mapped page behind the end of its file would kill the process.
        if self._map.size() < self._length:
            raise GalleryDamaged(
                f"The index file {self.path or 'of this process'} has been cut short; it is "
                "derived and will be built again from the gallery: restart, or wait."
            )
