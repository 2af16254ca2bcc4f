"""Which jobs tell about themselves, and what."""

from pathlib import Path

import numpy as np
import pytest

from service.gallery.store.generations import generations
from service.jobs.listing import jobs_of
from service.reindexing.job import reindex
from tests.bundles import make_tiny_bundle
from tests.service.indexing.pictures import write_picture
from tests.service.reindexing.galleries import QUIET, index
from tests.service.transfer.files import arrays, imported, write_npz
from vreid.errors import FingerprintMismatch


def test_an_index_is_a_job(tmp_path: Path) -> None:
    bundle = make_tiny_bundle(tmp_path / "bundle")
    source, gallery = tmp_path / "archive", tmp_path / "gallery"
    for number in range(3):
        write_picture(source / f"{number}.png", number)
    index(source, bundle, gallery)
    [job] = jobs_of(gallery)
    assert (job.kind, job.source, job.state) == ("index", str(source), "finished")
    assert (job.done, job.total, job.indexed) == (3, 3, 3)


def test_an_import_is_a_job(tmp_path: Path) -> None:
    file, gallery = tmp_path / "in.npz", tmp_path / "gallery"
    write_npz(file, **arrays(3))
    imported(file, gallery)
    members = arrays(5)
    members["mask"][4] = np.zeros(3, np.bool_)
    write_npz(file, **members)
    imported(file, gallery)
    job = jobs_of(gallery)[0]
    assert (job.kind, job.source, job.state) == ("import", str(file), "finished")
    assert (job.done, job.total) == (5, 5)
    assert (job.indexed, job.skipped, job.rejected) == (1, 3, 1)


def test_an_import_that_is_refused_before_it_begins_is_none(tmp_path: Path) -> None:
    file, gallery = tmp_path / "in.npz", tmp_path / "gallery"
    write_npz(file, **arrays(3))
    imported(file, gallery)
    write_npz(file, **arrays(3) | {"model": np.array("sha256:" + "b" * 64)})
    with pytest.raises(FingerprintMismatch):
        imported(file, gallery)
    assert len(jobs_of(gallery)) == 1


def test_a_reindexing_is_a_job_of_the_whole_gallery(tmp_path: Path) -> None:
    old, new = make_tiny_bundle(tmp_path / "old"), make_tiny_bundle(tmp_path / "new", seed=1)
    source, gallery = tmp_path / "archive", tmp_path / "gallery"
    for number in range(3):
        write_picture(source / f"{number}.png", number)
    index(source, old, gallery, keep_crops=True)
    assert reindex(gallery, new, QUIET).swapped
    assert len(generations(gallery)) == 2
    job, _ = jobs_of(gallery)
    assert (job.kind, job.source, job.state) == ("reindex", str(new.path), "finished")
    assert (job.done, job.total, job.indexed, job.rejected) == (3, 3, 3, 0)
