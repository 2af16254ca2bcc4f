"""OSNet's parts, as the paper describes them."""

from pathlib import Path

import pytest
import torch

from training.errors import PretrainedWeightsError
from training.model.osnet import (
    AggregationGate,
    ConvolutionLayer,
    LiteConvolution,
    OmniScaleBlock,
    create_osnet,
)
from training.model.pretrained import pretrained_network


def test_the_network_has_the_papers_number_of_parameters() -> None:
    # 2.2 million with its last fully connected layer from 512 to 512, which is left out here.
    count = sum(parameter.numel() for parameter in create_osnet(1.0).parameters())
    assert (count + 512 * 512 + 3 * 512) / 1e6 == pytest.approx(2.2, abs=0.05)


@pytest.mark.parametrize(("stream", "reach"), [("a", 1), ("b", 2), ("c", 3), ("d", 4)])
def test_each_stream_sees_one_pixel_further(stream: str, reach: int) -> None:
    block = OmniScaleBlock(16, 16).double()
    convolutions = getattr(block, f"conv2{stream}").eval()
    for module in convolutions.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.ones_(module.weight)
    image = torch.zeros(1, 4, 11, 11, dtype=torch.float64)
    image[:, :, 5, 5] = 1
    seen = convolutions(image)[0, 0] > 0
    rows = seen.any(dim=1).nonzero().flatten()
    assert (rows.min().item(), rows.max().item()) == (5 - reach, 5 + reach)


def test_a_lite_convolution_is_pointwise_then_depthwise() -> None:
    lite = LiteConvolution(8)
    assert lite.conv1.kernel_size == (1, 1)
    assert (lite.conv2.kernel_size, lite.conv2.groups) == ((3, 3), 8)


def test_one_gate_weighs_every_stream_and_their_sum_goes_on() -> None:
    torch.manual_seed(0)
    block = OmniScaleBlock(16, 32).eval()
    features = torch.randn(2, 16, 6, 6)
    narrow = block.conv1(features)
    streams = [block.conv2a, block.conv2b, block.conv2c, block.conv2d]
    together = sum(block.gate(stream(narrow)) for stream in streams)
    assert block.downsample is not None
    expected = torch.relu(block.conv3(together) + block.downsample(features))
    torch.testing.assert_close(block(features), expected)
    assert OmniScaleBlock(16, 16).downsample is None


def test_the_gate_has_a_weight_for_each_channel_of_each_sample() -> None:
    torch.manual_seed(0)
    gate = AggregationGate(32)
    torch.nn.init.constant_(gate.fc1.weight, 0.01)
    features = torch.rand(2, 32, 3, 3) + torch.tensor([0.5, 5]).view(2, 1, 1, 1)
    weights = gate(features) / features
    torch.testing.assert_close(weights, weights[:, :, :1, :1].expand_as(weights))
    assert ((weights > 0) & (weights < 1)).all()
    assert not torch.allclose(weights[0], weights[1])


def test_a_linear_layer_has_no_relu() -> None:
    torch.manual_seed(0)
    features = torch.randn(1, 4, 5, 5)
    assert ConvolutionLayer(4, 4, linear=True)(features).min() < 0
    assert ConvolutionLayer(4, 4)(features).min() == 0


def test_tensors_are_named_as_in_the_published_weights(tmp_path: Path) -> None:
    network = create_osnet(0.25)
    weights = dict(network.state_dict())
    for name in (
        "conv1.conv.weight",
        "conv2.0.conv2d.3.bn.running_mean",
        "conv2.0.gate.fc1.bias",
        "conv2.0.downsample.conv.weight",
        "conv2.2.0.bn.weight",
        "conv4.1.conv3.bn.bias",
        "conv5.bn.running_var",
    ):
        assert name in weights
    # The published files have a head, which is not used.
    weights |= {"fc.0.weight": torch.zeros(512, 128), "classifier.weight": torch.zeros(9, 512)}
    torch.save(weights, tmp_path / "osnet.pth")
    loaded = pretrained_network("osnet_x0_25", str(tmp_path / "osnet.pth")).state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in loaded.items())


def test_timms_hub_has_none() -> None:
    with pytest.raises(PretrainedWeightsError, match="path of a weights file"):
        pretrained_network("osnet_x1_0", "hub")
