"""The forms in which a Parquet file may hold records."""

import math
import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import UnusableRecordFile
from service.transfer.checking import checked
from service.transfer.files import open_records
from tests.service.gallery.builders import FEATURE_SIZE, FINGERPRINT
from tests.service.transfer.files import counts, imported, rejected_rows, stored
from vreid.errors import FingerprintMismatch

FEATURES = np.random.default_rng(0).normal(size=(4, 3, FEATURE_SIZE)).astype(np.float16)
ROWS: list[list[list[float] | None]] = [
    [FEATURES[0, 0].tolist(), FEATURES[0, 1].tolist(), FEATURES[0, 2].tolist()],
    [FEATURES[1, 0].tolist(), None, None],
    [None, FEATURES[2, 1].tolist(), FEATURES[2, 2].tolist()],
    [None, None, FEATURES[3, 2].tolist()],
]
IDS = ["a", "b", "c", "d"]


def write(path: Path, model: str = FINGERPRINT, **columns: Any) -> Path:  # noqa: ANN401
    table = pa.table(columns).replace_schema_metadata({"model": model})
    pq.write_table(table, path, row_group_size=3)
    return path


def one_column(inner: Any, outer: Any = pa.list_) -> Any:  # noqa: ANN401
    return {"features": pa.array(ROWS, outer(inner))}


def three_columns(kind: Any) -> Any:  # noqa: ANN401
    return {
        f"features_{name}": pa.array([row[index] for row in ROWS], kind)
        for index, name in enumerate(("rgb", "nir", "tir"))
    }


@pytest.mark.parametrize(
    "features",
    [
        one_column(pa.list_(pa.float32())),
        one_column(pa.list_(pa.float16())),
        one_column(pa.list_(pa.float16(), FEATURE_SIZE)),
        one_column(pa.large_list(pa.float32())),
        one_column(pa.list_(pa.float32(), FEATURE_SIZE), lambda inner: pa.list_(inner, 3)),
        three_columns(pa.list_(pa.float16(), FEATURE_SIZE)),
        three_columns(pa.list_(pa.float32(), FEATURE_SIZE)),
        three_columns(pa.list_(pa.float32())),
    ],
    ids=lambda columns: " ".join(str(each.type) for each in columns.values()),
)
@pytest.mark.parametrize("batch_size", [2, 100])
def test_features_are_read_from_lists_of_every_form(
    tmp_path: Path, features: dict[str, Any], batch_size: int
) -> None:
    file = write(tmp_path / "in.parquet", id=IDS, **features)
    assert counts(imported(file, tmp_path / "g", batch_size=batch_size)) == (4, 0, 0)
    records = stored(tmp_path / "g")
    mask = [[value is not None for value in row] for row in ROWS]
    assert [each["mask"] for each in records] == mask
    expected = np.where(np.array(mask)[:, :, None], FEATURES, 0).astype(np.float16)
    assert [each["features"] for each in records] == [each.tobytes() for each in expected]


def test_a_modality_that_no_record_has_needs_no_column(tmp_path: Path) -> None:
    column = pa.array([FEATURES[0, 1].tolist()], pa.list_(pa.float32(), FEATURE_SIZE))
    file = write(tmp_path / "in.parquet", id=["a"], features_nir=column)
    assert counts(imported(file, tmp_path / "g")) == (1, 0, 0)
    assert stored(tmp_path / "g")[0]["mask"] == [False, True, False]


def test_a_mask_may_leave_out_a_modality_and_may_not_name_one_that_is_null(
    tmp_path: Path,
) -> None:
    mask = [[True, False, True], None, [True, True, True], [False, True]]
    file = write(tmp_path / "in.parquet", id=IDS, mask=mask, **one_column(pa.list_(pa.float32())))
    summary = imported(file, tmp_path / "g")
    assert [each["mask"] for each in stored(tmp_path / "g")] == [
        [True, False, True],
        [True, False, False],
    ]
    first, second = rejected_rows(summary)
    assert (first["row"], second["row"]) == (2, 3)
    assert "no rgb features" in first["reason"]
    assert "three booleans" in second["reason"]


def test_a_bad_row_is_rejected_and_the_rest_is_stored(tmp_path: Path) -> None:
    rows: list[Any] = [list(row) for row in ROWS]
    rows[0] = None
    rows[1] = [[1.0, 2.0], None, None]
    rows[2] = [None, [None] * FEATURE_SIZE, None]
    file = write(
        tmp_path / "in.parquet", id=IDS, features=pa.array(rows, pa.list_(pa.list_(pa.float32())))
    )
    summary = imported(file, tmp_path / "g")
    assert counts(summary) == (1, 0, 3)
    assert [line["row"] for line in rejected_rows(summary)] == [0, 1, 2]
    for line, said in zip(
        rejected_rows(summary), ("three lists", "12 values", "finite"), strict=True
    ):
        assert said in line["reason"]


def test_labels_and_times_are_read(tmp_path: Path) -> None:
    noon = datetime(2024, 5, 1, 12, tzinfo=UTC)
    file = write(
        tmp_path / "in.parquet",
        id=IDS,
        identity=[1, 2, None, 4],
        camera=pa.array(["n", "n", "", None]).dictionary_encode(),
        captured_at=pa.array([noon, None, noon, None], pa.timestamp("ns", tz="Europe/Berlin")),
        attributes=['{"a": 1}', None, "", "{}"],
        **one_column(pa.list_(pa.float32())),
    )
    assert counts(imported(file, tmp_path / "g")) == (4, 0, 0)
    records = stored(tmp_path / "g")
    assert [each["identity"] for each in records] == ["1", "2", None, "4"]
    assert [each["camera"] for each in records] == ["n", "n", None, None]
    assert [each["captured_at"] for each in records] == [noon, None, noon, None]
    assert records[0]["attributes"] == '{"a": 1}'


# Parquet has no seconds: pyarrow writes them as milliseconds.
UNITS = {"ms": 10**3, "us": 10**6, "ns": 10**9}


def counted(unit: str, *counts: int | None) -> Any:  # noqa: ANN401
    return pa.array(counts, pa.int64()).cast(pa.timestamp(unit, tz="UTC"))


@pytest.mark.parametrize("name", ["captured_at", "created_at"])
@pytest.mark.parametrize("unit", ["ms", "us"])
def test_a_time_outside_the_calendar_is_rejected_and_becomes_no_other_time(
    tmp_path: Path, name: str, unit: str
) -> None:
    each = UNITS[unit]
    # As int64 microseconds the first is in 2023: the number has run over and round again.
    around = (2**64 if unit == "us" else 2**64 // (10**6 // each)) + 1_700_000_000 * each
    beyond = around if around < 2**63 else 2**63 - 1
    times = counted(unit, beyond, -(2**63), None, 1_700_000_000 * each)
    file = write(
        tmp_path / "in.parquet", id=IDS, **{name: times}, **one_column(pa.list_(pa.float32()))
    )
    summary = imported(file, tmp_path / "g")
    assert counts(summary) == (2, 0, 2)
    assert [line["row"] for line in rejected_rows(summary)] == [0, 1]
    assert all(f"{name} is" in line["reason"] for line in rejected_rows(summary))
    records = stored(tmp_path / "g")
    assert [record["id"] for record in records] == ["c", "d"]
    assert records[1][name] == datetime.fromtimestamp(1_700_000_000, UTC)


@settings(deadline=None)
@given(
    unit=st.sampled_from(list(UNITS)),
    count=st.integers(-(2**63), 2**63 - 1)
    | st.integers(-(10**4), 10**4)
    | st.integers(-(2**38), 2**38),
)
def test_a_timestamp_is_its_moment_cut_to_microseconds_or_rejected(unit: str, count: int) -> None:
    column = {"features_rgb": pa.array([FEATURES[0, 0].tolist()], pa.list_(pa.float32()))}
    with tempfile.TemporaryDirectory() as folder:
        file = write(
            Path(folder, "in.parquet"), id=["a"], captured_at=counted(unit, count), **column
        )
        with closing(open_records(file, FEATURE_SIZE)) as records:
            (found,) = map(checked, records.rows(10))
    exact = Fraction(count, UNITS[unit]) * 10**6
    first, last = (
        (moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        for moment in (datetime.min, datetime.max)
    )
    expected = [math.floor(exact)] if first <= math.floor(exact) <= last else []
    assert list(found.block.captured_at) == expected
    assert len(found.rejected) == 1 - len(expected)


def test_nanoseconds_before_1970_are_cut_to_the_microsecond_they_lie_in(tmp_path: Path) -> None:
    times = counted("ns", -1, -1000, -1001, 1999)
    file = write(
        tmp_path / "in.parquet", id=IDS, captured_at=times, **one_column(pa.list_(pa.float32()))
    )
    assert counts(imported(file, tmp_path / "g")) == (4, 0, 0)
    start = datetime(1970, 1, 1, tzinfo=UTC)
    assert [
        (record["captured_at"] - start) // timedelta(microseconds=1)
        for record in stored(tmp_path / "g")
    ] == [-1, -1, -2, 1]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"id": IDS}, "needs id"),
        (one_column(pa.list_(pa.float32())), "needs id"),
        ({"id": IDS, "features": [1.0] * 4}, "lists of float16"),
        ({"id": IDS, **one_column(pa.list_(pa.float64()))}, "lists of float16"),
        ({"id": IDS, "colour": IDS, **one_column(pa.list_(pa.float32()))}, "colour"),
        ({"id": [0.5] * 4, **one_column(pa.list_(pa.float32()))}, "double"),
        (
            {
                "id": IDS,
                "captured_at": pa.array([datetime(2024, 5, 1)] * 4, pa.timestamp("us")),
                **one_column(pa.list_(pa.float32())),
            },
            "no time zone",
        ),
        ({"id": ["a"], "features_rgb": pa.array([[1.0]], pa.list_(pa.float32(), 1))}, "1 values"),
    ],
)
def test_a_file_that_is_not_made_as_one_is_refused_as_a_whole(
    tmp_path: Path, columns: dict[str, Any], said: str
) -> None:
    file = write(tmp_path / "in.parquet", **columns)
    with pytest.raises(UnusableRecordFile, match=said):
        imported(file, tmp_path / "g")
    assert not (tmp_path / "g").exists()


def test_features_of_another_model_are_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "in.parquet", "another", id=IDS, **one_column(pa.list_(pa.float32())))
    with pytest.raises(FingerprintMismatch, match="another"):
        imported(file, tmp_path / "g")


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "text.parquet").write_text("hello")
    file = write(tmp_path / "in.parquet", id=IDS, **one_column(pa.list_(pa.float32())))
    data = bytearray(file.read_bytes())
    data[4:200] = b"\xff" * 196
    file.write_bytes(bytes(data))
    for path in (tmp_path / "text.parquet", file):
        with pytest.raises(UnusableRecordFile, match=r"again|Parquet file"):
            imported(path, tmp_path / "g")
