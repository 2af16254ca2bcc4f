"""CSV and JSONL manifests, with and without splits."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from training.data import load_dataset
from vreid.errors import DatasetError
from vreid.modality import Modality

TWO_CAMERAS = """rgb,identity,camera,kind
a1.jpg,a,1,car
a2.jpg,a,2,car
b1.jpg,b,1,bus
b2.jpg,b,2,bus
c1.jpg,c,1,car
c2.jpg,c,2,car
"""


def manifest(folder: Path, text: str, name: str = "manifest.csv") -> Path:
    (folder / name).write_text(text)
    return folder


def names(samples: object) -> list[str]:
    return [sample.name for sample in samples]  # type: ignore[attr-defined]


def test_csv_columns_become_a_sample(tmp_path: Path) -> None:
    text = (
        "rgb,nir,tir,identity,camera,scene,captured_at,split,kind\n"
        "x/r.jpg,,x/t.png,007,3,12,2024-05-01T18:30:00+00:00,train,car\n"
    )
    (sample,) = load_dataset("manifest", manifest(tmp_path, text)).train
    assert sample.images == {
        Modality.RGB: tmp_path / "x/r.jpg",
        Modality.TIR: tmp_path / "x/t.png",
    }
    assert (sample.identity, sample.camera, sample.scene) == ("007", "3", "12")
    assert sample.captured_at == datetime(2024, 5, 1, 18, 30, tzinfo=UTC)
    assert sample.attributes == {"kind": "car"}


def test_jsonl_says_the_same(tmp_path: Path) -> None:
    rows = [
        {"tir": "t.png", "identity": "a", "camera": 1, "split": "query", "axles": 2},
        {"nir": "n.png", "identity": "a", "camera": 2, "split": "gallery"},
    ]
    text = "\n".join(json.dumps(row) for row in rows)
    dataset = load_dataset("manifest", manifest(tmp_path, text, "manifest.jsonl"))
    (query,) = dataset.query
    assert query.mask.tolist() == [False, False, True]
    assert (query.camera, query.attributes) == ("1", {"axles": 2})
    assert len(dataset.gallery) == 1
    assert not dataset.train


def test_the_manifest_itself_can_be_named(tmp_path: Path) -> None:
    manifest(tmp_path, TWO_CAMERAS, "other.csv")
    assert len(load_dataset("manifest", tmp_path / "other.csv").train) == 6


def test_without_a_split_one_of_two_cameras_queries_the_other_both_ways(tmp_path: Path) -> None:
    dataset = load_dataset("manifest", manifest(tmp_path, TWO_CAMERAS))
    assert names(dataset.query) == ["a1.jpg", "b1.jpg", "c1.jpg"]
    assert names(dataset.gallery) == ["a2.jpg", "b2.jpg", "c2.jpg"]
    assert dataset.symmetric
    assert dataset.exchanged().query == dataset.gallery


def test_without_cameras_every_sample_is_query_and_gallery(tmp_path: Path) -> None:
    dataset = load_dataset("manifest", manifest(tmp_path, "rgb,identity\na.jpg,a\nb.jpg,a\n"))
    assert dataset.query == dataset.gallery
    assert dataset.junk is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("s.json", '{"held_out": ["b"], "query_camera": "1", "gallery_camera": "2"}'),
        ("s.json", '{"held_out": ["b"], "query_camera": 1, "gallery_camera": 2}'),
        ("s.csv", "identity,split\na,train\nb,test\nc,train\n"),
    ],
)
def test_a_split_file_holds_identities_out_of_training(
    name: str, text: str, tmp_path: Path
) -> None:
    manifest(tmp_path, text, name)
    dataset = load_dataset("manifest", manifest(tmp_path, TWO_CAMERAS), tmp_path / name)
    assert {sample.identity for sample in dataset.train} == {"a", "c"}
    assert names(dataset.query) == ["b1.jpg"]
    assert names(dataset.gallery) == ["b2.jpg"]
    assert dataset.junk == "camera"


@pytest.mark.parametrize(
    ("cameras", "message"),
    [
        ('"query_camera": "1", "gallery_camera": "9"', "camera '9'.*it has '1', '2'"),
        ('"query_camera": 8, "gallery_camera": 2', "camera '8'"),
        ('"query_camera": "1"', r"s\.json.*query_camera alone; give both"),
        ('"gallery_camera": "2", "query_camera": null', "gallery_camera alone; give both"),
    ],
)
def test_a_split_file_whose_cameras_cannot_be_meant_is_refused(
    cameras: str, message: str, tmp_path: Path
) -> None:
    manifest(tmp_path, f'{{"held_out": ["b"], {cameras}}}', "s.json")
    with pytest.raises(DatasetError, match=message):
        load_dataset("manifest", manifest(tmp_path, TWO_CAMERAS), tmp_path / "s.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rgb,identity\n,a\n", "manifest.csv:2 names no image"),
        ("picture,identity\na.jpg,a\n", "rgb, nir, tir"),
        ("rgb,identity,split\na.jpg,a,validation\n", "'validation'"),
        ("rgb,identity,split\na.jpg,a,train\nb.jpg,a,\n", "1 rows have no split"),
        ("rgb,identity,captured_at\na.jpg,a,yesterday\n", "ISO 8601"),
        ("rgb,identity\n", "no rows"),
        ("rgb,camera\na.jpg,1\n", "no identity"),
    ],
)
def test_a_row_that_is_not_as_described_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=message):
        load_dataset("manifest", manifest(tmp_path, text))


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"expected manifest\.csv"):
        load_dataset("manifest", tmp_path)


def test_a_split_of_another_manifest_is_refused(tmp_path: Path) -> None:
    manifest(tmp_path, '{"held_out": ["z"]}', "s.json")
    with pytest.raises(DatasetError, match="'z'"):
        load_dataset("manifest", manifest(tmp_path, TWO_CAMERAS), tmp_path / "s.json")


def test_a_file_that_is_no_split_is_refused(tmp_path: Path) -> None:
    manifest(tmp_path, "[]", "s.json")
    with pytest.raises(DatasetError, match="held_out"):
        load_dataset("manifest", manifest(tmp_path, TWO_CAMERAS), tmp_path / "s.json")
