"""Every setting, in one table: it feeds flags, environment, config file and the README.

Names are those of `thanos query-frontend` wherever it has one.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from proxy.settings.access import AccessSettings
from proxy.settings.cache import CacheSettings
from proxy.settings.http import HttpSettings
from proxy.settings.limits import LimitSettings
from proxy.settings.queries import QuerySettings
from proxy.settings.reads import ReadSettings
from proxy.settings.signals import SignalSettings
from proxy.settings.upstream import UpstreamSettings


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(
    SignalSettings,
    ReadSettings,
    AccessSettings,
    LimitSettings,
    CacheSettings,
    QuerySettings,
    UpstreamSettings,
    HttpSettings,
):
    """All settings, parsed. The order of the bases is that of the table, from the end."""


def rows() -> list[dict[str, Any]]:
    """The table: flag, default, parse, meaning, and the field's name."""
    return [{**field.metadata, "name": field.name} for field in dataclasses.fields(Settings)]
