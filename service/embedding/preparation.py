"""From images as they were sent to what the engine takes, one sample after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from service.batching.submission import BranchPixels, Embedded, Pixels
from service.embedding.cached_picture import CachedPicture
from service.indexing.thumbnails import make_thumbnail, smallest_decoded
from service.messages.samples import EmbeddedSamples, SentSample
from service.request_errors import InvalidField
from vreid.decoding import ImageLimits, decode_image
from vreid.errors import ImageError, UnknownModality
from vreid.modality import MODALITIES, Modality
from vreid.preprocessing import Preprocessing, branch_pixels, modality_warnings, palette_of

if TYPE_CHECKING:
    from service.embedding.embedding_cache import EmbeddingCache


@dataclass(frozen=True, slots=True)
class PreparedImage:
    """What is kept of an image when its pixels are given up.

    `pixels` are branch pixels (H, W, 3), None where `features` (D,) are known from before.
    """

    pixels: Pixels | None
    features: NDArray[np.float32] | None
    warnings: Sequence[str]
    thumbnail: bytes | None


class Preparation:
    """The samples of one request on the way to the engine; belongs to one thread at a time.

    Call `next_sample` until nothing is left, have `images` embedded, and `finish`. Pixels are held
    of one image at a time.
    """

    def __init__(
        self,
        samples: Sequence[SentSample],
        preprocessing: Preprocessing,
        feature_size: int,
        limits: ImageLimits,
        cache: EmbeddingCache | None,
        with_thumbnails: bool,
    ) -> None:
        self._samples: list[SentSample | None] = list(samples)
        self._preprocessing = preprocessing
        self._smallest = smallest_decoded(preprocessing)
        self._feature_size = feature_size
        self._limits = limits
        self._cache = cache
        self._with_thumbnails = with_thumbnails
        self._keys = _cache_keys(cache, samples)
        self._known = _known_pictures(cache, self._keys)
        self._prepared: list[dict[Modality, PreparedImage]] = []

    @property
    def left(self) -> int:
        """How many samples are still to be prepared."""
        return len(self._samples) - len(self._prepared)

    @property
    def images(self) -> list[BranchPixels]:
        """The images whose features are not known, of each sample that has any."""
        return [pixels for pixels in self._unknown() if pixels]

    def next_sample(self) -> None:
        """Decode and resize the images of the next sample.

        Raises:
            InvalidField: an image cannot be used; it names the field and the reason.
        """
        row = len(self._prepared)
        sample, known = self._samples[row], self._known[row]
        assert sample is not None
        # The encoded files are not needed any more once there are pixels.
        self._samples[row] = None
        self._prepared.append(
            {
                modality: self._prepare(sample, modality, known.get(modality))
                for modality in sample.images
            }
        )

    def finish(self, embedded: Embedded) -> EmbeddedSamples:
        """Return the samples with the features of `images`, and keep these in the cache."""
        features, mask = embedded if self._cache is None else self._with_known(embedded)
        self._keep_pictures(features)
        return EmbeddedSamples(
            features,
            mask,
            tuple(
                tuple(text for image in images.values() for text in image.warnings)
                for images in self._prepared
            ),
            tuple(
                {
                    modality: image.thumbnail
                    for modality, image in images.items()
                    if image.thumbnail is not None
                }
                for images in self._prepared
            ),
        )

    def _with_known(self, embedded: Embedded) -> Embedded:
        """Put the features that were embedded beside those that the cache had."""
        shape = (len(self._prepared), len(MODALITIES), self._feature_size)
        features = np.zeros(shape, dtype=np.float32)
        mask = np.zeros(shape[:2], dtype=np.bool_)
        rows = [row for row, pixels in enumerate(self._unknown()) if pixels]
        features[rows], mask[rows] = embedded
        for row, images in enumerate(self._prepared):
            for modality, image in images.items():
                if image.features is not None:
                    features[row, modality.index] = image.features
                    mask[row, modality.index] = True
        return features, mask

    def _unknown(self) -> list[dict[Modality, Pixels]]:
        return [
            {
                modality: image.pixels
                for modality, image in images.items()
                if image.pixels is not None
            }
            for images in self._prepared
        ]

    def _prepare(
        self, sample: SentSample, modality: Modality, known: CachedPicture | None
    ) -> PreparedImage:
        if known is not None and not self._with_thumbnails:
            return PreparedImage(None, known.features, known.warnings, None)
        with named_field(sample, modality):
            pixels = decode_image(sample.images[modality], self._limits, self._smallest)
        thumbnail = (
            make_thumbnail(pixels, modality, self._preprocessing) if self._with_thumbnails else None
        )
        if known is not None:
            return PreparedImage(None, known.features, known.warnings, thumbnail)
        palette = palette_of(pixels, modality, sample.tir_palette)
        return PreparedImage(
            branch_pixels(pixels, modality, self._preprocessing, palette),
            None,
            modality_warnings(pixels, modality, palette),
            thumbnail,
        )

    def _keep_pictures(self, features: NDArray[np.float32]) -> None:
        if self._cache is None:
            return
        self._cache.write(
            {
                key: CachedPicture(
                    features[row, modality.index], tuple(self._prepared[row][modality].warnings)
                )
                for row, keys in enumerate(self._keys)
                for modality, key in keys.items()
                if self._prepared[row][modality].features is None
            }
        )


@contextmanager
def named_field(sample: SentSample, modality: Modality) -> Iterator[None]:
    """Name the field whose image is at fault.

    Raises:
        InvalidField: with the error of the image.
    """
    try:
        yield
    except (ImageError, UnknownModality) as error:
        raise InvalidField(sample.prefix + modality, error) from error


Compute = Callable[[Sequence[BranchPixels]], Embedded]
"""Embeds the branch pixels of samples; raises EngineError."""


def _cache_keys(
    cache: EmbeddingCache | None, samples: Sequence[SentSample]
) -> list[dict[Modality, str]]:
    """The key of each picture of each sample; making one hashes the picture."""
    if cache is None:
        return [{} for _ in samples]
    return [
        {
            modality: cache.key(modality, data, sample.tir_palette)
            for modality, data in sample.images.items()
        }
        for sample in samples
    ]


def _known_pictures(
    cache: EmbeddingCache | None, keys: Sequence[Mapping[Modality, str]]
) -> list[dict[Modality, CachedPicture]]:
    if cache is None:
        return [{} for _ in keys]
    known = cache.read([key for each in keys for key in each.values()])
    return [
        {modality: known[key] for modality, key in each.items() if key in known} for each in keys
    ]
