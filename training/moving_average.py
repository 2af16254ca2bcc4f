"""Exponential moving average of a model's weights."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class MovingAverage:
    """Follows a model's state dict: `average = decay * average + (1 - decay) * weights`.

    The first updates use a smaller decay, `(1 + n) / (10 + n)`, so that the random start is soon
    forgotten. Counters are copied, running statistics averaged like weights.

    Args:
        model: whose weights it starts from.
        decay: in (0, 1).
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.weights = {name: value.clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Moves the average towards the model's present weights."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        for name, value in model.state_dict().items():
            average = self.weights[name]
            if average.is_floating_point():
                average.lerp_(value, 1 - decay)
            else:
                average.copy_(value)

    def restore(self, weights: Mapping[str, Tensor], updates: int) -> None:
        """Goes on from a checkpoint."""
        for name, average in self.weights.items():
            average.copy_(weights[name])
        self.updates = updates
