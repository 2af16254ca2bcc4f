"""A signal after an engine was opened and closed, in a real process."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bundles import make_tiny_bundle

PROGRAM = """
import gc, os, signal, sys
from vreid.bundle import Bundle
from vreid.engines import open_engine

for precision in ("fp32", "int8"):
    engine = open_engine(Bundle.load(sys.argv[1]), sys.argv[2], precision=precision)
    signal.signal(signal.SIGTERM, lambda *_: print("handled", flush=True))
    os.kill(os.getpid(), signal.SIGTERM)
    del engine
    gc.collect()
    os.kill(os.getpid(), signal.SIGTERM)
"""


@pytest.mark.parametrize("name", ["onnxruntime-cpu", "openvino-cpu"])
def test_a_signal_is_handled_while_an_engine_is_open_and_after_it_was_closed(
    tmp_path: Path, name: str
) -> None:
    bundle = make_tiny_bundle(tmp_path / "bundle", variants=True)
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(bundle.path), name],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (ended.returncode, ended.stdout.split()) == (0, ["handled"] * 4), ended.stderr
