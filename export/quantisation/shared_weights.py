"""Integers that lie in a bundle's compact file already are not written a second time.

A compact ``rgb.onnx`` holds its large weights as 8-bit integers, and the int8 graph computes with
the same integers. ONNX lets a tensor lie in another file, at an offset; nothing says that this file
may not be an ONNX file itself. ONNX Runtime, OpenVINO and the ONNX checker read it, at any
alignment, because a tensor of bytes has none.
"""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import TensorProto
from onnx.external_data_helper import set_external_data

SMALLEST = 4096
"""Bytes below which a tensor is written again: pointing elsewhere takes bytes, too."""


def share_weights(model: onnx.ModelProto, path: Path) -> int:
    """Let large tensors of 8-bit integers point into the file at ``path`` where it has their bytes.

    Changes ``model``, which is to be written beside that file. Returns the bytes that are shared.
    """
    content = path.read_bytes()
    shared = 0
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.INT8 or len(tensor.raw_data) < SMALLEST:
            continue
        offset = content.find(tensor.raw_data)
        if offset < 0:
            continue
        length = len(tensor.raw_data)
        set_external_data(tensor, path.name, offset=offset, length=length)
        tensor.ClearField("raw_data")
        shared += length
    return shared
