"""The shared vocabulary of vreid: NumPy and Pillow only."""

import os

# From 1.29 on, ONNX Runtime reports to its maker about machine, program and models unless this is
# set before it is loaded, and keeps an identifier of the machine.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

__version__ = "0.1.0"
