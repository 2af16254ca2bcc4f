"""How much memory the images of one request take while they are embedded."""

import tracemalloc
from io import BytesIO

from PIL import Image

from service.embedding.embedder import Embedder
from service.messages.samples import SentSample
from vreid.bundle import Bundle
from vreid.decoding import ImageLimits
from vreid.modality import Modality

SIDE = 1500
PIXELS = SIDE * SIDE * 3


def plain_picture() -> bytes:
    encoded = BytesIO()
    Image.new("RGB", (SIDE, SIDE), (90, 120, 60)).save(encoded, "PNG")
    return encoded.getvalue()


def peak_bytes(embedder: Embedder, samples: int) -> int:
    sample = SentSample({Modality.RGB: plain_picture()})
    tracemalloc.start()
    try:
        embedder.embed([sample] * samples, with_thumbnails=True)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_many_samples_take_hardly_more_memory_than_one(calibrated_bundle: Bundle) -> None:
    embedder = Embedder.open(calibrated_bundle, "auto", 1, ImageLimits(), 10**9)
    assert peak_bytes(embedder, 6) < peak_bytes(embedder, 1) + PIXELS
