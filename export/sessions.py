"""How this package opens ONNX Runtime: one way, wherever a graph runs while a bundle is made."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnxruntime

from export.branch_graph import serialise
from vreid.engines.processors import usable_processors


def open_session(model: onnx.ModelProto | Path) -> onnxruntime.InferenceSession:
    """A session on the CPU, of a graph or of a file.

    It has as many threads as this process may use: the library's own default counts the machine's
    processors, of which a container has a part. Threads that wait do not spin.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = usable_processors()
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    source = str(model) if isinstance(model, Path) else serialise(model)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
