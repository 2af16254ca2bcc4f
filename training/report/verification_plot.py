"""Receiver operating characteristic of "same vehicle": true over false positive rate."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from training.report.plot_style import INK, SERIES_COLOURS, drawn

LOWEST_RATE = 1e-5


def verification_curve(
    false_positive_rate: NDArray[np.float64],
    true_positive_rate: NDArray[np.float64],
    marked: Mapping[float, float],
) -> str:
    """Draws true over false positive rate, the latter on a logarithmic axis.

    Args:
        false_positive_rate: (P,) ascending, shares of the pairs of different vehicles.
        true_positive_rate: (P,), shares of the pairs of one vehicle.
        marked: true by false positive rate, drawn as labelled points.

    Returns:
        An SVG document.
    """

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.step(
            np.maximum(false_positive_rate, LOWEST_RATE),
            100 * true_positive_rate,
            where="post",
            color=SERIES_COLOURS[0],
        )
        for false_rate, true_rate in marked.items():
            axes.plot([false_rate], [100 * true_rate], "o", color=INK)
            axes.annotate(
                f"{100 * true_rate:.1f} % at {false_rate:g}",
                (false_rate, 100 * true_rate),
                textcoords="offset points",
                xytext=(-6, 8),
                ha="right",
            )
        axes.set_xscale("log")
        axes.set_xlim(LOWEST_RATE, 1)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda rate, _: f"{rate:g}"))
        axes.set_ylim(0, 101)
        axes.set_xlabel("false positive rate (pairs of different vehicles)")
        axes.set_ylabel("true positive rate, %")

    return drawn(6.4, 3.4, paint)
