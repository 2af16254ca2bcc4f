"""What a load generator is told to do, as it travels to its process."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """Requests to send and how.

    With `concurrency` the loop is closed: so many connections each send the next request when the
    last one is answered. With `rate` it is open: requests are sent at their times, answered or
    not, and their latency counts from the time at which they were due.

    Attributes:
        url: scheme, host and port.
        path: what is posted to.
        samples: image files of each request by the name of the part; taken in turn.
        fields: text parts of each request.
        headers: of each request.
        concurrency: connections of a closed loop.
        rate: requests a second of an open loop.
        seconds: how long it is measured.
        answers: of a closed loop, go on after these seconds until so many 200 have come.
        most_seconds: but no longer than this.
        requests: stop after so many instead, 0 for no such bound; of a closed loop only.
        warm_up: seconds before anything counts, 0 for none; a closed loop also waits until every
            connection could have been answered twice.
        connections: most connections of an open loop; a request that finds none is not sent.
        patience: seconds to wait for the answers that are outstanding at the end.
    """

    url: str
    path: str
    samples: Sequence[Mapping[str, str]]
    fields: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    concurrency: int | None = None
    rate: float | None = None
    seconds: float = 5.0
    answers: int = 0
    most_seconds: float = 30.0
    requests: int = 0
    warm_up: float = 0.5
    connections: int = 512
    patience: float = 60.0

    def __post_init__(self) -> None:
        if (self.concurrency is None) == (self.rate is None):
            raise ValueError("give either a concurrency or a rate")
        if not self.samples:
            raise ValueError("give at least one sample to send")

    @property
    def longest(self) -> float:
        """Seconds after which a closed loop ends in any case."""
        return max(self.seconds, self.most_seconds) if self.answers else self.seconds

    @property
    def warm_up_answers(self) -> int:
        """Answers of a closed loop that its warm-up waits for: two rounds of its connections."""
        return 2 * (self.concurrency or 0) if self.warm_up else 0

    def to_json(self) -> str:
        """One line, as `from_json` reads it."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> LoadPlan:
        """Read what `to_json` wrote."""
        return cls(**json.loads(text))


@dataclass(frozen=True, slots=True)
class StatusFigures:
    """The answers of one status; latencies in milliseconds."""

    count: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float


@dataclass(frozen=True, slots=True)
class LoadFigures:
    """What a load generator saw.

    Attributes:
        seconds: that counted.
        sent: requests that counted.
        per_second: answers with status 200 within these seconds, each second.
        by_status: what was answered, by HTTP status.
        lost: connections that ended before the answer.
        unanswered: requests that had no answer within the patience.
        unsent: requests of an open loop for which no connection was left.
        retry_after: share of the answers 429 and 503 that say when to come again; 1 for none.
        client_core_ms: processor time of the generator for each request.
        late_ms: 99th percentile of how late an open loop sent; the generator's own fault.
        ok_ms: latency of every answer with status 200, to be put together with other turns.
    """

    seconds: float
    sent: int
    per_second: float
    by_status: Mapping[str, StatusFigures]
    lost: int = 0
    unanswered: int = 0
    unsent: int = 0
    retry_after: float = 1.0
    client_core_ms: float = 0.0
    late_ms: float = 0.0
    ok_ms: Sequence[float] = ()

    @property
    def ok(self) -> StatusFigures:
        """The answers with status 200; zeros where there is none."""
        return self.by_status.get("200", StatusFigures(0, 0.0, 0.0, 0.0, 0.0))

    def share(self, status: int) -> float:
        """Of all requests that were due, the share answered with this status."""
        due = self.sent + self.unsent
        figures = self.by_status.get(str(status))
        return 0.0 if figures is None or due == 0 else figures.count / due

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, as `from_json` reads them."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> LoadFigures:
        """Read what `to_json` wrote."""
        by_status = {
            status: StatusFigures(**figures) for status, figures in document["by_status"].items()
        }
        return cls(**{**document, "by_status": by_status})
