"""The bundle and its engine: from images as they were sent to branch features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.request_errors import InvalidField
from vreid.bundle import Bundle
from vreid.decoding import ImageLimits, Pixels, decode_image
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
        pixels: the decoded images of each sample.
        warnings: sentences about each sample's images.
    """

    features: NDArray[np.float32]
    mask: NDArray[np.bool_]
    pixels: tuple[Mapping[Modality, Pixels], ...]
    warnings: tuple[tuple[str, ...], ...]


class Embedder:
    """A bundle and an open engine on it; safe to call from several threads."""

    def __init__(self, bundle: Bundle, engine: BranchEngine, limits: ImageLimits) -> None:
        self.bundle = bundle
        self.engine = engine
        self.limits = limits

    @classmethod
    def open(
        cls, bundle: Bundle, engine: str, threads: int | None, limits: ImageLimits
    ) -> Embedder:
        """Open the engine and run every branch once, so that the first request is not the slow one.

        Raises:
            EngineUnavailable: the engine asked for cannot run here.
            BundleDamaged: a network file cannot be loaded.
        """
        embedder = cls(bundle, open_engine(bundle, engine, threads), limits)
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

    def embed(self, samples: Sequence[SentSample]) -> EmbeddedSamples:
        """Decode, preprocess and embed samples; branches of missing modalities do not run.

        Raises:
            InvalidField: an image cannot be used; it names the field and the reason.
            EngineError: the engine failed.
        """
        pixels = tuple(decode_sample(sample, self.limits) for sample in samples)
        inputs = [
            self._branch_inputs(sample, decoded)
            for sample, decoded in zip(samples, pixels, strict=True)
        ]
        features, mask = embed(inputs, self.engine, self.bundle.manifest.feature_size)
        return EmbeddedSamples(features, mask, pixels, tuple(map(sample_warnings, pixels)))

    def _branch_inputs(
        self, sample: SentSample, pixels: Mapping[Modality, Pixels]
    ) -> dict[Modality, NDArray[np.float32]]:
        manifest = self.bundle.manifest
        for modality in pixels:
            if modality not in manifest.modalities:
                raise InvalidField(
                    sample.prefix + modality,
                    UnknownModality(
                        f"the model {manifest.name} has no {modality} branch, only "
                        f"{subset_name(manifest.modalities)}; leave this image out"
                    ),
                )
        return {
            modality: preprocess(decoded, modality, manifest.preprocessing, sample.tir_palette)
            for modality, decoded in pixels.items()
        }


def decode_sample(sample: SentSample, limits: ImageLimits) -> dict[Modality, Pixels]:
    """Decode every image of a sample.

    Raises:
        InvalidField: an image cannot be used; it names the field and the reason.
    """
    decoded: dict[Modality, Pixels] = {}
    for modality, data in sample.images.items():
        try:
            decoded[modality] = decode_image(data, limits)
        except ImageError as error:
            raise InvalidField(sample.prefix + modality, error) from error
    return decoded


def sample_warnings(pixels: Mapping[Modality, Pixels]) -> tuple[str, ...]:
    """Return sentences about images that do not look like their modality."""
    return tuple(
        warning
        for modality, decoded in pixels.items()
        for warning in modality_warnings(decoded, modality)
    )
