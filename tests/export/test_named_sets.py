"""What a data set is for: reported, calibrating, or half of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.errors import ValidationDataError
from export.named_sets import NamedSet, Roles, calibrating_half, load_roles, require_separate
from training.data import Dataset
from vreid.modality import Modality
from vreid.sample import Sample


def dataset(identities: Sequence[str]) -> Dataset:
    samples = [Sample({Modality.RGB: b"x"}, identity=one) for one in identities]
    return Dataset("made up", [], samples, samples, None)


@pytest.mark.parametrize(
    ("given_name", "label", "layout"),
    [("msvr310", "msvr310", "msvr310"), ("yard:msvr310", "yard", "msvr310")],
)
def test_a_set_is_called_by_its_layout_or_by_a_label(
    given_name: str, label: str, layout: str
) -> None:
    named = NamedSet.parse(given_name, Path("folder"))
    assert (named.label, named.name) == (label, layout)


def test_a_reported_identity_must_not_calibrate() -> None:
    roles = Roles({"yard": dataset("abc")}, {"yard": dataset("cde")})
    with pytest.raises(ValidationDataError, match=r"1 identities of yard that figures.*'c'.*LABEL"):
        require_separate(roles, {})


@pytest.mark.parametrize("role", ["calibration", "halved"])
def test_an_identity_of_the_training_must_not_calibrate(role: str) -> None:
    roles = Roles(**{role: {"yard": dataset("abc")}})
    require_separate(roles, {"yard": {"x"}, "street": {"a"}})
    with pytest.raises(ValidationDataError, match="trained on, such as 'b'"):
        require_separate(roles, {"yard": {"b"}})


def test_the_refusal_tells_what_a_label_does() -> None:
    roles = Roles(calibration={"yard": dataset("abc")})
    with pytest.raises(ValidationDataError, match=r"LABEL:yard=PATH.*are different vehicles"):
        require_separate(roles, {"yard": {"b"}})
    require_separate(Roles(calibration={"other": dataset("abc")}), {"yard": {"b"}})


def test_equal_names_under_other_labels_are_other_vehicles() -> None:
    require_separate(Roles({"yard": dataset("abc")}, {"street": dataset("abc")}), {})


def test_one_folder_cannot_be_reported_and_calibrate(tmp_path: Path) -> None:
    first, second = (NamedSet(label, "msvr310", tmp_path) for label in ("yard", "street"))
    with pytest.raises(ValidationDataError, match="--halve"):
        load_roles([first], [second])


names = st.sets(st.text(min_size=1), min_size=2)


@given(names)
def test_halves_are_as_large_as_each_other_and_disjoint(identities: set[str]) -> None:
    half = calibrating_half(identities)
    assert half < identities
    assert len(identities) - 2 * len(half) in (0, 1)


@given(names)
def test_the_order_of_the_names_does_not_matter(identities: set[str]) -> None:
    assert calibrating_half(sorted(identities)) == calibrating_half(
        sorted(identities, reverse=True)
    )
