"""OSNet, omni-scale network (Zhou et al., ICCV 2019), as a backbone.

From the paper: Lite 3x3 convolutions (pointwise, then depthwise), residual blocks of four streams
whose receptive fields are 3, 5, 7 and 9, the unified aggregation gate that weighs the streams by
channel and sample with the same weights for all four, two blocks a stage, and the widths. The
paper's last fully connected layer is left out: the branch's neck stands there. Tensors are named
as in the published weights, which therefore load from a file.
"""

from collections import OrderedDict
from typing import Any, cast

import torch
from torch import Tensor, nn

from training.model.split_backbone import SplitBackbone

STREAMS = 4
BOTTLENECK = 4
GATE_REDUCTION = 16


class ConvolutionLayer(nn.Module):
    """Convolution and batch normalisation, with or without a ReLU behind."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, linear: bool = False
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(outputs)
        self.linear = linear

    def forward(self, features: Tensor) -> Tensor:
        """(N, inputs, h, w) -> (N, outputs, h / stride, w / stride)."""
        normalised = cast(Tensor, self.bn(self.conv(features)))
        return normalised if self.linear else torch.relu(normalised)


class LiteConvolution(nn.Module):
    """Lite 3x3: a pointwise convolution, then a depthwise one, batch normalisation and ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 1, bias=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, h, w) -> (N, C, h, w)."""
        return torch.relu(self.bn(self.conv2(self.conv1(features))))


class AggregationGate(nn.Module):
    """Weighs each channel of a sample by a number in (0, 1) that is read from its mean."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrow = max(1, channels // GATE_REDUCTION)
        self.fc1 = nn.Conv2d(channels, narrow, 1)
        self.fc2 = nn.Conv2d(narrow, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, h, w) -> (N, C, h, w)."""
        means = features.mean(dim=(2, 3), keepdim=True)
        return features * torch.sigmoid(self.fc2(torch.relu(self.fc1(means))))


class OmniScaleBlock(nn.Module):
    """Residual block whose streams see 3, 5, 7 and 9 pixels far and are summed by one gate."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        width = outputs // BOTTLENECK
        self.conv1 = ConvolutionLayer(inputs, width)
        self.conv2a = LiteConvolution(width)
        self.conv2b = _stream(width, 2)
        self.conv2c = _stream(width, 3)
        self.conv2d = _stream(width, STREAMS)
        self.gate = AggregationGate(width)
        self.conv3 = ConvolutionLayer(width, outputs, linear=True)
        self.downsample = (
            ConvolutionLayer(inputs, outputs, linear=True) if inputs != outputs else None
        )

    def forward(self, features: Tensor) -> Tensor:
        """(N, inputs, h, w) -> (N, outputs, h, w)."""
        narrow = self.conv1(features)
        streams = (self.conv2a, self.conv2b, self.conv2c, self.conv2d)
        together = torch.stack([self.gate(stream(narrow)) for stream in streams]).sum(dim=0)
        kept = features if self.downsample is None else self.downsample(features)
        return torch.relu(self.conv3(together) + kept)


def _stream(width: int, length: int) -> nn.Sequential:
    return nn.Sequential(*(LiteConvolution(width) for _ in range(length)))


def _stage(inputs: int, outputs: int, reduce: bool) -> nn.Sequential:
    blocks = [OmniScaleBlock(inputs, outputs), OmniScaleBlock(outputs, outputs)]
    if not reduce:
        return nn.Sequential(*blocks)
    return nn.Sequential(
        *blocks, nn.Sequential(ConvolutionLayer(outputs, outputs), nn.AvgPool2d(2))
    )


def create_osnet(width: float) -> nn.Sequential:
    """Makes OSNet without its head: (N, 3, H, W) -> (N, 512 * width, H / 16, W / 16)."""
    stem, first, second, third = (round(width * channels) for channels in (64, 256, 384, 512))
    network = nn.Sequential(
        OrderedDict(
            conv1=ConvolutionLayer(3, stem, kernel=7, stride=2),
            maxpool=nn.MaxPool2d(3, stride=2, padding=1),
            conv2=_stage(stem, first, reduce=True),
            conv3=_stage(first, second, reduce=True),
            conv4=_stage(second, third, reduce=False),
            conv5=ConvolutionLayer(third, third),
        )
    )
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return network


def split_osnet(network: Any) -> SplitBackbone:  # noqa: ANN401
    """Cuts after the first omni-scale stage, at stride 8."""
    return SplitBackbone(
        nn.Sequential(network.conv1, network.maxpool, network.conv2),
        nn.Sequential(network.conv3, network.conv4, network.conv5),
        network.conv2[-1][0].conv.out_channels,
        network.conv5.conv.out_channels,
    )
