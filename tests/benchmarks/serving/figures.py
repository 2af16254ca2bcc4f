"""Figures of a benchmark run as its parts write them, made up."""

from typing import Any

from benchmarks.start_to_ready import CASES

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
    """A part with its figures, as `Progress` keeps it."""
    return {
        "measured_at": "2026-01-02T03:04:05+00:00",
        "took_seconds": 1.0,
        "options": {},
        "origin": origin_of("abc"),
        "bundle": {},
        "figures": figures,
    }


def origin_of(revision: str) -> dict[str, Any]:
    """What the parts of a run were measured on."""
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
    """What a load generator saw."""
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


def whole_document() -> dict[str, Any]:
    """The figures of a run in which every part was measured, one of them in vain."""
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
