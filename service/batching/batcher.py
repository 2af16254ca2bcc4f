"""Lanes: threads that compute the images of many requests, branch by branch, in batches."""

from __future__ import annotations

import logging
import math
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
from service.batching.hands import Hand, Hands
from service.batching.run import Outcome, run_branch
from service.batching.submission import BranchPixels, Embedded, Submission
from service.batching.ticket import Ticket
from service.batching.urgency import Urgency
from service.request_errors import Overloaded
from service.telemetry.metrics import Metrics
from service.threads.thread_names import name_this_thread
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
        self._changed = threading.Condition()
        self._closing = False
        self._lanes_running = bounds.lanes
        self.lanes = bounds.lanes
        self._hands = Hands(bounds.lanes, branches)
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
            self._queues.hurry()
            self._changed.notify_all()
        deadline = None if timeout is None else time.monotonic() + timeout
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
        with self._changed:
            left = [*self._queues.submissions(), *self._hands.submissions()]
        self._fail(left, LanesEnded("the service is shutting down; send the request again"))

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

    def hung_lanes(self) -> int:
        """Return how many lanes compute for so long that they will hardly come back."""
        with self._changed:
            return self._hands.hung(time.monotonic(), self.costs)

    def submit(
        self, samples: Sequence[BranchPixels], ticket: Ticket, room: int | None = None
    ) -> Future[Embedded]:
        """Queue the images of samples, each with at least one.

        Args:
            samples: what is to be computed.
            ticket: of their request.
            room: images that may wait together; an empty queue takes any.

        Returns:
            What gets the features, or raises DeadlinePassed, ClientGone, LanesEnded or EngineError.

        Raises:
            NoModality: a sample has no image.
            Overloaded: the queue has no room.
        """
        submission = Submission(samples, self._feature_size, ticket, time.monotonic())
        future = submission.future
        if not submission.images:
            submission.finish()
            return future
        with self._changed:
            waiting = len(self._queues)
            is_full = room is not None and waiting > 0 and waiting + len(submission.images) > room
            ended = not self._lanes_running or self._closing
            if not (is_full or ended):
                submission.found_free = self._is_a_lane_free()
                self._queues.push(submission)
                self._changed.notify(len(submission.images))
        if ended:
            submission.give_up()
            submission.fail(LanesEnded("nothing computes here any more; start the service again"))
        elif is_full:
            submission.give_up()
            raise self._no_room(waiting, room)
        else:
            ticket.when_ended(partial(self._drop, submission), partial(self._expire, submission))
            if submission.is_over:
                # It was answered between the queue and here.
                ticket.settle()
        return future

    def _no_room(self, waiting: int, room: int | None) -> Overloaded:
        self._metrics.refused("queue")
        return Overloaded(
            f"{waiting} images wait to be embedded and {room} may; try again later",
            retry_after=math.ceil(self.seconds_ahead(Urgency.INGEST)),
        )

    def embed_for_ingest(self, samples: Sequence[BranchPixels]) -> Embedded:
        """Embed samples that nobody waits for alone; blocks until the lanes had time for them.

        Raises:
            EngineError: the engine failed.
            LanesEnded: nothing computes here any more.
        """
        return self.submit(samples, Ticket(Urgency.INGEST)).result()

    def seconds_ahead(self, urgency: Urgency) -> float:
        """Return in how many seconds a lane will be there for what comes now."""
        with self._changed:
            if self._is_a_lane_free():
                return 0.0
            images = {
                branch: computed + self._queues.waiting(branch, urgency)
                for branch, computed in self._hands.images.items()
            }
            lanes = max(1, self._lanes_running)
        return self.costs.of(images) / lanes

    def seconds_of(self, samples: Iterable[BranchPixels]) -> float:
        """Return the seconds that all lanes together take for the images of samples."""
        return self.costs.of(Counter(chain.from_iterable(samples))) / max(1, self._lanes_running)

    def _is_a_lane_free(self) -> bool:
        return self._hands.busy < self._lanes_running and not len(self._queues)

    def _work(self, number: int) -> None:
        name_this_thread(f"lane-{number}")
        hand = self._hands[number]
        try:
            while self._take(hand):
                self._compute(hand)
        except BaseException as error:
            logger.critical("A lane ended by a fault", exc_info=error)
            self._lane_ended(hand, error)

    def _take(self, hand: Hand) -> bool:
        """Take the next run's images, waiting for them; False when there will be no more."""
        while True:
            with self._changed:
                now = time.monotonic()
                due = self._queues.due(now)
                if due is None and self._closing:
                    return False
                if due is None or due > 0:
                    self._changed.wait(due)
                    continue
                images, late = self._queues.take(now)
                if images:
                    self._hands.begin(hand, images, now)
            self._refuse_late(late)
            if images:
                self._metrics.run_begins(
                    images[0].modality,
                    images[0].submission.ticket.urgency,
                    [now - image.submission.submitted for image in images],
                )
                return True

    def _compute(self, hand: Hand) -> None:
        modality = hand.images[0].modality
        began = time.perf_counter()
        outcomes = run_branch(
            self.engine, modality, [image.pixels for image in hand.images], self._feature_size
        )
        seconds = time.perf_counter() - began
        self._metrics.run_ended(modality, seconds)
        self._hand_over(hand, outcomes, seconds)
        # Not before: whoever looks after a lane that has ended finds here whom it owes an answer.
        hand.images = []

    def _hand_over(self, hand: Hand, outcomes: Sequence[Outcome], seconds: float) -> None:
        now = time.monotonic()
        finished: list[Submission] = []
        failed: list[tuple[Submission, Exception]] = []
        # Not under the lock: while it copies, NumPy gives Python's own lock away.
        for image, outcome in zip(hand.images, outcomes, strict=True):
            if not isinstance(outcome, Exception):
                image.submission.write(image, outcome)
        with self._changed:
            self.costs.add(hand.images[0].modality, len(hand.images), seconds)
            self._hands.end(hand)
            for image, outcome in zip(hand.images, outcomes, strict=True):
                submission = image.submission
                if submission.is_over:
                    continue
                if isinstance(outcome, Exception):
                    self._queues.remove(submission)
                    submission.give_up()
                    failed.append((submission, outcome))
                elif submission.keep():
                    finished.append(submission)
        # Outside the lock: a future calls back whoever waits for it.
        for submission in finished:
            began = submission.begun or now
            submission.ticket.waited += began - submission.submitted
            self._metrics.stage("queue", began - submission.submitted)
            self._metrics.stage("inference", now - began)
            submission.ticket.stage("queue", began - submission.submitted, ago=now - began)
            submission.ticket.stage("inference", now - began)
            submission.finish()
        for submission, error in failed:
            submission.fail(error)

    def _drop(self, submission: Submission) -> None:
        """Take out what nobody waits for any more."""
        if self._fail([submission], ClientGone("the client has hung up")):
            self._metrics.dropped("client-gone")

    def _expire(self, submission: Submission) -> None:
        """Take out what is too late; once an image of it is in a lane, it is finished."""
        with self._changed:
            if not submission.is_late(time.monotonic()):
                return
            self._queues.remove(submission)
        self._refuse_late([submission])

    def _refuse_late(self, late: Iterable[Submission]) -> None:
        for submission in late:
            waited = time.monotonic() - submission.submitted
            if self._fail([submission], deadline_passed(waited)):
                self._metrics.dropped("deadline")

    def _lane_ended(self, hand: Hand, error: BaseException) -> None:
        fault = LanesEnded(f"the thread that computed it ended: {error!r}")
        with self._changed:
            self._lanes_running -= 1
            self._hands.end(hand)
            hit = list(dict.fromkeys(image.submission for image in hand.images))
            hand.images = []
        self._fail(hit, fault)
        for submission in hit:
            # Of one whose features were complete nobody else would say anything.
            submission.fail(fault)
        if not self._lanes_running:
            self._fail(self.submissions(), fault)

    def _fail(self, submissions: Iterable[Submission], error: Exception) -> int:
        """Fail what is still under way; return how many were."""
        failed = 0
        for submission in submissions:
            with self._changed:
                self._queues.remove(submission)
                was_under_way = submission.give_up()
            if was_under_way:
                failed += 1
                submission.fail(error)
        return failed


def deadline_passed(waited: float) -> DeadlinePassed:
    """Say to a request that it waited so many seconds in vain."""
    return DeadlinePassed(
        f"it waited {waited:.2g} s and nothing of it was computed; try again in a second, or give "
        "it a longer deadline"
    )
