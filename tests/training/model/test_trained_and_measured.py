"""Every architecture goes through the same commands: trained, resumed, loaded, measured."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.conftest import SMOKE, TINY
from training.checkpoint import find_checkpoint, load_ccnet, load_model, read_state, read_weights
from training.config import TrainingConfig, read_config
from training.data import load_dataset
from training.embedded import embed_dataset
from training.errors import CheckpointError, JointNetworkError
from training.evaluation import evaluate
from training.evaluation.missing_ratio import CURVE_POLICIES, damage, missing_ratio_curves
from training.loop import train
from training.model import HAMNet, PFNet
from training.sources import with_roots
from training.torch_engine import TorchEngine
from vreid.embedding import branch_inputs
from vreid.modality import MODALITIES, Modality
from vreid.preprocessing import normalise
from vreid.scoring import score

pytestmark = pytest.mark.long

CONFIGS = Path(__file__).parents[3] / "training" / "configs"

MODELS = {
    "osnet": ("backbone=osnet_x0_25", "normalisation=none"),
    "transformer": ("backbone=vit_tiny", "pooling=both", "drop_path=0.1"),
    "hamnet": ("backbone=osnet_x0_25", "architecture=hamnet"),
    "pfnet": ("backbone=osnet_x0_25", "architecture=pfnet"),
}


def config_of(name: str, tree: Path, *changes: str) -> TrainingConfig:
    wanted = [*TINY, "epochs=1", *(f"model.{change}" for change in MODELS[name]), *changes]
    return with_roots(read_config(SMOKE, wanted), {"synthetic": tree})


@pytest.fixture(scope="module")
def runs(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run of each model, of two steps or so."""
    folder = tmp_path_factory.mktemp("runs")
    for name in MODELS:
        train(config_of(name, tree), folder / name)
    return {name: folder / name for name in MODELS}


@pytest.mark.parametrize("name", MODELS)
def test_every_part_of_a_network_learns(name: str, runs: dict[str, Path]) -> None:
    model, _ = load_model(runs[name])
    moments = read_state(find_checkpoint(runs[name])).optimiser["state"]
    trained = [n for n, p in model.named_parameters() if p.requires_grad]
    assert len(moments) == len(trained)
    still = [
        n for n, state in zip(trained, moments.values(), strict=True) if not state["exp_avg"].any()
    ]
    # The last unit's scale and shift cancel where a block normalises what comes in.
    assert all("middle" in n for n in still), still


@pytest.mark.parametrize("name", MODELS)
def test_a_checkpoint_is_measured_with_every_subset(
    name: str, runs: dict[str, Path], tree: Path
) -> None:
    model, config = load_model(runs[name])
    embedded = embed_dataset(
        load_dataset("msvr310", tree),
        config.preprocessing.build(),
        TorchEngine(model, config.preprocessing.build(), "cpu"),
        model.feature_size,
    )
    query = embedded.query
    assert query.features.shape == (len(query), 3, model.feature_size)
    for subset in ([Modality.RGB], [Modality.NIR, Modality.TIR], list(MODALITIES)):
        restricted = query.restricted(subset)
        scores = score(
            restricted.features, restricted.mask, restricted.features, restricted.mask, "shared"
        )
        assert np.allclose(np.diag(scores.score), 1)


@pytest.mark.parametrize("name", ["hamnet", "pfnet"])
def test_a_joint_feature_is_the_networks_own_for_every_subset(
    name: str, runs: dict[str, Path], tree: Path
) -> None:
    model, config = load_model(runs[name])
    dataset = load_dataset("msvr310", tree)
    preprocessing = config.preprocessing.build()
    engine = TorchEngine(model, preprocessing, "cpu")
    embedded = embed_dataset(dataset, preprocessing, engine, model.feature_size)
    inputs = branch_inputs(dataset.query[3], preprocessing)
    images = torch.stack(
        [
            torch.from_numpy(normalise(inputs[modality], preprocessing.normalisation[modality]))
            for modality in MODALITIES
        ]
    )[None]
    for subset in ([Modality.RGB], [Modality.RGB, Modality.TIR], list(MODALITIES)):
        restricted = embedded.query.restricted(subset)
        mask = torch.tensor([[modality in subset for modality in MODALITIES]])
        with torch.inference_mode():
            expected = model(images, mask).neck[0].numpy()
        np.testing.assert_allclose(restricted.features[3], expected, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("name", ["hamnet", "pfnet"])
def test_the_missing_ratio_curves_of_a_joint_network_are_its_evaluations(
    name: str, runs: dict[str, Path], tree: Path
) -> None:
    model, config = load_model(runs[name])
    embedded = embed_dataset(
        load_dataset("msvr310", tree),
        config.preprocessing.build(),
        TorchEngine(model, config.preprocessing.build(), "cpu"),
        model.feature_size,
    )
    curves = missing_ratio_curves(embedded, ratios=(0, 0.5, 1), trials=2)
    for policy in CURVE_POLICIES:
        slow = [
            [evaluate(damage(embedded, ratio, trial), policy).figures.map for trial in range(2)]
            for ratio in (0, 0.5, 1)
        ]
        np.testing.assert_array_equal(curves[policy].map, slow)
    assert curves["concat"].map[0, 0] == evaluate(embedded, "concat").figures.map


@pytest.mark.parametrize(("name", "kind"), [("hamnet", HAMNet), ("pfnet", PFNet)])
def test_a_joint_network_is_not_exported(name: str, kind: type, runs: dict[str, Path]) -> None:
    assert isinstance(load_model(runs[name])[0], kind)
    with pytest.raises(JointNetworkError, match="not exported"):
        load_ccnet(runs[name])


def test_a_run_of_another_architecture_is_no_start(
    runs: dict[str, Path], tree: Path, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError, match=r"another architecture .* same \[model\]") as refused:
        train(config_of("pfnet", tree), tmp_path, start=runs["hamnet"])
    message = str(refused.value)
    assert "architecture hamnet instead of pfnet; " in message
    assert re.search(r"\d+ tensors do not fit, the first: \S+ is missing", message)
    assert len(message) < 400
    with pytest.raises(CheckpointError, match="another model"):
        train(config_of("pfnet", tree), runs["hamnet"], resume=True)


def test_factors_of_the_learning_rate_hold_through_the_schedule(tree: Path, tmp_path: Path) -> None:
    changes = ("optimiser.backbone_factor=0.5", "optimiser.layer_decay=0.8")
    checkpoint = train(config_of("transformer", tree, *changes), tmp_path)
    groups = read_state(checkpoint).optimiser["param_groups"]
    heads = next(g["lr"] for g in groups if g["learning_rate_factor"] == 1)
    found = sorted(group["lr"] / heads for group in groups)
    expected = sorted([1, *(0.5 * 0.8**place for place in range(8))])
    assert found == pytest.approx(expected)


def test_a_state_from_before_the_factors_goes_on(tree: Path, tmp_path: Path) -> None:
    config = config_of("osnet", tree)
    checkpoint = train(config, tmp_path)
    path = checkpoint / "training_state.pt"
    state = torch.load(path, weights_only=True)
    for group in state["optimiser"]["param_groups"]:
        del group["learning_rate_factor"]
    torch.save(state, path)
    before = read_weights(checkpoint)
    text = (checkpoint / "config.json").read_text()
    (checkpoint / "config.json").write_text(text.replace('"epoch": 1', '"epoch": 0'))
    after = read_weights(train(config, tmp_path, resume=True))
    assert any(not torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("name", ["hamnet", "pfnet", "osnet"])
def test_comparators_have_the_schedule_of_ccnet(name: str) -> None:
    ours = read_config(CONFIGS / f"{name}_msvr310.toml")
    ccnet = read_config(CONFIGS / "ccnet_msvr310.toml")
    same = ("epochs", "preprocessing", "sources", "augmentation", "optimiser", "schedule")
    assert all(getattr(ours, section) == getattr(ccnet, section) for section in same)
    assert ours.model.normalisation == "none"
    assert ours.objective.cross_directional == 0
