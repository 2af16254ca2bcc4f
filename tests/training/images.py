"""Tiny data sets on disk."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

MSVR310_FOLDERS = ("vis", "ni", "th")


def write_image(path: Path, seed: int, size: tuple[int, int] = (24, 16)) -> None:
    """Writes noise whose mean colour depends on the seed; size is (W, H)."""
    generator = np.random.default_rng(seed)
    pixels = generator.integers(0, 256, (1, 1, 3)) * 0.7
    pixels = pixels + generator.integers(0, 70, (size[1], size[0], 3))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)


def write_msvr310(root: Path, names: Mapping[str, Sequence[str]], decodable: bool = True) -> Path:
    """Writes an MSVR310 tree: names by split folder; empty files where no pixel is ever read."""
    for split, files in names.items():
        for name in files:
            for number, folder in enumerate(MSVR310_FOLDERS):
                path = root / split / name[:4] / folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                if decodable:
                    write_image(path, seed=10 * int(name[:4]) + number)
                else:
                    path.touch()
    return root


def small_msvr310(root: Path, identities: int = 4) -> Path:
    """A tree of a few identities, each with two scenes of two samples, the same in every split."""
    names = [
        f"{identity:04}_s{scene:03}_v{view}_{2 * scene + view:03}.jpg"
        for identity in range(1, identities + 1)
        for scene in (0, 1)
        for view in (0, 1)
    ]
    return write_msvr310(
        root, {"bounding_box_train": names, "bounding_box_test": names, "query3": names}
    )
