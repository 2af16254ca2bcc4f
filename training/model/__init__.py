"""CCNet and its parts."""

from training.model.alnu import ALNU
from training.model.branch import Branch, BranchOutput
from training.model.ccnet import CCNet, CCNetOutput

__all__ = ["ALNU", "Branch", "BranchOutput", "CCNet", "CCNetOutput"]
