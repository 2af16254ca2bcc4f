"""What is computed in 8 bits and what stays float32, by measuring both.

The measure is the distance 1 - cosine between the features of the float32 graph and those of a
graph with 8-bit parts, averaged over real images that the ranges were not taken from. Each block is
first measured alone, all others in float32: that ranks them. Then the worst are returned to float32
one by one until the whole is close enough. Distances of blocks nearly add up, so the order
needs no second look.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from export.parity import graph_embed
from export.quantisation.activation_ranges import (
    RANGE_METHODS,
    Range,
    RangeMethod,
    activation_ranges,
    measure_histograms,
)
from export.quantisation.int8_graph import QuantisableBranch, int8_graph
from vreid.fusion import l2_normalise

TARGET_DISTANCE = 0.005
"""Mean of 1 - cosine to stay below. Measured on the shipped model: 0.003 to 0.004 with the first
layer in float32, which cost at most 0.1 points of mAP; with it in 8 bits 0.006 to 0.04."""

MOST_IN_FLOAT = 0.5
"""Share of a branch's blocks that may return to float32, for the distance's sake and for the mAP's
together: beyond it there is little speed left to gain, and nothing that deserves the name."""

BATCH = 8


@dataclass(frozen=True, slots=True)
class BlockChoice:
    """Which way of choosing ranges was best, and which blocks stay float32.

    ``alone`` has the distance of each block, measured alone, the worst first; the first ``kept`` of
    them stay float32. ``methods`` has the distance of the whole by way of choosing ranges.
    """

    method: RangeMethod
    methods: Mapping[RangeMethod, float]
    ranges: Mapping[str, Range]
    alone: Mapping[str, float]
    kept: int

    @property
    def in_float(self) -> tuple[str, ...]:
        """The blocks that stay float32."""
        return tuple(self.alone)[: self.kept]

    @property
    def most(self) -> int:
        """How many may stay float32 at all."""
        return most_in_float(len(self.alone))


def choose_blocks(branch: QuantisableBranch, pixels: NDArray[np.uint8]) -> BlockChoice:
    """Measure ways of choosing ranges and blocks of a branch on real images (n, H, W, 3).

    Every second image gives the ranges, the others the distances.
    """
    seen, held_out = pixels[::2], pixels[1::2]
    histograms = measure_histograms(branch.graph, branch.tensors(), seen)
    ranges = {method: activation_ranges(histograms, method) for method in RANGE_METHODS}
    expected = embed_in_batches(branch.graph, held_out)

    def distance(method: RangeMethod, in_float: Collection[str]) -> float:
        graph = int8_graph(branch, ranges[method], in_float)
        return mean_distance(expected, embed_in_batches(graph, held_out))

    first = _best({method: distance(method, ()) for method in RANGE_METHODS})
    blocks = set(branch.blocks)
    alone = {block: distance(first, blocks - {block}) for block in branch.blocks}
    ranked = sorted(alone, key=lambda block: -alone[block])
    kept = _kept(ranked, lambda in_float: distance(first, in_float))
    methods = {method: distance(method, ranked[:kept]) for method in RANGE_METHODS}
    best = _best(methods)
    return BlockChoice(best, methods, ranges[best], {name: alone[name] for name in ranked}, kept)


def most_in_float(blocks: int) -> int:
    """How many of a branch's blocks may stay float32."""
    return int(MOST_IN_FLOAT * blocks)


def embed_in_batches(graph: onnx.ModelProto, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Features (n, D) of a graph that takes pixels (n, H, W, 3)."""
    embed = graph_embed(graph)
    return np.concatenate(
        [embed(pixels[start : start + BATCH]) for start in range(0, len(pixels), BATCH)]
    )


def mean_distance(expected: NDArray[np.float32], found: NDArray[np.float32]) -> float:
    """Mean of 1 - cosine over the rows of two (n, D)."""
    one, other = (l2_normalise(values.astype(np.float64)) for values in (expected, found))
    return float(1 - (one * other).sum(axis=1).mean())


def _kept(ranked: list[str], distance: Callable[[list[str]], float]) -> int:
    most = most_in_float(len(ranked))
    for kept in range(most + 1):
        if distance(ranked[:kept]) <= TARGET_DISTANCE:
            return kept
    return most


def _best(distances: Mapping[RangeMethod, float]) -> RangeMethod:
    return min(distances, key=distances.__getitem__)
