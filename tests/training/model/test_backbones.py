"""Every backbone, cut in two."""

import pytest
import torch

from training.model import CCNet
from training.model.backbones import BACKBONES, create_network, split_backbone
from training.model.split_backbone import SplitBackbone
from training.model.trunk import Trunk
from vreid.errors import ConfigurationError
from vreid.modality import Modality

MIDDLE = {
    "resnet50": (512, (8, 16)),
    "resnet50_bot": (512, (8, 16)),
    "seresnet50": (512, (8, 16)),
    "efficientnet_lite0": (40, (8, 16)),
    "mobilenetv2": (32, (8, 16)),
    "inception_v3": (288, (13, 13)),
    "osnet_x1_0": (256, (8, 16)),
    "osnet_x0_25": (64, (8, 16)),
}
LAST = {
    "resnet50": (2048, (4, 8)),
    "resnet50_bot": (2048, (4, 8)),
    "seresnet50": (2048, (4, 8)),
    "efficientnet_lite0": (1280, (2, 4)),
    "mobilenetv2": (1280, (2, 4)),
    "inception_v3": (2048, (2, 2)),
    "osnet_x1_0": (512, (4, 8)),
    "osnet_x0_25": (128, (4, 8)),
}
TRANSFORMERS = {
    "vit_small_patch16",
    "vit_base_patch16",
    "dinov2_small",
    "dinov2_base",
    "clip_base_patch16",
    "vit_tiny",
}
NORMALISATIONS = ["batch", "instance", "layer", "none"]


def halves_of(name: str) -> SplitBackbone:
    return split_backbone(name, create_network(name).eval())


@pytest.mark.parametrize("name", sorted(MIDDLE))
def test_halves_have_the_documented_shapes(name: str) -> None:
    # Inception pads nowhere and needs more rows.
    size = (128, 128) if name == "inception_v3" else (64, 128)
    with torch.device("meta"):
        halves = halves_of(name)
        middle = halves.lower(torch.zeros(1, 3, *size))
        last = halves.upper(middle)
    assert (middle.shape[1], tuple(middle.shape[2:])) == MIDDLE[name]
    assert (last.shape[1], tuple(last.shape[2:])) == LAST[name]
    assert halves.middle_channels == middle.shape[1]
    assert halves.feature_size == halves.pooling(last).shape[1] == last.shape[1]


@pytest.mark.parametrize("name", ["efficientnet_lite0", "mobilenetv2", "osnet_x0_25"])
def test_together_the_halves_are_the_whole_network(name: str) -> None:
    network = create_network(name).eval()
    images = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        whole = network(images) if name.startswith("osnet") else network.forward_features(images)
        whole = network.bn2(network.conv_head(whole)) if whole.shape[1] == 320 else whole
        halves = split_backbone(name, network)
        assert torch.allclose(halves.upper(halves.lower(images)), whole, atol=1e-5)


def test_the_names_are_those_that_configurations_use() -> None:
    assert set(BACKBONES) == MIDDLE.keys() | TRANSFORMERS


def test_an_unknown_backbone_is_refused_by_name() -> None:
    with pytest.raises(ConfigurationError, match="efficientnet_lite0"):
        CCNet("resnet51")


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_the_unit_in_the_middle_can_be_what_the_paper_compares_with(normalisation: str) -> None:
    model = CCNet("osnet_x0_25", normalisation=normalisation)  # type: ignore[arg-type]
    assert model.eval().branch(Modality.NIR).embed(torch.rand(1, 3, 32, 32)).shape == (1, 128)


def test_batch_normalisation_in_the_middle_uses_the_statistics_of_the_batch() -> None:
    trunk = Trunk(halves_of("osnet_x0_25"), "batch").train()
    normalised = trunk.middle(torch.randn(8, 64, 4, 4) * 3 + 2)
    assert normalised.mean(dim=(0, 2, 3)).abs().max() < 1e-5
    assert torch.allclose(normalised.std(dim=(0, 2, 3)), torch.tensor(1.0), atol=0.01)


def test_the_released_codes_resnet_keeps_what_is_negative_before_the_first_pooling() -> None:
    with torch.device("meta"):
        stems = [halves_of(name).lower[:3] for name in ("resnet50", "resnet50_bot")]
    usual, bot = (stem.to_empty(device="cpu").eval() for stem in stems)
    for stem in (usual, bot):
        for tensor in (*stem.parameters(), *stem.buffers()):
            torch.nn.init.constant_(tensor.detach(), 0.1)
    images = -torch.rand(1, 3, 32, 32)
    assert bot(images).min() < 0
    torch.testing.assert_close(usual(images), bot(images).relu())
    assert usual.state_dict().keys() == bot.state_dict().keys()


def test_blocks_are_skipped_where_the_backbone_has_any() -> None:
    with torch.device("meta"):
        network = create_network("mobilenetv2", drop_path=0.2)
    assert any(getattr(module, "drop_prob", 0) for module in network.modules())
    with pytest.raises(ConfigurationError, match="drop_path"):
        create_network("osnet_x0_25", drop_path=0.2)


def test_middle_statistics_are_those_of_the_middle_feature() -> None:
    torch.manual_seed(0)
    branch = CCNet("osnet_x0_25").eval().branch(Modality.TIR)
    images = torch.rand(3, 3, 64, 32)
    before, after = branch.middle_statistics(images)
    with torch.inference_mode():
        middle = branch.lower(images).numpy()
    assert before.shape == after.shape == (3, 2)
    for row, one in enumerate(middle):
        assert before[row].tolist() == pytest.approx([one.mean(), one.std()], rel=1e-4)
    with torch.inference_mode():
        gamma = branch.middle.gamma(torch.from_numpy(middle)).flatten()  # type: ignore[operator]
        beta = branch.middle.beta(torch.from_numpy(middle)).flatten()  # type: ignore[operator]
    # Normalised to deviation 1, then scaled and shifted.
    torch.testing.assert_close(after, torch.stack([beta, gamma], dim=1), rtol=1e-2, atol=1e-3)
