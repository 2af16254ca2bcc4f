"""Match, no match, or nobody can say: thresholds over HTTP."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.bundles import make_tiny_bundle
from tests.service.calibrated_bundle import FALSE_ACCEPT_RATE, THRESHOLD
from tests.service.search.served_gallery import encoded, ids, search
from tests.service.serving import running_service
from tests.service.vehicles import picture, triplet


def test_without_a_threshold_asked_for_nothing_is_left_out_and_the_verdict_is_told(
    client: httpx.Client,
) -> None:
    answer = search(client, id="0-north", k=20)
    assert len(ids(answer)) == 16
    assert answer["match"] is True
    assert answer["threshold"]["cuts"] is False
    assert answer["threshold"]["false_accept_rate"] == FALSE_ACCEPT_RATE
    assert answer["threshold"]["scores"]["shared:rgb"] == THRESHOLD
    assert answer["threshold"]["reason"] is None
    for result in answer["results"]:
        assert result["match"] is (result["score"] >= THRESHOLD)
    assert {True, False} == {result["match"] for result in answer["results"]}


@pytest.mark.parametrize(
    ("threshold", "passes"),
    [
        ({"min_score": 0.9}, lambda result: result["score"] >= 0.9),
        ({"min_probability": 0.9}, lambda result: result["probability"] >= 0.9),
        ({"false_accept_rate": FALSE_ACCEPT_RATE}, lambda result: result["score"] >= THRESHOLD),
        (
            {"min_score": 0.85, "min_probability": 0.93},
            lambda result: result["score"] >= 0.85 and result["probability"] >= 0.93,
        ),
    ],
)
def test_what_is_below_a_threshold_is_left_out(
    client: httpx.Client,
    threshold: dict[str, float],
    passes: Any,  # noqa: ANN401
) -> None:
    whole = search(client, id="0-north", k=20)
    answer = search(client, id="0-north", k=20, **threshold)
    expected = [result["id"] for result in whole["results"] if passes(result)]
    assert 0 < len(expected) < 16
    assert ids(answer) == expected
    assert answer["match"] is True
    assert answer["threshold"]["cuts"] is True
    fields = {"id": "0-north", "k": "20"} | {name: str(each) for name, each in threshold.items()}
    by_form = client.post("/search", files={name: (None, text) for name, text in fields.items()})
    assert ids(by_form.json()) == expected


def test_no_match_is_an_answer(client: httpx.Client) -> None:
    answer = search(client, id="0-north", min_score=1.0)
    assert answer["results"] == []
    assert answer["match"] is False
    assert answer["next_cursor"] is None
    empty = search(client, id="0-north", filter={"camera": "nowhere"})
    assert (empty["results"], empty["match"]) == ([], False)


def test_a_verdict_that_the_calibration_does_not_allow_is_null_and_says_why(
    client: httpx.Client, tmp_path: Path
) -> None:
    answer = search(client, id="0-north", k=20, false_accept_rate=0.01)
    assert answer["match"] is None
    assert len(ids(answer)) == 16
    assert {result["match"] for result in answer["results"]} == {None}
    assert answer["threshold"]["cuts"] is False
    assert "ask for one of 0.001" in answer["threshold"]["reason"]
    bundle = make_tiny_bundle(tmp_path / "bundle", calibrated=False)
    with running_service(bundle.path, tmp_path / "gallery") as (uncalibrated, _):
        uncalibrated.post("/gallery", files=triplet(0), data={"id": "a"})
        for options in ({}, {"min_probability": 0.5}):
            told = search(uncalibrated, samples=[encoded(triplet(0, 2))], **options)
            assert told["match"] is None
            assert "no" in told["threshold"]["reason"]
            assert ids(told) == ["a"]
        by_score = search(uncalibrated, samples=[encoded(triplet(0, 2))], min_score=0.5)
        assert by_score["match"] is True
        explained = search(uncalibrated, samples=[encoded(triplet(0, 2))], explain=True)
        assert explained["results"][0]["explanation"]["calibration"] is None
        assert explained["results"][0]["explanation"]["ranked_by"] == "score"


def test_nothing_comparable_is_neither_match_nor_no_match(client: httpx.Client) -> None:
    answer = search(client, samples=[encoded({"rgb": picture(1)})], policy="concat")
    assert (answer["results"], answer["match"]) == ([], None)
    assert answer["warnings"]
