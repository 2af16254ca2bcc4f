"""Training samples as tensors, augmented at every draw."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from training.data.augmentation import Augmentation
from training.data.decoded_images import BadImage, DecodedAnew, DecodedImages
from training.data.sampler import Draw
from training.errors import TrainingImageError
from vreid.modality import MODALITIES
from vreid.preprocessing import Preprocessing, normalise
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
        bad: images that could not be decoded; their samples are not among the B.
    """

    images: Tensor
    mask: Tensor
    labels: Tensor
    samples: Tensor
    bad: tuple[BadImage, ...] = ()


class TrainingImages(TorchDataset[TrainingItem | BadImage]):
    """Samples with their identity numbers, indexed by `Draw`.

    What a draw looks like depends on seed and draw alone, not on which process prepares it or on
    how images are kept. A sample that cannot be decoded is given as a value, not raised: a value
    passes from a loader's worker as it is, an exception as the text of a traceback.

    Args:
        samples: all of them.
        labels: identity number of each.
        preprocessing: the model's.
        augmentation: of every draw.
        seed: of the augmentation.
        decoded: the samples' pixels; decoded anew at every draw when None.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        labels: Sequence[int],
        preprocessing: Preprocessing,
        augmentation: Augmentation,
        seed: int,
        decoded: DecodedImages | None = None,
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
        self._decoded = DecodedAnew(samples, preprocessing) if decoded is None else decoded

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.samples)

    def __getitem__(self, draw: Draw) -> TrainingItem | BadImage:
        """Augments and normalises one sample."""
        try:
            decoded = self._decoded[draw.sample]
        except TrainingImageError as error:
            return BadImage(error.file, error.reason)
        generator = np.random.default_rng((self.seed, draw.epoch, draw.position))
        augmented = self.augmentation(decoded, self._fill, generator)
        size = (self.preprocessing.height, self.preprocessing.width)
        images = np.zeros((len(MODALITIES), 3, *size), dtype=np.float32)
        mask = np.zeros(len(MODALITIES), dtype=np.bool_)
        for modality, pixels in augmented.items():
            images[modality.index] = normalise(pixels, self.preprocessing.normalisation[modality])
            mask[modality.index] = True
        return TrainingItem(images, mask, self.labels[draw.sample], draw.sample)


def collate(items: Sequence[TrainingItem | BadImage]) -> Batch:
    """Stacks items to a batch; bad images stand beside it."""
    bad = tuple(item for item in items if isinstance(item, BadImage))
    good = [item for item in items if isinstance(item, TrainingItem)]
    if not good:
        nothing = torch.zeros(0)
        return Batch(nothing, nothing, nothing, nothing, bad)
    return Batch(
        images=torch.from_numpy(np.stack([item.images for item in good])),
        mask=torch.from_numpy(np.stack([item.mask for item in good])),
        labels=torch.tensor([item.label for item in good]),
        samples=torch.tensor([item.sample for item in good]),
        bad=bad,
    )


def _mean_colour(mean: tuple[float, float, float]) -> tuple[int, int, int]:
    red, green, blue = (round(255 * value) for value in mean)
    return red, green, blue
