"""What waits for a lane, in the order in which it will be computed."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from service.batching.submission import QueuedImage, Submission
from service.batching.urgency import UP_TO, Urgency
from vreid.modality import Modality


@dataclass(frozen=True, slots=True)
class Bounds:
    """How runs are made of what waits.

    Attributes:
        sizes: batch sizes that the engine computes with, ascending.
        most: images in one run.
        delay: seconds that an image waits for others to share its run.
        lanes: that take runs.
        ingest_turn: while searches wait, one run of so many is for ingest.
        pads: whether a run may lie between two sizes, because padding costs next to nothing.
    """

    sizes: tuple[int, ...]
    most: int
    delay: float = 0.0
    lanes: int = 1
    ingest_turn: int = 8
    pads: bool = False

    def size_of_run(self, waiting: int, together: int) -> int:
        """Return how many images the next run takes.

        Args:
            waiting: images of the run's branch.
            together: images of all branches, of which other lanes take their share.
        """
        share = min(waiting, self.most, -(-together // self.lanes))
        if self.pads:
            return share
        fitting = bisect_right(self.sizes, share)
        return self.sizes[fitting - 1] if fitting else share


class BranchQueues:
    """Images by urgency and branch, oldest first; belongs to whoever holds the batcher's lock.

    The next run is of the most urgent images; of these, of the branch whose first image is the
    oldest. While searches and ingest both wait, every `ingest_turn`-th run is for ingest.
    """

    def __init__(self, branches: Iterable[Modality], bounds: Bounds) -> None:
        self._bounds = bounds
        self._delay = bounds.delay
        self._queues: Mapping[Urgency, Mapping[Modality, OrderedDict[QueuedImage, None]]] = {
            urgency: {modality: OrderedDict() for modality in branches} for urgency in Urgency
        }
        self._every_queue = [each for queues in self._queues.values() for each in queues.values()]
        self._searches_in_turn = 0

    def __len__(self) -> int:
        return sum([len(queue) for queue in self._every_queue])

    def waiting(self, branch: Modality, urgency: Urgency) -> int:
        """Return how many images of a branch wait, of this urgency and of more urgent ones."""
        return sum([len(self._queues[each][branch]) for each in UP_TO[urgency]])

    def push(self, submission: Submission) -> None:
        """Put all images of a submission behind those of its urgency."""
        queues = self._queues[submission.ticket.urgency]
        for image in submission.images:
            queues[image.modality][image] = None

    def remove(self, submission: Submission) -> None:
        """Take out the images of a submission that no lane has taken."""
        queues = self._queues[submission.ticket.urgency]
        for image in submission.images:
            queues[image.modality].pop(image, None)

    def submissions(self) -> list[Submission]:
        """Return the submissions of which something waits."""
        found: dict[Submission, None] = {}
        for queue in self._every_queue:
            found.update(dict.fromkeys(image.submission for image in queue))
        return list(found)

    def hurry(self) -> None:
        """From now on nothing waits for others to share its run."""
        self._delay = 0.0

    def due(self, now: float) -> float | None:
        """Return in how many seconds the next run may be taken, None where nothing waits."""
        if not self._delay:
            return 0.0 if len(self) else None
        waits = [self._wait_of(queue, now) for queue in self._every_queue if queue]
        return min(waits, default=None)

    def take(self, now: float) -> tuple[list[QueuedImage], list[Submission]]:
        """Return the images of the next run, and what was found to be too late and taken out.

        The images are of one branch and one urgency; none where nothing waits, where all of it is
        too late, or where nothing has waited its delay.
        """
        late: list[Submission] = []
        urgency = self._next_urgency(now)
        if urgency is None:
            return [], late
        queues = self._queues[urgency]
        queue = self._oldest(queues.values(), now)
        size = self._bounds.size_of_run(len(queue), sum(len(each) for each in queues.values()))
        images: list[QueuedImage] = []
        while queue and len(images) < size:
            submission = next(iter(queue)).submission
            if submission.is_late(now):
                self.remove(submission)
                late.append(submission)
            else:
                images.append(queue.popitem(last=False)[0])
        if images:
            self._count_turn(urgency)
        return images, late

    def _wait_of(self, queue: OrderedDict[QueuedImage, None], now: float) -> float:
        if len(queue) >= self._bounds.most:
            return 0.0
        return max(0.0, next(iter(queue)).submission.submitted + self._delay - now)

    def _may_go(self, queue: OrderedDict[QueuedImage, None], now: float) -> bool:
        return bool(queue) and (not self._delay or self._wait_of(queue, now) == 0)

    def _next_urgency(self, now: float) -> Urgency | None:
        can_go = [
            urgency
            for urgency, queues in self._queues.items()
            if any(self._may_go(queue, now) for queue in queues.values())
        ]
        if not can_go:
            return None
        if len(can_go) > 1 and self._searches_in_turn >= self._bounds.ingest_turn - 1:
            return Urgency.INGEST
        return can_go[0]

    def _oldest(
        self, queues: Iterable[OrderedDict[QueuedImage, None]], now: float
    ) -> OrderedDict[QueuedImage, None]:
        ready = [queue for queue in queues if self._may_go(queue, now)]
        return min(ready, key=lambda queue: next(iter(queue)).submission.submitted)

    def _count_turn(self, urgency: Urgency) -> None:
        """Count the runs of searches that ingest has waited for."""
        ingest_waits = any(self._queues[Urgency.INGEST].values())
        if urgency is Urgency.SEARCH and ingest_waits:
            self._searches_in_turn += 1
        else:
            self._searches_in_turn = 0
