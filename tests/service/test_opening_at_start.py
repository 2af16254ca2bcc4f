"""Engine and gallery are opened beside each other when the service starts."""

import os
from pathlib import Path

import pytest

from service.opening import open_running
from service.settings import Settings
from tests.bundles import make_tiny_bundle
from vreid.errors import EngineUnavailable, FingerprintMismatch


def open_files_below(directory: Path) -> list[str]:
    links = [Path(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]
    found = [os.readlink(link) for link in links if link.is_symlink()]
    return [each for each in found if each.startswith(str(directory))]


def settings_of(tmp_path: Path, bundle: Path, engine: str) -> Settings:
    return Settings(bundle=bundle, gallery=tmp_path / "gallery", engine=engine, threads=1)


def test_an_engine_that_cannot_be_opened_leaves_no_gallery_open(tmp_path: Path) -> None:
    bundle = make_tiny_bundle(tmp_path / "bundle")
    with pytest.raises(EngineUnavailable):
        open_running(settings_of(tmp_path, bundle.path, "no-such-engine"))
    assert open_files_below(tmp_path / "gallery") == []


def test_a_gallery_of_another_model_ends_the_start(tmp_path: Path) -> None:
    bundle, other = (make_tiny_bundle(tmp_path / str(seed), seed=seed) for seed in (0, 1))
    running = open_running(settings_of(tmp_path, bundle.path, "onnxruntime-cpu"))
    running.gallery.close()
    with pytest.raises(FingerprintMismatch):
        open_running(settings_of(tmp_path, other.path, "onnxruntime-cpu"))
    assert open_files_below(tmp_path / "gallery") == []
