"""``auto`` on a processor: the choice of an earlier start, or a measurement."""

import logging
import math
from collections.abc import Callable, Sequence

from vreid.cpu_features import Processor
from vreid.engines.cache_directory import writable_directory
from vreid.engines.candidates import Candidate
from vreid.engines.choice_cache import (
    choice_key,
    drop_choice,
    keep_choice,
    library_versions,
    read_choice,
)
from vreid.engines.lane_engine import LaneEngine
from vreid.engines.measuring import Run, measure, ranked, warmed_up
from vreid.engines.request import EngineRequest
from vreid.errors import BundleDamaged, EngineError

_LOGGER = logging.getLogger(__name__)

_Failure = EngineError | BundleDamaged


def open_fastest(
    request: EngineRequest, candidates: Sequence[Candidate], processor: Processor
) -> LaneEngine:
    """Open the candidate that was fastest when it was measured, now or at an earlier start.

    One that does not run is passed over with a warning. A choice made without it is not kept: it
    may run at the next start.

    Raises:
        EngineError: no candidate runs here; why the first does not.
        BundleDamaged: likewise.
    """
    directory = writable_directory()
    lanes = request.lanes_of(candidates[0].engine)
    key = choice_key(
        request.bundle, list(candidates), processor, request.threads, lanes, library_versions()
    )
    kept = read_choice(directory, key)
    if kept is not None and kept in candidates:
        try:
            engine = request.open(kept)
        except (EngineError, BundleDamaged) as error:
            _LOGGER.warning("engine auto: no longer %s, measuring again (%s)", kept, error)
            drop_choice(directory, key)
        else:
            _LOGGER.info("engine auto: %s (as measured before)", kept)
            return engine
    failures: dict[Candidate, _Failure] = {}
    measured = measure(candidates, _opening(request, failures), processor.is_known_to_gain)
    told = ", ".join(f"{each} {time:.2f} ms" for each, time in measured.items())
    unmeasured = [each for each in candidates if each not in {*measured, *failures}]
    for chosen in [*ranked(measured), *unmeasured]:
        try:
            engine = request.open(chosen)
        except (EngineError, BundleDamaged) as error:
            _pass_over(chosen, error, failures)
            continue
        _LOGGER.info("engine auto: %s (measured: %s)", chosen, told)
        if not failures:
            keep_choice(directory, key, chosen, measured)
        return engine
    raise next(iter(failures.values()))


def _opening(
    request: EngineRequest, failures: dict[Candidate, _Failure]
) -> Callable[[Candidate], Run | None]:
    """Runs of the first branch of a candidate; what does not run is noted in `failures`."""
    modality = request.bundle.manifest.modalities[0]
    preprocessing = request.bundle.manifest.preprocessing

    def open_candidate(candidate: Candidate) -> Run | None:
        try:
            lane = request.open_lane(candidate, modality)
            run = warmed_up(lane, modality, preprocessing.height, preprocessing.width)
        except (EngineError, BundleDamaged) as error:
            _pass_over(candidate, error, failures)
            return None

        def run_or_pass_over() -> float:
            try:
                return run()
            except EngineError as error:
                _pass_over(candidate, error, failures)
                return math.inf

        return run_or_pass_over

    return open_candidate


def _pass_over(candidate: Candidate, error: _Failure, failures: dict[Candidate, _Failure]) -> None:
    _LOGGER.warning("engine auto: not %s (%s)", candidate, error)
    failures[candidate] = error
