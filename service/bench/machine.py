"""What a measurement was taken on."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from vreid.engines.processors import usable_processors

_PACKAGES = ("vreid", "numpy", "pillow", "onnxruntime", "openvino", "fastapi", "uvicorn", "torch")
_EXTENSIONS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8", "amx_bf16")


def machine_facts() -> dict[str, Any]:
    """Processor, memory, Python and the versions of the packages that matter."""
    flags = set(_first("/proc/cpuinfo", "flags").split())
    return {
        "processor": _first("/proc/cpuinfo", "model name") or platform.machine(),
        "processors": usable_processors(),
        "extensions": [name for name in _EXTENSIONS if name in flags],
        "memory_bytes": 1024 * int(_first("/proc/meminfo", "MemTotal").split()[0] or 0),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
    }


def describe(facts: dict[str, Any]) -> str:
    """The facts as one line."""
    return (
        f"{facts['processor']}, {facts['processors']} processors, "
        f"{facts['memory_bytes'] / 2**30:.0f} GiB, {' '.join(facts['extensions'])}; "
        f"Python {facts['python']}, "
        + ", ".join(f"{name} {number}" for name, number in facts["packages"].items())
    )


def _first(path: str, key: str) -> str:
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return "0"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "0")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
