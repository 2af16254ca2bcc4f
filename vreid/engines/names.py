"""Names of engines and precisions, and which engine computes in which precision."""

from collections.abc import Mapping
from typing import Literal, get_args

EngineName = Literal[
    "auto", "openvino-cpu", "onnxruntime-cpu", "onnxruntime-cuda", "onnxruntime-tensorrt"
]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)

PrecisionName = Literal["auto", "fp32", "bf16", "int8", "fp16"]
PRECISIONS: tuple[PrecisionName, ...] = get_args(PrecisionName)

AUTO = "auto"

PRECISIONS_OF: Mapping[str, tuple[str, ...]] = {
    "openvino-cpu": ("int8", "bf16", "fp32"),
    "onnxruntime-cpu": ("int8", "fp32"),
    "onnxruntime-cuda": ("fp16", "fp32"),
    "onnxruntime-tensorrt": ("fp16", "fp32"),
}
"""Engine -> what it computes in, what is expected to be fastest first."""

GPU_ENGINES = ("onnxruntime-cuda", "onnxruntime-tensorrt")
