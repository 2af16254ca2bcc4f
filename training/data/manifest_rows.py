"""Rows of a sample list with the split that each names in its column `split`."""

from dataclasses import dataclass, replace
from pathlib import Path

from vreid.errors import DatasetError
from vreid.layouts.sample_list import ManifestRow as ListedRow
from vreid.layouts.sample_list import read_rows
from vreid.sample import Sample

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
    rows = [_with_split(row) for row in read_rows(manifest)]
    if not rows:
        raise DatasetError(f"{manifest} has no rows; give a header line and one line per sample")
    return rows


def _with_split(row: ListedRow) -> ManifestRow:
    sample = row.sample()
    attributes = dict(sample.attributes)
    split = attributes.pop("split", None)
    if split is not None and split not in SPLITS:
        raise DatasetError(f"{row.name}: split {split!r}; use one of {', '.join(SPLITS)}")
    return ManifestRow(
        replace(sample, attributes=attributes), None if split is None else str(split)
    )
