"""Four times what the service can do: what it accepts it answers in time, the rest at once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import TypeAlias

import pytest

from service.bench.load_process import measure_load
from service.bench.plan import LoadFigures, LoadPlan
from tests.e2e.metrics import read_metrics, wait_for_metrics
from tests.e2e.processes import ServiceProcess, serving
from tests.e2e.slow_bundle import make_slow_bundle
from tests.service.vehicles import triplet

pytestmark = pytest.mark.alone

OVERLOAD = 4
SECONDS = 4.0
DEADLINE = 12
"""As many times the latency of a lone request."""
PROMISED = 3
"""p99 of what is accepted, in those of lone requests, where a client states so much as deadline:
`make bench-serve ARGS="--only overload"` holds the service to it on a machine of its own."""
MARGIN = 1.5
"""Times the promise: here other tests run beside."""
SLACK = 1.25
"""p99 of what is accepted, in deadlines."""
LATE = 0.05
"""Share of the requests that may be found too late only when their turn has come."""
LEAST = 0.4
"""Share of what the service can do that is accepted under too much load, at least."""
ROUNDS = 3
"""On a machine with other work the latencies of one round may say nothing of the service."""


@dataclass(frozen=True)
class Round:
    """What the service could do a moment before, and what it did under four times that.

    `lone` is of requests one after the other; `capacity` is in requests a second.
    """

    lone: LoadFigures
    deadline_ms: float
    capacity: float
    load: LoadFigures

    @property
    def p99_ms(self) -> float:
        """p99 of what was accepted, without what the client was late in sending."""
        return self.load.ok.p99_ms - self.load.late_ms

    @property
    def refused_count(self) -> int:
        """Requests that were told to come again."""
        refused = self.load.by_status.get("429")
        return 0 if refused is None else refused.count

    @property
    def refused_ms(self) -> float:
        """Median milliseconds until that was told; endless where nothing was refused."""
        refused = self.load.by_status.get("429")
        return inf if refused is None else refused.p50_ms


Conditions: TypeAlias = Mapping[str, Callable[[Round], bool]]
"""What a round has to show, by name; a machine with other work may spoil it."""

IN_TIME: Conditions = {
    "accepted in time": lambda seen: seen.p99_ms <= SLACK * seen.deadline_ms,
    "enough accepted": lambda seen: seen.load.per_second >= LEAST * seen.capacity,
    "most refused": lambda seen: seen.refused_count > seen.load.ok.count,
    "refused at once": lambda seen: 3 * seen.refused_ms < seen.load.ok.p50_ms,
    "few too late": lambda seen: seen.load.share(504) <= LATE,
}
AS_PROMISED: Conditions = {
    "some accepted": lambda seen: seen.load.ok.count > 0,
    "hardly longer than alone": (
        lambda seen: seen.p99_ms <= MARGIN * PROMISED * seen.lone.ok.p99_ms
    ),
    "few too late": lambda seen: seen.load.share(429) + seen.load.share(200) >= 1 - LATE,
    "refused at once": lambda seen: seen.refused_ms <= seen.lone.ok.p50_ms,
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    folder = tmp_path_factory.mktemp("overload")
    bundle = make_slow_bundle(folder / "bundle")
    engine = ("--engine", "onnxruntime-cpu")
    with serving(bundle.path, folder / "gallery", *engine) as process:
        yield process


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Mapping[str, str]]:
    folder = tmp_path_factory.mktemp("pictures")
    written = []
    for identity in range(8):
        files = {}
        for name, data in triplet(identity).items():
            path = folder / f"{identity}_{name}.png"
            path.write_bytes(data)
            files[name] = str(path)
        written.append(files)
    return written


@pytest.fixture(scope="module")
def rounds(service: ServiceProcess, samples: Sequence[Mapping[str, str]]) -> list[Round]:
    return judged(service, samples, twelve_times_alone, IN_TIME)


def twelve_times_alone(lone: LoadFigures) -> float:
    return DEADLINE * lone.ok.p50_ms


def as_promised(lone: LoadFigures) -> float:
    return PROMISED * lone.ok.p99_ms


def overload(
    service: ServiceProcess,
    samples: Sequence[Mapping[str, str]],
    deadline_of: Callable[[LoadFigures], float],
) -> Round:
    """Send four times of what the service can do, with a deadline in milliseconds that is stated.

    Args:
        service: that has nothing else to do.
        samples: sent in turn.
        deadline_of: of what lone requests took.
    """
    plan = LoadPlan(service.address, "/embed", samples, concurrency=1, requests=24, warm_up=0)
    lone = measure_load(plan)
    patient = {"X-Deadline-Ms": "60000"}
    busy = measure_load(
        replace(plan, headers=patient, concurrency=6, requests=0, warm_up=0.5, seconds=2)
    )
    assert (set(lone.by_status), set(busy.by_status)) == ({"200"}, {"200"})
    deadline_ms = deadline_of(lone)
    load = measure_load(
        replace(
            plan,
            headers={"X-Deadline-Ms": f"{deadline_ms:.0f}"},
            concurrency=None,
            requests=0,
            rate=OVERLOAD * busy.per_second,
            seconds=SECONDS,
            connections=4096,
        )
    )
    return Round(lone, deadline_ms, busy.per_second, load)


def judged(
    service: ServiceProcess,
    samples: Sequence[Mapping[str, str]],
    deadline_of: Callable[[LoadFigures], float],
    conditions: Conditions,
) -> list[Round]:
    """Return rounds, the last of which is the first that meets all conditions, if one does."""
    rounds: list[Round] = []
    while len(rounds) < ROUNDS:
        rounds.append(overload(service, samples, deadline_of))
        if not unmet(rounds[-1], conditions):
            break
    return rounds


def unmet(seen: Round, conditions: Conditions) -> list[str]:
    return [name for name, is_met in conditions.items() if not is_met(seen)]


def test_everything_sent_is_answered(rounds: list[Round]) -> None:
    for seen in rounds:
        assert (seen.load.lost, seen.load.unanswered, seen.load.unsent) == (0, 0, 0)


def test_nothing_fails(rounds: list[Round]) -> None:
    for seen in rounds:
        assert set(seen.load.by_status) <= {"200", "429", "504"}


@pytest.mark.parametrize("condition", IN_TIME)
def test_four_times_too_much_load_leaves(rounds: list[Round], condition: str) -> None:
    assert condition not in unmet(rounds[-1], IN_TIME), rounds


def test_what_is_refused_is_told_when_to_come_again(rounds: list[Round]) -> None:
    assert rounds[-1].refused_count > 0, rounds
    assert rounds[-1].load.retry_after == 1


def test_what_is_accepted_takes_hardly_longer_than_alone_and_the_rest_is_told_so_at_once(
    service: ServiceProcess, samples: Sequence[Mapping[str, str]]
) -> None:
    rounds = judged(service, samples, as_promised, AS_PROMISED)
    assert unmet(rounds[-1], AS_PROMISED) == [], rounds


def test_afterwards_the_queue_is_empty_and_the_service_is_well(
    service: ServiceProcess, rounds: list[Round]
) -> None:
    wait_for_metrics(service.client, lambda now: now.total("vreid_queued_images") == 0)
    assert service.client.get("/health/ready").status_code == 200
    assert service.client.post("/embed", files=triplet(1)).status_code == 200
    assert "Traceback" not in service.log.read_text()


def test_refusals_are_counted(service: ServiceProcess, rounds: list[Round]) -> None:
    refused = read_metrics(service.client).total("vreid_refused_total")
    assert refused >= sum(seen.refused_count for seen in rounds)
