"""The cache YAML of query-frontend: what is understood, and what is refused by name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from proxy.cache_config import CacheConfig, read_cache_config
from proxy.setting_values import SettingError
from proxy.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

MEBIBYTE = 1 << 20


def read(text: str) -> CacheConfig:
    return read_cache_config(Settings(cache_config=text))


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
        ("type: IN-MEMORY\nconfig: {validity: 6h}", CacheConfig(None, 6 * 3_600_000)),
    ],
)
def test_what_query_frontend_takes_is_understood(text: str, config: CacheConfig) -> None:
    assert read(text) == config


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("type: MEMCACHED\nconfig: {addresses: [a]}", "MEMCACHED"),
        ("type: REDIS", "REDIS"),
        ("config: {max_size: 1MB}", "none"),
        ("type: IN-MEMORY\nconfig: {max_sise: 1MB}", "max_sise"),
        ("type: IN-MEMORY\nconfig: {max_size: lots}", "size"),
        ("type: IN-MEMORY\nconfig: {max_size: [1]}", "size"),
        ("type: IN-MEMORY\nconfig: {max_size_items: 5}", "max_size_items"),
        ("type: IN-MEMORY\nconfig: {max_size_items: -5}", "number"),
        ("type: IN-MEMORY\nconfig: {validity: forever}", "duration"),
        ("type: IN-MEMORY\nconfig: 5", "mapping"),
        ("type: IN-MEMORY\nexpiry: 5m", "type and config"),
        ("type: [IN-MEMORY", "cannot be read"),
        ("just words", "type and config"),
        ("- type: IN-MEMORY", "type and config"),
        ("!!python/object/apply:os.getpid []", "cannot be read"),
    ],
)
def test_what_is_not_understood_is_refused_by_name_and_never_ignored(text: str, word: str) -> None:
    with pytest.raises(SettingError, match=re.escape(word)):
        read(text)


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
