"""The bundle and its engine: from images as they were sent to branch features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.embedding_cache import CachedPicture, EmbeddingCache
from service.indexing.thumbnails import make_thumbnail
from service.request_errors import InvalidField, TooManyPixels
from vreid.bundle import Bundle
from vreid.decoding import ImageLimits, declared_pixels, decode_image
from vreid.embedding import embed
from vreid.engines import BranchEngine, open_engine
from vreid.errors import ImageError, UnknownModality
from vreid.modality import MODALITIES, Modality, subset_name
from vreid.preprocessing import modality_warnings, preprocess


@dataclass(frozen=True, slots=True)
class SentSample:
    """One sample as a client sent it.

    Attributes:
        images: encoded files.
        tir_palette: the thermal image's false-colour palette, None where it has to be measured.
        prefix: what stands before rgb, nir, tir in the field names the client used.
    """

    images: Mapping[Modality, bytes]
    tir_palette: str | None = None
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class EmbeddedSamples:
    """Branch features of samples.

    Attributes:
        features: float32 (N, 3, D), exact in float16; rows of missing modalities are zero.
        mask: bool (N, 3).
        warnings: sentences about each sample's images.
        thumbnails: a JPEG of each image of each sample; empty unless they were asked for.
    """

    features: NDArray[np.float32]
    mask: NDArray[np.bool_]
    warnings: tuple[tuple[str, ...], ...]
    thumbnails: tuple[Mapping[Modality, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class _PreparedImage:
    """What is kept of an image when its pixels are given up.

    `branch_input` is None where `features` (D,) are known from before.
    """

    branch_input: NDArray[np.float32] | None
    features: NDArray[np.float32] | None
    warnings: Sequence[str]
    thumbnail: bytes | None


class Embedder:
    """A bundle and an open engine on it; safe to call from several threads.

    `request_pixels` is how many pixels the images of one call may declare together; a `cache`
    knows features of pictures that were embedded before.
    """

    def __init__(
        self,
        bundle: Bundle,
        engine: BranchEngine,
        limits: ImageLimits,
        request_pixels: int,
        cache: EmbeddingCache | None = None,
    ) -> None:
        self.bundle = bundle
        self.engine = engine
        self.limits = limits
        self.request_pixels = request_pixels
        self.cache = cache

    @classmethod
    def open(
        cls,
        bundle: Bundle,
        engine: str,
        threads: int | None,
        limits: ImageLimits,
        request_pixels: int,
    ) -> Embedder:
        """Open the engine and run every branch once, so that the first request is not the slow one.

        Raises:
            EngineUnavailable: the engine asked for cannot run here.
            BundleDamaged: a network file cannot be loaded.
        """
        embedder = cls(bundle, open_engine(bundle, engine, threads), limits, request_pixels)
        embedder.warm_up()
        return embedder

    def warm_up(self) -> None:
        """Run every branch on one black image.

        Raises:
            EngineError: a branch does not run.
        """
        preprocessing = self.bundle.manifest.preprocessing
        black = np.zeros((3, preprocessing.height, preprocessing.width), dtype=np.float32)
        sample = dict.fromkeys(self.bundle.manifest.modalities, black)
        embed([sample], self.engine, self.bundle.manifest.feature_size)

    def embed(
        self, samples: Sequence[SentSample], with_thumbnails: bool = False
    ) -> EmbeddedSamples:
        """Decode, preprocess and embed samples; branches of missing modalities do not run.

        Pixels are held of one image at a time.

        Raises:
            InvalidField: an image cannot be used; it names the field and the reason.
            TooManyPixels: the images together declare more than `request_pixels`.
            EngineError: the engine failed.
        """
        self.check_headers(samples)
        keys = self._cache_keys(samples)
        known = self._known_pictures(keys)
        prepared = [
            {
                modality: self._prepare(sample, modality, pictures.get(modality), with_thumbnails)
                for modality in sample.images
            }
            for sample, pictures in zip(samples, known, strict=True)
        ]
        features, mask = self._features(prepared)
        self._keep_pictures(keys, prepared, features)
        return EmbeddedSamples(
            features,
            mask,
            tuple(
                tuple(text for image in images.values() for text in image.warnings)
                for images in prepared
            ),
            tuple(
                {
                    modality: image.thumbnail
                    for modality, image in images.items()
                    if image.thumbnail is not None
                }
                for images in prepared
            ),
        )

    def check_headers(self, samples: Sequence[SentSample]) -> None:
        """Refuse by what the files declare, before any pixel is decoded.

        Raises:
            InvalidField: a file is no image that is read; it names the field and the reason.
            TooManyPixels: the images together declare more than `request_pixels`.
        """
        total = 0
        for sample in samples:
            for modality, data in sample.images.items():
                with _named(sample, modality):
                    self._check_branch(modality)
                    total += declared_pixels(data, self.limits)
        if total > self.request_pixels:
            raise TooManyPixels(
                f"the images declare {total / 1e6:.4g} million pixels together and "
                f"{self.request_pixels / 1e6:g} million are allowed in a request; send crops of "
                "the vehicle or fewer samples"
            )

    def _check_branch(self, modality: Modality) -> None:
        manifest = self.bundle.manifest
        if modality not in manifest.modalities:
            raise UnknownModality(
                f"the model {manifest.name} has no {modality} branch, only "
                f"{subset_name(manifest.modalities)}; leave this image out"
            )

    def _prepare(
        self,
        sample: SentSample,
        modality: Modality,
        known: CachedPicture | None,
        with_thumbnail: bool,
    ) -> _PreparedImage:
        if known is not None and not with_thumbnail:
            return _PreparedImage(None, known.features, known.warnings, None)
        preprocessing = self.bundle.manifest.preprocessing
        with _named(sample, modality):
            pixels = decode_image(sample.images[modality], self.limits)
        thumbnail = make_thumbnail(pixels, modality, preprocessing) if with_thumbnail else None
        if known is not None:
            return _PreparedImage(None, known.features, known.warnings, thumbnail)
        return _PreparedImage(
            preprocess(pixels, modality, preprocessing, sample.tir_palette),
            None,
            modality_warnings(pixels, modality),
            thumbnail,
        )

    def _features(
        self, prepared: Sequence[Mapping[Modality, _PreparedImage]]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Run the branches on what is not known; features (N, 3, D) and mask (N, 3)."""
        unknown = [
            {
                modality: image.branch_input
                for modality, image in images.items()
                if image.branch_input is not None
            }
            for images in prepared
        ]
        size = self.bundle.manifest.feature_size
        rows = [row for row, images in enumerate(unknown) if images or not prepared[row]]
        features = np.zeros((len(prepared), len(MODALITIES), size), dtype=np.float32)
        mask = np.zeros((len(prepared), len(MODALITIES)), dtype=np.bool_)
        features[rows], mask[rows] = embed([unknown[row] for row in rows], self.engine, size)
        for row, images in enumerate(prepared):
            for modality, image in images.items():
                if image.features is not None:
                    features[row, modality.index] = image.features
                    mask[row, modality.index] = True
        return features, mask

    def _cache_keys(self, samples: Sequence[SentSample]) -> list[dict[Modality, str]]:
        """The key of each picture of each sample; making one hashes the picture."""
        if self.cache is None:
            return [{} for _ in samples]
        return [
            {
                modality: self.cache.key(modality, data, sample.tir_palette)
                for modality, data in sample.images.items()
            }
            for sample in samples
        ]

    def _known_pictures(
        self, keys: Sequence[Mapping[Modality, str]]
    ) -> list[dict[Modality, CachedPicture]]:
        if self.cache is None:
            return [{} for _ in keys]
        known = self.cache.read([key for each in keys for key in each.values()])
        return [
            {modality: known[key] for modality, key in each.items() if key in known}
            for each in keys
        ]

    def _keep_pictures(
        self,
        keys: Sequence[Mapping[Modality, str]],
        prepared: Sequence[Mapping[Modality, _PreparedImage]],
        features: NDArray[np.float32],
    ) -> None:
        if self.cache is None:
            return
        self.cache.write(
            {
                key: CachedPicture(
                    features[row, modality.index], tuple(prepared[row][modality].warnings)
                )
                for row, each in enumerate(keys)
                for modality, key in each.items()
                if prepared[row][modality].features is None
            }
        )


@contextmanager
def _named(sample: SentSample, modality: Modality) -> Iterator[None]:
    """Name the field whose image is at fault."""
    try:
        yield
    except (ImageError, UnknownModality) as error:
        raise InvalidField(sample.prefix + modality, error) from error
