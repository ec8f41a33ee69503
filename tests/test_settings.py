"""The table of settings."""

from __future__ import annotations

import dataclasses
import re

from proxy.idle_flags import WITHOUT_EFFECT
from proxy.settings import Settings, rows

UNITS = {"ms": "duration", "bytes": "size"}


def test_every_default_is_what_its_text_says() -> None:
    for row in rows():
        assert getattr(Settings(), row["name"]) == row["parse"](row["default"])


def test_every_flag_is_listed_once_and_none_both_works_and_does_not() -> None:
    flags = [row["flag"] for row in rows()]
    assert len(flags) == len(set(flags))
    assert not set(flags) & set(WITHOUT_EFFECT)


def test_durations_and_sizes_carry_their_unit_in_the_name() -> None:
    for field in dataclasses.fields(Settings):
        parse = field.metadata["parse"].__name__
        unit = field.name.rpartition("_")[2]
        assert ("duration" in parse) == (unit == "ms"), field.name
        assert (parse == "size_bytes") == (unit == "bytes"), field.name


def test_meanings_are_one_short_line() -> None:
    for row in rows():
        assert re.fullmatch(r"[^\n]{10,110}", row["meaning"]), row["flag"]
