"""The cache YAML of `thanos query-frontend`: `type`, `config` and nothing that is ignored silently.

type: IN-MEMORY
config:
  max_size: 512MB
  max_size_items: 0
  validity: 24h
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from proxy.setting_values import SettingError, count, duration_ms, size_bytes

if TYPE_CHECKING:
    from proxy.settings import Settings


@dataclass(frozen=True, slots=True)
class CacheConfig:
    """max_bytes: 0 keeps nothing; None: what fits the machine.

    life_ms: how long settled answers live; None: the setting.
    """

    max_bytes: int | None
    life_ms: int | None = None


def read_cache_config(settings: Settings) -> CacheConfig:
    """The results cache that the settings ask for.

    Raises:
        SettingError: YAML that cannot be read, an unknown type or option.
    """
    text = settings.cache_config
    if settings.cache_config_file:
        if text:
            raise SettingError("give the cache's YAML as text or as a file, not both")
        text = _read(settings.cache_config_file)
    if not text.strip():
        return CacheConfig(None)
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise SettingError(f"the cache's YAML cannot be read: {reason}") from error
    if not isinstance(document, dict) or set(document) - {"type", "config"}:
        raise SettingError("the cache's YAML has the members type and config")
    kind = str(document.get("type") or "").upper()
    if kind != "IN-MEMORY":
        raise SettingError(f"cache type {kind or '(none)'} is not known; IN-MEMORY is")
    return _in_memory(document.get("config") or {})


def _in_memory(config: Any) -> CacheConfig:
    if not isinstance(config, dict):
        raise SettingError("config of an IN-MEMORY cache is a mapping")
    unknown = set(config) - {"max_size", "max_size_items", "validity"}
    if unknown:
        raise SettingError(f"an IN-MEMORY cache has no option {', '.join(sorted(unknown))}")
    try:
        max_items = count(str(config.get("max_size_items") or 0))
        life = duration_ms(str(config.get("validity") or 0))
        max_size = config.get("max_size")
        is_given = max_size is not None and max_size != ""
        max_bytes = size_bytes(str(max_size)) if is_given else None
    except ValueError as error:
        raise SettingError(f"the cache's YAML: {error}") from error
    if max_items:
        raise SettingError("max_size_items is not counted here; bound the cache by max_size")
    return CacheConfig(max_bytes, life or None)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise SettingError(f"cache config file {path}: {error}") from error
