"""What a variant costs in mAP, and how long an image takes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.util import find_spec
from statistics import fmean, median

import numpy as np
from numpy.typing import NDArray

from export.quantisation.pixel_networks import PixelNetworks
from export.validation import EmbeddedSets
from training.embedded import EmbeddedDataset
from training.evaluation import SUBSET_LETTERS, evaluate
from vreid.bundle import Bundle
from vreid.engines import BranchEngine, BranchRunner, open_engine
from vreid.engines.names import PRECISIONS_OF
from vreid.errors import EngineUnavailable, MetricError
from vreid.modality import MODALITIES, Modality
from vreid.variant import MeasuredOn, VariantMap

CPU_ENGINES: Mapping[str, str] = {"onnxruntime-cpu": "onnxruntime", "openvino-cpu": "openvino"}
"""Engine -> the package that it needs."""

WARM_UP = 3
TIMED = 25


def engines_of(precision: str) -> list[str]:
    """The engines installed that compute in a precision on the processor."""
    return [
        engine
        for engine, package in CPU_ENGINES.items()
        if precision in PRECISIONS_OF[engine] and find_spec(package) is not None
    ]


def runners(bundle: Bundle, precision: str) -> Iterator[tuple[str, BranchRunner]]:
    """Every engine that runs a precision on this processor; in half precision a plain session.

    Raises:
        EngineUnavailable: one of them cannot run it here.
    """
    if precision == "fp16":
        yield "onnxruntime-cpu", PixelNetworks(bundle, precision)
        return
    for engine in engines_of(precision):
        yield engine, open_engine(bundle, engine, precision=precision)


def variant_maps(
    default: EmbeddedSets, variant: EmbeddedSets, engine: str
) -> dict[MeasuredOn, VariantMap]:
    """MAP by cosine in the default precision, in the variant, and across.

    Of each set with all that it has, and with each modality alone: what one branch loses, the
    others would hide. A subset in which no query has a positive is left out.
    """
    found = {}
    for name, before in default.items():
        for kept in _subsets(before):
            one, other = before.restricted(kept), variant[name].restricted(kept)
            letters = "+".join(SUBSET_LETTERS[modality] for modality in kept)
            try:
                found[MeasuredOn(engine, name, letters)] = VariantMap(
                    evaluate(one, "shared").figures.map,
                    evaluate(other, "shared").figures.map,
                    map_across(other, one),
                )
            except MetricError:
                continue
    return found


def _subsets(dataset: EmbeddedDataset) -> list[tuple[Modality, ...]]:
    """Each modality that the set has, and all of them together."""
    has = np.logical_and(dataset.query.mask.any(axis=0), dataset.gallery.mask.any(axis=0))
    present = tuple(modality for modality in MODALITIES if has[modality.index])
    singles: list[tuple[Modality, ...]] = [(modality,) for modality in present]
    return singles if len(present) < 2 else [*singles, present]


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
    for name in CPU_ENGINES:
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
