"""Samples listed in CSV and JSONL files."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from vreid.errors import DatasetError
from vreid.layouts.sample_list import read_rows, read_samples
from vreid.modality import Modality


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_csv_row_becomes_a_sample_and_other_columns_its_attributes(tmp_path: Path) -> None:
    manifest = write(
        tmp_path,
        "list.csv",
        "rgb,tir,identity,captured_at,colour\nr.jpg,,a7,2024-05-01T18:30:00Z,red\n",
    )
    (sample,) = read_samples(manifest)
    assert sample.images == {Modality.RGB: tmp_path / "r.jpg"}
    assert sample.identity == "a7"
    assert sample.captured_at == datetime(2024, 5, 1, 18, 30, tzinfo=UTC)
    assert sample.attributes == {"colour": "red"}
    assert sample.name == "r.jpg"


def test_jsonl_keeps_numbers_and_booleans(tmp_path: Path) -> None:
    text = '{"nir": "n.png", "axles": 3, "attributes": {"towing": true}}\n\n'
    (sample,) = read_samples(write(tmp_path, "list.jsonl", text))
    assert sample.attributes == {"axles": 3, "towing": True}


def test_one_bad_row_does_not_stop_the_others(tmp_path: Path) -> None:
    manifest = write(tmp_path, "list.csv", "rgb,camera\na.jpg,1\n,2\nb.jpg,3,4\nc.jpg,4\n")
    rows = list(read_rows(manifest))
    assert [row.name for row in rows] == [f"list.csv:{line}" for line in (2, 3, 4, 5)]
    assert rows[0].sample().camera == "1"
    with pytest.raises(DatasetError, match=r"list\.csv:3 names no image"):
        rows[1].sample()
    with pytest.raises(DatasetError, match="quote cells with commas"):
        rows[2].sample()
    assert rows[3].sample().camera == "4"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("list.csv", b"", "must name at least one of rgb, nir, tir"),
        ("list.csv", b"rgb,rgb\n", "names a column twice"),
        ("list.csv", b"rgb\n\xff\n", "UTF-8"),
    ],
)
def test_a_file_that_is_no_list_is_refused(
    name: str, content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        list(read_rows(path))


@pytest.mark.parametrize("line", ["[]", "{", '{"rgb": "a", "attributes": 3}', '{"rgb": 1.5}'])
def test_a_line_that_is_no_sample_is_refused_by_number(line: str, tmp_path: Path) -> None:
    (row,) = read_rows(write(tmp_path, "list.jsonl", line))
    with pytest.raises(DatasetError, match=r"list\.jsonl:1"):
        row.sample()


@pytest.mark.parametrize("line", ["[" * 100_000, "1" * 10_000])
def test_a_row_that_json_cannot_hold_does_not_stop_the_others(tmp_path: Path, line: str) -> None:
    bad, good = read_rows(write(tmp_path, "list.jsonl", line + '\n{"rgb": "a.jpg"}\n'))
    with pytest.raises(DatasetError, match=r"list\.jsonl:1: not JSON"):
        bad.sample()
    assert good.sample().name == "a.jpg"
