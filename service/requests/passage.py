"""One request on its way: read, decode, queue for a lane, answer; each step hands it to the next.

No thread waits for a request that waits, and the event loop is woken once, by the answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from service.batching.backlog import Expected
from service.batching.batcher import deadline_passed
from service.batching.errors import ClientGone
from service.batching.submission import BranchPixels, Embedded
from service.batching.ticket import Ticket
from service.batching.urgency import Urgency
from service.embedding.preparation import Preparation
from service.messages.samples import EmbeddedSamples, SentSample
from service.running import Running
from service.telemetry.metrics import Stage
from service.threads.named_threads import NamedThreads, as_exception, call_back, fail, resolve

Answer = TypeVar("Answer")
Encoded = TypeVar("Encoded")
Result = TypeVar("Result")

_AFTER_DEADLINE = 0.001
"""Seconds after its deadline that a request is looked at: then it has passed by any clock."""

_IN_WORK = 0.05
"""Seconds until a request is looked at again whose decoding takes longer than its deadline."""


@dataclass(frozen=True, slots=True)
class Question(Generic[Answer]):
    """A request that was read and found in order.

    Attributes:
        samples: what has to be embedded to answer it, possibly nothing.
        answer: makes the answer out of them; it may block.
        urgency: of their images.
        with_thumbnails: whether the answer needs thumbnails.
    """

    samples: Sequence[SentSample]
    answer: Callable[[EmbeddedSamples], Answer]
    urgency: Urgency = Urgency.SEARCH
    with_thumbnails: bool = False


class Passage(Generic[Answer, Encoded]):
    """One request between its body and its answer.

    Each step takes what it needs out of the passage, so that what was used, and what a client that
    has hung up leaves behind, is held by nobody.
    """

    def __init__(
        self,
        running: Running,
        ticket: Ticket,
        expected: Expected,
        size: int,
        read: Callable[[], Question[Answer]],
        encode: Callable[[Answer], Encoded],
        ahead: float | None,
    ) -> None:
        """Prepare the way; `begin` begins it.

        Args:
            running: the service.
            ticket: of the request, begun.
            expected: the images that it is taken to bring.
            size: bytes of its body.
            read: reads the body; it may block.
            encode: makes of the answer what `begin`'s future gets; it may block.
            ahead: seconds that the request will have to wait, if it was let in as one with images;
                else None.
        """
        self._running = running
        self._ticket = ticket
        self._expected = expected
        self._size = size
        self._read_body: Callable[[], Question[Answer]] | None = read
        self._encode: Callable[[Answer], Encoded] | None = encode
        self._is_checked = ahead is not None
        self._loop = asyncio.get_running_loop()
        self._arrival: asyncio.Future[Encoded] | None = self._loop.create_future()
        self._make_answer: Callable[[EmbeddedSamples], Answer] | None = None
        self._preparation: Preparation | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._began = time.monotonic()
        self._handed_over: float | None = None
        self._waits_for_nobody = ahead == 0
        self._is_computed = False
        self._decoding = 0.0

    def begin(self) -> asyncio.Future[Encoded]:
        """Send the request on its way; returns what gets its answer."""
        arrival = self._arrival
        assert arrival is not None
        backlog, workers = self._running.backlog, self._running.workers
        if self._is_checked:
            if self._expected.urgency is not self._ticket.urgency:
                ahead = backlog.seconds(self._expected.urgency, besides=self._expected)
                self._waits_for_nobody = ahead == 0
            backlog.begin(self._expected)
            self._look_at_the_time()
            self._hand_over(workers.decoding, self._read)
        else:
            # Ids, features, a question: what needs no decoding waits behind none.
            workers.answering.hand_over(self._read)
        return arrival

    def withdraw(self, error: BaseException) -> None:
        """Nobody waits any more: whatever is next ends here; belongs to the event loop."""
        self._is_computed = False
        self._ticket.withdraw()
        if self._arrival is not None:
            fail(self._arrival, error)
        self._let_go()

    def end(self) -> None:
        """The answer has come, or will not; belongs to the event loop."""
        if self._is_computed:
            took = time.monotonic() - self._began - self._ticket.waited
            self._running.backlog.add_own(self._expected.images, took)
        if self._timer is not None:
            self._timer.cancel()
        # An error that the future holds names this passage by its traceback.
        self._arrival = None
        self._let_go()

    def _look_at_the_time(self) -> None:
        """Tell a request that is too late so at once, and not when its turn has come."""
        self._timer = None
        ticket, now = self._ticket, time.monotonic()
        if self._arrival is None or self._arrival.done() or ticket.deadline is None:
            return
        if not ticket.is_late(now):
            wait = ticket.deadline - now + _AFTER_DEADLINE
        elif self._is_computed:
            ticket.expire()
            return
        elif self._handed_over is not None and not self._waits_for_nobody:
            self._running.metrics.dropped("deadline")
            self.withdraw(deadline_passed(now - self._began))
            return
        else:
            # It is being decoded: its deadline moves on by the time that takes.
            wait = _IN_WORK
        self._timer = self._loop.call_later(wait, self._look_at_the_time)

    def _hand_over(self, threads: NamedThreads, step: Callable[[], None]) -> None:
        self._handed_over = time.monotonic()
        threads.hand_over(step, is_urgent=self._expected.urgency is Urgency.SEARCH)

    def _taken(self) -> None:
        """A thread has begun with this request, or goes on with it."""
        if self._handed_over is not None:
            self._ticket.waited += time.monotonic() - self._handed_over
            self._handed_over = None

    def _read(self) -> None:
        """Read the body; in a thread that decodes, or answers where it can hold no images."""
        try:
            self._taken()
            self._end_if_withdrawn()
            read, self._read_body = self._read_body, None
            if read is None:
                raise _client_gone()
            began = time.perf_counter()
            question = read()
            del read
            self._make_answer = question.answer
            self._ticket.urgency = question.urgency
            self._note_stage("read", time.perf_counter() - began)
            self._are_known(question.samples, question.urgency)
            self._preparation = self._running.embedder.prepare(
                question.samples, question.with_thumbnails
            )
            self._ticket.worked_on(time.perf_counter() - began)
        except BaseException as error:
            self._fail(error)
            return
        if question.samples and not self._is_checked:
            self._hand_over(self._running.workers.decoding, self._decode)
        else:
            del question
            self._decode()

    def _are_known(self, samples: Sequence[SentSample], urgency: Urgency) -> None:
        """Count the images, and refuse what was let in as something else and has no time."""
        backlog = self._running.backlog
        images = sum(len(sample.images) for sample in samples)
        backlog.known(self._expected, urgency, images)
        if not images:
            backlog.end(self._expected)
            return
        served = self._running.bundle.manifest.modalities
        for sample in samples:
            self._running.metrics.sample_sent(sample.images, served)
        backlog.add_size(self._size, images)
        backlog.begin(self._expected)
        if not self._is_checked or urgency is not Urgency.SEARCH:
            self._running.admission.check(self._ticket, self._expected)

    def _decode(self) -> None:
        """Decode sample by sample; after each, others have their turn in this thread."""
        threads, preparation = self._running.workers.decoding, self._preparation
        try:
            self._taken()
            self._end_if_withdrawn()
            if preparation is None:
                raise _client_gone()
            while preparation.left:
                self._end_if_withdrawn()
                began = time.perf_counter()
                preparation.next_sample()
                took = time.perf_counter() - began
                self._decoding += took
                self._ticket.worked_on(took)
                if preparation.left and threads.waiting:
                    self._hand_over(threads, self._decode)
                    return
            self._submit(preparation.images)
        except BaseException as error:
            self._fail(error)

    def _submit(self, images: Sequence[BranchPixels]) -> None:
        """Queue for the lanes, or have the answer made where nothing has to be computed."""
        running = self._running
        if not images:
            running.backlog.end(self._expected)
            if self._is_checked:
                step = partial(self._answer, running.embedder.nothing)
                running.workers.answering.hand_over(step)
            else:
                self._answer(running.embedder.nothing)
            return
        self._note_stage("decode", self._decoding)
        count = sum(map(len, images))
        running.backlog.add(count, self._decoding, running.batcher.seconds_of(images))
        embedded = running.batcher.submit(images, self._ticket, running.settings.batching.queue)
        running.backlog.end(self._expected)
        self._is_computed = True
        embedded.add_done_callback(self._embedded)

    def _embedded(self, embedded: Future[Embedded]) -> None:
        """Go on where answers are made; the lane that calls this has other things to do."""
        error = embedded.exception()
        if error is not None:
            self._fail(error)
        else:
            self._running.workers.answering.hand_over(partial(self._answer, embedded.result()))

    def _answer(self, embedded: Embedded) -> None:
        """Make the answer and encode it."""
        try:
            self._end_if_withdrawn()
            make, self._make_answer = self._make_answer, None
            preparation, self._preparation = self._preparation, None
            encode = self._encode
            if make is None or preparation is None or encode is None:
                raise _client_gone()
            began = time.perf_counter()
            answer = make(preparation.finish(embedded))
            answered = time.perf_counter()
            encoded = encode(answer)
            encoding = time.perf_counter() - answered
            self._note_stage("search", answered - began, ago=encoding)
            self._note_stage("encode", encoding)
        except BaseException as error:
            self._fail(error)
        else:
            self._call_back(resolve, encoded)

    def _note_stage(self, stage: Stage, seconds: float, ago: float = 0.0) -> None:
        self._running.metrics.stage(stage, seconds)
        self._ticket.stage(stage, seconds, ago)

    def _end_if_withdrawn(self) -> None:
        if self._ticket.withdrawn:
            raise _client_gone()

    def _fail(self, error: BaseException) -> None:
        self._is_computed = False
        self._let_go()
        self._call_back(fail, as_exception(error))

    def _call_back(
        self, function: Callable[[asyncio.Future[Encoded], Result], None], result: Result
    ) -> None:
        arrival = self._arrival
        if arrival is not None:
            call_back(self._loop, function, arrival, result)

    def _let_go(self) -> None:
        """Hold nothing of the request, and let nobody wait for it."""
        self._read_body = self._make_answer = self._preparation = self._encode = None
        self._running.backlog.end(self._expected)


def _client_gone() -> ClientGone:
    return ClientGone("the client has hung up")
