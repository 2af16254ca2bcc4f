"""Four times what the service can do: what it accepts it answers in time, the rest at once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

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
    def in_time(self) -> bool:
        """Whether what was accepted was answered by its deadline, as far as the client can tell."""
        return self.load.ok.p99_ms - self.load.late_ms <= SLACK * self.deadline_ms

    @property
    def times_unloaded(self) -> float:
        """p99 of what was accepted in those of lone requests, without what the client was late."""
        return (self.load.ok.p99_ms - self.load.late_ms) / self.lone.ok.p99_ms


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
def first_round(service: ServiceProcess, samples: Sequence[Mapping[str, str]]) -> Round:
    return overload(service, samples)


def twelve_times_alone(lone: LoadFigures) -> float:
    return DEADLINE * lone.ok.p50_ms


def as_promised(lone: LoadFigures) -> float:
    return PROMISED * lone.ok.p99_ms


def overload(
    service: ServiceProcess,
    samples: Sequence[Mapping[str, str]],
    deadline_of: Callable[[LoadFigures], float] = twelve_times_alone,
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


def test_everything_sent_is_answered(first_round: Round) -> None:
    load = first_round.load
    assert (load.lost, load.unanswered, load.unsent) == (0, 0, 0)


def test_what_is_accepted_meets_its_deadline(
    service: ServiceProcess, samples: Sequence[Mapping[str, str]], first_round: Round
) -> None:
    rounds = [first_round]
    while not rounds[-1].in_time and len(rounds) < ROUNDS:
        rounds.append(overload(service, samples))
    assert rounds[-1].in_time, rounds


def test_what_is_accepted_takes_hardly_longer_than_alone_and_the_rest_is_told_so_at_once(
    service: ServiceProcess, samples: Sequence[Mapping[str, str]]
) -> None:
    rounds = [overload(service, samples, as_promised)]
    while rounds[-1].times_unloaded > MARGIN * PROMISED and len(rounds) < ROUNDS:
        rounds.append(overload(service, samples, as_promised))
    last = rounds[-1]
    assert last.times_unloaded <= MARGIN * PROMISED, rounds
    assert last.load.ok.count > 0
    assert last.load.share(429) + last.load.share(200) >= 1 - LATE
    assert last.load.by_status["429"].p50_ms <= last.lone.ok.p50_ms


def test_as_much_is_accepted_as_the_service_can_do(first_round: Round) -> None:
    assert first_round.load.per_second >= 0.4 * first_round.capacity


def test_the_rest_is_told_at_once_when_to_come_again(first_round: Round) -> None:
    refused = first_round.load.by_status["429"]
    assert refused.count > first_round.load.ok.count
    assert 3 * refused.p50_ms < first_round.load.ok.p50_ms
    assert first_round.load.retry_after == 1


def test_nothing_fails(first_round: Round) -> None:
    assert set(first_round.load.by_status) <= {"200", "429", "504"}
    assert first_round.load.share(504) <= LATE


def test_afterwards_the_queue_is_empty_and_the_service_is_well(
    service: ServiceProcess, first_round: Round
) -> None:
    wait_for_metrics(service.client, lambda now: now.total("vreid_queued_images") == 0)
    assert service.client.get("/health/ready").status_code == 200
    assert service.client.post("/embed", files=triplet(1)).status_code == 200
    assert "Traceback" not in service.log.read_text()


def test_refusals_are_counted(service: ServiceProcess, first_round: Round) -> None:
    refused = read_metrics(service.client).total("vreid_refused_total")
    assert refused >= first_round.load.by_status["429"].count
