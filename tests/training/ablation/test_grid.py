"""Grids as files."""

from pathlib import Path

import pytest

from training.ablation.grid import find_grid, read_grid, shipped_grids, slug
from training.config import read_config
from training.evaluation.published import published
from vreid.errors import ConfigurationError


def grid_file(folder: Path, text: str) -> Path:
    path = folder / "grid.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("name", "directory"),
    [
        ("+L_CdC+ALNU", "l_cdc_alnu"),
        ("baseline", "baseline"),
        ("+L_CdC+ALNU+modality dropout", "l_cdc_alnu_modality_dropout"),
        ("0.1", "0.1"),
        ("../..", ""),
    ],
)
def test_directories_are_plain_names(name: str, directory: str) -> None:
    assert slug(name) == directory


@pytest.mark.parametrize("name", shipped_grids())
def test_every_recipe_of_a_shipped_grid_is_valid_and_different(name: str) -> None:
    grid = read_grid(find_grid(name))
    recipes = [read_config(row.recipe, row.changes).portable() for row in grid.rows]
    for recipe in recipes:
        recipe.pop("name")
    assert all(recipe not in recipes[:place] for place, recipe in enumerate(recipes))


@pytest.mark.parametrize("name", sorted({*shipped_grids()} - {"comparators_msvr310"}))
def test_a_shipped_grid_has_every_row_of_its_table(name: str) -> None:
    grid = read_grid(find_grid(name))
    assert grid.published is not None
    assert {row.published for row in grid.rows} - {None} == set(published(grid.published))


def test_table_5s_rows_switch_their_parts_and_nothing_else() -> None:
    grid = read_grid(find_grid("table5_msvr310"))
    found: dict[str, tuple[str, float, object]] = {}
    for row in grid.rows:
        config = read_config(row.recipe, row.changes)
        weights = config.objective
        found[row.name] = (
            config.model.normalisation,
            weights.cross_directional * weights.sample_weight,
            pytest.approx(weights.cross_directional * weights.alpha),
        )
    assert found == {
        "baseline": ("none", 0, 0),
        "+ALNU": ("alnu", 0, 0),
        "+L_S": ("none", 0.3, 0),
        "+L_M": ("none", 0, 0.18),
        "+L_CdC": ("none", 0.3, 0.18),
        "+L_CdC+ALNU": ("alnu", 0.3, 0.18),
    }


def test_a_sweep_makes_a_row_of_each_value(tmp_path: Path) -> None:
    path = grid_file(
        tmp_path,
        """
        recipe = "recipe.toml"
        published = "table7_alpha_msvr310"
        set = { model.normalisation = "none" }
        [sweep]
        key = "objective.alpha"
        values = [0.1, 1.0, 2.0]
        """,
    )
    rows = read_grid(path).rows
    assert [(row.name, row.folder, row.published) for row in rows] == [
        ("0.1", "alpha_0.1", "0.1"),
        ("1.0", "alpha_1.0", "1.0"),
        ("2.0", "alpha_2.0", None),
    ]
    assert rows[0].changes == ('model.normalisation="none"', "objective.alpha=0.1")
    assert rows[0].recipe == tmp_path / "recipe.toml"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('recipe = "r.toml"', "has no rows"),
        ('recipe = "r.toml"\n[[rows]]\nname = "a"\ncolour = 1', "rows.0.colour"),
        (
            'recipe = "r.toml"\n[[rows]]\nname = "a b"\n[[rows]]\nname = "a+b"',
            "share the directory",
        ),
        ('recipe = "r.toml"\n[[rows]]\nname = "+"', "needs a letter or digit"),
        ('recipe = "r.toml"\n[[rows]]\nname = "a"\npublished = "b"', "names the published row 'b'"),
        ('recipe = "r.toml"\npublished = "table9"', "published"),
        ("recipe = ", "cannot be read as TOML"),
    ],
)
def test_a_grid_that_says_nothing_clear_is_refused(
    tmp_path: Path, text: str, complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        read_grid(grid_file(tmp_path, text))


def test_an_unknown_grid_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="table5_msvr310"):
        find_grid("table99")
