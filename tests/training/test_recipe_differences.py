"""What makes another recipe, and what a run may change between two of its parts."""

from pathlib import Path

import pytest

from training.config import TrainingConfig, ValidationConfig
from training.continuation import resumed_checkpoint
from training.errors import CheckpointError
from training.loop import train
from training.recipe_differences import differences


def changed(config: TrainingConfig, section: str, **values: object) -> TrainingConfig:
    settings = getattr(config, section).model_copy(update=values)
    return config.model_copy(update={section: settings})


def test_what_decides_the_weights_is_named_by_its_key_with_both_values(
    tiny: TrainingConfig,
) -> None:
    other = changed(changed(tiny, "optimiser", learning_rate=0.5), "model", drop_path=0.25)
    assert differences(other, tiny) == {
        "model.drop_path": "model.drop_path is 0.0 there, 0.25 here",
        "optimiser.learning_rate": "optimiser.learning_rate is 0.001 there, 0.5 here",
    }
    assert differences(tiny, other).keys() == differences(other, tiny).keys()


def test_a_source_that_only_one_has_is_a_difference(tiny: TrainingConfig) -> None:
    other = tiny.model_copy(update={"sources": {**tiny.sources, "more": tiny.sources["synthetic"]}})
    assert differences(other, tiny)["sources.more.dataset"].endswith('null there, "msvr310" here')
    assert differences(tiny, other).keys() == differences(other, tiny).keys()


def test_name_folders_compute_and_validation_make_no_other_recipe(
    tiny: TrainingConfig, tmp_path: Path
) -> None:
    source = tiny.sources["synthetic"].model_copy(update={"root": tmp_path})
    other = tiny.model_copy(update={"name": "renamed", "sources": {"synthetic": source}})
    other = changed(other, "validation", every=3, source="synthetic")
    other = changed(other, "compute", loader_workers=7, image_cache_folder=tmp_path)
    assert differences(other, tiny) == {}


def test_a_run_resumes_under_another_name_and_with_other_measurements(
    tiny: TrainingConfig, tmp_path: Path
) -> None:
    config = tiny.model_copy(update={"epochs": 1})
    checkpoint = train(config, tmp_path)
    renamed = config.model_copy(update={"name": "renamed"})
    assert train(renamed, tmp_path, resume=True) == checkpoint
    assert not (tmp_path / "best").exists()
    measured = config.model_copy(update={"validation": ValidationConfig(every=1)})
    assert train(measured, tmp_path, resume=True) == checkpoint
    assert (tmp_path / "best" / "figures.json").exists()

    other = changed(config.model_copy(update={"seed": 5}), "optimiser", learning_rate=0.5)
    with pytest.raises(CheckpointError) as refused:
        resumed_checkpoint(other, tmp_path, resume=True)
    assert str(refused.value) == (
        "the checkpoint was made with another seed, optimiser: seed is 1 there, 5 here; "
        "optimiser.learning_rate is 0.001 there, 0.5 here; resume with the configuration it was "
        "begun with, or train into another directory"
    )
