"""Small pictures of a record's images, for people to look at."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image

from service.indexing.plain_jpeg import plain_jpeg_size
from vreid.modality import Modality
from vreid.preprocessing import Pixels, Preprocessing, render
from vreid.resizing import resize_bilinear

LONG_SIDE = 192
QUALITY = 85

KEPT_LONG_SIDE = 256
KEPT_BYTES = 16 * 1024
"""A plain JPEG file up to these is its own thumbnail: to make it a little smaller would take more
time than everything else that is done with the picture, its embedding aside."""


def make_thumbnail(
    pixels: Pixels,
    modality: Modality,
    preprocessing: Preprocessing,
    encoded: bytes | None = None,
) -> bytes:
    """A JPEG file without metadata: at most LONG_SIDE pixels on its long side, or kept as it came.

    8-bit pictures look as they came; 16-bit ones are scaled as the model scales them. A small
    picture is not enlarged.

    Args:
        pixels: decoded, upright.
        modality: of the picture.
        preprocessing: the bundle's.
        encoded: the file that the pixels are all of, which may be small enough to be kept.
    """
    if encoded is not None and _is_small(encoded):
        return encoded
    shown = pixels if pixels.dtype.itemsize == 1 else render(pixels, modality, preprocessing)
    jpeg = BytesIO()
    Image.fromarray(_shrunk(shown)).save(jpeg, format="JPEG", quality=QUALITY)
    return jpeg.getvalue()


def smallest_decoded(preprocessing: Preprocessing) -> tuple[int, int]:
    """Height and width for which to decode a picture that becomes branch pixels and a thumbnail.

    Decoding keeps at least twice the sides that it is told (`vreid.decoding.decode_image`).
    """
    return max(preprocessing.height, LONG_SIDE // 2), max(preprocessing.width, LONG_SIDE // 2)


def _shrunk(pixels: Pixels) -> Pixels:
    """Pixels (h, w) or (h, w, 3) with at most LONG_SIDE on the long side, of the same shape."""
    height, width = pixels.shape[:2]
    scale = LONG_SIDE / max(height, width)
    if scale >= 1:
        return pixels
    sides = max(1, round(height * scale)), max(1, round(width * scale))
    if pixels.ndim == 3:
        return resize_bilinear(pixels.astype(np.uint8, copy=False), *sides)
    return np.asarray(Image.fromarray(pixels).resize(sides[::-1], Image.Resampling.BILINEAR))


def _is_small(encoded: bytes) -> bool:
    if len(encoded) > KEPT_BYTES:
        return False
    size = plain_jpeg_size(encoded)
    return size is not None and max(size) <= KEPT_LONG_SIDE
