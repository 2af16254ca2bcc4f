"""Bars of mAP and rank-1 by modality subset (Table II)."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from training.report.plot_style import INK, SERIES_COLOURS, drawn, percent_axis

_BAR = 0.38


def subset_bars(
    subsets: Sequence[str],
    measured: Mapping[str, Sequence[float]],
    published: Mapping[str, Sequence[float]] | None = None,
) -> str:
    """Draws groups of bars, one group per subset, with published figures as marks over them.

    Args:
        subsets: names of the groups.
        measured: up to two measures by name, in percent, one value per subset; NaN for none.
        published: likewise, for some of the measures; None for no marks.

    Returns:
        An SVG document.
    """

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.grid(visible=False, axis="x")
        places = np.arange(len(subsets))
        for number, (name, values) in enumerate(measured.items()):
            shifted = places + (number - (len(measured) - 1) / 2) * _BAR
            bars = axes.bar(
                shifted,
                values,
                _BAR * 0.94,
                label=name,
                color=SERIES_COLOURS[number],
                hatch="" if number == 0 else "///",
                edgecolor="#ffffff",
                linewidth=0,
            )
            labels = ["" if np.isnan(value) else f"{value:.0f}" for value in values]
            axes.bar_label(bars, labels, fontsize=8, padding=1)
            if published is not None and name in published:
                axes.hlines(
                    published[name],
                    shifted - _BAR * 0.47,
                    shifted + _BAR * 0.47,
                    color=INK,
                    linewidth=2,
                    label="paper, CCNet" if number == 0 else "_unlabelled",
                )
        axes.set_xticks(places, list(subsets))
        axes.set_xlabel("modalities of query and gallery")
        percent_axis(axes, "percent")
        figure.legend(loc="outside upper left", ncols=3)

    return drawn(7.2, 3.6, paint)
