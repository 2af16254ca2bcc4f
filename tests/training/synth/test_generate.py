from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from training.synth.command import synth
from training.synth.contact_sheet import contact_sheet
from training.synth.generate import GenerationSummary, generate, render_identity
from training.synth.layout import FOLDER_NAMES
from training.synth.plan import Parameters, parts_of, plan_records
from vreid.errors import DatasetError
from vreid.layouts.msvr310 import GALLERY, NAME_PATTERN, QUERY, TRAIN


def small(directory: Path, *, seed: int = 3, workers: int = 1) -> GenerationSummary:
    return generate(
        directory, 3, seed, samples=2, train_share=0.34, height=32, width=56, workers=workers
    )


def contents(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*.jpg")
    }


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("synth") / "tree"
    small(directory)
    return directory


def test_names_and_folders_follow_the_layout(tree: Path) -> None:
    assert {path.name for path in tree.iterdir()} == {TRAIN, GALLERY, QUERY, "synth.json"}
    for part in (TRAIN, GALLERY, QUERY):
        for folder in (tree / part).iterdir():
            names = [
                sorted(path.name for path in (folder / kind).iterdir()) for kind in FOLDER_NAMES
            ]
            assert names[0] == names[1] == names[2]
            for name in names[0]:
                match = NAME_PATTERN.fullmatch(name)
                assert match is not None
                assert match.group(1) == folder.name
                assert 0 <= int(match.group(3)) <= 7


def test_pictures_have_the_asked_size(tree: Path) -> None:
    for path in tree.rglob("*.jpg"):
        with Image.open(path) as picture:
            assert picture.size == (56, 32)
            assert picture.mode == "RGB"


def test_training_and_test_identities_are_disjoint(tree: Path) -> None:
    training = {path.name for path in (tree / TRAIN).iterdir()}
    testing = {path.name for path in (tree / GALLERY).iterdir()}
    assert training == {"0001"}
    assert testing == {"0002", "0003"}


def test_queries_copy_the_gallery_records_of_several_scenes(tree: Path) -> None:
    gallery = {path.relative_to(tree / GALLERY): path for path in (tree / GALLERY).rglob("*.jpg")}
    queries = {path.relative_to(tree / QUERY): path for path in (tree / QUERY).rglob("*.jpg")}
    assert queries.keys() == gallery.keys()
    assert all(path.read_bytes() == gallery[key].read_bytes() for key, path in queries.items())


def test_identity_of_one_scene_gives_no_queries() -> None:
    parameters = Parameters(4, 1, 8, 0.0)
    records = plan_records(parameters, 1)
    assert parts_of(parameters, 1, records) == (GALLERY, QUERY)
    first = [record for record in records if record.scene == records[0].scene]
    assert parts_of(parameters, 1, first) == (GALLERY,)


def test_every_identity_has_several_scenes_and_no_view_twice_in_one() -> None:
    parameters = Parameters(200, 5, 8, 0.5)
    for identity in range(1, 201):
        records = plan_records(parameters, identity)
        assert len(records) == 8
        assert 2 <= len({record.scene for record in records}) <= 4
        assert len({(record.scene, record.view) for record in records}) == 8
        assert len({record.name for record in records}) == 8


def test_workers_do_not_change_the_pictures(tree: Path, tmp_path: Path) -> None:
    small(tmp_path / "again", workers=2)
    assert contents(tmp_path / "again") == contents(tree)


def test_another_seed_gives_other_pictures(tree: Path, tmp_path: Path) -> None:
    parameters = Parameters(3, 4, 2, 0.34, 32, 56)
    render_identity(tmp_path, parameters, 2)
    assert not set(contents(tmp_path).values()) & set(contents(tree).values())


def test_complete_identities_are_kept_and_missing_files_come_back(tmp_path: Path) -> None:
    directory = tmp_path / "tree"
    assert small(directory).skipped_identities == 0
    before = contents(directory)
    stamps = {path: path.stat().st_mtime_ns for path in (directory / TRAIN).rglob("*.jpg")}
    next(iter((directory / GALLERY / "0003" / "ni").iterdir())).unlink()
    assert small(directory).skipped_identities == 2
    assert contents(directory) == before
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert not list(directory.rglob("*.part"))


def test_marker_describes_the_tree(tree: Path) -> None:
    marker = json.loads((tree / "synth.json").read_text())
    assert marker["seed"] == 3
    assert marker["identities"] == 3
    assert marker["complete"] is True
    assert marker["counts"]["gallery_triplets"] == 4
    assert marker["counts"]["query_triplets"] == 4


def test_tree_of_other_parameters_is_refused(tree: Path) -> None:
    with pytest.raises(DatasetError, match="other parameters"):
        small(tree, seed=9)


def test_foreign_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DatasetError, match="not empty"):
        small(tmp_path)


@pytest.mark.parametrize(
    ("identities", "seed", "samples", "share", "height"),
    [(0, 1, 8, 0.5, 32), (1, -1, 8, 0.5, 32), (1, 1, 1, 0.5, 32), (1, 1, 8, 1.5, 32),
     (1, 1, 8, 0.5, 8)],
)  # fmt: skip
def test_parameters_out_of_range_are_refused(
    tmp_path: Path, identities: int, seed: int, samples: int, share: float, height: int
) -> None:
    with pytest.raises(DatasetError):
        generate(
            tmp_path / "tree", identities, seed, samples=samples, train_share=share, height=height
        )
    assert not (tmp_path / "tree").exists()


def test_command_renders_and_reports(tmp_path: Path) -> None:
    directory = tmp_path / "tree"
    sizes = ["--samples", "2", "--height", "32", "--width", "56"]
    flags = ["--identities", "1", "--seed", "2", "--workers", "1", *sizes]
    result = CliRunner().invoke(synth, [str(directory), *flags])
    assert result.exit_code == 0, result.output
    assert "2 gallery" in result.output or "2 training" in result.output
    again = CliRunner().invoke(synth, [str(directory), *flags, "--train-share", "1"])
    assert again.exit_code == 1
    assert "other parameters" in again.output


@pytest.mark.parametrize("flags", ["--identities 0 --seed 1", "--seed 1"])
def test_command_refuses_bad_flags(tmp_path: Path, flags: str) -> None:
    result = CliRunner().invoke(synth, [str(tmp_path / "tree"), *flags.split()])
    assert result.exit_code == 2


def test_contact_sheet_holds_every_triplet(tree: Path, tmp_path: Path) -> None:
    path = contact_sheet(tree, tmp_path / "sheet.png", rows=2, per_row=1, cell_width=56)
    with Image.open(path) as sheet:
        assert sheet.size == (168, 68)
        assert np.asarray(sheet).std() > 1


def test_contact_sheet_of_an_empty_tree_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError):
        contact_sheet(tmp_path, tmp_path / "sheet.png")
