"""Which engines and precisions come into question for a bundle on this processor."""

from collections.abc import Collection
from dataclasses import dataclass

from vreid.cpu_features import Processor
from vreid.engines.names import AUTO, ENGINES, GPU_ENGINES, PRECISIONS, PRECISIONS_OF
from vreid.errors import EngineUnavailable


@dataclass(frozen=True, slots=True)
class Candidate:
    """An engine that computes in a precision."""

    engine: str
    precision: str

    def __str__(self) -> str:
        return f"{self.engine} {self.precision}"


PREFERENCE = (
    Candidate("onnxruntime-cpu", "int8"),
    Candidate("openvino-cpu", "int8"),
    Candidate("openvino-cpu", "bf16"),
    Candidate("onnxruntime-cpu", "fp32"),
    Candidate("openvino-cpu", "fp32"),
)
"""On a processor, what is expected to be fastest first, and of equals what opens in less time and
memory; what a variant may cost is bounded."""


def require_known(engine: str, precision: str) -> None:
    """Refuse names that are not in `ENGINES` and `PRECISIONS`; raises EngineUnavailable."""
    if engine not in ENGINES:
        raise EngineUnavailable(f"{engine!r} is no engine; use one of {', '.join(ENGINES)}")
    if precision not in PRECISIONS:
        raise EngineUnavailable(
            f"{precision!r} is no precision; use one of {', '.join(PRECISIONS)}"
        )


def candidates_of(
    engine: str, precision: str, available: Collection[str], processor: Processor
) -> list[Candidate]:
    """What may be opened for what was asked for, in the order of preference.

    8 bits that were not asked for by name need a processor whose sums of 8-bit products are exact:
    elsewhere the loss that the bundle was measured with does not hold.

    Args:
        engine: one of `ENGINES`; ``auto`` means those of the processor.
        precision: one of `PRECISIONS`.
        available: the bundle's precisions whose loss is known, its default first; a precision
            asked for by name need not be among them.
        processor: on which it is to run.

    Raises:
        EngineUnavailable: the two do not go together here.
    """
    if engine in GPU_ENGINES:
        order = [Candidate(engine, each) for each in PRECISIONS_OF[engine]]
    else:
        order = [each for each in PREFERENCE if engine in (AUTO, each.engine)]
    if precision != AUTO:
        order = [each for each in order if each.precision == precision]
        _require_some(order, engine, precision, processor)
        return order
    found = [
        each
        for each in order
        if each.precision in available
        and (each.precision != "bf16" or processor.has_bf16)
        and (each.precision != "int8" or processor.has_int8_dot)
    ]
    if not found:
        raise EngineUnavailable(
            f"engine {engine} computes in none of the bundle's precisions here "
            f"({', '.join(available)}); name another engine, or a precision"
        )
    return found


def _require_some(
    order: list[Candidate], engine: str, precision: str, processor: Processor
) -> None:
    if not order:
        able = [name for name, known in PRECISIONS_OF.items() if precision in known]
        raise EngineUnavailable(
            f"{engine} does not compute in {precision}; use {' or '.join(able)}, or another "
            "precision"
        )
    if precision == "bf16" and not processor.has_bf16:
        raise EngineUnavailable(
            f"this processor ({processor.model}) does not compute in bf16, which needs "
            "avx512_bf16 or amx_bf16; use the precision auto or fp32"
        )
