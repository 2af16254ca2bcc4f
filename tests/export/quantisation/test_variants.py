"""Variants are made from a bundle on disk, measured, and written if they cost little."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from export.errors import CalibrationImagesError
from export.named_sets import Roles
from export.quantisation.calibration_images import calibration_pixels, calibration_samples
from export.quantisation.variants import VariantName, write_variants
from export.validation import EmbeddedSets, embed_validation
from export.variants_section import variants_section
from tests.bundles import make_tiny_bundle
from tests.export.quantisation.small_graphs import cosines
from training.data import Dataset, load_dataset
from vreid.bundle import Bundle, write_manifest
from vreid.cpu_features import Processor, read_processor
from vreid.engines import BranchRunner, open_engine
from vreid.manifest import Manifest
from vreid.modality import MODALITIES, Modality

Pixels = dict[Modality, np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]
EXACT = replace(read_processor(), flags=read_processor().flags | {"avx512_vnni"})
"""Any processor passes for one with VNNI: these models are too small for sums to saturate."""

Embed = Callable[[BranchRunner], EmbeddedSets]


@pytest.fixture(scope="module")
def vehicles(tree: Path) -> Dataset:
    return load_dataset("msvr310", tree)


@pytest.fixture
def plain(tmp_path: Path) -> Bundle:
    return make_tiny_bundle(tmp_path / "bundle", feature_size=32)


@pytest.fixture
def pixels(vehicles: Dataset, plain: Bundle) -> Pixels:
    samples = calibration_samples(Roles({"drawn": vehicles}))
    return calibration_pixels(samples, plain.manifest.preprocessing)


@pytest.fixture
def embed(vehicles: Dataset, plain: Bundle) -> Embed:
    manifest = plain.manifest

    def embedded(engine: BranchRunner) -> EmbeddedSets:
        return embed_validation(
            {"drawn": vehicles}, manifest.preprocessing, engine, manifest.feature_size
        )

    return embedded


@pytest.fixture
def default(plain: Bundle, embed: Embed) -> EmbeddedSets:
    return embed(open_engine(plain, "onnxruntime-cpu", precision="fp32"))


def not_written(manifest: Manifest) -> dict[str, str]:
    reasons: dict[str, str] = manifest.metrics["variants"]["not_written"]
    return reasons


def test_variants_are_written_measured_and_described(
    plain: Bundle, pixels: Pixels, embed: Embed, default: EmbeddedSets
) -> None:
    asked: tuple[VariantName, ...] = ("int8", "fp16")
    manifest = write_variants(
        plain.path,
        plain.manifest,
        asked,
        pixels,
        default,
        embed,
        50.0,
        seen_by_ranges={"drawn": "all"},
        processor=EXACT,
    )
    write_manifest(plain.path, manifest)
    bundle = Bundle.load(plain.path)
    assert bundle.fingerprint == plain.fingerprint
    assert set(bundle.manifest.variants) == {"int8", "fp16"}
    for name in asked:
        variant = bundle.manifest.variants[name]
        assert variant.files_of == name
        assert {on.modalities for on in variant.map} == {"R", "N", "T", "R+N+T"}
        assert {on.dataset for on in variant.map} == {"drawn"}
        engines = {"onnxruntime-cpu", "openvino-cpu"} if name == "int8" else {"onnxruntime-cpu"}
        assert {on.engine for on in variant.map} == engines
        assert variant.loss_points <= 50
        assert variant.processor == read_processor().model
        assert {bundle.file(modality, name).name for modality in MODALITIES} == {
            f"{modality}.{name}.onnx" for modality in MODALITIES
        }
    assert bundle.manifest.variants["int8"].milliseconds["onnxruntime-cpu"] > 0
    card = variants_section(bundle.manifest)
    assert "| int8 | drawn |" in card
    assert "| fp16 | drawn |" in card
    made = bundle.manifest.metrics["variants"]["made"]["int8"]
    assert made.keys() == {"rgb", "nir", "tir", "in_sample"}
    assert made["in_sample"] == {"drawn": "all"}
    assert made["rgb"]["distance_alone"].keys() == {"kernel", "mixing"}


def test_a_variant_is_what_the_engine_then_runs(
    plain: Bundle, pixels: Pixels, embed: Embed, default: EmbeddedSets
) -> None:
    manifest = write_variants(
        plain.path, plain.manifest, ("int8",), pixels, default, embed, 50.0, processor=EXACT
    )
    write_manifest(plain.path, manifest)
    engine = open_engine(Bundle.load(plain.path), "onnxruntime-cpu", precision="int8")
    again = embed(engine)["drawn"].query.features.reshape(-1, 32)
    before = default["drawn"].query.features.reshape(-1, 32)
    assert 0.99 < cosines(before, again).min() < 1


def test_a_variant_that_costs_too_much_is_taken_away_with_a_reason(
    plain: Bundle, pixels: Pixels, embed: Embed, default: EmbeddedSets
) -> None:
    """A bundle whose features follow no more from the images: any embedding loses against it."""

    def spoilt(engine: BranchRunner) -> EmbeddedSets:
        found = embed(engine)["drawn"]
        turned = replace(found.query, features=np.ascontiguousarray(found.query.features[::-1]))
        return {"drawn": replace(found, query=turned)}

    files = {path.name for path in plain.path.iterdir()}
    manifest = write_variants(
        plain.path, plain.manifest, ("int8",), pixels, default, spoilt, processor=EXACT
    )
    assert manifest.variants == {}
    assert manifest.files == plain.manifest.files
    assert {path.name for path in plain.path.iterdir()} == files
    reason = not_written(manifest)["int8"]
    assert "more than 0.5" in reason
    assert "with 1 of 2 blocks of" in reason
    assert "int8 was not written: it costs" in variants_section(manifest)


def test_without_data_to_measure_on_nothing_is_written(plain: Bundle) -> None:
    reason = CalibrationImagesError("no images")
    manifest = write_variants(
        plain.path, plain.manifest, ("int8", "bf16"), reason, {}, lambda engine: {}
    )
    assert manifest.variants == {}
    assert "give some by --validation" in not_written(manifest)["int8"]
    assert "give some by --validation" in not_written(manifest)["bf16"]


def test_int8_needs_real_images_and_others_do_not(
    plain: Bundle, embed: Embed, default: EmbeddedSets
) -> None:
    reason = CalibrationImagesError("nir has 3 real images")
    manifest = write_variants(
        plain.path, plain.manifest, ("int8", "fp16"), reason, default, embed, 50.0
    )
    assert set(manifest.variants) == {"fp16"}
    assert not_written(manifest) == {"int8": "nir has 3 real images"}


def test_int8_is_not_made_where_its_sums_saturate(
    plain: Bundle, pixels: Pixels, default: EmbeddedSets, embed: Embed
) -> None:
    old = Processor("an older one", frozenset({"avx2"}), is_x86=True)
    manifest = write_variants(
        plain.path, plain.manifest, ("int8",), pixels, default, embed, 100.0, processor=old
    )
    assert manifest.variants == {}
    assert "the processor (an older one) has no VNNI" in not_written(manifest)["int8"]


def test_a_loss_with_one_engine_alone_is_too_much(
    plain: Bundle, pixels: Pixels, default: EmbeddedSets, embed: Embed
) -> None:
    """Which engine serves is measured where it serves: the worst of them counts."""

    def spoilt(engine: BranchRunner) -> EmbeddedSets:
        found = embed(engine)["drawn"]
        if getattr(engine, "name", "") == "onnxruntime-cpu":
            return default
        turned = replace(found.query, features=np.ascontiguousarray(found.query.features[::-1]))
        return {"drawn": replace(found, query=turned)}

    manifest = write_variants(
        plain.path, plain.manifest, ("int8",), pixels, default, spoilt, processor=EXACT
    )
    assert manifest.variants == {}
    assert "by openvino-cpu" in not_written(manifest)["int8"]


def test_variants_that_are_there_stay(
    tmp_path: Path, pixels: Pixels, default: EmbeddedSets, embed: Embed
) -> None:
    there = make_tiny_bundle(tmp_path / "there", feature_size=32, variants=True)
    manifest = write_variants(there.path, there.manifest, ("fp16",), pixels, default, embed, 100.0)
    assert set(manifest.variants) == {"int8", "bf16", "fp16"}


def test_bf16_runs_the_files_of_the_default_or_says_why_not(
    plain: Bundle, pixels: Pixels, embed: Embed, default: EmbeddedSets
) -> None:
    manifest = write_variants(plain.path, plain.manifest, ("bf16",), pixels, default, embed, 100.0)
    assert manifest.files == plain.manifest.files
    if read_processor().has_bf16:
        assert manifest.variants["bf16"].files_of == "fp32"
        assert set(manifest.variants["bf16"].milliseconds) == {"openvino-cpu"}
    else:
        assert "neither AVX-512 BF16 nor AMX" in not_written(manifest)["bf16"]
