"""One look for every plot, as SVG text that is the same for the same numbers.

Plots are drawn on `matplotlib.figure.Figure` alone; pyplot and its list of open figures are never
touched. Text stays text, so that it can be selected and follows the page's font.
"""

from collections.abc import Callable
from io import StringIO
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vreid.modality import Modality

INK, QUIET, GRID = "#1b211d", "#535d56", "#c3cac5"
"""Colours of text, axes and grid on white; a page may replace them by its own (`inline_svg`)."""

MODALITY_COLOURS = {
    Modality.RGB: "#3a78c9",
    Modality.NIR: "#0f9470",
    Modality.TIR: "#d2601a",
}
"""At least 3:1 against white and against the report's dark page."""

MODALITY_MARKERS = {Modality.RGB: "o", Modality.NIR: "^", Modality.TIR: "s"}
MODALITY_HATCHES = {Modality.RGB: "", Modality.NIR: "///", Modality.TIR: "..."}

SERIES_COLOURS = ("#3a78c9", "#d2601a", "#0f9470", "#b25fa0", "#8a7a1f", "#7f7f7f")
SERIES_MARKERS = ("o", "s", "^", "D", "v", "P")
DASHES = ((0, (5, 2)), (0, (1, 1.5)), (0, (5, 2, 1, 2)))

_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "vreid",
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10.0,
    "axes.edgecolor": QUIET,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.grid.axis": "both",
    "axes.axisbelow": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlesize": 10.0,
    "figure.facecolor": "none",
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.6,
    "legend.fontsize": 9.0,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "lines.linewidth": 1.8,
    "lines.markersize": 5.0,
    "savefig.facecolor": "none",
    "text.color": INK,
    # Names of models and data sets are shown as they are; a dollar sign in one is no formula.
    "text.parse_math": False,
    "xtick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.color": QUIET,
    "ytick.labelcolor": INK,
}


def drawn(width: float, height: float, paint: Callable[[Figure], None]) -> str:
    """Draws a figure and returns it as an SVG document.

    Args:
        width: in inches.
        height: in inches.
        paint: adds axes and what they show to the empty figure.
    """
    with rc_context(_SETTINGS):
        figure = Figure(figsize=(width, height), layout="constrained")
        paint(figure)
        text = StringIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(text, format="svg", metadata=nothing)
    return text.getvalue()


def percent_axis(axes: Axes, label: str) -> None:
    """A vertical axis from 0 to 100 percent."""
    axes.set_ylim(0, 100)
    axes.set_ylabel(label)
