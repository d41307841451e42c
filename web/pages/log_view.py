"""One page of a log for the build page, and links to the other pages.

`log_rows` is the only place where the output of a build becomes markup. Everything in it is escaped.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from farm.core.buildlog.remedy import remedy_of
from farm.core.buildlog.terminal_text import shown
from farm.core.names.escaping import escape_control_chars
from farm.server.tables.states import LIVE_ATTEMPT, AttemptState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from farm.core.buildlog.first_error import FirstError
    from farm.server.documents.log_store import LogStore
    from farm.server.tables.records import Attempt
    from web.pages.log_index import LogIndexes


_STREAMS = {"stderr": "err", "farm": "farm"}
WORKER_STEP = "worker"
"""The heading over the worker's own lines, which belong to no step."""


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
        name = escape(escape_control_chars(step[:200]) or WORKER_STEP)
        kind = " worker" if not step else ""
        blocks.append(
            f'<details class="step{kind}" open data-step="{name}"><summary>{name}</summary>'
            f'<ol class="lines">{"".join(rows)}</ol></details>'
        )
    return Markup("".join(blocks))  # noqa: S704  (built of escaped parts, above)


def _row(record: Mapping[str, Any], number: int, page: str) -> str:
    stream = str(record["stream"])
    mark = _STREAMS.get(stream, "")
    classes = " ".join(name for name in (mark, "error" if record["severity"] == "error" else "") if name)
    marked = f' class="{classes}"' if classes else ""
    label = f'<b class="stream">{mark}</b>' if mark else ""
    moment = escape(escape_control_chars(str(record["time"])[:40]))
    return (
        f'<li id="L{number}"{marked}>'
        f'<a href="{escape(page)}line={number}#L{number}" title="{moment}">'
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


@dataclass(frozen=True, slots=True)
class ErrorView:
    """The first error of a failed attempt, with the address of its line, and what to do about it."""

    error: FirstError
    address: str
    remedy: str
    rows: Markup


def log_view(
    logs: LogStore, indexes: LogIndexes, attempt: Attempt, *, address: str, line: int | None
) -> dict[str, Any]:
    """Return the page of a log that holds `line`; without one, the page that a reader wants first.

    That is the end of a log that still grows or broke off, the first error of one that failed, and otherwise the
    beginning. `address` is that of the page, ready for `line=` to be added. It shows the lines `first` to `last` of
    `lines`. Addresses of other pages are empty if there is no such page; `follow` is where to follow the lines after
    this page, while the attempt runs and this is the last page.
    """
    index = indexes.of(attempt.id)
    live = attempt.state in LIVE_ATTEMPT
    found = attempt.first_error
    last_page = len(index.starts) - 1
    if line is not None:
        page = index.page_of(line)
    elif live or attempt.state in (AttemptState.LOST, AttemptState.RELEASED):
        page = last_page
    elif attempt.state is AttemptState.FAILED:
        page = index.page_of(found.line) if found else last_page
    else:
        page = 0
    start, end = index.extent(page)
    records = logs.page(attempt.id, start.offset, most=end - start.offset).records if end > start.offset else ()

    def place(number: int) -> str:
        target = index.starts[number].line
        return f"{address}line={target}#L{target}"

    return {
        "rows": log_rows(records, first=start.line, page=address),
        "first": start.line,
        "last": start.line + len(records) - 1,
        "lines": index.lines,
        "beginning": place(0) if page > 1 else "",
        "previous": place(page - 1) if page else "",
        "following": place(page + 1) if page < last_page else "",
        "end": place(last_page) if page < last_page - 1 else "",
        "follow": f"/attempts/{attempt.id}/log/follow?offset={end}" if live and page == last_page else "",
        "live": live,
    }


def error_view(error: FirstError, *, address: str) -> ErrorView:
    """Return the first error for its page, whose address is ready for `line=` to be added."""
    rows = []
    for line in error.context:
        marked = ' class="error"' if line.number == error.line else ""
        rows.append(f"<li{marked}><b>{line.number}</b><span>{escape(escape_control_chars(line.text))}</span></li>")
    markup = Markup("".join(rows))  # noqa: S704  (texts are escaped)
    return ErrorView(error, f"{address}line={error.line}#L{error.line}", remedy_of(error), markup)
