"""Values of options."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import pytest

from proxy.load import values

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (values.url, "http://host:9090/", "http://host:9090"),
        (values.url, "https://user:word@[::1]/prefix", "https://user:word@[::1]/prefix"),
        (values.pair, "a=b=c", ("a", "b=c")),
        (values.pair, "a=", ("a", "")),
        (values.header, "Authorization = Bearer x", ("Authorization", "Bearer x")),
        (values.step, "auto", 0),
        (values.step, "30s", 30_000),
        (values.moment, "1700000000.5", 1_700_000_000_500),
        (values.moment, "2026-01-01T00:00:00Z", 1_767_225_600_000),
        (values.speed, "0.5", 0.5),
        (values.label_name, "pod", "pod"),
        (values.whole(1, 100), "100", 100),
        (values.duration(60_000), "1m", 60_000),
    ],
)
def test_good_values_are_read(read: Callable[[str], Any], text: str, value: object) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (values.url, "localhost:9090", "no address such as"),
        (values.url, "ftp://host", "no address such as"),
        (values.url, "http://", "no address such as"),
        (values.url, "http://host:99999", "no address such as"),
        (values.url, "http://[::1", "no address such as"),
        (values.url, "http://host/?query=up", "no address such as"),
        (values.url, "http://host/\r\nX: y", "no address such as"),
        (values.pair, "novalue", "not NAME=VALUE"),
        (values.pair, "=x", "not NAME=VALUE"),
        (values.header, "X-A=b\r\nX-C: d", "value that a header can have"),
        (values.header, "bad name=x", "name of a header"),
        (values.step, "x", "neither auto nor a duration"),
        (values.moment, "yesterday", "no time"),
        (values.moment, "-5", "no time"),
        (values.speed, "fast", "no factor"),
        (values.speed, "nan", "no factor"),
        (values.speed, "0", "no factor"),
        (values.label_name, "a-b", "no name of a label"),
        (values.whole(1, 100), "0", "no number from 1 to 100"),
        (values.whole(1, 100), "-1", "no number from 1 to 100"),
        (values.whole(0, 100), "0" * 30 + "9" * 30, "no number from 0 to 100"),
        (values.duration(60_000, 1_000), "500ms", "no duration between 1s and 1m"),
        (values.duration(60_000, 1_000), "2m", "no duration between 1s and 1m"),
        (values.duration(60_000), "long", "no duration"),
    ],
)
def test_other_values_say_what_is_wanted(read: Callable[[str], Any], text: str, message: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=message):
        read(text)


def test_a_file_to_write_needs_its_folder(tmp_path: Path) -> None:
    assert values.writable(str(tmp_path / "r.html")) == tmp_path / "r.html"
    for path in (tmp_path, tmp_path / "none" / "r.html"):
        with pytest.raises(argparse.ArgumentTypeError, match="no file that can be written"):
            values.writable(str(path))
