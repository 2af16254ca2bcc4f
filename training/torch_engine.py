"""A checkpoint's model behind the protocol that runs a bundle, so that both are measured alike."""

from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from training.joint_features import subset_masks
from training.model import Network
from training.model.joint_network import JointNetwork
from vreid.modality import MODALITIES, Modality
from vreid.preprocessing import Preprocessing, normalise


class TorchEngine:
    """Runs the branches of a network in evaluation mode, or whole samples where it is joint.

    Args:
        model: the network; moved to `device`.
        preprocessing: the network's, by which pixels are normalised.
        device: such as "cpu" or "cuda"; by default a GPU where there is one.
    """

    name = "torch"
    precision = "fp32"

    def __init__(
        self, model: Network, preprocessing: Preprocessing, device: str | None = None
    ) -> None:
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.normalisation = preprocessing.normalisation
        self.model = model.to(self.device).to(memory_format=torch.channels_last).eval()

    @property
    def joint(self) -> bool:
        """Whether the network computes modalities together, so that `run_jointly` runs it."""
        return self.model.joint

    @torch.inference_mode()
    def run(self, modality: Modality, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Branch features (N, D) of branch pixels (N, H, W, 3).

        Raises:
            JointNetworkError: the network has no branches.
        """
        images = torch.from_numpy(normalise(pixels, self.normalisation[modality]))
        batch = images.to(self.device, memory_format=torch.channels_last)
        features = self.model.branch(modality).embed(batch).float()
        return np.asarray(features.cpu().numpy(), dtype=np.float32)

    @torch.inference_mode()
    def run_jointly(
        self, pixels: NDArray[np.uint8], mask: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Features (7, N, D) of a joint network by subset, see `training.joint_features`.

        Args:
            pixels: (N, 3, H, W, 3), axis 1 the modality.
            mask: (N, 3).
        """
        model = cast(JointNetwork, self.model)
        images = np.stack(
            [
                normalise(pixels[:, modality.index], self.normalisation[modality])
                for modality in MODALITIES
            ],
            axis=1,
        )
        maps = model.last_maps(
            torch.from_numpy(images).to(self.device), torch.from_numpy(mask).to(self.device)
        )
        features = [
            model.embed_subset(maps, torch.from_numpy(mask & subset).to(self.device)).float()
            for subset in subset_masks()
        ]
        return np.asarray(torch.stack(features).cpu().numpy(), dtype=np.float32)
