"""What a variant costs in mAP, and how long an image takes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from statistics import fmean, median

import numpy as np
from numpy.typing import NDArray

from export.validation import EmbeddedSets, mean_average_precisions
from training.embedded import EmbeddedDataset
from training.evaluation import evaluate
from vreid.bundle import Bundle
from vreid.engines import BranchEngine, open_engine
from vreid.errors import EngineUnavailable
from vreid.modality import Modality
from vreid.variant import VariantMap

TIMED_ENGINES = ("onnxruntime-cpu", "openvino-cpu")

WARM_UP = 3
TIMED = 25


def variant_maps(default: EmbeddedSets, variant: EmbeddedSets) -> dict[str, VariantMap]:
    """MAP of each set by cosine, in the default precision, in the variant, and across."""
    before, after = mean_average_precisions(default), mean_average_precisions(variant)
    return {
        name: VariantMap(before[name], after[name], map_across(variant[name], default[name]))
        for name in before
    }


def map_across(queries: EmbeddedDataset, galleries: EmbeddedDataset) -> float:
    """MAP of one embedding's queries on the gallery of another; of a symmetric set both ways."""
    given = replace(galleries, query=queries.query, symmetric=False)
    ways = [given]
    if galleries.symmetric:
        ways.append(replace(given, query=queries.gallery, gallery=galleries.query))
    return fmean(evaluate(one, "shared").figures.map for one in ways)


def milliseconds(
    bundle: Bundle, precision: str, pixels: Mapping[Modality, NDArray[np.uint8]]
) -> dict[str, float]:
    """Time to embed one image on one processor, the mean over the branches, by engine.

    Engines that cannot run here are left out.
    """
    found = {}
    for name in TIMED_ENGINES:
        try:
            engine = open_engine(bundle, name, threads=1, precision=precision)
        except EngineUnavailable:
            continue
        found[name] = round(
            fmean(_milliseconds(engine, modality, images) for modality, images in pixels.items()), 3
        )
    return found


def _milliseconds(engine: BranchEngine, modality: Modality, pixels: NDArray[np.uint8]) -> float:
    took = []
    for run in range(WARM_UP + TIMED):
        image = pixels[run % len(pixels)][None]
        start = time.perf_counter()
        engine.run(modality, image)
        took.append(time.perf_counter() - start)
    return 1000 * median(took[WARM_UP:])
