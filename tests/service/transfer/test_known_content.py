"""Content that a gallery has under another id is imported no second time."""

import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.gallery.store.store import GalleryStore
from service.transfer.exporting import export_records
from tests.service.gallery.builders import FEATURE_SIZE, FINGERPRINT, new_record
from tests.service.transfer.files import arrays, counts, imported, stored, write_npz


def records(ids: str, contents: str) -> dict[str, Any]:
    """A record for each letter; a full stop is no content hash."""
    hashes = [each.replace(".", "") for each in contents]
    return arrays(len(ids)) | {"id": np.array(list(ids)), "content_hash": np.array(hashes)}


def ids(gallery: Path) -> str:
    return "".join(each["id"] for each in stored(gallery))


@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_a_row_whose_content_another_record_has_is_skipped_and_counted(
    tmp_path: Path, batch_size: int
) -> None:
    first = write_npz(tmp_path / "first.npz", **records("abc", "xy."))
    second = write_npz(tmp_path / "second.npz", **records("adefc", "xyz.."))
    # The features of "a" and "c" are other ones than in the first file: the ids are taken.
    imported(first, tmp_path / "g")
    summary = imported(second, tmp_path / "g", batch_size=batch_size)
    assert counts(summary) == (2, 2, 1)
    assert (summary.skipped, summary.known_content) == (2, 1)
    assert ids(tmp_path / "g") == "abcef"
    again = imported(second, tmp_path / "g", batch_size=batch_size)
    assert (*counts(again), again.known_content) == (0, 4, 1, 1)


@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_a_content_that_a_gallery_has_twice_is_exported_and_imported_twice(
    tmp_path: Path, batch_size: int
) -> None:
    store = GalleryStore.open(tmp_path / "first", FINGERPRINT, FEATURE_SIZE)
    store.add([new_record(at, id=each, content_hash="xyx"[at]) for at, each in enumerate("abc")])
    export_records(store, tmp_path / "out.npz", show_progress=False)
    store.close()
    summary = imported(tmp_path / "out.npz", tmp_path / "copy", batch_size=batch_size)
    assert (*counts(summary), summary.known_content) == (3, 0, 0, 0)
    assert stored(tmp_path / "copy") == stored(tmp_path / "first")


@settings(max_examples=12, deadline=None)
@given(
    contents=st.text("xyz.", min_size=1, max_size=8),
    ended_after=st.integers(0, 8),
    batch_size=st.integers(1, 4),
)
@example(contents="xx", ended_after=1, batch_size=2)
def test_an_import_that_was_ended_and_is_run_again_stores_what_a_whole_one_does(
    contents: str, ended_after: int, batch_size: int
) -> None:
    names = "abcdefgh"[: len(contents)]
    whole = records(names, contents)
    part = {
        name: array[:ended_after] if name != "model" else array for name, array in whole.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        before = write_npz(root / "before.npz", **records("q", "y"))
        for gallery in ("g", "h"):
            imported(before, root / gallery)
        write_npz(root / "part.npz", **part)
        write_npz(root / "whole.npz", **whole)
        imported(root / "part.npz", root / "g", batch_size=batch_size)
        imported(root / "whole.npz", root / "g", batch_size=batch_size)
        imported(root / "whole.npz", root / "h")
        assert ids(root / "g") == ids(root / "h")
        assert ids(root / "h") == "q" + "".join(
            name for name, content in zip(names, contents, strict=True) if content != "y"
        )


def test_files_with_the_same_content_imported_at_the_same_time_are_stored_once(
    tmp_path: Path,
) -> None:
    count = 200
    names = [[f"{part}{number}" for number in range(count)] for part in "ab"]
    contents = np.array([f"content {number}" for number in range(count)])
    files = [
        write_npz(
            tmp_path / f"{part[0]}.npz",
            **arrays(count) | {"id": np.array(part), "content_hash": contents},
        )
        for part in names
    ]
    GalleryStore.open(tmp_path / "g", FINGERPRINT, FEATURE_SIZE).close()
    done = []
    threads = [
        threading.Thread(
            target=lambda file=file: done.append(
                imported(
                    file,
                    tmp_path / "g",
                    batch_size=1,
                    rejects=file.with_suffix(".jsonl"),
                )
            )
        )
        for file in files
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert sum(each.imported for each in done) == count
    assert sum(each.known_content for each in done) == count
    hashes = [each["content_hash"] for each in stored(tmp_path / "g")]
    assert sorted(hashes) == sorted(contents.tolist())
