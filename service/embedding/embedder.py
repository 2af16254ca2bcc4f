"""The bundle and its engine: from images as they were sent to branch features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from service.batching.submission import BranchPixels, Embedded
from service.embedding.preparation import Compute, Preparation, named_field
from service.messages.samples import EmbeddedSamples, SentSample
from service.request_errors import TooManyPixels
from vreid.bundle import Bundle
from vreid.decoding import ImageLimits, declared_pixels
from vreid.embedding import embed
from vreid.engines import BranchEngine, open_engine
from vreid.errors import NoModality, UnknownModality
from vreid.modality import MODALITIES, Modality, subset_name

if TYPE_CHECKING:
    from service.embedding.embedding_cache import EmbeddingCache


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
        precision: str = "auto",
        lanes: int | None = None,
    ) -> Embedder:
        """Open the engine and run every branch once, so that the first request is not the slow one.

        Raises:
            EngineUnavailable: the engine asked for cannot run here.
            BundleDamaged: a network file cannot be loaded.
        """
        opened = open_engine(bundle, engine, threads, precision, lanes)
        embedder = cls(bundle, opened, limits, request_pixels)
        embedder.warm_up()
        return embedder

    def warm_up(self) -> None:
        """Run every branch on one black image.

        Raises:
            EngineError: a branch does not run.
        """
        preprocessing = self.bundle.manifest.preprocessing
        black = np.zeros((preprocessing.height, preprocessing.width, 3), dtype=np.uint8)
        self.compute([dict.fromkeys(self.bundle.manifest.modalities, black)])

    def compute(self, images: Sequence[BranchPixels]) -> Embedded:
        """Embed the branch pixels of samples on the calling thread, past every queue.

        Raises:
            EngineError: the engine failed.
        """
        size = self.bundle.manifest.feature_size
        return embed(images, self.engine, size, self.engine.batch_sizes[-1] * self.engine.lanes)

    @property
    def nothing(self) -> Embedded:
        """What comes of embedding no samples."""
        shape = (0, len(MODALITIES), self.bundle.manifest.feature_size)
        return np.zeros(shape, dtype=np.float32), np.zeros(shape[:2], dtype=np.bool_)

    def embed(
        self,
        samples: Sequence[SentSample],
        with_thumbnails: bool = False,
        compute: Compute | None = None,
    ) -> EmbeddedSamples:
        """Decode, resize and embed samples; branches of missing modalities do not run.

        Pixels are held of one image at a time.

        Args:
            samples: as they were sent.
            with_thumbnails: whether thumbnails are wanted.
            compute: what embeds; `self.compute` when None.

        Raises:
            InvalidField: an image cannot be used; it names the field and the reason.
            TooManyPixels: the images together declare more than `request_pixels`.
            EngineError: the engine failed.
        """
        preparation = self.prepare(samples, with_thumbnails)
        while preparation.left:
            preparation.next_sample()
        images = preparation.images
        return preparation.finish((compute or self.compute)(images) if images else self.nothing)

    def prepare(self, samples: Sequence[SentSample], with_thumbnails: bool = False) -> Preparation:
        """Return the samples, to be decoded and resized, when their headers are in order.

        Raises:
            InvalidField: a file is no image that is read; it names the field and the reason.
            NoModality: a sample has no image.
            TooManyPixels: the images together declare more than `request_pixels`.
        """
        self.check_headers(samples)
        manifest = self.bundle.manifest
        return Preparation(
            samples,
            manifest.preprocessing,
            manifest.feature_size,
            self.limits,
            self.cache,
            with_thumbnails,
        )

    def check_headers(self, samples: Sequence[SentSample]) -> None:
        """Refuse by what the files declare, before any pixel is decoded.

        Raises:
            InvalidField: a file is no image that is read; it names the field and the reason.
            NoModality: a sample has no image.
            TooManyPixels: the images together declare more than `request_pixels`.
        """
        total = 0
        for sample in samples:
            if not sample.images:
                raise NoModality("a sample has no image; send at least one of rgb, nir, tir")
            for modality, data in sample.images.items():
                with named_field(sample, modality):
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
