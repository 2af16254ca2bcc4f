"""What the model card says of variants."""

from dataclasses import replace
from pathlib import Path

import pytest

from export.variants_section import variants_section
from tests.bundles import make_tiny_bundle
from vreid.manifest import Manifest

MADE = {
    "in_sample": {"made up": "half"},
    "rgb": {
        "ranges": "extremes",
        "distance_by_ranges": {"extremes": 0.003},
        "distance_alone": {"branch.lower.0": 0.02, "branch.upper.0": 0.001},
        "in_float": {"branch.lower.0": "distance"},
        "shared_bytes": 10,
    },
}


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    found = make_tiny_bundle(tmp_path, variants=True).manifest
    timed = replace(found.variants["int8"], milliseconds={"onnxruntime-cpu": 2.5})
    metrics = {
        "variants": {"made": {"int8": MADE}, "not_written": {"fp16": "it costs 0.71 points"}},
        "milliseconds": {"processor": "a processor", "fp32": {"onnxruntime-cpu": 7.25}},
    }
    return replace(found, metrics=metrics, variants={**found.variants, "int8": timed})


def test_losses_speeds_and_sizes_stand_there(manifest: Manifest) -> None:
    section = variants_section(manifest)
    assert (
        "| int8 | made up | R+N+T | onnxruntime-cpu | 90.00 % | 89.80 % | 89.90 % | 0.20 |"
        in section
    )
    assert "on one processor (a processor)" in section
    assert "| fp32 | 7.25 |" in section
    assert "| int8 | 2.50 |" in section
    size = sum(entry.bytes for entry in manifest.files["int8"].values()) / 1e6
    assert f"Size of their files: int8 {size:.2f} MB." in section


def test_what_stayed_float32_and_what_was_not_written_is_told(manifest: Manifest) -> None:
    section = variants_section(manifest)
    assert "| rgb | extremes | `branch.lower.0` (2.0e-02) | 3.0e-03 |" in section
    assert "fp16 was not written: it costs 0.71 points." in section


def test_a_loss_on_what_the_ranges_come_from_is_called_in_sample(manifest: Manifest) -> None:
    section = variants_section(manifest)
    assert "from images of half of the identities of made up, on which its loss" in section


def test_nothing_is_said_where_no_variant_was_asked_for(manifest: Manifest) -> None:
    assert variants_section(replace(manifest, metrics={}, variants={})) == ""
