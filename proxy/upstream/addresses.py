"""Addresses of Thanos Query as the flag names them. Pure; `discovery` finds what is behind them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address that can be asked; see `parse_upstream`."""

    url: str
    host_header: str = ""
    server_name: str = ""


@dataclass(frozen=True, slots=True)
class UpstreamAddress:
    """What a flag names."""

    text: str


def parse_upstream(text: str) -> UpstreamAddress:
    """The address that a flag names."""
    return UpstreamAddress(text)
