"""From what was asked for to an open engine."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from vreid.bundle import Bundle
from vreid.cpu_features import Processor, read_processor
from vreid.engines.cache_directory import writable_directory
from vreid.engines.candidates import Candidate, candidates_of, require_known
from vreid.engines.choice_cache import choice_key, keep_choice, read_choice
from vreid.engines.measuring import choose, milliseconds_per_image
from vreid.engines.names import AUTO, GPU_ENGINES
from vreid.engines.processors import usable_processors
from vreid.engines.protocol import BranchEngine
from vreid.errors import ConfigurationError, EngineError, EngineUnavailable
from vreid.installation import install_hint
from vreid.modality import Modality

_LOGGER = logging.getLogger("vreid.engines")


@dataclass(frozen=True, slots=True)
class _Request:
    """What an engine is opened with, whichever it is."""

    bundle: Bundle
    threads: int
    lanes: int | None

    def lanes_of(self, engine: str) -> int:
        """On a processor one lane per thread; on a GPU one, which a full batch fills."""
        if self.lanes is not None:
            return self.lanes
        return 1 if engine in GPU_ENGINES else self.threads

    def open(self, candidate: Candidate, modalities: Sequence[Modality] = ()) -> BranchEngine:
        chosen = tuple(modalities) or self.bundle.manifest.modalities
        lanes = self.lanes_of(candidate.engine)
        if candidate.engine == "openvino-cpu":
            from vreid.engines.openvino_runtime import open_openvino

            return open_openvino(self.bundle, candidate.precision, self.threads, lanes, chosen)
        from vreid.engines.onnx_runtime import open_onnx_runtime

        return open_onnx_runtime(
            self.bundle, candidate.engine, candidate.precision, self.threads, lanes, chosen
        )


def open_engine(
    bundle: Bundle,
    engine: str = AUTO,
    threads: int | None = None,
    precision: str = AUTO,
    lanes: int | None = None,
) -> BranchEngine:
    """Open an engine on a bundle; every branch is loaded when this returns.

    Args:
        bundle: the model.
        engine: ``auto`` takes CUDA where it works, else the fastest on the processor, measured
            once and kept. One asked for by name is that one or an error, never another.
        threads: of the processor; by default as many as this process may use.
        precision: ``auto`` takes among the bundle's default and its variants; one asked for by
            name is that one or an error.
        lanes: runs at the same moment, which share the threads; by default one per thread, which
            gives the most images a second. One lane gives the shortest time of a single image.

    Raises:
        EngineUnavailable: the engine or precision is unknown, not installed, or its hardware is
            not there.
        BundleUnsupported: the bundle has no such precision.
        BundleDamaged: a network file cannot be loaded.
        ConfigurationError: threads or lanes are out of range.
    """
    request = _Request(bundle, threads or usable_processors(), lanes)
    _require_counts(request)
    require_known(engine, precision)
    processor = read_processor()
    available = bundle.manifest.precisions
    if precision != AUTO:
        bundle.manifest.files_of(precision)  # a precision that the bundle lacks is an error
    if engine == AUTO:
        on_gpu = _opened_on_gpu(request, precision, processor)
        if on_gpu is not None:
            return on_gpu
    candidates = candidates_of(engine, precision, available, processor)
    if precision == "int8" and not processor.has_int8_dot:
        _warn_of_int8(processor)
    if engine in GPU_ENGINES or len(candidates) == 1:
        return request.open(candidates[0])
    return _opened_by_measurement(request, _installed(candidates), processor)


def _require_counts(request: _Request) -> None:
    lanes = 1 if request.lanes is None else request.lanes
    if request.threads < 1 or not 1 <= lanes <= request.threads:
        raise ConfigurationError(
            f"threads is {request.threads} and lanes {lanes}; give at least 1 of each, and no more "
            "lanes than threads"
        )


def _warn_of_int8(processor: Processor) -> None:
    _LOGGER.warning(
        "precision int8 on a processor without VNNI (%s): sums of 8-bit products saturate, and "
        "the loss that the bundle was measured with does not hold; precision auto leaves int8 "
        "out here",
        processor.model,
    )


def _opened_on_gpu(request: _Request, precision: str, processor: Processor) -> BranchEngine | None:
    """CUDA where it works. TensorRT compiles for minutes, so it has to be asked for by name."""
    from vreid.engines.onnx_runtime import has_provider

    try:
        if not has_provider("onnxruntime-cuda"):
            _LOGGER.info("engine auto: CPU (this ONNX Runtime has no CUDA)")
            return None
        on_gpu = candidates_of(
            "onnxruntime-cuda", precision, request.bundle.manifest.precisions, processor
        )
        return request.open(on_gpu[0])
    except EngineUnavailable as reason:
        _LOGGER.warning("engine auto: CPU (%s)", reason)
        return None


def _installed(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those whose library is there; importing one takes a while."""
    packages = {"openvino-cpu": "openvino", "onnxruntime-cpu": "onnxruntime"}
    found = [each for each in candidates if find_spec(packages[each.engine]) is not None]
    if not found:
        raise EngineUnavailable(
            f"neither ONNX Runtime nor OpenVINO is installed; {install_hint('service,cpu')}"
        )
    return found


def _opened_by_measurement(
    request: _Request, candidates: Sequence[Candidate], processor: Processor
) -> BranchEngine:
    if len(candidates) == 1:
        return request.open(candidates[0])
    directory = writable_directory()
    lanes = request.lanes_of(candidates[0].engine)
    key = choice_key(request.bundle, list(candidates), processor, request.threads, lanes)
    kept = read_choice(directory, key)
    if kept is not None and kept in candidates:
        _LOGGER.info("engine auto: %s (as measured at an earlier start)", kept)
        return request.open(kept)
    failures: list[EngineError] = []
    chosen, measured = choose(candidates, _measurement(request, failures))
    if chosen is None:
        raise failures[0]
    keep_choice(directory, key, chosen, measured)
    told = ", ".join(f"{each} {time:.2f} ms" for each, time in measured.items())
    _LOGGER.info("engine auto: %s (measured: %s)", chosen, told)
    return request.open(chosen)


def _measurement(
    request: _Request, failures: list[EngineError]
) -> Callable[[Candidate], float | None]:
    """Milliseconds of one image of the first branch, by candidate."""
    modality = request.bundle.manifest.modalities[0]
    preprocessing = request.bundle.manifest.preprocessing

    def measure(candidate: Candidate) -> float | None:
        try:
            return milliseconds_per_image(
                request.open(candidate, [modality]),
                modality,
                preprocessing.height,
                preprocessing.width,
            )
        except EngineError as error:
            _LOGGER.warning("engine auto: not %s (%s)", candidate, error)
            failures.append(error)
            return None

    return measure
