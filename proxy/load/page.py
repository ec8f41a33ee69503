"""The shell of the HTML report: one file, nothing from elsewhere, no script, light and dark."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_STYLE = """
:root { color-scheme: light dark; --page: #f6f7f8; --card: #fff; --ink: #1b1f24; --soft: #59636e;
  --rule: #e3e6e9; --c0: #2563c9; --c1: #cf5c00; --c2: #0b7f74; --c3: #8446b8; --bar: #a9bfdc;
  --bad: #c62f2a; --note: #fff6df; }
@media (prefers-color-scheme: dark) { :root { --page: #14171a; --card: #1c2025; --ink: #e7e9eb;
  --soft: #9aa4ae; --rule: #2e343b; --c0: #74abff; --c1: #ffa657; --c2: #4fcbb9; --c3: #cb9ff5;
  --bar: #41597a; --bad: #ff7b72; --note: #332b14; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 24px; line-height: 1.25; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 18px; margin: 34px 0 10px; overflow-wrap: anywhere; }
h3 { font-size: 14px; margin: 0 0 2px; }
p { margin: 4px 0; }
.soft { color: var(--soft); }
.small { font-size: 13px; }
.card { background: var(--card); border: 1px solid var(--rule); border-radius: 8px;
  padding: 14px 16px; margin: 12px 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); gap: 10px; }
.tile { background: var(--card); border: 1px solid var(--rule); border-radius: 8px;
  padding: 10px 14px; }
.tile b { display: block; font-size: 21px; font-weight: 600; font-variant-numeric: tabular-nums; }
.tile.bad b { color: var(--bad); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; font-variant-numeric: tabular-nums; }
th { text-align: right; font-weight: 600; color: var(--soft); white-space: nowrap; }
td { text-align: right; white-space: nowrap; }
th, td { padding: 5px 10px; border-bottom: 1px solid var(--rule); vertical-align: top; }
tr:last-child td { border-bottom: 0; }
th.text, td.text { text-align: left; white-space: normal; overflow-wrap: anywhere; min-width: 150px; }
th.name, td.name { text-align: left; min-width: 190px; overflow-wrap: anywhere; white-space: normal; }
td.code { font: 12.5px/1.5 ui-monospace, Menlo, Consolas, monospace; min-width: 260px; }
.notes { background: var(--note); }
.notes ul { margin: 4px 0; padding-left: 20px; }
.facts { display: flex; flex-wrap: wrap; gap: 2px 18px; font-size: 13px; }
svg { display: block; width: 100%; height: auto; }
.grid { stroke: var(--rule); } .axis { stroke: var(--soft); }
.tick { fill: var(--soft); font-size: 12px; font-variant-numeric: tabular-nums; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.spot { fill: transparent; }
.dot.c0, .spot.c0:hover { fill: var(--c0); } .dot.c1, .spot.c1:hover { fill: var(--c1); }
.dot.c2, .spot.c2:hover { fill: var(--c2); } .dot.c3, .spot.c3:hover { fill: var(--c3); }
.line.c0 { stroke: var(--c0); } .line.c1 { stroke: var(--c1); }
.line.c2 { stroke: var(--c2); } .line.c3 { stroke: var(--c3); }
.dashed { stroke-dasharray: 6 5; }
rect.done { fill: var(--bar); } rect.bad { fill: var(--bad); }
.key { display: inline-block; margin-right: 14px; font-size: 13px; color: var(--soft); }
.key i { display: inline-block; width: 14px; height: 4px; border-radius: 2px; margin-right: 6px;
  vertical-align: middle; }
.key i.c0 { background: var(--c0); } .key i.c1 { background: var(--c1); }
.key i.c2 { background: var(--c2); } .key i.c3 { background: var(--c3); }
.key i.done { background: var(--bar); } .key i.bad { background: var(--bad); }
.key i.done, .key i.bad, .key i.held, .key i.asked { height: 10px; }
.split { display: flex; height: 26px; border-radius: 5px; overflow: hidden; background: var(--rule);
  margin: 8px 0 6px; }
.split div { height: 100%; }
.split .held, .key i.held { background: var(--c2); }
.split .asked, .key i.asked { background: var(--c1); }
@media print { body { background: #fff; } .card, .tile { break-inside: avoid; } }
"""


def page(title: str, sections: Sequence[str]) -> str:
    """The whole document; sections are HTML."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body><main>\n"
        + "\n".join(sections)
        + "\n</main></body></html>\n"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]], css: Sequence[str]) -> str:
    """A table of texts; `css` has a class for each column (`text`, `text code`, or nothing)."""
    titles = _row("th", head, [name.replace(" code", "") for name in css])
    body = "".join(_row("td", row, css) for row in rows)
    return f'<div class="scroll"><table><thead>{titles}</thead><tbody>{body}</tbody></table></div>'


def _row(tag: str, cells: Sequence[str], css: Sequence[str]) -> str:
    written = (
        f'<{tag} class="{name}">{escape(cell)}</{tag}>' if name else f"<{tag}>{escape(cell)}</{tag}>"
        for cell, name in zip(cells, css, strict=True)
    )
    return f"<tr>{''.join(written)}</tr>"


def tile(name: str, value: str, css: str = "") -> str:
    """One large number."""
    shown = f'<span class="soft small">{escape(name)}</span><b>{escape(value)}</b>'
    return f'<div class="tile {css}">{shown}</div>'


def card(title: str, body: str, *, explained: str = "", keys: Sequence[tuple[str, str]] = ()) -> str:
    """A titled box; `body` is HTML, `keys` are classes and names of what is drawn in it."""
    legend = "".join(
        f'<span class="key"><i class="{css}"></i>{escape(name)}</span>' for css, name in keys
    )
    why = f'<p class="soft small">{escape(explained)}</p>' if explained else ""
    return f'<div class="card"><h3>{escape(title)}</h3>{why}{legend}{body}</div>'


def notes(lines: Sequence[str]) -> str:
    """A box with sentences; nothing when there are none."""
    if not lines:
        return ""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<div class="card notes small"><h3>Notes</h3><ul>{items}</ul></div>'
