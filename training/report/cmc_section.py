"""CMC of every policy."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from training.evaluation.published import published
from training.report.cmc_plot import cmc_curves
from training.report.document import Plot, Section


def cmc_section(cmc: Mapping[str, NDArray[np.float64]], comparable: bool) -> Section:
    """Curves by policy.

    Args:
        cmc: as `Measurement.cmc`.
        comparable: whether the paper's figures were measured on this data.
    """
    paper = {}
    if comparable:
        row = published("table4_msvr310")["CCNet"]
        shares = {1: row.rank1, 5: row.rank5, 10: row.rank10}
        paper["CCNet, paper"] = {rank: share for rank, share in shares.items() if share is not None}
    return Section(
        "cmc",
        "Cumulative matching characteristic",
        plots=(
            Plot(
                cmc_curves(cmc, paper),
                "Curves of the share of queries matched: "
                + "; ".join(
                    f"{policy}: "
                    + ", ".join(
                        f"{100 * shares[min(rank, len(shares)) - 1]:.1f} % at rank {rank}"
                        for rank in (1, 5, 10, 20)
                    )
                    for policy, shares in cmc.items()
                )
                + ".",
                "Share of queries with a true match among their first k, by policy of comparison.",
            ),
        ),
    )
