"""The file of keys: JSON, readable by its owner only, changed wholly or not at all."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from service.keys.errors import KeyFileUnusable, UnknownKey
from service.keys.key import Key, Role

Keys = Mapping[str, Key]
"""Keys by id."""


class _KeyEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str
    name: str
    role: Role
    digest: str
    rate: float | None = Field(gt=0, allow_inf_nan=False)
    created_at: AwareDatetime
    expires_at: AwareDatetime | None


class _KeyDocument(BaseModel):
    model_config = ConfigDict(extra="forbid")

    schema_version: int = 1
    keys: list[_KeyEntry]


def read_keys(path: Path, owners: Collection[int] | None = None) -> dict[str, Key]:
    """Return the keys of a file, none where it is not there.

    Args:
        path: of the file.
        owners: users whose file it may be; None for anybody's.

    Raises:
        KeyFileUnusable: it cannot be read, others may read or change it, or it is not what was
            written.
    """
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            content = file.read()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise KeyFileUnusable(
            f"the file of keys {path} cannot be read ({error.strerror}); check its rights"
        ) from error
    _check_rights(path, status, owners)
    try:
        document = _KeyDocument.model_validate_json(content)
    except ValidationError as error:
        raise KeyFileUnusable(
            f"{path} is no file of keys ({error.error_count()} mistakes, the first: "
            f"{error.errors()[0]['msg']}); take it from a backup, or remove it and make new keys"
        ) from error
    if document.schema_version != 1:
        raise KeyFileUnusable(
            f"{path} has version {document.schema_version} and this vreid reads 1; upgrade vreid"
        )
    return {entry.id: Key(**entry.model_dump()) for entry in document.keys}


def _check_rights(path: Path, status: os.stat_result, owners: Collection[int] | None) -> None:
    if owners is not None and status.st_uid not in owners:
        raise KeyFileUnusable(
            f"the file of keys {path} belongs to user {status.st_uid}, who could let anybody in; "
            f"run: chown {os.geteuid()} {path}"
        )
    # A secret that is mounted belongs to root, and only its group lets the service read it.
    is_mounted = status.st_uid == 0 != os.geteuid()
    if status.st_mode & (0o037 if is_mounted else 0o077):
        raise KeyFileUnusable(f"others may read the file of keys {path}; run: chmod 600 {path}")


def add_key(path: Path, key: Key) -> None:
    """Add a key; errors as `read_keys`, and where the file cannot be written."""

    def with_key(keys: Keys) -> Keys:
        if key.id in keys:
            raise KeyFileUnusable(f"{path} has a key with the id {key.id} already; make another")
        return {**keys, key.id: key}

    _change(path, with_key)


def remove_key(path: Path, key_id: str) -> Key:
    """Remove a key and return it.

    Raises:
        UnknownKey: there is none with this id.
        KeyFileUnusable: the file cannot be read or written.
    """
    removed: list[Key] = []

    def without(keys: Keys) -> Keys:
        if key_id not in keys:
            raise UnknownKey(key_id)
        removed.append(keys[key_id])
        return {each: key for each, key in keys.items() if each != key_id}

    _change(path, without)
    return removed[0]


def _change(path: Path, change: Callable[[Keys], Keys]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _only_writer(path):
            _write(path, change(read_keys(path)))
    except OSError as error:
        raise KeyFileUnusable(
            f"the file of keys {path} cannot be written ({error.strerror}); check rights and space"
        ) from error


@contextmanager
def _only_writer(path: Path) -> Iterator[None]:
    """Hold a lock beside the file: two commands at once must not undo each other's change."""
    with open(path.with_name(f".{path.name}.lock"), "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write(path: Path, keys: Keys) -> None:
    entries = [
        {
            "id": key.id,
            "name": key.name,
            "role": key.role,
            "digest": key.digest,
            "rate": key.rate,
            "created_at": key.created_at.isoformat(),
            "expires_at": None if key.expires_at is None else key.expires_at.isoformat(),
        }
        for key in keys.values()
    ]
    text = json.dumps({"schema_version": 1, "keys": entries}, indent=2) + "\n"
    with NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.write(text)
            file.flush()
            _keep_owner(path, file.fileno())
            os.fsync(file.fileno())
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _keep_owner(path: Path, descriptor: int) -> None:
    """Give a new version to who has the old one: root's must not lock the service out."""
    try:
        before = os.stat(path)
    except FileNotFoundError:
        return
    made = os.fstat(descriptor)
    if (made.st_uid, made.st_gid) != (before.st_uid, before.st_gid):
        os.fchown(descriptor, before.st_uid, before.st_gid)
    os.fchmod(descriptor, before.st_mode & 0o700)
