import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.bundles import make_tiny_bundle
from vreid.bundle import Bundle
from vreid.errors import BundleDamaged, BundleUnsupported, ConfigurationError
from vreid.manifest import Manifest
from vreid.modality import MODALITIES, Modality
from vreid.variant import MeasuredOn, Variant, VariantMap


@pytest.fixture
def varied(tmp_path: Path) -> Bundle:
    return make_tiny_bundle(tmp_path / "varied", variants=True)


def test_the_loss_is_that_of_the_worse_measurement() -> None:
    assert VariantMap(0.9, 0.898, 0.895).loss_points == pytest.approx(0.5)
    assert VariantMap(0.9, 0.895, 0.898).loss_points == pytest.approx(0.5)
    assert VariantMap(0.9, 0.91, 0.92).loss_points == pytest.approx(-1)


def test_a_variant_says_what_its_worst_measurement_lost() -> None:
    worst = MeasuredOn("openvino-cpu", "one", "T")
    sets = {
        MeasuredOn("onnxruntime-cpu", "one", "T"): VariantMap(0.9, 0.9, 0.9),
        worst: VariantMap(0.9, 0.898, 0.9),
        MeasuredOn("openvino-cpu", "one", "R+N+T"): VariantMap(0.5, 0.5, 0.5),
    }
    variant = Variant("int8", sets, 0.2)
    assert variant.loss_points == 0.2
    assert variant.worst == worst
    assert str(worst) == "T of one by openvino-cpu"
    with pytest.raises(ConfigurationError, match=r"loss_points is 0\.0, and map gives 0\.200"):
        Variant("int8", sets, 0.0)


def test_a_manifest_with_variants_survives_json(varied: Bundle) -> None:
    measured = replace(
        varied.manifest.variants["int8"],
        milliseconds={"onnxruntime-cpu": 2.5},
        processor="a processor",
    )
    variants = {**varied.manifest.variants, "int8": measured}
    manifest = replace(varied.manifest, variants=variants)
    assert Manifest.from_json(manifest.to_json()) == manifest


def test_a_manifest_of_the_first_schema_version_has_no_variants(varied: Bundle) -> None:
    plain = replace(varied.manifest, variants={})
    document = {**plain.to_json(), "schema_version": 1}
    del document["variants"]
    assert Manifest.from_json(document) == plain
    with pytest.raises(BundleDamaged, match="unknown field 'variants'"):
        Manifest.from_json({**plain.to_json(), "schema_version": 1})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"files_of": "int4"}, "variants.int8.files_of is 'int4', and there are files of fp32"),
        ({"files_of": "fp32"}, "variants.int8.files_of is 'fp32', and there are files of fp32"),
        ({"files_of": 8}, "manifest.variants.int8.files_of must be a non-empty string"),
        ({"loss_points": 3}, "loss_points is 3.0, and map gives 0.200"),
        ({"loss": 0}, "manifest.variants.int8 has the unknown field 'loss'"),
        ({"map": {"e": {"s": {"T": {"default": 1}}}}}, "map.e.s.T lacks the field 'variant'"),
        ({"milliseconds": {"e": None}}, "milliseconds.e must be a finite number"),
    ],
)
def test_a_wrong_field_of_a_variant_is_named(
    varied: Bundle, change: dict[str, Any], message: str
) -> None:
    document = varied.manifest.to_json()
    document["variants"]["int8"] = {**document["variants"]["int8"], **change}
    with pytest.raises(BundleDamaged, match=re.escape(message)):
        Manifest.from_json(document)


def test_the_default_precision_is_no_variant(varied: Bundle) -> None:
    with pytest.raises(ConfigurationError, match=r"variants\.fp32 is the default precision"):
        replace(varied.manifest, variants={"fp32": Variant("fp32")})


def test_a_precision_that_shares_files_gives_their_paths(varied: Bundle) -> None:
    assert varied.manifest.precisions == ("fp32", "int8", "bf16")
    for modality in MODALITIES:
        assert varied.file(modality, "bf16") == varied.file(modality, "fp32")
        assert varied.file(modality, "int8").name == f"{modality}.int8.onnx"
    with pytest.raises(BundleUnsupported, match="no precision 'fp16'; use one of fp32, int8, bf16"):
        varied.file(Modality.RGB, "fp16")


def test_the_files_of_a_variant_are_verified(varied: Bundle) -> None:
    varied.file(Modality.NIR, "int8").unlink()
    with pytest.raises(BundleDamaged, match=r"nir\.int8\.onnx is missing"):
        Bundle.load(varied.path)


def test_variants_leave_the_fingerprint_as_it_is(varied: Bundle, tmp_path: Path) -> None:
    assert varied.fingerprint == make_tiny_bundle(tmp_path / "plain").fingerprint
