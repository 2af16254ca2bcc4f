"""ALNU against a transcription of Eq. 2-6 in NumPy."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from training.model import ALNU
from training.model.alnu import AdaptiveLearningBlock

Float = NDArray[np.float64]


def convolve(images: Float, kernels: Float, bias: Float | None = None) -> Float:
    """Cross-correlation with zero padding that keeps the size, loop by loop."""
    pad = kernels.shape[2] // 2
    padded = np.pad(images, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    height, width = images.shape[2:]
    out = np.zeros((len(images), len(kernels), height, width))
    for y in range(height):
        for x in range(width):
            patch = padded[:, :, y : y + kernels.shape[2], x : x + kernels.shape[3]]
            out[:, :, y, x] = np.einsum("nchw,kchw->nk", patch, kernels)
    return out if bias is None else out + bias[None, :, None, None]


def array(tensor: torch.Tensor | None) -> Float:
    assert tensor is not None
    return tensor.detach().numpy()


def batch_normalise(images: Float, layer: nn.BatchNorm2d) -> Float:
    """With the running statistics."""

    def shaped(tensor: torch.Tensor | None) -> Float:
        return array(tensor)[None, :, None, None]

    centred = (images - shaped(layer.running_mean)) / np.sqrt(shaped(layer.running_var) + layer.eps)
    return centred * shaped(layer.weight) + shaped(layer.bias)


def transcribed_block(images: Float, block: AdaptiveLearningBlock) -> Float:
    first, first_norm, _, second, second_norm, _ = block.convolutions
    assert isinstance(first, nn.Conv2d)
    assert isinstance(second, nn.Conv2d)
    assert isinstance(first_norm, nn.BatchNorm2d)
    assert isinstance(second_norm, nn.BatchNorm2d)
    hidden = np.maximum(batch_normalise(convolve(images, array(first.weight)), first_norm), 0)
    narrow = np.maximum(batch_normalise(convolve(hidden, array(second.weight)), second_norm), 0)
    pooled = np.concatenate([narrow.mean(axis=(2, 3)), narrow.max(axis=(2, 3))], axis=1)
    scalar = convolve(pooled[..., None, None], array(block.scalar.weight), array(block.scalar.bias))
    return 1 / (1 + np.exp(-scalar))


def transcribed_unit(images: Float, unit: ALNU) -> Float:
    out = np.zeros_like(images)
    gamma, beta = transcribed_block(images, unit.gamma), transcribed_block(images, unit.beta)
    for n, image in enumerate(images):
        mean = image.sum() / image.size
        deviation = np.sqrt(((image - mean) ** 2).sum() / image.size + 1e-6)
        out[n] = gamma[n] * (image - mean) / deviation + beta[n]
    return out


@pytest.fixture
def unit() -> ALNU:
    """A unit in evaluation mode whose normalisation layers are not trivial."""
    torch.manual_seed(0)
    made = ALNU(32).double()
    for layer in made.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias)
            assert layer.running_mean is not None
            assert layer.running_var is not None
            nn.init.normal_(layer.running_mean)
            nn.init.uniform_(layer.running_var, 0.5, 1.5)
    return made.eval()


def test_equals_equations_2_to_6(unit: ALNU) -> None:
    images = np.random.default_rng(1).normal(2, 3, size=(2, 32, 4, 5))
    found = unit(torch.tensor(images))
    np.testing.assert_allclose(array(found), transcribed_unit(images, unit), atol=1e-10)


def test_scale_and_shift_are_one_scalar_per_sample_read_from_the_feature_itself(
    unit: ALNU,
) -> None:
    images = torch.rand(3, 32, 4, 4, dtype=torch.float64)
    gamma, beta = unit.gamma(images), unit.beta(images)
    assert gamma.shape == beta.shape == (3, 1, 1, 1)
    assert not torch.allclose(gamma, unit.gamma(images * 5))


def test_scale_and_shift_share_no_weights(unit: ALNU) -> None:
    gamma = {id(parameter) for parameter in unit.gamma.parameters()}
    assert gamma.isdisjoint(id(parameter) for parameter in unit.beta.parameters())


def test_widths_are_a_quarter_and_a_sixteenth() -> None:
    block = ALNU(512).gamma
    assert [c.weight.shape[:2] for c in block.modules() if isinstance(c, nn.Conv2d)] == [
        (128, 512),
        (32, 128),
        (1, 64),
    ]


def test_few_channels_keep_one() -> None:
    assert ALNU(3)(torch.rand(2, 3, 4, 4)).shape == (2, 3, 4, 4)


def test_a_variance_beyond_half_precision_is_normalised() -> None:
    torch.manual_seed(0)
    # A deviation of 1000 is a variance of a million, and half precision ends at 65504.
    images = 1000 * torch.randn(2, 16, 6, 6)
    unit = ALNU(16).eval()
    # Else the scale, read from values so large, may be nearly 0 and hide the normalised feature.
    nn.init.zeros_(unit.gamma.scalar.weight)
    found = unit.half()(images.half())
    assert found.dtype == torch.float16
    torch.testing.assert_close(found.float(), unit.float()(images), atol=0.02, rtol=0.01)


def test_a_constant_image_stays_finite(unit: ALNU) -> None:
    assert torch.isfinite(unit(torch.full((1, 32, 4, 4), 7.0, dtype=torch.float64))).all()
