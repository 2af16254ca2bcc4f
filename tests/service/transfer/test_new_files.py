"""A new file appears under its name when it is whole, and replaces none."""

import errno
import os
from pathlib import Path

import pytest

from service.errors import UnwritableRecordFile
from service.gallery.store.store import GalleryStore
from service.transfer.exporting import export_records
from service.transfer.files import new_file
from tests.service.gallery.builders import FEATURE_SIZE, FINGERPRINT, new_record
from tests.service.transfer.files import counts, imported, stored


@pytest.fixture(params=["hard links", "no hard links"])
def file_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file system with hard links, and what os.link does on one without (FAT, many shares)."""

    def link(source: object, target: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    if request.param == "no hard links":
        monkeypatch.setattr(os, "link", link)
    return str(request.param)


@pytest.mark.usefixtures("file_system")
def test_an_export_is_there_when_it_is_whole(tmp_path: Path) -> None:
    store = GalleryStore.open(tmp_path / "g", FINGERPRINT, FEATURE_SIZE)
    store.add([new_record(1, id="a"), new_record(2, id="b")])
    (tmp_path / "files").mkdir()
    for name in ("out.npz", "out.parquet"):
        export_records(store, tmp_path / "files" / name, show_progress=False)
        assert counts(imported(tmp_path / "files" / name, tmp_path / name / "g")) == (2, 0, 0)
        assert stored(tmp_path / name / "g") == stored(tmp_path / "g")
    store.close()
    assert sorted(each.name for each in (tmp_path / "files").iterdir()) == [
        "out.npz",
        "out.parquet",
    ]


@pytest.mark.usefixtures("file_system")
def test_a_file_that_somebody_makes_meanwhile_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "out.npz"

    def write() -> None:
        with new_file(target) as at:
            at.write_bytes(b"whole")
            target.write_text("theirs")

    with pytest.raises(UnwritableRecordFile, match="made by somebody else"):
        write()
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("out.npz", "theirs")]


@pytest.mark.usefixtures("file_system")
def test_a_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    with new_file(tmp_path / "out.npz") as at:
        at.write_bytes(b"whole")
    assert (tmp_path / "out.npz").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert (tmp_path / "out.npz").read_bytes() == b"whole"


@pytest.mark.usefixtures("file_system")
def test_what_ends_halfway_leaves_nothing(tmp_path: Path) -> None:
    def write() -> None:
        with new_file(tmp_path / "out.npz") as at:
            at.write_bytes(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()
    assert list(tmp_path.iterdir()) == []
