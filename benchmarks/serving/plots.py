"""The plots of docs/performance.md, as SVG files that are the same for the same figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_OURS, _OTHERS = "#1f6f8b", "#b8b8b8"
_ACCENT = "#d9822b"
_LEAST_SHARE = 0.005

Figures = Mapping[str, Any]


def write_plots(document: Figures, directory: Path) -> list[Path]:
    """Write `serving-*.svg` for the parts that were measured."""
    directory.mkdir(parents=True, exist_ok=True)
    parts = {name: part["figures"] for name, part in document["parts"].items()}
    written = []
    if isinstance(rows := parts.get("comparison-lite"), list):
        written.append(_save(_peers(rows), directory / "serving-peers.svg"))
    if "rows" in (found := parts.get("concurrency-lite", {})):
        written.append(_save(_concurrency(found["rows"]), directory / "serving-concurrency.svg"))
    if "core_ms" in (found := parts.get("saturation-lite", {})):
        written.append(_save(_profile(found), directory / "serving-profile.svg"))
    return written


def _peers(rows: list[Figures]) -> Figure:
    """Throughput and p99 of each service, the best above."""
    measured = {row["label"]: row for row in rows if "failed" not in row}
    ordered = sorted(measured.values(), key=lambda row: float(row["per_second"]))
    labels = [row["label"] for row in ordered]
    colours = [_OURS if row["name"].startswith("vreid") else _OTHERS for row in ordered]
    figure = _figure(9, 0.9 + 0.42 * len(ordered))
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, key, title in (
        (left, "per_second", "triplets a second"),
        (right, "p99_ms", "p99, ms"),
    ):
        bars = axes.barh(labels, [row[key] for row in ordered], color=colours)
        axes.bar_label(bars, fmt="%.0f", padding=3, fontsize=8)
        axes.margins(x=0.15)
        axes.set_title(title, fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _concurrency(rows: list[Figures]) -> Figure:
    """Samples a second and p99 over the number of connections."""
    figure = _figure(9, 3.4)
    left, right = figure.subplots(1, 2)
    sets = dict.fromkeys(row["what"] for row in rows)
    for what, colour in zip(sets, (_OURS, _ACCENT), strict=False):
        chosen = [row for row in rows if row["what"] == what]
        loads = [row["figures"]["load"] for row in chosen]
        connections = [row["concurrency"] for row in chosen]
        rates = [load["per_second"] for load in loads]
        slow = [load["by_status"].get("200", {}).get("p99_ms", 0.0) for load in loads]
        left.plot(connections, rates, marker="o", color=colour, label=what)
        right.plot(connections, slow, marker="o", color=colour, label=what)
    for axes, title in ((left, "samples a second"), (right, "p99, ms")):
        axes.set_xscale("log", base=2)
        axes.set_xlabel("connections")
        axes.set_ylim(bottom=0)
        axes.set_title(title, fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    left.legend(fontsize=8, frameon=False)
    return figure


def _profile(found: Figures) -> Figure:
    """Core-milliseconds of a triplet by kind of thread, the client's beside them."""
    spent = {**found["core_ms"], "client": found["client_core_ms"]}
    least = _LEAST_SHARE * sum(spent.values())
    shown = sorted(((ms, name) for name, ms in spent.items() if ms >= least))
    figure = _figure(9, 0.9 + 0.36 * len(shown))
    axes = figure.subplots()
    bars = axes.barh([name for _, name in shown], [ms for ms, _ in shown], color=_OURS)
    axes.bar_label(bars, fmt="%.2f", padding=3, fontsize=8)
    axes.margins(x=0.1)
    axes.set_title("core-milliseconds of a triplet, lite, by kind of thread", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _figure(width: float, height: float) -> Figure:
    # Not pyplot: that keeps figures and picks a window system.
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def _save(figure: Figure, path: Path) -> Path:
    import matplotlib

    # Without a date and with a fixed salt, the same figures give the same file.
    with matplotlib.rc_context({"svg.hashsalt": path.stem, "svg.fonttype": "path"}):
        figure.savefig(path, format="svg", metadata={"Date": None})
    return path
