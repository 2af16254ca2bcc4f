"""Training samples as tensors."""

from pathlib import Path

import numpy as np
import torch

from tests.training.images import write_image
from training.data.augmentation import Augmentation
from training.data.sampler import Draw
from training.data.training_images import TrainingImages, TrainingItem, collate
from vreid.decoding import decode_image
from vreid.modality import Modality
from vreid.preprocessing import Preprocessing, preprocess
from vreid.sample import Sample

PREPROCESSING = Preprocessing(height=20, width=28)


def images(folder: Path, augmentation: Augmentation) -> TrainingImages:
    write_image(folder / "a.png", 1)
    write_image(folder / "b.png", 2)
    samples = [
        Sample({Modality.RGB: folder / "a.png", Modality.TIR: folder / "b.png"}, identity="a"),
        Sample({Modality.NIR: folder / "b.png"}, identity="b"),
    ]
    return TrainingImages(samples, [4, 7], PREPROCESSING, augmentation, seed=3)


def item_of(loaded: TrainingImages, draw: Draw) -> TrainingItem:
    item = loaded[draw]
    assert isinstance(item, TrainingItem)
    return item


def test_without_augmentation_it_is_the_one_preprocessing(tmp_path: Path) -> None:
    item = item_of(images(tmp_path, Augmentation()), Draw(0, 0, 0))
    for modality, name in ((Modality.RGB, "a.png"), (Modality.TIR, "b.png")):
        pixels = decode_image((tmp_path / name).read_bytes())
        expected = preprocess(pixels, modality, PREPROCESSING)
        np.testing.assert_array_equal(item.images[modality.index], expected)


def test_missing_modalities_are_masked_and_zero(tmp_path: Path) -> None:
    item = item_of(images(tmp_path, Augmentation()), Draw(1, 0, 0))
    assert item.mask.tolist() == [False, True, False]
    assert not item.images[[0, 2]].any()


def test_what_a_draw_looks_like_depends_on_seed_and_draw_alone(tmp_path: Path) -> None:
    augmentation = Augmentation(flip=0.5, padding=4, erasing=0.5)
    first, second = images(tmp_path, augmentation), images(tmp_path, augmentation)
    first[Draw(1, 0, 5)]
    same = item_of(first, Draw(0, 2, 9)), item_of(second, Draw(0, 2, 9))
    np.testing.assert_array_equal(same[0].images, same[1].images)
    assert not np.array_equal(same[0].images, item_of(first, Draw(0, 2, 10)).images)


def test_a_batch_stacks_images_masks_labels_and_numbers(tmp_path: Path) -> None:
    loaded = images(tmp_path, Augmentation())
    batch = collate([loaded[Draw(1, 0, 0)], loaded[Draw(0, 0, 1)]])
    assert batch.images.shape == (2, 3, 3, 20, 28)
    assert batch.images.dtype == torch.float32
    assert batch.mask.tolist() == [[False, True, False], [True, False, True]]
    assert batch.labels.tolist() == [7, 4]
    assert batch.samples.tolist() == [1, 0]


def test_a_sample_that_cannot_be_decoded_stands_beside_the_batch(tmp_path: Path) -> None:
    loaded = images(tmp_path, Augmentation())
    (tmp_path / "a.png").unlink()
    batch = collate([loaded[Draw(0, 0, 0)], loaded[Draw(1, 0, 1)]])
    assert batch.samples.tolist() == [1]
    assert [bad.file for bad in batch.bad] == [str(tmp_path / "a.png")]
    nothing = collate([loaded[Draw(0, 0, 0)]])
    assert len(nothing.labels) == 0
    assert len(nothing.bad) == 1
