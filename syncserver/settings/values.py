"""The kinds of values that options have beside those that Python knows."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

IpNetwork = IPv4Network | IPv6Network
Seconds = Annotated[int, Field(ge=0)]
PositiveSeconds = Annotated[int, Field(ge=1)]


def _split_networks(value: object) -> object:
    if isinstance(value, str):
        return tuple(ip_network(part, strict=False) for part in value.replace(",", " ").split())
    return value


def _split_names(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.lower() for part in value.replace(",", " ").split())
    return value


def _refuse_blank(value: object) -> object:
    # As a path it would be the folder that happens to be the current one.
    if isinstance(value, str) and not value.strip():
        raise ValueError("must not be empty")
    return value


Names = Annotated[tuple[str, ...], BeforeValidator(_split_names)]
NamedPath = Annotated[Path, BeforeValidator(_refuse_blank)]
Networks = Annotated[tuple[IpNetwork, ...], BeforeValidator(_split_networks)]


class SettingsError(Exception):
    """A configuration that cannot be used; the message names the file, the section, the option."""
