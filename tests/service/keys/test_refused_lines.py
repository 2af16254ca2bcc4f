"""Refused calls of a valid key get so many lines and no more, and cost no other key its own."""

from service.keys.refused_lines import BURST, RATE, RefusedLines


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def lines(refused: RefusedLines, key: str, count: int) -> list[int]:
    """What the lines that so many calls at once get say in `unrecorded`."""
    taken = [refused.take(key) for _ in range(count)]
    return [each for each in taken if each is not None]


def test_a_key_has_a_burst_and_then_few_lines() -> None:
    clock = Clock()
    refused = RefusedLines(clock)
    assert lines(refused, "0123abcd", 1000) == [0] * int(BURST)
    clock.now += 5
    assert len(lines(refused, "0123abcd", 1000)) == 5 * RATE


def test_the_next_line_says_how_many_of_the_key_had_none() -> None:
    clock = Clock()
    refused = RefusedLines(clock)
    lines(refused, "0123abcd", 1000)
    clock.now += 2
    assert lines(refused, "4567cdef", 1) == [0]
    assert lines(refused, "0123abcd", 2) == [1000 - int(BURST), 0]


def test_one_key_leaves_another_its_own() -> None:
    refused = RefusedLines(Clock())
    lines(refused, "0123abcd", 1000)
    assert len(lines(refused, "4567cdef", 1000)) == BURST
