"""A processor that lacks instructions gives a sentence, before anything dies of it."""

import subprocess
import sys
from pathlib import Path

import pytest

from vreid.cpu_features import X86_64_V2, read_processor, require_processor
from vreid.errors import EngineUnavailable


def cpu_info(folder: Path, flags: set[str] | frozenset[str], key: str = "flags") -> Path:
    path = folder / "cpuinfo"
    first = f"processor : 0\nmodel name\t: Common KVM\n{key}\t: {' '.join(sorted(flags))}\n\n"
    path.write_text(first + "processor : 1\nmodel name : Other\nflags : sse9\n")
    return path


def test_the_first_processor_is_read(tmp_path: Path) -> None:
    found = read_processor(cpu_info(tmp_path, {"avx2", "avx512_vnni"}))
    assert found.model == "Common KVM"
    assert set(found.flags) == {"avx2", "avx512_vnni"}
    assert (found.is_x86, found.has_int8_dot, found.has_bf16) == (True, True, False)


@pytest.mark.parametrize("flag", ["avx512_bf16", "amx_bf16"])
def test_bf16_is_told_by_its_flags(tmp_path: Path, flag: str) -> None:
    assert read_processor(cpu_info(tmp_path, {flag})).has_bf16
    assert not read_processor(cpu_info(tmp_path, {"avx2", "f16c"})).has_bf16


@pytest.mark.parametrize("flag", sorted(X86_64_V2))
def test_a_processor_that_lacks_one_is_refused_in_a_sentence(tmp_path: Path, flag: str) -> None:
    with pytest.raises(EngineUnavailable, match=rf"\(Common KVM\) lacks {flag}, which NumPy"):
        require_processor(cpu_info(tmp_path, X86_64_V2 - {flag}))
    require_processor(cpu_info(tmp_path, X86_64_V2))


def test_other_families_and_unknown_machines_are_not_refused(tmp_path: Path) -> None:
    arm = cpu_info(tmp_path, {"asimd"}, "Features")
    require_processor(arm)
    assert read_processor(arm).has_int8_dot
    require_processor(tmp_path / "absent")


def test_the_command_says_so_before_numpy_is_imported(tmp_path: Path) -> None:
    path = cpu_info(tmp_path, X86_64_V2 - {"sse4_2"})
    code = f"""
import pathlib, sys
import vreid.cpu_features as cpu
cpu.require_processor.__defaults__ = (pathlib.Path({str(path)!r}),)
sys.argv = ["vreid", "bundle", "verify", "x"]
import vreid.cli
try:
    vreid.cli.main()
finally:
    print("numpy" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert done.stderr.startswith("error: the processor (Common KVM) lacks sse4_2")
    assert done.stdout.strip() == "False"
