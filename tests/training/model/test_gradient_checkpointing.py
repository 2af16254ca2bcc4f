"""Layers that run again in the backward pass change nothing."""

import pytest
import torch
from torch import Tensor, nn

from training.model import CCNet, set_gradient_checkpointing
from training.model.backbones import create_network, split_backbone
from training.model.gradient_checkpointing import run_checkpointed
from training.model.layers import layers_of
from training.model.trunk import Trunk

BACKBONES = {
    "osnet_x0_25": "alnu",
    "mobilenetv2": "batch",
    "efficientnet_lite0": "alnu",
    "resnet50_bot": "layer",
    "inception_v3": "instance",
    "vit_tiny": "alnu",
}


def after_one_step(trunk: Trunk, images: Tensor) -> tuple[Tensor, dict[str, Tensor], list[Tensor]]:
    """Output, gradients and buffers; blocks are skipped by the same draw each time."""
    torch.manual_seed(5)
    trunk.zero_grad()
    output = trunk.last_feature(images)
    output.square().mean().backward()  # type: ignore[no-untyped-call]
    gradients = {
        name: parameter.grad.clone()
        for name, parameter in trunk.named_parameters()
        if parameter.grad is not None
    }
    return output.detach(), gradients, [buffer.clone() for buffer in trunk.buffers()]


@pytest.mark.parametrize(("name", "normalisation"), BACKBONES.items())
def test_outputs_gradients_and_running_statistics_are_the_same(
    name: str, normalisation: str
) -> None:
    torch.manual_seed(0)
    size = (80, 80) if name == "inception_v3" else (32, 32)
    drop_path = 0.5 if name in ("mobilenetv2", "vit_tiny") else 0.0
    split = split_backbone(name, create_network(name, drop_path), size)
    trunk = Trunk(split, normalisation).double().train()  # type: ignore[arg-type]
    images = torch.rand(2, 3, *size, dtype=torch.float64)
    before = {key: value.clone() for key, value in trunk.state_dict().items()}
    expected = after_one_step(trunk, images)
    trunk.load_state_dict(before)
    set_gradient_checkpointing(trunk, True)
    found = after_one_step(trunk, images)
    torch.testing.assert_close(found, expected)
    assert all(parameter.grad is not None for parameter in trunk.parameters())


def test_a_layer_runs_twice_only_where_it_is_enabled_and_trained() -> None:
    torch.manual_seed(0)
    model = CCNet("osnet_x0_25", normalisation="none")
    runs = 0

    def count(*_: object) -> None:
        nonlocal runs
        runs += 1

    for branch in model.branches.values():
        branch.lower[0].register_forward_pre_hook(count)  # type: ignore[union-attr, index]
    images = torch.rand(2, 3, 3, 32, 32)

    def runs_of_a_step() -> int:
        nonlocal runs
        runs = 0
        model(images).features.sum().backward()  # type: ignore[no-untyped-call]
        return runs

    model.train()
    assert runs_of_a_step() == 3
    set_gradient_checkpointing(model, True)
    assert runs_of_a_step() == 6
    model.eval()
    assert runs_of_a_step() == 3
    model.train()
    set_gradient_checkpointing(model, False)
    assert runs_of_a_step() == 3


def test_values_inside_of_layers_are_not_kept() -> None:
    torch.manual_seed(0)
    trunk = Trunk(split_backbone("vit_tiny", create_network("vit_tiny"), (64, 64)), "none").train()
    images = torch.rand(4, 3, 64, 64)

    def kept() -> int:
        sizes = 0

        def pack(value: Tensor) -> Tensor:
            nonlocal sizes
            sizes += value.numel()
            return value

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda value: value):
            trunk.last_feature(images)
        return sizes

    without = kept()
    set_gradient_checkpointing(trunk, True)
    assert kept() < without / 5


def test_batch_normalisation_that_averages_over_all_batches_counts_each_once() -> None:
    torch.manual_seed(0)
    layer = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, momentum=None))
    images = torch.rand(2, 3, 4, 4)
    run_checkpointed([layer], images).sum().backward()  # type: ignore[no-untyped-call]
    norm = layer[1]
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.num_batches_tracked is not None
    assert norm.running_mean is not None
    assert norm.num_batches_tracked.item() == 1
    assert norm.momentum is None
    torch.testing.assert_close(norm.running_mean, layer[0](images).mean(dim=(0, 2, 3)))


def test_layers_are_blocks_and_what_stands_free_between_them() -> None:
    with torch.device("meta"):
        split = split_backbone("resnet50", create_network("resnet50"))
        transformer = split_backbone("vit_tiny", create_network("vit_tiny"))
    # The stem, then 3 + 4 blocks; 6 + 3 blocks.
    assert [len(layers_of(half)) for half in (split.lower, split.upper)] == [8, 9]
    # The embedding and 3 blocks; 3 blocks and the last normalisation.
    assert [len(layers_of(half)) for half in (transformer.lower, transformer.upper)] == [4, 4]
