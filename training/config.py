"""Training configurations: TOML files, checked strictly."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from training.data.augmentation import Augmentation
from training.losses import ObjectiveWeights
from training.model.build import Architecture
from training.model.normalisation import MiddleNormalisation
from training.model.pretrained import HUB, NONE, PACKAGE
from training.model.vision_transformer import TokenPooling
from training.recipe_file import read_recipe
from training.unused_settings import refuse_unused_settings
from vreid.errors import ConfigurationError
from vreid.modality import MODALITIES
from vreid.preprocessing import Normalisation, Preprocessing
from vreid.thermal import ThermalRendering

Three = tuple[float, float, float]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelConfig(_Section):
    """What is trained.

    Attributes:
        architecture: ccnet has one branch per modality; hamnet and pfnet compute them together.
        backbone: a name in `training.model.backbones.BACKBONES`.
        normalisation: the unit in the middle of each backbone.
        pretrained: none, hub, package or the path of a weights file.
        pooling: what of a vision transformer's tokens is a branch's feature; other backbones'
            maps are averaged.
        drop_path: share of residual blocks skipped in training, growing to this in the last one.
    """

    architecture: Architecture = "ccnet"
    backbone: str = "resnet50"
    normalisation: MiddleNormalisation = "alnu"
    pretrained: str = NONE
    pooling: TokenPooling = "class"
    drop_path: float = Field(default=0.0, ge=0, lt=1)


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
    """How weights are changed.

    Attributes:
        kind: adam adds the weight decay to the gradient, adamw keeps it apart.
        learning_rate: of the heads, and of the backbones where the factors below are 1.
        weight_decay: of all weights.
        gradient_clip: longest gradient; none when absent.
        backbone_factor: of the backbones' learning rate: a pretrained one wants a lower rate than
            heads that start at random.
        layer_decay: factor from each layer of a backbone to the one before it.
    """

    kind: Literal["adam", "adamw"] = "adam"
    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(default=5e-4, ge=0)
    gradient_clip: float | None = Field(default=None, gt=0)
    backbone_factor: float = Field(default=1.0, gt=0)
    layer_decay: float = Field(default=1.0, gt=0, le=1)


class ScheduleConfig(_Section):
    """How the learning rate goes; times are in epochs.

    "multistep": linear warm-up from `warmup_factor` over `warmup_epochs`, then times `decay` at
    each milestone. "one_cycle": half a cosine up over the first `warmup_epochs`, half a cosine down
    to nearly nothing over the rest. "cosine": linear warm-up from `warmup_factor`, step by step,
    then half a cosine down to `end_factor` over the rest.
    """

    kind: Literal["multistep", "one_cycle", "cosine"] = "multistep"
    warmup_epochs: float = Field(default=10, ge=0)
    warmup_factor: float = Field(default=0.01, gt=0, le=1)
    milestones: tuple[float, ...] = ()
    decay: float = Field(default=0.1, gt=0, le=1)
    end_factor: float = Field(default=0.0, ge=0, le=1)


class ComputeConfig(_Section):
    """Where and how it runs.

    Not part of the recipe, so a resumed run may change them, but for `batch_split` "batches" with
    its number of devices, which decides how many samples a step sees and has to stay, and
    `sync_batch_norm`, of whose change on several devices a resumed run warns.

    Attributes:
        accelerator, devices, strategy, precision: as Lightning Fabric takes them.
        loader_workers: processes that augment images; 0 for none.
        image_cache: where decoded images are kept: "memory"; "disk", one mapped file per source;
            "none", decoded at every draw; "auto", memory up to `image_cache_mib`, disk beyond it.
        image_cache_mib: the most that "auto" keeps in memory, in MiB, of each process.
        image_cache_folder: of "disk"; `decoded` in the run's directory when absent. Runs that share
            it share the files.
        on_bad_image: what an image does that cannot be read: "stop" ends the run, "skip" leaves its
            sample out, warns and writes its name to `bad_images.txt` in the run's directory.
        batch_split: with several devices, "identities" divides the identities of every batch among
            them, so that the result does not depend on their number; "batches" gives each device
            whole batches of its own, so that a step sees as many more samples.
        sync_batch_norm: whether devices share batch statistics under "identities".
        channels_last: memory layout in which convolutions run faster.
        compile: compile the branches with torch.compile.
        gradient_checkpointing: compute activations again in the backward pass, to save memory.
        deterministic: refuse operations whose result may differ from run to run on a GPU.
        tf32: let a GPU multiply float32 with 10 bits of mantissa.
    """

    accelerator: str = "auto"
    devices: int | Literal["auto"] = 1
    strategy: str = "auto"
    precision: Literal["32-true", "16-mixed", "bf16-mixed", "64-true"] = "32-true"
    loader_workers: int = Field(default=1, ge=0)
    image_cache: Literal["auto", "memory", "disk", "none"] = "auto"
    image_cache_mib: int = Field(default=4096, ge=1)
    image_cache_folder: Path | None = None
    on_bad_image: Literal["stop", "skip"] = "stop"
    batch_split: Literal["identities", "batches"] = "identities"
    sync_batch_norm: bool = True
    channels_last: bool = True
    compile: bool = False
    gradient_checkpointing: bool = False
    deterministic: bool = False
    tf32: bool = True


class ValidationConfig(_Section):
    """Measuring during training; decides which checkpoint is kept as best, not how it is trained.

    Attributes:
        every: epochs between two measurements; 0 for none.
        source: whose query and gallery; the first source when absent.
    """

    every: int = Field(default=0, ge=0)
    source: str | None = None


class TrainingConfig(_Section):
    """One training run.

    Attributes:
        name: what the model will be called.
        sources: data sets by a name of the run's own, without a slash; the first one's epoch is
            the run's epoch.
        ema_decay: of the moving average of weights that is evaluated and exported; none when
            absent or 0.
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
    ema_decay: float | None = Field(default=None, ge=0, lt=1)
    validation: ValidationConfig = ValidationConfig()
    compute: ComputeConfig = ComputeConfig()

    @model_validator(mode="after")
    def _names_what_exists(self) -> Self:
        self.preprocessing.build()
        if self.validation.source not in (None, *self.sources):
            raise ValueError(
                f"validation.source {self.validation.source!r} is no source; "
                f"use one of {', '.join(self.sources)}"
            )
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
        document["compute"]["image_cache_folder"] = None
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
    """Reads a TOML configuration; it may extend another, see `training.recipe_file.read_recipe`.

    Args:
        path: the file.
        changes: "section.key=value" each, the value in TOML or a bare word.

    Raises:
        ConfigurationError: the file, or one it extends, cannot be read, or they make no valid
            configuration together, or a setting has no effect beside the others.
    """
    config = TrainingConfig.from_json(read_recipe(path, changes), str(path))
    refuse_unused_settings(config, str(path))
    return config


def _sentences(error: ValidationError) -> str:
    return "; ".join(_sentence(problem) for problem in error.errors())


def _sentence(problem: Mapping[str, Any]) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"unknown key {key}; check its spelling and its section"
    return f"{key}: {problem['msg']} (given: {json.dumps(problem['input'], default=str)[:80]})"
