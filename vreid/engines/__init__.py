"""Inference engines: what runs a bundle's network files, behind one protocol."""

from vreid.engines.names import ENGINES, PRECISIONS
from vreid.engines.opening import open_engine
from vreid.engines.protocol import BranchEngine, BranchRunner

__all__ = ["ENGINES", "PRECISIONS", "BranchEngine", "BranchRunner", "open_engine"]
