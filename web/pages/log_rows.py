"""Records of a log as HTML: the one place where what a build printed becomes markup. Everything in it is escaped."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from web.pages.terminal_text import shown, spelt_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_STREAMS = {"stderr": "err", "farm": "farm"}
WORKER_STEP = "worker"
"""What stands over the lines that the worker itself says, which belong to no step."""


def log_rows(records: Iterable[Mapping[str, Any]], *, first: int, page: str) -> Markup:
    """Return one block for each run of lines of a step. `first` is the number of the first line.

    `page` is the address of the page, to which a line's own anchor is added: it must end before `line=`.
    """
    blocks: list[str] = []
    number = first
    for step, group in groupby(records, key=lambda record: str(record["step"])):
        rows: list[str] = []
        for record in group:
            rows.append(_row(record, number, page))
            number += 1
        name = escape(spelt_out(step[:200]) or WORKER_STEP)
        kind = " worker" if not step else ""
        blocks.append(
            f'<details class="step{kind}" open data-step="{name}"><summary>{name}</summary>'
            f'<ol class="lines">{"".join(rows)}</ol></details>'
        )
    return Markup("".join(blocks))  # noqa: S704  (built of escaped parts, above)


def _row(record: Mapping[str, Any], number: int, page: str) -> str:
    stream = str(record["stream"])
    mark = _STREAMS.get(stream, "")
    classes = " ".join(each for each in (mark, "error" if record["severity"] == "error" else "") if each)
    marked = f' class="{classes}"' if classes else ""
    label = f'<b class="stream">{mark}</b>' if mark else ""
    return (
        f'<li id="L{number}"{marked}>'
        f'<a href="{escape(page)}line={number}#L{number}" title="{escape(spelt_out(str(record["time"])[:40]))}">'
        f"{number}</a>{label}<span>{line_markup(str(record['text']))}</span></li>"
    )


def line_markup(text: str) -> Markup:
    """Return the text of one line with its colours as classes, and a note where it was cut."""
    line = shown(text)
    parts: list[str] = []
    for segment in line.segments:
        part = escape(segment.text)
        parts.append(f'<i class="{" ".join(segment.styles)}">{part}</i>' if segment.styles else part)
    if line.cut:
        parts.append(f'<em class="cut">… {line.cut:,} more characters in the plain log</em>')
    return Markup("".join(parts))  # noqa: S704  (segments are escaped, styles are words of ours)
