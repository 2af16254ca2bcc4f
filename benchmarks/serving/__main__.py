"""Measures the service beside its engine and beside other ways to serve, and writes the page.

Run: `make bench-serve`, or `python -m benchmarks.serving` where build/peers has the environment of
the peers. Each part is kept in build/bench/serving.json as soon as it is measured; a run that was
cut goes on there. At the end the figures go to docs/measured/serving.json, and the tables and plots
of docs/performance.md are made from them; parts that were not measured, or failed, keep the figures
they had, and each says on which machine and revision it was measured.
The part `memory` takes long and is measured only when it is asked for: `--only memory`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click

from benchmarks.marked_pages import put_into
from benchmarks.serving.archive import measure_archive
from benchmarks.serving.bundles import BUILD, ServedBundle
from benchmarks.serving.comparison import LABELS, measure_comparison
from benchmarks.serving.concurrency import measure_concurrency
from benchmarks.serving.endurance import REQUESTS, image_bytes, measure_memory, measure_starts
from benchmarks.serving.origin import bundle_facts, origin
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

_QUICK = BenchSettings(seconds=0.5, answers=20, most_seconds=3.0, rounds=1, small=True)
_SECONDS = BenchSettings().seconds
_SHORT_COMPARISON = tuple(
    name for name in LABELS if name != "torch" and not name.startswith("plain")
)
"""Of the ResNet50, whose answers take long."""
LONG = ("memory",)
"""Parts that are measured only when they are asked for."""


@dataclass(frozen=True, slots=True)
class Part:
    """What is measured, and of which bundle.

    Attributes:
        measure: returns the figures; the number is that of the requests of the part memory.
        bundle: that it is of, if any.
    """

    measure: Callable[[BenchSettings, int], Any]
    bundle: Callable[[BenchSettings], ServedBundle] | None = None

    def bundle_facts(self, settings: BenchSettings) -> dict[str, str]:
        """Which bundle it is of."""
        return {} if self.bundle is None else bundle_facts(self.bundle(settings))


def _of_bundle(
    measure: Callable[[BenchSettings, ServedBundle], Any],
    bundle: Callable[[BenchSettings], ServedBundle],
) -> Part:
    return Part(lambda settings, _: measure(settings, bundle(settings)), bundle)


def _lite(settings: BenchSettings) -> ServedBundle:
    return settings.lite


def _resnet50(settings: BenchSettings) -> ServedBundle:
    return settings.resnet50


PARTS: Mapping[str, Part] = {
    "saturation-lite": _of_bundle(measure_saturation, _lite),
    "saturation-resnet50": _of_bundle(measure_saturation, _resnet50),
    "precisions-lite": _of_bundle(measure_precisions, _lite),
    "precisions-resnet50": _of_bundle(measure_precisions, _resnet50),
    "comparison-lite": _of_bundle(measure_comparison, _lite),
    "comparison-resnet50": _of_bundle(
        partial(measure_comparison, names=_SHORT_COMPARISON), _resnet50
    ),
    "overload": _of_bundle(measure_overload, _lite),
    "concurrency-lite": _of_bundle(measure_concurrency, _lite),
    "concurrency-resnet50": _of_bundle(measure_concurrency, _resnet50),
    "archive-lite": _of_bundle(partial(measure_archive, count=1000), _lite),
    "archive-resnet50": _of_bundle(partial(measure_archive, count=120), _resnet50),
    "starts": Part(lambda settings, _: measure_starts(settings), _lite),
    "image": Part(lambda _, __: {"bytes": image_bytes()}),
    "memory": Part(
        lambda settings, requests: measure_memory(settings, settings.lite, requests), _lite
    ),
}


@click.command()
@click.option("--only", "chosen", multiple=True, type=click.Choice(tuple(PARTS)))
@click.option(
    "--seconds",
    default=_SECONDS,
    show_default=True,
    help="How long each figure is measured, longer where answers are few.",
)
@click.option(
    "--quick", is_flag=True, help="Less of everything, and no page: to see that it works."
)
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
    settings = _QUICK if quick else BenchSettings(seconds=seconds)
    names = [name for name in PARTS if (name in chosen if chosen else name not in LONG)]
    path = target or BUILD / ("quick.json" if quick else "serving.json")
    options = {
        "seconds": settings.seconds,
        "answers": settings.answers,
        "most_seconds": settings.most_seconds,
        "rounds": settings.rounds,
        "requests": requests,
    }
    progress = Progress(path, names, options, origin())
    for name in names:
        part = PARTS[name]
        progress.measure(
            name,
            partial(part.measure, settings, requests),
            partial(part.bundle_facts, settings),
        )
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
