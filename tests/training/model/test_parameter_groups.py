"""Learning rates of heads and backbones."""

import pytest
import torch

from training.model import CCNet, HAMNet, Trunk, parameter_groups
from training.model.parameter_groups import FACTOR


def rates(model: torch.nn.Module, *factors: float) -> dict[str, float]:
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {
        names[id(parameter)]: group["lr"]
        for group in parameter_groups(model, 0.1, *factors)
        for parameter in group["params"]
    }


@pytest.fixture(scope="module")
def model() -> CCNet:
    return CCNet("vit_tiny", identities=3, image_size=(32, 32))


def test_without_factors_there_is_one_group_in_the_models_order(model: CCNet) -> None:
    (group,) = parameter_groups(model, 0.1)
    expected = [parameter for parameter in model.parameters() if parameter.requires_grad]
    assert [id(parameter) for parameter in group["params"]] == [id(one) for one in expected]
    assert (group["lr"], group[FACTOR]) == (0.1, 1.0)


def test_every_trained_parameter_is_in_one_group(model: CCNet) -> None:
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    groups = parameter_groups(model, 0.1, 0.5, 0.9)
    assert sorted(rates(model, 0.5, 0.9)) == sorted(trained)
    assert sum(len(group["params"]) for group in groups) == len(trained)
    assert all(group["lr"] == pytest.approx(0.1 * group[FACTOR]) for group in groups)


def test_a_backbone_learns_slower_than_the_heads(model: CCNet) -> None:
    for name, rate in rates(model, 0.25).items():
        part = name.split(".")[2]
        assert rate == pytest.approx(0.025 if part in ("lower", "upper") else 0.1), name


def test_a_layer_learns_slower_than_the_one_after_it(model: CCNet) -> None:
    found = rates(model, 0.5, 0.8)
    branch = "branches.rgb."
    # Last normalisation, blocks 5 to 3, the unit, blocks 2 to 0, embedding.
    places = {
        "upper.3.weight": 0,
        "upper.2.attn.qkv.weight": 1,
        "upper.0.mlp.fc1.bias": 3,
        "lower.3.norm1.weight": 4,
        "lower.0.positions": 7,
        "lower.0.patches.proj.weight": 7,
    }
    for name, place in places.items():
        assert found[branch + name] == pytest.approx(0.1 * 0.5 * 0.8**place), name
    assert found[branch + "middle.unit.gamma.scalar.weight"] == 0.1
    assert found[branch + "classifier.weight"] == 0.1


def test_what_fuses_modalities_is_a_head() -> None:
    model = HAMNet("osnet_x0_25", identities=3)
    found = rates(model, 0.5)
    backbone = sum(
        1 for module in model.modules() if isinstance(module, Trunk) for _ in module.parameters()
    )
    assert sum(rate == pytest.approx(0.05) for rate in found.values()) == backbone
    assert found["responses.weight"] == found["classifier.weight"] == 0.1
