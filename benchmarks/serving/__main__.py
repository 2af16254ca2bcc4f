"""Measures the service beside its engine and beside other ways to serve, and writes the page.

Run: `make bench-serve`, or `python -m benchmarks.serving` where build/peers has the environment of
the peers. Each part is kept in build/bench/serving.json as soon as it is measured; a run that was
cut goes on there. At the end the figures go to docs/measured/serving.json, and the tables and plots
of docs/performance.md are made from them; parts that were not measured keep the figures they had.
The part `memory` takes long and is measured only when it is asked for: `--only memory`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click

from benchmarks.marked_pages import put_into
from benchmarks.serving.archive import measure_archive
from benchmarks.serving.bundles import BUILD
from benchmarks.serving.comparison import OURS, measure_comparison
from benchmarks.serving.concurrency import measure_concurrency
from benchmarks.serving.endurance import REQUESTS, image_bytes, measure_memory, measure_starts
from benchmarks.serving.overload import measure_overload
from benchmarks.serving.page import NOT_MEASURED, sections
from benchmarks.serving.plots import write_plots
from benchmarks.serving.precisions import measure_precisions
from benchmarks.serving.progress import Progress, merged
from benchmarks.serving.saturation import measure_saturation
from benchmarks.serving.settings import BenchSettings

REPOSITORY = Path(__file__).parents[2]
FIGURES = REPOSITORY / "docs" / "measured" / "serving.json"
PAGE = REPOSITORY / "docs" / "performance.md"
IMAGES = REPOSITORY / "docs" / "images"

_QUICK_SECONDS = 1.0
_SHORT_COMPARISON = (OURS, "torch", "onnxruntime-calm", "litserve", "bentoml")
LONG = ("memory",)
"""Parts that are measured only when they are asked for."""

Part = Callable[[BenchSettings, int], Any]

PARTS: Mapping[str, Part] = {
    "saturation-lite": lambda settings, _: measure_saturation(settings, settings.lite),
    "saturation-resnet50": lambda settings, _: measure_saturation(settings, settings.resnet50),
    "precisions-lite": lambda settings, _: measure_precisions(settings, settings.lite),
    "precisions-resnet50": lambda settings, _: measure_precisions(settings, settings.resnet50),
    "comparison-lite": lambda settings, _: measure_comparison(settings, settings.lite),
    "comparison-resnet50": lambda settings, _: measure_comparison(
        settings, settings.resnet50, _SHORT_COMPARISON
    ),
    "overload": lambda settings, _: measure_overload(settings, settings.lite),
    "concurrency-lite": lambda settings, _: measure_concurrency(settings, settings.lite),
    "concurrency-resnet50": lambda settings, _: measure_concurrency(settings, settings.resnet50),
    "archive-lite": lambda settings, _: measure_archive(settings, settings.lite, 700),
    "archive-resnet50": lambda settings, _: measure_archive(settings, settings.resnet50, 200),
    "starts": lambda settings, _: measure_starts(settings.lite),
    "image": lambda _, __: {"bytes": image_bytes()},
    "memory": lambda settings, requests: measure_memory(settings, settings.lite, requests),
}


@click.command()
@click.option("--only", "chosen", multiple=True, type=click.Choice(tuple(PARTS)))
@click.option("--seconds", default=5.0, show_default=True, help="How long each figure is measured.")
@click.option("--quick", is_flag=True, help="One second each, and no page: to see that it works.")
@click.option("--requests", default=REQUESTS, show_default=True, help="Of the part memory.")
@click.option("--json", "target", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--no-write", is_flag=True, help="Leave docs/ as it is.")
@click.option("--page", "only_page", is_flag=True, help="Measure nothing: write the page anew.")
def main(
    chosen: tuple[str, ...],
    seconds: float,
    quick: bool,
    requests: int,
    target: Path | None,
    no_write: bool,
    only_page: bool,
) -> None:
    """Print the tables, and write the figures as JSON and the page."""
    if only_page:
        write_page(json.loads(FIGURES.read_text(encoding="utf-8")))
        return
    seconds = _QUICK_SECONDS if quick else seconds
    names = [name for name in PARTS if (name in chosen if chosen else name not in LONG)]
    settings = BenchSettings(seconds=seconds)
    path = target or BUILD / ("quick.json" if quick else "serving.json")
    progress = Progress(path, names, {"seconds": seconds, "parts": names})
    for name in names:
        progress.measure(name, partial(PARTS[name], settings, requests))
    for text in sections(progress.document).values():
        if text != NOT_MEASURED:
            click.echo(text + "\n")
    if not quick and not no_write:
        known = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
        whole = merged(known, progress.document)
        FIGURES.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
        write_page(whole)


def write_page(document: Mapping[str, Any]) -> None:
    """Put the tables into the page, and write its plots."""
    for subject, text in sections(document).items():
        put_into(PAGE, subject, text)
    write_plots(document, IMAGES)


if __name__ == "__main__":
    main()
