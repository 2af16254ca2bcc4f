"""Memory does not grow with the size of a source."""

import tracemalloc
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import count, islice
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.indexing.job import index_source
from service.indexing.source import read_source
from tests.bundles import make_tiny_bundle
from tests.service.indexing.pictures import write_picture


def csv_of(path: Path, rows: int) -> Path:
    with (path / "m.csv").open("w") as stream:
        stream.write("rgb,identity,note\n")
        stream.writelines(f"{row % 4}.jpg,{row},a note of some length\n" for row in range(rows))
    return path / "m.csv"


def jsonl_of(path: Path, rows: int) -> Path:
    with (path / "m.jsonl").open("w") as stream:
        stream.writelines(f'{{"rgb": "{row % 4}.jpg", "identity": {row}}}\n' for row in range(rows))
    return path / "m.jsonl"


def parquet_of(path: Path, rows: int) -> Path:
    numbers = range(rows)
    table = pa.table({"rgb": [f"{row % 4}.jpg" for row in numbers], "identity": list(numbers)})
    pq.write_table(table, path / "m.parquet")
    return path / "m.parquet"


def folder_of(path: Path, rows: int) -> Path:
    for row in range(rows):
        picture = path / ("rgb", "nir")[row % 2] / f"{row // 40}" / f"{row // 2}.jpg"
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.touch()
    return path


def peak_of_reading(source: Path, samples: int) -> int:
    """Bytes held at most while so many samples are read."""
    tracemalloc.start()
    assert sum(1 for _ in islice(read_source(source), samples)) == samples
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize(
    ("make", "rows", "samples"),
    [
        (csv_of, 24_000, 24_000),
        (jsonl_of, 24_000, 24_000),
        (parquet_of, 24_000, 24_000),
        (folder_of, 24_000, 12_000),
    ],
)
def test_a_source_is_read_in_the_memory_of_a_part_of_it(
    tmp_path: Path, make: Callable[[Path, int], Path], rows: int, samples: int
) -> None:
    source = make(tmp_path, rows)
    # Python's table of interned names, which paths are entered in, grows by megabytes at once in
    # a process that has run other tests.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        part = process.submit(peak_of_reading, source, samples // 10).result()
        assert process.submit(peak_of_reading, source, samples).result() < 2 * part + 8_000_000


def test_a_job_has_no_more_rows_than_a_few_batches(tmp_path: Path) -> None:
    bundle = make_tiny_bundle(tmp_path / "bundle")
    for number in range(4):
        write_picture(tmp_path / f"{number}.jpg", number)
    numbers = count()

    def peak_of(rows: int) -> int:
        manifest = csv_of(tmp_path, rows)
        gallery = tmp_path / f"gallery{next(numbers)}"
        tracemalloc.start()
        index_source(manifest, bundle, gallery, batch_size=16, show_progress=False)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak_of(16)  # what is loaded once
    assert peak_of(960) < 1.5 * peak_of(96)
