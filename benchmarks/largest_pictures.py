"""The largest pictures that a service takes, in the forms that cost it the most memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def largest_samples(folder: Path, pixels: int) -> list[dict[str, str]]:
    """Write two complete samples of pictures with so many pixels; one has radiometric thermal.

    Returns:
        the files of each sample by modality.
    """
    width = int((pixels * 4 / 3) ** 0.5) // 4 * 4
    height = pixels // width
    coarse = np.random.default_rng(0).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    colour = Image.fromarray(coarse).resize((width, height))
    grey = colour.convert("L")
    thermal = np.asarray(grey).astype(np.uint16) * 20 + 7000
    files = {
        "rgb": _write(folder / "rgb.png", colour, "PNG"),
        "nir": _write(folder / "nir.jpg", grey, "JPEG"),
        "tir": _write(folder / "tir.tiff", Image.fromarray(thermal), "TIFF"),
    }
    jpeg = {
        "rgb": _write(folder / "rgb.jpg", colour, "JPEG"),
        "nir": files["nir"],
        "tir": _write(folder / "tir.png", grey, "PNG"),
    }
    return [files, jpeg]


def _write(path: Path, image: Image.Image, form: str) -> str:
    options: dict[str, Any] = {}
    if form == "PNG":
        options = {"compress_level": 1}
    elif form == "TIFF":
        options = {"compression": "tiff_deflate"}
    image.save(path, form, **options)
    return str(path)
