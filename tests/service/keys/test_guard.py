"""What the guard writes down, whichever way a call ends."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.keys.failures import BURST_OF_ONE, Failures
from service.keys.guard import KeyGuard
from service.keys.key import Role, make_key
from service.keys.key_file import add_key
from service.keys.key_ring import KeyRing
from service.keys.opening import Access, open_access
from service.keys.refused_lines import BURST, RefusedLines
from service.keys.settings import AccessSettings
from service.scopes.route_patterns import RoutePatterns


class Guarded:
    def __init__(self, directory: Path) -> None:
        self.path = directory / "keys.json"
        self.key_id, self.token = self._added("admin")
        access = open_access(AccessSettings(keys=self.path))
        assert access is not None
        # On a clock that stands still, what is bounded a second is bounded at all.
        self.access: Access = replace(
            access, failures=Failures(lambda: 0.0), refused_lines=RefusedLines(lambda: 0.0)
        )

    def _added(self, role: Role, rate: float | None = None) -> tuple[str, str]:
        key, token = make_key("gate", role, rate)
        add_key(self.path, key)
        return key.id, token

    def call_with(self, role: Role, rate: float | None = None) -> None:
        """Make calls with a new key from now on."""
        self.key_id, self.token = self._added(role, rate)
        self.access.ring.look()

    def make_unreadable(self) -> None:
        """Let the file of keys be unreadable for longer than the grace."""
        self.access.ring.close()
        ring = KeyRing(self.path, grace=0)
        self.access = replace(self.access, ring=ring)
        self.path.write_text("{")
        ring.look()

    async def call(
        self, app: ASGIApp, method: str = "GET", query: bytes = b"", token: str | None = None
    ) -> list[Message]:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "http.request", "body": b""}

        bearer = f"Bearer {self.token if token is None else token}".encode()
        scope = {
            "type": "http",
            "method": method,
            "path": "/gallery/one",
            "query_string": query,
            "headers": [(b"authorization", bearer)],
            "state": {"request_id": "r"},
        }
        await KeyGuard(app, self.access, RoutePatterns(["/gallery/{id}"]))(scope, receive, send)
        return sent

    def lines(self, name: str = "audit") -> list[dict[str, Any]]:
        self.access.close()
        text = (self.path.parent / "audit" / f"{name}.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    guarded = Guarded(tmp_path)
    yield guarded
    guarded.access.close()


async def fails(scope: Scope, receive: Receive, send: Send) -> None:
    raise ZeroDivisionError


async def never_answers(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.Event().wait()


async def gives_up(scope: Scope, receive: Receive, send: Send) -> None:
    return


def test_a_call_that_fails_leaves_a_line(guarded: Guarded) -> None:
    with pytest.raises(ZeroDivisionError):
        asyncio.run(guarded.call(fails))
    (line,) = guarded.lines()
    assert (line["status"], line["event"]) == (500, "failed")


def test_a_cancelled_call_leaves_a_line(guarded: Guarded) -> None:
    async def cancelled() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await guarded.call(never_answers)

    asyncio.run(cancelled())
    (line,) = guarded.lines()
    assert (line["status"], line["event"]) == (None, "cancelled")


def test_a_call_without_an_answer_leaves_a_line(guarded: Guarded) -> None:
    asyncio.run(guarded.call(gives_up))
    (line,) = guarded.lines()
    assert (line["status"], line["event"]) == (None, "no answer")


def test_nothing_is_changed_where_the_log_cannot_be_written(guarded: Guarded) -> None:
    called: list[str] = []

    async def deletes(scope: Scope, receive: Receive, send: Send) -> None:
        called.append("deleted")
        await PlainTextResponse("")(scope, receive, send)

    guarded.access.audit.close()
    sent = asyncio.run(guarded.call(deletes, "DELETE"))
    assert sent[0]["status"] == 503
    assert b"audit-unwritable" in sent[1]["body"]
    assert called == []


def test_nothing_is_told_where_the_log_cannot_be_written(guarded: Guarded) -> None:
    guarded.access.audit.close()
    sent = asyncio.run(guarded.call(PlainTextResponse("secret")))
    assert sent[0]["status"] == 503
    assert b"secret" not in b"".join(message.get("body", b"") for message in sent)


def test_a_change_is_written_down_before_and_after(guarded: Guarded) -> None:
    asyncio.run(guarded.call(PlainTextResponse(""), "DELETE"))
    begins, ended = guarded.lines()
    assert (begins["event"], begins["status"], ended["status"]) == ("begins", None, 200)


def test_a_caller_without_a_key_writes_short_lines_into_a_log_apart(guarded: Guarded) -> None:
    sent = asyncio.run(guarded.call(gives_up, query=b"q" * 40000, token="none"))
    assert sent[0]["status"] == 401
    (line,) = guarded.lines("refused")
    assert len(line["query"]) < 1100
    assert guarded.lines() == []


def calls(guarded: Guarded, count: int, method: str = "GET") -> list[list[Message]]:
    async def call() -> list[list[Message]]:
        return [await guarded.call(PlainTextResponse(""), method) for _ in range(count)]

    return asyncio.run(call())


def test_refused_calls_of_a_key_cannot_fill_the_log(guarded: Guarded) -> None:
    guarded.call_with("search")
    answers = calls(guarded, 400, method="DELETE")
    assert {answer[0]["status"] for answer in answers} == {403}
    lines = guarded.lines()
    assert len(lines) == BURST
    assert {(line["key"], line["status"]) for line in lines} == {(guarded.key_id, 403)}
    assert guarded.lines("refused") == []


def test_calls_beyond_a_rate_cannot_fill_the_log(guarded: Guarded) -> None:
    guarded.call_with("search", rate=0.001)
    statuses = [answer[0]["status"] for answer in calls(guarded, 400)]
    assert statuses == [200] + [429] * 399
    assert len(guarded.lines()) == 1 + BURST


def test_while_the_keys_cannot_be_read_calls_cannot_fill_the_log_of_refusals(
    guarded: Guarded,
) -> None:
    guarded.make_unreadable()
    answers = calls(guarded, 400)
    assert {answer[0]["status"] for answer in answers} == {503}
    assert all(b"keys-unreadable" in answer[1]["body"] for answer in answers)
    assert len(guarded.lines("refused")) == BURST_OF_ONE
    assert guarded.lines() == []
