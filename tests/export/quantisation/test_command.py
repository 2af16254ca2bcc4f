"""Variants are added to a bundle that is there, and to nothing else of it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from export.cli import describe, export
from export.model_card import CARD_NAME
from export.quantisation.command import main
from vreid.bundle import Bundle
from vreid.errors import BundleNotFound
from vreid.modality import MODALITIES


def added(bundle: Path, tree: Path, variants: str) -> Result:
    arguments = [str(bundle), "--validation", f"msvr310={tree}", "--variants", variants]
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


@pytest.fixture
def exported(bundle: Bundle, tmp_path: Path) -> Bundle:
    shutil.copytree(bundle.path, tmp_path / "copy")
    return Bundle.load(tmp_path / "copy")


def test_files_and_fingerprint_of_the_bundle_stay(exported: Bundle, tree: Path) -> None:
    before = {path.name: path.read_bytes() for path in exported.path.glob("*.onnx")}
    result = added(exported.path, tree, "fp16")
    assert result.exit_code == 0, result.output
    after = Bundle.load(exported.path)
    assert after.fingerprint == exported.fingerprint
    assert {name: (after.path / name).read_bytes() for name in before} == before
    assert after.manifest.metrics["validation"] == exported.manifest.metrics["validation"]
    assert set(after.manifest.variants) == {"fp16"}
    assert "fp16: costs" in result.output
    assert "\n## Variants\n" in (after.path / CARD_NAME).read_text()


def test_the_terminal_says_why_a_variant_was_not_written(exported: Bundle) -> None:
    told = {"made": {}, "not_written": {"int8": "nir has 3 real images"}}
    manifest = replace(exported.manifest, metrics={**exported.manifest.metrics, "variants": told})
    said = describe(Bundle(exported.path, manifest))
    assert "int8 was not written: nir has 3 real images" in said


def test_former_variants_go(exported: Bundle, tree: Path) -> None:
    added(exported.path, tree, "fp16")
    assert added(exported.path, tree, "none").exit_code == 0
    after = Bundle.load(exported.path)
    assert after.manifest.variants == {}
    assert set(after.manifest.files) == {"fp32"}
    assert {path.name for path in after.path.glob("*.onnx")} == {
        f"{modality}.onnx" for modality in MODALITIES
    }


def test_a_folder_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [str(tmp_path)])
    assert isinstance(result.exception, BundleNotFound)


@pytest.mark.parametrize("variants", ["int4", "int8,int8", "int8,", ""])
def test_names_that_are_none_are_a_usage_error(tmp_path: Path, variants: str) -> None:
    for command, more in ((main, []), (export, ["--out", str(tmp_path / "out")])):
        result = CliRunner().invoke(command, [str(tmp_path), *more, "--variants", variants])
        assert result.exit_code == 2
        assert "is neither none nor some of int8, bf16, fp16" in result.output
