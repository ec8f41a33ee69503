"""Writes the tables of settings in README.md from `proxy.settings`; with `--check` only compares.

    python -m scripts.settings_table           bring README.md up to date
    python -m scripts.settings_table --check   exit with 1 when it is not
    python -m scripts.settings_table --print   show the tables

Each table stands between two comments, `<!-- NAME: begin -->` and `<!-- NAME: end -->`, and empty
lines, without which Markdown would take the comments for rows. What is between them is overwritten;
everything else in the file is left as it is.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from proxy.idle_flags import WITHOUT_EFFECT
from proxy.settings import rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
NO_DEFAULT = "none"


def tables() -> dict[str, str]:
    """The text of every generated table, by the name in its comments."""
    settings = [(f"`--{row['flag']}`", _default_text(row["default"]), row["meaning"]) for row in rows()]
    idle = [(f"`--{flag}`", reason) for flag, reason in WITHOUT_EFFECT.items()]
    return {
        "settings": _table(("flag", "default", "meaning"), settings),
        "flags without effect": _table(("flag", "why"), idle),
    }


def _default_text(default: str) -> str:
    return f"`{default}`" if default else NO_DEFAULT


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rule = ["---"] * len(head)
    return "".join(_line(cells) for cells in (head, rule, *lines))


def _line(cells: Sequence[str]) -> str:
    escaped = (cell.replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(escaped)} |\n"


def with_tables(text: str, wanted: dict[str, str]) -> str:
    """The text with every table in its place.

    Raises:
        ValueError: a table's comments are missing, doubled or in the wrong order.
    """
    for name, table in wanted.items():
        before, begin, rest = text.partition(f"<!-- {name}: begin -->\n")
        _, end, after = rest.partition(f"<!-- {name}: end -->\n")
        if not begin or not end or begin in after or end in before + after:
            raise ValueError(f"the comments of the table '{name}' must be there once, in order")
        text = f"{before}{begin}\n{table}\n{end}{after}"
    return text


def stale_tables(text: str, wanted: dict[str, str]) -> Iterator[str]:
    """The names of the tables that the text has otherwise."""
    return (name for name, table in wanted.items() if with_tables(text, {name: table}) != text)


def main(arguments: Sequence[str], readme: Path = README) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="scripts.settings_table", description="The tables of settings in README.md."
    )
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="exit with 1 when README.md is stale")
    mode.add_argument("--print", action="store_true", help="show the tables, write nothing")
    options = parser.parse_args(arguments)
    wanted = tables()
    if options.print:
        sys.stdout.write("\n".join(wanted.values()))
        return 0
    text = readme.read_text("utf-8")
    stale = list(stale_tables(text, wanted))
    if stale and not options.check:
        readme.write_text(with_tables(text, wanted), "utf-8")
    elif stale:
        sys.stderr.write(f"stale in {readme.name}: {', '.join(stale)}\n")
        sys.stderr.write("run: python -m scripts.settings_table\n")
    return int(bool(stale) and options.check)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
