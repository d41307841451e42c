"""What a channel may be called. Its name is also that of the role that signs it, and people tell channels by it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROLES = ("root", "targets", "snapshot", "timestamp", "advisories")
"""The roles of a repository that are no channel's."""
LONGEST_NAME = 63

_FORM = re.compile(r"[a-z](?:-?[a-z0-9])*")
_CONFUSED = str.maketrans({"0": "o", "1": "l", "-": None})


@dataclass(frozen=True, slots=True)
class NameFault:
    """Why a channel cannot be called `name`, or not beside the others, and what to do about it."""

    name: str
    message: str
    remedy: str


def faults_of_channel_names(names: Iterable[str]) -> Iterator[NameFault]:
    """Yield what is wrong with names of channels: they are none, look like a role, or can be taken for each other."""
    channels = []
    for name in sorted(names):
        if _FORM.fullmatch(name) and len(name) <= LONGEST_NAME:
            channels.append(name)
            continue
        yield NameFault(
            name,
            f"{name[: 2 * LONGEST_NAME]!r} cannot be the name of a channel",
            f"Use at most {LONGEST_NAME} of a-z, 0-9 and single hyphens between them, beginning with a letter.",
        )
    for name in channels:
        if reserved := next((role for role in ROLES if _alike(name, role)), ""):
            yield NameFault(
                name, f"the channel name {name} looks like the role {reserved}", "Give the channel another name."
            )
    for one, other in combinations(channels, 2):
        if _alike(one, other):
            yield NameFault(
                max(one, other, key=_oddness),
                f"the channel names {one} and {other} can be taken for each other",
                "Choose names of which none begins with another, nor looks like one.",
            )


def _alike(one: str, other: str) -> bool:
    one, other = one.translate(_CONFUSED), other.translate(_CONFUSED)
    return one.startswith(other) or other.startswith(one)


def _oddness(name: str) -> tuple[int, int, str]:
    """Return by how much a name looks like the imitation rather than the original."""
    return len(name), sum(not letter.isalpha() for letter in name), name
