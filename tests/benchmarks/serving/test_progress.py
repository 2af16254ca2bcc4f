"""A run that is cut goes on, and figures of different runs never mix."""

import json
from pathlib import Path

import pytest

from benchmarks.serving.progress import Progress, merged
from tests.benchmarks.serving.figures import origin_of, part
from vreid.errors import EngineUnavailable


def test_a_run_that_was_cut_goes_on_where_it_was(tmp_path: Path) -> None:
    path, options, on = tmp_path / "figures.json", {"seconds": 1}, origin_of("abc")
    Progress(path, ["a", "b"], options, on).measure("a", lambda: 1)
    again = Progress(path, ["a", "b"], options, on)
    again.measure("a", lambda: pytest.fail("measured twice"))
    again.measure("b", lambda: 2)
    assert {name: each["figures"] for name, each in again.document["parts"].items()} == {
        "a": 1,
        "b": 2,
    }
    # What is complete is begun anew.
    assert Progress(path, ["a", "b"], options, on).document["parts"] == {}


@pytest.mark.parametrize(
    ("options", "revision"), [({"seconds": 5}, "abc"), ({"seconds": 1}, "def")]
)
def test_a_run_otherwise_or_of_something_else_takes_nothing_over(
    tmp_path: Path, options: dict[str, int], revision: str
) -> None:
    path = tmp_path / "figures.json"
    Progress(path, ["a", "b"], {"seconds": 1}, origin_of("abc")).measure("a", lambda: 1)
    assert Progress(path, ["a", "b"], options, origin_of(revision)).document["parts"] == {}


def test_figures_of_another_bundle_are_not_taken_over(tmp_path: Path) -> None:
    path, on = tmp_path / "figures.json", origin_of("abc")
    Progress(path, ["a", "b"], {}, on).measure("a", lambda: 1, lambda: {"fingerprint": "one"})
    again = Progress(path, ["a", "b"], {}, on)
    again.measure("a", lambda: 2, lambda: {"fingerprint": "two"})
    assert again.document["parts"]["a"]["figures"] == 2


def test_a_part_that_fails_is_noted_the_others_are_measured_and_it_is_tried_again(
    tmp_path: Path,
) -> None:
    def fail() -> None:
        raise EngineUnavailable("no such engine")

    path = tmp_path / "figures.json"
    progress = Progress(path, ["a", "b"], {}, {})
    progress.measure("a", fail)
    progress.measure("b", lambda: 2)
    found = json.loads(path.read_text(encoding="utf-8"))["parts"]
    assert found["a"]["figures"] == {"failed": "no such engine"}
    assert found["b"]["figures"] == 2
    again = Progress(path, ["a", "b"], {}, {})
    again.measure("a", lambda: 1)
    again.measure("b", lambda: pytest.fail("measured twice"))
    assert again.document["parts"]["a"]["figures"] == 1


def test_new_figures_replace_those_of_the_same_part_but_a_failure_replaces_none() -> None:
    known = {"parts": {"a": part(1), "b": part(2), "c": part({"failed": "x"})}}
    new = {"parts": {"a": part({"failed": "y"}), "b": part(3), "c": part({"failed": "z"})}}
    found = {name: each["figures"] for name, each in merged(known, new)["parts"].items()}
    assert found == {"a": 1, "b": 3, "c": {"failed": "z"}}
