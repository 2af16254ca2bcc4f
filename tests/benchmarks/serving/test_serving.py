"""The comparison of services: promises, page, plots and the run that goes on."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from benchmarks.marked_pages import put_into
from benchmarks.serving import __main__ as serving
from benchmarks.serving.page import sections
from benchmarks.serving.pictures import mixed_samples, write_archive
from benchmarks.serving.plots import write_plots
from benchmarks.serving.progress import Progress, merged
from benchmarks.serving.targets import targets
from vreid.errors import EngineUnavailable


def part(figures: object) -> dict[str, Any]:
    return {"measured_at": "2026-01-02T03:04:05+00:00", "took_seconds": 1.0, "figures": figures}


def load(per_second: float, p99: float) -> dict[str, Any]:
    by_status = {"200": {"count": 9, "p50_ms": 1.0, "p90_ms": 2.0, "p99_ms": p99, "max_ms": p99}}
    return {"per_second": per_second, "by_status": by_status, "client_core_ms": 0.2}


def service(name: str, per_second: float, p99: float) -> dict[str, Any]:
    return {
        "name": name,
        "label": name,
        "runs": "fp32",
        "per_second": per_second,
        "p50_ms": 1.0,
        "p99_ms": p99,
        "not_200": 0,
        "ready_seconds": 1.0,
        "resident_bytes": 2**20,
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
        "lost": 0,
    }
    rows = [service("vreid", 150, 30), service("onnxruntime", 29, 90), service("bentoml", 50, 60)]
    rows.append({"name": "litserve", "label": "LitServe", "failed": "the server ended"})
    connections = [
        {
            "what": what,
            "concurrency": number,
            "figures": {
                "load": load(10.0 * number, 5.0),
                "images_per_second": 30.0,
                "peak_bytes": 2**20,
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
        "machine": {
            "processor": "one",
            "processors": 2,
            "memory_bytes": 2**30,
            "extensions": ["avx2"],
            "python": "3.11",
            "packages": {"numpy": "2"},
        },
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
                    "unloaded_p99_ms": 8.0,
                    "deadline_ms": 24.0,
                    "runs": {"default": {**run, "of_unloaded": 40.0}, "stated": run},
                }
            ),
            "concurrency-lite": part({"rows": connections}),
            "starts": part({"records": 10, "seconds": [4.0, 1.0, 2.0], "peak_bytes": 2**28}),
            "memory": part({"requests": 40, "resident_bytes": [100, 100, 103], "growth": 0.03}),
        },
    }


def test_each_promise_stands_with_what_was_measured(document: dict[str, Any]) -> None:
    kept = {
        each.promise.partition(":")[0]: (each.measured, each.kept) for each in targets(document)
    }
    assert kept["HTTP of the engine alone, lite"] == ("85 %", True)
    assert kept["lite triplets over the plain service, 16 connections"] == ("5.2x", True)
    assert kept["ResNet50 triplet, int8 over torch eager"] == ("6.7x", True)
    assert kept["ResNet50 triplet, int8 over ONNX Runtime fp32"] == ("3.6x", True)
    assert kept["ResNet50 triplet, bf16 over ONNX Runtime fp32"] == ("2.2x", True)
    assert kept["throughput over the best peer, lite"] == ("3.0x", True)
    assert kept["p99 over that of the best peer, lite"] == ("0.5x", True)
    assert kept["start to ready with 10 records"] == ("2.00 s", True)
    assert kept["memory growth over 40 mixed requests"] == ("3 %", True)
    stated = "p99 of accepted requests at 4x capacity over unloaded, stated deadline"
    assert kept[stated] == ("2.5x", True)
    assert kept[stated.replace("stated", "default")] == ("40.0x", False)
    assert "HTTP of the engine alone, resnet50" not in kept


def test_a_promise_that_is_not_kept_is_said_so_on_the_page(document: dict[str, Any]) -> None:
    document["parts"]["saturation-lite"]["figures"]["share"] = 0.5
    assert "| 50 % | **no** |" in sections(document)["serving-promises"]


def test_the_worse_of_our_two_runs_counts(document: dict[str, Any]) -> None:
    document["parts"]["comparison-lite"]["figures"].append(service("vreid", 100, 70))
    found = {each.promise.partition(":")[0]: each.measured for each in targets(document)}
    assert found["throughput over the best peer, lite"] == "2.0x"
    assert found["p99 over that of the best peer, lite"] == "1.2x"


def test_the_page_has_a_place_for_every_table(document: dict[str, Any], tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(serving.PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    for subject, text in sections(document).items():
        put_into(page, subject, text)
    written = page.read_text(encoding="utf-8")
    assert "| LitServe | failed: the server ended |" in written
    assert "| lite | lane | 10.00 | 89.3 % |" in written


def test_tables_and_plots_of_nothing_are_no_fault() -> None:
    machine = {
        "processor": "one",
        "processors": 2,
        "memory_bytes": 0,
        "extensions": [],
        "python": "3",
        "packages": {},
    }
    empty = {"machine": machine, "parts": {}}
    assert sections(empty)["serving-peers"] == "Not measured yet."
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
    path, options = tmp_path / "figures.json", {"seconds": 1}
    Progress(path, ["a", "b"], options).measure("a", lambda: 1)
    again = Progress(path, ["a", "b"], options)
    again.measure("a", lambda: pytest.fail("measured twice"))
    again.measure("b", lambda: 2)
    assert again.document["complete"]
    assert {name: each["figures"] for name, each in again.document["parts"].items()} == {
        "a": 1,
        "b": 2,
    }
    # What is complete, or was measured otherwise, is begun anew.
    assert Progress(path, ["a", "b"], options).document["parts"] == {}


def test_a_run_with_other_options_takes_nothing_over(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    Progress(path, ["a", "b"], {"seconds": 1}).measure("a", lambda: 1)
    assert Progress(path, ["a", "b"], {"seconds": 5}).document["parts"] == {}


def test_a_part_that_fails_is_noted_and_the_others_are_measured(tmp_path: Path) -> None:
    def fail() -> None:
        raise EngineUnavailable("no such engine")

    progress = Progress(tmp_path / "figures.json", ["a", "b"], {})
    progress.measure("a", fail)
    progress.measure("b", lambda: 2)
    found = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))["parts"]
    assert found["a"]["figures"] == {"failed": "no such engine"}
    assert found["b"]["figures"] == 2


def test_new_figures_replace_those_of_the_same_part_only() -> None:
    known = {"machine": "old", "parts": {"a": 1, "b": 2}}
    assert merged(known, {"machine": "new", "parts": {"b": 3}}) == {
        "machine": "new",
        "parts": {"a": 1, "b": 3},
    }


def test_an_archive_has_as_many_samples_as_asked_for_and_no_two_alike(tmp_path: Path) -> None:
    lines = write_archive(tmp_path, 180).read_text(encoding="utf-8").splitlines()
    assert len(lines) == 181
    # There are fewer shipped triplets: some samples are made of the same one.
    contents = {(tmp_path / line.split(",")[1]).read_bytes() for line in lines[1:]}
    assert len(contents) == 180


def test_mixed_samples_have_every_selection_and_many_sizes(tmp_path: Path) -> None:
    samples = mixed_samples(tmp_path, 14)
    assert len({tuple(sample) for sample in samples}) == 7
    assert len({Path(next(iter(sample.values()))).stem.split("_")[1] for sample in samples}) == 6


def test_an_unknown_part_is_refused() -> None:
    run = CliRunner().invoke(serving.main, ["--only", "guess"])
    assert run.exit_code == 2
    assert "guess" in run.output
