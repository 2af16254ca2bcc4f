"""The distances of `vreid.scoring` under many masks, features multiplied once.

The missing-modality experiment scores the same complete samples some hundred times, each time with
other modalities taken away. The products of each modality do not change; only which of them count.
The arithmetic is that of `vreid.scoring.score` in the same order, so the distances are its own to
the last bit; a test holds them together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vreid.calibration import Calibration
from vreid.fusion import l2_normalise, unnormalised_center
from vreid.modality import MODALITIES
from vreid.policy import (
    CENTER,
    NOT_SCORED,
    ResolvedPolicy,
    possible_keys,
    representations,
)
from vreid.scoring import DECIMALS, calibrated_probabilities


class MaskedDistances:
    """Distances of complete samples of which some modalities are taken away.

    Holds 24 bytes for each pair.

    Args:
        query: branch features (Q, 3, D) of complete samples.
        gallery: (G, 3, D).
    """

    def __init__(self, query: NDArray[np.float32], gallery: NDArray[np.float32]) -> None:
        self._query = query.astype(np.float64)
        self._gallery = gallery.astype(np.float64)
        self._query_squares = np.einsum("nmd,nmd->nm", self._query, self._query)
        self._gallery_squares = np.einsum("nmd,nmd->nm", self._gallery, self._gallery)
        self._products = [
            self._query[:, index] @ self._gallery[:, index].T for index in range(len(MODALITIES))
        ]

    def distances(
        self,
        query_mask: NDArray[np.bool_],
        gallery_mask: NDArray[np.bool_],
        policies: Sequence[ResolvedPolicy],
        calibration: Calibration | None,
    ) -> dict[ResolvedPolicy, NDArray[np.float64]]:
        """As `training.evaluation.ranking.policy_distances`, for each of the policies.

        Args:
            query_mask: (Q, 3), at least one in each row.
            gallery_mask: (G, 3).
            policies: center, concat, shared.
            calibration: the bundle's; None for a checkpoint.

        Returns:
            Distances (Q, G) of each policy, infinite where it does not compare the pair.
        """
        codes = {policy: representations(query_mask, gallery_mask, policy) for policy in policies}
        shared = self._shared(query_mask, gallery_mask)
        by_center = any((code == CENTER).any() for code in codes.values())
        center = self._center(query_mask, gallery_mask) if by_center else shared
        found: dict[ResolvedPolicy, NDArray[np.float64]] = {}
        for policy, code in codes.items():
            cosine = np.round(np.where(code == CENTER, center, shared), DECIMALS)
            key: NDArray[np.float64] = np.clip(cosine, -1.0, 1.0)
            if (
                policy == "shared"
                and calibration is not None
                and calibration.covers(possible_keys(policy))
            ):
                key = calibrated_probabilities(key, code, query_mask, gallery_mask, calibration)
            found[policy] = np.where(code == NOT_SCORED, np.inf, -key)
        return found

    def _shared(
        self, query_mask: NDArray[np.bool_], gallery_mask: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Cosines of the concatenated shared modalities (Q, G); 0 where none is shared."""
        dots = np.zeros((len(query_mask), len(gallery_mask)))
        query_squares = np.zeros_like(dots)
        gallery_squares = np.zeros_like(dots)
        for index, products in enumerate(self._products):
            present = query_mask[:, index], gallery_mask[:, index]
            dots += products * np.logical_and.outer(*present)
            query_squares += np.outer(self._query_squares[:, index] * present[0], present[1])
            gallery_squares += np.outer(present[0], self._gallery_squares[:, index] * present[1])
        lengths = np.sqrt(query_squares) * np.sqrt(gallery_squares)
        cosines = np.zeros_like(dots)
        np.divide(dots, lengths, out=cosines, where=lengths > 0)
        return cosines

    def _center(
        self, query_mask: NDArray[np.bool_], gallery_mask: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Cosines of the masked centers (Q, G)."""
        query = _unit_centers(self._query, query_mask)
        gallery = _unit_centers(self._gallery, gallery_mask)
        return np.asarray(query @ gallery.T, dtype=np.float64)


def _unit_centers(features: NDArray[np.float64], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    return l2_normalise(unnormalised_center(features * mask[..., None], mask))
