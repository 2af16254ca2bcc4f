"""The card tells the whole way to the weights, not only the last run's part of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.provenance import PRETRAINED_LICENCES, describe_checkpoint
from export.training_section import training_section
from tests.export.small_run import write_checkpoint
from training.checkpoint import StartingPoint, read_description
from training.model import CCNet


@pytest.fixture
def second_stage(checkpoint: Path, network: CCNet, tmp_path: Path) -> Path:
    """A finished run of three epochs that began with the weights of one with pretrained ones."""
    config = read_description(checkpoint).config.portable()
    config["model"]["pretrained"] = "package"
    config["epochs"] = 20
    config["sources"]["synthetic"]["identities_per_batch"] = 5
    return write_checkpoint(tmp_path, network, StartingPoint("f" * 64, config, 18))


def test_every_stage_stands_in_the_provenance_the_first_one_first(second_stage: Path) -> None:
    provenance = describe_checkpoint(second_stage, {})
    (first,) = provenance["earlier_stages"]
    assert (first["checkpoint_sha256"], first["epochs_trained"]) == ("f" * 64, 18)
    assert first["training"]["epochs"] == 20
    assert provenance["epochs_trained"] == 3


def test_the_licence_of_the_weights_is_that_of_the_first_stage(
    checkpoint: Path, second_stage: Path
) -> None:
    """The last stage's configuration says "none"; its weights come from ImageNet all the same."""
    terms = describe_checkpoint(second_stage, {})["licences"]["pretrained_weights"]
    assert terms == PRETRAINED_LICENCES["package"]
    alone = describe_checkpoint(checkpoint, {})["licences"]["pretrained_weights"]
    assert alone == PRETRAINED_LICENCES["none"]


def test_the_card_has_a_row_for_each_stage(second_stage: Path) -> None:
    text = training_section(describe_checkpoint(second_stage, {}))
    assert "| 1 | pretrained: package | 18 of 20 | 7 | synthetic 10 (100 %) |" in text
    assert "| 2 | the stage before | 3 of 3 | 7 | synthetic 4 (100 %) |" in text


def test_a_run_of_its_own_is_one_stage(checkpoint: Path) -> None:
    text = training_section(describe_checkpoint(checkpoint, {}))
    assert "| 1 | pretrained: none | 3 of 3 | 7 | synthetic 4 (100 %) |" in text
    assert "| 2 |" not in text
