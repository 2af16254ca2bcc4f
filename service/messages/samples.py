"""Samples as a client sent them, and what comes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vreid.modality import Modality


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
