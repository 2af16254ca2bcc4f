"""Engines on a real GPU; not run where there is none."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from tests.bundles import make_tiny_bundle
from tests.vreid.engines.pixel_batches import pixels
from vreid.bundle import Bundle
from vreid.engines import BranchEngine, open_engine
from vreid.engines.gpu import find_gpu
from vreid.modality import MODALITIES

PROVIDERS = {
    "onnxruntime-cuda": "CUDAExecutionProvider",
    "onnxruntime-tensorrt": "TensorrtExecutionProvider",
}
ON_GPU = [
    pytest.param(
        engine,
        marks=pytest.mark.skipif(
            find_gpu() is None or provider not in onnxruntime.get_available_providers(),
            reason=f"not run: needs an NVIDIA GPU and an ONNX Runtime with {provider}",
        ),
    )
    for engine, provider in PROVIDERS.items()
]


@pytest.fixture(scope="module")
def with_fp16(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle with fp32, which takes normalised numbers, and fp16, which takes pixels."""
    return make_tiny_bundle(tmp_path_factory.mktemp("fp16") / "bundle", fp16=True)


def require_features(engine: BranchEngine, bundle: Bundle) -> None:
    expected = open_engine(bundle, "onnxruntime-cpu", precision="fp32")
    for modality in MODALITIES:
        for count in (1, 3, 40):
            found = engine.run(modality, pixels(count))
            np.testing.assert_allclose(found, expected.run(modality, pixels(count)), atol=0.02)


def test_the_files_in_fp16_compute_what_those_in_fp32_do(with_fp16: Bundle) -> None:
    """On the processor, which needs no GPU: the graphs that the tests below run are right."""
    expected = open_engine(with_fp16, "onnxruntime-cpu", precision="fp32")
    for modality in MODALITIES:
        path = with_fp16.file(modality, "fp16")
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        (found,) = session.run(["features"], {"images": pixels(3)})
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected.run(modality, pixels(3)), atol=0.02)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("name", ON_GPU)
def test_a_gpu_gives_the_features_of_the_processor(
    with_fp16: Bundle, name: str, precision: str
) -> None:
    engine = open_engine(with_fp16, name, precision=precision)
    assert (engine.name, engine.precision) == (name, precision)
    require_features(engine, with_fp16)


@pytest.mark.parametrize("name", ON_GPU[:1])
def test_auto_takes_the_gpu_and_fp16(with_fp16: Bundle, name: str) -> None:
    engine = open_engine(with_fp16)
    assert (engine.name, engine.precision) == (name, "fp16")


@pytest.mark.parametrize("name", ON_GPU[1:])
def test_tensorrt_takes_what_it_compiled_before(with_fp16: Bundle, name: str, cache: Path) -> None:
    open_engine(with_fp16, name)
    compiled = {path: path.stat().st_mtime_ns for path in (cache / "tensorrt").rglob("*.engine")}
    assert compiled
    require_features(open_engine(with_fp16, name), with_fp16)
    after = {path: path.stat().st_mtime_ns for path in (cache / "tensorrt").rglob("*.engine")}
    assert after == compiled
