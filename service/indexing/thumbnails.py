"""Small pictures of a record's images, for people to look at."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

from vreid.modality import Modality
from vreid.preprocessing import Pixels, Preprocessing, render

LONG_SIDE = 192
QUALITY = 85


def make_thumbnail(pixels: Pixels, modality: Modality, preprocessing: Preprocessing) -> bytes:
    """A JPEG file of decoded pixels with at most LONG_SIDE pixels on its long side.

    8-bit pictures look as they came; 16-bit ones are scaled as the model scales them. A small
    picture is not enlarged.
    """
    shown = pixels if pixels.dtype.itemsize == 1 else render(pixels, modality, preprocessing)
    image = Image.fromarray(shown)
    image.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    encoded = BytesIO()
    image.save(encoded, format="JPEG", quality=QUALITY)
    return encoded.getvalue()
