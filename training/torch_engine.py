"""A checkpoint's model behind the protocol that runs a bundle, so that both are measured alike."""

from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from training.joint_features import subset_masks
from training.model import Network
from training.model.joint_network import JointNetwork
from vreid.modality import Modality


class TorchEngine:
    """Runs the branches of a network in evaluation mode, or whole samples where it is joint.

    Args:
        model: the network; moved to `device`.
        device: such as "cpu" or "cuda"; by default a GPU where there is one.
    """

    name = "torch"
    precision = "fp32"

    def __init__(self, model: Network, device: str | None = None) -> None:
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.model = model.to(self.device).to(memory_format=torch.channels_last).eval()

    @property
    def joint(self) -> bool:
        """Whether the network computes modalities together, so that `run_jointly` runs it."""
        return self.model.joint

    @torch.inference_mode()
    def run(self, modality: Modality, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Branch features (N, D) of preprocessed images (N, 3, H, W).

        Raises:
            JointNetworkError: the network has no branches.
        """
        batch = torch.from_numpy(images).to(self.device, memory_format=torch.channels_last)
        features = self.model.branch(modality).embed(batch).float()
        return np.asarray(features.cpu().numpy(), dtype=np.float32)

    @torch.inference_mode()
    def run_jointly(
        self, images: NDArray[np.float32], mask: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Features (7, N, D) of a joint network by subset, see `training.joint_features`.

        Args:
            images: (N, 3, 3, H, W), axis 1 the modality.
            mask: (N, 3).
        """
        model = cast(JointNetwork, self.model)
        maps = model.last_maps(
            torch.from_numpy(images).to(self.device), torch.from_numpy(mask).to(self.device)
        )
        features = [
            model.embed_subset(maps, torch.from_numpy(mask & subset).to(self.device)).float()
            for subset in subset_masks()
        ]
        return np.asarray(torch.stack(features).cpu().numpy(), dtype=np.float32)
