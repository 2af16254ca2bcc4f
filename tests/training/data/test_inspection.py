"""What is found out about a public data set on disk."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.msvr310_names import write_real_msvr310
from tests.public_trees import (
    write_plain,
    write_rgbnt201,
    write_tiled_set,
    write_tiles,
    write_wmveid863,
)
from tests.shared_data import needs_shared_data
from tests.training.images import small_msvr310
from training.data.inspection import Finding, Inspection, find_public_set, inspect_public_set
from training.data.published_counts import PUBLISHED, Count
from vreid.errors import DatasetError
from vreid.layouts.public_sets import PUBLIC_SETS


def inspect(root: Path, name: str | None = None, images: bool = False) -> Inspection:
    return inspect_public_set(find_public_set(root, name), root, images)


def found(inspection: Inspection) -> dict[str, Finding]:
    return {finding.kind: finding for finding in inspection.findings}


@needs_shared_data
def test_the_real_names_of_msvr310_are_as_published(tmp_path: Path) -> None:
    inspection = inspect(write_real_msvr310(tmp_path), images=True)
    assert inspection.public_set.name == "msvr310"
    assert inspection.counts == PUBLISHED["msvr310"].splits
    assert not [finding for finding in inspection.findings if finding.off]
    assert inspection.as_published


@pytest.mark.parametrize("name", PUBLIC_SETS)
def test_the_published_counts_are_as_published_and_one_sample_less_is_not(name: str) -> None:
    published = PUBLISHED[name]

    def inspection(less: int) -> Inspection:
        counts = {
            split: Count(count.identities or 40, (count.samples or 400) - less)
            for split, count in published.splits.items()
        }
        whole = Count(published.whole.identities, (published.whole.samples or 400) - less)
        return Inspection(PUBLIC_SETS[name], Path(), {}, counts, whole, published, ())

    assert inspection(0).as_published
    assert inspection(1).as_published is not published.any


def test_a_split_that_is_not_there_is_not_as_published() -> None:
    published = PUBLISHED["rgbnt100"]
    counts = dict(published.splits)
    counts["gallery"] = Count(50, 8575)
    del counts["query"]
    found = Inspection(PUBLIC_SETS["rgbnt100"], Path(), {}, counts, Count(), published, ())
    assert not found.counts_as_published


def test_what_is_known_of_wmveid863_is_not_held_against_it(tmp_path: Path) -> None:
    inspection = inspect(write_wmveid863(tmp_path))
    findings = found(inspection)
    assert findings["unpaired"].count == 9 + 8 + 8
    assert findings["in-train-and-test"].count == 7
    assert inspection.as_published
    other = inspect(write_wmveid863(tmp_path / "other", shared=3))
    assert found(other)["in-train-and-test"].off
    assert not other.as_published


def test_of_rgbn300_training_and_gallery_are_counted_together(tmp_path: Path) -> None:
    inspection = inspect(write_tiled_set(tmp_path, 2))
    assert inspection.public_set.name == "rgbn300"
    assert inspection.whole == Count(8, 32)
    assert not inspection.counts_as_published


def unpair(root: Path) -> None:
    (root / "bounding_box_train/0001/ni/0001_s000_v0_000.jpg").unlink()


def misname(root: Path) -> None:
    write_plain(root / "query3" / "0002" / "vis" / "IMG_1.jpg", 2, 0)


def remove_a_split(root: Path) -> None:
    (root / "query3").rename(root / "query")


def test_a_copy_without_training_folder_is_told_what_it_is_good_for(tmp_path: Path) -> None:
    root = small_msvr310(tmp_path)
    (root / "bounding_box_train").rename(tmp_path / "elsewhere")
    finding = found(inspect(root))["missing-folder"]
    assert finding.examples == ("bounding_box_train",)
    assert "can be measured with, not trained on" in finding.sentence
    remove_a_split(root)
    assert "measured" not in found(inspect(root))["missing-folder"].sentence


def damage(root: Path) -> None:
    (root / "bounding_box_test/0001/th/0001_s000_v0_000.jpg").write_bytes(b"\xff\xd8\xff")


@pytest.mark.parametrize(
    ("spoil", "kind", "example"),
    [
        (unpair, "unpaired", "bounding_box_train/0001/0001_s000_v0_000 (only rgb+tir)"),
        (misname, "badly-named", "IMG_1.jpg is not named as MSVR310 names images"),
        (remove_a_split, "missing-folder", "query3"),
        (damage, "unreadable", "bounding_box_test/0001/th/0001_s000_v0_000.jpg: "),
    ],
)
def test_what_is_off_is_named(
    spoil: Callable[[Path], None], kind: str, example: str, tmp_path: Path
) -> None:
    root = small_msvr310(tmp_path)
    before = found(inspect(root, images=True))
    assert kind not in before
    spoil(root)
    finding = found(inspect(root, images=True))[kind]
    assert finding.off
    assert finding.count == 1
    assert example in finding.examples[0]


def test_images_are_decoded_only_when_asked(tmp_path: Path) -> None:
    root = small_msvr310(tmp_path)
    damage(root)
    assert "unreadable" not in found(inspect(root))


def test_badly_named_files_are_not_counted(tmp_path: Path) -> None:
    root = write_rgbnt201(tmp_path)
    counted = inspect(root).counts
    write_plain(root / "test" / "RGB" / "extra.jpg", 1, 0)
    assert inspect(root).counts == counted


def test_files_of_another_size_are_named_with_it(tmp_path: Path) -> None:
    root = write_tiled_set(tmp_path, 3)
    write_tiles(root / "rgbir/bounding_box_train/0001_c0001_001.jpg", 1, 2)
    write_tiles(root / "rgbir/query/0005_c0001_000.jpg", 1, 3, tile=(128, 64))
    (root / "rgbir/query/0005_c0002_000.jpg").write_bytes(b"no picture")
    findings = found(inspect(root))
    assert findings["wrong-size"].examples == (
        "rgbir/bounding_box_train/0001_c0001_001.jpg (512 x 128)",
        "rgbir/query/0005_c0001_000.jpg (384 x 64)",
    )
    assert findings["unreadable"].count == 1
    again = found(inspect(root, images=True))
    assert again["wrong-size"] == findings["wrong-size"]
    assert again["unreadable"].count == 1


def test_a_set_read_as_the_other_one_of_its_layout_is_all_of_another_size(tmp_path: Path) -> None:
    root = write_tiled_set(tmp_path, 3)
    finding = found(inspect(root, "rgbn300"))["wrong-size"]
    assert "512 x 128" in finding.sentence
    assert finding.count == 16 + 8 + 16


def test_single_samples_and_queries_without_a_positive_are_warned_of(tmp_path: Path) -> None:
    root = write_tiled_set(tmp_path, 3, identities=1)
    write_tiles(root / "rgbir/bounding_box_train/0009_c0001_000.jpg", 9, 3)
    write_tiles(root / "rgbir/bounding_box_test/0008_c0001_000.jpg", 8, 3)
    write_tiles(root / "rgbir/query/0008_c0001_001.jpg", 8, 3)
    findings = found(inspect(root))
    assert findings["single-sample"].examples == ("train/0009", "gallery/0008")
    assert findings["query-without-positive"].examples == ("query/0008_c0001_001",)
    assert not any(finding.off for finding in findings.values())


def test_a_folder_that_is_no_set_is_refused_with_the_names_of_those_that_are(
    tmp_path: Path,
) -> None:
    with pytest.raises(DatasetError, match=r"laid out like none of msvr310, .*--name"):
        inspect(tmp_path)
    with pytest.raises(DatasetError, match=r"is no RGBNT201 tree.* missing train_171, test"):
        inspect(tmp_path, "rgbnt201")
    with pytest.raises(DatasetError, match="no public data set is called 'manifest'"):
        inspect(tmp_path, "manifest")


def test_a_folder_too_high_is_refused_with_the_right_one(tmp_path: Path) -> None:
    write_rgbnt201(tmp_path / "unpacked", 1)
    with pytest.raises(DatasetError, match="unpacked is, give that folder"):
        inspect(tmp_path)


def test_a_count_agrees_where_nothing_else_is_published() -> None:
    assert Count(3, 4).agrees_with(Count())
    assert Count(3, 4).agrees_with(Count(None, 4))
    assert not Count(3, 4).agrees_with(Count(3, 5))
    assert not Count(3, 4).agrees_with(Count(2, None))


def test_every_public_set_has_its_published_counts() -> None:
    assert PUBLISHED.keys() == PUBLIC_SETS.keys()
