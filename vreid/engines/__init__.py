"""Inference engines: what runs a bundle's network files, behind one protocol."""

import logging
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from vreid.bundle import Bundle
from vreid.errors import EngineUnavailable
from vreid.modality import Modality

_LOGGER = logging.getLogger(__name__)

EngineName = Literal["auto", "onnxruntime-cpu", "onnxruntime-cuda"]

ENGINES: tuple[EngineName, ...] = get_args(EngineName)


class BranchEngine(Protocol):
    """Runs one branch at a time on a batch of its images."""

    @property
    def name(self) -> str:
        """Which engine it is, for instance ``onnxruntime-cpu``."""

    @property
    def precision(self) -> str:
        """Which of the bundle's precisions it runs."""

    def run(self, modality: Modality, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Branch features (N, D) of preprocessed images (N, 3, H, W).

        Raises:
            EngineError: the images have another shape, or the engine failed.
        """


def open_engine(
    bundle: Bundle,
    engine: str = "auto",
    threads: int | None = None,
    precision: str | None = None,
) -> BranchEngine:
    """Open an engine on a bundle; every branch is loaded when this returns.

    Args:
        bundle: the model.
        engine: ``auto`` takes CUDA where it works, else the CPU. One asked for by name is that
            one or an error, never another.
        threads: of the CPU; by default as many as this process may use.
        precision: one of the bundle's; its default when None.

    Raises:
        EngineUnavailable: the engine is unknown, not installed, or its hardware is not there.
        BundleUnsupported: the bundle has no such precision.
        BundleDamaged: a network file cannot be loaded.
    """
    if engine not in ENGINES:
        raise EngineUnavailable(f"{engine!r} is no engine; use one of {', '.join(ENGINES)}")
    from vreid.engines.onnx_runtime import OnnxRuntimeEngine, has_cuda

    if engine != "auto":
        return OnnxRuntimeEngine(bundle, engine, threads, precision)
    if not has_cuda():
        _LOGGER.info("engine auto: CPU (this ONNX Runtime has no CUDA)")
        return OnnxRuntimeEngine(bundle, "onnxruntime-cpu", threads, precision)
    try:
        return OnnxRuntimeEngine(bundle, "onnxruntime-cuda", threads, precision)
    except EngineUnavailable as reason:
        _LOGGER.info("engine auto: CPU (%s)", reason)
        return OnnxRuntimeEngine(bundle, "onnxruntime-cpu", threads, precision)
