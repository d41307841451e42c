"""One page of a log for the build page, and links to the other pages.

`log_rows` is the only place where the output of a build becomes markup. Everything in it is escaped.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from farm.server.tables.states import LIVE_ATTEMPT, AttemptState
from web.pages.terminal_text import shown, spelt_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from farm.server.documents.log_store import LogStore
    from farm.server.tables.records import Attempt
    from web.pages.log_index import LogIndex, LogIndexes


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
    classes = " ".join(name for name in (mark, "error" if record["severity"] == "error" else "") if name)
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


@dataclass(frozen=True, slots=True)
class FirstError:
    """The first line of a log that is marked as an error."""

    line: int
    address: str
    markup: Markup


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
    first_error = index.first_error if attempt.state is not AttemptState.SUCCEEDED else 0
    last_page = len(index.starts) - 1
    if line is not None:
        page = index.page_of(line)
    elif live or attempt.state in (AttemptState.LOST, AttemptState.RELEASED):
        page = last_page
    elif attempt.state is AttemptState.FAILED:
        page = index.page_of(first_error) if first_error else last_page
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
        "first_error": _first_error(logs, attempt, index, address, page) if first_error else None,
    }


def _first_error(logs: LogStore, attempt: Attempt, index: LogIndex, address: str, shown: int) -> FirstError:
    line = index.first_error
    page = index.page_of(line)
    start, end = index.extent(page)
    record = logs.page(attempt.id, start.offset, most=end - start.offset).records[line - start.line]
    anchor = f"#L{line}" if page == shown else f"{address}line={line}#L{line}"
    return FirstError(line, anchor, line_markup(str(record["text"])[:300]))
