"""Trees laid out and named as the public data sets are, of few identities and generated pixels."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

TILE = (256, 128)
IDENTITY_FOLDERS = ("vis", "ni", "th")
SPECTRUM_FOLDERS = ("RGB", "NI", "TI")
TILED_SPLITS = ("bounding_box_train", "query", "bounding_box_test")


def colour_of(identity: int, modality: int) -> tuple[int, int, int]:
    """A colour of its own for each identity and modality; grey but for RGB."""
    generator = np.random.default_rng([identity, modality])
    red, green, blue = generator.integers(30, 226, 3).tolist()
    return (red, green, blue) if modality == 0 else (red, red, red)


def write_tiles(path: Path, identity: int, count: int, tile: tuple[int, int] = TILE) -> None:
    """A file with `count` tiles side by side, each of one colour."""
    image = Image.new("RGB", (tile[0] * count, tile[1]))
    for number in range(count):
        box = (number * tile[0], 0, (number + 1) * tile[0], tile[1])
        image.paste(colour_of(identity, number), box)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Colour at half the size would run over the edges of the tiles.
    image.save(path, quality=95, subsampling=0)


def write_plain(path: Path, identity: int, modality: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (24, 16), colour_of(identity, modality)).save(path)


def tiled_names(identities: Iterable[int], cameras: int = 2, samples: int = 2) -> list[str]:
    return [
        f"{identity:04}_c{camera:04}_{index:03}.jpg"
        for identity in identities
        for camera in range(1, cameras + 1)
        for index in range(samples)
    ]


def write_tiled_set(root: Path, tiles: int, wrapper: str = "rgbir", identities: int = 4) -> Path:
    """RGBNT100 (three tiles) or RGBN300 (two): half of the gallery's names are queries."""
    train = tiled_names(range(1, identities + 1))
    gallery = tiled_names(range(identities + 1, 2 * identities + 1))
    for split, names in zip(TILED_SPLITS, (train, gallery[::2], gallery), strict=True):
        for name in names:
            write_tiles(root / wrapper / split / name, int(name[:4]), tiles)
    # Such copies carry a cache of thumbnails that a file browser left.
    (root / wrapper / "query" / "Thumbs.db").write_bytes(b"no picture")
    return root


def write_rgbnt201(root: Path, identities: int = 4) -> Path:
    """Two cameras and two times for each person; test people have other numbers."""
    for split, first in (("train_171", 1), ("test", 101)):
        for identity in range(first, first + identities):
            for camera in (1, 2):
                for time in (0, 1):
                    name = f"{identity:06}_cam{camera}_{time}_{time:02}.jpg"
                    for modality, folder in enumerate(SPECTRUM_FOLDERS):
                        write_plain(root / split / folder / name, identity, modality)
    return root


def write_wmveid863(root: Path, gallery: str = "test", shared: int = 7) -> Path:
    """Train and test share identities, and the pictures of a modality do not stand in line.

    Of each identity the second view has no picture in `ni`, so that whoever pairs by position takes
    the third view's for it.
    """
    test = [*range(1, shared + 1), 101]
    for split, identities in (("train", range(1, shared + 3)), ("query", test), (gallery, test)):
        for identity in identities:
            for view in (0, 1, 2):
                name = f"{identity:04}_v{view}_n{(0, 1, 9)[view]}_s{identity:03}_{view:03}.jpg"
                for modality, folder in enumerate(IDENTITY_FOLDERS):
                    if (view, folder) != (1, "ni"):
                        path = root / split / f"{identity:04}" / folder / name
                        write_plain(path, identity, modality)
    return root
