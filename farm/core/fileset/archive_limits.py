"""The limits of an archive that a reader accepts."""

from __future__ import annotations

from dataclasses import dataclass

from farm.core.fileset.rules import MOST_ENTRIES


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """The most that an archive may hold: entries, bytes in one file, in all files together, and in all names.

    Names are paths and the targets of links. They are held in memory while the rest is streamed.
    """

    entries: int = MOST_ENTRIES
    file_bytes: int = 4 << 30
    total_bytes: int = 16 << 30
    name_bytes: int = 64 << 20
