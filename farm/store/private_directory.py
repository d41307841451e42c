"""Checks that only this user and root may write to a directory and its content.

Blobs are verified whenever they are read. Unpacked packages are verified once, and their files are then run as they
are; the subscriptions, overrides and policy of a user are trusted as they are.
"""

from __future__ import annotations

import json
import os
import pwd
from contextlib import suppress
from typing import TYPE_CHECKING

from farm.errors import FarmError
from farm.store.ownership import LISTED, place_open_to_others, weakness_below

if TYPE_CHECKING:
    from pathlib import Path

USERS = "users.json"
"""A file in a state directory: the users of the farm in it, and the files that belong to them. `farm up` writes it."""
_CACHES = ("packages", "blobs")
_NOT_BELIEVED = ("blobs", "host", "kept", "links", "log", "logs", "public/blobs", "public/targets", "registry")
"""Parts of a state directory that are verified when read, or only for people; what only this user may enter (`kept`,
with the files of builds in it); and the cache, which is checked apart."""


NOT_OWN = "not-own-directory"
"""The code of the error: users other than this one and root can change what this user runs."""


def make_own(host: Path) -> None:
    """Make the directory of a host's cache, for this user alone, if it does not exist. Raises `OSError`."""
    host.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in _CACHES:
        (host / name).mkdir(mode=0o755, exist_ok=True)


def check_own(host: Path) -> None:
    """Check that only this user and root may write to a host's cache, or to the way to it.

    Raises `FarmError` (`not-own-directory`).
    """
    for place in (host, *(host / name for name in _CACHES)):
        if found := place_open_to_others(str(place), os.geteuid()):
            raise _refused(
                found,
                "what {user} runs from it",
                "FARM_HOST",
                of_another="packages are not shared between users",
                changed="see what they have changed: `farm verify --cache`",
            )


def own_state(state: Path, host: Path | None = None) -> None:
    """Check that only this user and root may write to a state directory, every file of it, or the way to it.

    The host's cache may be in it, and is checked separately; so may a farm, whose programs own the paths that
    `users.json` lists: they verify them when they read them, and no verb trusts them. A missing state directory is
    made, for this user alone: so no other user makes it first, or can enter it. Raises `FarmError`
    (`not-own-directory`).
    """
    with suppress(OSError):  # a writer fails later, a reader finds nothing
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
    apart = (str(host.relative_to(state)),) if host is not None and host.is_relative_to(state) else ()
    user = os.geteuid()
    found = place_open_to_others(str(state), user) or place_open_to_others(str(state / USERS), user)
    if found := found or weakness_below(str(state), user, (*_NOT_BELIEVED, *apart), _given(state)):
        raise _refused(
            found,
            "whom {user} trusts and what runs",
            "FARM_STATE",
            of_another="what one user trusts is not for another to say",
            changed="see what they have changed: `farm subscriptions`, `farm override list`",
        )


def _given(state: Path) -> dict[str, tuple[int, int]]:
    """Return the paths in a state directory that belong to programs of the farm in it, each with user and group."""
    try:
        given: dict[str, list[int]] = json.loads((state / USERS).read_bytes())["given"]
    except OSError:
        return {}
    return {place: (user, group) for place, (user, group) in given.items()}


def _refused(found: tuple[str, int, str], what: str, variable: str, *, of_another: str, changed: str) -> FarmError:
    """Return the error for a place; `what` could be changed there, and `changed` tells how to find changes."""
    place, owner, writers = found
    harm = what.format(user=_name(os.geteuid()))
    if not writers:
        return FarmError(
            f"{place} belongs to {_name(owner)}, who could change {harm}",
            remedy=f"Let {variable} name a directory of this user's own: {of_another}. "
            f"If you put it there yourself, check it, then take ownership: `chown {_name(os.geteuid())} {place}`.",
            code=NOT_OWN,
        )
    taking = "setfacl --remove-all" if writers == LISTED else "chmod go-w"
    return FarmError(
        f"{writers} may write to {place}, and could change {harm}",
        remedy=f"Take the right from them: `{taking} {place}`, then {changed}. "
        f"Or let {variable} name another directory.",
        code=NOT_OWN,
    )


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
