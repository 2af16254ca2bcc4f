"""The manifest of a model bundle: what stands in its ``manifest.json``."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from vreid.calibration import Calibration
from vreid.errors import (
    BundleDamaged,
    BundleUnsupported,
    ConfigurationError,
    SampleError,
    ScoringError,
)
from vreid.modality import MODALITIES, Modality, parse_modality, subset_name
from vreid.policy import resolve_policy
from vreid.preprocessing import Preprocessing
from vreid.strict_json import Fields
from vreid.variant import Variant

SCHEMA_VERSION = 2
"""Written. Version 1, which had no variants, is still read."""

_READ_VERSIONS = range(1, SCHEMA_VERSION + 1)

_HEX_DIGITS = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class FileEntry:
    """One file of a bundle.

    Attributes:
        path: inside the bundle, with forward slashes.
        sha256: of its content, 64 hexadecimal digits.
        bytes: its size.

    Raises:
        ConfigurationError: the path leaves the bundle, or a value has another form.
    """

    path: str
    sha256: str
    bytes: int

    def __post_init__(self) -> None:
        pure = PurePosixPath(self.path)
        if not pure.parts or pure.is_absolute() or ".." in pure.parts or "\\" in self.path:
            raise ConfigurationError(
                f"the file path {self.path!r} leaves the bundle; give one relative to its directory"
            )
        if len(self.sha256) != 64 or not _HEX_DIGITS.issuperset(self.sha256):
            raise ConfigurationError(
                f"the sha256 of {self.path} is {self.sha256!r}; give 64 hexadecimal digits"
            )


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a bundle says about itself.

    Attributes:
        name: of the model.
        version: of the model.
        modalities: the branches it has, in the fixed order.
        feature_size: D, the length of one branch's feature.
        preprocessing: what a branch's input is made by.
        files: precision -> modality -> file. Every precision has every modality. One that shares
            another's files has none here, see `files_of`.
        precision: the one that is used unless another is asked for, and that defines
            the fingerprint.
        fingerprint: see `compute_fingerprint`.
        provenance: how the model was trained and exported, free form.
        metrics: measured figures, free form.
        calibration: probabilities and thresholds, if they were fitted.
        auto_policy: the scoring policy that ``auto`` stands for.
        variants: precisions other than the default, with what they were measured to cost.

    Raises:
        ConfigurationError: parts do not fit together.
    """

    name: str
    version: str
    modalities: tuple[Modality, ...]
    feature_size: int
    preprocessing: Preprocessing
    files: Mapping[str, Mapping[Modality, FileEntry]]
    precision: str
    fingerprint: str
    provenance: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    calibration: Calibration | None = None
    auto_policy: str = "shared"
    variants: Mapping[str, Variant] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.modalities or self.modalities != tuple(
            modality for modality in MODALITIES if modality in self.modalities
        ):
            raise ConfigurationError(
                f"modalities are {list(map(str, self.modalities))}; "
                "list each once, in the order rgb, nir, tir"
            )
        if self.precision not in self.files:
            raise ConfigurationError(
                f"the default precision {self.precision!r} has no files; "
                f"there are {', '.join(self.files) or 'none'}"
            )
        for precision, entries in self.files.items():
            if set(entries) != set(self.modalities):
                raise ConfigurationError(
                    f"files.{precision} has {subset_name(entries) or 'none'}; "
                    f"give one file for each of {subset_name(self.modalities)}"
                )
        for name, variant in self.variants.items():
            if name == self.precision:
                raise ConfigurationError(
                    f"variants.{name} is the default precision; list only the others"
                )
            if variant.files_of not in self.files or (
                name in self.files and variant.files_of != name
            ):
                raise ConfigurationError(
                    f"variants.{name}.files_of is {variant.files_of!r}, and there are files of "
                    f"{', '.join(self.files)}; name those that it runs"
                )
        lacking = set(self.modalities) - set(self.preprocessing.normalisation)
        if lacking:
            raise ConfigurationError(
                f"preprocessing.normalisation lacks {subset_name(lacking)}; add it"
            )
        try:
            resolve_policy("auto", self.auto_policy)
        except ScoringError as error:
            raise ConfigurationError(f"auto_policy: {error}") from error

    @property
    def precisions(self) -> tuple[str, ...]:
        """Everything that `files_of` takes, the default first."""
        return tuple(dict.fromkeys([self.precision, *self.files, *self.variants]))

    def files_of(self, precision: str) -> Mapping[Modality, FileEntry]:
        """The files that a precision runs, which may be another's.

        Raises:
            BundleUnsupported: there is no such precision.
        """
        if precision not in self.precisions:
            raise BundleUnsupported(
                f"bundle {self.name} has no precision {precision!r}; "
                f"use one of {', '.join(self.precisions)}"
            )
        if precision in self.variants:
            return self.files[self.variants[precision].files_of]
        return self.files[precision]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, as `from_json` reads them."""
        return {
            "schema_version": SCHEMA_VERSION,
            "name": self.name,
            "version": self.version,
            "modalities": [modality.value for modality in self.modalities],
            "feature_size": self.feature_size,
            "preprocessing": self.preprocessing.to_json(),
            "precision": self.precision,
            "files": {
                precision: {
                    modality.value: {
                        "path": entries[modality].path,
                        "sha256": entries[modality].sha256,
                        "bytes": entries[modality].bytes,
                    }
                    for modality in self.modalities
                }
                for precision, entries in self.files.items()
            },
            "variants": {name: variant.to_json() for name, variant in self.variants.items()},
            "fingerprint": self.fingerprint,
            "auto_policy": self.auto_policy,
            "provenance": dict(self.provenance),
            "metrics": dict(self.metrics),
            "calibration": None if self.calibration is None else self.calibration.to_json(),
        }

    @classmethod
    def from_json(cls, document: object) -> "Manifest":
        """Read what ``to_json`` wrote, now or at an older schema version.

        Raises:
            BundleUnsupported: another schema version.
            BundleDamaged: a field is missing, unknown or of the wrong form; the message names it.
        """
        try:
            fields = Fields(document, "manifest")
            version = fields.integer("schema_version", 1)
            if version not in _READ_VERSIONS:
                raise BundleUnsupported(
                    f"the bundle's manifest has schema version {version} and this vreid reads "
                    f"{_READ_VERSIONS.start} to {SCHEMA_VERSION}; "
                    "upgrade vreid or export the bundle again"
                )
            return _manifest(fields, version)
        except (ConfigurationError, SampleError) as error:
            raise BundleDamaged(
                f"the bundle's manifest is not valid: {error}; export the bundle again"
            ) from error


def compute_fingerprint(
    sha256: Mapping[Modality, str], preprocessing: Preprocessing, feature_size: int
) -> str:
    """What makes features of two models comparable: equal weights and equal preprocessing.

    Args:
        sha256: of each modality's file in the default precision.
        preprocessing: the bundle's.
        feature_size: D.

    Returns:
        ``sha256:`` and 64 hexadecimal digits.
    """
    covered = {
        "weights": {str(modality): digest for modality, digest in sha256.items()},
        "preprocessing": preprocessing.to_json(),
        "feature_size": feature_size,
    }
    canonical = json.dumps(covered, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def expected_fingerprint(manifest: Manifest) -> str:
    """The fingerprint that follows from the manifest's own files and preprocessing."""
    entries = manifest.files[manifest.precision]
    return compute_fingerprint(
        {modality: entry.sha256 for modality, entry in entries.items()},
        manifest.preprocessing,
        manifest.feature_size,
    )


def _manifest(fields: Fields, version: int) -> Manifest:
    files = fields.fields("files")
    manifest = Manifest(
        name=fields.text("name"),
        version=fields.text("version"),
        modalities=tuple(parse_modality(name) for name in fields.texts("modalities")),
        feature_size=fields.integer("feature_size", 1),
        preprocessing=Preprocessing.from_json(
            fields.value("preprocessing"), "manifest.preprocessing"
        ),
        precision=fields.text("precision"),
        files={precision: _entries(files.fields(precision)) for precision in files.names()},
        variants=_variants(fields.fields("variants")) if version > 1 else {},
        fingerprint=fields.text("fingerprint"),
        auto_policy=fields.text("auto_policy"),
        provenance=fields.mapping("provenance"),
        metrics=fields.mapping("metrics"),
        calibration=(
            Calibration.from_json(fields.value("calibration"), "manifest.calibration")
            if fields.has("calibration")
            else None
        ),
    )
    fields.finish()
    return manifest


def _variants(fields: Fields) -> dict[str, Variant]:
    return {name: Variant.from_json(fields.fields(name)) for name in fields.names()}


def _entries(fields: Fields) -> dict[Modality, FileEntry]:
    return {parse_modality(name): _entry(fields.fields(name)) for name in fields.names()}


def _entry(fields: Fields) -> FileEntry:
    entry = FileEntry(fields.text("path"), fields.text("sha256"), fields.integer("bytes"))
    fields.finish()
    return entry
