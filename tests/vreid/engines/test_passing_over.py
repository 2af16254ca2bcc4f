"""What ``auto`` does where an engine is broken, refuses a file, or stopped to run."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import onnxruntime
import pytest

from tests.vreid.engines.pixel_batches import pixels
from vreid.bundle import Bundle, describe_file
from vreid.engines import open_engine
from vreid.engines.candidates import Candidate
from vreid.engines.choice_cache import keep_choice
from vreid.engines.onnx_runtime import _require_taken
from vreid.errors import BundleDamaged, EngineError, EngineUnavailable
from vreid.modality import Modality

ORT = "onnxruntime-cpu"


@pytest.fixture
def own(variants: Bundle, tmp_path: Path) -> Bundle:
    """A copy of the bundle with its variants, to be changed."""
    return Bundle.load(shutil.copytree(variants.path, tmp_path / "own"))


def unreadable_int8(bundle: Bundle) -> Bundle:
    """The bundle with int8 files that no library reads, and of which the manifest knows."""
    for entry in bundle.manifest.files["int8"].values():
        (bundle.path / entry.path).write_bytes(b"of a later format")
    files = dict(bundle.manifest.files)
    files["int8"] = {
        modality: describe_file(bundle.path, entry.path)
        for modality, entry in files["int8"].items()
    }
    return Bundle(bundle.path, replace(bundle.manifest, files=files))


def test_a_whole_file_that_a_library_refuses_is_passed_over(
    own: Bundle, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bundle = unreadable_int8(own)
    engine = open_engine(bundle)
    assert engine.precision != "int8"
    assert engine.run(Modality.TIR, pixels(1)).shape == (1, 16)
    passed_over = [each for each in caplog.messages if "engine auto: not " in each]
    assert any(each.startswith("engine auto: not onnxruntime-cpu int8") for each in passed_over)
    assert not (cache / "engines.json").exists(), "a choice without them must not last"


@pytest.mark.parametrize("name", [ORT, "openvino-cpu"])
def test_a_whole_file_that_a_library_refuses_is_not_called_damaged(own: Bundle, name: str) -> None:
    with pytest.raises(EngineUnavailable, match="although it is the file that the manifest"):
        open_engine(unreadable_int8(own), name, precision="int8")


def test_where_every_file_is_damaged_the_damage_is_raised(own: Bundle) -> None:
    for entries in own.manifest.files.values():
        for entry in entries.values():
            (own.path / entry.path).write_bytes(b"x" * entry.bytes)
    with pytest.raises(BundleDamaged, match="sha256 differs"):
        open_engine(own)


def test_a_branch_that_was_not_measured_is_found_out(own: Bundle) -> None:
    (own.path / own.manifest.files["int8"][Modality.TIR].path).write_bytes(b"")
    assert open_engine(own).precision != "int8"


def test_a_kept_choice_that_no_longer_opens_is_dropped(
    own: Bundle, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    open_engine(own, threads=1)
    (key,) = json.loads((cache / "engines.json").read_text())
    bundle = own
    gone = Candidate(ORT, "int8")
    keep_choice(cache, key, gone, {gone: 1.0})
    for entry in own.manifest.files["int8"].values():
        (own.path / entry.path).unlink()
    engine = open_engine(bundle, threads=1)
    assert engine.precision != "int8"
    assert any(each.startswith(f"engine auto: no longer {gone}") for each in caplog.messages)
    assert key not in json.loads((cache / "engines.json").read_text())


def test_files_whose_loss_was_not_measured_are_only_taken_by_name(own: Bundle) -> None:
    unmeasured = {"bf16": own.manifest.variants["bf16"]}
    bundle = Bundle(own.path, replace(own.manifest, variants=unmeasured))
    assert open_engine(bundle, ORT).precision == "fp32"
    assert open_engine(bundle).precision != "int8"
    assert open_engine(bundle, ORT, precision="int8").precision == "int8"


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_gpu_that_does_not_start_leaves_auto_on_the_processor(
    variants: Bundle, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    provider = "CUDAExecutionProvider"
    if provider in onnxruntime.get_available_providers():
        pytest.skip(f"this ONNX Runtime has {provider}")
    monkeypatch.setattr(
        onnxruntime, "get_available_providers", lambda: [provider, "CPUExecutionProvider"]
    )
    assert open_engine(variants).name.endswith("-cpu")
    assert any(
        each.startswith("engine auto: CPU (onnxruntime-cuda was asked for, but the session started")
        for each in caplog.messages
    )
    with pytest.raises(EngineUnavailable, match="session started on CPUExecutionProvider"):
        open_engine(variants, "onnxruntime-cuda")


def test_a_session_on_another_provider_than_asked_for_is_refused(variants: Bundle) -> None:
    session = onnxruntime.InferenceSession(
        variants.file(Modality.RGB), providers=["CPUExecutionProvider"]
    )
    _require_taken(session, ORT)
    with pytest.raises(EngineUnavailable, match="check the NVIDIA driver"):
        _require_taken(session, "onnxruntime-cuda")


@pytest.fixture
def no_library(tmp_path: Path) -> Path:
    """A directory before all others on the path of a new process."""
    directory = tmp_path / "first"
    directory.mkdir()
    return directory


def said_by_import(directory: Path, library: str) -> str:
    """What `import_openvino` or ONNX Runtime's import says in a process of its own."""
    imports = {
        "openvino": "from vreid.engines.openvino_runtime import import_openvino as load",
        "onnxruntime": "from vreid.engines.onnx_runtime import _import as load",
    }
    code = f"""
import sys
sys.path.insert(0, {str(directory)!r})
{imports[library]}
try:
    load()
except Exception as error:
    print(type(error).__name__, error)
"""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


@pytest.mark.parametrize("library", ["openvino", "onnxruntime"])
def test_a_library_that_is_installed_and_broken_is_not_called_absent(
    no_library: Path, library: str
) -> None:
    (no_library / f"{library}.py").write_text("raise ImportError('libtbb.so.12: no such file')")
    said = said_by_import(no_library, library)
    assert said.startswith("EngineUnavailable")
    assert "is installed but cannot be imported (libtbb.so.12: no such file)" in said


@pytest.mark.parametrize("library", ["openvino", "onnxruntime"])
def test_a_library_that_is_absent_is_called_absent(no_library: Path, library: str) -> None:
    missing = f"raise ModuleNotFoundError('none', name={library!r})"
    (no_library / f"{library}.py").write_text(missing)
    assert "is not installed; in the project's folder run" in said_by_import(no_library, library)


def test_where_no_branch_runs_the_first_reason_is_raised(variants: Bundle) -> None:
    unfit = Bundle(variants.path, replace(variants.manifest, feature_size=8))
    with pytest.raises(EngineError, match="instead of"):
        open_engine(unfit, ORT, precision="fp32")
