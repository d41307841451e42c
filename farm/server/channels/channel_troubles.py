"""Why channels wait for somebody to mend their files, or to sign what these say; and why they stand still."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.server.tables.release_rows import ChannelRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlmodel import Session


def set_trouble(session: Session, channel: str, lines: Sequence[str]) -> None:
    """Let a channel wait for these reasons, or (with none) go on. One that is not known yet is recorded."""
    row, text = _row(session, channel), "\n".join(lines)
    if row.trouble != text:
        row.trouble = text
    session.flush()


def trouble_of(session: Session, channel: str) -> tuple[str, ...]:
    """Return why a channel waits."""
    row = session.get(ChannelRow, channel)
    return tuple(row.trouble.split("\n")) if row is not None and row.trouble else ()


def set_unsigned(session: Session, channel: str, lines: Sequence[str]) -> None:
    """Write down in which points the file of a channel that goes on does not count, because that is not signed."""
    row, text = _row(session, channel), "\n".join(lines)
    if row.unsigned != text:
        row.unsigned = text
    session.flush()


def unsigned_of(session: Session, channel: str) -> tuple[str, ...]:
    """Return in which points the file of a channel does not count."""
    row = session.get(ChannelRow, channel)
    return tuple(row.unsigned.split("\n")) if row is not None and row.unsigned else ()


def set_halted(session: Session, channel: str, why: str) -> None:
    """Write down what keeps a channel from its next step; with nothing, that nothing does."""
    row = _row(session, channel)
    if row.halted != why:
        row.halted = why
    session.flush()


def halted(session: Session, channel: str) -> str:
    """Return why a channel stands still; nothing when it does not."""
    row = session.get(ChannelRow, channel)
    return row.halted if row is not None else ""


def _row(session: Session, channel: str) -> ChannelRow:
    row = session.get(ChannelRow, channel)
    if row is None:
        row = ChannelRow(name=channel)
        session.add(row)
    return row
