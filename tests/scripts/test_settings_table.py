"""The README says of every setting what the code says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from proxy.config import load_settings
from proxy.idle_flags import WITHOUT_EFFECT
from proxy.settings import rows
from scripts.settings_table import README, main, stale_tables, tables, with_tables

if TYPE_CHECKING:
    from pathlib import Path

SMALL = "above\n<!-- t: begin -->\nold\n<!-- t: end -->\nbelow\n"


def test_the_tables_in_the_readme_are_current() -> None:
    stale = list(stale_tables(README.read_text("utf-8"), tables()))
    assert not stale, "run: python -m scripts.settings_table"


def test_every_flag_has_one_line_in_the_readme() -> None:
    listed = re.findall(r"(?m)^\| `--([^`]+)` \|", README.read_text("utf-8"))
    flags = [row["flag"] for row in rows()]
    assert sorted(listed) == sorted([*flags, *WITHOUT_EFFECT])


def test_no_flag_is_listed_twice() -> None:
    flags = [row["flag"] for row in rows()] + list(WITHOUT_EFFECT)
    assert len(set(flags)) == len(flags)


def test_a_default_in_the_table_is_the_one_that_is_used() -> None:
    lines = tables()["settings"].splitlines()[2:]
    flags = []
    for line in lines:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        flag, default = cells[0].strip("`"), cells[1].strip("`").replace("none", "")
        flags.append(f"{flag}={default}")
    assert load_settings(flags, {}) == load_settings([], {})


def test_only_what_stands_between_the_comments_is_written() -> None:
    assert with_tables(SMALL, {"t": "new\n"}) == SMALL.replace("old", "\nnew\n")


def test_writing_twice_changes_nothing_more() -> None:
    once = with_tables(SMALL, {"t": "| a |\n"})
    assert with_tables(once, {"t": "| a |\n"}) == once


@pytest.mark.parametrize(
    "text",
    [
        "no comments\n",
        "<!-- t: begin -->\nno end\n",
        "<!-- t: end -->\n<!-- t: begin -->\n",
        SMALL + SMALL,
    ],
)
def test_comments_that_are_not_there_once_and_in_order_are_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="the table 't'"):
        with_tables(text, {"t": "new\n"})


def test_check_names_a_stale_table_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = tmp_path / "README.md"
    current = README.read_text("utf-8")
    stale = current.replace(f"| `--{rows()[0]['flag']}` |", "| `--old` |")
    assert stale != current
    readme.write_text(stale, "utf-8")
    assert main(["--check"], readme) == 1
    assert "stale in README.md: settings\n" in capsys.readouterr().err
    assert readme.read_text("utf-8") == stale


def test_without_a_flag_the_file_is_brought_up_to_date(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    current = with_tables(README.read_text("utf-8"), tables())
    readme.write_text(current.replace("| flag | why |", "| why | flag |"), "utf-8")
    assert main([], readme) == 0
    assert readme.read_text("utf-8") == current
    assert main(["--check"], readme) == 0


def test_a_bar_in_a_meaning_does_not_end_its_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WITHOUT_EFFECT, "some-flag", "a | b")
    assert "| `--some-flag` | a \\| b |\n" in tables()["flags without effect"]


def test_print_shows_the_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--print"]) == 0
    assert capsys.readouterr().out == "\n".join(tables().values())
