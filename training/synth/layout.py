"""Paths of an MSVR310 tree, and atomic writing into it."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vreid.layouts.identity_folders import FOLDERS

FOLDER_NAMES = tuple(FOLDERS.values())
"""The modalities' folders, RGB, NIR, TIR in this order."""
JPEG_QUALITY = 88


@dataclass(frozen=True)
class Record:
    """One triplet's place in the tree: identity, scene label, view 0..7, index."""

    identity: int
    scene: int
    view: int
    index: int

    @property
    def name(self) -> str:
        """File name shared by the three modalities."""
        return f"{self.identity:04d}_s{self.scene:03d}_v{self.view}_{self.index:03d}.jpg"

    def path(self, directory: Path, part: str, modality: str) -> Path:
        """Where a modality of this record lies under a tree."""
        return directory / part / f"{self.identity:04d}" / modality / self.name


def encode_jpeg(picture: NDArray[np.uint8]) -> bytes:
    """JPEG bytes of a picture (H, W, 3) uint8."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=JPEG_QUALITY)
    return stream.getvalue()


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that an interruption leaves either all of it or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    temporary.write_bytes(content)
    temporary.replace(path)
