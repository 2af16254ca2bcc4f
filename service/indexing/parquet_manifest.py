"""Samples listed in a Parquet file, with the columns of a CSV or JSONL one.

A time is a timestamp with a zone or a text in ISO 8601. Attributes are the other columns, and the
members of `attributes`, which may be a struct, a map, or a JSON object as text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from service.parquet import damage_errors, open_parquet
from vreid.errors import DatasetError
from vreid.layouts.sample_list import ManifestRow
from vreid.modality import MODALITIES

_ROWS_AT_ONCE = 1024


def read_rows(manifest: Path) -> Iterator[ManifestRow]:
    """Every row of a .parquet file, in order; its `line` counts from 0.

    Raises `vreid.errors.DatasetError` when the file cannot be read or has no column for images,
    and `ParquetUnavailable`.
    """
    number = 0
    damage = damage_errors()
    try:
        file = open_parquet(manifest)
        with file:
            _check_columns(manifest, file.schema_arrow.names)
            for batch in file.iter_batches(_ROWS_AT_ONCE):
                for cells, problem in _cells(batch):
                    yield ManifestRow(manifest, number, cells, problem)
                    number += 1
    except damage as error:
        raise DatasetError(
            f"{manifest} cannot be read near row {number} ({error}); give a whole Parquet file"
        ) from error


def _check_columns(manifest: Path, names: list[str]) -> None:
    if not set(map(str, MODALITIES)) & set(names):
        raise DatasetError(
            f"{manifest} has the columns {', '.join(names) or '(none)'}; it must have at least one "
            "of rgb, nir, tir"
        )
    if len(set(names)) != len(names):
        raise DatasetError(f"{manifest} names a column twice; give each column its own name")


def _cells(batch: Any) -> Iterator[tuple[dict[str, object], str | None]]:  # noqa: ANN401
    """The cells of each row of a pyarrow RecordBatch, and what is wrong with the row."""
    import pyarrow as arrow

    for at, column in enumerate(batch.columns):
        if arrow.types.is_timestamp(column.type) and column.type.unit == "ns":
            batch = batch.set_column(at, batch.schema.names[at], _in_microseconds(column))
    try:
        rows = batch.to_pylist(maps_as_pydicts="lossy")
    except (OverflowError, ValueError):
        # One value that Python has no object for hides every other row.
        yield from (_cells_alone(batch.slice(row, 1)) for row in range(batch.num_rows))
        return
    yield from map(_plain, rows)


def _cells_alone(row: Any) -> tuple[dict[str, object], str | None]:  # noqa: ANN401
    try:
        (cells,) = row.to_pylist(maps_as_pydicts="lossy")
    except (OverflowError, ValueError) as error:
        return {}, f"it has a value that cannot be read ({error}); times lie in the years 1 to 9999"
    return _plain(cells)


def _in_microseconds(nanoseconds: Any) -> Any:  # noqa: ANN401 - pyarrow arrays
    """Timestamps cut to microseconds, the smallest time that Python knows."""
    import pyarrow as arrow

    counts = nanoseconds.cast(arrow.int64()).to_pylist()
    return arrow.array(
        [None if count is None else count // 1000 for count in counts],
        arrow.timestamp("us", tz=nanoseconds.type.tz),
    )


def _plain(cells: Mapping[str, object]) -> tuple[dict[str, object], str | None]:
    """Cells as a JSONL file has them, and what is wrong with the row."""
    plain = {
        name: cell.isoformat() if isinstance(cell, datetime) else cell
        for name, cell in cells.items()
    }
    attributes = plain.get("attributes")
    if isinstance(attributes, str) and attributes:
        try:
            plain["attributes"] = json.loads(attributes)
        except (ValueError, RecursionError):
            return {}, f"attributes is {attributes[:60]!r}; give a JSON object"
    return plain, None
