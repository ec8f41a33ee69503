"""The cache YAML of `thanos query-frontend`: every option of it is honoured, or refused by name.

type: MEMCACHED                 # or REDIS, or IN-MEMORY, which has max_size and validity
config:
  addresses: [dnssrv+_memcached._tcp.memcached.example]
  max_item_size: 1MiB
memory: {max_size: 512MB}       # thanoxy's own: memory stands before every other cache

type: LMDB                      # thanoxy's own: a file on this machine
config: {directory: /var/cache/thanoxy, max_size: 10GB}
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.setting_values import SettingError, size_bytes
from proxy.store.servers import parse_server
from proxy.store.tier_config import (
    LmdbConfig,
    MemcachedConfig,
    RedisConfig,
    TierConfig,
    TierTls,
    WriteBreakerConfig,
    WritingConfig,
)
from proxy.strict_yaml import Section, parse_section, read_section, shown

if TYPE_CHECKING:
    from proxy.settings import Settings

_FLAG = "--query-range.response-cache-config"
_KINDS = ("IN-MEMORY", "LMDB", "MEMCACHED", "REDIS")
_LEAST_FILE_BYTES, _DEFAULT_FILE_BYTES = 32 << 20, 1 << 30
_MOST_WRITERS = 1_000
_WRITING = ("max_async_concurrency", "max_async_buffer_size", "set_async_circuit_breaker_config")
_TLS = ("tls_enabled", "tls_config")
_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True, slots=True)
class CacheConfig:
    """max_bytes: of memory; 0 keeps nothing; None: what fits the machine.

    life_ms: how long settled answers live; None: the setting. tier: what stands behind memory.
    """

    max_bytes: int | None
    life_ms: int | None = None
    tier: TierConfig | None = None


def read_cache_config(settings: Settings) -> CacheConfig:
    """The results cache that the settings ask for.

    Raises:
        SettingError: YAML that cannot be read, an unknown type or option.
    """
    text, file = settings.cache_config, settings.cache_config_file
    if text and file:
        raise SettingError(f"give {_FLAG} as text or as a file, not both")
    root = read_section(file, f"{_FLAG}-file") if file else parse_section(text, _FLAG)
    if not root.values:
        return CacheConfig(None)
    root.only("type", "config", "memory")
    kind = root.text("type").upper()
    if kind not in _KINDS:
        raise SettingError(f"{root.where}: type {shown(kind)} is not known; {', '.join(_KINDS)} are")
    config = root.section("config") or Section(f"{root.where}: config", {})
    if kind == "IN-MEMORY":
        if root.has("memory"):
            raise SettingError(f"{root.where}: memory is for the other types; config has max_size here")
        return _in_memory(config)
    return _behind_memory(kind, config, root.section("memory"))


def tier_config(settings: Settings) -> TierConfig | None:
    """The tier that the settings ask for; None keeps everything in memory.

    Raises:
        SettingError: two are asked for.
    """
    config = read_cache_config(settings)
    if config.tier is not None and settings.cache_dir:
        raise SettingError("give --cache.dir or another tier in the cache's YAML, not both")
    if settings.cache_dir and config.max_bytes != 0:
        return LmdbConfig(settings.cache_dir, settings.cache_dir_bytes)
    return config.tier


def _in_memory(config: Section) -> CacheConfig:
    config.only("max_size", "max_size_items", "validity")
    if config.whole("max_size_items"):
        raise SettingError(
            f"{config.where}: max_size_items is not counted here; bound the cache by max_size"
        )
    return CacheConfig(_size(config, "max_size"), config.duration_ms("validity") or None)


def _behind_memory(kind: str, config: Section, memory: Section | None) -> CacheConfig:
    tier: TierConfig
    if kind == "LMDB":
        tier, life_ms = _lmdb(config), None
    else:
        tier = _memcached(config) if kind == "MEMCACHED" else _redis(config)
        life_ms = config.duration_ms("expiration") or None
    max_bytes = None
    if memory is not None:
        memory.only("max_size")
        max_bytes = _size(memory, "max_size")
        if max_bytes == 0:
            raise SettingError(f"{memory.where}: max_size cannot be 0: all that is kept is made there")
    return CacheConfig(max_bytes, life_ms, tier)


def _lmdb(config: Section) -> LmdbConfig:
    config.only("directory", "max_size")
    directory = config.text("directory")
    if not directory:
        raise SettingError(f"{config.where} needs directory: where the file is to be")
    max_bytes = _size(config, "max_size")
    if max_bytes is None:
        max_bytes = _DEFAULT_FILE_BYTES
    if max_bytes < _LEAST_FILE_BYTES:
        raise SettingError(f"{config.where}: max_size is at least 32MB")
    return LmdbConfig(directory, max_bytes)


def _memcached(config: Section) -> MemcachedConfig:
    config.only(
        "addresses", "timeout", "max_idle_connections", "max_item_size", "max_get_multi_concurrency",
        "max_get_multi_batch_size", "dns_provider_update_interval", "auto_discovery", "expiration",
        *_WRITING, *_TLS,
    )  # fmt: skip
    if config.flag("auto_discovery", default=False):
        raise SettingError(
            f"{config.where}: auto_discovery asks servers of one cloud's own kind, which is not known "
            "here; give addresses with dns+, dnssrv+ or dnssrvnoa+"
        )
    default = MemcachedConfig(())
    max_item_bytes = _size(config, "max_item_size")
    if max_item_bytes is not None and 0 < max_item_bytes < 1 << 10:
        raise SettingError(f"{config.where}: max_item_size is 0, for no bound, or at least 1KB")
    return MemcachedConfig(
        addresses=_addresses(config, "addresses", config.texts("addresses"), may_look_up=True),
        timeout_ms=config.duration_ms("timeout") or default.timeout_ms,
        max_idle_connections=_whole(config, "max_idle_connections", default.max_idle_connections),
        max_item_bytes=default.max_item_bytes if max_item_bytes is None else max_item_bytes,
        max_get_multi_concurrency=_whole(
            config, "max_get_multi_concurrency", default.max_get_multi_concurrency
        ),
        max_get_multi_batch_size=_whole(config, "max_get_multi_batch_size", 0),
        dns_provider_update_interval_ms=config.duration_ms("dns_provider_update_interval")
        or default.dns_provider_update_interval_ms,
        writing=_writing(config, concurrency=10),
        tls=_tls(config),
    )


def _redis(config: Section) -> RedisConfig:
    config.only(
        "addr", "prefix", "username", "password", "db", "master_name", "dial_timeout", "read_timeout",
        "write_timeout", "max_get_multi_concurrency", "get_multi_batch_size",
        "max_set_multi_concurrency", "set_multi_batch_size", "cache_size", "expiration",
        *_WRITING, *_TLS,
    )  # fmt: skip
    if _size(config, "cache_size"):
        raise SettingError(
            f"{config.where}: cache_size, the client's own memory of what it has read, is not to be "
            "had: thanoxy's memory stands before Redis; its size is max_size of memory"
        )
    usual = RedisConfig(())
    given = tuple(one.strip() for one in config.text("addr").split(",") if one.strip())
    made = RedisConfig(
        _addresses(config, "addr", given, may_look_up=False),
        config.text("prefix"),
        config.text("username"),
        config.text("password"),
        config.whole("db") or 0,
        config.text("master_name"),
        config.duration_ms("dial_timeout") or usual.dial_timeout_ms,
        config.duration_ms("read_timeout") or usual.read_timeout_ms,
        config.duration_ms("write_timeout") or usual.write_timeout_ms,
        _whole(config, "max_get_multi_concurrency", usual.max_get_multi_concurrency),
        _whole(config, "get_multi_batch_size", usual.get_multi_batch_size),
        _whole(config, "max_set_multi_concurrency", usual.max_set_multi_concurrency),
        _whole(config, "set_multi_batch_size", usual.set_multi_batch_size),
        _writing(config, concurrency=20),
        _tls(config),
    )
    if made.db and len(made.addresses) > 1 and not made.master_name:
        raise SettingError(f"{config.where}: several addresses are those of a cluster, whose db is 0")
    return made


def _addresses(
    config: Section, name: str, given: tuple[str, ...], *, may_look_up: bool
) -> tuple[str, ...]:
    if not given:
        raise SettingError(f"{config.where} needs {name}: where the servers are")
    for one in given:
        try:
            parse_server(one, 1, may_look_up=may_look_up)
        except ValueError as error:
            raise SettingError(f"{config.where}: {name} {shown(one)}: {error}") from None
    return given


def _writing(config: Section, concurrency: int) -> WritingConfig:
    """As in query-frontend, 0 is the default."""
    default = WritingConfig()
    writers = config.whole("max_async_concurrency") or concurrency
    if writers > _MOST_WRITERS:
        raise SettingError(f"{config.where}: max_async_concurrency is at most {_MOST_WRITERS}")
    return WritingConfig(
        writers,
        _whole(config, "max_async_buffer_size", default.buffer) or default.buffer,
        _breaker(config.section("set_async_circuit_breaker_config")),
    )


def _breaker(section: Section | None) -> WriteBreakerConfig | None:
    """None where it is not enabled: then writes have the same breaker as reads."""
    if section is None:
        return None
    section.only(
        "enabled", "half_open_max_requests", "open_duration", "min_requests", "consecutive_failures",
        "failure_percent",
    )  # fmt: skip
    default = WriteBreakerConfig()
    made = WriteBreakerConfig(
        _whole(section, "half_open_max_requests", default.half_open_max_requests),
        section.duration_ms("open_duration") or default.open_duration_ms,
        _whole(section, "min_requests", default.min_requests),
        _whole(section, "consecutive_failures", default.consecutive_failures),
        _share(section, "failure_percent", default.failure_share),
    )
    return made if section.flag("enabled", default=False) else None


def _tls(config: Section) -> TierTls | None:
    """None where it is not enabled."""
    section = config.section("tls_config") or Section(f"{config.where}: tls_config", {})
    paths = ("ca_file", "cert_file", "key_file", "server_name")
    section.only(*paths, "insecure_skip_verify", "min_version")
    version = section.values.get("min_version")
    if version not in {None, ""} and str(version) not in _VERSIONS:
        raise SettingError(f"{section.where}: min_version is 1.2 or 1.3; older ones are not safe")
    made = TierTls(
        **{name: section.text(name) for name in paths},
        insecure_skip_verify=section.flag("insecure_skip_verify", default=False),
        min_version=_VERSIONS.get(str(version), ssl.TLSVersion.TLSv1_2),
    )
    if bool(made.cert_file) != bool(made.key_file):
        raise SettingError(f"{section.where} needs cert_file and key_file together")
    if config.flag("tls_enabled", default=False):
        return made
    if made != TierTls():
        raise SettingError(f"{section.where} has no use without tls_enabled: true")
    return None


def _size(section: Section, name: str) -> int | None:
    """A size, as text or as a number of bytes; None where it is missing or empty."""
    found = section.values.get(name)
    if found is None or found == "":
        return None
    is_plain = isinstance(found, str | int) and not isinstance(found, bool)
    try:
        return size_bytes(str(found) if is_plain else "")
    except ValueError as error:
        raise SettingError(f"{section.where}: {name}: {error}") from None


def _whole(section: Section, name: str, default: int) -> int:
    found = section.whole(name)
    return default if found is None else found


def _share(section: Section, name: str, default: float) -> float:
    found = section.values.get(name)
    if found is None:
        return default
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 < found <= 1:
        raise SettingError(f"{section.where}: {name} is a share above 0 and at most 1, such as 0.05")
    return float(found)
