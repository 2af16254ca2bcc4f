"""`vreid keys create | list | revoke`."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from service.gallery.upkeep.retention import parse_age
from service.keys.key import ROLES, Key, Role, make_key
from service.keys.key_file import add_key, read_keys, remove_key
from service.settings import load_settings
from vreid.errors import ConfigurationError

_KEYS = click.option(
    "--keys",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file of keys; by default the setting VREID_ACCESS__KEYS.",
)


@click.group()
def keys() -> None:
    """Make, list and revoke API keys; a running service follows within a second."""


@keys.command()
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(ROLES),
    default="search",
    show_default=True,
    help="search: search, embed, compare, read; enrol: also store and correct; admin: also delete.",
)
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Requests a second.")
@click.option("--expires-in", metavar="AGE", help="Validity, such as 90d; without end by default.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@_KEYS
def create(
    name: str,
    role: Role,
    rate: float | None,
    expires_in: str | None,
    as_json: bool,
    path: Path | None,
) -> None:
    """Make a key for NAME, a person or a program, and print it once."""
    if rate is not None and not math.isfinite(rate):
        raise ConfigurationError("--rate: give a number of requests a second, such as 5")
    expires_at = None if expires_in is None else datetime.now(UTC) + _validity(expires_in)
    file = _file(path)
    same = [each.id for each in read_keys(file).values() if each.name == name]
    key, token = make_key(name, role, rate, expires_at)
    add_key(file, key)
    if same:
        click.echo(
            f"warning: {', '.join(same)} has this name too. Keys of one name count as one holder, "
            "whose Idempotency-Keys they share: right for a key that takes the place of another "
            "(revoke that one then); for anybody else choose another name.",
            err=True,
        )
    if as_json:
        click.echo(json.dumps({**_facts(key), "key": token}))
    else:
        click.echo(token)
        click.echo("Keep it now: it is stored as a hash and cannot be shown again.", err=True)


@keys.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_KEYS
def list_keys(as_json: bool, path: Path | None) -> None:
    """List the keys; their secrets are stored nowhere."""
    file = _file(path)
    found = sorted(read_keys(file).values(), key=lambda key: key.created_at)
    if not found:
        lacks = "has no keys" if file.exists() else "is not there"
        click.echo(
            f"the file of keys {file} {lacks}; make one with: vreid keys create NAME --keys {file}",
            err=True,
        )
    if as_json:
        click.echo(json.dumps([_facts(key) for key in found]))
        return
    for key in found:
        expiry = "" if key.expires_at is None else f", until {key.expires_at:%Y-%m-%d %H:%M}Z"
        if key.is_expired(datetime.now(UTC)):
            expiry += " (expired)"
        rate = "" if key.rate is None else f", {key.rate:g} a second"
        click.echo(
            f"{key.id}  {key.role:6}  {key.name} (made {key.created_at:%Y-%m-%d}{expiry}{rate})"
        )


@keys.command()
@click.argument("key_id")
@_KEYS
def revoke(key_id: str, path: Path | None) -> None:
    """End the key with the id KEY_ID."""
    key = remove_key(_file(path), key_id)
    click.echo(f"revoked {key.id} ({key.role}, {key.name})")


def _file(given: Path | None) -> Path:
    path = given or load_settings({}).access.keys
    if path is None:
        raise ConfigurationError(
            "no file of keys is named; give --keys FILE, or set VREID_ACCESS__KEYS"
        )
    return path


def _validity(text: str) -> timedelta:
    try:
        return parse_age(text)
    except ValueError as error:
        raise ConfigurationError(f"--expires-in: {error}") from error


def _facts(key: Key) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "role": key.role,
        "rate": key.rate,
        "created_at": key.created_at.isoformat(),
        "expires_at": None if key.expires_at is None else key.expires_at.isoformat(),
    }
