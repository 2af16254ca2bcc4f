"""One measurement holds what each part measures alone."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from tests.training.evaluation.embedded_samples import CALIBRATION, random_dataset
from training.evaluation import (
    MeasurementOptions,
    Scoring,
    VariantOptions,
    evaluate,
    evaluate_subsets,
    measure,
)
from training.evaluation.measurement import REPORTED_RANKS
from training.evaluation.terminal_tables import measurement_lines
from training.evaluation.variants import flip_averaged
from vreid.errors import MetricError, ScoringError
from vreid.modality import Modality

EVERYTHING = MeasurementOptions(True, True, VariantOptions(True, 2, True))


def test_the_plain_figures_are_those_of_evaluate_whatever_else_is_measured() -> None:
    dataset = random_dataset(symmetric=True)
    found = measure(dataset, "m", Scoring("auto", CALIBRATION, "center"), EVERYTHING, dataset)
    assert found.policy == "center"
    assert found.evaluation == evaluate(dataset, "center", CALIBRATION)
    assert found.subsets == evaluate_subsets(dataset, "center", CALIBRATION)
    for policy, figures in found.policies.items():
        assert figures == evaluate(dataset, policy, CALIBRATION).figures
        assert figures is not None
        assert found.cmc[policy][0] == figures.rank1
        assert found.cmc[policy][4] == pytest.approx(figures.rank5)
        assert len(found.cmc[policy]) == 24
    assert set(found.missing_ratio) == {"center", "shared", "concat"}
    interval = found.intervals["mAP"]
    assert interval.low <= found.evaluation.figures.map <= interval.high


def test_variants_stand_alone_and_together_beside_the_plain_figures() -> None:
    dataset = random_dataset()
    found = measure(dataset, "m", Scoring(), EVERYTHING, dataset)
    assert list(found.variants) == [
        "flip",
        "query expansion 2",
        "re-ranking",
        "flip + query expansion 2 + re-ranking",
    ]
    # The mirror images gave the same features here.
    assert found.variants["flip"] == found.evaluation
    assert found.variants["re-ranking"] != found.evaluation
    alone = measure(
        dataset, "m", options=MeasurementOptions(variants=VariantOptions(re_ranking=True))
    )
    assert dict(alone.variants) == {"re-ranking": found.variants["re-ranking"]}


def test_flip_is_the_mean_of_both_features() -> None:
    dataset = random_dataset()
    query = replace(dataset.query, features=dataset.query.features * 3)
    mirrored = replace(dataset, query=query)
    averaged = flip_averaged(dataset, mirrored)
    np.testing.assert_allclose(averaged.query.features, dataset.query.features * 2, rtol=1e-3)
    np.testing.assert_array_equal(averaged.gallery.features, dataset.gallery.features)
    with pytest.raises(MetricError, match="mirrored"):
        measure(dataset, "m", options=EVERYTHING)


def test_a_policy_that_compares_nothing_has_no_figures_unless_it_was_asked_for() -> None:
    dataset = random_dataset()
    dataset = replace(dataset, query=dataset.query.restricted([Modality.NIR]))
    found = measure(dataset, "m")
    assert found.policies["concat"] is None
    assert "concat" not in found.cmc
    with pytest.raises(MetricError, match="policy concat"):
        measure(dataset, "m", Scoring("concat"))
    with pytest.raises(ScoringError, match="no scoring policy"):
        measure(dataset, "m", Scoring("best"))


def test_json_keeps_the_documented_keys_first_and_leaves_out_what_was_not_asked_for() -> None:
    dataset = random_dataset(30)
    plain = json.loads(json.dumps(measure(dataset, "m").to_json()))
    assert list(plain)[:10] == [
        "model",
        "data",
        "policy",
        "mAP",
        "rank1",
        "rank5",
        "rank10",
        "mINP",
        "queries",
        "gallery",
    ]
    assert not {"subsets", "missing_ratio", "variants", "directions"} & set(plain)
    assert len(plain["cmc"]["center"]) == REPORTED_RANKS

    whole = json.loads(json.dumps(measure(dataset, "m", None, EVERYTHING, dataset).to_json()))
    assert {"subsets", "missing_ratio", "variants"} < set(whole)
    assert whole["missing_ratio"]["auto"] == whole["missing_ratio"]["shared"]
    assert whole["missing_ratio"]["center"]["trials"] == 10


@pytest.mark.parametrize(
    ("data", "source"),
    [
        ("msvr310", "published, on MSVR310 itself (591 queries, 1055 in gallery)"),
        ("rgbnt100", "published, on RGBNT100 itself (1715 queries, 8575 in gallery)"),
        ("rgbnt201", None),
        ("x", None),
    ],
)
def test_the_papers_figures_stand_beside_those_of_its_data_sets(
    data: str, source: str | None
) -> None:
    dataset = replace(random_dataset(), name=data)
    text = "\n".join(measurement_lines(measure(dataset, "m", None, EVERYTHING, dataset)))
    assert ("paper mAP" in text) == (source is not None)
    header = text.splitlines()[1]
    assert header == "" if source is None else source in header
    assert ("other pictures" in header) == (source is not None)
    # Fig. 10 of the paper without missing modalities: mAP and rank-1.
    assert bool(re.search(r"34\.4 +51\.6", text)) == (data == "msvr310")
    assert "16 queries, 24 in gallery" in text
    assert "95% bootstrap interval" in text
    assert "TPR at FPR 0.001  omitted" in text.replace("   ", "  ").replace("   ", "  ")
    assert "negative pairs are too few" in text
    assert all(line == line.rstrip() for line in text.splitlines())


def test_on_the_papers_own_data_nothing_warns_against_comparing() -> None:
    found = measure(replace(random_dataset(), name="msvr310"), "m")
    figures = replace(found.evaluation.figures, queries=591, gallery=1055)
    own = replace(found, evaluation=replace(found.evaluation, figures=figures))
    assert "published, on MSVR310 itself" in "\n".join(measurement_lines(own))
    assert "other pictures" not in "\n".join(measurement_lines(own))
