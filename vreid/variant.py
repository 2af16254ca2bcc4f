"""A variant of a bundle: a precision other than its default one, with what it was measured to cost.

Variants never change the fingerprint: their features are searched with among those of the default
precision, which is why a variant is measured across, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from vreid.errors import ConfigurationError
from vreid.strict_json import Fields

POINTS = 100
"""Points in a mean average precision of 1."""


class MeasuredOn(NamedTuple):
    """What a variant was measured with and on.

    Attributes:
        engine: that ran the variant.
        dataset: label of the set.
        modalities: those left on both sides, by their letters, such as ``T`` or ``R+N+T``.
    """

    engine: str
    dataset: str
    modalities: str

    def __str__(self) -> str:
        """In words, for a sentence."""
        return f"{self.modalities} of {self.dataset} by {self.engine}"


@dataclass(frozen=True)
class VariantMap:
    """Mean average precision of one measurement, in [0, 1].

    Attributes:
        default: queries and gallery in the bundle's default precision.
        variant: both in the variant.
        across: the variant's queries on a gallery of the default precision.
    """

    default: float
    variant: float
    across: float

    @property
    def loss_points(self) -> float:
        """What the variant costs, in points, the worse of the two; below 0 where both gain."""
        return POINTS * (self.default - min(self.variant, self.across))


@dataclass(frozen=True)
class Variant:
    """A precision of a bundle other than its default.

    Attributes:
        files_of: the precision whose files it runs: its own, or another's where it is only
            another way to compute, as bf16 is with the files of fp32.
        map: mean average precision by engine, data set and modalities.
        loss_points: what it costs in the worst of these, in points of mAP.
        milliseconds: to embed one image, the mean over the branches, by engine.
        processor: that the milliseconds were measured on, None where they were not.

    Raises:
        ConfigurationError: a loss that the measurements do not give.
    """

    files_of: str
    map: Mapping[MeasuredOn, VariantMap] = field(default_factory=dict)
    loss_points: float = 0.0
    milliseconds: Mapping[str, float] = field(default_factory=dict)
    processor: str | None = None

    def __post_init__(self) -> None:
        measured = max((one.loss_points for one in self.map.values()), default=self.loss_points)
        if abs(measured - self.loss_points) > 0.01:
            raise ConfigurationError(
                f"loss_points is {self.loss_points}, and map gives {measured:.3f}; "
                "give what the worst measurement lost"
            )

    @property
    def worst(self) -> MeasuredOn | None:
        """Where it costs the most, None where nothing was measured."""
        return max(self.map, key=lambda one: self.map[one].loss_points, default=None)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, as `from_json` reads them."""
        nested: dict[str, dict[str, dict[str, Any]]] = {}
        for (engine, dataset, modalities), one in self.map.items():
            found = {"default": one.default, "variant": one.variant, "across": one.across}
            nested.setdefault(engine, {}).setdefault(dataset, {})[modalities] = found
        return {
            "files_of": self.files_of,
            "map": nested,
            "loss_points": self.loss_points,
            "milliseconds": dict(self.milliseconds),
            "processor": self.processor,
        }

    @classmethod
    def from_json(cls, fields: Fields) -> "Variant":
        """Read what ``to_json`` wrote.

        Raises:
            ConfigurationError: a field is missing, unknown or of the wrong form.
        """
        milliseconds = fields.fields("milliseconds")
        variant = cls(
            files_of=fields.text("files_of"),
            map=_maps(fields.fields("map")),
            loss_points=fields.number("loss_points"),
            milliseconds={name: milliseconds.number(name) for name in milliseconds.names()},
            processor=fields.text("processor") if fields.has("processor") else None,
        )
        fields.finish()
        return variant


def _maps(engines: Fields) -> dict[MeasuredOn, VariantMap]:
    return {
        MeasuredOn(engine, dataset, modalities): _map(subsets.fields(modalities))
        for engine in engines.names()
        for sets in [engines.fields(engine)]
        for dataset in sets.names()
        for subsets in [sets.fields(dataset)]
        for modalities in subsets.names()
    }


def _map(fields: Fields) -> VariantMap:
    found = VariantMap(*(fields.number(name) for name in ("default", "variant", "across")))
    fields.finish()
    return found
