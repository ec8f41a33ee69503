"""The cache YAML of query-frontend: what is understood, and what is refused by name."""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING

import pytest

from proxy.cache_config import CacheConfig, read_cache_config
from proxy.setting_values import SettingError
from proxy.settings import Settings
from proxy.store.tier_config import (
    LmdbConfig,
    MemcachedConfig,
    RedisConfig,
    TierConfig,
    TierTls,
    WriteBreakerConfig,
    WritingConfig,
)

if TYPE_CHECKING:
    from pathlib import Path

MEBIBYTE = 1 << 20
HOUR_MS = 3_600_000

# Both as the documentation of Thanos writes all options of a cache, with its defaults.
ALL_OF_MEMCACHED = """
type: MEMCACHED
config:
  addresses: [dnssrv+_memcached._tcp.cache.example, "10.0.0.1:11211"]
  timeout: 500ms
  max_idle_connections: 100
  max_async_concurrency: 20
  max_async_buffer_size: 10000
  max_get_multi_concurrency: 100
  max_item_size: 1MiB
  max_get_multi_batch_size: 0
  dns_provider_update_interval: 10s
  auto_discovery: false
  set_async_circuit_breaker_config:
    enabled: false
    half_open_max_requests: 0
    open_duration: 0s
    min_requests: 0
    consecutive_failures: 0
    failure_percent: 0.05
  expiration: 24h0m0s
"""
ALL_OF_REDIS = """
type: REDIS
config:
  addr: "localhost:6379"
  username: ""
  password: ""
  db: 0
  dial_timeout: 5s
  read_timeout: 3s
  write_timeout: 3s
  max_get_multi_concurrency: 100
  get_multi_batch_size: 100
  max_set_multi_concurrency: 100
  set_multi_batch_size: 100
  tls_enabled: false
  tls_config:
    ca_file: ""
    cert_file: ""
    key_file: ""
    server_name: ""
    insecure_skip_verify: false
    min_version: ""
  cache_size: 0
  master_name: ""
  max_async_buffer_size: 10000
  max_async_concurrency: 20
  set_async_circuit_breaker_config: {enabled: false, failure_percent: 0.05}
  expiration: 24h0m0s
"""


def read(text: str) -> CacheConfig:
    return read_cache_config(Settings(cache_config=text))


def tier(kind: str, config: str) -> TierConfig | None:
    return read(f"{{type: {kind}, config: {{{config}}}}}").tier


@pytest.mark.parametrize(
    ("text", "config"),
    [
        ("", CacheConfig(None)),
        ("  \n", CacheConfig(None)),
        ("type: IN-MEMORY", CacheConfig(None)),
        ("type: in-memory\nconfig:", CacheConfig(None)),
        ("type: IN-MEMORY\nconfig: {max_size: 100MB}", CacheConfig(100 * MEBIBYTE)),
        ('type: IN-MEMORY\nconfig: {max_size: "1GiB"}', CacheConfig(1024 * MEBIBYTE)),
        ("type: IN-MEMORY\nconfig: {max_size: 1048576}", CacheConfig(MEBIBYTE)),
        ('type: IN-MEMORY\nconfig: {max_size: ""}', CacheConfig(None)),
        ("type: IN-MEMORY\nconfig: {max_size: 0}", CacheConfig(0)),
        ("type: IN-MEMORY\nconfig: {max_size: 0B}", CacheConfig(0)),
        ("type: IN-MEMORY\nconfig: {max_size_items: 0, validity: 0s}", CacheConfig(None)),
        ("type: IN-MEMORY\nconfig: {validity: 6h}", CacheConfig(None, 6 * HOUR_MS)),
    ],
)
def test_what_query_frontend_takes_is_understood(text: str, config: CacheConfig) -> None:
    assert read(text) == config


def test_all_options_of_memcached_are_understood() -> None:
    addresses = ("dnssrv+_memcached._tcp.cache.example", "10.0.0.1:11211")
    assert read(ALL_OF_MEMCACHED) == CacheConfig(None, 24 * HOUR_MS, MemcachedConfig(addresses))


def test_all_options_of_redis_are_understood() -> None:
    assert read(ALL_OF_REDIS) == CacheConfig(None, 24 * HOUR_MS, RedisConfig(("localhost:6379",)))


@pytest.mark.parametrize(
    ("option", "field", "value"),
    [
        ("timeout: 20ms", "timeout_ms", 20),
        ("max_idle_connections: 5", "max_idle_connections", 5),
        ("max_item_size: 5MB", "max_item_bytes", 5 * MEBIBYTE),
        ("max_item_size: 0", "max_item_bytes", 0),
        ("max_get_multi_concurrency: 0", "max_get_multi_concurrency", 0),
        ("max_get_multi_batch_size: 50", "max_get_multi_batch_size", 50),
        ("dns_provider_update_interval: 1m", "dns_provider_update_interval_ms", 60_000),
        ("dns_provider_update_interval: 0", "dns_provider_update_interval_ms", 10_000),
        ("max_async_concurrency: 3", "writing", WritingConfig(3)),
        ("max_async_concurrency: 0", "writing", WritingConfig(10)),
        ("max_async_buffer_size: 7", "writing", WritingConfig(10, 7)),
        ("tls_enabled: true", "tls", TierTls()),
    ],
)
def test_an_option_of_memcached_is_honoured(option: str, field: str, value: object) -> None:
    made = tier("memcached", f"addresses: [a], {option}")
    assert getattr(made, field) == value


@pytest.mark.parametrize(
    ("option", "field", "value"),
    [
        ("addr: 'b:1, c:2'", "addresses", ("b:1", "c:2")),
        ("prefix: 'p:'", "prefix", "p:"),
        ("username: me", "username", "me"),
        ("password: secret", "password", "secret"),
        ("db: 3", "db", 3),
        ("master_name: main", "master_name", "main"),
        ("dial_timeout: 1s", "dial_timeout_ms", 1_000),
        ("read_timeout: 2s", "read_timeout_ms", 2_000),
        ("write_timeout: 4s", "write_timeout_ms", 4_000),
        ("max_get_multi_concurrency: 1", "max_get_multi_concurrency", 1),
        ("get_multi_batch_size: 2", "get_multi_batch_size", 2),
        ("max_set_multi_concurrency: 3", "max_set_multi_concurrency", 3),
        ("set_multi_batch_size: 4", "set_multi_batch_size", 4),
        ("max_async_concurrency: 5, max_async_buffer_size: 6", "writing", WritingConfig(5, 6)),
    ],
)
def test_an_option_of_redis_is_honoured(option: str, field: str, value: object) -> None:
    addr = "" if option.startswith("addr") else "addr: a, "
    assert getattr(tier("REDIS", addr + option), field) == value


def test_a_breaker_of_writes_is_taken_over_when_it_is_enabled() -> None:
    config = (
        "addr: a, set_async_circuit_breaker_config: {enabled: true, half_open_max_requests: 1, "
        "open_duration: 2s, min_requests: 3, consecutive_failures: 4, failure_percent: 0.5}"
    )
    made = tier("REDIS", config)
    assert isinstance(made, RedisConfig)
    assert made.writing.breaker == WriteBreakerConfig(1, 2_000, 3, 4, 0.5)


def test_tls_is_read_with_all_that_belongs_to_it() -> None:
    config = (
        "addr: a, tls_enabled: true, tls_config: {ca_file: ca, cert_file: crt, key_file: key, "
        "server_name: name, insecure_skip_verify: true, min_version: 1.3}"
    )
    made = tier("REDIS", config)
    assert isinstance(made, RedisConfig)
    assert made.tls == TierTls("ca", "crt", "key", "name", True, ssl.TLSVersion.TLSv1_3)


def test_a_file_on_this_machine_has_a_folder_and_a_bound() -> None:
    assert tier("LMDB", "directory: /d, max_size: 10GB") == LmdbConfig("/d", 10 << 30)
    assert tier("LMDB", "directory: /d") == LmdbConfig("/d", 1 << 30)


def test_memory_stands_before_a_tier_with_a_size_of_its_own() -> None:
    text = "{type: LMDB, config: {directory: /d}, memory: {max_size: 5MB}}"
    assert read(text).max_bytes == 5 * MEBIBYTE
    assert read("{type: LMDB, config: {directory: /d}, memory: {}}").max_bytes is None


def test_an_expiration_bounds_the_life_of_what_is_kept() -> None:
    assert read("{type: MEMCACHED, config: {addresses: [a], expiration: 1h}}").life_ms == HOUR_MS
    assert read("{type: MEMCACHED, config: {addresses: [a], expiration: 0}}").life_ms is None
    assert read("{type: MEMCACHED, config: {addresses: [a]}}").life_ms is None


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("type: GROUPCACHE", "GROUPCACHE"),
        ("config: {max_size: 1MB}", "(empty)"),
        ("type: IN-MEMORY\nconfig: {max_sise: 1MB}", "max_sise"),
        ("type: IN-MEMORY\nconfig: {max_size: lots}", "size"),
        ("type: IN-MEMORY\nconfig: {max_size: [1]}", "size"),
        ("type: IN-MEMORY\nconfig: {max_size: true}", "size"),
        ("type: IN-MEMORY\nconfig: {max_size_items: 5}", "max_size_items"),
        ("type: IN-MEMORY\nconfig: {max_size_items: -5}", "number"),
        ("type: IN-MEMORY\nconfig: {validity: forever}", "duration"),
        ("type: IN-MEMORY\nconfig: 5", "mapping"),
        ("type: IN-MEMORY\nmemory: {max_size: 1MB}", "memory is for the other types"),
        ("type: IN-MEMORY\nexpiry: 5m", "expiry"),
        ("type: IN-MEMORY\ntype: REDIS", "twice"),
        ("type: [IN-MEMORY", "not YAML"),
        ("just words", "mapping"),
        ("- type: IN-MEMORY", "mapping"),
        ("!!python/object/apply:os.getpid []", "not YAML"),
        ("type: LMDB", "directory"),
        ("{type: LMDB, config: {directory: /d, max_size: 1MB}}", "at least 32MB"),
        ("{type: LMDB, config: {directory: /d, sync: true}}", "sync"),
        ("{type: LMDB, config: {directory: /d}, memory: {max_size: 0}}", "cannot be 0"),
        ("{type: LMDB, config: {directory: /d}, memory: {size: 1MB}}", "size"),
        ("type: MEMCACHED", "addresses"),
        ("{type: MEMCACHED, config: {addresses: a}}", "list"),
        ("{type: MEMCACHED, config: {addresses: ['http://a:1']}}", "http://a:1"),
        ("{type: MEMCACHED, config: {addresses: [dnssrv+a:1]}}", "leave it out"),
        ("{type: MEMCACHED, config: {addresses: [a], auto_discovery: true}}", "auto_discovery"),
        ("{type: MEMCACHED, config: {addresses: [a], max_item_size: 5}}", "max_item_size"),
        ("{type: MEMCACHED, config: {addresses: [a], timeout: 5}}", "timeout"),
        ("{type: MEMCACHED, config: {addresses: [a], username: me}}", "username"),
        ("{type: MEMCACHED, config: {addresses: [a], max_async_concurrency: 5000}}", "1000"),
        ("type: REDIS", "addr"),
        ("{type: REDIS, config: {addr: dns+a}}", "dns+a"),
        ("{type: REDIS, config: {addr: a, cache_size: 10MB}}", "cache_size"),
        ("{type: REDIS, config: {addr: a, db: -1}}", "db"),
        ("{type: REDIS, config: {addr: 'a,b', db: 1}}", "db is 0"),
        ("{type: REDIS, config: {addr: a, tls_config: {ca_file: x}}}", "tls_enabled"),
        ("{type: REDIS, config: {addr: a, tls_enabled: true, tls_config: {min_version: 1.0}}}", "1.2"),
        ("{type: REDIS, config: {addr: a, tls_enabled: true, tls_config: {key_file: x}}}", "together"),
        ("{type: REDIS, config: {addr: a, set_async_circuit_breaker_config: {on: 1}}}", "no option"),
        (
            "{type: REDIS, config: {addr: a, set_async_circuit_breaker_config: {failure_percent: 5}}}",
            "share",
        ),
    ],
)
def test_what_is_not_understood_is_refused_by_name_and_never_ignored(text: str, word: str) -> None:
    with pytest.raises(SettingError, match=re.escape(word)):
        read(text)


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(tier("REDIS", "addr: a, password: secret"))
    with pytest.raises(SettingError) as refused:
        tier("REDIS", "addr: a, password: 123")
    assert "123" not in str(refused.value)


def test_the_yaml_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "cache.yaml"
    file.write_text("type: IN-MEMORY\nconfig:\n  max_size: 3MB\n", "utf-8")
    settings = Settings(cache_config_file=str(file))
    assert read_cache_config(settings) == CacheConfig(3 * MEBIBYTE)


def test_text_and_file_at_once_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "cache.yaml"
    file.write_text("type: IN-MEMORY", "utf-8")
    with pytest.raises(SettingError, match="not both"):
        read_cache_config(Settings(cache_config="type: IN-MEMORY", cache_config_file=str(file)))


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"], ids=["missing", "no text"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "cache.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingError, match=re.escape(str(file))):
        read_cache_config(Settings(cache_config_file=str(file)))
