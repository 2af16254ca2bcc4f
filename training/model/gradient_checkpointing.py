"""Less memory for more time: layers run again in the backward pass instead of keeping all values.

A layer's second run must not move the running statistics of its batch normalisations again.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def run_checkpointed(layers: Iterable[nn.Module], features: Tensor) -> Tensor:
    """Runs layers after each other and keeps, of each, its input alone."""
    for layer in layers:
        features = cast(Tensor, _run_checkpointed(layer, features))
    return features


def _run_checkpointed(layer: nn.Module, features: Tensor) -> object:
    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), still_running_statistics(layer)

    return checkpoint(layer, features, use_reentrant=False, context_fn=contexts)


@contextmanager
def still_running_statistics(module: nn.Module) -> Iterator[None]:
    """Lets batch normalisations use a batch's statistics without remembering them."""
    norms = [
        layer
        for layer in module.modules()
        if isinstance(layer, _BatchNorm) and layer.track_running_stats
    ]
    # Without its running statistics a batch normalisation would keep other tensors for the
    # backward pass than it did at first; with momentum 0 it leaves them as they are.
    momenta = [norm.momentum for norm in norms]
    counts = [_count(norm).clone() for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        with torch.no_grad():
            for norm, momentum, count in zip(norms, momenta, counts, strict=True):
                norm.momentum = momentum
                _count(norm).copy_(count)


def _count(norm: _BatchNorm) -> Tensor:
    assert norm.num_batches_tracked is not None
    return norm.num_batches_tracked
