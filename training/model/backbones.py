"""Convolutional backbones split in two, so that a unit can stand between the halves (Eq. 1)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import timm
from torch import nn

from vreid.errors import ConfigurationError


@dataclass(frozen=True)
class SplitBackbone:
    """The two halves of a backbone.

    Attributes:
        lower: images (N, 3, H, W) -> middle feature (N, middle_channels, h, w).
        upper: middle feature -> (N, feature_size, h', w'), to be pooled by the branch.
        middle_channels: channels of the middle feature.
        feature_size: D, channels of the last feature.
    """

    lower: nn.Module
    upper: nn.Module
    middle_channels: int
    feature_size: int


@dataclass(frozen=True)
class BackboneDefinition:
    """How a backbone of that name is made by timm, and how it is cut."""

    timm_name: str
    split: Callable[[Any], SplitBackbone]
    arguments: tuple[tuple[str, Any], ...] = ()


def _split_resnet(network: Any) -> SplitBackbone:  # noqa: ANN401
    """Cuts between layer2 and layer3, with the last stride taken out as BoT does.

    timm's `output_stride` would dilate the last stage instead, which is another network.
    """
    first = network.layer4[0]
    first.conv2.stride = (1, 1)
    first.downsample[0].stride = (1, 1)
    lower = nn.Sequential(
        network.conv1, network.bn1, network.act1, network.maxpool, network.layer1, network.layer2
    )
    return SplitBackbone(lower, nn.Sequential(network.layer3, network.layer4), 512, 2048)


def _split_mobile(network: Any) -> SplitBackbone:  # noqa: ANN401
    """Cuts after the third stage (stride 8); the 1x1 head convolution belongs to the upper half."""
    lower = nn.Sequential(network.conv_stem, network.bn1, *network.blocks[:3])
    upper = nn.Sequential(*network.blocks[3:], network.conv_head, network.bn2)
    middle_channels = network.blocks[3][0].conv_pw.in_channels
    return SplitBackbone(lower, upper, middle_channels, network.conv_head.out_channels)


def _split_inception(network: Any) -> SplitBackbone:  # noqa: ANN401
    """Cuts after the last stage of stride 8, Mixed_5d."""
    stages = dict(network.named_children())
    names = [name for name in stages if name not in {"global_pool", "head_drop", "fc"}]
    cut = names.index("Mixed_5d") + 1
    lower = nn.Sequential(*(stages[name] for name in names[:cut]))
    upper = nn.Sequential(*(stages[name] for name in names[cut:]))
    return SplitBackbone(lower, upper, 288, 2048)


BACKBONES: dict[str, BackboneDefinition] = {
    "resnet50": BackboneDefinition("resnet50", _split_resnet),
    "seresnet50": BackboneDefinition("seresnet50", _split_resnet),
    "efficientnet_lite0": BackboneDefinition("tf_efficientnet_lite0", _split_mobile),
    "mobilenetv2": BackboneDefinition("mobilenetv2_100", _split_mobile),
    "inception_v3": BackboneDefinition("inception_v3", _split_inception, (("aux_logits", False),)),
}


def backbone_definition(name: str) -> BackboneDefinition:
    """Looks a backbone up by its configured name.

    Raises:
        ConfigurationError: no such backbone; the message lists those there are.
    """
    if name not in BACKBONES:
        raise ConfigurationError(
            f"Unknown backbone {name!r}. Choose one of: {', '.join(sorted(BACKBONES))}."
        )
    return BACKBONES[name]


def create_timm_network(definition: BackboneDefinition, from_hub: bool = False) -> Any:  # noqa: ANN401
    """Makes the whole timm network, with random weights or those of timm's hub."""
    return timm.create_model(
        definition.timm_name, pretrained=from_hub, **dict(definition.arguments)
    )
