"""Which proxies are believed what they tell about their clients."""

from __future__ import annotations

import ipaddress

from vreid.errors import ConfigurationError


def trusted_networks(text: str) -> list[str]:
    """Return the addresses and networks of a list that is separated by commas.

    Raises:
        ConfigurationError: one is neither.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        try:
            ipaddress.ip_network(name)
        except ValueError as error:
            raise ConfigurationError(
                f"setting trusted_proxies (VREID_TRUSTED_PROXIES): {name!r} is no address "
                f"({error}); write addresses and networks, separated by commas, as in "
                "10.0.0.5,10.1.0.0/24"
            ) from None
    return names
