"""The rules for channel names: the name is also the role that signs the channel, and users tell channels by it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from farm.core.names.preview_name import RESERVED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROLES = ("root", "targets", "snapshot", "timestamp", "advisories")
"""The roles of a repository that belong to no channel."""
LONGEST_NAME = 63

_FORM = re.compile(r"[a-z](?:-?[a-z0-9])*")
_CONFUSED = str.maketrans({"0": "o", "1": "l", "-": None})


@dataclass(frozen=True, slots=True)
class NameFault:
    """Why `name` cannot be the name of a channel, or not together with the others, and the remedy."""

    name: str
    message: str
    remedy: str


def faults_of_channel_names(names: Iterable[str]) -> Iterator[NameFault]:
    """Yield the problems of channel names: invalid ones, names of roles, and names that look alike."""
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
        if name.startswith(RESERVED):
            yield NameFault(name, f"the channel name {name} looks like that of a preview", "Give it another name.")
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
    """Return how much a name looks like the imitation rather than the original."""
    return len(name), sum(not letter.isalpha() for letter in name), name
