"""Batch normalisation by the statistics of all processes' rows, on any device.

torch's own SyncBatchNorm runs on GPUs only. This one is built of sums over processes, so that what
is tested on CPU is what runs on GPUs.
"""

from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm

from training.floating_point import at_least_float32


class _SumWithGradient(torch.autograd.Function):
    """Sums over processes; the gradient is the sum of the processes' gradients."""

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:  # noqa: ANN401
        total = own.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # noqa: ANN401
        total = gradients[0].contiguous().clone()
        distributed.all_reduce(total)
        return total


class SharedBatchNorm(_BatchNorm):
    """Takes the place of a batch normalisation, under the same names in the state dict.

    Args:
        original: whose parameters and buffers it takes over; an activation that timm keeps inside
            of one runs after it.
    """

    def __init__(self, original: _BatchNorm) -> None:
        super().__init__(original.num_features, original.eps, original.momentum)
        self.weight, self.bias = original.weight, original.bias
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            setattr(self, name, getattr(original, name))
        inner = (getattr(original, name, nn.Identity()) for name in ("drop", "act"))
        self.activation = nn.Sequential(*inner)

    def forward(self, input: Tensor) -> Tensor:
        """(n, C, ...) -> the same, by statistics over the n of all processes."""
        if not self.training or not distributed.is_initialized():
            normalised = nn.functional.batch_norm(
                input,
                self.running_mean,
                self.running_var,
                self.weight,
                self.bias,
                self.training,
                self.momentum or 0.0,
                self.eps,
            )
            return self._activated(normalised)
        values = at_least_float32(input)
        shape = [1, -1] + [1] * (input.ndim - 2)
        others = [axis for axis in range(input.ndim) if axis != 1]
        ones = values.new_full((1,), values.numel() / values.shape[1])
        sums = _summed(torch.cat([values.sum(others), ones]))
        count = sums[-1].detach()
        mean = sums[:-1] / count
        centred = values - mean.view(shape)
        variance = _summed(centred.square().sum(others)) / count
        self._follow(mean.detach(), variance.detach(), float(count))
        normalised = centred * torch.rsqrt(variance + self.eps).view(shape)
        normalised = normalised * self.weight.view(shape) + self.bias.view(shape)
        return self._activated(normalised.to(input.dtype))

    def _activated(self, normalised: Tensor) -> Tensor:
        activated: Tensor = self.activation(normalised)
        return activated

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor, count: float) -> None:
        if self.running_mean is None or self.running_var is None or self.momentum is None:
            return
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (count / max(count - 1, 1)), self.momentum)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked += 1


def _summed(values: Tensor) -> Tensor:
    total: Tensor = _SumWithGradient.apply(values)
    return total


def share_batch_norms(module: nn.Module) -> None:
    """Puts `SharedBatchNorm` in the place of every batch normalisation inside of a module."""
    for name, child in module.named_children():
        if isinstance(child, _BatchNorm):
            setattr(module, name, SharedBatchNorm(child))
        else:
            share_batch_norms(child)
