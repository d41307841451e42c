"""How much of an archive a reader is willing to take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """The most that an archive may hold: entries, bytes in one file, and bytes in all files together."""

    entries: int = 200_000
    file_bytes: int = 4 << 30
    total_bytes: int = 16 << 30
