"""The benchmark of searches on few vectors, up to the page it writes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import search
from benchmarks.clustered_vectors import SAMPLES_PER_IDENTITY, ClusteredVectors
from benchmarks.marked_pages import put_into
from benchmarks.search_data import NEIGHBOURS, SearchData
from benchmarks.search_measuring import recall
from benchmarks.search_page import table
from benchmarks.search_while_changing import measure_while_changing

COUNT = 5000


def test_vectors_are_unit_and_alike_within_an_identity_only() -> None:
    source = ClusteredVectors(COUNT, 512)
    vectors = np.concatenate(list(source.blocks()))
    queries = source.queries(10)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    identities = COUNT // SAMPLES_PER_IDENTITY
    same = np.arange(COUNT) % identities == (np.arange(10) * identities // 10)[:, None]
    cosines = queries @ vectors.T
    assert 0.3 < cosines[same].mean() < 0.55
    assert abs(cosines[~same].mean()) < 0.05


def test_vectors_are_the_same_each_time() -> None:
    first, second = (np.concatenate(list(ClusteredVectors(300, 256).blocks())) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, next(ClusteredVectors(300, 256, seed=1).blocks()))


@pytest.mark.parametrize("parts", [1, 3])
def test_neighbours_are_those_of_comparing_everything(tmp_path: Path, parts: int) -> None:
    SearchData.make(tmp_path, 9000, parts, 256, queries=5)
    data = SearchData.open(tmp_path)
    vectors = np.concatenate(list(data.blocks())).astype(np.float32)
    assert vectors.shape == (9000, parts * 256)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-3)
    best = np.argsort(-(data.queries @ vectors.T), axis=1)[:, :NEIGHBOURS]
    assert np.mean(best == data.neighbours) > 0.95
    assert all(set(one) == set(other) for one, other in zip(best, data.neighbours, strict=True))


def test_recall_counts_the_first_only() -> None:
    true = np.array([[1, 2, 3], [4, 5, 6]])
    assert recall([np.array([1, 3, 9]), np.array([5, 4, 6])], true, 3) == pytest.approx(5 / 6)
    assert recall([np.array([1, 3, 9]), np.array([5, 4, 6])], true, 1) == 0.5


@pytest.mark.parametrize("parts", [1, 3])
def test_every_method_is_measured_in_a_process_of_its_own_and_stands_in_the_table(
    tmp_path: Path, parts: int
) -> None:
    figures = search.measure_set(
        f"{COUNT}x{parts * 256}",
        ["IndexFlatIP", "vreid"],
        tmp_path,
        queries=20,
        feature_size=256,
        options=["--build-cap", "60", "--least-recall", "0.99", "--seconds", "0"],
    )
    flat, ours = figures["results"]
    assert (flat["recall_1"], flat["recall_20"]) == (1, 1)
    assert ours["recall_20"] > 0.99
    assert ours["index_bytes"] > 0
    lines = table({"machine": "this one", "sets": {"a": figures}}).splitlines()
    assert [line.split("|")[1].strip() for line in lines[-2:]] == ["IndexFlatIP", "vreid"]
    assert list(tmp_path.iterdir()) == []


def test_what_takes_too_long_to_build_is_reported_with_how_far_it_came(tmp_path: Path) -> None:
    figures = search.measure_set(
        f"{COUNT}x256",
        ["faiss HNSW"],
        tmp_path,
        queries=20,
        feature_size=256,
        options=["--build-cap", "0", "--least-recall", "0.99", "--seconds", "0"],
    )
    assert figures["results"][0]["built"] is False
    assert "not built: 0 rows" in table({"machine": "this one", "sets": {"a": figures}})


def test_a_gallery_is_searched_while_it_changes(tmp_path: Path) -> None:
    figures = measure_while_changing(tmp_path, 300, seconds=0.5)
    resting, changing = figures["phases"].values()
    assert resting["added_per_second"] == 0
    assert changing["added_per_second"] > 0
    assert changing["p99_ms"] >= changing["p50_ms"] > 0


def test_new_figures_replace_those_of_the_same_set_only() -> None:
    known = {"machine": "old", "sets": {"a": 1, "b": 2}, "while_changing": 3}
    assert search.merged(known, {"machine": "new", "sets": {"b": 4}}) == {
        "machine": "new",
        "sets": {"a": 1, "b": 4},
        "while_changing": 3,
    }


def test_the_page_has_the_place_for_the_table_and_a_page_without_is_refused(
    tmp_path: Path,
) -> None:
    page = tmp_path / "search.md"
    page.write_text(search.PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    put_into(page, "search", "the table")
    assert "\n\nthe table\n\n<!-- end search -->" in page.read_text(encoding="utf-8")
    page.write_text("nothing", encoding="utf-8")
    with pytest.raises(ValueError, match="has no <!-- search -->"):
        put_into(page, "search", "the table")


def test_the_page_holds_the_figures_that_are_kept() -> None:
    kept = json.loads(search.FIGURES.read_text(encoding="utf-8"))
    assert table(kept) in search.PAGE.read_text(encoding="utf-8")


def test_an_unknown_method_is_refused() -> None:
    run = CliRunner().invoke(search.main, ["--method", "guess"])
    assert run.exit_code == 2
    assert "guess" in run.output
