"""Reliability of calibrated probabilities: what share of pairs is true where p was promised."""

from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from training.calibration.reliability import BINS, expected_calibration_error
from training.report.plot_style import INK, QUIET, SERIES_COLOURS, drawn


class Reliability(NamedTuple):
    """Pairs gathered into equal bins of probability; NaN where a bin is empty.

    Attributes:
        promised: (bins,) mean probability.
        observed: (bins,) share of pairs of the same vehicle, weighted.
        weight: (bins,) share of all the weight; sums to 1.
        error: see `expected_calibration_error`.
    """

    promised: NDArray[np.float64]
    observed: NDArray[np.float64]
    weight: NDArray[np.float64]
    error: float


def reliability(probabilities: NDArray[np.float64], same: NDArray[np.bool_]) -> Reliability:
    """Compares probabilities with what came true.

    True and false pairs weigh equal sums, as the calibration itself was fitted.

    Args:
        probabilities: (n,) of "same vehicle", in [0, 1].
        same: (n,), whether each pair shows one vehicle; both kinds occur.

    Raises:
        ValueError: there are no pairs, or of one kind only.
    """
    if not same.any() or same.all():
        raise ValueError("all pairs are of one kind; give true pairs and false ones")
    weights = np.where(same, 0.5 / same.sum(), 0.5 / (~same).sum())
    bins = np.clip((probabilities * BINS).astype(int), 0, BINS - 1)

    def total(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(bins, values, minlength=BINS).astype(np.float64)

    weight = total(weights)
    divisor = np.where(weight > 0, weight, np.nan)
    promised = total(weights * probabilities) / divisor
    observed = total(weights * same) / divisor
    error = expected_calibration_error(probabilities, same, BINS)
    return Reliability(promised, observed, weight, error)


def reliability_plot(found: Reliability) -> str:
    """Draws observed over promised probability, and below how much weight each bin has.

    Returns:
        An SVG document.
    """
    edges = (np.arange(BINS) + 0.5) / BINS

    def paint(figure: Figure) -> None:
        curve, histogram = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        curve.plot([0, 1], [0, 1], color=QUIET, linestyle="--", linewidth=1, label="perfect")
        there = found.weight > 0
        curve.plot(
            found.promised[there],
            found.observed[there],
            color=SERIES_COLOURS[0],
            marker="o",
            label="measured",
        )
        curve.set_xlim(0, 1)
        curve.set_ylim(0, 1)
        curve.set_ylabel("same vehicle")
        curve.legend(loc="upper left")
        curve.text(0.98, 0.05, f"calibration error {found.error:.3f}", ha="right", color=INK)
        histogram.bar(edges, 100 * found.weight, 0.9 / BINS, color=SERIES_COLOURS[0])
        histogram.set_ylabel("pairs, %")
        histogram.set_xlabel("probability of the same vehicle")

    return drawn(4.8, 4.6, paint)
