"""The published figures are those of the paper."""

from __future__ import annotations

from typing import get_args

import pytest

from training.evaluation.published import (
    MissingRatioModel,
    PublishedFigures,
    Table,
    published,
    published_missing_ratio,
)


def test_a_row_of_the_paper() -> None:
    assert published("table5_msvr310")["+L_CdC+ALNU"] == PublishedFigures(36.4, 55.2, 72.4, 79.7)
    assert published("table3_rgbnt100")["SENet + CCNet"].map == 78.1
    assert published("later_work_msvr310")["TOP-ReID"] == PublishedFigures(35.9, 44.6)


@pytest.mark.parametrize("table", get_args(Table))
def test_every_table_has_rows_in_percent_that_grow_with_the_rank(table: Table) -> None:
    rows = published(table)
    assert len(rows) >= 6
    for figures in rows.values():
        assert 0 < figures.map < figures.rank1 < 100
        if figures.rank5 is not None:
            assert figures.rank10 is not None
            assert figures.rank1 <= figures.rank5 <= figures.rank10 < 100


@pytest.mark.parametrize("model", get_args(MissingRatioModel))
def test_the_curves_fall_with_every_tenth_that_is_missing(model: MissingRatioModel) -> None:
    curve = published_missing_ratio(model)
    assert list(curve) == list(range(0, 101, 10))
    means = [figures.map for figures in curve.values()]
    assert means == sorted(means, reverse=True)


def test_the_full_method_is_the_same_in_every_table_that_has_it() -> None:
    assert (
        published("table2_ccnet_msvr310")["R+N+T"]
        == published("table4_msvr310")["CCNet"]
        == published("table5_msvr310")["+L_CdC+ALNU"]
    )
