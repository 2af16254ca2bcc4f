"""Samples as 8-bit pixels of the network's size: kept in memory, in a file, or decoded anew."""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from training.data.augmentation import Pixels
from training.errors import TrainingImageError
from vreid.decoding import decode_image
from vreid.errors import VreidError
from vreid.image_source import file_of
from vreid.modality import MODALITIES, Modality
from vreid.preprocessing import Preprocessing, render, resize
from vreid.sample import Sample

SampleImages = Mapping[Modality, Pixels]
"""What the network sees of a sample, before normalisation: uint8 (H, W, 3) per modality."""


class BadImage(NamedTuple):
    """An image that cannot be read or decoded: its file (or sample's name), and why."""

    file: str
    reason: str


class DecodedImages(Protocol):
    """Samples by number."""

    def __getitem__(self, number: int) -> SampleImages:
        """The pixels of a sample.

        Raises:
            TrainingImageError: one of its images cannot be read or decoded.
        """
        ...

    def bad_images(self) -> Sequence[BadImage]:
        """Those known already that cannot be read or decoded."""
        ...


class DecodedAnew:
    """Decodes at every access and keeps nothing."""

    def __init__(self, samples: Sequence[Sample], preprocessing: Preprocessing) -> None:
        self.samples = samples
        self.preprocessing = preprocessing

    def __getitem__(self, number: int) -> SampleImages:
        """Decodes one sample."""
        sample = self.samples[number]
        return {
            modality: decode_for_network(sample, modality, self.preprocessing)
            for modality in sample.images
        }

    def bad_images(self) -> Sequence[BadImage]:
        """None: nothing is decoded yet."""
        return ()


class DecodedTable:
    """Pixels of every image in one array, which may lie in memory or be a mapped file.

    Args:
        slots: (N, 3) which row of `pixels` holds a sample's modality; -1 where it has none.
        pixels: uint8 (images, H, W, 3).
        bad: what could not be decoded, by row.
    """

    def __init__(
        self,
        slots: NDArray[np.int64],
        pixels: NDArray[np.uint8],
        bad: Mapping[int, BadImage],
    ) -> None:
        self.slots = slots
        self.pixels = pixels
        self.bad = bad

    def __getitem__(self, number: int) -> SampleImages:
        """Views of the rows; nobody writes into them."""
        rows = {
            modality: int(self.slots[number, modality.index])
            for modality in MODALITIES
            if self.slots[number, modality.index] >= 0
        }
        for row in rows.values():
            if row in self.bad:
                raise TrainingImageError(*self.bad[row])
        return {modality: self.pixels[row] for modality, row in rows.items()}

    def bad_images(self) -> Sequence[BadImage]:
        """All there are."""
        return tuple(self.bad.values())


class Concatenated:
    """Several sources' images, numbered in sequence."""

    def __init__(self, parts: Sequence[DecodedImages], sizes: Sequence[int]) -> None:
        self.parts = parts
        self.ends = list(accumulate(sizes))

    def __getitem__(self, number: int) -> SampleImages:
        """The images of a sample from the source that it belongs to."""
        part = bisect_right(self.ends, number)
        return self.parts[part][number - (self.ends[part - 1] if part else 0)]

    def bad_images(self) -> Sequence[BadImage]:
        """Those of all parts."""
        return [bad for part in self.parts for bad in part.bad_images()]


def decode_for_network(sample: Sample, modality: Modality, preprocessing: Preprocessing) -> Pixels:
    """Reads, decodes, renders and resizes one image, uint8 (H, W, 3).

    Raises:
        TrainingImageError: the image cannot be read or decoded; names its file.
    """
    try:
        return resize(
            render(decode_image(sample.read(modality)), modality, preprocessing), preprocessing
        )
    except VreidError as error:
        file = file_of(sample.images[modality])
        raise TrainingImageError(
            str(file or f"the {modality} image of {sample.name or 'a sample without a name'}"),
            str(error),
        ) from error


def slots_of(samples: Sequence[Sample]) -> NDArray[np.int64]:
    """Numbers the images of all samples, (N, 3); -1 where a modality is missing."""
    mask = np.stack([sample.mask for sample in samples])
    numbers = np.cumsum(mask.reshape(-1)).reshape(mask.shape) - 1
    return np.where(mask, numbers, -1).astype(np.int64)


def decoded_bytes(samples: Sequence[Sample], preprocessing: Preprocessing) -> int:
    """What the pixels of all samples take, uint8 (H, W, 3) each."""
    images = sum(len(sample.images) for sample in samples)
    return images * preprocessing.height * preprocessing.width * 3


def decode_in_memory(
    samples: Sequence[Sample],
    preprocessing: Preprocessing,
    progress: Callable[[], None],
    show: bool = True,
) -> DecodedTable:
    """Decodes every sample into memory; arguments as for `fill`."""
    slots = slots_of(samples)
    shape = (int(slots.max()) + 1, preprocessing.height, preprocessing.width, 3)
    pixels = np.empty(shape, dtype=np.uint8)
    return DecodedTable(slots, pixels, fill(pixels, slots, samples, preprocessing, progress, show))


def fill(
    pixels: NDArray[np.uint8],
    slots: NDArray[np.int64],
    samples: Sequence[Sample],
    preprocessing: Preprocessing,
    progress: Callable[[], None],
    show: bool = True,
) -> dict[int, BadImage]:
    """Decodes every image into its row, with as many threads as there are cores.

    Args:
        pixels: uint8 (images, H, W, 3), written to.
        slots: see `DecodedTable`.
        samples: what to decode.
        preprocessing: the model's.
        progress: called between samples; what it raises ends the work.
        show: a progress bar.

    Returns:
        What could not be decoded, by row.
    """

    def decode(number: int) -> list[tuple[int, BadImage]]:
        bad = []
        for modality in samples[number].images:
            row = int(slots[number, modality.index])
            try:
                pixels[row] = decode_for_network(samples[number], modality, preprocessing)
            except TrainingImageError as error:
                pixels[row] = 0
                bad.append((row, BadImage(error.file, error.reason)))
        return bad

    found: dict[int, BadImage] = {}
    pool = ThreadPoolExecutor()
    try:
        decoded = pool.map(decode, range(len(samples)))
        for bad in tqdm(
            decoded, "decoding", len(samples), unit="sample", disable=None if show else True
        ):
            found.update(bad)
            progress()
    finally:
        pool.shutdown(cancel_futures=True)
    return found
