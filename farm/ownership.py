"""Whether others than a user and root could change what lies at a path, or put something else in its place.

Loading this loads next to nothing: it is on the way to every start of a container.
"""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False  # as of `typing`
if TYPE_CHECKING:
    from collections.abc import Iterator


def weakness(path: str, user: int) -> tuple[str, int, str] | None:
    """Return the first place on the way to `path`, or itself, that somebody else could change; None if none.

    With its owner, and who may write to it (`everybody`, `its group`); empty where the owner is somebody else. It may
    be a file.

    A directory on the way may be one that everybody may write to, when it is sticky, as `/tmp` is: nobody can take away
    there what is another's. `path` itself may not: whoever makes a name in it first decides what that is. A group of
    the user's own or root's, with nobody else in it, is nobody else. What is not there is nobody's.
    """
    itself = (os.path.normpath(path), os.path.realpath(path))
    for place in dict.fromkeys([*_way(itself[0]), *_way(itself[1])]):
        try:
            found = os.lstat(place)
        except OSError:
            continue  # it is not there; or it lies where this user cannot look, and then can read nothing either
        if found.st_uid not in (0, user) and (place in itself or not _has_no_number_here(found.st_uid)):
            return place, found.st_uid, ""
        is_passed_through = place not in itself and found.st_mode & stat.S_ISVTX
        if not is_passed_through and (writers := _writers(found, user)):
            return place, found.st_uid, writers
    return None


def weakness_below(
    directory: str, user: int, leave_out: tuple[str, ...] = (), seen: set[tuple[int, int]] | None = None
) -> tuple[str, int, str] | None:
    """Return the first file or directory below one that somebody else could change, as `weakness` does; None if none.

    What a link leads to counts, with all below it. `leave_out` are paths in the directory whose content is nobody's
    business here. What cannot be read is left out: it cannot be believed either.
    """
    seen = set() if seen is None else seen  # links can lead round in circles
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError:
        return None
    for entry in entries:
        try:
            found = entry.stat(follow_symlinks=False)
            if entry.is_symlink():
                if weak := weakness(entry.path, user):
                    return weak
                found = entry.stat()
        except OSError:
            continue  # it went, or leads nowhere
        if found.st_uid not in (0, user):
            return entry.path, found.st_uid, ""
        if writers := _writers(found, user):
            return entry.path, found.st_uid, writers
        key = (found.st_dev, found.st_ino)
        if stat.S_ISDIR(found.st_mode) and entry.name not in leave_out and key not in seen:
            seen.add(key)
            within = f"{entry.name}/"
            apart = tuple(path.removeprefix(within) for path in leave_out if path.startswith(within))
            if weak := weakness_below(entry.path, user, apart, seen):
                return weak
    return None


def _way(path: str) -> Iterator[str]:
    """Yield the directories that lead to an absolute path, the highest first, and the path."""
    above = os.path.dirname(path)
    if above != path:
        yield from _way(above)
    yield path


def _has_no_number_here(owner: int) -> bool:
    """Say whether this user namespace has no number for an owner, as for root outside: that is for those outside."""
    try:
        with open("/proc/self/uid_map") as ranges, open("/proc/sys/kernel/overflowuid") as number:
            mapped = [(int(first), int(count)) for first, _, count in map(str.split, ranges)]
            return owner == int(number.read()) and not any(first <= owner < first + count for first, count in mapped)
    except (OSError, ValueError):
        return False


def _writers(found: os.stat_result, user: int) -> str:
    """Return who else may write to a file or directory; nobody writes to a link, and a socket is no content."""
    if not (stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode)):
        return ""
    if found.st_mode & stat.S_IWOTH:
        return "everybody"
    its_own = any(_is_own_group(found.st_gid, each) for each in (user, 0)) if found.st_mode & stat.S_IWGRP else True
    return "" if its_own else "its group"


def _is_own_group(group: int, user: int) -> bool:
    """Say whether a group was made for this user alone, as Debian's and Fedora's `useradd` do."""
    import grp
    import pwd

    try:
        person, people = pwd.getpwuid(user), grp.getgrgid(group)
    except KeyError:
        return False
    return (person.pw_gid, person.pw_name) == (group, people.gr_name) and not {*people.gr_mem} - {person.pw_name}
