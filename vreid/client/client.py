"""`Client` and `AsyncClient`: two thin shells that send what the flows ask for, over httpx."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Self, TypeVar

import httpx

from vreid.client import calls, enrolment, record_calls, waiting
from vreid.client.answers import Answer
from vreid.client.connection import Connected, Transport
from vreid.client.flows import Flow, attempts
from vreid.client.methods import awaited, awaited_pages, blocking, blocking_pages
from vreid.client.retrying import Failure, Pause, Send
from vreid.client.timed_stream import TimeLimit, limit_streams
from vreid.client.wire import answer_of, built, failure_of, late

T = TypeVar("T")


class Client(Connected[httpx.Client]):
    """The service's calls, blocking. Threads may share one.

    Used as ``with Client() as client:``, or closed by `close`. What each call takes and gives
    stands in `vreid.client.calls` and
    `vreid.client.record_calls`; every result is a frozen dataclass.
    """

    embed = blocking(calls.embed)
    search = blocking(calls.search)
    search_pages = blocking_pages(calls.search_pages)
    compare = blocking(calls.compare)
    enrol = blocking(enrolment.enrol)
    enrol_many = blocking(enrolment.enrol_many)
    get = blocking(record_calls.get)
    correct = blocking(record_calls.correct)
    delete = blocking(record_calls.delete)
    delete_matching = blocking(record_calls.delete_matching)
    page = blocking(record_calls.page)
    records = blocking_pages(record_calls.records)
    thumbnail = blocking(record_calls.thumbnail)
    ingest = blocking(calls.ingest)
    ingest_progress = blocking(calls.ingest_progress)
    wait_for_ingest = blocking(waiting.wait_for_ingest)
    info = blocking(calls.info)
    status = blocking(calls.status)
    me = blocking(calls.me)
    live = blocking(calls.live)
    ready = blocking(calls.ready)
    wait_until_ready = blocking(waiting.wait_until_ready)
    metrics = blocking(calls.metrics)

    def _open(self, transport: Transport) -> httpx.Client:
        http = httpx.Client(
            headers=transport.headers,
            limits=transport.limits,
            verify=transport.verify,
            trust_env=transport.trust_env,
        )
        self._time = TimeLimit()
        limit_streams(http, self._time)
        return http

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def run(self, flow: Flow[T]) -> T:
        """The result of a flow, one of the package's or your own made of them."""
        steps = attempts(flow, self._options)
        outcome: Answer | Failure | None = None
        try:
            while True:
                step = steps.send(outcome)
                if isinstance(step, Pause):
                    time.sleep(step.seconds)
                    outcome = None
                else:
                    outcome = self._send(step)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            steps.close()

    def _send(self, step: Send) -> Answer | Failure:
        end = time.monotonic() + step.seconds
        try:
            with self._time.until(step.ends):
                response = self._http.send(built(self._http, self.url, step), stream=True)
                try:
                    body = bytearray()
                    for chunk in response.iter_bytes():
                        body += chunk
                        if time.monotonic() > end:
                            return late(step)
                finally:
                    response.close()
        except httpx.RequestError as error:
            return failure_of(error, step)
        return answer_of(response, body)


class AsyncClient(Connected[httpx.AsyncClient]):
    """The service's calls, to be awaited (asyncio). Tasks may share one.

    Used as ``async with AsyncClient() as client:``, or closed by `aclose`. The calls are those of
    `Client`; files that are named by path are read while nothing else of the event loop runs.
    """

    embed = awaited(calls.embed)
    search = awaited(calls.search)
    search_pages = awaited_pages(calls.search_pages)
    compare = awaited(calls.compare)
    enrol = awaited(enrolment.enrol)
    enrol_many = awaited(enrolment.enrol_many)
    get = awaited(record_calls.get)
    correct = awaited(record_calls.correct)
    delete = awaited(record_calls.delete)
    delete_matching = awaited(record_calls.delete_matching)
    page = awaited(record_calls.page)
    records = awaited_pages(record_calls.records)
    thumbnail = awaited(record_calls.thumbnail)
    ingest = awaited(calls.ingest)
    ingest_progress = awaited(calls.ingest_progress)
    wait_for_ingest = awaited(waiting.wait_for_ingest)
    info = awaited(calls.info)
    status = awaited(calls.status)
    me = awaited(calls.me)
    live = awaited(calls.live)
    ready = awaited(calls.ready)
    wait_until_ready = awaited(waiting.wait_until_ready)
    metrics = awaited(calls.metrics)

    def _open(self, transport: Transport) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            headers=transport.headers,
            limits=transport.limits,
            verify=transport.verify,
            trust_env=transport.trust_env,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def run(self, flow: Flow[T]) -> T:
        """The result of a flow, one of the package's or your own made of them."""
        steps = attempts(flow, self._options)
        outcome: Answer | Failure | None = None
        try:
            while True:
                step = steps.send(outcome)
                if isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                    outcome = None
                else:
                    outcome = await self._send(step)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            steps.close()

    async def _send(self, step: Send) -> Answer | Failure:
        left = None if step.ends is None else step.ends - time.monotonic()
        try:
            async with asyncio.timeout(left):
                return await self._exchange(step)
        except TimeoutError:
            return late(step)

    async def _exchange(self, step: Send) -> Answer | Failure:
        end = time.monotonic() + step.seconds
        try:
            response = await self._http.send(built(self._http, self.url, step), stream=True)
            try:
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if time.monotonic() > end:
                        return late(step)
            finally:
                await response.aclose()
        except httpx.RequestError as error:
            return failure_of(error, step)
        return answer_of(response, body)
