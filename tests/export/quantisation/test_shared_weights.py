"""Two files, one set of integers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from export.branch_graph import serialise
from export.compact_weights import compact
from export.quantisation.activation_ranges import activation_ranges, measure_histograms
from export.quantisation.int8_graph import int8_graph, quantisable_branch
from export.quantisation.shared_weights import share_weights
from tests.export.quantisation.small_graphs import (
    NORMALISATION,
    random_pixels,
    residual_branch,
    run,
)
from vreid.engines.openvino_runtime import import_openvino
from vreid.preprocessing import normalise


@pytest.fixture(scope="module")
def compacted() -> onnx.ModelProto:
    images = normalise(random_pixels(8), NORMALISATION)
    return compact(residual_branch(channels=64), images)[0]


@pytest.fixture(scope="module")
def quantised(compacted: onnx.ModelProto) -> onnx.ModelProto:
    pixels = random_pixels(8)
    branch = quantisable_branch(compacted, NORMALISATION, pixels)
    histograms = measure_histograms(branch.graph, branch.tensors(), pixels)
    return int8_graph(branch, activation_ranges(histograms, "extremes"))


def written(folder: Path, compacted: onnx.ModelProto, quantised: onnx.ModelProto) -> Path:
    (folder / "rgb.onnx").write_bytes(serialise(compacted))
    shared = onnx.ModelProto()
    shared.CopyFrom(quantised)
    assert share_weights(shared, folder / "rgb.onnx") == 64 * 64 * 9
    path = folder / "rgb.int8.onnx"
    path.write_bytes(serialise(shared))
    return path


def test_large_integers_are_not_written_again(
    compacted: onnx.ModelProto, quantised: onnx.ModelProto, tmp_path: Path
) -> None:
    path = written(tmp_path, compacted, quantised)
    assert path.stat().st_size < len(serialise(quantised)) - 64 * 64 * 9 + 500
    onnx.checker.check_model(path, full_check=True)


@pytest.mark.parametrize("shift", range(4))
def test_every_library_reads_them_at_any_alignment(
    compacted: onnx.ModelProto, quantised: onnx.ModelProto, tmp_path: Path, shift: int
) -> None:
    moved = onnx.ModelProto()
    moved.CopyFrom(compacted)
    moved.producer_name = "x" * shift
    path = written(tmp_path, moved, quantised)
    pixels = random_pixels(3, seed=5)
    expected = run(quantised, pixels)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    np.testing.assert_array_equal(session.run(None, {"images": pixels})[0], expected)
    compiled = (
        import_openvino()
        .Core()
        .compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1})
    )
    found = compiled([pixels])[0]
    np.testing.assert_allclose(found, expected, rtol=0.1, atol=0.05 * np.abs(expected).max())


def test_a_file_without_these_integers_is_not_pointed_into(
    quantised: onnx.ModelProto, tmp_path: Path
) -> None:
    (tmp_path / "rgb.onnx").write_bytes(serialise(residual_branch(channels=64)))
    alone = onnx.ModelProto()
    alone.CopyFrom(quantised)
    assert share_weights(alone, tmp_path / "rgb.onnx") == 0
    assert alone == quantised
