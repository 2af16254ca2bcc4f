"""CCNet, the networks it is compared with, and their parts."""

from training.model.alnu import ALNU
from training.model.branch import Branch, BranchOutput
from training.model.build import Architecture, build_model
from training.model.ccnet import CCNet
from training.model.hamnet import HAMNet
from training.model.network import CCNetOutput, Network
from training.model.parameter_groups import parameter_groups
from training.model.pfnet import PFNet
from training.model.trunk import Trunk, set_gradient_checkpointing

__all__ = [
    "ALNU",
    "Architecture",
    "Branch",
    "BranchOutput",
    "CCNet",
    "CCNetOutput",
    "HAMNet",
    "Network",
    "PFNet",
    "Trunk",
    "build_model",
    "parameter_groups",
    "set_gradient_checkpointing",
]
