"""Which proxies are believed what they tell about their clients."""

from __future__ import annotations

import ipaddress

from vreid.errors import ConfigurationError

_MAPPED_BITS = 96


def trusted_networks(text: str) -> list[str]:
    """Return the addresses and networks of a list that is separated by commas.

    Raises:
        ConfigurationError: one is neither.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    networks = []
    for name in names:
        try:
            networks.append(_unwrapped(name))
        except ValueError as error:
            raise ConfigurationError(
                f"setting trusted_proxies (VREID_TRUSTED_PROXIES): {name!r} is no address "
                f"({error}); write addresses and networks, separated by commas, as in "
                "10.0.0.5,10.1.0.0/24"
            ) from None
    return networks


def _unwrapped(name: str) -> str:
    """Return ::ffff:10.1.0.0/112 as 10.1.0.0/16, as which clients from there are seen."""
    network = ipaddress.ip_network(name)
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < _MAPPED_BITS:
        return name
    return f"{mapped}/{network.prefixlen - _MAPPED_BITS}"
