"""Mean and standard deviation of the middle feature before and after the unit (Fig. 3 and 9)."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from training.report.plot_style import MODALITY_COLOURS, MODALITY_MARKERS, drawn
from vreid.modality import Modality

Statistics = Mapping[Modality, tuple[NDArray[np.float64], NDArray[np.float64]]]
"""By modality: (n, 2) before and (n, 2) after the unit; columns are mean and deviation."""


def middle_statistics(models: Mapping[str, Statistics]) -> str:
    """Draws a row per model: the statistics before its unit and after it, a point per image.

    Args:
        models: by the model's name; one or two.

    Returns:
        An SVG document.
    """

    def paint(figure: Figure) -> None:
        rows = figure.subplots(len(models), 2, squeeze=False)
        for row, (name, statistics) in zip(rows, models.items(), strict=True):
            for side, (axes, word) in enumerate(zip(row, ("before", "after"), strict=True)):
                axes.set_title(f"{name}: {word} the unit")
                axes.set_xlabel("mean")
                axes.set_ylabel("standard deviation")
                for modality, pair in statistics.items():
                    axes.scatter(
                        pair[side][:, 0],
                        pair[side][:, 1],
                        s=16,
                        marker=MODALITY_MARKERS[modality],
                        color=MODALITY_COLOURS[modality],
                        alpha=0.65,
                        linewidths=0,
                        label=modality.value.upper(),
                    )
        handles, labels = rows[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=3)

    return drawn(7.6, 0.4 + 3.2 * len(models), paint)
