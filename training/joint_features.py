"""Features of samples whose modalities a network computes together, for every subset of them.

Branch features of a modality stay what they are when others go missing; a joint feature does not.
So it is computed for each of the seven subsets of the modalities, and which of them counts follows
from a sample's mask.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from vreid.embedding import round_to_stored
from vreid.errors import NoModality
from vreid.modality import MODALITIES, Modality

SUBSETS = 2 ** len(MODALITIES) - 1
"""Subsets of the modalities but the empty one; number `code - 1` has those whose bits are set in
`code`: bit 0 RGB, bit 1 NIR, bit 2 TIR."""

_BITS = 1 << np.arange(len(MODALITIES))


@runtime_checkable
class JointEngine(Protocol):
    """Runs a network on whole samples."""

    @property
    def joint(self) -> bool:
        """Whether the network is one that computes modalities together."""

    def run_jointly(
        self, pixels: NDArray[np.uint8], mask: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Features (7, N, D) of samples by subset.

        Args:
            pixels: (N, 3, H, W, 3), axis 1 the modality; those of missing ones count for nothing.
            mask: (N, 3).
        """


def is_joint(engine: object) -> bool:
    """Whether an engine runs whole samples only."""
    return isinstance(engine, JointEngine) and engine.joint


def subset_masks() -> NDArray[np.bool_]:
    """Which modalities each subset has, (7, 3), in the order of `SUBSETS`."""
    return np.asarray(np.arange(1, SUBSETS + 1)[:, None] & _BITS, dtype=np.bool_)


def embed_jointly(
    samples: Sequence[Mapping[Modality, NDArray[np.uint8]]], engine: JointEngine
) -> tuple[NDArray[np.float16], NDArray[np.bool_]]:
    """Features of samples for every subset of their modalities.

    Args:
        samples: for each, the branch pixels (H, W, 3) of each modality it has, at least one.
        engine: a joint network's.

    Returns:
        Features (7, N, D), rounded as a gallery stores them, of which those of subsets that a
        sample has not mean nothing; and the mask (N, 3).

    Raises:
        NoModality: a sample has no image.
        EngineError: a feature is not finite.
    """
    mask = np.array([[modality in one for modality in MODALITIES] for one in samples], dtype=bool)
    for row, sample in enumerate(samples):
        if not sample:
            raise NoModality(f"sample {row} of the batch has no image; give at least one")
    shape = next(iter(samples[0].values())).shape
    pixels = np.zeros((*mask.shape, *shape), dtype=np.uint8)
    for row, sample in enumerate(samples):
        for modality, image in sample.items():
            pixels[row, modality.index] = image
    return round_to_stored(engine.run_jointly(pixels, mask)).astype(np.float16), mask


def select(by_subset: NDArray[np.float16], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The features that belong to masks (N, 3): (N, 3, D), the sample's vector in all three rows.

    The concatenation of any of the rows, and their center, then have the cosines of that vector.
    """
    rows = by_subset[mask @ _BITS - 1, np.arange(len(mask))].astype(np.float32)
    shape = (len(mask), len(MODALITIES), rows.shape[1])
    return np.broadcast_to(rows[:, None], shape)
