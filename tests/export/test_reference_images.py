"""Parity is checked on real images where there are, else on drawn ones."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from export.reference_images import COUNT, drawn_image, reference_images
from tests.export.small_run import PREPROCESSING, SIDE
from vreid.decoding import decode_image
from vreid.modality import MODALITIES, Modality
from vreid.preprocessing import branch_pixels, preprocess
from vreid.sample import Sample


def encoded(shade: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (80, 50), (shade, 255 - shade, 90)).save(stream, "PNG")
    return stream.getvalue()


def test_real_images_come_first_and_drawn_ones_fill_up() -> None:
    samples = [Sample({Modality.RGB: encoded(shade)}) for shade in (10, 200)]
    found = reference_images(samples, PREPROCESSING)
    assert found.real == {Modality.RGB: 2, Modality.NIR: 0, Modality.TIR: 0}
    assert {images.shape for images in found.images.values()} == {(COUNT, 3, SIDE, SIDE)}
    assert {pixels.shape for pixels in found.pixels.values()} == {(COUNT, SIDE, SIDE, 3)}
    decoded = decode_image(encoded(10))
    np.testing.assert_array_equal(
        found.pixels[Modality.RGB][0], branch_pixels(decoded, Modality.RGB, PREPROCESSING)
    )
    np.testing.assert_array_equal(
        found.images[Modality.RGB][0], preprocess(decoded, Modality.RGB, PREPROCESSING)
    )


def test_no_more_samples_are_read_than_needed() -> None:
    shades = iter(range(200))
    images = ({m: encoded(shade) for m in MODALITIES} for shade in shades)
    found = reference_images((Sample(one) for one in images), PREPROCESSING)
    assert found.real == dict.fromkeys(MODALITIES, COUNT)
    assert next(shades) == COUNT


def test_drawn_images_are_the_same_every_time_and_differ_from_each_other() -> None:
    np.testing.assert_array_equal(drawn_image(Modality.NIR, 3), drawn_image(Modality.NIR, 3))
    flat = [drawn_image(Modality.RGB, number).astype(float).ravel() for number in range(COUNT)]
    correlation = np.corrcoef(flat) - np.eye(COUNT)
    assert correlation.max() < 0.95


def test_infrared_images_are_grey() -> None:
    for modality in (Modality.NIR, Modality.TIR):
        assert np.ptp(drawn_image(modality, 0).astype(int), axis=2).max() == 0
    assert np.ptp(drawn_image(Modality.RGB, 0).astype(int), axis=2).max() > 0
