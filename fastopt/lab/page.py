"""The lab's page: one file of HTML that contains its pictures and loads nothing from a server."""

import base64
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from .captions import Chapter, Picture
from .statements import STATEMENTS

# A browser may load only what is in the file.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = """
:root { color-scheme: light; --ink: #1c2024; --soft: #5a646e; --line: #dfe3e7; --blue: #0072B2; }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: #fff; 
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 0 20px 60px; }
h1 { font-size: 2rem; margin: 36px 0 8px; line-height: 1.2; }
h2 { font-size: 1.35rem; margin: 48px 0 4px; padding-top: 14px; border-top: 1px solid var(--line); }
p { max-width: 46rem; margin: 6px 0 14px; }
nav { display: flex; flex-wrap: wrap; gap: 6px 8px; margin: 18px 0; }
nav a { padding: 4px 11px; border: 1px solid var(--line); border-radius: 99px; font-size: .9rem; }
a { color: var(--blue); text-decoration: none; }
a:hover, a:focus { text-decoration: underline; }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 480px), 1fr)); gap: 28px 36px;
  align-items: start; }
figure { margin: 0; min-width: 0; max-width: 640px; }
figure.tall { grid-row: span 2; }
figure img { display: block; width: 100%; height: auto; }
figcaption { color: var(--soft); font-size: .92rem; margin-top: 6px; }
figcaption b { color: var(--ink); }
table { width: 100%; border-collapse: collapse; font-size: .93rem; line-height: 1.42; }
th { text-align: left; color: var(--soft); font-weight: 600; 
  border-bottom: 2px solid var(--line); padding: 6px 14px 6px 0; }
td { vertical-align: top; border-bottom: 1px solid var(--line); padding: 10px 14px 10px 0; overflow-wrap: anywhere; }
td:nth-child(1) { width: 25%; } td:nth-child(2) { width: 19%; } td:nth-child(4) { width: 22%; }
.verdict { display: inline-block; font-weight: 600; padding: 1px 9px; border-radius: 99px; white-space: nowrap; }
.holds { background: #d9f0e7; color: #00563f; } .part { background: #fdeccb; color: #6b4700; }
.not { background: #fbdfd0; color: #8a3400; }
ul { margin: 6px 0 0; padding: 0; list-style: none; font-size: .86rem; color: var(--soft); }
li { padding-left: 1.25em; text-indent: -1.25em; }
@media (max-width: 760px) {
  main { padding: 0 14px 40px; } h1 { font-size: 1.6rem; margin-top: 22px; }
  table, tbody, tr, td { display: block; width: auto !important; } thead { display: none; }
  tr { border-bottom: 1px solid var(--line); padding: 14px 0; } td { border: 0; padding: 3px 0; }
  td:nth-child(1) { font-weight: 600; } td:nth-child(2) { color: var(--soft); }
}
"""
_VERDICTS = {"holds": ("holds", "holds"), "in part": ("part", "in part"), "does not hold": ("not", "does not hold")}


def html(chapters: Sequence[Chapter], findings: Mapping[str, Any], pictures: Mapping[str, bytes]) -> str:
    """The page. findings: the records of statements by name. pictures: the SVG of each by name."""
    counts = {verdict: sum(finding["verdict"] == verdict for finding in findings.values()) for verdict in _VERDICTS}
    told = "{holds} hold, {in part} hold in part, {does not hold} do not".format_map(counts)
    links = [(chapter.name, chapter.title) for chapter in chapters] + [("statements", "Statements")] * bool(findings)
    nav = "".join(f'<a href="#{escape(name)}">{escape(title)}</a>' for name, title in links)
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<title>The lab of fastopt</title><link rel="icon" href="data:,"><style>{_STYLE}</style></head><body><main>',
        "<h1>What an optimizer does</h1>",
        "<p>Every picture here is drawn from runs of fastopt's own kernels. The effective learning rate of a weight is "
        "the size of its change over the size of its gradient: by what the rule multiplied it.</p>",
        f"<p>{len(findings)} statements of two documents on adaptive learning rates were put to the test: {told}. "
        '<a href="#statements">The table</a> says which.</p>' * bool(findings),
        f"<nav>{nav}</nav>",
        *(_chapter(chapter, pictures) for chapter in chapters),
        _table(findings, set(pictures)) if findings else "",
        "</main></body></html>\n",
    ]
    return "\n".join(part for part in parts if part)


def _chapter(chapter: Chapter, pictures: Mapping[str, bytes]) -> str:
    figures = "".join(_figure(picture, chapter.title, pictures[picture.name]) for picture in chapter.pictures)
    text = f"<p>{escape(chapter.text)}</p>" if chapter.text else ""
    return (
        f'<section id="{escape(chapter.name)}"><h2>{escape(chapter.title)}</h2>{text}'
        f'<div class="pictures">{figures}</div></section>'
    )


def _figure(one: Picture, title: str, svg: bytes) -> str:
    """A picture within the page, and its size, so that nothing moves while it is read."""
    box = re.search(rb'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    width, height = (round(float(box[k])) for k in (1, 2)) if box else (1, 1)
    text = escape(f"{title}: {one.title}. {one.caption}")
    kind = ' class="tall"' * (height > width)
    data = base64.b64encode(svg).decode()
    return (
        f'<figure id="{escape(one.name)}"{kind}><img alt="{text}" width="{width}" '
        f'height="{height}" src="data:image/svg+xml;base64,{data}"><figcaption><b>{escape(one.title)}.</b> '
        f"{escape(one.caption)}</figcaption></figure>"
    )


def _table(findings: Mapping[str, Any], pictures: set[str]) -> str:
    rows = []
    for name, finding in findings.items():
        statement = STATEMENTS[name]
        kind, verdict = _VERDICTS[finding["verdict"]]
        see = f' <a href="#{statement.picture}">See the picture.</a>' if statement.picture in pictures else ""
        claims = "".join(f"<li>{'✓' if so else '✗'} {escape(claim)}</li>" for claim, so in finding["parts"].items())
        rows.append(
            f'<tr id="statement-{name}"><td>{escape(statement.says)}</td><td>{escape(statement.run)}</td>'
            f"<td>{escape(finding['figure'])}{see}</td>"
            f'<td><span class="verdict {kind}">{verdict}</span><ul>{claims}</ul></td></tr>'
        )
    head = "".join(f"<th>{title}</th>" for title in ("statement", "run", "measured", "does it hold?"))
    return (
        '<section id="statements"><h2>The statements of the documents</h2><p>What each claims, part by part, and '
        "whether it was so when measured: with these problems, rates and numbers of steps, and no others.</p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></section>"
    )
