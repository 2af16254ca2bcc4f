"""Every backbone, cut in two."""

import pytest
import torch

from training.model import CCNet
from training.model.backbones import BACKBONES, backbone_definition, create_timm_network
from vreid.errors import ConfigurationError
from vreid.modality import Modality

MIDDLE = {
    "resnet50": (512, (8, 16)),
    "seresnet50": (512, (8, 16)),
    "efficientnet_lite0": (40, (8, 16)),
    "mobilenetv2": (32, (8, 16)),
    "inception_v3": (288, (13, 13)),
}
LAST = {
    "resnet50": (2048, (4, 8)),
    "seresnet50": (2048, (4, 8)),
    "efficientnet_lite0": (1280, (2, 4)),
    "mobilenetv2": (1280, (2, 4)),
    "inception_v3": (2048, (2, 2)),
}


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_halves_have_the_documented_shapes(name: str) -> None:
    definition = backbone_definition(name)
    halves = definition.split(create_timm_network(definition).eval())
    with torch.inference_mode():
        # Inception pads nowhere and needs more rows.
        size = (128, 128) if name == "inception_v3" else (64, 128)
        middle = halves.lower(torch.zeros(1, 3, *size))
        last = halves.upper(middle)
    assert (middle.shape[1], tuple(middle.shape[2:])) == MIDDLE[name]
    assert (last.shape[1], tuple(last.shape[2:])) == LAST[name]
    assert halves.middle_channels == middle.shape[1]
    assert halves.feature_size == last.shape[1]


@pytest.mark.parametrize("name", ["efficientnet_lite0", "mobilenetv2"])
def test_together_the_halves_are_the_whole_network(name: str) -> None:
    definition = backbone_definition(name)
    network = create_timm_network(definition).eval()
    images = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        whole = network.forward_features(images)
        whole = network.bn2(network.conv_head(whole)) if whole.shape[1] != 1280 else whole
        halves = definition.split(network)
        assert torch.allclose(halves.upper(halves.lower(images)), whole, atol=1e-5)


def test_the_names_are_those_that_configurations_use() -> None:
    assert set(BACKBONES) == {
        "resnet50",
        "efficientnet_lite0",
        "mobilenetv2",
        "seresnet50",
        "inception_v3",
    }


def test_an_unknown_backbone_is_refused_by_name() -> None:
    with pytest.raises(ConfigurationError, match="efficientnet_lite0"):
        CCNet("resnet51")


@pytest.mark.parametrize("normalisation", ["none", "instance", "layer"])
def test_the_unit_in_the_middle_can_be_what_the_paper_compares_with(normalisation: str) -> None:
    model = CCNet("mobilenetv2", normalisation=normalisation).eval()  # type: ignore[arg-type]
    assert model.branch(Modality.NIR).embed(torch.rand(1, 3, 32, 32)).shape == (1, 1280)
