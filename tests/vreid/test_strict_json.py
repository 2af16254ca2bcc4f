import pytest

from vreid.errors import ConfigurationError
from vreid.strict_json import Fields

DOCUMENT = {
    "name": "lite",
    "size": 8,
    "share": 0.5,
    "mean": [1, 2.5],
    "tags": ["a"],
    "inner": {"x": 1},
}


def test_fields_come_out_with_their_types() -> None:
    fields = Fields(DOCUMENT, "model")
    assert fields.text("name") == "lite"
    assert fields.integer("size") == 8
    assert fields.number("share") == 0.5
    assert fields.numbers("mean", 2) == (1.0, 2.5)
    assert fields.texts("tags") == ("a",)
    assert fields.mapping("inner") == {"x": 1}
    assert fields.fields("inner").integer("x") == 1
    fields.finish()


def test_a_field_that_nobody_asked_for_is_refused_with_the_known_ones() -> None:
    fields = Fields({"name": "a", "naem": "b"}, "model")
    fields.text("name")
    with pytest.raises(
        ConfigurationError, match="model has the unknown field 'naem'; it knows name"
    ):
        fields.finish()


def test_an_absent_or_null_member_is_not_there() -> None:
    fields = Fields({"a": None, "b": 0}, "model")
    assert not fields.has("a")
    assert fields.has("b")
    assert not fields.has("c")


def test_messages_carry_the_way_to_the_field() -> None:
    with pytest.raises(
        ConfigurationError, match=r"model\.inner\.x must be a non-empty string, not 1"
    ):
        Fields(DOCUMENT, "model").fields("inner").text("x")


@pytest.mark.parametrize("value", [True, "3", None, -1, 1.0])
def test_what_is_no_whole_number_is_refused(value: object) -> None:
    with pytest.raises(ConfigurationError, match=r"model\.size must be a whole number"):
        Fields({"size": value}, "model").integer("size")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "1"])
def test_what_is_no_finite_number_is_refused(value: object) -> None:
    with pytest.raises(ConfigurationError, match="must be a finite number"):
        Fields({"share": value}, "model").number("share")


@pytest.mark.parametrize("document", [None, [], "text", 3])
def test_what_is_no_object_is_refused(document: object) -> None:
    with pytest.raises(ConfigurationError, match="model must be a JSON object with named fields"):
        Fields(document, "model")
