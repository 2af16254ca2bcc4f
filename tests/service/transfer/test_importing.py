"""What an import stores, skips, rejects and refuses."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from service.errors import InvalidRecord, UnusableRecordFile
from service.gallery.record import NewRecord
from service.gallery.store.rows import microseconds
from service.transfer.checking import checked
from service.transfer.rows import FileRows
from tests.service.gallery.builders import FEATURE_SIZE, FINGERPRINT
from tests.service.transfer.files import arrays, counts, imported, rejected_rows, stored, write_npz
from vreid.errors import FingerprintMismatch

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def test_every_column_of_a_file_is_stored(tmp_path: Path) -> None:
    members = arrays(3) | {
        "mask": np.array([[True, True, True], [True, False, False], [False, True, True]]),
        "identity": np.array([7, 8, -1]),
        "camera": np.array(["north", "", "süd"]),
        "scene": np.array([b"s1", "süd".encode(), b""]),
        "captured_at": np.array(["2024-05-01T12:00:00Z", "", "2024-05-01T14:00:00+02:00"]),
        "attributes": np.array(['{"axles": 3, "towing": true}', "", "{}"]),
    }
    file = write_npz(tmp_path / "in.npz", **members)
    assert counts(imported(file, tmp_path / "g")) == (3, 0, 0)
    records = stored(tmp_path / "g")
    assert [each["id"] for each in records] == ["r0", "r1", "r2"]
    assert [each["identity"] for each in records] == ["7", "8", "-1"]
    assert [each["camera"] for each in records] == ["north", None, "süd"]
    assert [each["scene"] for each in records] == ["s1", "süd", None]
    assert [each["captured_at"] for each in records] == [NOON, None, NOON]
    assert records[0]["attributes"] == '{"axles": 3, "towing": true}'
    expected = np.where(members["mask"][:, :, None], members["features"], 0).astype(np.float16)
    assert [each["features"] for each in records] == [each.tobytes() for each in expected]


def test_times_may_be_microseconds(tmp_path: Path) -> None:
    times = np.array([microseconds(NOON), np.iinfo(np.int64).min, 0, np.iinfo(np.int64).max])
    file = write_npz(tmp_path / "in.npz", **arrays(4), captured_at=times)
    summary = imported(file, tmp_path / "g")
    assert counts(summary) == (3, 0, 1)
    assert [each["captured_at"] for each in stored(tmp_path / "g")] == [
        NOON,
        None,
        datetime(1970, 1, 1, tzinfo=UTC),
    ]
    assert "years 1 to 9999" in rejected_rows(summary)[0]["reason"]


def test_a_bad_row_is_rejected_with_its_number_and_reason_and_the_rest_is_stored(
    tmp_path: Path,
) -> None:
    count = 12
    members = arrays(count) | {
        "camera": np.array(["c"] * count, dtype="U300"),
        "captured_at": np.array(["2024-05-01T12:00:00Z"] * count, dtype="U64"),
        "attributes": np.array(["{}"] * count, dtype="U64"),
    }
    members["features"][1, 0, 3] = np.nan
    members["features"][2, 1] = 0
    members["mask"][3] = False
    members["id"][4] = "a b"
    members["camera"][5] = "c" * 257
    members["captured_at"][6] = "2024-05-01T12:00:00"
    members["captured_at"][7] = "yesterday"
    members["attributes"][8] = "[1]"
    members["attributes"][9] = '{"size": [1]}'
    members["id"][10] = ""
    # Not a fault: the modality is not there.
    members["mask"][11, 2] = False
    members["features"][11, 2] = np.inf
    file = write_npz(tmp_path / "in.npz", **members)
    summary = imported(file, tmp_path / "g", batch_size=5)
    assert counts(summary) == (2, 0, 10)
    lines = rejected_rows(summary)
    assert [line["row"] for line in lines] == list(range(1, 11))
    assert all(line["source"] == "in.npz" for line in lines)
    named = [None if row in (4, 10) else f"r{row}" for row in range(1, 11)]
    assert [line["id"] for line in lines] == named
    said = ("finite", "all zero", "no modality", "'a b'", "camera", "time zone", "ISO 8601")
    for line, words in zip(lines, (*said, "object", "'size'", "no id"), strict=True):
        assert words in line["reason"]
    assert [each["id"] for each in stored(tmp_path / "g")] == ["r0", "r11"]


def test_a_record_that_is_there_is_skipped_and_another_of_its_id_is_rejected(
    tmp_path: Path,
) -> None:
    members = arrays(4) | {"attributes": np.array(['{"a": 1, "b": true}'] * 4)}
    imported(write_npz(tmp_path / "first.npz", **members), tmp_path / "g")
    other = arrays(6) | {"attributes": np.array(['{"b": true, "a": 1}'] * 6)}
    other["features"][:4] = members["features"]
    other["features"][1, 0, 0] *= 2
    other["attributes"][2] = '{"a": 1, "b": 1}'
    summary = imported(write_npz(tmp_path / "second.npz", **other), tmp_path / "g")
    assert counts(summary) == (2, 2, 2)
    assert [(line["row"], line["id"]) for line in rejected_rows(summary)] == [(1, "r1"), (2, "r2")]
    assert len(stored(tmp_path / "g")) == 6


@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_an_id_that_a_file_has_twice_is_stored_once(tmp_path: Path, batch_size: int) -> None:
    members = arrays(4)
    members["id"][:] = ["a", "b", "a", "a"]
    members["features"][2] = members["features"][0]
    file = write_npz(tmp_path / "in.npz", **members)
    summary = imported(file, tmp_path / "g", batch_size=batch_size)
    assert counts(summary) == (2, 1, 1)
    assert [line["row"] for line in rejected_rows(summary)] == [3]


def test_features_of_another_model_are_refused_before_a_gallery_is_made(tmp_path: Path) -> None:
    another = "sha256:" + "b" * 64
    file = write_npz(tmp_path / "in.npz", **(arrays() | {"model": np.array(another)}))
    silent = write_npz(
        tmp_path / "silent.npz",
        **{name: array for name, array in arrays().items() if name != "model"},
    )
    with pytest.raises(FingerprintMismatch, match=another):
        imported(file, tmp_path / "g")
    with pytest.raises(FingerprintMismatch, match="--model"):
        imported(silent, tmp_path / "g", model=another)
    assert not (tmp_path / "g").exists()


def test_a_file_that_names_no_model_is_taken_with_a_warning(tmp_path: Path) -> None:
    members = {name: array for name, array in arrays().items() if name != "model"}
    file = write_npz(tmp_path / "in.npz", **members)
    warnings: list[str] = []
    assert counts(imported(file, tmp_path / "g", warn=warnings.append)) == (4, 0, 0)
    assert "which model" in warnings[0]
    assert counts(imported(file, tmp_path / "g", model=FINGERPRINT, warn=warnings.append)) == (
        0,
        4,
        0,
    )
    assert len(warnings) == 1


def test_what_an_export_adds_is_checked_too(tmp_path: Path) -> None:
    late = microseconds(datetime.now(UTC) + timedelta(days=400))
    members = arrays(5) | {
        "created_at": np.array([microseconds(NOON), late, 0, 0, 0]),
        "source": np.array(["", "", '{"rgb": 1}', '{"uv": "a.jpg"}', '{"rgb": "a.jpg"}']),
        "content_hash": np.array(["a" * 64, "", "", "", "\u00e9"]),
    }
    summary = imported(write_npz(tmp_path / "in.npz", **members), tmp_path / "g")
    assert [line["row"] for line in rejected_rows(summary)] == [1, 2, 3, 4]
    (record,) = stored(tmp_path / "g")
    assert (record["created_at"], record["content_hash"]) == (NOON, "a" * 64)


def without(name: str) -> dict[str, Any]:
    return {each: array for each, array in arrays().items() if each != name}


@pytest.mark.parametrize(
    ("members", "said"),
    [
        (without("features"), "no array features"),
        (without("mask"), "no array mask"),
        (without("id"), "no array id"),
        (arrays() | {"colour": np.zeros(4)}, "colour"),
        (arrays() | {"id": np.array(["a", "b", None, "d"], dtype=object)}, "Python objects"),
        (arrays() | {"id": np.array(["a", "b"])}, r"shape \(2,\)"),
        (arrays() | {"mask": np.ones((4, 3), dtype=np.uint8)}, "bool"),
        (arrays() | {"mask": np.asfortranarray(np.ones((4, 3), dtype=np.bool_))}, "Fortran"),
        (arrays() | {"features": np.zeros((4, 3, FEATURE_SIZE))}, "float64"),
        (arrays() | {"features": np.zeros((4, FEATURE_SIZE), dtype=np.float16)}, r"\(N, 3, D\)"),
        (arrays(feature_size=5), "5 values a modality"),
        (arrays() | {"captured_at": np.zeros(4, dtype="datetime64[us]")}, "no time zone"),
        (arrays() | {"camera": np.zeros(4)}, "float64"),
        (arrays() | {"model": np.array([1, 2])}, "model must be one text"),
    ],
)
def test_a_file_that_is_not_made_as_one_is_refused_as_a_whole(
    tmp_path: Path, members: dict[str, Any], said: str
) -> None:
    file = write_npz(tmp_path / "in.npz", **members)
    with pytest.raises(UnusableRecordFile, match=said):
        imported(file, tmp_path / "g")
    assert not (tmp_path / "g").exists()


def test_what_is_no_file_of_records_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("hello")
    (tmp_path / "a.csv").write_text("hello")
    for name, said in (("text.npz", "npz file"), ("a.csv", "no known kind"), ("no.npz", "no file")):
        with pytest.raises(UnusableRecordFile, match=said):
            imported(tmp_path / name, tmp_path / "g")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_damaged_file_is_told_and_what_was_read_before_stays(tmp_path: Path, save: Any) -> None:  # noqa: ANN401
    members = arrays(300)
    save(tmp_path / "in.npz", **members)
    data = bytearray((tmp_path / "in.npz").read_bytes())
    # The last third of the file lies within the features or behind them.
    at = len(data) // 2
    data[at] ^= 0xFF
    (tmp_path / "in.npz").write_bytes(bytes(data))
    with pytest.raises(UnusableRecordFile, match="damaged"):
        imported(tmp_path / "in.npz", tmp_path / "g", batch_size=10)


def test_compressed_files_and_every_float_type_are_read(tmp_path: Path) -> None:
    members = arrays(6)
    for number, dtype in enumerate((np.float16, np.float32, ">f4", ">f2")):
        file = tmp_path / f"{number}.npz"
        np.savez_compressed(file, **(members | {"features": members["features"].astype(dtype)}))
        assert counts(imported(file, tmp_path / "g", batch_size=4)) == (
            (0, 6, 0) if number else (6, 0, 0)
        )


@settings(max_examples=80, deadline=None)
@given(
    features=arrays_of.arrays(
        np.float32,
        (3, 3, 4),
        elements=st.sampled_from([0.0, -0.0, 1e-9, 1.0, 7e4, 65504.0, np.inf, np.nan, 6e-8]),
    ),
    mask=arrays_of.arrays(np.bool_, (3, 3)),
)
def test_blocks_are_checked_as_single_records_are(features: Any, mask: Any) -> None:  # noqa: ANN401
    found = checked(FileRows(0, features, mask, {"id": ["a", "b", "c"]}))
    expected: dict[int, str] = {}
    kept = []
    for row in range(3):
        try:
            kept.append(NewRecord(features[row], mask[row]).features)
        except InvalidRecord as error:
            expected[row] = str(error)
    assert {each.row: each.reason for each in found.rejected} == expected
    assert list(found.numbers) == [row for row in range(3) if row not in expected]
    assert [each.tobytes() for each in found.block.features] == [each.tobytes() for each in kept]


def test_the_rejects_file_is_json_lines(tmp_path: Path) -> None:
    members = arrays(2) | {"mask": np.zeros((2, 3), dtype=np.bool_)}
    rejects = tmp_path / "why.jsonl"
    imported(write_npz(tmp_path / "in.npz", **members), tmp_path / "g", rejects=rejects)
    assert [set(json.loads(line)) for line in rejects.read_text().splitlines()] == [
        {"source", "row", "id", "reason"}
    ] * 2
