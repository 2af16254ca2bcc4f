"""Both libraries report to their makers unless they are stopped; neither does here."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bundles import make_tiny_bundle

OPEN_AND_RUN = """
import json, sys

seen = []
watched = ("socket.connect", "socket.getaddrinfo", "os.fork", "os.posix_spawn", "subprocess.Popen")
sys.addaudithook(lambda event, _: seen.append(event) if event in watched else None)

import numpy as np
from pathlib import Path
from vreid.bundle import Bundle
from vreid.engines import open_engine
from vreid.modality import Modality

engine = open_engine(Bundle.load(Path(sys.argv[1])), sys.argv[2], threads=1)
engine.run(Modality.RGB, np.zeros((1, 32, 32, 3), np.uint8))
reporters = [name for name in sys.modules if name.startswith("openvino_telemetry.")]
print(json.dumps({"engine": engine.name, "seen": seen, "reporters": reporters}))
"""


@pytest.mark.parametrize("name", ["openvino-cpu", "onnxruntime-cpu"])
def test_opening_an_engine_calls_nobody_and_leaves_nothing_in_the_home(
    tmp_path: Path, name: str
) -> None:
    bundle = make_tiny_bundle(tmp_path / "bundle")
    home = tmp_path / "home"
    home.mkdir()
    # In CI the reporters keep quiet by themselves.
    silencing = ("CI", "ORT_DISABLE_TELEMETRY")
    environment = {each: value for each, value in os.environ.items() if each not in silencing}
    environment |= {"HOME": str(home), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", OPEN_AND_RUN, str(bundle.path), name],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told == {"engine": name, "seen": [], "reporters": []}
    assert list(home.iterdir()) == []
    assert {each.name for each in (tmp_path / "cache").glob("*")} <= {"vreid"}
