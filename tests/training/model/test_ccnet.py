"""Branches run on what is there, and on nothing else."""

import pytest
import torch
from torch import Tensor, nn

from training.model import CCNet
from vreid.modality import MODALITIES, Modality

SIZE = 64


@pytest.fixture
def model() -> CCNet:
    torch.manual_seed(0)
    return CCNet("efficientnet_lite0", identities=4)


def running_statistics(branch: nn.Module) -> list[Tensor]:
    return [buffer.clone() for buffer in branch.buffers()]


def same(left: list[Tensor], right: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(left, right, strict=True))


def test_output_has_zeros_where_a_modality_is_missing(model: CCNet) -> None:
    mask = torch.tensor([[True, True, False], [True, False, False]])
    output = model.eval()(torch.rand(2, 3, 3, SIZE, SIZE), mask)
    assert output.features.shape == output.neck.shape == (2, 3, 1280)
    assert output.logits.shape == (2, 3, 4)
    for part in (output.features, output.neck, output.logits):
        assert torch.equal(part.abs().sum(dim=2) > 0, mask)


def test_without_a_mask_every_modality_is_there(model: CCNet) -> None:
    images = torch.rand(2, 3, 3, SIZE, SIZE)
    without = model.eval()(images)
    for found, expected in zip(
        without[:3], model(images, torch.ones(2, 3).bool())[:3], strict=True
    ):
        assert torch.equal(found, expected)


def test_a_row_is_the_branchs_own_output(model: CCNet) -> None:
    model.eval()
    images = torch.rand(2, 3, 3, SIZE, SIZE)
    output = model(images, torch.tensor([[True, True, True], [True, False, True]]))
    for modality in MODALITIES:
        expected = model.branch(modality).embed(images[:1, modality.index])
        assert torch.allclose(output.neck[:1, modality.index], expected, atol=1e-5)


def test_missing_rows_take_no_part_in_batch_statistics(model: CCNet) -> None:
    torch.manual_seed(0)
    alone = CCNet("efficientnet_lite0", identities=4)
    images = torch.rand(3, 3, 3, SIZE, SIZE)
    mask = torch.tensor([[True, True, False], [True, False, False], [True, True, False]])
    images[~mask] = 1e6
    model.train()(images, mask)
    for modality in (Modality.RGB, Modality.NIR):
        rows = mask[:, modality.index]
        present = images[rows, modality.index].contiguous(memory_format=torch.channels_last)
        alone.branch(modality).train()(present)
        assert same(
            running_statistics(model.branch(modality)), running_statistics(alone.branch(modality))
        )


def test_a_branch_without_rows_does_not_run(model: CCNet) -> None:
    before = running_statistics(model.branch(Modality.TIR))
    output = model.train()(
        torch.rand(2, 3, 3, SIZE, SIZE), torch.tensor([[True, False, False]] * 2)
    )
    output.logits.sum().backward()  # type: ignore[no-untyped-call]
    assert same(before, running_statistics(model.branch(Modality.TIR)))
    assert all(parameter.grad is None for parameter in model.branch(Modality.TIR).parameters())


def test_a_lone_row_passes_the_neck_by_its_running_statistics(model: CCNet) -> None:
    neck = model.branch(Modality.RGB).neck
    before = running_statistics(neck)
    feature = torch.rand(1, 1280)
    assert torch.equal(neck.train()(feature), neck.eval()(feature))
    assert same(before, running_statistics(neck))
    output = model.train()(torch.rand(1, 3, 3, SIZE, SIZE), torch.tensor([[True, True, True]]))
    assert torch.isfinite(output.neck).all()


def test_the_neck_has_no_shift_and_the_classifier_no_bias(model: CCNet) -> None:
    branch = model.branch(Modality.RGB)
    assert not branch.neck.bias.requires_grad
    assert not branch.neck.bias.any()
    assert branch.classifier is not None
    assert branch.classifier.bias is None


def test_branches_share_no_weights(model: CCNet) -> None:
    seen: set[int] = set()
    for modality in MODALITIES:
        own = {parameter.data_ptr() for parameter in model.branch(modality).parameters()}
        assert seen.isdisjoint(own)
        seen |= own
