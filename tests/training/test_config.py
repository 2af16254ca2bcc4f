"""Configurations are checked strictly, and those in the repository are valid."""

import json
from pathlib import Path

import pytest

from training.config import TrainingConfig, read_config
from training.sources import with_roots
from vreid.errors import ConfigurationError
from vreid.modality import Modality

CONFIGS = Path(__file__).parents[2] / "training" / "configs"
SMOKE = CONFIGS / "ccnet_smoke.toml"
SOURCE = ("dataset=manifest", "identities_per_batch=2", "samples_per_identity=2")


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_configuration_in_the_repository_is_valid(path: Path) -> None:
    config = read_config(path)
    assert TrainingConfig.from_json(config.to_json(), "copy") == config


def test_the_papers_recipe_is_the_papers() -> None:
    config = read_config(CONFIGS / "ccnet_msvr310.toml")
    source = config.sources["msvr310"]
    assert (source.identities_per_batch, source.samples_per_identity) == (8, 4)
    assert (config.epochs, config.schedule.milestones) == (1200, (300, 550))
    assert (config.optimiser.kind, config.optimiser.learning_rate) == ("adam", 3.5e-4)
    assert (config.objective.cross_directional, config.objective.alpha) == (0.3, 0.6)
    assert (config.preprocessing.height, config.preprocessing.width) == (128, 256)


@pytest.mark.parametrize(
    "key",
    [
        "speed",
        "model.backbon",
        "augmentation.flop",
        "objective.lambda",
        "sources.synthetic.folder",
        "schedule.gamma",
    ],
)
def test_an_unknown_key_is_refused_by_name(key: str) -> None:
    with pytest.raises(ConfigurationError, match=f"unknown key {key}"):
        read_config(SMOKE, [f"{key}=1"])


@pytest.mark.parametrize(
    "change",
    ["epochs=0", "optimiser.learning_rate=fast", "ema_decay=2", "model.normalisation=group"],
)
def test_a_value_out_of_range_is_refused_by_its_key(change: str) -> None:
    with pytest.raises(ConfigurationError, match=change.split("=")[0]):
        read_config(SMOKE, [change])


def test_an_unknown_thermal_style_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="thermal style"):
        read_config(SMOKE, ["preprocessing.thermal=rainbow"])


def test_a_source_name_with_a_slash_is_refused() -> None:
    # "a/b/1" could be identity b/1 of source a, or identity 1 of source a/b.
    with pytest.raises(ConfigurationError, match=r"sources: .*'synthetic/a' has a slash"):
        read_config(SMOKE, [f"sources.synthetic/a.{key}" for key in SOURCE])


def test_the_portable_form_names_no_folder() -> None:
    config = read_config(
        SMOKE,
        [
            "model.pretrained=/weights/of/lite0.pth",
            "sources.synthetic.root=/data/here",
            "sources.synthetic.split=/data/there/split.json",
        ],
    )
    document = config.portable()
    assert document["model"]["pretrained"] == "lite0.pth"
    assert document["sources"]["synthetic"]["split"] == "split.json"
    assert "/" not in json.dumps(document)
    assert TrainingConfig.from_json(document, "copy").portable() == document


@pytest.mark.parametrize("source", ["none", "hub", "package"])
def test_the_portable_form_keeps_where_weights_come_from(source: str) -> None:
    portable = read_config(SMOKE, [f"model.pretrained={source}"]).portable()
    assert portable["model"]["pretrained"] == source


def test_changes_are_toml_values_or_bare_words() -> None:
    config = read_config(
        SMOKE, ["epochs=5", "model.backbone=resnet50", "schedule.milestones=[3, 4]"]
    )
    assert (config.epochs, config.model.backbone) == (5, "resnet50")
    assert config.schedule.milestones == (3, 4)


@pytest.mark.parametrize("change", ["epochs", "epochs.half=1"])
def test_a_change_that_changes_nothing_is_refused(change: str) -> None:
    with pytest.raises(ConfigurationError, match="epochs"):
        read_config(SMOKE, [change])


def test_a_file_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("epochs: 3")
    with pytest.raises(ConfigurationError, match=r"c\.toml"):
        read_config(tmp_path / "c.toml")


def test_the_preprocessing_is_the_same_for_every_modality() -> None:
    preprocessing = read_config(CONFIGS / "ccnet_lite.toml").preprocessing.build()
    assert (preprocessing.height, preprocessing.width) == (192, 192)
    assert preprocessing.normalisation[Modality.RGB] == preprocessing.normalisation[Modality.TIR]
    assert preprocessing.thermal.style == "grey"


def test_folders_come_from_the_command_line(tmp_path: Path) -> None:
    config = with_roots(read_config(SMOKE), {"synthetic": tmp_path})
    assert config.sources["synthetic"].root == tmp_path.resolve()


def test_a_source_without_a_folder_is_refused_with_the_option_to_give() -> None:
    with pytest.raises(ConfigurationError, match="--data synthetic=FOLDER"):
        with_roots(read_config(SMOKE), {})


def test_a_folder_for_no_source_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="it has synthetic"):
        with_roots(read_config(SMOKE), {"real": Path()})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("objective.cross_entropy=-1", "cross_entropy is -1"),
        ("augmentation.modality_dropout_two=1.5", "modality_dropout_two is 1.5"),
    ],
)
def test_a_weight_or_probability_that_makes_no_sense_is_refused(change: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        read_config(SMOKE, [change])


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (["model.backbone=resnet50", "model.pooling=both"], "model.pooling"),
        (["schedule.kind=cosine", "schedule.milestones=[3]"], "schedule.milestones"),
    ],
)
def test_a_setting_without_effect_is_refused_in_a_recipe(changes: list[str], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        read_config(SMOKE, changes)


@pytest.mark.parametrize(
    "changes",
    [
        ["model.backbone=vit_tiny", "model.pooling=both"],
        ["schedule.kind=multistep", "schedule.milestones=[3]"],
        ["schedule.kind=cosine", "schedule.milestones=[]"],
    ],
)
def test_a_setting_with_an_effect_is_taken(changes: list[str]) -> None:
    assert read_config(SMOKE, changes).name


def test_a_recipe_may_extend_another(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(f'extends = "{SMOKE}"\nepochs = 7\n', encoding="utf-8")
    assert read_config(own) == read_config(SMOKE, ["epochs=7"])
