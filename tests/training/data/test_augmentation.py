"""Augmentation: what is shared by the modalities of a sample and what is not."""

import numpy as np
import pytest
from numpy.typing import NDArray

from training.data.augmentation import Augmentation
from vreid.modality import MODALITIES, Modality

FILL = dict.fromkeys(MODALITIES, (1, 2, 3))


def pixels(seed: int = 0) -> NDArray[np.uint8]:
    # Nothing below 10, so that border and erased rectangle can be told from the picture.
    return np.random.default_rng(seed).integers(10, 256, (12, 16, 3)).astype(np.uint8)


def equal_images() -> dict[Modality, NDArray[np.uint8]]:
    return dict.fromkeys(MODALITIES, pixels())


def augment(seed: int = 0, **amounts: float) -> dict[Modality, NDArray[np.uint8]]:
    augmentation = Augmentation(**amounts)  # type: ignore[arg-type]
    return augmentation(equal_images(), FILL, np.random.default_rng(seed))


def test_the_default_changes_nothing() -> None:
    assert all(np.array_equal(image, pixels()) for image in augment().values())


def test_a_flip_mirrors_every_modality() -> None:
    assert all(np.array_equal(image, pixels()[:, ::-1]) for image in augment(flip=1).values())


def test_padding_and_crop_shift_by_whole_pixels_onto_black() -> None:
    for seed in range(10):
        image = augment(seed, padding=3)[Modality.RGB]
        padded = np.pad(pixels(), ((3, 3), (3, 3), (0, 0)))
        crops = [padded[y : y + 12, x : x + 16] for y in range(7) for x in range(7)]
        assert any(np.array_equal(image, crop) for crop in crops)


def test_what_moves_the_vehicle_is_shared_by_the_modalities() -> None:
    for seed in range(5):
        rgb, nir, tir = augment(seed, flip=0.5, padding=3, rotation=10, scale=0.2).values()
        assert np.array_equal(rgb, nir)
        assert np.array_equal(rgb, tir)


def test_erasing_is_drawn_for_each_image() -> None:
    erased = [np.all(image == (1, 2, 3), axis=2) for image in augment(erasing=1).values()]
    assert all(0 < mask.sum() < mask.size for mask in erased)
    assert not np.array_equal(erased[0], erased[1])


@pytest.mark.parametrize("area", [(0.1, 0.1), (0.3, 0.3)])
def test_the_erased_rectangle_has_the_given_area(area: tuple[float, float]) -> None:
    augmentation = Augmentation(erasing=1, erasing_area=area)
    big = {Modality.RGB: np.full((200, 200, 3), 255, np.uint8)}
    out = augmentation(big, FILL, np.random.default_rng(0))[Modality.RGB]
    assert np.all(out == (1, 2, 3), axis=2).mean() == pytest.approx(area[0], rel=0.05)


def test_saturation_concerns_rgb_alone() -> None:
    images = augment(saturation=0.9)
    assert not np.array_equal(images[Modality.RGB], pixels())
    assert np.array_equal(images[Modality.NIR], pixels())


def test_brightness_and_contrast_concern_every_modality() -> None:
    for brightness, contrast in ((0.3, 0.0), (0.0, 0.3)):
        images = augment(brightness=brightness, contrast=contrast)
        assert all(not np.array_equal(image, pixels()) for image in images.values())


def test_modality_dropout_takes_one_and_never_the_last() -> None:
    lost = [set(MODALITIES) - augment(seed, modality_dropout=1).keys() for seed in range(20)]
    assert all(len(one) == 1 for one in lost)
    assert len({next(iter(one)) for one in lost}) == 3
    alone = Augmentation(modality_dropout=1)(
        {Modality.TIR: pixels()}, FILL, np.random.default_rng(0)
    )
    assert alone.keys() == {Modality.TIR}


@pytest.mark.parametrize(("share", "expected"), [(0.0, {1}), (0.5, {1, 2}), (1.0, {2})])
def test_the_share_that_loses_two_modalities_is_configured(
    share: float, expected: set[int]
) -> None:
    kept = [
        augment(seed, modality_dropout=1, modality_dropout_two=share).keys() for seed in range(40)
    ]
    assert {3 - len(modalities) for modalities in kept} == expected
    # Which are lost is drawn uniformly.
    assert all(any(modality in modalities for modalities in kept) for modality in MODALITIES)


def test_each_pair_of_modalities_is_lost_equally_often() -> None:
    left = [
        next(iter(augment(seed, modality_dropout=1, modality_dropout_two=1))) for seed in range(600)
    ]
    assert all(left.count(modality) == pytest.approx(200, abs=45) for modality in MODALITIES)


def test_modality_dropout_leaves_one_of_two() -> None:
    dropout = Augmentation(modality_dropout=1, modality_dropout_two=1)
    pair = {Modality.RGB: pixels(), Modality.NIR: pixels(1)}
    left = [dropout(pair, FILL, np.random.default_rng(seed)).keys() for seed in range(20)]
    assert all(len(modalities) == 1 for modalities in left)
    assert {next(iter(modalities)) for modalities in left} == pair.keys()


def test_without_a_share_that_loses_two_the_draws_are_those_from_before_there_was_one() -> None:
    # The first draw decides whether, the second which: then the draws of the geometry begin.
    generator = np.random.default_rng(11)
    assert generator.random() < 0.9
    lost = MODALITIES[generator.integers(3)]
    flipped = generator.random() < 0.5
    found = augment(11, modality_dropout=0.9, flip=0.5)
    assert found.keys() == set(MODALITIES) - {lost}
    picture = pixels()[:, ::-1] if flipped else pixels()
    assert all(np.array_equal(image, picture) for image in found.values())


@pytest.mark.parametrize("name", ["flip", "erasing", "modality_dropout", "modality_dropout_two"])
@pytest.mark.parametrize("value", [-0.1, 1.5])
def test_what_is_no_probability_is_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} is {value}"):
        Augmentation(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("brightness", -0.1),
        ("contrast", 1.1),
        ("saturation", float("nan")),
        ("scale", 1.0),
        ("rotation", -1.0),
        ("padding", -1),
        ("erasing_area", (0.4, 0.02)),
        ("erasing_area", (-0.1, 0.4)),
        ("erasing_area", (0.5, 1.1)),
        ("erasing", float("nan")),
    ],
)
def test_an_amount_that_makes_no_sense_is_refused_by_its_name(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"^{name} is "):
        Augmentation(**{name: value})  # type: ignore[arg-type]


def test_the_generator_decides_everything() -> None:
    def image(modality: Modality) -> NDArray[np.uint8]:
        return augment(7, flip=0.5, padding=2, rotation=5, brightness=0.2, erasing=0.5)[modality]

    for modality in MODALITIES:
        assert np.array_equal(image(modality), image(modality))
