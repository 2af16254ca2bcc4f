"""Graphs are checked before they are written: against torch, and compact ones against float32."""

from __future__ import annotations

from export.network_files import Graphs
from export.parity import BranchParity, check_graph, compare, graph_embed, torch_embed
from export.reference_images import ReferenceImages
from export.tolerances import COMPACT_TIE, TIE, require_close_to_float32, require_same_as_torch
from training.model import CCNet


def check_against_torch(
    network: CCNet, graphs: Graphs, references: ReferenceImages
) -> list[BranchParity]:
    """Measure every graph against its branch; raises ParityError at the first that differs."""
    found = []
    for modality, graph in graphs.items():
        check_graph(graph, modality)
        branch = torch_embed(network.branch(modality))
        parity = compare(modality, branch, graph_embed(graph), references.images[modality], TIE)
        require_same_as_torch(parity)
        found.append(parity)
    return found


def check_against_float32(
    graphs: Graphs, compacted: Graphs, references: ReferenceImages, by_ranking: bool
) -> list[BranchParity]:
    """Measure every compact graph against the float32 one; raises ParityError."""
    found = []
    for modality, graph in compacted.items():
        check_graph(graph, modality)
        parity = compare(
            modality,
            graph_embed(graphs[modality]),
            graph_embed(graph),
            references.images[modality],
            COMPACT_TIE,
        )
        require_close_to_float32(parity, by_ranking)
        found.append(parity)
    return found
