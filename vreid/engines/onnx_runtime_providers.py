"""What ONNX Runtime is told about each engine: its providers with their options.

The GPU's options have not been run on a GPU.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vreid.engines.batches import batch_sizes_of

Layout = Literal["pixels", "normalised"]
"""What a network file takes: uint8 (N, H, W, 3) or float32 (N, 3, H, W)."""

PROVIDERS: Mapping[str, str] = {
    "onnxruntime-cpu": "CPUExecutionProvider",
    "onnxruntime-cuda": "CUDAExecutionProvider",
    "onnxruntime-tensorrt": "TensorrtExecutionProvider",
}

_CUDA_OPTIONS: Mapping[str, str] = {
    # Growing by powers of two would hold up to twice the memory that is needed.
    "arena_extend_strategy": "kSameAsRequested",
    # Trying every algorithm for every batch size would take long before the first answer.
    "cudnn_conv_algo_search": "HEURISTIC",
    # fp32 means fp32: TF32 would round inputs of convolutions to 10 bits.
    "use_tf32": "0",
}


@dataclass(frozen=True, slots=True)
class NetworkInput:
    """A network's input: its name, what it takes, and the images' size in pixels."""

    name: str
    layout: Layout
    height: int
    width: int

    def shape(self, batch_size: int) -> str:
        """As TensorRT's profiles have it, such as ``images:1x3x128x256``."""
        sides = f"{self.height}x{self.width}"
        inner = f"{sides}x3" if self.layout == "pixels" else f"3x{sides}"
        return f"{self.name}:{batch_size}x{inner}"


def providers(
    engine: str, precision: str, network_input: NetworkInput, cache: Path | None
) -> list[tuple[str, dict[str, str]]]:
    """Providers in the order in which they get a network's nodes.

    Args:
        engine: a key of `PROVIDERS`.
        precision: the engine's.
        network_input: of the file.
        cache: where TensorRT keeps what it compiled from this file; None keeps nothing.
    """
    if engine == "onnxruntime-cpu":
        return [(PROVIDERS[engine], {})]
    cuda = (PROVIDERS["onnxruntime-cuda"], dict(_CUDA_OPTIONS))
    if engine == "onnxruntime-cuda":
        return [cuda]
    return [(PROVIDERS[engine], tensorrt_options(precision, network_input, cache)), cuda]


def tensorrt_options(
    precision: str, network_input: NetworkInput, cache: Path | None
) -> dict[str, str]:
    """Options of TensorRT: one engine for all batch sizes, compiled once and kept."""
    sizes = batch_sizes_of("onnxruntime-tensorrt", precision)
    options = {
        "trt_profile_min_shapes": network_input.shape(sizes[0]),
        "trt_profile_opt_shapes": network_input.shape(sizes[len(sizes) // 2]),
        "trt_profile_max_shapes": network_input.shape(sizes[-1]),
        "trt_fp16_enable": "1" if precision == "fp16" else "0",
    }
    if cache is not None:
        options |= {
            "trt_engine_cache_enable": "1",
            "trt_engine_cache_path": str(cache),
            "trt_timing_cache_enable": "1",
            "trt_timing_cache_path": str(cache),
        }
    return options


def tensorrt_cache_parts(directory_name: str, sha256: str) -> tuple[str, ...]:
    """Where in the cache TensorRT's engines of one file lie: another GPU or driver, another place.

    Args:
        directory_name: see `vreid.engines.gpu.Gpu`.
        sha256: of the network file.
    """
    return ("tensorrt", f"{directory_name}-{sha256}")
