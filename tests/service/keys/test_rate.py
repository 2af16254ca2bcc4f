"""The rates of keys."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.keys.errors import TooManyRequests
from service.keys.key import make_key
from service.keys.rate import BURST_SECONDS, Rates


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_key_without_a_rate_is_never_refused() -> None:
    rates, (key, _) = Rates(), make_key("gate", "search")
    for _ in range(10_000):
        rates.take(key)


def test_a_refused_request_says_when_there_is_room_and_then_there_is() -> None:
    clock = Clock()
    rates, (key, _) = Rates(clock=clock), make_key("gate", "search", rate=0.5)
    rates.take(key)
    with pytest.raises(TooManyRequests) as refused:
        rates.take(key)
    assert refused.value.retry_after == 2
    clock.now += refused.value.retry_after
    rates.take(key)


def test_one_key_takes_nothing_from_another() -> None:
    clock = Clock()
    rates = Rates(default=1, clock=clock)
    (one, _), (other, _) = make_key("one", "search"), make_key("other", "search")
    for _ in range(2):
        rates.take(one)
    with pytest.raises(TooManyRequests):
        rates.take(one)
    rates.take(other)


@settings(deadline=None)
@given(
    rate=st.floats(0.1, 100),
    pauses=st.lists(st.floats(0, 3), min_size=1, max_size=200),
)
def test_no_more_pass_than_the_rate_and_one_burst(rate: float, pauses: list[float]) -> None:
    clock = Clock()
    rates, (key, _) = Rates(clock=clock), make_key("gate", "search", rate=rate)
    passed = 0
    for pause in pauses:
        clock.now += pause
        try:
            rates.take(key)
        except TooManyRequests:
            continue
        passed += 1
    assert passed <= max(1.0, rate * BURST_SECONDS) + clock.now * rate + 1e-6
