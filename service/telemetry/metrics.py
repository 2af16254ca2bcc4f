"""The metrics of one running service, by the names that `GET /metrics` gives them."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from typing import Literal, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from service.batching.urgency import Urgency
from service.telemetry.figures import Figures
from vreid.bundle import Bundle
from vreid.engines import BranchEngine
from vreid.modality import MODALITIES, Modality
from vreid.policy import RESOLVED_POLICIES, ResolvedPolicy

Stage = Literal["read", "decode", "queue", "inference", "search", "encode"]
Refusal = Literal["deadline", "pending", "queue", "receiving", "receiving-bytes", "draining"]
Loss = Literal["client-gone", "deadline"]

CONTENT_TYPE = CONTENT_TYPE_LATEST

_SECONDS = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1),
    *(0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
_IMAGES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """Counters and histograms of a service of their own, so that several may run in a process.

    Attributes:
        figures: gauges that are asked for at every reading.
    """

    def __init__(self) -> None:
        # When a counter began says nothing that its process's start does not, and doubles the text.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        queue_seconds = Histogram(
            "vreid_queue_seconds",
            "Seconds that an image waited for a lane",
            ("branch", "urgency"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        batch_images = Histogram(
            "vreid_batch_images",
            "Images in one run of a branch",
            ("branch",),
            buckets=_IMAGES,
            registry=self._registry,
        )
        inference_seconds = Histogram(
            "vreid_inference_seconds",
            "Seconds that one run of a branch took",
            ("branch",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._queued_images = Gauge(
            "vreid_queued_images",
            "Images that wait for a lane",
            ("branch",),
            registry=self._registry,
        )
        refused = Counter(
            "vreid_refused_total",
            "Requests that were not let in",
            ("reason",),
            registry=self._registry,
        )
        dropped = Counter(
            "vreid_dropped_total",
            "Requests that were let in and left the queue without being computed",
            ("reason",),
            registry=self._registry,
        )
        stage_seconds = Histogram(
            "vreid_stage_seconds",
            "Seconds that a request spent in one stage",
            ("stage",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._requests = Counter(
            "vreid_requests_total",
            "Requests that were answered",
            ("route", "status"),
            registry=self._registry,
        )
        self._request_seconds = Histogram(
            "vreid_request_seconds",
            "Seconds from a request's head to the end of its answer",
            ("route",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._engine_info = Gauge(
            "vreid_engine_info",
            "What computes; always 1",
            ("engine", "precision", "threads", "lanes"),
            registry=self._registry,
        )
        self._build_info = Gauge(
            "vreid_build_info",
            "What runs: version of vreid, and of the model with its fingerprint; always 1",
            ("version", "model", "fingerprint"),
            registry=self._registry,
        )
        searches = Counter(
            "vreid_searches_total",
            "Searches that were answered, by how pairs were compared",
            ("policy",),
            registry=self._registry,
        )
        missing = Counter(
            "vreid_missing_modalities_total",
            "Samples that were sent without an image of the modality",
            ("modality",),
            registry=self._registry,
        )
        self.figures = Figures()
        self._registry.register(self.figures)
        # Looking a label up costs as much as counting, so that it is done once.
        self._queue = {
            (modality, urgency): queue_seconds.labels(modality.value, urgency.name.lower())
            for modality in MODALITIES
            for urgency in Urgency
        }
        self._batch = {each: batch_images.labels(each.value) for each in MODALITIES}
        self._inference = {each: inference_seconds.labels(each.value) for each in MODALITIES}
        self._stage = {each: stage_seconds.labels(each) for each in get_args(Stage)}
        self._refused = {each: refused.labels(each) for each in get_args(Refusal)}
        self._dropped = {each: dropped.labels(each) for each in get_args(Loss)}
        self._searches = {each: searches.labels(each) for each in RESOLVED_POLICIES}
        self._missing = {each: missing.labels(each.value) for each in MODALITIES}
        self._of_route: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def text(self) -> bytes:
        """Return all of them as Prometheus reads them."""
        return generate_latest(self._registry)

    def name_engine(self, engine: BranchEngine) -> None:
        """Say what computes."""
        self._engine_info.labels(
            engine.name, engine.precision, str(engine.threads), str(engine.lanes)
        ).set(1)

    def name_build(self, version: str, bundle: Bundle) -> None:
        """Say which vreid runs, and which model."""
        manifest = bundle.manifest
        model = f"{manifest.name} {manifest.version}"
        self._build_info.labels(version, model, bundle.fingerprint).set(1)

    def watch_queue(self, branch: Modality, waiting: Callable[[], float]) -> None:
        """Ask `waiting` how many images of the branch wait, whenever somebody wants to know."""
        self._queued_images.labels(branch.value).set_function(waiting)

    def run_begins(self, branch: Modality, urgency: Urgency, waited: Iterable[float]) -> None:
        """A lane took a run whose images waited so many seconds."""
        histogram = self._queue[branch, urgency]
        count = 0
        for seconds in waited:
            histogram.observe(seconds)
            count += 1
        self._batch[branch].observe(count)

    def run_ended(self, branch: Modality, seconds: float) -> None:
        """A run of a branch took so long."""
        self._inference[branch].observe(seconds)

    def stage(self, stage: Stage, seconds: float) -> None:
        """A request spent so long in a stage."""
        self._stage[stage].observe(seconds)

    def searched(self, policy: ResolvedPolicy) -> None:
        """A search was answered."""
        self._searches[policy].inc()

    def sample_sent(self, there: Container[Modality], served: Iterable[Modality]) -> None:
        """A sample came with images of the modalities `there`, for a model of those `served`."""
        for modality in served:
            if modality not in there:
                self._missing[modality].inc()

    def refused(self, reason: Refusal) -> None:
        """A request was not let in."""
        self._refused[reason].inc()

    def dropped(self, reason: Loss) -> None:
        """A request left the queue without being computed."""
        self._dropped[reason].inc()

    def answered(self, route: str, status: int, seconds: float) -> None:
        """A request was answered; `route` is a pattern as `/gallery/{id}` and no path."""
        found = self._of_route.get((route, status))
        if found is None:
            found = self._requests.labels(route, str(status)), self._request_seconds.labels(route)
            self._of_route[route, status] = found
        found[0].inc()
        found[1].observe(seconds)
