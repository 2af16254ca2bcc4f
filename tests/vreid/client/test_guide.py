"""The example of `docs/client.md` runs as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

from tests.e2e.processes import clean_environment
from tests.service.vehicles import picture
from vreid.modality import Modality

GUIDE = Path(__file__).parents[3] / "docs" / "client.md"


def test_the_example_runs(service: str, tmp_path: Path) -> None:
    for name, data in {
        "rgb.jpg": picture(11, 0, Modality.RGB, "JPEG"),
        "other.jpg": picture(11, 1, Modality.RGB, "JPEG"),
        "tir.png": picture(11, 0, Modality.TIR),
    }.items():
        (tmp_path / name).write_bytes(data)
    [example] = re.findall("```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    script = tmp_path / "example.py"
    script.write_text(example)
    done = subprocess.run(
        [sys.executable, script],
        cwd=tmp_path,
        env=clean_environment() | {"VREID_URL": service, "PYTHONPATH": str(GUIDE.parents[1])},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 north-000017" in done.stdout
    assert "Verdict(" in done.stdout
