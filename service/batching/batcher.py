"""Lanes: threads that compute the images of many requests, branch by branch, in batches."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from functools import partial
from itertools import chain

from service.batching.branch_queues import Bounds, BranchQueues
from service.batching.costs import Costs
from service.batching.errors import ClientGone, DeadlinePassed, LanesEnded
from service.batching.lane import Outcome, run_branch
from service.batching.submission import BranchPixels, Embedded, QueuedImage, Submission
from service.batching.ticket import Ticket
from service.batching.urgency import Urgency
from service.telemetry.metrics import Metrics
from service.thread_names import name_this_thread
from vreid.engines import BranchRunner
from vreid.modality import Modality

logger = logging.getLogger(__name__)


class Batcher:
    """Queues and lanes in front of an engine; safe to use from several threads.

    A run that fails fails the images that caused it and no others. A lane ends only when told to,
    or by a fault that nobody foresaw: then what it had in its hands fails, `lanes_running` says so,
    and the other lanes go on.

    Attributes:
        engine: what computes; looked up for each run.
        lanes: how many threads compute, while none has ended by a fault.
        costs: how long images took.
    """

    def __init__(
        self,
        engine: BranchRunner,
        branches: Sequence[Modality],
        feature_size: int,
        bounds: Bounds,
        metrics: Metrics,
    ) -> None:
        self.engine = engine
        self._feature_size = feature_size
        self._metrics = metrics
        self._queues = BranchQueues(branches, bounds)
        self.costs = Costs(branches)
        self._in_lanes = dict.fromkeys(branches, 0)
        self._changed = threading.Condition()
        self._closing = False
        self._lanes_running = bounds.lanes
        self.lanes = bounds.lanes
        self._threads = [
            threading.Thread(target=self._work, args=(number,), name=f"lane-{number}", daemon=True)
            for number in range(bounds.lanes)
        ]
        for modality in branches:
            metrics.watch_queue(modality, partial(self.waiting, modality))

    def start(self) -> None:
        """Begin to compute."""
        for thread in self._threads:
            thread.start()

    def close(self, timeout: float | None = None) -> None:
        """Finish what waits and end the lanes; what is left after `timeout` seconds fails."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        deadline = None if timeout is None else time.monotonic() + timeout
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
        self._fail_queued(LanesEnded("the service is shutting down; send the request again"))

    @property
    def lanes_running(self) -> int:
        """How many lanes have not ended by a fault."""
        return self._lanes_running

    @property
    def queued(self) -> int:
        """How many images wait for a lane."""
        return len(self._queues)

    def submissions(self) -> list[Submission]:
        """Return what waits for a lane, whole or in part."""
        with self._changed:
            return self._queues.submissions()

    def waiting(self, modality: Modality) -> int:
        """Return how many images of a branch wait for a lane."""
        return self._queues.waiting(modality, Urgency.INGEST)

    def submit(self, samples: Sequence[BranchPixels], ticket: Ticket) -> Future[Embedded]:
        """Queue the images of samples, each with at least one.

        Returns:
            What gets the features, or raises DeadlinePassed, ClientGone, LanesEnded or EngineError.

        Raises:
            NoModality: a sample has no image.
        """
        submission = Submission(samples, self._feature_size, ticket, time.monotonic())
        if not submission.images:
            submission.finish()
            return submission.future
        with self._changed:
            if self._lanes_running and not self._closing:
                self._queues.push(submission)
                self._changed.notify(len(submission.images))
                ended = False
            else:
                ended = True
        if ended:
            submission.give_up()
            submission.future.set_exception(
                LanesEnded("nothing computes here any more; start the service again")
            )
        ticket.when_withdrawn(lambda: self._drop(submission))
        return submission.future

    def embed_for_ingest(self, samples: Sequence[BranchPixels]) -> Embedded:
        """Embed samples that nobody waits for alone; blocks until the lanes had time for them.

        Raises:
            EngineError: the engine failed.
            LanesEnded: nothing computes here any more.
        """
        return self.submit(samples, Ticket(Urgency.INGEST)).result()

    def seconds_ahead(self, urgency: Urgency) -> float:
        """Return in how many seconds the lanes will have done what goes before this urgency."""
        with self._changed:
            images = {
                branch: in_lanes + self._queues.waiting(branch, urgency)
                for branch, in_lanes in self._in_lanes.items()
            }
        return self.costs.of(images) / self.lanes

    def seconds_of(self, samples: Iterable[BranchPixels]) -> float:
        """Return the seconds that all lanes together take for the images of samples."""
        return self.costs.of(Counter(chain.from_iterable(samples))) / self.lanes

    def _work(self, number: int) -> None:
        name_this_thread(f"lane-{number}")
        images: list[QueuedImage] = []
        try:
            while images := self._take():
                self._compute(images)
        except BaseException as error:
            logger.critical("A lane ended by a fault", exc_info=error)
            self._lane_ended(images, error)

    def _take(self) -> list[QueuedImage]:
        """Return the next run's images, waiting for them; none when there will be no more."""
        while True:
            with self._changed:
                now = time.monotonic()
                due = self._queues.due(now)
                if due is None and self._closing:
                    return []
                if due is None or (due > 0 and not self._closing):
                    self._changed.wait(due)
                    continue
                images, late = self._queues.take(now)
                for image in images:
                    submission = image.submission
                    if submission.begun is None:
                        submission.begun = now
                    self._in_lanes[image.modality] += 1
            self._refuse_late(late)
            if images:
                self._metrics.run_begins(
                    images[0].modality,
                    images[0].submission.ticket.urgency,
                    [now - image.submission.submitted for image in images],
                )
                return images

    def _compute(self, images: list[QueuedImage]) -> None:
        modality = images[0].modality
        began = time.perf_counter()
        outcomes = run_branch(
            self.engine, modality, [image.pixels for image in images], self._feature_size
        )
        seconds = time.perf_counter() - began
        self._metrics.run_ended(modality, seconds)
        self._hand_over(images, outcomes, seconds)

    def _hand_over(
        self, images: list[QueuedImage], outcomes: Sequence[Outcome], seconds: float
    ) -> None:
        now = time.monotonic()
        finished: list[Submission] = []
        failed: list[tuple[Submission, Exception]] = []
        modality = images[0].modality
        with self._changed:
            self.costs.add(modality, len(images), seconds)
            self._in_lanes[modality] -= len(images)
            for image, outcome in zip(images, outcomes, strict=True):
                submission = image.submission
                if submission.is_over:
                    continue
                if isinstance(outcome, Exception):
                    self._queues.remove(submission)
                    submission.give_up()
                    failed.append((submission, outcome))
                elif submission.keep(image, outcome):
                    finished.append(submission)
        # Outside the lock: a future calls back whoever waits for it.
        for submission in finished:
            began = submission.begun or now
            self._metrics.stage("queue", began - submission.submitted)
            self._metrics.stage("inference", now - began)
            submission.finish()
        for submission, error in failed:
            submission.future.set_exception(error)

    def _drop(self, submission: Submission) -> None:
        """Take out what nobody waits for any more."""
        with self._changed:
            self._queues.remove(submission)
            was_under_way = submission.give_up()
        if was_under_way:
            self._metrics.dropped("client-gone")
            submission.future.set_exception(ClientGone("the client has hung up"))

    def _refuse_late(self, late: Iterable[Submission]) -> None:
        for submission in late:
            with self._changed:
                was_under_way = submission.give_up()
            if was_under_way:
                self._metrics.dropped("deadline")
                submission.future.set_exception(
                    DeadlinePassed(
                        f"it waited {time.monotonic() - submission.submitted:.2g} s and nothing of "
                        "it was computed; try again in a second, or give it a longer deadline"
                    )
                )

    def _lane_ended(self, images: Sequence[QueuedImage], error: BaseException) -> None:
        fault = LanesEnded(f"the thread that computed it ended: {error!r}")
        with self._changed:
            self._lanes_running -= 1
            for image in images:
                self._in_lanes[image.modality] -= 1
            hit = list(dict.fromkeys(image.submission for image in images))
        self._fail(hit, fault)
        if not self._lanes_running:
            self._fail_queued(fault)

    def _fail_queued(self, error: LanesEnded) -> None:
        self._fail(self.submissions(), error)

    def _fail(self, submissions: Iterable[Submission], error: Exception) -> None:
        for submission in submissions:
            with self._changed:
                self._queues.remove(submission)
                was_under_way = submission.give_up()
            if was_under_way:
                submission.future.set_exception(error)
