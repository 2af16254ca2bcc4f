"""Records of an npz file.

`features` (N, 3, D) float16 or float32, `mask` (N, 3) bool, `id` (N,); if wanted `identity`,
`camera`, `scene`, `attributes` (JSON objects as texts), `captured_at`, and the model's fingerprint
as `model`. Texts are of dtype U, or S in UTF-8; labels may be whole numbers; an empty text is no
value. A time is a text in ISO 8601 with a zone, or an int64 of microseconds since
1970-01-01T00:00:00Z, where the smallest int64 is no value. datetime64 is refused: it has no zone.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.errors import UnusableRecordFile
from service.transfer.npz_members import COMPRESSIONS, DAMAGE, Member, unreadable
from service.transfer.rows import (
    COLUMNS,
    MODEL,
    NO_TIME,
    TIME_COLUMNS,
    Cell,
    FileRows,
    Unusable,
    rows_at_once,
)
from vreid.modality import MODALITIES

_FLOATS = (np.dtype(np.float16), np.dtype(np.float32))
# The longest text that a column may have a place for, in bytes.
_LONGEST_TEXT = 1 << 20


class NpzRecords:
    """An npz file of records; raises `UnusableRecordFile` when it is not made as one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._archive = zipfile.ZipFile(path)
        except DAMAGE as error:
            raise UnusableRecordFile(
                f"{path} cannot be read as an npz file ({error}); name one that numpy.savez wrote."
            ) from error
        try:
            self._names = self._checked_names()
            self.model = self._model()
            with self._opened("features") as features:
                _check_features(features, path)
                self.count, _, self.feature_size = features.shape
            for name in ("mask", *self._names):
                with self._opened(name) as member:
                    self._check(member)
        except BaseException:
            self._archive.close()
            raise

    def rows(self, at_once: int) -> Iterator[FileRows]:
        """Every row in order, at most so many at once. Raises `UnusableRecordFile`."""
        members = {
            name: Member(self._archive, name, self.path)
            for name in ("features", "mask", *self._names)
        }
        try:
            size = rows_at_once(at_once, sum(each.row_bytes for each in members.values()))
            for first in range(0, self.count, size):
                read = {
                    name: member.read(min(size, self.count - first))
                    for name, member in members.items()
                }
                columns = {name: _cells(name, read[name]) for name in self._names}
                if first + size >= self.count:
                    for member in members.values():
                        member.end()
                yield FileRows(first, read["features"], _truths(read["mask"]), columns)
        finally:
            for member in members.values():
                member.close()

    def close(self) -> None:
        """Close the file."""
        self._archive.close()

    def _opened(self, name: str) -> closing[Member]:
        return closing(Member(self._archive, name, self.path))

    def _checked_names(self) -> list[str]:
        members = self._archive.infolist()
        found = [each.filename.removesuffix(".npy") for each in members]
        for name, each in zip(found, members, strict=True):
            if name == each.filename:
                raise UnusableRecordFile(
                    f"{self.path} has the member {name[:60]!r}, which is no array; write the file "
                    "with numpy.savez or numpy.savez_compressed."
                )
            if each.compress_type not in COMPRESSIONS:
                raise unreadable(self.path, name, "numpy does not compress so")
        if len(set(found)) != len(found):
            raise UnusableRecordFile(
                f"{self.path} has an array twice; give each array its own name."
            )
        for needed in ("features", "mask", "id"):
            if needed not in found:
                raise UnusableRecordFile(
                    f"{self.path} has no array {needed}; it needs features, mask and id."
                )
        unknown = sorted(set(found) - {"features", "mask", MODEL, *COLUMNS})
        if unknown:
            raise UnusableRecordFile(
                f"{self.path} has the arrays {', '.join(unknown)}, which no record has; put them "
                "into attributes, or leave them out."
            )
        return [name for name in COLUMNS if name in found]

    def _model(self) -> str | None:
        if f"{MODEL}.npy" not in self._archive.namelist():
            return None
        with self._opened(MODEL) as member:
            if member.dtype.kind not in "US" or math.prod(member.shape) != 1:
                raise UnusableRecordFile(
                    f"{self.path}: model must be one text, the fingerprint of the bundle."
                )
            self._check_width(member)
            (text,) = member.read(1).reshape(-1).tolist()
        return text.decode(errors="replace") if isinstance(text, bytes) else str(text)

    def _check(self, member: Member) -> None:
        wanted = (self.count, len(MODALITIES)) if member.name == "mask" else (self.count,)
        if member.shape != wanted:
            raise UnusableRecordFile(
                f"{self.path}: {member.name} has shape {member.shape}; features has {self.count} "
                f"rows, so it must have shape {wanted}."
            )
        kind = member.dtype.kind
        if member.name == "mask":
            if kind != "b":
                raise UnusableRecordFile(
                    f"{self.path}: mask is of type {member.dtype}; save it as bool."
                )
        elif member.name in TIME_COLUMNS:
            if kind not in "US" and member.dtype != np.int64:
                raise UnusableRecordFile(
                    f"{self.path}: {member.name} is of type {member.dtype}, which names no time "
                    "zone; give texts such as 2024-05-01T18:30:00Z, or microseconds since "
                    "1970-01-01T00:00:00Z as int64."
                )
        elif kind not in "USiu" or (kind in "iu" and member.name == "attributes"):
            raise UnusableRecordFile(
                f"{self.path}: {member.name} is of type {member.dtype}; give texts (dtype U)."
            )
        self._check_width(member)

    def _check_width(self, member: Member) -> None:
        if member.dtype.itemsize > _LONGEST_TEXT:
            raise UnusableRecordFile(
                f"{self.path}: {member.name} has texts of {member.dtype.itemsize} bytes; no record "
                "holds that much, so shorten them."
            )


def _check_features(member: Member, path: Path) -> None:
    if len(member.shape) != 3 or member.shape[1] != len(MODALITIES) or not member.shape[2]:
        raise UnusableRecordFile(
            f"{path}: features has shape {member.shape}; it must be (N, 3, D), one row of D values "
            "for each of RGB, NIR and TIR."
        )
    if member.dtype.newbyteorder("=") not in _FLOATS:
        raise UnusableRecordFile(
            f"{path}: features is of type {member.dtype}; save float16 or float32."
        )


def _truths(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask with each byte 0 or 1: a file may have others, which numpy would count with."""
    truths: NDArray[np.bool_] = mask.view(np.uint8) != 0
    return truths


def _cells(name: str, values: NDArray[Any]) -> Sequence[Cell]:
    if values.dtype.kind in "iu":
        numbers: list[int] = values.tolist()
        if name in TIME_COLUMNS:
            return [None if number == NO_TIME else number for number in numbers]
        return [str(number) for number in numbers]
    if values.dtype.kind == "S":
        return [_decoded(name, value) if value else None for value in values.tolist()]
    try:
        return [value or None for value in values.tolist()]
    except ValueError as error:
        raise UnusableRecordFile(
            f"The array {name} holds what is no text ({error}); write the file again."
        ) from error


def _decoded(name: str, value: bytes) -> str | Unusable:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return Unusable(f"The {name} is not UTF-8; save it in that encoding, or with dtype U.")
