"""Rows of a CSV or JSONL manifest, as samples.

Columns: rgb, nir, tir (paths relative to the manifest; at least one in each row), identity, camera,
scene, captured_at (ISO 8601), split (train, query, gallery); any other column becomes an attribute.
"""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from vreid.errors import DatasetError
from vreid.modality import MODALITIES, Modality
from vreid.sample import AttributeValue, Sample

KNOWN_COLUMNS = {*MODALITIES, "identity", "camera", "scene", "captured_at", "split"}
SPLITS = ("train", "query", "gallery")


@dataclass(frozen=True)
class ManifestRow:
    """A sample and the split that its row names, None where it names none."""

    sample: Sample
    split: str | None


def read_manifest(manifest: Path) -> list[ManifestRow]:
    """Reads every row of a .csv or .jsonl manifest; no image is opened.

    Raises:
        DatasetError: a row is not as described, or there is none; the message names the line.
    """
    try:
        text = manifest.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(
            f"{manifest} cannot be read ({error}); give a UTF-8 .csv or .jsonl file"
        ) from error
    lines = _json_lines(manifest, text) if manifest.suffix == ".jsonl" else _csv_lines(text)
    rows = [_row(manifest, number, cells) for number, cells in lines]
    if not rows:
        raise DatasetError(f"{manifest} has no rows; give a header line and one line per sample")
    return rows


def _csv_lines(text: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    reader = csv.DictReader(text.splitlines())
    for cells in reader:
        yield reader.line_num, {name: cell for name, cell in cells.items() if name is not None}


def _json_lines(manifest: Path, text: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            cells = json.loads(line)
        except json.JSONDecodeError as error:
            raise DatasetError(f"{manifest}:{number}: not JSON ({error.msg})") from error
        if not isinstance(cells, dict):
            raise DatasetError(f"{manifest}:{number}: expected one JSON object per line")
        yield number, cells


def _row(manifest: Path, number: int, cells: Mapping[str, object]) -> ManifestRow:
    where = f"{manifest}:{number}"
    given = {name: cell for name, cell in cells.items() if cell is not None and cell != ""}
    images = {
        modality: manifest.parent / str(given[modality])
        for modality in MODALITIES
        if modality in given
    }
    if not images:
        raise DatasetError(
            f"{where}: no image; name at least one of the columns rgb, nir, tir "
            f"(found: {', '.join(cells) or 'none'})"
        )
    split = _text(given, "split")
    if split is not None and split not in SPLITS:
        raise DatasetError(f"{where}: split {split!r}; use one of {', '.join(SPLITS)}")
    sample = Sample(
        images=images,
        identity=_text(given, "identity"),
        camera=_text(given, "camera"),
        scene=_text(given, "scene"),
        captured_at=_time(where, _text(given, "captured_at")),
        attributes=_attributes(given),
        name=_label(given, images),
    )
    return ManifestRow(sample, split)


def _text(cells: Mapping[str, object], name: str) -> str | None:
    return str(cells[name]) if name in cells else None


def _time(where: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise DatasetError(
            f"{where}: captured_at {text!r}; write ISO 8601, such as 2024-05-01T18:30:00+00:00"
        ) from error


def _attributes(cells: Mapping[str, object]) -> dict[str, AttributeValue]:
    return {
        name: cell if isinstance(cell, str | int | float | bool) else json.dumps(cell)
        for name, cell in cells.items()
        if name not in KNOWN_COLUMNS
    }


def _label(cells: Mapping[str, object], images: Mapping[Modality, Path]) -> str:
    return str(cells[next(iter(images))])
