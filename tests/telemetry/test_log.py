"""Log lines: one event a line, logfmt, whatever clients send."""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.telemetry.log import LOG, LogfmtFormatter, configure

if TYPE_CHECKING:
    from collections.abc import Iterator

FIELD = re.compile(r'([a-zA-Z_]+)=("(?:[^"\\]|\\.)*"|[^" =]*)(?: |$)')
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


def read(line: str) -> dict[str, str]:
    """Logfmt, as its Go readers do: values in quotes are JSON strings."""
    fields, end = {}, 0
    while end < len(line):
        match = FIELD.match(line, end)
        assert match, line[end:]
        value = match[2]
        fields[match[1]] = json.loads(value) if value.startswith('"') else value
        end = match.end()
    return fields


def line_of(message: str, level: int = logging.INFO, **extra: object) -> str:
    record = LOG.makeRecord("thanoxy", level, "f", 1, message, (), None, extra=extra)
    return LogfmtFormatter().format(record)


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    """The root logger, put back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)


@given(TEXTS, TEXTS)
def test_any_text_is_one_line_that_is_read_back_as_it_was(message: str, value: str) -> None:
    line = line_of(message, err=value)
    assert not set(line) & set("\n\r")
    assert (read(line)["msg"], read(line)["err"]) == (message, value)


def test_a_line_has_time_level_message_and_fields_in_this_order() -> None:
    fields = read(line_of("slow query", code=200, path="/api"))
    assert list(fields) == ["ts", "level", "msg", "code", "path"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", fields["ts"])
    assert (fields["msg"], fields["code"], fields["path"]) == ("slow query", "200", "/api")


@pytest.mark.parametrize(
    ("level", "name"),
    [(logging.DEBUG, "debug"), (logging.WARNING, "warn"), (logging.ERROR, "error")],
)
def test_levels_have_the_names_of_thanos(level: int, name: str) -> None:
    assert read(line_of("x", level))["level"] == name


@pytest.mark.parametrize(
    ("value", "written"),
    [("plain", "v=plain"), ("", 'v=""'), ("a b", 'v="a b"'), ('"\\', r'v="\"\\"'), ("a=b", 'v="a=b"')],
)
def test_values_are_quoted_where_they_must_be(value: str, written: str) -> None:
    assert line_of("m", v=value).endswith(written)


def test_a_trace_stays_on_the_line_of_its_error() -> None:
    with pytest.raises(ValueError, match="inner") as caught:
        int("inner\nlines")
    trace = (caught.type, caught.value, caught.tb)
    record = LOG.makeRecord("thanoxy", logging.ERROR, "f", 1, "failed", (), trace)
    line = LogfmtFormatter().format(record)
    assert "\n" not in line
    assert read(line)["trace"].splitlines()[0] == "Traceback (most recent call last):"


@pytest.mark.parametrize(
    ("level", "is_shown"), [("debug", True), ("info", True), ("warn", False), ("error", False)]
)
def test_only_what_is_asked_for_is_written(
    level: str, is_shown: bool, root_logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(level)
    LOG.info("hello")
    assert ("msg=hello" in capsys.readouterr().err) is is_shown
    assert len(root_logger.handlers) == 1
