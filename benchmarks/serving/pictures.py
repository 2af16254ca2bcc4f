"""Pictures made from the shipped samples: more of them, or of many sizes."""

from __future__ import annotations

import csv
from pathlib import Path

from PIL import Image, ImageEnhance, ImageOps

from service.bench.prepared import with_missing
from service.bench.samples import as_text, complete_triplets

_QUALITY = 90
_MIXED_WIDTHS = (64, 128, 256, 512, 1024, 1920)


def write_archive(directory: Path, count: int, width: int | None = None) -> Path:
    """Write `count` complete samples, no two alike, and return their manifest; kept if there.

    Args:
        directory: where pictures and manifest go.
        count: of samples.
        width: of the pictures in pixels; by default as those that vreid ships with.
    """
    manifest = directory / f"manifest-{count}.csv"
    if manifest.exists():
        return manifest
    directory.mkdir(parents=True, exist_ok=True)
    triplets = complete_triplets()
    rows = []
    for number in range(count):
        turn, place = divmod(number, len(triplets))
        row = {"id": f"sample-{number:05}"}
        for name, source in triplets[place].items():
            picture = directory / f"{number:05}_{name}.jpg"
            _sized(_varied(source, turn), width).save(picture, quality=_QUALITY)
            row[name] = picture.name
        rows.append(row)
    unfinished = manifest.with_suffix(".part")
    with unfinished.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, ["id", "rgb", "nir", "tir"])
        writer.writeheader()
        writer.writerows(rows)
    unfinished.rename(manifest)
    return manifest


def mixed_samples(directory: Path, count: int = 84) -> list[dict[str, str]]:
    """Samples with every selection of modalities, in pictures from 64 to 1920 pixels wide."""
    directory.mkdir(parents=True, exist_ok=True)
    chosen = []
    for number, sample in enumerate(with_missing(complete_triplets()[:count])):
        width = _MIXED_WIDTHS[number % len(_MIXED_WIDTHS)]
        made: dict[str, Path] = {}
        for name, source in sample.items():
            made[name] = directory / f"{number:03}_{width}_{name}.jpg"
            if not made[name].exists():
                with Image.open(source) as image:
                    height = round(width * image.height / image.width)
                    image.resize((width, height)).save(made[name], quality=_QUALITY)
        chosen.append(made)
    return as_text(chosen)


def _sized(image: Image.Image, width: int | None) -> Image.Image:
    if width is None:
        return image
    return image.resize((width, round(width * image.height / image.width)))


def _varied(source: Path, turn: int) -> Image.Image:
    with Image.open(source) as opened:
        image: Image.Image = opened.convert("RGB")
    if turn % 2:
        image = ImageOps.mirror(image)
    return ImageEnhance.Brightness(image).enhance(1 + 0.05 * turn)
