"""The layers of a network half, in the order in which they run."""

from collections.abc import Iterator

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def layers_of(half: nn.Sequential) -> list[nn.Sequential]:
    """Cuts a half into layers, each as a sequence of modules.

    A block (residual, inverted residual, inception, transformer) is a layer of its own. Simple
    modules that stand free, such as a stem's convolution, normalisation, activation and pooling,
    are one layer together.
    """
    layers: list[list[nn.Module]] = []
    joined = False
    for module in _flattened(half):
        simple = _is_simple(module)
        if simple and joined:
            layers[-1].append(module)
        else:
            layers.append([module])
        joined = simple
    return [nn.Sequential(*modules) for modules in layers]


def _flattened(half: nn.Sequential) -> Iterator[nn.Module]:
    for module in half:
        # A subclass of Sequential does more than run its children.
        if type(module) is nn.Sequential:
            yield from _flattened(module)
        else:
            yield module


def _is_simple(module: nn.Module) -> bool:
    return isinstance(module, _BatchNorm) or not any(True for _ in module.children())
