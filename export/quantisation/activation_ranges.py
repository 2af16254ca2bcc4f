"""Between which values a tensor is rounded to 8 bits, taken from what it holds on real images.

Three ways to choose, of which `export.quantisation.variants` measures the best: all that was seen;
all but the rarest; and the range whose rounding and clipping together cost least.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from export.branch_graph import INPUT
from export.sessions import open_session

RangeMethod = Literal["extremes", "percentile", "squared error"]

RANGE_METHODS: tuple[RangeMethod, ...] = get_args(RangeMethod)

CUT = 1e-4
"""Share of the values that `percentile` cuts off at each end."""

SHRINKS = np.linspace(1.0, 0.2, 41)
"""Fractions of the extremes that `squared error` tries."""

STEPS = 255
"""Steps of an unsigned 8-bit integer."""

BINS = 2048
BATCH = 4
COUNTED = 60_000
"""Values of a tensor counted in one batch, at equal distances; there may be millions."""

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often a tensor had which values: ``counts`` (BINS,) between ``low`` and ``high``."""

    low: float
    high: float
    counts: NDArray[np.float64]


def measure_histograms(
    model: onnx.ModelProto, tensors: Collection[str], pixels: NDArray[np.uint8]
) -> dict[str, Histogram]:
    """Histogram of each named tensor over images (n, H, W, 3); ranges always contain zero."""
    names = sorted(set(tensors))
    low = dict.fromkeys(names, 0.0)
    high = dict.fromkeys(names, 0.0)
    session = _observing(model, names)
    for found in _values(session, names, pixels):
        for name, values in found.items():
            low[name] = min(low[name], float(values.min()))
            high[name] = max(high[name], float(values.max()))
    counts = {name: np.zeros(BINS) for name in names}
    for found in _values(session, names, pixels):
        for name, values in found.items():
            flat = values.reshape(-1)
            # An odd stride does not meet the same columns of an image again and again.
            chosen = flat[:: max(1, len(flat) // COUNTED) | 1]
            counts[name] += np.histogram(chosen, BINS, (low[name], high[name] or 1.0))[0]
    return {name: Histogram(low[name], high[name] or 1.0, counts[name]) for name in names}


def activation_ranges(histograms: Mapping[str, Histogram], method: RangeMethod) -> dict[str, Range]:
    """The range of each tensor."""
    choose = {
        "extremes": _extremes,
        "percentile": _percentile,
        "squared error": _least_squared_error,
    }[method]
    return {name: choose(histogram) for name, histogram in histograms.items()}


def _extremes(histogram: Histogram) -> Range:
    return histogram.low, histogram.high


def _percentile(histogram: Histogram) -> Range:
    shares = np.cumsum(histogram.counts) / histogram.counts.sum()
    edges = np.linspace(histogram.low, histogram.high, BINS + 1)
    low = edges[np.searchsorted(shares, CUT)]
    high = edges[np.searchsorted(shares, 1 - CUT) + 1]
    return min(float(low), 0.0), max(float(high), 0.0)


def _least_squared_error(histogram: Histogram) -> Range:
    """Ends are shrunk in turn: most tensors after a ReLU have only one that matters."""
    centres = np.linspace(histogram.low, histogram.high, 2 * BINS + 1)[1::2]
    best = _extremes(histogram)
    for _ in range(2):
        for end in (0, 1):
            candidates = [
                (best[0] * shrink, best[1]) if end == 0 else (best[0], best[1] * shrink)
                for shrink in (SHRINKS if best[end] else SHRINKS[:1])
            ]
            best = min(candidates, key=lambda one: _squared_error(centres, histogram.counts, one))
    return best


def _squared_error(
    centres: NDArray[np.float64], counts: NDArray[np.float64], chosen: Range
) -> float:
    low, high = chosen
    step = (high - low) / STEPS
    clipped = np.clip(centres, low, high)
    # Within the range the error of rounding is spread evenly over a step.
    return float((counts * ((centres - clipped) ** 2 + step**2 / 12)).sum())


def _observing(model: onnx.ModelProto, names: list[str]) -> onnxruntime.InferenceSession:
    observed = onnx.ModelProto()
    observed.CopyFrom(model)
    present = {output.name for output in observed.graph.output}
    observed.graph.output.extend(
        onnx.ValueInfoProto(name=name) for name in names if name not in present
    )
    return open_session(observed)


def _values(
    session: onnxruntime.InferenceSession, names: list[str], pixels: NDArray[np.uint8]
) -> Iterator[dict[str, NDArray[np.float32]]]:
    for start in range(0, len(pixels), BATCH):
        found = session.run(names, {INPUT: pixels[start : start + BATCH]})
        yield dict(zip(names, found, strict=True))
