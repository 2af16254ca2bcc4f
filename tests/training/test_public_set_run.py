"""From a public data set's layout to a measured model, with tiles and without thermal images."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from tests.public_trees import write_tiled_set
from tests.training.conftest import SMOKE, TINY
from training.embedded import EmbeddedSamples, same_samples
from vreid.cli import application
from vreid.image_source import Tile
from vreid.metrics import Labels


def vreid(*arguments: object) -> Result:
    result = CliRunner().invoke(application, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result


@pytest.mark.parametrize(
    ("name", "tiles", "subsets"),
    [
        ("rgbnt100", 3, {"R", "N", "T", "R+N", "R+T", "N+T", "R+N+T"}),
        ("rgbn300", 2, {"R", "N", "R+N"}),
    ],
)
def test_a_tiled_set_is_trained_on_and_measured(
    name: str, tiles: int, subsets: set[str], tmp_path: Path
) -> None:
    root = write_tiled_set(tmp_path / "data", tiles)
    changes = [*TINY, "epochs=1", f"sources.synthetic.dataset={name}"]
    vreid(
        *("train", SMOKE, "--out", tmp_path / "run", "--data", f"synthetic={root}"),
        *(part for change in changes for part in ("--set", change)),
    )
    measuring = ("evaluate", "--checkpoint", tmp_path / "run", "--data", name, "--root", root)
    document = json.loads(vreid(*measuring, "--subsets", "--json").stdout.splitlines()[-1])
    assert (document["data"], document["queries"], document["gallery"]) == (name, 8, 16)
    # Each identity has a colour of its own in every tile, and queries are gallery images: whoever
    # reads the tiles finds the same colour at another camera.
    assert document["rank1"] == 1
    measured = {subset for subset, figures in document["subsets"].items() if figures is not None}
    assert measured == subsets


def test_tiles_of_one_file_are_one_sample_whatever_else_lies_in_it() -> None:
    def tiles(name: str, *indices: int) -> frozenset[Path | Tile]:
        return frozenset(Tile(Path(name), index, 3) for index in indices)

    query = of_sources(tiles("a.jpg", 0, 1, 2), tiles("a.jpg", 0), tiles("b.jpg", 0, 1, 2))
    gallery = of_sources(tiles("b.jpg", 2, 1, 0), tiles("a.jpg", 0, 1, 2), tiles("a.jpg", 1))
    assert same_samples(query, gallery).tolist() == [
        [False, True, False],
        [False, False, False],
        [True, False, False],
    ]


def of_sources(*sources: frozenset[Path | Tile]) -> EmbeddedSamples:
    count = len(sources)
    return EmbeddedSamples(
        np.zeros((count, 3, 4), dtype=np.float32),
        np.ones((count, 3), dtype=np.bool_),
        Labels(["0001"] * count),
        sources,
    )
