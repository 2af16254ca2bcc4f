"""Identity cross entropy over branches, with missing modalities."""

import pytest
import torch
from torch.nn import functional

from training.losses import cross_entropy, label_space_of

LABELS = torch.tensor([0, 1, 2, 3])
ALL = torch.ones(4, 3, dtype=torch.bool)


def logits() -> torch.Tensor:
    return torch.randn(4, 3, 5, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_is_the_sum_of_the_branches_cross_entropies(smoothing: float) -> None:
    given = logits()
    expected = sum(
        functional.cross_entropy(given[:, m], LABELS, label_smoothing=smoothing).item()
        for m in range(3)
    )
    assert cross_entropy(given, LABELS, ALL, smoothing).item() == pytest.approx(expected)


def test_missing_rows_take_no_part() -> None:
    given, mask = logits(), ALL.clone()
    mask[:2, 1] = False
    mask[:, 2] = False
    spoiled = torch.where(mask.unsqueeze(-1), given, torch.nan)
    expected = functional.cross_entropy(given[:, 0], LABELS)
    expected = expected + functional.cross_entropy(given[2:, 1], LABELS[2:])
    assert cross_entropy(spoiled, LABELS, mask).item() == pytest.approx(expected.item())


def test_a_branch_does_not_tell_apart_identities_that_never_have_its_modality() -> None:
    given = logits()
    space = torch.ones(3, 5, dtype=torch.bool)
    space[1, 0] = space[1, 4] = False
    mask = ALL.clone()
    mask[0, 1] = False
    expected = functional.cross_entropy(given[:, 0], LABELS, label_smoothing=0.1)
    expected = expected + functional.cross_entropy(given[:, 2], LABELS, label_smoothing=0.1)
    expected = expected + functional.cross_entropy(
        given[1:, 1, 1:4], LABELS[1:] - 1, label_smoothing=0.1
    )
    found = cross_entropy(given, LABELS, mask, 0.1, space)
    assert found.item() == pytest.approx(expected.item())


def test_the_label_space_holds_what_occurs_in_each_modality() -> None:
    mask = torch.tensor([[True, False, False], [True, True, True], [False, True, False]])
    space = label_space_of(torch.tensor([0, 1, 2]), mask, 4)
    assert space.tolist() == [
        [True, True, False, False],
        [False, True, True, False],
        [False, True, False, False],
    ]
