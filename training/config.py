"""Training configurations: TOML files, checked strictly."""

import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from training.data.augmentation import Augmentation
from training.losses import ObjectiveWeights
from training.model.normalisation import MiddleNormalisation
from training.model.pretrained import HUB, NONE, PACKAGE
from vreid.errors import ConfigurationError
from vreid.modality import MODALITIES
from vreid.preprocessing import Normalisation, Preprocessing
from vreid.thermal import ThermalRendering

Three = tuple[float, float, float]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelConfig(_Section):
    """What is trained; `pretrained` is none, hub, package or the path of a weights file."""

    backbone: str = "resnet50"
    normalisation: MiddleNormalisation = "alnu"
    pretrained: str = NONE


class PreprocessingConfig(_Section):
    """The branches' input; mean and standard deviation are the same for all modalities."""

    height: int = Field(ge=1)
    width: int = Field(ge=1)
    mean: Three = (0.485, 0.456, 0.406)
    std: Three = (0.229, 0.224, 0.225)
    thermal: str = "grey"
    low_percentile: float = 1.0
    high_percentile: float = 99.0

    def build(self) -> Preprocessing:
        """The preprocessing that the bundle will record."""
        return Preprocessing(
            height=self.height,
            width=self.width,
            normalisation=dict.fromkeys(MODALITIES, Normalisation(self.mean, self.std)),
            thermal=ThermalRendering(self.thermal, self.low_percentile, self.high_percentile),
        )


class SourceConfig(_Section):
    """A data set, and its part of every batch.

    Attributes:
        dataset: a name that `training.data.load_dataset` knows.
        root: its folder; may be left to the command line (--data NAME=FOLDER).
        split: a split file for a manifest.
        identities_per_batch: P.
        samples_per_identity: K.
    """

    dataset: str
    root: Path | None = None
    split: Path | None = None
    identities_per_batch: int = Field(ge=1)
    samples_per_identity: int = Field(ge=1)


class OptimiserConfig(_Section):
    """Adam adds the weight decay to the gradient, AdamW keeps it apart."""

    kind: Literal["adam", "adamw"] = "adam"
    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(default=5e-4, ge=0)
    gradient_clip: float | None = Field(default=None, gt=0)


class ScheduleConfig(_Section):
    """How the learning rate goes; times are in epochs.

    "multistep": linear warm-up from `warmup_factor` over `warmup_epochs`, then times `decay` at
    each milestone. "one_cycle": half a cosine up over the first `warmup_epochs`, half a cosine down
    to nearly nothing over the rest.
    """

    kind: Literal["multistep", "one_cycle"] = "multistep"
    warmup_epochs: float = Field(default=10, ge=0)
    warmup_factor: float = Field(default=0.01, gt=0, le=1)
    milestones: tuple[float, ...] = ()
    decay: float = Field(default=0.1, gt=0, le=1)


class ComputeConfig(_Section):
    """Where and how it runs; no setting here belongs to the recipe.

    Attributes:
        accelerator, devices, strategy, precision: as Lightning Fabric takes them.
        loader_workers: processes that augment images; 0 for none.
    """

    accelerator: str = "auto"
    devices: int | Literal["auto"] = 1
    strategy: str = "auto"
    precision: Literal["32-true", "16-mixed", "bf16-mixed"] = "32-true"
    loader_workers: int = Field(default=1, ge=0)


class TrainingConfig(_Section):
    """One training run.

    Attributes:
        name: what the model will be called.
        sources: data sets by a name of the run's own, without a slash; the first one's epoch is
            the run's epoch.
        ema_decay: of the moving average of weights that is evaluated and exported; none when
            absent.
    """

    name: str
    seed: int = 2022
    epochs: int = Field(ge=1)
    model: ModelConfig = ModelConfig()
    preprocessing: PreprocessingConfig
    sources: dict[str, SourceConfig] = Field(min_length=1)
    augmentation: Augmentation = Augmentation()
    objective: ObjectiveWeights = ObjectiveWeights()
    optimiser: OptimiserConfig
    schedule: ScheduleConfig = ScheduleConfig()
    ema_decay: float | None = Field(default=None, gt=0, lt=1)
    compute: ComputeConfig = ComputeConfig()

    @model_validator(mode="after")
    def _names_what_exists(self) -> Self:
        self.preprocessing.build()
        return self

    @field_validator("sources")
    @classmethod
    def _names_without_slash(cls, sources: dict[str, SourceConfig]) -> dict[str, SourceConfig]:
        # Identities are called source/identity: a/b/1 could be b/1 of a, or 1 of a/b.
        for name in sources:
            if "/" in name:
                raise ValueError(f"source {name!r} has a slash in its name; leave it out")
        return sources

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return self.model_dump(mode="json")

    def portable(self) -> dict[str, Any]:
        """As plain JSON values without folders: files keep their name, data sets' roots go."""
        document = self.to_json()
        for source in document["sources"].values():
            del source["root"]
            if source["split"] is not None:
                source["split"] = PurePath(source["split"]).name
        if self.model.pretrained not in (NONE, HUB, PACKAGE):
            document["model"]["pretrained"] = PurePath(self.model.pretrained).name
        return document

    @classmethod
    def from_json(cls, document: object, where: str) -> "TrainingConfig":
        """Checks plain values.

        Raises:
            ConfigurationError: a key is unknown or missing, or a value is out of range; the message
                names the key.
        """
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            raise ConfigurationError(f"{where}: {_sentences(error)}") from error


def read_config(path: Path, changes: Iterable[str] = ()) -> TrainingConfig:
    """Reads a TOML configuration.

    Args:
        path: the file.
        changes: "section.key=value" each, the value in TOML or a bare word.

    Raises:
        ConfigurationError: the file cannot be read or is not a valid configuration.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(
            f"{path} cannot be read as TOML ({error}); see training/configs for examples"
        ) from error
    for change in changes:
        _apply(document, change)
    return TrainingConfig.from_json(document, str(path))


def _apply(document: dict[str, Any], change: str) -> None:
    key, equals, text = change.partition("=")
    if not equals:
        raise ConfigurationError(f"{change!r} changes nothing; write section.key=value")
    *sections, last = key.strip().split(".")
    section: Any = document
    for name in sections:
        section = section.setdefault(name, {})
        if not isinstance(section, dict):
            raise ConfigurationError(f"{change!r}: {name} is a value, not a section")
    try:
        section[last] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        section[last] = text


def _sentences(error: ValidationError) -> str:
    return "; ".join(_sentence(problem) for problem in error.errors())


def _sentence(problem: Mapping[str, Any]) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"unknown key {key}; check its spelling and its section"
    return f"{key}: {problem['msg']} (given: {json.dumps(problem['input'], default=str)[:80]})"
