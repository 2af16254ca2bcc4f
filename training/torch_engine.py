"""A checkpoint's model behind the protocol that runs a bundle, so that both are measured alike."""

import numpy as np
import torch
from numpy.typing import NDArray

from training.model import CCNet
from vreid.modality import Modality


class TorchEngine:
    """Runs the branches of a CCNet in evaluation mode.

    Args:
        model: the network; moved to `device`.
        device: such as "cpu" or "cuda"; by default a GPU where there is one.
    """

    name = "torch"
    precision = "fp32"

    def __init__(self, model: CCNet, device: str | None = None) -> None:
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.model = model.to(self.device).to(memory_format=torch.channels_last).eval()

    @torch.inference_mode()
    def run(self, modality: Modality, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Branch features (N, D) of preprocessed images (N, 3, H, W)."""
        batch = torch.from_numpy(images).to(self.device, memory_format=torch.channels_last)
        features = self.model.branch(modality).embed(batch).float()
        return np.asarray(features.cpu().numpy(), dtype=np.float32)
