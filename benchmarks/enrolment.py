"""Measures how many records a second a gallery stores durably, alone and from several threads.

Run: `python -m benchmarks.enrolment [--directory DIR] [--seconds S] [--json FILE]`. Every call of
`GalleryStore.add` stores one record of D = 2048 in three modalities with three thumbnails (each
thread adds one record again and again, so its thumbnails are stored once), and returns when it is
on the disk. Threads that wait at the same time share one commit. The figures
depend on the disk: name a DIRECTORY on the disk that the gallery will use.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from pathlib import Path

import click
import numpy as np

from service.gallery.record import NewRecord
from service.gallery.store.store import GalleryStore
from vreid.modality import MODALITIES

FEATURE_SIZE = 2048
THUMBNAIL_BYTES = 4096
THREADS = (1, 4, 16)


def make_record(seed: int) -> NewRecord:
    """A record of the usual size."""
    generator = np.random.default_rng(seed)
    return NewRecord(
        features=generator.normal(size=(3, FEATURE_SIZE)),
        mask=np.ones(3, dtype=np.bool_),
        thumbnails={modality: generator.bytes(THUMBNAIL_BYTES) for modality in MODALITIES},
    )


def measure(directory: Path, threads: int, seconds: float) -> dict[str, float]:
    """Records and commits a second while `threads` threads add one record after the other."""
    store = GalleryStore.open(directory, "sha256:" + "0" * 64, FEATURE_SIZE)
    commits = 0

    def count(statement: str) -> None:
        nonlocal commits
        commits += statement == "COMMIT"

    with store.database.writing() as connection:
        connection.set_trace_callback(count)
    records = [make_record(seed) for seed in range(threads)]
    added = [0] * threads
    commits, started = 0, time.monotonic()

    def add(thread: int) -> None:
        while time.monotonic() - started < seconds:
            store.add([records[thread]])
            added[thread] += 1

    running = [threading.Thread(target=add, args=(thread,)) for thread in range(threads)]
    for each in running:
        each.start()
    for each in running:
        each.join()
    took = time.monotonic() - started
    store.close()
    return {
        "threads": threads,
        "records_per_second": round(sum(added) / took, 1),
        "commits_per_second": round(commits / took, 1),
        "records_per_commit": round(sum(added) / max(1, commits), 2),
    }


@click.command()
@click.option("--directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--seconds", default=5.0, show_default=True, help="How long each row is measured.")
@click.option("--json", "target", type=click.Path(path_type=Path, dir_okay=False))
def main(directory: Path | None, seconds: float, target: Path | None) -> None:
    """Print a table, and write the figures as JSON."""
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
    rows = []
    click.echo("threads  records/s  commits/s  records/commit")
    for threads in THREADS:
        with tempfile.TemporaryDirectory(dir=directory) as place:
            row = measure(Path(place), threads, seconds)
        rows.append(row)
        click.echo("{:7d}  {:9.1f}  {:9.1f}  {:14.2f}".format(*row.values()))
    document = json.dumps({"feature_size": FEATURE_SIZE, "seconds": seconds, "rows": rows})
    if target is None:
        click.echo(document)
    else:
        target.write_text(document + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
