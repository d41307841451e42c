"""Whether what lies in a directory is as this user put it there: nobody else may write to it, but root.

Blobs are verified whenever they are read. What is unpacked is verified once, and its files are then run as they lie;
what a user follows, and has overridden or allowed, is believed as it lies.
"""

from __future__ import annotations

import json
import os
import pwd
from contextlib import suppress
from typing import TYPE_CHECKING

from farm.errors import FarmError
from farm.store.ownership import LISTED, weakness, weakness_below

if TYPE_CHECKING:
    from pathlib import Path

USERS = "users.json"
"""In a state: who the users of the farm in it are, and what belongs to them. `farm up` writes it."""
_CACHES = ("packages", "blobs")
_NOT_BELIEVED = ("blobs", "host", "links", "log", "logs", "public/blobs", "public/targets", "registry")
"""What in a state is verified whenever it is read, or is for people to read; and the cache, which has its own guard."""


NOT_OWN = "not-own-directory"
"""The code of the error: others than this user and root can change what this user runs."""


def make_own(host: Path) -> None:
    """Make the directory that holds a host's cache, for this user alone, if it is not there. Raises `OSError`."""
    host.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in _CACHES:
        (host / name).mkdir(mode=0o755, exist_ok=True)


def check_own(host: Path) -> None:
    """See that nobody but this user and root may write to a host's cache, or to what leads to it.

    Raises `FarmError` (`not-own-directory`).
    """
    for place in (host, *(host / name for name in _CACHES)):
        if found := weakness(str(place), os.geteuid()):
            raise _refused(
                found,
                "what {user} runs from it",
                "FARM_HOST",
                of_another="packages are not shared between users",
                changed="see what they have changed: `farm verify --cache`",
            )


def own_state(state: Path, host: Path | None = None) -> None:
    """See that nobody but this user and root may write to what a user keeps, every file of it, or to what leads to it.

    The host's cache may lie in it, and has its own guard; and a farm, whose programs own what `users.json` says that
    they do: they believe none of it without looking, and no verb believes it. A state that is not there is made, for
    this user alone: so nobody else makes it first, and nobody gets into it. Raises `FarmError` (`not-own-directory`).
    """
    with suppress(OSError):  # a writer fails later, a reader finds nothing
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
    apart = (str(host.relative_to(state)),) if host is not None and host.is_relative_to(state) else ()
    user = os.geteuid()
    found = weakness(str(state), user) or weakness(str(state / USERS), user)
    if found := found or weakness_below(str(state), user, (*_NOT_BELIEVED, *apart), _given(state)):
        raise _refused(
            found,
            "whom {user} trusts and what runs",
            "FARM_STATE",
            of_another="what one user trusts is not for another to say",
            changed="see what they have changed: `farm subscriptions`, `farm override list`",
        )


def _given(state: Path) -> dict[str, tuple[int, int]]:
    """Return the places in a state that belong to programs of the farm in it, each with the user and the group."""
    try:
        given: dict[str, list[int]] = json.loads((state / USERS).read_bytes())["given"]
    except OSError:
        return {}
    return {place: (user, group) for place, (user, group) in given.items()}


def _refused(found: tuple[str, int, str], what: str, variable: str, *, of_another: str, changed: str) -> FarmError:
    """Return the error about a place; `what` could be changed there, and `changed` says how to look for it."""
    place, owner, writers = found
    harm = what.format(user=_name(os.geteuid()))
    if not writers:
        return FarmError(
            f"{place} belongs to {_name(owner)}, who could change {harm}",
            remedy=f"Let {variable} name a directory of this user's own: {of_another}. "
            f"If you put it there yourself, look at it, and take it over: `chown {_name(os.geteuid())} {place}`.",
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
