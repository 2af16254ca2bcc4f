"""Variants are added to a bundle that is there, and to nothing else of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from export.cli import describe, export
from export.errors import ValidationDataError, VariantError
from export.model_card import CARD_NAME
from export.named_sets import NamedSet
from export.quantisation.addition import add_variants
from export.quantisation.command import quantise
from tests.bundles import make_tiny_bundle
from vreid.bundle import Bundle
from vreid.bundle_command import bundle as bundle_command
from vreid.cpu_features import Processor
from vreid.errors import BundleNotFound, DatasetError
from vreid.modality import MODALITIES


def quantised(*arguments: str) -> Result:
    return CliRunner().invoke(bundle_command, ["quantise", *arguments])


def added(bundle: Path, tree: Path, variants: str) -> Result:
    return quantised(str(bundle), "--validation", f"msvr310={tree}", "--variants", variants)


def content(bundle: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(bundle)): path.read_bytes()
        for path in bundle.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def copied(bundle: Bundle, tmp_path: Path) -> Bundle:
    shutil.copytree(bundle.path, tmp_path / "copy")
    return Bundle.load(tmp_path / "copy")


@pytest.fixture
def varied(tmp_path: Path) -> Bundle:
    """With int8 and bf16, and nothing that an export would have measured."""
    return make_tiny_bundle(tmp_path / "varied", feature_size=32, variants=True)


def test_files_and_fingerprint_of_the_bundle_stay(copied: Bundle, tree: Path) -> None:
    before = {path.name: path.read_bytes() for path in copied.path.glob("*.onnx")}
    (copied.path / "notes").mkdir()
    (copied.path / "notes" / "ours.txt").write_text("kept")
    result = added(copied.path, tree, "fp16")
    assert result.exit_code == 0, result.output
    after = Bundle.load(copied.path)
    assert after.fingerprint == copied.fingerprint
    assert {name: (after.path / name).read_bytes() for name in before} == before
    assert (after.path / "notes" / "ours.txt").read_text() == "kept"
    assert after.manifest.metrics["validation"] == copied.manifest.metrics["validation"]
    assert set(after.manifest.variants) == {"fp16"}
    assert "fp16: costs" in result.output
    assert "\n## Variants\n" in (after.path / CARD_NAME).read_text()


def test_the_terminal_says_why_a_variant_was_not_written(copied: Bundle) -> None:
    told = {"made": {}, "not_written": {"int8": "nir has 3 real images"}}
    manifest = replace(copied.manifest, metrics={**copied.manifest.metrics, "variants": told})
    said = describe(Bundle(copied.path, manifest))
    assert "int8 was not written: nir has 3 real images" in said


def test_without_data_nothing_is_touched(varied: Bundle) -> None:
    before = content(varied.path)
    for variants in ("bf16", "int8,bf16", "fp16"):
        result = quantised(str(varied.path), "--variants", variants)
        assert isinstance(result.exception, ValidationDataError)
        assert "there is no data to measure" in str(result.exception)
    assert content(varied.path) == before


def test_variants_that_were_not_asked_for_stay(varied: Bundle, tree: Path) -> None:
    before = content(varied.path)
    result = added(varied.path, tree, "fp16")
    assert result.exit_code == 0, result.output
    after = Bundle.load(varied.path)
    assert {"int8", "bf16"} <= set(after.manifest.variants)
    former = {name: data for name, data in before.items() if name.endswith(".onnx")}
    assert {name: content(varied.path)[name] for name in former} == former
    assert after.manifest.variants["int8"].map == varied.manifest.variants["int8"].map


def test_a_variant_that_cannot_be_made_anew_here_is_not_lost(varied: Bundle, tree: Path) -> None:
    before = content(varied.path)
    old = Processor("an older one", frozenset({"avx2"}), is_x86=True)
    sets = [NamedSet.parse("msvr310", tree)]
    with pytest.raises(VariantError, match="int8 is there and cannot be made anew: the processor"):
        add_variants(varied.path, ("int8",), validation=sets, processor=old)
    assert content(varied.path) == before


def test_none_takes_all_variants_away(varied: Bundle) -> None:
    result = quantised(str(varied.path), "--variants", "none")
    assert result.exit_code == 0, result.output
    after = Bundle.load(varied.path)
    assert after.manifest.variants == {}
    assert set(after.manifest.files) == {"fp32"}
    assert {path.name for path in after.path.glob("*.onnx")} == {
        f"{modality}.onnx" for modality in MODALITIES
    }


def test_what_is_wrong_is_one_sentence_and_status_1(varied: Bundle) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vreid", "bundle", "quantise", str(varied.path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("error: there is no data to measure int8, bf16 on")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_wrong_folder_of_data_is_named(varied: Bundle, tmp_path: Path) -> None:
    before = content(varied.path)
    missing = tmp_path / "nowhere"
    result = added(varied.path, missing, "int8")
    assert isinstance(result.exception, DatasetError)
    assert "nowhere" in str(result.exception)
    assert content(varied.path) == before


def test_a_folder_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    assert isinstance(quantised(str(tmp_path)).exception, BundleNotFound)


@pytest.mark.parametrize("variants", ["int4", "int8,int8", "int8,", ""])
def test_names_that_are_none_are_a_usage_error(tmp_path: Path, variants: str) -> None:
    for command, more in ((quantise, []), (export, ["--out", str(tmp_path / "out")])):
        result = CliRunner().invoke(command, [str(tmp_path), *more, "--variants", variants])
        assert result.exit_code == 2
        assert "is neither none nor some of int8, bf16, fp16" in result.output
