"""Cumulative matching characteristic: share of queries with a match among their first k."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from training.report.plot_style import DASHES, SERIES_COLOURS, SERIES_MARKERS, drawn

LAST_RANK = 20


def cmc_curves(
    measured: Mapping[str, NDArray[np.float64]],
    published: Mapping[str, Mapping[int, float]] | None = None,
) -> str:
    """Draws a curve per name over ranks 1 to `LAST_RANK`.

    Args:
        measured: shares in [0, 1] by name; entry k - 1 belongs to rank k.
        published: percent by rank by name, drawn as marks joined by dashes.

    Returns:
        An SVG document.
    """

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for number, (name, shares) in enumerate(measured.items()):
            shown = 100 * np.asarray(shares)[:LAST_RANK]
            axes.plot(
                np.arange(1, len(shown) + 1),
                shown,
                label=name,
                color=SERIES_COLOURS[number % len(SERIES_COLOURS)],
                marker=SERIES_MARKERS[number % len(SERIES_MARKERS)],
                # Policies often agree; the larger, hollow marks show below the smaller ones.
                markersize=7.5 if number % 2 else 4,
                markerfacecolor="none" if number % 2 else None,
            )
        for number, (name, by_rank) in enumerate((published or {}).items()):
            axes.plot(
                list(by_rank),
                list(by_rank.values()),
                label=name,
                color=SERIES_COLOURS[-1 - number % len(SERIES_COLOURS)],
                linestyle=DASHES[number % len(DASHES)],
                marker="x",
            )
        axes.set_xlim(0.5, LAST_RANK + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylim(top=100.5)
        axes.set_xlabel("rank k")
        axes.set_ylabel("queries matched among the first k, %")
        figure.legend(loc="outside right upper")

    return drawn(7.2, 3.4, paint)
