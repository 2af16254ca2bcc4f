"""Samples listed in a CSV or JSONL file.

Columns: ``rgb``, ``nir``, ``tir`` (paths, relative to the file; at least one in each row), ``id``,
``identity``, ``camera``, ``scene``, ``captured_at`` (ISO 8601). Any other column becomes an
attribute; in JSONL also the members of an object ``attributes``. Empty cells are absent. CSV knows
only text, so its attributes are texts; JSONL keeps numbers and booleans.

Rows are read one by one, so the file may be of any size, and one bad row does not stop the others.
"""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from vreid.errors import DatasetError
from vreid.modality import MODALITIES
from vreid.sample import AttributeValue, Sample

SUFFIXES = (".csv", ".jsonl")

_KNOWN = frozenset(
    [*map(str, MODALITIES), "id", "identity", "camera", "scene", "captured_at", "attributes"]
)


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One row, not yet interpreted. ``problem`` says why a row has no cells."""

    manifest: Path
    line: int
    cells: Mapping[str, object]
    problem: str | None = None

    @property
    def name(self) -> str:
        """How messages call the row: file name and line."""
        return f"{self.manifest.name}:{self.line}"

    @property
    def id(self) -> str | None:
        """The id that the row asks for."""
        return self._text("id")

    def sample(self) -> Sample:
        """The row's sample; no image is opened.

        Raises:
            DatasetError: the row is not as the module describes; the message names it.
        """
        if self.problem is not None:
            raise DatasetError(f"{self.name}: {self.problem}")
        images = {
            modality: self.manifest.parent / path
            for modality in MODALITIES
            if (path := self._text(str(modality))) is not None
        }
        if not images:
            raise DatasetError(
                f"{self.name} names no image; fill at least one of the columns rgb, nir, tir"
            )
        return Sample(
            images=images,
            identity=self._text("identity"),
            camera=self._text("camera"),
            scene=self._text("scene"),
            captured_at=self._time(),
            attributes=self._attributes(),
            name=self._text(next(iter(images)).value),
        )

    def _text(self, column: str) -> str | None:
        cell = self.cells.get(column)
        if cell is None or cell == "":
            return None
        if isinstance(cell, bool) or not isinstance(cell, str | int):
            raise DatasetError(f"{self.name}: {column} is {cell!r}; give a text")
        return str(cell)

    def _time(self) -> datetime | None:
        text = self._text("captured_at")
        try:
            return None if text is None else datetime.fromisoformat(text)
        except ValueError:
            raise DatasetError(
                f"{self.name}: captured_at is {text!r}; write ISO 8601 with a time zone, "
                "such as 2024-05-01T18:30:00Z"
            ) from None

    def _attributes(self) -> dict[str, AttributeValue]:
        nested = self.cells.get("attributes")
        if nested is None or nested == "":
            nested = {}
        if not isinstance(nested, Mapping):
            raise DatasetError(
                f"{self.name}: attributes is {nested!r}; give an object of names and values"
            )
        others = {name: cell for name, cell in self.cells.items() if name not in _KNOWN}
        attributes: dict[str, AttributeValue] = {}
        for name, value in (*others.items(), *nested.items()):
            if value is None or value == "":
                continue
            if not isinstance(value, str | int | float | bool):
                raise DatasetError(
                    f"{self.name}: the attribute {name} is {value!r}; give a text, number or "
                    "boolean"
                )
            attributes[str(name)] = value
        return attributes


def read_rows(manifest: Path) -> Iterator[ManifestRow]:
    """Every row of a .csv or .jsonl file, in order.

    Raises:
        DatasetError: the file cannot be read, is not UTF-8, or has no column for images.
    """
    lines = _json_lines if manifest.suffix.lower() == ".jsonl" else _csv_lines
    try:
        yield from lines(manifest)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(
            f"{manifest} cannot be read ({error}); give a UTF-8 file with the suffix "
            f"{' or '.join(SUFFIXES)}"
        ) from error


def read_samples(manifest: Path) -> Iterator[Sample]:
    """Every row as a sample.

    Raises:
        DatasetError: the file cannot be read, or a row is not as described.
    """
    for row in read_rows(manifest):
        yield row.sample()


def _csv_lines(manifest: Path) -> Iterator[ManifestRow]:
    with manifest.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream)
        header = [name.strip() for name in next(reader, [])]
        if not set(map(str, MODALITIES)) & set(header):
            raise DatasetError(
                f"{manifest} has the columns {', '.join(header) or '(none)'}; its first line must "
                "name at least one of rgb, nir, tir"
            )
        if len(set(header)) != len(header):
            raise DatasetError(f"{manifest} names a column twice; give each column its own name")
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                problem = f"{len(cells)} cells under {len(header)} columns; quote cells with commas"
                yield ManifestRow(manifest, reader.line_num, {}, problem)
            else:
                yield ManifestRow(manifest, reader.line_num, dict(zip(header, cells, strict=True)))


def _json_lines(manifest: Path) -> Iterator[ManifestRow]:
    with manifest.open(encoding="utf-8-sig") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            try:
                cells = json.loads(line)
            except (ValueError, RecursionError) as error:
                reason = error.msg if isinstance(error, json.JSONDecodeError) else error
                yield ManifestRow(manifest, number, {}, f"not JSON ({reason})")
                continue
            if isinstance(cells, dict):
                yield ManifestRow(manifest, number, cells)
            else:
                yield ManifestRow(manifest, number, {}, "not a JSON object; give one a line")
