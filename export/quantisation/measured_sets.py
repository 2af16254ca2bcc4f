"""The data sets on which ways to compute a model are compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from export.named_sets import Roles
from export.validation import EmbeddedSets, by_role, embed_validation
from training.data import Dataset
from vreid.engines import BranchRunner
from vreid.preprocessing import Preprocessing


def measured_sets(
    roles: Roles, preprocessing: Preprocessing, runner: BranchRunner, feature_size: int
) -> EmbeddedSets:
    """What is ranked of the sets, embedded; of those that calibrate where none is reported.

    Errors as ``training.embedded``.
    """
    reported = bool(roles.reported or roles.halved)
    asked = replace(roles, calibration={}) if reported else roles

    def embedded(datasets: Mapping[str, Dataset]) -> EmbeddedSets:
        return embed_validation(datasets, preprocessing, runner, feature_size)

    return by_role(
        asked, embedded(asked.reported), embedded(asked.halved), embedded(asked.calibration)
    ).compared
