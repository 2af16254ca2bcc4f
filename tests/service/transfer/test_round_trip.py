"""What is exported and imported again is the same gallery."""

import string
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import GalleryDamaged, UnwritableRecordFile
from service.gallery.filters.filter import Filter
from service.gallery.record import NewRecord
from service.gallery.store.store import GalleryStore
from service.transfer.exporting import export_records
from service.transfer.gallery_reading import snapshot
from tests.service.gallery.builders import FEATURE_SIZE, FINGERPRINT, MASKS, new_record
from tests.service.transfer.files import counts, imported, stored
from vreid.modality import Modality, modalities_of

KINDS = ("npz", "parquet")

printable = st.characters(categories=["L", "N", "P", "S"])
labels = st.none() | st.text(printable, min_size=1, max_size=20)
moments = st.none() | st.datetimes(
    datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
attributes = st.dictionaries(
    st.text(printable, min_size=1, max_size=12),
    texts
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False),
    max_size=4,
)
hashes = st.none() | st.integers(0, 2**256 - 1).map("{:064x}".format)


@st.composite
def records(draw: st.DrawFn) -> NewRecord:
    mask = np.array(draw(st.sampled_from(MASKS)))
    # From the largest number of float16 down to its subnormal ones.
    scale = draw(st.sampled_from([1.0, 1e4, 1e-6]))
    drawn = np.random.default_rng(draw(st.integers(0, 99))).uniform(0.1, 6, (3, FEATURE_SIZE))
    return NewRecord(
        drawn * scale,
        mask,
        identity=draw(labels),
        camera=draw(labels),
        scene=draw(labels),
        captured_at=draw(moments),
        attributes=draw(attributes),
        content_hash=draw(hashes),
        images_hash=draw(hashes),
        source={each: draw(texts) for each in modalities_of(mask)} if draw(st.booleans()) else {},
    )


def gallery_of(directory: Path, content: list[NewRecord]) -> GalleryStore:
    store = GalleryStore.open(directory, FINGERPRINT, FEATURE_SIZE)
    store.add(content)
    return store


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(content=st.lists(records(), max_size=6))
def test_an_exported_gallery_imported_again_is_the_same(
    kind: str, content: list[NewRecord]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        store = gallery_of(root / "first", content)
        export_records(store, root / f"out.{kind}", show_progress=False)
        store.close()
        summary = imported(root / f"out.{kind}", root / "second", batch_size=2)
        assert counts(summary) == (len(content), 0, 0)
        assert stored(root / "second") == stored(root / "first")
        again = imported(root / f"out.{kind}", root / "second")
        assert counts(again) == (0, len(content), 0)


def test_both_kinds_of_file_can_be_read_without_vreid(tmp_path: Path) -> None:
    store = gallery_of(
        tmp_path / "g",
        [
            new_record(1, id="é".encode().hex(), identity="Jürgen", captured_at=datetime.now(UTC)),
            new_record(2, (False, True, False), id="b", attributes={"axles": 3}),
        ],
    )
    for kind in KINDS:
        export_records(store, tmp_path / f"out.{kind}", show_progress=False)
    first, second = (store.get(each).features for each in ("c3a9", "b"))
    store.close()
    with np.load(tmp_path / "out.npz", allow_pickle=False) as file:
        assert file["id"].tolist() == ["c3a9", "b"]
        assert file["identity"].tolist() == ["Jürgen", ""]
        assert file["attributes"].tolist() == ["{}", '{"axles": 3}']
        assert file["model"] == FINGERPRINT
        assert file["features"].dtype == np.float16
        assert np.array_equal(file["features"], np.stack([first, second]))
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.schema.metadata == {b"model": FINGERPRINT.encode()}
    assert table["mask"].to_pylist() == [[True] * 3, [False, True, False]]
    assert table["features_rgb"].to_pylist() == [first[0].tolist(), None]
    assert table["features_nir"].to_pylist() == [first[1].tolist(), second[1].tolist()]


@pytest.mark.parametrize("kind", KINDS)
def test_an_export_has_one_moment_although_others_write_meanwhile(
    tmp_path: Path, kind: str
) -> None:
    store = gallery_of(tmp_path / "g", [new_record(each, id=f"r{each}") for each in range(20)])
    with snapshot(store) as before:
        blocks = before.blocks(5)
        seen = list(next(blocks).id)
        writer = threading.Thread(
            target=lambda: (store.delete(["r3", "r15"]), store.add([new_record(99, id="new")]))
        )
        writer.start()
        writer.join(timeout=60)
        assert not writer.is_alive()
        seen += [each for block in blocks for each in block.id]
        assert seen == [f"r{each}" for each in range(20)]
    target = tmp_path / f"out.{kind}"
    assert export_records(store, target, show_progress=False).exported == 19
    store.close()
    imported(target, tmp_path / "copy")
    assert {each["id"] for each in stored(tmp_path / "copy")} == (
        {f"r{each}" for each in range(20)} - {"r3", "r15"} | {"new"}
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_record_ends_an_export_without_a_file(tmp_path: Path, kind: str) -> None:
    store = gallery_of(tmp_path / "g", [new_record(each, id=f"r{each}") for each in range(3)])
    with store.database.writing() as connection:
        connection.execute("UPDATE record SET checksum = checksum + 1 WHERE id = 'r1'")
    with pytest.raises(GalleryDamaged, match=r"r1.*doctor"):
        export_records(store, tmp_path / f"out.{kind}", show_progress=False)
    store.close()
    assert [each.name for each in tmp_path.iterdir()] == ["g"]


def test_an_export_replaces_no_file(tmp_path: Path) -> None:
    store = gallery_of(tmp_path / "g", [])
    target = tmp_path / "out.npz"
    target.write_text("mine")
    with pytest.raises(UnwritableRecordFile, match="there already"):
        export_records(store, target, show_progress=False)
    for name, said in (("out.csv", "npz or .parquet"), ("no/such/out.npz", "cannot be written")):
        with pytest.raises(UnwritableRecordFile, match=said):
            export_records(store, tmp_path / name, show_progress=False)
    store.close()
    assert target.read_text() == "mine"


@pytest.mark.parametrize("kind", KINDS)
def test_a_filter_chooses_what_is_exported(tmp_path: Path, kind: str) -> None:
    store = gallery_of(
        tmp_path / "g",
        [
            new_record(each, id=f"r{each}", camera="ab"[each % 2], attributes={"axles": each})
            for each in range(12)
        ],
    )
    only = Filter.from_json({"camera": "b", "attributes": {"axles": {"from": 4}}})
    target = tmp_path / f"out.{kind}"
    assert export_records(store, target, only, show_progress=False).exported == 4
    store.close()
    imported(target, tmp_path / "copy")
    assert [each["id"] for each in stored(tmp_path / "copy")] == ["r5", "r7", "r9", "r11"]


def test_thumbnails_are_not_exported(tmp_path: Path) -> None:
    store = gallery_of(tmp_path / "g", [new_record(1, id="a", thumbnails={Modality.RGB: b"jpeg"})])
    export_records(store, tmp_path / "out.npz", show_progress=False)
    store.close()
    imported(tmp_path / "out.npz", tmp_path / "copy")
    copy = GalleryStore.open_existing(tmp_path / "copy")
    assert copy.thumbnail("a", Modality.RGB) is None
    copy.close()


def test_ids_are_what_the_store_takes(tmp_path: Path) -> None:
    odd = "A" + string.digits + "._:@-"
    store = gallery_of(tmp_path / "g", [new_record(1, id=odd)])
    export_records(store, tmp_path / "out.parquet", show_progress=False)
    store.close()
    imported(tmp_path / "out.parquet", tmp_path / "copy")
    assert [each["id"] for each in stored(tmp_path / "copy")] == [odd]
