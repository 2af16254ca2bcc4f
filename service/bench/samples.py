"""The vehicles that a benchmark embeds: complete triplets of the shipped sample gallery."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from service.bench.errors import BenchError
from vreid.modality import MODALITIES

SHIPPED_SAMPLES = Path(__file__).parents[1] / "demo" / "samples"


def complete_triplets(directory: Path = SHIPPED_SAMPLES) -> list[dict[str, Path]]:
    """Image files by modality of each sample in `directory`/manifest.csv that has all three.

    Raises:
        BenchError: there is none.
    """
    manifest = directory / "manifest.csv"
    if not manifest.exists():
        raise BenchError(f"{manifest} is not there; install vreid again, it ships with samples")
    with manifest.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    names = [modality.value for modality in MODALITIES]
    triplets = [
        {name: (directory / row[name]).resolve() for name in names}
        for row in rows
        if all(row.get(name) for name in names)
    ]
    if not triplets:
        raise BenchError(f"{manifest} has no sample with all of rgb, nir and tir; name another")
    return triplets


def as_text(samples: Sequence[Mapping[str, Path]]) -> list[dict[str, str]]:
    """The paths as a plan holds them."""
    return [{name: str(path) for name, path in sample.items()} for sample in samples]
