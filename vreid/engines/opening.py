"""From what was asked for to an open engine."""

import logging
from collections.abc import Sequence
from importlib.util import find_spec

from vreid.bundle import Bundle
from vreid.cpu_features import Processor, read_processor
from vreid.engines.candidates import Candidate, candidates_of, require_known
from vreid.engines.choosing import open_fastest
from vreid.engines.names import AUTO, GPU_ENGINES
from vreid.engines.protocol import BranchEngine
from vreid.engines.request import EngineRequest, engine_request
from vreid.errors import EngineError, EngineUnavailable
from vreid.installation import install_hint

_LOGGER = logging.getLogger("vreid.engines")

_PACKAGES = {"openvino-cpu": "openvino", "onnxruntime-cpu": "onnxruntime"}


def open_engine(
    bundle: Bundle,
    engine: str = AUTO,
    threads: int | None = None,
    precision: str = AUTO,
    lanes: int | None = None,
) -> BranchEngine:
    """Open an engine on a bundle; every branch has run once at every batch size on return.

    Args:
        bundle: the model.
        engine: ``auto`` takes CUDA where it works, else the fastest on the processor, measured
            once and kept. One asked for by name is that one or an error, never another.
        threads: of the processor; by default as many as this process may use.
        precision: ``auto`` takes among the bundle's default and its variants, whose loss was
            measured; one asked for by name is that one or an error.
        lanes: runs at the same moment, which share the threads; by default one per thread, which
            gives the most images a second. One lane gives the shortest time of a single image.

    Raises:
        EngineUnavailable: the engine or precision is unknown, not installed, or its hardware is
            not there.
        EngineError: a branch does not run.
        BundleUnsupported: the bundle has no such precision.
        BundleDamaged: a network file is not what was written.
        ConfigurationError: threads or lanes are out of range, or threads are no multiple of lanes.
    """
    request = engine_request(bundle, threads, lanes)
    require_known(engine, precision)
    processor = read_processor()
    measured = _with_measured_loss(bundle)
    if precision != AUTO:
        bundle.manifest.files_of(precision)  # a precision that the bundle lacks is an error
    if engine == AUTO:
        on_gpu = _opened_on_gpu(request, precision, processor)
        if on_gpu is not None:
            return on_gpu
    candidates = candidates_of(engine, precision, measured, processor)
    if precision == "int8" and not processor.has_int8_dot:
        _warn_of_int8(processor)
    if engine in GPU_ENGINES or len(candidates) == 1:
        return request.open(candidates[0])
    installed = _installed(candidates)
    if len(installed) == 1:
        return request.open(installed[0])
    return open_fastest(request, installed, processor)


def _with_measured_loss(bundle: Bundle) -> tuple[str, ...]:
    """The bundle's default precision and its variants; there may be files of more."""
    return (bundle.manifest.precision, *bundle.manifest.variants)


def _warn_of_int8(processor: Processor) -> None:
    _LOGGER.warning(
        "precision int8 on a processor without VNNI (%s): sums of 8-bit products saturate, and "
        "the loss that the bundle was measured with does not hold; precision auto leaves int8 "
        "out here",
        processor.model,
    )


def _opened_on_gpu(
    request: EngineRequest, precision: str, processor: Processor
) -> BranchEngine | None:
    """CUDA where it works. TensorRT compiles for minutes, so it has to be asked for by name."""
    if find_spec(_PACKAGES["onnxruntime-cpu"]) is None:
        _LOGGER.info("engine auto: CPU (ONNX Runtime, which runs on a GPU, is not installed)")
        return None
    from vreid.engines.onnx_runtime import has_provider

    try:
        if not has_provider("onnxruntime-cuda"):
            _LOGGER.info("engine auto: CPU (this ONNX Runtime has no CUDA)")
            return None
        measured = _with_measured_loss(request.bundle)
        on_gpu = candidates_of("onnxruntime-cuda", precision, measured, processor)
        return request.open(on_gpu[0])
    except EngineError as reason:
        _LOGGER.warning("engine auto: CPU (%s)", reason)
        return None


def _installed(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those whose library is there; importing one takes a while."""
    found = [each for each in candidates if find_spec(_PACKAGES[each.engine]) is not None]
    if not found:
        raise EngineUnavailable(
            f"neither ONNX Runtime nor OpenVINO is installed; {install_hint('service,cpu')}"
        )
    return found
