"""Every plot is one well-formed drawing, the same for the same numbers."""

from collections.abc import Callable
from xml.etree import ElementTree

import numpy as np
import pytest

from training.report.cmc_plot import cmc_curves
from training.report.contribution_plot import contribution_bars
from training.report.feature_map_plot import FeaturePoints, feature_maps, plane
from training.report.inline_svg import inline_svg
from training.report.middle_statistics_plot import middle_statistics
from training.report.missing_ratio_plot import Spread, missing_ratio_curves
from training.report.plot_style import INK
from training.report.reliability_plot import reliability, reliability_plot
from training.report.subset_plot import subset_bars
from training.report.verification_plot import verification_curve
from vreid.modality import MODALITIES

HOSTILE = "<b> & $x_"
SHARES = np.linspace(0.2, 1, 30)
CLOUD = np.random.default_rng(0).normal(size=(18, 2))
FEATURES = FeaturePoints(
    np.random.default_rng(1).normal(size=(18, 8)).astype(np.float32),
    np.repeat(np.arange(6), 3),
    np.tile(np.arange(3), 6),
)

PLOTS: dict[str, Callable[[], str]] = {
    "subsets": lambda: subset_bars(
        ["R", HOSTILE], {"mAP": [20.0, float("nan")]}, {"mAP": [1.0, 2.0]}
    ),
    "cmc": lambda: cmc_curves({HOSTILE: SHARES}, {"paper": {1: 50.0, 5: 70.0}}),
    "missing": lambda: missing_ratio_curves(
        [0.0, 100.0], {HOSTILE: Spread(np.ones(2), np.zeros(2))}, {"CCNet": [34.4, 21.8]}
    ),
    "verification": lambda: verification_curve(SHARES**3, SHARES, {1e-3: 0.4}),
    "reliability": lambda: reliability_plot(reliability(SHARES, SHARES > 0.5)),
    "contributions": lambda: contribution_bars({HOSTILE: np.array([[0.1, np.nan, -0.2]])}),
    "features": lambda: feature_maps({HOSTILE: FEATURES, "other": FEATURES}),
    "middle": lambda: middle_statistics({HOSTILE: dict.fromkeys(MODALITIES, (CLOUD, CLOUD + 1))}),
}


@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_is_well_formed_and_the_same_every_time(name: str) -> None:
    drawn = PLOTS[name]()
    root = ElementTree.fromstring(drawn)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert drawn == PLOTS[name]()


@pytest.mark.parametrize("name", set(PLOTS) - {"verification", "reliability"})
def test_names_stand_in_a_plot_as_they_are(name: str) -> None:
    texts = [element.text for element in ElementTree.fromstring(PLOTS[name]()).iter()]
    assert any(HOSTILE in text for text in texts if text)


def test_an_inlined_drawing_has_its_own_ids_the_pages_colours_and_no_address() -> None:
    drawn = PLOTS["cmc"]()
    inlined = inline_svg(drawn, "one", 'a "curve" & more')
    root = ElementTree.fromstring(inlined)
    assert root.attrib["aria-label"] == 'a "curve" & more'
    assert root.attrib["role"] == "img"
    ids = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    assert ids
    assert all(name.startswith("one-") for name in ids)
    references = [element.attrib["href"] for element in root.iter() if "href" in element.attrib]
    assert references
    assert {reference[1:] for reference in references} <= set(ids)
    assert "http" not in inlined
    assert INK in drawn
    assert INK not in inlined


def test_what_is_no_drawing_is_refused() -> None:
    with pytest.raises(ValueError, match="no <svg>"):
        inline_svg("<p>", "one", "")


def test_reliability_compares_promises_with_what_came_true() -> None:
    # Two bins: at 0.25 one pair of four is true, at 0.75 three of four are.
    probabilities = np.array([0.25] * 4 + [0.75] * 4)
    same = np.array([True, False, False, False, True, True, True, False])
    found = reliability(probabilities, same)
    assert found.observed[[2, 7]] == pytest.approx([0.25, 0.75])
    assert found.promised[[2, 7]] == pytest.approx([0.25, 0.75])
    assert found.weight[[2, 7]] == pytest.approx([0.5, 0.5])
    assert found.error == pytest.approx(0)
    assert np.isnan(found.observed[0])


def test_reliability_weighs_both_kinds_alike() -> None:
    probabilities = np.full(10, 0.5)
    same = np.arange(10) == 0
    assert reliability(probabilities, same).observed[5] == pytest.approx(0.5)


def test_pairs_of_one_kind_have_no_reliability() -> None:
    with pytest.raises(ValueError, match="one kind"):
        reliability(np.array([0.5]), np.array([True]))


def test_the_plane_keeps_near_together_what_is_near() -> None:
    generator = np.random.default_rng(2)
    centers = np.repeat(5 * np.eye(2, 8), 10, axis=0)
    found = plane((centers + 0.1 * generator.normal(size=(20, 8))).astype(np.float32))
    spread = max(found[:10].std(axis=0).max(), found[10:].std(axis=0).max())
    assert np.linalg.norm(found[:10].mean(axis=0) - found[10:].mean(axis=0)) > 3 * spread


def test_too_few_points_make_no_plane() -> None:
    with pytest.raises(ValueError, match="5 or more"):
        plane(np.ones((4, 8), dtype=np.float32))
