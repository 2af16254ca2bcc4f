import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.errors import SourceNotFound, SourceUnsupported
from service.indexing.source import SourceItem, path_below, read_source, remarks
from vreid.errors import DatasetError
from vreid.modality import Modality


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def relative_images(item: SourceItem, root: Path) -> dict[str, str]:
    assert item.sample is not None
    return {
        str(modality): str(image.relative_to(root))
        for modality, image in item.sample.images.items()
        if isinstance(image, Path)
    }


def test_a_folder_of_pictures_is_rgb_samples(tmp_path: Path) -> None:
    touch(tmp_path / "b.PNG", tmp_path / "a.jpg", tmp_path / "deep" / "c.tiff")
    touch(tmp_path / "notes.txt", tmp_path / ".hidden.jpg", tmp_path / ".cache" / "x.jpg")
    items = list(read_source(tmp_path))
    assert [item.label for item in items] == ["a", "b", "deep/c"]
    assert [relative_images(item, tmp_path) for item in items] == [
        {"rgb": "a.jpg"},
        {"rgb": "b.PNG"},
        {"rgb": "deep/c.tiff"},
    ]


def test_pictures_are_paired_by_the_ending_of_their_names(tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in ("a_rgb.jpg", "a_nir.png", "a_TIR.png", "b_nir.jpg")))
    touch(tmp_path / "c.jpg", tmp_path / "c_tir.tif", tmp_path / "c.png", tmp_path / "_nir.jpg")
    items = {item.label: relative_images(item, tmp_path) for item in read_source(tmp_path)}
    assert items == {
        "a": {"rgb": "a_rgb.jpg", "nir": "a_nir.png", "tir": "a_TIR.png"},
        "b": {"nir": "b_nir.jpg"},
        "c": {"rgb": "c.jpg", "tir": "c_tir.tif"},
        "c.png": {"rgb": "c.png"},
        "_nir": {"rgb": "_nir.jpg"},
    }


def test_pictures_are_paired_by_their_path_below_modality_folders(tmp_path: Path) -> None:
    touch(tmp_path / "RGB" / "x" / "1.jpg", tmp_path / "nir" / "x" / "1.png")
    touch(tmp_path / "tir" / "2.tif")
    items = {item.label: relative_images(item, tmp_path) for item in read_source(tmp_path)}
    assert items == {"2": {"tir": "tir/2.tif"}, "x/1": {"rgb": "RGB/x/1.jpg", "nir": "nir/x/1.png"}}


def test_pictures_outside_the_modality_folders_are_listed_with_the_reason(tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in ("rgb/1.jpg", "loose.jpg", "uv/1.png", "notes.txt")))
    items = list(read_source(tmp_path))
    reason = (
        "lies outside the folders rgb, nir, tir; move it into one of them, or list it in a manifest"
    )
    assert [(item.label, item.problem) for item in items] == [
        ("1", None),
        ("loose.jpg", reason),
        ("uv/1.png", reason),
    ]


def test_pictures_taken_as_rgb_whose_names_speak_of_infrared_are_remarked(tmp_path: Path) -> None:
    names = (
        "car_thermal.jpg",
        "IR-01.png",
        "near_ir/2.tif",
        "a_tir.jpg",
        "girl.jpg",
        "thermal_rgb.jpg",
    )
    touch(*(tmp_path / "plain" / name for name in names))
    (remark,) = remarks(tmp_path / "plain")
    assert "IR-01.png, car_thermal.jpg, near_ir/2.tif (3 in all)" in remark
    assert "NAME_rgb, NAME_nir, NAME_tir" in remark
    touch(tmp_path / "folders" / "rgb" / "thermal.jpg", tmp_path / "named" / "a_nir.jpg")
    assert remarks(tmp_path / "folders") == remarks(tmp_path / "named") == []


def test_which_folder_of_msvr310_is_indexed_is_remarked(tmp_path: Path) -> None:
    touch(tmp_path / "bounding_box_test" / "0007" / "vis" / "0007_s002_v3_004.jpg")
    (remark,) = remarks(tmp_path)
    assert str(tmp_path / "bounding_box_test") in remark
    assert remarks(tmp_path / "bounding_box_test") == []


def test_a_second_picture_of_a_name_in_a_modality_folder_is_a_sample_of_its_own(
    tmp_path: Path,
) -> None:
    touch(*(tmp_path / name for name in ("rgb/1.jpg", "rgb/1.png", "nir/1.png")))
    items = {item.label: relative_images(item, tmp_path) for item in read_source(tmp_path)}
    assert items == {"1": {"rgb": "rgb/1.jpg", "nir": "nir/1.png"}, "1.png": {"rgb": "rgb/1.png"}}


def test_a_link_back_to_a_folder_above_is_not_followed(tmp_path: Path) -> None:
    touch(tmp_path / "rgb" / "x" / "1.jpg", tmp_path / "nir" / "x" / "1.jpg")
    (tmp_path / "rgb" / "x" / "again").symlink_to(tmp_path / "rgb")
    assert [item.label for item in read_source(tmp_path)] == ["x/1"]


def test_two_folders_of_one_modality_are_refused(tmp_path: Path) -> None:
    touch(tmp_path / "RGB" / "1.jpg", tmp_path / "rgb" / "1.jpg")
    with pytest.raises(SourceUnsupported, match="RGB and rgb"):
        list(read_source(tmp_path))


def test_the_identity_can_be_taken_from_the_folder(tmp_path: Path) -> None:
    touch(tmp_path / "car7" / "1.jpg", tmp_path / "loose.jpg")
    samples = [item.sample for item in read_source(tmp_path, identity_from_folder=True)]
    assert [sample and sample.identity for sample in samples] == [None, "car7"]
    assert [item.sample and item.sample.identity for item in read_source(tmp_path)] == [None, None]


def test_msvr310_is_read_from_its_gallery_folder(tmp_path: Path) -> None:
    name = "0007_s002_v3_004.jpg"
    for split in ("bounding_box_train", "bounding_box_test", "query3"):
        touch(*(tmp_path / split / "0007" / folder / name for folder in ("vis", "ni", "th")))
    (item,) = read_source(tmp_path)
    assert item.sample is not None
    assert relative_images(item, tmp_path)["tir"] == f"bounding_box_test/0007/th/{name}"
    assert (item.sample.identity, item.sample.scene) == ("0007", "002")
    assert item.sample.attributes == {"view": "3"}
    (query,) = read_source(tmp_path / "query3")
    assert relative_images(query, tmp_path)["rgb"] == f"query3/0007/vis/{name}"


def test_a_tree_of_identities_pairs_by_name_and_lets_modalities_be_missing(tmp_path: Path) -> None:
    touch(tmp_path / "12" / "vis" / "p.jpg", tmp_path / "12" / "th" / "p.png")
    touch(tmp_path / "12" / "ni" / "q.jpg", tmp_path / "readme.txt")
    items = list(read_source(tmp_path))
    assert [item.label for item in items] == ["12/p", "12/q"]
    assert [list(relative_images(item, tmp_path)) for item in items] == [["rgb", "tir"], ["nir"]]
    assert items[0].sample is not None
    assert (items[0].sample.identity, items[0].sample.scene) == ("12", None)


def test_a_csv_row_is_a_sample_with_attributes(tmp_path: Path) -> None:
    manifest = tmp_path / "archive.csv"
    manifest.write_text(
        "\ufeffrgb,tir,id,identity,camera,scene,captured_at,kind\n"
        'a.jpg,,x1,7,2,s1,2024-05-01T10:00:00Z,"bus, long"\n'
        "\n"
        "b.jpg,sub/b.tif,,,,,,\n",
        encoding="utf-8",
    )
    first, second = read_source(manifest)
    assert first.sample is not None
    assert first.label == "archive.csv:2"
    assert first.id == "x1"
    assert first.sample.images == {Modality.RGB: tmp_path / "a.jpg"}
    assert (first.sample.identity, first.sample.camera, first.sample.scene) == ("7", "2", "s1")
    assert first.sample.captured_at == datetime(2024, 5, 1, 10, tzinfo=UTC)
    assert first.sample.attributes == {"kind": "bus, long"}
    assert second.sample is not None
    assert second.id is None
    assert relative_images(second, tmp_path) == {"rgb": "b.jpg", "tir": "sub/b.tif"}
    assert second.sample.attributes == {}


def test_a_jsonl_row_keeps_numbers_and_booleans(tmp_path: Path) -> None:
    manifest = tmp_path / "archive.jsonl"
    row = {"nir": "a.png", "camera": 2, "axles": 3, "attributes": {"towing": True}}
    manifest.write_text(json.dumps(row) + "\n\n")
    (item,) = read_source(manifest)
    assert item.sample is not None
    assert item.sample.camera == "2"
    assert item.sample.attributes == {"axles": 3, "towing": True}


def test_a_folder_with_a_manifest_is_read_by_it(tmp_path: Path) -> None:
    touch(tmp_path / "images" / "a.jpg", tmp_path / "images" / "not_listed.jpg")
    (tmp_path / "manifest.csv").write_text("rgb,identity\nimages/a.jpg,7\n")
    (item,) = read_source(tmp_path)
    assert item.sample is not None
    assert item.sample.identity == "7"


def test_a_bad_row_is_reported_and_the_others_are_read(tmp_path: Path) -> None:
    manifest = tmp_path / "m.jsonl"
    rows = (
        '{"rgb": "a.jpg"}',
        "{broken",
        "[1]",
        '{"identity": "7"}',
        '{"rgb": "a.jpg", "captured_at": "yesterday"}',
        '{"rgb": "a.jpg", "size": [1, 2]}',
        '{"rgb": "a.jpg", "camera": {"name": "north"}}',
        '{"rgb": "b.jpg"}',
    )
    manifest.write_text("\n".join(rows))
    items = list(read_source(manifest))
    assert [item.sample is not None for item in items] == [True, *[False] * 6, True]
    for item, said in zip(
        items[1:7],
        ("not JSON", "not a JSON object", "no image", "yesterday", "size", "camera"),
        strict=True,
    ):
        assert said in (item.problem or "")
        assert item.label in (item.problem or "")


def test_a_csv_row_with_too_many_cells_is_reported(tmp_path: Path) -> None:
    manifest = tmp_path / "m.csv"
    manifest.write_text("rgb,kind\na.jpg,bus\nb.jpg,bus, long\n")
    good, bad = read_source(manifest)
    assert good.sample is not None
    assert "3 cells under 2 columns" in (bad.problem or "")


@pytest.mark.parametrize(
    ("name", "content", "error", "said"),
    [
        ("m.csv", b"picture,identity\na.jpg,7\n", DatasetError, "rgb, nir, tir"),
        ("m.csv", b"", DatasetError, "rgb, nir, tir"),
        ("m.csv", b"rgb,rgb\na,b\n", DatasetError, "twice"),
        ("m.csv", b"rgb\n\xff\xfe\n", DatasetError, "UTF-8"),
        ("m.parquet", b"PAR1", DatasetError, "whole Parquet file"),
        ("m.txt", b"a.jpg", SourceUnsupported, "suffix"),
    ],
)
def test_a_manifest_that_cannot_be_read_says_why(
    tmp_path: Path, name: str, content: bytes, error: type[Exception], said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=said):
        list(read_source(tmp_path / name))


def test_a_source_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound, match="does not exist"):
        read_source(tmp_path / "nothing")


def test_a_record_keeps_no_more_of_a_path_than_what_lies_below_the_source(tmp_path: Path) -> None:
    manifest = tmp_path / "list.csv"
    touch(manifest, tmp_path / "a" / "1.jpg")
    assert path_below(tmp_path, tmp_path / "a" / "1.jpg") == "a/1.jpg"
    assert path_below(manifest, tmp_path / "a" / "1.jpg") == "a/1.jpg"
    assert path_below(tmp_path / "a", tmp_path / "b" / "1.jpg") == "1.jpg"
    assert path_below(tmp_path, tmp_path / os.fsdecode(b"caf\xe9.jpg")) == r"caf\udce9.jpg"
