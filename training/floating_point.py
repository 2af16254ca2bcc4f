"""Which floating point numbers are precise enough to sum."""

import torch
from torch import Tensor


def at_least_float32(values: Tensor) -> Tensor:
    """Half precision as float32, in which sums lose nothing; everything else as it is."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values
