"""HAMNet, heterogeneity-collaboration aware multi-stream network (Li et al., AAAI 2020).

From the paper and its released code: three ResNet50 streams without shared weights; a class
response map of every stream, made by a 1x1 convolution from channels to identities; their fusion
by the elementwise maximum of the maps' sigmoids; each class's share that a stream has in the fused
response weighs the streams' features, whose weighted sum represents the vehicle; cross entropy on
every stream and on the fused class scores; and the HC loss on the streams' features, which is
`objective.hetero_center` here.

Our reading: one 1x1 convolution for the three streams, as their classifier is shared; a stream's
class scores are the means of its response map; the fused feature has a BNNeck and a classifier of
its own. The paper knows no missing modalities: a missing one responds to no class and so has no
share in the fused feature.
"""

import torch
from torch import Tensor, nn

from training.model.branch import Neck, identity_classifier
from training.model.joint_network import JointNetwork
from training.model.network import CCNetOutput
from training.model.normalisation import MiddleNormalisation
from training.model.pretrained import NONE
from vreid.errors import ConfigurationError


class HAMNet(JointNetwork):
    """Arguments as `JointNetwork`, but it needs identities: their response maps weigh the streams.

    Raises:
        ConfigurationError: no identities, or the backbone is a vision transformer.
    """

    def __init__(
        self,
        backbone: str = "resnet50",
        identities: int = 0,
        normalisation: MiddleNormalisation = "none",
        pretrained: str = NONE,
        drop_path: float = 0.0,
    ) -> None:
        if not identities:
            raise ConfigurationError(
                "HAMNet weighs the modalities by the identities' response maps and cannot be made "
                "without identities; give the number of those it is trained on"
            )
        super().__init__(backbone, identities, normalisation, pretrained, drop_path)
        self.feature_size = self.metric_feature_size = self.channels
        self.responses = nn.Conv2d(self.channels, identities, 1, bias=False)
        nn.init.normal_(self.responses.weight, std=0.001)
        self.neck = Neck(self.channels)
        self.classifier = identity_classifier(self.channels, identities)

    def fuse(self, maps: Tensor, mask: Tensor) -> CCNetOutput:
        """See `JointNetwork.fuse`; `joint_logits` has one column, of the fused feature."""
        features = maps.mean(dim=(3, 4))
        responses = self.responses(maps.flatten(0, 1)).unflatten(0, mask.shape)
        fused = (stream_weights(responses, mask).unsqueeze(2) * features).sum(dim=1)
        neck = self.neck(fused)
        return CCNetOutput(
            features,
            neck.unsqueeze(1).expand(-1, mask.shape[1], -1),
            responses.mean(dim=(3, 4)),
            self.classifier(neck).unsqueeze(1),
        )


def stream_weights(responses: Tensor, mask: Tensor) -> Tensor:
    """How much each stream counts in a sample; a row sums to 1.

    Args:
        responses: class response maps before the sigmoid, (B, 3, identities, h, w).
        mask: (B, 3) bool; a missing modality counts nothing.

    Returns:
        (B, 3).
    """
    response = torch.sigmoid(responses.float()) * mask[:, :, None, None, None]
    strongest = response.amax(dim=1).sum(dim=(2, 3))
    importance = strongest / strongest.sum(dim=1, keepdim=True).clamp_min(1e-12)
    each = response.sum(dim=(3, 4))
    share = each / each.sum(dim=1, keepdim=True).clamp_min(1e-12)
    return (importance.unsqueeze(1) * share).sum(dim=2)
