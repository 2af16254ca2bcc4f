"""The shipped bundle on real photographs of vehicles it was not trained on, over HTTP."""

import pytest

from benchmarks.real_photographs import BUNDLE, held_out_photographs, measure_both_directions
from tests.shared_data import PHOTOGRAPHS, needs_shared_data

pytestmark = [needs_shared_data, pytest.mark.long]


def test_held_out_vehicles_are_found_in_the_other_camera_by_rgb_alone() -> None:
    figures = measure_both_directions(PHOTOGRAPHS, BUNDLE)
    assert [row.queries for row in figures] == [81, 81]
    for row in figures:
        assert row.rank_1 >= 0.85
        assert row.map >= 0.90


def test_the_held_out_photographs_are_one_of_each_camera_for_each_identity() -> None:
    photographs = held_out_photographs(PHOTOGRAPHS)
    assert len({(photo.identity, photo.camera) for photo in photographs}) == len(photographs) == 162
