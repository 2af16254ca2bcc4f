"""Which rows a search may return, and how they are compared.

Within rows that have the same modalities, every policy ranks by one cosine. So a search is cut into
groups, each with the one vector that its rows are compared with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.gallery.filters.filter import Filter
from service.gallery.index.parts import Part
from service.gallery.index.sealed_segment import SealedSegment
from service.gallery.index.segments import CENTERS, COMPLETE, Space
from service.gallery.query import Query
from service.gallery.store.rows import bits_mask, mask_bits
from vreid.fusion import l2_normalise, masked_center
from vreid.modality import MODALITIES
from vreid.policy import ResolvedPolicy


@dataclass(frozen=True, slots=True)
class Eligible:
    """Rows (n,) of a part that may be returned, None for all; and how many they are."""

    allowed: NDArray[np.bool_] | None
    count: int


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that are ranked by the cosine with one vector in one space.

    They are those with just the modalities `present` (mask bits); None means all rows.
    """

    present: int | None
    space: Space
    vector: NDArray[np.float32]


def eligible_rows(part: Part, filter: Filter | None, as_of: int | None) -> Eligible:
    """The live rows that pass the filter and were stored up to change `as_of`."""
    columns, allowed = part.columns, part.live if part.dead else None
    if as_of is not None:
        end = int(np.searchsorted(columns.sequence, as_of, side="right"))
        if end < part.size:
            allowed = part.live.copy()
            allowed[end:] = False
    if filter is not None and part.size:
        passing = filter.rows(columns)
        allowed = passing if allowed is None else passing & allowed
    if allowed is None:
        return Eligible(None, part.size)
    count = int(np.count_nonzero(allowed))
    return Eligible(None if count == part.size else allowed, count)


def all_rows(eligible: Eligible, size: int) -> NDArray[np.int64]:
    """The eligible rows (m,) of a part of `size` rows, ascending."""
    return np.arange(size) if eligible.allowed is None else np.flatnonzero(eligible.allowed)


def groups(query: Query, policy: ResolvedPolicy) -> Sequence[Group]:
    """The groups of rows that the policy compares with the query."""
    if policy == "center":
        return [Group(None, CENTERS, _center(query))]
    queried, found = mask_bits(query.mask), []
    for present in range(1, COMPLETE + 1):
        common = queried & present
        if policy == "concat" and common != COMPLETE:
            continue
        if common == 0:
            found.append(Group(present, CENTERS, _center(query)))
        elif present.bit_count() == 1:
            # The center of one modality is that modality.
            found.append(Group(present, CENTERS, _concatenation(query, common)))
        else:
            found.append(Group(present, Space(present, common), _concatenation(query, common)))
    return found


def rows_of_group(part: Part, group: Group, eligible: Eligible) -> Eligible:
    """The eligible rows of a part that are in the group."""
    if group.present is None or eligible.count == 0:
        return eligible
    masks = part.columns.mask
    if isinstance(part.rows, SealedSegment):
        there = int(part.rows.mask_counts[group.present])
    else:
        there = int(np.count_nonzero(masks == group.present))
    if there == part.size:
        return eligible
    if there == 0:
        return Eligible(np.zeros(part.size, np.bool_), 0)
    allowed = masks == group.present
    if eligible.allowed is not None:
        allowed &= eligible.allowed
        there = int(np.count_nonzero(allowed))
    return Eligible(allowed, there)


def padded_vector(group: Group, feature_size: int) -> NDArray[np.float32]:
    """The group's vector, with zeros for the modalities of the space that the query lacks."""
    if group.space.common == group.space.present:
        return group.vector
    padded = np.zeros((len(MODALITIES), feature_size), np.float32)
    padded[bits_mask(group.space.common)] = group.vector.reshape(-1, feature_size)
    return padded[bits_mask(group.space.present)].reshape(-1)


def _center(query: Query) -> NDArray[np.float32]:
    return masked_center(query.features[None], query.mask[None]).reshape(-1)


def _concatenation(query: Query, modalities: int) -> NDArray[np.float32]:
    stacked = query.features[bits_mask(modalities)].astype(np.float64)
    return l2_normalise(stacked.reshape(1, -1)).reshape(-1).astype(np.float32)
