"""Small pictures of samples as data addresses, within a number of bytes."""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO

from PIL import Image

from vreid.decoding import decode_image
from vreid.modality import Modality
from vreid.preprocessing import Preprocessing, render
from vreid.sample import Sample

SIDES = (144, 112, 80, 56)
"""Longer sides in pixels, tried in this order."""

_QUALITY = 80

Thumbnails = Mapping[Modality, str]
"""A data address (JPEG) for each modality that a sample has."""


def thumbnails_within(
    samples: Sequence[Sample], shown: Iterable[int], preprocessing: Preprocessing, budget: int
) -> dict[int, Thumbnails]:
    """Thumbnails of samples, as large as fits; at the smallest size where nothing does.

    Thermal images look as the model sees them.

    Args:
        samples: to choose from.
        shown: their indices, one as often as the page shows the sample.
        preprocessing: how 16-bit and thermal images are rendered.
        budget: bytes that all shown thumbnails together may have.

    Returns:
        By index.

    Raises:
        ImageError: an image cannot be used.
    """
    indices = list(shown)
    pictures = {
        index: {
            modality: _picture(samples[index], modality, preprocessing)
            for modality in samples[index].images
        }
        for index in sorted(set(indices))
    }
    made: dict[int, Thumbnails] = {}
    for side in SIDES:
        made = {
            index: {modality: _address(picture, side) for modality, picture in by_modality.items()}
            for index, by_modality in pictures.items()
        }
        if sum(len(address) for index in indices for address in made[index].values()) <= budget:
            break
    return made


def _picture(sample: Sample, modality: Modality, preprocessing: Preprocessing) -> Image.Image:
    picture = Image.fromarray(render(decode_image(sample.read(modality)), modality, preprocessing))
    # Held until a size is found; none is larger than the first.
    picture.thumbnail((SIDES[0], SIDES[0]))
    return picture


def _address(picture: Image.Image, side: int) -> str:
    small = picture.copy()
    small.thumbnail((side, side))
    data = BytesIO()
    small.save(data, "JPEG", quality=_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + b64encode(data.getvalue()).decode("ascii")
