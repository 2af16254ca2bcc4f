"""What GPU and driver this machine has, as the NVIDIA kernel module tells."""

import re
from dataclasses import dataclass
from pathlib import Path

NVIDIA = Path("/proc/driver/nvidia")

_VERSION = re.compile(r"\b(\d{3,}\.\d+(?:\.\d+)?)\b")


@dataclass(frozen=True, slots=True)
class Gpu:
    """GPUs of one machine: their names, joined where there are several kinds; and the driver."""

    name: str
    driver: str

    @property
    def directory_name(self) -> str:
        """Name and driver as one file name."""
        return re.sub(r"[^A-Za-z0-9.+-]+", "_", f"{self.name}-{self.driver}")


def find_gpu(nvidia: Path = NVIDIA) -> Gpu | None:
    """The machine's NVIDIA GPUs, None where there is none or no driver."""
    names = set()
    for information in sorted(nvidia.glob("gpus/*/information")):
        for line in _text(information).splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "Model":
                names.add(value.strip())
    version = _VERSION.search(_text(nvidia / "version"))
    if not names or version is None:
        return None
    return Gpu("+".join(sorted(names)), version[1])


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
