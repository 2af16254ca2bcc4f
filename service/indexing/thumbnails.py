"""Small pictures of a record's images, for people to look at."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image

from vreid.modality import Modality
from vreid.preprocessing import Pixels, Preprocessing, render
from vreid.resizing import resize_bilinear

try:
    import simplejpeg
except ImportError:
    # Pillow writes the same, in more time.
    simplejpeg = None

LONG_SIDE = 192
QUALITY = 85

KEPT_LONG_SIDE = 256


def make_thumbnail(pixels: Pixels, modality: Modality, preprocessing: Preprocessing) -> bytes:
    """A JPEG file of nothing but the picture: at most LONG_SIDE pixels on its long side.

    Pictures of up to KEPT_LONG_SIDE keep their size: to make them a little smaller would take
    longer than to encode them. 8-bit pictures look as they came; 16-bit ones are scaled as the
    model scales them. A file is never kept as it came, however small: what may be hidden in it is
    not seen without decoding it.

    Args:
        pixels: decoded, upright.
        modality: of the picture.
        preprocessing: the bundle's.
    """
    shown = pixels if pixels.dtype.itemsize == 1 else render(pixels, modality, preprocessing)
    return _encoded(shown if max(shown.shape[:2]) <= KEPT_LONG_SIDE else _shrunk(shown))


def _encoded(pixels: Pixels) -> bytes:
    if simplejpeg is not None:
        contiguous = np.ascontiguousarray(pixels, dtype=np.uint8)
        if contiguous.ndim == 2:
            return bytes(simplejpeg.encode_jpeg(contiguous[..., None], QUALITY, "GRAY", "Gray"))
        return bytes(simplejpeg.encode_jpeg(contiguous, QUALITY, "RGB", "420"))
    jpeg = BytesIO()
    Image.fromarray(pixels).save(jpeg, format="JPEG", quality=QUALITY)
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
