import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vreid.calibration import (
    TILT,
    Calibration,
    CalibrationTable,
    center_key,
    shared_key,
)
from vreid.errors import ConfigurationError
from vreid.modality import MODALITIES, Modality

FLAT = CalibrationTable((-1.0, 0.0, 0.5, 1.0), (0.0, 0.0, 1.0, 1.0), {0.01: 0.4, 0.001: 0.6})


@st.composite
def tables(draw: st.DrawFn) -> CalibrationTable:
    cosines = sorted(draw(st.sets(st.floats(-1, 1, width=32), min_size=2, max_size=8)))
    probabilities = sorted(
        draw(st.lists(st.floats(0, 1), min_size=len(cosines), max_size=len(cosines)))
    )
    rates = draw(st.dictionaries(st.floats(1e-6, 0.5), st.floats(-1, 1), max_size=3))
    return CalibrationTable(tuple(cosines), tuple(probabilities), rates)


def test_probabilities_follow_the_table_within_the_tilt() -> None:
    table = CalibrationTable((0.0, 1.0), (0.2, 0.8))
    np.testing.assert_allclose(table.probability([0, 0.5, 1]), [0.2, 0.5, 0.8], atol=TILT)
    np.testing.assert_allclose(table.probability([-1, -0.5]), [0.2, 0.2], atol=TILT)


@given(tables(), st.floats(-1, 1), st.floats(-1, 1))
def test_probability_never_falls_and_grows_with_the_cosine(
    table: CalibrationTable, one: float, other: float
) -> None:
    low, high = sorted((round(one, 12), round(other, 12)))
    below, above = table.probability([low, high])
    assert 0 <= below <= 1
    assert below < above if low < high else below == above


def test_flat_stretches_keep_the_order_of_neighbouring_cosines() -> None:
    cosines = 0.7 + np.arange(1000) * 1e-12
    assert (np.diff(FLAT.probability(cosines)) > 0).all()


def test_cosines_a_little_beyond_one_are_taken_as_one() -> None:
    assert FLAT.probability([1 + 1e-9, 1])[0] == FLAT.probability(1)


def test_the_shape_of_the_cosines_is_kept() -> None:
    assert FLAT.probability(np.zeros((2, 3))).shape == (2, 3)
    assert FLAT.probability(0.5).shape == ()


def test_keys_name_the_modalities_in_the_fixed_order() -> None:
    assert shared_key([Modality.TIR, Modality.RGB]) == "shared:rgb+tir"
    assert shared_key(MODALITIES) == "shared:rgb+nir+tir"
    assert center_key([Modality.NIR, Modality.RGB], [Modality.TIR]) == "center:rgb+nir|tir"


def test_a_missing_key_falls_back_to_the_general_table_of_its_representation() -> None:
    general = CalibrationTable((0.0, 1.0), (0.1, 0.9))
    calibration = Calibration({"shared": general, "shared:rgb": FLAT})
    assert calibration.table("shared:rgb") is FLAT
    assert calibration.table("shared:nir") is general
    assert calibration.table("center:rgb|nir") is None
    assert calibration.probability("center:rgb|nir", [0.5]) is None
    assert calibration.threshold("center:rgb|nir", 0.01) is None
    assert calibration.covers(["shared:rgb", "shared:tir"])
    assert not calibration.covers(["shared:rgb", "center:rgb|nir"])


def test_thresholds_are_found_by_their_rate() -> None:
    calibration = Calibration({"shared:rgb": FLAT})
    assert calibration.threshold("shared:rgb", 0.001) == 0.6
    assert calibration.threshold("shared:rgb", 0.5) is None


@given(
    st.dictionaries(st.sampled_from(["shared", "center", "shared:rgb", "center:rgb|tir"]), tables())
)
def test_a_calibration_survives_json(by_key: dict[str, CalibrationTable]) -> None:
    calibration = Calibration(by_key)
    assert Calibration.from_json(json.loads(json.dumps(calibration.to_json()))) == calibration


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cosines": [0.5], "probabilities": [0.5]}, "at least two"),
        ({"cosines": [0, 1, 0.5, 1]}, "increase strictly"),
        ({"cosines": [0, 0.5, 1]}, "3 cosines and 4 probabilities"),
        ({"probabilities": [0, 0.9, 0.8, 1]}, "must not decrease"),
        ({"probabilities": [0, 0.9, 0.9, 1.1]}, "within 0 and 1"),
        ({"probabilities": ["a"] * 4}, r"probabilities must be a list of finite numbers"),
        ({"thresholds": {"often": 0.5}}, "false-accept rate 'often'"),
        ({"thresholds": {"2": 0.5}}, "false-accept rates between 0 and 1"),
        ({"thresholds": {"0.1": 5}}, "cosines within -1 and 1"),
        ({"slope": 1}, "unknown field 'slope'"),
    ],
)
def test_a_table_that_is_not_one_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Calibration.from_json({"shared:rgb": {**FLAT.to_json(), **change}})


def test_a_key_of_another_kind_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="'concat'; keys begin with shared or center"):
        Calibration.from_json({"concat": FLAT.to_json()})
