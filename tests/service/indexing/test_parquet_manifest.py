"""A Parquet manifest says what a CSV or JSONL one says."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.indexing.source import SourceItem, read_source
from vreid.errors import DatasetError
from vreid.modality import Modality

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def items_of(path: Path, rows: list[dict[str, Any]], **options: Any) -> list[SourceItem]:  # noqa: ANN401
    pq.write_table(pa.Table.from_pylist(rows), path, **options)
    return list(read_source(path))


def test_a_row_is_a_sample_with_its_labels_and_attributes(tmp_path: Path) -> None:
    row = {
        "rgb": "a.jpg",
        "tir": "sub/a.tif",
        "nir": None,
        "id": "x1",
        "identity": 7,
        "camera": "süd",
        "scene": "",
        "captured_at": NOON,
        "kind": "bus, long",
        "axles": 3,
        "towing": True,
        "colour": None,
    }
    (item,) = items_of(tmp_path / "m.parquet", [row])
    assert item.label == "m.parquet:0"
    assert item.id == "x1"
    assert item.sample is not None
    assert item.sample.images == {
        Modality.RGB: tmp_path / "a.jpg",
        Modality.TIR: tmp_path / "sub/a.tif",
    }
    assert (item.sample.identity, item.sample.camera, item.sample.scene) == ("7", "süd", None)
    assert item.sample.captured_at == NOON
    assert item.sample.attributes == {"kind": "bus, long", "axles": 3, "towing": True}


@pytest.mark.parametrize(
    "attributes",
    [
        pa.array([{"axles": 3, "none": None}]),
        pa.array([[("axles", 3)]], pa.map_(pa.string(), pa.int64())),
        pa.array(['{"axles": 3}']),
    ],
)
def test_attributes_may_be_a_struct_a_map_or_a_json_text(
    tmp_path: Path,
    attributes: Any,  # noqa: ANN401
) -> None:
    table = pa.table({"rgb": ["a.jpg"], "attributes": attributes})
    pq.write_table(table, tmp_path / "m.parquet")
    (item,) = read_source(tmp_path / "m.parquet")
    assert item.sample is not None
    assert item.sample.attributes == {"axles": 3}


def test_a_bad_row_is_reported_and_the_others_are_read(tmp_path: Path) -> None:
    good = {
        "rgb": "a.jpg",
        "captured_at": "2024-05-01T12:00:00Z",
        "attributes": "{}",
        "sizes": None,
    }
    rows: list[dict[str, Any]] = [
        good,
        good | {"rgb": None},
        good | {"captured_at": "yesterday"},
        good | {"attributes": "{"},
        good | {"attributes": "[1]"},
        good | {"sizes": [1, 2]},
        good,
    ]
    items = items_of(tmp_path / "m.parquet", rows, row_group_size=2)
    assert [item.sample is not None for item in items] == [True, *[False] * 5, True]
    assert [item.label for item in items] == [f"m.parquet:{row}" for row in range(7)]
    for item, said in zip(
        items[1:6], ("no image", "yesterday", "JSON object", "object", "sizes"), strict=True
    ):
        assert said in (item.problem or "")


@pytest.mark.parametrize("unit", ["ms", "us"])
@pytest.mark.parametrize("column", ["captured_at", "seen"])
def test_a_time_outside_the_calendar_costs_its_row_and_no_other(
    tmp_path: Path, unit: str, column: str
) -> None:
    times = pa.array([0, 2**62, None, -(2**63)], pa.int64()).cast(pa.timestamp(unit, tz="UTC"))
    table = pa.table({"rgb": ["a.jpg", "b.jpg", "c.jpg", "d.jpg"], column: times})
    pq.write_table(table, tmp_path / "m.parquet")
    items = list(read_source(tmp_path / "m.parquet"))
    assert [item.label for item in items] == [f"m.parquet:{row}" for row in range(4)]
    assert [item.sample is not None for item in items] == [True, False, True, False]
    for item in (items[1], items[3]):
        assert "years 1 to 9999" in (item.problem or "")


def test_nanoseconds_are_cut_to_microseconds(tmp_path: Path) -> None:
    times = pa.array([-1, 1999], pa.int64()).cast(pa.timestamp("ns", tz="UTC"))
    pq.write_table(
        pa.table({"rgb": ["a.jpg", "b.jpg"], "captured_at": times}), tmp_path / "m.parquet"
    )
    start = datetime(1970, 1, 1, tzinfo=UTC)
    samples = [item.sample for item in read_source(tmp_path / "m.parquet")]
    assert [sample and sample.captured_at for sample in samples] == [
        start - timedelta(microseconds=1),
        start + timedelta(microseconds=1),
    ]


def test_a_folder_with_a_parquet_manifest_is_read_by_it(tmp_path: Path) -> None:
    (tmp_path / "not_listed.jpg").touch()
    pq.write_table(pa.table({"nir": ["a.png"]}), tmp_path / "manifest.parquet")
    (item,) = read_source(tmp_path)
    assert item.sample is not None
    assert item.sample.images == {Modality.NIR: tmp_path / "a.png"}


def test_a_manifest_without_a_column_for_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="picture"):
        items_of(tmp_path / "m.parquet", [{"picture": "a.jpg"}])


def test_a_manifest_that_is_damaged_is_refused(tmp_path: Path) -> None:
    rows = [{"rgb": f"{number}.jpg"} for number in range(500)]
    items_of(tmp_path / "m.parquet", rows)
    data = bytearray((tmp_path / "m.parquet").read_bytes())
    data[8:200] = b"\xff" * 192
    (tmp_path / "m.parquet").write_bytes(bytes(data))
    with pytest.raises(DatasetError, match="cannot be read"):
        list(read_source(tmp_path / "m.parquet"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["index", "m.parquet", "--bundle", "BUNDLE", "--gallery", "g"],
        ["gallery", "import", "m.parquet", "--bundle", "BUNDLE", "--gallery", "g"],
    ],
    ids=["index", "import"],
)
def test_without_the_package_for_it_a_parquet_file_is_refused_with_what_to_install(
    tmp_path: Path, arguments: list[str]
) -> None:
    from tests.bundles import make_tiny_bundle

    make_tiny_bundle(tmp_path / "BUNDLE")
    pq.write_table(pa.table({"rgb": ["a.jpg"]}), tmp_path / "m.parquet")
    # What Python does where the package is not there.
    start = "import sys; sys.modules['pyarrow'] = None; from vreid.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", start, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "pyarrow" in done.stderr
    assert "parquet]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "g").exists()


def test_json_lines_and_parquet_say_the_same(tmp_path: Path) -> None:
    rows = [{"rgb": f"{number}.jpg", "camera": "n", "axles": number} for number in range(5)]
    (tmp_path / "m.jsonl").write_text("\n".join(map(json.dumps, rows)))
    from_lines = [item.sample for item in read_source(tmp_path / "m.jsonl")]
    assert [item.sample for item in items_of(tmp_path / "m.parquet", rows)] == from_lines
