"""Readiness is asked of the parts seldom, and told to whoever may know."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.errors import GalleryError
from service.keys.key import make_key
from service.keys.key_file import add_key
from service.readiness import Readiness
from service.request_errors import NotReady
from service.running import Running
from tests.service.problem_checks import assert_problem
from tests.service.serving import running_service
from vreid.bundle import Bundle


@pytest.fixture
def looks(service: tuple[httpx.Client, Running], monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """One entry for each time that the parts are asked."""
    found: list[None] = []
    check_ready = Running.check_ready

    def counted(running: Running) -> dict[str, str]:
        found.append(None)
        return check_ready(running)

    monkeypatch.setattr(Running, "check_ready", counted)
    return found


def test_many_who_ask_at_once_make_one_look(
    service: tuple[httpx.Client, Running], looks: list[None]
) -> None:
    readiness = Readiness(service[1], seconds=3600)

    async def ask() -> None:
        answers = await asyncio.gather(*(readiness.checks() for _ in range(50)))
        assert all(answer == answers[0] for answer in answers)
        await readiness.checks()

    asyncio.run(ask())
    assert len(looks) == 1


def test_after_its_time_an_answer_is_asked_for_again(
    service: tuple[httpx.Client, Running], looks: list[None]
) -> None:
    readiness = Readiness(service[1], seconds=0)

    async def ask() -> None:
        for _ in range(3):
            await readiness.checks()

    asyncio.run(ask())
    assert len(looks) == 3


def test_a_fault_is_told_to_all_and_gathers_no_tracebacks(
    service: tuple[httpx.Client, Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        raise GalleryError("gone")

    monkeypatch.setattr(service[1].gallery, "refresh", fails)
    readiness = Readiness(service[1], seconds=3600)

    async def depth() -> int:
        with pytest.raises(NotReady, match="gone") as refused:
            await readiness.checks()
        return len(refused.traceback)

    async def ask() -> list[int]:
        return [await depth() for _ in range(5)]

    assert len(set(asyncio.run(ask()))) == 1


def test_what_was_not_foreseen_is_a_fault_too(
    service: tuple[httpx.Client, Running],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fails(_: Running) -> dict[str, str]:
        raise ValueError("nobody thought of it")

    monkeypatch.setattr(Running, "check_ready", fails)
    readiness = Readiness(service[1])

    async def ask() -> None:
        with pytest.raises(NotReady, match="its log says how"):
            await readiness.checks()

    asyncio.run(ask())
    assert "nobody thought of it" in caplog.text


def test_an_order_to_stop_during_the_look_counts(
    service: tuple[httpx.Client, Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    check_ready = Running.check_ready

    def told_to_stop(running: Running) -> dict[str, str]:
        found = check_ready(running)
        running.draining.begin()
        return found

    monkeypatch.setattr(Running, "check_ready", told_to_stop)
    readiness = Readiness(service[1])

    async def ask() -> None:
        with pytest.raises(NotReady, match="shutting down"):
            await readiness.checks()

    asyncio.run(ask())


@pytest.fixture
def guarded(
    calibrated_bundle: Bundle, tmp_path: Path
) -> Iterator[tuple[httpx.Client, Running, dict[str, str]]]:
    key, token = make_key("probe", "search")
    add_key(tmp_path / "keys.json", key)
    access = {"keys": tmp_path / "keys.json"}
    gallery = tmp_path / "gallery"
    with running_service(calibrated_bundle.path, gallery, access=access) as (client, running):
        yield client, running, {"Authorization": f"Bearer {token}"}


def test_with_keys_the_parts_are_told_to_those_who_have_one(
    guarded: tuple[httpx.Client, Running, dict[str, str]],
) -> None:
    client, _, key = guarded
    assert client.get("/health/ready").json() == {"status": "ready", "checks": {}}
    assert set(client.get("/health/ready", headers=key).json()["checks"]) >= {"engine", "gallery"}
    wrong = {"Authorization": "Bearer wrong"}
    assert_problem(client.get("/health/ready", headers=wrong), 401, "unauthenticated")


def test_with_keys_the_cause_of_a_fault_is_told_to_those_who_have_one(
    guarded: tuple[httpx.Client, Running, dict[str, str]],
) -> None:
    client, running, key = guarded
    running.gallery.close()
    public = assert_problem(client.get("/health/ready"), 503, "not-ready")
    assert "gallery" not in public["detail"]
    told = assert_problem(client.get("/health/ready", headers=key), 503, "not-ready")
    assert "gallery" in told["detail"]
