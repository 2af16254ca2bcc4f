"""The figures that the paper and later work report, to print beside measured ones.

`published.json` holds them in percent: those of arXiv 2208.00632 by the number of their table,
those of Fig. 10 (missing modalities) as the authors' released code gives them, and mAP and rank-1
that later papers report.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

Table = Literal[
    "table2_resnet50_msvr310",
    "table2_ccnet_msvr310",
    "table3_msvr310",
    "table3_rgbnt100",
    "table4_msvr310",
    "table4_rgbnt100",
    "table5_msvr310",
    "table6_msvr310",
    "table7_lambda_msvr310",
    "table7_alpha_msvr310",
    "later_work_msvr310",
    "later_work_rgbnt100",
]
"""Table of the paper and its data set; Table II is two, by network, and Table VII two, by weight.

Rows: modality subsets such as R+N (Table II), networks (Table III), methods (Table IV, later
work), parts of the method (Table V, VI), and values of lambda at alpha 0.6 or of alpha at
lambda 0.3 (Table VII).
"""

MissingRatioModel = Literal["CCNet", "OSNet", "HAMNet"]
"""Models whose missing-ratio curves Fig. 10 shows."""


@dataclass(frozen=True, slots=True)
class PublishedFigures:
    """One row of a published table, in percent; None where it was not reported."""

    map: float
    rank1: float
    rank5: float | None = None
    rank10: float | None = None


def published(table: Table) -> Mapping[str, PublishedFigures]:
    """The rows of a published table, by their names, in the paper's order."""
    return _rows(_document()[table])


def published_missing_ratio(model: MissingRatioModel) -> Mapping[int, PublishedFigures]:
    """Fig. 10 on MSVR310: figures by missing ratio in percent (0, 10, ..., 100)."""
    rows = _rows(_document()["missing_ratio_msvr310_" + model.lower()])
    return {int(ratio): figures for ratio, figures in rows.items()}


def _rows(rows: Mapping[str, list[float]]) -> dict[str, PublishedFigures]:
    return {name: PublishedFigures(*values) for name, values in rows.items()}


@cache
def _document() -> dict[str, dict[str, list[float]]]:
    text = (files("training.evaluation") / "published.json").read_text(encoding="utf-8")
    document: dict[str, dict[str, list[float]]] = json.loads(text)
    return document
