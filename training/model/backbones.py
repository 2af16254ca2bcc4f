"""Backbones by name, each cut in two so that a unit can stand between the halves (Eq. 1)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import timm
from torch import nn

from training.model.osnet import create_osnet, split_osnet
from training.model.split_backbone import SplitBackbone
from training.model.vision_transformer import (
    TokenPooling,
    fit_to_image_size,
    split_vision_transformer,
)
from vreid.errors import ConfigurationError


@dataclass(frozen=True)
class BackboneDefinition:
    """How a backbone of that name is made, and how it is cut.

    Attributes:
        create: makes the whole network; takes `drop_path_rate` and `pretrained` where the two
            attributes below say so.
        split: cuts it.
        tokens: it is a vision transformer, made for one image size.
        drop_path: it has residual blocks that can be dropped in training.
        hub: timm's hub has weights for it.
    """

    create: Callable[..., Any]
    split: Callable[..., SplitBackbone]
    tokens: bool = False
    drop_path: bool = True
    hub: bool = True


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


def _split_bot_resnet(network: Any) -> SplitBackbone:  # noqa: ANN401
    """As the paper's released code: without the ReLU between bn1 and maxpool."""
    network.act1 = nn.Identity()
    return _split_resnet(network)


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


def _timm(name: str, **arguments: Any) -> Callable[..., Any]:  # noqa: ANN401
    return partial(timm.create_model, name, **arguments)


def _transformer(name: str) -> BackboneDefinition:
    create = _timm(name, num_classes=0, dynamic_img_size=False)
    return BackboneDefinition(create, split_vision_transformer, tokens=True)


def _osnet(width: float) -> BackboneDefinition:
    return BackboneDefinition(partial(create_osnet, width), split_osnet, drop_path=False, hub=False)


BACKBONES: dict[str, BackboneDefinition] = {
    "resnet50": BackboneDefinition(_timm("resnet50"), _split_resnet),
    "resnet50_bot": BackboneDefinition(_timm("resnet50"), _split_bot_resnet),
    "seresnet50": BackboneDefinition(_timm("seresnet50"), _split_resnet),
    "efficientnet_lite0": BackboneDefinition(_timm("tf_efficientnet_lite0"), _split_mobile),
    "mobilenetv2": BackboneDefinition(_timm("mobilenetv2_100"), _split_mobile),
    "inception_v3": BackboneDefinition(
        _timm("inception_v3", aux_logits=False), _split_inception, drop_path=False
    ),
    "osnet_x1_0": _osnet(1.0),
    "osnet_x0_25": _osnet(0.25),
    # ImageNet-21k, then ImageNet.
    "vit_small_patch16": _transformer("vit_small_patch16_224.augreg_in21k_ft_in1k"),
    "vit_base_patch16": _transformer("vit_base_patch16_224.augreg2_in21k_ft_in1k"),
    "dinov2_small": _transformer("vit_small_patch14_dinov2.lvd142m"),
    "dinov2_base": _transformer("vit_base_patch14_dinov2.lvd142m"),
    # OpenAI trained with the quick approximation of GELU.
    "clip_base_patch16": _transformer("vit_base_patch16_clip_quickgelu_224.openai"),
    # Six blocks of 64 channels, to try things out.
    "vit_tiny": _transformer("test_vit.r160_in1k"),
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


def create_network(name: str, drop_path: float = 0.0, from_hub: bool = False) -> Any:  # noqa: ANN401
    """Makes a whole backbone, with random weights or those of timm's hub.

    Args:
        name: see `BACKBONES`.
        drop_path: share of residual blocks skipped in training, growing from 0 in the first block
            to this in the last.
        from_hub: download the weights.

    Raises:
        ConfigurationError: no such backbone, or it has no blocks to skip.
    """
    definition = backbone_definition(name)
    arguments: dict[str, object] = {}
    if drop_path:
        if not definition.drop_path:
            raise ConfigurationError(
                f"model.drop_path is {drop_path}, and {name!r} cannot skip blocks; set it to 0"
            )
        arguments["drop_path_rate"] = drop_path
    if from_hub:
        arguments["pretrained"] = True
    return definition.create(**arguments)


def split_backbone(
    name: str,
    network: Any,  # noqa: ANN401
    image_size: tuple[int, int] | None = None,
    pooling: TokenPooling = "class",
) -> SplitBackbone:
    """Cuts a network made by `create_network`, whose modules become those of the halves.

    Args:
        name: the backbone's.
        network: it.
        image_size: (H, W) of the images. Vision transformers are fitted to it; None leaves them as
            timm made them.
        pooling: what of a vision transformer's tokens is the feature; maps are averaged.

    Raises:
        ConfigurationError: no such backbone, or images of that size are not made of its patches.
    """
    definition = backbone_definition(name)
    if not definition.tokens:
        return definition.split(network)
    if image_size is not None:
        fit_to_image_size(network, image_size)
    return definition.split(network, pooling)
