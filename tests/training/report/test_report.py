"""The page as a reader's browser gets it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.bundles import make_tiny_bundle
from tests.training.report.page_tree import Element, page_tree
from tests.training.report.vehicles import HOSTILE, PREPROCESSING, vehicles
from training.evaluation.measurement import (
    Measurement,
    MeasurementOptions,
    Scoring,
    measure,
)
from training.evaluation.published import published
from training.evaluation.variants import VariantOptions
from training.report.feature_section import map_rows
from training.report.report import ReportedModel, report_html
from training.report.subset_section import subset_section
from vreid.modality import MODALITIES

CLOUD = np.random.default_rng(0).normal(size=(6, 2))


def written() -> tuple[str, Measurement]:
    dataset, embedded = vehicles()
    options = MeasurementOptions(True, True, VariantOptions(query_expansion=2))
    measurement = measure(embedded, f"model {HOSTILE}", Scoring(), options)
    marked = embedded.gallery.rows(map_rows(embedded.gallery.labels.identity))
    model = ReportedModel(
        "checkpoint",
        "sha256 0123",
        PREPROCESSING,
        {"model": dict.fromkeys(MODALITIES, (CLOUD, CLOUD))},
        {"other": marked},
    )
    return report_html(measurement, dataset, embedded, Scoring(), model, "2026-01-02"), measurement


@pytest.fixture(scope="module")
def report() -> tuple[str, Measurement]:
    return written()


@pytest.fixture(scope="module")
def html(report: tuple[str, Measurement]) -> str:
    return report[0]


@pytest.fixture(scope="module")
def page(html: str) -> Element:
    return page_tree(html)


def section(page: Element, name: str) -> Element:
    (found,) = [one for one in page.all("section") if one.attributes["id"] == name]
    return found


def test_it_has_every_section_in_order_and_links_to_each(page: Element) -> None:
    names = [one.attributes["id"] for one in page.all("section")]
    assert names == [
        "figures",
        "subsets",
        "cmc",
        "missing",
        "verification",
        "calibration",
        "contributions",
        "rank-lists",
        "failures",
        "features",
        "middle-statistics",
    ]
    (navigation,) = page.all("nav")
    assert [link.attributes["href"] for link in navigation.all("a")] == [f"#{n}" for n in names]
    for one in page.all("section"):
        assert one.attributes["aria-labelledby"] == one.all("h2")[0].attributes["id"]


def test_every_picture_and_drawing_says_what_it_shows(page: Element) -> None:
    figures = page.all("figure")
    assert len(figures) == 7
    for figure in figures:
        (drawing,) = figure.all("svg")
        assert drawing.attributes["role"] == "img"
        assert len(drawing.attributes["aria-label"]) > 40
        assert figure.all("figcaption")[0].text
    assert page.all("img")
    for image in page.all("img"):
        assert image.attributes["alt"].partition(" ")[0] in {"RGB", "NIR", "TIR"}
    for table in page.all("table"):
        assert table.all("caption")[0].text
        assert all(cell.attributes["scope"] in ("row", "col") for cell in table.all("th"))


def test_it_loads_nothing_and_runs_nothing(html: str, page: Element) -> None:
    assert "http" not in html
    assert "@import" not in html
    for element in page.descendants():
        assert element.tag not in {"script", "link", "iframe", "object"}
        assert not any(name.startswith("on") for name in element.attributes)
        assert element.attributes.get("src", "data:image/jpeg;base64,").startswith("data:image/")
        assert element.attributes.get("href", "#").startswith("#")


def test_ids_are_unique_and_references_have_a_target(page: Element) -> None:
    ids = [one.attributes["id"] for one in page.descendants() if "id" in one.attributes]
    assert len(ids) == len(set(ids))
    targets = {
        one.attributes["href"][1:] for one in page.descendants() if one.attributes.get("href")
    }
    assert targets <= set(ids)


def test_a_hostile_name_is_text(html: str, page: Element) -> None:
    assert "<script" not in html
    assert HOSTILE in page.all("h1")[0].text
    assert any(HOSTILE in image.attributes["alt"] for image in page.all("img"))


def test_borders_and_words_tell_the_truth(page: Element) -> None:
    dataset, embedded = vehicles()
    rows = {sample.name: row for row, sample in enumerate(dataset.gallery)}
    queries = {sample.name: row for row, sample in enumerate(dataset.query)}
    words = {"true": "✓ same vehicle", "false": "✗ other vehicle", "junk": "– junk"}

    def cosine(query: int, gallery: int) -> float:
        both = embedded.query.mask[query] & embedded.gallery.mask[gallery]
        left = embedded.query.features[query][both].astype(float).ravel()
        right = embedded.gallery.features[gallery][both].astype(float).ravel()
        return float(left @ right / np.linalg.norm(left) / np.linalg.norm(right))

    lists = section(page, "rank-lists").all("article")
    assert len(lists) == 9
    for one in lists:
        query, *found = one.all("li")
        assert "query" in query.classes
        at = queries[query.all("p", "name")[0].text]
        order = sorted(rows.values(), key=lambda row: -cosine(at, row))
        shown = [rows[tile.all("p", "name")[0].text] for tile in found]
        assert shown == order[: len(shown)]
        truth = []
        for row in shown:
            left, right = dataset.query[at], dataset.gallery[row]
            same = left.identity == right.identity
            truth.append("junk" if same and left.scene == right.scene else str(same).lower())
        assert [tile.classes[-1] for tile in found] == truth
        assert [tile.all("span", "verdict")[0].text for tile in found] == [
            words[verdict] for verdict in truth
        ]
        assert truth.count("true") + truth.count("false") == 10
        for tile, row in zip(found, shown, strict=True):
            assert tile.all("p", "score")[0].text == f"score {cosine(at, row):.3f}"
            assert len(tile.all("img")) == len(dataset.gallery[row].images)
            assert len(tile.all("img")) + len(tile.all("div", "missing")) == 3


def test_failures_show_query_false_match_and_true_match(page: Element) -> None:
    for one in section(page, "failures").all("article"):
        assert [tile.classes[-1] for tile in one.all("li")] == ["query", "false", "true"]


def test_the_head_table_says_what_was_measured(report: tuple[str, Measurement]) -> None:
    html, measurement = report
    facts, figures = section(page_tree(html), "figures").all("table")
    assert "sha256 0123" in facts.text
    assert "2026-01-02" in facts.text
    assert "36 samples of 12 identities" in facts.text
    own, paper = figures.all("tr")[1], figures.all("tr")[-1]
    low, high = (100 * bound for bound in _bounds(measurement))
    average = 100 * measurement.evaluation.figures.map
    assert own.all("td")[0].text == f"{average:.1f} [{low:.1f}, {high:.1f}]"
    assert "CCNet on MSVR310" in paper.text
    assert paper.all("td")[0].text == "36.4"
    assert any("query expansion 2" in row.text for row in figures.all("tr"))


def test_equal_input_gives_equal_bytes(html: str) -> None:
    assert written()[0] == html


def test_a_report_is_small(html: str) -> None:
    assert len(html.encode()) < 5_000_000


def test_without_failures_and_options_it_still_has_every_section() -> None:
    dataset, embedded = vehicles(noise=0.01)
    measurement = measure(embedded, "sure")
    model = ReportedModel("bundle", "fingerprint", PREPROCESSING)
    page = page_tree(report_html(measurement, dataset, embedded, Scoring(), model, "2026-01-02"))
    assert "0 of 12 queries" in section(page, "failures").text
    assert not section(page, "failures").all("article")
    assert "--subsets" in section(page, "subsets").text
    assert "--missing-ratio" in section(page, "missing").text
    assert "--bundle" in section(page, "calibration").text
    assert "--checkpoint" in section(page, "middle-statistics").text
    assert "--compare" in section(page, "features").text


def test_a_calibrated_bundle_shows_reliability_and_probabilities(tmp_path: Path) -> None:
    calibration = make_tiny_bundle(tmp_path).manifest.calibration
    dataset, embedded = vehicles()
    scoring = Scoring(calibration=calibration)
    measurement = measure(embedded, "tiny", scoring)
    model = ReportedModel("bundle", "fingerprint", PREPROCESSING)
    html = report_html(measurement, dataset, embedded, scoring, model, "2026-01-02")
    page = page_tree(html)
    assert (
        "calibration error" in section(page, "calibration").all("svg")[0].attributes["aria-label"]
    )
    tile = section(page, "rank-lists").all("li")[1]
    assert [line.text.split()[0] for line in tile.all("p", "score")] == ["score", "p"]


def test_published_marks_are_drawn_on_the_same_data_only() -> None:
    measurement = measure(vehicles()[1], "model", options=MeasurementOptions(subsets=True))
    for comparable in (True, False):
        shown = subset_section(measurement.subsets, comparable)
        assert ("paper, CCNet" in shown.plots[0].svg) == comparable
        paper = published("table2_ccnet_msvr310")["R+N+T"]
        assert shown.tables[0].rows[-1][-2:] == (f"{paper.map:.1f}", f"{paper.rank1:.1f}")


def test_the_missing_curves_of_this_data_stand_without_the_papers(page: Element) -> None:
    missing = section(page, "missing")
    assert "does not compare" in missing.text
    assert "63 %" in missing.all("table")[0].text
    assert "CCNet, paper" not in missing.all("svg")[0].text


def test_only_the_map_of_known_vehicles_is_drawn() -> None:
    dataset, embedded = vehicles(identities=3)
    unknown = replace(
        embedded.gallery.labels, identity=np.array([None] * len(embedded.gallery), dtype=object)
    )
    assert not map_rows(unknown.identity).any()
    assert map_rows(["a", "b", "b", None]).tolist() == [True, True, True, False]
    assert map_rows(["a"] * 20).sum() == 8
    assert len(dataset.gallery) == 9


def _bounds(measurement: Measurement) -> tuple[float, float]:
    interval = measurement.intervals["mAP"]
    return interval.low, interval.high
