"""Vision transformers with the unit between their blocks."""

from pathlib import Path

import pytest
import timm
import torch
from torch import nn

from training.errors import PretrainedWeightsError
from training.model import ALNU, CCNet
from training.model.backbones import create_network, split_backbone
from training.model.pretrained import pretrained_network
from training.model.split_backbone import TokenGrid
from training.model.trunk import Trunk
from training.model.vision_transformer import TokenNormalisation
from vreid.errors import ConfigurationError
from vreid.modality import Modality

NAME = "vit_tiny"
PATCH = 16
SIZE = (32, 64)
GRID = TokenGrid(2, 4)
CHANNELS = 64


def trunk(normalisation: str = "none") -> Trunk:
    torch.manual_seed(0)
    return Trunk(split_backbone(NAME, create_network(NAME), SIZE), normalisation)  # type: ignore[arg-type]


def test_without_a_unit_the_halves_are_the_whole_network() -> None:
    network = create_network(NAME).eval()
    network.set_input_size(img_size=SIZE)
    images = torch.rand(2, 3, *SIZE)
    with torch.inference_mode():
        whole = network.forward_features(images)
        found = Trunk(split_backbone(NAME, network, SIZE), "none").eval().last_feature(images)
    torch.testing.assert_close(found, whole)


def test_half_of_the_blocks_come_before_the_unit() -> None:
    halves = split_backbone(NAME, create_network(NAME), SIZE)
    blocks = [
        sum("Block" in type(m).__name__ for m in half) for half in (halves.lower, halves.upper)
    ]
    assert blocks == [3, 3]
    assert halves.tokens == GRID
    assert halves.middle_channels == CHANNELS


def test_patches_lie_row_by_row() -> None:
    tokens = torch.arange(9.0).view(1, 9, 1)
    shown = GRID.to_map(tokens)
    assert shown[0, 0].tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert torch.equal(torch.cat(GRID.with_map(tokens, shown), dim=1), tokens)


def test_a_patch_of_the_image_is_the_token_at_its_place() -> None:
    lower = trunk().eval().lower
    dark, bright = torch.zeros(1, 3, *SIZE), torch.zeros(1, 3, *SIZE)
    bright[:, :, PATCH:, 2 * PATCH : 3 * PATCH] = 1
    with torch.inference_mode():
        difference = (lower[0](bright) - lower[0](dark)).abs().sum(dim=2)
    shown = GRID.to_map(difference.unsqueeze(2))
    assert shown[0, 0].nonzero().tolist() == [[1, 2]]


def test_the_unit_sees_the_patches_as_a_map_and_the_class_token_passes_by() -> None:
    torch.manual_seed(0)
    unit = ALNU(CHANNELS).eval()
    tokens = torch.randn(2, 9, CHANNELS)
    tokens[:, 0] += 1000
    with torch.inference_mode():
        found = TokenNormalisation(unit, GRID)(tokens)
        expected = unit(GRID.to_map(tokens))
    assert torch.equal(found[:, 0], tokens[:, 0])
    torch.testing.assert_close(GRID.to_map(found), expected)


@pytest.mark.parametrize("normalisation", ["alnu", "batch", "instance", "layer"])
def test_every_unit_can_stand_between_the_blocks(normalisation: str) -> None:
    last = trunk(normalisation).eval().last_feature(torch.rand(2, 3, *SIZE))
    assert last.shape == (2, 9, CHANNELS)


def test_the_feature_is_the_class_token_or_the_mean_patch_or_both() -> None:
    tokens = torch.randn(2, 9, CHANNELS)
    found = {}
    for pooling in ("class", "patches", "both"):
        halves = split_backbone(NAME, create_network(NAME), SIZE, pooling)
        found[pooling] = halves.pooling(tokens)
        assert found[pooling].shape == (2, halves.feature_size)
    assert torch.equal(found["class"], tokens[:, 0])
    assert torch.equal(found["patches"], tokens[:, 1:].mean(dim=1))
    assert torch.equal(found["both"], torch.cat([found["class"], found["patches"]], dim=1))


def test_middle_statistics_leave_the_class_token_out() -> None:
    made = trunk("alnu").eval()
    images = torch.rand(2, 3, *SIZE)
    before, after = made.middle_statistics(images)
    with torch.inference_mode():
        patches = made.lower(images)[:, 1:].flatten(1)
    torch.testing.assert_close(before[:, 0], patches.mean(dim=1))
    torch.testing.assert_close(before[:, 1], patches.std(dim=1, correction=0))
    assert (after[:, 1] < 1).all(), "ALNU's scale is below 1"


def test_images_that_the_patches_do_not_fill_are_refused_with_a_size_that_they_do() -> None:
    with pytest.raises(ConfigurationError, match=r"preprocessing.width is 65; .* such as 64"):
        CCNet(NAME, image_size=(32, 65))


def test_the_position_embedding_is_interpolated_at_construction() -> None:
    network = create_network(NAME)
    with torch.no_grad():
        # A ramp from left to right, the same in every row.
        ramp = torch.linspace(0, 1, 10).repeat(10).view(1, 100, 1).expand(-1, -1, CHANNELS)
        network.pos_embed[:, 1:] = ramp
        network.pos_embed[:, 0] = 7
    embedding = split_backbone(NAME, network, SIZE).lower[0]
    positions = embedding.positions
    assert isinstance(positions, nn.Parameter)
    assert positions.shape == (1, 9, CHANNELS)
    assert torch.all(positions[:, 0] == 7)
    rows = GRID.to_map(positions.detach())[0, 0]
    torch.testing.assert_close(rows[0], rows[1])
    assert torch.all(rows[0].diff() > 0.1)


@pytest.mark.parametrize("saved_size", [(160, 160), (96, 96)])
def test_a_file_of_another_image_size_loads(saved_size: tuple[int, int], tmp_path: Path) -> None:
    torch.manual_seed(3)
    saved = timm.create_model("test_vit", img_size=saved_size, dynamic_img_size=False)
    torch.save(saved.state_dict(), tmp_path / "weights.pth")
    branch = CCNet(NAME, pretrained=str(tmp_path / "weights.pth"), image_size=SIZE).branch(
        Modality.TIR
    )
    # As timm itself goes from that size to this one.
    expected = timm.create_model("test_vit", img_size=saved_size, dynamic_img_size=False)
    expected.load_state_dict(saved.state_dict())
    for size in ((160, 160), SIZE):
        expected.set_input_size(img_size=size)  # type: ignore[operator]
    weights = branch.state_dict()
    assert torch.equal(weights["lower.0.class_token"], saved.state_dict()["cls_token"])
    block = saved.state_dict()["blocks.3.mlp.fc1.weight"]
    assert torch.equal(weights["upper.0.mlp.fc1.weight"], block)
    torch.testing.assert_close(weights["lower.0.positions"], expected.state_dict()["pos_embed"])


def test_files_of_other_transformers_are_refused(tmp_path: Path) -> None:
    other = timm.create_model("test_vit", img_size=32, embed_dim=32, dynamic_img_size=False)
    torch.save(other.state_dict(), tmp_path / "other.pth")
    oblong = timm.create_model("test_vit", img_size=(32, 48), dynamic_img_size=False)
    torch.save(oblong.state_dict(), tmp_path / "oblong.pth")
    for name in ("other.pth", "oblong.pth"):
        with pytest.raises(PretrainedWeightsError, match="does not fit"):
            pretrained_network(NAME, str(tmp_path / name))


@pytest.mark.parametrize(
    ("name", "size", "width", "blocks"),
    [
        ("vit_small_patch16", (128, 256), 384, 12),
        ("vit_base_patch16", (128, 256), 768, 12),
        ("dinov2_small", (126, 252), 384, 12),
        ("dinov2_base", (126, 252), 768, 12),
        ("clip_base_patch16", (128, 256), 768, 12),
    ],
)
def test_the_large_ones_take_vehicle_images(
    name: str, size: tuple[int, int], width: int, blocks: int
) -> None:
    with torch.device("meta"):
        halves = split_backbone(name, create_network(name, drop_path=0.1), size)
        feature = halves.pooling(halves.upper(halves.lower(torch.zeros(2, 3, *size))))
    assert feature.shape == (2, width)
    assert len(halves.lower) - 1 + len(halves.upper) - 1 == blocks
    assert any(getattr(module, "drop_prob", 0) for module in halves.upper.modules())
