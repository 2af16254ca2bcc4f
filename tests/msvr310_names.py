"""A tree with the real file names of MSVR310 and generated pixels."""

import os
from collections import defaultdict
from pathlib import Path

from PIL import Image

from tests.public_trees import IDENTITY_FOLDERS
from tests.shared_data import NAMES


def real_names() -> dict[str, list[str]]:
    """By split folder. Queries are all gallery samples of identities with two or more scenes."""
    train = (NAMES / "msvr310-train.txt").read_text().split()
    gallery = (NAMES / "msvr310-test.txt").read_text().split()
    scenes = defaultdict(set)
    for name in gallery:
        scenes[name[:4]].add(name[5:9])
    query = [name for name in gallery if len(scenes[name[:4]]) > 1]
    return {"bounding_box_train": train, "bounding_box_test": gallery, "query3": query}


def write_real_msvr310(root: Path) -> Path:
    """One picture under eight thousand names: every file is a link to it."""
    picture = root / "picture.jpg"
    Image.new("RGB", (4, 2), (120, 110, 100)).save(picture)
    for split, names in real_names().items():
        for name in names:
            for folder in IDENTITY_FOLDERS:
                path = root / split / name[:4] / folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                os.link(picture, path)
    return root
