"""What is noted of a request that is traced, while it is under way; knows no tracing library."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from service.telemetry.metrics import Stage

TRACE = "trace"
"""Where in `scope["state"]` the trace of a request is, if it is traced."""


@dataclass(frozen=True, slots=True)
class TracedStage:
    """One stage of a request, in nanoseconds since 1970."""

    name: Stage
    began: int
    ended: int


@dataclass(slots=True)
class RequestTrace:
    """The stages of one request; any thread may add one.

    Attributes:
        began: nanoseconds since 1970.
        stages: in the order in which they ended.
    """

    began: int = field(default_factory=time.time_ns)
    stages: list[TracedStage] = field(default_factory=list)

    def stage(self, name: Stage, seconds: float, ago: float = 0.0) -> None:
        """A stage took so many seconds, and ended `ago` seconds ago."""
        ended = time.time_ns() - int(ago * 1e9)
        self.stages.append(TracedStage(name, ended - int(seconds * 1e9), ended))
