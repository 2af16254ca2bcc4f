"""The comparison of services: promises, page, plots and the run that goes on."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks.marked_pages import put_into
from benchmarks.serving import __main__ as serving
from benchmarks.serving.page import sections
from benchmarks.serving.pictures import mixed_samples, write_archive
from benchmarks.serving.plots import write_plots
from benchmarks.serving.progress import Progress, merged
from benchmarks.serving.targets import Target, targets
from benchmarks.start_to_ready import CASES
from vreid.errors import EngineUnavailable

STARTS = [
    {
        "case": case.name,
        "index": case.has_index,
        "engine_cache": case.has_engine_cache,
        "seconds": 1.0,
        "slowest": 1.0 + number / 2,
        "peak_bytes": 2**28,
    }
    for number, case in enumerate(CASES)
]
ARCHIVES = [
    {
        "pictures": pictures,
        "samples": 9,
        "raw_per_second": 100.0,
        "per_second": 85.0,
        "shares": [0.82, 0.9],
        "share": 0.82,
        "start_seconds": 1.0,
    }
    for pictures in ("as shipped", "512 pixels wide")
]


def part(figures: object) -> dict[str, Any]:
    return {
        "measured_at": "2026-01-02T03:04:05+00:00",
        "took_seconds": 1.0,
        "options": {},
        "origin": origin_of("abc"),
        "bundle": {},
        "figures": figures,
    }


def origin_of(revision: str) -> dict[str, Any]:
    machine = {
        "processor": "one",
        "processors": 2,
        "memory_bytes": 2**30,
        "extensions": ["avx2"],
        "python": "3.11",
        "packages": {"numpy": "2"},
    }
    return {"machine": machine, "peers": {"litserve": "1"}, "revision": revision}


def load(per_second: float, p99: float) -> dict[str, Any]:
    by_status = {"200": {"count": 200, "p50_ms": 1.0, "p90_ms": 2.0, "p99_ms": p99, "max_ms": p99}}
    return {"per_second": per_second, "sent": 200, "by_status": by_status, "client_core_ms": 0.2}


def service(
    name: str, per_second: float, p99: float, precision: str = "fp32", **more: object
) -> dict[str, Any]:
    return {
        "name": name,
        "label": name,
        "engine": "onnxruntime-cpu",
        "precision": precision,
        "cosine": 1.0,
        "answers": 200,
        "per_second": per_second,
        "slowest_turn": per_second,
        "fastest_turn": per_second,
        "p50_ms": 1.0,
        "p99_ms": p99,
        "not_200": 0,
        "ready_seconds": 1.0,
        "resident_bytes": 2**20,
        **more,
    }


@pytest.fixture
def document() -> dict[str, Any]:
    saturation = {
        "engine": "openvino-cpu",
        "precision": "int8",
        "raw_per_second": 200.0,
        "in_process_per_second": 190.0,
        "http_per_second": 170.0,
        "share": 0.85,
        "triplet_ms": 6.0,
        "answers": 400,
        "not_200": 0,
        "core_ms": {"lane": 10.0, "decode": 1.0},
        "client_core_ms": 0.2,
        "peak_bytes": 2**28,
    }
    run = {
        "accepted_per_second": 160.0,
        "accepted_p50_ms": 9.0,
        "accepted_p99_ms": 20.0,
        "of_unloaded": 2.5,
        "refused_share": 0.75,
        "refused_p50_ms": 1.0,
        "refused_p99_ms": 2.0,
        "accepted": 300,
        "statuses": {"200": 300, "429": 900},
        "others": {},
        "lost": 0,
        "unsent": 0,
    }
    rows = [
        service("vreid", 150, 30, "int8"),
        service("vreid-fp32", 60, 50),
        service("plain", 29, 90),
        service("plain-calm", 42, 80),
        service("bentoml", 50, 60),
        service("bentoml-int8", 100, 40, "int8"),
    ]
    connections = [
        {
            "what": what,
            "concurrency": number,
            "figures": {
                "load": load(10.0 * number, 5.0),
                "images_per_second": 30.0,
                "peak_bytes": 2**20,
                "peak_is_of_row": True,
            },
        }
        for what in ("complete", "some missing")
        for number in (1, 4)
    ]
    milliseconds = {
        "torch eager, fp32": 240.0,
        "onnxruntime-cpu, fp32": 130.0,
        "openvino-cpu, bf16": 60.0,
        "openvino-cpu, int8": 36.0,
    }
    return {
        "parts": {
            "saturation-lite": part(saturation),
            "saturation-resnet50": part({"failed": "no engine"}),
            "precisions-resnet50": part(
                {"milliseconds": milliseconds, "per_second": milliseconds, "absent": {"x": "y"}}
            ),
            "comparison-lite": part(rows),
            "overload": part(
                {
                    "capacity": 180.0,
                    "unloaded_answers": 200,
                    "unloaded_p50_ms": 5.0,
                    "unloaded_p99_ms": 8.0,
                    "deadline_ms": 24.0,
                    "runs": {"default": {**run, "of_unloaded": 40.0}, "stated": run},
                }
            ),
            "concurrency-lite": part({"rows": connections}),
            "starts": part({"records": 10, "rounds": 3, "starts": STARTS}),
            "archive-lite": part({"share": 0.82, "sets": ARCHIVES}),
            "memory": part(
                {
                    "requests": 40,
                    "resident_bytes": [100, 100, 103],
                    "growth": 0.03,
                    "fitted_growth": 0.02,
                    "ok_share": 0.99,
                    "statuses": {"200": 40},
                }
            ),
        },
    }


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


def test_a_promise_that_is_not_kept_is_said_so_on_the_page(document: dict[str, Any]) -> None:
    document["parts"]["saturation-lite"]["figures"]["share"] = 0.5
    assert "| 50 % | **no** |" in sections(document)["serving-promises"]


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


def test_figures_of_several_revisions_are_told_apart(document: dict[str, Any]) -> None:
    assert sections(document)["serving-machine"].count("Revision") == 1
    document["parts"]["overload"]["origin"] = origin_of("def")
    text = sections(document)["serving-machine"]
    assert "Machine of overload: one, 2 processors" in text
    assert "Revision abc" in text


def test_the_page_has_a_place_for_every_table(document: dict[str, Any], tmp_path: Path) -> None:
    document["parts"]["comparison-lite"]["figures"].append(
        {"name": "litserve", "label": "LitServe", "failed": "the server ended"}
    )
    page = tmp_path / "performance.md"
    page.write_text(serving.PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    for subject, text in sections(document).items():
        put_into(page, subject, text)
    written = page.read_text(encoding="utf-8")
    assert "| LitServe | failed: the server ended |" in written
    assert "| lite | lane | 10.00 | 89.3 % |" in written


def test_tables_and_plots_of_nothing_are_no_fault() -> None:
    empty: dict[str, Any] = {"parts": {}}
    assert set(sections(empty).values()) == {"Not measured yet."}
    assert write_plots(empty, Path("unused")) == []


def test_equal_figures_give_equal_plots(document: dict[str, Any], tmp_path: Path) -> None:
    first = {path.name: path.read_bytes() for path in write_plots(document, tmp_path / "a")}
    again = {path.name: path.read_bytes() for path in write_plots(document, tmp_path / "b")}
    assert first == again
    assert sorted(first) == [
        "serving-concurrency.svg",
        "serving-peers.svg",
        "serving-profile.svg",
    ]


def test_the_page_holds_the_figures_that_are_kept() -> None:
    kept = json.loads(serving.FIGURES.read_text(encoding="utf-8"))
    page = serving.PAGE.read_text(encoding="utf-8")
    assert [name for name, text in sections(kept).items() if text not in page] == []


def test_a_run_that_was_cut_goes_on_where_it_was(tmp_path: Path) -> None:
    path, options, on = tmp_path / "figures.json", {"seconds": 1}, origin_of("abc")
    Progress(path, ["a", "b"], options, on).measure("a", lambda: 1)
    again = Progress(path, ["a", "b"], options, on)
    again.measure("a", lambda: pytest.fail("measured twice"))
    again.measure("b", lambda: 2)
    assert {name: each["figures"] for name, each in again.document["parts"].items()} == {
        "a": 1,
        "b": 2,
    }
    # What is complete is begun anew.
    assert Progress(path, ["a", "b"], options, on).document["parts"] == {}


@pytest.mark.parametrize(
    ("options", "revision"), [({"seconds": 5}, "abc"), ({"seconds": 1}, "def")]
)
def test_a_run_otherwise_or_of_something_else_takes_nothing_over(
    tmp_path: Path, options: dict[str, int], revision: str
) -> None:
    path = tmp_path / "figures.json"
    Progress(path, ["a", "b"], {"seconds": 1}, origin_of("abc")).measure("a", lambda: 1)
    assert Progress(path, ["a", "b"], options, origin_of(revision)).document["parts"] == {}


def test_figures_of_another_bundle_are_not_taken_over(tmp_path: Path) -> None:
    path, on = tmp_path / "figures.json", origin_of("abc")
    Progress(path, ["a", "b"], {}, on).measure("a", lambda: 1, lambda: {"fingerprint": "one"})
    again = Progress(path, ["a", "b"], {}, on)
    again.measure("a", lambda: 2, lambda: {"fingerprint": "two"})
    assert again.document["parts"]["a"]["figures"] == 2


def test_a_part_that_fails_is_noted_the_others_are_measured_and_it_is_tried_again(
    tmp_path: Path,
) -> None:
    def fail() -> None:
        raise EngineUnavailable("no such engine")

    path = tmp_path / "figures.json"
    progress = Progress(path, ["a", "b"], {}, {})
    progress.measure("a", fail)
    progress.measure("b", lambda: 2)
    found = json.loads(path.read_text(encoding="utf-8"))["parts"]
    assert found["a"]["figures"] == {"failed": "no such engine"}
    assert found["b"]["figures"] == 2
    again = Progress(path, ["a", "b"], {}, {})
    again.measure("a", lambda: 1)
    again.measure("b", lambda: pytest.fail("measured twice"))
    assert again.document["parts"]["a"]["figures"] == 1


def test_new_figures_replace_those_of_the_same_part_but_a_failure_replaces_none() -> None:
    known = {"parts": {"a": part(1), "b": part(2), "c": part({"failed": "x"})}}
    new = {"parts": {"a": part({"failed": "y"}), "b": part(3), "c": part({"failed": "z"})}}
    found = {name: each["figures"] for name, each in merged(known, new)["parts"].items()}
    assert found == {"a": 1, "b": 3, "c": {"failed": "z"}}


def test_an_archive_has_as_many_samples_as_asked_for_and_no_two_alike(tmp_path: Path) -> None:
    lines = write_archive(tmp_path, 180).read_text(encoding="utf-8").splitlines()
    assert len(lines) == 181
    # There are fewer shipped triplets: some samples are made of the same one.
    contents = {(tmp_path / line.split(",")[1]).read_bytes() for line in lines[1:]}
    assert len(contents) == 180


def test_an_archive_can_have_larger_pictures(tmp_path: Path) -> None:
    write_archive(tmp_path, 1, 512)
    with Image.open(tmp_path / "00000_rgb.jpg") as picture:
        assert picture.width == 512


def test_mixed_samples_have_every_selection_and_many_sizes(tmp_path: Path) -> None:
    samples = mixed_samples(tmp_path, 14)
    assert len({tuple(sample) for sample in samples}) == 7
    assert len({Path(next(iter(sample.values()))).stem.split("_")[1] for sample in samples}) == 6


def test_an_unknown_part_is_refused() -> None:
    run = CliRunner().invoke(serving.main, ["--only", "guess"])
    assert run.exit_code == 2
    assert "guess" in run.output
