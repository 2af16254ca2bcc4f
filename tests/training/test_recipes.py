"""What distinguishes each recipe in the repository."""

from pathlib import Path
from typing import Any

import pytest

from training.config import TrainingConfig, read_config
from training.model.backbones import BACKBONES
from vreid.layouts.public_sets import PUBLIC_SETS

CONFIGS = Path(__file__).parents[2] / "training" / "configs"
RECIPES = sorted(CONFIGS.glob("*.toml"))
OF_CCNET = [path for path in RECIPES if path.stem.startswith(("ccnet", "baseline"))]

LITE = {
    "name": "vreid-lite",
    "seed": 2022,
    "model": {"backbone": "efficientnet_lite0", "normalisation": "alnu"},
    "preprocessing": {
        "height": 192,
        "width": 192,
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "thermal": "grey",
    },
    "augmentation": {
        "flip": 0.5,
        "padding": 12,
        "rotation": 8,
        "scale": 0.12,
        "brightness": 0.25,
        "contrast": 0.25,
        "saturation": 0.25,
        "erasing": 0.4,
        "erasing_area": [0.02, 0.25],
    },
    "objective": {
        "cross_entropy": 1.0,
        "label_smoothing": 0.1,
        "triplet": 1.0,
        "triplet_margin": 0.3,
        "cross_directional": 0.02,
        "alpha": 0.6,
        "reduction": "mean",
    },
    "optimiser": {
        "kind": "adamw",
        "learning_rate": 5e-4,
        "weight_decay": 5e-4,
        "gradient_clip": 10.0,
    },
    "compute": {"loader_workers": 1},
}
WITH_MISSING = {"modality_dropout": 0.2}, {"center_triplet": 1.0}


def lite_sources(photographs: int, synthetic: tuple[int, int]) -> dict[str, Any]:
    return {
        "photographs": {
            "dataset": "vehicles_two_camera",
            "identities_per_batch": photographs,
            "samples_per_identity": 2,
        },
        "synthetic": {
            "dataset": "msvr310",
            "identities_per_batch": synthetic[0],
            "samples_per_identity": synthetic[1],
        },
    }


def lite(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    document: dict[str, Any] = dict(LITE)
    for name, value in changes.items():
        inherited = document.get(name)
        document[name] = {**inherited, **value} if isinstance(inherited, dict) else value
    return document


# In full, as they were when vreid-lite was trained: what these recipes extend must not move them.
TRAINED = {
    "ccnet_lite": lite(
        epochs=20,
        model={"pretrained": "package"},
        sources=lite_sources(16, (8, 2)),
        optimiser={"learning_rate": 7e-4},
        schedule={"kind": "one_cycle", "warmup_epochs": 4},
    ),
    "ccnet_lite_second_stage": lite(
        epochs=6,
        sources=lite_sources(4, (8, 3)),
        schedule={"kind": "one_cycle", "warmup_epochs": 0.5},
    ),
    "ccnet_lite_third_stage": lite(
        epochs=10,
        ema_decay=0.99,
        preprocessing={"height": 128, "width": 128},
        sources=lite_sources(4, (12, 4)),
        augmentation={"padding": 8, **WITH_MISSING[0]},
        objective=WITH_MISSING[1],
        schedule={"kind": "one_cycle", "warmup_epochs": 1},
    ),
    "ccnet_lite_fourth_stage": lite(
        epochs=6,
        ema_decay=0.99,
        sources=lite_sources(4, (8, 3)),
        augmentation=WITH_MISSING[0],
        objective=WITH_MISSING[1],
        optimiser={"learning_rate": 3e-4},
        schedule={"kind": "one_cycle", "warmup_epochs": 0.5},
    ),
    "ccnet_lite_synthetic": {
        "name": "ccnet-lite-synthetic",
        "seed": 1,
        "epochs": 20,
        "model": {
            "backbone": "efficientnet_lite0",
            "normalisation": "alnu",
            "pretrained": "package",
        },
        "preprocessing": {
            "height": 64,
            "width": 64,
            "mean": [0.5, 0.5, 0.5],
            "std": [0.5, 0.5, 0.5],
            "thermal": "grey",
        },
        "sources": {
            "synthetic": {
                "dataset": "msvr310",
                "identities_per_batch": 8,
                "samples_per_identity": 4,
            }
        },
        "augmentation": {"flip": 0.5, "padding": 4, "erasing": 0.4},
        "objective": {
            "cross_entropy": 1.0,
            "cross_directional": 0.002,
            "alpha": 0.6,
            "reduction": "mean",
        },
        "optimiser": {"kind": "adam", "learning_rate": 1e-3, "weight_decay": 5e-4},
        "schedule": {"kind": "one_cycle", "warmup_epochs": 2},
        "compute": {"loader_workers": 0},
    },
}


def recipe(name: str) -> TrainingConfig:
    return read_config(CONFIGS / f"{name}.toml")


def differences(first: TrainingConfig, second: TrainingConfig) -> set[str]:
    """Names of the keys, "section.key", that have other values in the second."""
    ours, theirs = first.to_json(), second.to_json()
    found = set()
    for name in ours:
        if isinstance(ours[name], dict) and name != "sources":
            found |= {f"{name}.{k}" for k in ours[name] if ours[name][k] != theirs[name][k]}
        elif ours[name] != theirs[name]:
            found.add(name)
    return found


@pytest.mark.parametrize("path", OF_CCNET, ids=lambda path: path.stem)
def test_every_recipe_says_with_what_command_it_runs(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    header = text[: text.index("\n\n")]
    assert all(line.startswith("#") for line in header.splitlines())
    command = header[header.index(f"#   vreid train training/configs/{path.name} --out RUN") :]
    for source in read_config(path).sources:
        assert f"--data {source}=" in command


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_names_a_backbone_that_there_is(path: Path) -> None:
    assert read_config(path).model.backbone in BACKBONES


def test_no_two_recipes_are_the_same() -> None:
    configs = [read_config(path).to_json() for path in RECIPES]
    assert all(config not in configs[:place] for place, config in enumerate(configs))


@pytest.mark.parametrize("name", TRAINED)
def test_a_recipe_that_was_trained_has_the_values_it_was_trained_with(name: str) -> None:
    assert recipe(name) == TrainingConfig.from_json(TRAINED[name], "as trained")


@pytest.mark.parametrize("name", sorted(PUBLIC_SETS))
def test_every_public_set_has_a_recipe_with_the_papers_batches(name: str) -> None:
    config = recipe(f"ccnet_{name}")
    assert config.sources.keys() == {name}
    source = config.sources[name]
    assert (source.dataset, source.identities_per_batch, source.samples_per_identity) == (
        name,
        8,
        4,
    )


@pytest.mark.parametrize("name", ["rgbnt100", "rgbn300", "rgbnt201", "wmveid863"])
def test_shorter_runs_lower_the_rate_at_the_papers_shares_of_the_run(name: str) -> None:
    config, paper = recipe(f"ccnet_{name}"), recipe("ccnet_msvr310")
    assert config.epochs == 120
    assert [milestone / 120 for milestone in config.schedule.milestones] == pytest.approx(
        [milestone / paper.epochs for milestone in paper.schedule.milestones]
    )


@pytest.mark.parametrize(
    ("name", "size"), [("ccnet_rgbnt201", (256, 128)), ("ccnet_wmveid863", (128, 256))]
)
def test_people_stand_upright_and_vehicles_lie(name: str, size: tuple[int, int]) -> None:
    preprocessing = recipe(name).preprocessing
    assert (preprocessing.height, preprocessing.width) == size


@pytest.mark.parametrize("name", ["msvr310", "rgbnt100"])
def test_the_baseline_is_ccnet_without_its_two_parts(name: str) -> None:
    baseline, ccnet = recipe(f"baseline_{name}"), recipe(f"ccnet_{name}")
    changed = {"name", "model.normalisation", "objective.cross_directional"}
    assert differences(ccnet, baseline) == changed
    assert (baseline.model.normalisation, baseline.objective.cross_directional) == ("none", 0)


@pytest.mark.parametrize("kind", ["ccnet", "baseline"])
@pytest.mark.parametrize("backbone", ["mobilenetv2", "seresnet50", "inception_v3"])
def test_the_backbones_of_table_3_change_the_backbone_alone(kind: str, backbone: str) -> None:
    config = recipe(f"{kind}_{backbone}_msvr310")
    changed = differences(recipe(f"{kind}_msvr310"), config)
    statistics = {"preprocessing.mean", "preprocessing.std"}
    assert changed - statistics == {"name", "model.backbone"}
    assert bool(changed & statistics) == (backbone == "inception_v3")
    assert config.model.backbone == backbone


def test_ccnet_plus_has_its_ingredients() -> None:
    plus, paper = recipe("ccnet_plus_msvr310"), recipe("ccnet_msvr310")
    source = plus.sources["msvr310"]
    assert source.identities_per_batch * source.samples_per_identity == 64
    assert BACKBONES[plus.model.backbone].tokens
    assert plus.model.normalisation == "alnu"
    assert plus.optimiser.backbone_factor * plus.optimiser.learning_rate == pytest.approx(
        5e-6, rel=0.01
    )
    assert plus.objective.label_smoothing > 0
    assert plus.objective.center_triplet > 0
    assert (plus.augmentation.modality_dropout, plus.augmentation.modality_dropout_two) == (
        0.3,
        0.5,
    )
    assert (plus.schedule.kind, plus.ema_decay) == ("cosine", 0.99)
    assert (plus.compute.precision, plus.compute.gradient_checkpointing) == ("bf16-mixed", True)
    assert plus.objective.cross_directional == paper.objective.cross_directional


@pytest.mark.parametrize(
    "change",
    [
        "ema_decay=0",
        "model.backbone=resnet50_bot",
        "model.normalisation=none",
        "model.drop_path=0",
        "augmentation.modality_dropout=0",
        "objective.label_smoothing=0",
        "objective.triplet=0",
        "objective.center_triplet=0",
        "objective.cross_directional=0",
        "optimiser.backbone_factor=1",
        "schedule.kind=multistep",
        "compute.gradient_checkpointing=false",
        "compute.precision=32-true",
    ],
)
def test_each_ingredient_of_ccnet_plus_can_be_taken_out_by_itself(change: str) -> None:
    plus = recipe("ccnet_plus_msvr310")
    without = read_config(CONFIGS / "ccnet_plus_msvr310.toml", [change])
    assert differences(plus, without) == {change.split("=")[0]}
