import json
from dataclasses import replace
from typing import Any

import pytest

from vreid.bundle import Bundle
from vreid.errors import BundleDamaged, BundleUnsupported, ConfigurationError
from vreid.manifest import FileEntry, Manifest, compute_fingerprint, expected_fingerprint
from vreid.modality import MODALITIES, Modality
from vreid.preprocessing import Preprocessing
from vreid.thermal import ThermalRendering

HASHES = {modality: f"{index}" * 64 for index, modality in enumerate(MODALITIES)}


def test_a_manifest_survives_json(bundle: Bundle) -> None:
    document = json.loads(json.dumps(bundle.manifest.to_json()))
    assert Manifest.from_json(document) == bundle.manifest


def test_a_manifest_without_calibration_survives_json(bundle: Bundle) -> None:
    manifest = replace(bundle.manifest, calibration=None)
    assert Manifest.from_json(manifest.to_json()) == manifest


def test_every_missing_field_is_named(bundle: Bundle) -> None:
    whole = bundle.manifest.to_json()
    for name in whole.keys() - {"calibration"}:
        document = {key: value for key, value in whole.items() if key != name}
        with pytest.raises(BundleDamaged, match=f"manifest lacks the field '{name}'"):
            Manifest.from_json(document)


def test_another_schema_version_is_refused_before_anything_else_is_read() -> None:
    with pytest.raises(BundleUnsupported, match="schema version 3 and this vreid reads 1 to 2; up"):
        Manifest.from_json({"schema_version": 3, "what": "ever"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": 1}, "unknown field 'colour'"),
        ({"name": ""}, r"manifest\.name must be a non-empty string"),
        ({"feature_size": 0}, r"manifest\.feature_size must be a whole number of at least 1"),
        ({"modalities": ["rgb", "swir"]}, "'swir' is no modality"),
        ({"modalities": ["nir", "rgb", "tir"]}, "in the order rgb, nir, tir"),
        ({"modalities": ["rgb"]}, "give one file for each of rgb"),
        ({"precision": "int4"}, "'int4' has no files; there are fp32"),
        ({"auto_policy": "best"}, "auto_policy: 'best' is no scoring policy"),
        (
            {"calibration": {"shared": {}}},
            r"manifest\.calibration\.shared lacks the field 'cosines'",
        ),
        ({"preprocessing": {}}, r"manifest\.preprocessing lacks the field 'height'"),
        ({"files": {"fp32": {"rgb": {}}}}, r"manifest\.files\.fp32\.rgb lacks the field 'path'"),
    ],
)
def test_a_wrong_field_is_named(bundle: Bundle, change: dict[str, Any], message: str) -> None:
    with pytest.raises(BundleDamaged, match=message):
        Manifest.from_json({**bundle.manifest.to_json(), **change})


def test_a_branch_without_normalisation_is_refused(bundle: Bundle) -> None:
    document = bundle.manifest.to_json()
    del document["preprocessing"]["normalisation"]["tir"]
    with pytest.raises(BundleDamaged, match=r"preprocessing\.normalisation lacks tir"):
        Manifest.from_json(document)


@pytest.mark.parametrize("path", ["/etc/passwd", "../other/rgb.onnx", "a/../../b", "a\\b", "", "."])
def test_a_path_out_of_the_bundle_is_refused(path: str) -> None:
    with pytest.raises(ConfigurationError, match="leaves the bundle"):
        FileEntry(path, "0" * 64, 1)


@pytest.mark.parametrize("digest", ["", "0" * 63, "G" * 64, "A" * 64])
def test_a_hash_of_another_form_is_refused(digest: str) -> None:
    with pytest.raises(ConfigurationError, match="give 64 hexadecimal digits"):
        FileEntry("rgb.onnx", digest, 1)


# The fingerprint


def test_the_fingerprint_covers_weights_preprocessing_and_feature_size() -> None:
    preprocessing = Preprocessing(32, 64)
    fingerprint = compute_fingerprint(HASHES, preprocessing, 8)
    changed = {
        compute_fingerprint({**HASHES, Modality.NIR: "f" * 64}, preprocessing, 8),
        compute_fingerprint(
            {**HASHES, Modality.RGB: HASHES[Modality.NIR], Modality.NIR: HASHES[Modality.RGB]},
            preprocessing,
            8,
        ),
        compute_fingerprint(HASHES, Preprocessing(64, 32), 8),
        compute_fingerprint(HASHES, replace(preprocessing, thermal=ThermalRendering("grey")), 8),
        compute_fingerprint(HASHES, preprocessing, 9),
    }
    assert len(changed) == 5
    assert fingerprint not in changed
    assert fingerprint.startswith("sha256:")
    assert len(fingerprint) == 7 + 64


def test_the_fingerprint_does_not_depend_on_the_order_of_the_files() -> None:
    backwards = dict(reversed(list(HASHES.items())))
    preprocessing = Preprocessing(32, 64)
    assert compute_fingerprint(HASHES, preprocessing, 8) == compute_fingerprint(
        backwards, preprocessing, 8
    )


def test_the_fingerprint_does_not_cover_what_leaves_features_as_they_are(bundle: Bundle) -> None:
    renamed = replace(bundle.manifest, name="other", calibration=None, auto_policy="center")
    assert expected_fingerprint(renamed) == bundle.fingerprint
