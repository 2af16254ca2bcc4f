"""What the service does to pictures changes the shipped model's features by no more than stated."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vreid.bundle import Bundle
from vreid.decoding import decode_image
from vreid.engines import BranchEngine, open_engine
from vreid.modality import MODALITIES, Modality
from vreid.preprocessing import branch_pixels, render
from vreid.resizing import resize_by_pillow

DEMO = Path(__file__).parents[2] / "service" / "demo"
ENLARGED = (3.5, 5.2, 6.1, 8.4, 11.0, 13.3)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.load(DEMO / "bundle")


@pytest.fixture(scope="module")
def engine(bundle: Bundle) -> BranchEngine:
    return open_engine(bundle, "onnxruntime-cpu", 1, "fp32")


def pictures(modality: Modality) -> list[Image.Image]:
    files = sorted((DEMO / "samples" / "images").glob(f"*_{modality}.jpg"))[::40]
    return [Image.open(file).convert("RGB") for file in files[: len(ENLARGED)]]


def cosines(
    engine: BranchEngine,
    modality: Modality,
    ours: list[NDArray[np.uint8]],
    others: list[NDArray[np.uint8]],
) -> NDArray[np.float64]:
    one, other = (
        engine.run(modality, np.stack(pixels)).astype(np.float64) for pixels in (ours, others)
    )
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return np.asarray((one * other).sum(axis=1) / lengths)


@pytest.mark.parametrize("modality", MODALITIES)
def test_features_of_large_photographs_agree_with_those_of_every_pixel(
    bundle: Bundle, engine: BranchEngine, modality: Modality
) -> None:
    preprocessing = bundle.manifest.preprocessing
    wanted = (preprocessing.height, preprocessing.width)
    smaller: list[NDArray[np.uint8]] = []
    whole: list[NDArray[np.uint8]] = []
    for picture, factor in zip(pictures(modality), ENLARGED, strict=True):
        stream = BytesIO()
        # As square as the branch, so that most of them are decoded smaller.
        size = (round(factor * wanted[1]) + 3, round(factor * wanted[0]))
        picture.resize(size, Image.Resampling.BICUBIC).save(stream, "JPEG", quality=90)
        for pixels, decoded in (
            (smaller, decode_image(stream.getvalue(), at_least=wanted)),
            (whole, decode_image(stream.getvalue())),
        ):
            pixels.append(branch_pixels(decoded, modality, preprocessing))
    agreement = cosines(engine, modality, smaller, whole)
    assert agreement.min() > 0.99
    assert np.median(agreement) > 0.995
    assert any((one != other).any() for one, other in zip(smaller, whole, strict=True))


@pytest.mark.parametrize("modality", MODALITIES)
def test_features_agree_whichever_library_resizes(
    bundle: Bundle, engine: BranchEngine, modality: Modality
) -> None:
    preprocessing = bundle.manifest.preprocessing
    ours, pillows = [], []
    for picture, factor in zip(pictures(modality), ENLARGED, strict=True):
        pixels = np.asarray(picture.resize((round(70 * factor), round(55 * factor))))
        ours.append(branch_pixels(pixels, modality, preprocessing))
        rendered = render(pixels, modality, preprocessing)
        pillows.append(resize_by_pillow(rendered, preprocessing.height, preprocessing.width))
    assert cosines(engine, modality, ours, pillows).min() > 0.999
