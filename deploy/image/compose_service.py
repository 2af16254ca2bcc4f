"""The service of the compose files as something that can be run without an engine."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deploy.image.compose import ComposeError, composed
from deploy.image.container import Bounds

_SECONDS = {"h": 3600, "m": 60, "s": 1}


@dataclass(frozen=True)
class ComposeService:
    """What compose runs as one service.

    Attributes:
        bounds: what it may use and do.
        command: None where it is the image's.
        environment: env files and environment merged.
        volumes: places that outlive the container.
        health: the command that tells whether it is ready.
        stop_seconds: from the order to stop to the kill.
    """

    bounds: Bounds
    command: list[str] | None
    environment: dict[str, str]
    volumes: tuple[str, ...]
    health: list[str]
    stop_seconds: int


def compose_service(
    files: Sequence[str] = ("compose.yaml",),
    variables: Mapping[str, str] | None = None,
    name: str = "service",
) -> ComposeService:
    """Return a service of the merged files of deploy/.

    Args:
        files: names in deploy/, each laid over those before it.
        variables: what `${NAME}` in the files stands for.
        name: of the service.

    Raises:
        ComposeError: compose finds a fault, or a trial of the image could not honour the service:
            a user, an entrypoint or a mount that is not the image's.
    """
    described = composed(files, variables)["services"][name]
    for member in ("user", "entrypoint", "privileged", "network_mode", "pid", "devices"):
        if described.get(member):
            raise ComposeError(
                f"{name} sets {member}, which deploy/image/compose_service.py does not read; "
                "teach it, so that the image is tried as it is run"
            )
    mounts = described.get("volumes", [])
    if others := [mount["target"] for mount in mounts if mount["type"] != "volume"]:
        raise ComposeError(f"{name} mounts {others} of the host; give it volumes only")
    return ComposeService(
        bounds=_bounds(described),
        command=described.get("command"),
        environment={key: value or "" for key, value in described["environment"].items()},
        volumes=tuple(mount["target"] for mount in mounts),
        health=_command_of(described["healthcheck"]),
        stop_seconds=_seconds(described["stop_grace_period"]),
    )


def _bounds(described: Mapping[str, Any]) -> Bounds:
    swap = described.get("memswap_limit")
    mounted = (mount.partition(":") for mount in described.get("tmpfs", []))
    if described.get("cap_drop") != ["ALL"]:
        raise ComposeError("the service keeps capabilities; write cap_drop: [ALL]")
    return Bounds(
        memory=int(described["mem_limit"]),
        memory_and_swap=None if swap is None else int(swap),
        cpus=float(described["cpus"]),
        pids=int(described["pids_limit"]),
        read_only=bool(described.get("read_only")),
        in_memory={place: options for place, _, options in mounted},
        capabilities=tuple(f"CAP_{right}" for right in described.get("cap_add", [])),
        no_new_privileges="no-new-privileges:true" in described.get("security_opt", []),
    )


def _command_of(health: Mapping[str, Any]) -> list[str]:
    kind, *command = health["test"]
    if kind != "CMD":
        raise ComposeError("the health check needs a shell; write test: [CMD, ...]")
    return [str(word) for word in command]


def _seconds(duration: str) -> int:
    """Return the seconds of a duration as compose writes it: 1m30s."""
    parts = re.findall(r"(\d+)([hms])", duration)
    return sum(int(number) * _SECONDS[unit] for number, unit in parts)
