"""From a cosine to the probability that two samples show the same vehicle.

Cosines of different representations are not comparable: two samples of one vehicle may score 0.9
in RGB and 0.5 in thermal. A calibration holds one monotone table for each representation and set
of modalities; probabilities from different tables are comparable. The tables are fitted at export
(isotonic regression) and travel in the bundle's manifest.

Keys:

    shared:rgb+tir         concatenation of RGB and TIR, which both sides have
    shared:rgb+nir+tir     all three, which is what policy ``concat`` compares
    center:rgb+nir|tir     centers, the query's modalities before the bar, the gallery's after it
    shared, center         the general tables, used where the exact key is absent
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vreid.errors import ConfigurationError
from vreid.modality import Modality, subset_name
from vreid.strict_json import Fields

TILT = 1e-3
"""Share of the cosine itself in a probability.

Isotonic tables have flat stretches. Mixing in a thousandth of ``(cosine + 1) / 2`` makes
the probability strictly increasing, so that ranking by it never ties what the cosine separates.
It is large enough for that to hold in float64 between cosines 1e-12 apart.
"""


def shared_key(modalities: Iterable[Modality]) -> str:
    """Key of the table for the concatenation of these modalities, which both sides have."""
    return f"shared:{subset_name(modalities)}"


def center_key(query: Iterable[Modality], gallery: Iterable[Modality]) -> str:
    """Key of the table for centers over these modalities of the query and of the gallery."""
    return f"center:{subset_name(query)}|{subset_name(gallery)}"


@dataclass(frozen=True)
class CalibrationTable:
    """A monotone, piecewise linear map from cosine to probability.

    Attributes:
        cosines: strictly increasing, within [-1, 1], at least two.
        probabilities: not decreasing, within [0, 1], as many.
        thresholds: false-accept rate -> the cosine from which on a pair is accepted at it.

    Raises:
        ConfigurationError: the values are not as described.
    """

    cosines: tuple[float, ...]
    probabilities: tuple[float, ...]
    thresholds: Mapping[float, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.cosines) != len(self.probabilities) or len(self.cosines) < 2:
            raise ConfigurationError(
                f"a calibration table has {len(self.cosines)} cosines and "
                f"{len(self.probabilities)} probabilities; give equally many, at least two"
            )
        if not all(-1 <= cosine <= 1 for cosine in self.cosines) or not all(
            low < high for low, high in pairwise(self.cosines)
        ):
            raise ConfigurationError(
                "a calibration table's cosines must increase strictly within -1 and 1; fit it again"
            )
        if not all(0 <= probability <= 1 for probability in self.probabilities) or not all(
            low <= high for low, high in pairwise(self.probabilities)
        ):
            raise ConfigurationError(
                "a calibration table's probabilities must not decrease and lie within 0 and 1; "
                "fit it again"
            )
        if not all(0 < rate < 1 for rate in self.thresholds) or not all(
            -1 <= cosine <= 1 for cosine in self.thresholds.values()
        ):
            raise ConfigurationError(
                "a calibration table's thresholds must map false-accept rates between 0 and 1 "
                "to cosines within -1 and 1; fit it again"
            )

    def probability(self, cosine: ArrayLike) -> NDArray[np.float64]:
        """Probability for each cosine, strictly increasing in it; same shape as ``cosine``."""
        clipped = np.clip(np.asarray(cosine, dtype=np.float64), -1.0, 1.0)
        fitted = np.interp(clipped, self.cosines, self.probabilities)
        return np.asarray((1 - TILT) * fitted + TILT * (clipped + 1) / 2, dtype=np.float64)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, as `from_json` reads them."""
        return {
            "cosines": list(self.cosines),
            "probabilities": list(self.probabilities),
            "thresholds": {repr(rate): cosine for rate, cosine in sorted(self.thresholds.items())},
        }

    @classmethod
    def from_json(cls, document: object, where: str = "calibration table") -> "CalibrationTable":
        """Read what ``to_json`` wrote.

        Raises:
            ConfigurationError: a field is missing, unknown or out of range.
        """
        fields = Fields(document, where)
        cosines = fields.numbers("cosines")
        probabilities = fields.numbers("probabilities")
        written = fields.fields("thresholds")
        fields.finish()
        return cls(
            cosines,
            probabilities,
            {_rate(name, written.where): written.number(name) for name in written.names()},
        )


@dataclass(frozen=True)
class Calibration:
    """The calibration tables of a bundle, by key (see the module's description)."""

    tables: Mapping[str, CalibrationTable]

    def table(self, key: str) -> CalibrationTable | None:
        """The table of this key, else the general one of its representation, else None."""
        return self.tables.get(key) or self.tables.get(key.partition(":")[0])

    def covers(self, keys: Iterable[str]) -> bool:
        """Whether there is a table, exact or general, for every one of the keys."""
        return all(self.table(key) is not None for key in keys)

    def probability(self, key: str, cosine: ArrayLike) -> NDArray[np.float64] | None:
        """Probability of "same vehicle" for each cosine, or None where no table covers the key."""
        table = self.table(key)
        return None if table is None else table.probability(cosine)

    def threshold(self, key: str, false_accept_rate: float) -> float | None:
        """The cosine from which on pairs are accepted at this rate, or None where unknown."""
        table = self.table(key)
        return None if table is None else table.thresholds.get(false_accept_rate)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, as `from_json` reads them."""
        return {key: table.to_json() for key, table in sorted(self.tables.items())}

    @classmethod
    def from_json(cls, document: object, where: str = "calibration") -> "Calibration":
        """Read what ``to_json`` wrote.

        Raises:
            ConfigurationError: a key is none of those described, or a table is not valid.
        """
        fields = Fields(document, where)
        for key in fields.names():
            if key.partition(":")[0] not in ("shared", "center"):
                raise ConfigurationError(
                    f"{where} has a table {key!r}; keys begin with shared or center"
                )
        return cls(
            {
                key: CalibrationTable.from_json(fields.value(key), f"{where}.{key}")
                for key in fields.names()
            }
        )


def _rate(name: str, where: str) -> float:
    try:
        return float(name)
    except ValueError:
        raise ConfigurationError(
            f"{where} has the false-accept rate {name!r}; give a number such as 0.001"
        ) from None
