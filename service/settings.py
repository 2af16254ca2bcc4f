"""The service's settings: command line over environment (`VREID_`) over defaults."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    ValidationError,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.batching.settings import BatchingSettings
from service.embedding.cache_settings import CacheSettings
from service.gallery.address import MilvusAddress, masked, parse_address
from service.gallery.store.crops import KeepCrops
from service.gallery.upkeep.retention import parse_age
from service.http.connection_settings import ConnectionSettings
from service.http.tls_settings import TlsSettings
from service.ingest.settings import IngestSettings
from service.keys.settings import AccessSettings
from service.limits import Limits
from service.scopes.trusted_networks import trusted_networks
from service.telemetry.settings import LogFormat, RecallSettings, TracingSettings
from vreid.engines.names import ENGINES, PRECISIONS
from vreid.errors import ConfigurationError

PREFIX = "VREID_"
CLIENT_VARIABLES = (f"{PREFIX}URL", f"{PREFIX}API_KEY", f"{PREFIX}CA_CERTIFICATE")
"""Read by `vreid.client`; no settings of the service, and no typing errors either."""

SHIPPED_BUNDLE = Path(__file__).parent / "demo" / "bundle"

GalleryAddress: TypeAlias = Annotated[
    Path | MilvusAddress, BeforeValidator(parse_address), PlainSerializer(str)
]
"""As text, and in JSON, it has no password."""


def data_directory() -> Path:
    """Return where this user's galleries are kept: `$XDG_DATA_HOME/vreid`."""
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "vreid"


def default_gallery() -> Path:
    """Return the gallery that is served when none is named."""
    return data_directory() / "gallery"


class Settings(BaseSettings):
    """Everything that can be set, with its default.

    `VREID_PORT=9000` sets `port`; `VREID_LIMITS__K=50` sets `limits.k`.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    bundle: Path = Field(default=SHIPPED_BUNDLE, description="directory of the model bundle")
    gallery: GalleryAddress = Field(
        default_factory=default_gallery,
        description="directory of the gallery, or milvus://[user:password@]host:19530/name",
    )
    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(
        default=8000, ge=0, le=65535, description="port to listen on; 0 takes a free one"
    )
    allow_open: bool = Field(
        default=False, description="listen beyond this machine although there are no API keys"
    )
    allowed_hosts: str = Field(
        default="",
        description="host names, separated by commas, that requests may be addressed to besides "
        "those of this machine; unless this is set, allow_open accepts every name",
    )
    trusted_proxies: str = Field(
        default="",
        description="addresses and networks of proxies, separated by commas, whose "
        "X-Forwarded-For and X-Forwarded-Proto are believed; nobody's by default",
    )
    tls: TlsSettings = Field(
        default_factory=TlsSettings, description="certificate and key for HTTPS"
    )
    engine: str = Field(
        default="auto",
        description=f"what runs the model: {', '.join(ENGINES)}; auto measures which of those that "
        "are there is the fastest",
    )
    precision: str = Field(
        default="auto",
        description=f"how the model computes: {', '.join(PRECISIONS)}; auto measures which of "
        "the bundle's is the fastest",
    )
    threads: int | None = Field(
        default=None,
        ge=1,
        description="threads of the engine; default: CPU affinity and cgroup quota",
    )
    lanes: int | None = Field(
        default=None,
        ge=1,
        description="runs of the engine at the same moment, which share its threads; default: one "
        "for each thread of a CPU, which gives the most images a second; 1 gives the shortest "
        "time for one image",
    )
    deadline: float = Field(
        default=2.0,
        gt=0,
        description="seconds that a request may wait for those before it; one that would wait "
        "longer is told 429 at once. The header X-Deadline-Ms says it for one request",
    )
    longest_deadline: float = Field(
        default=300.0,
        gt=0,
        description="seconds that X-Deadline-Ms counts for at most",
    )
    batching: BatchingSettings = Field(
        default_factory=BatchingSettings,
        description="how images of several requests are computed together",
    )
    workers: int | None = Field(
        default=None,
        ge=1,
        le=256,
        description="threads that read bodies and decode images, one image each at a moment, and "
        "as many that search and answer; default: CPU affinity and cgroup quota",
    )
    pending: int = Field(
        default=128,
        ge=1,
        description="requests held at a time, computed or waiting, half of them writes at most; "
        "more are told 429",
    )
    receiving: int = Field(
        default=256,
        ge=1,
        description="bodies held at a time, arriving or being answered; more are told 429",
    )
    receiving_bytes: int = Field(
        default=512 * 2**20,
        ge=1024,
        description="bytes of all bodies held at a time; more are told 429",
    )
    body_timeout: float = Field(default=30.0, gt=0, description="seconds for a body to arrive")
    connections: ConnectionSettings = Field(
        default_factory=ConnectionSettings, description="bounds of connections"
    )
    lock_timeout: float = Field(
        default=3.0,
        gt=0,
        description="seconds that a write waits for other writes to the gallery, then 503",
    )
    refresh_interval: float = Field(
        default=0.5,
        gt=0,
        description="seconds between looks at what other processes added to the gallery",
    )
    drain_timeout: int = Field(
        default=20, ge=1, description="seconds that requests get to finish after SIGTERM"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="the least that is worth a log line"
    )
    log_format: LogFormat = Field(
        default="text",
        description="text, or json: one JSON object a line, with the members of a request by name",
    )
    recall: RecallSettings = Field(
        default_factory=RecallSettings, description="the estimate of the recall of searches"
    )
    tracing: TracingSettings = Field(
        default_factory=TracingSettings, description="OpenTelemetry traces of requests"
    )
    false_accept_rate: float = Field(
        default=0.001,
        gt=0,
        lt=1,
        description="operating point of the verdicts in /compare and /search",
    )
    limits: Limits = Field(default_factory=Limits, description="limits of one request")
    keep_crops: KeepCrops = Field(
        default="none",
        description="encoded keeps the images of new records as they were sent, so that "
        "`vreid reindex` can embed them with another model; none keeps thumbnails only",
    )
    retention: dict[str, str] = Field(
        default_factory=dict,
        description='ages after which records are deleted, by camera, as in {"gate": "30d", '
        '"*": "90d"}; * is every camera that is not named; by default nothing is deleted',
    )
    retention_interval: float = Field(
        default=3600.0, gt=0, description="seconds between looks for records to delete"
    )
    access: AccessSettings = Field(
        default_factory=AccessSettings, description="API keys and the audit log"
    )
    ingest: IngestSettings = Field(
        default_factory=IngestSettings, description="accept now, embed later"
    )
    cache: CacheSettings = Field(
        default_factory=CacheSettings, description="features of pictures that were embedded before"
    )

    @field_validator("retention")
    @classmethod
    def _ages(cls, rules: dict[str, str]) -> dict[str, str]:
        for age in rules.values():
            parse_age(age)
        return rules


def load_settings(overrides: Mapping[str, Any]) -> Settings:
    """Read the settings and check them against each other.

    Args:
        overrides: values from the command line by field name; None means not given.

    Raises:
        ConfigurationError: a value is out of range, or the host is open to others without keys.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        settings = Settings(**given)
    except ValidationError as error:
        raise ConfigurationError("; ".join(_sentences(error))) from error
    trusted_networks(settings.trusted_proxies)
    check_exposure(settings)
    check_crops(settings)
    return settings


def check_exposure(settings: Settings) -> None:
    """Refuse to listen beyond this machine unless that was asked for in so many words.

    Raises:
        ConfigurationError: the host is no loopback address and `allow_open` is off.
    """
    if settings.allow_open or settings.access.keys or is_loopback(settings.host):
        return
    raise ConfigurationError(
        f"refusing to listen on {settings.host}: there are no API keys, so whoever reaches this "
        "address could read and delete the gallery; listen on 127.0.0.1, or say --allow-open "
        f"({PREFIX}ALLOW_OPEN=1) where the network itself decides who may connect"
    )


def check_crops(settings: Settings) -> None:
    """Refuse to keep crops where the gallery cannot.

    Raises:
        ConfigurationError: the gallery is in Milvus and `keep_crops` is on.
    """
    if settings.keep_crops != "none" and isinstance(settings.gallery, MilvusAddress):
        raise ConfigurationError(
            f"the gallery {settings.gallery} is in Milvus, which keeps no crops; set keep_crops "
            f"({PREFIX}KEEP_CROPS) to none, or serve a gallery in a directory"
        )


def is_loopback(host: str) -> bool:
    """Tell whether `host` can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _sentences(error: ValidationError) -> Iterator[str]:
    for entry in error.errors():
        location = [str(part) for part in entry["loc"]]
        variable = PREFIX + "__".join(location).upper()
        message = entry["msg"][0].lower() + entry["msg"][1:]
        # An address may come with a password.
        given = masked(repr(entry["input"]))
        yield f"setting {'.'.join(location)} ({variable}): {message}, got {given}"
