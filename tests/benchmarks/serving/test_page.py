"""The page's tables and plots, out of the figures."""

import json
from pathlib import Path
from typing import Any

from benchmarks.marked_pages import put_into
from benchmarks.serving import __main__ as serving
from benchmarks.serving.page import sections
from benchmarks.serving.plots import write_plots
from tests.benchmarks.serving.figures import origin_of


def test_a_promise_that_is_not_kept_is_said_so_on_the_page(document: dict[str, Any]) -> None:
    document["parts"]["saturation-lite"]["figures"]["share"] = 0.5
    assert "| 50 % | **no** |" in sections(document)["serving-promises"]


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
