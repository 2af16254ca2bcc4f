"""Measures how long a gallery takes to open: without files of the index, and with them.

Run: `python -m benchmarks.start_up [--records N] [--directory DIR] [--write]`. Stores N records of
one modality, D = 2048, then opens the gallery twice, each time in a process of its own: the first
start finds no index and reads everything from the database; the second takes what the first left.
With --write the figures go to docs/measured/start_up.json and into docs/search.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import numpy as np
from tqdm import tqdm

from benchmarks.clustered_vectors import ClusteredVectors
from benchmarks.marked_pages import put_into
from service.gallery.files.loading import load
from service.gallery.files.segment_files import SegmentFolder
from service.gallery.index.filling import fill
from service.gallery.index.index import SearchIndex
from service.gallery.store.blocks import RecordBlock
from service.gallery.store.store import GalleryStore
from vreid.engines.processors import usable_processors

FEATURE_SIZE = 2048
FINGERPRINT = "sha256:" + "0" * 64
RESULTS = Path("docs/measured/start_up.json")
PAGE = Path("docs/search.md")


def store_records(
    directory: Path,
    count: int,
    fingerprint: str = FINGERPRINT,
    feature_size: int = FEATURE_SIZE,
    modalities: int = 1,
) -> None:
    """Make a gallery of `count` records that have the first of the modalities."""
    vectors = ClusteredVectors(count, feature_size)
    with (
        closing(GalleryStore.open(directory, fingerprint, feature_size)) as store,
        tqdm(total=count, unit="record", desc="storing", disable=None) as progress,
    ):
        stored = 0
        for block in vectors.blocks():
            size = len(block)
            features = np.zeros((size, 3, feature_size), np.float16)
            features[:, :modalities] = block[:, None]
            mask = np.zeros((size, 3), np.bool_)
            mask[:, :modalities] = True
            nothing = [None] * size
            store.add_block(
                RecordBlock(
                    features=features,
                    mask=mask,
                    id=[f"r{number}" for number in range(stored, stored + size)],
                    identity=[f"vehicle {number // 20}" for number in range(stored, stored + size)],
                    camera=[f"camera {number % 50}" for number in range(stored, stored + size)],
                    scene=nothing,
                    captured_at=nothing,
                    attributes=["{}"] * size,
                    content_hash=nothing,
                    images_hash=nothing,
                    source=["{}"] * size,
                    created_at=nothing,
                )
            )
            stored += size
            progress.update(size)


def measure_opening(directory: Path) -> dict[str, float]:
    """Seconds until the gallery can be searched, and the memory that it then takes, in bytes."""
    started = time.perf_counter()
    with closing(GalleryStore.open(directory, FINGERPRINT, FEATURE_SIZE)) as store:
        folder = SegmentFolder(store)
        with closing(SearchIndex(FEATURE_SIZE, folder=folder)) as index:
            fill(index, store, load(store, folder))
            seconds = time.perf_counter() - started
            return {
                "seconds": seconds,
                "private_bytes": _private_bytes(),
                "segments": index.facts().sealed_segments,
            }


def opened_in_a_process(directory: Path) -> dict[str, float]:
    """`measure_opening` in a new process."""
    command = [sys.executable, "-m", "benchmarks.start_up", "--open", str(directory)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    answer: dict[str, float] = json.loads(said.splitlines()[-1])
    return answer


def table_of(result: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        f"{result['records']:,} records, one modality, D = {FEATURE_SIZE}, "
        f"{result['processors']} processors.",
        "",
        "| start | seconds | private MB | segments |",
        "|---|---|---|---|",
    ]
    for name, words in (("without", "without an index"), ("with", "with one")):
        one = result[name]
        lines.append(
            f"| {words} | {one['seconds']:.1f} | {one['private_bytes'] / 1e6:.0f} | "
            f"{one['segments']} |"
        )
    return "\n".join(lines)


def _private_bytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("RssAnon:")))


@click.command()
@click.option("--records", default=1_000_000, show_default=True)
@click.option("--directory", type=click.Path(path_type=Path), help="Where the gallery is made.")
@click.option("--write", is_flag=True, help=f"Into {RESULTS} and {PAGE}.")
@click.option("--open", "opened", type=click.Path(path_type=Path), hidden=True)
def main(records: int, directory: Path | None, write: bool, opened: Path | None) -> None:
    """Measure the start of a gallery of many records."""
    if opened is not None:
        click.echo(json.dumps(measure_opening(opened)))
        return
    with tempfile.TemporaryDirectory(dir=directory) as made:
        gallery = Path(made)
        store_records(gallery, records)
        # What was just written leaves the page cache as far as the system likes to.
        os.sync()
        result = {
            "records": records,
            "processors": usable_processors(),
            "without": opened_in_a_process(gallery),
            "with": opened_in_a_process(gallery),
        }
    click.echo(table_of(result))
    if write:
        RESULTS.write_text(json.dumps(result, indent=1) + "\n")
        put_into(PAGE, "start-up", table_of(result))


if __name__ == "__main__":
    main()
