"""ONNX Runtime as an engine, on the CPU or on CUDA.

What is guaranteed about a row's features: on one machine and engine, with one thread count, the
same image gives the same features whenever it runs in a batch of the same size. On the CPU with
float32 files, convolutions and reductions work image by image, and the rows are the same
to the last bit in a batch of any size (tested); matrix multiplications at the end of a network may
choose another kernel for another batch size and differ in the last bits, which
`vreid.embedding.round_to_stored` mostly removes. CUDA guarantees nothing across batch sizes.
"""

from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vreid.bundle import Bundle
from vreid.engines.processors import usable_processors
from vreid.errors import BundleDamaged, EngineError, EngineUnavailable
from vreid.installation import install_hint
from vreid.modality import Modality, subset_name

if TYPE_CHECKING:
    import onnxruntime

INPUT = "images"
OUTPUT = "features"

_PROVIDERS = {
    "onnxruntime-cpu": "CPUExecutionProvider",
    "onnxruntime-cuda": "CUDAExecutionProvider",
}


class OnnxRuntimeEngine:
    """One session per branch, all opened at construction, threads sized to this process.

    Raises:
        EngineUnavailable: ONNX Runtime is not installed, or cannot use the hardware asked for.
        BundleUnsupported: the bundle has no such precision.
        BundleDamaged: a network file cannot be loaded.
    """

    def __init__(
        self,
        bundle: Bundle,
        engine: str = "onnxruntime-cpu",
        threads: int | None = None,
        precision: str | None = None,
    ) -> None:
        if engine not in _PROVIDERS:
            raise EngineUnavailable(
                f"ONNX Runtime has no engine {engine!r}; use one of {', '.join(_PROVIDERS)}"
            )
        self.name = engine
        self.precision = precision or bundle.manifest.precision
        self.threads = threads or usable_processors()
        self._height = bundle.manifest.preprocessing.height
        self._width = bundle.manifest.preprocessing.width
        self._feature_size = bundle.manifest.feature_size
        provider = _PROVIDERS[engine]
        _require_provider(provider, engine)
        self._sessions = {
            modality: _open_session(bundle, modality, self.precision, provider, self.threads)
            for modality in bundle.manifest.modalities
        }
        for modality in bundle.manifest.modalities:
            _require_taken(self._sessions[modality], provider, engine)
            _require_interface(self._sessions[modality], bundle, modality, self.precision)

    def run(self, modality: Modality, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Branch features (N, D) of preprocessed images (N, 3, H, W).

        Only this branch runs, with all the threads. Safe to call from several threads, which then
        share the processors.

        Raises:
            EngineError: the bundle has no such branch, the images have another shape, or ONNX
                Runtime failed.
        """
        if modality not in self._sessions:
            raise EngineError(
                f"the bundle has no {modality} branch, only {subset_name(self._sessions)}; "
                "leave that image out or use another bundle"
            )
        if images.ndim != 4 or images.shape[1:] != (3, self._height, self._width):
            raise EngineError(
                f"images have the shape {images.shape}; this bundle takes "
                f"(N, 3, {self._height}, {self._width}), made by vreid.preprocessing.preprocess"
            )
        if len(images) == 0:
            return np.zeros((0, self._feature_size), dtype=np.float32)
        contiguous = np.ascontiguousarray(images, dtype=np.float32)
        try:
            (features,) = self._sessions[modality].run([OUTPUT], {INPUT: contiguous})
        except Exception as error:  # ONNX Runtime's exceptions have no common base but this
            raise EngineError(
                f"{self.name} failed on the {modality} branch ({error}); "
                "check the memory that is left, or use a smaller batch"
            ) from error
        return np.asarray(features, dtype=np.float32)


def has_cuda() -> bool:
    """Whether the installed ONNX Runtime was built with CUDA; a GPU may still be absent.

    Raises:
        EngineUnavailable: ONNX Runtime is not installed.
    """
    return _PROVIDERS["onnxruntime-cuda"] in _import().get_available_providers()


def _import() -> ModuleType:
    try:
        import onnxruntime
    except ImportError as error:
        raise EngineUnavailable(
            f"ONNX Runtime is not installed; {install_hint('service,cpu')}"
        ) from error
    module: ModuleType = onnxruntime
    return module


def _require_provider(provider: str, engine: str) -> None:
    available = _import().get_available_providers()
    if provider not in available:
        raise EngineUnavailable(
            f"{engine} was asked for, but this ONNX Runtime has only {', '.join(available)}; "
            "use onnxruntime-cpu, or on a machine with an NVIDIA driver, in the project's folder "
            "run: .venv/bin/pip install -c constraints.txt --editable '.[service,gpu]'"
        )


def _require_taken(session: "onnxruntime.InferenceSession", provider: str, engine: str) -> None:
    # A session whose provider cannot start falls back to the CPU with nothing but a log line.
    taken = session.get_providers()
    if provider not in taken:
        raise EngineUnavailable(
            f"{engine} was asked for, but the session started on {', '.join(taken)}; "
            "check the NVIDIA driver and the CUDA and cuDNN libraries, or use onnxruntime-cpu"
        )


def _open_session(
    bundle: Bundle, modality: Modality, precision: str, provider: str, threads: int
) -> "onnxruntime.InferenceSession":
    runtime = _import()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Waiting threads that spin take the processors from the next branch and from other processes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # ONNX Runtime's own log line about a provider that did not start becomes an error below.
    options.log_severity_level = 4
    path = bundle.file(modality, precision)
    try:
        return runtime.InferenceSession(str(path), options, providers=[provider])
    except Exception as error:  # ONNX Runtime's exceptions have no common base but this
        if provider != "CPUExecutionProvider":
            raise EngineUnavailable(
                f"{provider} cannot open {path} ({error}); check the GPU's memory and driver, "
                "or use onnxruntime-cpu, which tells whether the file is whole"
            ) from error
        raise BundleDamaged(
            f"{path} cannot be loaded by ONNX Runtime ({error}); "
            "run `vreid bundle verify` on the bundle or export it again"
        ) from error


def _require_interface(
    session: "onnxruntime.InferenceSession", bundle: Bundle, modality: Modality, precision: str
) -> None:
    inputs = [port.name for port in session.get_inputs()]
    outputs = [port.name for port in session.get_outputs()]
    if inputs != [INPUT] or outputs != [OUTPUT]:
        raise BundleDamaged(
            f"{bundle.file(modality, precision)} maps {inputs} to {outputs} instead of "
            f"{INPUT} to {OUTPUT}; export the bundle again"
        )
