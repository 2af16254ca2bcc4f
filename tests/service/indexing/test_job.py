import json
import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from service.errors import GalleryDamaged, IndexingError
from service.gallery.gallery import Gallery
from service.gallery.record import Record
from service.gallery.store.store import GalleryStore
from service.indexing.job import IndexingSummary, index_source
from service.indexing.preparation import Rejected, prepare
from service.indexing.source import read_source
from tests.bundles import make_tiny_bundle
from tests.service.indexing.pictures import write_picture
from vreid.bundle import Bundle
from vreid.decoding import DEFAULT_LIMITS
from vreid.embedding import embed_samples
from vreid.engines import open_engine
from vreid.errors import DatasetError, FingerprintMismatch
from vreid.modality import Modality
from vreid.sample import Sample


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_tiny_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Ten samples: RGB of all, NIR of every second, radiometric TIR of every fifth."""
    folder = tmp_path / "archive"
    for number in range(10):
        write_picture(folder / f"{number}_rgb.jpg", number)
        if number % 2 == 0:
            write_picture(folder / f"{number}_nir.png", 100 + number, mode="L")
        if number % 5 == 0:
            write_picture(folder / f"{number}_tir.png", 200 + number, mode="I;16")
    return folder


@pytest.fixture
def gallery_directory(tmp_path: Path) -> Path:
    return tmp_path / "gallery"


@pytest.fixture
def gallery(gallery_directory: Path, bundle: Bundle) -> Iterator[Gallery]:
    with Gallery.open(gallery_directory, bundle, follow_interval=None) as opened:
        yield opened


def run(source: Path, bundle: Bundle, gallery_directory: Path, **options: int) -> IndexingSummary:
    return index_source(source, bundle, gallery_directory, show_progress=False, **options)  # type: ignore[arg-type]


def counts(summary: IndexingSummary) -> tuple[int, int, int]:
    return summary.indexed, summary.skipped, summary.rejected


def test_every_sample_becomes_a_record_with_its_features(
    source: Path, bundle: Bundle, gallery_directory: Path
) -> None:
    summary = run(source, bundle, gallery_directory, batch_size=3)
    assert counts(summary) == (10, 0, 0)
    assert summary.rejects is None
    assert summary.throughput > 0
    store = GalleryStore.open_existing(gallery_directory)
    records = [each for each in store.records_after(0, 100) if isinstance(each, Record)]
    store.close()
    assert [record.source[Modality.RGB] for record in records] == [
        f"{number}_rgb.jpg" for number in range(10)
    ]
    samples = [
        Sample(images={modality: source / path for modality, path in record.source.items()})
        for record in records
    ]
    features, mask = embed_samples(samples, bundle, open_engine(bundle))
    assert np.array_equal(np.stack([record.features for record in records]), features)
    assert np.array_equal(np.stack([record.mask for record in records]), mask)
    assert mask.sum(axis=0).tolist() == [10, 5, 2]


def test_a_second_run_skips_everything(
    source: Path, bundle: Bundle, gallery_directory: Path, gallery: Gallery
) -> None:
    run(source, bundle, gallery_directory)
    assert counts(run(source, bundle, gallery_directory)) == (0, 10, 0)
    write_picture(source / "new.jpg", 999)
    assert counts(run(source, bundle, gallery_directory)) == (1, 10, 0)
    gallery.refresh()
    assert gallery.count() == 11


def test_a_deleted_record_is_indexed_again(
    source: Path, bundle: Bundle, gallery_directory: Path, gallery: Gallery
) -> None:
    run(source, bundle, gallery_directory)
    gallery.refresh()
    gallery.delete(gallery.page(limit=1).records[0].id)
    assert counts(run(source, bundle, gallery_directory)) == (1, 9, 0)


def test_one_picture_listed_twice_is_one_record_unless_it_is_another_sighting(
    tmp_path: Path, bundle: Bundle, gallery_directory: Path
) -> None:
    write_picture(tmp_path / "a.jpg")
    manifest = tmp_path / "m.csv"
    rows = ["a.jpg,7,1", "a.jpg,7,1", "a.jpg,7,2", "a.jpg,8,1"]
    manifest.write_text("\n".join(["rgb,identity,camera", *rows]))
    assert counts(run(manifest, bundle, gallery_directory)) == (3, 1, 0)


def test_unusable_samples_are_written_to_the_rejects_file_with_the_reason(
    source: Path, bundle: Bundle, gallery_directory: Path, gallery: Gallery
) -> None:
    (source / "0_nir.png").write_bytes(b"not an image")
    (source / "1_rgb.jpg").write_bytes(b"")
    whole = (source / "2_rgb.jpg").read_bytes()
    (source / "2_rgb.jpg").write_bytes(whole[: len(whole) // 2])
    summary = run(source, bundle, gallery_directory, batch_size=2)
    assert counts(summary) == (7, 0, 3)
    assert summary.rejects is not None
    lines = [json.loads(line) for line in summary.rejects.read_text().splitlines()]
    assert [(line["source"], line["modality"]) for line in lines] == [
        ("0", "nir"),
        ("1", "rgb"),
        ("2", "rgb"),
    ]
    assert all(len(line["reason"]) > 20 for line in lines)
    gallery.refresh()
    assert gallery.count() == 7
    write_picture(source / "1_rgb.jpg", 1)
    assert counts(run(source, bundle, gallery_directory)) == (1, 7, 2)


def test_rows_that_make_no_record_are_rejected_and_the_rest_is_stored(
    tmp_path: Path, bundle: Bundle, gallery_directory: Path, gallery: Gallery
) -> None:
    for number in range(5):
        write_picture(tmp_path / f"{number}.jpg", number)
    manifest = tmp_path / "m.jsonl"
    rows: list[dict[str, object]] = [
        {"rgb": "0.jpg", "id": "taken"},
        {"rgb": "1.jpg", "id": "taken"},
        {"rgb": "2.jpg", "id": "not valid"},
        {"rgb": "3.jpg", "captured_at": "2024-05-01T00:00:00"},
        {"rgb": "missing.jpg"},
        {"rgb": "4.jpg", "id": "fine", "captured_at": "2024-05-01T00:00:00+02:00"},
    ]
    manifest.write_text("\n".join(map(json.dumps, rows)))
    summary = run(manifest, bundle, gallery_directory)
    assert counts(summary) == (2, 0, 4)
    assert summary.rejects is not None
    reasons = {}
    for line in summary.rejects.read_text().splitlines():
        rejected = json.loads(line)
        reasons[rejected["source"]] = rejected["reason"]
    assert set(reasons) == {"m.jsonl:2", "m.jsonl:3", "m.jsonl:4", "m.jsonl:5"}
    for name, said in (
        ("2", "taken"),
        ("3", "not valid"),
        ("4", "time zone"),
        ("5", "missing.jpg"),
    ):
        assert said in reasons[f"m.jsonl:{name}"]
    gallery.refresh()
    assert [record.id for record in gallery.page().records] == ["taken", "fine"]


def test_an_open_gallery_finds_what_the_job_added(
    source: Path, bundle: Bundle, gallery_directory: Path, gallery: Gallery
) -> None:
    assert gallery.count() == 0
    run(source, bundle, gallery_directory)
    assert gallery.refresh() == 10
    record = gallery.page().records[3]
    best = gallery.search(record.features, record.mask, k=1)[0]
    assert best.record.id == record.id
    assert best.score == pytest.approx(1)


def test_records_have_thumbnails_of_their_pictures(
    source: Path, bundle: Bundle, gallery_directory: Path, gallery: Gallery
) -> None:
    run(source, bundle, gallery_directory)
    gallery.refresh()
    record = gallery.page().records[0]
    for modality in Modality:
        jpeg = gallery.thumbnail(record.id, modality)
        assert jpeg is not None
        with Image.open(BytesIO(jpeg)) as thumbnail:
            assert thumbnail.format == "JPEG"
            assert max(thumbnail.size) == 192


def test_a_gallery_of_another_model_is_refused_before_anything_is_done(
    source: Path, bundle: Bundle, gallery_directory: Path, gallery: Gallery, tmp_path: Path
) -> None:
    other = make_tiny_bundle(tmp_path / "other", seed=1)
    with pytest.raises(FingerprintMismatch, match="vreid reindex"):
        run(source, other, gallery_directory)
    gallery.refresh()
    assert gallery.count() == 0


def test_a_source_without_images_is_an_error_and_makes_no_gallery(
    tmp_path: Path, bundle: Bundle, gallery_directory: Path
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(IndexingError, match="no images"):
        run(tmp_path / "empty", bundle, gallery_directory)
    assert not gallery_directory.exists()


def test_a_source_that_cannot_be_read_to_its_end_stores_nothing(
    tmp_path: Path, bundle: Bundle, gallery_directory: Path, gallery: Gallery
) -> None:
    write_picture(tmp_path / "good.jpg")
    manifest = tmp_path / "m.csv"
    manifest.write_bytes(b"rgb\n" + b"good.jpg\n" * 3000 + b"\xff\xfe.jpg\n")
    with pytest.raises(DatasetError, match="UTF-8"):
        run(manifest, bundle, gallery_directory, batch_size=1)
    gallery.refresh()
    assert gallery.count() == 0


def test_the_summary_names_what_ran_the_model(
    source: Path, bundle: Bundle, gallery_directory: Path
) -> None:
    summary = index_source(
        source,
        bundle,
        gallery_directory,
        engine="onnxruntime-cpu",
        precision="fp32",
        threads=1,
        show_progress=False,
    )
    assert (summary.engine, summary.precision) == ("onnxruntime-cpu", "fp32")
    assert summary.embedding_seconds < summary.seconds
    assert summary.images_per_second == pytest.approx(17 / summary.embedding_seconds)


def test_no_single_sample_ends_the_job(
    tmp_path: Path, bundle: Bundle, gallery_directory: Path, gallery: Gallery
) -> None:
    write_picture(tmp_path / "good.jpg")
    (tmp_path / "far.tif").write_bytes(b"II+\0\x08\0\0\0" + b"\xff" * 8 + bytes(64))
    manifest = tmp_path / "m.jsonl"
    rows = [{"rgb": "a\0b.jpg"}, {"rgb": "far.tif"}, {"rgb": "\ud800.jpg"}, {"rgb": "good.jpg"}]
    manifest.write_text("\n".join(["[" * 100_000, *map(json.dumps, rows)]))
    assert counts(run(manifest, bundle, gallery_directory)) == (1, 0, 4)
    gallery.refresh()
    assert gallery.count() == 1


def test_a_rejected_file_whose_name_is_not_unicode_is_written_down(
    source: Path, bundle: Bundle, gallery_directory: Path
) -> None:
    Path(os.fsdecode(os.fsencode(source) + b"/caf\xe9.jpg")).write_bytes(b"no image")
    summary = run(source, bundle, gallery_directory)
    assert counts(summary) == (10, 0, 1)
    assert summary.rejects is not None
    line = json.loads(summary.rejects.read_text(encoding="utf-8"))
    assert os.fsencode(line["source"]) == b"caf\xe9"


def test_what_nobody_foresaw_rejects_the_sample_and_a_gallery_error_ends_the_job(
    source: Path, bundle: Bundle
) -> None:
    item = next(iter(read_source(source)))
    preprocessing = bundle.manifest.preprocessing

    def fail(content_hash: str) -> bool:
        raise LookupError(content_hash)

    def gone(content_hash: str) -> bool:
        raise GalleryDamaged(content_hash)

    outcome = prepare(item, preprocessing, DEFAULT_LIMITS, fail)
    assert isinstance(outcome, Rejected)
    assert "LookupError" in outcome.reason
    with pytest.raises(GalleryDamaged):
        prepare(item, preprocessing, DEFAULT_LIMITS, gone)


def test_one_moment_written_in_two_time_zones_is_one_sighting(
    tmp_path: Path, bundle: Bundle, gallery_directory: Path
) -> None:
    write_picture(tmp_path / "a.jpg")
    manifest = tmp_path / "m.csv"
    rows = ["a.jpg,2024-05-01T00:00:00+02:00", "a.jpg,2024-04-30T22:00:00Z"]
    manifest.write_text("\n".join(["rgb,captured_at", *rows]))
    assert counts(run(manifest, bundle, gallery_directory)) == (1, 1, 0)
