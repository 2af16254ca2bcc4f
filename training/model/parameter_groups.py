"""Lower learning rates for pretrained weights than for what starts at random."""

from typing import Any

from torch import nn

from training.model.trunk import Trunk

FACTOR = "learning_rate_factor"
"""The key of a parameter group that says how its learning rate differs from the configured one."""


def parameter_groups(
    model: nn.Module,
    learning_rate: float,
    backbone_factor: float = 1.0,
    layer_decay: float = 1.0,
) -> list[dict[str, Any]]:
    """Sorts the trained parameters into groups for a torch optimiser.

    The heads (the units in the middle, necks, classifiers, what fuses modalities) have the learning
    rate as it is. A backbone's layer has it times `backbone_factor * layer_decay**k`, with k = 0
    for the last layer, 1 for the one before it and so on; `training.model.layers` says what a layer
    is.

    Args:
        model: a network.
        learning_rate: of the heads.
        backbone_factor: of a backbone's last layer.
        layer_decay: from each layer to the one before it.

    Returns:
        Groups with `params`, `lr` and `learning_rate_factor`; one group, in the order of
        `model.parameters()`, when both factors are 1.
    """
    factors: dict[int, float] = {}
    for trunk in (module for module in model.modules() if isinstance(module, Trunk)):
        layers = trunk.backbone_layers()
        for place, layer in enumerate(reversed(layers)):
            for parameter in layer.parameters():
                factors[id(parameter)] = backbone_factor * layer_decay**place
    groups: dict[float, dict[str, Any]] = {}
    for parameter in model.parameters():
        if parameter.requires_grad:
            factor = factors.get(id(parameter), 1.0)
            group = groups.setdefault(
                factor, {"params": [], "lr": factor * learning_rate, FACTOR: factor}
            )
            group["params"].append(parameter)
    return list(groups.values())
