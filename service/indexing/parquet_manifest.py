"""Samples listed in a Parquet file, with the columns of a CSV or JSONL one.

A time is a timestamp with a zone or a text in ISO 8601. Attributes are the other columns, and the
members of `attributes`, which may be a struct, a map, or a JSON object as text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from service.parquet import open_parquet
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
    try:
        file = open_parquet(manifest)
        with file:
            _check_columns(manifest, file.schema_arrow.names)
            for batch in file.iter_batches(_ROWS_AT_ONCE):
                for cells in batch.to_pylist(maps_as_pydicts="lossy"):
                    yield ManifestRow(manifest, number, *_plain(cells))
                    number += 1
    except (OSError, ValueError) as error:
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
