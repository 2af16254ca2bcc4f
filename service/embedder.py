"""The bundle and its engine: from images as they were sent to branch features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.indexing.thumbnails import make_thumbnail
from service.request_errors import InvalidField, TooManyPixels
from vreid.bundle import Bundle
from vreid.decoding import ImageLimits, declared_pixels, decode_image
from vreid.embedding import embed
from vreid.engines import BranchEngine, open_engine
from vreid.errors import ImageError, UnknownModality
from vreid.modality import Modality, subset_name
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
    """What is kept of an image when its pixels are given up."""

    branch_input: NDArray[np.float32]
    warnings: Sequence[str]
    thumbnail: bytes | None


class Embedder:
    """A bundle and an open engine on it; safe to call from several threads.

    `request_pixels` is how many pixels the images of one call may declare together.
    """

    def __init__(
        self, bundle: Bundle, engine: BranchEngine, limits: ImageLimits, request_pixels: int
    ) -> None:
        self.bundle = bundle
        self.engine = engine
        self.limits = limits
        self.request_pixels = request_pixels

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
        self._check_headers(samples)
        prepared = [
            {
                modality: self._prepare(sample, modality, with_thumbnails)
                for modality in sample.images
            }
            for sample in samples
        ]
        features, mask = embed(
            [
                {modality: image.branch_input for modality, image in images.items()}
                for images in prepared
            ],
            self.engine,
            self.bundle.manifest.feature_size,
        )
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

    def _check_headers(self, samples: Sequence[SentSample]) -> None:
        """Refuse by what the files declare, before any pixel is decoded."""
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
        self, sample: SentSample, modality: Modality, with_thumbnail: bool
    ) -> _PreparedImage:
        preprocessing = self.bundle.manifest.preprocessing
        with _named(sample, modality):
            pixels = decode_image(sample.images[modality], self.limits)
        return _PreparedImage(
            preprocess(pixels, modality, preprocessing, sample.tir_palette),
            modality_warnings(pixels, modality),
            make_thumbnail(pixels, modality, preprocessing) if with_thumbnail else None,
        )


@contextmanager
def _named(sample: SentSample, modality: Modality) -> Iterator[None]:
    """Name the field whose image is at fault."""
    try:
        yield
    except (ImageError, UnknownModality) as error:
        raise InvalidField(sample.prefix + modality, error) from error
