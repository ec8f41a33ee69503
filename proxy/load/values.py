"""The values of command-line options: text → value, or the sentence that says what is wanted."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from proxy.codec.durations import parse_time_ms
from proxy.load.intervals import grafana_duration_ms
from proxy.load.units import span

if TYPE_CHECKING:
    from collections.abc import Callable

_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_MOST_DIGITS = 20
_LEAST_SPEED, _MOST_SPEED = 0.001, 1_000_000.0


def duration(most_ms: int, least_ms: int = 1) -> Callable[[str], int]:
    def read(text: str) -> int:
        found = grafana_duration_ms(text)
        if found is None or not least_ms <= found <= most_ms:
            between = f"{span(least_ms)} and {span(most_ms)}"
            raise argparse.ArgumentTypeError(f"{text!r} is no duration between {between}")
        return found

    return read


def whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        found = int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else -1
        if not least <= found <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is no number from {least} to {most}")
        return found

    return read


def _checked(is_good: Callable[[str], bool], what: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not is_good(text):
            raise argparse.ArgumentTypeError(f"{text!r} is no {what}")
        return text

    return read


header_name = _checked(lambda text: bool(_HEADER.fullmatch(text)), "name of a header")
header_value = _checked(
    lambda text: text.isprintable() and text.isascii(), "value that a header can have"
)
label_name = _checked(lambda text: text.isidentifier() and text.isascii(), "name of a label")


def url(text: str) -> str:
    try:
        parts = urlsplit(text)
        is_good = bool(parts.hostname) and parts.port != 0 and not parts.query + parts.fragment
        is_good = is_good and parts.scheme in {"http", "https"} and text.isprintable()
    except ValueError:
        is_good = False
    if not is_good:
        raise argparse.ArgumentTypeError(f"{text!r} is no address such as http://host:9090")
    return text.rstrip("/")


def pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def header(text: str) -> tuple[str, str]:
    name, value = pair(text)
    return header_name(name.strip()), header_value(value.strip())


def step(text: str) -> int:
    found = 0 if text == "auto" else grafana_duration_ms(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is neither auto nor a duration")
    return found


def moment(text: str) -> int:
    found = parse_time_ms(text)
    if found is None or found < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no time (Unix seconds or RFC 3339)")
    return found


def speed(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not _LEAST_SPEED <= found <= _MOST_SPEED:
        raise argparse.ArgumentTypeError(f"{text!r} is no factor from 0.001 to 1000000")
    return found


def writable(text: str) -> Path:
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is no file that can be written")
    return path
