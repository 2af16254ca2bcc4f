"""The objective: which ingredients it has, what they are weighed by, and what it keeps."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from pydantic import TypeAdapter, ValidationError

from tests.training.losses.batches import BATCHES, LossBatch, drawn_batch
from training.errors import TrainingError
from training.losses import (
    CircleLoss,
    CrossDirectionalCenterLoss,
    Objective,
    ObjectiveWeights,
    batch_hard_triplet,
    hetero_center,
)
from training.losses.objective import INGREDIENTS
from training.model import CCNetOutput

SIZE, IDENTITIES = 5, 4


def output_of(batch: LossBatch) -> CCNetOutput:
    features = batch.features.float()
    logits = torch.randn(len(features), 3, IDENTITIES, generator=torch.Generator().manual_seed(0))
    return CCNetOutput(features, features, logits)


def ingredients(weights: ObjectiveWeights, batch: LossBatch) -> dict[str, torch.Tensor]:
    objective = Objective(weights, identities=IDENTITIES, feature_size=SIZE)
    return objective(output_of(batch), batch.labels, batch.mask)


def only(**weights: float) -> ObjectiveWeights:
    return ObjectiveWeights(**{"cross_entropy": 0.0, "cross_directional": 0.0, **weights})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", INGREDIENTS)
def test_each_ingredient_is_switched_on_alone_and_scales_with_its_weight(name: str) -> None:
    batch = drawn_batch(seed=7)
    once, thrice = (ingredients(only(**{name: weight}), batch) for weight in (1.0, 3.0))
    assert once.keys() == thrice.keys() == {name}
    assert once[name].item() > 0
    assert thrice[name].item() == pytest.approx(3 * once[name].item())


def test_all_ingredients_together_are_what_each_is_alone() -> None:
    batch = drawn_batch(seed=7)
    together = ingredients(ObjectiveWeights(**dict.fromkeys(INGREDIENTS, 1.0)), batch)  # type: ignore[arg-type]
    for name in INGREDIENTS:
        assert torch.equal(together[name], ingredients(only(**{name: 1.0}), batch)[name])


def test_metric_losses_see_the_features_before_the_neck() -> None:
    batch = drawn_batch(seed=7)
    features = batch.features.float()
    neck = torch.full_like(features, torch.nan)
    output = CCNetOutput(features, neck, torch.zeros(len(features), 3, IDENTITIES))
    found = Objective(only(triplet=1, circle=1, hetero_center=1, cross_directional=1))(
        output, batch.labels, batch.mask
    )
    rest = (features, batch.labels, batch.mask)
    assert torch.equal(found["triplet"], batch_hard_triplet(*rest))
    assert torch.equal(found["circle"], CircleLoss()(*rest))
    assert torch.equal(found["hetero_center"], hetero_center(*rest))
    assert torch.equal(found["cross_directional"], CrossDirectionalCenterLoss()(*rest))


@settings(max_examples=25, deadline=None)
@given(batch=BATCHES)
def test_the_center_triplet_is_the_triplet_on_masked_centers(batch: LossBatch) -> None:
    features, mask = batch.features.float().numpy(), batch.mask.numpy()
    centers = np.stack(
        [
            np.mean([row[m] for m in range(3) if has[m]], axis=0)
            for row, has in zip(features, mask, strict=True)
        ]
    )
    expected = batch_hard_triplet(
        torch.from_numpy(centers)[:, None], batch.labels, torch.ones(len(centers), 1).bool()
    )
    found = Objective(only(center_triplet=1.0))(output_of(batch), batch.labels, batch.mask)
    assert found["center_triplet"].item() == pytest.approx(expected.item(), abs=1e-4)


def test_the_center_triplet_has_the_triplets_margin() -> None:
    # Centers 1 and 1.1 of one identity, 2 of another; nothing else differs by as much as 0.1.
    features = torch.tensor([[[0.0], [2.0], [9.0]], [[1.1], [9.0], [9.0]], [[2.0], [2.0], [2.0]]])
    mask = torch.tensor([[True, True, False], [True, False, False], [True, True, True]])
    output = CCNetOutput(features, features, torch.zeros(3, 3, 2))
    labels = torch.tensor([0, 0, 1])
    for margin, expected in ((0.3, 0.0), (1.0, (0.1 + 0.2) / 2)):
        weights = only(center_triplet=1.0, triplet_margin=margin)
        found = Objective(weights)(output, labels, mask)["center_triplet"]
        assert found.item() == pytest.approx(expected, abs=1e-5)


def test_without_a_sample_weight_only_the_modality_term_is_left() -> None:
    batch = drawn_batch(seed=7)
    terms = CrossDirectionalCenterLoss().terms(batch.features.float(), batch.labels, batch.mask)
    for sample_weight, alpha in ((0.0, 0.6), (1.0, 0.0), (0.5, 2.0)):
        weights = only(cross_directional=0.3, sample_weight=sample_weight, alpha=alpha)
        expected = 0.3 * (sample_weight * terms.sample + alpha * terms.modality)
        found = ingredients(weights, batch)["cross_directional"]
        assert found.item() == pytest.approx(expected.item())


def test_the_state_holds_the_centers_and_nothing_else() -> None:
    space = torch.ones(3, IDENTITIES, dtype=torch.bool)
    with_centers = Objective(only(center=1.0), space, IDENTITIES, SIZE)
    assert with_centers.state_dict().keys() == {"center.centers"}
    assert not Objective(ObjectiveWeights(), space).state_dict()


def test_the_center_loss_without_the_number_of_identities_is_refused() -> None:
    with pytest.raises(TrainingError, match="number of identities"):
        Objective(only(center=1.0))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"triplet": -1}, "triplet is -1"),
        ({"cross_entropy": 0, "cross_directional": 0}, "switched off"),
        ({"center_rate": 2}, "center_rate is 2"),
    ],
)
def test_weights_that_make_no_sense_are_refused(values: dict[str, float], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TypeAdapter(ObjectiveWeights).validate_python(values)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("alpha", -0.1),
        ("sample_weight", -1.0),
        ("alpha", float("nan")),
        ("triplet", float("nan")),
        ("triplet", float("inf")),
        ("label_smoothing", -0.1),
        ("label_smoothing", 1.0),
        ("label_smoothing", float("nan")),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_its_name(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"^{name} is "):
        ObjectiveWeights(**{name: value})  # type: ignore[arg-type]


def test_a_cross_directional_loss_of_no_parts_is_refused() -> None:
    with pytest.raises(ValueError, match="sample_weight or alpha"):
        ObjectiveWeights(sample_weight=0.0, alpha=0.0)
    assert ObjectiveWeights(cross_directional=0.0, sample_weight=0.0, alpha=0.0).alpha == 0
