"""Retrieval over the share of samples that have lost modalities (Fig. 10)."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from training.report.plot_style import DASHES, SERIES_COLOURS, SERIES_MARKERS, drawn


class Spread(NamedTuple):
    """Mean and standard deviation over trials, in percent, one entry per ratio."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]


def missing_ratio_curves(
    ratios: Sequence[float],
    measured: Mapping[str, Spread],
    published: Mapping[str, Sequence[float]] | None = None,
    measure: str = "mAP",
) -> str:
    """Draws a curve with a band of one deviation for each policy, published curves dashed.

    Args:
        ratios: missing ratios in percent.
        measured: by policy.
        published: percent at the same ratios, by model.
        measure: what the values are.

    Returns:
        An SVG document.
    """

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for number, (name, spread) in enumerate(measured.items()):
            colour = SERIES_COLOURS[number % len(SERIES_COLOURS)]
            axes.plot(ratios, spread.mean, label=name, color=colour, marker=SERIES_MARKERS[number])
            axes.fill_between(
                ratios,
                spread.mean - spread.deviation,
                spread.mean + spread.deviation,
                color=colour,
                alpha=0.2,
                linewidth=0,
            )
        for number, (name, values) in enumerate((published or {}).items()):
            axes.plot(
                ratios,
                values,
                label=f"{name}, paper",
                color=SERIES_COLOURS[(number + 3) % len(SERIES_COLOURS)],
                linestyle=DASHES[number % len(DASHES)],
                linewidth=1.4,
            )
        axes.set_ylim(bottom=0)
        axes.set_xlabel("samples with missing modalities, %")
        axes.set_ylabel(f"{measure}, %")
        figure.legend(loc="outside right upper")

    return drawn(7.2, 3.4, paint)
