"""OpenVINO as an engine on the CPU: float32, bfloat16, and the 8-bit files of a bundle."""

import math
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vreid.bundle import Bundle
from vreid.engines.batches import batch_sizes_of
from vreid.engines.cache_directory import writable_directory
from vreid.engines.lane_engine import Images, LaneEngine
from vreid.engines.loading import not_imported, not_loaded
from vreid.engines.signal_stack import kept_signal_stack
from vreid.errors import BundleDamaged, EngineUnavailable
from vreid.modality import Modality

if TYPE_CHECKING:
    import openvino

NAME = "openvino-cpu"
INPUT = "images"
OUTPUT = "features"

# An 8-bit network computes what it does not compute in 8 bits in float32.
_HINTS = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}

_MOST_BYTES_OF_COPIES = 256 * 2**20
"""Of one branch's weights, in all lanes together."""

_REPORTER = "openvino.tools.ovc"
_IMPORTING = threading.Lock()


def open_openvino(
    bundle: Bundle, precision: str, threads: int, lanes: int, modalities: Sequence[Modality]
) -> LaneEngine:
    """Compile the model of each modality; every lane computes with `threads` / `lanes` threads.

    Raises:
        EngineUnavailable: OpenVINO is not installed, does not compute in the precision here, or
            does not read a file that is whole.
        BundleUnsupported: the bundle has no such precision.
        BundleDamaged: a network file is not what was written.
    """
    library = import_openvino()

    def compiled(modality: Modality) -> _Compiled:
        with kept_signal_stack():
            return _Compiled(_compile(library, bundle, modality, precision, threads, lanes))

    # The first alone: two threads that ask OpenVINO for a type for the first time at the same
    # moment may wait for each other for ever, one for Python's lock and one for the table of types.
    # Afterwards the table is there, for branches have the same kinds of nodes. OpenVINO compiles a
    # model in one thread.
    first, *others = modalities
    networks = {first: compiled(first)}
    with ThreadPoolExecutor(threads, "compile") as pool:
        networks |= zip(others, pool.map(compiled, others), strict=True)
    return LaneEngine(
        NAME, precision, threads, lanes, batch_sizes_of(NAME, precision), bundle, networks
    )


class _Compiled:
    """One branch, compiled, with a request of its own for every lane.

    A request is not to be run by two threads at once, and its output is overwritten by its next
    run.
    """

    def __init__(self, models: "Sequence[openvino.CompiledModel]") -> None:
        """Take the compiled model that each lane runs: the same, or one for each."""
        self._models = list(models)
        self._requests = [model.create_infer_request() for model in models]
        self.takes_pixels = models[0].input().get_element_type().to_dtype() == np.uint8

    def __del__(self) -> None:
        with kept_signal_stack():
            self._requests = []
            self._models = []

    def run(self, lane: int, images: Images) -> NDArray[np.generic]:
        request = self._requests[lane]
        request.infer([images], share_inputs=True)
        found: NDArray[np.generic] = request.get_output_tensor().data
        return found


def import_openvino() -> ModuleType:
    """Import OpenVINO without the part that reports every import over the network.

    Raises:
        EngineUnavailable: it is not installed, or does not start.
    """
    try:
        with _without_reporter():
            import openvino
    except ImportError as error:
        raise not_imported("OpenVINO", "openvino", error) from error
    module: ModuleType = openvino
    return module


@contextmanager
def _without_reporter() -> Iterator[None]:
    # The package imports its converter of models only to offer it, does without where it is
    # missing, and the converter is what reports. Nothing is converted here.
    with _IMPORTING:
        blocked = _REPORTER not in sys.modules
        if blocked:
            sys.modules[_REPORTER] = None  # type: ignore[assignment]
        try:
            yield
        finally:
            if blocked:
                sys.modules.pop(_REPORTER, None)


def _compile(
    library: ModuleType,
    bundle: Bundle,
    modality: Modality,
    precision: str,
    threads: int,
    lanes: int,
) -> "list[openvino.CompiledModel]":
    """The compiled model of each lane: the same for all, or one for each."""
    path = bundle.file(modality, precision)
    core = library.Core()
    properties: dict[str, Any] = {
        "INFERENCE_PRECISION_HINT": _HINTS[precision],
        # Streams of several models would be pinned to the same processors.
        "ENABLE_CPU_PINNING": False,
        "LOG_LEVEL": "LOG_NONE",
    }
    cache = _cache_of(bundle, modality, precision)
    try:
        model = core.read_model(path)
        _require_interface(model, path.name)
        largest = batch_sizes_of(NAME, precision)[-1]
        # One model for all sizes: each that is compiled by itself costs memory and time.
        images = largest if largest == 1 else library.Dimension(1, largest)
        model.reshape({INPUT: [images, *_image_shape(model)]})
        if precision != "int8":
            _fold_constants(model)
        if cache is not None:
            core.set_property({"CACHE_DIR": cache})
        compiled = [
            core.compile_model(model, "CPU", properties | streams)
            for streams in streams_of(model, threads, lanes)
        ]
    except BundleDamaged:
        raise
    except Exception as error:  # OpenVINO raises RuntimeError for everything
        raise not_loaded(bundle, path, "OpenVINO", error) from error
    taken = compiled[0].get_property("INFERENCE_PRECISION_HINT").to_string()
    if taken != _HINTS[precision]:
        raise EngineUnavailable(
            f"{NAME} was asked for {precision}, but computes in {taken} on this processor; "
            "use the precision auto"
        )
    return compiled if len(compiled) == lanes else compiled * lanes


def streams_of(model: "openvino.Model", threads: int, lanes: int) -> list[dict[str, int]]:
    """What each compiled model is told about threads: one model for all lanes, or one for each.

    A model without streams computes in the thread that calls, one call at a time. A stream has a
    thread of its own: each run waits for that to wake, and then for the lane to wake and to have
    Python's lock again. So a lane of one thread has a model without streams to itself, unless so
    many copies of the weights would be large.
    """
    if threads == lanes and lanes * _weight_bytes(model) <= _MOST_BYTES_OF_COPIES:
        return [{"NUM_STREAMS": 0, "INFERENCE_NUM_THREADS": 1}] * lanes
    return [{"NUM_STREAMS": lanes, "INFERENCE_NUM_THREADS": threads}]


def _weight_bytes(model: "openvino.Model") -> int:
    constants = (node for node in model.get_ops() if node.get_type_name() == "Constant")
    return sum(
        node.get_element_type().size * math.prod(node.get_output_shape(0)) for node in constants
    )


def _fold_constants(model: "openvino.Model") -> None:
    """Compute what depends on constants alone, such as weights stored in 8 bits, before compiling.

    OpenVINO 2026.4 does it while it compiles, in every stream at once and into memory that streams
    share: two streams of a bundle with compact weights then gave wrong features in most trials.
    8-bit networks keep their weights as they are, and had no such race.
    """
    from openvino.passes import ConstantFolding, Manager

    passes = Manager()
    passes.register_pass(ConstantFolding())
    passes.run_passes(model)


def _cache_of(bundle: Bundle, modality: Modality, precision: str) -> str | None:
    """Where OpenVINO keeps the compiled model; None where compiling is as fast as reading it."""
    if precision != "int8":
        return None
    sha256 = bundle.manifest.files_of(precision)[modality].sha256
    directory = writable_directory("openvino", sha256)
    return None if directory is None else str(directory)


def _image_shape(model: "openvino.Model") -> list[int]:
    return [side.get_length() for side in list(model.input().get_partial_shape())[1:]]


def _require_interface(model: "openvino.Model", file_name: str) -> None:
    inputs = [port.get_any_name() for port in model.inputs]
    outputs = [port.get_any_name() for port in model.outputs]
    if inputs != [INPUT] or outputs != [OUTPUT]:
        raise BundleDamaged(
            f"{file_name} maps {inputs} to {outputs} instead of {INPUT} to {OUTPUT}; "
            "export the bundle again"
        )
    taken = model.input().get_element_type().to_dtype()
    if taken not in (np.uint8, np.float32):
        raise BundleDamaged(
            f"{file_name} takes {taken} instead of uint8 or float32; export the bundle again"
        )
