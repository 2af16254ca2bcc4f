"""What the processor can do, read before a library is imported that would die of what it lacks.

Imports nothing but the standard library: NumPy itself needs x86-64-v2.
"""

from dataclasses import dataclass
from pathlib import Path

from vreid.errors import EngineUnavailable

CPU_INFO = Path("/proc/cpuinfo")

X86_64_V2 = frozenset({"cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3"})
"""What NumPy, FAISS, ONNX Runtime and OpenVINO need; beyond it they look for themselves."""

BF16 = frozenset({"avx512_bf16", "amx_bf16"})
"""One of these computes with bfloat16 numbers."""

INT8_DOT = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})
"""One of these sums products of 8-bit numbers in 32 bits. Without one the libraries sum pairs of
them in 16 bits, which saturate: features differ from what was measured when the bundle was made."""


@dataclass(frozen=True, slots=True)
class Processor:
    """The processor as the system describes it; without a description nothing is known.

    Attributes:
        model: its name.
        flags: what it can do, in the kernel's words.
        is_x86: whether flags are those of an x86-64 processor.
    """

    model: str
    flags: frozenset[str]
    is_x86: bool

    @property
    def has_bf16(self) -> bool:
        """Whether it computes with bfloat16 numbers."""
        return bool(self.flags & BF16)

    @property
    def has_int8_dot(self) -> bool:
        """Whether sums of 8-bit products are exact; other families than x86-64 never saturate."""
        return not self.is_x86 or bool(self.flags & INT8_DOT)

    @property
    def is_known_to_gain(self) -> bool:
        """Whether it has instructions with which 8 bits or bfloat16 are faster than float32."""
        return bool(self.flags & (INT8_DOT | BF16))


def read_processor(cpu_info: Path = CPU_INFO) -> Processor:
    """Read the first processor of a file such as ``/proc/cpuinfo``."""
    fields: dict[str, str] = {}
    try:
        with cpu_info.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if not line.strip():
                    break  # the next processor's description
                name, _, value = line.partition(":")
                fields[name.strip()] = value.strip()
    except OSError:
        pass
    return Processor(
        fields.get("model name", "unknown"),
        frozenset((fields.get("flags") or fields.get("Features") or "").split()),
        "flags" in fields,
    )


def require_processor(cpu_info: Path = CPU_INFO) -> None:
    """Refuse a processor on which NumPy and the inference libraries die of a signal.

    Raises:
        EngineUnavailable: it lacks instructions.
    """
    processor = read_processor(cpu_info)
    lacking = X86_64_V2 - processor.flags
    if processor.is_x86 and lacking:
        raise EngineUnavailable(
            f"the processor ({processor.model}) lacks {', '.join(sorted(lacking))}, which NumPy "
            "and the inference libraries need (x86-64-v2); of a virtual machine, choose the host's "
            "processor type, else use a machine made after 2009"
        )
