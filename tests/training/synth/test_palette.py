from __future__ import annotations

import numpy as np

from training.synth.palette import ANCHORS, colourise, palette_table


def test_table_begins_and_ends_with_the_outer_anchors() -> None:
    table = palette_table()
    assert table.shape == (256, 3)
    assert tuple(table[0]) == ANCHORS[0]
    assert tuple(table[255]) == ANCHORS[-1]


def test_brightness_rises_with_the_level() -> None:
    brightness = palette_table().astype(float) @ [0.3, 0.59, 0.11]
    assert bool((np.diff(brightness) >= -0.5).all())


def test_colours_are_distinct_so_that_the_table_can_be_inverted() -> None:
    assert len(np.unique(palette_table(), axis=0)) == 256


def test_colourise_looks_up_every_level() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(colourise(levels).reshape(-1, 3), palette_table())
