"""A row of the table of settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

Parse = Callable[[str], Any]


def setting(flag: str, default: str, parse: Parse, meaning: str) -> Any:
    """A row of the table. The field's value has the unit that its name ends in."""
    return dataclasses.field(
        default=parse(default),
        metadata={"flag": flag, "default": default, "parse": parse, "meaning": meaning},
    )
