"""Training samples as tensors: decoded once, augmented at every draw."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset
from tqdm import tqdm

from training.data.augmentation import Augmentation, Pixels
from training.data.sampler import Draw
from vreid.decoding import decode_image
from vreid.modality import MODALITIES, Modality
from vreid.preprocessing import Preprocessing, normalise, render, resize
from vreid.sample import Sample


class TrainingItem(NamedTuple):
    """One augmented sample: images (3, 3, H, W), mask (3,), label, and its number."""

    images: NDArray[np.float32]
    mask: NDArray[np.bool_]
    label: int
    sample: int


class Batch(NamedTuple):
    """Samples stacked.

    Attributes:
        images: (B, 3, 3, H, W) float32, axis 1 the modality; zero where missing.
        mask: (B, 3) bool.
        labels: (B,) identity numbers.
        samples: (B,) numbers of the samples, to name them in messages.
    """

    images: Tensor
    mask: Tensor
    labels: Tensor
    samples: Tensor


class TrainingImages(TorchDataset[TrainingItem]):
    """Samples with their identity numbers, indexed by `Draw`.

    Images are decoded, rendered and resized once and kept in memory as 8-bit pixels: about 110 kB
    each at 192 x 192. What a draw looks like depends on seed and draw alone, not on which process
    prepares it.

    Args:
        samples: all of them.
        labels: identity number of each.
        preprocessing: the model's.
        augmentation: of every draw.
        seed: of the augmentation.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        labels: Sequence[int],
        preprocessing: Preprocessing,
        augmentation: Augmentation,
        seed: int,
    ) -> None:
        self.samples = samples
        self.labels = labels
        self.preprocessing = preprocessing
        self.augmentation = augmentation
        self.seed = seed
        self._fill = {
            modality: _mean_colour(normalisation.mean)
            for modality, normalisation in preprocessing.normalisation.items()
        }
        self._pixels = _decode_all(samples, preprocessing)

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.samples)

    def __getitem__(self, draw: Draw) -> TrainingItem:
        """Augments and normalises one sample."""
        generator = np.random.default_rng((self.seed, draw.epoch, draw.position))
        augmented = self.augmentation(self._pixels[draw.sample], self._fill, generator)
        size = (self.preprocessing.height, self.preprocessing.width)
        images = np.zeros((len(MODALITIES), 3, *size), dtype=np.float32)
        mask = np.zeros(len(MODALITIES), dtype=np.bool_)
        for modality, pixels in augmented.items():
            images[modality.index] = normalise(pixels, self.preprocessing.normalisation[modality])
            mask[modality.index] = True
        return TrainingItem(images, mask, self.labels[draw.sample], draw.sample)


def collate(items: Sequence[TrainingItem]) -> Batch:
    """Stacks items to a batch."""
    return Batch(
        images=torch.from_numpy(np.stack([item.images for item in items])),
        mask=torch.from_numpy(np.stack([item.mask for item in items])),
        labels=torch.tensor([item.label for item in items]),
        samples=torch.tensor([item.sample for item in items]),
    )


def _decode_all(
    samples: Sequence[Sample], preprocessing: Preprocessing
) -> list[Mapping[Modality, Pixels]]:
    decode = partial(_network_pixels, preprocessing=preprocessing)
    with ThreadPoolExecutor() as pool:
        decoded = pool.map(decode, samples)
        return list(tqdm(decoded, "decoding", len(samples), unit="sample", disable=None))


def _network_pixels(sample: Sample, preprocessing: Preprocessing) -> Mapping[Modality, Pixels]:
    """What the network sees of a sample, before normalisation: (H, W, 3) per modality."""
    return {
        modality: resize(
            render(decode_image(sample.read(modality)), modality, preprocessing), preprocessing
        )
        for modality in sample.images
    }


def _mean_colour(mean: tuple[float, float, float]) -> tuple[int, int, int]:
    red, green, blue = (round(255 * value) for value in mean)
    return red, green, blue
