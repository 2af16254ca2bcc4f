"""Pictures of made-up vehicles: blocks that differ by identity and a little by sighting."""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vreid.modality import MODALITIES, Modality

SIZE = (48, 24)


def picture(
    identity: int, sighting: int = 0, modality: Modality = Modality.RGB, form: str = "PNG"
) -> bytes:
    """An encoded picture: colour for RGB, grey for NIR and TIR."""
    encoded = BytesIO()
    Image.fromarray(_pixels(identity, sighting, modality)).save(encoded, form)
    return encoded.getvalue()


def triplet(identity: int, sighting: int = 0) -> dict[str, bytes]:
    """The three pictures of one sighting by field name."""
    return {modality.value: picture(identity, sighting, modality) for modality in MODALITIES}


def thermal_tiff(identity: int) -> bytes:
    """A 16-bit radiometric thermal picture."""
    grey = _pixels(identity, 0, Modality.TIR).astype(np.uint16)
    encoded = BytesIO()
    Image.fromarray(grey * 20 + 7000).save(encoded, "TIFF")
    return encoded.getvalue()


def declared_huge_png() -> bytes:
    """A PNG that declares 60 000 x 60 000 pixels in a few dozen bytes."""
    import struct
    import zlib

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 100))
        + chunk(b"IEND", b"")
    )


def _pixels(identity: int, sighting: int, modality: Modality) -> NDArray[np.uint8]:
    blocks = np.random.default_rng([identity, modality.index]).uniform(0, 255, (4, 8, 3))
    if modality is not Modality.RGB:
        blocks = blocks[:, :, 0]
    width, height = SIZE
    enlarged = np.kron(blocks, np.ones((height // 4, width // 8, 1)[: blocks.ndim]))
    noise = np.random.default_rng([identity, sighting, modality.index, 1])
    return np.clip(enlarged + noise.normal(0, 20, enlarged.shape), 0, 255).astype(np.uint8)
