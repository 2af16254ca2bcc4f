"""Why weights do not fit a model, in a few words."""

from collections.abc import Mapping

from torch import Tensor

from training.config import TrainingConfig


def unlike_settings(wanted: TrainingConfig, given: TrainingConfig) -> str:
    """The settings that decide which tensors a model has, where two configurations differ.

    Returns:
        Such as "backbone resnet50 instead of osnet_x0_25", what is given first. The size of the
        images, which some transformers' tensors depend on, only where [model] is the same. Empty
        where all are equal.
    """
    return _unlike(_of_model(wanted), _of_model(given)) or _unlike(
        _image_size(wanted), _image_size(given)
    )


def unlike_tensors(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str:
    """How many tensors are missing, unknown or of another shape, and one of them."""
    problems = [
        *(f"{name} is missing" for name in wanted if name not in given),
        *(f"{name} is unknown" for name in given if name not in wanted),
        *(
            f"{name} has shape {_shape(given[name])} instead of {_shape(tensor)}"
            for name, tensor in wanted.items()
            if name in given and given[name].shape != tensor.shape
        ),
    ]
    if not problems:
        return "all tensors fit"
    return f"{len(problems)} tensors do not fit, the first: {problems[0]}"


def _unlike(ours: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    return ", ".join(
        f"{name} {theirs[name]} instead of {value}"
        for name, value in ours.items()
        if theirs[name] != value
    )


def _of_model(config: TrainingConfig) -> dict[str, str]:
    model = config.model
    return {
        "architecture": model.architecture,
        "backbone": model.backbone,
        "normalisation": model.normalisation,
        "pooling": model.pooling,
    }


def _image_size(config: TrainingConfig) -> dict[str, str]:
    image = config.preprocessing
    return {"image size": f"{image.height} x {image.width}"}


def _shape(tensor: Tensor) -> str:
    return str(tuple(tensor.shape))
