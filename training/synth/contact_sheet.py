"""A picture of many triplets side by side, for judging a tree by eye."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from training.synth.layout import FOLDER_NAMES
from vreid.errors import DatasetError
from vreid.layouts.msvr310 import GALLERY, NAME_PATTERN, TRAIN

_GAP = 4


def contact_sheet(
    directory: Path,
    out_path: Path,
    *,
    rows: int = 8,
    per_row: int = 2,
    cell_width: int = 256,
    seed: int = 0,
) -> Path:
    """Write a sheet of rows x per_row random triplets (RGB, NIR, TIR) of different identities.

    Raises:
        DatasetError: the tree has no triplets.
    """
    folders = sorted(
        path for part in (TRAIN, GALLERY) for path in (directory / part).glob("[0-9]*")
    )
    if not folders:
        raise DatasetError(f"{directory} has no identities")
    random = np.random.default_rng(seed)
    order = random.permutation(len(folders))
    triplets: list[list[Image.Image]] = []
    for place in range(rows * per_row):
        folder = folders[int(order[place % len(folders)])]
        names = sorted(
            path.name
            for path in (folder / FOLDER_NAMES[0]).iterdir()
            if NAME_PATTERN.fullmatch(path.name)
        )
        if not names:
            raise DatasetError(f"{folder} has no pictures")
        name = names[int(random.integers(len(names)))]
        triplets.append([Image.open(folder / kind / name).convert("RGB") for kind in FOLDER_NAMES])
    first = triplets[0][0]
    cell = (cell_width, max(1, round(cell_width * first.height / first.width)))
    block = len(FOLDER_NAMES) * cell[0] + _GAP
    sheet = Image.new("RGB", (per_row * block - _GAP, rows * (cell[1] + _GAP) - _GAP), "white")
    for place, triplet in enumerate(triplets):
        row, column = divmod(place, per_row)
        for position, picture in enumerate(triplet):
            corner = (column * block + position * cell[0], row * (cell[1] + _GAP))
            sheet.paste(picture.resize(cell, Image.Resampling.BILINEAR), corner)
    out_path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(out_path)
    return out_path
