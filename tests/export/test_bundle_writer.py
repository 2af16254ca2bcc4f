"""A bundle appears whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.bundle_writer import staged_directory
from export.errors import OutputExistsError
from tests.bundles import make_tiny_bundle


def write_half(out: Path) -> None:
    with staged_directory(out, force=True) as staging:
        (staging / "file").write_text("content")
        raise RuntimeError("half way")


def test_what_was_staged_takes_its_place_at_the_end(tmp_path: Path) -> None:
    out = tmp_path / "new" / "bundle"
    with staged_directory(out) as staging:
        (staging / "file").write_text("content")
        assert staging.parent == out.parent, "a rename must not cross file systems"
        assert not out.exists()
    assert (out / "file").read_text() == "content"
    assert [path.name for path in out.parent.iterdir()] == ["bundle"]


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="half way"):
        write_half(tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_is_replaced_only_by_force(tmp_path: Path) -> None:
    former = make_tiny_bundle(tmp_path / "bundle")
    with (
        pytest.raises(OutputExistsError, match="--force"),
        staged_directory(former.path),
    ):
        pytest.fail("must not start")
    with staged_directory(former.path, force=True) as staging:
        (staging / "file").write_text("content")
    assert [path.name for path in former.path.iterdir()] == ["file"]
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_a_failed_replacement_leaves_the_former_bundle(tmp_path: Path) -> None:
    former = make_tiny_bundle(tmp_path / "bundle")
    with pytest.raises(RuntimeError, match="half way"):
        write_half(former.path)
    former.verify_files()
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_what_is_no_bundle_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    with (
        pytest.raises(OutputExistsError, match="not a bundle"),
        staged_directory(tmp_path, force=True),
    ):
        pytest.fail("must not start")
    assert (tmp_path / "precious").read_text() == "mine"
