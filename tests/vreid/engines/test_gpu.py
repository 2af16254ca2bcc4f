"""Engines on a real GPU; not run where there is none."""

import numpy as np
import onnxruntime
import pytest

from tests.vreid.engines.pixel_batches import pixels
from vreid.bundle import Bundle
from vreid.engines import open_engine
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


@pytest.mark.parametrize("name", ON_GPU)
def test_a_gpu_gives_the_features_of_the_processor(variants: Bundle, name: str) -> None:
    expected = open_engine(variants, "onnxruntime-cpu", precision="fp32")
    engine = open_engine(variants, name)
    assert engine.name == name
    for modality in MODALITIES:
        for count in (1, 3, 40):
            found = engine.run(modality, pixels(count))
            np.testing.assert_allclose(found, expected.run(modality, pixels(count)), atol=0.02)


@pytest.mark.parametrize("name", ON_GPU[:1])
def test_auto_takes_the_gpu(variants: Bundle, name: str) -> None:
    assert open_engine(variants).name == name
