"""What an engine is opened with, whichever it is."""

from collections.abc import Sequence
from dataclasses import dataclass

from vreid.bundle import Bundle
from vreid.engines.candidates import Candidate
from vreid.engines.lane_engine import LaneEngine
from vreid.engines.names import GPU_ENGINES
from vreid.engines.processors import usable_processors
from vreid.errors import ConfigurationError
from vreid.modality import Modality


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """A bundle, and how it is to run.

    Attributes:
        bundle: the model.
        threads: processors to keep busy, a multiple of `lanes` where those are given.
        lanes: runs at the same moment; None for what suits the engine.
    """

    bundle: Bundle
    threads: int
    lanes: int | None

    def lanes_of(self, engine: str) -> int:
        """On a processor one lane per thread; on a GPU one, which a full batch fills."""
        if self.lanes is not None:
            return self.lanes
        return 1 if engine in GPU_ENGINES else self.threads

    def open(self, candidate: Candidate) -> LaneEngine:
        """Open all the branches and run each in every lane at every batch size.

        Raises:
            EngineError: it cannot run here.
            BundleDamaged: a network file is not what was written.
        """
        lanes = self.lanes_of(candidate.engine)
        engine = self._open(candidate, self.threads, lanes, self.bundle.manifest.modalities)
        engine.warm_up()
        return engine

    def open_lane(self, candidate: Candidate, modality: Modality) -> LaneEngine:
        """Open one branch with what one lane would have; errors as `open`."""
        threads = self.threads // self.lanes_of(candidate.engine)
        return self._open(candidate, threads, 1, [modality])

    def _open(
        self, candidate: Candidate, threads: int, lanes: int, modalities: Sequence[Modality]
    ) -> LaneEngine:
        if candidate.engine == "openvino-cpu":
            from vreid.engines.openvino_runtime import open_openvino

            return open_openvino(self.bundle, candidate.precision, threads, lanes, modalities)
        from vreid.engines.onnx_runtime import open_onnx_runtime

        return open_onnx_runtime(
            self.bundle, candidate.engine, candidate.precision, threads, lanes, modalities
        )


def engine_request(bundle: Bundle, threads: int | None, lanes: int | None) -> EngineRequest:
    """The request with its default number of threads.

    Those are all that this process may use, or as many of them as the lanes share evenly.

    Raises:
        ConfigurationError: threads or lanes are out of range, or do not go together.
    """
    if threads is None:
        usable = usable_processors()
        shared = lanes if lanes is not None and 0 < lanes <= usable else 1
        threads = usable - usable % shared
    asked = 1 if lanes is None else lanes
    if threads < 1 or not 1 <= asked <= threads:
        raise ConfigurationError(
            f"threads is {threads} and lanes {asked}; give at least 1 of each, and no more "
            "lanes than threads"
        )
    if threads % asked:
        raise ConfigurationError(
            f"threads is {threads} and lanes {asked}, which would leave threads without a lane; "
            f"give a multiple of {asked} as threads, or leave lanes to vreid"
        )
    return EngineRequest(bundle, threads, lanes)
