"""Indexing the same pictures again with other labels."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from service.gallery.filters.filter import Filter
from service.gallery.gallery import Gallery
from service.gallery.record import Record
from service.indexing.command import index
from service.indexing.job import IndexingSummary, index_source
from tests.bundles import make_tiny_bundle
from tests.service.indexing.pictures import write_picture
from vreid.bundle import Bundle
from vreid.modality import Modality


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_tiny_bundle(tmp_path_factory.mktemp("bundle"))


def index_with(
    folder: Path, bundle: Bundle, *rows: dict[str, Any], update: bool = True
) -> IndexingSummary:
    for row in rows:
        if not (folder / row["rgb"]).exists():
            write_picture(folder / row["rgb"], len(row["rgb"]))
    manifest = folder / "manifest.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return index_source(manifest, bundle, folder / "gallery", update=update, show_progress=False)


def records(folder: Path, bundle: Bundle) -> tuple[Record, ...]:
    with Gallery.open(folder / "gallery", bundle, follow_interval=None) as gallery:
        return gallery.page().records


def test_an_update_changes_the_labels_of_the_one_record(tmp_path: Path, bundle: Bundle) -> None:
    old = {"rgb": "a.png", "identity": "1", "camera": "2", "attributes": {"colour": "red"}}
    new = {"rgb": "a.png", "identity": "7", "captured_at": "2024-05-01T12:00:00Z"}
    index_with(tmp_path, bundle, old)
    (before,) = records(tmp_path, bundle)
    with Gallery.open(tmp_path / "gallery", bundle, follow_interval=None) as following:
        summary = index_with(tmp_path, bundle, new)
        assert (summary.indexed, summary.updated, summary.rejected) == (0, 1, 0)
        following.refresh()
        assert following.count(Filter(identity=("7",))) == 1
        assert following.count() == 1
        assert following.thumbnail(before.id, Modality.RGB) is not None
    (after,) = records(tmp_path, bundle)
    assert (after.id, after.created_at) == (before.id, before.created_at)
    assert (after.identity, after.camera, dict(after.attributes)) == ("7", None, {})
    assert after.captured_at is not None
    assert np.array_equal(after.features, before.features)
    again = index_with(tmp_path, bundle, new)
    assert (again.indexed, again.updated, again.skipped) == (0, 0, 1)


def test_without_update_the_same_picture_under_another_label_is_another_record(
    tmp_path: Path, bundle: Bundle
) -> None:
    index_with(tmp_path, bundle, {"rgb": "a.png", "identity": "1"})
    summary = index_with(tmp_path, bundle, {"rgb": "a.png", "identity": "2"}, update=False)
    assert (summary.indexed, summary.updated) == (1, 0)
    ambiguous = index_with(tmp_path, bundle, {"rgb": "a.png", "identity": "3"})
    assert (ambiguous.updated, ambiguous.rejected) == (0, 1)
    assert ambiguous.rejects is not None
    assert "2 records have its images" in ambiguous.rejects.read_text()


def test_a_sample_with_an_id_updates_the_record_of_that_id_only(
    tmp_path: Path, bundle: Bundle
) -> None:
    index_with(tmp_path, bundle, {"rgb": "a.png", "id": "x", "identity": "1"})
    other = index_with(tmp_path, bundle, {"rgb": "a.png", "id": "y", "identity": "2"})
    assert (other.indexed, other.updated) == (1, 0)
    same = index_with(tmp_path, bundle, {"rgb": "a.png", "id": "x", "identity": "3"})
    assert (same.indexed, same.updated) == (0, 1)
    assert {each.id: each.identity for each in records(tmp_path, bundle)} == {"x": "3", "y": "2"}


def test_the_command_says_what_update_does() -> None:
    shown = CliRunner().invoke(index, ["--help"]).output
    assert "instead of making a second record" in " ".join(shown.split())
