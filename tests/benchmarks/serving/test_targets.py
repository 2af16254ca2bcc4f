"""Promises beside what was measured."""

from typing import Any

import pytest

from benchmarks.serving.page import sections
from benchmarks.serving.targets import Target, targets


def test_each_promise_stands_with_what_was_measured(document: dict[str, Any]) -> None:
    kept = {
        each.promise.partition(":")[0]: (each.measured, each.kept) for each in targets(document)
    }
    assert kept["HTTP of the engine alone, lite"] == ("85 %", True)
    assert kept["lite triplets over the plain service, 16 connections"] == ("5.17x", True)
    assert kept["ResNet50 triplet, int8 over torch eager"] == ("6.7x", True)
    assert kept["ResNet50 triplet, int8 over ONNX Runtime fp32"] == ("3.6x", True)
    assert kept["ResNet50 triplet, bf16 over ONNX Runtime fp32"] == ("2.2x", True)
    assert kept["lite triplets over the same without spinning, 16 connections"][1] is False
    best = "throughput over the best peer, lite, "
    assert kept[f"{best}as shipped, peers fp32"] == ("3.00x", True)
    assert kept[f"{best}int8 on both sides"] == ("1.50x", True)
    assert kept[f"{best}fp32 on both sides"] == ("1.20x", True)
    slowest = "p99 over that of the best peer, lite, "
    assert kept[f"{slowest}as shipped, peers fp32"] == ("0.50x", True)
    assert kept[f"{slowest}int8 on both sides"] == ("0.75x", True)
    assert kept["start to ready with 10 records, the worst start"] == (
        "2.50 s (first of all)",
        True,
    )
    assert kept["`vreid index` of the engine alone, the worst turn, lite"] == ("82 %", True)
    assert kept["memory growth over 40 mixed requests"] == ("3 %", True)
    stated = "p99 of accepted requests at 4x capacity over unloaded, stated deadline"
    assert kept[stated] == ("2.5x", True)
    assert kept[stated.replace("stated", "default")] == ("40.0x", False)
    assert "HTTP of the engine alone, resnet50" not in kept


def found_by_promise(document: dict[str, Any]) -> dict[str, Target]:
    return {each.promise.partition(":")[0]: each for each in targets(document)}


def test_our_slowest_turn_counts_against_the_fastest_of_others(document: dict[str, Any]) -> None:
    rows = document["parts"]["comparison-lite"]["figures"]
    rows[0]["slowest_turn"] = 100
    rows[4]["fastest_turn"] = 80
    found = found_by_promise(document)[
        "throughput over the best peer, lite, as shipped, peers fp32"
    ]
    assert found.measured == "1.25x"


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"failed": "the server ended"}, "bentoml failed"),
        ({"not_200": 3}, "bentoml: 3 not 200"),
        ({"cosine": 0.5}, "bentoml has other centers"),
    ],
)
def test_a_peer_that_did_not_do_its_work_decides_nothing(
    document: dict[str, Any], fault: dict[str, Any], said: str
) -> None:
    document["parts"]["comparison-lite"]["figures"][4].update(fault)
    found = found_by_promise(document)
    judged = found["throughput over the best peer, lite, as shipped, peers fp32"]
    assert judged.kept is None
    assert said in judged.measured
    assert found["throughput over the best peer, lite, int8 on both sides"].kept is True


def test_a_percentile_of_few_answers_is_neither_shown_nor_judged(document: dict[str, Any]) -> None:
    row = document["parts"]["comparison-lite"]["figures"][0]
    row.update(answers=99, p99_ms=77.7)
    found = found_by_promise(document)
    assert found["p99 over that of the best peer, lite, int8 on both sides"].kept is None
    assert found["throughput over the best peer, lite, int8 on both sides"].kept is True
    assert "77.7" not in sections(document)["serving-peers"]


def test_other_answers_under_overload_break_the_promise(document: dict[str, Any]) -> None:
    promise = "nothing but 200 and 429 at 4x capacity, none lost, stated deadline"
    assert found_by_promise(document)[promise].kept is True
    run = document["parts"]["overload"]["figures"]["runs"]["stated"]
    document["parts"]["overload"]["figures"]["runs"]["stated"] = {**run, "others": {"504": 2}}
    assert found_by_promise(document)[promise].measured == "504: 2"
    assert found_by_promise(document)[promise].kept is False
    document["parts"]["overload"]["figures"]["runs"]["stated"] = {**run, "lost": 1}
    assert found_by_promise(document)[promise].kept is False


def test_memory_that_stays_flat_because_all_was_refused_is_not_kept(
    document: dict[str, Any],
) -> None:
    document["parts"]["memory"]["figures"]["ok_share"] = 0.2
    assert found_by_promise(document)["answers with 200 over 40 mixed requests"].kept is False
