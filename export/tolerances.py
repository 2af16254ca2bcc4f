"""What is demanded of a parity measurement, and why just that.

* float32 graph against torch: the same arithmetic in another order, so the tolerances are tight and
  the ranking must be identical;
* compact graph against float32 graph: the weights differ by their rounding, so direction and
  answers are bounded, not digits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import onnx
from numpy.typing import NDArray

from export.errors import ParityError
from export.parity import (
    BATCH_SIZES,
    BranchParity,
    Features,
    RankingParity,
    batch_parity,
    graph_embed,
)
from export.reference_images import ReferenceImages
from vreid.modality import MODALITIES, Modality

MAX_DIFFERENCE = 2.0**-11
"""Largest difference of one feature value, in units of the largest value. It is what float16 rounds
away, in which galleries store features. Measured: 1e-6 to 2e-4, the most where the neck magnifies
values that hardly vary."""

SMALLEST_FEATURE = 1e-12
"""Guards the division where all features are zero."""

MIN_COSINE = 1 - 1e-6
"""Least cosine between the features of one image; float32 sums over a few thousand terms in another
order stay within 1e-7."""

TIE = 1e-5
"""Two gallery images whose cosines to a query are closer than this are tied: rounding orders them.
Features as close as MIN_COSINE asks keep the order of all others."""

COMPACT_MIN_COSINE = 0.99
"""Least cosine between compact and float32 features of one image. Measured on real photographs with
ImageNet weights: 0.999 on average, 0.998 at worst; below 0.99 a layer did not take the rounding."""

COMPACT_TIE = 0.05
"""The same for compact features: those turned by COMPACT_MIN_COSINE may well exchange two gallery
images whose cosines to a query are closer than this."""

MIN_PAIRS = 100
"""Fewest pairs of gallery images, ties excluded, on which an agreement of rankings says anything,
of 960 pairs in all. Measured: 960 at TIE, 320 to 580 at COMPACT_TIE. Next to none are left where
the network gives all images the same feature, and then no exchange could be seen."""

COMPACT_MAX_MAP_LOSS = 0.005
"""Mean average precision that compact storage may cost: 0.5 points."""

CHECK_VERSIONS = "Nothing was written; check the installed versions against the pinned ones"
STORE_FLOAT32 = "Export with --weights float32"
TRAIN_LONGER = (
    "The branch gives nearly the same feature for every image; train it further, "
    "or give validation data whose images differ more"
)


def require_same_as_torch(parity: BranchParity) -> None:
    """Raise ParityError unless a float32 graph gives torch's features and ranking."""
    for batch in parity.batches:
        difference = batch.max_difference / max(batch.largest, SMALLEST_FEATURE)
        if not difference <= MAX_DIFFERENCE:
            raise _failure(
                parity, batch.batch, "largest difference from torch", difference, MAX_DIFFERENCE
            )
        if not batch.min_cosine >= MIN_COSINE:
            raise _failure(
                parity, batch.batch, "least cosine to torch", batch.min_cosine, MIN_COSINE
            )
    _require_same_ranking(parity, "torch", CHECK_VERSIONS)


def require_close_to_float32(parity: BranchParity, by_ranking: bool) -> None:
    """Raise ParityError unless compact weights keep the features' direction.

    ``by_ranking`` requires the same order of clearly different images too, for want of validation
    data.
    """
    for batch in parity.batches:
        if not batch.min_cosine >= COMPACT_MIN_COSINE:
            raise _failure(
                parity,
                batch.batch,
                "least cosine between compact and float32 features",
                batch.min_cosine,
                COMPACT_MIN_COSINE,
                STORE_FLOAT32,
            )
    if by_ranking:
        _require_same_ranking(parity, "float32 weights", STORE_FLOAT32)


def _require_same_ranking(parity: BranchParity, reference: str, advice: str) -> None:
    found = parity.ranking
    if found.pairs < MIN_PAIRS:
        what = "number of gallery pairs that are no ties, too few to compare rankings on,"
        raise _failure(parity, None, what, found.pairs, MIN_PAIRS, TRAIN_LONGER)
    if found.exchanged:
        what = f"number of gallery pairs ranked otherwise than by {reference}"
        raise _failure(parity, None, what, found.exchanged, 0, advice)


def require_same_map(before: Mapping[str, float], after: Mapping[str, float]) -> None:
    """Raise ParityError when compact storage costs a validation set too much mAP.

    Both map the name of a measurement to its mAP in [0, 1], with the same names.
    """
    for name, float32_map in before.items():
        loss = float32_map - after[name]
        if not loss <= COMPACT_MAX_MAP_LOSS:
            raise ParityError(
                f"compact weights cost {100 * loss:.2f} points of mAP on {name} "
                f"({100 * float32_map:.2f} to {100 * after[name]:.2f}), more than "
                f"{100 * COMPACT_MAX_MAP_LOSS:g}. Export with --weights float32",
                modality=None,
                batch=None,
                measured=loss,
                allowed=COMPACT_MAX_MAP_LOSS,
            )


def require_engine_runs_the_files(
    engine: Callable[[Modality, NDArray[np.uint8]], Features],
    graphs: Mapping[Modality, onnx.ModelProto],
    references: ReferenceImages,
) -> None:
    """Raise ParityError unless the engine that serves a bundle gives what its graphs give."""
    for modality in MODALITIES:
        batch = references.images[modality][: max(BATCH_SIZES)]
        pixels = references.pixels[modality][: max(BATCH_SIZES)]
        parity = batch_parity(
            len(batch), graph_embed(graphs[modality])(batch), engine(modality, pixels)
        )
        if not parity.min_cosine >= MIN_COSINE:
            raise _failure(
                BranchParity(modality, (parity,), RankingParity(0, 0)),
                len(batch),
                "least cosine between the engine's features and the file's",
                parity.min_cosine,
                MIN_COSINE,
            )


def _failure(
    parity: BranchParity,
    batch: int | None,
    what: str,
    measured: float,
    allowed: float,
    advice: str = CHECK_VERSIONS,
) -> ParityError:
    where = f"the {parity.modality} branch" + (f" at batch {batch}" if batch else "")
    return ParityError(
        f"{where}: {what} is {measured:.9g}, allowed {allowed:.9g}. {advice}",
        modality=parity.modality,
        batch=batch,
        measured=measured,
        allowed=allowed,
    )
