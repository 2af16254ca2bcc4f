"""Connections to a Redis server, and what is asked of one before it is trusted with a stream."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from service.redis_address import RedisAddress

Client: TypeAlias = redis.Redis
AsyncClient: TypeAlias = redis.asyncio.Redis

Word: TypeAlias = str | bytes | int | float
"""A part of a command."""

Reply: TypeAlias = Any
"""What a command answers; every command has a shape of its own."""

OLDEST_VERSION = (6, 2)
"""The first with XAUTOCLAIM."""


def connect(address: RedisAddress, timeout: float) -> Client:
    """Return a client for threads; it connects at its first command.

    Args:
        address: its `redis` is given.
        timeout: seconds to connect, and to wait for an answer.
    """
    return redis.Redis.from_url(
        str(address.redis), retry=Retry(NoBackoff(), 1), **_options(address, timeout)
    )


def connect_async(address: RedisAddress, timeout: float) -> AsyncClient:
    """Return a client for the event loop; it connects at its first command."""
    return redis.asyncio.Redis.from_url(
        str(address.redis), retry=AsyncRetry(NoBackoff(), 1), **_options(address, timeout)
    )


def command(client: Client, *words: Word) -> Reply:
    """Run one command and return what it answers.

    Raises:
        redis.exceptions.RedisError: the server is gone, or refuses the command.
    """
    return client.execute_command(*words)  # type: ignore[no-untyped-call]


async def command_async(client: AsyncClient, *words: Word) -> Reply:
    """Run one command on the event loop; as `command`."""
    return await client.execute_command(*words)  # type: ignore[no-untyped-call]


def why_unsafe(information: Mapping[str, Any]) -> str | None:
    """Return why a server must not hold a stream, None where it may.

    Args:
        information: what the command INFO says.
    """
    version = str(information.get("redis_version", "0"))
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if numbers < OLDEST_VERSION:
        oldest = ".".join(map(str, OLDEST_VERSION))
        return f"it is version {version} and {oldest} or newer is needed; update the Redis server"
    policy = information.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        return (
            f"its setting maxmemory-policy is {policy}, so it may drop accepted sightings when "
            "its memory is full; set maxmemory-policy to noeviction, or use another Redis server "
            "for ingest"
        )
    if information.get("role", "master") != "master":
        return "it is a replica, which takes no writes; give the address of the primary"
    return None


def keeps_on_disk(information: Mapping[str, Any]) -> bool:
    """Tell whether the server has its append-only file (AOF) on."""
    return bool(int(information.get("aof_enabled", 0)))


def _options(address: RedisAddress, timeout: float) -> dict[str, Any]:
    password = None if address.password is None else address.password.get_secret_value()
    options: dict[str, Any] = {
        "socket_connect_timeout": timeout,
        "socket_timeout": timeout,
        "protocol": 2,
    }
    return options if password is None else options | {"password": password}
