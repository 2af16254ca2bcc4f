"""From samples to branch features: each branch runs only on the samples that have its modality."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from vreid.bundle import Bundle
from vreid.decoding import DEFAULT_LIMITS, ImageLimits, decode_image
from vreid.engines import BranchEngine, BranchRunner
from vreid.errors import EngineError, NoModality
from vreid.modality import MODALITIES, Modality
from vreid.preprocessing import Preprocessing, branch_pixels
from vreid.sample import Sample

_TOGETHER = 8
"""Samples whose images are in memory together, where the engine does not take more at once."""

_LARGEST_STORED = float(np.finfo(np.float16).max)


def embed(
    images: Sequence[Mapping[Modality, NDArray[np.uint8]]],
    engine: BranchRunner,
    feature_size: int,
    batch_size: int = _TOGETHER,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Branch features of samples whose images are resized.

    Rows are grouped by modality, so that a branch runs in full batches over the samples that have
    its modality and does not run where it is missing. The features are rounded to what
    a gallery stores (`round_to_stored`).

    Args:
        images: for each sample, the branch pixels (H, W, 3) of each modality it has, at least one.
        engine: an open engine.
        feature_size: D, from the bundle's manifest.
        batch_size: most images in one run.

    Returns:
        Features float32 (N, 3, D) with zeros for missing modalities, and the mask bool (N, 3).

    Raises:
        NoModality: a sample has no image.
        EngineError: the engine failed or gave features of another size or not finite.
    """
    if batch_size < 1:
        raise EngineError(f"the batch size is {batch_size}; give at least 1")
    mask = np.array(
        [[modality in sample for modality in MODALITIES] for sample in images], dtype=np.bool_
    ).reshape(len(images), len(MODALITIES))
    empty = np.flatnonzero(~mask.any(axis=1))
    if empty.size:
        raise NoModality(
            f"sample {empty[0]} of the batch has no image; give at least one of rgb, nir, tir"
        )
    features = np.zeros((len(images), len(MODALITIES), feature_size), dtype=np.float32)
    for modality in MODALITIES:
        rows = np.flatnonzero(mask[:, modality.index])
        for start in range(0, len(rows), batch_size):
            batch = rows[start : start + batch_size]
            output = engine.run(modality, np.stack([images[row][modality] for row in batch]))
            if output.shape != (len(batch), feature_size):
                raise EngineError(
                    f"the {modality} branch gave features of shape {output.shape} instead of "
                    f"{(len(batch), feature_size)}; export the bundle again"
                )
            features[batch, modality.index] = output
    return round_to_stored(features), mask


def embed_samples(
    samples: Iterable[Sample],
    bundle: Bundle,
    engine: BranchEngine,
    batch_size: int | None = None,
    limits: ImageLimits = DEFAULT_LIMITS,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Read, decode, resize and embed samples, a few at a time.

    Args:
        samples: to be read in this order.
        bundle: the model.
        engine: an open engine on it.
        batch_size: samples at a time; by default as many as keep every lane of the engine busy
            with full runs.
        limits: of each image.

    Returns:
        Features float32 (N, 3, D) and the mask bool (N, 3), as `embed`.

    Raises:
        ImageError: an image cannot be used.
        EngineError: the engine failed.
    """
    size = bundle.manifest.feature_size
    if batch_size is None:
        batch_size = max(_TOGETHER, engine.batch_sizes[-1] * engine.lanes)
    features = [np.zeros((0, len(MODALITIES), size), dtype=np.float32)]
    masks = [np.zeros((0, len(MODALITIES)), dtype=np.bool_)]
    for chunk in _chunks(samples, batch_size):
        images = [branch_inputs(sample, bundle.manifest.preprocessing, limits) for sample in chunk]
        chunk_features, chunk_mask = embed(images, engine, size, batch_size)
        features.append(chunk_features)
        masks.append(chunk_mask)
    return np.concatenate(features), np.concatenate(masks)


def branch_inputs(
    sample: Sample, preprocessing: Preprocessing, limits: ImageLimits = DEFAULT_LIMITS
) -> dict[Modality, NDArray[np.uint8]]:
    """The branch pixels (H, W, 3) of each modality that the sample has.

    Raises:
        ImageError: an image cannot be used.
        ConfigurationError: the model has no branch for one of the modalities.
    """
    return {
        modality: branch_input(sample, modality, preprocessing, limits)
        for modality in sample.images
    }


def branch_input(
    sample: Sample,
    modality: Modality,
    preprocessing: Preprocessing,
    limits: ImageLimits = DEFAULT_LIMITS,
) -> NDArray[np.uint8]:
    """The branch pixels (H, W, 3) of one modality.

    Raises:
        NoModality: the sample does not have it.
        ImageError: the image cannot be used.
        ConfigurationError: the model has no branch for it.
    """
    return branch_pixels(decode_image(sample.read(modality), limits), modality, preprocessing)


def round_to_stored(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Features rounded to the nearest float16, as float32.

    Galleries store float16. Rounding everywhere lets gallery, evaluation and service
    compute with the same numbers.

    Raises:
        EngineError: a feature is not finite, or beyond float16.
    """
    if not (np.abs(features) <= _LARGEST_STORED).all():
        raise EngineError(
            "a feature is not a finite number within float16; the model is broken, "
            "run `vreid bundle verify` on the bundle or export it again"
        )
    return features.astype(np.float16).astype(np.float32)


def _chunks(samples: Iterable[Sample], size: int) -> Iterator[list[Sample]]:
    remaining = iter(samples)
    while chunk := list(islice(remaining, max(1, size))):
        yield chunk
