"""First weights: from the package, from files, and what is refused."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from training.errors import PretrainedWeightsError
from training.model import CCNet
from training.model.backbones import create_network
from training.model.pretrained import packaged_weights, pretrained_network, rename_by_order
from vreid.modality import MODALITIES

BACKBONE = "efficientnet_lite0"


def test_the_packages_296_tensors_stand_in_timms_order() -> None:
    weights = packaged_weights(BACKBONE)
    target = create_network(BACKBONE).state_dict()
    renamed = rename_by_order(weights, target)
    assert len(weights) == len(renamed) == 296
    assert renamed.keys() == target.keys()
    assert torch.equal(renamed["conv_stem.weight"], weights["_conv_stem.weight"])
    assert torch.equal(renamed["bn2.running_var"], weights["_bn1.running_var"])
    assert torch.equal(renamed["classifier.bias"], weights["_fc.bias"])


def test_every_branch_starts_from_the_package() -> None:
    model = CCNet(BACKBONE, pretrained="package")
    stem = packaged_weights(BACKBONE)["_conv_stem.weight"]
    for modality in MODALITIES:
        assert torch.equal(next(model.branch(modality).lower.parameters()), stem)


def test_no_package_carries_other_backbones() -> None:
    with pytest.raises(PretrainedWeightsError, match="resnet50"):
        packaged_weights("resnet50")


def test_another_number_of_tensors_or_another_shape_is_refused() -> None:
    target = {"a": torch.zeros(2), "b": torch.zeros(3)}
    with pytest.raises(PretrainedWeightsError, match="1 tensors where the backbone has 2"):
        rename_by_order({"x": torch.zeros(2)}, target)
    with pytest.raises(PretrainedWeightsError, match="'y'"):
        rename_by_order({"x": torch.zeros(2), "y": torch.zeros(4)}, target)


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pth"])
def test_a_local_file_without_its_classifier_loads(name: str, tmp_path: Path) -> None:
    source = create_network("mobilenetv2").state_dict()
    weights = {k: v for k, v in source.items() if not k.startswith("classifier")}
    if name.endswith("safetensors"):
        save_file(weights, tmp_path / name)
    else:
        torch.save(weights, tmp_path / name)
    loaded = pretrained_network("mobilenetv2", str(tmp_path / name)).state_dict()
    assert all(torch.equal(loaded[k], v) for k, v in weights.items())


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save({"conv_stem.weight": torch.zeros(1)}, path)
    with pytest.raises(PretrainedWeightsError, match="does not fit"):
        pretrained_network("mobilenetv2", str(path))


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "code.pth"
    torch.save({"weights": Path}, path)
    with pytest.raises(PretrainedWeightsError, match="not a readable weights file"):
        pretrained_network("mobilenetv2", str(path))


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PretrainedWeightsError, match=r"nothing\.pth"):
        pretrained_network("mobilenetv2", str(tmp_path / "nothing.pth"))
