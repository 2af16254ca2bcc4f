"""Picks the sample gallery that ships with the service out of a generated tree.

Run: `python -m training.synth.sample_gallery TREE service/demo/samples`. Only test identities are
taken, so the shipped model has never seen them.
"""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import numpy as np

from training.synth.layout import FOLDER_NAMES, Record
from training.synth.scene import Scene, draw_scene
from vreid.errors import DatasetError
from vreid.layouts.msvr310 import GALLERY, NAME_PATTERN

FIELDS = ("id", "rgb", "nir", "tir", "identity", "camera", "scene", "captured_at")
SAMPLES_PER_VEHICLE = 4
DAYLIGHT = ("sun", "overcast")
# Shares of samples that keep all three modalities, lose one, lose two.
KEPT_SHARES = (0.7, 0.2, 0.1)
_HOURS = {"sun": 13, "overcast": 10, "rain": 15, "dusk": 20, "street": 22, "glare": 23, "dark": 2}


@dataclass(frozen=True)
class Choice:
    """A sample of the gallery: the record and which of its modalities (in order) are kept."""

    record: Record
    kept: tuple[bool, bool, bool]


def read_records(tree: Path) -> dict[int, list[Record]]:
    """Gallery records of a generated tree by identity, in name order.

    Raises:
        DatasetError: the tree has no gallery folder.
    """
    folder = tree / GALLERY
    if not folder.is_dir():
        raise DatasetError(f"{tree} has no folder {GALLERY}; make the tree with 'vreid synth'")
    records: dict[int, list[Record]] = {}
    for path in sorted(folder.glob(f"*/{FOLDER_NAMES[0]}/*.jpg")):
        match = NAME_PATTERN.fullmatch(path.name)
        if match:
            record = Record(*(int(part) for part in match.groups()))
            records.setdefault(record.identity, []).append(record)
    return records


def choose(
    records: dict[int, list[Record]], vehicles: int, seed: int
) -> tuple[list[Choice], Record]:
    """Pick the gallery's samples, and one complete record of the first vehicle as the query."""
    random = np.random.default_rng(seed)
    identities = sorted(records)[:vehicles]
    query = min(records[identities[0]], key=lambda record: _plainness(seed, record))
    choices: list[Choice] = []
    for identity in identities:
        rest = [record for record in records[identity] if record != query]
        picked = random.permutation(len(rest))[:SAMPLES_PER_VEHICLE]
        for place in sorted(picked):
            missing = int(random.choice(3, p=KEPT_SHARES))
            absent = random.permutation(3)[:missing]
            kept = tuple(modality not in absent for modality in range(3))
            choices.append(Choice(rest[place], (kept[0], kept[1], kept[2])))
    return choices, query


def _plainness(seed: int, record: Record) -> tuple[bool, bool, str]:
    """Daylight before night, a corner view before a straight one, then by name."""
    return (
        draw_scene(seed, record.scene).light not in DAYLIGHT,
        record.view % 2 == 0,
        record.name,
    )


def captured_at(scene: Scene, record: Record) -> datetime:
    """A time that fits the scene's light: one day per scene label, one minute per index."""
    day = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=scene.label)
    return day + timedelta(hours=_HOURS[scene.light], minutes=record.index)


def write_gallery(tree: Path, out: Path, choices: list[Choice], query: Record, seed: int) -> None:
    """Copy the chosen images under `out` with a manifest.csv, and the query's three images."""
    columns = ("rgb", "nir", "tir")
    (out / "images").mkdir(parents=True, exist_ok=True)
    (out / "query").mkdir(exist_ok=True)
    with (out / "manifest.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, FIELDS, lineterminator="\n")
        writer.writeheader()
        for choice in choices:
            record, scene = choice.record, draw_scene(seed, choice.record.scene)
            stem = Path(record.name).stem
            row = {
                "id": stem,
                "identity": f"vehicle-{record.identity:04d}",
                "camera": f"camera-{scene.camera + 1}",
                "scene": f"scene-{record.scene:03d}",
                "captured_at": captured_at(scene, record).isoformat(),
            }
            for column, modality, kept in zip(columns, FOLDER_NAMES, choice.kept, strict=True):
                if kept:
                    row[column] = f"images/{stem}_{column}.jpg"
                    shutil.copyfile(record.path(tree, GALLERY, modality), out / row[column])
            writer.writerow(row)
    for column, modality in zip(columns, FOLDER_NAMES, strict=True):
        shutil.copyfile(query.path(tree, GALLERY, modality), out / "query" / f"{column}.jpg")
    identity = f"vehicle-{query.identity:04d}"
    (out / "query" / "query.json").write_text(json.dumps({"identity": identity}) + "\n")


@click.command()
@click.argument("tree", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option("--vehicles", type=click.IntRange(1), default=60, show_default=True)
def sample_gallery(tree: Path, out: Path, vehicles: int) -> None:
    """Write a small gallery from the test identities of TREE to OUT."""
    seed = int(json.loads((tree / "synth.json").read_text(encoding="utf-8"))["seed"])
    choices, query = choose(read_records(tree), vehicles, seed)
    write_gallery(tree, out, choices, query, seed)
    click.echo(f"{out}: {len(choices)} samples of {vehicles} vehicles; query {query.name}")


if __name__ == "__main__":
    sample_gallery()
