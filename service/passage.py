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

from service.batching.errors import ClientGone
from service.batching.submission import BranchPixels, Embedded
from service.batching.ticket import Ticket
from service.batching.urgency import Urgency
from service.named_threads import as_exception, call_back, fail, resolve
from service.running import Running
from service.samples import EmbeddedSamples, SentSample

Answer = TypeVar("Answer")
Encoded = TypeVar("Encoded")


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
    """One request between its body and its answer, which is `arrival`'s result."""

    def __init__(
        self,
        running: Running,
        ticket: Ticket,
        read: Callable[[], Question[Answer]],
        encode: Callable[[Answer], Encoded],
        is_checked: bool,
    ) -> None:
        """Prepare the way; `begin` begins it.

        Args:
            running: the service.
            ticket: of the request.
            read: reads the body; it may block.
            encode: makes of the answer what `arrival` gets; it may block.
            is_checked: whether the request was let in as one with images.
        """
        self._running = running
        self._ticket = ticket
        self._read_body = read
        self._encode = encode
        self._is_checked = is_checked
        self._loop = asyncio.get_running_loop()
        self.arrival: asyncio.Future[Encoded] = self._loop.create_future()
        self._is_known = False
        self._decoding = 0.0

    def begin(self) -> None:
        """Send the request on its way."""
        self._running.backlog.request_begins()
        self._running.workers.decoding.hand_over(self._read)

    def withdraw(self, error: BaseException) -> None:
        """Nobody waits any more: whatever is next ends here; belongs to the event loop."""
        self._ticket.withdraw()
        fail(self.arrival, error)

    def _read(self) -> None:
        """Read the body; in a thread that decodes."""
        try:
            self._end_if_withdrawn()
            began = time.perf_counter()
            question = self._read_body()
            self._question = question
            self._ticket.urgency = question.urgency
            self._running.metrics.stage("read", time.perf_counter() - began)
            if question.samples and (not self._is_checked or question.urgency):
                self._running.admission.check(self._ticket, is_held=True)
            self._preparation = self._running.embedder.prepare(
                question.samples, question.with_thumbnails
            )
        except BaseException as error:
            self._fail(error)
        else:
            self._decode()

    def _decode(self) -> None:
        """Decode sample by sample; after each, others have their turn in this thread."""
        threads, preparation = self._running.workers.decoding, self._preparation
        try:
            while preparation.left:
                self._end_if_withdrawn()
                began = time.perf_counter()
                preparation.next_sample()
                self._decoding += time.perf_counter() - began
                if preparation.left and threads.waiting:
                    threads.hand_over(self._decode)
                    return
            self._submit(preparation.images)
        except BaseException as error:
            self._fail(error)

    def _submit(self, images: Sequence[BranchPixels]) -> None:
        """Queue for the lanes, or answer here where nothing has to be computed."""
        if not images:
            self._images_are_known()
            self._answer(self._running.embedder.nothing)
            return
        running = self._running
        running.metrics.stage("decode", self._decoding)
        running.backlog.add(self._decoding, running.batcher.seconds_of(images))
        running.admission.check_queue(sum(map(len, images)))
        embedded = running.batcher.submit(images, self._ticket)
        self._images_are_known()
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
            began = time.perf_counter()
            answer = self._question.answer(self._preparation.finish(embedded))
            answered = time.perf_counter()
            encoded = self._encode(answer)
            self._running.metrics.stage("search", answered - began)
            self._running.metrics.stage("encode", time.perf_counter() - answered)
        except BaseException as error:
            self._fail(error)
        else:
            call_back(self._loop, resolve, self.arrival, encoded)

    def _end_if_withdrawn(self) -> None:
        if self._ticket.withdrawn:
            raise ClientGone("the client has hung up")

    def _fail(self, error: BaseException) -> None:
        self._images_are_known()
        call_back(self._loop, fail, self.arrival, as_exception(error))

    def _images_are_known(self) -> None:
        if not self._is_known:
            self._is_known = True
            self._running.backlog.request_is_known()
