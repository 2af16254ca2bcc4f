"""The commands, as a user calls them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.training.conftest import SMOKE, TINY
from training.allocator import SETTINGS, restart_with_tuned_allocator
from training.checkpoint import load_model
from training.data import load_dataset
from training.embedded import embed_dataset
from training.evaluation import evaluate
from training.torch_engine import TorchEngine
from vreid.cli import application
from vreid.errors import ConfigurationError


def vreid(*arguments: object) -> Result:
    return CliRunner().invoke(application, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def run(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run trained by the command."""
    directory = tmp_path_factory.mktemp("run")
    changes = [part for change in [*TINY, "epochs=1"] for part in ("--set", change)]
    result = vreid("train", SMOKE, "--out", directory, "--data", f"synthetic={tree}", *changes)
    assert result.exit_code == 0, result.output
    assert "checkpoint" in result.output
    return directory


def test_a_checkpoint_is_measured_with_every_subset(run: Path, tree: Path) -> None:
    result = vreid(
        "evaluate", "--checkpoint", run, "--data", "msvr310", "--root", tree, "--json", "--subsets"
    )
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout.splitlines()[-1])
    assert (document["model"], document["data"], document["policy"]) == (
        "ccnet-smoke",
        "msvr310",
        "shared",
    )
    assert list(document["subsets"]) == ["R", "N", "T", "R+N", "R+T", "N+T", "R+N+T"]
    assert document["queries"] == 16

    model, config = load_model(run)
    embedded = embed_dataset(
        load_dataset("msvr310", tree),
        config.preprocessing.build(),
        TorchEngine(model, config.preprocessing.build(), "cpu"),
        model.feature_size,
    )
    assert document["mAP"] == evaluate(embedded).figures.map
    assert document["subsets"]["R+N+T"]["mAP"] == document["mAP"]
    assert document["policies"]["shared"]["mAP"] == document["mAP"]


def test_a_folder_without_its_source_is_refused(tmp_path: Path) -> None:
    result = vreid("train", SMOKE, "--out", tmp_path, "--data", "folder")
    assert isinstance(result.exception, ConfigurationError)
    assert "SOURCE=FOLDER" in str(result.exception)


def test_a_program_that_calls_the_command_is_not_restarted() -> None:
    # Were it, this test run would begin again with other settings.
    restart_with_tuned_allocator("cpu")
    assert SETTINGS
