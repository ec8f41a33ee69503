"""What tiers are configured with."""

from __future__ import annotations

from proxy.store.tier_config import RedisConfig


def test_a_password_is_not_part_of_what_is_shown() -> None:
    assert "secret" not in repr(RedisConfig(("a",), password="secret"))
