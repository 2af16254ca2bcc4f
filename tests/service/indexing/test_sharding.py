"""The parts of a source: together they are all of it, and none has what another has."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.gallery.store.store import GalleryStore
from service.indexing.job import index_source
from service.indexing.sharding import Shard, parse_shard
from service.indexing.source import SourceItem, read_source
from service.transfer.exporting import export_records
from service.transfer.importing import import_records
from tests.bundles import make_tiny_bundle
from tests.service.indexing.pictures import write_picture
from vreid.bundle import Bundle
from vreid.modality import Modality
from vreid.sample import Sample


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_tiny_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    for number in range(24):
        write_picture(folder / f"{number:02}.jpg", number)
    return folder


def item(name: str) -> SourceItem:
    return SourceItem(name, Sample({Modality.RGB: Path("/archive") / name}))


@given(st.sets(st.text("abc0", min_size=1, max_size=6)), st.integers(1, 9))
def test_every_item_is_in_exactly_one_part(names: set[str], count: int) -> None:
    items = [item(name) for name in sorted(names)]
    parts = [
        [each.label for each in Shard(number, count).of(items, Path("/archive"))]
        for number in range(1, count + 1)
    ]
    assert sorted(label for part in parts for label in part) == sorted(names)


def test_parts_are_about_equal_and_the_same_wherever_the_source_lies(tmp_path: Path) -> None:
    for root in (tmp_path / "here", tmp_path / "there"):
        root.mkdir()
        lines = [json.dumps({"rgb": f"{number}.jpg"}) for number in range(1000)]
        (root / "m.jsonl").write_text("\n".join(lines))
    here, there = (
        [
            [each.label for each in Shard(number, 4).of(read_source(path), path)]
            for number in range(1, 5)
        ]
        for path in (tmp_path / "here" / "m.jsonl", tmp_path / "there" / "m.jsonl")
    )
    assert here == there
    assert all(200 <= len(part) <= 300 for part in here)


def test_rows_of_the_same_images_are_in_one_part_whatever_rows_come_between(
    tmp_path: Path,
) -> None:
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text("rgb,identity\n1.jpg,7\n2.jpg,8\n")
    second.write_text("rgb,identity\nnew.jpg,1\n1.jpg,9\n2.jpg,8\n")

    def part_of(manifest: Path, picture: str) -> list[int]:
        return [
            number
            for number in range(1, 6)
            for each in Shard(number, 5).of(read_source(manifest), manifest)
            if each.sample is not None and each.sample.name == picture
        ]

    for picture in ("1.jpg", "2.jpg"):
        assert part_of(first, picture) == part_of(second, picture)


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "1/0", "a/b", "1/2/3", "-1/2", "1/ 2", ""])
def test_what_names_no_part_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="part"):
        parse_shard(text)
    assert parse_shard("2/4") == Shard(2, 4)


def test_processes_index_their_parts_into_one_gallery_at_the_same_time(
    tmp_path: Path, source: Path, bundle: Bundle
) -> None:
    gallery = tmp_path / "gallery"
    jobs = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "vreid", "index", str(source), "--json"),
                *("--bundle", str(bundle.path), "--gallery", str(gallery)),
                *("--shard", f"{number}/2", "--batch-size", "2"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in (1, 2)
    ]
    answers = []
    for job in jobs:
        answer, complaint = job.communicate(timeout=120)
        assert job.returncode == 0, complaint
        answers.append(json.loads(answer.splitlines()[-1]))
    assert sum(each["indexed"] for each in answers) == 24
    assert all(each["indexed"] > 0 for each in answers)
    assert pictures_in(gallery) == sorted(path.name for path in source.iterdir())


def test_parts_indexed_apart_are_merged_by_export_and_import(
    tmp_path: Path, source: Path, bundle: Bundle
) -> None:
    merged = tmp_path / "merged"
    for number in (1, 2, 3):
        apart, file = tmp_path / f"g{number}", tmp_path / f"g{number}.npz"
        index_source(source, bundle, apart, shard=Shard(number, 3), show_progress=False)
        store = GalleryStore.open_existing(apart)
        export_records(store, file, show_progress=False)
        store.close()
        shutil.rmtree(apart)
        size = bundle.manifest.feature_size
        import_records(file, bundle.fingerprint, size, merged, show_progress=False)
    assert pictures_in(merged) == sorted(path.name for path in source.iterdir())
    # What was indexed apart is known in the merged gallery.
    again = index_source(source, bundle, merged, show_progress=False)
    assert (again.indexed, again.skipped) == (0, 24)


def test_equal_pictures_in_different_parts_are_merged_to_one_record_as_in_a_single_run(
    tmp_path: Path, bundle: Bundle
) -> None:
    folder, merged = tmp_path / "archive", tmp_path / "merged"
    for number in range(16):
        # Every picture is there twice, under another name.
        write_picture(folder / f"{number:02}.jpg", number // 2)
    parts = [Shard(number, 2) for number in (1, 2)]
    names = [{each.label for each in part.of(read_source(folder), folder)} for part in parts]
    apart = sum(
        (f"{number:02}" in names[0]) != (f"{number + 1:02}" in names[0])
        for number in range(0, 16, 2)
    )
    assert apart
    summaries = []
    for number, part in enumerate(parts):
        gallery, file = tmp_path / f"g{number}", tmp_path / f"g{number}.npz"
        index_source(folder, bundle, gallery, shard=part, show_progress=False)
        store = GalleryStore.open_existing(gallery)
        export_records(store, file, show_progress=False)
        store.close()
        size = bundle.manifest.feature_size
        summaries.append(
            import_records(file, bundle.fingerprint, size, merged, show_progress=False)
        )
    assert [each.known_content for each in summaries] == [0, apart]
    assert len(pictures_in(merged)) == 8
    again = index_source(folder, bundle, merged, show_progress=False)
    assert (again.indexed, again.skipped) == (0, 16)
    whole = index_source(folder, bundle, tmp_path / "whole", show_progress=False)
    assert whole.indexed == 8


def pictures_in(gallery: Path) -> list[str]:
    store = GalleryStore.open_existing(gallery)
    with store.database.reading() as connection:
        rows = connection.execute("SELECT source FROM record").fetchall()
    store.close()
    return sorted(json.loads(row[0])["rgb"] for row in rows)
