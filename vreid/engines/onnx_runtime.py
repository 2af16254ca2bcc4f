"""ONNX Runtime as an engine, on the CPU, on CUDA, or on TensorRT.

What is guaranteed about a row's features: on one machine and engine, with one thread count, the
same image gives the same features. On the CPU a run in float32 is of one image, so a batch of any
size gives the same rows to the last bit (tested). Runs in 8 bits are of several, and a GPU
guarantees nothing across batch sizes; what differs in the last bits is mostly removed by
`vreid.embedding.round_to_stored`.
"""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vreid.bundle import Bundle
from vreid.engines.batches import batch_sizes_of
from vreid.engines.cache_directory import writable_directory
from vreid.engines.gpu import NVIDIA, Gpu, find_gpu
from vreid.engines.lane_engine import Images, LaneEngine
from vreid.engines.loading import not_imported, not_loaded
from vreid.engines.onnx_runtime_providers import (
    PROVIDERS,
    Layout,
    NetworkInput,
    providers,
    tensorrt_cache_parts,
)
from vreid.errors import BundleDamaged, EngineUnavailable
from vreid.modality import Modality

if TYPE_CHECKING:
    import onnxruntime

_LOGGER = logging.getLogger(__name__)

INPUT = "images"
OUTPUT = "features"

_INPUT_TYPES = {"tensor(float)": False, "tensor(uint8)": True}
"""ONNX Runtime's names of types -> whether they are pixels."""


def open_onnx_runtime(
    bundle: Bundle,
    engine: str,
    precision: str,
    threads: int,
    lanes: int,
    modalities: Sequence[Modality],
) -> LaneEngine:
    """Open one session per modality; every lane computes with `threads` / `lanes` threads.

    Raises:
        EngineUnavailable: ONNX Runtime is not installed, cannot use the hardware asked for, or does
            not read a file that is whole.
        BundleUnsupported: the bundle has no such precision.
        BundleDamaged: a network file is not what was written.
    """
    _require_provider(engine)
    sizes = batch_sizes_of(engine, precision)
    networks = {
        modality: _Session(
            _open_session(bundle, modality, engine, precision, threads // lanes),
            bundle.file(modality, precision).name,
        )
        for modality in modalities
    }
    return LaneEngine(engine, precision, threads, lanes, sizes, bundle, networks)


def has_provider(engine: str) -> bool:
    """Whether the installed ONNX Runtime was built for it; a GPU may still be absent.

    Raises:
        EngineUnavailable: ONNX Runtime is not installed.
    """
    return PROVIDERS[engine] in _import().get_available_providers()


class _Session:
    """One branch's session, in which all the lanes run at once, each in the thread that calls."""

    def __init__(self, session: "onnxruntime.InferenceSession", file_name: str) -> None:
        self._session = session
        self.takes_pixels = _takes_pixels(session, file_name)

    def run(self, lane: int, images: Images) -> NDArray[np.generic]:
        (features,) = self._session.run([OUTPUT], {INPUT: images})
        return np.asarray(features)


def _import() -> ModuleType:
    try:
        import onnxruntime
    except ImportError as error:
        raise not_imported("ONNX Runtime", "onnxruntime", error) from error
    module: ModuleType = onnxruntime
    return module


def _require_provider(engine: str) -> None:
    if not has_provider(engine):
        available = ", ".join(_import().get_available_providers())
        raise EngineUnavailable(
            f"{engine} was asked for, but this ONNX Runtime has only {available}; "
            "use onnxruntime-cpu, or on a machine with an NVIDIA driver, in the project's folder "
            "run: .venv/bin/pip install -c constraints.txt --editable '.[service,gpu]'"
        )


def _open_session(
    bundle: Bundle, modality: Modality, engine: str, precision: str, threads: int
) -> "onnxruntime.InferenceSession":
    runtime = _import()
    path = bundle.file(modality, precision)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Waiting threads that spin take the processors from the next branch and from other processes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # ONNX Runtime's own log line about a provider that did not start becomes an error below.
    options.log_severity_level = 4
    try:
        if engine == "onnxruntime-cpu":
            chosen = providers(engine, precision, _described(bundle, False), None)
        else:
            chosen = _gpu_providers(runtime, bundle, modality, engine, precision)
        session = runtime.InferenceSession(str(path), options, providers=chosen)
    except Exception as error:  # ONNX Runtime's exceptions have no common base but this
        if engine != "onnxruntime-cpu":
            raise EngineUnavailable(
                f"{engine} cannot open {path} ({error}); check the GPU's memory and driver, "
                "or use onnxruntime-cpu, which tells whether the file is whole"
            ) from error
        raise not_loaded(bundle, path, "ONNX Runtime", error) from error
    _require_taken(session, engine)
    return session


def _gpu_providers(
    runtime: ModuleType, bundle: Bundle, modality: Modality, engine: str, precision: str
) -> list[tuple[str, dict[str, str]]]:
    if engine != "onnxruntime-tensorrt":
        return providers(engine, precision, _described(bundle, False), None)
    # TensorRT's profiles have to say what the file takes, which is in the file.
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    path = bundle.file(modality, precision)
    peeked = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    taken = _described(bundle, _takes_pixels(peeked, path.name))
    sha256 = bundle.manifest.files_of(precision)[modality].sha256
    # fp32 means fp32. ONNX Runtime has an option against TF32 for CUDA and none for TensorRT,
    # which reads this variable, as do CUDA's libraries, when it starts.
    os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")
    return providers(engine, precision, taken, tensorrt_cache(find_gpu(), sha256))


def tensorrt_cache(gpu: Gpu | None, sha256: str) -> Path | None:
    """Where TensorRT keeps what it compiled from a file; None, with a warning, where it cannot.

    Args:
        gpu: of this machine, None where `find_gpu` knows none.
        sha256: of the file.
    """
    if gpu is None:
        _LOGGER.warning(
            "TensorRT compiles at every start: %s does not tell which GPU and driver it compiled "
            "for; show it to the container, as the NVIDIA container toolkit does",
            NVIDIA,
        )
        return None
    cache = writable_directory(*tensorrt_cache_parts(gpu.directory_name, sha256))
    if cache is None:
        _LOGGER.warning(
            "TensorRT compiles at every start: there is no cache that can be written; "
            "set XDG_CACHE_HOME to a directory that can"
        )
    return cache


def _described(bundle: Bundle, takes_pixels: bool) -> NetworkInput:
    preprocessing = bundle.manifest.preprocessing
    layout: Layout = "pixels" if takes_pixels else "normalised"
    return NetworkInput(INPUT, layout, preprocessing.height, preprocessing.width)


def _require_taken(session: "onnxruntime.InferenceSession", engine: str) -> None:
    # A session whose provider cannot start falls back to the CPU with nothing but a log line.
    taken = session.get_providers()
    if PROVIDERS[engine] not in taken:
        raise EngineUnavailable(
            f"{engine} was asked for, but the session started on {', '.join(taken)}; "
            "check the NVIDIA driver and the CUDA and cuDNN libraries, or use onnxruntime-cpu"
        )


def _takes_pixels(session: "onnxruntime.InferenceSession", file_name: str) -> bool:
    inputs = [(port.name, port.type) for port in session.get_inputs()]
    outputs = [port.name for port in session.get_outputs()]
    if len(inputs) != 1 or inputs[0][0] != INPUT or outputs != [OUTPUT]:
        raise BundleDamaged(
            f"{file_name} maps {[name for name, _ in inputs]} to {outputs} instead of "
            f"{INPUT} to {OUTPUT}; export the bundle again"
        )
    if inputs[0][1] not in _INPUT_TYPES:
        raise BundleDamaged(
            f"{file_name} takes {inputs[0][1]} instead of {' or '.join(_INPUT_TYPES)}; "
            "export the bundle again"
        )
    return _INPUT_TYPES[inputs[0][1]]
