"""Recipes that extend recipes."""

from pathlib import Path

import pytest

from training.recipe_file import read_recipe
from vreid.errors import ConfigurationError

BASE = """
name = "base"
epochs = 9
[optimiser]
kind = "adam"
learning_rate = 1e-3
[sources.first]
dataset = "msvr310"
identities_per_batch = 8
"""


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_values_that_a_recipe_does_not_give_are_those_of_the_one_it_extends(
    tmp_path: Path,
) -> None:
    written(tmp_path, "base.toml", BASE)
    own = 'extends = "base.toml"\nname = "own"\n[optimiser]\nlearning_rate = 0.5\n[model]\nx = 1\n'
    assert read_recipe(written(tmp_path, "own.toml", own)) == {
        "name": "own",
        "epochs": 9,
        "optimiser": {"kind": "adam", "learning_rate": 0.5},
        "sources": {"first": {"dataset": "msvr310", "identities_per_batch": 8}},
        "model": {"x": 1},
    }


def test_sources_are_replaced_whole(tmp_path: Path) -> None:
    written(tmp_path, "base.toml", BASE)
    own = 'extends = "base.toml"\n[sources.second]\ndataset = "rgbnt100"\n'
    recipe = read_recipe(written(tmp_path, "own.toml", own))
    assert recipe["sources"] == {"second": {"dataset": "rgbnt100"}}


def test_a_list_is_replaced_and_not_added_to(tmp_path: Path) -> None:
    written(tmp_path, "base.toml", "[schedule]\nmilestones = [1, 2]\n")
    own = 'extends = "base.toml"\n[schedule]\nmilestones = [3]\n'
    assert read_recipe(written(tmp_path, "own.toml", own)) == {"schedule": {"milestones": [3]}}


def test_the_path_is_relative_to_the_file_and_extending_goes_on(tmp_path: Path) -> None:
    written(tmp_path, "base.toml", BASE)
    written(tmp_path, "nested/middle.toml", 'extends = "../base.toml"\nepochs = 2\nseed = 1\n')
    own = written(tmp_path, "own.toml", 'extends = "nested/middle.toml"\nseed = 4\n')
    recipe = read_recipe(own)
    assert (recipe["name"], recipe["epochs"], recipe["seed"]) == ("base", 2, 4)


def test_changes_come_last(tmp_path: Path) -> None:
    written(tmp_path, "base.toml", BASE)
    own = written(tmp_path, "own.toml", 'extends = "base.toml"\nepochs = 2\n')
    recipe = read_recipe(own, ["epochs=3", "sources.first.identities_per_batch=4"])
    assert (recipe["epochs"], recipe["sources"]["first"]["identities_per_batch"]) == (3, 4)


def test_a_recipe_that_extends_itself_is_refused_with_the_chain(tmp_path: Path) -> None:
    written(tmp_path, "a.toml", 'extends = "b.toml"\n')
    written(tmp_path, "b.toml", 'extends = "a.toml"\n')
    with pytest.raises(ConfigurationError, match=r"a\.toml extends b\.toml extends a\.toml"):
        read_recipe(tmp_path / "a.toml")
    own = written(tmp_path, "own.toml", 'extends = "own.toml"\n')
    with pytest.raises(ConfigurationError, match="cannot extend itself"):
        read_recipe(own)


def test_two_recipes_may_extend_one(tmp_path: Path) -> None:
    written(tmp_path, "base.toml", BASE)
    written(tmp_path, "middle.toml", 'extends = "base.toml"\n')
    own = written(tmp_path, "own.toml", 'extends = "middle.toml"\n')
    assert read_recipe(own) == read_recipe(tmp_path / "base.toml")


def test_a_recipe_that_is_not_there_is_named_with_the_one_that_extends_it(tmp_path: Path) -> None:
    own = written(tmp_path, "own.toml", 'extends = "gone.toml"\n')
    with pytest.raises(ConfigurationError, match=r"gone\.toml, which own\.toml extends"):
        read_recipe(own)


def test_what_is_no_path_is_refused(tmp_path: Path) -> None:
    own = written(tmp_path, "own.toml", 'extends = ["a.toml", "b.toml"]\n')
    with pytest.raises(ConfigurationError, match="extends = "):
        read_recipe(own)
