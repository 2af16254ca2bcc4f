"""One run of one branch, in which what fails fails alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from service.batching.submission import Pixels
from vreid.engines import BranchRunner
from vreid.errors import EngineError
from vreid.modality import Modality

Outcome = NDArray[np.float32] | Exception
"""The features (D,) of one image, or why it has none."""


def run_branch(
    engine: BranchRunner, modality: Modality, images: Sequence[Pixels], feature_size: int
) -> list[Outcome]:
    """Return what came of each of the images (H, W, 3); a batch that fails is run one by one."""
    try:
        features = engine.run(modality, _batch(images))
        if features.shape != (len(images), feature_size):
            raise EngineError(
                f"the {modality} branch gave features of shape {features.shape} instead of "
                f"{(len(images), feature_size)}; export the bundle again"
            )
    except Exception as error:
        if len(images) == 1:
            return [error]
        return [run_branch(engine, modality, [image], feature_size)[0] for image in images]
    return list(features)


def _batch(images: Sequence[Pixels]) -> Pixels:
    # One image is a batch as it lies.
    return images[0][np.newaxis] if len(images) == 1 else np.stack(images)
