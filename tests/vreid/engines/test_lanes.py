"""Cutting into runs, and handing runs to lanes."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vreid.engines.batches import cut, padded_size
from vreid.engines.lanes import Lanes

SIZES = st.sets(st.integers(1, 40), min_size=1).map(sorted)


@given(st.integers(0, 300), SIZES, st.integers(1, 16))
def test_every_image_is_in_one_run_that_fits_a_size(
    count: int, sizes: list[int], lanes: int
) -> None:
    pieces = cut(count, sizes, lanes)
    assert [row for piece in pieces for row in range(count)[piece]] == list(range(count))
    for piece in pieces:
        held = piece.stop - piece.start
        padded = padded_size(held, sizes)
        assert padded in sizes
        assert padded >= held
        assert not any(held <= size < padded for size in sizes)


def test_what_fits_one_run_is_one_run_and_more_is_shared_out_among_the_lanes() -> None:
    assert cut(8, (1, 2, 4, 8), 2) == [slice(0, 8)]
    assert cut(3, (1, 2, 4, 8), 2) == [slice(0, 3)]
    assert cut(16, (1, 2, 4, 8), 2) == [slice(0, 8), slice(8, 16)]
    assert cut(16, (1, 2, 4, 8), 4) == [slice(start, start + 4) for start in range(0, 16, 4)]
    assert cut(3, (1,), 2) == [slice(0, 1), slice(1, 2), slice(2, 3)]


def test_work_in_each_lane_is_done_in_all_of_them_at_once() -> None:
    meeting = threading.Barrier(3, timeout=60)
    seen: list[int] = []

    def work(lane: int) -> None:
        meeting.wait()
        seen.append(lane)

    lanes = Lanes([0, 1, 2])
    lanes.run_in_each(work)
    assert sorted(seen) == [0, 1, 2]

    def fail(lane: int) -> None:
        raise ValueError(lane)

    with pytest.raises(ValueError, match="0"):
        lanes.run_in_each(fail)
    lanes.run_in_each(work)


def test_as_many_runs_go_on_at_once_as_there_are_lanes() -> None:
    meeting = threading.Barrier(3, timeout=60)
    seen: list[int] = []

    def work(lane: int, piece: int) -> None:
        if piece < 3:
            meeting.wait()  # returns only when three are here at once
        seen.append(lane)

    Lanes([0, 1, 2]).run(work, list(range(9)))
    assert len(seen) == 9
    assert set(seen) == {0, 1, 2}


def test_no_lane_is_used_twice_at_once() -> None:
    busy, clashes = set[int](), list[int]()

    def work(lane: int, piece: int) -> None:
        clashes.extend({lane} & busy)
        busy.add(lane)
        sum(range(2000))
        busy.discard(lane)

    lanes = Lanes([0, 1])
    callers = [threading.Thread(target=lanes.run, args=(work, range(20))) for _ in range(5)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
    assert not any(caller.is_alive() for caller in callers)
    assert clashes == []


def test_a_failure_is_raised_and_gives_the_lane_back() -> None:
    lanes = Lanes([0, 1])

    def fail(lane: int, piece: int) -> None:
        raise ValueError(piece)

    for pieces in ([0], [0, 1, 2]):
        with pytest.raises(ValueError, match="0"):
            lanes.run(fail, pieces)
    done: list[int] = []
    lanes.run(lambda lane, piece: done.append(piece), [1, 2, 3, 4])
    assert sorted(done) == [1, 2, 3, 4]
