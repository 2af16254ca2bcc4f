"""`vreid evaluate --html`, from a checkpoint or a bundle to the file."""

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from tests.bundles import make_tiny_bundle
from tests.training.report.page_tree import Element, page_tree
from training.checkpoint import (
    MODEL,
    CheckpointDescription,
    Position,
    TrainingState,
    find_checkpoint,
    save_checkpoint,
)
from training.config import TrainingConfig
from training.errors import CheckpointError
from training.model import build_model
from vreid.bundle import file_sha256
from vreid.cli import application
from vreid.errors import ConfigurationError


def evaluate(*arguments: object) -> Result:
    return CliRunner().invoke(application, ["evaluate", *(str(part) for part in arguments)])


def checkpoint(config: TrainingConfig, run: Path, seed: int) -> Path:
    """An untrained network as a run would leave it."""
    torch.manual_seed(seed)
    model = build_model(config.model, 2)
    description = CheckpointDescription(config, ("a/1", "a/2"), Position())
    state = TrainingState({}, {}, torch.get_rng_state(), None)
    return save_checkpoint(run, description, model.state_dict(), state)


def sections(path: Path) -> dict[str, Element]:
    page = page_tree(path.read_text(encoding="utf-8"))
    return {one.attributes["id"]: one for one in page.all("section")}


def test_a_checkpoint_beside_another(tree: Path, tiny: TrainingConfig, tmp_path: Path) -> None:
    one = checkpoint(tiny, tmp_path / "one", 1)
    other = checkpoint(tiny, tmp_path / "other", 2)
    html = tmp_path / "report.html"
    data = ("--data", "msvr310", "--root", tree)
    result = evaluate("--checkpoint", one, "--compare", other, "--html", html, *data)
    assert result.exit_code == 0, result.output
    assert "mAP" in result.output
    shown = sections(html)
    assert file_sha256(find_checkpoint(one) / MODEL) in shown["figures"].text
    assert "0 of 2 epochs" in shown["figures"].text
    assert "ccnet-smoke, compared" in shown["features"].all("svg")[0].attributes["aria-label"]
    assert "ccnet-smoke, compared" in shown["middle-statistics"].text
    assert len(shown["rank-lists"].all("article")) == 9


def test_a_bundle(tree: Path, tmp_path: Path) -> None:
    bundle = make_tiny_bundle(tmp_path / "bundle")
    html = tmp_path / "report.html"
    result = evaluate("--bundle", bundle.path, "--html", html, "--data", "msvr310", "--root", tree)
    assert result.exit_code == 0, result.output
    shown = sections(html)
    assert bundle.manifest.fingerprint in shown["figures"].text
    assert shown["calibration"].all("svg")
    assert not shown["middle-statistics"].all("svg")


@pytest.mark.parametrize(
    ("options", "message"),
    [(("--compare", "run"), "give --html"), (("--html", "nowhere/report.html"), "is no folder")],
)
def test_what_cannot_be_written_is_refused_before_measuring(
    options: tuple[str, str], message: str, tmp_path: Path
) -> None:
    # The data is not there either; it is not looked at.
    with_bundle = ("--bundle", tmp_path, "--data", "msvr310", "--root", tmp_path)
    result = evaluate(*options, *with_bundle)
    assert isinstance(result.exception, ConfigurationError)
    assert message in str(result.exception)


def test_a_model_to_compare_with_is_looked_for_before_measuring(tmp_path: Path) -> None:
    with_bundle = ("--bundle", tmp_path, "--data", "msvr310", "--root", tmp_path)
    html = tmp_path / "report.html"
    result = evaluate("--compare", tmp_path / "none", "--html", html, *with_bundle)
    assert isinstance(result.exception, CheckpointError)
    assert "none is no checkpoint" in str(result.exception)
