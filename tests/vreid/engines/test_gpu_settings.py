"""What a GPU would be told; none is needed here."""

from pathlib import Path

import onnxruntime
import pytest

from vreid.bundle import Bundle
from vreid.engines import open_engine
from vreid.engines.batches import batch_sizes_of
from vreid.engines.gpu import Gpu, find_gpu
from vreid.engines.onnx_runtime import tensorrt_cache
from vreid.engines.onnx_runtime_providers import (
    NetworkInput,
    providers,
    tensorrt_cache_parts,
)
from vreid.errors import EngineUnavailable

PIXELS = NetworkInput("images", "pixels", 128, 256)
NORMALISED = NetworkInput("images", "normalised", 128, 256)
HAS = onnxruntime.get_available_providers()


def nvidia(folder: Path, *models: str, version: str = "NVIDIA UNIX Module  550.54.15  x") -> Path:
    for number, model in enumerate(models):
        path = folder / "gpus" / f"0000:{number:02}:00.0" / "information"
        path.parent.mkdir(parents=True)
        path.write_text(f"Model: \t\t {model}\nIRQ:  9\n")
    (folder / "version").write_text(f"NVRM version: {version}\nGCC version: gcc 12.2.0\n")
    return folder


def test_the_gpu_and_its_driver_are_read(tmp_path: Path) -> None:
    found = find_gpu(nvidia(tmp_path, "NVIDIA A2", "NVIDIA A2"))
    assert found == Gpu("NVIDIA A2", "550.54.15")
    assert found.directory_name == "NVIDIA_A2-550.54.15"


def test_gpus_of_two_kinds_are_both_named(tmp_path: Path) -> None:
    found = find_gpu(nvidia(tmp_path, "Tesla T4", "NVIDIA A2"))
    assert found is not None
    assert found.name == "NVIDIA A2+Tesla T4"


def test_without_a_driver_there_is_no_gpu(tmp_path: Path) -> None:
    assert find_gpu(tmp_path / "absent") is None
    assert find_gpu(nvidia(tmp_path, version="none")) is None


def test_tensorrt_keeps_what_it_compiled_by_gpu_driver_and_file(tmp_path: Path) -> None:
    places = {
        tensorrt_cache_parts(gpu.directory_name, sha256)
        for gpu in (Gpu("A2", "550.1"), Gpu("A2", "550.2"), Gpu("T4", "550.1"))
        for sha256 in ("a" * 64, "b" * 64)
    }
    assert len(places) == 6
    (_, options), cuda = providers("onnxruntime-tensorrt", "fp16", PIXELS, tmp_path)
    assert options["trt_engine_cache_enable"] == "1"
    assert options["trt_engine_cache_path"] == str(tmp_path)
    assert cuda[0] == "CUDAExecutionProvider"


def test_tensorrt_without_a_known_gpu_says_so(caplog: pytest.LogCaptureFixture) -> None:
    assert tensorrt_cache(None, "a" * 64) is None
    assert "/proc/driver/nvidia does not tell which GPU" in caplog.text
    assert "XDG_CACHE_HOME" not in caplog.text


def test_tensorrt_without_a_writable_cache_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, cache: Path
) -> None:
    gpu = Gpu("A2", "550.1")
    assert tensorrt_cache(gpu, "a" * 64) == cache / "tensorrt" / f"A2-550.1-{'a' * 64}"
    assert caplog.text == ""
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/none")
    assert tensorrt_cache(gpu, "a" * 64) is None
    assert "no cache that can be written" in caplog.text


def test_tensorrt_without_a_cache_is_told_of_none() -> None:
    (_, options), _ = providers("onnxruntime-tensorrt", "fp32", NORMALISED, None)
    assert not any("cache" in name for name in options)
    assert options["trt_fp16_enable"] == "0"


def test_tensorrt_compiles_for_every_batch_size_that_is_used() -> None:
    smallest, largest = (
        batch_sizes_of("onnxruntime-tensorrt", "fp16")[0],
        batch_sizes_of("onnxruntime-tensorrt", "fp16")[-1],
    )
    (_, options), _ = providers("onnxruntime-tensorrt", "fp16", PIXELS, None)
    assert options["trt_profile_min_shapes"] == f"images:{smallest}x128x256x3"
    assert options["trt_profile_max_shapes"] == f"images:{largest}x128x256x3"
    (_, options), _ = providers("onnxruntime-tensorrt", "fp16", NORMALISED, None)
    assert options["trt_profile_max_shapes"] == f"images:{largest}x3x128x256"


def test_fp32_on_cuda_is_not_rounded_to_tf32() -> None:
    ((name, options),) = providers("onnxruntime-cuda", "fp32", NORMALISED, None)
    assert name == "CUDAExecutionProvider"
    assert options["use_tf32"] == "0"


@pytest.mark.parametrize(
    ("engine", "provider"),
    [
        ("onnxruntime-cuda", "CUDAExecutionProvider"),
        ("onnxruntime-tensorrt", "TensorrtExecutionProvider"),
    ],
)
def test_a_gpu_asked_for_and_absent_is_an_error_and_never_the_cpu(
    bundle: Bundle, engine: str, provider: str
) -> None:
    if provider in HAS:
        pytest.skip(f"this ONNX Runtime has {provider}")
    with pytest.raises(EngineUnavailable, match=f"{engine} was asked for, but .* has only"):
        open_engine(bundle, engine)
