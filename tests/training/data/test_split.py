"""Drawing held-out identities, and the split that the repository keeps."""

from pathlib import Path

from click.testing import CliRunner

from tests.shared_data import PHOTOGRAPHS, needs_shared_data
from training.data import load_dataset
from training.data.load import SPLITS
from training.data.manifest_rows import read_manifest
from training.data.split import draw_split, read_split
from training.data.split_command import command
from vreid.errors import DatasetError
from vreid.modality import Modality
from vreid.sample import Sample


def samples() -> list[Sample]:
    return [
        Sample({Modality.RGB: b"-"}, identity=f"{kind}{number}", attributes={"kind": kind})
        for kind, count in (("car", 20), ("bus", 2))
        for number in range(count)
    ]


def test_every_kind_gives_its_share_and_at_least_one() -> None:
    drawn = draw_split(samples(), "kind", 0.2, seed=1)
    assert {kind: len(held) for kind, held in drawn.items()} == {"bus": 1, "car": 4}


def test_the_seed_decides() -> None:
    assert draw_split(samples(), None, 0.5, seed=1) == draw_split(samples(), None, 0.5, seed=1)
    assert draw_split(samples(), None, 0.5, seed=1) != draw_split(samples(), None, 0.5, seed=2)


def test_one_camera_without_the_other_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("rgb,identity\na.jpg,a\nb.jpg,b\n")
    out = tmp_path / "split.json"
    arguments = [str(tmp_path / "manifest.csv"), "--query-camera", "1", "--out", str(out)]
    result = CliRunner().invoke(command, arguments)
    assert isinstance(result.exception, DatasetError)
    assert not out.exists()


@needs_shared_data
def test_the_repositorys_split_is_what_the_command_draws(tmp_path: Path) -> None:
    arguments = f"{PHOTOGRAPHS / 'manifest.csv'} --by kind --query-camera 1 --gallery-camera 2"
    out = tmp_path / "split.json"
    result = CliRunner().invoke(command, [*arguments.split(), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert out.read_text() == (SPLITS / "vehicles_two_camera.json").read_text()


@needs_shared_data
def test_the_photographs_hold_81_of_405_identities_out() -> None:
    dataset = load_dataset("vehicles_two_camera", PHOTOGRAPHS)
    held_out = read_split(SPLITS / "vehicles_two_camera.json").held_out
    train = {sample.identity for sample in dataset.train}
    assert (len(train), len(held_out), len(read_manifest(PHOTOGRAPHS / "manifest.csv"))) == (
        324,
        81,
        810,
    )
    assert train.isdisjoint(held_out)
    assert {sample.camera for sample in dataset.query} == {"1"}
    assert {sample.camera for sample in dataset.gallery} == {"2"}
    assert len(dataset.query) == len(dataset.gallery) == 81
