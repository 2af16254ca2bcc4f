"""HAMNet and PFNet: what they compute, and what a missing modality changes."""

import pytest
import torch
from torch import Tensor, nn

from training.errors import JointNetworkError
from training.model import CCNet, HAMNet, PFNet
from training.model.hamnet import stream_weights
from training.model.joint_network import JointNetwork
from training.model.pfnet import PARTS, IlluminationFusion, PartBranch
from vreid.errors import ConfigurationError
from vreid.modality import MODALITIES, Modality

BACKBONE = "osnet_x0_25"
IDENTITIES = 4
SIZE = 48


@pytest.fixture(params=[HAMNet, PFNet], scope="module")
def model(request: pytest.FixtureRequest) -> JointNetwork:
    torch.manual_seed(0)
    made: JointNetwork = request.param(BACKBONE, IDENTITIES)
    # Classifiers start so near to zero that nothing would show.
    for module in made.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    return made.eval()


def images(rows: int = 2) -> Tensor:
    return torch.rand(rows, 3, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


def test_the_output_has_what_training_and_evaluation_take(model: JointNetwork) -> None:
    output = model(images())
    assert model.joint
    assert output.features.shape == (2, 3, model.metric_feature_size)
    assert output.logits.shape == (2, 3, IDENTITIES)
    assert output.joint_logits is not None
    assert output.joint_logits.shape == (2, 1, IDENTITIES)
    assert output.neck.shape == (2, 3, model.feature_size)
    assert torch.equal(output.neck[:, 0], output.neck[:, 2])


def test_what_stands_at_a_missing_modality_changes_nothing(model: JointNetwork) -> None:
    mask = torch.tensor([[True, False, True], [False, False, True]])
    clean, dirty = images(), images()
    dirty[~mask] = 1e6
    for found, expected in zip(model(dirty, mask), model(clean, mask), strict=True):
        assert found is not None
        assert expected is not None
        assert torch.isfinite(found).all()
        torch.testing.assert_close(found, expected)
    assert not model(clean, mask).features[~mask].any()
    assert not model(clean, mask).logits[~mask].any()


def test_a_missing_modality_changes_the_joint_feature(model: JointNetwork) -> None:
    whole = model(images()).neck
    without = model(images(), torch.tensor([[True, True, False]] * 2)).neck
    assert not torch.allclose(whole, without, atol=1e-4)


def test_a_subset_is_embedded_as_if_the_others_were_never_there(model: JointNetwork) -> None:
    maps = model.last_maps(images(), torch.ones(2, 3, dtype=torch.bool))
    for subset in ([True, False, False], [False, True, True]):
        mask = torch.tensor([subset] * 2)
        torch.testing.assert_close(model.embed_subset(maps, mask), model(images(), mask).neck[:, 0])


def test_backbones_share_no_weights_and_missing_rows_do_not_run(model: JointNetwork) -> None:
    mask = torch.tensor([[True, False, False]] * 2)
    model.train()
    try:
        output = model(images(), mask)
        output.logits.sum().backward()  # type: ignore[no-untyped-call]
        for modality in MODALITIES:
            there = any(p.grad is not None for p in model.trunk(modality).parameters())
            assert there == (modality == Modality.RGB)
    finally:
        model.eval().zero_grad()


def test_there_is_no_branch_of_one_modality(model: JointNetwork) -> None:
    with pytest.raises(JointNetworkError, match="train the architecture ccnet"):
        model.branch(Modality.RGB)


@pytest.mark.parametrize("architecture", [HAMNet, PFNet])
def test_vision_transformers_are_refused(architecture: type[JointNetwork]) -> None:
    with pytest.raises(ConfigurationError, match="resnet50"):
        architecture("vit_tiny", IDENTITIES)


def test_hamnet_needs_identities() -> None:
    with pytest.raises(ConfigurationError, match="identities"):
        HAMNet(BACKBONE)


def test_hamnets_weights_follow_the_classes_that_a_stream_responds_to() -> None:
    # One class and one place: the weight is the stream's share of the response.
    responses = torch.tensor([0.9, 0.6, 0.3]).logit().view(1, 3, 1, 1, 1)
    mask = torch.ones(1, 3, dtype=torch.bool)
    torch.testing.assert_close(stream_weights(responses, mask), torch.tensor([[0.5, 1 / 3, 1 / 6]]))
    mask[0, 0] = False
    torch.testing.assert_close(stream_weights(responses, mask), torch.tensor([[0, 2 / 3, 1 / 3]]))


def test_hamnets_classes_count_by_their_strongest_response() -> None:
    # Class 0 responds with 0.8 and 0.2, class 1 with 0.1 and 0.1: importance 8/9 and 1/9.
    responses = torch.tensor([[0.8, 0.1], [0.2, 0.1]]).logit().view(1, 2, 2, 1, 1)
    weights = stream_weights(responses, torch.ones(1, 2, dtype=torch.bool))
    first = 8 / 9 * 0.8 + 1 / 9 * 0.5
    torch.testing.assert_close(weights, torch.tensor([[first, 1 - first]]))


def test_hamnets_feature_is_the_weighted_sum_of_its_streams() -> None:
    torch.manual_seed(0)
    model = HAMNet(BACKBONE, IDENTITIES).eval()
    output = model(images())
    mask = torch.ones(2, 3, dtype=torch.bool)
    maps = model.last_maps(images(), mask)
    responses = model.responses(maps.flatten(0, 1)).unflatten(0, (2, 3))
    fused = (stream_weights(responses, mask)[..., None] * output.features).sum(dim=1)
    torch.testing.assert_close(output.neck[:, 0], model.neck(fused))


def test_pfnets_illumination_fusion_takes_what_is_there() -> None:
    torch.manual_seed(0)
    fusion = IlluminationFusion(8)
    maps = torch.rand(3, 2, 8, 2, 2)
    mask = torch.tensor([[True, True], [True, False], [False, False]])
    maps = maps * mask[:, :, None, None, None]
    fused = fusion(maps, mask)
    torch.testing.assert_close(fused[1], maps[1, 0])
    assert not fused[2].any()
    low, high = maps[0].amin(dim=0), maps[0].amax(dim=0)
    assert ((fused[0] >= low - 1e-6) & (fused[0] <= high + 1e-6)).all()


def test_pfnets_parts_are_stripes_from_top_to_bottom() -> None:
    torch.manual_seed(0)
    branch = PartBranch(8, IDENTITIES).eval()
    maps = torch.rand(1, 8, 2 * PARTS, 4)
    changed = maps.clone()
    changed[:, :, -1] += 1
    before, after = branch(maps)[0], branch(changed)[0]
    same = torch.isclose(before, after)[0].view(PARTS, -1).all(dim=1)
    assert same.tolist() == [True] * (PARTS - 1) + [False]


def test_pfnets_representation_is_all_four_branches() -> None:
    torch.manual_seed(0)
    model = PFNet(BACKBONE, IDENTITIES).eval()
    whole = model(images()).neck[:, 0].reshape(2, 4, -1)
    without = model(images(), torch.tensor([[True, True, False]] * 2)).neck[:, 0]
    parts = without.reshape(2, 4, -1)
    torch.testing.assert_close(parts[:, :2], whole[:, :2])
    assert not parts[:, 2].any()
    assert not torch.allclose(parts[:, 3], whole[:, 3])


def test_ccnet_is_not_joint() -> None:
    assert not CCNet(BACKBONE).joint
