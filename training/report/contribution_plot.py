"""What each modality adds to the score, for several groups of pairs."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from training.report.plot_style import MODALITY_COLOURS, MODALITY_HATCHES, drawn
from vreid.modality import MODALITIES


def contribution_bars(groups: Mapping[str, NDArray[np.float64]]) -> str:
    """Draws three horizontal bars for each group: mean and standard deviation by modality.

    Args:
        groups: (n, 3) contributions by name of the group; NaN where a pair has not the modality.

    Returns:
        An SVG document.
    """
    height = 0.26

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.grid(visible=False, axis="y")
        places = np.arange(len(groups))
        for modality in MODALITIES:
            columns = [values[:, modality.index] for values in groups.values()]
            columns = [column[~np.isnan(column)] for column in columns]
            axes.barh(
                places + (modality.index - 1) * height,
                [column.mean() if column.size else 0.0 for column in columns],
                height * 0.92,
                xerr=[column.std() if column.size else 0.0 for column in columns],
                label=modality.value.upper(),
                color=MODALITY_COLOURS[modality],
                hatch=MODALITY_HATCHES[modality],
                edgecolor="#ffffff",
                linewidth=0,
                error_kw={"elinewidth": 1, "ecolor": "#7f7f7f"},
            )
        axes.set_yticks(places, list(groups))
        axes.invert_yaxis()
        axes.set_xlabel("contribution to the score (mean, one standard deviation)")
        figure.legend(loc="outside upper left", ncols=3)

    return drawn(7.2, 1.2 + 0.75 * len(groups), paint)
