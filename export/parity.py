"""Measures how far a written graph computes what it was made from.

Two things are measured, each per branch on the same preprocessed images at several batch sizes: the
float32 graph against torch, and the compact graph against the float32 graph. What is demanded of
the measurements stands in ``export.tolerances``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from export.branch_graph import INPUT, OUTPUT
from export.errors import ParityError
from export.sessions import open_session
from training.model import Branch
from vreid.fusion import l2_normalise
from vreid.modality import Modality

Features = NDArray[np.float32]
Embed = Callable[[NDArray[np.float32]], Features]
"""Maps (n, 3, H, W) images to (n, D) features."""

Images = NDArray[np.float32] | NDArray[np.uint8]
"""What a graph takes: (n, 3, H, W) normalised, or (n, H, W, 3) pixels."""

BATCH_SIZES = (1, 3, 8)
RUNS_PER_BATCH_SIZE = 3

QUERIES = 8
"""Of the reference images, how many are queries; the rest are their gallery."""


@dataclass(frozen=True, slots=True)
class BatchParity:
    """What was measured at one batch size.

    ``max_difference`` is the largest absolute difference of a value, ``largest`` the largest
    absolute value expected, ``min_cosine`` the least cosine between two features of one image.
    """

    batch: int
    images: int
    max_difference: float
    largest: float
    min_cosine: float


@dataclass(frozen=True, slots=True)
class RankingParity:
    """How two sets of features rank the same gallery.

    ``pairs`` of gallery images were compared, ties excluded, of which ``exchanged`` changed order.
    """

    pairs: int
    exchanged: int


@dataclass(frozen=True, slots=True)
class BranchParity:
    """One branch's comparison."""

    modality: Modality
    batches: tuple[BatchParity, ...]
    ranking: RankingParity

    def to_json(self) -> dict[str, Any]:
        """Plain values for the manifest."""
        return {
            "batches": [asdict(batch) for batch in self.batches],
            "ranking": asdict(self.ranking),
        }


def check_graph(graph: onnx.ModelProto, modality: Modality) -> None:
    """Run the ONNX checker, shape inference included.

    Raises ParityError when it objects.
    """
    _check(graph, modality)


def _check(graph: onnx.ModelProto | str, modality: Modality) -> None:
    try:
        onnx.checker.check_model(graph, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as problem:
        raise ParityError(
            f"the {modality} graph is not valid ONNX: {problem}. Check the installed torch and "
            "onnxscript versions against the pinned ones",
            modality=modality,
            batch=None,
            measured=0.0,
            allowed=0.0,
        ) from problem


def check_graph_file(path: Path, modality: Modality) -> None:
    """The same of a file, whose weights may lie in another one beside it."""
    _check(str(path), modality)


def torch_embed(branch: Branch) -> Embed:
    """The trained branch as a function of arrays, in eval mode."""
    branch.eval()

    def embed(images: NDArray[np.float32]) -> Features:
        with torch.inference_mode():
            features: Features = branch.embed(torch.from_numpy(images)).numpy()
        return features

    return embed


def graph_embed(graph: onnx.ModelProto) -> Callable[[Images], Features]:
    """The graph as a function of arrays, run by ONNX Runtime on the CPU."""
    session = open_session(graph)

    def embed(images: Images) -> Features:
        return np.asarray(session.run([OUTPUT], {INPUT: images})[0], dtype=np.float32)

    return embed


def compare(
    modality: Modality, expected: Embed, measured: Embed, images: NDArray[np.float32], tie: float
) -> BranchParity:
    """Run both on the same images (n, 3, H, W) at every batch size and compare.

    The ranking is that of the first QUERIES images over the others, at the largest batch size.
    """
    batches = []
    expected_features = measured_features = np.empty((0, 0), dtype=np.float32)
    for size in BATCH_SIZES:
        chosen = images[: size * RUNS_PER_BATCH_SIZE]
        expected_features = _in_batches(expected, chosen, size)
        measured_features = _in_batches(measured, chosen, size)
        batches.append(batch_parity(size, expected_features, measured_features))
    ranking = rank_parity(expected_features, measured_features, tie)
    return BranchParity(modality, tuple(batches), ranking)


def rank_parity(expected: Features, measured: Features, tie: float) -> RankingParity:
    """Compare the rankings that two sets of features (n, D) give the same queries and gallery."""
    before, after = _query_gallery_cosines(expected), _query_gallery_cosines(measured)
    lead_before = before[:, :, None] - before[:, None, :]
    lead_after = after[:, :, None] - after[:, None, :]
    distinct = lead_before > tie
    return RankingParity(
        pairs=int(distinct.sum()),
        exchanged=int((distinct & (lead_after <= 0)).sum()),
    )


def _in_batches(embed: Embed, images: NDArray[np.float32], size: int) -> Features:
    return np.concatenate([embed(batch) for batch in _batches(images, size)])


def _batches(images: NDArray[np.float32], size: int) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(images), size):
        yield np.ascontiguousarray(images[start : start + size])


def batch_parity(size: int, expected: Features, measured: Features) -> BatchParity:
    """Compare two sets of features (n, D) of the same images, run in batches of ``size``."""
    exact, found = expected.astype(np.float64), measured.astype(np.float64)
    cosines = (l2_normalise(exact) * l2_normalise(found)).sum(axis=1)
    return BatchParity(
        batch=size,
        images=len(expected),
        max_difference=float(np.abs(exact - found).max()),
        largest=float(np.abs(exact).max()),
        min_cosine=float(cosines.min()),
    )


def _query_gallery_cosines(features: Features) -> NDArray[np.float64]:
    unit = l2_normalise(features.astype(np.float64))
    return unit[:QUERIES] @ unit[QUERIES:].T


def summary(parities: Sequence[BranchParity]) -> dict[str, Any]:
    """The measurements by modality, for the manifest."""
    return {parity.modality.value: parity.to_json() for parity in parities}
