"""From settings to a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from training.model.ccnet import CCNet
from training.model.hamnet import HAMNet
from training.model.network import Network
from training.model.pfnet import PFNet

if TYPE_CHECKING:
    from training.config import ModelConfig

Architecture = Literal["ccnet", "hamnet", "pfnet"]


def build_model(
    settings: ModelConfig, identities: int, image_size: tuple[int, int] | None = None
) -> Network:
    """Makes the network that a configuration asks for.

    Args:
        settings: its section `model`.
        identities: number of identities to classify.
        image_size: (H, W) of the preprocessed images.

    Raises:
        ConfigurationError: no such backbone, or the settings do not go together.
        PretrainedWeightsError: the first weights are not there or do not fit.
    """
    match settings.architecture:
        case "ccnet":
            return CCNet(
                settings.backbone,
                identities,
                settings.normalisation,
                settings.pretrained,
                image_size,
                settings.pooling,
                settings.drop_path,
            )
        case "hamnet" | "pfnet" as name:
            architecture = HAMNet if name == "hamnet" else PFNet
            return architecture(
                settings.backbone,
                identities,
                settings.normalisation,
                settings.pretrained,
                settings.drop_path,
            )
