"""Why channels wait for somebody to mend their files: a line for each fault, with its place. None: they go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.database.release_rows import ChannelRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlmodel import Session


def set_trouble(session: Session, channel: str, lines: Sequence[str]) -> None:
    """Let a channel wait for these reasons, or (with none) go on. One that is not known yet is recorded."""
    text, row = "\n".join(lines), session.get(ChannelRow, channel)
    if row is None:
        session.add(ChannelRow(name=channel, trouble=text))
    elif row.trouble != text:
        row.trouble = text
    session.flush()


def trouble_of(session: Session, channel: str) -> tuple[str, ...]:
    """Return why a channel waits."""
    row = session.get(ChannelRow, channel)
    return tuple(row.trouble.split("\n")) if row is not None and row.trouble else ()
