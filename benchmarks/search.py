"""Measures searches of many vectors: the gallery's own, exact comparison, and graph indexes.

Run: `make bench-search`, or `python -m benchmarks.search [--set 1000000x2048] [--method vreid] ...`
after `pip install -e '.[service,cpu,bench]'`. A set is ROWSxDIMENSIONS; 6144 dimensions are the
concatenation of three modalities. Every method runs in a process of its own. With `--write`, the
figures replace those of docs/measured/search.json, set by set, and the table of docs/search.md.
Time is only reported, never judged: machines differ, and so does what else they do.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from benchmarks.marked_pages import put_into
from benchmarks.search_data import SearchData
from benchmarks.search_methods import METHODS
from benchmarks.search_page import table
from benchmarks.search_while_changing import measure_while_changing

REPOSITORY = Path(__file__).parents[1]
FIGURES = REPOSITORY / "docs" / "measured" / "search.json"
PAGE = REPOSITORY / "docs" / "search.md"

FEATURE_SIZE = 2048
SETS = ("10000x2048", "100000x2048", "200000x2048", "100000x6144")


def measure_set(
    name: str,
    methods: Sequence[str],
    scratch: Path,
    *,
    queries: int,
    feature_size: int,
    options: Sequence[str],
) -> dict[str, Any]:
    """The figures of all methods on one set; its data is made and removed again."""
    rows, dimensions = map(int, name.split("x"))
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        place = Path(folder)
        SearchData.make(place, rows, dimensions // feature_size, feature_size, queries)
        results = []
        for method in methods:
            results.append(_in_its_own_process(method, place, options))
            click.echo(json.dumps(results[-1]), err=True)
    return {"rows": rows, "dimensions": dimensions, "queries": queries, "results": results}


def _in_its_own_process(method: str, folder: Path, options: Sequence[str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.search_measuring", method, str(folder), *options]
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TMPDIR": str(folder)}
    run = subprocess.run(
        command,
        cwd=REPOSITORY,
        env={**os.environ, **one_thread},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if run.returncode != 0:
        # Out of memory, mostly: the others are measured all the same.
        return {"method": method, "built": False, "failed": run.returncode}
    figures: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return figures


def merged(known: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The known figures with the new ones in the place of those of the same set."""
    return {**known, **new, "sets": {**known.get("sets", {}), **new["sets"]}}


@click.command()
@click.option("--set", "sets", multiple=True, default=SETS, show_default=True)
@click.option("--method", "methods", multiple=True, type=click.Choice(METHODS), default=METHODS)
@click.option("--queries", default=200, show_default=True)
@click.option("--least-recall", default=0.995, show_default=True, help="What graphs must reach.")
@click.option("--build-cap", default=900.0, show_default=True, help="Seconds to build an index.")
@click.option("--seconds", default=5.0, show_default=True, help="How long each figure is measured.")
@click.option("--scratch", type=click.Path(path_type=Path, file_okay=False))
@click.option("--changing-rows", default=0, help="Also search a gallery of so many as it changes.")
@click.option("--json", "target", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--write", is_flag=True, help="Write docs/measured/search.json and docs/search.md.")
def main(
    sets: Sequence[str],
    methods: Sequence[str],
    queries: int,
    least_recall: float,
    build_cap: float,
    seconds: float,
    scratch: Path | None,
    changing_rows: int,
    target: Path | None,
    write: bool,
) -> None:
    """Print a table, and write the figures as JSON."""
    place = Path(tempfile.gettempdir()) if scratch is None else scratch
    place.mkdir(parents=True, exist_ok=True)
    options = ["--build-cap", str(build_cap), "--least-recall", str(least_recall)]
    options += ["--seconds", str(seconds)]
    document: dict[str, Any] = {
        "machine": f"{_processor()}, {os.cpu_count()} cores",
        "build_cap_seconds": build_cap,
        "sets": {
            name: measure_set(
                name, methods, place, queries=queries, feature_size=FEATURE_SIZE, options=options
            )
            for name in sets
        },
    }
    if changing_rows:
        document["while_changing"] = measure_while_changing(place, changing_rows, seconds)
    click.echo(table(document))
    if target is not None:
        target.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    if write:
        known = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
        whole = merged(known, document)
        FIGURES.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
        put_into(PAGE, "search", table(whole))


def _processor() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
