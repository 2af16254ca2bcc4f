"""The benchmark of ranking policies on a few made-up vehicles, up to the page it writes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.embeddings_cache import read_cache, write_cache
from benchmarks.policies import PAGE, measure
from benchmarks.policy_page import put_into, render
from tests.training.calibration.vehicles import vehicles
from training.embedded import EmbeddedDataset


def of_rgb_alone(dataset: EmbeddedDataset) -> EmbeddedDataset:
    only = np.array([True, False, False])
    query, gallery = (
        replace(side, mask=side.mask & only) for side in (dataset.query, dataset.gallery)
    )
    return replace(dataset, query=query, gallery=gallery)


def test_every_way_is_measured_and_stands_on_the_page(tmp_path: Path) -> None:
    noise = (1.0, 1.0, 20.0)
    photographs = of_rgb_alone(vehicles((0.3, 1.0, 1.0), seed=2, count=70))
    document = measure(vehicles(noise), vehicles(noise, seed=1), photographs, trials=1)
    fitted, plain = (
        document["mAP"][f"shared, by probability, {gains}"] for gains in ("fitted gains", "gains 1")
    )
    assert fitted[0] > plain[0]
    pooling = document["pooling"]
    errors = {
        way: found["photographs"]["expected_calibration_error"] for way, found in pooling.items()
    }
    assert min(errors, key=errors.__getitem__) == "photographs alone"
    assert errors["pooled, sets weigh the same"] < errors["generated alone"]

    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    text = render(json.loads(json.dumps({"model": "made up", **document})))
    put_into(page, text)
    once = page.read_text(encoding="utf-8")
    put_into(page, text)
    assert page.read_text(encoding="utf-8") == once
    for way in (*document["mAP"], *pooling):
        assert f"\n| {way} | " in once


def test_a_page_without_marks_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing here\n", encoding="utf-8")
    with pytest.raises(ValueError, match="has no <!-- policies -->"):
        put_into(page, "text")


def test_kept_embeddings_serve_the_same_model_and_folders_alone(tmp_path: Path) -> None:
    file, sets = tmp_path / "cache", {"test": ("msvr310", tmp_path)}
    assert read_cache(file, "one", sets) is None
    write_cache(file, "one", sets, {"test": vehicles((1.0, 1.0, 1.0))})
    kept = read_cache(file, "one", sets)
    assert kept is not None
    assert len(kept["test"].query) == 40
    assert read_cache(file, "other", sets) is None
    assert read_cache(file, "one", {"test": ("msvr310", tmp_path / "other")}) is None
