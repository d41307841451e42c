"""Why channels wait: errors in their files, unsigned parts of the files, and errors that halt their pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.server.tables.release_rows import ChannelRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlmodel import Session


def set_trouble(session: Session, channel: str, lines: Sequence[str]) -> None:
    """Record the errors in a channel's file, which stop the channel; none let it go on. A new channel is added."""
    _channel(session, channel).trouble = "\n".join(lines)
    session.flush()


def trouble_of(session: Session, channel: str) -> tuple[str, ...]:
    """Return the errors in a channel's file."""
    row = session.get(ChannelRow, channel)
    return tuple(row.trouble.split("\n")) if row is not None and row.trouble else ()


def set_unsigned(session: Session, channel: str, lines: Sequence[str]) -> None:
    """Record which parts of a channel's file are ignored because they are not signed."""
    _channel(session, channel).unsigned = "\n".join(lines)
    session.flush()


def unsigned_of(session: Session, channel: str) -> tuple[str, ...]:
    """Return which parts of a channel's file are ignored."""
    row = session.get(ChannelRow, channel)
    return tuple(row.unsigned.split("\n")) if row is not None and row.unsigned else ()


def set_halted(session: Session, channel: str, why: str) -> None:
    """Record what prevents a channel's next round; empty if nothing does."""
    _channel(session, channel).halted = why
    session.flush()


def halted(session: Session, channel: str) -> str:
    """Return what prevents a channel's next round; empty if nothing does."""
    row = session.get(ChannelRow, channel)
    return row.halted if row is not None else ""


def _channel(session: Session, name: str) -> ChannelRow:
    row = session.get(ChannelRow, name)
    if row is None:
        row = ChannelRow(name=name)
        session.add(row)
    return row
