"""Records of a Parquet file, read a part of a row group at a time.

The columns are those of an npz file. Features are three columns `features_rgb`, `features_nir` and
`features_tir`, each a list of D float16 or float32, null where the modality is missing; or one
column `features`, a list of three such lists. `mask`, a list of three booleans, may be left out
when the nulls say it. A time is a timestamp with a zone, a text in ISO 8601 with a zone, or an
int64 of microseconds since 1970-01-01T00:00:00Z. The model's fingerprint is the file's metadata
under the key `model`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.errors import UnusableRecordFile
from service.parquet import damage_errors, open_parquet
from service.transfer.rows import (
    COLUMNS,
    MODEL,
    TIME_COLUMNS,
    Cell,
    FileRows,
    rows_at_once,
)
from vreid.modality import MODALITIES

FEATURE_COLUMNS = tuple(f"features_{modality}" for modality in MODALITIES)
_FLOAT_TYPES: dict[str, type[np.floating]] = {"halffloat": np.float16, "float": np.float32}


class ParquetRecords:
    """A Parquet file of records; raises `UnusableRecordFile` when it is not made as one.

    `feature_size` is the wanted D where the file's types do not say it; lists of another size are
    problems of their rows then.
    """

    def __init__(self, path: Path, feature_size: int) -> None:
        self.path = path
        self._damage = damage_errors()
        try:
            self._file = open_parquet(path)
            self._schema = self._file.schema_arrow
        except self._damage as error:
            raise UnusableRecordFile(
                f"{path} cannot be read as a Parquet file ({error}); name one, or copy it again."
            ) from error
        try:
            self._check_names()
            self._vectors = (
                [_item_type(self._schema.field("features").type)]
                if "features" in self._schema.names
                else [
                    self._schema.field(name).type
                    for name in FEATURE_COLUMNS
                    if name in self._schema.names
                ]
            )
            self._dtype = np.result_type(*[self._float_type(each) for each in self._vectors])
            self.feature_size = next(
                (size for each in self._vectors if (size := _fixed_size(each)) is not None),
                feature_size,
            )
            for name in COLUMNS:
                if name in self._schema.names:
                    self._check_type(name)
        except BaseException:
            self._file.close()
            raise
        self.count = int(self._file.metadata.num_rows)
        metadata = self._schema.metadata or {}
        model = metadata.get(MODEL.encode())
        self.model: str | None = None if model is None else model.decode(errors="replace")

    def rows(self, at_once: int) -> Iterator[FileRows]:
        """Every row in order, at most so many at once. Raises `UnusableRecordFile`."""
        row_bytes = len(MODALITIES) * self.feature_size * self._dtype.itemsize
        first = 0
        try:
            for batch in self._file.iter_batches(rows_at_once(at_once, row_bytes)):
                yield self._rows(batch, first)
                first += batch.num_rows
        except self._damage as error:
            raise UnusableRecordFile(
                f"{self.path} is damaged near row {first} ({error}); copy or write the file again. "
                "The records before are imported, and are skipped the next time."
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _rows(self, batch: Any, first: int) -> FileRows:  # noqa: ANN401 - a pyarrow RecordBatch
        names = batch.schema.names
        features = np.zeros((batch.num_rows, len(MODALITIES), self.feature_size), dtype=self._dtype)
        present = np.zeros((batch.num_rows, len(MODALITIES)), dtype=np.bool_)
        problems: dict[int, str] = {}
        if "features" in names:
            whole, rows = batch.column("features"), np.arange(batch.num_rows)
            triples = _of_length(whole, len(MODALITIES))
            for row in rows[~triples]:
                problems[int(row)] = (
                    "The features are no list of three lists; give one for each "
                    "of RGB, NIR and TIR, null where it is missing."
                )
            inner = _flattened(whole, triples)
            columns = [
                (index, inner.take(_indices(index, len(inner))), rows[triples])
                for index in range(len(MODALITIES))
            ]
        else:
            columns = [
                (index, batch.column(name), np.arange(batch.num_rows))
                for index, name in enumerate(FEATURE_COLUMNS)
                if name in names
            ]
        for index, column, rows in columns:
            good = _of_length(column, self.feature_size)
            given = column.is_valid().to_numpy(zero_copy_only=False)
            for row in rows[given & ~good]:
                problems[int(row)] = (
                    f"The {MODALITIES[index]} features are not {self.feature_size} values; embed "
                    "with the gallery's bundle."
                )
            values = _numbers(_flattened(column, good)).reshape(-1, self.feature_size)
            features[rows[good], index] = values
            present[rows[good], index] = True
        mask = present
        if "mask" in names:
            mask = self._mask(batch.column("mask"), present, problems)
        return FileRows(
            first,
            features,
            mask,
            {name: self._cells(name, batch.column(name)) for name in COLUMNS if name in names},
            problems,
        )

    def _mask(
        self,
        column: Any,  # noqa: ANN401 - a pyarrow array
        present: NDArray[np.bool_],
        problems: dict[int, str],
    ) -> NDArray[np.bool_]:
        mask = present.copy()
        for row, given in enumerate(column.to_pylist()):
            if given is None:
                continue
            if len(given) != len(MODALITIES) or None in given:
                problems[row] = (
                    "The mask is not three booleans; give one for each of RGB, NIR, TIR."
                )
                continue
            mask[row] = given
            for modality in MODALITIES:
                if given[modality.index] and not present[row, modality.index]:
                    problems.setdefault(
                        row, f"The mask names {modality}, and it has no {modality} features."
                    )
        return mask

    def _cells(self, name: str, column: Any) -> Sequence[Cell]:  # noqa: ANN401
        kind = str(column.type)
        if kind.startswith("timestamp"):
            import pyarrow as arrow

            return _microseconds(column.cast(arrow.int64()).to_pylist(), column.type.unit)
        values = column.to_pylist()
        if name in TIME_COLUMNS:
            return [None if value == "" else value for value in values]
        return [None if value is None or value == "" else str(value) for value in values]

    def _check_names(self) -> None:
        names = self._schema.names
        if "id" not in names or not {"features", *FEATURE_COLUMNS} & set(names):
            raise UnusableRecordFile(
                f"{self.path} has the columns {', '.join(names) or '(none)'}; it needs id, and "
                f"features or some of {', '.join(FEATURE_COLUMNS)}."
            )
        if len(set(names)) != len(names):
            raise UnusableRecordFile(
                f"{self.path} names a column twice; give each column its own name."
            )
        known = {"mask", *COLUMNS, *(("features",) if "features" in names else FEATURE_COLUMNS)}
        if unknown := sorted(set(names) - known):
            raise UnusableRecordFile(
                f"{self.path} has the columns {', '.join(unknown)}, which no record has; put them "
                "into attributes, or leave them out."
            )

    def _float_type(self, vectors: Any) -> type[np.floating]:  # noqa: ANN401
        found = _FLOAT_TYPES.get(str(_item_type(vectors)))
        if found is None:
            raise UnusableRecordFile(
                f"{self.path}: features are of type {vectors}; save lists of float16 or float32, "
                "one for each modality."
            )
        return found

    def _check_type(self, name: str) -> None:
        kind = str(self._schema.field(name).type)
        texts = ("string", "large_string", "string_view", "null")
        if name in TIME_COLUMNS:
            fits = kind in (*texts, "int64") or (kind.startswith("timestamp") and "tz=" in kind)
            advice = (
                "which names no time zone; give timestamps with one, texts such as "
                "2024-05-01T18:30:00Z, or microseconds since 1970-01-01T00:00:00Z as int64."
            )
        else:
            is_label = name in ("id", "identity", "camera", "scene")
            numbers = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
            fits = (
                kind in texts
                or kind.startswith("dictionary<values=string")
                or (is_label and kind in numbers)
            )
            advice = "which is no text; save it as texts."
        if not fits:
            raise UnusableRecordFile(f"{self.path}: {name} is of type {kind}, {advice}")


def _microseconds(counts: Sequence[int | None], unit: str) -> list[Cell]:
    """Times of a unit of Parquet as microseconds, cut to them.

    They are as large as they come out: what is no moment then is told when the row is checked,
    which an int64 that has run over would hide.
    """
    if unit == "ns":
        # Before 1970 too a moment lies in the microsecond that began before it.
        return [None if count is None else count // 1000 for count in counts]
    factor = {"s": 1_000_000, "ms": 1000, "us": 1}[unit]
    return [None if count is None else count * factor for count in counts]


def _item_type(kind: Any) -> Any:  # noqa: ANN401 - a pyarrow DataType
    """The type of a list's items, None when it is no list."""
    return getattr(kind, "value_type", None)


def _fixed_size(kind: Any) -> int | None:  # noqa: ANN401 - a pyarrow DataType
    size: int | None = getattr(kind, "list_size", None)
    return size


def _of_length(lists: Any, length: int) -> NDArray[np.bool_]:  # noqa: ANN401 - a pyarrow array
    """Which lists (N,) are there and have this length."""
    import pyarrow.compute as compute

    lengths = compute.fill_null(compute.list_value_length(lists), -1)
    found: NDArray[np.bool_] = lengths.to_numpy(zero_copy_only=False) == length
    return found


def _flattened(lists: Any, chosen: NDArray[np.bool_]) -> Any:  # noqa: ANN401 - a pyarrow array
    import pyarrow as arrow

    return (lists if chosen.all() else lists.filter(arrow.array(chosen))).flatten()


def _indices(start: int, length: int) -> Any:  # noqa: ANN401 - a pyarrow array
    import pyarrow as arrow

    return arrow.array(np.arange(start, length, len(MODALITIES)))


def _numbers(values: Any) -> NDArray[np.floating]:  # noqa: ANN401 - a pyarrow array
    """The values as floats, NaN for null: a null among a modality's values is refused with it."""
    numbers: NDArray[np.floating] = values.to_numpy(zero_copy_only=False)
    if numbers.dtype == object:
        kept = _FLOAT_TYPES[str(values.type)]
        return np.array([np.nan if each is None else each for each in numbers], dtype=kept)
    return numbers
