"""A model bundle: a directory with a manifest and one network file per branch and precision."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from vreid.errors import BundleDamaged, BundleError, BundleNotFound, BundleUnsupported
from vreid.manifest import FileEntry, Manifest, expected_fingerprint
from vreid.modality import Modality, subset_name

MANIFEST_NAME = "manifest.json"


@dataclass(frozen=True)
class Bundle:
    """A bundle on disk; `Bundle.load` reads one."""

    path: Path
    manifest: Manifest

    @classmethod
    def load(cls, path: str | Path, verify: bool = True) -> "Bundle":
        """Read a bundle's manifest and, unless told otherwise, check every file's hash.

        Raises:
            BundleNotFound: no such directory, or no manifest in it.
            BundleUnsupported: the manifest has another schema version.
            BundleDamaged: the manifest or a file is not what was written; the message names it.
        """
        directory = Path(path)
        bundle = cls(directory, read_manifest(directory))
        expected = expected_fingerprint(bundle.manifest)
        if bundle.fingerprint != expected:
            raise BundleDamaged(
                f"{directory / MANIFEST_NAME} says fingerprint {bundle.fingerprint}, but its files "
                f"and preprocessing give {expected}; somebody changed the manifest by hand, "
                "export the bundle again"
            )
        if verify:
            bundle.verify_files()
        return bundle

    @property
    def fingerprint(self) -> str:
        """What features made with this bundle are comparable by."""
        return self.manifest.fingerprint

    def file(self, modality: Modality, precision: str | None = None) -> Path:
        """Path of a branch's network file.

        Args:
            modality: the branch.
            precision: for instance ``fp32``; the manifest's default when None. That of a variant
                which only computes otherwise, such as ``bf16``, gives the file that it runs.

        Raises:
            BundleUnsupported: the bundle has no such precision or branch.
            BundleDamaged: the file lies outside the bundle.
        """
        return self._inside(self._entry(modality, precision or self.manifest.precision))

    def verify_files(self) -> None:
        """Check that every file is there with the size and hash that the manifest says.

        Raises:
            BundleDamaged: one is not; the message names it.
        """
        for entries in self.manifest.files.values():
            for entry in entries.values():
                path = self._inside(entry)
                if not path.is_file():
                    raise BundleDamaged(f"{path} is missing; copy the bundle again, whole")
                size = path.stat().st_size
                if size != entry.bytes:
                    raise BundleDamaged(
                        f"{path} has {size} bytes and the manifest says {entry.bytes}; "
                        "copy the bundle again, whole"
                    )
                if file_sha256(path) != entry.sha256:
                    raise BundleDamaged(
                        f"{path} is not the file that the manifest describes (its sha256 differs); "
                        "copy the bundle again or export it again"
                    )

    def _entry(self, modality: Modality, precision: str) -> FileEntry:
        entries = self.manifest.files_of(precision)
        if modality not in entries:
            raise BundleUnsupported(
                f"bundle {self.manifest.name} has no {modality} branch, only "
                f"{subset_name(entries)}; leave that image out or use another bundle"
            )
        return entries[modality]

    def _inside(self, entry: FileEntry) -> Path:
        path = self.path / entry.path
        # A symbolic link may lead out although the path does not say so.
        if not path.resolve().is_relative_to(self.path.resolve()):
            raise BundleDamaged(f"{path} leads out of the bundle; copy the file into it")
        return path


def read_manifest(directory: Path) -> Manifest:
    """Read ``manifest.json`` of a bundle directory; errors as `Bundle.load`, but no file checks."""
    path = directory / MANIFEST_NAME
    if not path.is_file():
        raise BundleNotFound(
            f"there is no bundle at {directory} (no {MANIFEST_NAME}); "
            "give the directory that `vreid export` wrote"
        )
    try:
        document = json.loads(path.read_bytes())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BundleDamaged(
            f"{path} is not JSON ({error}); copy the bundle again or export it again"
        ) from error
    except OSError as error:
        raise BundleError(f"{path} cannot be read ({error.strerror}); check its rights") from error
    return Manifest.from_json(document)


def write_manifest(directory: Path, manifest: Manifest) -> Path:
    """Write ``manifest.json`` into a bundle directory, wholly or not at all; returns its path."""
    path = directory / MANIFEST_NAME
    text = json.dumps(manifest.to_json(), indent=2, allow_nan=False) + "\n"
    with NamedTemporaryFile(
        "w", encoding="utf-8", dir=directory, prefix=f".{MANIFEST_NAME}.", delete=False
    ) as temporary:
        try:
            temporary.write(text)
            temporary.flush()
            os.fsync(temporary.fileno())
            # Temporary files are private; a bundle is read by whoever runs the service.
            os.chmod(temporary.name, 0o644)
            os.replace(temporary.name, path)
        except BaseException:
            os.unlink(temporary.name)
            raise
    return path


def describe_file(directory: Path, path: str) -> FileEntry:
    """The manifest's entry for a file that is already in the bundle directory."""
    full = directory / path
    return FileEntry(path, file_sha256(full), full.stat().st_size)


def file_sha256(path: Path) -> str:
    """Hash of a file's content, 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
