import asyncio
import threading
from collections.abc import Iterator
from functools import partial

import pytest

from service.threads.named_threads import NamedThreads
from service.threads.workers import Workers


@pytest.fixture
def workers() -> Iterator[Workers]:
    started = Workers(2)
    started.start()
    yield started
    started.close()


def test_at_most_so_many_calls_run_at_the_same_moment(workers: Workers) -> None:
    active, most = 0, 0
    lock = threading.Lock()

    def call() -> None:
        nonlocal active, most
        with lock:
            active += 1
            most = max(most, active)
        threading.Event().wait(0.01)
        with lock:
            active -= 1

    async def run_all() -> None:
        await asyncio.gather(*(workers.run(call) for _ in range(12)))

    asyncio.run(run_all())
    assert most == 2


def test_the_result_and_the_error_of_a_call_come_back(workers: Workers) -> None:
    assert asyncio.run(workers.run(lambda: 7)) == 7
    with pytest.raises(ZeroDivisionError):
        asyncio.run(workers.run(lambda: 1 / 0))


def test_a_call_that_nobody_waits_for_any_more_is_left_out(workers: Workers) -> None:
    begun, go_on = threading.Event(), threading.Event()
    made: list[str] = []

    def block() -> None:
        begun.set()
        go_on.wait(60)

    async def give_up() -> None:
        blocked = [asyncio.ensure_future(workers.run(block)) for _ in range(2)]
        waiting = asyncio.ensure_future(workers.run(made.append, "made"))
        await asyncio.to_thread(begun.wait, 60)
        waiting.cancel()
        await asyncio.sleep(0)
        go_on.set()
        await asyncio.gather(*blocked)
        await workers.run(made.append, "last")

    asyncio.run(give_up())
    assert made == ["last"]


def test_threads_have_names_that_the_system_shows(workers: Workers) -> None:
    def name() -> str:
        with open("/proc/thread-self/comm") as file:
            return file.read().strip()

    assert asyncio.run(workers.run(name)) in ("answer-0", "answer-1")


class Panic(BaseException):
    """What a library written in Rust raises."""


def test_a_panic_ends_its_call_and_no_thread(workers: Workers) -> None:
    def panic() -> None:
        raise Panic("index out of bounds")

    async def panic_often() -> int:
        for _ in range(4):
            with pytest.raises(RuntimeError, match="index out of bounds"):
                await workers.run(panic)
        return await workers.run(lambda: 7)

    assert asyncio.run(panic_often()) == 7


def test_patient_calls_give_way_and_have_their_turn_all_the_same() -> None:
    go_on = threading.Event()
    made: list[str] = []
    threads = NamedThreads("one", 1)
    threads.hand_over(lambda: waited(go_on))
    for number in range(2):
        threads.hand_over(partial(made.append, f"patient {number}"), is_urgent=False)
    for _ in range(12):
        threads.hand_over(lambda: made.append("urgent"))
    threads.start()
    go_on.set()
    threads.close(60)
    assert made == ["urgent"] * 6 + ["patient 0"] + ["urgent"] * 6 + ["patient 1"]


def waited(event: threading.Event) -> None:
    assert event.wait(60)


@pytest.mark.parametrize("size", [1, 3])
def test_what_a_call_hands_over_while_threads_are_closed_is_made_too(size: int) -> None:
    go_on, begun = threading.Event(), threading.Event()
    made: list[int] = []
    threads = NamedThreads("several", size)

    def hand_over_more() -> None:
        begun.set()
        waited(go_on)
        for number in range(20):
            threads.hand_over(partial(made.append, number))

    threads.start()
    threads.hand_over(hand_over_more)
    waited(begun)
    closing = [threading.Thread(target=threads.close, args=(60,)) for _ in range(2)]
    for each in closing:
        each.start()
    go_on.set()
    for each in closing:
        each.join(60)
    assert sorted(made) == list(range(20))
    assert not [each for each in threading.enumerate() if each.name.startswith("several-")]


def test_closing_does_not_wait_for_ever() -> None:
    go_on, begun = threading.Event(), threading.Event()

    def block() -> None:
        begun.set()
        go_on.wait(60)

    threads = NamedThreads("one", 1)
    threads.start()
    threads.hand_over(block)
    assert begun.wait(60)
    threads.close(0.0)
    go_on.set()
    threads.close(60)
